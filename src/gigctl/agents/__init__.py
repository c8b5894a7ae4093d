"""Who does the work: each kind of agent is a module behind one protocol (`base.py`), listed in `registry.py`."""
