"""What kind of work: each craft is a module behind one protocol (`base.py`), listed in one table (`registry.py`)."""
