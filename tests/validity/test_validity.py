"""Outputs as others read them: pydicom walks them, dcmdump prints them, dciodvfy finds nothing wrong that was not
wrong before; but for what `exceptions.tsv` lists, each with its reason.
"""

from __future__ import annotations

import collections
import fnmatch
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests import corpus, mixes, synth
from tests.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Style
from tests.golden import instances
from tests.property.agreement import engine
from tests.validity import readers

SMALL = 1 << 20
BASICS = [(name, text) for name, text in mixes.named() if name in ("basic 2018e", "basic latest")]
# Not the profiles that take away what an IOD needs, nor actions, which may.
OTHERS = [
    (name, text)
    for name, text in (*mixes.named(), *mixes.sampled(60, 5))
    if mixes.BASIC in text and '"actions": []' in text and (name, text) not in BASICS
]


def inputs() -> Iterator[tuple[str, bytes]]:
    """Real files and synthetic ones in every encoding."""
    yield from corpus.instances(SMALL)
    for syntax in (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED):
        for undefined in (False, True):
            style = Style(syntax, undefined)
            yield f"synth/ct {style}", synth.ct(1, style, size=16)
            yield f"synth/sr {style}", synth.sr(1, style, elements=300)
            yield f"synth/enhanced {style}", synth.enhanced_ct(1, style, frames=5, size=8)
    yield "synth/cine", synth.us_cine(1, frames=3, fragments=2)
    yield "golden", instances.instance()


@cache
def exceptions() -> list[tuple[str, str]]:
    """(pattern of an error, part of the config's name)."""
    lines = (Path(__file__).parent / "exceptions.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")][1:]
    assert all(len(row) == 3 and row[2] for row in rows), "an exception without a reason"
    return [(row[0].replace("[", "[[]"), row[1].lower()) for row in rows]


def excused(error: str, config: str) -> bool:
    error = error.removeprefix("Error - ")
    return any(fnmatch.fnmatchcase(error, pattern) and part in config.lower() for pattern, part in exceptions())


def new_errors(before: collections.Counter[str], after: collections.Counter[str], config: str) -> list[str]:
    return [error for error in after - before if not excused(error, config)]


def outputs(number: int, data: bytes) -> Iterator[tuple[str, bytes]]:
    """(config, output) under the Basic Profile of both editions and one other config; refused ones are no outputs."""
    for name, text in (*BASICS, OTHERS[number % len(OTHERS)]):
        found = engine(data, mixes.plan(text))
        if isinstance(found, bytes):
            yield name, found


def test_dciodvfy_and_dcmdump_find_nothing_new(tmp_path: Path) -> None:
    readers.need(*readers.PROGRAMS)
    source, target, wrong, checked = tmp_path / "in.dcm", tmp_path / "out.dcm", [], 0
    for number, (file, data) in enumerate(inputs()):
        source.write_bytes(data)
        before, read_before = readers.errors_of_dciodvfy(source), readers.errors_of_dcmdump(source)
        for turn, (config, found) in enumerate(outputs(number, data)):
            target.write_bytes(found)
            checked += 1
            wrong += [f"{file}: {config}: {e}" for e in new_errors(before, readers.errors_of_dciodvfy(target), config)]
            if turn == number % 3:
                new = readers.errors_of_dcmdump(target) - read_before
                wrong += [f"{file}: {config}: dcmdump: {error}" for error in new]
    assert not wrong, "\n".join(wrong)
    assert checked > 500


def test_pydicom_reads_what_it_read_before() -> None:
    wrong, checked = [], 0
    for number, (file, data) in enumerate(inputs()):
        try:
            readers.walk_with_pydicom(data)
        except Exception:
            continue  # what it cannot read before it need not read after
        for config, found in outputs(number, data):
            checked += 1
            try:
                assert readers.walk_with_pydicom(found)
            except Exception as error:
                wrong.append(f"{file}: {config}: {type(error).__name__}")
    assert not wrong, "\n".join(wrong)
    assert checked > 500


def test_the_check_can_fail(tmp_path: Path) -> None:
    """A CT without its pixels' description is found."""
    readers.need(*readers.PROGRAMS)
    config = mixes.config(actions=({"queries": ["Rows", "PhotometricInterpretation"], "deleteTag": {}},))
    whole, broken = tmp_path / "in.dcm", tmp_path / "out.dcm"
    whole.write_bytes(synth.ct(1, size=16))
    found = engine(whole.read_bytes(), mixes.plan(config))
    assert isinstance(found, bytes)
    broken.write_bytes(found)
    errors = new_errors(readers.errors_of_dciodvfy(whole), readers.errors_of_dciodvfy(broken), "basic 2018e")
    assert any("<Rows>" in error for error in errors)
    broken.write_bytes(found[: len(found) - 200])
    assert readers.errors_of_dcmdump(broken) - readers.errors_of_dcmdump(whole)
