"""Strings made to take a finder long: milliseconds each, and the factor on doubling."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from bench.text.ours import AnyFinder

SIZE = 8192
MOST_MS, MOST_FACTOR = 50.0, 2.6
#: Below this many milliseconds the clock decides about the factor, not the finder.
_TELLING_MS = 2.0
#: By name, what is repeated until the string is long enough.
UNITS = {
    "a.": "a.", "A-": "A-", "1.": "1.", "@": "@", "a@b.": "a@b.", "digits": "4111", "blanks": " ", "Dr ": "Dr ",
    "^": "^", "A^": "A^", "CJK": "\u5c71\u7530\u592a\u90ce", "commas": "Smith, ", "initials": "A. ", "slashes": "1/2/",
    "dashes": "123-45-", "colons": "ab:", "plus": "+1 ", "parens": "((", "http://": "http://a", "www.": "www.",
    "zeros": "0", "letters": "a", "CAPS": "ABCD ", "MRN": "MRN ", "DOB": "DOB: ", "Name:": "Name: ",
    "IBAN": "DE89 3704 ",
    "VIN": "1HGCM82633A", "apostrophes": "O'", "hyphens": "-", "underscores": "A_", "newlines": "\n", "quotes": '"',
    "backslashes": "\\", "combining": "e\u0301", "marks": "\u0301", "Devanagari digits": "\u0967\u0968",
    "fullwidth digits": "\uff11\uff12", "emoji": "\U0001f642", "Hangul": "\uae40\ubbfc\uc900 ",
    "Arabic": "\u0645\u062d\u0645\u062f ", "confusable": "0O1lI5S8B", "months": "Jan ", "names": "JOHN SMITH ",
    "streets": "12 Main St ", "brackets": "[<{", "years": "2011", "hex": "fe80::", "a@": "a@", "tabs": "\t",
    "de la": "de la ", "dotted day": "1.1.", "ages": "45 year ", "by": "by ", "sentence": "The patient is John. ",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hostile:
    """What one kind of string took, and twice as much of it; infinite where the finder raised."""

    name: str
    ms: float
    twice_ms: float

    @property
    def factor(self) -> float:
        """On doubling; 1 where both are too short to be told apart."""
        if math.isinf(self.ms):
            return math.inf
        return self.twice_ms / self.ms if self.twice_ms >= _TELLING_MS else 1.0

    @property
    def held(self) -> bool:
        """Both bounds."""
        return self.ms <= MOST_MS and self.factor <= MOST_FACTOR


def measure(finder: AnyFinder, size: int = SIZE, vr: str = "UT", tries: int = 3) -> list[Hostile]:
    """All of them, slowest first; of several tries the shortest, as others' work only ever adds."""
    found = []
    for name, unit in UNITS.items():
        text = (unit * (2 * size // len(unit) + 1))[: 2 * size]
        found.append(Hostile(name, _ms(finder, text[:size], vr, tries), _ms(finder, text, vr, tries)))
    return sorted(found, key=lambda one: -one.ms)


def _ms(finder: AnyFinder, text: str, vr: str, tries: int) -> float:
    took = []
    for _ in range(tries):
        started = time.process_time()
        try:
            finder.find(text, vr)
        except Exception:  # whatever it stumbles over: no answer takes forever
            return math.inf
        took.append(time.process_time() - started)
    return min(took) * 1e3
