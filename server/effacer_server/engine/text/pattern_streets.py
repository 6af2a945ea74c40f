"""Streets with their numbers, in the orders and languages they are written in, and boxes at post offices.

A word for a street is often one of imaging, too (ST, CT, DR, LN, view, run): such a word needs more around it.
"""

from __future__ import annotations

from collections.abc import Iterator

from effacer_server.engine.text.pattern_forms import (
    Form,
    Found,
    Left,
    Recogniser,
    alternation,
    before,
    rows,
    word_set,
    words,
)
from effacer_server.engine.text.spans import Likelihood, Span

_STATES = alternation(code for (code,) in rows("us_states"))
_STRONG = word_set("us_suffix_strong")
_BARE = word_set("us_suffix_bare")
# Words of imaging that streets are called, too (Park, Hill, First), do not speak against one.
_NOT_STREET = word_set("not_street") - word_set("street_name")
_SUFFIX = words("us_suffix_strong", "us_suffix_weak")
_WORD = r"(?:[0-9]{1,3}(?:st|nd|rd|th)|[a-z][a-z'-]*\.?)"
# Source: USPS Publication 28: number, direction, name, suffix, direction, secondary unit.
_AMERICAN = Form(
    rf"\b([0-9]{{1,6}}(?:-[0-9]{{1,4}})?[a-z]?),? ((?:{_WORD} ){{1,4}}?)({_SUFFIX})\b\.?( (?:n|s|e|w|ne|nw|se"
    rf"|sw|north|south|east|west)\b)?"
)
_UNIT = Form(rf",? {{0,2}}(?:(?:{words('unit')})\.? ?#? ?([0-9]{{1,5}}[a-z]?|[a-z])\b|# ?[0-9a-z]{{1,6}}\b)")
_CITY = Form(
    rf"(?:,|\n|, )? ?((?:[a-z][a-z.'-]+ ?){{1,3}}),? (?:{_STATES})\.?,? [0-9]{{5}}(?:-[0-9]{{4}})?\b"
    r"|,? ?(?:[a-z][a-z'-]+,? ){1,3}[a-z]{1,2}[0-9][0-9a-z]? [0-9][a-z]{2}\b"
)
_STATE_TAIL = Form(
    rf", ?(?:[A-Z][A-Za-z.'-]+ ?){{1,3}}, ?(?:{_STATES.upper()})\b(?:,? [0-9]{{5}}(?:-[0-9]{{4}})?\b)?", case=True
)
_POSTCODE_CITY = Form(
    r",? ?(?:[A-Z]{1,2}-)?[0-9]{4,5}(?: [A-Z]{2})? [A-Z][A-Za-z'-]+(?:[ -][A-Z][a-z]+)?(?: (?:am|an der"
    r"|a\.) [A-Z][a-z]+)?",
    case=True,
)
_UNITED = Form(
    rf"\b([0-9]{{1,6}}[a-z]?) ((?:{_WORD} ?){{1,3}}?),? ?(?:apt|apartment|suite|ste)\.? ?#? ?[0-9]{{1,5}}[a-z]?\b"
)
_BOX = Form(rf"\b(?:{words('box')}) ?#?:? ?[0-9][0-9 ]{{0,7}}[0-9]?\b")
_SUFFIXED = words("street_suffix")
_NUMBER_BEHIND = r" ?([0-9]{1,4} ?[a-zA-Z]?(?: ?[-/] ?[0-9]{1,4}[a-z]?)?)\b"
_GERMAN = Form(
    rf"\b((?:[A-Z][A-Za-z.-]{{2,}}?(?:{_SUFFIXED})|[A-Z]{{3,}}(?:{_SUFFIXED.upper()})"
    rf"|(?:[A-Z][a-z]+(?:er)?[ -]){{1,3}}(?:{words('street_word')})|Strase des [0-9A-Z][A-Za-z0-9. ]{{1,20}}?"
    rf"|(?:{words('street_lead')}) [A-Z][a-z]{{3,}}(?:[ -][A-Z][a-z]+)?)){_NUMBER_BEHIND}",
    case=True,
)
_LINK = rf"(?:(?:{words('street_link')})[ '])"
_LINKED = Form(_LINK)
_LEAD = Form(rf"(?:{words('street_lead')}) ", case=True)
_STREET_WORD = Form(rf"(?:{words('street_word', 'street_suffix')})\z")
_FRENCH_ALONE = (b"rue", b"avenue", b"av.", b"boulevard", b"bd", b"chemin", b"impasse", b"quai")
_FRENCH = Form(
    rf"\b[0-9]{{1,4}}(?: ?(?:bis|ter|quater|[a-d]))?,? ({words('street_french')}) "
    rf"((?:{_LINK}){{0,3}}[a-z][a-z'-]+(?:[ -](?:{_LINK})?[A-Z][a-z'-]+){{0,3}})"
)
_ROMANCE = Form(
    rf"\b((?:{words('street_romance')}"
    rf"|(?i:{words('street_spanish')})) ?(?:(?i:{_LINK}) ?){{0,2}} ?[A-Z0-9][A-Za-z'.]+"
    rf"(?: {_LINK}?[A-Z][A-Za-z'.]+){{0,3}}),? ?(?:n[o.]{{0,2}} ?)?([0-9]{{1,5}}[a-zA-Z]?)\b",
    case=True,
)
_LABEL = Form(
    rf"(?:^|[^a-z])(?:{words('address_label')})[ .:=-]{{1,3}}"
    r"([0-9]{1,6}[a-z]? (?:[a-z0-9][a-z0-9.'-]* ?){1,5})(?:[,;\n(]|\z)"
)
_LABEL_LEFT = Left(rf"(?:^|[^a-z])(?:{words('address_label')})[ .:=-]{{1,3}}\z")


def streets(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Number and street, in either order, with unit, postcode and city where they follow."""
    for found in _AMERICAN.each(data):
        if _american(data, found):
            yield Span(found.start(), _tail(data, _full_stop(data, found)), "STREET_ADDRESS", Likelihood.VERY_LIKELY)
    for found in _UNITED.each(data):
        if _named(found[2] or b"", data.isupper()) and not _glued(data, found.start()):
            yield Span(found.start(), _tail(data, found.end()), "STREET_ADDRESS")
    for found in _BOX.each(data):
        yield Span(found.start(), _tail(data, found.end()), "STREET_ADDRESS", Likelihood.VERY_LIKELY)
    for form in (_GERMAN, _ROMANCE):
        for found in form.each(data):
            if _continental(found[1] or b"") and (form is _ROMANCE or _leads(data, found)):
                yield Span(found.start(1), _tail(data, found.end()), "STREET_ADDRESS")
    for found in _FRENCH.each(data):
        kind = (found[1] or b"").lower()
        # A square, place or passage is more than a street only with a word such as "de" behind it.
        if _continental(found[2] or b"") and (kind in _FRENCH_ALONE or _LINKED.at(found[2] or b"", 0) is not None):
            yield Span(found.start(), _tail(data, found.end()), "STREET_ADDRESS")
    for found in _LABEL.each(data):
        yield Span(
            found.start(1),
            _tail(data, found.end(1) - (data[found.end(1) - 1 : found.end(1)] == b" ")),
            "STREET_ADDRESS",
        )


def _full_stop(data: bytes, found: Found) -> int:
    """End without a full stop: nobody can tell the sentence's from the abbreviation's."""
    end = found.end()
    return end - 1 if data[end - 1 : end] == b"." and _UNIT.at(data, end) is None else end


def _glued(data: bytes, start: int) -> bool:
    return start > 0 and data[start - 1 : start] in b"./-x*=+"


def _american(data: bytes, found: Found) -> bool:
    number, name, suffix = (found[group] or b"" for group in (1, 2, 3))
    kind = suffix.decode().lower()
    start, end = found.start(), found.end()
    if _glued(data, start) or not _named(name, True):
        return False
    if _LABEL_LEFT.inside(before(data, start)):
        return True
    unit = _UNIT.at(data, end)
    if (unit is not None and unit.start(1) >= 0) or _STATE_TAIL.at(data, end) or _CITY.at(data, end):
        return True
    plain = name.islower() and not data.islower()
    if kind in _STRONG:
        return not plain or len(number) > 1
    if kind not in _BARE:
        # CT, LN, view, run, field: words of imaging and everyday language; capitalised, behind a house number of size.
        return len(number) >= 3 and suffix[:1].isupper() and not suffix.isupper() and not plain
    return len(number) >= 2 and not plain and (len(number) >= 3 or len(name.strip()) >= 4)


def _named(name: bytes, any_case: bool) -> bool:
    """Words a street can be called: none of imaging or grammar, one longer than a letter or an ordinal."""
    found = name.decode().lower().replace(".", "").split()
    if any(word in _NOT_STREET for word in found):
        return False
    return any(len(word) > 1 for word in found) and (any_case or name[:1].isupper() or name[:1].isdigit())


def _leads(data: bytes, found: Found) -> bool:
    """False for what begins with a preposition (Im Verlauf 2), unless an address goes on behind it or is announced."""
    if _LEAD.at(found[1] or b"", 0) is None or _STREET_WORD.inside(found[1] or b""):
        return True
    return _POSTCODE_CITY.at(data, found.end()) is not None or _LABEL_LEFT.inside(before(data, found.start()))


def _continental(name: bytes) -> bool:
    found = name.decode().lower().replace(".", "").split()
    return not any(word in _NOT_STREET for word in found[1:])


def _tail(data: bytes, end: int) -> int:
    """End with the unit, and with city, state and postcode where all of them tell that they belong to it."""
    found = _UNIT.at(data, end)
    if found is not None:
        end = found.end()
    for form in (_STATE_TAIL, _CITY, _POSTCODE_CITY):
        found = form.at(data, end)
        if found is not None:
            return found.end()
    return end


_TRIGGERS = (
    rf"[0-9][a-z]?,? [a-z0-9'. -]{{1,60}}\b(?:{_SUFFIX}|apt|apartment|suite|ste)\b",
    rf"\b(?:{words('street_french', 'street_romance', 'street_spanish')})[ a-z0-9]",
    rf"(?:{_SUFFIXED}|ring) ?[0-9]",
    rf"\b(?:{words('street_lead')}|strase des) [a-z0-9]",
    rf"(?:{words('box')}) ?#?:? ?[0-9]",
    rf"(?:{words('address_label')})[ .:=-]{{1,3}}[0-9]",
)
RECOGNISERS = (Recogniser(frozenset({"STREET_ADDRESS"}), "|".join(_TRIGGERS), streets),)
