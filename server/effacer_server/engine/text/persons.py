"""Persons: one walk over the words of a text by cues and forms, and the values of PN as wholes.

Rows of words come from `person_rows`, what stands before them is read in `person_cues`, their form in `person_forms`.
"""

from __future__ import annotations

from effacer_server.engine.text.person_cues import Cues
from effacer_server.engine.text.person_rows import EVIDENCE, MOST_PARTS
from effacer_server.engine.text.spans import Likelihood, Span
from effacer_server.engine.text.vocabulary import GIVEN, STRONG_TERM, vocabulary
from effacer_server.engine.text.words import (
    BREAK,
    CAPS,
    CARET,
    CASELESS,
    COLON,
    COMMA,
    DOT,
    FOREIGN,
    INITIAL,
    NAMED,
    SPACE,
    TERM_ALONE,
    TITLE,
    UNKNOWN,
    read,
)

_FILLING = " ^=.,;:-_*?#\0"
_POSSIBLE, _SURE = Likelihood.POSSIBLE, Likelihood.VERY_LIKELY


def whole_values(text: str) -> list[Span]:
    """Every value of a PN value as a whole, unless it is empty or a placeholder."""
    spans = []
    start = 0
    for value in text.split("\\"):
        core = value.strip(_FILLING)
        if core and not _is_placeholder(core):
            first = start + value.index(core)
            spans.append(Span(first, first + len(core), "PERSON_NAME", _SURE))
        start += len(value) + 1
    return spans


def _is_placeholder(value: str) -> bool:
    """Whether every word of a value stands for "no name"."""
    if len(value) > 64:
        return False
    known = vocabulary().cues["placeholder"]
    keys = read(value).keys
    return bool(keys) and all(key in known or key in ("patient", "name") for key in keys)


class Persons(Cues):
    """Looks for persons in one text."""

    def find(self, strict: bool) -> list[Span]:
        """All persons; with `strict` also capitalised words that nothing is known of."""
        found = self._words
        if EVIDENCE.isdisjoint(found.kinds) and vocabulary().person_heads.isdisjoint(found.keys):
            return []
        titles, weak_titles = self._cues["title"], self._cues["weak title"]
        labels, weak_labels = self._cues["label"], self._cues["weak label"]
        spans: list[Span] = []
        end = len(found.keys)
        place = 0
        while place < end:
            key, gap = found.keys[place], found.gaps[place]
            row: list[int] = []
            if place in self._taken:
                place += 1
                continue
            if gap != BREAK and place + 1 < end:
                if key in titles or key in weak_titles:
                    row = self._after_title(place, key in weak_titles)
                elif gap == COLON and (key in labels or key in weak_labels):
                    row = self._after_label(place)
                elif key == "by" and gap == SPACE and place > 0 and found.keys[place - 1] in labels:
                    row = self._after_label(place)  # performed by, read by
                elif gap in (SPACE, DOT) and (key in weak_labels or (gap == DOT and key in labels)):
                    row = self._after_weak_label(place)
            if row:
                spans.append(self._span(row, _SURE))
                place = row[-1] + 1
                continue
            if found.cases[place] == CASELESS and (named := self._honoured(place)):
                spans.append(named)
            elif self._may_be(place):
                row = self._row(place, MOST_PARTS)
                judged = self._judge(row)
                spans += judged if judged else self._subject(row)
                if judged:
                    spans += self._completed(row)
                place = row[-1] + 1
                continue
            place += 1
        if strict and found.cased:
            spans += [
                Span(found.starts[one], found.ends[one], "PERSON_NAME", _POSSIBLE)
                for one in range(end)
                if found.kinds[one] in (UNKNOWN, NAMED, FOREIGN) and found.cases[one] == TITLE
                and one not in self._taken
            ]  # fmt: skip
        return spans

    def _subject(self, row: list[int]) -> list[Span]:
        """What does as persons do: "Ljubica moved during scan"."""
        found = self._words
        following = row[-1] + 1
        if len(row) != 1 or following >= len(found.keys) or found.gaps[row[0]] != SPACE or len(found.keys[row[0]]) < 3:
            return []
        if found.keys[following] not in self._cues["verb of person"]:
            return []
        given = bool(found.flags[row[0]] & GIVEN)
        return [self._span(row, _POSSIBLE)] if found.kinds[row[0]] == UNKNOWN or given else []

    def _completed(self, row: list[int]) -> list[Span]:
        """The other half of LAST, FIRST where it is a plain word: "Weber, Marissa", "OYEKAN, BLESSING"."""
        found, spans = self._words, []
        before, following = row[0] - 1, row[-1] + 1
        forms = (COMMA, CARET)
        if (
            before >= 0
            and found.gaps[before] in forms
            and self._word_at(before)
            and (found.flags[row[0]] & GIVEN and (before == 0 or found.gaps[before - 1] in (BREAK, COLON)))
        ):
            spans.append(self._span([before], _POSSIBLE))
        if (
            following < len(found.keys)
            and found.gaps[row[-1]] in forms
            and self._word_at(following)
            and (
                (row[0] == 0 or found.gaps[row[0] - 1] in (BREAK, COLON))
                and len(row) == 1
                and (found.gaps[following] == BREAK or found.kinds[following + 1] == INITIAL)
            )
        ):
            spans.append(self._span([following], _POSSIBLE))
        return spans

    def _word_at(self, place: int) -> bool:
        """Whether a plain word or an eponym stands there, as a name would be written."""
        bits = self._words.flags[place]
        return (
            self._words.kinds[place] == TERM_ALONE and bool(bits) and not bits & STRONG_TERM
            and self._words.cases[place] in (TITLE, CAPS) and place not in self._taken
        )  # fmt: skip
