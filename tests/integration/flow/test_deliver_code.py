"""Code goes out as patches that `git am` takes, as a branch, or as files; never over anything of the client's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gigctl.errors import UsageError, WaitsForHuman
from gigctl.flow import review
from gigctl.flow.deliver import Options, deliver
from gigctl.flow.gigfile import TaskWish
from gigctl.flow.manifest import MANIFEST
from gigctl.flow.preview import preview
from gigctl.flow.verify import verify
from gigctl.ledger import deliveries, gigs
from gigctl.model import EXECUTABLE, LINK, REGULAR, Change, Content, Reference
from support.desk import Office
from support.repositories import Repository, make_repository


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "office")
    yield made
    made.close()


@pytest.fixture
def client(tmp_path: Path) -> Repository:
    files = {"greet.py": b"print('hi')\n", "dos.txt": b"one\r\ntwo\r\n", "old.txt": b"old\n", "run.sh": b"#!/bin/sh\n"}
    return make_repository(tmp_path / "client", files)


def changed(*changes: Change) -> Content:
    return Content(changes)


GREET = Change("greet.py", REGULAR, b"print('good day')\n")
DOS = Change("dos.txt", REGULAR, b"one\r\nthree\r\n")
GONE = Change("old.txt", REGULAR, None)
TOOL = Change("tools/new tool.sh", EXECUTABLE, b"#!/bin/sh\necho new\n")


def _series(office: Office, client: Repository, *contents: Content) -> str:
    tasks = tuple(TaskWish(name=f"Step {n}", brief=f"Do step {n}") for n in range(1, len(contents) + 1))
    return office.signed_code(client.path, *contents, tasks=tasks, title="Many steps")


def test_patches_that_git_am_takes(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = _series(office, client, changed(GREET, DOS), changed(GONE, TOOL))
    before = client.state()
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert client.state() == before
    patches = sorted((tmp_path / "out").glob("*.patch"))
    assert [patch.name for patch in patches] == ["0001-Step-1.patch", "0002-Step-2.patch"]
    assert verify(tmp_path / "out").ok
    assert done.manifest.git["base"] == client.head
    client.git("am", *map(str, patches))
    assert client.tree == done.manifest.git["tree"]
    assert client.git("log", "--format=%s", "-2") == "Step 2\nStep 1"
    assert (client.path / "dos.txt").read_bytes() == b"one\r\nthree\r\n"
    assert not (client.path / "old.txt").exists()
    assert (client.path / "tools" / "new tool.sh").stat().st_mode & 0o100


def test_a_branch_in_the_clients_repository(office: Office, client: Repository) -> None:
    gig = _series(office, client, changed(GREET), changed(TOOL))
    head, state = client.head, (client.path / "greet.py").read_bytes()
    (done,) = deliver(office.desk, [gig], Options(form="branch"))
    assert client.git("rev-parse", f"gigctl/{gig}") == done.manifest.git["commit"]
    assert client.git("rev-parse", f"gigctl/{gig}~2") == head == client.head
    assert client.git("show", f"gigctl/{gig}:greet.py") == "print('good day')"
    assert (client.path / "greet.py").read_bytes() == state
    assert client.git("status", "--porcelain") == ""
    assert "Freelancer" not in client.git("log", "-1", "--format=%an")
    with pytest.raises(UsageError, match="already"):
        deliver(office.desk, [gig], Options(form="branch"))
    assert len(_recorded(office, gig)) == 1
    deliver(office.desk, [gig], Options(form="branch", branch="feature/greet"))
    assert client.git("rev-parse", "feature/greet") == done.manifest.git["commit"]
    with pytest.raises(UsageError, match="no name for a branch"):
        deliver(office.desk, [gig], Options(form="branch", branch="-x"))
    with pytest.raises(UsageError, match="no manifest beside it"):
        deliver(office.desk, [gig], Options(form="branch", branch="y", signer="key"))
    assert len(_recorded(office, gig)) == 2


EVERY_KIND = (
    Change("dos.txt", REGULAR, b"one\r\nTWO\r\n"),
    Change("moved.txt", REGULAR, b"old\n"),
    Change("old.txt", REGULAR, None),
    Change("run.sh", EXECUTABLE, b"#!/bin/sh\n"),
    Change("no-end.txt", REGULAR, b"a\nb"),
    Change("pic.bin", REGULAR, bytes(range(256)) * 9),
    Change('数値/файл "x".txt', REGULAR, "é\n".encode()),
    Change("latin.txt", REGULAR, b"caf\xe9\r\n"),
    Change("long.txt", REGULAR, b"x" * 5000 + b"\n"),
    Change("mail.txt", REGULAR, b"From nobody Mon Sep 17 00:00:00 2001\n--- a\n+++ b\n"),
    Change("link", LINK, b"dos.txt"),
    Change("empty", REGULAR, b""),
    Change(".gitattributes", REGULAR, b"* text=auto eol=crlf\n"),
)


@pytest.mark.parametrize("form", ["patches", "squash"])
def test_git_am_makes_the_same_tree_of_every_kind_of_change(
    form: str, office: Office, client: Repository, tmp_path: Path
) -> None:
    gig = _series(office, client, changed(*EVERY_KIND[:6]), changed(*EVERY_KIND[6:]))
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out", form=form))
    clone = Repository(tmp_path / "clone")
    client.git("clone", "--quiet", str(client.path), str(clone.path))
    clone.git("am", "--quiet", *map(str, sorted((tmp_path / "out").glob("*.patch"))))
    assert clone.tree == done.manifest.git["tree"]
    assert clone.git("cat-file", "blob", "HEAD:dos.txt") == "one\r\nTWO\r"
    assert "R100\told.txt\tmoved.txt" in clone.git("diff", "-M", "--name-status", client.head, "HEAD").split("\n")
    if form == "patches":
        deliver(office.desk, [gig], Options(form="branch"))
        assert client.git("rev-parse", f"gigctl/{gig}^{{tree}}") == clone.tree


def _recorded(office: Office, gig: str) -> list[object]:
    reference = Reference.parse(gig)
    assert reference is not None
    with office.desk.ledger.reading() as tx:
        return list(deliveries.list_deliveries(tx, gigs.get_gig(tx, reference)))


def test_the_same_signatures_give_the_same_commits(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = _series(office, client, changed(GREET))
    one, two = (deliver(office.desk, [gig], Options(output=tmp_path / name))[0] for name in ("a", "b"))
    assert one.manifest.files == two.manifest.files


def test_the_changed_files(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = _series(office, client, changed(GREET, GONE), changed(TOOL))
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out", form="files"))
    assert [file.path for file in done.manifest.files] == ["greet.py", "tools/new tool.sh"]
    assert done.manifest.deleted == ("old.txt",)
    assert (tmp_path / "out" / "tools" / "new tool.sh").stat().st_mode & 0o100
    seen = verify(tmp_path / "out")
    assert seen.ok, seen.problems
    deliver(office.desk, [gig], Options(output=tmp_path / "out.zip", form="files"))
    assert verify(tmp_path / "out.zip").ok


def test_a_single_file_without_a_repository(office: Office, tmp_path: Path) -> None:
    (office.folder / "sum.py").write_text("def add(a, b): return a - b\n")
    gig = office.add_gig(craft="code", sources=("sum.py",), brief="Mend add")
    (task,) = office.tasks(gig)
    office.draft(task.ref, Content((Change("sum.py", REGULAR, b"def add(a, b): return a + b\n"),), task.input_base))
    office.sign(gig)
    deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert (tmp_path / "out" / "sum.py").read_text() == "def add(a, b): return a + b\n"
    deliver(office.desk, [gig], Options(output=tmp_path / "patches", form="patches"))
    assert (tmp_path / "patches" / "0001-Mend-add.patch").is_file()
    with pytest.raises(UsageError, match="has no repository"):
        deliver(office.desk, [gig], Options(form="branch"))


def test_two_tasks_that_change_one_path(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = _series(office, client, changed(GREET), changed(Change("greet.py", REGULAR, b"print('hey')\n")))
    with pytest.raises(WaitsForHuman, match=rf"{gig}\.1 and {gig}\.2 change greet\.py, each .*: {gig}\.3 was made"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    (done,) = deliver(office.desk, [f"{gig}.2"], Options(output=tmp_path / "out"))
    assert done.manifest.partial
    assert done.manifest.missing == (f"{gig}.1", f"{gig}.3")


def test_a_part_of_the_series(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = _series(office, client, changed(GREET), changed(TOOL))
    review.reopen(office.desk, [f"{gig}.1"])
    with pytest.raises(WaitsForHuman):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out", partial=True))
    assert [file.path for file in done.manifest.files] == ["0001-Step-2.patch", "PULL_REQUEST.md"]
    assert done.manifest.partial
    assert "a part of the work: 1 task of it is not" in (tmp_path / "out" / "PULL_REQUEST.md").read_text()


def test_what_changes_nothing(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = _series(office, client, changed(Change("greet.py", REGULAR, b"print('hi')\n")))
    for form in ("patches", "files", "branch"):
        output = None if form == "branch" else tmp_path / form
        with pytest.raises(UsageError, match="nothing to deliver"):
            deliver(office.desk, [gig], Options(form=form, output=output))


def test_a_link_is_no_file_to_give(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = _series(office, client, changed(Change("escape", LINK, b"/etc/passwd")))
    with pytest.raises(UsageError, match="is a link"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out", form="files"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", ["../x", ".git/hooks/post-checkout", "a/.GIT/x", "a/../../x", "/abs", "sub\\..\\x"])
@pytest.mark.parametrize("form", ["patches", "files", "branch"])
def test_hostile_paths_write_nothing(path: str, form: str, office: Office, client: Repository, tmp_path: Path) -> None:
    gig = _series(office, client, changed(Change(path, REGULAR, b"boom")))
    before = client.state()
    output = None if form == "branch" else tmp_path / "deep" / "out"
    with pytest.raises(UsageError, match="the path"):
        deliver(office.desk, [gig], Options(form=form, output=output))
    with pytest.raises(UsageError, match="the path"):
        preview(office.desk, gig, tmp_path / "look")
    assert client.state() == before
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "deep").exists()


def test_names_that_only_a_careful_file_system_tells_apart(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = _series(office, client, changed(Change("Read.me", REGULAR, b"1"), Change("read.me", REGULAR, b"2")))
    with pytest.raises(UsageError, match="would be one file"):
        deliver(office.desk, [gig], Options(output=tmp_path / "files", form="files"))
    deliver(office.desk, [gig], Options(output=tmp_path / "patches"))
    assert verify(tmp_path / "patches").ok


def test_a_name_that_is_no_utf8(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = _series(office, client, changed(Change("caf\udce9.txt", REGULAR, b"x")))
    deliver(office.desk, [gig], Options(output=tmp_path / "out", form="files"))
    assert json.loads((tmp_path / "out" / MANIFEST).read_bytes())["files"][0]["path"] == '"caf\\351.txt"'
    assert (tmp_path / "out" / "caf\udce9.txt").read_bytes() == b"x"
    assert verify(tmp_path / "out").ok
    with pytest.raises(UsageError, match="zip"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out.zip", form="files"))
    assert not (tmp_path / "out.zip").exists()


def test_a_preview_of_code_is_a_diff(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = office.add_gig(craft="code", repository=str(client.path), brief="Greet politely")
    (task,) = office.tasks(gig)
    office.draft(task.ref, Content((GREET,), task.input_base))
    preview(office.desk, gig, tmp_path / "look")
    diff = tmp_path / "look" / f"{gig}.1.UNSIGNED.diff"
    assert "+print('good day')" in diff.read_text()
    assert client.attempt("am", str(diff)).returncode != 0
    assert not verify(tmp_path / "look").ok


def test_the_brief_is_the_message(office: Office, client: Repository, tmp_path: Path) -> None:
    brief = "Greet politely\n\nSo that nobody is offended.\nFrom: mallory@example.com\ndiff --git a/x b/x\n"
    gig = office.add_gig(craft="code", repository=str(client.path), brief=brief)
    (task,) = office.tasks(gig)
    office.draft(task.ref, Content((GREET,), task.input_base))
    office.sign(gig)
    deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    client.git("am", str(tmp_path / "out" / "0001-Greet-politely.patch"))
    assert client.git("log", "-1", "--format=%s") == "Greet politely"
    assert "nobody is offended" in client.git("log", "-1", "--format=%b")
    assert "mallory" not in client.git("log", "-1", "--format=%ae")


def test_a_long_brief_makes_a_short_subject(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = office.signed_code(client.path, changed(GREET), title="word " * 40)
    deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    client.git("am", *map(str, (tmp_path / "out").glob("*.patch")))
    subject = client.git("log", "-1", "--format=%s")
    assert len(subject) <= 72
    assert subject.endswith("word…")


def test_code_and_a_text_in_one_gig(office: Office, client: Repository, tmp_path: Path) -> None:
    tasks = (TaskWish(name="change", brief="Greet"), TaskWish(name="note", craft="writing", brief="Write a note"))
    gig = office.add_gig(craft="code", repository=str(client.path), brief="Both", tasks=tasks)
    office.draft(f"{gig}.1", Content((GREET,), office.task(f"{gig}.1").input_base))
    office.draft(f"{gig}.2", "A note.")
    office.sign(gig)
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert [signoff.task for signoff in done.manifest.signoffs] == [f"{gig}.1", f"{gig}.2"]
    assert (tmp_path / "out" / "0001-change.patch").is_file()
    assert {path.read_bytes() for path in (tmp_path / "out").iterdir()} >= {b"A note.\n"}
    assert verify(tmp_path / "out").ok
    with pytest.raises(UsageError, match="has texts too"):
        deliver(office.desk, [gig], Options(form="branch"))
    made = preview(office.desk, gig, tmp_path / "look")
    assert len(made.files) == 2


def test_a_change_in_a_gig_that_has_no_files(office: Office, tmp_path: Path) -> None:
    """A code task that takes another's text: there is nothing that its change could be one to."""
    code = TaskWish(name="change", craft="code", brief="Greet", sources=("text",))
    tasks = (TaskWish(name="text", brief="Write"), code)
    gig = office.add_gig(craft="writing", brief="Both", tasks=tasks)
    office.draft(f"{gig}.1", "A text.")
    office.sign(f"{gig}.1")
    office.draft(f"{gig}.2", "A text too.")
    office.sign(f"{gig}.2", despite="tried by hand")
    with pytest.raises(UsageError, match=rf"{gig} has no repository and no file"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_change_to_another_state(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = office.signed_code(client.path, changed(GREET))
    client.commit({"more.txt": "more"})
    other = office.signed_code(client.path, changed(TOOL))
    _rebase(office, gig, other)
    with pytest.raises(UsageError, match="another state of the repository"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))


def _rebase(office: Office, gig: str, other: str) -> None:
    """The gig starts from elsewhere now, and its task's signature does not."""
    found = {}
    for name in (gig, other):
        reference = Reference.parse(name)
        assert reference is not None
        with office.desk.ledger.reading() as tx:
            found[name] = gigs.get_gig(tx, reference)
    with office.desk.ledger.writing() as tx:
        gigs.edit_gig(tx, found[gig], base_commit=found[other].base_commit, base_tree=found[other].base_tree)


def test_a_commit_is_written_as_the_repository_writes_its_own(
    office: Office, client: Repository, tmp_path: Path
) -> None:
    for subject in ("fix: keep the title", "feat(ui): add a menu", "docs: mention it", "fix: drop a file", "chore: x"):
        client.commit(message=subject)
    gig = office.signed_code(client.path, changed(GREET), title="Fix the greeting.")
    deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    client.git("am", *map(str, sorted((tmp_path / "out").glob("*.patch"))))
    assert client.git("log", "--format=%s", "-1") == "fix: fix the greeting"
