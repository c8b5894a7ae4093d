"""The form of real repositories' logs, and a subject of ours in each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.flow.messageform import Form, find_form, put_in_form

# Subjects as public projects of each habit write them.
CONVENTIONAL = """\
fix(router): keep the query on a redirect
feat: support nested layouts
chore(deps): update dependency vite to v5
docs: mention the new option
fix: handle empty files
refactor(core): simplify the resolver
Merge pull request #12 from ada/main
feat(cli)!: remove the old flag
v4.2.0
""".splitlines()
KERNEL = """\
mm: add a helper for huge pages
net: fix a leak in the error path
fs: remove unused includes
sched/fair: update the comment
drm: handle a missing panel
""".splitlines()
TICKETS = """\
[SHOP-101] Added the tax table
[SHOP-99] Fixed rounding of totals
[SHOP-87] Removed the old basket.
[SHOP-86] Updated dependencies
[SHOP-80] Changed the colour of the button
""".splitlines()
PLAIN = """\
Add a test for the parser
Fix the build on Windows
Remove dead code
Update the changelog
Rename an argument
Make the cache bounded
""".splitlines()
LOWER_PAST = """\
added a helper.
fixed a typo.
removed the old flag.
updated docs.
renamed a file.
""".splitlines()


def test_conventional_commits() -> None:
    form = find_form(CONVENTIONAL)
    assert (form.kind, form.types[0], form.capital, form.tense) == ("conventional", "fix", False, "imperative")
    assert put_in_form("Fix the total of an empty basket.", form) == "fix: fix the total of an empty basket"
    assert put_in_form("Add a currency", form) == "feat: add a currency"
    assert put_in_form("Mention HTTP in the README", form) == "docs: mention HTTP in the README"
    assert put_in_form("HTTP keeps alive", form) == "fix: HTTP keeps alive"
    assert put_in_form("feat(cli): add a flag", form) == "feat(cli): add a flag"


def test_a_ticket_is_found_and_never_invented() -> None:
    form = find_form(TICKETS)
    assert (form.kind, form.key, form.ticket, form.capital, form.tense) == (
        "ticket", "SHOP", "[{}]", True, "past")  # fmt: skip
    assert put_in_form("fix rounding", form, "See SHOP-123, please") == "[SHOP-123] Fixed rounding"
    assert put_in_form("SHOP-7: fix rounding", form) in ("[SHOP-7] Fixed rounding", "SHOP-7: fix rounding")
    assert put_in_form("fix rounding", form, "OTHER-1") == "fix rounding"


def test_plain_subjects() -> None:
    form = find_form(PLAIN)
    assert (form.kind, form.capital, form.tense, form.stop) == ("", True, "imperative", False)
    assert put_in_form("added a currency.", form) == "Add a currency"
    past = find_form(LOWER_PAST)
    assert (past.capital, past.tense, past.stop) == (False, "past", True)
    assert put_in_form("Add a currency", past) == "added a currency."


def test_an_area_is_not_guessed() -> None:
    form = find_form(KERNEL)
    assert form.kind == "area"
    assert put_in_form("Fix a leak", form) == "Fix a leak"


@pytest.mark.parametrize("log", [[], ["Add"], ["fix: a", "fix: b"], ["Merge x"] * 50])
def test_too_few_say_nothing(log: list[str]) -> None:
    assert find_form(log) == Form()
    assert put_in_form("add a currency.", Form()) == "add a currency."


@pytest.mark.parametrize(
    ("subject", "written"),
    [("Add it.", "Add it"), ("Add it . .", "Add it"), ("Wait...", "Wait..."), (".", "."), ("Wait .. .", "Wait .. .")],
)
def test_a_stop_goes_and_an_ellipsis_stays(subject: str, written: str) -> None:
    assert put_in_form(subject, find_form(PLAIN)) == written


_LOGS = st.sampled_from([CONVENTIONAL, KERNEL, TICKETS, PLAIN, LOWER_PAST])


@given(_LOGS, st.text(min_size=1, max_size=60).map(str.strip).filter(bool))
def test_whatever_the_subject_it_stays_one_line_and_is_settled(log: list[str], subject: str) -> None:
    form = find_form(log)
    once = put_in_form(subject, form)
    assert once
    assert once.count("\n") <= subject.count("\n")
