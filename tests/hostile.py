"""Bytes that are no instance, or pretend to be one: what must be refused, and with which reasons.

Written for a plan that keeps everything by default and so walks into every sequence.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from effacer_server.errors import Reason
from tests.encode import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG_BASELINE,
    UNDEFINED,
    Fragments,
    Part,
    Style,
    data_set,
    element,
    file,
    header,
)

Case = tuple[str, bytes, set[Reason]]
HEAD = [
    Part(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"),
    Part(0x00080018, "UI", "1.2.3.1"),
    Part(0x00100010, "PN", "Nobody^Nemo"),
]
UIDS = [Part(0x0020000D, "UI", "1.2.3.2"), Part(0x0020000E, "UI", "1.2.3.3")]
TRAIL = [Part(0x00280010, "US", (2,)), Part(0x00280011, "US", (2,)), Part(0x7FE00010, "OW", bytes(8))]
PLAIN, LITTLE = Style(EXPLICIT), Style(IMPLICIT)
STYLES = {"explicit": PLAIN, "implicit": LITTLE, "big endian": Style(BIG_ENDIAN)}
ENDS = {Reason.TRUNCATED, Reason.BAD_LENGTH, Reason.BAD_ITEM}


def around(style: Style, middle: bytes, behind: bytes = b"") -> bytes:
    """A file that is well formed but for `middle` (between UIDs and image) and `behind` (at its end)."""
    return file(style, data_set(style, HEAD + UIDS) + middle + data_set(style, TRAIL) + behind)


def sequence(style: Style, body: bytes, length: int | None = None, tag: int = 0x00221003) -> bytes:
    """A sequence's header in front of any bytes. The tag is unknown, or in implicit VR a sequence by dictionary."""
    tag = 0x00209221 if style.implicit else tag
    return header(style, tag, "SQ", len(body) if length is None else length) + body


def item(style: Style, body: bytes = b"", length: int | None = None) -> bytes:
    return header(style, 0xFFFEE000, "", len(body) if length is None else length) + body


def end(style: Style, tag: int = 0xFFFEE0DD, length: int = 0) -> bytes:
    return header(style, tag, "", length)


def nested(style: Style, depth: int, undefined: bool) -> bytes:
    """`depth` sequences, one in another. Built by halves of headers: depth may be 10,000."""
    if undefined:
        opening = sequence(style, b"", UNDEFINED) + item(style, b"", UNDEFINED)
        return opening * depth + (end(style, 0xFFFEE00D) + end(style)) * depth
    parts: list[bytes] = []
    size = 0
    for _ in range(depth):
        opening = header(style, 0x00209221, "SQ", size + 8) + header(style, 0xFFFEE000, "", size)
        parts.append(opening)
        size += len(opening)
    return b"".join(reversed(parts))


def hostile() -> Iterator[Case]:
    """(name, bytes, acceptable reasons)."""
    yield from _not_dicom()
    yield from _truncated()
    for name, style in STYLES.items():
        for case, data, reasons in _structure(style):
            yield f"{name}: {case}", data, reasons
    yield from _explicit_only()
    yield from _fragments()
    yield from _deflated()
    yield from _uids()


def _not_dicom() -> Iterator[Case]:
    good = around(PLAIN, b"")
    refused = {Reason.NOT_DICOM}
    yield "no bytes", b"", refused
    yield "one byte", b"D", refused
    yield "text", b"Dear reader, this is no image.\n" * 20, refused
    yield "zeros", bytes(4096), refused
    yield "missing preamble", good[128:], refused
    yield "missing preamble and magic", good[132:], refused
    yield "lower case magic", good[:128] + b"dicm" + good[132:], refused
    yield "preamble only", good[:128], refused
    yield "magic only", good[:132], {Reason.NO_TRANSFER_SYNTAX, Reason.TRUNCATED}
    bare = bytes(128) + b"DICM" + data_set(PLAIN, [Part(0x00020001, "OB", b"\0\1"), *HEAD, *UIDS])
    yield "no transfer syntax", bare, {Reason.NO_TRANSFER_SYNTAX}
    empty = bytes(128) + b"DICM" + data_set(PLAIN, [Part(0x00020010, "UI", ""), *HEAD, *UIDS])
    yield "empty transfer syntax", empty, {Reason.NO_TRANSFER_SYNTAX}
    for syntax in ("1.2.3.4", "nonsense", "1.2.840.10008.1.1"):
        body = data_set(PLAIN, HEAD + UIDS)
        yield f"transfer syntax {syntax}", file(Style(syntax), body), {Reason.TRANSFER_SYNTAX}
    meta = file(PLAIN, b"")
    yield "meta cut", meta[:-5], {Reason.TRUNCATED, Reason.BAD_LENGTH}
    yield "meta with long value", bytes(128) + b"DICM" + header(PLAIN, 0x00020001, "OB", 0xFFFFFF00), {Reason.TRUNCATED}
    undefined = bytes(128) + b"DICM" + header(PLAIN, 0x00020001, "OB", UNDEFINED)
    yield "meta with undefined length", undefined, {Reason.BAD_LENGTH, Reason.TRUNCATED, Reason.BAD_ITEM}


def _truncated() -> Iterator[Case]:
    for name, style in STYLES.items():
        nest = element(style, Part(0x00081140, "SQ", [[Part(0x00081155, "UI", "1.2.3.4")], []], undefined=True))
        data = file(style, data_set(style, HEAD) + nest + data_set(style, UIDS + TRAIL))
        start = len(file(style, b""))
        body, offset, stops = data[start:], 0, set()
        for part in (*HEAD, nest, *UIDS, *TRAIL):  # cuts between root elements leave a shorter, well-formed data set
            offset += len(part if isinstance(part, bytes) else element(style, part))
            stops.add(offset)
        for cut in range(1, len(body)):
            if cut not in stops:
                yield f"{name}: cut at {cut}", data[: start + cut], ENDS
    jpeg = Style(JPEG_BASELINE)
    pixels = element(jpeg, Part(0x7FE00010, "OB", Fragments(((b"ab", b"cdef"), (b"gh",)))))
    whole = file(jpeg, data_set(jpeg, HEAD + UIDS) + pixels)
    for cut in range(1, len(pixels)):
        yield f"fragments: cut {cut}", whole[:-cut], {Reason.TRUNCATED, Reason.BAD_LENGTH}


def _structure(style: Style) -> Iterator[Case]:
    def one(middle: bytes) -> bytes:
        return around(style, middle)

    length, bad_item = {Reason.BAD_LENGTH, Reason.TRUNCATED}, {Reason.BAD_ITEM}
    patient = element(style, Part(0x00101010, "AS", "042Y"))
    for trailing in (1, 3, 7):
        yield (
            f"{trailing} bytes behind",
            around(style, b"", b"\x10\x00\x10\x00\x00\x00\x00"[:trailing]),
            {Reason.TRUNCATED},
        )
    yield "item among elements", one(item(style, patient)), bad_item
    yield "item delimiter among elements", one(end(style, 0xFFFEE00D)), bad_item
    yield "sequence delimiter among elements", one(end(style)), bad_item
    yield "other FFFE tag", one(header(style, 0xFFFEE001, "", 0)), bad_item
    yield "element where an item must be", one(sequence(style, patient)), bad_item
    yield "element where an item must be, undefined", one(sequence(style, patient + end(style), UNDEFINED)), bad_item
    yield "item delimiter in a sequence", one(sequence(style, end(style, 0xFFFEE00D))), bad_item
    yield "item in an item", one(sequence(style, item(style, item(style)))), bad_item
    yield "sequence delimiter in an item", one(sequence(style, item(style, end(style)))), bad_item
    yield "delimiter in a defined item", one(sequence(style, item(style, end(style, 0xFFFEE00D)))), bad_item
    yield "delimiter in a defined sequence", one(sequence(style, end(style))), bad_item
    yield "delimiter with length", one(sequence(style, end(style, length=4) + b"abcd", UNDEFINED)), length | bad_item
    opened = item(style, patient, UNDEFINED) + end(style, 0xFFFEE00D, 2) + b"ab"
    yield "item delimiter with length", one(sequence(style, opened + end(style), UNDEFINED)), length | bad_item
    yield "sequence never closed", one(sequence(style, item(style, patient), UNDEFINED)), ENDS
    yield "item never closed", one(sequence(style, item(style, patient, UNDEFINED))), ENDS
    yield "item longer than its sequence", one(sequence(style, item(style, patient, len(patient) + 2))), length
    yield "sequence shorter than an item header", one(sequence(style, b"\xfe\xff\x00\xe0")), length | bad_item
    yield "element longer than its item", one(sequence(style, item(style, patient[:-2]))), length
    yield "element header over an item's end", one(sequence(style, item(style, patient[:6]))), length
    for huge in (0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFE):
        yield f"item of {huge}", one(sequence(style, item(style, patient, huge))), length
        yield f"sequence of {huge}", one(sequence(style, item(style, patient), huge)), length
        yield f"element of {huge}", one(header(style, 0x00420011, "OB", huge)), length
        inner = header(style, 0x00420011, "OB", huge)
        yield f"nested element of {huge}", one(sequence(style, item(style, inner))), length
    yield "undefined length of OB", one(header(style, 0x00420011, "OB", UNDEFINED)), length | bad_item
    yield "undefined length of UT", one(header(style, 0x0040A160, "UT", UNDEFINED) + end(style)), length | bad_item
    twice = data_set(style, [Part(0x00200010, "SH", "A"), Part(0x00200010, "SH", "B")])
    yield "duplicate tag", one(twice), {Reason.DUPLICATE_TAG}
    yield "duplicate tag out of order", around(style, b"", data_set(style, HEAD[2:])), {Reason.DUPLICATE_TAG}
    yield "duplicate tag in an item", one(sequence(style, item(style, twice))), {Reason.DUPLICATE_TAG}
    undefined_item = item(style, twice, UNDEFINED) + end(style, 0xFFFEE00D)
    yield (
        "duplicate tag in an open item",
        one(sequence(style, undefined_item + end(style), UNDEFINED)),
        {Reason.DUPLICATE_TAG},
    )
    far = data_set(style, [Part(0x00200010, "SH", "A"), Part(0x00200020, "CS", "B"), Part(0x00200010, "SH", "A")])
    yield "duplicate tag, another between", one(sequence(style, item(style, far))), {Reason.DUPLICATE_TAG}
    many = [Part(0x00200010, "SH", "A")] + [Part(tag, "UN") for tag in range(0x00790101, 0x00790141)]
    scattered = data_set(style, [*reversed(many), Part(0x00790101, "UN")])
    yield (
        "duplicate tag, many between, out of order",
        one(sequence(style, item(style, scattered))),
        {Reason.DUPLICATE_TAG},
    )
    for depth in (65, 66, 1000, 10_000):
        yield f"{depth} open sequences", one(nested(style, depth, True)), {Reason.TOO_DEEP}
        if depth == 65 or not style.implicit or depth < 10_000:
            yield f"{depth} defined sequences", one(nested(style, depth, False)), {Reason.TOO_DEEP}
    yield "10000 open sequences, nothing closed", one(nested(style, 10_000, True)[:160_000]), {Reason.TOO_DEEP}


def _explicit_only() -> Iterator[Case]:
    for vr in (b"ZZ", b"\0\0", b"ob", b"O\0", b"  ", b"\xff\xff", b"SX", b"QS"):
        raw = b"\x20\x00\x10\x00" + vr + b"\x02\x00AB"
        yield f"VR {vr!r}", around(PLAIN, raw), {Reason.BAD_VR}
        yield f"VR {vr!r} in an item", around(PLAIN, sequence(PLAIN, item(PLAIN, raw))), {Reason.BAD_VR}
    yield "implicit body in explicit syntax", file(PLAIN, data_set(LITTLE, HEAD + UIDS)), {Reason.BAD_VR}
    swapped = data_set(Style(BIG_ENDIAN), HEAD + UIDS)
    yield "big endian body in little endian syntax", file(PLAIN, swapped), ENDS | {Reason.BAD_VR}
    for vr in ("UC", "UR", "UV", "SV", "OD", "OF", "OL", "OV", "OW"):
        raw = header(PLAIN, 0x00420011, vr, UNDEFINED) + end(PLAIN)
        yield f"undefined length of {vr}", around(PLAIN, raw), {Reason.BAD_LENGTH}
    raw = header(PLAIN, 0x00111010, "UN", UNDEFINED) + element(PLAIN, Part(0x00100010, "PN", "A")) + end(PLAIN)
    yield "UN of undefined length without items", around(PLAIN, raw), {Reason.BAD_ITEM}
    explicit_inside = item(PLAIN, element(PLAIN, Part(0x00100010, "PN", "A")), UNDEFINED) + end(PLAIN, 0xFFFEE00D)
    raw = header(PLAIN, 0x00111010, "UN", UNDEFINED) + explicit_inside + end(PLAIN)
    yield "UN items in explicit VR", around(PLAIN, raw), ENDS
    mixed = b"".join(sequence(PLAIN, b"", UNDEFINED) + item(PLAIN, b"", UNDEFINED) for _ in range(40))
    un = header(PLAIN, 0x00221003, "UN", UNDEFINED) + item(LITTLE, b"", UNDEFINED)
    deep = (sequence(LITTLE, b"", UNDEFINED) + item(LITTLE, b"", UNDEFINED)) * 40
    yield "deep through UN", around(PLAIN, mixed + un + deep), {Reason.TOO_DEEP}


def _fragments() -> Iterator[Case]:
    jpeg = Style(JPEG_BASELINE)

    def pixels(body: bytes, vr: str = "OB") -> bytes:
        return file(jpeg, data_set(jpeg, HEAD + UIDS) + header(jpeg, 0x7FE00010, vr, UNDEFINED) + body)

    table, tail = item(jpeg), end(jpeg)
    length = {Reason.BAD_LENGTH, Reason.TRUNCATED}
    yield "fragment beyond the end", pixels(table + item(jpeg, b"ab", 400) + tail), length
    for huge in (0x7FFFFFFF, 0xFFFFFFF8, 0xFFFFFFFE, UNDEFINED):
        yield f"fragment of {huge}", pixels(table + item(jpeg, b"ab", huge) + tail), length
    yield "fragments never closed", pixels(table + item(jpeg, b"abcd")), length
    yield (
        "element among fragments",
        pixels(table + element(jpeg, Part(0x00100010, "PN", "A")) + tail),
        {Reason.BAD_ITEM},
    )
    yield "item delimiter among fragments", pixels(table + end(jpeg, 0xFFFEE00D) + tail), {Reason.BAD_ITEM}
    yield "fragments end with a length", pixels(table + end(jpeg, length=8) + bytes(8)), length
    yield "fragments in an LO", pixels(b"").replace(b"\xe0\x7f\x10\x00OB", b"\xe0\x7f\x10\x00LO"), length
    icon = item(jpeg, header(jpeg, 0x7FE00010, "OB", UNDEFINED) + table + item(jpeg, b"ab", 64))
    yield (
        "fragments leave a nested item",
        file(
            jpeg,
            data_set(jpeg, HEAD + UIDS) + sequence(jpeg, icon) + data_set(jpeg, [Part(0x7FE00010, "OB", bytes(200))]),
        ),
        length,
    )


def _deflated() -> Iterator[Case]:
    style, refused = Style(DEFLATED), {Reason.INFLATE}
    good = file(style, data_set(style, HEAD + UIDS + TRAIL))
    start = len(bytes(132)) + 12 + struct.unpack("<I", good[140:144])[0]
    yield "deflated: not deflate", good[:start] + b"\xff\xff\xff\xff" * 8, refused
    yield "deflated: nothing", good[:start], refused
    yield "deflated: cut", good[: start + (len(good) - start) // 2], refused
    yield "deflated: zlib header", good[:start] + zlib.compress(data_set(style, HEAD)), refused
    stream = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = b"".join(stream.compress(bytes(1 << 20)) for _ in range(600)) + stream.flush()
    yield "deflated: bomb", good[:start] + bomb, refused
    inner = data_set(style, HEAD + UIDS) + header(PLAIN, 0x00420011, "OB", 500)
    yield "deflated: truncated inside", file(style, inner), {Reason.TRUNCATED}


def _uids() -> Iterator[Case]:
    refused = {Reason.MISSING_UID}
    parts = [*HEAD, *UIDS, *TRAIL]
    for tag in (0x00080018, 0x0020000D, 0x0020000E):
        others = [part for part in parts if part.tag != tag]
        yield f"no {tag:08X}", file(PLAIN, data_set(PLAIN, others)), refused
        for name, value in (("empty", b""), ("padding", b"\0\0"), ("two", "1.2\\1.3"), ("one and empty", "1.2.3\\")):
            ordered = sorted([*others, Part(tag, "UI", value)], key=lambda part: part.tag)
            reasons = {Reason.BAD_UID} if isinstance(value, str) else refused
            yield f"{name} {tag:08X}", file(PLAIN, data_set(PLAIN, ordered)), reasons
    yield "empty data set", file(PLAIN, b""), refused
    buried = Part(0x00081140, "SQ", [[part for part in parts if part.vr == "UI"]])
    yield "UIDs in an item only", file(PLAIN, data_set(PLAIN, [HEAD[0], buried, HEAD[2]])), refused
