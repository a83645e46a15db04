"""megatwin.yaml to frozen configuration; the only reader of configuration and environment."""
