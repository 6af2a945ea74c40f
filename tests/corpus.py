"""The real files of the tests: pydicom's own and those of the packages pydicom-data and deid-data. Never downloads."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pydicom

# Files that no DICOM reader is asked to read.
OTHER_SUFFIXES = {".py", ".pyc", ".txt", ".json", ".dump", ".gz", ".icc", ".md", ".zip"}
# Larger files are for `make proof`: the slow reference takes seconds for each.
LARGEST = 8 << 20


def roots() -> dict[str, Path]:
    """Where the collections are installed, by a short name."""
    found = {"pydicom": Path(pydicom.__file__).parent / "data" / "test_files"}
    found["charset"] = Path(pydicom.__file__).parent / "data" / "charset_files"
    for name, module in (("pydicom-data", "data_store"), ("deid-data", "deid_data")):
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.origin is not None:
            found[name] = Path(spec.origin).parent / "data"
    return found


def files(largest: int | None = LARGEST) -> Iterator[tuple[str, Path]]:
    """(short relative id, path) of every file of at most `largest` bytes (None: of all), in a stable order."""
    for name, root in roots().items():
        for path in sorted(root.rglob("*")):
            if not path.is_file() or path.suffix.lower() in OTHER_SUFFIXES:
                continue
            if largest is None or path.stat().st_size <= largest:
                yield f"{name}/{path.relative_to(root).as_posix()}", path


def instances(largest: int | None = LARGEST) -> Iterator[tuple[str, bytes]]:
    """(short relative id, bytes) of every file, in the same order; without a limit also of those that are packed."""
    for name, path in files(largest):
        yield name, path.read_bytes()
    if largest is None:
        for name, root in roots().items():
            for path in sorted(root.rglob("*.gz")):
                yield f"{name}/{path.relative_to(root).as_posix()}", gzip.decompress(path.read_bytes())
            for path in sorted(root.rglob("*.zip")):
                with zipfile.ZipFile(path) as archive:
                    for member in archive.namelist():
                        yield f"{name}/{path.relative_to(root).as_posix()}/{member}", archive.read(member)


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
