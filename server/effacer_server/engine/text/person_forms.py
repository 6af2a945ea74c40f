"""Persons by form and company: what of a row of words is a name.

Form is LAST^FIRST, LAST, FIRST and initials. Company: one word that is a name and nothing else makes names of those
next to it that may be one.
"""

from __future__ import annotations

from effacer_server.engine.text.person_rows import EVIDENCE, Rows
from effacer_server.engine.text.spans import Likelihood, Span
from effacer_server.engine.text.vocabulary import (
    GIVEN,
    GIVEN_COMMON,
    PLACE,
    STRONG_TERM,
    SURNAME,
    SURNAME_COMMON,
    SURNAME_RARE,
    WEAK_TERM,
)
from effacer_server.engine.text.words import (
    AMBIGUOUS,
    BREAK,
    CARET,
    COLON,
    COMMA,
    DOT,
    FOREIGN,
    INITIAL,
    LETTERS_OF_THE_FIELD,
    NAMED,
    PARTICLE,
    PLACED,
    SHORT,
    SPACE,
    STRONG,
    UNDERSCORE,
    UNKNOWN,
)

_LIKELY, _POSSIBLE = Likelihood.LIKELY, Likelihood.POSSIBLE


class Forms(Rows):
    """Judges rows of words by their form and by the company of the words."""

    def _judge(self, row: list[int]) -> list[Span]:
        """What of a row of words is a name."""
        found = self._words
        if len(row) > 1 and self._credited(row) and any(found.kinds[one] == NAMED for one in row):
            return [self._span(row, _LIKELY)]
        while row and found.kinds[row[-1]] == STRONG and found.gaps[row[-1] - 1] == SPACE and len(row) > 1:
            if self._ends_given(row):
                break
            row = row[:-1]
        flags = [found.flags[one] for one in row]
        if (
            len(row) == len(found.keys) == 2
            and found.kinds[row[0]] == STRONG
            and found.gaps[row[0]] == SPACE
            and (flags[0] & SURNAME_COMMON and flags[1] & GIVEN_COMMON and found.kinds[row[1]] == NAMED)
        ):
            return [self._span(row, _LIKELY)]  # WARD JONATHAN and nothing else
        while len(row) > 1 and found.kinds[row[0]] == STRONG and found.gaps[row[0]] == SPACE:
            row = row[1:]
        kinds = [found.kinds[one] for one in row]
        named = kinds.count(NAMED)
        gaps = {found.gaps[one] for one in row[:-1]}
        formal = bool(gaps & {CARET, COMMA})
        flags = [found.flags[one] for one in row]
        if self._credited(row) and any(kind in EVIDENCE - {STRONG} for kind in kinds):
            return [self._span(row, _LIKELY)]
        common_given = any(kind == NAMED and flag & GIVEN_COMMON for kind, flag in zip(kinds, flags, strict=True))
        if self._names_a_thing(row) and not (common_given and len(row) > 1) and not formal:
            return []
        if len(row) == 1:
            return self._single(row[0])
        initials, unknown, ambiguous = kinds.count(INITIAL), kinds.count(UNKNOWN), kinds.count(AMBIGUOUS)
        if named >= 2:
            return [self._span(self._trimmed(row), _LIKELY)]
        if named == 1:
            if (
                formal
                or unknown
                or PLACED in kinds
                or SHORT in kinds
                or FOREIGN in kinds
                or PARTICLE in kinds
                or UNDERSCORE in gaps
            ):
                return [self._span(row, _LIKELY)]
            if initials and not ambiguous:
                return [self._span(self._without_letters(row), _LIKELY)]
            return self._pair(row, kinds, flags)
        return self._without_pure_name(row, kinds, flags, formal, gaps, unknown, ambiguous, initials)

    def _without_pure_name(
        self, row: list[int], kinds: list[int], flags: list[int], formal: bool, gaps: set[int], unknown: int,
        ambiguous: int, initials: int,
    ) -> list[Span]:  # fmt: skip
        """A row none of whose words is a name and nothing else: form, or two unknown words side by side."""
        found = self._words
        whole = row[-1] - row[0] + 1 == len(found.keys)
        common = any(flag & (GIVEN_COMMON | SURNAME_COMMON) and not flag & WEAK_TERM for flag in flags)
        letters = sum(len(found.keys[one]) for one, kind in zip(row, kinds, strict=True) if kind == UNKNOWN)
        if unknown >= 2 and letters >= 8 and found.cased and UNDERSCORE not in gaps:
            return [self._span(row, _LIKELY if formal or PARTICLE in kinds else _POSSIBLE)]
        if unknown:
            # A word that is more than a name, in the form of one, beside a word nothing is known of.
            if formal and len(kinds) > kinds.count(STRONG) + kinds.count(PLACED) + 1 and letters >= 4:
                return [self._span(row, _LIKELY)]
            if (ambiguous and common) or SHORT in kinds or (PARTICLE in kinds and kinds[0] == PARTICLE):
                return [self._span(row, _POSSIBLE)] if letters >= 5 and found.cased else []
            if initials and (DOT in gaps or formal) and letters >= 3:
                return [self._span(row, _LIKELY)]
            if initials and letters >= 5 and not self._is_field_letter(row):
                return [self._span(row, _POSSIBLE)]
            return []
        if ambiguous + kinds.count(SHORT) >= 2 or (formal and ambiguous and STRONG in kinds):
            given = any(flag & GIVEN for flag in flags)
            surname = any(flag & SURNAME for flag in flags)
            if STRONG in kinds:
                sound = [
                    flag for flag, kind in zip(flags, kinds, strict=True) if kind == STRONG and not flag & SURNAME_RARE
                ]
                given = bool(sound) and any(flag & GIVEN_COMMON for flag in flags)
            if (
                formal
                and given
                and surname
                and (common or (CARET in gaps and not any(flag & WEAK_TERM for flag in flags)))
            ):
                return [self._span(row, _LIKELY)]
            sure = [
                flag
                for flag in flags
                if flag & (GIVEN_COMMON | SURNAME_COMMON) and not flag & (WEAK_TERM | STRONG_TERM)
            ]
            if (
                len(sure) >= 2
                and any(flag & GIVEN_COMMON for flag in sure)
                and (whole or self._fenced(row) or self._at_the_end(row))
            ):
                return [self._span(row, _POSSIBLE)]
            return []
        if ambiguous == 1 and initials and (DOT in gaps or (formal and common)) and STRONG not in kinds:
            return [self._span(row, _LIKELY)]
        if SHORT in kinds and (initials or formal) and initials != len(kinds) and (DOT in gaps or formal):
            return [self._span(row, _POSSIBLE)]
        return []

    def _single(self, place: int) -> list[Span]:
        """One word without company: only what is well known as a name and as nothing else."""
        found = self._words
        key = found.keys[place]
        flags = found.flags[place]
        if found.kinds[place] != NAMED or len(key) < 4 or found.gaps[place] == COLON:
            return []
        if place in found.possessive and flags & WEAK_TERM:
            return []
        if flags & PLACE and not flags & (GIVEN_COMMON | SURNAME_COMMON):
            return []
        if flags & SURNAME_RARE and not flags & GIVEN and len(key) < 7:
            return []
        if not flags & (GIVEN_COMMON | SURNAME_COMMON) and len(key) < 5:
            return []
        return [self._span([place], _POSSIBLE)]

    def _pair(self, row: list[int], kinds: list[int], flags: list[int]) -> list[Span]:
        """One pure name among words that are more than names: those beside it that complete it."""
        at = kinds.index(NAMED)
        own = flags[at] or SURNAME
        first = last = at
        for step in (1, -1):
            beside = at + step
            if not 0 <= beside < len(row) or kinds[beside] not in (AMBIGUOUS, INITIAL, STRONG, PLACED):
                continue
            if kinds[beside] == INITIAL:
                reach = beside + step
                if not (0 <= reach < len(row) and kinds[reach] == AMBIGUOUS):
                    fits = self._words.keys[row[beside]] not in LETTERS_OF_THE_FIELD or step > 0
                else:
                    fits, beside = True, reach
            elif kinds[beside] == STRONG:
                fits = step > 0 and bool(own & GIVEN_COMMON) and self._words.gaps[row[-1]] == BREAK
            elif flags[beside] & WEAK_TERM:
                fits = bool(own & GIVEN and flags[beside] & SURNAME)
            else:
                fits = bool(
                    (own & GIVEN and flags[beside] & (SURNAME | PLACE)) or (own & SURNAME and flags[beside] & GIVEN)
                )
            if fits:
                first, last = min(first, beside), max(last, beside)
        if first == last:
            return self._single(row[at])
        return [self._span(row[first : last + 1], _LIKELY)]

    def _trimmed(self, row: list[int]) -> list[int]:
        """Without words at the ends that are hardly names, when enough is left."""
        found = self._words
        rare = (STRONG, INITIAL, PARTICLE)
        while (
            len(row) > 2
            and found.gaps[row[-2]] == SPACE
            and (found.kinds[row[-1]] in rare[:1] or (found.kinds[row[-1]] == INITIAL and found.keys[row[-1]] in "lrw"))
        ):
            row = row[:-1]
        while (
            len(row) > 2
            and found.gaps[row[0]] == SPACE
            and (
                found.kinds[row[0]] == STRONG
                or (found.kinds[row[0]] == INITIAL and found.keys[row[0]] in LETTERS_OF_THE_FIELD and row[0] > 0)
            )
        ):
            row = row[1:]
        return row

    def _without_letters(self, row: list[int]) -> list[int]:
        """L SMITH: a letter of the field before a name in a longer text says a side."""
        found = self._words
        first = row[0]
        if found.kinds[first] == INITIAL and found.gaps[first] == SPACE and found.keys[first] in "lr" and first > 0:
            return row[1:]
        return row

    def _is_field_letter(self, row: list[int]) -> bool:
        return any(self._words.kinds[one] == INITIAL and self._words.keys[one] in LETTERS_OF_THE_FIELD for one in row)

    def _ends_given(self, row: list[int]) -> bool:
        """Whether a body part at the end is a surname behind a given name, and ends the text: JOHN HEAD."""
        found = self._words
        return len(row) == 2 and found.gaps[row[1]] == BREAK and bool(found.flags[row[0]] & GIVEN_COMMON)
