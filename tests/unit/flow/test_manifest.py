from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gigctl.flow.manifest import (
    AIUse,
    BadManifest,
    DeliveredFile,
    DraftedBy,
    Manifest,
    SeenCheck,
    Signoff,
    read_manifest,
)
from gigctl.system.files import why_unsafe

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_sha = st.text("0123456789abcdef", min_size=64, max_size=64)
_path = st.binary(min_size=1, max_size=12).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
_files = st.builds(
    DeliveredFile, _path.filter(lambda path: why_unsafe(path) is None), _sha, st.integers(0, 10**15),
    st.sampled_from(["100644", "100755"]),
)  # fmt: skip
_checks = st.builds(SeenCheck, _text, _text, st.booleans(), _text, st.booleans())
_tuple_of_text = st.lists(_text, max_size=3).map(tuple)
_signoffs = st.builds(
    Signoff,
    _text,
    _sha,
    _sha,
    _text,
    _text,
    st.lists(_checks, max_size=2).map(tuple),
    _text,
    st.booleans(),
    _text,
    _text,
)
_uses = st.builds(
    AIUse, _text, st.lists(st.builds(DraftedBy, _text, _text, _tuple_of_text, _tuple_of_text), max_size=2).map(tuple)
)
MANIFESTS = st.builds(
    Manifest,
    ledger=_text, gig=_text, title=_text, form=_text, created=_text, partial=st.booleans(),
    files=st.lists(_files, max_size=3).map(tuple), signoffs=st.lists(_signoffs, max_size=2).map(tuple),
    languages=_tuple_of_text, sources=st.lists(st.tuples(_text, _sha), max_size=2).map(tuple), missing=_tuple_of_text,
    deleted=st.lists(_path.filter(lambda path: why_unsafe(path) is None), max_size=2).map(tuple),
    git=st.dictionaries(_text, _text, max_size=2), ai_use=st.none() | _uses,
)  # fmt: skip

PLAIN = Manifest(
    "l", "acme-1", "", "files", "2026-01-01T00:00:00Z", False, (DeliveredFile("a.md", "0" * 64, 3),),
    (Signoff("acme-1.1", "1" * 64, "2" * 64, "2026-01-01T00:00:00Z", "Ada"),),
)  # fmt: skip


@given(MANIFESTS)
def test_what_was_written_is_read(manifest: Manifest) -> None:
    data = manifest.to_bytes()
    assert read_manifest(data) == manifest
    assert read_manifest(data).to_bytes() == data


def test_names_that_are_no_utf8_stay_apart() -> None:
    paths = ("caf\udce9", '"caf\\351"', "café", "a\nb", "x y")
    files = tuple(DeliveredFile(path, "0" * 64, 1) for path in paths)
    assert [file.path for file in read_manifest(replace(PLAIN, files=files).to_bytes()).files] == list(paths)


def _changed(**values: Any) -> bytes:
    return json.dumps({**json.loads(PLAIN.to_bytes()), **values}).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[]", "no object"),
        (b"{}", "other keys"),
        (b'{"kind": 1, "kind": 1}', "twice"),
        (b"[" * 100_000, "no JSON"),
        (b'{"kind": NaN}', "NaN"),
        (b'{"kind": ' + b"1" * 10_000 + b"}", "no JSON"),
        (_changed(kind="x"), "no manifest of gigctl"),
        (_changed(schemaVersion=2), "version 2"),
        (_changed(schemaVersion=True), "schemaVersion"),
        (_changed(partial=0), "partial"),
        (_changed(more=1), "more"),
        (_changed(languages=[1]), "languages"),
        (_changed(git={"a": 1}), "git"),
        (_changed(files=[{}]), "other keys"),
        (_changed(files=[1]), "no object"),
        (_changed(files=[{"path": "../x", "sha256": "", "bytes": 1, "mode": "100644"}]), "must not be"),
        (_changed(files=[{"path": '"\\056\\056/x"', "sha256": "", "bytes": 1, "mode": "100644"}]), "must not be"),
        (_changed(files=[{"path": ".git/hooks/x", "sha256": "", "bytes": 1, "mode": "100644"}]), "must not be"),
        (_changed(files=[{"path": "x", "sha256": "", "bytes": -1, "mode": "100644"}]), "no file can be"),
        (_changed(files=[{"path": "x", "sha256": "", "bytes": 1, "mode": "120000"}]), "no file can be"),
        (_changed(aiUse=1), "aiUse"),
        (_changed(signoffs=[{**json.loads(PLAIN.to_bytes())["signoffs"][0], "checks": [1]}]), "a check"),
    ],
)
def test_what_is_none_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(BadManifest, match=why):
        read_manifest(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_read_or_refused(value: Any) -> None:
    with pytest.raises(BadManifest):
        read_manifest(json.dumps(value).encode())


@given(st.sampled_from(sorted(json.loads(PLAIN.to_bytes()))), st.none() | st.integers() | st.lists(st.integers()))
def test_any_wrong_value_is_refused_or_read(key: str, value: Any) -> None:
    try:
        read_manifest(_changed(**{key: value}))
    except BadManifest:
        return
    assert value in ([], PLAIN.to_bytes()) or key == "schemaVersion"
