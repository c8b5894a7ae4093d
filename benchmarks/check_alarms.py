"""False alarms of each check on good human translations, and what it catches of spoilt ones.

    python benchmarks/check_alarms.py CORPUS/po/*.po [--mo /usr/share/locale] [--show CHECK]

Prints the table of docs/checks.md. PO and MO files are other people's work and travel beside the project.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.alarms import CHECKS, MUTATIONS, judge
from support.catalogues import Pair, read_mo, read_po

LANGUAGES = ("fr", "de", "es", "it", "pt_BR", "nl", "pl", "ru", "ar", "ja", "zh_CN")


def load(paths: list[Path], locale: Path | None, most: int) -> Iterator[tuple[str, Pair]]:
    for path in paths:
        yield from (("PO", pair) for pair in read_po(path))
    if locale is None:
        return
    # Catalogues of country and language names are lists of names, not translations of texts.
    files = [
        p for lang in LANGUAGES for p in sorted((locale / lang / "LC_MESSAGES").glob("*.mo")) if "iso_" not in p.name
    ]
    pairs = [("MO", pair) for path in files for pair in read_mo(path, path.parts[-3].replace("_", "-"))]
    random.Random(1).shuffle(pairs)
    yield from pairs[:most]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("po", nargs="*", type=Path)
    parser.add_argument("--mo", type=Path)
    parser.add_argument("--most", type=int, default=20_000)
    parser.add_argument("--show", default="")
    parser.add_argument("--no-mutations", action="store_true")
    asked = parser.parse_args()
    pairs = list(load(asked.po, asked.mo, asked.most))
    total = Counter(kind for kind, _ in pairs)
    alarms: Counter[tuple[str, str]] = Counter()
    spent: Counter[str] = Counter()
    for kind, pair in pairs:
        for name in CHECKS:
            began = time.perf_counter()
            verdict = await judge(name, pair)
            spent[name] += int(1e9 * (time.perf_counter() - began))
            if not verdict.passed:
                alarms[name, kind] += 1
                if name == asked.show:
                    print(
                        f"{pair.language} {pair.origin}\n  {pair.source!r}\n  {pair.target!r}\n  {verdict.evidence[0]}"
                    )
    print("| check | " + " | ".join(f"{kind}: alarms of {n}" for kind, n in total.items()) + " | ms each |")
    print("| --- |" + " --- |" * (len(total) + 1))
    for name in CHECKS:
        cells = [f"{alarms[name, kind]} ({100 * alarms[name, kind] / n:.2f} %)" for kind, n in total.items()]
        print(f"| {name} | {' | '.join(cells)} | {spent[name] / len(pairs) / 1e6:.3f} |")
    if not asked.no_mutations:
        await catches([pair for _, pair in pairs])


async def catches(pairs: list[Pair]) -> None:
    print("\n| spoilt | check | caught by it | by any | of |\n| --- | --- | --- | --- | --- |")
    chance = random.Random(1)
    for label, (name, spoil) in MUTATIONS.items():
        own = every = tried = 0
        for pair in pairs[:4000]:
            spoilt = spoil(pair, chance)
            if spoilt is None or spoilt == pair.target:
                continue
            tried += 1
            bad = pair._replace(target=spoilt)
            verdicts = {check: (await judge(check, bad)).passed for check in CHECKS}
            own += not verdicts[name]
            every += not all(verdicts.values())
        if tried:
            print(f"| {label} | {name} | {100 * own / tried:.1f} % | {100 * every / tried:.1f} % | {tried} |")


if __name__ == "__main__":
    asyncio.run(main())
