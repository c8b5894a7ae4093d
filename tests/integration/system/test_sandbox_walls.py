"""What a program in the sandbox must not reach."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gigctl.errors import PolicyError
from gigctl.system.proc import ProgramError

CONNECT = """
import socket, sys
try:
    print(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2).recv(5).decode())
except OSError as error:
    print("refused")
"""


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_no_network(inside, port) -> None:
    code = CONNECT.replace("int(sys.argv[1])", str(port))
    assert inside(code).stdout == b"refused\n"
    interfaces = inside("import socket; print([name for _, name in socket.if_nameindex()])")
    assert interfaces.stdout == b"['lo']\n"


def test_network_where_the_policy_says_so(inside) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        code = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]})).sendall(b'hello')"
        assert inside(code, network=True).ok
        with server.accept()[0] as connection:
            assert connection.recv(5) == b"hello"


def test_the_home_is_an_empty_folder(inside) -> None:
    home = Path(os.environ["HOME"])
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id_ed25519").write_text("secret")
    (home / "letter").write_text("secret")
    done = inside(
        "import os; print(os.listdir(os.environ['HOME'])); open(os.environ['HOME'] + '/x', 'w').write('mine')"
    )
    assert (done.code, done.stdout) == (0, b"[]\n")
    assert sorted(p.name for p in home.iterdir()) == [".ssh", "letter"]


def test_links_in_the_tree_lead_nowhere(inside, tree) -> None:
    secret = Path(os.environ["HOME"]) / "letter"
    secret.write_text("secret")
    for name, target in (
        ("a", "/etc/shadow"),
        ("b", str(secret)),
        ("c", "/proc/1/root/etc/shadow"),
        ("d", "../../home/letter"),
    ):
        (tree / name).symlink_to(target)
    for mode in ("scratch", "read", "write"):
        done = inside(["sh", "-c", "for name in a b c d; do cat $name && echo LEAK; done; true"], tree=mode)
        assert done.stdout == b""
        assert done.code == 0


def test_the_environment_is_made_anew(inside) -> None:
    environ = {**os.environ, "OPENAI_API_KEY": "sk-secret", "SSH_AUTH_SOCK": "/run/agent", "LD_PRELOAD": ""}
    done = inside(["/usr/bin/env"], environ=environ, env={"MINE": "1"})
    names = {line.split("=")[0] for line in done.text.splitlines()}
    assert names - {"PYENV_ROOT", "PYENV_VERSION", "VIRTUAL_ENV", "PWD"} == {
        "PATH",
        "HOME",
        "TMPDIR",
        "LANG",
        "TZ",
        "MINE",
    }


@pytest.mark.parametrize(
    "place", ["/", "/usr", "/etc", "/dev", "/bin", "/var", "/run", "/proc", "/proc/sys/kernel", "/usr/lib", "/run/tree"]
)
def test_nothing_outside_can_be_written(inside, place) -> None:
    done = inside(f"open({place!r} + '/gigctl-test', 'w')")
    assert done.code == 1
    assert b"Error" in done.stderr
    assert not Path(place, "gigctl-test").exists()


def test_no_setting_of_the_kernel_can_be_written(inside) -> None:
    """What root owns there the kernel lets root write, whatever user it is inside."""
    done = inside(
        "import os, stat\n"
        "def walk(top):\n"
        "    for folder, folders, files in os.walk(top, onerror=None):\n"
        "        folders[:] = [name for name in folders if name not in ('task', 'fd', 'fdinfo', 'map_files', 'ns')]\n"
        "        yield from (os.path.join(folder, name) for name in files)\n"
        "open_ones = []\n"
        "for path in walk('/proc'):\n"
        "    try:\n"
        "        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))\n"
        "        open_ones.append(path)\n"
        "    except OSError:\n"
        "        pass\n"
        "print(open_ones)\n"
        "for name in ('kernel/core_pattern', 'vm/swappiness', 'kernel/hostname'):\n"
        "    try:\n"
        "        value = open(f'/proc/sys/{name}').read()\n"
        "        open(f'/proc/sys/{name}', 'w').write(value)\n"
        "        print('wrote', name)\n"
        "    except OSError:\n"
        "        pass\n"
    )
    assert (done.code, done.text.strip()) == (0, "[]"), done.stderr


def test_the_tree_is_changed_only_where_that_is_the_policy(inside, tree) -> None:
    (tree / "a").write_text("1")
    script = ["sh", "-c", "echo 2 >a && cat a"]
    assert inside(script).stdout == b"2\n"
    assert (tree / "a").read_text() == "1"
    assert inside(script, tree="read").code != 0
    assert (tree / "a").read_text() == "1"
    assert inside(script, tree="write").stdout == b"2\n"
    assert (tree / "a").read_text() == "2\n"


def test_other_processes_are_not_seen(inside) -> None:
    done = inside("import os; print(sorted(int(n) for n in os.listdir('/proc') if n.isdigit())[-1])")
    assert int(done.stdout) < 20
    assert b"gigctl" not in inside(["sh", "-c", "cat /proc/1/environ /proc/1/cmdline"]).stdout.replace(b"gigctl-", b"")


def test_no_more_rights_can_be_had(inside) -> None:
    status = inside(["cat", "/proc/self/status"]).text
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["NoNewPrivs"] == "1"
    assert {fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert inside(["unshare", "-U", "true"]).code != 0
    assert inside(["unshare", "-n", "true"]).code != 0
    assert inside(["mount", "-t", "tmpfs", "x", "/tmp"]).code != 0
    assert inside("import os; print(os.getuid())").stdout != b"0\n"


def test_gigctls_own_data_is_never_seen(inside, tmp_path) -> None:
    data = tmp_path / "share" / "gigctl"
    data.mkdir(parents=True)
    (data / "ledger.sqlite").write_text("secret")
    (tmp_path / "share" / "font").write_text("harmless")
    script = ["sh", "-c", f"ls -A {data}; cat {tmp_path}/share/font; touch {data}/x"]
    done = inside(script, readable=(tmp_path / "share",), never=(data,))
    assert done.stdout == b"harmless"
    assert done.code != 0
    with pytest.raises(PolicyError):
        inside(["true"], readable=(data / "ledger.sqlite",), never=(data,))
    (tmp_path / "innocent").symlink_to(data)
    with pytest.raises(PolicyError):
        inside(["true"], writable=(tmp_path / "innocent",), never=(data,))


def test_what_the_policy_lists_is_there(inside, tmp_path) -> None:
    (tmp_path / "r").write_text("r")
    (tmp_path / "w").mkdir()
    done = inside(["sh", "-c", f"cat {tmp_path}/r; echo w >{tmp_path}/w/x; echo x >{tmp_path}/r"],
                  readable=(tmp_path / "r",), writable=(tmp_path / "w",))  # fmt: skip
    assert done.stdout == b"r"
    assert done.code != 0
    assert (tmp_path / "w" / "x").read_text() == "w\n"
    assert (tmp_path / "r").read_text() == "r"


def test_a_socket_of_the_policy_is_reached_without_network(inside, tmp_path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        done = inside(f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({str(path)!r}); s.sendall(b'hi')",
                      sockets=(path,))  # fmt: skip
        assert done.ok
        with server.accept()[0] as connection:
            assert connection.recv(2) == b"hi"


def test_no_secret_is_on_a_command_line(inside) -> None:
    code = "import time; time.sleep(1.5)"
    watcher = subprocess.Popen(
        [sys.executable, "-c", "import time, pathlib\nend = time.time() + 1.2\nwhile time.time() < end:\n"
         " for p in pathlib.Path('/proc').glob('[0-9]*/cmdline'):\n"
         "  try: data = p.read_bytes()\n  except OSError: continue\n"
         "  if b'hidden' + b'-42' in data: print('LEAK', data)\n  if b'sleep(1' + b'.5)' in data: print('SEEN')"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert inside(code, env={"KEY": "hidden-42"}).ok
    out = watcher.communicate()[0]
    assert b"SEEN" in out
    assert b"LEAK" not in out


def test_no_terminal_and_no_descriptor_leaks(inside, tmp_path) -> None:
    with (tmp_path / "secret").open("w"):
        done = inside("import os; print(sorted(os.listdir('/proc/self/fd'))); open('/dev/tty')")
    assert done.stdout == b"['0', '1', '2', '3']\n"  # 3 is the listing itself
    assert done.code == 1


def test_a_program_that_is_not_there_is_told(inside) -> None:
    with pytest.raises(ProgramError, match="no program 'no-such-runner'"):
        inside(["no-such-runner"])


def _alive(mark: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def _wait_until(what, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


def test_it_dies_with_its_parent(sandbox, tree) -> None:
    mark = f"4{os.getpid()}.25"
    code = f"""
import asyncio, os, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from gigctl.system.sandbox import Policy, find_sandbox, run_sandboxed
argv = ["sh", "-c", "setsid sleep {mark} & sleep {mark}"]
asyncio.run(run_sandboxed(find_sandbox(), argv, tree=Path({str(tree)!r}), policy=Policy(), environ=os.environ))
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    assert _wait_until(lambda: len(_alive(f"sleep\0{mark}")) == 2)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _wait_until(lambda: not _alive(mark))


def test_a_time_out_ends_grandchildren_too(inside) -> None:
    mark = f"3{os.getpid()}.5"
    done = inside(["sh", "-c", f"setsid sh -c 'sleep {mark} & sleep {mark}' & sleep {mark}"], seconds=0.7)
    assert done.timed_out
    assert done.seconds < 10
    assert _wait_until(lambda: not _alive(mark))
