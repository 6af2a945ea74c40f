"""A server as a child process: started on a free port, with data of its own, stopped at the end."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY = "effacer ready grpc="


@dataclass(frozen=True, slots=True)
class Served:
    """A running server.

    Attributes:
        target: HOST:PORT for effacer.Client.
        pid: its process.
    """

    target: str
    pid: int


@contextmanager
def served(data: Path, *options: str, ready_s: float = 60.0, stop_s: float = 30.0) -> Iterator[Served]:
    """Runs `effacer-server serve` until the block ends.

    Args:
        data: its data directory; its log goes to `server.log` there.
        options: more of its command line.
        ready_s: most seconds until it says that it serves.
        stop_s: seconds after SIGTERM until it is killed.

    Raises:
        RuntimeError: it ended or stayed silent before it was ready, or did not end cleanly.
    """
    data.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "effacer_server", "serve", "--data", str(data), "--grpc-address", "127.0.0.1:0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with (data / "server.log").open("wb") as log:
        child = subprocess.Popen(
            [*command, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment
        )
    assert child.stdout is not None
    try:
        with child.stdout:
            yield Served(_wait_ready(child, ready_s, data / "server.log"), child.pid)
            child.send_signal(signal.SIGTERM)
            if child.wait(stop_s) != 0:
                raise RuntimeError(f"the server ended with {child.returncode}, see {data / 'server.log'}")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def _wait_ready(child: subprocess.Popen[bytes], ready_s: float, log: Path) -> str:
    """The address out of the line that says it serves."""
    assert child.stdout is not None
    deadline, seen = time.monotonic() + ready_s, b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while b"\n" not in seen:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise RuntimeError(f"the server did not get ready in {ready_s:g} s")
            more = os.read(child.stdout.fileno(), 4096)
            if not more:
                raise RuntimeError(f"the server ended before it was ready: {log.read_text(errors='replace')[-2000:]}")
            seen += more
    line = seen.decode().splitlines()[0]
    if not line.startswith(READY):
        raise RuntimeError(f"the server said something else than that it is ready: {line}")
    return line.removeprefix(READY).split()[0]
