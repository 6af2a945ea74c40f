"""The real files of the tests: pydicom's bundled ones and those of the PyPI package pydicom-data. Never downloads."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
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


def main(folder: Path, largest: int = 65536) -> None:
    """Writes seeds for the fuzzer: every small file of the corpus, synthetic instances and hostile bytes."""
    from tests import synth
    from tests.encode import SYNTAXES, Style

    folder.mkdir(parents=True, exist_ok=True)
    seeds = [data for _, data in instances()] + [data for _, data, _ in synth.hostile()]
    for syntax in SYNTAXES:
        for undefined in (False, True):
            style = Style(syntax, undefined)
            seeds += [synth.ct(1, style, size=8), synth.sr(1, style, elements=300)]
            seeds += [synth.enhanced_ct(1, style, frames=8, size=4), synth.canaries(1, style).data]
    seeds.append(synth.us_cine(1, frames=3, fragments=2))
    for seed in seeds:
        if len(seed) <= largest:
            (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
