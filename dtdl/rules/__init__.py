"""Rules about whole models, one function each, and the words of every finding."""
