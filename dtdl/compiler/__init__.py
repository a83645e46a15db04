"""Elements to live pydantic classes, to Python text, to JSON Schema and to RDF."""
