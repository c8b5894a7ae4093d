"""gigctl: the ledger between a freelancer and their agents."""

__version__ = "0.1.0"
