"""Numbered, forward-only: `0001.sql` makes version 1 of the ledger (`PRAGMA user_version`)."""
