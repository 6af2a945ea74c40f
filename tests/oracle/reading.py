"""The oracle's reader: bytes into a tree of elements that remember their own bytes. Source: PS3.5 §7, PS3.10 §7."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from pydicom.datadict import dictionary_VR
from pydicom.uid import UID, UID_dictionary

from effacer_server.dicom import facts
from effacer_server.errors import Reason

UNDEFINED = 0xFFFFFFFF
MAX_DEPTH = 64
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
SOP_CLASS, SOP_INSTANCE, STUDY, SERIES = 0x00080016, 0x00080018, 0x0020000D, 0x0020000E

# Source: PS3.5 Table 6.2-1 (all VRs); §7.1.2, Table 7.1-1 (those with a 32-bit length in explicit VR).
SHORT_VRS = [
    "AE",
    "AS",
    "AT",
    "CS",
    "DA",
    "DS",
    "DT",
    "FD",
    "FL",
    "IS",
    "LO",
    "LT",
    "PN",
    "SH",
    "SL",
    "SS",
    "ST",
    "TM",
    "UI",
    "UL",
    "US",
]
LONG_VRS = ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]


class OracleRefused(Exception):
    """The instance must not be written; `reason` is one of errors.Reason."""

    def __init__(self, reason: Reason, tag: int | None = None, position: int | None = None) -> None:
        super().__init__(f"{reason} tag={tag if tag is None else hex(tag)} position={position}")
        self.reason = reason
        self.tag = tag
        self.position = position


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a data set is written. Source: PS3.5 §7."""

    implicit: bool = False
    big_endian: bool = False

    def pack(self, size: int, number: int) -> bytes:
        return number.to_bytes(size, "big" if self.big_endian else "little")

    def unpack(self, raw: bytes) -> int:
        return int.from_bytes(raw, "big" if self.big_endian else "little")

    def tag(self, tag: int) -> bytes:
        return self.pack(2, tag >> 16) + self.pack(2, tag & 0xFFFF)

    def header(self, tag: int, vr: str, length: int) -> bytes:
        """Tag, VR and length. Raises OracleRefused(VALUE_TOO_LONG)."""
        if self.implicit:
            return self.tag(tag) + self.pack(4, length)
        if vr in LONG_VRS:
            return self.tag(tag) + vr.encode() + b"\0\0" + self.pack(4, length)
        if length > 0xFFFF:
            raise OracleRefused(Reason.VALUE_TOO_LONG, tag)
        return self.tag(tag) + vr.encode() + self.pack(2, length)


IMPLICIT_LE = Encoding(implicit=True)


@dataclass(slots=True)
class Item:
    """One item of a sequence: reads its elements; whether a delimiter or a length ends it."""

    read_elements: Callable[[], list[Element]]
    undefined: bool


@dataclass(slots=True)
class Element:
    """One element as it stands in the input.

    Attributes:
        written_vr: the two letters in the file; "" in implicit VR.
        vr: what the rules see: the dictionary's VR where the file gives none or says UN.
        raw: header and value, delimiters included.
        value: the value field; of undefined length without the sequence delimiter.
        at: offset of the header; value_at: offset of the value.
        read_items: reads the value as items, or None where it is no sequence.
        frames: the value is a list of encapsulated fragments.
    """

    tag: int
    written_vr: str
    vr: str
    raw: bytes
    value: bytes
    at: int
    value_at: int
    undefined: bool
    encoding: Encoding
    frames: bool = False
    read_items: Callable[[], list[Item]] | None = None
    inner: Encoding = field(default=IMPLICIT_LE)


def dictionary_vr(tag: int, explicit: bool = False) -> str:
    """VR of the data dictionary; "UN" for what it does not know.

    A choice of VRs becomes OW where that is one of them, else US. Source: PS3.5 §A.1 (pixel, overlay, curve and lookup
    table data are OW in implicit VR), PS3.5 §7.8.1 (private creators are LO), §7.2 (group lengths are UL).
    """
    if tag & 0xFFFF == 0:
        return "UL"
    if tag >> 16 & 1:
        return "LO" if 0x0010 <= tag & 0xFFFF <= 0x00FF else "UN"
    try:
        vr = str(dictionary_VR(tag))
    except KeyError:
        vr = facts.vr_of(tag) or "UN"
    if " or " in vr:
        return "OW" if "OW" in vr else "US"
    return vr


class Reader:
    """Reads one data set of `data`, which holds the whole instance, so that positions count from its start."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def need(self, at: int, size: int, end: int, tag: int | None = None) -> None:
        """Raises unless `size` bytes at `at` lie before `end`: TRUNCATED at the end of the bytes, else BAD_LENGTH."""
        if at + size > len(self.data):
            raise OracleRefused(Reason.TRUNCATED, tag, at)
        if at + size > end:
            raise OracleRefused(Reason.BAD_LENGTH, tag, at)

    def tag_at(self, at: int, enc: Encoding) -> int:
        return enc.unpack(self.data[at : at + 2]) << 16 | enc.unpack(self.data[at + 2 : at + 4])

    def data_set(self, at: int, end: int, enc: Encoding, depth: int, delimited: bool) -> tuple[list[Element], int]:
        """Elements from `at` to `end`, or to the item delimiter, and the offset behind them."""
        elements: list[Element] = []
        while True:
            if at == end and not delimited:
                return elements, at
            self.need(at, 8, end)
            tag = self.tag_at(at, enc)
            if tag == ITEM_END and delimited:
                if enc.unpack(self.data[at + 4 : at + 8]):
                    raise OracleRefused(Reason.BAD_LENGTH, tag, at)
                return elements, at + 8
            if tag >> 16 == 0xFFFE:
                raise OracleRefused(Reason.BAD_ITEM, tag, at)
            element, at = self.element(tag, at, end, enc, depth)
            elements.append(element)

    def whole(self, at: int, end: int, enc: Encoding, depth: int) -> list[Element]:
        """The elements of a data set of known length."""
        return self.unique(self.data_set(at, end, enc, depth, delimited=False)[0])

    @staticmethod
    def unique(elements: list[Element]) -> list[Element]:
        """The same elements. Raises DUPLICATE_TAG. Source: PS3.5 §7.1 (a tag occurs at most once in a data set)."""
        seen: set[int] = set()
        for element in elements:
            if element.tag in seen:
                raise OracleRefused(Reason.DUPLICATE_TAG, element.tag, element.at)
            seen.add(element.tag)
        return elements

    def element(self, tag: int, at: int, end: int, enc: Encoding, depth: int) -> tuple[Element, int]:
        start, written_vr = at, ""
        if enc.implicit:
            length, at = enc.unpack(self.data[at + 4 : at + 8]), at + 8
        else:
            written_vr = self.data[at + 4 : at + 6].decode("latin-1")
            if written_vr in LONG_VRS:
                self.need(at, 12, end, tag)
                length, at = enc.unpack(self.data[at + 8 : at + 12]), at + 12
            elif written_vr in SHORT_VRS:
                length, at = enc.unpack(self.data[at + 6 : at + 8]), at + 8
            else:
                raise OracleRefused(Reason.BAD_VR, tag, at)
        vr = dictionary_vr(tag) if written_vr in ("", "UN") else written_vr
        inner = IMPLICIT_LE if written_vr == "UN" else enc
        undefined = length == UNDEFINED and (enc.implicit or written_vr in LONG_VRS)
        made = Element(tag, written_vr, vr, b"", b"", start, at, undefined, enc, inner=inner)
        if undefined:
            behind = at
            if written_vr in ("OB", "OW") and tag == PIXEL_DATA:
                made.frames, behind = True, self.fragments(at, end, enc)
            elif vr in ("SQ", "UN"):
                items, behind = self.items(at, end, inner, depth + 1, delimited=True)
                made.read_items = lambda: items
            else:
                raise OracleRefused(Reason.BAD_LENGTH, tag, start)
            made.value = self.data[at : behind - 8]
        else:
            self.need(at, length, end, tag)
            behind = at + length
            made.value = self.data[at:behind]
            if vr == "SQ" or (vr == "UN" and self.begins_with_item(at, length, inner)):
                made.read_items = lambda: self.items(at, behind, inner, depth + 1, delimited=False)[0]
        made.raw = self.data[start:behind]
        return made, behind

    def begins_with_item(self, at: int, length: int, enc: Encoding) -> bool:
        """Whether a value begins with an item that lies within it."""
        if length < 8 or self.tag_at(at, enc) != ITEM:
            return False
        size = enc.unpack(self.data[at + 4 : at + 8])
        return size == UNDEFINED or size <= length - 8

    def items(self, at: int, end: int, enc: Encoding, depth: int, delimited: bool) -> tuple[list[Item], int]:
        if depth > MAX_DEPTH:
            raise OracleRefused(Reason.TOO_DEEP, None, at)
        items: list[Item] = []
        while True:
            if at == end and not delimited:
                return items, at
            self.need(at, 8, end)
            tag, length = self.tag_at(at, enc), enc.unpack(self.data[at + 4 : at + 8])
            if tag == SEQUENCE_END and delimited:
                if length:
                    raise OracleRefused(Reason.BAD_LENGTH, tag, at)
                return items, at + 8
            if tag != ITEM:
                raise OracleRefused(Reason.BAD_ITEM, tag, at)
            at += 8
            if length == UNDEFINED:
                elements, at = self.data_set(at, end, enc, depth, delimited=True)
                items.append(Item(partial(self.unique, elements), True))
            else:
                self.need(at, length, end, tag)
                items.append(Item(partial(self.whole, at, at + length, enc, depth), False))
                at += length

    def fragments(self, at: int, end: int, enc: Encoding) -> int:
        """The offset behind encapsulated pixel data. Source: PS3.5 §A.4."""
        while True:
            self.need(at, 8, end, PIXEL_DATA)
            tag, length = self.tag_at(at, enc), enc.unpack(self.data[at + 4 : at + 8])
            if tag not in (ITEM, SEQUENCE_END):
                raise OracleRefused(Reason.BAD_ITEM, tag, at)
            if length == UNDEFINED or (tag == SEQUENCE_END and length):
                raise OracleRefused(Reason.BAD_LENGTH, tag, at)
            self.need(at + 8, length, end, tag)
            at += 8 + length
            if tag == SEQUENCE_END:
                return at


@dataclass(frozen=True, slots=True)
class Instance:
    """One file, read: `data` with a deflated data set inflated, and what the file meta says."""

    data: bytes
    start: int
    transfer_syntax: str
    sop_class: str
    encoding: Encoding
    deflated: bool
    elements: list[Element]
    meta: tuple[Element, ...] = ()


def read(data: bytes) -> Instance:
    """Raises OracleRefused. Source: PS3.10 §7.1 (preamble, file meta: explicit VR little endian)."""
    if len(data) < 132 or data[128:132] != b"DICM":
        raise OracleRefused(Reason.NOT_DICOM, None, 0)
    at, meta, kept, reader = 132, {}, [], Reader(data)
    while at < len(data) and data[at : at + 2] == b"\x02\x00":
        reader.need(at, 8, len(data))
        element, at = reader.element(reader.tag_at(at, Encoding()), at, len(data), Encoding(), 0)
        if element.tag in meta:
            raise OracleRefused(Reason.DUPLICATE_TAG, element.tag, element.at)
        kept.append(element)
        meta[element.tag] = element.value.rstrip(b"\0 ").lstrip(b" ").decode("latin-1")
    syntax = meta.get(0x00020010, "")
    if not syntax:
        raise OracleRefused(Reason.NO_TRANSFER_SYNTAX, None, at)
    if UID_dictionary.get(syntax, ("", ""))[1] != "Transfer Syntax":
        raise OracleRefused(Reason.TRANSFER_SYNTAX, None, at)
    uid = UID(syntax)
    deflated = syntax in ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95")
    if deflated:
        try:
            stream = zlib.decompressobj(-zlib.MAX_WBITS)
            data = data[:at] + stream.decompress(data[at:])
        except zlib.error:
            raise OracleRefused(Reason.INFLATE, None, at) from None
        if not stream.eof or len(stream.unused_data) > 9:
            raise OracleRefused(Reason.INFLATE, None, at)
    encoding = Encoding(uid.is_implicit_VR, not uid.is_little_endian)
    if encoding.implicit and data[at + 4 : at + 6].decode("latin-1") in (*LONG_VRS, *SHORT_VRS) and len(data) - at >= 8:
        raise OracleRefused(Reason.BAD_VR, None, at + 4)  # other readers would take it for explicit VR
    elements = Reader(data).whole(at, len(data), encoding, 0)
    return Instance(data, at, syntax, meta.get(0x00020002, ""), encoding, deflated, elements, tuple(kept))
