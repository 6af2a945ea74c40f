"""What the catalog keeps of an instance: its UIDs, and the attributes that queries match and show."""

from __future__ import annotations

import json
import re
import struct
import warnings
from dataclasses import dataclass, field
from functools import cache, lru_cache

from effacer_server.dicom import core, facts
from effacer_server.errors import Reason, Refused

_CHARACTER_SET = 0x00080005
# Bytes behind which a character set starts anew. Source: PS3.5 §6.1.2.5.3.
_TEXT_DELIMITERS = {0x0D, 0x0A, 0x09, 0x0C}
_NAME_DELIMITERS = {0x5C, 0x5E, 0x3D}
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}


@dataclass(frozen=True, slots=True, repr=False)
class Header:
    """An instance as the catalog knows it.

    Attributes:
        study, series, instance: its UIDs.
        sop_class, transfer_syntax: UIDs; sop_class may be "".
        json: DICOM JSON object of the query attributes that are present. Source: PS3.18 Annex F.
        columns: first value of each attribute that can be matched, by column, as text.
    """

    study: str
    series: str
    instance: str
    sop_class: str
    transfer_syntax: str
    json: str = "{}"
    columns: dict[str, str] = field(default_factory=dict)


def read_header(source: core.Source, inflate_limit: int = 1 << 29) -> Header:
    """Reads the header of an instance, never its pixel data.

    Args:
        source: the whole instance.
        inflate_limit: most bytes a deflated data set may become.

    Raises:
        Refused: what core.read_meta and core.capture refuse, MISSING_UID and BAD_UID.
    """
    meta = core.read_meta(source)
    if meta.deflated:
        source = core.inflate(source, meta, inflate_limit)
    found = core.capture(source, meta, _tags())
    character_set = found.get(_CHARACTER_SET, ("CS", b""))[1]
    order = ">" if meta.big_endian else "<"
    model: dict[str, dict[str, object]] = {}
    columns: dict[str, str] = {}
    for attribute in facts.query_attributes():
        if attribute.tag not in found:
            continue
        vr, raw = found[attribute.tag]
        if vr == "UN":
            vr = facts.vr_of(attribute.tag) or vr
        values = _values(vr, raw, character_set, order)
        model[f"{attribute.tag:08X}"] = {"vr": vr, "Value": values} if values else {"vr": vr}
        if attribute.column:
            columns[attribute.column] = _text(values[0]) if values else ""
    return Header(
        study=_uid(found, core.STUDY_INSTANCE_UID),
        series=_uid(found, core.SERIES_INSTANCE_UID),
        instance=_uid(found, core.SOP_INSTANCE_UID),
        sop_class=core.text_of(found.get(core.SOP_CLASS_UID, ("", b""))[1]) or meta.sop_class,
        transfer_syntax=meta.transfer_syntax,
        json=json.dumps(model, ensure_ascii=False, separators=(",", ":")),
        columns=columns,
    )


@cache
def _tags() -> tuple[int, ...]:
    return tuple(attribute.tag for attribute in facts.query_attributes())


@lru_cache(maxsize=256)
def _encodings(raw: bytes) -> tuple[str, ...]:
    """Python codecs of a SpecificCharacterSet value; unknown terms fall back to Latin 1."""
    from pydicom.charset import convert_encodings  # imported when first needed: pydicom takes a quarter of a second

    terms = [term.strip() for term in raw.decode("ascii", "replace").strip(" \0").split("\\")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote the term, which came from the file
        try:
            return tuple(convert_encodings(terms))
        except (LookupError, ValueError):
            return ("iso8859",)


def _decode(raw: bytes, character_set: bytes, delimiters: set[int]) -> str:
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    from pydicom.charset import decode_bytes

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return str(decode_bytes(raw, _encodings(character_set), delimiters))
        except (UnicodeError, LookupError):
            return raw.decode("latin-1")


def decode_text(vr: str, raw: bytes, character_set: bytes) -> str:
    """A text as people read it, all its values, padding and all; what cannot be decoded becomes something else.

    Args:
        vr: PN and the other VRs of text go by the character set, everything else is ASCII.
        raw: the value.
        character_set: SpecificCharacterSet (0008,0005) as it stands there. Source: PS3.5 §6.1.2.3.
    """
    if vr == "PN":
        return _decode(raw, character_set, _NAME_DELIMITERS)
    if vr in ("SH", "LO", "UC", "ST", "LT", "UT"):
        return _decode(raw, character_set, _TEXT_DELIMITERS)
    return raw.decode("ascii", "replace")


def encode_text(vr: str, text: str, character_set: bytes) -> bytes:
    """A text as it stands in a data set; what its character set has no sign for becomes a question mark.

    Args:
        vr, character_set: as in `decode_text`.
        text: what that gave, or something made of it.
    """
    if text.isascii():
        return text.encode("ascii")
    from pydicom.charset import encode_string

    encodings = _encodings(character_set)
    # Each part that a delimiter ends starts in the first character set again. Source: PS3.5 §6.1.2.5.3.
    ends = _NAME_DELIMITERS if vr == "PN" else _TEXT_DELIMITERS
    parts = re.split("([" + re.escape("".join(map(chr, ends))) + "])", text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return b"".join(encode_string(part, encodings) if part else b"" for part in parts)


def _values(vr: str, raw: bytes, character_set: bytes, order: str) -> list[object]:
    """The values of one element as DICOM JSON has them; values that do not fit their VR are left out."""
    if vr in _NUMBERS:
        size = struct.calcsize(_NUMBERS[vr])
        return list(struct.unpack(f"{order}{len(raw) // size}{_NUMBERS[vr]}", raw[: len(raw) // size * size]))
    if vr == "PN":
        return [_person(name) for name in _split(_decode(raw.rstrip(b" \0"), character_set, _NAME_DELIMITERS))]
    if vr in ("SH", "LO", "UC"):
        return list(_split(_decode(raw.rstrip(b" \0"), character_set, _TEXT_DELIMITERS)))
    if vr in ("ST", "LT", "UT"):
        text = _decode(raw.rstrip(b" \0"), character_set, _TEXT_DELIMITERS)
        return [text] if text else []
    texts = _split(raw.decode("ascii", "replace").strip(" \0"))
    if vr in ("IS", "DS"):
        return [
            number for number in (_number(text, int if vr == "IS" else float) for text in texts) if number is not None
        ]
    return list(texts)


def _split(text: str) -> list[str]:
    values = [value.strip(" ") for value in text.split("\\")]
    return values if any(values) else []


def _number(text: str, kind: type[int] | type[float]) -> int | float | None:
    try:
        number = kind(text)
    except ValueError:
        return None
    # IS is a 32-bit integer (PS3.5 §6.2), and JSON knows no infinity.
    return number if abs(number) < (1 << 31 if kind is int else float("inf")) else None


def _person(name: str) -> dict[str, str]:
    """Component groups by name. Source: PS3.5 §6.2.1, PS3.18 §F.2.2."""
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), name.split("="), strict=False)
    return {label: group.rstrip("^ ") for label, group in groups if group}


def _text(value: object) -> str:
    return "=".join(value.values()) if isinstance(value, dict) else str(value)


def _uid(found: dict[int, tuple[str, bytes]], tag: int) -> str:
    text = core.text_of(found.get(tag, ("", b""))[1])
    if not core.is_uid(text):
        raise Refused(Reason.BAD_UID if text else Reason.MISSING_UID, tag, "UI")
    return text
