"""What an instance says of its own patient, as phrases to look for in its texts: clean descriptors.

A match becomes `[CTX]`, whatever else is found there. A patient called Wall makes "Wall" in a description go; in the
instances of others "wall motion" stays. Source: PS3.15 §E.3.5.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from itertools import permutations

import ahocorasick

from effacer_server.engine.text.spans import Likelihood, Span

#: Name of what is found here, in brackets where it is replaced.
CONTEXT = "CTX"
#: Shorter phrases would be found by chance.
LEAST_CHARACTERS = 4
#: A longer value is prose: its words are phrases, the whole is none.
MOST_CHARACTERS = 64
#: Phrases of one instance: more names than these are no names.
MOST_PHRASES = 4096
#: Components of a name beyond these are not permuted: 4 give 24 orders.
_MOST_PERMUTED = 4

# Source: PS3.5 §6.2, PN: components by ^, component groups by =.
_PN_PARTS = re.compile(r"[\^=\s,]+")
_WORDS = re.compile(r"[^\W_]+(?:[-'\u2019][^\W_]+)*")


def fold(text: str) -> str:
    """The text without case and accents, each character one character, so that offsets stay."""
    return "".join(_fold_one(character) for character in text)


def _fold_one(character: str) -> str:
    if character.isascii():
        return character.lower()
    # Accents go, and widths; syllables of Hangul, which fall apart as well, stay whole.
    parts = unicodedata.normalize("NFKD", character)
    base = parts[0] if all(map(unicodedata.combining, parts[1:])) else character
    lower = base.lower()
    return lower if len(lower) == 1 else base


class Phrases:
    """The phrases of one instance, ready to be looked for."""

    def __init__(self, values: Iterable[tuple[str, str]], is_term: Callable[[str], bool]) -> None:
        """Makes phrases of values.

        Args:
            values: (VR, one value as text) of the identifying elements, at any depth.
            is_term: whether everybody uses a word; such a word is no phrase unless it is a name.
        """
        self._automaton = ahocorasick.Automaton()
        count = 0
        for phrase in _phrases(values, is_term):
            if count == MOST_PHRASES:
                break
            if phrase not in self._automaton:
                self._automaton.add_word(phrase, len(phrase))
                count += 1
        if count:
            self._automaton.make_automaton()
        self._empty = not count

    def candidates(self, text: str) -> list[Span]:
        """Where phrases stand in a text, as whole words; of several from one place the longest."""
        if self._empty:
            return []
        folded = fold(text)
        longest: dict[int, int] = {}
        for last, length in self._automaton.iter(folded):
            start, end = last + 1 - length, last + 1
            if _is_inside_word(folded, start) or _is_inside_word(folded, end):
                continue
            longest[start] = max(longest.get(start, 0), end)
        return [Span(start, end, CONTEXT, Likelihood.VERY_LIKELY) for start, end in longest.items()]


def _is_inside_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _phrases(values: Iterable[tuple[str, str]], is_term: Callable[[str], bool]) -> Iterable[str]:
    for vr, value in values:
        folded = fold(value).strip()
        if vr == "PN":
            yield from _name_phrases(folded)
            continue
        words = _WORDS.findall(folded)
        common = len(words) == 1 and is_term(words[0])  # "unknown", "Radiology": what anybody may say
        if LEAST_CHARACTERS <= len(folded) <= MOST_CHARACTERS and not common:
            yield folded
        for word in words:
            if len(word) >= LEAST_CHARACTERS and word != folded and not is_term(word):
                yield word


def _name_phrases(folded: str) -> Iterable[str]:
    """Each component of a name, and all of them in every order, by a blank or a comma."""
    for group in folded.split("="):
        parts = [part for part in _PN_PARTS.split(group) if part]
        for part in parts:
            if len(part) >= LEAST_CHARACTERS:
                yield part
        for size in range(2, min(len(parts), _MOST_PERMUTED) + 1):
            for chosen in permutations(parts[:_MOST_PERMUTED], size):
                for between in (" ", "^", ", ", ",", ""):
                    phrase = between.join(chosen)
                    if len(phrase) >= LEAST_CHARACTERS:
                        yield phrase
