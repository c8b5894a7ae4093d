"""Gigs through the installed command: from options, files and pipes, and everything that can be wrong with them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from support.repositories import make_repository
from support.schema import check_document, check_stderr
from support.terminal import on_terminal, run_gigctl, seen_on_terminal

CONTRACT = "# Contrat\n\nLe prestataire livre le rapport.\n\n```\ncode\n```\n\nLe client paie 120 euros.\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "contrat.fr.md").write_text(CONTRACT)
    run_gigctl("client", "add", "acme", "--currency", "EUR", home=folder, code=0)
    return folder


def added(home: Path, *words: str | Path, stdin: str | bytes = b"") -> dict[str, object]:
    ran = run_gigctl("gig", "add", "--json", *words, home=home, stdin=stdin, code=0)
    return dict(check_document(ran.out, "gig"))


def shown(home: Path, ref: str) -> dict[str, object]:
    return dict(check_document(run_gigctl("gig", "show", ref, "--json", home=home, code=0).out, "gig"))


def told(ran: object) -> list[str]:
    err = ran.err  # type: ignore[attr-defined]
    return [line.removeprefix("error: ") for line in err.splitlines() if line.startswith("error: ")]


def count(home: Path) -> int:
    return len(check_document(run_gigctl("gig", "list", "--json", home=home, code=0).out, "gig"))


# --- add ---


def test_a_file_named_twice_is_one(home: Path) -> None:
    once = added(home, "-c", "acme", "--source", "contrat.fr.md", "--from", "fr", "--to", "en")
    twice = added(
        home, "-c", "acme", "--source", "contrat.fr.md", "--source", "contrat.fr.md", "--from", "fr", "--to", "en"
    )
    assert twice["tasks"] == once["tasks"]


def test_an_empty_amount_is_none_and_lifts_no_cap(home: Path) -> None:
    words = ("gig", "add", "--craft", "writing", "--brief", "x")
    ran = run_gigctl(*words, "--budget", "", "--price", "", "--due", "", home=home, code=2)
    assert told(ran) == ["--price: it is empty", "--due: it is empty", "--budget: it is empty"]
    run_gigctl(*words, home=home, code=0)
    for cap in ("--max-cost", "--max-cost-each"):
        run_gigctl("run", "me-1", cap, "", home=home, code=2)


def test_each_language_is_named_once_and_is_not_the_sources(home: Path) -> None:
    words = ["gig", "add", "--source", "contrat.fr.md", "--from", "fr"]
    twice = "--to: de is there twice: expected each language once"
    assert told(run_gigctl(*words, "--to", "de", "--to", "DE", home=home, code=2)) == [twice]
    own = "--to: fr is the language of the sources: expected another one"
    assert told(run_gigctl(*words, "--to", "fr", home=home, code=2)) == [own]
    tasks = '[[task]]\nname = "a"\nto = ["en", "en"]\n[[task]]\nname = "b"\nto = "fr"\n'
    (home / "GIG.toml").write_text(f'source = "contrat.fr.md"\nfrom = "fr"\nto = ["de", "de"]\n{tasks}')
    assert told(run_gigctl("gig", "add", "GIG.toml", home=home, code=2)) == [
        f"GIG.toml: {twice[2:]}",
        "GIG.toml: task 1: to: en is there twice: expected each language once",
        "GIG.toml: task 2: to: fr is the language of the sources: expected another one",
    ]
    assert count(home) == 0
    run_gigctl(*words, "--to", "fr-CA", "--to", "fr-BE", home=home, code=0)
    assert told(run_gigctl("task", "add", "me-1", "--source", "contrat.fr.md", "--to", "fr", home=home, code=2)) == [
        own
    ]
    assert told(run_gigctl("gig", "edit", "me-1", "--from", "fr-CA", home=home, code=2))
    run_gigctl("task", "add", "me-1", "--craft", "writing", "--brief", "Résume.", "--to", "fr", home=home, code=0)


def test_sources_with_nothing_to_translate_are_told_and_the_way_on_is_honest(home: Path) -> None:
    (home / "nil.md").write_bytes(b"")
    (home / "code.md").write_text("```\nx = 1\n```\n")
    words = ["gig", "add", "--to", "en", "--source", "nil.md", "--source", "code.md"]
    assert run_gigctl(*words, home=home, code=0).err.splitlines() == [
        "left alone: 1 × code (gig show --verbose lists them)",
        "warning: nothing to translate in nil.md (it has no text)",
        "warning: nothing to translate in code.md (left alone: code)",
        "next: gigctl task add me-1 --source FILE, or gigctl gig remove me-1",
    ]
    assert run_gigctl(*words, "--source", "contrat.fr.md", home=home, code=0).err.endswith("next: gigctl run me-2\n")


def test_a_check_whose_program_is_not_there_is_warned_of(home: Path) -> None:
    tools = home / "bin"
    tools.mkdir()
    (tools / "quarrel").write_text("#!/bin/sh\n")
    (tools / "quarrel").chmod(0o755)
    env = {"PATH": f"{tools}:/usr/bin:/bin"}
    words = ["gig", "add", "--craft", "code", "--brief", "Mend it.", "--source", "contrat.fr.md", "--check"]
    warned = run_gigctl(*words, "acceptance=quarell -q", home=home, env=env, code=0).err
    said = "it can't be run as it is, and no signature without it"
    assert f"warning: check acceptance: there is no program 'quarell', did you mean quarrel?: {said}\n" in warned
    assert "warning" not in run_gigctl(*words, "acceptance=quarrel -q", home=home, env=env, code=0).err
    assert (
        "there is no program 'zzyzx' on PATH"
        in run_gigctl("gig", "edit", "me-2", "--check", "lint=zzyzx", home=home, env=env, code=0).err
    )


def test_uncommitted_changes_are_told(home: Path) -> None:
    place = home / "repo"
    make_repository(place, {"a.py": "a = 1\n", "b.py": "b = 1\n"})
    words = ["gig", "add", "--craft", "code", "--brief", "Mend it.", "--repo", place]
    assert "uncommitted" not in run_gigctl(*words, home=home, code=0).err
    (place / "a.py").write_text("a = 22\n")
    assert ": a.py\n" in run_gigctl(*words, home=home, code=0).err


def test_from_options(home: Path) -> None:
    words = ["gig", "add", "-c", "acme", "--source", "contrat.fr.md", "--from", "fr", "--to", "en", "--price", "120",
             "--due", "+2d"]  # fmt: skip
    ran = run_gigctl(*words, home=home, code=0)
    assert ran.out.startswith("acme-1  translation fr → en  3 tasks  due ")
    assert ran.out.endswith("  120.00 EUR\n")
    assert ran.err == "left alone: 1 × code (gig show --verbose lists them)\nnext: gigctl run acme-1\n"
    assert run_gigctl(*words, "-q", home=home, code=0).out == "acme-2\n"
    item = shown(home, "acme-1")
    assert item["tasks"] == {"total": 3, "ready": 3, "blocked": 0, "drafted": 0, "review": 0, "signed": 0,
                             "delivered": 0, "failed": 0, "cancelled": 0}  # fmt: skip
    assert [task["name"] for task in item["taskList"]] == ["contrat.fr.md:1", "contrat.fr.md:3", "contrat.fr.md:9"]


def test_into_two_languages(home: Path) -> None:
    item = added(home, "--source", "contrat.fr.md", "--to", "en", "--to", "pt_br")
    assert (item["ref"], item["to"], item["tasks"]["total"]) == ("me-1", ["en", "pt-BR"], 6)
    assert item["leftAlone"] == [{"source": "contrat.fr.md", "line": 5, "what": "code"}]


def test_from_a_file_and_options_win(home: Path) -> None:
    (home / "sub").mkdir()
    (home / "sub" / "a.md").write_text("Un.\n\nDeux.\n")
    (home / "sub" / "GIG.toml").write_text(
        '\ufeffclient = "acme"\nsource = "a.md"\nfrom = "fr"\nto = ["en"]\nprice = "50"\ndue = 2030-01-02\n'
        'title = "Deux mots"\n[set]\nformat = "text"\n[checks.short]\ncheck = "length"\nmax = 100\n',
        encoding="utf-8",
    )
    item = added(home, "sub/GIG.toml", "--price", "60USD", "--check", "length=1..5", "--budget", "0.5", "-a", "manual")
    assert (item["ref"], item["price"], item["due"]) == ("acme-1", {"amount": "60.00", "currency": "USD"}, "2030-01-02")
    assert item["budget"] == {"amount": "0.50", "currency": "USD"}
    page = shown(home, "acme-1")
    assert [check["name"] for check in page["checks"]] == ["short", "length"]
    assert page["options"] == {"format": "text"}
    assert page["agents"] == ["manual"]


def test_through_pipes(home: Path) -> None:
    assert added(home, "-", stdin='source = "contrat.fr.md"\nto = "en"\n')["tasks"]["total"] == 3
    assert added(home, "--source", "-", "--to", "en", stdin="Un.\n")["tasks"]["total"] == 1
    item = added(home, "--craft", "writing", "--brief", "-", stdin="Write a haiku.")
    assert shown(home, str(item["ref"]))["brief"] == "Write a haiku."
    for words in (["-", "--source", "-"], ["--brief", "-", "--source", "-"]):
        assert "twice" in run_gigctl("gig", "add", *words, home=home, code=2).err


def test_tasks_of_a_file_wait_for_each_other(home: Path) -> None:
    (home / "g.toml").write_text(
        'client = "acme"\ncraft = "translation"\nfrom = "fr"\nto = ["en", "de"]\nsource = "contrat.fr.md"\n'
        '[[task]]\nname = "body"\n[[task]]\nname = "blurb"\ncraft = "writing"\nbrief = "Sum it up."\nto = "en"\n'
        'source = "head"\nafter = "body"\n[[task]]\nname = "head"\ncraft = "writing"\nbrief = "A title."\n'
    )
    added(home, "g.toml")
    work = {(task["name"], task["language"]): task for task in shown(home, "acme-1")["taskList"]}
    assert work["blurb", "en"]["state"] == "blocked"
    assert len(work["blurb", "en"]["waitsFor"]) == 7
    assert work["head", "en"]["state"] == "ready"
    assert "waits for acme-1." in run_gigctl("gig", "show", "acme-1", home=home, code=0).out


BAD = """
clint = "acme"
due = 2020-01-01
price = 12.5
source = ["nope.md", ".", "contrat.fr.md", "contrat.fr.md"]
to = ["not a language"]
craft = "translating"
client = 5
[checks.length]
most = 3
[[task]]
name = "a"
after = "b"
[[task]]
name = "b"
after = ["a", "zz"]
to = "?"
[[task]]
after = "a"
"""


def test_all_errors_of_a_file_at_once(home: Path) -> None:
    (home / "bad.toml").write_text(BAD)
    ran = run_gigctl("gig", "add", "bad.toml", "--budget", "x", "--set", "y", "--check", "lenght", home=home, code=2)
    lines = told(ran)
    expected = [
        "bad.toml: clint: no such key, did you mean client?", "bad.toml: client: expected a text",
        "bad.toml: price: expected an amount", "bad.toml: checks.length:", 'bad.toml: task 2: after: no task',
        "bad.toml: task: these wait for each other in a circle: a, b", "bad.toml: task 3: name: expected one",
        "--check: no check is called 'lenght', did you mean length?", "--set y: expected KEY=VALUE",
        "bad.toml: craft: no craft is named 'translating'", "bad.toml: source: nope.md: No such file",
        "bad.toml: source: . is a folder", "bad.toml: to: 'not a language' is no language",
        "bad.toml: due: 2020-01-01 is past", "--budget: 'x' is no amount", "bad.toml: task 2: to: '?' is no language",
    ]  # fmt: skip
    assert [any(line.startswith(start) for line in lines) for start in expected] == [True] * len(expected), ran.err
    assert len(lines) == len(expected)
    assert count(home) == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nope.toml"], "can't read nope.toml"),
        (["."], "is no file"),
        (["contrat.fr.md"], "no TOML"),
        (["binary"], "expected TOML in UTF-8"),
        (["deep.toml"], "no TOML"),
        (["huge.toml"], "larger than"),
        (["--title", "t"], "--craft: nothing says what is to be done: --to LANGUAGE for a translation, --repo PATH"),
        (["--source", "contrat.fr.md", "--brief", "x"], "--craft writing for a text"),
        (["--source", "contrat.fr.md", "--from", "fr"], "--to: translation needs it: nothing says into which language"),
        (["--to", "en", "--source", "binary"], "UTF-8"),
        (["--to", "en", "--source", "contrat.fr.md", "--source", "sub/contrat.fr.md"], "two are named contrat.fr.md"),
        (["--craft", "writing"], "--brief: writing needs it"),
        (["--craft", "translation", "--source", "contrat.fr.md"], "--to: translation needs it"),
        (["--craft", "code", "--brief", "x", "--repo", "sub"], "is no git repository"),
        (["--to", "en", "--repo", "."], "translation works on files"),
        (["-c", "bolt", "--to", "en"], '--client: there is no client "bolt" (gigctl client add bolt)'),
        (["-c", "mee", "--to", "en"], '--client: there is no client "mee", did you mean me?'),
        (["--to", "en", "-a", "lcal"], '--agent: there is no agent "lcal", did you mean local?'),
        (["--to", "en", "--set", "x=1"], "has no such option"),
        (["--to", "en", "--due", "yesterday"], "--due: 'yesterday' is no date"),
        (["--to", "en", "--price", "1e3"], "--price: '1e3' is no amount"),
        (["--to", "en", "--budget", "5EUR"], "no rate for EUR"),
        (["--to", "en", "-a", "nobody"], 'no agent "nobody"'),
        (["--craft", "writing", "--brief", "@nope"], "nope: No such file"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_stays(empty: Path, words: list[str], expected: str) -> None:
    ran = run_gigctl("gig", "add", *words, home=empty, code=2)
    assert expected in ran.err
    assert "Traceback" not in ran.err
    assert count(empty) == 0


def test_unknown_and_bad_options_are_told_together(empty: Path) -> None:
    words = ["--craft", "writing", "--brief", "x", "--price", "60,50", "--due", "27.11.2035", "-a", "nobody"]
    settings = ["--set", "lenght=2", "--set", "length=5", "--set", "format=html", "--set", "colour=red"]
    in_file = 'craft = "writing"\nbrief = "x"\nprice = "120€"\n'
    in_file += '[set]\nlenght = "2"\nlength = "5"\n[checks.length]\nmin = "a"\n'
    (empty / "bad.toml").write_text(in_file)
    assert told(run_gigctl("gig", "add", *words, *settings, home=empty, code=2)) == [
        "--price: '60,50' is no amount: write 60.50",
        "--set lenght: writing has no such option, did you mean length?",
        "--set length=5: expected 120..160, ..160 or 300..500 words",
        "--set format=html: expected text or markdown",
        "--set colour: writing has no such option: expected one of length, required, forbidden, format, language, file",
        "--due: '27.11.2035' is no date: write 2035-11-27",
        '--agent: there is no agent "nobody"',
    ]
    assert told(run_gigctl("gig", "add", "bad.toml", home=empty, code=2)) == [
        "bad.toml: checks.length: min is a whole number, got 'a'",
        "bad.toml: price: '120€' is no amount: write 120EUR",
        "bad.toml: set lenght: writing has no such option, did you mean length?",
        "bad.toml: set length=5: expected 120..160, ..160 or 300..500 words",
    ]
    assert count(empty) == 0


def test_bad_options_are_refused_by_edit_too(home: Path) -> None:
    added(home, "--brief", "A haiku.")
    assert told(run_gigctl("gig", "edit", "me-1", "--set", "length=5", "--set", "x=1", home=home, code=2)) == [
        "--set length=5: expected 120..160, ..160 or 300..500 words",
        "--set x: writing has no such option: expected one of length, required, forbidden, format, language, file",
    ]


def test_the_craft_follows_from_what_is_said(home: Path) -> None:
    assert added(home, "--brief", "A haiku.")["craft"] == "writing"
    assert added(home, "--source", "contrat.fr.md", "--from", "fr", "--to", "en")["craft"] == "translation"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without any gig, which none of these tests gives it one."""
    folder = tmp_path_factory.mktemp("empty")
    (folder / "contrat.fr.md").write_text(CONTRACT)
    (folder / "sub").mkdir()
    (folder / "sub" / "contrat.fr.md").write_text("Autre.\n")
    (folder / "binary").write_bytes(b"\x00\xff\xfe" * 100)
    (folder / "deep.toml").write_text("a = " + "[" * 50_000)
    (folder / "huge.toml").write_bytes(b"# much\n" * 1_000_000)
    return folder


def test_a_wall_is_asked_before_anything_is_written(home: Path) -> None:
    run_gigctl("client", "edit", "acme", "--policy", "local-only", home=home, code=0)
    run_gigctl("agent", "add", "far", "--model", "m", "--api-base", "https://example.invalid/v1", home=home, code=0)
    words = ["-c", "acme", "--to", "en", "--source", "contrat.fr.md", "-a", "local,far"]
    assert "local-only" in run_gigctl("gig", "add", *words, home=home, code=6).err
    assert count(home) == 0


# --- back to a file ---


def gig_of(home: Path, ref: str) -> dict[str, object]:
    """What makes a gig, without what every gig has of its own."""
    page = shown(home, ref)
    work = [{k: v for k, v in task.items() if k not in ("ref", "waitsFor")} for task in page["taskList"]]
    waits = [[ref.partition(".")[2] for ref in task["waitsFor"]] for task in page["taskList"]]
    return {k: v for k, v in page.items() if k not in ("ref", "created", "taskList")} | {"work": work, "waits": waits}


FILES = {
    "options": ["-c", "acme", "--source", "contrat.fr.md", "--from", "fr", "--to", "en", "--price", "1.5", "--due",
                "+9d", "--budget", "0.000001", "-a", "manual,local", "--title", 'Say "so"\n', "--check",
                "length=1..900", "--check", "regex=^[A-Z]", "--check", "acceptance=sh -c 'exit 0'",
                "--set", "format=markdown"],
    "a brief": ["-c", "acme", "--craft", "writing", "--brief", 'One\ntwo """three"""\\', "--set",
                "length=10..20 words"],
    "code": ["--craft", "code", "--source", "app.py", "--brief", "Tidy.", "--check", "acceptance=true"],
    "a file": ["tasks.toml"],
}  # fmt: skip


@pytest.mark.parametrize("words", FILES.values(), ids=FILES.keys())
def test_written_back_it_makes_the_same_gig(home: Path, words: list[str]) -> None:
    (home / "app.py").write_text("x = 1\n")
    (home / "other.md").write_text("Salut.\n")
    (home / "tasks.toml").write_text(
        'client = "acme"\ncraft = "translation"\nto = ["en", "de"]\nsource = "contrat.fr.md"\n'
        '[checks.ok]\nrun = ["true"]\nrequired = false\ntimeout = "5m"\n[checks.terms]\nforbidden = ["foo"]\n'
        '[[task]]\nname = "body"\n[[task]]\nname = "more"\nsource = "other.md"\nafter = "body"\nto = "fr"\n'
        '[[task]]\nname = "sum"\ncraft = "writing"\nbrief = "Sum up."\nsource = "more"\n'
    )
    ref = str(added(home, *words)["ref"])
    ran = run_gigctl("gig", "show", ref, "--toml", home=home, code=0)
    assert tomllib.loads(ran.out)["craft"] in ("translation", "writing", "code")
    (home / "back.toml").write_text(ran.out)
    again = str(added(home, "back.toml")["ref"])
    assert again != ref
    assert gig_of(home, again) == gig_of(home, ref)
    assert run_gigctl("gig", "show", again, "--toml", home=home, code=0).out == ran.out
    for option in ("--json", "--jsonl"):
        assert "one at a time" in run_gigctl("gig", "show", ref, "--toml", option, home=home, code=2).err


@pytest.mark.parametrize(("text", "why"), [("", "it has no text"), ("```\nx\n```\n", "left alone: code")])
def test_a_gig_without_a_task_says_so_and_what_to_do(home: Path, text: str, why: str) -> None:
    (home / "a.md").write_text(text)
    words = ("gig", "add", "--source", "a.md", "--from", "fr", "--to", "en")
    ran = run_gigctl(*words, home=home, code=0)
    way_on = "next: gigctl task add me-1 --source FILE, or gigctl gig remove me-1\n"
    assert ran.err.endswith(f"warning: nothing to translate in a.md ({why})\n{way_on}")
    assert "nothing to translate" in check_stderr(run_gigctl(*words, "--json", home=home).err)[0]["warning"]["message"]
    assert run_gigctl("gig", "show", "me-1", home=home, code=0).err == way_on
    ran = run_gigctl("run", "me-1", home=home, code=0)
    assert (ran.out, ran.err) == ("nothing to run: there is no open task\n", "next: gigctl gig show me-1\n")
    assert "it has no task\nhint: gigctl task add me-1" in run_gigctl("deliver", "me-1", home=home, code=2).err


# --- looking ---


def test_lists_and_filters(home: Path) -> None:
    for due, craft in (("+1d", "translation"), ("+9d", "translation"), ("", "writing")):
        words = ["--to", "en", "--source", "contrat.fr.md"] if craft == "translation" else ["--brief", "x"]
        added(home, "-c", "acme" if due else "me", "--craft", craft, *words, *(["--due", due] if due else []))
    run_gigctl("gig", "close", "acme-2", home=home, code=0)

    def refs(*words: str) -> list[str]:
        return run_gigctl("gig", "list", "-q", *words, home=home, code=0).out.split()

    assert refs() == ["acme-1", "acme-2", "me-1"]
    assert refs("-c", "acme") == ["acme-1", "acme-2"]
    assert refs("--state", "open") == ["acme-1", "me-1"]
    assert refs("--craft", "writing") == ["me-1"]
    assert refs("--due", "+3d") == ["acme-1"]
    assert refs("--limit", "1") == ["acme-1"]
    assert "closed" in run_gigctl("gig", "list", home=home).out.splitlines()[1]
    for words, said in (
        (["gig", "list", "--state", "x"], "--state x: there is no such state of a gig: expected open or closed"),
        (["gig", "list", "--state", "opne"], "--state opne: there is no such state of a gig, did you mean open?"),
        (["gig", "list", "--craft", "writting"], "--craft writting: there is no such craft, did you mean writing?"),
        (["queue", "--craft", "writting"], "--craft writting: there is no such craft, did you mean writing?"),
        (["queue", "--state", "reveiw"], "--state reveiw: there is no such state, did you mean review?"),
        (["queue", "-c", "amce"], 'there is no client "amce", did you mean acme?'),
        (["run", "--craft", "writting"], "--craft writting: there is no such craft, did you mean writing?"),
    ):
        assert told(run_gigctl(*words, home=home, code=2)) == [said]
    assert run_gigctl("gig", "show", "acme-1", "-q", home=home, code=0).out == "acme-1.1\nacme-1.2\nacme-1.3\n"


def test_an_empty_list_says_what_to_type(home: Path) -> None:
    ran = run_gigctl("gig", "list", home=home, code=0)
    assert ran.out == ""
    assert ran.err == "no gig yet\nnext: gigctl gig add --help\n"


def test_what_was_left_alone_is_listed(home: Path) -> None:
    added(home, "--to", "en", "--source", "contrat.fr.md")
    ran = run_gigctl("gig", "show", "me-1", "-v", home=home, code=0)
    assert ran.err == "left alone: contrat.fr.md:5  code\n"


def test_a_clients_words_are_no_terminal_control(home: Path) -> None:
    (home / "a\x1b[2J.md").write_text("Bonjour.\n")
    added(home, "--to", "en", "--source", "a\x1b[2J.md", "--title", "x\x1b]0;y\x07", "--brief", "b\x1b[31m")
    for words in (["gig", "show", "me-1"], ["gig", "list"]):
        assert "\x1b[2J" not in (text := seen_on_terminal(*words, home=home).out)
        assert "\x1b]0" not in text
        assert "\x1b[31m" not in text


# --- changing ---


def test_edit_close_and_open_again(home: Path) -> None:
    added(home, "-c", "acme", "--to", "en", "--source", "contrat.fr.md", "--price", "120", "--due", "+3d")
    run_gigctl("gig", "edit", "acme-1", "--price", "150USD", "--due", "", "--title", "New", "-a", "manual", "--budget",
               "2", "--from", "fr", "--brief", "Formal.", "--set", "format=markdown", home=home, code=0)  # fmt: skip
    page = shown(home, "acme-1")
    assert (page["price"], page["due"], page["title"]) == ({"amount": "150.00", "currency": "USD"}, None, "New")
    assert (page["agents"], page["from"], page["brief"], page["options"]) == (
        ["manual"], "fr", "Formal.", {"format": "markdown"},
    )  # fmt: skip
    run_gigctl("gig", "edit", "acme-1", "--set", "format=", "-a", "", "--budget", "", home=home, code=0)
    page = shown(home, "acme-1")
    assert (page["options"], page["agents"], page["budget"]) == ({}, [], None)
    assert "3 of its 3 tasks are not signed" in run_gigctl("gig", "close", "acme-1", home=home, code=0).err
    assert "closed already" in run_gigctl("gig", "close", "acme-1", home=home, code=2).err
    run_gigctl("gig", "edit", "acme-1", "--state", "open", home=home, code=0)
    assert shown(home, "acme-1")["state"] == "open"
    run_gigctl("ledger", "verify", home=home, code=0)


def test_edits_that_are_wrong(home: Path) -> None:
    added(home, "--craft", "writing", "--brief", "x", "--price", "5")
    ran = run_gigctl("gig", "edit", "me-1", "--due", "never", "--price", "x", "--budget", "y", "--from", "?", "--state",
                     "z", "--set", "nope=1", "--check", "what", "--brief", "", home=home, code=2)  # fmt: skip
    assert [line.split(":")[0] for line in told(ran)] == [
        "--check", "--from", "--due", "--budget", "--price", "--state", "--brief", "--set nope",
    ]  # fmt: skip
    assert "nothing was said" in run_gigctl("gig", "edit", "me-1", home=home, code=2).err
    assert "no agent" in run_gigctl("gig", "edit", "me-1", "-a", "nobody", home=home, code=2).err
    assert shown(home, "me-1")["price"] == {"amount": "5.00", "currency": "USD"}
    for word, said in (("me-9", "no gig me-9"), ("me-1.1", "is a task"), ("me", "is a client"), ("?", "no reference")):
        assert said in run_gigctl("gig", "show", word, home=home, code=2).err


def test_a_new_check_is_run_before_it_can_be_signed(home: Path) -> None:
    added(home, "--craft", "writing", "--brief", "Greet.")
    run_gigctl("edit", "me-1.1", "--from", "-", home=home, stdin="Hello there.", code=0)
    run_gigctl("gig", "edit", "me-1", "--check", "regex=Goodbye", home=home, code=0)
    assert "regex" in run_gigctl("sign", "me-1", "--expect", "1", home=home, code=1).err
    run_gigctl("gig", "edit", "me-1", "--check", "regex=Hello", home=home, code=0)
    run_gigctl("sign", "me-1", "--expect", "1", home=home, code=0)
    ran = run_gigctl("gig", "edit", "me-1", "--brief", "Other.", "--check", "length=1..3", home=home, code=2)
    assert "signed" in ran.err
    run_gigctl("gig", "edit", "me-1", "--due", "+3d", home=home, code=0)
    run_gigctl("reopen", "me-1", home=home, code=0)
    run_gigctl("gig", "edit", "me-1", "--brief", "Other.", home=home, code=0)
    run_gigctl("ledger", "verify", home=home, code=0)


# --- remove ---


def test_remove_erases_one_gig_alone(home: Path) -> None:
    (home / "secret.md").write_text("Le numbat rayé.\n")
    for source in ("secret.md", "contrat.fr.md"):
        added(home, "-c", "acme", "--to", "en", "--source", source)
    run_gigctl("edit", "acme-1.1", "--from", "-", home=home, stdin="The striped numbat.", code=0)
    run_gigctl("sign", "acme-1", "--expect", "1", home=home, code=0)
    child = on_terminal("gig", "remove", "acme-1", home=home)
    child.expect("Erase acme-1 with its 1 task, for good")
    child.sendline("yes")
    child.expect("erased acme-1")
    child.wait()
    data = home / ".local" / "share" / "gigctl"
    assert b"numbat" not in b"".join(p.read_bytes() for p in data.rglob("*") if p.is_file())
    assert "no gig acme-1" in run_gigctl("gig", "show", "acme-1", home=home, code=2).err
    assert shown(home, "acme-2")["sources"] == ["contrat.fr.md"]
    run_gigctl("ledger", "verify", home=home, code=0)
    assert added(home, "-c", "acme", "--to", "en", "--source", "contrat.fr.md")["ref"] == "acme-3"
