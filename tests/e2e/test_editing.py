"""Writing oneself: what an editor shows, what of it becomes the revision, and what a folder may take away."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from support.terminal import GIGCTL, Ran, on_terminal, run_gigctl, seen_on_terminal

SOURCE = "Le prix est de 12 euros."


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    return folder


@pytest.fixture
def draft(home: Path) -> str:
    """A task whose draft failed a check and was asked for again; `b.txt` ends without a newline."""
    (home / "b.txt").write_text(SOURCE)
    (home / "answers.json").write_text(json.dumps([{"match": "prix", "answer": "The price is high."}]))
    run_gigctl("agent", "add", "script", "--kind", "scripted", "--", home / "answers.json", home=home, code=0)
    run_gigctl("gig", "add", "--source", home / "b.txt", "--from", "fr", "--to", "en", home=home, code=0)
    run_gigctl("run", "me-1", "-a", "script", "--repair", "0", home=home, code=1)
    run_gigctl("redo", "me-1.1", "-m", "say the figure", home=home, code=0)
    return "me-1.1"


def edit(home: Path, ref: str, script: str, *args: str) -> Ran:
    """`gigctl edit` on a terminal with a shell script for the editor: `$1` is its file."""
    editor = home / "editor"
    editor.write_text(f'#!/bin/sh\nset -e\ncp "$1" "{home}/seen"\n{script}\n')
    editor.chmod(0o755)
    return seen_on_terminal("edit", ref, *args, home=home, columns=200, env={"EDITOR": str(editor)})


def text(home: Path, ref: str) -> str:
    return run_gigctl("show", ref, "--text", home=home, code=0).out


def test_the_editor_shows_source_checks_and_note_below_a_line_that_says_so(home: Path, draft: str) -> None:
    ran = edit(home, draft, 'sed -i "s/high/12 euros/" "$1"')
    assert ran.code == 0, ran.out
    assert text(home, draft) == "The price is 12 euros."
    above, line, below = re.split(r"^(.* >8 .*)\n", (home / "seen").read_text(), flags=re.M)
    assert above == "The price is high.\n"
    assert draft in line
    assert "ignored" in line
    for what in (SOURCE, "12 in the source, missing in the draft", "say the figure"):
        assert what in below


def test_where_the_line_is_gone_nothing_is_guessed_and_nothing_lost(home: Path, draft: str) -> None:
    ran = edit(home, draft, 'sed -i -e "s/high/12 euros/" -e "/>8/d" "$1"')
    assert ran.code == 2
    assert "can't be told" in ran.out
    command = re.search(r"then gigctl (edit .*)", ran.out)
    assert command is not None
    kept = Path(command[1].split()[-1])
    assert "The price is 12 euros." in kept.read_text()
    assert text(home, draft) == "The price is high."
    kept.write_text("The price is 12 euros.\n")
    run_gigctl(*command[1].split(), home=home, code=0)
    assert text(home, draft) == "The price is 12 euros."


def test_where_the_whole_was_replaced_the_whole_is_the_text(home: Path, draft: str) -> None:
    assert edit(home, draft, 'printf "It is 12 euros.\n" > "$1"').code == 0
    assert text(home, draft) == "It is 12 euros."


def test_what_was_written_while_the_task_moved_is_kept_without_what_was_below(home: Path, draft: str) -> None:
    (home / "other").write_text("Mine is 12 euros.")
    ran = edit(home, draft, f'"{GIGCTL}" edit {draft} --from "{home}/other"\nsed -i "s/high/12 euros/" "$1"')
    assert ran.code == 2
    assert "changed while it was being edited" in ran.out
    command = re.search(r"what you wrote is in \S+: gigctl (edit [^;\n]*)", ran.out)
    assert command is not None
    assert Path(command[1].split()[-1]).read_text() == "The price is 12 euros.\n"
    run_gigctl(*command[1].split(), home=home, code=0)
    assert text(home, draft) == "The price is 12 euros."


def test_an_editor_that_fails_records_nothing_and_loses_nothing(home: Path, draft: str) -> None:
    ran = edit(home, draft, 'sed -i "s/high/12/" "$1"\nexit 3')
    assert ran.code == 2
    assert "nothing was recorded" in ran.out
    assert text(home, draft) == "The price is high."
    kept = re.search(r"what you wrote is in (\S+):", ran.out)
    assert kept is not None
    assert Path(kept[1]).read_text() == "The price is 12.\n"


def test_an_editor_that_fails_at_once_leaves_nothing_behind(home: Path, draft: str) -> None:
    ran = edit(home, draft, f'echo "$1" > "{home}/where"\nexit 1')
    assert (ran.code, "what you wrote" in ran.out) == (2, False)
    assert not Path((home / "where").read_text().strip()).parent.exists()


def test_closing_the_editor_makes_no_draft_of_the_source(home: Path) -> None:
    (home / "b.txt").write_text(SOURCE)
    run_gigctl("gig", "add", "--source", home / "b.txt", "--from", "fr", "--to", "en", home=home, code=0)
    ran = edit(home, "me-1.1", "true")
    assert (ran.code, "nothing was changed" in ran.out) == (2, True)
    assert run_gigctl("show", "me-1.1", "--json", home=home).json["item"]["revisions"] == []


def test_what_a_client_wrote_does_nothing_to_the_terminal_or_the_text(home: Path) -> None:
    (home / "b.txt").write_bytes(b"Le prix\x1b[31m est de 12 euros.\r\n# ------ >8 ------ me-1.1: ...\r\n")
    run_gigctl("gig", "add", "--craft", "writing", "--brief", "x", "--source", home / "b.txt", home=home, code=0)
    run_gigctl("edit", "me-1.1", "--from", "-", home=home, stdin="One.\r\nTwo.\r\n", code=0)
    assert edit(home, "me-1.1", "sed -i 1s/One/Eins/ $1").code == 0
    assert text(home, "me-1.1") == "Eins.\r\nTwo.\r\n"
    seen = (home / "seen").read_bytes()
    assert b"\x1b" not in seen
    assert "␛[31m est de 12 euros.\r\n".encode() in seen


def test_without_a_terminal_the_editor_has_the_text_alone(home: Path, draft: str) -> None:
    editor = home / "editor"
    editor.write_text(f'#!/bin/sh\ncp "$1" "{home}/seen"\nprintf "It is 12 euros." > "$1"\n')
    editor.chmod(0o755)
    run_gigctl("edit", draft, home=home, env={"EDITOR": str(editor)}, code=0)
    assert (home / "seen").read_text() == "The price is high."


@pytest.mark.parametrize("by_editor", [True, False])
def test_an_emptied_text_is_taken_back(by_editor: bool, home: Path, draft: str) -> None:
    env = {"TMPDIR": str(home / "tmp")}
    (home / "tmp").mkdir()
    if by_editor:
        editor = home / "editor"
        editor.write_text('#!/bin/sh\nprintf "\\n" > "$1"\n')
        editor.chmod(0o755)
        ran = run_gigctl("edit", draft, home=home, env={"EDITOR": str(editor), **env}, code=2)
    else:
        ran = run_gigctl("edit", draft, "--from", "-", home=home, env=env, code=2)
    assert ran.err == "error: nothing was recorded: the text is empty\n"
    assert text(home, draft) == "The price is high."
    assert list((home / "tmp").iterdir()) == []


def test_an_empty_text_of_a_client_has_an_empty_text(home: Path) -> None:
    (home / "b.txt").write_text("\n")
    run_gigctl("gig", "add", "--craft", "writing", "--brief", "x", "--source", home / "b.txt", home=home, code=0)
    run_gigctl("edit", "me-1.1", "--from", "-", home=home, stdin="Something.", code=0)
    run_gigctl("edit", "me-1.1", "--from", "-", home=home, code=0)
    assert text(home, "me-1.1") == ""
    said = run_gigctl("sign", "me-1.1@2", "--despite", "it is", home=home, code=0).err
    assert "me-1.1@2  edited by you  (empty)" in said


@pytest.mark.parametrize("editor", ["nonesuch --wait", "'nonesuch", " "])
def test_an_editor_that_is_not_there_is_named_and_nothing_is_left(editor: str, home: Path, draft: str) -> None:
    (home / "tmp").mkdir()
    ran = run_gigctl("edit", draft, home=home, env={"EDITOR": editor, "TMPDIR": str(home / "tmp")}, code=2)
    assert editor.split(" --")[0] in ran.err
    assert "what you wrote" not in ran.err
    assert "export EDITOR" in ran.err
    assert list((home / "tmp").iterdir()) == []


def test_an_editor_is_found_from_where_one_stands_and_one_that_cant_start_leaves_nothing(
    home: Path, draft: str
) -> None:
    (home / "tmp").mkdir()
    (home / "mine").write_text('#!/bin/sh\nprintf "It is 12 euros." > "$1"\n')
    (home / "broken").write_text("#!/no/such/program\n")
    for name in ("mine", "broken"):
        (home / name).chmod(0o755)
    env = {"TMPDIR": str(home / "tmp")}
    run_gigctl("edit", draft, home=home, env={**env, "EDITOR": "./mine"}, code=0)
    assert text(home, draft) == "It is 12 euros."
    assert "what you wrote" not in run_gigctl("edit", draft, home=home, env={**env, "EDITOR": "./broken"}, code=3).err
    assert list((home / "tmp").iterdir()) == []


def test_a_text_from_a_pipe_is_taken_and_one_without_an_end_is_not(home: Path, draft: str) -> None:
    pipe = home / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", f"echo 'From a pipe 12.' > {pipe}"]):
        run_gigctl("edit", draft, "--from", pipe, home=home)
    assert text(home, draft) == "From a pipe 12."
    ran = run_gigctl("edit", draft, "--from", "/dev/zero", home=home, code=2)
    assert "/dev/zero has more than 16 MiB" in ran.err
    assert text(home, draft) == "From a pipe 12."


def test_several_are_edited_in_turn_and_those_left_as_they_were_are_told(home: Path) -> None:
    (home / "c.md").write_text("# Titre\n\nUn prix.\n\nDeux prix.\n")
    run_gigctl("gig", "add", "--source", "c.md", "--from", "fr", "--to", "en", home=home, code=0)
    env = {"EDITOR": "sed -i s/prix/price/"}
    refs = ("me-1.2", "me-1.1", "me-1.3")
    ran = run_gigctl("edit", *refs, home=home, env=env, code=0)
    assert [line for line in ran.out.splitlines() if line.startswith("me-")] == ["me-1.2@1  by you", "me-1.3@1  by you"]
    assert "warning: left as before: me-1.1\n" in ran.err
    ran = run_gigctl("edit", *refs, home=home, env=env, code=2)
    assert (ran.out, "nothing was changed in me-1.2, me-1.1, me-1.3" in ran.err) == ("", True)
    run_gigctl("sign", "me-1.3@1", "--despite", "so be it", home=home, code=0)
    ran = run_gigctl("edit", "me-1.1", "me-1.3", home=home, env={"EDITOR": "sed -i s/Titre/Title/"}, code=2)
    assert "warning: recorded before that: me-1.1@1\n" in ran.err


@pytest.mark.parametrize("on_tty", [True, False])
def test_a_line_of_a_draft_that_begins_with_a_hash_is_no_comment(on_tty: bool, home: Path) -> None:
    draft = "# Tixle\n\n#x is no comment, nor is\n# this: x"
    run_gigctl("gig", "add", "--craft", "writing", "--brief", "Write x.", "-a", "manual", home=home, code=0)
    run_gigctl("edit", "me-1.1", "--from", "-", home=home, stdin=draft, code=0)
    if on_tty:
        assert edit(home, "me-1.1", 'sed -i s/x/y/ "$1"').code == 0
    else:
        run_gigctl("edit", "me-1.1", home=home, env={"EDITOR": "sed -i s/x/y/"}, code=0)
    assert text(home, "me-1.1") == draft.replace("x", "y")


def test_what_is_signed_opens_no_editor(home: Path, draft: str) -> None:
    run_gigctl("sign", f"{draft}@1", "--despite", "so be it", home=home, code=0)
    ran = edit(home, draft, "true")
    assert (ran.code, (home / "seen").exists()) == (2, False)
    assert f"gigctl reopen {draft} first" in ran.out


# --- a change to a tree ---


@pytest.fixture
def code(home: Path) -> str:
    """A code task with a draft; its repository has eight files."""
    repo = home / "repo"
    repo.mkdir()
    for n in range(8):
        (repo / f"f{n}.txt").write_text(f"{n}\n")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(repo)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    run_gigctl("gig", "add", "--craft", "code", "--repo", repo, "--brief", "Say nine", home=home, code=0)
    return "me-1.1"


def folder(home: Path, *names: str) -> Path:
    """A copy with these files alone of the repository's, and one more."""
    made = home / "copy"
    made.mkdir()
    for name in names:
        (made / name).write_bytes((home / "repo" / name).read_bytes())
    (made / "new.txt").write_text("nine\n")
    return made


def test_a_folder_that_lacks_files_deletes_them_only_where_that_is_said(home: Path, code: str) -> None:
    copy = folder(home, "f0.txt")
    refused = run_gigctl("edit", code, "--from", copy, home=home, code=2)
    assert "7 files" in refused.err
    assert "f1.txt, f2.txt, f3.txt, f4.txt, f5.txt and 2 more" in refused.err
    assert "-y" in refused.err
    assert run_gigctl("show", code, "--json", home=home).json["item"]["revisions"] == []
    run_gigctl("edit", code, "--from", copy, "-y", home=home, code=0)
    (copy / "new.txt").write_text("9\n")
    assert "lacks" not in run_gigctl("edit", code, "--from", copy, home=home, code=0).err  # they are deleted already


def test_on_a_terminal_it_is_asked(home: Path, code: str) -> None:
    copy = folder(home, *(f"f{n}.txt" for n in range(7)))
    for answer, exit_code in (("n", 2), ("y", 0)):
        child = on_terminal("edit", code, "--from", str(copy), home=home)
        child.expect("f7.txt")
        child.expect("Delete 1 file")
        child.sendline(answer)
        child.expect_exact("me-1.1@1" if answer == "y" else "nothing was recorded")
        child.wait()
        child.close()
        assert child.exitstatus == exit_code


def test_a_whole_folder_asks_nothing(home: Path, code: str) -> None:
    copy = folder(home, *(f"f{n}.txt" for n in range(8)))
    assert "warning" not in run_gigctl("edit", code, "--from", copy, home=home, code=0).err


def test_sign_off_files_are_no_edit(home: Path, code: str) -> None:
    """`deliver` alone writes them: a folder that has some, or has them no more, changes nothing by that."""
    copy = folder(home, *(f"f{n}.txt" for n in range(8)))
    (copy / ".gigctl/signoffs").mkdir(parents=True)
    (copy / ".gigctl/signoffs/me-9.1.json").write_text("{}")
    ran = run_gigctl("edit", code, "--from", copy, home=home, code=0)
    assert "left out: what changed in .gigctl/signoffs/" in ran.err
    revision = run_gigctl("show", code, "--json", home=home).json["item"]["revisions"][-1]
    assert "signoffs" not in json.dumps(revision)
    assert "new.txt" in json.dumps(revision)


def test_for_a_change_to_a_tree_the_rest_is_said_before_the_editor_opens(home: Path, code: str) -> None:
    copy = folder(home, *(f"f{n}.txt" for n in range(8)))
    run_gigctl("edit", code, "--from", copy, home=home, code=0)
    ran = edit(home, code, 'echo 9 > "$1"')
    assert ran.code == 0
    assert ran.out.index("Say nine") < ran.out.index("me-1.1@2")
    assert (home / "seen").read_text() == "nine\n"
