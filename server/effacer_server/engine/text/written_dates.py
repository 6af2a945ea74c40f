"""Dates as people write them, moved by whole days and written the same way again: 09SEP2011 becomes 12OCT2011.

Where two readings are possible (03/04/2011) the month stands first between slashes, the day between dots and hyphens;
what is read as a date and moved is moved whatever it meant. A date without its day or month moves as its first day
and is cut again. Times behind a date stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

_NUMBERS = re.compile(r"(\d{1,4})([-/. ])(\d{1,2})\2(\d{1,4})(?![-/.]?\d)")
_TOGETHER = re.compile(r"(\d{4})(\d\d)(\d\d)")
_YEAR_MONTH = re.compile(r"(?P<y>\d{4})(?P<sign>[-/.])(?P<m>\d\d)(?![-/.]?\d)")
_MONTH_YEAR = re.compile(r"(?P<m>\d{1,2})(?P<sign>[-/.])(?P<y>\d{4})(?![-/.]?\d)")
# Day or year, a month's name, the rest; in any of their orders: found by what they are.
_WORDS = re.compile(r"(\d+)(?:st|nd|rd|th)?|([^\W\d_]+)|([^\w]+|_)")
_ORDINALS = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b", re.IGNORECASE)
# Two digits of a year from here on mean the century before, as in POSIX strptime.
_PIVOT = 69


def move(text: str, days: int) -> str | None:
    """A date moved by `days`, in its written form; None where it is no date that can be read, or leaves the calendar.

    Args:
        text: the date alone, or with a time behind it.
        days: how far.
    """
    try:
        for reader in (_together, _numbers, _year_month, _with_words):
            moved = reader(text, timedelta(days))
            if moved is not None:
                return moved
    except (ValueError, OverflowError):
        return None
    return None


def _together(text: str, by: timedelta) -> str | None:
    found = _TOGETHER.match(text)
    if found is None or (text[found.end() : found.end() + 1].isdigit() and len(text) not in (12, 14)):
        return None
    return f"{date(*map(int, found.groups())) + by:%Y%m%d}" + text[found.end() :]


def _numbers(text: str, by: timedelta) -> str | None:
    found = _NUMBERS.match(text)
    if found is None:
        return None
    first, sign, second, third = found.groups()
    if len(first) == 4:
        order = "ymd"
    elif int(first) > 12 or (sign != "/" and int(second) <= 12):
        order = "dmy"
    else:
        order = "mdy"
    parts = dict(zip(order, (first, second, third), strict=True))
    moved = date(_year(parts["y"]), int(parts["m"]), int(parts["d"])) + by
    new = {"y": _year_as(moved.year, parts["y"]), "m": _as(moved.month, parts["m"], found, sign), "d": ""}
    new["d"] = _as(moved.day, parts["d"], found, sign)
    return sign.join(new[part] for part in order) + text[found.end() :]


def _year_month(text: str, by: timedelta) -> str | None:
    found = _YEAR_MONTH.match(text) or _MONTH_YEAR.match(text)
    if found is None:
        return None
    moved = date(int(found["y"]), int(found["m"]), 1) + by
    new = {"y": f"{moved.year:04d}", "m": f"{moved.month:02d}" if len(found["m"]) == 2 else str(moved.month)}
    order = "ym" if found.re is _YEAR_MONTH else "my"
    return found["sign"].join(new[part] for part in order) + text[found.end() :]


def _with_words(text: str, by: timedelta) -> str | None:
    """A date with its month in letters: 09SEP2011, 3rd of September 2011, Sept. 3, 11, SEP 2011."""
    known = months()
    pieces = [match[0] for match in _WORDS.finditer(text)]
    at_month = next((at for at, piece in enumerate(pieces) if _plain(piece) in known), None)
    if at_month is None:
        return None
    numbers = [at for at, piece in enumerate(pieces) if piece[:1].isdigit() and abs(at - at_month) <= 6]
    at_year = next((at for at in numbers if at > at_month and len(_digits(pieces[at])) == 4), None)
    if at_year is None:
        at_year = next((at for at in numbers if len(_digits(pieces[at])) == 4), None)
    if at_year is None:
        behind = [at for at in numbers if at > at_month and len(_digits(pieces[at])) == 2]
        at_year = behind[-1] if behind and len(numbers) > 1 else None
    at_day = next((at for at in numbers if at != at_year and len(_digits(pieces[at])) <= 2), None)
    if at_year is None and at_day is None:
        return None
    month = known[_plain(pieces[at_month])]
    year = _year(_digits(pieces[at_year])) if at_year is not None else 2001  # no leap year, for want of a year
    moved = date(year, month, int(_digits(pieces[at_day])) if at_day is not None else 1) + by
    alone = not (at_month and pieces[at_month - 1][-1:].isdigit())
    pieces[at_month] = _month_as(moved.month, pieces[at_month], alone)
    if at_year is not None:
        pieces[at_year] = _year_as(moved.year, _digits(pieces[at_year]))
    if at_day is not None:
        pieces[at_day] = _day_as(moved.day, pieces[at_day])
    return "".join(pieces)


def _plain(word: str) -> str:
    return word.casefold()


def _digits(piece: str) -> str:
    return _ORDINALS.sub("", piece)


def _year(written: str) -> int:
    if len(written) > 2:
        return int(written)
    number = int(written)
    return number + (1900 if number >= _PIVOT else 2000)


def _year_as(year: int, like: str) -> str:
    return f"{year % 100:02d}" if len(like) <= 2 else f"{year:04d}"


def _as(number: int, like: str, found: re.Match[str], sign: str) -> str:
    """With a leading zero where one of day and month has one, or where neither could show that it has none."""
    bare = any(len(part) == 1 for part in found[0].split(sign))
    return str(number) if bare else f"{number:02d}"


def _day_as(day: int, like: str) -> str:
    plain = _digits(like)
    text = f"{day:02d}" if len(plain) == 2 and (plain[0] == "0" or plain == like) else str(day)
    if plain == like:
        return text
    ending = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return text.lstrip("0") + (ending.upper() if like[-1].isupper() else ending)


@cache
def _rows() -> tuple[tuple[str, ...], ...]:
    """For each language the names of the months, January first, in full and then cut; "" for none."""
    text = (files(__package__) / "tables" / "month_names.tsv").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")][1:]
    return tuple(tuple(line[2:]) for line in lines)


@cache
def months() -> Mapping[str, int]:
    """Number of a month, 1 to 12, by each of its names, casefolded."""
    found: dict[str, int] = {}
    for row in _rows():
        for number, name in enumerate(row, 1):
            if name:
                found.setdefault(name.casefold(), number)
    return found


def _month_as(month: int, like: str, alone: bool) -> str:
    """The month in the language, length and case of another; "May" is short where it stands against a number."""
    fitting = [row for row in _rows() if like.casefold() in map(str.casefold, row)]
    row = fitting[0]
    if not alone and row in _rows()[::2] and _rows()[_rows().index(row) + 1] in fitting:
        row = _rows()[_rows().index(row) + 1]
    name = row[month - 1] or _rows()[1][month - 1]
    if like.isupper():
        return name.upper()
    return name.lower() if like.islower() else name[:1].upper() + name[1:]
