"""What a contestant left behind: whether it did the work, and how well."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import pydicom


@dataclass(frozen=True, slots=True)
class Outputs:
    """The files of one run.

    Attributes:
        fault: why the run does not count; "" when it does.
        named: files that hold the bytes of the patient's name anywhere: nested, in free text, in private elements.
        digests: SHA-256 by path below the output folder.
    """

    fault: str
    named: int = 0
    digests: dict[str, bytes] = field(default_factory=dict)


def files(folder: Path) -> list[Path]:
    """All regular files below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def inspect(folder: Path, count: int, name: bytes, copies: bool) -> Outputs:
    """Reads every output.

    Args:
        folder: the output folder.
        count: how many there must be.
        name: the patient's name as it stands in the inputs.
        copies: the name may stay.
    """
    paths = files(folder)
    if len(paths) != count:
        return Outputs(f"{len(paths)} outputs for {count} inputs")
    named, digests = 0, {}
    for path in paths:
        data = path.read_bytes()
        named += name in data
        digests[str(path.relative_to(folder))] = hashlib.sha256(data).digest()
        if copies:
            continue
        instance = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data), specific_tags=["PatientName", "SOPInstanceUID"])
        if str(instance.get("PatientName", "")).encode() == name:
            return Outputs("PatientName is still there", named)
        if not instance.get("SOPInstanceUID"):
            return Outputs("an output has no SOP Instance UID", named)
    return Outputs("", named, digests)


def discard(folder: Path) -> None:
    """Empties every file of a folder, and leaves them there until all is over.

    Space and memory are free again, but not the inodes: for minutes ext4 searches past each inode that was just
    deleted when it makes a new file, which would cost later runs more than the work that is measured.
    """
    for path in files(folder):
        os.truncate(path, 0)
