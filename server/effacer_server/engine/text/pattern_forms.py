"""What recognisers of forms stand on: folded text, linear-time patterns, and words out of tables.

A text is folded to one ASCII byte for every code point, so that offsets in bytes are offsets in the text, and a table
needs each word once: accents are dropped, digits and punctuation of other scripts become their ASCII counterparts, and
what has none becomes "?", which ends words as a blank does. Patterns run in RE2 alone: no input makes them backtrack.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple, Protocol, cast

import re2  # type: ignore[import-untyped]  # the wheel of google-re2 has neither stubs nor py.typed

from effacer_server.engine.text.spans import Likelihood, Span

#: Bytes before or behind a candidate that are looked at as its context: constant work for each candidate.
REACH = 48

# Characters whose compatibility decomposition does not begin with what people write in ASCII. The signs of year and
# month stand between the numbers of a Japanese or Chinese date as slashes do; the degree sign stands for "o" in "n°".
_COUNTERPARTS = {
    **dict.fromkeys(map(chr, (*range(0x2010, 0x2016), 0x2212)), "-"),
    **dict.fromkeys(map(chr, (0x2018, 0x2019, 0x201B, 0x2032)), "'"),
    **dict.fromkeys(map(chr, (0x201C, 0x201D, 0x201E, 0x2033)), '"'),
    **dict.fromkeys("年月", "/"),
    **dict.fromkeys("、。", ","),
    **dict(zip("ßøØæÆłŁđ°№\u0131", "soOaAlLdo#i", strict=True)),
}


class Found(Protocol):
    """A match, as RE2 and `re` give it."""

    def start(self, group: int | str = 0) -> int: ...
    def end(self, group: int | str = 0) -> int: ...
    def span(self, group: int | str = 0) -> tuple[int, int]: ...
    def __getitem__(self, group: int | str) -> bytes | None: ...


class Form:
    """A pattern over folded text, without regard to case unless told otherwise."""

    def __init__(self, pattern: str, *, case: bool = False) -> None:
        self._pattern = re2.compile(pattern.encode("ascii"), options(case))

    def each(self, data: bytes) -> Iterator[Found]:
        """Matches that do not overlap, ascending."""
        return cast("Iterator[Found]", self._pattern.finditer(data))

    def first(self, data: bytes) -> Found | None:
        return cast("Found | None", self._pattern.search(data))

    def at(self, data: bytes, start: int) -> Found | None:
        """The match that begins at `start`."""
        return cast("Found | None", self._pattern.match(data, start))

    def inside(self, data: bytes) -> bool:
        return self._pattern.search(data) is not None


class Left(Form):
    """A pattern of words that a context ends with, behind which nothing but signs may stand; for `before`.

    No such word ends with a digit: where a number or nothing stands there, the pattern need not be asked.
    """

    def inside(self, data: bytes) -> bool:
        last = data.rstrip(_SIGNS)[-1:]
        return bool(last) and not last.isdigit() and super().inside(data)


_SIGNS = b" .,:;=#[({_/-"


class Recogniser(NamedTuple):
    """One way to find things.

    Attributes:
        info_types: what it may find.
        trigger: pattern for the prescan; a text without it holds nothing for `find`.
        find: from folded text and the wanted infoTypes to spans, which may overlap.
    """

    info_types: frozenset[str]
    trigger: str
    find: Callable[[bytes, frozenset[str]], Iterator[Span]]


def options(case: bool = False) -> re2.Options:
    """RE2's options for folded text."""
    chosen = re2.Options()
    chosen.encoding = re2.Options.Encoding.LATIN1
    chosen.case_sensitive = case
    chosen.log_errors = False
    return chosen


def fold(text: str) -> bytes:
    """One ASCII byte for every code point."""
    if text.isascii():
        return text.encode("ascii")
    return text.translate(_FOLDED).encode("ascii", "replace")


class _Folded(dict[int, str]):
    """By code point, its counterpart; scripts that texts are made of are remembered, the rest is worked out anew."""

    def __missing__(self, point: int) -> str:
        sign = chr(point)
        base = _COUNTERPARTS.get(sign) or unicodedata.normalize("NFKD", sign)[:1]
        digit = unicodedata.digit(sign, None)
        folded = str(digit) if digit is not None else base if base.isascii() else "?"
        if point < 0x3000:
            self[point] = folded
        return folded


_FOLDED = _Folded()


@cache
def rows(name: str) -> tuple[tuple[str, ...], ...]:
    """The rows of a table beside this module, without its comments and column names; words in it are folded."""
    content = files(__package__).joinpath("tables", f"{name}.tsv").read_text(encoding="utf-8")
    lines = [line for line in fold(content).decode("ascii").split("\n") if line and not line.startswith("#")]
    return tuple(tuple(line.split("\t")) for line in lines[1:])


@cache
def words(*kinds: str) -> str:
    """Alternation of the context words of these kinds, longest first; a blank in one stands for any small gap."""
    return alternation(word_set(*kinds))


@cache
def word_set(*kinds: str) -> frozenset[str]:
    """The context words of these kinds, as they stand in the table."""
    return frozenset(word for kind, word in rows("context_words") if kind in kinds)


def alternation(found: Iterable[str]) -> str:
    """Pattern for any of these words, longest first; a blank in one stands for any small gap or none."""
    ordered = sorted(found, key=lambda word: (-len(word), word))
    return "|".join(r"[ ._-]{0,3}".join(re.escape(part) for part in word.split(" ")) for word in ordered)


def left_of(found: str, gap: str = r"[ .:=#\[(-]{0,3}") -> Left:
    """Form of a context that ends with one of these words and no more than a gap behind it; for `before`."""
    return Left(rf"(?:^|[^a-z])(?:{found}){gap}\z")


def near(found: str) -> Form:
    """Form of a context that holds one of these words."""
    return Form(rf"(?:^|[^a-z])(?:{found})(?:[^a-z]|\z)")


def before(data: bytes, start: int, reach: int = REACH) -> bytes:
    """What stands before an offset, as far as context goes."""
    return data[max(0, start - reach) : start]


def behind(data: bytes, end: int, reach: int = REACH) -> bytes:
    """What stands behind an offset, as far as context goes."""
    return data[end : end + reach]


def apart(data: bytes, start: int, end: int, joiners: bytes = b"") -> bool:
    """Whether neither a letter, a digit nor one of `joiners` touches [start, end)."""
    left, right = data[start - 1 : start] if start else b"", data[end : end + 1]
    return not (left.isalnum() or right.isalnum() or (left and left in joiners) or (right and right in joiners))


def in_number(data: bytes, start: int, end: int) -> bool:
    """Whether [start, end) is a piece of something longer made of digits and dots: a UID, a version, a decimal."""
    left, right = before(data, start, 2), behind(data, end, 2)
    return (
        left[-1:].isdigit()
        or right[:1].isdigit()
        or (left[-1:] == b"." and left[:1].isdigit())
        or (right[:1] == b"." and right[1:].isdigit())
    )


def span(found: Found, info_type: str, likelihood: Likelihood = Likelihood.LIKELY, group: int | str = 0) -> Span:
    """Span of a match or of one of its groups."""
    start, end = found.span(group)
    return Span(start, end, info_type, likelihood)


def digits_of(data: bytes) -> str:
    """The digits of a piece of folded text, joined."""
    return "".join(map(chr, filter(_DIGITS.__contains__, data)))


_DIGITS = frozenset(b"0123456789")
