"""Dates moved by whole days: how far for one patient, and what a DA or DT value becomes.

The shift is the same for every date of a patient under one key, so intervals stay what they were. Values keep their
written form: precision, dots, time, fraction and offset. Source: PS3.15 §E.3.6, PS3.5 Table 6.2-1.
"""

from __future__ import annotations

import hmac
import re
from datetime import date, timedelta

#: Days of the longest shift; no shift is ever 0.
FARTHEST = 365

# Source: PS3.5 §6.2, DA: YYYYMMDD; YYYY.MM.DD in files older than 1993 (§6.2, note).
_DA = re.compile(rb"(?P<y>\d{4})(?P<dot>\.?)(?P<m>\d\d)(?P=dot)(?P<d>\d\d)\Z")
# Source: PS3.5 §6.2, DT: YYYYMMDDHHMMSS.FFFFFF&ZZXX, cut behind any component; the offset may follow each of them.
# Nothing but the digits of a time may stand behind the day: they are kept as they are, whatever hour they say.
_DT = re.compile(
    rb"(?P<y>\d{4})(?P<dot>)(?:(?P<m>\d\d)(?:(?P<d>\d\d)(?:\d\d(?:\d\d(?:\d\d(?:\.\d{1,6})?)?)?)?)?)?(?:[+-]\d{4})?\Z"
)

# Source: PS3.5 §6.2, TM: HHMMSS.FFFFFF, cut behind any component; with colons in files older than 1993.
_TM = re.compile(rb"(?:[01]\d|2[0-3])(?:(?P<colon>:?)[0-5]\d(?:(?P=colon)(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?\Z")


def days_of(key: bytes, identifier: bytes) -> int:
    """Days by which all dates of a patient move: in [-365, 365], never 0.

    Args:
        key: Keys.date.
        identifier: PatientID in UTF-8, so that it is the same in every character set; padding at its ends does not
            count.
    """
    number = int.from_bytes(hmac.digest(key, identifier.strip(b" \0"), "sha256")[:8], "big") % (2 * FARTHEST)
    return number - FARTHEST if number < FARTHEST else number - FARTHEST + 1


def shift(value: bytes, vr: str, days: int, placeholder: bytes) -> bytes:
    """Every date of a value moved by `days`, without padding.

    A DT cut behind the month or the year is taken as its first day, and cut there again. Dates are ASCII in every
    character set, so a backslash separates values here whatever the set is. What this gives is ASCII, too.

    Args:
        value: the value field, padding and all; values are separated by backslashes.
        vr: "DT", or anything else to take values as DA.
        days: from `days_of`.
        placeholder: for each value that is no date or would leave the years 0001 to 9999; an empty one stays empty.
    """
    form = _DT if vr == "DT" else _DA
    return b"\\".join(_one(one.strip(b" \0"), form, days, placeholder) for one in value.split(b"\\"))


def times(value: bytes, placeholder: bytes) -> bytes:
    """A TM value as it is, without padding: days do not move it. What is no time may be a date, or anything.

    Args:
        value: as in `shift`.
        placeholder: for each value that is no time; an empty one stays empty.
    """
    found = (one.strip(b" \0") for one in value.split(b"\\"))
    return b"\\".join(one if not one or _TM.match(one) else placeholder for one in found)


def _one(value: bytes, form: re.Pattern[bytes], days: int, placeholder: bytes) -> bytes:
    if not value:
        return b""
    found = form.match(value)
    if found is None:
        return placeholder
    try:
        day = date(int(found["y"]), int(found["m"] or 1), int(found["d"] or 1)) + timedelta(days)
    except (ValueError, OverflowError):
        return placeholder
    parts = [b"%04d" % day.year]
    if found["m"]:
        parts.append(b"%02d" % day.month)
    if found["d"]:
        parts.append(b"%02d" % day.day)
    return found["dot"].join(parts) + value[found.end("d" if found["d"] else "m" if found["m"] else "y") :]
