"""Jobs: imports of many models, twins and relationships from a file, and the deletion of all of them."""
