"""What was written by others is data here too: names, reasons, persons."""

from __future__ import annotations

from msgspec.structs import replace

from gigctl.flow.manifest import DeliveredFile, Manifest, Signoff
from gigctl.flow.parcel import Delivered
from gigctl.flow.preview import Previewed
from gigctl.flow.signers import Signer
from gigctl.flow.verify import Problem, Verification
from gigctl.render.delivery import json_verification, render_delivery, render_preview, render_verification
from gigctl.render.terminal import Terminal

EVIL = "a\x1b]52;c;aGk=\x07\u202eb\n::error::"
MANIFEST = Manifest(
    "l", "acme-1", EVIL, "files", "2026-01-01T00:00:00Z", True,
    tuple(DeliveredFile(f"{EVIL}{n}", "0" * 64, n) for n in range(30)),
    (Signoff(EVIL, "1" * 64, "2" * 64, "2026-01-01T00:00:00Z", EVIL, despite=EVIL),),
    missing=("acme-1.2",), deleted=(EVIL,),
)  # fmt: skip


def _is_safe(text: str) -> bool:
    return not any(sign in text for sign in "\x1b\x07\u202e") and not any(
        line.startswith("::") for line in text.splitlines()
    )


def test_nothing_foreign_reaches_a_terminal() -> None:
    delivered = Delivered(EVIL, MANIFEST, "0" * 64, "SHA256:x")
    seen = Verification(EVIL, MANIFEST, "0" * 64, (), Signer(EVIL, "SHA256:x"), 1)
    bad = replace(seen, problems=tuple(Problem(EVIL, EVIL) for _ in range(30)))
    for text in (
        render_delivery(delivered, Terminal()),
        render_preview(Previewed(EVIL, MANIFEST.files, ("acme-1.1",))),
        render_verification(seen, Terminal()),
        render_verification(bad, Terminal()),
    ):
        assert _is_safe(text), text


def test_a_part_is_called_one() -> None:
    text = render_delivery(Delivered("out", MANIFEST, "0" * 64), Terminal())
    assert text.startswith("delivered a part of acme-1  out")
    assert "1 task of the gig not in it" in text
    assert "and 10 more files" in text


def test_a_branch_says_where() -> None:
    branch = replace(MANIFEST, form="branch", git={"branch": "gigctl/acme-1", "commit": "c" * 40})
    assert "branch gigctl/acme-1 in repo at cccccccccccc" in render_delivery(
        Delivered("repo", branch, "0" * 64), Terminal()
    )


def test_who_answers_for_it() -> None:
    seen = Verification("out", MANIFEST, "0" * 64, ())
    assert "can only show accidents" in render_verification(seen, Terminal())
    keyed = replace(seen, signer=Signer("", "SHA256:x"))
    assert "--signers FILE tells whose key" in render_verification(keyed, Terminal())
    assert json_verification(keyed)["signer"] is None
    assert json_verification(keyed)["key"] == "SHA256:x"
    known = replace(seen, signer=Signer("ada", "SHA256:x"))
    assert "signed by ada with SHA256:x" in render_verification(known, Terminal())


def test_many_problems_are_counted() -> None:
    seen = Verification("out", None, None, tuple(Problem(f"wrong {n}") for n in range(25)))
    text = render_verification(seen, Terminal())
    assert text.splitlines()[0] == "out  not what was delivered"
    assert text.endswith("and 5 more")
    assert len(json_verification(seen)["problems"]) == 25
