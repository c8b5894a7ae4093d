"""Ordinary test suites: what passes in the client's own checkout passes in the sandbox, test for test, and what fails
there fails here. Each suite wants something of its machine that a sandbox is apt to take away."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from gigctl.checks.command_log import count_kept, find_runner
from gigctl.checks.running import run_on_tree
from gigctl.flow import work
from gigctl.model import REGULAR, Change, CheckContext, CheckSpec, Content, Verdict
from gigctl.system.git.bases import add_base
from gigctl.system.git.folder import check_out
from gigctl.system.git.store import Store
from gigctl.system.sandbox import Missing, find_sandbox
from support.repositories import Repository, make_repository

pytestmark = pytest.mark.skipif(isinstance(find_sandbox(), Missing), reason="no sandbox works here")

PYTEST = ["python3", "-m", "pytest", "-q", "-p", "no:cacheprovider"]

HOME = """
import getpass, grp, os, pathlib, pwd, subprocess, sys, tempfile

def test_home_can_be_written():
    home = pathlib.Path.home()
    assert home == pathlib.Path(os.path.expanduser("~")) == pathlib.Path(os.environ["HOME"])
    (home / ".cache" / "app").mkdir(parents=True)
    (home / ".cache" / "app" / "x").write_text("x")

def test_who_i_am():
    me = pwd.getpwuid(os.getuid())
    assert getpass.getuser() and me.pw_name and pathlib.Path(me.pw_dir).is_absolute()
    assert grp.getgrgid(os.getgid()).gr_name

def test_temporary_files(tmp_path, tmp_path_factory):
    with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "x").hardlink_to(file.name)
    (tmp_path / "link").symlink_to("/etc/passwd")

def test_what_another_process_sees():
    seen = subprocess.check_output([sys.executable, "-c", "import os; print(os.environ['HOME'])"], text=True)
    assert seen.strip() == os.environ["HOME"]

def test_files_beside_the_tests_can_be_written():
    pathlib.Path("build").mkdir()
    pathlib.Path(__file__).with_name("made.txt").write_text("x")
"""
LOOPBACK = """
import asyncio, http.server, multiprocessing, socket, threading, urllib.request

class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *args):
        pass

def test_a_server_of_its_own():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for host in ("127.0.0.1", "localhost"):
            assert urllib.request.urlopen(f"http://{host}:{server.server_port}/").read() == b"hello"
        server.shutdown()

def test_all_addresses_and_datagrams():
    with socket.create_server(("0.0.0.0", 0)) as server:
        socket.create_connection(("127.0.0.1", server.getsockname()[1])).close()
    one, two = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "ab")
    one.bind(("127.0.0.1", 0))
    two.sendto(b"x", one.getsockname())
    assert one.recv(1) == b"x"

def test_its_own_name():
    assert socket.gethostbyname(socket.gethostname())

def test_a_socket_in_a_folder(tmp_path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s"))
    server.listen()
    socket.socket(socket.AF_UNIX).connect(str(tmp_path / "s"))

def test_asyncio():
    async def talk():
        async def answer(reader, writer):
            writer.write(await reader.read(1))
            writer.close()
        server = await asyncio.start_server(answer, "localhost", 0)
        reader, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
        writer.write(b"x")
        return await reader.read()
    assert asyncio.run(talk()) == b"x"

def test_processes():
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(abs, [-1, 2]) == [1, 2]
"""
HISTORY = """
import subprocess

def git(*words, **more):
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True, **more).stdout.strip()

def test_the_version_is_of_the_tag():
    assert git("describe", "--tags") == "v1.2-1-g" + git("rev-parse", "--short", "HEAD")

def test_history():
    assert git("log", "--format=%s") == "Second\\nFirst"
    assert git("show", "HEAD~1:old.txt") == "old"
    assert git("rev-parse", "--show-prefix") == ""

def test_what_is_tracked():
    assert "test_it.py" in git("ls-files").split("\\n")
    assert git("status", "--porcelain") == ""

def test_a_repository_of_its_own(tmp_path):
    git("init", "-q", cwd=tmp_path)
    git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "x", cwd=tmp_path)
    git("clone", "-q", str(tmp_path), "copy", cwd=tmp_path)
"""
ZONE = """
import datetime, os, subprocess, time, zoneinfo

def test_named_zones():
    noon = datetime.datetime(2026, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"))
    assert noon.utcoffset() == datetime.timedelta(hours=2)

def test_the_local_zone():
    assert datetime.datetime(2026, 7, 1, 12).astimezone().utcoffset() == datetime.timedelta(hours=2)
    assert subprocess.run(["date", "-d", "2026-07-01", "+%z"], capture_output=True).stdout == b"+0200\\n"

def test_another_zone(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert time.localtime(0).tm_hour == 19
    finally:
        monkeypatch.undo()
        time.tzset()
"""
ENVIRONMENT = """
import importlib.metadata, pathlib, shutil, subprocess, sys
import app, helper

def test_the_environment_is_the_checkouts():
    assert pathlib.Path(sys.prefix).name == ".venv"
    assert pathlib.Path(helper.__file__).is_relative_to(sys.prefix)

def test_the_package_is_the_trees():
    assert app.WHO == "the tree"
    assert pathlib.Path(app.__file__).parent.parent == pathlib.Path("src").resolve()

def test_its_script():
    script = pathlib.Path(sys.executable).with_name("tool")
    assert subprocess.run([script], capture_output=True, text=True).stdout == "tool of the tree\\n"

def test_the_same_interpreter_again():
    ran = subprocess.run([sys.executable, "-c", "import app, helper"])
    assert ran.returncode == 0
"""
MODULES = """
const test = require('node:test'), assert = require('node:assert'), {execFileSync} = require('node:child_process');
test('a dependency', () => assert.equal(require('left'), 'left'));
test('its path', () => assert.ok(require.resolve('left').startsWith(__dirname)));
test('its program', () => assert.equal(String(execFileSync('node_modules/.bin/left')).trim(), 'ran'));
test('import', async () => assert.equal((await import('left')).default, 'left'));
test('a file beside it', () => require('node:fs').writeFileSync('out.txt', 'x'));
test('a loopback', (_, done) => {
  const server = require('node:http').createServer((_, answer) => answer.end('x')).listen(0, 'localhost', async () => {
    assert.equal(await (await fetch(`http://localhost:${server.address().port}`)).text(), 'x');
    server.close(done);
  });
});
"""


class Suite:
    """A client's checkout with a suite in it, and our store with its last commit."""

    def __init__(self, folder: Path, client: Repository) -> None:
        self.client = client
        self.store = Store.open(folder / "git")
        found = add_base(self.store, client.path)
        self.commit, self.base = found.commit, found.tree
        self.context = CheckContext(format="code", base=self.base, commit=self.commit, repository=str(client.path))

    def outside(self, argv: Sequence[str], home: Path, **env: str) -> tuple[int, int | None]:
        """Exit code, and the tests that ran."""
        home.mkdir(exist_ok=True)
        environ = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **env}
        ran = subprocess.run(argv, cwd=self.client.path, env=environ, capture_output=True, text=True, timeout=60)
        self.said = ran.stdout + ran.stderr
        return ran.returncode, count_kept(find_runner(argv), self.said)

    def inside(self, argv: Sequence[str], folder: Path) -> tuple[int, int | None]:
        place = folder / "checked out"
        check_out(self.store, self.base, place, history=self.commit, every_link=True)
        context = CheckContext(tree=str(place), repository=str(self.client.path))
        done, _ = asyncio.run(run_on_tree(argv, context, 60))
        self.said = (done.stdout + done.stderr).decode()
        return done.code, count_kept(find_runner(argv), self.said)

    def assess(self, argv: Sequence[str], change: Mapping[str, str]) -> Verdict:
        changes = tuple(Change(path, REGULAR, text.encode()) for path, text in change.items())
        specs = [CheckSpec("test", "command", {"run": list(argv)})]
        (found,) = asyncio.run(work.assess(Content(changes, self.base), specs, self.context, store=self.store.path))
        return found


@pytest.fixture(autouse=True)
def _python_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def agree(suite: Suite, argv: Sequence[str], tests: int, folder: Path, **env: str) -> None:
    """Outside and inside the same tests pass, and as a check of a change too."""
    assert suite.outside(argv, folder / "their home", **env) == (0, tests), suite.said
    suite.client.git("clean", "-dfq")
    assert suite.inside(argv, folder) == (0, tests), suite.said
    verdict = suite.assess(argv, {"notes.txt": "x\n"})
    assert verdict.outcome == "pass", verdict


def test_a_suite_that_wants_a_home(tmp_path: Path) -> None:
    agree(Suite(tmp_path, make_repository(tmp_path / "client", {"test_it.py": HOME})), PYTEST, 5, tmp_path)


def test_a_suite_that_wants_a_loopback(tmp_path: Path) -> None:
    agree(Suite(tmp_path, make_repository(tmp_path / "client", {"test_it.py": LOOPBACK})), PYTEST, 6, tmp_path)


def test_a_suite_that_wants_history(tmp_path: Path) -> None:
    client = make_repository(tmp_path / "client")
    client.commit({"old.txt": "old\n"}, "First")
    client.git("tag", "v1.2")
    client.commit({"test_it.py": HISTORY, ".gitignore": "__pycache__/\n"}, "Second")
    suite = Suite(tmp_path, client)
    assert suite.outside(PYTEST, tmp_path / "their home") == (0, 4), suite.said
    assert suite.inside(PYTEST, tmp_path) == (0, 4), suite.said


def test_a_suite_that_wants_a_time_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Paris")
    suite = Suite(tmp_path, make_repository(tmp_path / "client", {"test_it.py": ZONE}))
    agree(suite, PYTEST, 3, tmp_path, TZ="Europe/Paris")


def test_a_suite_that_wants_its_virtual_environment(tmp_path: Path) -> None:
    """With an editable install, and a script that begins with the checkout's own interpreter."""
    files = {"src/app/__init__.py": "WHO = 'the tree'\n", "test_it.py": ENVIRONMENT, ".gitignore": ".venv\n"}
    client = make_repository(tmp_path / "their client", {**files, "pyproject.toml": "[project]\nname = 'app'\n"})
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", client.path / ".venv"], check=True)
    packages = next((client.path / ".venv" / "lib").glob("python3*")) / "site-packages"
    (packages / "app.pth").write_text(f"{client.path}/src\n")
    (packages / "tests.pth").write_text(f"{Path(pytest.__file__).parent.parent}\n")
    (packages / "helper.py").write_text("")
    tool = client.path / ".venv" / "bin" / "tool"
    tool.write_text(f"#!/bin/sh\n'''exec' \"{client.path}/.venv/bin/python\" \"$0\" \"$@\"\n' '''\n"
                    "import app\nprint('tool of', app.WHO)\n")  # fmt: skip
    tool.chmod(0o755)
    agree(Suite(tmp_path, client), [".venv/bin/python", *PYTEST[1:]], 4, tmp_path)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_a_suite_that_wants_node_modules(tmp_path: Path) -> None:
    client = make_repository(tmp_path / "client", {"it.test.js": MODULES, ".gitignore": "node_modules\nout.txt\n"})
    left = client.path / "node_modules" / "left"
    left.mkdir(parents=True)
    (left / "package.json").write_text('{"name": "left", "version": "1.0.0", "bin": {"left": "cli.js"}}')
    (left / "index.js").write_text("module.exports = 'left';\n")
    (left / "cli.js").write_text("#!/usr/bin/env node\nconsole.log('ran');\n")
    (left / "cli.js").chmod(0o755)
    (client.path / "node_modules" / ".bin").mkdir()
    (client.path / "node_modules" / ".bin" / "left").symlink_to("../left/cli.js")
    agree(Suite(tmp_path, client), ["node", "--test"], 6, tmp_path)


def test_what_fails_outside_fails_inside(tmp_path: Path) -> None:
    """The comparison can tell: a suite that wants what no machine of this kind has."""
    wants = "import os\n\ndef test_it():\n    assert os.path.exists('/opt/never/there')\n"
    suite = Suite(tmp_path, make_repository(tmp_path / "client", {"test_it.py": wants}))
    assert suite.outside(PYTEST, tmp_path / "their home") == suite.inside(PYTEST, tmp_path) == (1, 1)
