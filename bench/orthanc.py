"""Orthanc as a contestant: its own server on loopback, and the CPU it spends on `/instances/{id}/anonymize`.

A server is not called folder to folder, so what counts is chosen in its favour: start-up, upload, indexing and the
client's own work are left out. Counted is the server's user and system time over the anonymize calls alone, one after
the other on a connection that stays open. The call for an instance answers with the new file's bytes; the call for a
study would store and index every one of them and have them fetched afterwards, which costs more. Linux only (/proc).
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure import ContestantFailed, Cost

#: Where Debian's package puts it; not on everybody's PATH.
_PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin"
_READY_S, _REQUEST_S, _STOP_S = 60.0, 120.0, 30.0


def program() -> str | None:
    """Path of Orthanc, or None where it is not installed."""
    return shutil.which("Orthanc") or shutil.which("Orthanc", path=_PLACES)


def cpu_s(pid: int) -> float:
    """User and system time of a process so far, all its threads, in seconds. Source: proc(5), /proc/pid/stat."""
    # The name in parentheses may hold spaces; user and system time are fields 14 and 15, the name is the second.
    rest = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(rest[11]) + int(rest[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Orthanc:
    """A running server and one open connection to it."""

    pid: int
    port: int
    connection: http.client.HTTPConnection

    def post(self, path: str, body: bytes) -> bytes:
        """The body of the answer.

        Raises:
            ContestantFailed: the answer is no success, or none comes.
        """
        try:
            self.connection.request("POST", path, body, {"Content-Type": "application/octet-stream"})
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ContestantFailed(f"Orthanc: {path}: {type(error).__name__}: {error}") from error
        if answer.status != 200:
            raise ContestantFailed(f"Orthanc: {path}: {answer.status} {content[-400:].decode(errors='replace')}")
        return content


@contextmanager
def running(scratch: Path) -> Iterator[Orthanc]:
    """Runs Orthanc on a free port of loopback until the block ends, with storage and index of its own.

    Args:
        scratch: takes its config, its storage (deleted at the end) and its log.

    Raises:
        ContestantFailed: not installed, or it does not answer in time.
    """
    path = program()
    if path is None:
        raise ContestantFailed("Orthanc is not installed")
    scratch.mkdir(parents=True, exist_ok=True)
    storage, config, log_file = scratch / "storage", scratch / "orthanc.json", scratch / "orthanc.log"
    shutil.rmtree(storage, ignore_errors=True)
    port = _free_port()
    config.write_text(json.dumps(_settings(storage, port)), encoding="utf-8")
    with log_file.open("wb") as log:
        child = subprocess.Popen([path, str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=scratch)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_REQUEST_S)
    try:
        _wait_ready(child, port, log_file)
        yield Orthanc(child.pid, port, connection)
    finally:
        connection.close()
        child.terminate()
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        shutil.rmtree(storage, ignore_errors=True)


def measure(source: Path, out: Path, scratch: Path) -> Cost:
    """Anonymizes every file of `source` into `out` and says what the server spent on that.

    Args:
        source: a flat folder of instances.
        out: made; gets one file per instance.
        scratch: takes the server's config, storage and log.

    Raises:
        ContestantFailed: an instance could not be stored or anonymized.
    """
    paths = sorted(source.iterdir())
    out.mkdir(exist_ok=True)
    if not paths:
        return Cost(0.0, 0.0)  # nothing is asked of the server: its start-up is not counted anyway
    with running(scratch) as server:
        stored = [json.loads(server.post("/instances", path.read_bytes())) for path in paths]
        spent, before, start = 0.0, cpu_s(server.pid), time.perf_counter()
        for path, instance in zip(paths, stored, strict=True):
            answer = server.post(f"/instances/{instance['ID']}/anonymize", b"{}")
            waited = time.perf_counter()
            (out / path.name).write_bytes(answer)
            spent += time.perf_counter() - waited
        wall = time.perf_counter() - start - spent
        return Cost(cpu_s(server.pid) - before, wall)


def _settings(storage: Path, port: int) -> dict[str, object]:
    """Nothing but HTTP on loopback; the rest as Orthanc comes."""
    return {
        "Name": "bench",
        "StorageDirectory": str(storage),
        "IndexDirectory": str(storage),
        "StorageCompression": False,
        "Plugins": [],
        "HttpServerEnabled": True,
        "HttpPort": port,
        "KeepAlive": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
        "SaveJobs": False,
        "OverwriteInstances": True,
    }


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_ready(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Returns when the server answers for itself."""
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise ContestantFailed(f"Orthanc ended with {child.returncode}: {log.read_text(errors='replace')[-400:]}")
        probe = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            probe.request("GET", "/system")
            if json.loads(probe.getresponse().read()).get("Name") == "bench":
                return
        except (OSError, http.client.HTTPException, ValueError):
            pass
        finally:
            probe.close()
        time.sleep(0.05)
    raise ContestantFailed(f"Orthanc did not answer within {_READY_S:g} s")
