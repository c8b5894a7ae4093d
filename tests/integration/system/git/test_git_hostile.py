"""A booby-trapped repository: whatever of ours is run on it, no program that it names runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gigctl.errors import GigctlError, UsageError
from gigctl.model import Change, Content
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
from support.hostile_repo import Hostile, make_hostile, make_partial
from support.repositories import Repository

ME = Person("Grace Freelancer", "grace@example.org")


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    return make_hostile(tmp_path / "hostile")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "data" / "git" / "store.git")


def trusting(hostile: Hostile, tmp_path: Path) -> dict[str, str]:
    """Settings of somebody who trusts the repository's owner: what an ordinary git would do to them."""
    config = tmp_path / "trusting"
    config.write_text("[safe]\n\tdirectory = *\n")
    return {"GIT_CONFIG_GLOBAL": str(config)}


@pytest.mark.parametrize(
    ("args", "trap"),
    [
        (["status"], "included-fsmonitor"),
        (["-c", "core.fsmonitor=false", "diff"], "clean"),
        (["-c", "core.fsmonitor=false", "diff", "HEAD~1", "HEAD"], "diff-external"),
        (["--no-pager", "log", "-p", "--ext-diff", "--no-textconv", "HEAD~1"], "diff-external"),
        (["show", "HEAD~1"], "textconv"),
        (["diff", "HEAD", "--", "a.conv"], "included-fsmonitor"),
        (["add", "big.dat"], "clean"),
        (["commit", "--allow-empty", "-m", "x"], "hook-pre-commit"),
        (["checkout", "--force", "HEAD", "--", "big.dat"], "smudge"),
        (["branch", "x"], "hook-reference-transaction"),
        (["fetch", "/nowhere/store", "x"], "alternate-refs"),
    ],
)
def test_an_ordinary_git_falls_into_the_traps(hostile: Hostile, tmp_path: Path, args: list[str], trap: str) -> None:
    if args[0] == "fetch":
        other = Repository(hostile.bare).git("rev-parse", "HEAD", env=trusting(hostile, tmp_path))
        args = ["fetch", str(hostile.bare), other]
    hostile.repository.attempt(*args, env=trusting(hostile, tmp_path))
    assert trap in hostile.sprung()


def test_an_ordinary_git_falls_into_the_aimed_trap(hostile: Hostile, store: Store, tmp_path: Path) -> None:
    hostile.aim_at(store.path)
    hostile.repository.attempt("fetch", str(store.path), "HEAD", env=trusting(hostile, tmp_path))
    assert "aimed" in hostile.sprung()


def test_an_address_that_is_rewritten_to_a_program_is_an_error(hostile: Hostile, store: Store) -> None:
    base = add_base(store, hostile.path)
    commit = store.commit_of(base.tree, [base.commit], "Nothing", ME, seconds=0)
    hostile.aim_at(store.path)
    with pytest.raises(GitError, match="not allowed"):
        add_branch(store, hostile.path, "x", commit)
    assert hostile.sprung() == []


def test_a_submodule_that_is_updated_by_a_command(hostile: Hostile, store: Store, tmp_path: Path) -> None:
    modules = (hostile.path / ".gitmodules").read_text() + f"\tupdate = !{hostile.trap('gitmodules')}\n"
    base = add_base(store, hostile.path)
    tree = store.tree_of(Content((Change(".gitmodules", "100644", modules.encode()),), base.tree))
    commit = store.commit_of(tree, [base.commit], "Update the submodule by a command", ME, seconds=0)
    check_out(store, tree, tmp_path / "copy", history=commit)
    assert collect_folder(store, tmp_path / "copy", tree).content.changes == ()
    add_branch(store, hostile.path, "x", commit)
    assert hostile.sprung() == []


def test_an_ordinary_git_fetches_what_a_partial_clone_lacks(tmp_path: Path) -> None:
    partial = make_partial(tmp_path / "partial")
    partial.repository.attempt("cat-file", "-p", "HEAD:README.md", env=trusting(partial, tmp_path))
    assert "origin-uploadpack" in partial.sprung()


def test_every_way_in_gives_the_base_and_nothing_runs(hostile: Hostile, store: Store) -> None:
    before = hostile.repository.state()
    bases = [add_base(store, place) for place in hostile.places()]
    assert hostile.sprung() == []
    assert len({base.commit for base in bases}) == 1
    assert [base.prefix for base in bases] == ["", "sub/", "", "", ""]
    assert hostile.repository.state() == before


def test_a_whole_gig_on_it(hostile: Hostile, store: Store, tmp_path: Path) -> None:
    base = add_base(store, hostile.path)
    before = hostile.repository.state()
    copy = tmp_path / "copy"
    check_out(store, base.tree, copy, history=base.commit)
    assert (copy / "big.dat").read_bytes() == b"goes through a filter\n"
    assert (copy / "a.id").read_bytes() == b"$Id$\n"
    assert (copy / "a.utf16").read_bytes() == b"as UTF-16\n"
    assert (copy / "a.eol").read_bytes() == b"line\nfeeds\n"
    assert collect_folder(store, copy, base.tree).content.changes == ()

    for name in ("big.dat", "a.sneaky", "a.conv", "a.ext", "a.id", "a.utf16", "a.eol", "a.macro"):
        (copy / name).write_bytes(b"mended $Id: x$\r\n")
    content = collect_folder(store, copy, base.tree).content
    assert {change.data for change in content.changes} == {b"mended $Id: x$\r\n"}
    tree = store.tree_of(content)
    shown = diff_trees(store, base.tree, tree)
    assert shown.count(b"+mended $Id: x$\r\n") == 8
    assert b"Binary" not in shown

    step = Step(tree, "Mend it", ME, 1_800_000_000)
    patches = make_patches(store, base.commit, [step])
    verify_patches(store, base.commit, patches, tree)
    commit = store.commit_of(tree, [base.commit], "Mend it", ME, seconds=1_800_000_000)
    add_branch(store, hostile.path, "gigctl/acme-1", commit)
    assert hostile.sprung() == []
    after = hostile.repository.state()
    new = {name for name in after if name not in before}
    assert new == {".git/refs/heads/gigctl/acme-1", ".git/logs/refs/heads/gigctl/acme-1"}
    assert {name: after[name] for name in before} == before


def test_links_that_lead_out_become_files_that_say_where(hostile: Hostile, store: Store, tmp_path: Path) -> None:
    base = add_base(store, hostile.path)
    check_out(store, base.tree, tmp_path / "copy")
    for name, target in {"absolute": "/etc/passwd", "upwards": "../../outside", "through": "stair/../outside"}.items():
        assert not (tmp_path / "copy" / name).is_symlink()
        assert (tmp_path / "copy" / name).read_text() == target
    assert (tmp_path / "copy" / "inside").is_symlink()
    assert (tmp_path / "copy" / "lib").is_dir()
    check_out(store, base.tree, tmp_path / "sandboxed", every_link=True)
    assert (tmp_path / "sandboxed" / "absolute").is_symlink()
    for copy in ("copy", "sandboxed"):
        assert collect_folder(store, tmp_path / copy, base.tree).content.changes == ()


def test_a_partial_clone_is_not_completed_by_its_own_command(tmp_path: Path, store: Store) -> None:
    partial = make_partial(tmp_path / "partial")
    with pytest.raises(GigctlError) as caught:
        add_base(store, partial.path)
    assert partial.sprung() == []
    assert "refetch" in (caught.value.hint or "")


def test_variables_and_settings_of_the_user_have_no_say(
    hostile: Hostile, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / ".gitconfig").write_text(
        f"[core]\n\thooksPath = {hostile.path}/.git/hooks\n\tfsmonitor = {hostile.trap('user')}\n"
        f"[user]\n\tname = Grace\n\temail = grace@example.org\n[diff]\n\texternal = {hostile.trap('user-diff')}\n"
    )
    monkeypatch.setenv("GIT_DIR", str(hostile.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(hostile.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(hostile.path / ".git" / "index"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", hostile.trap("variable-diff"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", hostile.trap("variable"))
    before = hostile.repository.state()
    base = add_base(store, hostile.worktree)
    tree = store.tree_of(Content((Change("README.md", "100644", b"new\n"),), base.tree))
    assert b"+new" in diff_trees(store, base.tree, tree)
    assert find_person(ME) == Person("Grace", "grace@example.org")
    assert hostile.sprung() == []
    assert hostile.repository.state() == before


def test_traps_that_a_program_leaves_in_the_copy(hostile: Hostile, store: Store, tmp_path: Path) -> None:
    base = add_base(store, hostile.path)
    copy = tmp_path / "copy"
    check_out(store, base.tree, copy, history=base.commit)
    trapped = (hostile.path / ".git" / "config").read_text()
    for place in (copy, copy / "lib", copy / "new"):
        (place / ".git").mkdir(parents=True, exist_ok=True)
        (place / ".git" / "config").write_text(trapped)
        (place / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (copy / "new" / "file").write_text("in a repository of its own\n")
    (copy / ".gitattributes").write_text("* filter=trap -diff\n")
    found = collect_folder(store, copy, base.tree)
    assert [change.path for change in found.content.changes] == [".gitattributes"]
    assert [(left.path, left.why) for left in found.left_out] == [("new", "is a repository of its own")]
    assert hostile.sprung() == []


def test_a_folder_that_is_taken_as_files_runs_nothing(hostile: Hostile, store: Store) -> None:
    tree, _ = add_folder(store, hostile.path)
    assert "README.md" in {entry.path for entry in store.list_tree(tree)}
    assert hostile.sprung() == []


@pytest.mark.parametrize("rev", ["--output=x", "-h", "--exec=touch x", "HEAD\n--all", "nowhere", "HEAD:README.md", ""])
def test_what_is_no_revision_is_refused(hostile: Hostile, store: Store, rev: str) -> None:
    with pytest.raises(UsageError):
        add_base(store, hostile.path, rev)
    assert hostile.sprung() == []


@pytest.mark.parametrize("name", ["-f", "--force", "a..b", "HEAD", "a b", "x.lock", "@{-1}", "", "/x", "refs/../x"])
def test_what_is_no_branch_name_is_refused(hostile: Hostile, store: Store, name: str) -> None:
    base = add_base(store, hostile.path)
    with pytest.raises(UsageError):
        add_branch(store, hostile.path, name, base.commit)
    assert hostile.sprung() == []
