"""Numbers of telephones: by form where the form tells, else behind a word that says so."""

from __future__ import annotations

from collections.abc import Iterator

from effacer_server.engine.text.pattern_forms import Form, Left, Recogniser, before, behind, digits_of, in_number, words
from effacer_server.engine.text.spans import Likelihood, Span

_PHONE = frozenset({"PHONE_NUMBER"})
_TAIL = Form(r"(?:,? ?(?:x|ext\.?|extn\.?|extension|#|durchwahl|dw|app|poste|int\.?)[ .:]{0,2}[0-9]{1,6})\b")
_LEFT = Left(
    r"(?:^|[^a-z])(?:"
    + words("phone")
    + r")(?: ?\([a-z ]{1,10}\)|'s)?[ .:=#,/-]{0,4}(?:(?:is|at|no|nr|number|num|me|us|him|her|on|to|dr|home"
    r"|work|cell|office)[ .:#]{0,3}){0,2}\z"
)
_PAGED = Form(
    r"(?:^|[^a-z])(?:"
    + words("pager")
    + r")[ .:#]{0,3}(?:(?:is|no|nr|number|at)[ .:#]{0,3})?([0-9]{4,7}|[0-9]-[0-9]{4}|[0-9]{3}-[0-9]{4})\b"
)
_EXTENSION = Form(
    r"(?:^|[^a-z])(?:call|phone|tel|contact|dial|ring)[a-z .:]{1,24}(?:ext\.?|x|extn"
    r"|extension)[ .:#]{0,2}([0-9]{3,6})\b"
)
_NOT_PHONE = Left(r"(?:^|[^a-z])(?:" + words("not_phone", "version") + r")[ .:=#(-]{0,3}\z")
_DATE = Form(
    r"(?:0?[1-9]|[12][0-9]|3[01])([-/.])(?:0?[1-9]|[12][0-9]|3[01])[-/.](?:(?:19|20)?[0-9]{2})(?:[^0-9]|\z)"
    r"|(?:19|20)[0-9]{2}[-/.]?(?:0[1-9]|1[0-2])[-/.]?(?:0[1-9]|[12][0-9]|3[01])(?:[^0-9]|\z)"
)
# Source: ITU-T E.164: country code and number, fifteen digits at most; E.123 for the way to write them.
_ABROAD = Form(r"(?:\+ ?|\b00 ?|\b011[ -])\(?[1-9][0-9]{0,2}\)?(?:[ ./-]{0,2}\(?[0-9]{1,12}\)?){1,8}")
# Source: NANP, ATIS-0300051: area code and exchange; ones beginning with 0 or 1 are not given out, but written.
_AMERICAN = Form(
    r"(?:\b(?:1|001)[ .-]{0,2})?(\( ?[2-9][0-9]{2} ?\)|[2-9][0-9]{2})([ ./-]{0,3})([0-9]{3})([ .-]{1,3})([0-9]{4})"
)
# Trunk prefix 0, as in most of Europe.
_NATIONAL = Form(r"\(?\b0[1-9][0-9]{0,4}\)?(?:[ ./-]{1,2}[0-9]{2,8}){1,5}")
_INSURED = Form(r"[0-9]{3}-[0-9]{2}-[0-9]{4}\b")
_ANY = Form(r"[+(]{0,2}[0-9][0-9 ()./-]{3,24}[0-9]")
_EDGE = Form(r"\z|[^a-z0-9]|x ?[0-9]|e?xt")


def phones(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Telephones, faxes and pagers, with their extensions."""
    yield from _abroad(data)
    yield from _american(data)
    yield from _national(data)
    for found in _ANY.each(data):
        start, end = found.span()
        if _LEFT.inside(before(data, start)) and not _DATE.at(data, start):
            end = _cut(data, start, end, 15)
            count = len(digits_of(data[start:end]))
            if (7 <= count <= 15 and not data[end : end + 1].isalpha()) or (count >= 7 and _TAIL.at(data, end)):
                yield Span(start, _tail(data, end), "PHONE_NUMBER", Likelihood.VERY_LIKELY)
    for form in (_PAGED, _EXTENSION):
        for found in form.each(data):
            yield Span(found.start(1), found.end(1), "PHONE_NUMBER")


def _abroad(data: bytes) -> Iterator[Span]:
    for found in _ABROAD.each(data):
        start, end = found.span()
        plus = data[start : start + 1] == b"+"
        if start and (data[start - 1 : start].isalnum() or data[start - 1 : start] in b"+."):
            continue
        american = (
            data[start + 1 : start + 3] in (b"1 ", b"1-", b"1(", b"1.") or digits_of(data[start : start + 4])[:1] == "1"
        )
        end = _cut(data, start, end, 11 if plus and american else 15)
        count = len(digits_of(data[start:end]))
        if not plus:
            # Without signs between its groups it may be any number with leading zeros.
            grouped = any(sign in b" ./()-" for sign in data[start + 2 : end])
            if not grouped and not _LEFT.inside(before(data, start)):
                continue
            count -= 2
        if 8 <= count <= 15 and _EDGE.at(data, end) is not None and not in_number(data, start, end):
            yield Span(start, _tail(data, end), "PHONE_NUMBER", Likelihood.VERY_LIKELY if plus else Likelihood.LIKELY)


def _american(data: bytes) -> Iterator[Span]:
    for found in _AMERICAN.each(data):
        start, end = found.span()
        area, gap, exchange, other = (found[group] or b"" for group in range(1, 5))
        opened = area[:1] == b"("
        if in_number(data, start, end):
            continue
        if _EDGE.at(data, end) is None or (start and data[start - 1 : start].isalnum()):
            continue
        if start and data[start - 1 : start] in b"-/.+" and not data[start - 2 : start - 1].isspace():
            continue
        if data[end : end + 1] in (b"-", b"/", b".") and data[end + 1 : end + 2].isdigit():
            continue
        context = before(data, start)
        if not _LEFT.inside(context):
            if _NOT_PHONE.inside(context) or (not gap and not opened):
                continue
            spaced = not opened and gap.strip() == b"" and other.strip() == b""
            if spaced and (exchange[:1] in b"01" or _among_numbers(data, start, end) or _sized(area, exchange)):
                continue
            if not opened and b"." in gap and other != gap:
                continue
        yield Span(start, _tail(data, end), "PHONE_NUMBER")


def _national(data: bytes) -> Iterator[Span]:
    for found in _NATIONAL.each(data):
        start, end = found.span()
        if start and data[start - 1 : start] in b".-/+,":
            continue
        end = _cut(data, start, end, 12)
        count = len(digits_of(data[start:end]))
        signs = {sign for sign in data[start:end] if sign in b" ./-"}
        if not 9 <= count <= 12 or len(signs) > 2 or _DATE.at(data, start) or _EDGE.at(data, end) is None:
            continue
        if in_number(data, start, end) or _NOT_PHONE.inside(before(data, start)) or _INSURED.at(data, start):
            continue
        yield Span(start, _tail(data, end), "PHONE_NUMBER")


def _cut(data: bytes, start: int, end: int, most: int) -> int:
    """End of the groups of digits from `start` that together have at most `most`, and begin no date."""
    count, last, place = 0, start, start
    while place < end:
        if not 48 <= data[place] <= 57:
            if data[place : place + 2] == b"  " or data[place : place + 3] == b" - ":
                break
            place += 1
            continue
        first = place
        while place < end and 48 <= data[place] <= 57:
            place += 1
        count += place - first
        if count > most or (first > start + 1 and count > place - first + 6 and _DATE.at(data, first) is not None):
            break
        last = place
    return last


def _tail(data: bytes, end: int) -> int:
    """End with the extension."""
    found = _TAIL.at(data, end)
    return end if found is None else found.end()


def _sized(*parts: bytes) -> bool:
    """Sizes of a matrix are multiples of large powers of two."""
    return all(int(part) % 32 == 0 for part in parts)


def _among_numbers(data: bytes, start: int, end: int) -> bool:
    left, right = before(data, start, 2), behind(data, end, 2)
    return left[:1].isdigit() or right[1:].isdigit()


RECOGNISERS = (
    Recogniser(
        _PHONE,
        r"[0-9]{3}[ )./-]{1,3}[0-9]{3}|\+ ?\(?[1-9]|\b00[1-9]|\b0[1-9][0-9]{0,4}\)?[ ./-]{1,2}[0-9]{2}"
        r"|[0-9]{7}|[0-9]-?[0-9]{4}\b"
        rf"|(?:{words('phone', 'pager')})[^0-9]{{0,24}}[0-9]{{3}}",
        phones,
    ),
)
