"""What the client's formatter makes of a draft is a revision of the human who asked for it, checked like any other."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gigctl.errors import ConfigError, UsageError
from gigctl.flow import review
from gigctl.flow.formatting import format_task, is_offered
from gigctl.ledger import revisions
from gigctl.model import LINK, REGULAR, Change, Content
from gigctl.records import RevisionRecord
from gigctl.system.sandbox import Missing, find_sandbox
from support.desk import Office
from support.repositories import make_repository
from support.terminal import run_gigctl

pytestmark = pytest.mark.skipif(isinstance(find_sandbox(), Missing), reason="no sandbox works here")

SETTINGS = "[tool.ruff.format]\nquote-style = 'single'\n"
OLD = 'def old( a ):\n    return  "a"\n\n\n'
BAD = f'{OLD}def new( b ):\n    return  "b"\n'
GOOD = f"{OLD}def new(b):\n    return 'b'\n"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    made = Office(tmp_path / "office")
    made.environ["PATH"] = os.environ["PATH"]
    yield made
    made.close()


def begin(office: Office, folder: Path, *changes: Change, settings: str = SETTINGS) -> str:
    """A gig whose one task has an agent's draft; the task."""
    client = make_repository(folder / "client", {"pyproject.toml": settings, "a.py": OLD})
    gig = office.add_gig(craft="code", repository=str(client.path), brief="Add new")
    (task,) = office.tasks(gig)
    office.draft(task.ref, Content(changes or (Change("a.py", REGULAR, BAD.encode()),), task.input_base))
    return task.ref


def content(office: Office, revision: RevisionRecord) -> dict[str, bytes | None]:
    with office.desk.ledger.reading() as tx:
        return {change.path: change.data for change in revisions.get_content(tx, revision.id).changes}


def test_touched_lines_are_formatted_and_checked_again(office: Office, tmp_path: Path) -> None:
    ref = begin(office, tmp_path)
    (drafted,) = review.check_now(office.desk, [ref])
    assert {v.name for v in drafted.verdicts if v.gates} == {"ruff-format"}
    assert is_offered(office.desk, drafted)
    done = format_task(office.desk, ref, os.environ)
    assert (done.by, done.missing) == (("ruff-format",), ())
    made = done.revision
    assert made is not None
    assert (made.made_by, made.parent, made.ref) == ("human", drafted.number, f"{ref}@2")
    assert content(office, made) == {"a.py": GOOD.encode()}  # and what was there before is as it was
    assert not any(verdict.gates for verdict in made.verdicts)
    assert not is_offered(office.desk, made)
    assert format_task(office.desk, ref, os.environ).revision is None
    assert office.task(ref).current_id == made.id


def test_what_is_no_text_of_the_formatters_is_left_alone(office: Office, tmp_path: Path) -> None:
    others = (Change("b.txt", REGULAR, b"x  =  1"), Change("c.py", REGULAR, b"x\0y"), Change("d.py", LINK, b"a.py"))
    ref = begin(office, tmp_path, Change("-odd name.py", REGULAR, b"x  =  1"), *others)
    made = format_task(office.desk, ref, os.environ).revision
    assert made is not None
    assert content(office, made) == {"-odd name.py": b"x = 1\n", **{one.path: one.data for one in others}}


def test_a_draft_is_formatted_by_the_clients_settings_and_not_its_own(office: Office, tmp_path: Path) -> None:
    own = SETTINGS.replace("single", "double").encode()
    ref = begin(office, tmp_path, Change("a.py", REGULAR, BAD.encode()), Change("pyproject.toml", REGULAR, own))
    made = format_task(office.desk, ref, os.environ).revision
    assert made is not None
    assert content(office, made) == {"a.py": GOOD.encode(), "pyproject.toml": own}


def test_a_formatter_that_is_not_there(office: Office, tmp_path: Path) -> None:
    if shutil.which("prettier"):
        pytest.skip("prettier is installed here")
    settings = "[tool.ruff]\nline-length = 99\n"
    ref = begin(office, tmp_path, settings=settings)
    with pytest.raises(UsageError, match="acme-1 has no formatter: no settings of black"):
        format_task(office.desk, ref, os.environ)
    (tmp_path / "two").mkdir()
    client = make_repository(tmp_path / "two" / "client", {".prettierrc": "{}", "a.js": "1\n"})
    (task,) = office.tasks(office.add_gig(craft="code", repository=str(client.path), brief="Add new"))
    with pytest.raises(UsageError, match=r"acme-2\.1 has no draft to format"):
        format_task(office.desk, task.ref, os.environ)
    office.draft(task.ref, Content((Change("a.js", REGULAR, b"1;\n"),), task.input_base))
    with pytest.raises(ConfigError, match=r"acme-2\.1 was not formatted: prettier: node_modules/\.bin/prettier"):
        format_task(office.desk, task.ref, os.environ)


def test_a_text_has_no_formatter(office: Office) -> None:
    (task, *_) = office.tasks(office.translation())
    office.draft(task.ref, "Service contract")
    with pytest.raises(UsageError, match="is no change to a repository"):
        format_task(office.desk, task.ref, os.environ)


def test_at_the_terminal(office: Office, tmp_path: Path) -> None:
    ref = begin(office, tmp_path)
    office.close()
    env = {**office.environ, "PATH": os.environ["PATH"]}
    ran = run_gigctl("check", ref, home=tmp_path / "home", env=env, code=1)
    assert f"next: gigctl edit {ref}@1 --formatted" in ran.err
    ran = run_gigctl("edit", ref, "--formatted", home=tmp_path / "home", env=env)
    assert ran.out.startswith(f"{ref}@2  by you\n")
    assert f"next: gigctl sign {ref}" in ran.err
    ran = run_gigctl("edit", ref, "--formatted", home=tmp_path / "home", env=env)
    assert f"nothing to change in {ref}: ruff-format" in ran.err
    ran = run_gigctl("edit", ref, "--formatted", "--from", "-", home=tmp_path / "home", env=env, code=2)
    assert "leave out --from" in ran.err
    # Whoever spoils the form by hand is told of it.
    (tmp_path / "tree").mkdir()
    for name, text in (("a.py", BAD), ("pyproject.toml", SETTINGS)):
        (tmp_path / "tree" / name).write_text(text)
    ran = run_gigctl("edit", ref, "--from", tmp_path / "tree", home=tmp_path / "home", env=env)
    assert f"next: gigctl edit {ref} --formatted" in ran.err
