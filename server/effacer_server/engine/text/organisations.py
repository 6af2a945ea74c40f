"""Organisations: institutions and companies, by the word that says what they are and by the words around it."""

from __future__ import annotations

from effacer_server.engine.text.spans import Likelihood, Span
from effacer_server.engine.text.vocabulary import GIVEN_COMMON, NAME, PLACE, STRONG_TERM, SURNAME_COMMON, vocabulary
from effacer_server.engine.text.words import CAPS, COMMA, DOT, INITIAL, LOWER, NOISE, PARTICLE, SPACE, TERM_ALONE, Words

_MOST_OF_ORGANISATION = 7  # words


def find_organisations(found: Words, taken: set[int]) -> list[Span]:
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
        spans.append(Span(found.starts[first], found.ends[last], "ORGANIZATION_NAME", Likelihood.LIKELY))
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
