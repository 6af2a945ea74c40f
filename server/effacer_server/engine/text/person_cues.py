"""Persons by what stands before: titles, labels; and names of scripts without capitals, by their honorifics.

A cue overrules the vocabulary as far as it is sure itself: "Dr Wall" is a person, and "MR WALL" may be a modality.
"""

from __future__ import annotations

from effacer_server.engine.text.person_forms import Forms
from effacer_server.engine.text.person_rows import EVIDENCE, MOST_PARTS
from effacer_server.engine.text.spans import Likelihood, Span
from effacer_server.engine.text.vocabulary import (
    GIVEN,
    GIVEN_COMMON,
    STRONG_TERM,
    SURNAME,
    SURNAME_COMMON,
    WEAK_TERM,
    fold,
)
from effacer_server.engine.text.words import (
    AMBIGUOUS,
    BREAK,
    CAMEL,
    CAPS,
    CARET,
    CASELESS,
    COLON,
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
    UNKNOWN,
)

_LIKELY, _SURE = Likelihood.LIKELY, Likelihood.VERY_LIKELY


class Cues(Forms):
    """Finds the row of words that a cue beside it makes a name."""

    def _after_title(self, place: int, weak: bool) -> list[int]:
        """Dr Wall, MR. SMITH, Herr von Berg. In capitals DR, MR and MS are modalities and a disease, too."""
        found = self._words
        gap, first = found.gaps[place], place + 1
        if gap not in (SPACE, DOT) or first in self._taken:
            return []
        if found.keys[first] in self._cues["title"] or found.keys[first] in self._cues["between title and name"]:
            return []  # Prof. Dr. med.: the last one decides
        shouted = found.cases[place] == CAPS and gap == SPACE and found.keys[place] in self._cues["shouted title"]
        doctor = found.keys[place] in self._cues["doctor"]
        kind = found.kinds[first]
        if found.cases[first] == LOWER and found.cased and kind != PARTICLE:
            return []
        if kind == TERM_ALONE:
            plain = found.flags[first] & STRONG_TERM == 0 and found.cases[first] in (TITLE, CAPS)
            if not plain or shouted or (weak and not doctor) or not found.cased:
                return []
            following = found.gaps[first] == SPACE and found.cases[first + 1] in (TITLE, CAPS)
            if following and found.keys[place] in self._cues["shouted title"]:
                return []  # Mr Signal Intensity
        elif kind == NOISE:
            if not found.keys[first].isalpha() or (
                found.cases[first] != CAMEL and (weak or shouted) and not (doctor and gap == DOT)
            ):
                return []
        elif kind == INITIAL and not self._row_has(first, NAMED) and found.gaps[first] != DOT:
            return []
        elif shouted and kind in (STRONG, INITIAL, SHORT, AMBIGUOUS, PLACED) and not self._called(place):
            if kind in (STRONG, PLACED) or (kind == INITIAL and not self._row_has(first, NAMED)):
                return []
            flags = found.flags[first]
            if kind == AMBIGUOUS and not doctor and not flags & (GIVEN_COMMON | SURNAME_COMMON):
                return []
            if kind == AMBIGUOUS and not doctor and found.gaps[first] == SPACE and not self._may_follow(first):
                return []
        elif weak and not doctor and kind not in (NAMED, UNKNOWN):
            return []
        row = self._row(first, 3) if kind not in (TERM_ALONE, NOISE) else [first, *self._more(first)]
        return self._cut(row, comma=False)

    def _called(self, place: int) -> bool:
        """Whether a word before a title says that a person follows: "by DR WALL"."""
        return place > 0 and self._words.keys[place - 1] in self._cues["calling"]

    def _row_has(self, place: int, kind: int) -> bool:
        return any(self._words.kinds[one] == kind for one in self._row(place, 3))

    def _may_follow(self, place: int) -> bool:
        return place + 1 < len(self._words.keys) and self._words.kinds[place + 1] in (NAMED, UNKNOWN)

    def _more(self, place: int) -> list[int]:
        following = place + 1
        if self._words.gaps[place] == SPACE and following < len(self._words.keys) and self._may_be(following):
            return [following] if self._words.kinds[following] in (NAMED, UNKNOWN) else []
        return []

    def _cut(self, row: list[int], *, comma: bool) -> list[int]:
        """A row up to a comma, and without words at its end that are more than names."""
        found = self._words
        if not comma:
            for number, one in enumerate(row[:-1]):
                if found.gaps[one] == COMMA and found.keys[row[number + 1]] not in self._cues["suffix"]:
                    row = row[: number + 1]
                    break
        given = len(row) == 2 and bool(found.flags[row[0]] & GIVEN) and found.gaps[row[-1]] == BREAK
        while (
            len(row) > 1
            and not given
            and not self._credited(row)
            and (found.kinds[row[-1]] == STRONG or found.keys[row[-1]] in ("w", "wo"))
        ):
            row = row[:-1]
        return row

    def _after_label(self, place: int) -> list[int]:
        """Tech: BROOKS. All of a short value behind the colon, unless the field's words fill it."""
        found = self._words
        first = place + 1
        if place > 0 and found.keys[place - 1] in self._cues["label of a thing"] and found.gaps[place - 1] != BREAK:
            return []
        while first < len(found.keys) and (
            found.keys[first] in self._cues["title"] or found.keys[first] in ("dr", "drs", "med")
        ):
            first += 1
        if first >= len(found.keys) or first in self._taken:
            return []
        kind, case, key = found.kinds[first], found.cases[first], found.keys[first]
        if case == LOWER and found.cased and kind != PARTICLE:
            return []
        alone = found.gaps[first] == BREAK
        if kind == NOISE:
            initials = case == CAPS and 1 < len(key) < 5 and alone and key.isalpha()
            return [first] if initials or (case in (TITLE, CAMEL) and alone and key.isalpha()) else []
        if kind == TERM_ALONE:
            following = self._more(first)
            return [first, *following] if following and self._plain(first) else []
        two = found.gaps[first] == SPACE and found.gaps[first + 1] == BREAK
        if two and kind in (NAMED, AMBIGUOUS) and found.flags[first] & GIVEN and self._plain(first + 1):
            return [first, first + 1]  # BIRDIE CHANNEL
        if kind == STRONG and found.gaps[first] not in (COMMA, CARET) and not alone:
            return []
        row = self._cut(self._row(first, MOST_PARTS), comma=True)
        return row if any(found.kinds[one] in EVIDENCE for one in row) or alone else []

    def _after_weak_label(self, place: int) -> list[int]:
        """by Brown, FOR KOWALCZYK, Pt John: a name only when the words behind can hardly be anything else."""
        found = self._words
        first = place + 1
        if not self._may_be(first) or found.kinds[first] in (STRONG, FOREIGN, PLACED, SHORT):
            return []
        row = self._cut(self._row(first, 4), comma=True)
        kinds = [found.kinds[one] for one in row]
        if found.cases[place] == CASELESS or NAMED in kinds:
            return row if NAMED in kinds and self._judge(row) else []
        if UNKNOWN in kinds:
            long = max(len(found.keys[one]) for one in row)
            return row if long >= 5 and (found.cased or len(row) > 1) and not self._names_a_thing(row) else []
        if kinds.count(AMBIGUOUS) > 1 and found.cased:
            flags = [found.flags[one] for one in row]
            if any(one & GIVEN_COMMON for one in flags) and all(one & (SURNAME_COMMON | GIVEN_COMMON) for one in flags):
                return row
        if AMBIGUOUS in kinds and found.gaps[row[-1]] == BREAK and found.keys[place] not in ("for", "per"):
            surname = any(found.flags[one] & (SURNAME_COMMON | GIVEN_COMMON) for one in row)
            weak = any(found.flags[one] & WEAK_TERM for one in row)
            return row if surname and not weak and found.cased else []
        return []

    def _honoured(self, place: int) -> Span | None:
        """Names of scripts without capitals: with an honorific, behind a label, or surname and given name in one."""
        found = self._words
        text, start, end = found.text, found.starts[place], found.ends[place]
        if end - start > 12:
            return None
        word = text[start:end]
        if place > 0 and found.gaps[place - 1] == COLON and found.keys[place - 1] in self._cues["label"]:
            last = place
            while last < place + 2 and found.gaps[last] == SPACE and found.cases[last + 1] == CASELESS:
                last += 1
            return Span(start, found.ends[last], "PERSON_NAME", _SURE)
        for honorific in self._cues["honorific"]:
            if word.endswith(honorific) and 1 < len(word) - len(honorific) < 7:
                return Span(start, end - len(honorific), "PERSON_NAME", _LIKELY)
        bits = self._bits
        for cut in (1, 2, 3):
            first, second = word[:cut], word[cut:]
            if 0 < len(second) < 4 and bits.get(fold(first), 0) & SURNAME and bits.get(fold(second), 0) & GIVEN:
                return Span(start, end, "PERSON_NAME", _LIKELY)
        return None
