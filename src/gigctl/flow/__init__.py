"""The use cases, a module per stage."""
