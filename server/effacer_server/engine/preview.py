"""What would become of each element of one instance, and why: the decisions of the walk, made readable.

The walk is the very one that de-identifies, so that a preview cannot say something else than what would happen. What
an instance holds now is told by its kind alone, unless the caller is known to own it.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from effacer_server.dicom import core, facts
from effacer_server.dicom.core import Source
from effacer_server.dicom.headers import decode_text
from effacer_server.engine.instance import Examined
from effacer_server.policy.plan import Plan, Stamp, Verb

if TYPE_CHECKING:
    from effacer_server.engine.text.cleaner import Inspected

Given = TypeVar("Given")

#: Most characters of a value that are shown.
MOST_SHOWN = 1 << 14

_CHARACTER_SET = 0x00080005
_ITEM = 0xFFFEE000
# Rule indexes of the walk's own decisions, as in Plan.reason.
_STAMPED = -2
# A value above this many bytes is not read to count what it holds.
_COUNTED_BYTES = 1 << 16
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
# Text of one value, in which a backslash is a letter, and of several. Source: PS3.5 §6.2.
_ONE_TEXT = frozenset(["LT", "ST", "UT", "UR"])
_TEXTS = frozenset(["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI"])


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one element, or to an item that goes whole.

    Attributes:
        path: its tag behind those of the sequences and items around it: `(0008,1115)[1].(0020,000E)`.
        tag: 0xGGGGEEEE.
        vr: two letters; "" for an item.
        verb: what happens; None: the server's own statement takes its place.
        because: the rule that decides.
        new: the value it gets, several joined by a backslash; "" where it gets none, keeps its own, or is binary.
        old_kind: "PN, 1 value, 14 bytes"; "" where the instance has no such element.
        old: the value it has, written as `new` is; "" unless asked for. Not in the repr.
    """

    path: str
    tag: int
    vr: str
    verb: Verb | None
    because: str
    new: str = ""
    old_kind: str = ""
    old: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the walk's account, or of the list of all elements."""

    tag: int
    vr: str
    depth: int
    at: int
    value_at: int
    size: int
    verb: int = 0
    rule: int = -1


def decisions(examined: Examined, plan: Plan, *, kept: bool = False, values: bool = False) -> Iterator[Decision]:
    """Decisions in the order of the elements.

    What a deleted sequence or item holds goes with it and is not listed; what a kept sequence holds only with `kept`.

    Args:
        examined: the instance, examined with a trace.
        plan: what it was examined with.
        kept: list what stays as it is, too, and sequences that are entered only because no rule names them.
        values: tell what is there now. Only for instances that are the caller's own.

    Raises:
        Refused: the instance cannot be read.
    """
    return _Account(examined, plan, kept, values).decisions()


class _Account:
    def __init__(self, examined: Examined, plan: Plan, kept: bool, values: bool) -> None:
        self._plan, self._kept, self._values = plan, kept, values
        self._source: Source = examined.output.source
        self._order = ">" if examined.meta.big_endian else "<"
        self._trace = [_Row(*row) for row in examined.edits.decisions()]
        self._all = [_Row(*row) for row in core.elements(self._source, examined.meta)]
        self._place = {row.at: number for number, row in enumerate(self._all)}
        self._items = _item_counts(self._all)
        self._new = _new_values(examined)
        self._inspected = _by_first_byte(examined, examined.inspected)

    def decisions(self) -> Iterator[Decision]:
        stamps = list(self._plan.stamp)
        there = {row.tag: row for row in self._trace if row.rule == _STAMPED and not row.depth}
        where = _Where(self._source)
        reset = ""  # why everything in here is reset
        reset_depth = -1
        for row in self._trace:
            if reset_depth >= row.depth:
                reset_depth = -1
            while not row.depth and stamps and stamps[0].tag <= row.tag:
                yield from self._stamped(stamps[0], there.get(stamps[0].tag))
                del stamps[0]
            path = where.enter(row)
            if row.rule == _STAMPED or (row.tag == _ITEM and row.verb != Verb.DELETE):
                continue
            verb, because = Verb(row.verb), self._plan.reason(row.rule)
            if reset_depth >= 0 and verb is Verb.RESET:
                because = reset
            elif row.vr == "SQ" and verb is Verb.RESET:
                reset, reset_depth = because, row.depth
            if row.vr == "SQ" and verb is Verb.KEEP and row.rule < 0:
                verb = Verb.RECURSE  # PS3.15 §E.1.1: the rules hold at every depth
            unchanged = verb is Verb.KEEP or (verb is Verb.RECURSE and row.rule < 0)
            if unchanged and not self._kept:
                continue
            yield self._decision(row, path, verb, because, where.character_set(row.depth))
            if unchanged and verb is Verb.KEEP and row.vr == "SQ":
                yield from self._held(row, path, because, where.character_set(row.depth))
        for stamp in stamps:
            yield from self._stamped(stamp, there.get(stamp.tag))

    def _decision(self, row: _Row, path: str, verb: Verb, because: str, character_set: bytes) -> Decision:
        new = self._new.get(row.at, b"")
        if verb is Verb.CLEAN_TEXT:
            because = f"{because}: {_findings(self._inspected.get(row.at))}"
            if not self._values:
                new = b""  # what is left of a text is still the text
        return Decision(
            path,
            row.tag,
            row.vr,
            verb,
            because,
            show(row.vr, new, character_set, self._order) if new else "",
            self._kind(row, character_set),
            self._old(row, character_set),
        )

    def _held(self, kept: _Row, path: str, because: str, character_set: bytes) -> Iterator[Decision]:
        """What a sequence holds that stays as a whole."""
        where = _Where(self._source, path, kept.depth, character_set)
        for row in self._all[self._place[kept.at] + 1 :]:
            if row.depth <= kept.depth:
                return
            inner = where.enter(row)
            if row.tag != _ITEM:
                yield self._decision(row, inner, Verb.KEEP, because, where.character_set(row.depth))

    def _stamped(self, stamp: Stamp, there: _Row | None, around: str = "") -> Iterator[Decision]:
        path = around + _number(stamp.tag)
        text = stamp.value if isinstance(stamp.value, str) else ""
        kind = old = ""
        if there is not None:
            character_set = self._root_set()
            kind, old = self._kind(there, character_set), self._old(there, character_set)
        yield Decision(path, stamp.tag, stamp.vr, None, stamp.because, text, kind, old)
        if not isinstance(stamp.value, str):
            for number, item in enumerate(stamp.value, 1):
                for inner in item:
                    yield from self._stamped(inner, None, f"{path}[{number}].")

    def _root_set(self) -> bytes:
        """Specific Character Set of the data set itself."""
        found = next((row for row in self._all if row.tag == _CHARACTER_SET and not row.depth), None)
        return self._source.read(found.value_at, found.size) if found and found.size <= _COUNTED_BYTES else b""

    def _kind(self, row: _Row, character_set: bytes) -> str:
        """What an element is, without anything of what it says."""
        parts = [row.vr] if row.vr else ["item"]
        if row.vr == "SQ":
            parts.append(_count(self._items.get(row.at, 0), "item"))
        elif row.vr in _NUMBERS:
            parts.append(_count(row.size // struct.calcsize(_NUMBERS[row.vr]), "value"))
        elif row.vr == "AT":
            parts.append(_count(row.size // 4, "value"))
        elif row.vr in _ONE_TEXT and row.size:
            parts.append("1 value")
        elif row.vr in _TEXTS and 0 < row.size <= _COUNTED_BYTES:
            # A backslash byte can be half a character, so that counting takes decoding.
            text = _text(row.vr, self._source.read(row.value_at, row.size), character_set)
            parts.append(_count(text.count("\\") + 1, "value"))
        return ", ".join([*parts, _count(row.size, "byte") if row.size else "empty"])

    def _old(self, row: _Row, character_set: bytes) -> str:
        if not self._values or not row.size or row.vr in ("SQ", ""):
            return ""
        # Four bytes are the most that one character takes, and a little is left to see that more follows.
        data = self._source.read(row.value_at, min(row.size, 4 * MOST_SHOWN + 8))
        return show(row.vr, data, character_set, self._order)


class _Where:
    """Paths and character sets, kept up with while rows pass."""

    def __init__(self, source: Source, path: str = "", depth: int = -1, character_set: bytes = b"") -> None:
        """`path` and `depth`: the sequence whose content passes; by default the whole data set."""
        self._source = source
        self._sequences = {depth: path}
        self._items: dict[int, int] = {}
        self._prefixes = {0: ""}
        self._sets = {depth: character_set, 0: character_set} if depth < 0 else {depth: character_set}

    def enter(self, row: _Row) -> str:
        """The path of a row."""
        if row.tag == _ITEM:
            number = self._items[row.depth] = self._items.get(row.depth, 0) + 1
            path = f"{self._sequences[row.depth - 1]}[{number}]"
            self._prefixes[row.depth] = path + "."
            self._sets[row.depth] = self._sets[row.depth - 1]
            return path
        path = self._prefixes[row.depth] + _number(row.tag)
        if row.vr == "SQ":
            self._sequences[row.depth] = path
            self._items[row.depth + 1] = 0
        elif row.tag == _CHARACTER_SET and row.size <= _COUNTED_BYTES:
            self._sets[row.depth] = self._source.read(row.value_at, row.size)
        return path

    def character_set(self, depth: int) -> bytes:
        """Specific Character Set at the row that came last. Source: PS3.3 §C.12.1.1.2."""
        return self._sets[depth]


def show(vr: str, data: bytes, character_set: bytes, order: str) -> str:
    """A value for people: several joined by a backslash, binary ones empty, long ones cut with a last `…`."""
    if vr in _NUMBERS:
        size = struct.calcsize(_NUMBERS[vr])
        data = data[: min(len(data) // size, MOST_SHOWN) * size]
        numbers = struct.unpack(f"{order}{len(data) // size}{_NUMBERS[vr]}", data)
        return _cut("\\".join(map(str, numbers)))
    if vr == "AT":
        data = data[: min(len(data) // 4, MOST_SHOWN) * 4]
        halves = struct.unpack(f"{order}{len(data) // 2}H", data)
        return _cut("\\".join(f"({a:04X},{b:04X})" for a, b in zip(halves[::2], halves[1::2], strict=True)))
    return _cut(_text(vr, data, character_set)) if vr in _TEXTS or vr in _ONE_TEXT else ""


def _item_counts(rows: Iterable[_Row]) -> Mapping[int, int]:
    """Number of items by the first byte of their sequence."""
    counts: Counter[int] = Counter()
    last: dict[int, int] = {}  # the element that came last, by depth
    for row in rows:
        if row.tag == _ITEM:
            counts[last[row.depth - 1]] += 1
        else:
            last[row.depth] = row.at
    return counts


def _new_values(examined: Examined) -> Mapping[int, bytes]:
    """New values by the first byte of their element."""
    found = _by_first_byte(examined, examined.values)
    for _, _, _, _, _, at, _, kind, new in examined.edits.rows():
        if kind == "set" and new:
            found[at] = new
    return found


def _by_first_byte(examined: Examined, by_index: Mapping[int, Given]) -> dict[int, Given]:
    """What there is for pending edits, by the first byte of their elements instead of their index."""
    given = {row[4]: by_index[row[0]] for row in examined.edits.pending() if row[0] in by_index}
    starts = {row[4]: row[3] for row in examined.edits.decisions()} if given else {}
    return {starts[at]: value for at, value in given.items()}


def _findings(inspected: Inspected | None) -> str:
    """What was found in a text and where, without a word of it: "PERSON_NAME 8-12"."""
    if inspected is None or not inspected.spans:
        return "nothing found"
    several = inspected.spans[-1][0] > 0
    return ", ".join(
        f"{f'[{number + 1}] ' if several else ''}{span.info_type} {span.start}-{span.end}"
        for number, span in inspected.spans
    )


def _text(vr: str, data: bytes, character_set: bytes) -> str:
    return decode_text(vr, data.rstrip(b" \0"), character_set)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "…"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _number(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


@lru_cache(maxsize=4096)
def keyword(tag: int) -> str:
    """Keyword of PS3.6; "" for an item, and for what PS3.6 does not name."""
    return "" if tag == _ITEM else facts.keyword_of(tag)
