"""Checks that read what a change touched: its lines, its size, and what it brings in that nobody may know."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigctl.checks import secrets, size
from gigctl.checks.base import BadOption
from gigctl.checks.changed import LARGEST, find_hunks, list_changed
from gigctl.model import LINK, REGULAR, Change, CheckContext, Content, Verdict
from gigctl.system.git.store import Store


class Case:
    """A base and changes to it, seen as a check sees them."""

    def __init__(self, folder: Path, **base: str) -> None:
        self.store = Store.open(folder / "git")
        self.base = self.store.add_tree([Change(f"{name}.py", REGULAR, text.encode()) for name, text in base.items()])
        self.context = CheckContext(base=self.base, store=str(self.store.path))

    def check(self, check: Any, options: dict[str, Any], **changes: str | None) -> Verdict:
        made = (Change(f"{n}.py", REGULAR, None if t is None else t.encode()) for n, t in sorted(changes.items()))
        content = Content(tuple(made), self.base)
        check.validate(options)
        found: Verdict = asyncio.run(check.run(content, options, self.context))
        return found


def said(verdict: Verdict) -> str:
    return "\n".join(one.message for one in verdict.evidence)


def test_lines_that_a_change_touched(tmp_path: Path) -> None:
    case = Case(tmp_path, a="1\n2\n3\n4\n5\n")
    content = Content((Change("a.py", REGULAR, b"1\nnew\n2\n4\nfive"), Change("b.py", REGULAR, b"x\ny")), case.base)
    changed, new = list_changed(content, case.context)
    assert [n for n in range(1, 9) if changed.is_own(n)] == [2, 5]
    assert [n for n in range(1, 9) if new.is_own(n)] == [1, 2]
    assert (changed.old, new.old) == (b"1\n2\n3\n4\n5\n", None)


def test_what_is_no_text_is_left_out(tmp_path: Path) -> None:
    case = Case(tmp_path, a="1\n")
    odd = (Change("a.py", REGULAR, None), Change("b", LINK, b"a.py"), Change("c", REGULAR, b"\xff\0"))
    assert list_changed(Content(odd, case.base), case.context) == []
    assert list_changed(Content((), None), CheckContext()) == []


TEXTS = st.lists(st.sampled_from([b"a\n", b"b\n", b"\r\n", b"@@ -1 +1 @@\n", b"+x\n", b"c"]), max_size=12)


@settings(max_examples=25, deadline=None)
@given(old=TEXTS, new=TEXTS)
def test_hunks_make_the_new_text_of_the_old(
    tmp_path_factory: pytest.TempPathFactory, old: list[bytes], new: list[bytes]
) -> None:
    store = Store.open(tmp_path_factory.getbasetemp() / "hunks")
    before, after = _lines(b"".join(old)), _lines(b"".join(new))
    made, at = [], 1
    for hunk in find_hunks(store, b"".join(old), b"".join(new)):
        made += before[at - 1 : hunk.old_start - 1] + after[hunk.start - 1 : hunk.end - 1]
        at = hunk.old_end
    assert made + before[at - 1 :] == after


def _lines(text: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in text.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return [line for line in lines if line]


def test_size(tmp_path: Path) -> None:
    case = Case(tmp_path, a="1\n2\n3\n", b="x\n" * 30)
    change = {"a": "1\nnew\n3\n", "b": None}
    assert case.check(size, {"lines": 2, "files": 2}, **change).outcome == "pass"
    found = case.check(size, {"lines": 1}, **change)
    assert "2 lines are changed, at most 1 were agreed; most of them (2) in a.py" in said(found)
    assert "2 files are changed, at most 1 were agreed" in said(case.check(size, {"files": 1}, **change))


def test_options_of_size() -> None:
    assert size.option("400") == {"lines": 400}
    assert size.option("400 lines 10 files") == {"lines": 400, "files": 10}
    assert size.option("1 file") == {"files": 1}
    for bad in ("", "many", "-1", "4e2", "٤"):
        with pytest.raises(BadOption):
            size.option(bad)
    for options in ({}, {"lines": 0}, {"lines": True}, {"lines": "4"}, {"bytes": 4}):
        with pytest.raises(BadOption):
            size.validate(options)


KEY = "AKIA" + "QYLPMN5HFIQR7XYA"
SECRETS = {
    "an AWS key": f'aws = "{KEY}"',
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a GitHub token": "token: ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx",
    "an address with a password": "url = 'https://admin:k9Fz" + "2qLw@db.internal/x'",
    "an OpenAI key": "OPENAI = 'sk-proj-" + "Zk3jQ8vT1nLw5xRb7YcA2mHd9fGs4PeU'",
    "an Anthropic key": "k = 'sk-ant-" + "api03-Zk3jQ8vT1nLw5xRb7YcA2mHd9fGs'",
    "a Slack token": "xoxb-" + "263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1",
    "a password": "DB_PASSWORD = 'vT7#" + "qLm2$wXz'",
}
NONE = [
    "key = os.environ['API_KEY']", "password = 'changeme'", "password = get_password()", "AKIAIOSFODNN7EXAMPLE",
    "sha = 'da39a3ee5e6b4b0d3255bfef95601890afd80709'", "https://user:pass@example.org/", "secret = ''",
    "password: str = Field(min_length=8)", "api_key = '${API_KEY}'", "token = 'xxxxxxxxxxxxxxxxxxxxxxxx'",
    "uuid = '123e4567-e89b-12d3-a456-426614174000'", 'PASSWORD = "correct horse battery staple"',
]  # fmt: skip


def test_what_is_too_large_to_be_compared_counts_whole(tmp_path: Path) -> None:
    case = Case(tmp_path, a="1\n")
    large = Content((Change("a.py", REGULAR, b"1\n" + b"x" * LARGEST),), case.base)
    (changed,) = list_changed(large, case.context)
    assert changed.is_own(1)
    assert changed.is_own(2)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return Case(tmp_path_factory.mktemp("case"), old="".join(f"{line}\n" for line in SECRETS.values()))


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_seen_and_not_told(case: Case, kind: str) -> None:
    found = case.check(secrets, {}, new=f"x = 1\n{SECRETS[kind]}  # pragma: allowlist secret\n")
    assert found.outcome == "fail"
    (evidence,) = found.evidence
    assert (evidence.part, evidence.line) == ("new.py", 2)
    words = [word for word in SECRETS[kind].replace("'", " ").replace('"', " ").split() if len(word) > 11]
    assert not any(word in evidence.message for word in words if word != "-----BEGIN")


def test_what_is_no_secret(case: Case) -> None:
    found = case.check(secrets, {}, new="".join(f"{line}\n" for line in NONE))
    assert (found.outcome, said(found)) == ("pass", "")


def test_what_stood_there_before_is_not_the_changes(case: Case) -> None:
    old = "".join(f"{line}\n" for line in SECRETS.values())
    assert case.check(secrets, {}, old=f"x = 1\n{old}").outcome == "pass"
    assert case.check(secrets, {}, old=None).outcome == "pass"
    moved = case.check(secrets, {}, old=old.replace("aws", "aws_key"))
    assert moved.evidence[0].line == 1


def test_a_hostile_line_takes_no_time(case: Case) -> None:
    lines = ["password=" + "'" * 50_000, "http" * 20_000 + ":" * 5_000, "sk-" * 30_000, "a" * 300_000, "=" * 90_000]
    assert case.check(secrets, {}, new="\n".join(lines)).outcome == "pass"


@pytest.mark.parametrize(
    "data",
    [
        f"// \0\nk = '{KEY}'".encode(), f"k = '{KEY}'".encode("utf-16"), f"k = '{KEY}'".encode("utf-16-le"),
        f"{'x' * 299_990} {KEY}".encode(), b"\n" * 3_000_000 + KEY.encode(),
        b"\x89PNG\0\xff" + KEY.encode() + b"\0\xfe", b"\x89PNG\0\xff" + KEY.encode("utf-16-be"),
    ],
    ids=["NUL", "UTF-16", "UTF-16 without a mark", "long line", "large", "binary", "binary, wide"],
)  # fmt: skip
def test_nothing_hides_a_secret(data: bytes) -> None:
    found = asyncio.run(secrets.run(Content((Change("a", REGULAR, data),)), {}, CheckContext()))
    assert found.outcome == "fail"
    assert KEY not in said(found)


def test_a_nul_hides_no_line_from_its_count() -> None:
    content = Content((Change("a.js", REGULAR, b"// \0\n" + b";\n" * 9),))
    assert asyncio.run(size.run(content, {"lines": 9}, CheckContext())).outcome == "fail"


def test_without_a_base_all_of_it_is_new() -> None:
    content = Content((Change("a", REGULAR, f"k = '{KEY}'".encode()),))
    assert asyncio.run(secrets.run(content, {}, CheckContext())).outcome == "fail"
