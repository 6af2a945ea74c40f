"""The oracle's new values: placeholders, UIDs, dates."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
import unicodedata
import uuid
import warnings

import pydicom.charset
from pydicom.uid import UID_dictionary

from effacer_server.dicom import facts
from effacer_server.policy.plan import Keys
from tests.oracle.reading import STUDY, Element

CHARACTER_SET, PATIENT_ID = 0x00080005, 0x00100020
MOST_DATES = 1 << 16  # bytes; a longer value is no list of dates
NUMERIC_VRS = ("AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV")
TEXT_PLACEHOLDERS = dict.fromkeys(["AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"], b"PLACEHOLDER") | {
    "UR": b"http://placeholder.invalid",
    "DA": b"19000101",
    "TM": b"000000",
    "DT": b"19000101000000",
    "AS": b"000Y",
}
# Source: PS3.5 Table 6.2-1; DA with dots is that of ACR-NEMA files, which the table allows readers to accept.
DATE = re.compile(rb"(\d{4})(\.?)(\d{2})(\2)(\d{2})()")
DATE_TIME = re.compile(
    rb"(\d{4})()(?:(\d{2})()(?:(\d{2})((?:\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?))?)?((?:[+-]\d{4})?)"
)


# Source: PS3.5 Table 6.2-1, TM, with the colons of ACR-NEMA files.
TIME = re.compile(rb"(\d\d)(?:(\d\d)(?:(\d\d)(?:\.\d{1,6})?)?|:(\d\d)(?::(\d\d)(?:\.\d{1,6})?)?)?")


def new_uid(keys: Keys, source: bytes) -> bytes:
    """Root + decimal of the first 128 bits of HMAC-SHA-256(key, source); or of the UUID version 3 whose whole name is
    the source, without a name space. Source: PS3.5 §B.2; RFC 4122 §4.3.
    """
    if keys.derivation == "md5":
        number = uuid.UUID(bytes=hashlib.md5(source).digest(), version=3).int
    else:
        number = int.from_bytes(hmac.new(keys.uid, source, hashlib.sha256).digest()[:16], "big")
    return (keys.uid_root + str(number)).encode()


def map_uids(keys: Keys, value: bytes) -> bytes:
    """Each value mapped; empty ones and those the standard registers stay, with no padding but the last byte's."""
    old = [part.rstrip(b"\0 ").lstrip(b" ") for part in value.split(b"\\")]
    new = [uid if not uid or uid.decode("latin-1") in UID_dictionary else new_uid(keys, uid) for uid in old]
    return pad(b"\\".join(new), "UI")


def pad(value: bytes, vr: str) -> bytes:
    """Even length. Source: PS3.5 §6.2 (text with space, UI with NUL)."""
    return value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)


def placeholder(tag: int, vr: str, value: bytes, keys: Keys) -> bytes:
    """What reset_tag leaves of a leaf. The character set stays, or what is kept could not be read."""
    if tag == 0x00080005 and vr == "CS":
        return value
    if vr == "UI":
        return value if facts.uid_role(tag) == "standard" else map_uids(keys, value)
    if vr in ("IS", "DS"):
        return pad(b"\\".join([b"0"] * (value.count(b"\\") + 1)), vr)
    if vr in NUMERIC_VRS:
        return bytes(len(value) + len(value) % 2)
    return pad(TEXT_PLACEHOLDERS.get(vr, b""), vr)


def shift_days(keys: Keys, elements: list[Element]) -> int | None:
    """By how many days the dates of this instance move: -365 to 365 without 0, the same for a patient under one key.

    Args:
        elements: the root data set as it came; None where it names neither patient nor study.
    """
    key = keys.date or hmac.new(keys.uid, b"effacer dates", hashlib.sha256).digest()
    found = {element.tag: element.value.strip(b" \0") for element in elements}
    who = in_utf8(found.get(PATIENT_ID, b""), found.get(CHARACTER_SET, b"")) or found.get(STUDY)
    if not who:
        return None
    number = int.from_bytes(hmac.new(key, who, hashlib.sha256).digest()[:8], "big") % 730
    return number - 365 if number < 365 else number - 364


def in_utf8(text: bytes, character_set: bytes) -> bytes:
    """A text of any character set in one. Source: PS3.5 §6.1.2."""
    if text.isascii() and b"\x1b" not in text:
        return text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            terms = [term.strip() for term in character_set.decode("ascii", "replace").split("\\")]
            known = pydicom.charset.convert_encodings(terms)
            decoded = pydicom.charset.decode_bytes(text, known, {0x0A, 0x0C, 0x0D, 0x09})
        except (LookupError, ValueError):
            decoded = text.decode("latin-1")
    return unicodedata.normalize("NFC", decoded).strip(" \0").encode("utf-8", "surrogatepass")


def is_time(text: bytes) -> bool:
    found = TIME.fullmatch(text)
    limits = (24, 60, 61, 60, 61)
    return bool(found) and all(not part or int(part) < most for part, most in zip(found.groups(), limits, strict=True))


def shift_dates(tag: int, vr: str, value: bytes, days: int, keys: Keys) -> bytes:
    """A value moved, each of several dates on its own; what is no date becomes the VR's placeholder.

    A VR that is not for dates may hold one date in the form of DA.
    """
    if not value.strip(b" \0"):
        return b"" if vr in TEXT_PLACEHOLDERS or vr in ("IS", "DS") else placeholder(tag, vr, value, keys)
    if vr == "TM" and len(value) <= MOST_DATES:  # days do not move it; but it has to be one
        times = [one.strip(b" \0") for one in value.split(b"\\")]
        return pad(b"\\".join(one if not one or is_time(one) else TEXT_PLACEHOLDERS[vr] for one in times), vr)
    several = vr in ("DA", "DT") and len(value) <= MOST_DATES
    if vr not in ("IS", "DS") and vr not in TEXT_PLACEHOLDERS:
        return placeholder(tag, vr, value, keys)
    moved = [shift(vr, one.strip(b" \0"), days) for one in (value.split(b"\\") if several else [value])]
    if moved == [None] and vr not in TEXT_PLACEHOLDERS:
        return placeholder(tag, vr, value, keys)
    return pad(b"\\".join(TEXT_PLACEHOLDERS[vr] if one is None else one for one in moved), vr)


def shift(vr: str, text: bytes, days: int) -> bytes | None:
    """One value; None where it is no date. Of months or years the first day moves, and is cut again."""
    found = (DATE_TIME if vr == "DT" else DATE).fullmatch(text)
    if not text:
        return text
    if found is None:
        return None
    year, dot, month, _, day, *rest = found.groups()
    try:
        old = datetime.date(int(year), int(month or 1), int(day or 1))
        new = old + datetime.timedelta(days)
    except (ValueError, OverflowError):
        return None
    parts = [b"%04d" % new.year] + [b"%02d" % part for part, was in ((new.month, month), (new.day, day)) if was]
    return dot.join(parts) + b"".join(part or b"" for part in rest)
