"""Dates with the name of a month, in any order and the languages of its table: 09SEP2011, Sept 3rd, 2011, 3. März 2011.

A name cut short is often a word or an abbreviation of imaging (MAR, OCT, MAG, may): it needs a year, or both.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from effacer_server.engine.text import validators
from effacer_server.engine.text.pattern_dates import DATES, MEASURE, dated
from effacer_server.engine.text.pattern_forms import Form, Found, Recogniser, alternation, fold, in_number, word_set
from effacer_server.engine.text.spans import Span
from effacer_server.engine.text.written_dates import months

_MONTHS = {fold(name).decode("ascii").lower(): number for name, number in months().items()}
_NAME = rf"({alternation(_MONTHS)})"
_OF = r"(?:(?:of|de|del|di|do|den|en)[ ])?"
_ORDINAL = r"(?:st|nd|rd|th|er|o|a)?"
_NAMED = Form(
    rf"([0-9]{{1,2}}){_ORDINAL}[ ./_,-]{{0,2}}{_OF}{_NAME}(?:\.?(?:[ ,./_'-]{{1,3}}{_OF})?([0-9]{{4}}|[0-9]{{2}})"
    rf"|[^a-z]|\z)"
    rf"|([0-9]{{4}})[ ./_-]?{_NAME}[ ./_-]?([0-9]{{1,2}})(?:[^0-9]|\z)"
    rf"|\b_?{_NAME}\.?[ ./_-]{{0,2}}([0-9]{{1,2}}(?:st|nd|rd|th)?)"
    r"(?:,? ?([0-9]{4})|(?:[-/,.]| ?'|, ?)([0-9]{2}))?(?:[^0-9a-z]|\z)"
    rf"|\b_?{_NAME}\.?(?:[ ,./_'-]{{1,2}}{_OF})?([0-9]{{4}})(?:[^0-9a-z]|\z)"
)


@cache
def _alone() -> frozenset[str]:
    """Names of months that make a date without a year: full ones, but no common words."""
    return frozenset(_MONTHS) - word_set("month_or_word")


def named_dates(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Dates with the month's name, likewise."""
    for found in _NAMED.each(data):
        end = _named(data, found)
        if end:
            yield from dated(data, _first(found), end, wanted)


def _first(found: Found) -> int:
    """Where the first part of a date with a name stands: the groups are those of four orders."""
    return next(found.start(group) for group in (1, 4, 7, 11) if found.start(group) >= 0)


def _named(data: bytes, found: Found) -> int:
    """End of a date with the month's name, or 0."""
    start = _first(found)
    if in_number(data, start, start + 1) and data[start - 1 : start].isdigit():
        return 0
    if data[start - 1 : start] in b".:/" and start and data[start - 2 : start - 1].isdigit():
        return 0
    if found.start(4) >= 0:  # 2011 Sep 03
        return found.end(6) if _read(found[4], found[5], found[6]) else 0
    if found.start(11) >= 0:  # Sep 2011
        month = (found[11] or b"").decode().lower()
        plain = len(month) > 3 or month in _alone() or not data[start : start + 3].isupper()
        dates = 1930 <= int(found[12] or 0) <= 2049 and not data[start - 1 : start].isdigit()
        return found.end(12) if plain and dates and month in _month_words() else 0
    if found.start(7) >= 0:  # Sep 3, 2011
        year, group = (found[9], 9) if found.start(9) >= 0 else (found[10], 10)
        number, name, numbered = found[8] or b"", found[7] or b"", found.end(8)
    else:  # 3 Sep 2011
        year, group = found[3], 3
        number, name, numbered = found[1] or b"", found[2] or b"", found.end(2)
    if (
        year is not None
        and not data[found.end(group) : found.end(group) + 1].isdigit()
        and data[found.end(group) : found.end(group) + 1] not in (b":", b"%")
    ):
        number = number.rstrip(b"stndrhSTNDRH")
        return found.end(group) if _read(year, name, number) else 0
    return numbered if _without_year(data, start, numbered, name, number) else 0


@cache
def _month_words() -> frozenset[str]:
    """Names that make a date with a year alone: no word of imaging or everyday language in another tongue."""
    return frozenset(_MONTHS) - word_set("month_only_with_day")


def _read(year: bytes | None, name: bytes | None, number: bytes | None) -> bool:
    full = int(year or 0)
    if len(year or b"") == 2:
        full += 2000
    month = _MONTHS.get((name or b"").decode().lower(), 0)
    return validators.plausible_year(full) and validators.day(full, month, int(number or 0))


def _without_year(data: bytes, start: int, end: int, name: bytes, number: bytes) -> bool:
    """A day and a month's name: 3 September, Sep 3rd. Full names, or cut ones that are no words in capitals."""
    plain = name.decode().lower()
    ordinal = number[-1:].isalpha() or data[start : start + 4].lower().endswith((b"st", b"nd", b"rd", b"th"))
    day = int(number.rstrip(b"stndrhSTNDRH"))
    if not validators.day(2000, _MONTHS.get(plain, 0), day) or MEASURE.at(data, end) is not None:
        return False
    if data[end : end + 1] in (b"/", b"-", b"%") or (data[end : end + 1] == b"." and data[end + 1 : end + 2].isdigit()):
        return False
    if ordinal and name[:1].isupper():
        return True
    return plain in _alone() and name[:1].isupper() and (len(plain) > 4 or not name.isupper())


_SHORT = "|".join(sorted({name[:3] for name in _MONTHS}))
_TRIGGER = (
    rf"[0-9][a-z]{{0,2}}[ ./_,-]{{0,2}}(?:(?:of|de|do|di|den) )?(?:{_SHORT})"
    rf"|(?:{_SHORT})[a-z]{{0,7}}[ ./_,-]{{0,2}}[0-9]"
)

RECOGNISERS = (Recogniser(DATES, _TRIGGER, named_dates),)
