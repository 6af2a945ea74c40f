"""Templates, words and names of the text bench, and which half of them each split may use."""

from __future__ import annotations

import csv
import random
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TUNE, REPORT = "tune", "report"
SPLITS = (TUNE, REPORT)

_HERE = Path(__file__).parent
#: A list shorter than this serves both halves: two sexes cannot be split.
_LEAST_SPLIT = 8


@dataclass(frozen=True, slots=True)
class Template:
    """One line of a template file.

    Attributes:
        key: file and line, by which the test tells that no template is in both halves.
        group: what it is about; strings are drawn group by group.
        vrs: value representations it may stand in; of descriptors the values of their instance.
    """

    key: str
    group: str
    vrs: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Names of one language, one half of them."""

    name: str
    kind: str
    given: tuple[str, ...]
    family: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """What a slot is filled with."""

    info_type: str
    words: tuple[str, ...]


def half_of(name: str) -> str:
    """The split a name belongs to, whatever list it stands in and however it is capitalised."""
    return SPLITS[zlib.crc32(name.casefold().encode()) & 1]


@cache
def templates(file: str, split: str) -> tuple[Template, ...]:
    """Templates of a file ("templates", "negatives", "sentences", "descriptors") that a split may use."""
    found = []
    for line, row in _rows(file):
        half, group, vrs, text = row if file != "descriptors" else (row[0], row[2], row[1], row[3])
        if half == split[0]:
            between = "|" if file == "descriptors" else ","
            found.append(Template(f"{file}:{line}", group, tuple(vrs.split(between)), text))
    return tuple(found)


@cache
def origins(split: str, kind: str) -> tuple[Origin, ...]:
    """Names by language: kind "english", "foreign" (Latin letters) or "script"."""
    lists = defaultdict[str, dict[str, tuple[str, ...]]](dict)
    for _, (origin, of_kind, part, names) in _rows("names"):
        if of_kind == kind:
            lists[origin][part] = tuple(name for name in names.split("|") if half_of(name) == split)
    return tuple(Origin(name, kind, parts["given"], parts["family"]) for name, parts in lists.items())


@cache
def words(split: str) -> dict[str, Words]:
    """Words by slot: of those that identify one half, all of the others."""
    found = {}
    for _, (slot, info_type, text) in _rows("words"):
        listed = tuple(text.split("|"))
        if info_type and len(listed) >= _LEAST_SPLIT:
            listed = tuple(word for word in listed if half_of(word) == split)
        found[slot] = Words(info_type.strip("-"), listed)
    return found


def any_origin(rng: random.Random, split: str) -> Origin:
    """An English one as often as one from elsewhere."""
    return rng.choice(origins(split, rng.choice(("english", "foreign"))))


def _rows(file: str) -> Iterator[tuple[int, list[str]]]:
    """Lines of a table with their numbers, without comments and the head."""
    with (_HERE / f"{file}.tsv").open(encoding="utf-8", newline="") as lines:
        rows = enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), start=1)
        told = [(number, row) for number, row in rows if row and not row[0].startswith("#")]
    yield from told[1:]
