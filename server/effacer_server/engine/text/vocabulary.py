"""What is known of words: names of persons, places, words of the field and of English, and cues beside names.

One dictionary from keys to bits, read once. A key is a word as `fold` gives it; names of places may have several words.
They come from `tables/vocabulary.txt.gz` (written by `tools/vocabulary.py`, with its sources in the first lines) and
from `tables/terms.tsv` and `tables/cues.tsv`, which are ours. `words.read` asks it for every word of a text.
"""

from __future__ import annotations

import gzip
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

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
