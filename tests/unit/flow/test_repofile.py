from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.errors import ConfigError
from gigctl.flow.repofile import LARGEST, read_repo_file


def errors(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_repo_file(text.encode())
    assert caught.value.exit_code == 3
    assert caught.value.hint
    return caught.value.message.split("\n")


def told(data: bytes) -> list[str]:
    """The errors, none where it can be read; anything but ConfigError fails the test."""
    try:
        read_repo_file(data)
    except ConfigError as error:
        return error.message.split("\n")
    return []


def test_the_documented_file() -> None:
    found = read_repo_file(b"""
[checks.acceptance]
run = ["python3", "-m", "pytest", "-q"]
required = true
timeout = "5m"
[checks.no-todo]
check = "regex"
pattern = "TODO"
must = "not match"
[checks.docs]
run = "make 'my docs'"
required = false
[code]
prepare = ["pip", "install", "-r", "requirements.txt"]
protect = ["tests/**", "pyproject.toml"]
lint = "ruff check"
""")
    assert [(c.name, c.check, c.required) for c in found.checks] == [
        ("acceptance", "command", True), ("no-todo", "regex", True), ("docs", "command", False),
        ("lint", "command", True),
    ]  # fmt: skip
    assert found.checks[0].options == {"run": ["python3", "-m", "pytest", "-q"], "timeout": 300.0}
    assert found.checks[2].options == {"run": ["make", "my docs"]}
    assert found.checks[3].options == {"run": ["ruff", "check"]}
    assert found.prepare == ("pip", "install", "-r", "requirements.txt")
    assert found.protect == ("tests/**", "pyproject.toml")


def test_nothing_said_and_no_file_protected_are_two_things() -> None:
    assert read_repo_file(b"").protect is None
    assert read_repo_file(b"[code]\nprotect = []\n").protect == ()


def test_a_byte_order_mark_is_no_error() -> None:
    assert read_repo_file(b"\xef\xbb\xbf[checks.compiles]\n").checks[0].check == "compiles"


def test_every_error_at_once_with_its_place() -> None:
    said = errors("""
agents = "mine"
[check.a]
run = "x"
[checks.b]
pattern = "x"
[checks.c]
run = "x"
required = "no"
[checks.d]
check = "regex"
pattern = "("
[code]
lint = 3
protect = "tests"
prepare = "pip 'install"
protekt = []
""")
    assert len(said) == 9
    assert all(line.startswith("gigctl.toml: ") for line in said)
    whole = "\n".join(said)
    for part in ("'agents' is no key", "did you mean checks?", "[checks.b]", "[checks.c] required", "[checks.d]",
                 "[code] lint: expected", "[code] protect: expected", "[code] prepare: expected",
                 "did you mean protect?"):  # fmt: skip
        assert part in whole


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("x = ", "is no TOML"),
        ("a = " + "[" * 50_000, "is no TOML"),
        ("#" * (LARGEST + 1), "larger"),
        ("checks = 3", "checks: expected a table"),
        ("code = []", "code: expected a table"),
        ("[checks]\na = 3", "[checks.a] expected a table"),
        ('[checks.""]\nrun = "x"', "has no name"),
        ('[checks.lint]\nrun = "x"\n[code]\nlint = "x"', "named twice"),
        ('[code]\nlint = ["a\\u0000"]', "[code] lint"),
        ("[agents.mine]\nkey = 'x'", "'agents' is no key"),
    ],
)
def test_what_it_can_not_be(text: str, part: str) -> None:
    assert any(part in line for line in errors(text))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_file_or_an_error(data: bytes) -> None:
    assert all(line.startswith("gigctl.toml") for line in told(data))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda x: st.lists(x, max_size=3),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(["prepare", "protect", "lint"]), _VALUES), st.sampled_from(["x", "regex"]))
def test_any_values_are_read_or_told(code: dict[str, object], check: str) -> None:
    import tomli_w

    table = {"code": {k: v for k, v in code.items() if v is not None and "None" not in repr(v)}, "checks": {check: {}}}
    assert all(line.startswith("gigctl.toml") for line in told(tomli_w.dumps(table).encode()))
