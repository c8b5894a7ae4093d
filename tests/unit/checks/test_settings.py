"""Settings are read as data, whoever wrote them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.checks.settings import Files, Setting, find_settings, load_files
from gigctl.model import EXECUTABLE, LINK, REGULAR, Change
from gigctl.system.git.store import Store


def settings(**texts: str) -> dict[str, Setting]:
    named = {path.replace("__", "."): text for path, text in texts.items()}
    return {one.tool: one for one in find_settings(Files(frozenset(named), named))}


def test_what_pyproject_says() -> None:
    found = settings(
        pyproject__toml='[tool.ruff]\nline-length = 100\n[tool.ruff.lint]\nselect = ["E"]\n[tool.black]\n'
        "[tool.pytest.ini_options]\ntestpaths = ['checks']\n[tool.isort]\nprofile='black'\n[tool.mypy]\nstrict=true\n"
    )
    assert found["ruff"] == Setting("ruff", "pyproject.toml", {"line-length": 100, "lint": {"select": ["E"]}})
    assert found["black"].values == {}
    assert found["pytest"].values == {"testpaths": ["checks"]}
    assert found["isort"].values == {"profile": "black"}
    assert found["mypy"].values == {"strict": True}


def test_ini_files_and_editorconfig() -> None:
    found = settings(setup__cfg="[flake8]\nmax-line-length = 99\n[isort]\nprofile = black\n[metadata]\nname = x\n")
    assert found["flake8"].values == {"max-line-length": "99"}
    assert found["isort"].path == "setup.cfg"
    assert set(found) == {"flake8", "isort"}
    found = settings(__editorconfig="root = true\n\n[*]\nindent_style = space\n[*.py]\nindent_size = 4\n")
    assert found["editorconfig"].values == {
        "(all)": {"root": "true"}, "*": {"indent_style": "space"}, "*.py": {"indent_size": "4"},
    }  # fmt: skip


def test_javascript() -> None:
    package = {"eslintConfig": {"extends": "standard"}, "prettier": {"semi": False}}
    found = settings(package__json=json.dumps(package), tsconfig__json='{// a\n"compilerOptions": {"strict": true,},}')
    assert found["eslint"].values == {"extends": "standard"}
    assert found["prettier"].values == {"semi": False}
    assert found["tsc"].values == {"strict": True}
    assert settings(__prettierrc="semi: false\ntabWidth: 4\n")["prettier"].values == {"semi": False, "tabWidth": 4}
    assert settings(__prettierrc='{"semi": false}')["prettier"].values == {"semi": False}
    assert settings(eslint__config__mjs="export default [process.exit()]")["eslint"].values == {}
    assert settings(__eslintrc__json='{"rules": {"x": "//"}}')["eslint"].values == {"rules": {"x": "//"}}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pyproject.toml", "[tool.ruff"),
        ("pyproject.toml", "a = " + "[" * 50_000),
        ("pyproject.toml", "tool = 1"),
        ("setup.cfg", "flake8"),
        ("package.json", "[]"),
        ("package.json", "[" * 50_000),
        ("tsconfig.json", '{"compilerOptions": 3}'),
        (".prettierrc", "a: &a [1]\nb: [*a, *a]\n"),
        (".prettierrc", "!!python/object/apply:os.system [x]"),
        (".eslintrc", "- 1"),
        (".editorconfig", "0\n 0"),
    ],
)
def test_what_can_not_be_read_says_nothing(path: str, text: str) -> None:
    for one in find_settings(Files(frozenset({path}), {path: text})):
        assert one.values == {}


@given(
    st.sampled_from(["pyproject.toml", "setup.cfg", ".prettierrc", "package.json", "tsconfig.json", ".editorconfig"]),
    st.text(max_size=200),
)
def test_any_text_is_read_as_data(path: str, text: str) -> None:
    for one in find_settings(Files(frozenset({path}), {path: text})):
        json.dumps(dict(one.values))


def test_a_long_value_is_not_told() -> None:
    assert settings(pyproject__toml=f'[tool.black]\nexclude = "{"x" * 5000}"')["black"].values == {"exclude": "…"}


def test_only_real_files_of_the_top_are_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    store = Store.open(tmp_path / "git")
    tree = store.add_tree([
        Change("pyproject.toml", EXECUTABLE, b"\xef\xbb\xbf[tool.black]\n"),
        Change("setup.cfg", LINK, b"/etc/passwd"),
        Change("a/setup.cfg", REGULAR, b"[flake8]\n"),
        Change("a/test_x.py", REGULAR, b"import pytest\n"),
        Change("requirements-dev.txt", REGULAR, b"pytest\n"),
    ])  # fmt: skip
    files = load_files(store, tree)
    assert set(files.texts) == {"pyproject.toml", "a/test_x.py", "requirements-dev.txt"}
    assert files.paths == {"pyproject.toml", "setup.cfg", "a/setup.cfg", "a/test_x.py", "requirements-dev.txt"}
    assert [one.tool for one in find_settings(files)] == ["black"]
