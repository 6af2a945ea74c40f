"""Words read from pixels: digits taken for letters and letters for digits, each character one character.

A reader takes 0 for O, 1 for l or I, 5 for S and 8 for B, and the other way round. A word that is digits but for these
is meant as a number, one that is letters but for these as a word, one with the name of a month between numbers as a
date; the rest of a text stays, and so do all offsets.
"""

from __future__ import annotations

import re

from effacer_server.engine.text.written_dates import months

#: In the place of a VR: the text was read from pixels, which are stored under it.
PIXELS = "OW"

_DIGITS = str.maketrans("OoQDlI|iSsBZz", "0000111155822")
_CAPITALS = str.maketrans("0158l|", "OISBII")
_SMALL = str.maketrans("0158I|", "olsbll")
_CONFUSABLE = frozenset("OoQDlI|iSsBZz")
# Around these each part of a word is judged alone: dates, numbers and names are written with them.
_PART = re.compile(r"[^\s^=,;:()/.+-]+")
_MONTH = re.compile(r"(.{1,2}?)([^\d]..)(.{2}|.{4})\Z")


def as_meant(text: str) -> str:
    """A text as it may have been before it was misread, of the same length."""
    return _PART.sub(lambda found: _meant(found[0]), text)


def _meant(part: str) -> str:
    digits = sum(character.isdigit() for character in part)
    letters = [character for character in part if character.isalpha() or character == "|"]
    if digits and (date := _date(part)):
        return date
    label = len(part) == 3 and len(letters) > digits  # DOB, SSN: a number of three digits has no two letters in it
    if letters and _CONFUSABLE.issuperset(letters) and (digits or len(part) <= 2) and not label:
        return part.translate(_DIGITS)
    if len(letters) <= digits:
        return part
    if sum(character.islower() for character in letters if character != "l") <= len(letters) / 2:
        return part.translate(_CAPITALS)
    first = part[0] if part[0] == "l" else part[0].translate(_CAPITALS)
    return first + part[1:].translate(_SMALL)


def _date(part: str) -> str:
    """A date with its month in letters, or ""."""
    found = _MONTH.match(part)
    if found is None:
        return ""
    day, year = found[1].translate(_DIGITS), found[3].translate(_DIGITS)
    month = found[2].translate(_CAPITALS)
    return f"{day}{month}{year}" if (day + year).isdigit() and month.casefold() in months() else ""
