"""Cuts a text into words and says what each may be, seen by itself: by the vocabulary, its ending, how it is written.

`read` is done once per text, in linear time; persons, organisations and places are then told from what it gives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from effacer_server.engine.text.vocabulary import (
    ANY_TERM,
    GIVEN_COMMON,
    NAME,
    RARE_TERM,
    STRONG_TERM,
    SURNAME_COMMON,
    TERM,
    WEAK_TERM,
    fold,
    vocabulary,
)

# What a word of a text may be, seen by itself.
TERM_ALONE, STRONG, AMBIGUOUS, NAMED, UNKNOWN, FOREIGN, PLACED, INITIAL, PARTICLE, SHORT, NOISE, EPONYM = range(12)
# What stands between two words; BREAK is whatever else.
BREAK, SPACE, COMMA, CARET, DOT, UNDERSCORE, COLON, GLUED = range(8)
# How a word is written.
LOWER, TITLE, CAPS, CAMEL, CASELESS = range(5)

# Left, right, C, T, L and S spine, axes and the like: letters that stand alone without being initials.
LETTERS_OF_THE_FIELD = frozenset("abcdilmprstvwxyz")

_GAPS = {
    "": GLUED, " ": SPACE, "  ": SPACE, ",": COMMA, ", ": COMMA, " , ": COMMA, "^": CARET, " ^ ": CARET, "^ ": CARET,
    ".": DOT, ". ": DOT, "_": UNDERSCORE, ":": COLON, ": ": COLON, " : ": COLON, "=": COLON, " = ": COLON,
    ":  ": COLON, ".,": COMMA, "., ": COMMA, ".: ": COLON, ".:": COLON, "#: ": COLON, "\uff1a": COLON, "　": SPACE,
    "・": SPACE, "·": SPACE,
}  # fmt: skip
# Possessive quantifiers: no position is tried twice. Marks of scripts that write vowels so belong to their words.
_MARKS = (  # of Latin, Hebrew, Arabic, Devanagari, Thai
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e4e"
)
_TOKEN = re.compile(rf"[^\W\d_]++(?:(?:['\u2019\u02bc\u00b4-]|[{_MARKS}]++)[^\W\d_]++)*+[{_MARKS}]*+|\d++")
_VOWELS = frozenset("aeiouy")


@dataclass(slots=True)
class Words:
    """A text cut into words; every list has one entry per word.

    Attributes:
        text: the text.
        starts, ends: offsets; a possessive's "'s" is outside.
        keys: as `fold` gives them.
        flags: their bits, 0 where no list has them.
        kinds: one of the classes above.
        cases: how it is written.
        gaps: what stands behind it, BREAK behind the last one.
        possessive: places of the words that had "'s".
        cased: whether the text has a letter that is not small, so that small words are no names.
    """

    text: str
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    cases: list[int] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    possessive: set[int] = field(default_factory=set)
    cased: bool = True


def read(text: str) -> Words:
    """Cuts a text into words, once, in linear time."""
    found = Words(text)
    starts, ends, keys, flags, kinds = found.starts, found.ends, found.keys, found.flags, found.kinds
    cases, gaps = found.cases, found.gaps
    found.cased = text != text.lower()
    last = -1
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        word = match.group()
        if last >= 0:
            gap = _GAPS.get(text[last:start], BREAK)
            if gap == GLUED:
                kinds[-1] = NOISE
            gaps.append(gap)
        last = end
        if word[-2:-1] in "'\u2019\u00b4" and word[-1] in "sS" and len(word) > 3:
            found.possessive.add(len(keys))
            word = word[:-2]
            end -= 2
        key, flag, case, kind = _seen(word) if end - start < _LONGEST_REMEMBERED else _look(word)
        starts.append(start)
        ends.append(end)
        keys.append(key)
        flags.append(flag)
        cases.append(case)
        kinds.append(NOISE if gaps and gaps[-1] == GLUED else kind)
    if keys:
        gaps.append(BREAK)
    known = vocabulary()
    if not known.pair_starts.isdisjoint(keys):
        for place, pair in enumerate(pairwise(keys)):
            if pair in known.pairs:
                kinds[place] = kinds[place + 1] = TERM_ALONE
    return found


def _look(word: str) -> tuple[str, int, int, int]:
    """Key, bits, way of writing and class of a word by itself."""
    known = vocabulary()
    key = fold(word)
    bits = known.bits.get(key, 0)
    case = (
        CAPS if word.isupper() else LOWER if word.islower() else TITLE if word.istitle() else
        CASELESS if word.lower() == word.upper() else CAMEL
    )  # fmt: skip
    kind = PARTICLE if key in known.cues["particle"] else _kind(word, key, case, bits, known.surname_endings)
    return key, bits, case, kind


# Descriptions repeat their words; remembering them is what makes reading fast. Bounded in number and length.
_LONGEST_REMEMBERED = 32
_seen = lru_cache(maxsize=1 << 14)(_look)


# From this length on the ending of an unknown word tells.
_LONG = 9


def _kind(word: str, key: str, case: int, bits: int, endings: tuple[str, ...]) -> int:
    """Class of a word by itself."""
    if len(key) == 1 and key.isalpha() and case != CASELESS:
        return INITIAL
    if bits:
        if bits & STRONG_TERM:
            return STRONG if bits & NAME else TERM_ALONE
        if bits & NAME:
            if bits & (TERM | WEAK_TERM) or (bits & RARE_TERM and not bits & (GIVEN_COMMON | SURNAME_COMMON)):
                return AMBIGUOUS
            if len(key) < 3 or (len(key) == 3 and not bits & (GIVEN_COMMON | SURNAME_COMMON)):
                return SHORT if case != CASELESS else NAMED
            return NAMED
        return TERM_ALONE if bits & ANY_TERM else PLACED
    if "-" in word or "'" in word or "\u2019" in word:
        return _kind_of_parts(word, case, endings)
    if not key.isascii():
        return NAMED if case != CASELESS and len(key) > 5 and key.endswith(vocabulary().foreign_endings) else FOREIGN
    if not word.isalpha() or case == CAMEL:
        return UNKNOWN if key.startswith(("mc", "mac", "de", "la", "le", "van", "von", "fitz", "di", "du")) else NOISE
    if len(key) < 3 or (case == CAPS and len(key) < 4) or _VOWELS.isdisjoint(key):
        return NOISE
    if len(key) > 24:
        return NOISE
    if len(key) >= _LONG and (key.endswith(vocabulary().term_endings) or key.startswith(vocabulary().term_beginnings)):
        return TERM_ALONE
    if len(key) > 5 and (key.endswith(endings) or key.startswith("mc")):
        return NAMED
    return UNKNOWN


def _kind_of_parts(word: str, case: int, endings: tuple[str, ...]) -> int:
    """Class of a word with hyphens or apostrophes that no list has as a whole: a term as soon as one part is a term."""
    head, mark, rest = word.replace("\u2019", "'").partition("'")
    if mark and len(head) <= 2 and rest and "'" not in rest:
        key = fold(rest)
        kind = _kind(rest, key, CAPS if rest.isupper() else TITLE, vocabulary().bits.get(key, 0), endings)
        # O'Brien and D'Angelo are names; l'épaule is an article before a word.
        return NAMED if head in ("O", "o") and kind in (UNKNOWN, AMBIGUOUS, NAMED, PLACED) else kind
    known = vocabulary().bits
    kinds = set()
    parts = [fold(part) for part in re.split("['\u2019\u00b4\u02bc-]", word, maxsplit=6)[:6]]
    if any(pair in vocabulary().pairs for pair in pairwise(parts)):
        return TERM_ALONE
    for key in parts:
        if key in vocabulary().cues["particle"]:
            kinds.add(NAMED if len(key) > 1 else UNKNOWN)
        elif known.get(key, 0) & WEAK_TERM:
            kinds.add(EPONYM)
        else:
            kinds.add(_kind(key, key, case, known.get(key, 0), endings))
    if kinds & {TERM_ALONE, STRONG, NOISE, EPONYM}:
        if all(known.get(key, 0) & NAME for key in parts):
            return AMBIGUOUS
        return AMBIGUOUS if NAMED in kinds and not kinds & {NOISE, INITIAL} else TERM_ALONE
    if INITIAL in kinds and len(kinds) == 1:
        return NOISE
    if kinds & {NAMED, SHORT} and not kinds & {INITIAL}:
        return NAMED
    return UNKNOWN if UNKNOWN in kinds else AMBIGUOUS if AMBIGUOUS in kinds else FOREIGN if FOREIGN in kinds else PLACED
