"""Logs are cut to what tells, the same failure gives the same words, and a runner without tests is seen."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.checks.command_log import (
    LONGEST,
    count_kept,
    find_module,
    find_runner,
    proves_nothing,
    shorten,
    starts_runners,
)

UNITTEST = """F.
======================================================================
FAIL: test_sum (test_durations.TestParse.test_sum)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/tree/test_durations.py", line 7, in test_sum
    self.assertEqual(parse_duration("1h30m"), 90)
AssertionError: 30 != 90

----------------------------------------------------------------------
Ran 2 tests in 0.001s

FAILED (failures=1)
"""


def test_a_short_log_is_kept_without_folder_and_times() -> None:
    found = shorten(UNITTEST, "/tree")
    assert 'File "test_durations.py", line 7' in found
    assert "Ran 2 tests in … s" in found
    assert found == shorten(UNITTEST.replace("0.001s", "1.204s").replace("/tree", "/other"), "/other")


def test_a_long_log_keeps_its_failures_and_its_end() -> None:
    noise = "".join(f"building part {n}\n" for n in range(2_000))
    found = shorten(noise + UNITTEST + noise + "make: *** [test] Error 1\n", "/tree")
    assert len(found.encode()) <= LONGEST
    assert "AssertionError: 30 != 90" in found
    assert 'self.assertEqual(parse_duration("1h30m"), 90)' in found
    assert found.endswith("make: *** [test] Error 1")


@given(st.text(), st.sampled_from(["", "E   x\n", "Error: é\n", "FAILED a\n"]), st.integers(0, 900))
def test_any_log_fits(text: str, line: str, times: int) -> None:
    assert len(shorten(text + line * times + text).encode("utf-8", "surrogateescape")) <= LONGEST


@pytest.mark.parametrize(
    ("argv", "runner"),
    [
        (["python3", "-m", "pytest", "-q"], "pytest"),
        (["/venv/bin/pytest"], "pytest"),
        (["python3", "-m", "unittest"], "unittest"),
        (["node", "--test"], "node"),
        (["npx", "jest"], "jest"),
        (["node_modules/.bin/vitest", "run"], "vitest"),
        (["node_modules/.bin/mocha", "--exit"], "mocha"),
        (["make", "test"], None),
        (["node", "index.js"], None),
        (["unittest"], None),
    ],
)
def test_runners(argv: list[str], runner: str | None) -> None:
    assert find_runner(argv) == runner


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("python3 -m pytest -q", "pytest"), ("/x/.venv/bin/python3.11 -munittest", "unittest"),
        ("python -Im a.b", "a.b"), ("python3 -W error -X dev -bb -m unittest", "unittest"),
        ("env -C web pypy3 -m tool", "tool"), ("python3 app.py -m x", None), ("python3 -m", None), ("make -m x", None),
        ("python3", None), ("", None),
    ],
)  # fmt: skip
def test_the_module_that_python_runs(line: str, module: str | None) -> None:
    assert find_module(line.split()) == module


@pytest.mark.parametrize(
    ("runner", "code", "log"),
    [
        ("pytest", 5, "no tests ran in 0.01s"),
        ("pytest", 0, ""),
        ("pytest", 0, "============ 3 skipped in 0.02s ============"),
        ("pytest", 0, "collected 3 items"),
        ("unittest", 0, "\nRan 0 tests in 0.000s\n\nOK\n"),
        ("unittest", 5, "\nRan 0 tests in 0.000s\n\nNO TESTS RAN\n"),
        ("unittest", 0, "Ran 2 tests in 0.000s\n\nOK (skipped=2)\n"),
        ("unittest", 0, ""),
        ("node", 0, "# tests 0\n# pass 0\n# fail 0\n"),
        ("jest", 0, "No tests found, exiting with code 0"),
        ("vitest", 0, "No test files found, exiting with code 0"),
        ("vitest", 1, "      Tests  no tests\n"),
        ("mocha", 0, "\n  0 passing (2ms)\n"),
        ("mocha", 0, ""),
    ],
)
def test_no_test_is_seen(runner: str, code: int, log: str) -> None:
    assert proves_nothing(runner, code, log)


@pytest.mark.parametrize(
    ("runner", "code", "log"),
    [
        ("pytest", 0, "=========== 3 passed, 1 skipped, 2 warnings in 0.02s ==========="),
        ("pytest", 0, "12 passed in 61.20s (0:01:01)"),
        ("pytest", 0, "..s.                             [100%]"),
        ("pytest", 1, "===== 1 failed, 2 passed in 0.02s ====="),
        ("pytest", 2, "===== 1 error in 0.02s ====="),
        ("pytest", 1, "ImportError"),
        ("unittest", 0, "Ran 3 tests in 0.000s\n\nOK (skipped=1)\n"),
        ("node", 0, "ℹ tests 1\nℹ pass 1\nℹ fail 0\n"),
        ("jest", 1, "Tests:       1 failed, 2 passed, 3 total"),
        ("vitest", 0, "      Tests  2 passed (2)"),
        ("mocha", 0, "\n  1 passing (3ms)\n  1 pending\n"),
        ("mocha", 1, "\n  0 passing (3ms)\n  1 failing\n"),
        ("mocha", 0, "# tests 1\n# pass 1\n# fail 0\n"),
        ("mocha", 0, '    "passes": 1,\n    "pending": 1,\n    "failures": 0,\n'),
    ],
)
def test_tests_that_ran_are_seen(runner: str, code: int, log: str) -> None:
    assert proves_nothing(runner, code, log) is None


@pytest.mark.parametrize(
    ("runner", "log", "said"),
    [
        ("pytest", "F.\n===== 1 failed, 2 passed in 0.02s =====\n", "1 failed, 2 passed in 0.02s"),
        ("pytest", "1 failed in 0.02s\n", "1 failed in 0.02s"),
        ("unittest", UNITTEST, "FAILED (failures=1)"),
        ("unittest", "Ran 2 tests in 0.1s\n\nFAILED (unexpected successes=1)\n", "FAILED (unexpected successes=1)"),
        ("node", "# pass 2\n# fail 1\n", "# fail 1"),
        ("jest", "Tests:       1 failed, 2 passed, 3 total\n", "Tests:       1 failed"),
        ("vitest", "      Tests  1 failed | 2 passed (3)\n", "Tests  1 failed"),
        ("mocha", "  2 passing (4ms)\n  1 failing\n", "1 failing"),
    ],
)
def test_a_runner_that_counts_failures_and_ends_with_0_proves_nothing(runner: str, log: str, said: str) -> None:
    assert proves_nothing(runner, 1, log) is None
    assert said in (proves_nothing(runner, 0, log) or "")


@pytest.mark.parametrize(
    ("log", "count"),
    [
        ("", None),
        ("all is well", None),
        ("== 3 passed in 0.02s ==\n== 1 failed, 2 passed, 9 skipped in 1.2s ==", 6),
        ("Ran 3 tests in 0.1s\n\nOK (skipped=1)\nRan 2 tests in 0.1s\n\nFAILED (failures=1, skipped=1)\n", 3),
        ("Ran 2 tests in 0.1s\n\nOK\nTests: 3 passed, 3 total\n# pass 4\n# fail 1\n  2 passing (1ms)\n", 12),
    ],
)
def test_tests_of_runners_that_another_program_started(log: str, count: int | None) -> None:
    assert count_kept(None, log) == count


def test_who_starts_runners() -> None:
    assert starts_runners(["make", "test"])
    assert starts_runners(["./run_tests"])
    assert not starts_runners(["true"])


@pytest.mark.parametrize(
    "log",
    [
        "1 111 " * 200_000,
        "\n" * 1_000_000,
        " " * 1_000_000,
        "=" * 1_000_000,
        "1 passed, " * 100_000,
        f"Ran {'9' * 10_000} tests in 1s",
        f"{'9' * 10_000} passed in 1s",
        "Tests: " + "1 " * 300_000,
        "." * 1_000_000,
        "\x1b[" + "1;" * 500_000,
        '"passes": ' * 100_000,
        "Ran 1 tests in " * 100_000,
        "Ran 1 tests in 1\n" * 20_000,
        "a:1" * 300_000,
        "Error" * 200_000,
    ],
    ids=lambda log: log[:12].strip() or "blank",
)
def test_no_log_takes_long(log: str) -> None:
    begun = time.process_time()
    count_kept(None, log)
    proves_nothing("node", 0, log)
    shorten(log)
    assert time.process_time() - begun < 2


def test_a_file_of_node_that_ran_no_test_is_none_that_is_kept() -> None:
    ended = "# Subtest: /tree/a.test.js\nok 1 - /tree/a.test.js\n  ---\n1..1\n# pass 1\n# fail 0\n"
    assert proves_nothing("node", 0, ended) is None  # a plain script may be somebody's test
    assert count_kept("node", ended) == count_kept(None, ended) == 0
    assert count_kept("node", ended.replace("/tree/a.test.js", "adds")) == 1
    assert count_kept("node", "✔ /tree/a.test.js (3ms)\nℹ pass 1\nℹ fail 0\n") == 0
