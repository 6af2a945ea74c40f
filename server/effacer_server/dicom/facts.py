"""What the standard says, as rows: dictionary, confidentiality profile, attribute types, UIDs.

Every fact comes from `tables/*.tsv`, written by `tools/tables.py` with edition and source in each file's first lines.
A table is read when first asked for and kept; all functions are pure and safe to call from threads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, cast

EXACT = 0xFFFFFFFF
Edition = Literal["2018e", "latest"]
Path = tuple[int, ...]  # tags of sequences, from the root
UidRole = Literal["standard", "primary", "reference", "linked", "other"]


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
class SafePrivate:
    """One private attribute known to be safe, in whatever block its creator reserved.

    Attributes:
        tag, mask: as in Rule; the block's byte is left out of both.
        creator: private creator, without padding.
        vrs: the VRs the table gives; empty when it gives none.
    """

    tag: int
    mask: int
    creator: str
    vrs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContentCode:
    """One concept name of content items, for one value type.

    Attributes:
        code, scheme: code value and coding scheme designator, without padding.
        value_type: TEXT, PNAME, UIDREF and so on.
        basic: code of the Basic Profile: X, D or X/D.
        options: code by option column, only where the table has one.
        meaning: the code meaning, for people.
    """

    code: str
    scheme: str
    value_type: str
    basic: str
    options: Mapping[str, str]
    meaning: str


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


@cache
def safe_private(edition: Edition) -> tuple[SafePrivate, ...]:
    """The safe private attributes that go with an edition. Source: PS3.15 Table E.3.10-1."""
    return tuple(
        SafePrivate(*parse_pattern(tag), creator, tuple(vr.split(" or ")) if vr else ())
        for tag, creator, vr in _read(f"safe_private_{edition}")[2]
    )


@cache
def content_codes(edition: Edition) -> tuple[ContentCode, ...]:
    """The concept names that go with an edition. Source: PS3.15 Table E.1-2."""
    _, columns, lines = _read(f"content_codes_{edition}")
    rows = []
    for code, scheme, value_type, basic, *codes, meaning in lines:
        options = {column: found for column, found in zip(columns[4:-1], codes, strict=True) if found}
        rows.append(ContentCode(code, scheme, value_type, basic, options, meaning))
    return tuple(rows)


def in_data_set(tag: int) -> bool:
    """False for command elements and file meta. Source: PS3.7 §6.3.1 (group 0000), PS3.10 §7.1 (group 0002)."""
    return tag >> 16 not in (0x0000, 0x0002)


def attribute_type(sop_class: str, tag: int, path: Path = ()) -> str | None:
    """Type (1, 1C, 2, 2C, 3) of an attribute in a SOP class's IOD: the strictest any module gives it at that place.

    Covers the attributes with a compound code in any edition of table E.1-1. None when the SOP class is unknown, the
    attribute is none of those, or no module of the IOD holds it there. Source: PS3.3 Annex A and C.

    Args:
        sop_class: UID.
        tag: 0xGGGGEEEE.
        path: tags of the enclosing sequences, from the root.
    """
    return _types_of(sop_class).get(tag, _NO_TYPES).get(tuple(path))


def nested_types(sop_class: str, tag: int) -> Mapping[Path, str]:
    """Type of an attribute by every place below the root where the SOP class's IOD defines it; see attribute_type."""
    return {path: kind for path, kind in _types_of(sop_class).get(tag, _NO_TYPES).items() if path}


def knows_types(sop_class: str, tag: int) -> bool:
    """Whether the types tell about an attribute at the root.

    They do when the SOP class is known and the attribute was looked up in the modules of its IOD; where some of these
    were not at hand, only what the others hold is known.
    """
    line = _type_lines().get(sop_class)
    if line is None or tag not in _typed_tags():
        return False
    return not line[1] or attribute_type(sop_class, tag) is not None


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


_NO_TYPES: Mapping[Path, str] = {}


@cache
def _type_lines() -> dict[str, list[str]]:
    """By SOP class its line of the table, not yet taken apart: one process meets few of the many."""
    return {uid: line for line in _read("attribute_types")[2] for uid in line[0].split()}


def _types_of(sop_class: str) -> Mapping[int, Mapping[Path, str]]:
    """Types by tag and path. SOP classes come from files: only those of the table are remembered."""
    line = _type_lines().get(sop_class)
    return {} if line is None else _parsed_types(line[2], line[3])


@cache
def _parsed_types(root: str, nested: str) -> dict[int, dict[Path, str]]:
    paths = _type_paths()
    groups: list[tuple[Path, str]] = [((), root)] if root else []
    groups += [(paths[int(number)], content) for number, content in (part.split(":") for part in nested.split())]
    types: dict[int, dict[Path, str]] = {}
    for path, content in groups:
        for tag, kind in (entry.split("=") for entry in content.split(",")):
            types.setdefault(int(tag, 16), {})[path] = kind
    return types


@cache
def _type_paths() -> list[Path]:
    return [tuple(int(tag, 16) for tag in line[1].split(">")) for line in _read("attribute_types_paths")[2]]


@cache
def _typed_tags() -> frozenset[int]:
    """What the types were collected for: each of the attributes with a compound code stands in some IOD."""
    cells = {cell for line in _type_lines().values() for cell in line[2:]}
    return frozenset(int(tag, 16) for tag in set(re.findall("([0-9A-F]{8})=", " ".join(cells))))


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
