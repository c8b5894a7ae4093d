"""What is next: DESIGN's "One task's way" and "What happened to a call", row by row; then any story at all."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from gigctl.flow.steps import (
    TRIES,
    YOURS,
    Assess,
    Attempt,
    AttemptFact,
    Done,
    Review,
    RoundFacts,
    SlotFacts,
    TaskFacts,
    VerdictFact,
    Wait,
    next_steps,
)

READY = TaskFacts("ready")
PASS, FAIL = (VerdictFact("pass", True),), (VerdictFact("pass", True), VerdictFact("fail", True))


def call(agent: str = "a", outcome: str | None = "draft", **more: object) -> AttemptFact:
    return AttemptFact(agent, outcome, **{"this_run": True, **more})  # type: ignore[arg-type]


def drafted(id_: int, verdicts: tuple[VerdictFact, ...] | None = None, agent: str = "a", **more: object) -> AttemptFact:
    return call(agent, id=id_, revision=100 + id_, verdicts=verdicts, **more)


def one(
    *attempts: AttemptFact, agents: tuple[str, ...] = ("a", "b"), leased: bool = False, **more: object
) -> RoundFacts:
    return RoundFacts(agents, (SlotFacts(1, 1, attempts, leased),), **more)  # type: ignore[arg-type]


def next_of(*attempts: AttemptFact, task: TaskFacts = READY, **more: object) -> object:
    steps = next_steps(task, one(*attempts, **more))
    assert len(steps) == 1
    return steps[0]


# --- one task's way ---


def test_states_that_no_run_moves() -> None:
    assert next_steps(TaskFacts("signed"), one()) == [Done("signed")]
    assert next_steps(TaskFacts("cancelled"), one()) == [Done("cancelled")]
    assert next_steps(TaskFacts("blocked"), one()) == [Wait("blocked")]
    assert next_steps(TaskFacts("review"), None) == [Review("nothing is asked for")]
    assert next_steps(READY, None) == [Wait("later")]


def test_no_draft_is_asked_for() -> None:
    assert next_of() == Attempt(1, "a")


def test_a_draft_without_verdicts_is_assessed() -> None:
    assert next_of(drafted(1)) == Assess(1, 101)


def test_a_draft_that_passes_is_reviewed() -> None:
    assert next_of(drafted(1, PASS)) == Review("a draft passed its checks")


def test_a_failed_check_is_repaired_with_the_draft() -> None:
    assert next_of(drafted(1, FAIL)) == Attempt(1, "a", mends=1, again=True)


def test_repairs_are_bounded() -> None:
    story = (drafted(1, FAIL), drafted(2, FAIL, mends=1), drafted(3, FAIL, mends=2))
    assert next_of(*story) == Review("a required check did not pass")
    assert next_of(drafted(1, FAIL), repairs=0) == Review("a required check did not pass")


@pytest.mark.parametrize("outcome", ["error", "skip"])
def test_what_a_check_could_not_do_is_not_repaired_and_gates(outcome: str) -> None:
    assert next_of(drafted(1, (VerdictFact(outcome, True),))) == Review("a required check did not pass")


def test_a_check_that_is_not_required_neither_gates_nor_repairs() -> None:
    assert next_of(drafted(1, (VerdictFact("fail", False),))) == Review("a draft passed its checks")


def test_manual_is_no_call() -> None:
    assert next_of(agents=("manual",)) == Review(YOURS)
    assert next_of(call(outcome="refused"), agents=("a", "manual")) == Review(YOURS)
    story = (drafted(1, FAIL), call(mends=1, outcome="refused"))
    assert next_of(*story, agents=("a", "manual")) == Review("a required check did not pass")


# --- what happened to a call ---


@pytest.mark.parametrize("outcome", ["rate_limited", "overloaded", "unavailable", "timeout"])
def test_what_was_not_paid_is_tried_again_then_the_next_agent(outcome: str) -> None:
    assert next_of(call(outcome=outcome)) == Attempt(1, "a", tries=1, again=True)
    worn = [call(outcome=outcome)] * TRIES
    assert next_of(*worn) == Attempt(1, "b")
    assert next_of(*worn, agents=("a",)) == Wait("later")
    assert next_of(*(replace(each, this_run=False) for each in worn)) == Attempt(1, "a", again=True)


@pytest.mark.parametrize("outcome", ["too_long", "refused", "cut"])
def test_what_asking_again_does_not_change_goes_to_the_next_agent(outcome: str) -> None:
    assert next_of(call(outcome=outcome)) == Attempt(1, "b")
    assert next_of(call(outcome=outcome), agents=("a",)) == Done("failed")
    assert next_of(call(outcome=outcome), call("b", outcome)) == Done("failed")


@pytest.mark.parametrize("outcome", ["auth", "no_credit"])
def test_a_stopped_agent_is_not_asked_again_in_this_run(outcome: str) -> None:
    assert next_of(call(outcome=outcome)) == Attempt(1, "b")
    assert next_of(call(outcome=outcome), agents=("a",)) == Wait("stopped")
    assert next_of(task=TaskFacts("ready", frozenset("a"))) == Attempt(1, "b")
    assert next_of(task=TaskFacts("ready", frozenset("ab"))) == Wait("stopped")
    assert next_of(task=TaskFacts("ready", yours=frozenset("a"))) == Review(YOURS)
    assert next_of(call(outcome=outcome, this_run=False), agents=("a",)) == Attempt(1, "a", again=True)


def test_a_repair_is_not_asked_of_an_agent_that_is_out_of_reach() -> None:
    assert next_of(drafted(1, FAIL), task=TaskFacts("ready", frozenset("a"))) == Attempt(1, "b", mends=1)
    assert next_of(drafted(1, FAIL), task=TaskFacts("ready", held=frozenset("ab"))) == Wait("later")


def test_an_unreadable_answer_is_mended_then_the_next_agent_is_asked_afresh() -> None:
    bad = call(outcome="malformed", id=1)
    assert next_of(bad) == Attempt(1, "a", mends=1)
    worse = call(outcome="malformed", id=2, mends=1)
    assert next_of(bad, worse) == Attempt(1, "a", mends=2)
    assert next_of(bad, worse, call(outcome="malformed", id=3, mends=2)) == Attempt(1, "b")
    assert next_of(bad, repairs=0) == Attempt(1, "b")


def test_the_repair_of_an_unreadable_answer_is_tried_again_itself() -> None:
    story = (call(outcome="malformed", id=1), call(outcome="rate_limited", id=2, mends=1))
    assert next_of(*story) == Attempt(1, "a", mends=1, tries=1, again=True)


def test_a_fallback_mends_the_draft_and_not_an_unreadable_answer() -> None:
    story = (drafted(1, FAIL), call(outcome="malformed", id=2, mends=1), call(outcome="refused", id=3, mends=2))
    assert next_of(*story) == Attempt(1, "b", mends=1)


def test_a_paid_unknown_waits_for_the_word() -> None:
    lost = call(outcome="unknown", this_run=False)
    assert next_of(lost) == Wait("unknown")
    assert next_of(lost, retry_unknown=True) == Attempt(1, "a")
    assert next_of(call(outcome="unknown"), retry_unknown=True) == Wait("unknown")
    assert next_of(drafted(1, FAIL), replace(lost, mends=1)) == Wait("unknown")


def test_a_paid_unknown_of_a_fallback_is_not_handed_to_the_first() -> None:
    story = (call(outcome="unavailable", this_run=False), call("b", "unknown", this_run=False))
    assert next_of(*story) == Wait("unknown")
    assert next_of(*story, retry_unknown=True) == Attempt(1, "b")


def test_a_free_unknown_is_asked_again_at_once() -> None:
    assert next_of(call(outcome="unknown", free=True)) == Attempt(1, "a", tries=1, again=True)
    assert next_of(*[call(outcome="unknown", free=True)] * TRIES, agents=("a",)) == Wait("later")


def test_a_cap_that_is_reached_stops_calls_but_not_checks() -> None:
    broke = TaskFacts("ready", broke=True)
    assert next_of(task=broke) == Wait("budget")
    assert next_of(drafted(1, FAIL), task=broke) == Wait("budget")
    assert next_of(drafted(1), task=broke) == Assess(1, 101)
    assert next_of(drafted(1, PASS), task=broke) == Review("a draft passed its checks")


def test_work_of_another_run_is_waited_for() -> None:
    assert next_of(leased=True) == Wait("leased")
    assert next_of(call(outcome=None)) == Wait("leased")


# --- several slots ---


def slots(*stories: tuple[AttemptFact, ...]) -> tuple[SlotFacts, ...]:
    return tuple(SlotFacts(n, n, story) for n, story in enumerate(stories, 1))


def test_vs_asks_all_at_once_each_its_own() -> None:
    round_ = RoundFacts(("a", "b"), slots((), ()), "all")
    assert next_steps(READY, round_) == [Attempt(1, "a"), Attempt(2, "b")]
    done = RoundFacts(("a", "b"), slots((drafted(1, PASS),), ()), "all")
    assert next_steps(READY, done) == [Attempt(2, "b")]
    failed = RoundFacts(("a", "b"), slots((drafted(1, PASS),), (call("b", "refused"),)), "all")
    assert next_steps(READY, failed) == [Review("a draft passed its checks")]
    later = RoundFacts(("a", "b"), slots((drafted(1, PASS),), (call("b", "unavailable"),) * 1), "all")
    assert next_steps(replace(READY, held=frozenset("b")), later) == [Wait("later")]


def test_drafts_stop_at_the_first_that_passes() -> None:
    first = (drafted(1, FAIL),)
    assert next_steps(READY, RoundFacts(("a",), slots((), ()))) == [Attempt(1, "a")]
    assert next_steps(READY, RoundFacts(("a",), slots(first, ()), repairs=0)) == [Attempt(2, "a")]
    assert next_steps(READY, RoundFacts(("a",), slots((drafted(1, PASS),), ()))) == [
        Review("a draft passed its checks")
    ]


WORSE = (*FAIL, VerdictFact("fail", True))


def test_drafts_are_drawn_before_one_is_repaired() -> None:
    assert next_steps(READY, RoundFacts(("a",), slots((drafted(1, FAIL),), ()))) == [Attempt(2, "a")]
    assert next_steps(READY, RoundFacts(("a",), slots((call(outcome="malformed", id=1),), ()))) == [Attempt(2, "a")]


@pytest.mark.parametrize(
    ("stories", "mended"),
    [
        (((drafted(1, WORSE),), (drafted(2, FAIL),), (drafted(3, WORSE),)), (2, 2)),
        (((drafted(1, FAIL),), (drafted(2, FAIL),)), (1, 1)),
        (((drafted(1, (VerdictFact("fail", True, 2),)),), (drafted(2, FAIL),)), (2, 2)),
        (((call(outcome="malformed", id=1),), (drafted(2, WORSE),)), (2, 2)),
        (((call(outcome="malformed", id=1),), (call(outcome="refused", id=2),)), (1, 1)),
    ],
)
def test_the_most_promising_draft_is_repaired(
    stories: tuple[tuple[AttemptFact, ...], ...], mended: tuple[int, int]
) -> None:
    (step,) = next_steps(READY, RoundFacts(("a",), slots(*stories)))
    assert isinstance(step, Attempt)
    assert (step.slot, step.mends) == mended


def test_each_draft_begins_with_the_next_agent_of_the_chain() -> None:
    chain = ("a", "b", "manual")
    one, two = (drafted(1, FAIL),), (drafted(2, FAIL, agent="b"),)
    assert next_steps(READY, RoundFacts(chain, slots((), (), ()))) == [Attempt(1, "a")]
    assert next_steps(READY, RoundFacts(chain, slots(one, (), ()))) == [Attempt(2, "b")]
    assert next_steps(READY, RoundFacts(chain, slots(one, two, ()))) == [Attempt(3, "a")]
    refused = (call("b", "refused", id=2),)
    assert next_steps(READY, RoundFacts(chain, slots(one, refused, ()))) == [Attempt(2, "a")]
    both = (*refused, call("a", "refused", id=3))
    assert next_steps(READY, RoundFacts(chain, slots(both, both))) == [Review(YOURS)], "the freelancer comes last"


@pytest.mark.parametrize("outcome", ["error", "skip"])
def test_what_a_check_could_not_do_is_no_reason_for_another_draft(outcome: str) -> None:
    first = (drafted(1, (VerdictFact(outcome, True),)),)
    assert next_steps(READY, RoundFacts(("a",), slots(first, (), ()))) == [Review("a required check did not pass")]


def test_all_repairs_are_one_drafts() -> None:
    once = (drafted(2, FAIL), drafted(3, WORSE, mends=2))
    assert next_steps(READY, RoundFacts(("a",), slots((drafted(1, FAIL),), once))) == [
        Attempt(2, "a", mends=3, again=True)
    ]
    twice = (*once, drafted(4, WORSE, mends=3))
    ended = RoundFacts(("a",), slots((drafted(1, FAIL),), twice))
    assert next_steps(READY, ended) == [Review("a required check did not pass")]
    passed = RoundFacts(("a",), slots((drafted(1, FAIL),), (*once, drafted(4, PASS, mends=3))))
    assert next_steps(READY, passed) == [Review("a draft passed its checks")]


@pytest.mark.parametrize("end", [call(outcome=None), call(outcome="unknown")])
def test_no_second_draft_while_the_first_may_still_pass(end: AttemptFact) -> None:
    steps = next_steps(READY, RoundFacts(("a",), slots((end,), ())))
    assert isinstance(steps[0], Wait)


# --- any story ---

ENDS = (
    "draft",
    "malformed",
    "rate_limited",
    "overloaded",
    "unavailable",
    "refused",
    "too_long",
    "cut",
    "auth",
    "unknown",
)


class Story(RuleBasedStateMachine):
    """A ledger in memory, runs that take steps, calls that end anyhow, and crashes."""

    @initialize(
        agents=st.lists(st.sampled_from(("a", "b", "free", "manual")), min_size=1, max_size=3, unique=True),
        wanted=st.sampled_from(("first", "all")), drafts=st.integers(1, 3), repairs=st.integers(0, 2),
    )  # fmt: skip
    def begin(self, agents: list[str], wanted: str, drafts: int, repairs: int) -> None:
        self.agents, self.wanted, self.repairs = tuple(agents), wanted, repairs
        count = len(agents) if wanted == "all" else drafts
        self.story: dict[int, list[AttemptFact]] = {n: [] for n in range(1, count + 1)}
        self.ids = 0
        self.stopped: set[str] = set()
        self.retry_unknown = False

    def steps(self) -> list[object]:
        made = tuple(SlotFacts(n, n, tuple(story)) for n, story in self.story.items())
        facts = RoundFacts(self.agents, made, self.wanted, self.repairs, self.retry_unknown)  # type: ignore[arg-type]
        return list(next_steps(TaskFacts("ready", frozenset(self.stopped)), facts))

    def open_steps(self) -> list[Attempt | Assess]:
        return [step for step in self.steps() if isinstance(step, (Attempt, Assess))]

    @precondition(lambda self: self.open_steps())
    @rule(data=st.data(), end=st.sampled_from(ENDS))
    def take(self, data: st.DataObject, end: str) -> None:
        step = data.draw(st.sampled_from(self.open_steps()))
        if isinstance(step, Assess):
            verdicts = data.draw(st.sampled_from((PASS, FAIL, (VerdictFact("error", True),))))
            story = self.story[step.slot]
            assert story[-1].verdicts is None
            story[-1] = replace(story[-1], verdicts=verdicts)
            return
        self.check_may_be_asked(step)
        self.ids += 1
        if end == "auth":
            self.stopped.add(step.agent)
        made = call(
            step.agent, end, id=self.ids, mends=step.mends, free=step.agent == "free",
            revision=100 + self.ids if end == "draft" else None,
        )  # fmt: skip
        self.story[step.slot].append(made)

    def check_may_be_asked(self, step: Attempt) -> None:
        story = self.story[step.slot]
        assert step.agent in self.agents
        assert step.agent != "manual"
        assert step.agent not in self.stopped
        tries = [each for each in story if (each.agent, each.mends) == (step.agent, step.mends)]
        assert sum(each.this_run for each in tries) == step.tries < TRIES
        lost = [each for each in story if each.outcome == "unknown" and not each.free]
        if lost and not any(each.agent == lost[-1].agent for each in story[story.index(lost[-1]) + 1 :]):
            assert self.retry_unknown
            assert (step.agent, step.mends) == (lost[-1].agent, lost[-1].mends)
            assert not lost[-1].this_run
        if step.mends is not None:
            if self.wanted == "first":
                assert all(self.story.values()), "every draft is drawn before one is mended"
                assert not any(each.mends for n, other in self.story.items() if n != step.slot for each in other)
            mended = next(each for each in story if each.id == step.mends)
            assert mended.outcome == "malformed" or any(v.outcome == "fail" for v in mended.verdicts or ())

    @precondition(lambda self: any(isinstance(step, Attempt) for step in self.steps()))
    @rule(data=st.data())
    def crash_in_a_call(self, data: st.DataObject) -> None:
        """The intent is recorded, then the process dies: the call is unknown, and the run's memory gone."""
        calls = [step for step in self.open_steps() if isinstance(step, Attempt)]
        step = data.draw(st.sampled_from(calls))
        self.check_may_be_asked(step)
        self.ids += 1
        lost = call(step.agent, "unknown", id=self.ids, mends=step.mends, free=step.agent == "free")
        self.story[step.slot].append(lost)
        self.another_run(retry_unknown=False)
        if step.agent == "free":
            assert any(isinstance(each, Attempt) and each.slot == step.slot for each in self.steps())
        else:
            assert not any(isinstance(each, Attempt) and each.slot == step.slot for each in self.steps())

    @rule(retry_unknown=st.booleans())
    def another_run(self, retry_unknown: bool) -> None:
        """A crash between two calls, too: what is asked next is asked of the ledger alone."""
        before = {(step.slot, getattr(step, "mends", None)) for step in self.open_steps()}
        self.story = {n: [replace(each, this_run=False) for each in made] for n, made in self.story.items()}
        back = bool(self.stopped)  # an agent that had no key may have one now: it comes before those after it
        self.stopped.clear()
        asked = self.open_steps()
        self.retry_unknown = retry_unknown
        if len(self.story) == 1 and not back:
            assert before <= {(step.slot, getattr(step, "mends", None)) for step in asked}

    @invariant()
    def is_bounded(self) -> None:
        for story in getattr(self, "story", {}).values():
            assert len({each.mends for each in story if each.mends is not None}) <= self.repairs
            here = [(each.agent, each.mends) for each in story if each.this_run]
            assert all(here.count(each) <= TRIES for each in here)

    @invariant()
    def has_a_next_step_or_one_end(self) -> None:
        if hasattr(self, "story"):
            steps = self.steps()
            assert steps
            assert len(steps) == 1 or all(isinstance(step, (Attempt, Assess)) for step in steps)

    def teardown(self) -> None:
        """Any run ends, whatever its calls do: here, one in which all that can be tried again is."""
        if not hasattr(self, "story"):
            return
        for _ in range(500):
            steps = self.open_steps()
            if not steps:
                return
            step = steps[0]
            if isinstance(step, Assess):
                self.story[step.slot][-1] = replace(self.story[step.slot][-1], verdicts=FAIL)
                continue
            self.ids += 1
            tired = step.tries + 1 < TRIES
            end = "unavailable" if tired else "malformed" if self.ids % 2 else "draft"
            revision = 100 + self.ids if end == "draft" else None
            self.story[step.slot].append(
                call(step.agent, end, id=self.ids, mends=step.mends, free=True, revision=revision)
            )
        raise AssertionError("a run that does not end")


Story.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestStory = Story.TestCase
