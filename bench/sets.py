"""The folders of seeded synthetic instances the contestants work on."""

from __future__ import annotations

import io
import itertools
import os
from dataclasses import dataclass
from pathlib import Path
from struct import pack

import pydicom

from tests.synth import KINDS

#: Instances drawn one by one; the rest of a set are copies of these under their own SOP Instance UIDs.
_DRAWN = 16


@dataclass(frozen=True, slots=True)
class SetKind:
    """One kind of set.

    Attributes:
        name: key of tests.synth.KINDS.
        title: what it holds.
        count: instances for contestants that work near the speed of copying.
        slow_count: instances (the first ones of the same set) for those that parse every element; 0: they stay out.
    """

    name: str
    title: str
    count: int
    slow_count: int


SETS = (
    SetKind("ct", "CT 512x512, about 200 elements, private blocks", 1200, 400),
    SetKind("sr", "SR, about 2,000 elements", 2400, 24),
    SetKind("us", "US cine, JPEG baseline, 30 frames", 3000, 300),
    SetKind("enhanced", "enhanced CT, 500 functional groups", 200, 4),
    SetKind("large", "multi-frame CT of 2,048 frames", 1, 0),
)
#: Frames of 512 KiB in an instance of the set "large": 1 GiB.
_LARGE_FRAMES = 2048


def write_instances(folder: Path, kind: str, count: int, seed: int = 1) -> int:
    """Writes `count` instances of one patient and study and returns their bytes together.

    They are on the disk when this returns: nobody pays later for writing them back.
    """
    folder.mkdir(parents=True)
    if kind == "large":
        return sum(_write_large(folder / f"{number:05}.dcm", number) for number in range(1, count + 1))
    drawn = [KINDS[kind](seed, None, number) for number in range(1, min(count, _DRAWN) + 1)]
    uids = [sop_instance(data) for data in drawn]
    total = 0
    for number, (data, uid) in zip(range(1, count + 1), itertools.cycle(zip(drawn, uids, strict=True)), strict=False):
        # The last six digits of a synthetic UID are the instance's number; a UID of the same length moves nothing.
        own = uid[:-6] + f"{number:06}".encode()
        data = data.replace(uid, own)
        (folder / f"{number:05}.dcm").write_bytes(data)
        total += len(data)
    os.sync()
    return total


def _write_large(path: Path, number: int) -> int:
    """A CT as one instance of many frames, all alike; no holes, which a copy could skip."""
    instance = pydicom.dcmread(io.BytesIO(KINDS["ct"](1, None, number)))
    frame = instance.PixelData
    del instance.PixelData
    instance.NumberOfFrames = _LARGE_FRAMES
    pydicom.dcmwrite(path, instance, implicit_vr=False, little_endian=True)
    with path.open("ab") as file:
        file.write(b"\xe0\x7f\x10\x00OW\0\0" + pack("<I", len(frame) * _LARGE_FRAMES))
        for _ in range(_LARGE_FRAMES):
            file.write(frame)
    return path.stat().st_size


def link_first(source: Path, folder: Path, count: int) -> None:
    """A folder of the first `count` files of another: hard links, so that both are the same pages in memory."""
    folder.mkdir()
    for path in sorted(source.iterdir())[:count]:
        (folder / path.name).hardlink_to(path)


def warm(folder: Path) -> None:
    """Reads every file once, into the page cache."""
    buffer = bytearray(1 << 20)
    for path in folder.iterdir():
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def sop_instance(data: bytes) -> bytes:
    """The SOP Instance UID of an instance's bytes."""
    with pydicom.filebase.DicomBytesIO(data) as file:
        return str(pydicom.dcmread(file, specific_tags=["SOPInstanceUID"]).SOPInstanceUID).encode()
