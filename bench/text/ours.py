"""Our finder as the bench calls it, value by value like the cleaner does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from bench.text.generate import Descriptor
from bench.text.score import Found


class FoundSpan(Protocol):
    """What of a finder's spans is looked at."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def info_type(self) -> str: ...


class AnyFinder(Protocol):
    """What is measured; tests bring their own."""

    def find(self, text: str, vr: str) -> Sequence[FoundSpan]:
        """Spans in a text of a VR."""
        ...


def info_types(default_only: bool) -> frozenset[str]:
    """Names of infoTypes, of all or of those that are looked for by default."""
    from importlib import resources

    table = resources.files("effacer_server.policy") / "tables" / "infotypes.tsv"
    rows = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return frozenset(row[0] for row in rows[1:] if row[1] == "yes" or not default_only)


def finder(wanted: frozenset[str], *, strict: bool = False, cached: bool = False) -> AnyFinder:
    """A new finder, which remembers nothing unless it is to."""
    from effacer_server.engine.text.finder import CACHE_BYTES, Finder

    made: AnyFinder = Finder(wanted, strict=strict, cache_bytes=CACHE_BYTES if cached else 0)
    return made


def find(by: AnyFinder, text: str, vr: str) -> list[Found]:
    """What is found in one value; a name group by group, as the cleaner asks."""
    if vr != "PN" or "=" not in text:
        return _plain(by.find(text, vr), 0)
    found, at = [], 0
    for group in text.split("="):
        found += _plain(by.find(group, vr), at)
        at += len(group) + 1
    return found


def find_context(descriptors: Iterable[Descriptor]) -> list[list[Found]]:
    """The [CTX] findings of each descriptor in an instance of its values."""
    from effacer_server.engine.text.phrases import CONTEXT, Phrases
    from effacer_server.engine.text.vocabulary import is_term

    return [
        [one for one in _plain(Phrases(each.values, is_term).candidates(each.text), 0) if one.info_type == CONTEXT]
        for each in descriptors
    ]


def _plain(spans: Iterable[FoundSpan], at: int) -> list[Found]:
    return [Found(span.start + at, span.end + at, span.info_type) for span in spans]
