"""Ages and sexes of people; no durations, follow-ups, catheters or nuclides."""

from __future__ import annotations

from collections.abc import Iterator

from effacer_server.engine.text.pattern_forms import Form, Found, Left, Recogniser, before, behind, span, words
from effacer_server.engine.text.spans import Likelihood, Span

_UNITS = (
    "years?|yrs?|y|months?|mons?|mos?|m|weeks?|wks?|w|days?|d|hours?|hrs?"
    "|jahre?n?|monate?n?|wochen?|tage?n?|ans?|mois|semaines?|jours?|anos?|meses|mes|semanas|dias|anni|mesi"
    "|settimane|giorni"
    "|jaar|maanden|weken|dagen"
)
_NUMBER = r"([0-9]{1,3})(?:[.,][0-9]|[ -]?1/2)?"
# 65-year-old, 2 years 3 months old, 65 Jahre alt
_OLD = Form(
    rf"\b{_NUMBER}[ -]{{0,2}}(?:{_UNITS})\.?(?:,? ?(?:and "
    rf"|& )?[0-9]{{1,2}}[ -]?(?:{_UNITS})\.?)?[ -]{{0,2}}(?:olds?|alt|alte[rns]?|oud|of age)\b"
    rf"|\b{_NUMBER}[ -]?(?:jahrige[rnsm]?|jaehrige[rnsm]?|jarige)\b"
)
_SHORT_OLD = Form(
    rf"\b{_NUMBER}[ -]?(?:y/?o|y\.o\.?|y\.? o\.?|yo|yrs?/?o|m/o|mo/o|wk/o|d/o|yom|yof|yo ?[mf])(?:[^a-z0-9]|\z)"
)
_SHORT_OLD_END = Form(r"[ -]?(?:y/?o|y\.o\.?|y\.? o\.?|yo|yrs?/?o|m/o|mo/o|wk/o|d/o)")
_LABELLED = Form(
    rf"(?:^|[^a-z])(?:{words('age_label')})(?: ?\((?:{_UNITS}|yrs?\.?)\))?[ .:=_(\[-]{{0,3}}(?:(?:is|of|was"
    rf"|von|at)[ :]{{1,2}})?{_NUMBER}([ -]?(?:{_UNITS}))?(?:[^a-z0-9]|\z)"
)
_YEARS = Form(
    rf"\b{_NUMBER}(?:[ -]?(?:years?|yrs?|jahre?|ans|anos|anni|jaar)|y)(?:[^a-z0-9]|\z)"
    rf"|\b(0[0-9]{{2}})[ymwd](?:[^a-z0-9]|\z)|\b([0-9]{{2,3}}) y(?:[^a-z0-9]|\z)"
)
_WITH_SEX = Form(
    r"(?:^|[^a-z0-9.,/-])(?:([0-9]{2,3})( ?/ ?| )?[MF]|[MF] ?/ ?([0-9]{2,3})(?:[ ]?[Yy])?)(?:[^a-zA-Z0-9/.-]"
    r"|[.,]?\z)",
    case=True,
)
_INFANT = Form(
    r"\b([0-9]{1,2}) ?-?(?:mo|mos|months?|wks?|weeks?|days?)\.? ?-?(?:m|f|male|female|boy|girl"
    r"|infant)(?:[^a-z0-9/]|\z)"
)

_NO_AGE = Left(r"(?:^|[^a-z])(?:" + words("not_age_before") + r")[ ._-]{0,3}\z")
_WHILE = Left(
    r"(?:(?:^|[^a-z])(?:"
    + words("duration_before")
    + r")|[<>~=#+*])[ .:(-]{0,2}(?:(?:the|last|past|next|a|about)[ ])?\z".replace(r"\~|", "")
)
_LASTING = Form(r"[ .,)-]{0,3}(?:" + words("duration_after") + r")(?:[^a-z]|\z)")
_THING = Form(r"[ ,-]{1,2}(?:[a-z]+ ){0,1}(?:" + words("aged_thing") + r")(?:[^a-z]|\z)")
_PERSON = Form(r"[ ,./-]{0,3}(?:" + words("sex_word") + r")(?:[^a-z]|\z)")
_PERSON_LEFT = Left(r"(?:^|[^a-z])(?:" + words("sex_word") + r")[ .,:/(-]{0,3}(?:(?:is|was|a|an|de|di|von|van)[ ])?\z")
_SEX_AFTER = Form(r"[ ,./-]{0,3}(?:m|f|male|female)(?:[^a-z0-9]|\z)|[ .)]{0,2}\z|[ ]?[,;]")
_FRENCH = Form(r"[ .,-]{0,2}(?:[a-z]+[ -])?(?:" + words("not_french") + r")(?:[^a-z]|\z)")
_YTTRIUM = Form(r"(?:^|[^a-z])(?:" + words("yttrium") + r")(?:[^a-z]|\z)")


def ages(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Numbers with "old", a label, or a unit of years that nothing makes a duration; with their units."""
    for found in _OLD.each(data):
        if _possible(found, 1, 2) and _THING.at(data, found.end()) is None and not _ranged(data, found.start()):
            yield span(found, "AGE", Likelihood.VERY_LIKELY)
    for found in _SHORT_OLD.each(data):
        if _possible(found, 1) and not _ranged(data, found.start()):
            unit = _SHORT_OLD_END.at(data, found.end(1)) or _SHORT_OLD_END.first(data[found.end(1) :])
            end = (
                found.end(1) + unit.end()
                if unit and unit.start() < found.end(1)
                else unit.end()
                if unit
                else found.end(1)
            )
            yield Span(found.start(1), end, "AGE", Likelihood.VERY_LIKELY)
    for found in _LABELLED.each(data):
        end = found.end(2) if found.start(2) >= 0 else found.end(1)
        if (
            _possible(found, 1)
            and not _NO_AGE.inside(before(data, _word(data, found.start())))
            and not _range_behind(data, end)
        ):
            yield Span(found.start(1), end, "AGE", Likelihood.VERY_LIKELY)
    for found in _YEARS.each(data):
        if _years(data, found):
            start = max(found.start(group) for group in (1, 2, 3))
            yield Span(start, _trimmed(data, found.end()), "AGE")
    for found in _INFANT.each(data):
        if not _WHILE.inside(before(data, found.start())):
            end = found.start(1)
            while end < found.end() and (data[end : end + 1].isdigit() or data[end : end + 1] in b" -"):
                end += 1
            while end < found.end() and data[end : end + 1].isalpha():
                end += 1
            yield Span(found.start(1), end, "AGE")
    for found in _WITH_SEX.each(data):
        if _with_sex(data, found):
            yield span(found, "AGE", Likelihood.LIKELY, 1 if found.start(1) >= 0 else 3)


def _possible(found: Found, *groups: int) -> bool:
    return any(found.start(group) >= 0 and 0 <= int(found[group] or 0) <= 130 for group in groups)


def _word(data: bytes, start: int) -> int:
    """Start of the label itself: the match begins at the sign before it."""
    return start if data[start : start + 1].isalnum() else start + 1


def _ranged(data: bytes, start: int) -> bool:
    """The upper end of a range: 12-17 years old; or behind a decimal point."""
    left = before(data, start, 2)
    return left[:1].isdigit() and left[1:] in b"-." and len(left) == 2


def _range_behind(data: bytes, end: int) -> bool:
    right = behind(data, end, 3).replace(b" ", b"")
    return (right[:1] in (b"-", b"+", b">") and right[1:2].isdigit()) or right[:1] in (b"+", b"%") or right[:2] == b"to"


def _trimmed(data: bytes, end: int) -> int:
    """End without the sign that closed the match."""
    return end if data[end - 1 : end].isalnum() else end - 1


def _years(data: bytes, found: Found) -> bool:
    group = next(group for group in (1, 2, 3) if found.start(group) >= 0)
    start, end, number = found.start(group), _trimmed(data, found.end()), int(found[group] or 0)
    context = before(data, start)
    if number > 130 or (number == 0 and group == 1) or _ranged(data, start) or _range_behind(data, end):
        return False
    if data[start - 1 : start] in b"./+*" and start and not data[start - 2 : start - 1].isalpha():
        return False
    if group == 2:
        return not _WHILE.inside(context)
    if _WHILE.inside(context) or _LASTING.at(data, end) is not None or _THING.at(data, end) is not None:
        return False
    if number == 90 and (_YTTRIUM.inside(context) or _YTTRIUM.inside(behind(data, end))):
        return False
    if (data[end - 1 : end] in b"yY" and end - start == len(str(number)) + 1) or end - start == 4:
        return group != 3 or _SEX_AFTER.at(data, end) is not None
    if group == 3:
        return _SEX_AFTER.at(data, end) is not None and b"x" not in context.lower()[-6:]
    # "65 years" in prose is a duration as often as an age: a person beside it, or nothing at all, decides.
    alone = not data[:start].strip() and not data[end:].strip(b" .")
    return alone or _PERSON.at(data, end) is not None or _PERSON_LEFT.inside(context)


def _with_sex(data: bytes, found: Found) -> bool:
    """65M, 72/F, M/65: at the beginning or beside words on a person, and no catheter."""
    first = found.start(1) >= 0
    start = found.start(1 if first else 3)
    number = int(found[1 if first else 3] or 0)
    end = _trimmed(data, found.end())
    if not 16 <= number <= 110 or _FRENCH.at(data, end) is not None:
        return False
    slashed = b"/" in data[found.start() : found.end()]
    opening = not data[: found.start(1) if first else found.start()].strip(b" (-:,")
    beside = _PERSON.at(data, end) is not None or _PERSON_LEFT.inside(before(data, start))
    if first and not slashed and data[end - 2 : end - 1] == b" ":
        return beside
    if not first:
        return number >= 18
    return slashed or opening or beside


_SEX = Form(r"\b(?:" + words("sex") + r")\b")
_SEX_LABEL = Form(r"(?:^|[^a-z])(?:" + words("sex_label") + r")[ .:=(\[-]{1,3}(?:is )?([mfwoxudhv])(?:[^a-z0-9]|\z)")
_SEX_BESIDE_AGE = Form(r"\b[0-9]{1,3} ?(?:y/?o|y|yrs?|years?|yo)?(?: old)?[ ,/.-]{0,2}([MF])\b", case=True)
_SEX_BEFORE_AGE = Form(r"\b([MF]) ?/ ?[0-9]{2,3}(?:[Yy]\b|\b)", case=True)
_PLUG = Form(r"[ -](?:connector|plug|adapter|adaptor|luer|thread|end)")


def sexes(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Words for a sex, and its letter behind a label or beside an age."""
    for found in _SEX.each(data):
        if _PLUG.at(data, found.end()) is None:
            yield span(found, "GENDER")
    for found in _SEX_LABEL.each(data):
        yield span(found, "GENDER", Likelihood.VERY_LIKELY, 1)
    beside = list(_SEX_BESIDE_AGE.each(data))
    # A letter behind a bare number may be a unit (French, metres): only where the number is an age.
    starts = {one.start for one in ages(data, wanted)} if beside else set()
    for found in beside:
        if found.start() in starts:
            yield span(found, "GENDER", Likelihood.LIKELY, 1)
    for found in _SEX_BEFORE_AGE.each(data):
        yield span(found, "GENDER", Likelihood.LIKELY, 1)


RECOGNISERS = (
    Recogniser(
        frozenset({"AGE"}),
        rf"[0-9][ -]{{0,2}}(?:1/2 ?)?(?:(?:{_UNITS})(?:[^a-z]|olds?\b|\z)|y[/.]?o|jahrig|jaehrig|jarig|[md]/o|wk/o)"
        rf"|[0-9] ?/? ?(?-i:[MF])(?:[^a-z0-9]|\z)|\b(?-i:[MF]) ?/ ?[0-9]|\b(?:{words('age_label')})(?:[^a-z]|\z)",
        ages,
    ),
    Recogniser(
        frozenset({"GENDER"}),
        rf"\b(?:{words('sex', 'sex_label')})\b|[0-9][a-z /,.-]{{0,9}}(?-i:[MF])\b|\b(?-i:[MF]) ?/",
        sexes,
    ),
)
