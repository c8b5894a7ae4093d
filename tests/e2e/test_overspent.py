"""An agent that cost more than it could is marked, the mark is said, and there is a way to be rid of it."""

from __future__ import annotations

from pathlib import Path

from support.llm_server import LLMServer, Reply
from support.office import open_office
from support.schema import check_document, check_stderr

FINE = "A fine text of some words."
DEAR = Reply(FINE, usage={"prompt_tokens": 10**6, "completion_tokens": 1, "total_tokens": 10**6 + 1})


def test_the_mark_is_seen_and_goes_with_a_test_that_keeps_within_its_bound(tmp_path: Path) -> None:
    office = open_office(tmp_path / "user")
    with LLMServer(lambda asked: DEAR) as server:
        office.add_agent("a", server.url, "--price-in", "1", "--price-out", "1")
        show = ("agent", "show", "a")
        assert check_document(office.gigctl(*show, "--json").out, "agent")["overspent"] is None
        assert "marked" not in office.gigctl(*show).out
        gig = office.add_texts(2)
        assert "cost more than the most" in office.gigctl("run", gig, "-a", "a", "-j", "1", code=5).err

        assert check_document(office.gigctl(*show, "--json").out, "agent")["overspent"].endswith("Z")
        assert "gigctl agent test a clears it" in office.gigctl(*show).out
        ran = office.gigctl("run", gig, "-a", "a", "-j", "1", "--json", code=5)
        warning, error = check_stderr(ran.err)
        assert "gigctl agent test a clears it" in warning["warning"]["message"]
        assert error["error"]["code"] == 5

        assert "more than the" in office.gigctl("agent", "test", "a").err
        assert "marked" in office.gigctl(*show).out
        server.script = lambda asked: Reply(FINE, usage=None)  # a cost that is not told proves nothing
        assert "no longer marked" not in office.gigctl("agent", "test", "a").err
        assert "marked" in office.gigctl(*show).out

        server.script = lambda asked: FINE
        assert "no longer marked" in office.gigctl("agent", "test", "a").err
        assert "marked" not in office.gigctl(*show).out
        assert check_stderr(office.gigctl("run", gig, "-a", "a", "--fresh", "--json").err) == []
        office.gigctl("ledger", "verify")
        # One that was never marked, and a test without a ledger: nothing to say, and none is made.
        assert office.gigctl("agent", "test", "a").err == ""
    fresh = open_office(tmp_path / "fresh")
    fresh.gigctl("agent", "show", "local")
    assert not (fresh.folder / "data").exists()


def test_who_is_marked_spends_nothing_under_a_budget(tmp_path: Path) -> None:
    office = open_office(tmp_path / "user")
    with LLMServer(lambda asked: DEAR) as server:
        office.add_agent("a", server.url, "--price-in", "1", "--price-out", "1")
        gig = office.add_texts(4, budget="2")
        office.gigctl("run", gig, "-a", "a", "-j", "1", code=5)
        asked = server.count
        ran = office.gigctl("run", gig, "-a", "a", "-j", "1", code=5)
        assert "gigctl agent test a" in ran.err
        assert server.count == asked
