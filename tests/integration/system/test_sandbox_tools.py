"""What must work in the sandbox as it does for the caller: the client's own test runner above all."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gigctl.system.proc import Finished
from gigctl.system.sandbox import Policy, run_sandboxed

PURE = ("_pytest", "pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A client's checkout with an ignored virtual environment that has a real pytest and an editable install."""
    root = tmp_path_factory.mktemp("client") / "their project"
    root.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    packages = next((root / ".venv" / "lib").glob("python3*")) / "site-packages"
    for name in PURE:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            shutil.copytree(spec.submodule_search_locations[0], packages / name)
        elif spec is not None and spec.origin:
            shutil.copy(spec.origin, packages)
    (packages / "editable.pth").write_text(f"{root}/src\n")
    script = root / ".venv" / "bin" / "pytest"
    # As pip writes it where the path has a space.
    script.write_text(f"#!/bin/sh\n'''exec' \"{root}/.venv/bin/python\" \"$0\" \"$@\"\n' '''\n"
                      "import sys, pytest\nsys.exit(pytest.console_main())\n")  # fmt: skip
    script.chmod(0o755)
    (root / "src" / "app").mkdir(parents=True)
    (root / "src" / "app" / "__init__.py").write_text("WHO = 'the client'\n")
    (root / "untracked.key").write_text("secret")
    return root


@pytest.fixture
def project(tree: Path) -> Path:
    """Our copy, with a draft in it."""
    (tree / "src" / "app").mkdir(parents=True)
    (tree / "src" / "app" / "__init__.py").write_text("WHO = 'the draft'\n")
    (tree / "test_app.py").write_text(
        "import os, app\n"
        "def test_who(tmp_path):\n"
        "    assert app.WHO == 'the draft'\n"
        "    assert not os.path.exists('untracked.key')\n"
        "    (tmp_path / 'x').write_text('x')\n"
    )
    return tree


@pytest.mark.parametrize("mode", ["scratch", "read", "write"])
def test_the_clients_pytest_tests_the_draft(inside, repository, project, mode) -> None:
    done = inside([".venv/bin/pytest", "-q", "-p", "no:cacheprovider"], repository=repository, tree=mode)
    assert b"1 passed" in done.stdout, done
    assert done.ok
    assert not (project / ".venv").exists()
    assert [p.name for p in (repository / "src" / "app").iterdir()] == ["__init__.py"]


def test_programs_that_read_one_tree_at_once_take_nothing_from_each_other(sandbox, tree, tmp_path) -> None:
    """None finds the place where another's dependencies are mounted, and the tree is as it was."""
    repository = tmp_path / "client"
    for name in (".venv/tool", "node_modules/tool", "packages/a/node_modules/tool", "linked/x/node_modules/tool"):
        (repository / name).mkdir(parents=True)
    (tree / "packages" / "a" / "src").mkdir(parents=True)
    (tree / "packages" / "a" / "src" / "a.js").write_text("")
    (tree / "linked").symlink_to("packages")
    before = sorted(path.relative_to(tree) for path in tree.rglob("*"))
    look = "ls -d .venv/tool node_modules/tool packages/a/node_modules/tool packages/a/src/a.js && readlink linked"
    writes = "touch x || touch packages/x || touch packages/a/x || touch packages/a/src/x"

    async def many() -> list[Finished]:
        def one(mode: Any, script: str) -> Any:
            policy = Policy(tree=mode)
            argv = ["sh", "-c", script]
            return run_sandboxed(sandbox, argv, tree=tree, policy=policy, environ=os.environ, repository=repository)

        reading = [one(mode, look) for _ in range(6) for mode in ("read", "scratch")]
        return list(await asyncio.gather(*reading, one("read", writes)))

    *looked, wrote = asyncio.run(many())
    assert [done.stderr for done in looked if not done.ok] == []
    assert all(done.text.endswith("packages\n") for done in looked)
    assert wrote.stderr.count(b"Read-only file system") == 4
    assert sorted(path.relative_to(tree) for path in tree.rglob("*")) == before


def test_a_tree_with_very_many_entries_is_read_as_well(inside, tree, tmp_path) -> None:
    (tmp_path / "client" / "node_modules").mkdir(parents=True)
    for n in range(1_500):
        (tree / f"f{n}").touch()
    done = inside(["sh", "-c", "ls | wc -l"], repository=tmp_path / "client", tree="read")
    assert done.text.strip() == "1501", done


def test_an_activated_environment_is_found(inside, repository, project) -> None:
    environ = {
        **os.environ,
        "PATH": f"{repository}/.venv/bin:{os.environ['PATH']}",
        "VIRTUAL_ENV": f"{repository}/.venv",
    }
    for argv in (["pytest", "-q"], ["python3", "-m", "pytest", "-q"], ["sh", "-c", "exec python -m pytest -q"]):
        done = inside(argv, repository=repository, environ=environ)
        assert b"1 passed" in done.stdout, done
    (project / "test_app.py").write_text("import app\ndef test(): assert app.WHO == 'the client'\n")
    done = inside(["pytest", "-q"], repository=repository, environ=environ)
    assert done.code == 1
    assert b"1 failed" in done.stdout


def test_the_dependencies_cannot_be_changed(inside, repository, project) -> None:
    for mode in ("scratch", "write"):
        done = inside(["sh", "-c", "echo x >.venv/x"], repository=repository, tree=mode)
        assert done.code != 0
    assert not (repository / ".venv" / "x").exists()


def test_this_interpreters_pytest(inside, project) -> None:
    """With whatever this test runs under: a virtual environment anywhere, made from pyenv's or the system's Python."""
    (project / "conftest.py").write_text("import sys\nsys.path.insert(0, 'src')\n")
    done = inside([sys.executable, "-m", "pytest", "-q"])
    assert b"1 passed" in done.stdout, done


def test_the_callers_python(inside, project) -> None:
    done = inside(["python3", "-c", "import ssl, sqlite3, ctypes, zlib; print('whole')"])
    assert done.stdout == b"whole\n", done


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_node(inside, tree, tmp_path) -> None:
    repository = tmp_path / "js"
    for package in ("node_modules/left", "packages/a/node_modules/right"):
        (repository / package).mkdir(parents=True)
        (repository / package / "index.js").write_text("module.exports = 1\n")
    (tree / "packages" / "a").mkdir(parents=True)
    (tree / "x.test.js").write_text("require('node:test')('left', () => require('left'))\n")
    (tree / "packages" / "a" / "y.test.js").write_text("require('node:test')('right', () => require('right'))\n")
    for mode in ("scratch", "read"):
        done = inside(["node", "--test"], repository=repository, tree=mode, memory=1024 * 2**20)
        assert done.ok, done
        assert b"# pass 2" in done.stdout
    assert inside(["node", "--test"], memory=1024 * 2**20).code == 1  # and without them it does fail


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize("mode", ["scratch", "write"])
def test_vite_keeps_what_it_made_among_packages_that_can_not_be_changed(inside, tree, tmp_path, mode) -> None:
    """Scoped packages, and those of a workspace that are links out of the folder, are found as they are outside."""
    repository = tmp_path / "js"
    for package in ("vite", "left", "@org/right", ".vite/old"):
        folder = repository / "node_modules" / package
        folder.mkdir(parents=True)
        (folder / "package.json").write_text("{}")
        (folder / "index.js").write_text(f"module.exports = {package!r}\n")
    for link in ("inner", "@org/inner"):
        (repository / "node_modules" / link).symlink_to("../" * (1 + link.count("/")) + "packages/inner")
    (repository / "node_modules" / "alias").symlink_to("left")
    (tree / "packages" / "inner").mkdir(parents=True)
    (tree / "packages" / "inner" / "index.js").write_text("module.exports = 'inner'\n")
    (tree / "go.js").write_text(
        "const fs = require('fs')\n"
        "fs.mkdirSync('node_modules/.vite-temp', { recursive: true })\n"
        "fs.writeFileSync('node_modules/.vite-temp/x.js', 'module.exports = require(\"left\")')\n"
        "const all = ['./node_modules/.vite-temp/x.js', 'left', 'alias', '@org/right', 'inner', '@org/inner']\n"
        "console.log(all.map((name) => require(name)).join(' '), fs.existsSync('node_modules/.vite'))\n"
        "for (const name of ['left', '@org/right'])\n"
        "  try { fs.writeFileSync(`node_modules/${name}/index.js`, '') } catch (error) { console.log(error.code) }\n"
    )
    done = inside(["node", "go.js"], repository=repository, tree=mode, memory=1024 * 2**20)
    assert done.text == "left left left @org/right inner inner false\nEROFS\nEROFS\n", done
    assert not (repository / "node_modules" / ".vite-temp").exists()


def test_its_own_loopback(inside) -> None:
    done = inside(
        "import socket\n"
        "for host in ('127.0.0.1', 'localhost'):\n"
        "    server = socket.create_server((host, 0))\n"
        "    socket.create_connection(server.getsockname()).sendall(b'x')\n"
        "    print(server.accept()[0].recv(1))\n"
    )
    assert done.stdout == b"b'x'\nb'x'\n", done


def test_what_ordinary_tests_want(inside) -> None:
    done = inside(
        "import os, pwd, grp, tempfile, zoneinfo, time, multiprocessing\n"
        "me = pwd.getpwuid(os.getuid())\n"
        "assert me.pw_dir == os.environ['HOME'] == os.path.expanduser('~')\n"
        "assert grp.getgrgid(os.getgid()).gr_name\n"
        "assert zoneinfo.ZoneInfo('Europe/Paris') and time.tzname[0] == 'UTC'\n"
        "open(os.path.join(os.environ['HOME'], 'x'), 'w').close()\n"
        "tempfile.NamedTemporaryFile().close()\n"
        "multiprocessing.Lock()\n"  # a semaphore in /dev/shm
        "assert os.isatty(0) is False\n"
        "print('é')\n"
    )
    assert (done.code, done.stdout) == (0, "é\n".encode()), done


def test_standard_input_reaches_it(inside) -> None:
    assert inside(["cat"], stdin=b"x" * 300_000).stdout == b"x" * 300_000


def test_git_history(inside, tree) -> None:
    git = ["git", "-C", tree, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    assert inside(["git", "log", "--format=%s"]).stdout == b"first\n"


def test_executables_and_links_survive_the_copy(inside, tree) -> None:
    (tree / "run.sh").write_text("#!/usr/bin/env sh\necho ran\n")
    (tree / "run.sh").chmod(0o755)
    (tree / "link").symlink_to("run.sh")
    (tree / "-odd\n name").write_text("x")
    assert inside(["./link"]).stdout == b"ran\n"
