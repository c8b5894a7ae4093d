"""Trees, folders and back: every strange kind of file keeps its bytes, its mode and its name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gigctl.errors import UsageError
from gigctl.model import EXECUTABLE, LINK, REGULAR, SUBMODULE, Change, Content
from gigctl.system.git import (
    GitError,
    Person,
    Step,
    Store,
    add_base,
    add_branch,
    add_folder,
    check_out,
    collect_folder,
    diff_trees,
    find_person,
    make_patches,
    verify_patches,
)
from support.repositories import Repository, make_repository

ME = Person("Grace Freelancer", "grace@example.org")

ODD_FILES = {
    "plain.txt": "a\nb\n",
    "with space.txt": "x\n",
    "with \"quotes\" and 'more'": "x\n",
    "line\nfeed": "x\n",
    "tab\there": "x\n",
    "-rf": "x\n",
    "--exec=touch x": "x\n",
    ":(top)magic": "x\n",
    ":!x": "x\n",
    "数値/файл.txt": "x\n",
    "latin-\udce9.txt": b"caf\xe9\n",
    "crlf.txt": b"a\r\nb\r\n",
    "mixed.txt": b"a\r\nb\nc\rd\n",
    "no-end.txt": b"a\nb",
    "empty": b"",
    "binary": bytes(range(256)) * 8,
    "late-nul": b"text\n" * 4000 + b"\0\n",
    "utf16": "as UTF-16\n".encode("utf-16"),
    "long-line": b"x" * 5000 + b"\n",
    "from": b"From nobody Mon Sep 17 00:00:00 2001\n>From x\n--- a\n+++ b\ndiff --git a b\n",
    "trailing ": b"blanks  \n\t\n",
    ".gitattributes": "* text=auto eol=crlf\n*.txt ident filter=lfs\n",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store.open(tmp_path_factory.mktemp("data") / "store.git")


def odd_content() -> tuple[Change, ...]:
    files = [
        Change(path, REGULAR, data if isinstance(data, bytes) else data.encode()) for path, data in ODD_FILES.items()
    ]
    more = [Change("run.sh", EXECUTABLE, b"#!/bin/sh\n"), Change("link", LINK, b"plain.txt")]
    return (*files, *more, Change("out", LINK, b"/etc"), Change("lib", SUBMODULE, b"1" * 40))


def sorted_changes(changes: tuple[Change, ...]) -> list[Change]:
    return sorted(changes, key=lambda change: change.path.encode("utf-8", "surrogateescape"))


def test_odd_files_go_into_a_tree_and_come_back(store: Store, tmp_path: Path) -> None:
    tree = store.tree_of(Content(odd_content()))
    assert list(store.read_files(tree)) == sorted_changes(odd_content())
    check_out(store, tree, tmp_path / "copy")
    place = Repository(tmp_path / "copy").place
    assert place("crlf.txt").read_bytes() == b"a\r\nb\r\n"
    assert place("run.sh").stat().st_mode & 0o111
    assert place("link").readlink() == Path("plain.txt")
    assert collect_folder(store, tmp_path / "copy", tree).content.changes == ()
    assert collect_folder(store, tmp_path / "copy", None).content.changes == tuple(
        Change("out", REGULAR, b"/etc") if change.path == "out" else change
        for change in sorted_changes(odd_content())
        if change.path != "lib"
    )


def test_what_a_program_did_is_found(store: Store, tmp_path: Path) -> None:
    tree = store.tree_of(Content((*odd_content(), Change(".gitignore", REGULAR, b"*.log\nbuild/\n!keep.log\n"))))
    copy = tmp_path / "copy"
    check_out(store, tree, copy)
    repository = Repository(copy)
    repository.write({"plain.txt": b"a\r\n", "new/deep/file": "x", "x.log": "no", "keep.log": "yes", "build/o": "no"})
    repository.place("crlf.txt").unlink()
    repository.place("run.sh").chmod(0o644)
    repository.place("empty").chmod(0o755)
    repository.place("link").unlink()
    repository.place("link").symlink_to("empty")
    repository.place("binary").unlink()
    repository.write({"binary/now a folder": "x"})
    os.mkfifo(copy / "pipe")
    (copy / "back\\slash").write_text("x")
    found = collect_folder(store, copy, tree)
    assert {(change.path, change.mode, change.data) for change in found.content.changes} == {
        ("plain.txt", REGULAR, b"a\r\n"),
        ("new/deep/file", REGULAR, b"x"),
        ("keep.log", REGULAR, b"yes"),
        ("crlf.txt", REGULAR, None),
        ("run.sh", REGULAR, b"#!/bin/sh\n"),
        ("empty", EXECUTABLE, b""),
        ("link", LINK, b"empty"),
        ("binary", REGULAR, None),
        ("binary/now a folder", REGULAR, b"x"),
    }
    assert {left.path for left in found.left_out} == {"pipe", "back\\slash"}
    again = tmp_path / "again"
    check_out(store, store.tree_of(found.content), again)
    assert store.list_changes(tree, store.tree_of(found.content)) == found.content.changes
    assert (again / "binary" / "now a folder").read_text() == "x"


def test_what_the_base_has_is_never_ignored(store: Store, tmp_path: Path) -> None:
    base = (
        Change(".gitignore", REGULAR, b"build/\n*.log\n"),
        Change("build/kept", REGULAR, b"x"),
        Change("a.log", REGULAR, b"x"),
    )
    tree = store.tree_of(Content(base))
    check_out(store, tree, tmp_path / "copy")
    Repository(tmp_path / "copy").write({"build/kept": "y", "build/other": "z", "a.log": "y"})
    found = collect_folder(store, tmp_path / "copy", tree).content
    assert [change.path for change in found.changes] == ["a.log", "build/kept"]


_NAME = st.text(st.characters(exclude_characters="/\0\\", exclude_categories=["Cs"]), min_size=1, max_size=8)
_PATH = st.lists(_NAME, min_size=1, max_size=3).map("/".join)
_CHANGE = st.builds(Change, _PATH, st.sampled_from([REGULAR, EXECUTABLE]), st.binary(max_size=40))


def _usable(changes: list[Change]) -> tuple[Change, ...]:
    """No two of them at odds, none that git refuses or that this file system can't name."""
    from gigctl.system.git.paths import why_refused

    kept: dict[str, Change] = {}
    for change in changes:
        path = change.path
        clash = any(other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in kept)
        if not clash and why_refused(path) is None and not path.endswith(".gitignore"):
            kept[path] = change
    return tuple(sorted_changes(tuple(kept.values())))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_CHANGE, max_size=5), st.lists(_CHANGE, max_size=5))
def test_any_tree_and_any_change_come_back(
    store: Store, tmp_path_factory: pytest.TempPathFactory, old: list[Change], new: list[Change]
) -> None:
    was, now = _usable(old), _usable(new)
    base, tree = store.tree_of(Content(was)), store.tree_of(Content(now))
    assert store.read_files(tree) == now
    folder = tmp_path_factory.mktemp("copy")
    check_out(store, tree, folder)
    found = collect_folder(store, folder, base).content
    assert store.tree_of(found) == tree
    assert found.changes == store.list_changes(base, tree)
    # Tried as the mail that a client would apply.
    commit = store.commit_of(base, [], "Begin", ME, seconds=0)
    verify_patches(store, commit, make_patches(store, commit, [Step(tree, "Go on", ME, 1)]), tree)


def test_a_series_of_odd_files_survives_git_am(store: Store, tmp_path: Path) -> None:
    client = make_repository(
        tmp_path / "client", {"crlf.txt": b"a\r\nb\r\nc\r\n", "old name": "1\n2\n3\n4\n5\n", "run": "x\n"}
    )
    base = add_base(store, client.path)
    first = store.tree_of(Content((Change("crlf.txt", REGULAR, b"a\r\nB\r\nc\r\n"), *odd_content()[:8]), base.tree))
    second = store.tree_of(
        Content(
            (
                *odd_content(),
                Change("old name", REGULAR, None),
                Change("neuer «Name»", REGULAR, b"1\n2\n3\n4\n5\n"),
                Change("run", EXECUTABLE, b"x\n"),
            ),
            first,
        )
    )
    third = store.tree_of(Content((Change("run", LINK, b"link"), Change("binary", REGULAR, b"\0now small")), second))
    message = "[urgent] Mend naïve things\n\nFrom: nobody\n"
    message += "diff --git a/run b/run\n--- a/run\n+++ b/run\n@@ -1 +1 @@\n-x\n+y\n"
    steps = [Step(tree, message, ME, 1_800_000_000, "+0230") for tree in (first, first, second, third)]
    patches = make_patches(store, base.commit, steps)
    assert len(patches) == 3
    assert patches == make_patches(store, base.commit, steps)
    verify_patches(store, base.commit, patches, third)
    mails = tmp_path / "mails"
    mails.mkdir()
    for patch in patches:
        (mails / patch.name).write_bytes(patch.data)
    client.git("am", "--quiet", *(str(mails / patch.name) for patch in patches))
    assert client.tree == third
    said = client.git("log", "-1", "--format=%an|%ae|%ad|%B", "--date=raw")
    assert said.startswith(
        "Grace Freelancer|grace@example.org|1800000000 +0230|urgent: Mend naïve things\n\n From: nobody\n diff"
    )


def test_a_series_that_gives_something_else_is_not_delivered(store: Store, tmp_path: Path) -> None:
    client = make_repository(tmp_path / "client", {"a": "1\n"})
    base = add_base(store, client.path)
    tree = store.tree_of(Content((Change("a", REGULAR, b"2\n"),), base.tree))
    [patch] = make_patches(store, base.commit, [Step(tree, "Count", ME, 0)])
    with pytest.raises(GitError, match="makes the tree"):
        verify_patches(store, base.commit, [patch], base.tree)
    with pytest.raises(GitError, match="refuses"):
        verify_patches(store, base.commit, [type(patch)(patch.name, patch.data.replace(b"-1\n", b"-7\n"))], tree)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from("a[]: \n->é'=?_diff From") | st.characters(), max_size=60))
def test_any_message_survives_git_am(store: Store, tmp_path_factory: pytest.TempPathFactory, message: str) -> None:
    tmp_path = tmp_path_factory.mktemp("am")
    tree, other = (store.tree_of(Content((Change("a", REGULAR, data),))) for data in (b"1\n", b"2\n"))
    base = store.commit_of(tree, [], "Begin", ME, seconds=0)
    tip = store.commit_of(other, [base], message, ME, seconds=0)
    [patch] = make_patches(store, base, [Step(other, message, ME, 0)])
    check_out(store, tree, tmp_path / "copy", history=base)
    copy = Repository(tmp_path / "copy")
    copy.git("am", "--quiet", stdin=patch.data)
    meant = store.run("log", "-1", "--format=%B", tip).text.rstrip("\n")
    assert copy.git("log", "-1", "--format=%B").rstrip("\n") == meant


def test_a_branch_is_made_once_and_nothing_else_changes(store: Store, tmp_path: Path) -> None:
    client = make_repository(tmp_path / "client", {"a": "1\n"})
    base = add_base(store, client.path)
    tree = store.tree_of(Content((Change("a", REGULAR, b"2\n"),), base.tree))
    commit = store.commit_of(tree, [base.commit], "Count", ME, seconds=0)
    before = client.state()
    add_branch(store, client.path, "gigctl/acme-1", commit)
    after = client.state()
    assert {name: after[name] for name in before} == before
    assert client.git("rev-parse", "gigctl/acme-1") == commit
    assert client.git("status", "--porcelain") == ""
    for name in ("gigctl/acme-1", "gigctl/acme-1/x", "gigctl"):
        with pytest.raises(UsageError):
            add_branch(store, client.path, name, commit)
    assert client.git("rev-parse", "gigctl/acme-1") == commit


def test_a_shallow_clone_gives_a_base_a_branch_and_patches(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store.git")
    full = make_repository(tmp_path / "full", {"a": "1\n"})
    full.commit({"a": "2\n"})
    full.commit({"a": "3\n"})
    full.git("clone", "--quiet", "--depth=1", f"file://{full.path}", str(tmp_path / "shallow"))
    base = add_base(store, tmp_path / "shallow")
    tree = store.tree_of(Content((Change("a", REGULAR, b"4\n"),), base.tree))
    verify_patches(store, base.commit, make_patches(store, base.commit, [Step(tree, "Count", ME, 0)]), tree)
    commit = store.commit_of(tree, [base.commit], "Count", ME, seconds=0)
    for client in (tmp_path / "shallow", full.path):
        add_branch(store, client, "b", commit)
        assert Repository(client).git("show", "b:a") == "4"
    assert not (full.path / ".git" / "shallow").exists()
    check_out(store, tree, tmp_path / "copy", history=base.commit)
    assert Repository(tmp_path / "copy").git("log", "--format=%H") == base.commit


def test_the_copy_has_a_history_and_tags_of_its_own(store: Store, tmp_path: Path) -> None:
    client = make_repository(tmp_path / "client", {"a": "1\n"})
    client.git("tag", "-a", "v1.0", "-m", "First")
    client.commit({"a": "2\n", "b": "new\n"})
    base = add_base(store, client.path / ".")
    tree = store.tree_of(Content((Change("a", REGULAR, b"3\n"),), base.tree))
    check_out(store, tree, tmp_path / "copy", history=base.commit)
    copy = Repository(tmp_path / "copy")
    assert copy.git("describe") == client.git("describe")
    assert copy.git("status", "--porcelain") == " M a"
    assert copy.git("branch", "--show-current") == "main"
    assert not (copy.path / ".git" / "objects" / "info" / "alternates").exists()


def test_repositories_that_give_no_base_say_why(store: Store, tmp_path: Path) -> None:
    empty = make_repository(tmp_path / "empty")
    sha256 = make_repository(tmp_path / "sha256", {"a": "1\n"}, "--object-format=sha256")
    (tmp_path / "folder").mkdir()
    for place, why in (
        (empty.path, "no commit yet"),
        (sha256.path, "SHA-256"),
        (tmp_path / "folder", "no git repository"),
    ):
        with pytest.raises(UsageError, match=why):
            add_base(store, place)
    with pytest.raises(UsageError, match="no folder"):
        add_base(store, tmp_path / "nowhere")


def test_a_file_and_a_folder_without_git_are_bases_too(store: Store, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("x = 1\n")
    tree, _ = add_folder(store, tmp_path / "one.py")
    assert store.read_files(tree) == (Change("one.py", REGULAR, b"x = 1\n"),)
    place = Repository(tmp_path / "folder")
    place.write({"a/b": "1\n", "node_modules/x": "no\n", ".gitignore": "node_modules\n"})
    tree, _ = add_folder(store, place.path)
    assert [entry.path for entry in store.list_tree(tree)] == [".gitignore", "a/b"]
    with pytest.raises(UsageError):
        add_folder(store, tmp_path / "nowhere")


def test_a_diff_says_binary_with_sizes_and_finds_renames(store: Store) -> None:
    old = store.tree_of(Content((Change("b", REGULAR, b"\0" * 10), Change("t", REGULAR, b"1\n2\n3\n4\n"))))
    new = store.tree_of(
        Content(
            (Change("b", REGULAR, b"\0" * 30), Change("t", REGULAR, None), Change("u", REGULAR, b"1\n2\n3\n4\n")), old
        )
    )
    shown = diff_trees(store, old, new)
    assert b"Binary files a/b and b/b differ (10 bytes, 30 bytes)\n" in shown
    assert b"rename from t\nrename to u\n" in shown
    assert b"Binary files /dev/null and b/b differ (not there, 10 bytes)\n" in diff_trees(store, None, old)
    assert diff_trees(store, old, old) == b""


@pytest.mark.parametrize("path", ["../x", "/x", ".git/hooks/pre-commit", "a/.GIT/config", "a\\b", ""])
def test_a_path_outside_its_folder_makes_no_tree(store: Store, path: str) -> None:
    with pytest.raises(UsageError):
        store.tree_of(Content((Change(path, REGULAR, b"x"),)))


def test_a_file_through_a_link_makes_no_file_elsewhere(store: Store, tmp_path: Path) -> None:
    tree = store.tree_of(Content((Change("l", LINK, b"/tmp"), Change("l/x", REGULAR, b"x"))))
    assert [entry.path for entry in store.list_tree(tree)] == ["l/x"]
    check_out(store, tree, tmp_path / "copy")
    assert not (tmp_path / "copy" / "l").is_symlink()


def test_a_commit_is_the_same_for_the_same_and_read_back(store: Store) -> None:
    tree = store.tree_of(Content.of_text("x"))
    one, two = (store.commit_of(tree, [], "Größe\n\nwhy", Person("Zoë <x>", "z@e.org"), seconds=5) for _ in range(2))
    assert one == two
    found = store.get_commit(one)
    assert (found.tree, found.subject, found.author, found.seconds) == (tree, "Größe", Person("Zoë x", "z@e.org"), 5)


def test_who_has_no_settings_is_the_fallback() -> None:
    assert find_person(ME) == ME


def test_without_git_the_way_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Exception, match="git") as caught:
        Store.open(tmp_path / "store.git")
    assert "install git" in str(getattr(caught.value, "hint", ""))
