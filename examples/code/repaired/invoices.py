"""Invoices: when they are due."""

from datetime import date, timedelta


def due_date(issued: date) -> date:
    """The day on which an invoice must be paid."""
    return issued + timedelta(days=30)
