"""The door to the native core: the walk over an instance's bytes and their rewriting.

Everything here releases the interpreter's lock while it works, except the building of Python objects. Byte positions
in errors are offsets into the source. Nothing here knows policy, character sets or files.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple, cast

from effacer_server.dicom import _core, facts
from effacer_server.dicom._core import Edits, Source
from effacer_server.errors import Reason, Refused

__all__ = [
    "SERIES_INSTANCE_UID",
    "SOP_CLASS_UID",
    "SOP_INSTANCE_UID",
    "STUDY_INSTANCE_UID",
    "WATCHED",
    "Edits",
    "Matcher",
    "Meta",
    "Rewritten",
    "Source",
    "capture",
    "elements",
    "inflate",
    "is_uid",
    "map_uid",
    "read_meta",
    "rewrite",
    "scan",
    "splice",
    "text_of",
]

SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E

#: Root elements whose new value is told, in the order of the attributes of Rewritten.
WATCHED = (SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)

_IMPLICIT = "1.2.840.10008.1.2"
_EXPLICIT = "1.2.840.10008.1.2.1"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_JPIP_DEFLATED = ("1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205")
# Registered as transfer syntaxes, but no data sets in the encodings of PS3.5: MIME, XML, Papyrus.
_NO_DATA_SET = ("1.2.840.10008.1.2.6.1", "1.2.840.10008.1.2.6.2", "1.2.840.10008.1.20")

# Inflated data sets above this size leave memory.
_SPOOL_BYTES = 8 << 20

# Order of enum ef_placeholder_kind in core.h.
_PLACEHOLDER_KINDS = {"empty": 0, "text": 1, "repeat": 2, "zeros": 3, "uid": 4}


@dataclass(slots=True)
class Meta:
    """Preamble and file meta of an instance, read. Source: PS3.10 §7.1.

    Attributes:
        start: offset of the data set's first byte.
        transfer_syntax: (0002,0010).
        sop_class: (0002,0002), or "".
        implicit: the data set has implicit VR.
        big_endian: the data set is big endian.
        deflated: the data set is deflated; `inflate` before `scan`.
        encapsulated: pixel data is encapsulated (PS3.5 §A.4).
    """

    start: int
    transfer_syntax: str
    sop_class: str
    implicit: bool
    big_endian: bool
    deflated: bool
    encapsulated: bool


class Rewritten(NamedTuple):
    """A new data set.

    Attributes:
        segments: new bytes, or (offset, length) of the source.
        changes: number of edits this took.
        sop_class, instance, study, series: values of these root elements as they are now; None where there is none.
    """

    segments: list[bytes | tuple[int, int]]
    changes: int
    sop_class: bytes | None
    instance: bytes | None
    study: bytes | None
    series: bytes | None


class Matcher(_core.Matcher):
    """A plan, compiled for one SOP class and one encoding. Immutable; threads share it."""

    def __new__(  # type: ignore[override]  # the native class takes the facts and the watched tags too
        cls,
        rules: Sequence[tuple[int, int, str, str, int, int]],
        default_verb: int,
        inserts: Sequence[tuple[int, bytes]],
        uid_key: bytes,
        uid_root: str,
        nested: Sequence[tuple[Sequence[int], int, int]] = (),
        derivation: str = "hmac",
        attributes: Sequence[int] = (),
    ) -> Matcher:
        """Compiles.

        Args:
            rules: (tag, mask, VR or "", private creator or "", verb at the root, verb when nested); first match wins.
            default_verb: for what no rule matches.
            inserts: root elements every output carries: (tag, the whole element encoded as the data set is).
            uid_key: secret of the UID mapping.
            uid_root: at most 24 characters of ASCII.
            nested: (tags of the enclosing sequences from the root, index of a rule, verb): right below that path, what
                the rule decides takes this verb instead of the rule's nested one.
            derivation: how new UIDs come from old ones, as in policy.plan.Keys.
            attributes: indexes of rules that keep an attribute as the dictionary has it: under such a tag a VR of text
                where the dictionary has none, or PN where it has another, is reset.
        """
        arguments = (rules, default_verb, inserts, WATCHED, uid_key, uid_root, nested, derivation, attributes)
        return cast(Matcher, super().__new__(cls, _facts(), *arguments))


@cache
def _facts() -> _core.Facts:
    masked = [(line.tag, line.mask, line.vr) for line in facts.repeating() if line.vr]
    standard = [tag for tag, role in facts.uid_roles().items() if role == "standard"]
    kinds = [
        (p.vr, _PLACEHOLDER_KINDS[p.kind], p.value)
        for p in facts.placeholders().values()
        if p.kind in _PLACEHOLDER_KINDS
    ]
    return _core.Facts(facts.exact_vrs(), masked, list(facts.registered_uids()), standard, kinds)


def text_of(value: bytes) -> str:
    """An ASCII value (UID, code string) without its padding; what is not ASCII becomes U+FFFD."""
    return value.rstrip(b"\0 ").lstrip(b" ").decode("ascii", "replace")


# The few transfer syntaxes and SOP classes come again with every instance.
_known_text = lru_cache(maxsize=512)(text_of)


@lru_cache(maxsize=512)
def _encoding(syntax: str) -> tuple[bool, bool, bool, bool]:
    """(implicit, big endian, deflated, encapsulated) of a transfer syntax. Source: PS3.5 Annex A.

    Raises:
        Refused: TRANSFER_SYNTAX when PS3.6 Annex A does not register it.
    """
    known = facts.registered_uids().get(syntax)
    if known is None or known.kind != "Transfer Syntax" or syntax in _NO_DATA_SET:
        raise Refused(Reason.TRANSFER_SYNTAX, 0x00020010, "UI")
    if syntax in (_IMPLICIT, _EXPLICIT, _DEFLATED, _BIG_ENDIAN):
        return syntax == _IMPLICIT, syntax == _BIG_ENDIAN, syntax == _DEFLATED, False
    return False, False, syntax in _JPIP_DEFLATED, syntax not in _JPIP_DEFLATED


def is_uid(text: str) -> bool:
    """Whether a value can name an instance here: one value of letters, digits and dots, at most 64 characters.

    Wider than PS3.5 §9.1 by letters and leading zeros, which real files have; narrow enough for keys and file names.
    """
    return len(text) <= 64 and text.isascii() and text.replace(".", "").isalnum() and ".." not in text


def read_meta(source: Source) -> Meta:
    """Preamble and file meta.

    Raises:
        Refused: NOT_DICOM, NO_TRANSFER_SYNTAX, TRANSFER_SYNTAX (not one of PS3.6 Annex A), TRUNCATED and what else can
            be wrong with elements.
    """
    _facts()  # refusals ask them
    start, syntax_bytes, class_bytes = _core.read_meta(source)
    syntax = _known_text(syntax_bytes)
    implicit, big_endian, deflated, encapsulated = _encoding(syntax)
    return Meta(start, syntax, _known_text(class_bytes), implicit, big_endian, deflated, encapsulated)


def inflate(source: Source, meta: Meta, limit: int) -> Source:
    """A source with the same preamble and meta and the data set inflated. Source: PS3.5 §A.5.

    What a few kilobytes become can be large: beyond some megabytes it goes to a nameless temporary file, which is gone
    with the source.

    Args:
        source: instance with a deflated data set.
        meta: its meta.
        limit: most bytes the inflated data set may have.

    Raises:
        Refused: INFLATE when the stream is broken, unfinished, too large, or followed by more than the nine bytes that
            padding and a gzip trailer may take; those are dropped.
    """
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    spool = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 - the source made of it closes it
    spool.write(source.read(0, meta.start))
    size, at = 0, meta.start
    try:
        while at < source.size and not stream.eof:
            block = source.read(at, min(1 << 20, source.size - at))
            at += len(block)
            while block and not stream.eof:
                out = stream.decompress(block, 1 << 20)
                block = stream.unconsumed_tail
                size += len(out)
                if size > limit:
                    raise Refused(Reason.INFLATE, position=at)
                spool.write(out)
        if not stream.eof or len(stream.unused_data) + source.size - at > 9:
            raise Refused(Reason.INFLATE, position=at)
        return Source.spooled(spool, meta.start + size)
    except zlib.error:
        spool.close()
        raise Refused(Reason.INFLATE, position=at) from None
    except OSError:
        spool.close()
        raise Refused(Reason.IO, position=at) from None
    except BaseException:
        spool.close()
        raise


def scan(
    source: Source,
    meta: Meta,
    matcher: Matcher,
    overrides: Sequence[tuple[int, int, int]] = (),
    *,
    trace: bool = False,
) -> Edits:
    """One walk over the data set: what the plan changes.

    Args:
        source, meta: the instance.
        matcher: the plan for it.
        overrides: (offset, verb, rule index), ascending by the offset of an element's or an item's first byte:
            decisions that win over every rule. An item can only be deleted.
        trace: keep what was decided for every element, for `Edits.decisions`.

    Raises:
        Refused: with reason, tag, VR and position when the data set is not well formed or an action cannot apply;
            TOO_LARGE when it has more elements than can be traced.
    """
    return _core.scan(source, meta.start, meta.implicit, meta.big_endian, matcher, overrides, trace)


def elements(source: Source, meta: Meta) -> list[tuple[int, str, int, int, int, int]]:
    """Everything in the data set, in the order of the file, sequences entered.

    Returns:
        (tag, VR, depth, offset, offset of the value, bytes of the value without delimiters). Items have the tag
        0xFFFEE000 and no VR; depth is the number of sequences around.

    Raises:
        Refused: as `scan`.
    """
    return _core.elements(source, meta.start, meta.implicit, meta.big_endian, _facts())


def splice(source: Source, edits: Edits, values: dict[int, bytes]) -> list[bytes | tuple[int, int]]:
    """The new data set as segments: new bytes, or (offset, length) of the source.

    Args:
        source: what was scanned.
        edits: what scan found.
        values: for each pending edit its new value, unpadded.
    """
    return _core.splice(source, edits, values)


def rewrite(
    source: Source, meta: Meta, matcher: Matcher, overrides: Sequence[tuple[int, int, int]] = ()
) -> Rewritten | None:
    """`scan` and `splice` in one walk, without edits in between: the same bytes in less time.

    Args:
        source, meta, matcher, overrides: as in `scan`.

    Returns:
        None where that cannot be: some edit may wait for a value, whether a group length stays is not known in time, or
            more than some megabytes of new and short pieces would be held.

    Raises:
        Refused: as `scan` and `splice`.
    """
    found = _core.rewrite(source, meta.start, meta.implicit, meta.big_endian, matcher, overrides)
    return None if found is None else Rewritten(found[0], found[1], *found[2])


def capture(source: Source, meta: Meta, tags: tuple[int, ...]) -> dict[int, tuple[str, bytes]]:
    """Root elements with these tags (ascending): tag -> (VR, raw value); stops behind the last one."""
    found = _core.capture(source, meta.start, meta.implicit, meta.big_endian, _facts(), tags)
    return {tag: (vr, value) for tag, vr, value in found}


def map_uid(key: bytes, root: str, uid: str, derivation: str = "hmac") -> str:
    """The new UID of a source UID: root + decimal of 128 bits of HMAC-SHA-256(key, uid). Source: PS3.5 §B.2.

    With the derivation "md5": of the UUID that RFC 4122 makes of the UID's bytes as a name (version 3), without key.
    """
    return _core.map_uid(key, root, uid.encode(), derivation).decode()
