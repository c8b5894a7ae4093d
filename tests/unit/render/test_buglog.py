"""A bug's log tells what a maintainer needs and no key."""

from __future__ import annotations

from pathlib import Path

from gigctl.render.buglog import redact, write_bug_log


def bug() -> Exception:
    try:
        return {}["Bearer abcdefghijkl and hunter2-secret-value"]  # type: ignore[no-any-return]
    except KeyError as error:
        return error


def test_the_log(tmp_path: Path) -> None:
    env = {"GIGCTL_STATE_DIR": str(tmp_path), "MY_PASSWORD": "hunter2-secret-value"}
    hint = write_bug_log(bug(), ["gig", "add", "--brief=confidential", "words of a client"], env)
    (log,) = (tmp_path / "log").iterdir()
    text = log.read_text()
    assert str(log) in hint
    assert log.stat().st_mode & 0o777 == 0o600
    assert "KeyError" in text
    assert "test_buglog.py" in text
    assert "command: gig … --brief …" in text
    for secret in ("abcdefghijkl", "hunter2", "confidential", "words of a client"):
        assert secret not in text


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    hint = write_bug_log(bug(), [], {"GIGCTL_STATE_DIR": str(tmp_path / "file")})
    assert "please send in" in hint
    Path(hint.removeprefix("please send in ").partition(" (")[0]).unlink()


def test_redaction() -> None:
    text = redact("key=sk-abcdefghijklmnop https://me:pass@host/x api_key: 'zzzzzzzz' short", {"X_TOKEN": "tiny"})
    assert "abcdefgh" not in text
    assert "me:pass" not in text
    assert "zzzz" not in text
    assert text.endswith("short")
    assert redact("tiny", {"X_TOKEN": "tiny"}) == "tiny"
