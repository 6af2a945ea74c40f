"""One instance, from the bytes that came to the bytes that may leave.

    meta    preamble and file meta are read, never copied
    content what content rules say about items of content trees, where the plan has such rules
    rewrite one native walk: the new data set as segments; unchanged bytes are ranges of the source. Where a new value
            takes Python (dates, texts), it is three steps: scan (what the plan changes, as edits), values, splice
    head    a new preamble and file meta in front

What cannot be done whole is Refused: nothing of it leaves.
"""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from struct import pack
from typing import TYPE_CHECKING

from effacer_server.dicom import core, facts
from effacer_server.dicom.core import Meta, Source
from effacer_server.engine import values
from effacer_server.engine.content import ContentRules
from effacer_server.errors import Reason, Refused
from effacer_server.policy.plan import Keys, Plan, Stamp
from effacer_server.policy.profiles import verb_for

if TYPE_CHECKING:
    from effacer_server.engine.text.cleaner import Cleaner, Inspected

#: Who wrote the file: (0002,0012), (0002,0013). Derived from a UUID, so that it needs no registration (PS3.5 §B.2).
IMPLEMENTATION_CLASS_UID = "2.25.160846920116437958121037904126390127343"
IMPLEMENTATION_VERSION_NAME = "EFFACER_0_1"

# (0002,0002) is written by us, so that it may not hold just anything. Source: PS3.5 §9.1.
_SOP_CLASS = re.compile(r"[0-9.]{0,64}\Z")
_SOP_CLASS_TAG = (core.SOP_CLASS_UID,)
# SOP classes come from files: a stream of invented ones must not grow us.
_MOST_MATCHERS = 512
# Inflated data are deflated again in pieces of so many bytes.
_PIECE_BYTES = 1 << 20

Segment = bytes | tuple[int, int]

_LONG_LENGTH_VRS = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one instance.

    Attributes:
        inflated_bytes: largest data set a deflated one may become.
    """

    inflated_bytes: int = 1 << 29


# Not frozen, as everything made for each instance: a frozen dataclass takes its time to be made.
@dataclass(slots=True)
class Output:
    """A de-identified instance.

    Attributes:
        study, series, instance: its UIDs as they are now.
        sop_class, transfer_syntax: UIDs; the transfer syntax is the source's.
        size: bytes of all segments together.
        segments: the whole new file, preamble first: new bytes, or (offset, length) of `source`.
        source: what the offsets refer to.
        edits: number of changes made to the data set.
        inflated: `source` is the inflated data set in memory, not what was given.
    """

    study: str
    series: str
    instance: str
    sop_class: str
    transfer_syntax: str
    size: int
    segments: list[Segment] = field(repr=False)
    source: Source = field(repr=False)
    edits: int = 0
    inflated: bool = False


@dataclass(slots=True, repr=False)
class Examined:
    """An instance with what was found in it.

    Attributes:
        output: what became of it.
        meta: of what `output.source` holds.
        edits: changes made to its data set, and what was decided for every element.
        values: of the pending ones among them, by index.
        inspected: what was found in those that were inspected, by index.
    """

    output: Output
    meta: Meta
    edits: core.Edits
    values: dict[int, bytes]
    inspected: dict[int, Inspected] = field(default_factory=dict)


class Deidentifier:
    """A plan ready to be applied, with its compiled matchers; threads share it."""

    def __init__(self, plan: Plan, keys: Keys, limits: Limits | None = None) -> None:
        self._plan = plan
        self._keys = keys
        self._content = ContentRules(plan) if plan.content else None
        self._cleaner: Cleaner | None = None
        if plan.text is not None:
            from effacer_server.engine.text.cleaner import Cleaner  # imported here: its tables take a while to load

            self._cleaner = Cleaner(plan.text, keys)
        self._limits = limits or Limits()
        self._matchers: dict[tuple[str, bool, bool], core.Matcher] = {}
        self._lock = threading.Lock()

    def deidentify(self, source: Source) -> Output:
        """Applies the plan to one instance.

        Args:
            source: the whole instance, file preamble first. It must stay readable until the segments are written.

        Raises:
            Refused: the instance cannot be read or changed whole; see errors.Reason.
        """
        source, meta, found_class = self._open(source)
        matcher = self._matcher(meta, found_class)
        decided = self._content.overrides(source, meta, matcher) if self._content else ()
        new = core.rewrite(source, meta, matcher, decided)
        if new is None:
            new = self._in_steps(source, meta, core.scan(source, meta, matcher, decided))[0]
        return self._output(source, meta, found_class, new)

    def examine(self, source: Source) -> Examined:
        """As `deidentify`, with what was decided for every element."""
        source, meta, found_class = self._open(source)
        matcher = self._matcher(meta, found_class)
        decided = self._content.overrides(source, meta, matcher) if self._content else ()
        edits = core.scan(source, meta, matcher, decided, trace=True)
        new, given, inspected = self._in_steps(source, meta, edits)
        return Examined(self._output(source, meta, found_class, new), meta, edits, given, inspected)

    def _open(self, source: Source) -> tuple[Source, Meta, str]:
        """The source, inflated where it is deflated; its meta; its SOP class."""
        meta = core.read_meta(source)
        if meta.deflated:
            source = core.inflate(source, meta, self._limits.inflated_bytes)
        # The data set's own word decides; the file meta's stands in where there is none.
        found = core.capture(source, meta, _SOP_CLASS_TAG).get(core.SOP_CLASS_UID)
        return source, meta, (core.text_of(found[1]) if found else "") or meta.sop_class

    def _output(self, source: Source, meta: Meta, found_class: str, new: core.Rewritten) -> Output:
        segments = new.segments
        instance = _own_uid(new.instance, core.SOP_INSTANCE_UID)
        study, series = _uid(new.study, core.STUDY_INSTANCE_UID), _uid(new.series, core.SERIES_INSTANCE_UID)
        sop_class = _class(new.sop_class) or _class(found_class.encode())
        if meta.deflated:
            segments = [_deflate(source, segments)]
        kept = self._file_meta(source, meta) if self._plan.file_meta else b""
        head = file_head(sop_class, instance, meta.transfer_syntax, kept)
        if segments and isinstance(segments[0], bytes):
            segments[0] = head + segments[0]
        else:
            segments.insert(0, head)
        size = sum([len(part) if isinstance(part, bytes) else part[1] for part in segments])
        source.rest()  # the window it was read through serves the next instance, while it is in the processor's cache
        return Output(
            study,
            series,
            instance,
            sop_class,
            meta.transfer_syntax,
            size,
            segments,
            source,
            new.changes,
            meta.deflated,
        )

    def _in_steps(
        self, source: Source, meta: Meta, edits: core.Edits
    ) -> tuple[core.Rewritten, dict[int, bytes], dict[int, Inspected]]:
        """The new data set of what was scanned; what was given for what waited for a value; what was found in texts."""
        given, inspected = values.resolve(source, meta, edits, self._keys, self._cleaner)
        segments = core.splice(source, edits, given)
        return core.Rewritten(segments, edits.count, *map(edits.final, core.WATCHED)), given, inspected

    def _file_meta(self, source: Source, meta: Meta) -> bytes:
        """The elements of the source's file meta that the plan keeps, encoded."""
        # File meta is explicit VR little endian, whatever the data set is. Source: PS3.10 §7.1.
        tags = tuple(rule.tag for rule in self._plan.file_meta)
        found = core.capture(source, replace(meta, start=132, implicit=False, big_endian=False), tags)
        return b"".join(_meta_element(tag & 0xFFFF, vr.encode(), value) for tag, (vr, value) in sorted(found.items()))

    def _matcher(self, meta: Meta, sop_class: str) -> core.Matcher:
        key = (sop_class, meta.implicit, meta.big_endian)
        found = self._matchers.get(key)
        if found is None:
            found = compile_matcher(self._plan, self._keys, *key)
            with self._lock:
                if len(self._matchers) >= _MOST_MATCHERS:
                    self._matchers.clear()
                self._matchers[key] = found
        return found


def compile_matcher(plan: Plan, keys: Keys, sop_class: str, implicit: bool, big_endian: bool) -> core.Matcher:
    """The plan for one SOP class and encoding."""
    rules = [
        (rule.tag, rule.mask, rule.vr, rule.creator, int(verb_for(rule, sop_class)), int(rule.verb))
        for rule in plan.rules
    ]
    inserts = [(stamp.tag, encode(stamp, implicit, big_endian)) for stamp in plan.stamp]
    nested = [
        (path, index, int(verb))
        for index, rule in enumerate(plan.rules)
        if rule.code
        for path in facts.nested_types(sop_class, rule.tag)
        if (verb := verb_for(rule, sop_class, path)) is not rule.verb
    ]
    attributes = [index for index, rule in enumerate(plan.rules) if rule.as_attribute]
    return core.Matcher(
        rules, int(plan.default.verb), inserts, keys.uid, keys.uid_root, nested, keys.derivation, attributes
    )


def encode(stamp: Stamp, implicit: bool, big_endian: bool) -> bytes:
    """The element as it stands in a data set of that encoding; sequences and items with defined lengths.

    Source: PS3.5 §7.1.2, §7.1.3, §7.5.
    """
    order = ">" if big_endian else "<"
    if isinstance(stamp.value, str):
        value = stamp.value.encode("ascii")
        if len(value) % 2:
            value += b"\0" if stamp.vr == "UI" else b" "
    else:
        value = b""
        for item in stamp.value:
            content = b"".join(encode(element, implicit, big_endian) for element in item)
            value += pack(order + "HHI", 0xFFFE, 0xE000, len(content)) + content
    tag = pack(order + "HH", stamp.tag >> 16, stamp.tag & 0xFFFF)
    if implicit:
        return tag + pack(order + "I", len(value)) + value
    vr = stamp.vr.encode("ascii")
    if stamp.vr in _LONG_LENGTH_VRS:
        return tag + vr + b"\0\0" + pack(order + "I", len(value)) + value
    return tag + vr + pack(order + "H", len(value)) + value


def file_head(sop_class: str, instance: str, transfer_syntax: str, kept: bytes = b"") -> bytes:
    """Preamble and file meta of our own. Source: PS3.10 §7.1.

    (0002,0003) is the SOP Instance UID of the data set, as the standard demands. Of the source's file meta nothing is
    copied but `kept`, encoded elements behind (0002,0013).
    """
    before, behind = _head_parts(sop_class, transfer_syntax)
    meta = before + _meta_element(0x0003, b"UI", instance.encode("ascii", "replace")) + behind + kept
    return _PREAMBLE + pack("<I", len(meta)) + meta


_PREAMBLE = bytes(128) + b"DICM\x02\x00\x00\x00UL\x04\x00"


@lru_cache(maxsize=256)
def _head_parts(sop_class: str, transfer_syntax: str) -> tuple[bytes, bytes]:
    """File meta before and behind the SOP Instance UID."""
    return (
        b"\x02\x00\x01\x00OB\0\0\x02\x00\x00\x00\x00\x01"
        + _meta_element(0x0002, b"UI", sop_class.encode("ascii", "replace")),
        _meta_element(0x0010, b"UI", transfer_syntax.encode("ascii", "replace"))
        + _meta_element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID.encode())
        + _meta_element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode()),
    )


def _meta_element(number: int, vr: bytes, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr in (b"UI", b"OB", b"UN") else b" "
    length = b"\0\0" + pack("<I", len(value)) if vr.decode() in _LONG_LENGTH_VRS else pack("<H", len(value))
    return b"\x02\x00" + pack("<H", number) + vr + length + value


def _own_uid(value: bytes | None, tag: int) -> str:
    text = core.text_of(value or b"")
    if not core.is_uid(text):
        raise Refused(Reason.BAD_UID if text else Reason.MISSING_UID, tag, "UI")
    return text


# Those of study and series come again with every instance of theirs.
_uid = lru_cache(maxsize=256)(_own_uid)


@lru_cache(maxsize=256)
def _class(value: bytes | None) -> str:
    text = core.text_of(value or b"")
    if not _SOP_CLASS.match(text):
        raise Refused(Reason.BAD_SOP_CLASS, core.SOP_CLASS_UID, "UI")
    return text


def _deflate(source: Source, segments: Sequence[Segment]) -> bytes:
    """The data set deflated anew and padded to even length. Source: PS3.5 §A.5."""
    stream = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = []
    for part in segments:
        if isinstance(part, bytes):
            parts.append(stream.compress(part))
            continue
        at, left = part
        while left:
            size = min(left, _PIECE_BYTES)
            parts.append(stream.compress(source.read(at, size)))
            at, left = at + size, left - size
    parts.append(stream.flush())
    out = b"".join(parts)
    return out + b"\0" if len(out) % 2 else out
