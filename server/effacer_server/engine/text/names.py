"""Persons, places and organisations: what is told by words and by the words beside them.

A value is cut into words once (`vocabulary.read`). Names are then told by form (LAST^FIRST, LAST, FIRST, initials), by
what stands beside (titles, labels, credentials) and by company: one word that is a name and nothing else makes names
of those next to it that may be one. The closed vocabulary is the veto; form and context overrule it. Linear in the
length of a text: every rule looks at a bounded number of words around the one it stands at.
"""

from __future__ import annotations

from effacer_server.engine.text.spans import Likelihood, Span
from effacer_server.engine.text.vocabulary import (
    AMBIGUOUS,
    ANY_TERM,
    BIG_CITY,
    BREAK,
    CAMEL,
    CAPS,
    CARET,
    CASELESS,
    CITY,
    COLON,
    COMMA,
    COUNTRY,
    DOT,
    FOREIGN,
    GIVEN,
    GIVEN_COMMON,
    INITIAL,
    LOWER,
    NAME,
    NAMED,
    NOISE,
    PARTICLE,
    PLACE,
    PLACED,
    RARE_TERM,
    SHORT,
    SPACE,
    STRONG,
    STRONG_TERM,
    SURNAME,
    SURNAME_COMMON,
    SURNAME_RARE,
    TERM,
    TERM_ALONE,
    TITLE,
    UNDERSCORE,
    UNKNOWN,
    WEAK_TERM,
    Words,
    fold,
    read,
    vocabulary,
)  # fmt: skip

KINDS = frozenset({"PERSON_NAME", "LOCATION", "ORGANIZATION_NAME"})

# VRs whose values have words. Source: PS3.5 Table 6.2-1; the others hold codes, numbers, times and identifiers.
_WITH_WORDS = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT", ""})
_PROSE = frozenset({"LT", "ST", "UT"})
_PROSE_WORDS = 6
_MOST_PARTS = 5  # of a name; a longer row of words is read as two
_MOST_OF_ORGANISATION = 7
_MOST_OF_PLACE = 5
_FILLING = " ^=.,;:-_*?#\0"
# Left, right, C, T, L and S spine, axes and the like: letters that stand alone without being initials.
_LETTERS_OF_THE_FIELD = frozenset("abcdilmprstvwxyz")
_LIKELY, _POSSIBLE, _SURE = Likelihood.LIKELY, Likelihood.POSSIBLE, Likelihood.VERY_LIKELY
# Words that English has but hardly uses give way to a place: a berlin is a carriage.
_PLAIN_TERM = ANY_TERM & ~RARE_TERM
_NO_PLACE = frozenset({TERM_ALONE, NOISE, INITIAL, PARTICLE, STRONG})
_EVIDENCE = frozenset({NAMED, UNKNOWN, AMBIGUOUS, PLACED, FOREIGN, SHORT, STRONG})


class Names:
    """Recognisers of what is told by words: persons, places, organisations."""

    def __init__(self, wanted: frozenset[str], *, strict: bool = False) -> None:
        """Takes the infoTypes asked for; others than the three are no business of this one.

        Args:
            wanted: names of infoTypes.
            strict: in prose, capitalised words that the vocabulary does not know are persons, too.
        """
        self._wanted = wanted & KINDS
        self._strict = strict

    def candidates(self, text: str, vr: str) -> list[Span]:
        """Everything found in one value; spans may overlap, the caller resolves. "" is no VR: text from pixels."""
        if not self._wanted or vr not in _WITH_WORDS:
            return []
        if vr == "PN":
            return _whole_values(text) if "PERSON_NAME" in self._wanted else []
        found = read(text)
        if not found.keys:
            return []
        if vr == "AE":
            spans = _listed(found)
        else:
            taken: set[int] = set()
            organisations = _organisations(found, taken)
            places = _places(found, taken, "ORGANIZATION_NAME" in self._wanted)
            spans = organisations + places
            if "PERSON_NAME" in self._wanted:
                strict = self._strict and (vr in _PROSE or len(found.keys) >= _PROSE_WORDS)
                spans += _Persons(found, taken).find(strict)
        return [span for span in spans if span.info_type in self._wanted]


def _whole_values(text: str) -> list[Span]:
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


def _listed(found: Words) -> list[Span]:
    """Names and places that lists have and the vocabulary has not: titles of applications hold no sentences."""
    spans = []
    for place, key in enumerate(found.keys):
        bits = found.flags[place]
        if len(key) < 5 or bits & ANY_TERM:
            continue
        if bits & BIG_CITY:
            spans.append(Span(found.starts[place], found.ends[place], "LOCATION", _POSSIBLE))
        elif bits & (GIVEN_COMMON | SURNAME_COMMON):
            spans.append(Span(found.starts[place], found.ends[place], "PERSON_NAME", _POSSIBLE))
    return spans


class _Persons:
    """Looks for persons in one text."""

    def __init__(self, found: Words, taken: set[int]) -> None:
        self._words = found
        self._taken = taken
        self._bits = vocabulary().bits
        self._cues = vocabulary().cues

    def find(self, strict: bool) -> list[Span]:
        """All persons; with `strict` also capitalised words that nothing is known of."""
        found = self._words
        if _EVIDENCE.isdisjoint(found.kinds) and vocabulary().person_heads.isdisjoint(found.keys):
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
                row = self._row(place, _MOST_PARTS)
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

    # Rows of words -----------------------------------------------------------------------------------------------

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

    # By what stands before -----------------------------------------------------------------------------------------

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
        row = self._cut(self._row(first, _MOST_PARTS), comma=True)
        return row if any(found.kinds[one] in _EVIDENCE for one in row) or alone else []

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

    # By form and company ---------------------------------------------------------------------------------------------

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
        if self._credited(row) and any(kind in _EVIDENCE - {STRONG} for kind in kinds):
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
                    fits = self._words.keys[row[beside]] not in _LETTERS_OF_THE_FIELD or step > 0
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
                or (found.kinds[row[0]] == INITIAL and found.keys[row[0]] in _LETTERS_OF_THE_FIELD and row[0] > 0)
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
        return any(self._words.kinds[one] == INITIAL and self._words.keys[one] in _LETTERS_OF_THE_FIELD for one in row)

    def _ends_given(self, row: list[int]) -> bool:
        """Whether a body part at the end is a surname behind a given name, and ends the text: JOHN HEAD."""
        found = self._words
        return len(row) == 2 and found.gaps[row[1]] == BREAK and bool(found.flags[row[0]] & GIVEN_COMMON)

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


# Organisations ---------------------------------------------------------------------------------------------------


def _organisations(found: Words, taken: set[int]) -> list[Span]:
    """Institutions and companies by the word that says what they are; their words are added to `taken`."""
    if vocabulary().organisation_heads.isdisjoint(found.keys):
        return []
    cues, pairs = vocabulary().cues, vocabulary().cue_pairs["organisation pair"]
    kinds_of, leads, academic, company = (
        cues["organisation"],
        cues["organisation lead"],
        cues["academic"],
        cues["company"],
    )
    spans: list[Span] = []
    end = len(found.keys)
    for place in range(end):
        key = found.keys[place]
        if place in taken:
            continue
        first, last = place, place
        if key in leads or (
            key in cues["organisation of"]
            and found.gaps[place] == SPACE
            and found.keys[place + 1] in cues["organisation join"]
        ):
            last = _forwards(found, place)
        if key in kinds_of or key in academic:
            first = _backwards(found, place)
        elif place + 1 < end and (key, found.keys[place + 1]) in pairs and found.gaps[place] == SPACE:
            first, last = _backwards(found, place), max(place + 1, last)
        elif key in company:
            if found.cases[place] == LOWER and found.cased and key not in ("gmbh",):
                continue
            if found.cases[place] == CAPS and key in ("spa", "sas", "ab", "ag", "kg", "nv", "bv", "oy", "kk", "co"):
                continue
            first = _backwards(found, place)
        if first == last or any(one in taken for one in range(first, last + 1)):
            continue
        if last < end - 1 and found.gaps[last] == SPACE and found.keys[last + 1] in kinds_of:
            continue
        if first and found.gaps[first - 1] == SPACE and found.keys[first - 1] in _vendors():
            continue  # ALOKA CO., LTD.
        inside = [one for one in range(first, last + 1) if found.keys[one] not in cues["organisation join"]]
        if any(found.keys[one] in _vendors() for one in inside) or not _says_which(found, first, last, place):
            continue
        spans.append(Span(found.starts[first], found.ends[last], "ORGANIZATION_NAME", _LIKELY))
        taken.update(range(first, last + 1))
    return spans


def _vendors() -> frozenset[str]:
    """Makers of devices, whose names stay."""
    return vocabulary().cues["vendor"]


def _says_which(found: Words, first: int, last: int, head: int) -> bool:
    """Whether something beside the kind of institution tells which one: "Pain clinic" does not, "Mayo clinic" does."""
    cues = vocabulary().cues
    plain = (
        cues["organisation"] | cues["academic"] | cues["organisation lead"] | cues["organisation join"]
        | cues["organisation generic"]
    )  # fmt: skip
    for one in range(first, last + 1):
        key = found.keys[one]
        if one == head or key in plain or found.kinds[one] == INITIAL:
            continue
        if (
            found.flags[one] & STRONG_TERM
            and not found.flags[one] & (NAME | PLACE)
            and key not in cues["organisation word"]
        ):
            continue
        return True
    return False


def _belongs(found: Words, place: int) -> bool:
    """Whether a word can be part of an institution's name."""
    key = found.keys[place]
    cues = vocabulary().cues
    if key in cues["organisation word"] or key in cues["organisation"] or key in cues["academic"]:
        return found.cases[place] != LOWER or not found.cased
    if found.kinds[place] == NOISE and not found.keys[place].isalpha():
        return False
    if found.cases[place] == LOWER and found.cased:
        return False
    bits = found.flags[place]
    if key in cues["place before"] or key in cues["label"] or key in cues["weak label"] or key in cues["title"]:
        return False
    return not bits & STRONG_TERM or bool(bits & (GIVEN_COMMON | SURNAME_COMMON | PLACE) and found.cased)


def _backwards(found: Words, place: int) -> int:
    """First word of the name of an institution whose kind stands at `place`."""
    join = vocabulary().cues["organisation join"]
    first = at = place
    while at > 0 and place - at < _MOST_OF_ORGANISATION:
        gap = found.gaps[at - 1]
        before = at - 1
        saint = gap == DOT and found.keys[before] in ("st", "ste", "mt", "dr")
        ampersand = found.text[found.ends[before] : found.starts[at]] in (" & ", "&", "-")
        comma = gap == COMMA and at == place and found.keys[place] in vocabulary().cues["company"]
        if gap != SPACE and not saint and not ampersand and not comma:
            break
        if _belongs(found, before):
            first = before
        elif found.keys[before] not in join:
            break
        at = before
    return first


def _forwards(found: Words, place: int) -> int:
    """Last word of the name of an institution that begins with its kind."""
    join = vocabulary().cues["organisation join"]
    last = at = place
    while at + 1 < len(found.keys) and at - place < _MOST_OF_ORGANISATION:
        gap, following = found.gaps[at], at + 1
        saint = gap == DOT and found.keys[at] in ("st", "ste", "s")
        if gap != SPACE and not saint:
            break
        key = found.keys[following]
        if key in join or found.kinds[following] == PARTICLE:
            at = following
            continue
        plain = (
            found.kinds[following] == TERM_ALONE and key not in vocabulary().cues["organisation word"]
            and not found.flags[following] & PLACE
        )  # fmt: skip
        if (
            (plain and last == place)
            or not _belongs(found, following)
            or (found.cases[following] == CAPS != found.cases[place] and len(key) < 4)
        ):
            break
        last = at = following
    return last


# Places ----------------------------------------------------------------------------------------------------------


def _places(found: Words, taken: set[int], with_organisations: bool) -> list[Span]:
    """Places by list, form and context; the words of those that context tells are added to `taken`.

    Args:
        found: the text.
        taken: words of institutions.
        with_organisations: whether institutions are reported: else the places in their names are.
    """
    if vocabulary().place_heads.isdisjoint(found.keys) and not any(flags & PLACE for flags in found.flags):
        return []
    longer, starts = vocabulary().longer_places, vocabulary().longer_place_starts
    inside: frozenset[int] = frozenset() if not with_organisations else frozenset(taken)
    spans: list[Span] = []
    end = len(found.keys)
    place = 0
    while place < end:
        last = place
        key = found.keys[place]
        bits = found.flags[place]
        if place in inside or (found.cases[place] == LOWER and found.cased):
            place += 1
            continue
        if key in starts:
            for size in range(min(_MOST_OF_PLACE, end - place), 1, -1):
                if " ".join(found.keys[place : place + size]) in longer and all(
                    found.gaps[one] in (SPACE, DOT) for one in range(place, place + size - 1)
                ):
                    last = place + size - 1
                    break
        if last == place and not bits & PLACE and found.kinds[place] in _NO_PLACE and found.gaps[place - 1] != COLON:
            place += 1
            continue
        likelihood, until = _place_at(found, place, last, bits)
        if likelihood is None:
            place += 1
            continue
        spans.append(Span(found.starts[place], found.ends[until], "LOCATION", likelihood))
        taken.update(range(place, until + 1))
        place = until + 1
    return spans


def _place_at(found: Words, place: int, last: int, bits: int) -> tuple[Likelihood | None, int]:
    """How surely words are a place, and the last word of it with its state or country."""
    cues = vocabulary().cues
    nothing = (None, place)
    kind, key = found.kinds[place], found.keys[place]
    if kind == NOISE or (kind == INITIAL and last == place):
        return nothing
    several = last > place
    listed = several or bool(bits & PLACE)
    gap = found.gaps[last]
    # City, ST and City ST.
    if (
        gap in (COMMA, SPACE)
        and last + 1 < len(found.keys)
        and (several or (kind not in (STRONG, PARTICLE) and not bits & STRONG_TERM))
    ):
        after = last + 1
        code, after_bits = found.keys[after], found.flags[after]
        zipped = _is_zip(found, after)
        if (
            code in cues["state code"]
            and found.cases[after] == CAPS
            and (zipped or found.gaps[after] in ((BREAK, DOT) if gap == SPACE else (BREAK, SPACE, COMMA, DOT)))
        ):
            doubtful = code in cues["doubtful state code"]
            if (
                code == "md"
                and not zipped
                and bits & NAME
                and (not bits & BIG_CITY or bits & (GIVEN_COMMON | SURNAME_COMMON) or _beside_name(found, place))
            ):
                return nothing  # David Cunningham, MD
            pure = (
                several
                or (bool(bits & PLACE) and not bits & (NAME | ANY_TERM))
                or bool(bits & BIG_CITY and not bits & _PLAIN_TERM)
                or bool(bits & CITY and not doubtful and not bits & (_PLAIN_TERM | GIVEN_COMMON | SURNAME_COMMON))
                or bool(bits & CITY and bits & SURNAME_RARE and not bits & _PLAIN_TERM)
            )
            if (
                zipped
                or (listed and gap == COMMA and (not doubtful or not bits & ANY_TERM))
                or (gap == COMMA and not doubtful and kind in (UNKNOWN, PLACED, AMBIGUOUS) and code not in ("md", "dc"))
                or (gap == COMMA and listed and not doubtful)
                or (pure and (not doubtful or several or bits & PLACE))
            ):
                return _SURE, after
        if gap == COMMA and listed and after_bits & COUNTRY and not after_bits & STRONG_TERM:
            return _SURE, after
    before = place - 1
    if last + 1 < len(found.keys) and gap == SPACE and found.keys[last + 1] in cues["eponym head"]:
        return nothing
    if before >= 0:
        if found.gaps[before] in (SPACE, DOT) and found.keys[before] in cues["title"] | cues["doctor"]:
            return nothing
        lead, between = found.keys[before], found.gaps[before]
        if between == COLON and lead in cues["place label"] and kind != STRONG:
            until = last
            while (
                until + 1 < len(found.keys)
                and until - place < 3
                and found.gaps[until] == SPACE
                and (found.cases[until + 1] == found.cases[place] and found.kinds[until + 1] != TERM_ALONE)
            ):
                until += 1
            return _SURE, until
        if between == SPACE and lead in cues["place before"]:
            weak = lead in ("of", "a", "de", "da", "di", "te", "por", "en", "do")
            if several or (listed and not bits & (ANY_TERM | NAME)):
                return _LIKELY, last
            told = before > 0 and found.keys[before - 1] in cues["place lead"]
            written = found.cases[place] == TITLE and found.cases[before] == LOWER and not weak
            if listed and not bits & STRONG_TERM and (not bits & TERM or told or written) and (not weak or told):
                return _LIKELY, last
            if told and kind in (UNKNOWN, PLACED, NAMED) and found.cases[place] in (TITLE, CAPS) and lead != "by":
                return _LIKELY, last
    if several:
        return (_LIKELY, last) if _pure_words(found, place, last) or key in cues["place start"] else nothing
    if bits & BIG_CITY and not bits & (_PLAIN_TERM | GIVEN_COMMON) and len(found.keys) == 1:
        return _LIKELY, last
    company = _beside_name(found, place)
    if bits & COUNTRY and not bits & (ANY_TERM | GIVEN) and not (bits & SURNAME and company):
        return _LIKELY, last
    if last + 1 < len(found.keys) and len(found.keys[last + 1]) == 4 and found.keys[last + 1][:2] in ("19", "20"):
        return nothing  # an equation by its place and year: "CRL, Tokyo 1986"
    if bits & BIG_CITY and not bits & (_PLAIN_TERM | GIVEN_COMMON | SURNAME_COMMON) and not company and len(key) > 3:
        return _LIKELY, last
    alone = len(found.keys) == 1 or (
        found.gaps[place] in (BREAK, COMMA) and (place == 0 or found.gaps[before] in (BREAK, COMMA))
    )
    if (
        bits & CITY
        and not bits & (ANY_TERM | NAME)
        and len(key) > 4
        and not company
        and (alone or _is_zip(found, place))
    ):
        return _POSSIBLE, last
    return nothing


def _pure_words(found: Words, place: int, last: int) -> bool:
    """Whether a place of several words says so by itself: not "Long Beach", but "Frankfurt am Main"."""
    return any(
        not found.flags[one] & (_PLAIN_TERM | NAME) and len(found.keys[one]) > 3 for one in range(place, last + 1)
    )


def _beside_name(found: Words, place: int) -> bool:
    """Whether a word that is a name and no place stands beside: PARIS HILTON."""
    for beside, gap in ((place - 1, place - 1), (place + 1, place)):
        if (
            0 <= beside < len(found.keys)
            and found.gaps[gap] in (SPACE, CARET, COMMA, DOT)
            and found.kinds[beside] in (NAMED, INITIAL)
        ):
            bits = found.flags[beside]
            if (
                found.kinds[beside] == INITIAL
                and found.gaps[gap] != DOT
                and found.keys[beside] in _LETTERS_OF_THE_FIELD
            ):
                continue
            if not bits & PLACE or bits & GIVEN:
                return True
    return False


def _is_zip(found: Words, place: int) -> bool:
    """Whether five digits follow."""
    following = place + 1
    return following < len(found.keys) and len(found.keys[following]) == 5 and found.keys[following].isdigit()
