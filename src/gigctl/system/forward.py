"""Run in the sandbox before a program that has no network: its loopback leads to one Unix socket, and nowhere else.

    python3 -I -S -c SOURCE SOCKET PORT PROGRAM ARGUMENT…

Connections to 127.0.0.1:PORT are carried to SOCKET, which was mounted there. It ends as the program ends. The source is
handed over as text, so that nothing of gigctl's needs to be seen inside: it imports nothing but Python's own library.
"""

import contextlib
import shutil
import socket
import subprocess  # noqa: TID251  # a program of its own, inside
import sys
import threading


def carry(source: socket.socket, target: socket.socket) -> None:
    """All that comes from one side to the other, until it ends there."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def connect(near: socket.socket, path: str) -> None:
    """One connection, both ways."""
    far = socket.socket(socket.AF_UNIX)
    with near, far:
        try:
            far.connect(path)
        except OSError:
            return
        back = threading.Thread(target=carry, args=(far, near), daemon=True)
        back.start()
        carry(near, far)
        back.join()


def listen(server: socket.socket, path: str) -> None:
    """A thread for each connection."""
    while True:
        near, _ = server.accept()
        threading.Thread(target=connect, args=(near, path), daemon=True).start()


def main(path: str, port: str, *argv: str) -> int:
    """The program's exit code; of one that a signal ended, a shell's."""
    server = socket.create_server(("127.0.0.1", int(port)))
    threading.Thread(target=listen, args=(server, path), daemon=True).start()
    if shutil.which(argv[0]) is None:
        sys.stderr.write(f"{argv[0]}: not found\n")
        return 127
    code = subprocess.Popen(argv).wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
