"""The child that parses files: started by `compiles.py` as a file of its own, so it imports nothing of ours.

On stdin a JSON list of [kind, base64 of the bytes]; on stdout a JSON line for each, as soon as it is known:
null, or [line, column, reason]. Nothing is run: `compile` makes code, and nobody calls it.
"""

import base64
import json
import resource
import sys
import tomllib
import warnings

MEMORY = 1 << 30
"""Bytes of data. RLIMIT_AS would count what is only mapped."""


def main() -> None:
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, encoded in json.load(sys.stdin):
        print(json.dumps(find_error(kind, base64.b64decode(encoded))), flush=True)  # noqa: T201  # it is the answer


def find_error(kind: str, data: bytes) -> list[object] | None:
    try:
        PARSERS[kind](data)
    except SyntaxError as error:  # also IndentationError, TabError
        return [error.lineno, error.offset, error.msg]
    except UnicodeDecodeError as error:
        return [data[: error.start].count(b"\n") + 1, None, f"not UTF-8: byte 0x{data[error.start]:02x}"]
    except json.JSONDecodeError as error:
        return [error.lineno, error.colno, error.msg]
    except tomllib.TOMLDecodeError as error:
        return [None, None, str(error)]
    except (RecursionError, MemoryError):
        return [None, None, "nested too deeply"]
    except (ValueError, OverflowError) as error:
        return [None, None, str(error)]
    return None


def parse_python(data: bytes) -> None:
    compile(data, "<file>", "exec", dont_inherit=True)


def parse_json(data: bytes) -> None:
    json.loads(data.decode("utf-8-sig"), parse_constant=refuse_constant)


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def parse_toml(data: bytes) -> None:
    tomllib.loads(data.decode())


PARSERS = {"python": parse_python, "json": parse_json, "toml": parse_toml}


if __name__ == "__main__":
    main()
