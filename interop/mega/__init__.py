"""Composition: roll-ups, connections, and what a twin is."""
