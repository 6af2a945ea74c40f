"""An instance with a unique token wherever an identity could hide, and the tokens that may be found afterwards.

It knows the tables (which attributes identify), never the code that removes them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

from effacer_server.dicom import facts
from tests.encode import EXPLICIT, IMPLICIT, Part, Style, data_set, file

DEPTH = 5
# Sequences table E.1-1 does not name: the table holds inside them too (PS3.15 §E.1.1).
CHAIN = (0x52009229, 0x00189301, 0x00189346, 0x00540016, 0x00180026)
# Text the Basic Profile keeps. Source: PS3.15 2018e Table E.1-1 does not name them.
KEPT = ((0x00080008, "CS"), (0x00080070, "LO"), (0x00180015, "CS"), (0x00181210, "SH"), (0x00181261, "LO"))
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
TEXT_VRS = ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT", "UN", "OB", "OW")


@dataclass(frozen=True, slots=True)
class Canaries:
    """An instance with planted tokens.

    Attributes:
        data: the file.
        gone: tokens that must not be found anywhere after the Basic Profile.
        kept: tokens in attributes the Basic Profile keeps at the root; all of them must be found.
    """

    data: bytes
    gone: tuple[bytes, ...]
    kept: tuple[bytes, ...]


def tokens_in(tokens: Iterable[bytes], where: bytes) -> list[bytes]:
    """Which tokens stand there. One of digits alone counts only where no digit stands next to it: new UIDs are random
    numbers of some forty digits, and hold every date once in a while.
    """
    return [
        token
        for token in tokens
        if token in where and (not token.isdigit() or re.search(rb"(?<![0-9])" + token + rb"(?![0-9])", where))
    ]


class Planter:
    """Makes tokens that fit a VR and remembers what must become of them."""

    def __init__(self, seed: int) -> None:
        self.base = random.Random(seed).randrange(100, 1000)
        self.count = 0
        self.gone: list[bytes] = []
        self.kept: list[bytes] = []

    def value(self, vr: str, kept: bool = False) -> str:
        """A value of this VR with a new token, none of which is part of another."""
        self.count += 1
        number = f"{self.base}{self.count:05}"
        if vr == "UI":
            value = token = f"1.2.3.{number}.4242"
        elif vr == "DA":  # a valid date that no other place in a file of this kind has
            value = token = f"{1000 + self.count // 300:04}{1 + self.count // 25 % 12:02}{1 + self.count % 25:02}"
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
        elif vr == "PN":
            value, token = f"CANARY{number}^Given^Middle", f"CANARY{number}"
        else:
            value = token = f"CANARY{number}"
        (self.kept if kept else self.gone).append(token.encode())
        return value

    def part(self, tag: int, vr: str, kept: bool = False) -> Part:
        value = self.value(vr, kept)
        return Part(tag, vr, value.encode() if vr in ("OB", "OW", "UN") else value)

    def code(self) -> list[Part]:
        """A code item, as sequences with code D or X hold it."""
        return [self.part(0x00080100, "SH"), self.part(0x00080102, "SH"), self.part(0x00080104, "LO")]

    def private(self, group: int) -> list[Part]:
        """A private block with every text VR and a sequence in it."""
        parts = [self.part(group << 16 | 0x0010, "LO")]
        parts += [self.part(group << 16 | 0x1000 + n, vr) for n, vr in enumerate(TEXT_VRS)]
        return [*parts, Part(group << 16 | 0x1080, "SQ", [self.code(), [self.part(0x00100010, "PN")]])]

    def identifying(self) -> list[Part]:
        """Every attribute of table E.1-1 that can hold text, a UID or bytes; sequences with a code item."""
        parts = []
        for row in {row.tag: row for row in facts.e1_1("2018e").rows}.values():  # one tag stands there twice
            vr = facts.vr_of(row.tag)
            if row.mask != 0xFFFFFFFF or row.basic.startswith("K") or row.tag >> 16 in (0, 2, 4, 0xFFFC, 0xFFFA):
                continue
            if vr == "SQ":  # references are recursed into: what the table names in them goes, the rest stays
                item = [self.part(0x00081155, "UI")] if row.basic.endswith("U*") else self.code()
                parts.append(Part(row.tag, "SQ", [item]))
            elif vr not in ("US", "UL", "FD", "FL", "AT", ""):
                parts.append(self.part(row.tag, vr))
        return parts

    def level(self, depth: int) -> list[Part]:
        parts = self.identifying() + self.private(0x0011) + self.private(0x0099)
        parts += [self.part(0x50000022, "LO"), self.part(0x60004000, "LT"), self.part(0x60003000, "OW")]
        if depth:
            parts = [part for part in parts if part.tag != CHAIN[depth - 1]]
        if depth < DEPTH:
            inner = sorted(self.level(depth + 1), key=lambda part: part.tag)
            parts.append(Part(CHAIN[depth], "SQ", [inner, inner[:3]], undefined=bool(depth % 2)))
        return parts


def canaries(seed: int = 1, style: Style | None = None) -> Canaries:
    """Builds the instance: tokens in preamble, file meta, root, private blocks and items down to depth 5."""
    style, planter = style or Style(EXPLICIT), Planter(seed)
    named = {row.tag for row in facts.e1_1("2018e").rows}
    assert not named & {*CHAIN, *(tag for tag, _ in KEPT)}, "the table names what this file calls unnamed"
    parts = {part.tag: part for part in planter.level(0)}
    parts |= {tag: planter.part(tag, vr, kept=True) for tag, vr in KEPT}
    parts[0x00080016] = Part(0x00080016, "UI", SECONDARY_CAPTURE)
    # A known sequence written as UN: its items are implicit VR little endian (PS3.5 §6.2.2).
    hidden = data_set(
        Style(IMPLICIT), [Part(0x00400260, "SQ", [[planter.part(0x00100010, "PN"), planter.part(0x00102160, "SH")]])]
    )
    parts[0x00400260] = Part(0x00400260, "UN", hidden[8:])
    if style.implicit:
        parts[0x00400260] = Part(0x00400260, "SQ", hidden[8:])
    parts |= {part.tag: part for part in (Part(0x00280010, "US", (2,)), Part(0x00280011, "US", (2,)))}
    parts[0x7FE00010] = Part(0x7FE00010, "OW", bytes(8))
    meta = [
        Part(0x00020002, "UI", SECONDARY_CAPTURE),
        planter.part(0x00020003, "UI"),
        planter.part(0x00020012, "UI"),
        planter.part(0x00020013, "SH"),
        planter.part(0x00020016, "AE"),
        planter.part(0x00020017, "AE"),
        planter.part(0x00020018, "AE"),
        planter.part(0x00020100, "UI"),
        planter.part(0x00020102, "OB"),
    ]
    preamble = planter.value("LO").encode().ljust(128, b"\0")
    ordered = sorted(parts.values(), key=lambda part: part.tag)
    data = file(style, data_set(style, ordered), meta, preamble)
    return Canaries(data, tuple(planter.gone), tuple(planter.kept))
