"""What other readers say about a file: pydicom, dcmtk's dcmdump and dicom3tools' dciodvfy.

The two programs come with Debian (`make debian`). Where a program cannot be had the tests that need it are skipped with
that reason; under CI they fail instead.
"""

from __future__ import annotations

import collections
import io
import os
import re
import shutil
import subprocess
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.encode import DEFLATED

PROGRAMS = ("dcmdump", "dciodvfy")


def need(*programs: str) -> None:
    """Skips a test where a program is not installed; fails it under CI."""
    for program in programs:
        if not shutil.which(program) and not shutil.which(program, path="/usr/sbin"):
            if os.environ.get("CI"):
                pytest.fail(f"{program} is not installed: make debian")
            pytest.skip(f"{program} is not installed: make debian")


def kind_of(line: str) -> str:
    """An error without the values, numbers and places that differ between two files of one kind."""
    line = re.sub(r"= <.*?>(?= - |$)", "= <>", line)
    line = re.sub(r"<\d[^>]*>", "<>", line)
    return re.sub(r"(?<![0-9A-Za-z,(])\d+(\.\d+)*\b", "N", re.sub(r"\[\d+\]", "[]", line)).strip()


def errors_of_dciodvfy(path: Path) -> collections.Counter[str]:
    """Its "Error - " lines by kind; with how it ended where a signal ended it. It cannot read deflated data sets."""
    if DEFLATED.encode() in path.read_bytes()[:1024]:
        return collections.Counter()
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, timeout=120, check=False)
    text = (done.stderr + done.stdout).decode("latin-1")
    found = collections.Counter(kind_of(line) for line in text.splitlines() if line.startswith("Error - "))
    if done.returncode < 0:
        found[f"ended by signal {-done.returncode}"] += 1
    return found


def errors_of_dcmdump(path: Path) -> collections.Counter[str]:
    """Its errors and warnings by kind."""
    done = subprocess.run(["dcmdump", str(path)], capture_output=True, timeout=120, check=False)
    lines = [line for line in done.stderr.decode("latin-1").splitlines() if line[:2] in ("E:", "W:", "F:")]
    found = collections.Counter(kind_of(line.replace(str(path), "FILE")) for line in lines)
    if done.returncode:
        found["exit code"] += 1
    return found


def walk_with_pydicom(data: bytes) -> int:
    """Reads every element of a file at every depth, values decoded; returns how many there were. Raises as pydicom."""
    count = 0

    def visit(_: Dataset, element: object) -> None:
        nonlocal count
        count += 1
        str(element)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(data))
        dataset.walk(visit)
    return count
