"""The joins: everything that lives while twins run."""
