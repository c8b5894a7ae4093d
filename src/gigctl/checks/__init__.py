"""What can be proved: each check is a module behind one protocol (`base.py`), listed in `registry.py`."""
