"""What is known of words: names of persons, places, words of the field and of English, and cues beside names.

One dictionary from keys to bits, read once. A key is a word as `fold` gives it; names of places may have several words.
They come from `tables/vocabulary.txt.gz` (written by `tools/vocabulary.py`, with its sources in the first lines) and
from `tables/terms.tsv` and `tables/cues.tsv`, which are ours. `read` cuts a text into words and says what each may be.
"""

from __future__ import annotations

import gzip
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise

# What a word can be; more than one of them for many ("wall" is a surname, a place, a body part and English).
GIVEN = 1
GIVEN_COMMON = 2
SURNAME = 4
SURNAME_COMMON = 8
SURNAME_RARE = 16
CITY = 32
BIG_CITY = 64
COUNTRY = 128  # or a state or region of one
STRONG_TERM = 256  # body parts, techniques: no name by itself, whatever lists of names say
TERM = 512
RARE_TERM = 1024
WEAK_TERM = 2048  # eponyms, devices, products

NAME = GIVEN | SURNAME
PLACE = CITY | BIG_CITY | COUNTRY
ANY_TERM = STRONG_TERM | TERM | RARE_TERM | WEAK_TERM

# What a list says of its words, by the name of the list in tables/vocabulary.txt.gz.
LISTS: Mapping[str, int] = {
    "given common": GIVEN | GIVEN_COMMON, "given": GIVEN,
    "surname common": SURNAME | SURNAME_COMMON, "surname": SURNAME, "surname rare": SURNAME | SURNAME_RARE,
    "country": COUNTRY, "big city": CITY | BIG_CITY, "city": CITY,
    "anatomy": STRONG_TERM, "field": TERM, "common": TERM, "rare": RARE_TERM, "eponym": WEAK_TERM, "demonym": WEAK_TERM,
}  # fmt: skip

#: Section of the names of places of several words, which are no keys.
LONGER_PLACES = "longer places"

# Letters with a stroke and ligatures, which Unicode does not decompose; apostrophes and hyphens, which no key has.
_LETTERS = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i", "ħ": "h", "ŋ": "n",
    "'": None, "\u2019": None, "\u02bc": None, "\u00b4": None, "`": None, "-": None, "\u2010": None,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything that is known.

    Attributes:
        bits: by key.
        longer_places: names of places of several words, with blanks between them.
        longer_place_starts: their first words.
        pairs: two words that are no name together ("ann arbor").
        pair_starts: the first of them.
        term_endings, term_beginnings: the same for terms.
        organisation_heads, place_heads, person_heads: words without any of which a text can hold an institution, a
            place that no list has, or a person among terms alone.
        surname_endings, foreign_endings: endings by which an unknown word shows to be a surname; of other scripts.
        cues: by role, its keys; see tables/cues.tsv.
        cue_pairs: by role, keys of two words ("medical center").
    """

    bits: Mapping[str, int]
    longer_places: frozenset[str]
    longer_place_starts: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    pair_starts: frozenset[str]
    surname_endings: tuple[str, ...]
    foreign_endings: tuple[str, ...]
    term_endings: tuple[str, ...]
    term_beginnings: tuple[str, ...]
    organisation_heads: frozenset[str]
    place_heads: frozenset[str]
    person_heads: frozenset[str]
    cues: Mapping[str, frozenset[str]]
    cue_pairs: Mapping[str, frozenset[tuple[str, str]]]


def fold(word: str) -> str:
    """Key of a word: no case, no accents, no apostrophes and hyphens. Linear in its length."""
    if word.isascii() and word.isalpha():
        return word.lower()
    word = unicodedata.normalize("NFKD", word.casefold()).translate(_LETTERS)
    if word.isascii():
        return word
    return "".join(char for char in word if unicodedata.category(char) != "Mn")


def bits_of(word: str) -> int:
    """What a word is, as the bits above; 0 when it is in no list."""
    return vocabulary().bits.get(fold(word), 0)


def is_given_name(word: str) -> bool:
    """Whether a list of given names has the word."""
    return bool(bits_of(word) & GIVEN)


def is_surname(word: str) -> bool:
    """Whether a list of surnames has the word."""
    return bool(bits_of(word) & SURNAME)


def is_place(words: str) -> bool:
    """Whether the list of places has a name of one or more words."""
    keys = [fold(word) for word in words.split()]
    return bits_of(keys[0]) & PLACE != 0 if len(keys) == 1 else " ".join(keys) in vocabulary().longer_places


def is_term(word: str) -> bool:
    """Whether the closed vocabulary has the word: of the field, of English, an eponym or a product."""
    return bool(bits_of(word) & ANY_TERM)


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary; the first call reads it."""
    # Every word stands in one section, under all lists that have it: reading is one insertion a word.
    bits: dict[str, int] = {}
    longer: frozenset[str] = frozenset()
    for section, keys in _sections():
        if section == LONGER_PLACES:
            longer = frozenset(keys)
            continue
        flags = 0
        for name in section.split(", "):
            flags |= LISTS[name]
        bits.update(dict.fromkeys(keys, flags))
    pairs: set[tuple[str, str]] = set()
    vendors: frozenset[str] = frozenset()
    affixes: dict[str, list[str]] = {"ending": [], "beginning": []}
    for strength, kind, text in _rows("terms"):
        if strength == "pair":
            pairs |= _pairs(text)
        elif strength == "name":
            for key in map(fold, text.split()):
                bits[key] = bits.get(key, SURNAME) & ~(TERM | RARE_TERM | WEAK_TERM)
        elif strength in ("ending", "beginning"):
            affixes[strength] += text.split()
        elif strength == "never":
            bits.update(dict.fromkeys(map(fold, text.split()), STRONG_TERM))
        else:
            flag = STRONG_TERM if strength == "strong" else WEAK_TERM
            for key in map(fold, text.split()):
                bits[key] = bits.get(key, 0) | flag
            if kind == "vendor":
                vendors = frozenset(map(fold, text.split()))
    cues: dict[str, frozenset[str]] = {"vendor": vendors}
    cue_pairs: dict[str, frozenset[tuple[str, str]]] = {}
    for role, text in _rows("cues"):
        if "|" in text:
            cue_pairs[role] = frozenset(_pairs(text))
        else:
            cues[role] = frozenset(map(fold, text.split()))
    place_starts = frozenset(name[: name.index(" ")] for name in longer)
    starts = frozenset(first for first, _ in pairs)
    endings = tuple(sorted(cues["surname ending"]))
    foreign_endings = tuple(sorted(cues["ending of other scripts"]))
    organisation_heads = frozenset().union(
        *(cues[role] for role in ("organisation", "academic", "company", "organisation lead", "organisation of")),
        (first for first, _ in cue_pairs["organisation pair"]),
    )
    place_heads = frozenset().union(*(cues[role] for role in ("place label", "place lead", "state code")), place_starts)
    person_heads = frozenset().union(*(cues[role] for role in ("title", "weak title", "label", "weak label")))
    return Vocabulary(
        bits=bits,
        longer_places=longer,
        longer_place_starts=place_starts,
        pairs=frozenset(pairs),
        pair_starts=starts,
        surname_endings=endings,
        foreign_endings=foreign_endings,
        term_endings=tuple(map(fold, affixes["ending"])),
        term_beginnings=tuple(map(fold, affixes["beginning"])),
        organisation_heads=organisation_heads,
        place_heads=place_heads,
        person_heads=person_heads,
        cues=cues,
        cue_pairs=cue_pairs,
    )


# What a word of a text may be, seen by itself.
TERM_ALONE, STRONG, AMBIGUOUS, NAMED, UNKNOWN, FOREIGN, PLACED, INITIAL, PARTICLE, SHORT, NOISE, EPONYM = range(12)
# What stands between two words; BREAK is whatever else.
BREAK, SPACE, COMMA, CARET, DOT, UNDERSCORE, COLON, GLUED = range(8)
# How a word is written.
LOWER, TITLE, CAPS, CAMEL, CASELESS = range(5)

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


def _sections() -> Iterator[tuple[str, list[str]]]:
    data = files(__package__).joinpath("tables", "vocabulary.txt.gz").read_bytes()
    for block in gzip.decompress(data).decode().split("\n[")[1:]:
        section, _, keys = block.partition("]\n")
        yield section, keys.rstrip("\n").split("\n")


def _rows(name: str) -> list[list[str]]:
    lines = files(__package__).joinpath("tables", f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")][1:]


def _pairs(text: str) -> set[tuple[str, str]]:
    found = (phrase.split() for phrase in text.split("|"))
    return {(fold(one[0]), fold(one[1])) for one in found if len(one) == 2}
