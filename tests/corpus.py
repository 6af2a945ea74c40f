"""The real files of the tests: pydicom's bundled ones and those of the PyPI package pydicom-data. Never downloads."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pydicom

# Files that no DICOM reader is asked to read.
OTHER_SUFFIXES = {".py", ".pyc", ".txt", ".json", ".dump", ".gz", ".icc"}


def roots() -> dict[str, Path]:
    """Where the two collections are installed, by a short name."""
    found = {"pydicom": Path(pydicom.__file__).parent / "data" / "test_files"}
    found["charset"] = Path(pydicom.__file__).parent / "data" / "charset_files"
    spec = importlib.util.find_spec("data_store")  # the import name of pydicom-data
    if spec is not None and spec.origin is not None:
        found["pydicom-data"] = Path(spec.origin).parent / "data"
    return found


def files() -> Iterator[tuple[str, Path]]:
    """(short relative id, path) of every file, in a stable order."""
    for name, root in roots().items():
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix.lower() not in OTHER_SUFFIXES:
                yield f"{name}/{path.relative_to(root).as_posix()}", path


def instances() -> Iterator[tuple[str, bytes]]:
    """(short relative id, bytes) of every file, in the same order."""
    for name, path in files():
        yield name, path.read_bytes()
