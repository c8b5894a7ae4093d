"""The CommonMark specification's examples, fetched once by npm and never kept in the repository."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

_PACKAGE = "commonmark-spec@0.31.2"
_EXAMPLES = 652
_CACHE = Path(__file__).parents[4] / "build" / "commonmark-spec"


def _fetch_spec() -> Path:
    kept = _CACHE / "spec-0.31.2.txt"
    if kept.is_file():
        return kept
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not here to fetch the CommonMark specification")
    _CACHE.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run([npm, "pack", "--silent", _PACKAGE], cwd=_CACHE, capture_output=True, timeout=60)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not fetch {_PACKAGE} within a minute")
    packed = _CACHE / "commonmark-spec-0.31.2.tgz"
    if done.returncode or not packed.is_file():
        pytest.skip(f"npm can't fetch {_PACKAGE}: {done.stderr.decode()[-200:]}")
    with tarfile.open(packed) as archive:
        member = archive.extractfile("package/spec.txt")
        assert member is not None
        fresh = kept.with_suffix(".part")
        fresh.write_bytes(member.read())
    fresh.replace(kept)
    return kept


@pytest.fixture(scope="session")
def spec_examples() -> list[str]:
    """The Markdown of each example, in the specification's order."""
    text = _fetch_spec().read_text(encoding="utf-8")
    found = re.findall(r"^`{32} example\n(.*?)^\.\n", text, re.MULTILINE | re.DOTALL)
    assert len(found) == _EXAMPLES
    return [example.replace("→", "\t") for example in found]
