from __future__ import annotations

from pathlib import Path

import pytest

from gigctl.system import sandbox
from gigctl.system.view import place_of


@pytest.mark.parametrize(
    ("repository", "place"),
    [
        (None, "/tree"),
        ("/home/a/code/x", "/home/a/code/x"),
        ("/usr/src/app", "/usr/src/app"),
        ("/tmp/x", "/tmp/x"),
        ("/home/a", "/tree"),
        ("/home", "/tree"),
        ("/", "/tree"),
        ("/usr", "/tree"),
        ("/tmp", "/tree"),
        ("/dev/shm/x", "/tree"),
        ("/etc/nginx", "/tree"),
    ],
)
def test_the_tree_takes_its_repositorys_place_where_it_can(repository: str | None, place: str) -> None:
    assert place_of(None if repository is None else Path(repository), Path("/home/a")) == Path(place)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("kernel/unprivileged_userns_clone", "0", "unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "0", "max_user_namespaces=15000"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor"),
        ("none", "0", "container"),
    ],
)
def test_the_way_out_is_the_one_that_helps(name: str, value: str, words: str) -> None:
    assert words in sandbox._way_out({name: value}.get)


def test_versions_compare_as_numbers() -> None:
    assert sandbox._number("0.10.0") > sandbox._OLDEST > sandbox._number("0.7.9")
