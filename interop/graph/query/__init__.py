"""The query language of Azure Digital Twins over the live graph: parse, plan, execute."""
