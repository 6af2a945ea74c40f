"""Dates, dates of birth and times of day, in values of their own VR and in prose.

What looks like a date and is none: a version, part of a UID, a list (1/2/3), a ratio, the values of TR and TE. A date
with a year of four digits needs little around it; one with two digits, or without a year, needs a context that agrees.
"""

from __future__ import annotations

from collections.abc import Iterator

from effacer_server.engine.text import validators
from effacer_server.engine.text.pattern_forms import (
    Form,
    Found,
    Left,
    Recogniser,
    before,
    behind,
    in_number,
    left_of,
    span,
    words,
)
from effacer_server.engine.text.spans import Likelihood, Span

DATES = frozenset({"DATE", "DATE_OF_BIRTH"})
_TIMES = frozenset({"TIME"})

_NUMBERED = r"[0-9]{1,4} ?[-/.:] ?[0-9]{1,2} ?[-/.:] ?[0-9]{2}|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]"
_NUMBERS = Form(r"([0-9]{1,4})( ?[-/.:] ?)([0-9]{1,2})( ?[-/.:] ?)([0-9]{2,4})")
_YEAR_FIRST = Form(r"([0-9]{4})([-/.])([0-9]{1,2})([-/.])([0-9])\b")
_RUN = Form(r"[0-9]{6,15}")
_PAIR = Form(
    r"\b([0-9]{1,2}|[0-9]{4})([-/.])([0-9]{4}|[0-9]{2})\b|\b([0-9]{1,2})(/)([0-9])\b|\b([0-9]{4})([-/.])([0-9])\b"
)
_FRACTION = Form(r"\.[0-9]{1,6}(?:[^0-9.]|\z)")
_REST_OF_DT = Form(r"(?:\.[0-9]{1,6})?(?:[+-][0-9]{4})?\b")

_BORN = Left(
    r"(?:^|[^a-z0-9])(?:" + words("birth") + r")(?: ?\([a-z/ -]{1,12}\))?[ .:=#,\[(-]{0,4}(?:(?:is|was)[: ]{1,2})?\z"
)
_BORN_YEAR = Form(r"(?:^|[^a-z0-9])(?:" + words("birth") + r")[ .:=(-]{0,4}((?:18|19|20)[0-9]{2})\b")
_BORN_YEAR_TRIGGER = r"(?:" + words("birth") + r")[ .:=(-]{0,4}(?:18|19|20)[0-9]{2}"
_DATED = left_of(words("date"))
_DAY_MONTH_LEFT = left_of(words("day_month"))
_VERSION = left_of(words("version"))
_LISTED = left_of(words("not_date", "version"))
_LABELLED = left_of(words("not_phone", "version") + "|#|no|nr")
MEASURE = Form(r" ?(?:" + words("units") + r")(?:[^a-z0-9]|\z)")


def birth_years(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Years of birth, where nothing but the year is told."""
    for found in _BORN_YEAR.each(data):
        yield span(found, "DATE_OF_BIRTH", Likelihood.LIKELY, 1)


def dates(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Dates in numbers, and dates of birth behind the words that say so."""
    for start, end in _in_numbers(data):
        yield from dated(data, start, end, wanted)


def dated(data: bytes, start: int, end: int, wanted: frozenset[str]) -> Iterator[Span]:
    """A date as what the words before it make it."""
    if "DATE_OF_BIRTH" in wanted and _BORN.inside(before(data, start)):
        yield Span(start, end, "DATE_OF_BIRTH", Likelihood.VERY_LIKELY)
    elif "DATE" in wanted:
        yield Span(start, end, "DATE")


def _in_numbers(data: bytes) -> Iterator[tuple[int, int]]:
    for form in (_NUMBERS, _YEAR_FIRST):
        for found in form.each(data):
            if _numbers(data, found):
                yield found.start(), _with_sign(data, found.end())
    for found in _RUN.each(data):
        end = _run(data, found)
        if end:
            yield found.start(), end
    for found in _PAIR.each(data):
        if _partial(data, found):
            yield found.span()


def _with_sign(data: bytes, end: int) -> int:
    """The sign of the day closes a Japanese or Chinese date; folded it is "?"."""
    return end + 1 if data[end : end + 1] == b"?" and data[:end].rfind(b"/", end - 4) >= 0 else end


def _numbers(data: bytes, found: Found) -> bool:
    """Three numbers with the same sign between them."""
    start, end = found.span()
    first, sign, second, other, third = (found[group] or b"" for group in range(1, 6))
    bare = sign.strip()
    if bare != other.strip() or (len(sign) > 1 and bare not in b"/."):
        return False
    left, right = data[start - 1 : start] if start else b"", data[end : end + 2]
    if left.isdigit() or left == bare or (left == b"." and data[start - 2 : start - 1].isdigit()):
        return False
    if right[:1].isdigit() or (right[:1] == bare and right[1:].isdigit()) or (right and right[:1] in b"xX%"):
        return False
    a, b, c = int(first), int(second), int(third)
    context = before(data, start)
    if len(first) == 4:
        if len(third) > 2 or (bare == b":" and len(second + third) < 4):
            return False
        return validators.plausible_year(a) and _day(a, b, c) and not _version(context)
    if bare == b":" or len(first) > 2:
        return False
    if len(third) == 4:
        return validators.plausible_year(c) and _day(c, a, b) and not _version(context)
    return len(third) == 2 and len(sign) == 1 and _short(data, found, context)


def _short(data: bytes, found: Found, context: bytes) -> bool:
    """A date whose year has two digits: 9/3/11, 03.09.11."""
    start, end = found.span()
    first, sign, second, _, third = (found[group] or b"" for group in range(1, 6))
    a, b, c = int(first), int(second), int(third)
    if not (_day(2000 + c, a, b) or (len(first) == 2 and _day(2000 + a, b, c))):
        return False
    if _BORN.inside(context) or _DATED.inside(context):
        return True
    if _LISTED.inside(context) or MEASURE.at(data, end) is not None:
        return False
    if not _free(data, start, end):
        return False
    return sign == b"/" or len(first + second) == 4


def _free(data: bytes, start: int, end: int) -> bool:
    """Not glued to a letter or to a sign that makes it part of a list or a code."""
    left, right = data[start - 1 : start] if start else b" ", data[end : end + 1] or b" "
    return not (left.isalpha() or right.isalpha() or left in b"/=*+<>.:" or right in b"/*=:")


def _day(year: int, one: int, other: int) -> bool:
    """Month and day, in either order."""
    return validators.day(year, one, other) or validators.day(year, other, one)


def _version(context: bytes) -> bool:
    return _VERSION.inside(context) and not _DATED.inside(context)


def _run(data: bytes, found: Found) -> int:
    """End of a date in digits alone: 20110903, 20110903123456; 090311 and 03092011 only where a label says so. Or 0."""
    start, end = found.span()
    digits = (found[0] or b"").decode()
    if in_number(data, start, end) and not (len(digits) == 14 and _FRACTION.at(data, end) is not None):
        return 0
    context = before(data, start)
    left, right = context[-1:], data[end : end + 1]
    born = _BORN.inside(context)
    if left.isalpha() and not (born or _DATED.inside(context)):
        return 0
    if right.isalpha() and right not in b"TtZz":
        return 0
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8] or 0)
    if len(digits) in (8, 12, 14) and 1900 <= year <= 2099 and validators.day(year, month, day):
        if len(digits) == 8:
            return 0 if not born and _LABELLED.inside(context) else end
        if validators.clock(*map(int, (digits[8:10], digits[10:12], digits[12:14] or "0"))):
            rest = _REST_OF_DT.at(data, end)
            return end if rest is None else rest.end()
        return 0
    if len(digits) not in (6, 8) or not (born or _DATED.inside(context)):
        return 0
    if len(digits) == 8:
        year = int(digits[4:])
        known = validators.plausible_year(year) and _day(year, int(digits[:2]), int(digits[2:4]))
    else:
        one, two, three = int(digits[:2]), int(digits[2:4]), int(digits[4:])
        known = _day(2000 + three, one, two) or validators.day(2000 + one, two, three)
    return end if known else 0


def _partial(data: bytes, found: Found) -> bool:
    """Month and year in numbers, or day and month."""
    start, end = found.span()
    one, sign, other = (part for part in (found[group] for group in range(1, 10)) if part is not None)
    days = len(one) <= 2 and len(other) <= 2
    if sign != b"/" if days else sorted((len(one), len(other))) not in ([1, 4], [2, 4]):
        return False
    left, right = data[start - 1 : start] if start else b" ", data[end : end + 2] or b" "
    if left in b"/.-:=*+" or (right[:1] in b"/.-:*" and right[1:].isdigit()) or right[:1] in b"/%":
        return False
    if MEASURE.at(data, end) is not None:
        return False
    context = before(data, start)
    if days:
        return max(int(one), int(other)) > 5 and _day(2000, int(one), int(other)) and _DAY_MONTH_LEFT.inside(context)
    year, month = (one, other) if len(one) == 4 else (other, one)
    if not (1900 <= int(year) <= 2099 and 1 <= int(month) <= 12):
        return False
    if _DATED.inside(context) or _BORN.inside(context):
        return True
    if _LISTED.inside(context) or _LABELLED.inside(context):
        return False
    return year is other and sign == b"/" and len(month) == 2 and 1930 <= int(year) <= 2049


_CLOCK = Form(
    r"(?:\b|T|_)((?:([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]{1,6})?)?(?: ?[ap]\.?m\b)?)"
    r"|(?:([0-9]{1,2}) ?[ap]\.?m\b)|(?:([0-9]{1,2})h([0-9]{2})\b)"
    r"|(?:([0-9]{1,2})[.:]([0-9]{2}) ?uhr\b)|(?:([0-9]{2})([0-9]{2}) ?(?:hrs?|hours|h)\b))"
)
_NO_CLOCK = left_of(words("not_time"))
_POSITION = Form(r" ?(?:" + words("clock_position") + r")\b")


def times(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Times of day; no ratios (1:2), durations, or positions on a clock's face."""
    for found in _CLOCK.each(data):
        start, end = found.span(1)
        parts = [int(found[group] or 0) for group in range(2, 12) if found.start(group) >= 0]
        if not validators.clock(*[*parts, 0][:3]) or data[end : end + 1].isdigit():
            continue
        if (data[start - 1 : start] in b":." and start) or data[end : end + 1] == b":":
            continue
        if _NO_CLOCK.inside(before(data, start)) or _POSITION.first(behind(data, end, 12)) is not None:
            continue
        yield Span(start, end, "TIME")


# Numbers with signs or six digits in a row.
_NUMBERS_TRIGGER = (
    rf"{_NUMBERED}|[0-9]{{6}}|\b[0-9]{{1,2}}/[0-9]{{1,4}}\b|(?:19|20)[0-9]{{2}}[-/.]|[-/.](?:19|20)[0-9]{{2}}"
)
RECOGNISERS = (
    Recogniser(DATES, _NUMBERS_TRIGGER, dates),
    Recogniser(frozenset({"DATE_OF_BIRTH"}), _BORN_YEAR_TRIGGER, birth_years),
    Recogniser(_TIMES, r"[0-9][:h][0-9]{2}|[0-9]\.[0-9]{2} ?uhr|[0-9] ?(?:[ap]\.?m|h|hrs?|hours)\b", times),
)
