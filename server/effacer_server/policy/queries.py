"""What a query of an action names: an element, a repeating group, a VR, or a private element by its creator.

    00100010   (0010,0010)   PatientName      one element
    60xx3000   (60xx,3000)   OverlayData      an element of every repeating group
    50xx                                      every element of the groups 50xx, or 60xx
    PN                                        every element with that VR
    (0019,"SIEMENS MR HEADER",0C)             a private element, in whatever block its creator reserved

Blanks around and between the parts do not matter. Keywords and VRs are written as in the standard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from effacer_server.dicom import facts
from effacer_server.policy.plan import ANY_TAG, EXACT

_TAG = re.compile(r"\(\s*([0-9A-Fx]{4})\s*,\s*([0-9A-Fx]{4})\s*\)|([0-9A-Fx]{4})\s*,?\s*([0-9A-Fx]{4})", re.IGNORECASE)
_GROUP = re.compile(r"(?:50|60)xx", re.IGNORECASE)
_PRIVATE = re.compile(r'\(\s*([0-9A-F]{4})\s*,\s*"([^"]*)"\s*,\s*([0-9A-F]{2})\s*\)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """One query, understood. Two queries that name the same thing are equal.

    Attributes:
        tag: 0xGGGGEEEE, masked; ANY_TAG when the query is a VR.
        mask: as in Rule.
        vr: the VR asked for, or "".
        creator: private creator asked for, or "".
    """

    tag: int = ANY_TAG
    mask: int = EXACT
    vr: str = ""
    creator: str = ""

    def possible_vrs(self) -> tuple[str, ...]:
        """The VRs of the elements it names; empty when unknown: private elements, whole groups."""
        if self.vr:
            return (self.vr,)
        if self.creator or self.tag & 0x00010000:
            return ()
        if self.mask != EXACT:
            return next((line.vrs for line in facts.repeating() if line.tag == self.tag and line.mask == self.mask), ())
        found = facts.element(self.tag)
        if found is not None:
            return found.vrs
        vr = facts.vr_of(self.tag)
        return (vr,) if vr else ()

    def creator_tag(self) -> int | None:
        """Tag of the element that names the creator of an exact private element; None for anything else.

        Source: PS3.5 §7.8.1: block bb of group gggg, elements (gggg,bb00) to (gggg,bbFF), is named by (gggg,00bb).
        """
        block = (self.tag >> 8) & 0xFF
        if self.creator or self.mask != EXACT or not self.tag & 0x00010000 or block < 0x10:
            return None
        return (self.tag & 0xFFFF0000) | block


def parse_query(text: str) -> Query:
    """Understands one query; raises ValueError whose message says what is wrong, for the one who wrote it."""
    text = text.strip()
    if not text:
        raise ValueError("is empty")
    if match := _PRIVATE.fullmatch(text):
        return _private(int(match[1], 16), match[2], int(match[3], 16))
    if text.startswith("(") and '"' in text:
        raise ValueError('is no private element: write (gggg,"CREATOR",ee)')
    if _GROUP.fullmatch(text):
        return Query(*facts.parse_pattern(text + "xxxx"))
    if match := _TAG.fullmatch(text):
        return _tag(match[1] + match[2] if match[1] else match[3] + match[4])
    if text in facts.vrs():
        return Query(mask=0, vr=text)
    found = facts.element_by_keyword(text)
    if found is None:
        raise ValueError("is neither a tag, nor a keyword or VR of the standard")
    return Query(found.tag, found.mask)


def _private(group: int, creator: str, element: int) -> Query:
    creator = creator.strip(" ")
    if not group & 1:
        raise ValueError("names a private creator in an even group; private groups are odd")
    if not creator.strip() or len(creator) > 64 or "\\" in creator:  # VR LO, one value: PS3.5 §6.2
        raise ValueError("names a private creator that is empty, longer than 64 characters or has a backslash")
    if not creator.isascii():  # what bytes it has in a file depends on the file's character set
        raise ValueError("names a private creator with other characters than ASCII; name its elements by tag or VR")
    return Query(group << 16 | element, 0xFFFF00FF, creator=creator)


def _tag(digits: str) -> Query:
    if "x" not in digits.lower():
        tag = int(digits, 16)
        # Private elements and group lengths stand in no dictionary. Source: PS3.5 §7.8.1, §7.2.
        if tag & 0x00010000 or tag & 0xFFFF == 0 or facts.element(tag) is not None:
            return Query(tag)
        raise ValueError("is no tag of the standard")
    tag, mask = facts.parse_pattern(digits)
    if _GROUP.fullmatch(digits[:4]) and digits[4:].lower() == "xxxx":
        return Query(tag, mask)
    for line in facts.repeating():
        if line.tag == tag and line.mask & mask == mask:
            return Query(line.tag, line.mask)
    raise ValueError("is no repeating group of the standard")
