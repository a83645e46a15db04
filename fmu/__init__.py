"""Executable behaviour: functional mock-up units loaded, coupled and run."""
