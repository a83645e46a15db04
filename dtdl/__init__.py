"""The language: DTDL read, checked and compiled."""
