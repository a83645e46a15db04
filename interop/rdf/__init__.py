"""RDF that others made: instance graphs become twins, SHACL shapes are checked; offline, in a process of its own."""
