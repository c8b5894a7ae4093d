"""Clients through the installed command: taken on, changed, and erased."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.schema import check_document
from support.terminal import GIGCTL, environment, on_terminal, run_gigctl


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    return folder


def client(home: Path, *words: str) -> dict[str, object]:
    return dict(check_document(run_gigctl("client", *words, "--json", home=home, code=0).out, "client"))


def test_add_show_list_edit(home: Path) -> None:
    (home / "style.md").write_text("\ufeffFormal, short.\n")
    (home / "terms.csv").write_text("# ours\nprestataire;service provider\n\nobjet;purpose\n")
    item = client(home, "add", "acme", "--name", "Acme SA", "--currency", "eur", "--policy", "local-only", "--rate",
                  "60", "--style", "style.md", "--glossary", "terms.csv")  # fmt: skip
    assert (item["ref"], item["currency"], item["policy"]) == ("acme", "EUR", "local-only")
    assert item["rate"] == {"amount": "60.00", "currency": "EUR"}
    assert item["style"] == "Formal, short.\n"
    assert client(home, "show", "ac") == item
    shown = run_gigctl("client", "show", "acme", home=home, code=0).out
    assert "2 terms" in shown
    assert "60.00 EUR an hour" in shown
    changed = client(home, "edit", "acme", "--style", "", "--rate", "", "--name", "New")
    assert (changed["style"], changed["rate"], changed["name"]) == (None, None, "New")
    assert changed["glossary"] == item["glossary"]
    listed = check_document(run_gigctl("client", "list", "--json", home=home, code=0).out, "client")
    assert [one["ref"] for one in listed] == ["acme", "me"]
    assert run_gigctl("client", "list", "-q", home=home).out == "acme\nme\n"


def test_the_currency_is_the_settings_own_unless_it_is_said(home: Path) -> None:
    run_gigctl("config", "set", "currency", "CHF", home=home, code=0)
    assert client(home, "add", "acme")["currency"] == "CHF"


def test_no_two_clients_differ_by_capitals_alone(home: Path) -> None:
    run_gigctl("client", "add", "Acme", home=home, code=0)
    for slug, known in (("ME", "me"), ("aCME", "Acme")):
        ran = run_gigctl("client", "add", slug, home=home, code=2)
        assert f"the client {known} by capitals alone" in ran.err
        assert f"hint: gigctl client show {known}\n" in ran.err
    assert run_gigctl("client", "list", "-q", home=home).out == "Acme\nme\n"


def test_a_rate_is_for_an_hour(home: Path) -> None:
    assert "for an hour" in run_gigctl("client", "add", "acme", "--rate", "60/h", home=home, code=2).err
    assert "hour" in run_gigctl("client", "add", "--help", home=home, code=0).out.partition("--rate")[2]


def test_everything_that_is_wrong_at_once(home: Path) -> None:
    (home / "latin.txt").write_bytes(b"caf\xe9")
    (home / "terms.csv").write_text("one,un\nno pair here\n,empty\nfine,bien\n")
    ran = run_gigctl("client", "add", "a-b", "--policy", "none", "--rate", "much", "--currency", "EURO", "--style",
                     "latin.txt", "--glossary", "terms.csv", home=home, code=2)  # fmt: skip
    told = [line.removeprefix("error: ") for line in ran.err.splitlines() if line.startswith("error: ")]
    assert [line.partition(":")[0] for line in told] == [
        '"a-b" is no client\'s reference', "--currency", "--policy", "--style", "--glossary", "--glossary", "--rate",
    ]  # fmt: skip
    assert "byte 3" in ran.err
    assert "line 2" in ran.err
    assert "line 3" in ran.err
    assert "acme" not in run_gigctl("client", "list", home=home).out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--style", "."], "is no file"),
        (["--style", "nothing"], "No such file"),
        (["--glossary", "/dev/zero"], "is no file"),
        (["--rate", "60USD", "--currency", "EUR"], "not in the client's currency"),
    ],
)
def test_what_can_not_be_read(home: Path, words: list[str], told: str) -> None:
    assert told in run_gigctl("client", "add", "acme", *words, home=home, code=2).err


def test_the_nearest_name_is_told(home: Path) -> None:
    run_gigctl("client", "add", "notary", home=home, code=0)
    assert 'no client "notray", did you mean notary?' in run_gigctl("client", "show", "notray", home=home, code=2).err
    assert 'no client "notray", did you mean notary?' in run_gigctl("gig", "show", "notray-1", home=home, code=2).err
    far = run_gigctl("client", "show", "zzz", home=home, code=2).err
    assert far == 'error: there is no client "zzz"\nhint: gigctl client add zzz\n'


def test_mistakes(home: Path) -> None:
    client(home, "add", "acme", "--rate", "60", "--currency", "EUR")
    assert "already" in run_gigctl("client", "add", "acme", home=home, code=2).err
    assert "no client" in run_gigctl("client", "show", "bolt", home=home, code=2).err
    assert "nothing was said" in run_gigctl("client", "edit", "acme", home=home, code=2).err
    assert "--rate" in run_gigctl("client", "edit", "acme", "--currency", "USD", home=home, code=2).err
    assert "only your gigs" in run_gigctl("client", "remove", "me", "-y", home=home, code=2).err
    ran = run_gigctl("client", "edit", "acme", "--policy", "only:lokal", home=home, code=0)
    assert "no such agent" in ran.err


# --- remove ---


def everything(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink())


def repository(folder: Path) -> Path:
    folder.mkdir()
    (folder / "app.py").write_text("PASSPHRASE = 'kookaburra kookaburra'\n")
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "kookaburra"], ["tag", "-m", "kookaburra", "v1"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    return folder


def test_what_a_client_gave_is_gone_from_the_disk(home: Path, tmp_path: Path) -> None:
    data = home / ".local" / "share" / "gigctl"
    client(home, "add", "acme", "--name", "Kookaburra Ltd")
    client(home, "add", "bolt", "--name", "Bolt")
    (home / "a.md").write_text("The kookaburra merger.\n\n" * 300)
    for owner in ("acme", "bolt"):
        kept = tmp_path / owner
        repository(kept) if owner == "acme" else (kept.mkdir(), (kept / "app.py").write_text("x = 1\n"))
        where = ["--repo", kept] if owner == "acme" else ["--source", kept / "app.py"]
        run_gigctl("gig", "add", "-c", owner, "--craft", "code", *where, "--brief", "Tidy up.", home=home, code=0)
    run_gigctl("gig", "add", "-c", "acme", "--source", "a.md", "--to", "fr", home=home, code=0)
    run_gigctl("ledger", "backup", home=home, code=0)
    run_gigctl("ledger", "backup", home / "else where.sqlite", home=home, code=0)
    assert b"kookaburra" in everything(data)
    ran = run_gigctl("client", "remove", "acme", "-y", home=home, code=0)
    assert ran.out == "erased acme\n"
    command = next(line for line in ran.err.splitlines() if "to delete: " in line).partition("to delete: ")[2]
    assert "2 backups" in ran.err
    subprocess.run(["sh", "-c", command], check=True)
    assert not (home / "else where.sqlite").exists()
    left = everything(data)
    assert b"ookaburra" not in left
    found = [line for line in git_objects(data / "git") if b"ookaburra" in line]
    assert found == []
    assert run_gigctl("ledger", "verify", home=home, code=0)
    assert check_document(run_gigctl("gig", "list", "--json", home=home, code=0).out, "gig")[0]["ref"] == "bolt-1"
    assert any(b"x = 1" in line for line in git_objects(data / "git"))


def git_objects(store: Path) -> list[bytes]:
    """The bytes of every object in a git store, reachable or not."""
    names = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"], cwd=store, capture_output=True, check=True
    )
    return names.stdout.split(b"\n")


def test_it_asks_first(home: Path) -> None:
    client(home, "add", "acme")
    assert "-y" in run_gigctl("client", "remove", "acme", home=home, code=2).err
    child = on_terminal("client", "remove", "acme", home=home)
    child.expect("for good")
    child.sendline("no")
    child.expect("nothing was erased")
    child.wait()
    assert child.exitstatus == 2
    child = on_terminal("client", "remove", "acme", home=home)
    child.expect("for good")
    child.sendline("y")
    child.expect("erased acme")
    child.wait()
    assert child.exitstatus == 0
    assert "no client" in run_gigctl("client", "show", "acme", home=home, code=2).err


def test_not_while_a_run_works_on_it(home: Path) -> None:
    client(home, "add", "acme")
    (home / "slow.sh").write_text("#!/bin/sh\nsleep 30\n")
    (home / "slow.sh").chmod(0o755)
    (home / "answers.toml").write_text('[[rules]]\nmatch = ""\nanswer = "Bonjour"\ndelay = 20\n')
    run_gigctl("agent", "add", "slow", "--kind", "scripted", "--", home / "answers.toml", home=home, code=0)
    run_gigctl("gig", "add", "-c", "acme", "--craft", "writing", "--brief", "Say hello.", home=home, code=0)
    running = subprocess.Popen(
        [GIGCTL, "run", "acme-1", "-a", "slow", "--no-progress"], env=environment(home), stdout=-3, stderr=-3
    )
    try:
        for _ in range(100):
            ran = run_gigctl("gig", "show", "acme-1", "--json", home=home, code=0)
            events = run_gigctl("ledger", "export", home=home, code=0).out
            if '"attempt begun"' in events:
                break
        assert ran.json["item"]["state"] == "open"
        for words in (["client", "remove", "acme", "-y"], ["gig", "remove", "acme-1", "-y"],
                      ["client", "edit", "acme", "--policy", "local-only"]):  # fmt: skip
            assert "run 1 works on acme" in run_gigctl(*words, home=home, code=75).err
        assert "run 1" in run_gigctl("task", "remove", "acme-1.1", home=home, code=75).err.replace("by a run", "run 1")
    finally:
        running.kill()
        running.wait()
    run_gigctl("client", "remove", "acme", "-y", home=home, code=0)
    run_gigctl("ledger", "verify", home=home, code=0)


@pytest.mark.parametrize("head", ["source,target", "Term,Translation", "fr,en", "French,English"])
def test_a_glossarys_header_is_no_term(tmp_path: Path, head: str) -> None:
    (tmp_path / "terms.csv").write_text(f"{head}\nprestataire,provider\noui,yes\n")
    ran = run_gigctl("client", "add", "acme", "--glossary", "terms.csv", home=tmp_path, code=0)
    assert "2 terms" in ran.out
    (tmp_path / "terms.csv").write_text("oui,yes\nnon,no\n")
    assert "2 terms" in run_gigctl("client", "edit", "acme", "--glossary", "terms.csv", home=tmp_path, code=0).out
    (tmp_path / "terms.csv").write_text(f"{head}\n")
    assert "no term in it" in run_gigctl("client", "edit", "acme", "--glossary", "terms.csv", home=tmp_path, code=2).err
