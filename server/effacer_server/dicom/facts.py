"""What the standard says, as rows: dictionary, confidentiality profile, attribute types, UIDs.

Every fact comes from `tables/*.tsv`, written by `tools/tables.py` with edition and source in each file's first lines.
A table is read when first asked for and kept; all functions are pure and safe to call from threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, cast

EXACT = 0xFFFFFFFF
Edition = Literal["2018e", "latest"]
UidRole = Literal["standard", "primary", "reference", "other"]


@dataclass(frozen=True, slots=True)
class Element:
    """One line of the data dictionary.

    Attributes:
        tag: 0xGGGGEEEE, masked.
        mask: EXACT, or the bits that are given where the line stands for repeating groups or elements.
        vr: the VR to use where a file does not say (implicit VR); "" when the dictionary leaves it unknown.
        vrs: all VRs the standard allows there.
        vm: value multiplicity as printed ("1-n"); "" when unknown.
        keyword: "" for the few elements that have none.
    """

    tag: int
    mask: int
    vr: str
    vrs: tuple[str, ...]
    vm: str
    keyword: str


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One line of table E.1-1.

    Attributes:
        tag: 0xGGGGEEEE, masked; for private attributes 0x00010000.
        mask: EXACT; 0xFF01FFFF and the like for repeating groups, which are even; 0x00010000 for private attributes.
        keyword: "" for private attributes.
        basic: code of the Basic Profile: D, Z, X, U, K, C or a compound such as X/Z/D.
        options: code by option column, only where the table has one: {"rtn_uids": "K"}.
    """

    tag: int
    mask: int
    keyword: str
    basic: str
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProfileTable:
    """Table E.1-1 of one edition ("2018e"), in its order; a tag may stand twice."""

    edition: str
    rows: tuple[ProfileRow, ...]


@dataclass(frozen=True, slots=True)
class RegisteredUid:
    """A UID the standard registers. Source: PS3.6 Annex A."""

    uid: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What reset writes for a VR.

    Attributes:
        vr: two letters.
        kind: "text" (value once), "repeat" (value as often as the element has values), "zeros" (zero in every
            value), "uid" (regenerated), "empty" (zero length), "leaves" (a sequence: every element inside is reset).
        value: for text and repeat; else "".
    """

    vr: str
    kind: Literal["text", "repeat", "zeros", "uid", "empty", "leaves"]
    value: str


def element(tag: int) -> Element | None:
    """The dictionary's line for a tag: an exact one before one for repeating groups; None when there is none."""
    line = _dictionary().exact.get(tag)
    if line is not None:
        return _element(*line)
    return next((found for found in repeating() if tag & found.mask == found.tag), None)


def element_by_keyword(keyword: str) -> Element | None:
    """The dictionary's line for a keyword (case matters, as in the standard); None when there is none."""
    line = _dictionary().by_keyword.get(keyword)
    return None if line is None else _element(*line)


@cache
def repeating() -> tuple[Element, ...]:
    """The dictionary's lines that stand for more than one tag (60xx,3000)."""
    return tuple(_element(*line) for line in _dictionary().repeating)


def exact_vrs() -> list[tuple[int, str]]:
    """(tag, VR to use) of every line for one tag whose VR is known, ascending; for the native core."""
    return [(tag, line[2]) for tag, line in sorted(_dictionary().exact.items()) if line[2]]


def vr_of(tag: int) -> str:
    """VR of a tag where the file does not tell it; "" for private and unknown elements.

    Source: PS3.5 §7.8.1 (private creators are LO), §7.2 (group lengths are UL).
    """
    if tag & 0x00010000:
        return "LO" if 0x0010 <= tag & 0xFFFF <= 0x00FF else ""
    found = element(tag)
    if found is not None:
        return found.vr
    return "UL" if tag & 0xFFFF == 0 else ""


def keyword_of(tag: int) -> str:
    """Keyword of a tag; "" when it has none."""
    found = element(tag)
    return "" if found is None else found.keyword


def tag_of(keyword: str) -> int:
    """Tag of a keyword that names exactly one; raises KeyError for anything else."""
    found = element_by_keyword(keyword)
    if found is None or found.mask != EXACT:
        raise KeyError(keyword)
    return found.tag


@cache
def vrs() -> frozenset[str]:
    """Every value representation. Source: PS3.5 Table 6.2-1, by way of the placeholders, which name all of them."""
    return frozenset(placeholders())


@cache
def e1_1(edition: Edition) -> ProfileTable:
    """Table E.1-1 of PS3.15."""
    notes, columns, lines = _read(f"e1_1_{edition}")
    rows = []
    for line in lines:
        # The table means every even group 50xx and 60xx, not only 00 to 1E (PS3.5 §7.6): nothing slips past it.
        tag, mask = (0x00010000, 0x00010000) if line[0] == "private" else parse_pattern(line[0])
        options = {column: code for column, code in zip(columns[3:], line[3:], strict=True) if code}
        rows.append(ProfileRow(tag, mask, line[1], line[2], options))
    return ProfileTable(notes["edition"], tuple(rows))


def attribute_type(sop_class: str, tag: int) -> str | None:
    """Type (1, 1C, 2, 2C, 3) of an attribute at the root of a SOP class's IOD: the strictest any module gives it.

    Covers the attributes with a compound code in table E.1-1 (2018e). None when the SOP class is unknown, the
    attribute is none of those, or no module of the IOD holds it. Source: PS3.3 Annex A and C.
    """
    return _types().get(sop_class, {}).get(tag)


def knows_types(sop_class: str, tag: int) -> bool:
    """Whether the types tell about this pair: the SOP class is known and the attribute was looked up in the IODs."""
    return sop_class in _types() and tag in _typed_tags()


@cache
def minimal_keep() -> tuple[tuple[int, str], ...]:
    """(tag, keyword) of what MINIMAL_KEEP_LIST_PROFILE keeps, ascending; with file meta elements."""
    return tuple((int(line[0], 16), line[1]) for line in _read("minimal_keep")[2])


@cache
def registered_uids() -> Mapping[str, RegisteredUid]:
    """By UID, everything PS3.6 Annex A registers."""
    return {line[0]: RegisteredUid(line[0], line[1], line[2]) for line in _read("uids")[2]}


@cache
def uid_roles() -> Mapping[int, UidRole]:
    """By tag, what each attribute of VR UI identifies, ascending."""
    return {int(line[0], 16): cast(UidRole, line[2]) for line in _read("uid_roles")[2]}


def uid_role(tag: int) -> UidRole:
    """What an attribute of VR UI identifies; "other" for tags the dictionary does not hold (private ones)."""
    return uid_roles().get(tag, "other")


@cache
def placeholders() -> Mapping[str, Placeholder]:
    """By VR, what reset writes."""
    return {
        line[0]: Placeholder(line[0], cast("Literal['text']", line[1]), line[2]) for line in _read("placeholders")[2]
    }


@cache
def deidentification_methods() -> Mapping[str, str]:
    """By code (scheme DCM), its meaning. Source: PS3.16 CID 7050."""
    return {line[0]: line[1] for line in _read("deidentification_methods")[2]}


def parse_pattern(pattern: str) -> tuple[int, int]:
    """Eight hexadecimal digits, of which some may be x, as (tag, mask); ValueError for anything else.

    An x at the end of the group stands for even groups only: odd ones are private, and no repeating group.
    Source: PS3.5 §7.6.
    """
    if len(pattern) != 8 or not set(pattern) <= set("0123456789ABCDEFabcdefxX"):
        raise ValueError("not a tag")
    tag = int("".join("0" if digit in "xX" else digit for digit in pattern), 16)
    mask = int("".join("0" if digit in "xX" else "F" for digit in pattern), 16)
    if pattern[3] in "xX":
        mask |= 0x00010000
    return tag, mask


_Line = tuple[int, int, str, str, str, str]


@dataclass(frozen=True, slots=True)
class _Dictionary:
    exact: dict[int, _Line]
    repeating: list[_Line]
    by_keyword: dict[str, _Line]


@cache
def _dictionary() -> _Dictionary:
    exact: dict[int, _Line] = {}
    repeated: list[_Line] = []
    by_keyword: dict[str, _Line] = {}
    for pattern, vr, primary, vm, keyword in _read("dictionary")[2]:
        line: _Line
        if "x" in pattern:
            tag, mask = parse_pattern(pattern)
            if pattern.startswith("7Fxx"):
                # Here xx is 00 to 1E as PS3.5 §7.6 says, or the line would take in Pixel Data (7FE0,0010).
                mask |= 0x00E00000
            line = (tag, mask, primary, vr, vm, keyword)
            repeated.append(line)
        else:
            tag = int(pattern, 16)
            line = exact[tag] = (tag, EXACT, primary, vr, vm, keyword)
        if keyword:
            by_keyword[keyword] = line
    return _Dictionary(exact, repeated, by_keyword)


def _element(tag: int, mask: int, primary: str, vr: str, vm: str, keyword: str) -> Element:
    return Element(tag, mask, primary, tuple(vr.split(" or ")) if vr else (), vm, keyword)


@cache
def _types() -> dict[str, dict[int, str]]:
    types: dict[str, dict[int, str]] = {}
    for sop_classes, content in _read("attribute_types")[2]:
        by_tag = {int(tag, 16): kind for tag, kind in (entry.split("=") for entry in content.split())}
        for uid in sop_classes.split():
            types[uid] = by_tag
    return types


@cache
def _typed_tags() -> frozenset[int]:
    return frozenset(tag for by_tag in _types().values() for tag in by_tag)


def _read(name: str) -> tuple[dict[str, str], list[str], list[list[str]]]:
    """A table's comments by name, its column names and its rows."""
    notes: dict[str, str] = {}
    lines = files(__package__).joinpath("tables", f"{name}.tsv").read_text(encoding="utf-8").split("\n")
    start = 0
    while lines[start].startswith("#"):
        key, _, text = lines[start][2:].partition(": ")
        notes[key] = text
        start += 1
    rows = [line.split("\t") for line in lines[start + 1 : -1]]
    return notes, lines[start].split("\t"), rows


@dataclass(frozen=True, slots=True)
class QueryAttribute:
    """An attribute that answers to queries show.

    Attributes:
        tag: 0xGGGGEEEE.
        keyword: as in the dictionary.
        level: "study", "series" or "instance".
        column: name under which its first value can be matched; "" when it cannot.
    """

    tag: int
    keyword: str
    level: Literal["study", "series", "instance"]
    column: str


@cache
def query_attributes() -> tuple[QueryAttribute, ...]:
    """The attributes of PS3.18 §10.6.3, ascending by tag."""
    return tuple(
        QueryAttribute(int(line[0], 16), line[1], cast("Literal['study']", line[2]), line[3])
        for line in _read("query_attributes")[2]
    )
