import unittest
from datetime import date

from invoices import due_date


class DueDate(unittest.TestCase):
    def test_thirty_days(self):
        self.assertEqual(due_date(date(2026, 11, 2)), date(2026, 12, 2))

    def test_a_saturday_counts(self):
        self.assertEqual(due_date(date(2026, 11, 5)), date(2026, 12, 5))

    def test_over_a_year(self):
        self.assertEqual(due_date(date(2026, 12, 15)), date(2027, 1, 14))
