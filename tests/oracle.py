"""The slow reference: what one instance becomes, written from the documents alone and compared with the engine.

It shares no code with the native core. The encoded data set is read into a tree of elements that remember their own
bytes, the plan is applied to the tree, and what nothing touched is written back from those bytes. The reader itself is
checked against pydicom on the whole corpus (`tests/unit/test_oracle.py`).

Where the documents leave a choice, this module takes one and says so:

- In a sequence that a rule keeps, empties or deletes, what has a defined length is not read, and the
  rest is read for its structure only: nothing in it can matter.
- A study, series or SOP instance UID of more than 64 characters or others than letters, digits and dots
  can name no object: MISSING_UID.
- The two reserved bytes of a long header stay as they are when its length changes.
- Content of UN (and of unknown elements of implicit VR) that begins with an item which lies within it is a sequence and
  must be one to its end. In UN its items are implicit VR little endian. Source: PS3.5 §6.2.2, note 2.
- "Anything changed" is meant literally: group lengths go when the output without that rule differs from the input.
- Private creators are looked up in the whole data set; one that the plan names and that stands behind higher tags is
  refused (ELEMENT_ORDER): what it names may have passed by then.
- A deflated data set may be followed by nine bytes (padding, a gzip trailer), which go.
- Root elements that a stamp replaces are not asked for what the rules say about them.
- A SOP class that is not ASCII stands in the file meta with question marks.
- Recursing into an empty element of any VR is no mismatch: there is nothing in it.
- New values are of even length; a regenerated UID element has no padding but its last byte's.
- Compound codes go by the SOP class of the file meta; without one, by the rule's own verb.
- Encapsulated pixel data is read by its undefined length alone, whatever the transfer syntax says.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from pydicom.datadict import dictionary_VR
from pydicom.uid import UID, UID_dictionary

from effacer_server.dicom import facts
from effacer_server.errors import Reason
from effacer_server.policy.plan import Keys, Plan, Rule, Stamp, Verb

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
NUMERIC_VRS = ["AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"]
TEXT_PLACEHOLDERS = dict.fromkeys(["AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"], b"PLACEHOLDER") | {
    "UR": b"http://placeholder.invalid",
    "DA": b"19000101",
    "TM": b"000000",
    "DT": b"19000101000000",
    "AS": b"000Y",
}


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


def read(data: bytes) -> Instance:
    """Raises OracleRefused. Source: PS3.10 §7.1 (preamble, file meta: explicit VR little endian)."""
    if len(data) < 132 or data[128:132] != b"DICM":
        raise OracleRefused(Reason.NOT_DICOM, None, 0)
    at, meta, reader = 132, {}, Reader(data)
    while at < len(data) and data[at : at + 2] == b"\x02\x00":
        reader.need(at, 8, len(data))
        element, at = reader.element(reader.tag_at(at, Encoding()), at, len(data), Encoding(), 0)
        if element.tag in meta:
            raise OracleRefused(Reason.DUPLICATE_TAG, element.tag, element.at)
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
    return Instance(data, at, syntax, meta.get(0x00020002, ""), encoding, deflated, elements)


def new_uid(keys: Keys, source: bytes) -> bytes:
    """Root + decimal of the first 128 bits of HMAC-SHA-256(key, source)."""
    digest = hmac.new(keys.uid, source, hashlib.sha256).digest()
    return (keys.uid_root + str(int.from_bytes(digest[:16], "big"))).encode()


def map_uids(keys: Keys, value: bytes) -> bytes:
    """Each value mapped; empty ones and those the standard registers stay, with no padding but the last byte's."""
    old = [part.rstrip(b"\0 ").lstrip(b" ") for part in value.split(b"\\")]
    new = [uid if not uid or uid.decode("latin-1") in UID_dictionary else new_uid(keys, uid) for uid in old]
    return pad(b"\\".join(new), "UI")


def pad(value: bytes, vr: str) -> bytes:
    """Even length. Source: PS3.5 §6.2 (text with space, UI with NUL)."""
    return value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)


def placeholder(tag: int, vr: str, value: bytes, keys: Keys) -> bytes:
    """What reset_tag leaves of a leaf."""
    if vr == "UI":
        return value if facts.uid_role(tag) == "standard" else map_uids(keys, value)
    if vr in ("IS", "DS"):
        return pad(b"\\".join([b"0"] * (value.count(b"\\") + 1)), vr)
    if vr in NUMERIC_VRS:
        return bytes(len(value) + len(value) % 2)
    return pad(TEXT_PLACEHOLDERS.get(vr, b""), vr)


def private_creators(elements: list[Element]) -> dict[int, str]:
    """(group << 16 | block) -> creator, of one data set. Source: PS3.5 §7.8.1."""
    return {
        (e.tag & 0xFFFF0000) | (e.tag & 0xFF): e.value.decode("latin-1").rstrip(" \0").lstrip(" ")
        for e in elements
        if e.tag >> 16 & 1 and 0x0010 <= e.tag & 0xFFFF <= 0x00FF
    }


def decide(plan: Plan, tag: int, vr: str, creators: dict[int, str]) -> Rule:
    """The rule that decides one element, in the words of plan.Rule; its verb already that of a kept creator."""
    private, number = bool(tag >> 16 & 1), tag & 0xFFFF
    own = creators.get(tag) if private and 0x0010 <= number <= 0x00FF else None
    block = creators.get((tag & 0xFFFF0000) | (number >> 8)) if private and number >= 0x1000 else None
    for rule in plan.rules:
        if not rule.creator:
            if tag & rule.mask == rule.tag and rule.vr in ("", vr):
                return rule
        elif own is not None:
            if rule.creator == own and rule.verb != Verb.DELETE and tag >> 16 == rule.tag >> 16:
                return Rule(Verb.KEEP, rule.because)
        elif block == rule.creator and tag & rule.mask & 0xFFFF00FF == rule.tag & 0xFFFF00FF and rule.vr in ("", vr):
            return rule
    return plan.default


def new_header(element: Element, length: int) -> bytes:
    """The element's header with another length."""
    head = element.encoding.header(element.tag, element.written_vr, length)
    return head[:6] + element.raw[6:8] + head[8:] if len(head) == 12 else head


class Rewriter:
    """Applies one plan to the elements of one instance."""

    def __init__(self, plan: Plan, keys: Keys, verb_at_root: Callable[[Rule], Verb]) -> None:
        self.plan = plan
        self.keys = keys
        self.verb_at_root = verb_at_root
        self.stamped = {stamp.tag for stamp in plan.stamp}
        self.drop_group_lengths = False

    def data_set(self, elements: list[Element], depth: int, reset: bool = False) -> Iterator[tuple[int, bytes]]:
        """(tag, new bytes) of each element, deleted ones with none."""
        creators = private_creators(elements)
        named = {rule.creator for rule in self.plan.rules if rule.creator}
        highest = 0
        for element in elements:
            late, highest = element.tag < highest, max(highest, element.tag)
            if not element.read_items and element.value and dictionary_vr(element.tag) == "SQ":
                raise OracleRefused(Reason.VR_MISMATCH, element.tag, element.at)
            if element.tag & 0xFFFF == 0:
                yield element.tag, b"" if self.drop_group_lengths else element.raw
                continue
            if not depth and element.tag in self.stamped:
                yield element.tag, b""
                continue
            if late and element.tag & 0xFFFF < 0x1000 and creators.get(element.tag, "") in named:
                raise OracleRefused(Reason.ELEMENT_ORDER, element.tag, element.at)
            # What holds items is a sequence to the rules, also where neither file nor dictionary says so.
            rule = decide(self.plan, element.tag, "SQ" if element.read_items else element.vr, creators)
            verb = rule.verb if depth else self.verb_at_root(rule)
            if reset:
                verb = Verb.DELETE if verb == Verb.DELETE and element.tag >> 16 & 1 else Verb.RESET
            elif verb == Verb.KEEP and rule is self.plan.default and element.read_items:
                verb = Verb.RECURSE
            yield element.tag, b"" if verb == Verb.DELETE else self.element(element, verb, depth)

    def element(self, element: Element, verb: Verb, depth: int) -> bytes:
        if verb == Verb.KEEP:
            return element.raw
        if verb == Verb.REMOVE:
            return self.leaf(element, b"")
        if verb == Verb.RESET and not element.read_items:
            return self.leaf(element, placeholder(element.tag, element.vr, element.value, self.keys))
        if verb == Verb.REGEN_UID and not element.read_items and not element.frames and element.vr != "SQ":
            return self.leaf(element, map_uids(self.keys, element.value))
        if verb in (Verb.RESET, Verb.RECURSE) and element.read_items:
            return self.sequence(element, verb == Verb.RESET, depth)
        if verb in (Verb.CLEAN_TEXT, Verb.CLEAN_IMAGE):
            raise NotImplementedError(f"the oracle does not judge {verb.name}")
        if verb == Verb.RECURSE and not element.value and not element.undefined:
            return element.raw
        raise OracleRefused(Reason.VR_MISMATCH, element.tag, element.at)

    @staticmethod
    def leaf(element: Element, value: bytes) -> bytes:
        if value == element.value and not element.undefined:
            return element.raw
        return new_header(element, len(value)) + value

    def sequence(self, element: Element, reset: bool, depth: int) -> bytes:
        assert element.read_items is not None
        inner, body = element.inner, b""
        for item in element.read_items():
            content = b"".join(raw for _, raw in self.data_set(item.read_elements(), depth + 1, reset))
            length = UNDEFINED if item.undefined else len(content)
            body += inner.tag(ITEM) + inner.pack(4, length) + content
            if item.undefined:
                body += inner.tag(ITEM_END) + bytes(4)
        length = UNDEFINED if element.undefined else len(body)
        return new_header(element, length) + body + (inner.tag(SEQUENCE_END) + bytes(4) if element.undefined else b"")


def encode_stamp(stamp: Stamp, enc: Encoding) -> bytes:
    """One stamped element in the data set's own encoding, sequences and items with defined lengths."""
    if isinstance(stamp.value, str):
        value = pad(stamp.value.encode(), stamp.vr)
    else:
        items = [b"".join(encode_stamp(inner, enc) for inner in item) for item in stamp.value]
        value = b"".join(enc.tag(ITEM) + enc.pack(4, len(item)) + item for item in items)
    return enc.header(stamp.tag, stamp.vr, len(value)) + value


def insert_stamps(plan: Plan, elements: list[tuple[int, bytes]], enc: Encoding) -> list[tuple[int, bytes]]:
    """Each stamp before the first element with a greater tag, deleted ones too."""
    waiting = [(stamp.tag, encode_stamp(stamp, enc)) for stamp in sorted(plan.stamp, key=lambda s: s.tag)]
    out: list[tuple[int, bytes]] = []
    for tag, raw in elements:
        while waiting and waiting[0][0] <= tag:
            out.append(waiting.pop(0))
        out.append((tag, raw))
    return out + waiting


def own_sop_class(instance: Instance) -> str:
    """The data set's own word where it stands in order, else the file meta's."""
    for element in instance.elements:
        if element.tag == SOP_CLASS:
            return element.value.rstrip(b"\0 ").lstrip(b" ").decode("ascii", "replace") or instance.sop_class
        if element.tag > SOP_CLASS:
            break
    return instance.sop_class


def rewrite_instance(instance: Instance, plan: Plan, keys: Keys) -> list[tuple[int, bytes]]:
    """(tag, encoded element) of the new root data set."""

    def verb_at_root(rule: Rule) -> Verb:
        if not rule.code:
            return rule.verb
        from effacer_server.policy.profiles import verb_for

        return verb_for(rule, sop_class)

    sop_class = own_sop_class(instance)
    rewriter = Rewriter(plan, keys, verb_at_root)
    out: list[tuple[int, bytes]] = []
    for drop in (False, True):
        rewriter.drop_group_lengths = drop
        out = insert_stamps(plan, list(rewriter.data_set(instance.elements, 0)), instance.encoding)
        if not drop and b"".join(raw for _, raw in out) == instance.data[instance.start :]:
            break
    return out


def rewrite(data: bytes, plan: Plan, keys: Keys) -> bytes:
    """The new data set of one file, without preamble and meta; inflated where the file is deflated."""
    return b"".join(raw for _, raw in rewrite_instance(read(data), plan, keys))


def deidentify(data: bytes, plan: Plan, keys: Keys) -> bytes:
    """The whole new file, its data set deflated where the input's is. Raises OracleRefused."""
    from effacer_server.engine.instance import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

    instance = read(data)
    elements = rewrite_instance(instance, plan, keys)
    body = b"".join(raw for _, raw in elements)
    enc, values = instance.encoding, {}
    for element in Reader(body).whole(0, len(body), enc, 0):
        if element.tag in (SOP_CLASS, SOP_INSTANCE, STUDY, SERIES):
            values[element.tag] = element.value.rstrip(b"\0 ").lstrip(b" ").decode("latin-1")
    for tag in (STUDY, SERIES, SOP_INSTANCE):
        if not re.fullmatch("(?=.*[0-9A-Za-z])[0-9A-Za-z.]{1,64}", values.get(tag, "")):
            raise OracleRefused(Reason.MISSING_UID, tag)
    sop_class = values.get(SOP_CLASS, "") or own_sop_class(instance)
    if not re.fullmatch("[0-9.]{0,64}", sop_class):
        raise OracleRefused(Reason.BAD_SOP_CLASS, SOP_CLASS)
    meta = file_meta(
        sop_class,
        values[SOP_INSTANCE],
        instance.transfer_syntax,
        IMPLEMENTATION_CLASS_UID,
        IMPLEMENTATION_VERSION_NAME,
    )
    if instance.deflated:
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = deflate.compress(body) + deflate.flush()
    return meta + body


def file_meta(sop_class: str, sop_instance: str, syntax: str, implementation: str, version: str) -> bytes:
    """Preamble, DICM and file meta. Source: PS3.10 §7.1, Table 7.1-1."""
    enc = Encoding()
    group = enc.header(0x00020001, "OB", 2) + b"\0\1"
    for tag, vr, text in (
        (0x00020002, "UI", sop_class),
        (0x00020003, "UI", sop_instance),
        (0x00020010, "UI", syntax),
        (0x00020012, "UI", implementation),
        (0x00020013, "SH", version),
    ):
        value = pad(text.encode("latin-1"), vr)
        group += enc.header(tag, vr, len(value)) + value
    return bytes(128) + b"DICM" + enc.header(0x00020000, "UL", 4) + struct.pack("<I", len(group)) + group


def inflated(file: bytes) -> bytes:
    """The same file with a deflated data set inflated: two correct deflaters may differ in bytes."""
    instance = read(file)
    return instance.data
