"""FMUs as sources of values: built from the configuration, stepped in real time."""
