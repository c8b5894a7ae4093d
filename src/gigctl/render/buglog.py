"""The log of a bug: what a maintainer needs, without keys and without the words of the command line."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gigctl import __version__
from gigctl.paths import load_paths

__all__ = ["redact", "write_bug_log"]

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"\b(?:sk|pk|gsk|xai|hf|ghp|gho|github_pat|AKIA|AIza)[-_]?[A-Za-z0-9_\-]{12,}"
    r"|(?i:\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=\-]{8,}"
    r"|(?i:\b(?:api[-_]?key|token|password|secret)\b[\"']?\s*[=:]\s*[\"']?)[^\s\"',)]{6,}"
    r"|://[^/\s:@]+:[^/\s@]+@"
)
_SHORTEST_SECRET = 6


def redact(text: str, env: Mapping[str, str]) -> str:
    """Text without the values of secret-looking variables and without what looks like a key."""
    secrets = [v for k, v in env.items() if _SECRET_NAME.search(k) and len(v) >= _SHORTEST_SECRET]
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "[redacted]")
    return _SECRET_TEXT.sub("[redacted]", text)


def write_bug_log(error: BaseException, words: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """Write the log where something can be written; returns the hint that names it, or that none could be kept."""
    env = os.environ if env is None else env
    text = redact(_bug_text(error, words), env)
    name = f"bug-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
    for folder in (load_paths(env).logs, Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
        except OSError:
            continue
        return f"please send in {folder / name} (keys are taken out; look it through)"
    return f"no log could be written; the last line was: {text.strip().splitlines()[-1]}"


def _bug_text(error: BaseException, words: Sequence[str]) -> str:
    """Versions, the command by its names and options alone (values are the client's), the traceback."""
    said = [word.partition("=")[0] if word.startswith("-") else "…" for word in words[1:]]
    lines = [
        f"gigctl {__version__}, Python {sys.version.split()[0]}, {platform.platform()}",
        f"command: {' '.join([*words[:1], *said])}",
        "",
        *traceback.format_exception(error),
    ]
    return "\n".join(lines).encode("utf-8", "backslashreplace").decode() + "\n"
