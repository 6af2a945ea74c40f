"""A server process whose log is searched at the end: nothing of what was stored may stand in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.service import Api

READY = "effacer ready grpc="


class ServerProcess:
    """`effacer-server serve` on one data directory; it may be killed and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.data = folder / "data"
        self._log = folder / "log"
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._said = ""
        self.start()

    def start(self) -> None:
        """Starts it and waits until it says that it serves."""
        command = [sys.executable, "-m", "effacer_server", "serve", "--data", str(self.data)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "EFFACER_DURABLE": "false",  # a process that dies loses nothing that it wrote; a machine is not tested here
        }
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*command, "--grpc-address", "127.0.0.1:0", *self._options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith(READY), self.log()
        self.address = line.removeprefix(READY).strip()
        self._said += line
        self.api = Api(self.address)

    def end(self, number: signal.Signals) -> int:
        """Sends a signal and waits for the end; returns the exit code."""
        self.api.close()
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.send_signal(number)
        self._said += self._process.stdout.read()
        code = self._process.wait()
        self._process.stdout.close()
        self._process = None
        return code

    def log(self) -> str:
        """Everything it and its predecessors said."""
        return self._log.read_text() + self._said

    def close(self) -> None:
        """Stops it, if it runs, and looks at what it said."""
        if self._process is not None:
            assert self.end(signal.SIGTERM) == 0, self.log()
        assert self._said.count("\n") == self._said.count(READY), "one line to stdout for each start"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Starts server processes that are stopped when the test ends."""
    started: list[ServerProcess] = []

    def start(*options: str) -> ServerProcess:
        folder = tmp_path / f"server{len(started)}"
        folder.mkdir()
        started.append(ServerProcess(folder, *options))
        return started[-1]

    yield start
    for process in started:
        process.close()
