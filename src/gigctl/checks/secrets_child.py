"""Run as a program of its own: `[[path, [[line, text], …]], …]` on stdin, `[[path, line, kind, begins], …]` on
stdout."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

RULES = (
    ("artifactory", "ArtifactoryDetector"), ("aws", "AWSKeyDetector"), ("discord", "DiscordBotTokenDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"), ("basic_auth", "BasicAuthDetector"), ("jwt", "JwtTokenDetector"),
    ("github_token", "GitHubTokenDetector"), ("mailchimp", "MailchimpDetector"), ("npm", "NpmDetector"),
    ("sendgrid", "SendGridDetector"), ("slack", "SlackDetector"),
    ("square_oauth", "SquareOAuthDetector"), ("stripe", "StripeDetector"), ("twilio", "TwilioKeyDetector"),
)  # fmt: skip
"""Those whose pattern is the form of one issuer's key. Its two for high entropy find every hash, its one for words like
`password` every form and test: neither can be told from a secret by a rule."""
PREFIXES = (
    # Each from its issuer's documentation; the library has none for them.
    ("Anthropic key", r"\bsk-ant-[A-Za-z0-9_-]{24,}"),
    ("OpenAI key", r"\bsk-(?:proj-|svcacct-)?(?=[A-Za-z_-]{0,40}\d)[A-Za-z0-9_-]{32,}"),
    ("private key", r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
    ("Google API key", r"\bAIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])"),
    ("GitLab token", r"\bglpat-[0-9A-Za-z_-]{20}"),
    ("GitHub token", r"\bgithub_pat_[0-9A-Za-z_]{60,}"),
    ("Hugging Face token", r"\bhf_[A-Za-z]{34}\b"),
    ("PyPI token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}"),
    ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
)
PASSWORD = re.compile(
    r"""(?:password|passwd|passphrase|secret|api_?key|auth_?token|access_?token|private_?key)["']?\s*(?:=|:|:=)\s*
        (["'])(?P<value>[^"'\s]{8,200})\1""",
    re.IGNORECASE | re.VERBOSE,
)
"""A name that says so, with a value written out; `_is_real` keeps placeholders and prose apart."""
_EXAMPLE = re.compile(r"example|x{6}|dummy|your|(.)\1{7}", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"example|change|dummy|fake|test|sample|your|placeholder|xxx|password|secret|\.\.\.|\*\*\*|<|\{|\$[({]|%|not[-_]|/|\(|\[",
    re.IGNORECASE,
)


def main() -> None:
    rules = [getattr(import_module(f"detect_secrets.plugins.{module}"), name)() for module, name in RULES]
    found = [hit for path, lines in json.load(sys.stdin) for hit in _search(path, lines, rules)]
    json.dump(found, sys.stdout)


def _search(path: str, lines: list[tuple[int, str]], rules: list[Any]) -> Iterator[list[Any]]:
    for number, line in lines:
        for kind, secret in _hits(line, rules):
            yield [path, number, kind, "" if " " in secret or len(secret) < 20 else secret[:4]]
            break  # one a line is enough to act on


def _hits(line: str, rules: list[Any]) -> Iterator[tuple[str, str]]:
    for rule in rules:
        for secret in rule.analyze_string(line):
            real = _is_real(str(secret), 2) if rule.secret_type.startswith("Basic Auth") else bool(secret)
            if real and not _EXAMPLE.search(str(secret)):
                yield rule.secret_type, str(secret)
    for kind, pattern in PREFIXES:
        if (found := re.search(pattern, line)) and not _EXAMPLE.search(found.group()):
            yield kind, found.group()
    found = PASSWORD.search(line)
    if found and _is_real(found["value"]):
        yield "a password or key written out", ""


def _is_real(value: str, fewest: int = 3) -> bool:
    """A value that nobody writes as a stand-in or a name: `fewest` kinds of characters, not a few over
    and over."""
    kinds = sum(bool(re.search(kind, value)) for kind in (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]"))
    return kinds >= fewest and len(set(value)) >= 7 and not _PLACEHOLDER.search(value)


if __name__ == "__main__":
    main()
