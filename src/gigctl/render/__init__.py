"""What is shown: tables, diffs, JSON, and the one display function for foreign text."""
