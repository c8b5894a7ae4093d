"""How long a Markdown file takes to be split, at n, 2n and 4n: a ratio of 2 is linear, of 4 quadratic.

Usage: python benchmarks/markdown.py [BYTES]   (n, 1,000,000 without)
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Mapping

from gigctl.crafts import translation
from gigctl.crafts.base import BadSource
from gigctl.model import Gig, Source

Make = Callable[[int], str]

_GIG = Gig("bench-1", "translation", source_language="fr", target_languages=("de",))
_TEXT = "le prestataire livre les lampes au client dans un délai de trente jours après la commande signée"
_LISTS = (
    "- un mot *gras* ici\n  - encore un\n1. premier\n\n> cité\n\n| a | b |\n|---|---|\n| un | deux |\n\n# Titre\n\n"
)
_LINKS = "Voir [ici][r] et [là](https://a.example/1) ou ![un chat](c.png) et <https://b.example>.\n\n"


def _prose(size: int) -> str:
    """Paragraphs of 60 words, some of them bold, links or code."""
    chance = random.Random(1)  # the same text in every run
    forms = ["{}"] * 47 + ["**{}**", "[{}](https://a.example/)", "`{}`"]
    words, paragraphs = _TEXT.split(), []
    while size > 0:
        made = (chance.choice(forms).format(chance.choice(words)) for _ in range(60))
        paragraphs.append(" ".join(made) + ".")
        size -= len(paragraphs[-1].encode()) + 2
    return "\n\n".join(paragraphs) + "\n"


def _repeated(unit: str) -> Make:
    return lambda size: unit * (size // len(unit.encode())) + "\n"


KINDS: Mapping[str, Make] = {
    "prose": _prose,
    "links": lambda size: _repeated(_LINKS)(size) + "[r]: https://a.example/\n",
    "lists, tables": lambda size: _repeated(_LISTS)(size // 8),
    "one line of [": _repeated("["),
    "one line of &": _repeated("&"),
    "one line of *a _b": _repeated("*a _b "),
    "blocks of [": _repeated("[" * 98 + "\n\n"),
    "blocks of [a](": _repeated("[a](" * 24 + "\n\n"),
    "blocks of CJK": _repeated("漢字" * 500 + "\n\n"),
}


def _timed(data: bytes) -> tuple[float, str]:
    begun = time.perf_counter()
    try:
        said = f"{len(translation.split(Source('a.md', data), _GIG).tasks):,} tasks"
    except BadSource as error:
        said = f"refused: {str(error).split(', expected')[0]}"
    return time.perf_counter() - begun, said


def main() -> None:
    """A row a kind: seconds at n, 2n and 4n, the two ratios, megabytes a second, and what came out of 4n."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    _timed(b"un mot")  # loads the parser
    print(f"{'':18}{'bytes':>12}{'n':>8}{'2n':>8}{'4n':>8}{'2n/n':>7}{'4n/2n':>7}{'MB/s':>7}")
    for name, make in KINDS.items():
        rows = [make(size * times).encode() for times in (1, 2, 4)]
        took, said = zip(*map(_timed, rows), strict=True)
        ratios = f"{took[1] / took[0]:7.1f}{took[2] / took[1]:7.1f}{len(rows[2]) / took[2] / 1e6:7.1f}"
        print(f"{name:18}{len(rows[0]):12,}" + "".join(f"{each:8.2f}" for each in took) + f"{ratios}  {said[2]}")


if __name__ == "__main__":
    main()
