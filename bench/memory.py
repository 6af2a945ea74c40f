"""A large instance through a running server: stored, de-identified, retrieved, with the server's memory watched.

    python -m bench.memory [--mib N] [--kind native|encapsulated]

The instance comes from a sparse file and goes nowhere but into a checksum, so that the client holds a chunk of it as
well. Growth is the highest resident set (VmHWM, which the kernel keeps, so that no peak is missed between two looks)
less the resident set of the idle server just started. Ends with 1 when it is 32 MiB or more, or the pixel data that
comes out is not what went in. Linux only. Writes bench-out/memory.json.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from struct import pack

import pydicom
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit
from rich.console import Console
from rich.table import Table

import effacer
from bench.served import Served, served
from tests.synth import ct

FLOOR_MIB = 32.0
DATASET = "projects/bench/locations/here/datasets/memory"
KINDS = ("native", "encapsulated")
_FRAME_BYTES = 512 * 512 * 2
_FRAGMENT_BYTES = 64 << 10
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an instance's way.

    Attributes:
        before_mib, peak_mib, after_mib: resident set.
        anonymous_mib: the part of it, after the step, that no file stands behind.
    """

    name: str
    seconds: float
    before_mib: float
    peak_mib: float
    after_mib: float
    anonymous_mib: float


def write_native(path: Path, mib: int) -> int:
    """A multi-frame CT of `mib` MiB of 16-bit pixels; returns the size of the value of its pixel data in bytes.

    The pixels are a hole in the file: they read as zeros and take no room.
    """
    frames = mib * _MIB // _FRAME_BYTES
    size = frames * _FRAME_BYTES
    with path.open("wb") as file:
        file.write(_header(frames, ExplicitVRLittleEndian))
        file.write(b"\xe0\x7f\x10\x00OW\0\0" + pack("<I", size))
        file.truncate(file.tell() + size)
    return size


def write_encapsulated(path: Path, mib: int) -> int:
    """The same in fragments of 64 KiB, several to a frame, with an empty basic offset table. Source: PS3.5 §A.4.

    Returns the bytes behind the element's header, items and delimiter included.
    """
    fragments = mib * _MIB // _FRAGMENT_BYTES
    item = b"\xfe\xff\x00\xe0"
    with path.open("wb") as file:
        file.write(_header(mib * _MIB // _FRAME_BYTES, JPEGBaseline8Bit))
        file.write(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff")
        start = file.tell()
        file.write(item + pack("<I", 0))
        for _ in range(fragments):
            file.write(item + pack("<I", _FRAGMENT_BYTES))
            file.seek(_FRAGMENT_BYTES, io.SEEK_CUR)
        file.write(b"\xfe\xff\xdd\xe0" + pack("<I", 0))
        return file.tell() - start


def _header(frames: int, syntax: str) -> bytes:
    """A synthetic CT up to its pixel data, as multi-frame."""
    instance = pydicom.dcmread(io.BytesIO(ct(3)))
    del instance.PixelData
    instance.NumberOfFrames = frames
    instance.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    pydicom.dcmwrite(out, instance, implicit_vr=False, little_endian=True)
    return out.getvalue()


class Memory:
    """A process's resident memory, as the kernel counts it. Source: proc(5)."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._clear = Path(f"/proc/{pid}/clear_refs")

    def mib(self, field: str) -> float:
        """VmRSS, RssAnon or VmHWM in MiB."""
        for line in self._status.read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"/proc has no {field}")

    def reset_peak(self) -> None:
        """Lets VmHWM start again from what is resident now."""
        self._clear.write_text("5")


class Way:
    """The steps of one instance through a server, each with its memory."""

    def __init__(self, server: Served) -> None:
        self.memory = Memory(server.pid)
        self.idle_mib = self.memory.mib("VmRSS")
        self.steps: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Notes memory and time around the block."""
        before, start = self.memory.mib("VmRSS"), time.perf_counter()
        self.memory.reset_peak()
        yield
        seconds = time.perf_counter() - start
        peak, after, anonymous = (self.memory.mib(field) for field in ("VmHWM", "VmRSS", "RssAnon"))
        self.steps.append(Step(name, seconds, before, peak, after, anonymous))

    @property
    def growth_mib(self) -> float:
        """The highest peak over the idle server."""
        return max(step.peak_mib for step in self.steps) - self.idle_mib


def drive(client: effacer.Client, way: Way, path: Path, pixels: int) -> bool:
    """Stores, de-identifies and retrieves the file; whether its pixel data came out as it went in."""
    client.create_dataset(DATASET).result(timeout=60)
    source = client.create_dicom_store(f"{DATASET}/dicomStores/in").name
    with way.step("StoreInstances"):
        (stored,) = client.store(source, path)
        if stored.error is not None:
            raise stored.error
    with way.step("DeidentifyDicomStore"):
        operation = client.deidentify_dicom_store(source, f"{DATASET}/dicomStores/out", config={"dicomTagConfig": {}})
        operation.result(timeout=600)
    counter = operation.metadata.counter
    if (counter.success, counter.failure) != (1, 0):
        raise RuntimeError(f"de-identified {counter.success}, refused {counter.failure}")
    (found,) = client.search_instances(f"{DATASET}/dicomStores/out")
    study, series, instance = (found[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
    name = f"{DATASET}/dicomStores/out/dicomWeb/studies/{study}/series/{series}/instances/{instance}"
    size, digest = 0, ""
    with way.step("RetrieveInstance"):
        for described, chunks in client.retrieve_instances(name):
            size = described.size_bytes
            digest = _digest(chunks, size - pixels)
    with path.open("rb") as file:
        expected = _digest(iter(lambda: file.read(_MIB), b""), path.stat().st_size - pixels)
    return size > pixels and digest == expected


def _digest(chunks: Iterator[bytes], skip: int) -> str:
    """SHA-256 of a stream but for its first `skip` bytes."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(memoryview(chunk)[min(skip, len(chunk)) :])
        skip = max(0, skip - len(chunk))
    return digest.hexdigest()


def main() -> int:
    """Runs both kinds, or one; 1 when a floor is missed or the bytes are wrong."""
    parser = argparse.ArgumentParser(prog="bench.memory", description=__doc__.partition("\n")[0])
    parser.add_argument("--mib", type=int, default=1024, help="size of the pixel data")
    parser.add_argument("--kind", choices=KINDS, help="one kind only")
    parser.add_argument("--scratch", type=Path, help="folder with room for three times the size")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    given = parser.parse_args()
    console, results, missed = Console(width=None if sys.stdout.isatty() else 120), {}, False
    for kind in KINDS if given.kind is None else (given.kind,):
        with tempfile.TemporaryDirectory(dir=given.scratch, prefix="effacer-bench-") as folder:
            path = Path(folder) / "large.dcm"
            pixels = (write_native if kind == "native" else write_encapsulated)(path, given.mib)
            with served(Path(folder) / "data") as server, effacer.Client(server.target) as client:
                way = Way(server)
                same = drive(client, way, path, pixels)
        console.print(table(kind, given.mib, way))
        held = way.growth_mib < FLOOR_MIB
        verdict = "held" if held else "MISSED"
        console.print(
            f"growth over idle: {way.growth_mib:.1f} MiB (floor: below {FLOOR_MIB:g} MiB, {verdict})", highlight=False
        )
        console.print(f"pixel data out is {'the same as' if same else 'NOT what went'} in\n", highlight=False)
        missed |= not (held and same)
        steps = [asdict(step) for step in way.steps]
        results[kind] = {
            "mib": given.mib,
            "idle_mib": way.idle_mib,
            "growth_mib": way.growth_mib,
            "same": same,
            "steps": steps,
        }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "memory.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    console.print(f"written: {given.out / 'memory.json'}")
    return int(missed)


def table(kind: str, mib: int, way: Way) -> Table:
    """The steps, for people."""
    shown = Table(title=f"{kind}, {mib} MiB; idle server {way.idle_mib:.1f} MiB", title_justify="left")
    shown.add_column("step")
    for heading in ("seconds", "MiB/s", "RSS before", "peak", "after", "anonymous after", "peak over idle"):
        shown.add_column(heading, justify="right")
    for step in way.steps:
        memory = (step.before_mib, step.peak_mib, step.after_mib, step.anonymous_mib, step.peak_mib - way.idle_mib)
        shown.add_row(
            step.name, f"{step.seconds:.2f}", f"{mib / step.seconds:,.0f}", *(f"{value:.1f}" for value in memory)
        )
    return shown


if __name__ == "__main__":
    sys.exit(main())
