"""Of a log, what a small model can act on: the first failure, the line that failed, what was raised."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gigctl.crafts.code.evidence import EVIDENCE_BYTES, render_failures, shorten
from gigctl.model import Evidence, Verdict

UNITTEST = """python3 -m unittest failed (exit code 1)
FF.
======================================================================
FAIL: test_discount (test_invoice.TestTotal.test_discount)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "test_invoice.py", line 11, in test_discount
    self.assertEqual(total([1]), Decimal("45.00"))
AssertionError: Decimal('49.90') != Decimal('45.00')

======================================================================
FAIL: test_half_up (test_invoice.TestTotal.test_half_up)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "test_invoice.py", line 14, in test_half_up
    self.assertEqual(total([2]), Decimal("0.13"))
AssertionError: Decimal('0.12') != Decimal('0.13')

----------------------------------------------------------------------
Ran 3 tests in … s

FAILED (failures=2)
"""
PYTEST = """python3 -m pytest -q failed (exit code 1)
F                                                                        [100%]
=================================== FAILURES ===================================
___________________________________ test_sum ___________________________________

    def test_sum():
>       assert parse("1h30m") == 90
E       AssertionError: assert 30 == 90
E        +  where 30 = parse('1h30m')

test_a.py:5: AssertionError
=========================== short test summary info ============================
FAILED test_a.py::test_sum - AssertionError: assert 30 == 90
1 failed in … s
"""


def test_unittest() -> None:
    assert shorten(UNITTEST).split("\n") == [
        "FAIL: test_discount (test_invoice.TestTotal.test_discount)",
        '    self.assertEqual(total([1]), Decimal("45.00"))',
        "AssertionError: Decimal('49.90') != Decimal('45.00')",
    ]


def test_pytest() -> None:
    found = shorten(PYTEST)
    assert found.startswith("test_sum\n>       assert parse")
    assert "E       AssertionError: assert 30 == 90" in found
    assert "short test summary" not in found


def test_another_log_keeps_its_end() -> None:
    log = "\n".join(f"line {number}" for number in range(1_000)) + "\nlint: 3 problems"
    assert shorten(log).endswith("lint: 3 problems")


@given(st.lists(st.sampled_from([*UNITTEST.split("\n"), *PYTEST.split("\n"), "é" * 900, "\udc80"]), max_size=40))
def test_any_evidence_is_short(lines: list[str]) -> None:
    failed = Verdict("acceptance", "fail", (Evidence("\n".join(lines), "a.py", 3),))
    assert len(render_failures([failed]).encode("utf-8", "surrogateescape")) <= EVIDENCE_BYTES + 40
