"""Invoices: when they are due."""

from datetime import date


def due_date(issued: date) -> date:
    """The day on which an invoice must be paid."""
    return issued
