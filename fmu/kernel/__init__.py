"""The co-simulation loop in C: built with the package, loaded where instances are; without it the Python loop runs."""
