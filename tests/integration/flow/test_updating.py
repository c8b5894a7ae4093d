"""The client's base moves: what is kept, what is looked at again, and that no conflict is signed unawares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gigctl.errors import GateError, TemporaryError, UsageError, WaitsForHuman
from gigctl.flow import review
from gigctl.flow.deliver import Options, deliver
from gigctl.flow.gigfile import TaskWish
from gigctl.flow.updating import Moved, move_base
from gigctl.ledger import decisions, gigs, revisions, rounds
from gigctl.ledger.runs import Run
from gigctl.ledger.verify import check_ledger
from gigctl.model import REGULAR, Change, CheckSpec, Content, Reference
from gigctl.records import DecisionRecord, GigRecord
from support.desk import Office
from support.keys import make_key
from support.repositories import Repository, make_repository

CALC = b"from shop.tax import rate\n\n\ndef total(x):\n    return x * rate()\n\n\n# far\n# away\n# from\n\n\ndef half(x):\n    return x / 2\n"  # noqa: E501
FILES = {
    "shop/__init__.py": b"",
    "shop/calc.py": CALC,
    "shop/tax.py": b"def rate():\n    return 2\n",
    "shop/view.py": b"from .calc import total\n",
    "README.md": b"# Shop\n",
    "logo.png": b"\x89PNG\0one",
}
DOUBLED = Change("shop/calc.py", REGULAR, CALC.replace(b"x * rate()", b"2 * x * rate()"))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "office")
    yield made
    assert check_ledger(made.desk.ledger) == []
    made.close()


@pytest.fixture
def client(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "client", FILES)


def signed(office: Office, client: Repository, *changes: Change, **wish: Any) -> str:
    tasks = tuple(TaskWish(name=f"Step {n}", brief=f"Do step {n}") for n in range(1, len(changes) + 1))
    return office.signed_code(client.path, *(Content((change,)) for change in changes), tasks=tasks, **wish)


def update(office: Office, gig: str, rev: str = "HEAD", **options: bool) -> Moved:
    return move_base(office.desk, gig, rev, **options)


def fates(moved: Moved) -> dict[str, tuple[str, str]]:
    return {task.ref: (task.fate, task.why) for task in moved.tasks}


def gig_of(office: Office, ref: str) -> GigRecord:
    with office.desk.ledger.reading() as tx:
        return gigs.get_gig(tx, Reference.parse(ref) or Reference("none"))


def signature(office: Office, ref: str) -> DecisionRecord | None:
    task = office.task(ref)
    with office.desk.ledger.reading() as tx:
        return None if task.signed_id is None else decisions.get_decision(tx, task.signed_id)


def content(office: Office, ref: str) -> dict[str, bytes | None]:
    current_id = office.task(ref).current_id or 0
    with office.desk.ledger.reading() as tx:
        current = revisions.get_content(tx, current_id)
    return {change.path: change.data for change in current.changes}


# --- what is kept ---


def test_a_signature_is_kept_where_nothing_that_it_saw_changed(
    office: Office, client: Repository, tmp_path: Path
) -> None:
    gig = signed(office, client, DOUBLED)
    before = signature(office, f"{gig}.1")
    assert before is not None
    client.commit({"README.md": b"# The shop\n", "new.py": b"x = 1\n"})
    moved = update(office, gig)
    assert fates(moved) == {f"{gig}.1": ("carried", "its files and what they hang on are as they were")}
    kept = signature(office, f"{gig}.1")
    assert kept is not None
    assert (kept.carried_from, kept.actor, kept.voided) == (before.id, before.actor, None)
    assert kept.signed_input != before.signed_input
    assert (gig_of(office, gig).base_commit, office.task(f"{gig}.1").input_base) == (client.head, client.tree)
    client.commit({"README.md": b"# Our shop\n"})
    update(office, gig)
    again = signature(office, f"{gig}.1")
    assert again is not None
    assert again.carried_from == before.id  # the human's, not the one that was carried
    (done,) = deliver(office.desk, [gig], Options(output=tmp_path / "out"))
    assert [one.carried for one in done.manifest.signoffs] == [True]
    assert done.manifest.git["base"] == client.head
    client.git("am", *map(str, sorted((tmp_path / "out").glob("*.patch"))))
    assert (client.path / "shop/calc.py").read_bytes() == DOUBLED.data


def test_the_required_checks_run_again_and_a_failing_one_sends_it_back(office: Office, client: Repository) -> None:
    check = CheckSpec("quiet", "command", {"run": ["sh", "-c", "! grep -q loud README.md"]})
    gig = signed(office, client, DOUBLED, checks=(check,))
    client.commit({"README.md": b"loud\n"})
    assert fates(update(office, gig)) == {
        f"{gig}.1": ("review", 'required check "quiet" is fail on the new base')}  # fmt: skip
    assert office.task(f"{gig}.1").state == "review"
    assert signature(office, f"{gig}.1") is None


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("shop/tax.py", "the client changed shop/tax.py, which it hangs on"),
        ("shop/view.py", "the client changed shop/view.py, which it hangs on"),
        ("shop/calc.py", "the client changed shop/calc.py"),
    ],
)
def test_a_change_to_the_files_or_to_what_they_hang_on_is_looked_at(
    office: Office, client: Repository, path: str, why: str
) -> None:
    gig = signed(office, client, DOUBLED)
    client.commit({path: FILES[path] + b"\n\n# more\n"})
    assert fates(update(office, gig)) == {f"{gig}.1": ("review", why)}
    assert office.task(f"{gig}.1").state == "review"
    made = content(office, f"{gig}.1")["shop/calc.py"] or b""
    assert made.startswith((DOUBLED.data or b"")[:60])
    assert made.endswith(b"# more\n") == (path == "shop/calc.py")
    office.sign(f"{gig}.1")


def test_one_that_was_signed_with_a_key_is_signed_by_nobody_else(
    office: Office, client: Repository, tmp_path: Path
) -> None:
    gig = office.add_gig(craft="code", repository=str(client.path), brief="Double")
    office.draft(f"{gig}.1", Content((DOUBLED,), client.tree))
    office.sign(gig, signer=str(make_key(tmp_path)))
    client.commit({"README.md": b"# The shop\n"})
    assert fates(update(office, gig))[f"{gig}.1"][0] == "review"
    assert signature(office, f"{gig}.1") is None


def test_what_waits_for_one_that_is_looked_at_again_is_looked_at_too(office: Office, client: Repository) -> None:
    tasks = (TaskWish(name="one", brief="One"), TaskWish(name="two", brief="Two", after=("one",)))
    gig = office.add_gig(craft="code", repository=str(client.path), brief="Both", tasks=tasks)
    for number, change in enumerate((DOUBLED, Change("new.py", REGULAR, b"x = 1\n")), 1):
        office.draft(f"{gig}.{number}", Content((change,), client.tree))
        office.sign(f"{gig}.{number}")
    client.commit({"shop/calc.py": CALC + b"# more\n"})
    assert [fate for fate, _ in fates(update(office, gig)).values()] == ["review", "review"]
    assert [task.state for task in office.tasks(gig)] == ["review", "review"]


# --- conflicts ---


def test_a_conflict_is_marked_and_can_not_be_signed_unawares(office: Office, client: Repository) -> None:
    gig = signed(office, client, DOUBLED)
    client.commit({"shop/calc.py": CALC.replace(b"x * rate()", b"rate() * x"), ".gitattributes": b"* merge=union\n"})
    dry = update(office, gig, dry_run=True)
    moved = update(office, gig)
    assert dry.tasks == moved.tasks
    (task,) = moved.tasks
    assert (task.fate, [(one.path, one.marked) for one in task.conflicts]) == ("conflict", [("shop/calc.py", True)])
    data = content(office, f"{gig}.1")["shop/calc.py"] or b""
    head = f"<<<<<<< the new base {client.head[:12]}\n    return rate() * x\n=======\n".encode()
    assert head + f"    return 2 * x * rate()\n>>>>>>> {gig}.1\n".encode() in data
    with pytest.raises(GateError, match="not signed"):
        office.sign(f"{gig}.1")
    (told,) = [one for one in review.prepare_sign(office.desk, [gig]).gating if one[1].name == "conflicts"]
    assert told[1].evidence[0].message.startswith("both sides changed these lines")
    assert (told[1].evidence[0].part, told[1].evidence[0].line) == ("shop/calc.py", 5)
    record = office.task(f"{gig}.1")
    settled = Change("shop/calc.py", REGULAR, CALC.replace(b"x * rate()", b"2 * rate() * x"))
    review.add_edit(office.desk, record, Content((settled,), record.input_base))
    office.sign(f"{gig}.1")
    client.commit({"README.md": b"# The shop\n"})
    assert fates(update(office, gig))[f"{gig}.1"][0] == "carried"
    record = office.task(f"{gig}.1")
    with office.desk.ledger.reading() as tx:
        assert "conflicts" not in [verdict.name for verdict in revisions.get_revision(tx, record).verdicts]


@pytest.mark.parametrize(
    ("change", "theirs", "why"),
    [
        (DOUBLED, {"shop/calc.py": None}, "one side deleted it, the other changed it"),
        (Change("README.md", REGULAR, None), {"README.md": b"# Changed\n"}, "one side deleted it"),
        (Change("logo.png", REGULAR, b"\x89PNG\0two"), {"logo.png": b"\x89PNG\0three"}, "both sides changed"),
    ],
)  # fmt: skip
def test_a_conflict_that_can_not_be_marked_is_decided_or_signed_despite(
    office: Office, client: Repository, change: Change, theirs: dict[str, bytes | None], why: str
) -> None:
    gig = signed(office, client, change)
    for path, data in theirs.items():
        if data is None:
            client.place(path).unlink()
        else:
            client.write({path: data})
    client.commit()
    (task,) = update(office, gig).tasks
    assert task.fate == "conflict"
    assert why in task.conflicts[0].why
    with pytest.raises(GateError, match="decide, or sign --despite"):
        office.sign(f"{gig}.1")
    office.sign(f"{gig}.1", despite="as it was left")


def test_a_file_where_the_client_has_a_folder_now_is_drafted_anew(office: Office, client: Repository) -> None:
    gig = signed(office, client, Change("docs", REGULAR, b"all in one\n"))
    client.commit({"docs/index.md": b"# Docs\n"})
    (task,) = update(office, gig).tasks
    assert (task.fate, office.task(f"{gig}.1").state) == ("redo", "review")
    with pytest.raises(WaitsForHuman, match="older source"):
        office.sign(f"{gig}.1")


def test_a_change_that_the_client_has_already(office: Office, client: Repository) -> None:
    gig = signed(office, client, DOUBLED)
    client.commit({"shop/calc.py": DOUBLED.data or b""})
    assert fates(update(office, gig)) == {f"{gig}.1": ("review", "the new base has its change already")}


# --- what is not signed ---


def test_a_draft_follows_and_what_was_asked_again_stays_asked(office: Office, client: Repository) -> None:
    tasks = tuple(TaskWish(name=name, brief=name) for name in ("drafted", "asked again", "empty"))
    gig = office.add_gig(craft="code", repository=str(client.path), brief="All", tasks=tasks)
    for number in (1, 2):
        office.draft(f"{gig}.{number}", Content((DOUBLED,), client.tree))
    review.redo(office.desk, [f"{gig}.2"], "shorter, please", ["manual"])
    client.commit({"shop/calc.py": CALC + b"# more\n"})
    assert [fate for fate, _ in fates(update(office, gig)).values()] == ["review", "review", "ready"]
    assert [task.state for task in office.tasks(gig)] == ["review", "ready", "ready"]
    assert (content(office, f"{gig}.1")["shop/calc.py"] or b"").endswith(b"# more\n")
    asked = office.task(f"{gig}.2").id
    with office.desk.ledger.reading() as tx:
        round_ = rounds.find_open_round(tx, asked)
    assert round_ is not None
    assert (round_.notes, round_.input_n) == (("shorter, please",), 2)


# --- what is refused ---


def test_a_dry_run_changes_nothing(office: Office, client: Repository) -> None:
    gig = signed(office, client, DOUBLED)
    before = (gig_of(office, gig), office.tasks(gig))
    client.commit({"README.md": b"# The shop\n"})
    moved = update(office, gig, dry_run=True)
    assert (moved.done, moved.tasks[0].fate) == (False, "carried")
    assert (gig_of(office, gig), office.tasks(gig)) == before


def test_each_thing_that_can_not_be_is_a_line(office: Office, client: Repository, tmp_path: Path) -> None:
    gig = signed(office, client, DOUBLED)
    assert update(office, gig).old == update(office, gig).new  # nothing moved
    for rev, why in (("none", "no revision 'none'"), ("HEAD^{tree}", "no revision"), ("--all", "is no revision")):
        with pytest.raises(UsageError, match=why):
            update(office, gig, rev)
    client.git("checkout", "--quiet", "--orphan", "other")
    client.commit({"README.md": b"elsewhere\n"})
    with pytest.raises(UsageError, match="no history in common"):
        update(office, gig)
    text = office.translation()
    with pytest.raises(UsageError, match="no repository"):
        update(office, text)
    client.git("checkout", "--quiet", "main")
    client.commit({"README.md": b"# More\n"})
    task = office.task(f"{gig}.1")
    with Run(office.desk.ledger) as run:
        with office.desk.ledger.writing() as tx:
            round_ = rounds.open_round(tx, task, agents=["manual"])
            rounds.claim_slot(tx, round_.slots[0], run.id)
        with pytest.raises(TemporaryError, match=f"run {run.id} works on {gig}"):
            update(office, gig)
    assert office.task(f"{gig}.1").state == "signed"
