"""Writes data sets for tests, well formed or not: element lists in, bytes out, in every encoding of PS3.5."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

UNDEFINED = 0xFFFFFFFF
# Source: PS3.5 Table 7.1-1.
LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
NUMBERS |= {"OW": "H", "OL": "I", "OV": "Q", "OF": "f", "OD": "d"}

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
SYNTAXES = (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN, JPEG_BASELINE)


@dataclass(frozen=True, slots=True)
class Fragments:
    """Encapsulated pixel data: per frame its fragments; the offset table filled or empty. Source: PS3.5 §A.4."""

    frames: tuple[tuple[bytes, ...], ...]
    offsets: bool = True

    def encode(self) -> bytes:
        """Offset table item, fragments, sequence delimiter."""
        table, body = [], b""
        for frame in self.frames:
            table.append(len(body))
            for fragment in frame:
                even = fragment + b"\0" * (len(fragment) % 2)
                body += struct.pack("<HHI", 0xFFFE, 0xE000, len(even)) + even
        offsets = struct.pack(f"<{len(table)}I", *table) if self.offsets else b""
        head = struct.pack("<HHI", 0xFFFE, 0xE000, len(offsets)) + offsets
        return head + body + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


@dataclass(frozen=True, slots=True)
class Part:
    """One element to write.

    Attributes:
        value: bytes as they are; text (encoded in the data set's charset); numbers, integers or floats by VR, for AT
            tags; a list of items for SQ; Fragments for encapsulated pixel data.
        undefined: for SQ: undefined lengths for the sequence and its items; None leaves it to the data set.
    """

    tag: int
    vr: str
    value: bytes | str | tuple[float, ...] | Sequence[Sequence[Part]] | Fragments = b""
    undefined: bool | None = None


@dataclass(frozen=True, slots=True)
class Style:
    """How a data set is written: transfer syntax, sequence lengths, character set (Python's codec name)."""

    syntax: str = EXPLICIT
    undefined: bool = False
    codec: str = "latin-1"

    @property
    def implicit(self) -> bool:
        return self.syntax == IMPLICIT

    @property
    def order(self) -> str:
        return ">" if self.syntax == BIG_ENDIAN else "<"


def header(style: Style, tag: int, vr: str, length: int) -> bytes:
    """Tag, VR, length; short-form lengths are cut to 16 bits, so that tests can write nonsense."""
    order = style.order
    out = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if style.implicit or tag >> 16 == 0xFFFE:
        return out + struct.pack(order + "I", length)
    if vr in LONG_VRS:
        return out + vr.encode() + b"\0\0" + struct.pack(order + "I", length)
    return out + vr.encode("latin-1") + struct.pack(order + "H", length & 0xFFFF)


def value_bytes(style: Style, part: Part) -> bytes:
    """The value field of a leaf, padded to even length. Source: PS3.5 §6.2."""
    value = part.value
    if isinstance(value, str):
        value = value.encode(style.codec, "replace")
    elif isinstance(value, tuple) and part.vr == "AT":
        value = b"".join(struct.pack(style.order + "HH", int(v) >> 16, int(v) & 0xFFFF) for v in value)
    elif isinstance(value, tuple):
        value = struct.pack(f"{style.order}{len(value)}{NUMBERS[part.vr]}", *value)
    assert isinstance(value, bytes)
    return value + (b"\0" if part.vr in ("UI", "OB", "UN") else b" ") * (len(value) % 2)


def element(style: Style, part: Part) -> bytes:
    """One element with all it holds."""
    if isinstance(part.value, Fragments):
        return header(style, part.tag, part.vr, UNDEFINED) + part.value.encode()
    if part.vr != "SQ" or isinstance(part.value, bytes):
        value = value_bytes(style, part)
        return header(style, part.tag, part.vr, len(value)) + value
    assert isinstance(part.value, Sequence)
    undefined = style.undefined if part.undefined is None else part.undefined
    body = b""
    for item in part.value:
        assert not isinstance(item, (str, int, float))
        content = data_set(style, item)
        body += header(style, 0xFFFEE000, "", UNDEFINED if undefined else len(content)) + content
        body += header(style, 0xFFFEE00D, "", 0) if undefined else b""
    end = header(style, 0xFFFEE0DD, "", 0) if undefined else b""
    return header(style, part.tag, "SQ", UNDEFINED if undefined else len(body)) + body + end


def data_set(style: Style, parts: Iterable[Part]) -> bytes:
    """The elements one after another, in the order given."""
    return b"".join(element(style, part) for part in parts)


def file(style: Style, body: bytes, meta: Iterable[Part] = (), preamble: bytes = bytes(128)) -> bytes:
    """A whole file around an encoded data set; `meta` adds to the transfer syntax. Source: PS3.10 §7.1."""
    plain = Style()
    parts = sorted([*meta, Part(0x00020001, "OB", b"\0\1"), Part(0x00020010, "UI", style.syntax)], key=lambda p: p.tag)
    group = data_set(plain, parts)
    if style.syntax == DEFLATED:
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = deflate.compress(body) + deflate.flush()
        body += b"\0" * (len(body) % 2)
    return preamble + b"DICM" + data_set(plain, [Part(0x00020000, "UL", (len(group),))]) + group + body
