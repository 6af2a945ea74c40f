"""An instance with a unique token wherever an identity could hide, and the tokens that may be found afterwards.

It knows the tables (which attributes identify), never the code that removes them. `survivors.py` tells from the same
tables which tokens an option lets through.
"""

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

from effacer_server.dicom import facts
from tests.encode import EXPLICIT, IMPLICIT, Part, Style, data_set, file, value_bytes

DEPTH = 5
# Sequences table E.1-1 does not name: the table holds inside them too (PS3.15 §E.1.1).
CHAIN = (0x52009229, 0x00189301, 0x00189346, 0x00540016, 0x00180026)
# Text the Basic Profile keeps. Source: PS3.15 2018e Table E.1-1 does not name them.
KEPT = ((0x00080008, "CS"), (0x00080070, "LO"), (0x00180015, "CS"), (0x00181210, "SH"), (0x00181261, "LO"))
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
TEXT_VRS = ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT", "UN", "OB", "OW", "DA", "DT", "TM", "IS", "DS", "UR")
NUMBERS = ("US", "UL", "SS", "SL", "FD", "FL", "AT")
CONTENT, CONCEPT, GRAPHIC = 0x0040A730, 0x0040A043, 0x00700001
# Where a content item holds its value. Source: PS3.3 Table C.17-5.
VALUE_OF = {
    "TEXT": (0x0040A160, "UT"),
    "PNAME": (0x0040A123, "PN"),
    "DATE": (0x0040A121, "DA"),
    "TIME": (0x0040A122, "TM"),
    "DATETIME": (0x0040A120, "DT"),
    "UIDREF": (0x0040A124, "UI"),
    "NUM": (0x0040A30A, "DS"),
}
SAFE_VRS = ("CS", "DS", "IS", "LO", "LT", "SH", "ST")
# A letter of each character set, to stand behind the tokens.
LETTERS = {"latin-1": "ü", "utf-8": "ö王", "gb18030": "王", "cyrillic": "й", "shift_jis": "ソ", "iso8859_8": "ש"}
CHARSETS = {
    "latin-1": "ISO_IR 100",
    "utf-8": "ISO_IR 192",
    "gb18030": "GB18030",
    "cyrillic": "ISO_IR 144",
    "shift_jis": "ISO_IR 13",
    "iso8859_8": "ISO_IR 138",
}
_NEW_UID = re.compile(rb"2\.25\.\d+")
_LIKE_A_TOKEN = re.compile(rb"CANARY\d{8}|canary\d{8}|1\.2\.3\.\d{8}\.4242|17770102030405\.\d{6}|010203\.\d{6}|\d{3}W")


@dataclass(frozen=True, slots=True)
class Token:
    """One planted token.

    Attributes:
        text: what to look for.
        tag, vr: where it stands.
        around: tags of the sequences around it that table E.1-1 could name, the outermost first.
        creator: of a private element whose creator is known to be safe.
        concepts: (code, scheme, value type) of the content items around it, the outermost first.
    """

    text: bytes
    tag: int
    vr: str
    around: tuple[int, ...] = ()
    creator: str = ""
    concepts: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Canaries:
    """An instance with planted tokens.

    Attributes:
        data: the file.
        gone: tokens that must not be found anywhere after the Basic Profile.
        kept: tokens in attributes the Basic Profile keeps at the root; all of them must be found.
        tokens: all of the data set with where they stand.
    """

    data: bytes
    gone: tuple[bytes, ...]
    kept: tuple[bytes, ...]
    tokens: tuple[Token, ...] = ()


def tokens_in(tokens: Iterable[bytes], where: bytes) -> list[bytes]:
    """Which of these tokens stand there."""
    found = all_in(where)
    return [token for token in tokens if token in found]


def all_in(where: bytes) -> set[bytes]:
    """Everything that looks like a token. New UIDs are left out: random numbers hold every date once in a while."""
    where = _NEW_UID.sub(b"", where)
    found = set(_LIKE_A_TOKEN.findall(where))
    for size in (8, 10):
        found |= set(re.findall(rb"(?=(\d{%d}))" % size, where))
    return found


class Planter:
    """Makes tokens that fit a VR and remembers where they are."""

    def __init__(self, seed: int, edition: facts.Edition = "2018e", letter: str = "") -> None:
        self.base = random.Random(seed).randrange(100, 1000)
        self.rows = {row.tag: row for row in facts.e1_1(edition).rows if row.mask == facts.EXACT}
        self.edition: facts.Edition = edition
        self.letter = letter
        self.count = self.days = 0
        self.tokens: list[Token] = []
        self.other: list[bytes] = []
        self.kept: list[bytes] = []

    def value(self, vr: str) -> tuple[str, str]:
        """A value of this VR and the new token in it, none of which is part of another."""
        self.count += 1
        number = f"{self.base}{self.count:05}"
        if vr == "UI":
            value = token = f"1.2.3.{number}.4242"
        elif vr == "DA":  # more than a year apart, so that no shift makes one of them another
            self.days += 1
            value = token = datetime.date.fromordinal(366 * (self.days + 2)).strftime("%Y%m%d").rjust(8, "0")
        elif vr == "TM":
            value = token = f"010203.{number[-6:]}"
        elif vr == "DT":
            value = token = f"17770102030405.{number[-6:]}"
        elif vr in ("DS", "IS"):
            value = token = f"{number}77"
        elif vr == "AS":
            value = token = f"{self.count % 1000:03}W"
        elif vr == "UR":
            value, token = f"http://canary{number}.invalid/", f"canary{number}"
        else:
            token = f"CANARY{number}"
            letter = self.letter if vr in ("LO", "LT", "PN", "SH", "ST", "UC", "UT") else ""
            value = f"{token}{letter}^Given{letter}^Middle" if vr == "PN" else token + letter
        return value, token

    def part(self, tag: int, vr: str, at: Token | None = None) -> Part:
        """An element with a token; `at`: what is around it."""
        value, text = self.value(vr)
        at = at or Token(b"", 0, "")
        self.tokens.append(Token(text.encode(), tag, vr, at.around, at.creator, at.concepts))
        return Part(tag, vr, value.encode() if vr in ("OB", "OW", "UN") else value)

    def outside(self, tag: int, vr: str) -> Part:
        """The same for file meta."""
        value, text = self.value(vr)
        self.other.append(text.encode())
        return Part(tag, vr, value.encode() if vr in ("OB", "OW", "UN") else value)

    def code(self, at: Token) -> list[Part]:
        """A code item, as sequences with code D or X hold it."""
        return [self.part(0x00080100, "SH", at), self.part(0x00080102, "SH", at), self.part(0x00080104, "LO", at)]

    def private(self, group: int) -> list[Part]:
        """A private block with every text VR and a sequence in it."""
        at = Token(b"", 0, "", (group << 16 | 0x1080,))
        parts = [self.part(group << 16 | 0x0010, "LO")]
        parts += [self.part(group << 16 | 0x1000 + n, vr) for n, vr in enumerate(TEXT_VRS)]
        return [*parts, Part(group << 16 | 0x1080, "SQ", [self.code(at), [self.part(0x00100010, "PN", at)]])]

    def safe_private(self) -> list[Part]:
        """Attributes known to be safe, each with one beside it that is not, and one under another creator."""
        blocks: dict[tuple[int, str], int] = {}
        parts = {}
        for row in facts.safe_private(self.edition):
            group = row.tag & 0xFFFF0000
            if len(row.vrs) != 1 or row.vrs[0] not in SAFE_VRS:
                continue
            block = blocks.setdefault((group, row.creator), 0x20 + 2 * sum(g == group for g, _ in blocks))
            parts[group | block] = Part(group | block, "LO", row.creator)
            parts[group | block + 1] = Part(group | block + 1, "LO", row.creator + " II")
            tag = group | block << 8 | row.tag & 0xFF
            parts[tag] = self.part(tag, row.vrs[0], Token(b"", 0, "", (), row.creator))
            parts[tag + 0x100] = self.part(tag + 0x100, row.vrs[0])
        for group, creator in blocks:
            tag = group | blocks[group, creator] << 8 | 0xFE
            parts[tag] = self.part(tag, "LO")
        return list(parts.values())

    def identifying(self) -> list[Part]:
        """Every attribute of table E.1-1 that can hold text, a UID or bytes; sequences with items of several kinds."""
        parts = []
        for row in self.rows.values():
            vr, at = facts.vr_of(row.tag), Token(b"", 0, "", (row.tag,))
            if row.basic.startswith("K") or row.tag >> 16 in (0, 2, 4, 0xFFFC, 0xFFFA):
                continue
            if row.tag == GRAPHIC:
                text = [self.part(0x00700006, "ST", at)]
                parts.append(Part(GRAPHIC, "SQ", [[self.part(0x00700002, "CS", at), Part(0x00700008, "SQ", [text])]]))
            elif "clean_struct_cont" in row.options:
                parts.append(Part(row.tag, "SQ", list(self.content(at, row.tag == CONTENT))))
            elif vr == "SQ":  # references are recursed into: what the table names in them goes, the rest stays
                item = [self.part(0x00081155, "UI", at), self.part(0x00100010, "PN", at)]
                parts.append(Part(row.tag, "SQ", [item] if row.basic.endswith("U*") else [self.code(at), item]))
            elif vr not in NUMBERS:
                parts.append(self.part(row.tag, vr or "LO"))
        return parts

    def content(self, at: Token, all_codes: bool) -> Iterable[list[Part]]:
        """Content items: every value type under a concept no table names, and every concept of the table."""
        for kind in (*VALUE_OF, "CODE", "IMAGE", "CONTAINER"):
            yield self.item(("424242", "99CANARY", kind), at)
        if all_codes:
            for row in facts.content_codes(self.edition):
                yield self.item((row.code, row.scheme, row.value_type), at)
        yield [self.part(0x00700006, "ST", Token(b"", 0, "", at.around, "", (*at.concepts, ("", "", "TEXT"))))]

    def item(self, concept: tuple[str, str, str], at: Token) -> list[Part]:
        code, scheme, kind = concept
        at = Token(b"", 0, "", at.around, "", (*at.concepts, concept))
        name = [Part(0x00080100, "SH", code), Part(0x00080102, "SH", scheme), Part(0x00080104, "LO", "A concept")]
        parts = [Part(0x0040A040, "CS", kind), Part(CONCEPT, "SQ", [name])]
        if kind in VALUE_OF:
            parts.append(self.part(*VALUE_OF[kind], at))
        elif kind == "CODE":
            parts.append(Part(0x0040A168, "SQ", [self.code(at)]))
        elif kind == "CONTAINER":
            nested = [self.item((scheme or "x", "99NESTED", "TEXT"), at), self.item(("121022", "DCM", "TEXT"), at)]
            parts.append(Part(CONTENT, "SQ", nested))
        else:
            parts.append(Part(0x00081199, "SQ", [[self.part(0x00081155, "UI", at)]]))
        return sorted(parts, key=lambda part: part.tag)

    def level(self, depth: int) -> list[Part]:
        parts = self.identifying() + self.private(0x0011) + self.private(0x0099) + self.safe_private()
        parts += [self.part(0x50000022, "LO"), self.part(0x60004000, "LT"), self.part(0x60003000, "OW")]
        if depth:
            parts = [part for part in parts if part.tag != CHAIN[depth - 1]]
        if depth < DEPTH:
            inner = sorted(self.level(depth + 1), key=lambda part: part.tag)
            parts.append(Part(CHAIN[depth], "SQ", [inner, inner[:3]], undefined=bool(depth % 2)))
        return parts


def wrapped(part: Part, style: Style) -> Part:
    """The same element under VR UN, sequences in implicit VR little endian. Source: PS3.5 §6.2.2."""
    implicit = Style(IMPLICIT, style.undefined, style.codec)
    if part.vr == "SQ" and not isinstance(part.value, bytes):
        return Part(part.tag, "UN", data_set(implicit, [Part(part.tag, "SQ", part.value, undefined=False)])[8:])
    if part.vr in ("SQ", "UN"):
        return part
    return Part(part.tag, "UN", value_bytes(implicit, part))


def canaries(
    seed: int = 1, style: Style | None = None, edition: facts.Edition = "2018e", *, wrap: bool = False
) -> Canaries:
    """Builds the instance: tokens in preamble, file meta, root, private blocks and items down to depth 5.

    Args:
        seed: other tokens for another one.
        style: encoding and character set.
        edition: whose table names what identifies.
        wrap: root elements stand under VR UN.
    """
    style = style or Style(EXPLICIT)
    planter = Planter(seed, edition, LETTERS[style.codec])
    assert not planter.rows.keys() & {*CHAIN, *(tag for tag, _ in KEPT)}, "the table names what is unnamed here"
    parts = {part.tag: part for part in planter.level(0)}
    for tag, vr in KEPT:
        parts[tag] = planter.part(tag, vr)
        planter.kept.append(planter.tokens[-1].text)
    parts[0x00080005] = Part(0x00080005, "CS", CHARSETS[style.codec])
    # A known sequence written as UN: its items are implicit VR little endian (PS3.5 §6.2.2).
    at = Token(b"", 0, "", (0x00400260,))
    item = [planter.part(0x00100010, "PN", at), planter.part(0x00102160, "SH", at)]
    hidden = data_set(Style(IMPLICIT, codec=style.codec), [Part(0x00400260, "SQ", [item])])
    parts[0x00400260] = Part(0x00400260, "SQ" if style.implicit else "UN", hidden[8:])
    parts |= {part.tag: part for part in (Part(0x00280010, "US", (2,)), Part(0x00280011, "US", (2,)))}
    if wrap:
        parts = {tag: wrapped(part, style) for tag, part in parts.items()}
    parts[0x00080016] = Part(0x00080016, "UI", SECONDARY_CAPTURE)
    parts[0x7FE00010] = Part(0x7FE00010, "OW", bytes(8))
    meta = [Part(0x00020002, "UI", SECONDARY_CAPTURE)]
    for tag, vr in ((0x03, "UI"), (0x12, "UI"), (0x13, "SH"), (0x16, "AE"), (0x17, "AE"), (0x18, "AE")):
        meta.append(planter.outside(0x00020000 | tag, vr))
    meta += [planter.outside(0x00020100, "UI"), planter.outside(0x00020102, "OB")]
    value, text = planter.value("LO")
    planter.other.append(text.encode())
    body = data_set(style, sorted(parts.values(), key=lambda part: part.tag))
    data = file(style, body, meta, value.encode(style.codec, "replace").ljust(128, b"\0"))
    there = all_in(body)  # some attributes took the place of others
    tokens = tuple(token for token in planter.tokens if token.text in there)
    gone = [token.text for token in tokens if token.text not in planter.kept] + planter.other
    return Canaries(data, tuple(dict.fromkeys(gone)), tuple(planter.kept), tokens)
