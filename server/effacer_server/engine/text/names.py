"""Persons, places and organisations: what is told by words and by the words beside them.

A value is cut into words once (`words.read`). Names are then told by form (LAST^FIRST, LAST, FIRST, initials), by
what stands beside (titles, labels, credentials) and by company: one word that is a name and nothing else makes names
of those next to it that may be one. The closed vocabulary is the veto; form and context overrule it. Linear in the
length of a text: every rule looks at a bounded number of words around the one it stands at.
"""

from __future__ import annotations

from effacer_server.engine.text.organisations import find_organisations
from effacer_server.engine.text.persons import Persons, whole_values
from effacer_server.engine.text.places import find_places
from effacer_server.engine.text.spans import Likelihood, Span
from effacer_server.engine.text.vocabulary import ANY_TERM, BIG_CITY, GIVEN_COMMON, SURNAME_COMMON
from effacer_server.engine.text.words import Words, read

KINDS = frozenset({"PERSON_NAME", "LOCATION", "ORGANIZATION_NAME"})

# VRs whose values have words. Source: PS3.5 Table 6.2-1; the others hold codes, numbers, times and identifiers.
_WITH_WORDS = frozenset({"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT", ""})
_PROSE = frozenset({"LT", "ST", "UT"})
_PROSE_WORDS = 6


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
            return whole_values(text) if "PERSON_NAME" in self._wanted else []
        found = read(text)
        if not found.keys:
            return []
        if vr == "AE":
            spans = _listed(found)
        else:
            taken: set[int] = set()
            organisations = find_organisations(found, taken)
            places = find_places(found, taken, "ORGANIZATION_NAME" in self._wanted)
            spans = organisations + places
            if "PERSON_NAME" in self._wanted:
                strict = self._strict and (vr in _PROSE or len(found.keys) >= _PROSE_WORDS)
                spans += Persons(found, taken).find(strict)
        return [span for span in spans if span.info_type in self._wanted]


def _listed(found: Words) -> list[Span]:
    """Names and places that lists have and the vocabulary has not: titles of applications hold no sentences."""
    spans = []
    for place, key in enumerate(found.keys):
        bits = found.flags[place]
        if len(key) < 5 or bits & ANY_TERM:
            continue
        if bits & BIG_CITY:
            spans.append(Span(found.starts[place], found.ends[place], "LOCATION", Likelihood.POSSIBLE))
        elif bits & (GIVEN_COMMON | SURNAME_COMMON):
            spans.append(Span(found.starts[place], found.ends[place], "PERSON_NAME", Likelihood.POSSIBLE))
    return spans
