"""The one source of a new client's currency."""

from __future__ import annotations

from pathlib import Path

from support.terminal import run_gigctl


def test_me_has_the_currency_of_new_clients(tmp_path: Path) -> None:
    for n, (env, expected) in enumerate((({}, "USD"), ({"GIGCTL_CURRENCY": "CHF"}, "CHF"))):
        home = tmp_path / str(n)
        home.mkdir()
        run_gigctl("client", "add", "acme", home=home, env=env, code=0)
        items = run_gigctl("client", "list", "--json", home=home, env=env).json["items"]
        assert {item["currency"] for item in items} == {expected}
