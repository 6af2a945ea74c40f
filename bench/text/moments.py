"""Dates, times and ages as they are written in headers and reports."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable

_GERMAN = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
    "Dezember",
)  # fmt: skip
_FRENCH = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip

#: How a day is written: strftime formats; %- forms have no zeros ahead.
_FORMS = {
    "da": ("%Y%m%d",),
    "iso": ("%Y-%m-%d",),
    "slash_iso": ("%Y/%m/%d",),
    "us": ("%m/%d/%Y", "%-m/%-d/%Y", "%-m/%-d/%y"),
    "us_dash": ("%m-%d-%Y",),
    "de": ("%d.%m.%Y", "%-d.%-m.%Y", "%d.%m.%y"),
    "dmy_caps": ("%d%b%Y", "%d-%b-%Y", "%d %b %Y"),
    "caps": ("%d-%b-%Y", "%d %b %Y"),
    "long": ("%B %-d, %Y", "%-d %B %Y", "%b %-d, %Y", "%b. %-d, %Y"),
}


def _draw(rng: random.Random, first: int, last: int) -> datetime.date:
    return datetime.date(first, 1, 1) + datetime.timedelta(days=rng.randrange((last - first) * 365))


def _day(form: str, first: int, last: int) -> Callable[[random.Random], str]:
    def draw(rng: random.Random) -> str:
        written = _draw(rng, first, last).strftime(rng.choice(_FORMS[form]))
        return written.upper() if "caps" in form else written

    return draw


def _month_named(months: tuple[str, ...], after_day: str) -> Callable[[random.Random], str]:
    def draw(rng: random.Random) -> str:
        day = _draw(rng, 1995, 2024)
        return f"{day.day}{after_day} {months[day.month - 1]} {day.year}"

    return draw


def _clock(rng: random.Random) -> str:
    hour, minute = rng.randint(0, 23), rng.randint(0, 59)
    half = f"{hour % 12 or 12}:{minute:02d} {rng.choice(('am', 'pm', 'AM', 'PM'))}"
    return rng.choice((f"{hour:02d}:{minute:02d}", f"{hour:02d}:{minute:02d}:{rng.randint(0, 59):02d}", half))


def _clock_tm(rng: random.Random) -> str:
    return (
        f"{rng.randint(0, 23):02d}{rng.randint(0, 59):02d}{rng.randint(0, 59):02d}{rng.choice(('', '.120', '.453000'))}"
    )


def _age_as(rng: random.Random) -> str:
    return rng.choice((f"{rng.randint(1, 99):03d}Y", f"{rng.randint(1, 99):03d}Y", f"{rng.randint(1, 23):03d}M"))


#: Slots by name: infoType and what draws the text.
MOMENTS: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    **{f"date_{form}": ("DATE", _day(form, 1995, 2024)) for form in _FORMS},
    **{f"dob_{form}": ("DATE_OF_BIRTH", _day(form, 1925, 2018)) for form in _FORMS},
    "date_de_long": ("DATE", _month_named(_GERMAN, ".")),
    "date_fr_long": ("DATE", _month_named(_FRENCH, "")),
    "clock": ("TIME", _clock),
    "clock_tm": ("TIME", _clock_tm),
    "age_y": ("AGE", lambda rng: str(rng.randint(18, 99))),
    "age_m": ("AGE", lambda rng: str(rng.randint(2, 23))),
    "age_as": ("AGE", _age_as),
}
