"""Places: by list, by form (a state or a zip code behind a city) and by the words beside them."""

from __future__ import annotations

from effacer_server.engine.text.spans import Likelihood, Span
from effacer_server.engine.text.vocabulary import (
    ANY_TERM,
    BIG_CITY,
    CITY,
    COUNTRY,
    GIVEN,
    GIVEN_COMMON,
    NAME,
    PLACE,
    RARE_TERM,
    STRONG_TERM,
    SURNAME,
    SURNAME_COMMON,
    SURNAME_RARE,
    TERM,
    vocabulary,
)
from effacer_server.engine.text.words import (
    AMBIGUOUS,
    BREAK,
    CAPS,
    CARET,
    COLON,
    COMMA,
    DOT,
    INITIAL,
    LETTERS_OF_THE_FIELD,
    LOWER,
    NAMED,
    NOISE,
    PARTICLE,
    PLACED,
    SPACE,
    STRONG,
    TERM_ALONE,
    TITLE,
    UNKNOWN,
    Words,
)

_MOST_OF_PLACE = 5  # words
_LIKELY, _POSSIBLE, _SURE = Likelihood.LIKELY, Likelihood.POSSIBLE, Likelihood.VERY_LIKELY
# Words that English has but hardly uses give way to a place: a berlin is a carriage.
_PLAIN_TERM = ANY_TERM & ~RARE_TERM
_NO_PLACE = frozenset({TERM_ALONE, NOISE, INITIAL, PARTICLE, STRONG})


def find_places(found: Words, taken: set[int], with_organisations: bool) -> list[Span]:
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
            if found.kinds[beside] == INITIAL and found.gaps[gap] != DOT and found.keys[beside] in LETTERS_OF_THE_FIELD:
                continue
            if not bits & PLACE or bits & GIVEN:
                return True
    return False


def _is_zip(found: Words, place: int) -> bool:
    """Whether five digits follow."""
    following = place + 1
    return following < len(found.keys) and len(found.keys[following]) == 5 and found.keys[following].isdigit()
