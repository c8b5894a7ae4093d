from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigctl.system.git.paths import escaping_links, list_obeyed, why_refused


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "../x", "a/../../x", "a/..", "a//b", "a/", "./a", ".git/config", "a/.GIT/hooks/x", ".git ",
        ".git.", "GIT~1/x", ".g\u200cit/config", ".git::$INDEX_ALLOCATION/x", "a\\b", "a\0b",
    ],
)  # fmt: skip
def test_a_path_that_could_leave_its_folder_is_refused(path: str) -> None:
    assert why_refused(path)


@pytest.mark.parametrize("path", ["a", ".gitignore", ".github/x", "-rf", "a b/c\nd", "...", "..a", "x.git", "\udcff"])
def test_an_odd_path_is_fine(path: str) -> None:
    assert why_refused(path) is None


def test_what_git_itself_obeys_is_known_under_any_name() -> None:
    obeyed = [".gitattributes", "a/.gitattributes", ".GitModules", ".gitmodules. ", ".git\u200cmodules", "GITMOD~1"]
    others = [".gitignore", "gitattributes", ".gitattributes.txt", ".gitmodules/x", "a.gitmodules"]
    assert list_obeyed([*others, *obeyed]) == obeyed


@pytest.mark.parametrize(
    ("links", "out"),
    [
        ({"a": "/etc"}, {"a"}),
        ({"a": ".."}, {"a"}),
        ({"d/a": ".."}, set()),
        ({"d/a": "../.."}, {"d/a"}),
        ({"d/a": "../b", "b": "/x"}, {"d/a", "b"}),
        # By the letter `x/y/d/../secret` stays inside; where `d` leads to the root, it does not.
        ({"x/y/d": "../..", "x/y/l": "d/../secret"}, {"x/y/l"}),
        ({"a": "b", "b": "a"}, {"a", "b"}),
        ({"a": "not/there"}, set()),
        ({"a": "././/b"}, set()),
    ],
)
def test_links_that_lead_out(links: dict[str, str], out: set[str]) -> None:
    assert escaping_links(links) == out


_NAMES = st.sampled_from(["a", "b", "c"])
_TARGETS = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=4).map("/".join)


@given(st.dictionaries(st.lists(_NAMES, min_size=1, max_size=3).map("/".join), _TARGETS, max_size=4))
def test_it_agrees_with_the_kernel(tmp_path_factory: pytest.TempPathFactory, links: dict[str, str]) -> None:
    links = {path: to for path, to in links.items() if not any(path.startswith(f"{other}/") for other in links)}
    root = tmp_path_factory.mktemp("root") / "outer" / "tree"
    for folder in ("a", "b", "c", "a/a", "a/b", "b/a", "b/c", "c/b"):
        if not any(folder == path or folder.startswith(f"{path}/") for path in links):
            (root / folder).mkdir(parents=True, exist_ok=True)
    for path, target in links.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_dir():
            place.symlink_to(target)
    made = {path: to for path, to in links.items() if (root / path).is_symlink()}
    out = escaping_links(made)
    for path in made.keys() - out:
        assert _stays(root / path, root)


def _stays(link: Path, root: Path) -> bool:
    try:
        return link.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        return not link.exists()
