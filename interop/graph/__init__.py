"""The live twin graph."""
