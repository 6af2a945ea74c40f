"""Rows of words that together may be a name of a person, and what stands around such a row.

The ground under `person_forms`, `person_cues` and `persons`; nothing here decides that a row is a name.
"""

from __future__ import annotations

from effacer_server.engine.text.spans import Likelihood, Span
from effacer_server.engine.text.vocabulary import GIVEN, STRONG_TERM, WEAK_TERM, vocabulary
from effacer_server.engine.text.words import (
    AMBIGUOUS,
    BREAK,
    CAPS,
    CARET,
    COMMA,
    DOT,
    FOREIGN,
    INITIAL,
    LOWER,
    NAMED,
    NOISE,
    PARTICLE,
    PLACED,
    SHORT,
    SPACE,
    STRONG,
    TERM_ALONE,
    TITLE,
    UNDERSCORE,
    UNKNOWN,
    Words,
)

MOST_PARTS = 5  # of a name; a longer row of words is read as two
EVIDENCE = frozenset({NAMED, UNKNOWN, AMBIGUOUS, PLACED, FOREIGN, SHORT, STRONG})


class Rows:
    """Rows of words of one text that may be names of persons."""

    def __init__(self, found: Words, taken: set[int]) -> None:
        self._words = found
        self._taken = taken
        self._bits = vocabulary().bits
        self._cues = vocabulary().cues

    def _may_be(self, place: int) -> bool:
        """Whether a word can be part of a name by itself and by how it is written."""
        found = self._words
        kind = found.kinds[place]
        if kind in (TERM_ALONE, NOISE) or place in self._taken:
            return False
        case = found.cases[place]
        if found.keys[place] in self._cues["title"] and found.gaps[place] in (SPACE, DOT):
            return False
        return case != LOWER or not found.cased or kind == PARTICLE

    def _row(self, place: int, most: int) -> list[int]:
        """Words from `place` on that together may be a name."""
        found = self._words
        row = [place]
        while len(row) < most and place + 1 < len(found.keys):
            gap, following = found.gaps[place], place + 1
            if gap == DOT and found.kinds[place] != INITIAL and len(found.keys[place]) > 2:
                break
            if gap not in (SPACE, COMMA, CARET, DOT, UNDERSCORE):
                break
            if not self._may_be(following):
                if found.keys[following] in self._cues["suffix"] and gap != UNDERSCORE:
                    row.append(following)
                    break
                # OKAFOR^BLESSING: a plain word in the form of a name, beside a word that is none.
                if not (gap == CARET and self._plain(following) and found.kinds[row[0]] in (NAMED, UNKNOWN)):
                    break
            if gap == COMMA and found.kinds[following] == PARTICLE and found.cases[following] == LOWER:
                break
            row.append(following)
            place = following
        while len(row) > 1 and found.kinds[row[-1]] == PARTICLE:
            # Le and Van are surnames, too, where nothing follows.
            if (
                len(row) == 2
                and found.cases[row[1]] != LOWER
                and found.gaps[row[1]] in (BREAK, COMMA)
                and (found.kinds[row[0]] == NAMED and found.flags[row[0]] & GIVEN)
            ):
                break
            row.pop()
        return row

    def _plain(self, place: int) -> bool:
        bits = self._words.flags[place]
        return (
            self._words.kinds[place] == TERM_ALONE and not bits & (STRONG_TERM | WEAK_TERM) and bool(bits)
            and self._words.cases[place] in (TITLE, CAPS) and self._words.keys[place] not in self._cues["label"]
        )  # fmt: skip

    def _span(self, row: list[int], likelihood: Likelihood) -> Span:
        return Span(self._words.starts[row[0]], self._words.ends[row[-1]], "PERSON_NAME", likelihood)

    def _names_a_thing(self, row: list[int]) -> bool:
        """Whether the word behind, or the last one, says that the row is an eponym: "disease", "view"."""
        last = row[-1]
        if len(row) > 1 and self._words.keys[last] in self._cues["eponym head"] and self._words.gaps[row[-2]] == SPACE:
            return True
        if self._words.gaps[last] not in (SPACE, COMMA) or last + 1 >= len(self._words.keys):
            return False
        following = self._words.keys[last + 1]
        # An equation's author and year: "BPD, Campbell 1975".
        year = len(row) == 1 and len(following) == 4 and following.isdigit() and following[:2] in ("19", "20")
        return year or (self._words.gaps[last] == SPACE and following in self._cues["eponym head"])

    def _at_the_end(self, row: list[int]) -> bool:
        """Whether a row ends the text behind words of the field: CHEST PA LAT BROWN MARK."""
        found = self._words
        if row[-1] + 1 < len(found.keys) or found.gaps[row[0] - 1] != SPACE:
            return False
        return bool(found.flags[row[0] - 1] & STRONG_TERM)

    def _fenced(self, row: list[int]) -> bool:
        """Whether nothing but punctuation stands before and behind a row."""
        before = row[0] == 0 or self._words.gaps[row[0] - 1] == BREAK
        following = row[-1] + 1
        if before and following < len(self._words.keys) and self._words.keys[following].isdigit():
            return True
        return before and self._words.gaps[row[-1]] in (BREAK, COMMA)

    def _credited(self, row: list[int]) -> bool:
        """Whether a credential follows: Smith MD, Wall, PhD."""
        found = self._words
        last = row[-1]
        gap, following = found.gaps[last], last + 1
        if following >= len(found.keys) or gap not in (SPACE, COMMA) or found.cases[following] == LOWER:
            return False
        key = found.keys[following]
        if key in self._cues["sure credential"]:
            return True
        # M.D. is two initials; RN, PA and RT are also directions and rooms.
        if key == "m" and found.gaps[following] in (DOT,) and following + 1 < len(found.keys):
            return found.keys[following + 1] == "d"
        return gap == COMMA and key in self._cues["credential"] and key not in ("pa", "od", "do")
