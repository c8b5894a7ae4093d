"""The books through the installed command: verified, copied, put back, written out."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from gigctl.system.sandbox import Missing, find_sandbox
from support.books import behind
from support.repositories import make_repository
from support.schema import check_document, check_error, check_lines
from support.terminal import GIGCTL, environment, run_gigctl


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "a.md").write_text("Bonjour.\n\nSalut.\n")
    run_gigctl("gig", "add", "--source", "a.md", "--from", "fr", "--to", "en", home=folder, code=0)
    for ref, text in (("me-1.1", "Hello."), ("me-1.2", "Hi.")):
        run_gigctl("edit", ref, "--from", "-", home=folder, stdin=text, code=0)
    run_gigctl("sign", "me-1", "--expect", "2", home=folder, code=0)
    return folder


def ledger(home: Path) -> Path:
    return home / ".local" / "share" / "gigctl" / "ledger.sqlite"


def verified(home: Path, code: int = 0) -> dict[str, object]:
    return dict(check_document(run_gigctl("ledger", "verify", "--json", home=home, code=code).out, "ledger"))


def test_path_makes_nothing(tmp_path: Path) -> None:
    ran = run_gigctl("ledger", "path", home=tmp_path, code=0)
    assert ran.out == f"{tmp_path}/.local/share/gigctl/ledger.sqlite\n"
    assert [p.name for p in tmp_path.iterdir()] == ["home"]  # the test's own
    assert "no ledger" in run_gigctl("ledger", "verify", home=tmp_path, code=3).err
    assert not ledger(tmp_path).exists()


def test_verify(home: Path) -> None:
    item = verified(home)
    assert (item["ok"], item["problems"]) == (True, [])
    assert f"head {item['head']}" in run_gigctl("ledger", "verify", home=home, code=0).out
    behind(ledger(home), "UPDATE blob SET data = CAST('Hellp.' AS BLOB) WHERE data = CAST('Hello.' AS BLOB)")
    assert "was changed" in run_gigctl("ledger", "verify", home=home, code=3).out
    damaged = verified(home, code=3)
    assert damaged["ok"] is False
    assert damaged["problems"]


def test_backup_and_restore(home: Path) -> None:
    before = verified(home)
    made = check_document(run_gigctl("ledger", "backup", "--json", home=home, code=0).out, "ledger")["path"]
    assert Path(made).parent == ledger(home).parent / "backups"
    assert "already" in run_gigctl("ledger", "backup", made, home=home, code=3).err
    run_gigctl("gig", "add", "--craft", "writing", "--brief", "x", home=home, code=0)
    done = check_document(run_gigctl("ledger", "restore", made, "--json", home=home, code=0).out, "ledger")
    assert verified(home) == before
    run_gigctl("ledger", "restore", done["kept"], home=home, code=0)
    assert run_gigctl("gig", "list", "-q", home=home, code=0).out == "me-1\nme-2\n"


def test_a_backup_that_can_not_be_noted_is_made_all_the_same(home: Path) -> None:
    (ledger(home).parent / "backups").touch()
    ran = run_gigctl("ledger", "backup", "copy.sqlite", home=home, code=0)
    assert ran.out == f"{home}/copy.sqlite\n"
    assert "warning: where it is can't be noted (" in ran.err
    run_gigctl("ledger", "backup", home=home, code=3)


@pytest.mark.skipif(isinstance(find_sandbox(), Missing), reason="no bubblewrap that makes a folder read-only")
def test_a_ledger_on_a_disk_that_can_not_be_written_is_copied_elsewhere(home: Path) -> None:
    before, data = verified(home), ledger(home).parent
    bound = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(data), str(data)]
    done = subprocess.run([*bound, GIGCTL, "ledger", "backup", "copy.sqlite"], cwd=home, env=environment(home),
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "can't be noted (Read-only file system)" in done.stderr
    run_gigctl("ledger", "restore", "copy.sqlite", home=home, code=0)
    assert verified(home) == before


# --- the trees of code gigs ---


@pytest.fixture
def code(home: Path) -> str:
    """A signed code gig on a repository with history, a tag, and a shallow past."""
    repository = make_repository(home / "origin", {"a.py": "x = 1\n"})
    repository.git("tag", "v1")
    repository.commit({"a.py": "x = 2\n"})
    subprocess.run(["git", "clone", "-q", "--depth=1", f"file://{home}/origin", home / "repo"], check=True)
    run_gigctl("gig", "add", "--craft", "code", "--repo", "repo", "--brief", "Say 3.", home=home, code=0)
    (home / "new").mkdir()
    (home / "new" / "a.py").write_text("x = 3\n")
    run_gigctl("edit", "me-2.1", "--from", "new", home=home, code=0)
    run_gigctl("sign", "me-2", "--expect", "1", home=home, code=0)
    return "me-2"


def test_a_backup_has_the_trees_of_code_gigs(home: Path, code: str) -> None:
    diff = run_gigctl("diff", f"{code}.1", home=home, code=0).out
    copy = home / "usb" / "copy.sqlite"
    made = check_document(run_gigctl("ledger", "backup", copy, "--json", home=home, code=0).out, "ledger")
    assert made["trees"] == f"{copy}.trees"
    assert stat.S_IMODE(Path(made["trees"]).stat().st_mode) == 0o600
    assert "already" in run_gigctl("ledger", "backup", copy, home=home, code=3).err
    elsewhere = {"GIGCTL_HOME": str(home / "elsewhere")}
    ran = run_gigctl("ledger", "restore", copy, home=home, env=elsewhere, code=0)
    assert "warning" not in ran.err
    run_gigctl("ledger", "verify", home=home, env=elsewhere, code=0)
    assert run_gigctl("diff", f"{code}.1", home=home, env=elsewhere, code=0).out == diff
    run_gigctl("deliver", code, "--as", "patches", "-o", "out", home=home, env=elsewhere, code=0)
    run_gigctl("verify", "out", home=home, code=0)


def test_a_backup_without_its_trees_is_restored_and_told(home: Path, code: str) -> None:
    run_gigctl("ledger", "backup", "copy.sqlite", home=home, code=0)
    (home / "copy.sqlite.trees").unlink()
    elsewhere = {"GIGCTL_HOME": str(home / "elsewhere")}
    assert (
        f"not beside the backup, nor here: {code}"
        in run_gigctl("ledger", "restore", "copy.sqlite", home=home, env=elsewhere, code=0).err
    )
    assert "which a code gig starts from" in run_gigctl("ledger", "verify", home=home, env=elsewhere, code=3).out


def test_a_damaged_copy_of_trees_restores_nothing(home: Path, code: str) -> None:
    run_gigctl("ledger", "backup", "copy.sqlite", home=home, code=0)
    trees = home / "copy.sqlite.trees"
    whole = trees.read_bytes()
    for data in (b"", whole[: len(whole) // 2], whole.replace(b"PACK", b"pack")):
        trees.write_bytes(data)
        elsewhere = {"GIGCTL_HOME": str(home / "elsewhere")}
        assert "damaged" in run_gigctl("ledger", "restore", "copy.sqlite", home=home, env=elsewhere, code=3).err
        assert not (home / "elsewhere" / "data" / "ledger.sqlite").exists()


def test_a_changed_byte_of_a_tree_is_found(home: Path, code: str) -> None:
    assert verified(home)["ok"] is True
    store = next(path for path in (ledger(home).parent).iterdir() if (path / "objects").is_dir())
    objects = [path for path in (store / "objects").rglob("*") if path.is_file() and path.suffix != ".idx"]
    for path in objects:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.chmod(0o600)
        path.write_bytes(data)
    out = run_gigctl("ledger", "verify", home=home, code=3).out
    assert "is damaged" in out or "which a code gig starts from" in out


def test_what_is_removed_names_the_copies_of_its_trees_too(home: Path, code: str) -> None:
    run_gigctl("ledger", "backup", "copy.sqlite", home=home, code=0)
    ran = run_gigctl("gig", "remove", code, "-y", home=home, code=0)
    assert f"{home}/copy.sqlite.trees" in ran.out + ran.err


def test_a_damaged_ledger_can_be_replaced(home: Path) -> None:
    run_gigctl("ledger", "backup", home / "copy.sqlite", home=home, code=0)
    ledger(home).write_bytes(b"")
    ran = run_gigctl("gig", "list", "--json", home=home, code=3)
    assert "restore" in check_error(ran.err)["hint"]
    run_gigctl("ledger", "restore", home / "copy.sqlite", home=home, code=0)
    assert verified(home)["ok"] is True


def test_what_is_not_restored(home: Path) -> None:
    before = verified(home)
    (home / "text").write_text("no ledger" * 1000)
    run_gigctl("ledger", "restore", home / "text", home=home, code=3)
    run_gigctl("ledger", "restore", home / "nothing", home=home, code=2)
    run_gigctl("ledger", "backup", home / "copy.sqlite", home=home, code=0)
    behind(home / "copy.sqlite", "UPDATE decision SET actor = 'somebody else'")
    assert "is damaged" in run_gigctl("ledger", "restore", home / "copy.sqlite", home=home, code=3).err
    assert verified(home) == before


def test_a_newer_ledger_is_told(home: Path) -> None:
    behind(ledger(home), "PRAGMA user_version=99")
    assert "update gigctl" in run_gigctl("queue", home=home, code=3).err


# --- export ---


def test_export_has_everything(home: Path) -> None:
    ran = run_gigctl("ledger", "export", home=home, code=0)
    items = check_lines(ran.out, "export")
    kinds = [item["kind"] for item in items]
    assert {kind: kinds.count(kind) for kind in set(kinds) - {"event"}} == {
        "client": 1, "gig": 1, "source": 1, "task": 2, "revision": 2, "decision": 2,
    }  # fmt: skip
    events = [item for item in items if item["kind"] == "event"]
    assert events[-1]["hash"] == verified(home)["head"]
    texts = [item["files"][0]["text"] for item in items if item["kind"] == "revision"]
    assert texts == ["Hello.", "Hi."]
    assert next(item for item in items if item["kind"] == "source")["text"] == "Bonjour.\n\nSalut.\n"
    document = check_document(run_gigctl("ledger", "export", "--json", home=home, code=0).out, "export")
    assert document == items


def test_export_of_some_gigs(home: Path) -> None:
    run_gigctl("gig", "add", "--craft", "writing", "--brief", "x", home=home, code=0)
    items = check_lines(run_gigctl("ledger", "export", "me-2", home=home, code=0).out, "export")
    assert [item["kind"] for item in items] == ["gig", "task"]
    assert "no gig me-9" in run_gigctl("ledger", "export", "me-9", home=home, code=2).err


def test_bytes_that_are_no_text_are_exported_too(home: Path) -> None:
    (home / "b.bin").write_bytes(b"\xff\x00")
    run_gigctl("gig", "add", "--craft", "code", "--source", "b.bin", "--brief", "x", home=home, code=0)
    items = [json.loads(line) for line in run_gigctl("ledger", "export", "me-2", home=home, code=0).out.splitlines()]
    assert next(item for item in items if item["kind"] == "source")["base64"] == "/wA="


def test_a_reader_that_leaves_ends_it_quietly(home: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {GIGCTL} ledger export | head -1"],
        env=environment(home),
        capture_output=True,
        check=True,
        text=True,
    )
    assert json.loads(done.stdout)["kind"] == "client"
    assert done.stderr == ""
