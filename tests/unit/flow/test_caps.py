"""What a reached cap stops, and what is said of it."""

from gigctl.flow.caps import Caps
from gigctl.ledger.attempts import NoRoom


def test_nothing_is_reached_at_first() -> None:
    caps = Caps()
    assert (caps.find(1), caps.all, caps.said, caps.codes) == ("", "", "", set())


def test_a_tasks_cap_and_its_gigs_stop_that_task_alone() -> None:
    caps = Caps()
    assert caps.reach(1, NoRoom("task", 0, 5, wait=False), "a") == "--max-cost-each is reached"
    assert caps.reach(2, NoRoom("gig", 0, 5, wait=False), "a") == "the gig's budget is reached"
    assert [caps.find(task) for task in (1, 2, 3)] == ["--max-cost-each is reached", "the gig's budget is reached", ""]
    assert (caps.all, caps.codes) == ("", {5})


def test_a_runs_cap_stops_all() -> None:
    caps = Caps()
    assert (
        caps.reach(1, NoRoom("run", 0, None, wait=False), "a")
        == "--max-cost: the price of a is unknown, and that fits under no cap"
    )
    assert caps.find(2) == caps.all == caps.said


def test_a_call_that_cost_more_than_it_could_stops_all() -> None:
    caps = Caps()
    caps.overspend("cheap")
    assert "cheap cost more than" in caps.find(7)
    assert caps.codes == {5}


def test_who_cost_more_than_it_could_fits_under_no_cap() -> None:
    said = Caps().reach(1, NoRoom("gig", 50, None, wait=False), "a", marked=True)
    assert said.startswith("the gig's budget: a cost more than it could")
    assert "gigctl agent test a" in said
