"""NodeSet2 (OPC 10000-6, Annex F): typed nodes, their reader and their writer."""
