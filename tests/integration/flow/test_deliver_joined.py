"""Several signed changes to one tree: side by side where they can be, checked together; joined by a task where not."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from gigctl.errors import GateError, UsageError, WaitsForHuman
from gigctl.flow import review
from gigctl.flow.deliver import Options, deliver
from gigctl.flow.editing import Beside, edit_from, edit_in_editor
from gigctl.flow.gigfile import TaskWish
from gigctl.flow.manifest import MANIFEST, read_manifest
from gigctl.flow.review import Unchanged
from gigctl.flow.verify import verify
from gigctl.ledger import deliveries, gigs, revisions, tasks
from gigctl.model import EXECUTABLE, LINK, REGULAR, Change, CheckSpec, Content, Reference
from gigctl.records import DeliveryRecord
from support.desk import Office
from support.repositories import Repository, make_repository
from support.schema import FOLDER

LINES = [f"line {n}\n" for n in range(30)]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "office")
    yield made
    made.close()


@pytest.fixture
def client(tmp_path: Path) -> Repository:
    files = {"long.txt": "".join(LINES), "a.txt": "a\n", "b.txt": "b\n", "pic.bin": b"\0\1\2" * 99, "d/one": "1\n"}
    return make_repository(tmp_path / "client", files)


def with_line(n: int, text: str) -> bytes:
    return "".join([*LINES[:n], f"{text}\n", *LINES[n + 1 :]]).encode()


def two(office: Office, client: Repository, one: list[Change], other: list[Change], *checks: CheckSpec) -> str:
    """A gig of two signed tasks."""
    named = (TaskWish(name="One", brief="Do one"), TaskWish(name="Two", brief="Do two"))
    return office.signed_code(client.path, Content(tuple(one)), Content(tuple(other)), tasks=named, checks=checks)


def text_of(change: bytes, path: str = "long.txt") -> list[Change]:
    return [Change(path, REGULAR, change)]


OVERLAPS = {
    "same file, different hunks": (text_of(with_line(2, "A")), text_of(with_line(25, "B")), True),
    "same hunk": (text_of(with_line(2, "A")), text_of(with_line(2, "B")), False),
    "one deletes what the other edits": ([Change("a.txt", REGULAR, None)], text_of(b"b\n", "a.txt"), False),
    "rename and edit": (
        [Change("long.txt", REGULAR, None), Change("new.txt", REGULAR, "".join(LINES).encode())],
        text_of(with_line(9, "edited")), True,
    ),
    "both add": (text_of(b"x\n", "new"), text_of(b"y\n", "new"), False),
    "both add, one to be run": ([Change("new", REGULAR, b"x\n")], [Change("new", EXECUTABLE, b"x\n")], False),
    "a link and an edit": ([Change("a.txt", LINK, b"b.txt")], text_of(b"c\n", "a.txt"), False),
    "binary": (text_of(b"\0\5", "pic.bin"), text_of(b"\0\6", "pic.bin"), False),
    "a file in a folder's place": (text_of(b"x", "e"), text_of(b"x", "e/f"), False),
    "a folder in a file's place": (
        [Change("a.txt", REGULAR, None), Change("a.txt/x", REGULAR, b"x")], text_of(b"c\n", "a.txt"), False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("what", "form"), [*((what, "patches") for what in OVERLAPS), ("same hunk", "branch"),
                                            ("same hunk", "squash"), ("rename and edit", "files")])  # fmt: skip
def test_nothing_goes_out_that_nobody_looked_at(
    what: str, form: str, office: Office, client: Repository, tmp_path: Path
) -> None:
    one, other, clean = OVERLAPS[what]
    gig = two(office, client, one, other)
    before = client.state()
    output = None if form == "branch" else tmp_path / "out"
    with pytest.raises(WaitsForHuman, match=rf"each in its own way: {gig}\.3 was made"):
        deliver(office.desk, [gig], Options(form=form, output=output))
    with pytest.raises(WaitsForHuman, match=rf"unsigned \({gig}\.3\)"):
        deliver(office.desk, [gig], Options(form=form, output=output))
    for words, partial in (([f"{gig}.1", f"{gig}.2"], False), ([gig], True)):  # no second task is made
        with pytest.raises(WaitsForHuman, match=rf"each in its own way: {gig}\.3 joins them") as raised:
            deliver(office.desk, words, Options(form=form, output=output, partial=partial))
    assert client.state() == before
    assert not (tmp_path / "out").exists()
    assert recorded(office, gig) == []
    task = office.tasks(gig)[-1]
    assert (len(office.tasks(gig)), task.ref, task.name) == (3, f"{gig}.3", f"Join {gig}.1 and {gig}.2")
    assert task.state == ("review" if clean else "ready")
    assert (task.current is not None) == clean
    assert (f"gigctl diff {gig}.3" in (raised.value.hint or "")) == clean


def recorded(office: Office, gig: str) -> list[DeliveryRecord]:
    reference = Reference.parse(gig)
    assert reference is not None
    with office.desk.ledger.reading() as tx:
        return list(deliveries.list_deliveries(tx, gigs.get_gig(tx, reference)))


def joined(office: Office, client: Repository) -> str:
    """A gig whose two changes are joined by a task with a draft."""
    gig = two(office, client, text_of(with_line(2, "A")), text_of(with_line(25, "B")))
    with pytest.raises(WaitsForHuman):
        deliver(office.desk, [gig], Options(output=office.folder / "never"))
    return gig


def test_the_draft_is_a_merge_that_no_agent_made(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = joined(office, client)
    task = office.tasks(gig)[-1]
    with office.desk.ledger.reading() as tx:
        draft = revisions.get_revision(tx, task)
        content = revisions.get_content(tx, draft.id)
        brief = tasks.get_texts(tx, task.id)[0]
    assert (draft.made_by, draft.agent, draft.assessed) == ("memory", None, True)
    both = "".join([*LINES[:2], "A\n", *LINES[3:25], "B\n", *LINES[26:]]).encode()
    assert content == Content((Change("long.txt", REGULAR, both),), task.input_base)
    assert f"Change 1 ({gig}.1), for which was asked:\nDo one" in brief
    assert "-line 2\n+A\n" in brief
    assert "-line 25\n+B\n" in brief
    office.sign(f"{gig}.3")
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out", ai_statement=True))
    assert [signoff.task for signoff in done.manifest.signoffs] == [f"{gig}.3"]
    assert done.manifest.joined == {f"{gig}.3": (f"{gig}.1", f"{gig}.2")}
    assert (done.manifest.partial, done.manifest.missing) == (False, ())
    assert recorded(office, gig)[0].tasks == (f"{gig}.1", f"{gig}.2", f"{gig}.3")
    client.git("am", *map(str, sorted((tmp_path / "out").glob("*.patch"))))
    assert (client.path / "long.txt").read_bytes() == both
    assert client.git("log", "-1", "--format=%B") == "One\n\n- One\n  Do one\n- Two\n  Do two\n"
    data = (tmp_path / "out" / MANIFEST).read_bytes()
    Draft202012Validator(json.loads((FOLDER / "manifest.json").read_text())).validate(json.loads(data))
    assert read_manifest(data) == done.manifest
    assert verify(tmp_path / "out").ok


def test_what_it_joins_is_not_asked_for_alone(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = joined(office, client)
    office.sign(f"{gig}.3")
    with pytest.raises(WaitsForHuman, match=rf"{gig}\.3 joins them") as raised:
        deliver(office.desk, [f"{gig}.1", f"{gig}.2"], Options(output=tmp_path / "out"))
    assert raised.value.hint == f"gigctl deliver {gig}.3"
    (done,) = deliver(office.desk, [f"{gig}.3"], Options(output=tmp_path / "out"))
    assert not done.manifest.partial
    (alone,) = deliver(office.desk, [f"{gig}.1"], Options(output=tmp_path / "one"))
    assert alone.manifest.missing == (f"{gig}.2", f"{gig}.3")


def test_a_signature_ends_with_that_of_what_it_joins(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = joined(office, client)
    office.sign(f"{gig}.3")
    review.reopen(office.desk, [f"{gig}.1"])
    assert office.task(f"{gig}.3").state == "review"
    for words in ([gig], [f"{gig}.3"], [f"{gig}.2", f"{gig}.3"]):
        with pytest.raises(WaitsForHuman):
            deliver(office.desk, words, Options(output=tmp_path / "out"))
    with pytest.raises(WaitsForHuman, match=rf"{gig}\.3 waits for the signature of {gig}\.1"):
        office.sign(f"{gig}.1", f"{gig}.3")  # not in one act: it is to be read with what is signed
    office.sign(f"{gig}.1")  # as it was: what joins it is what it was, and is signed again
    assert office.task(f"{gig}.3").input_n == 1
    office.sign(f"{gig}.3")
    deliver(office.desk, [gig], Options(output=tmp_path / "out"))


def test_another_content_is_another_input(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = joined(office, client)
    office.sign(f"{gig}.3")
    review.reopen(office.desk, [f"{gig}.1"])
    task = office.task(f"{gig}.1")
    review.add_edit(office.desk, task, Content(tuple(text_of(with_line(3, "other"))), task.input_base))
    office.sign(f"{gig}.1")
    join = office.task(f"{gig}.3")
    assert (join.state, join.input_n, join.current) == ("review", 2, 2)
    with office.desk.ledger.reading() as tx:
        content = revisions.get_content(tx, join.current_id or 0)
    assert b"other\n" in (content.changes[0].data or b"")
    assert b"A\n" not in (content.changes[0].data or b"")
    with pytest.raises(WaitsForHuman):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    with pytest.raises(WaitsForHuman, match="older source"):
        office.sign(f"{gig}.3@1")
    office.sign(f"{gig}.3")
    deliver(office.desk, [gig], Options(output=tmp_path / "out"))


def test_what_no_longer_merges_has_no_draft(office: Office, client: Repository) -> None:
    gig = joined(office, client)
    office.sign(f"{gig}.3")
    review.reopen(office.desk, [f"{gig}.1"])
    task = office.task(f"{gig}.1")
    review.add_edit(office.desk, task, Content(tuple(text_of(with_line(25, "other"))), task.input_base))
    office.sign(f"{gig}.1")
    assert office.task(f"{gig}.3").state == "ready"
    with pytest.raises(WaitsForHuman, match="older source"):
        office.sign(f"{gig}.3")


def editor(folder: Path, script: str) -> dict[str, str]:
    place = folder / "editor"
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)
    return {"EDITOR": str(place), "PATH": os.environ["PATH"]}


def test_a_person_joins_what_git_can_not(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = two(office, client, text_of(with_line(2, "A")), text_of(with_line(2, "B")))
    with pytest.raises(WaitsForHuman, match=rf"{gig}\.3 was made") as raised:
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert raised.value.hint == f"gigctl run {gig}.3, or gigctl edit {gig}.3"
    told: list[str] = []
    beside = Beside(lambda _: "", told.append)
    with pytest.raises(UsageError, match=r"the marks .* still stand in long\.txt") as refused:
        edit_in_editor(office.desk, f"{gig}.3", editor(tmp_path, 'cp "$1" "$1.seen"; echo more >>"$1"'), beside)
    (seen,) = Path((refused.value.hint or "").split(";")[0].rpartition(" ")[2]).rglob("*.seen")
    assert f"<<<<<<< {gig}.1\nA\n=======\nB\n>>>>>>> {gig}.2\n" in seen.read_text()
    assert told == ["git could not join long.txt: look at what each change does there"]
    with pytest.raises(Unchanged):
        edit_in_editor(office.desk, f"{gig}.3", editor(tmp_path, "exit 0"), beside)
    with pytest.raises(UsageError, match="still stand in"):
        edit_from(office.desk, f"{gig}.3", seen.parent, agree=lambda _: None, warn=lambda _: None)
    shutil.rmtree(seen.parent.parent)
    script = "sed -i -e '/^[<>=]\\{7\\}/d' -e 's/^A$/A and B/' -e '/^B$/d' \"$1\""
    edit_in_editor(office.desk, f"{gig}.3", editor(tmp_path, script), beside)
    office.sign(f"{gig}.3")
    deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    client.git("am", *map(str, sorted((tmp_path / "out").glob("*.patch"))))
    assert (client.path / "long.txt").read_bytes() == with_line(2, "A and B")


def test_a_picture_is_not_opened(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = office.add_gig(craft="code", repository=str(client.path), brief="Change")
    (task,) = office.tasks(gig)
    change = [*text_of(b"\0\5", "pic.bin"), *text_of(b"A\n", "a.txt"), Change("l", LINK, b"a.txt"),
              Change("b.txt", REGULAR, None)]  # fmt: skip
    office.draft(task.ref, Content(tuple(change), task.input_base))
    script = 'for file; do echo "$file" >>seen; echo x >>"$file"; done; mv seen tree'
    made = edit_in_editor(office.desk, task.ref, editor(tmp_path, script))
    with office.desk.ledger.reading() as tx:
        content = revisions.get_content(tx, made.id)
    assert {c.path: c.data for c in content.changes if c.path != "seen"} == {
        "a.txt": b"A\nx\n", "pic.bin": b"\0\5", "l": b"a.txt", "b.txt": None,
    }  # fmt: skip


def test_a_cancelled_one_is_made_anew(office: Office, client: Repository) -> None:
    from gigctl.flow.tasks import remove

    gig = joined(office, client)
    with pytest.raises(UsageError, match="is signed"):
        remove(office.desk, [f"{gig}.1"])
    remove(office.desk, [f"{gig}.3"])
    with pytest.raises(WaitsForHuman, match=rf"{gig}\.4 was made"):
        deliver(office.desk, [gig], Options(output=office.folder / "never"))


def check(script: str, **options: object) -> CheckSpec:
    return CheckSpec("acceptance", "command", {"run": ["sh", "-c", script], **options})


def test_a_sum_that_fails_is_not_delivered(office: Office, client: Repository, tmp_path: Path) -> None:
    """Each passes alone, and the two together do not."""
    not_both = check("! { grep -q A a.txt && grep -q B b.txt; } || { echo too much; exit 1; }")
    gig = two(office, client, text_of(b"A\n", "a.txt"), text_of(b"B\n", "b.txt"), not_both)
    before = client.state()
    for form in ("patches", "branch", "squash", "files"):
        output = None if form == "branch" else tmp_path / "out"
        with pytest.raises(GateError, match=rf'the sum of {gig}\.1 and {gig}\.2 the .* "acceptance" is fail') as raised:
            deliver(office.desk, [gig] if form == "patches" else [f"{gig}.1", f"{gig}.2"], Options(output, form))
    assert raised.value.exit_code == 1
    assert f"gigctl edit {gig}.3" in (raised.value.hint or "")
    assert client.state() == before
    assert not (tmp_path / "out").exists()
    assert [task.state for task in office.tasks(gig)] == ["signed", "signed", "review"]
    with pytest.raises(GateError):
        office.sign(f"{gig}.3")
    task = office.task(f"{gig}.3")
    review.add_edit(office.desk, task, Content(tuple(text_of(b"AB\n", "a.txt")), task.input_base))
    office.sign(f"{gig}.3")
    deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    client.git("am", *map(str, sorted((tmp_path / "out").glob("*.patch"))))
    assert (client.path / "a.txt").read_text() == "AB\n"
    assert (client.path / "b.txt").read_text() == "b\n"


def test_the_checks_of_the_sum_are_told(office: Office, client: Repository, tmp_path: Path) -> None:
    together = check("grep -q A a.txt || grep -q B b.txt")
    gig = two(office, client, text_of(b"A\n", "a.txt"), text_of(b"B\n", "b.txt"), together)
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    seen = {check.name: check.verdict for check in done.manifest.together}
    assert seen["compiles"] == seen["acceptance"] == "pass"
    page = (tmp_path / "out" / "PULL_REQUEST.md").read_text()
    assert "All changes together:\n\n| check | verdict | |" in page
    assert "| `acceptance` | pass | required |" in page
    assert verify(tmp_path / "out").ok
    data = (tmp_path / "out" / MANIFEST).read_bytes()
    Draft202012Validator(json.loads((FOLDER / "manifest.json").read_text())).validate(json.loads(data))


def test_a_joined_change_and_a_third(office: Office, client: Repository, tmp_path: Path) -> None:
    """What joins two goes out beside a third; where it is at odds with that, another task joins these."""
    named = tuple(TaskWish(name=f"Task {n}", brief=f"Do {n}") for n in (1, 2, 3))
    contents = [text_of(with_line(2, "A")), text_of(with_line(25, "B")), text_of(b"C\n", "a.txt")]
    gig = office.signed_code(client.path, *(Content(tuple(one)) for one in contents), tasks=named)
    with pytest.raises(WaitsForHuman, match=rf"{gig}\.1 and {gig}\.2 change"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    join = office.task(f"{gig}.4")
    review.add_edit(office.desk, join, Content(tuple(text_of(b"D\n", "a.txt")), join.input_base))
    office.sign(f"{gig}.4")
    with pytest.raises(WaitsForHuman, match=rf"{gig}\.3 and {gig}\.4 change a\.txt, .*{gig}\.5 was made"):
        deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    last = office.task(f"{gig}.5")
    review.add_edit(office.desk, last, Content(tuple(text_of(b"CD\n", "a.txt")), last.input_base))
    office.sign(f"{gig}.5")
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert [signoff.task for signoff in done.manifest.signoffs] == [f"{gig}.5"]
    assert done.manifest.joined[f"{gig}.5"] == (f"{gig}.3", f"{gig}.4")
    review.reopen(office.desk, [f"{gig}.1"])
    assert [office.task(f"{gig}.{n}").state for n in (4, 5)] == ["review", "review"]


def test_the_same_bytes_by_two_are_no_overlap(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = two(office, client, [*text_of(b"A\n", "a.txt"), *text_of(b"x\n", "new")], text_of(b"x\n", "new"))
    deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    client.git("am", *map(str, sorted((tmp_path / "out").glob("*.patch"))))
    assert (client.path / "new").read_text() == "x\n"


def test_squashed(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = two(office, client, text_of(b"A\n", "a.txt"), text_of(b"B\n", "b.txt"))
    (done,) = deliver(office.desk, [gig], Options(form="squash"))
    assert client.git("log", "--format=%s", f"main..gigctl/{gig}") == "One"
    assert client.git("log", "-1", "--format=%b", f"gigctl/{gig}") == "- One\n  Do one\n- Two\n  Do two\n"
    assert done.pull_request.startswith("# One\n")
    (patch,) = deliver(office.desk, [gig], Options(form="squash", output=tmp_path / "out"))
    assert [file.path for file in patch.manifest.files] == ["0001-One.patch", "PULL_REQUEST.md"]
    client.git("am", str(tmp_path / "out" / "0001-One.patch"))
    assert client.tree == done.manifest.git["tree"] == client.git("rev-parse", f"gigctl/{gig}^{{tree}}")


def test_trailers_that_were_asked_for(
    office: Office, client: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gig = two(office, client, text_of(b"A\n", "a.txt"), text_of(b"B\n", "b.txt"))
    with_none = deliver(office.desk, [gig], Options(form="branch"))[0]
    assert client.git("log", "--format=%(trailers)", f"main..{with_none.manifest.git['branch']}").strip() == ""
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n[format]\n\tsignOff = yes\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    deliver(office.desk, [gig], Options(form="squash", output=tmp_path / "out", trailers=True))
    client.git("am", *map(str, (tmp_path / "out").glob("*.patch")))
    lines = client.git("log", "-1", "--format=%(trailers)").split("\n")
    sha = office.task(f"{gig}.2")
    with office.desk.ledger.reading() as tx:
        signed = revisions.get_revision(tx, sha).sha256
    assert (
        lines[-3:] == ["", "Signed-off-by: Ada <ada@example.com>", ""]
        or "Signed-off-by: Ada <ada@example.com>" in lines
    )
    assert f"Gigctl-Task: {gig}.1" in lines
    assert f"Gigctl-Revision: sha256:{signed}" in lines
