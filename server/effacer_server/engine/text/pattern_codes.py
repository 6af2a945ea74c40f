"""Numbers of accounts, cards, vehicles and people that carry a check, or ranges nobody was given numbers from."""

from __future__ import annotations

from collections.abc import Iterator

from effacer_server.engine.text import validators
from effacer_server.engine.text.pattern_forms import (
    Form,
    Recogniser,
    apart,
    before,
    behind,
    digits_of,
    in_number,
    left_of,
    near,
    rows,
    span,
    words,
)
from effacer_server.engine.text.spans import Likelihood, Span

_GAP = r"[ .:=#\[(-]{0,3}(?:(?:is|no|nr|number|num|code)[ .:#]{0,3})?"

_IBAN = Form(r"\b[a-z]{2}[0-9]{2}[ .-]?[a-z0-9]")
_IBAN_LEFT = left_of(words("iban"), _GAP)
_CARD = Form(
    r"[0-9]{12,19}|[0-9]{4}[ .-][0-9]{6}[ .-][0-9]{4,5}|[0-9]{4}[ .-][0-9]{4}[ .-][0-9]{4}(?:[ .-][0-9]{1,4}){0,2}"
)
_VIN = Form(r"\b[a-hj-npr-z0-9]{17}\b")
_VIN_LEFT = left_of(words("vin"), _GAP)
_BIC = Form(r"\b[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?\b", case=True)
_BIC_SPACED = Form(r"\b[A-Z]{4}[ -][A-Z]{2}[ -][A-Z0-9]{2}(?:[ -][A-Z0-9]{3})?\b", case=True)
# Words of eight or eleven letters that read as a bank, a country and a place.
_WORDS = frozenset(word for (word,) in rows("not_bic"))
_BANK = near(words("bank"))
_BANK_LEFT = left_of(words("bank"), _GAP)
_NINE = Form(r"[0-9]{3}(?:-[0-9]{2}-|[ ][0-9]{2}[ ]|\.[0-9]{2}\.|[0-9]{2})[0-9]{4}")
_HIDDEN = Form(r"(?:x{3}|\*{3})[- ]?(?:x{2}|\*{2})[- ]?[0-9]{4}\b")
_SSN_LEFT = left_of(words("ssn"), _GAP)
_ITIN_LEFT = left_of(words("itin"), _GAP)
_LAST_FOUR = Form(
    r"(?:^|[^a-z])(?:" + words("ssn") + r")[ .:#]{0,3}\(?last (?:4|four)\)?(?: digits)?[ .:=#]{0,3}(?:is )?([0-9]{4})\b"
)
_TEN = Form(r"\b[12][0-9]{9}\b")
_NPI_LEFT = left_of(words("npi"), _GAP)
_NPI_NEAR = near("npi")
#: No IBAN is longer, with a sign behind every fourth of 34 characters.
_LONGEST_IBAN = 34 + 9


def ibans(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """As long as those of their country, with signs in between or without; a wrong check only behind the label."""
    end = 0
    for found in _IBAN.each(data):
        start = found.start()
        country = data[start : start + 2].decode().upper()
        length = validators.iban_lengths().get(country)
        if length is None or start < end:
            continue
        code, stop = _gather(data[start : start + _LONGEST_IBAN], length)
        if len(code) != length or data[start + stop : start + stop + 1].isalnum() or sum(map(str.isdigit, code)) < 8:
            continue
        if validators.iban(code):
            end = start + stop
            yield Span(start, end, "IBAN_CODE", Likelihood.VERY_LIKELY)
        elif _IBAN_LEFT.inside(before(data, start)):
            end = start + stop
            yield Span(start, end, "IBAN_CODE", Likelihood.POSSIBLE)


def _gather(piece: bytes, length: int) -> tuple[str, int]:
    """The first `length` letters and digits, single blanks, dots and hyphens left out; and where they end."""
    code: list[str] = []
    gap = False
    for place, sign in enumerate(piece.decode().upper()):
        if sign.isalnum():
            code.append(sign)
            gap = False
            if len(code) == length:
                return "".join(code), place + 1
        elif gap or sign not in " .-":
            break
        else:
            gap = True
    return "".join(code), len(piece)


def cards(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Of a known issuer, with its length and the check digit."""
    for found in _CARD.each(data):
        start, end = found.span()
        written = found[0] or b""
        signs = {sign for sign in written if sign in b" .-"}
        if in_number(data, start, end) or not apart(data, start, end, b"-") or len(signs) > 1:
            continue
        if validators.card(digits_of(written)):
            yield Span(start, end, "CREDIT_CARD_NUMBER", Likelihood.VERY_LIKELY)


def vins(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Letters and digits with the check digit at its place; behind the label, those without one, too."""
    for found in _VIN.each(data):
        code = (found[0] or b"").decode().upper()
        digits = sum(map(str.isdigit, code))
        if digits == 17 or digits < 2 or data[found.end() : found.end() + 1] == b"-":
            continue
        if validators.vin(code):
            yield span(found, "US_VEHICLE_IDENTIFICATION_NUMBER", Likelihood.VERY_LIKELY)
        elif _VIN_LEFT.inside(before(data, found.start())):
            yield span(found, "US_VEHICLE_IDENTIFICATION_NUMBER")


def bics(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """In capitals and with a word of banking near, or of a well-known bank: other words look the same."""
    for form in (_BIC, _BIC_SPACED):
        for found in form.each(data):
            start, end = found.span()
            code = "".join(map(chr, (sign for sign in found[0] or b"" if sign not in b" -")))
            if not validators.bic(code) or code.lower() in _WORDS:
                continue
            if _BANK_LEFT.inside(before(data, start)):
                yield span(found, "SWIFT_CODE", Likelihood.VERY_LIKELY)
            elif form is _BIC and (
                validators.known_bic(code) or _BANK.inside(before(data, start)) or _BANK.inside(behind(data, end))
            ):
                yield span(found, "SWIFT_CODE")


def nines(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Nine digits of a taxpayer or an insured person: grouped, or behind their label."""
    for found in _NINE.each(data):
        start, end = found.span()
        written = found[0] or b""
        digits = digits_of(written)
        info_type = "US_SOCIAL_SECURITY_NUMBER" if validators.ssn(digits) else ""
        info_type = info_type or ("US_INDIVIDUAL_TAXPAYER_IDENTIFICATION_NUMBER" if validators.itin(digits) else "")
        alone = apart(data, start, end, b"-/") and not in_number(data, start, end)
        if info_type not in wanted or not (alone or _sentence_end(data, start, end)):
            continue
        labelled = _SSN_LEFT.inside(before(data, start)) or _ITIN_LEFT.inside(before(data, start))
        if labelled:
            yield span(found, info_type, Likelihood.VERY_LIKELY)
        elif b"-" in written or (b" " in written and not _listed(data, start, end)):
            yield span(found, info_type)
    if "US_SOCIAL_SECURITY_NUMBER" in wanted:
        for found in _HIDDEN.each(data):
            yield span(found, "US_SOCIAL_SECURITY_NUMBER")
        for found in _LAST_FOUR.each(data):
            yield span(found, "US_SOCIAL_SECURITY_NUMBER", Likelihood.LIKELY, 1)


def _sentence_end(data: bytes, start: int, end: int) -> bool:
    """A hyphen or slash follows that joins no further digits: "123-45-6789 - seen"."""
    return data[end : end + 1] in b"-/" and not data[end + 1 : end + 2].isalnum() and apart(data, start, end)


def _listed(data: bytes, start: int, end: int) -> bool:
    """Between other numbers: three of a longer list."""
    left, right = before(data, start, 2), behind(data, end, 2)
    return (left[:1].isdigit() and left[1:] in b" ,") or (right[1:].isdigit() and right[:1] in b" ,")


def npis(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """With the check digit, and a label: one of ten numbers of that length passes the check."""
    for found in _TEN.each(data):
        start, end = found.span()
        if in_number(data, start, end) or not validators.npi((found[0] or b"").decode()):
            continue
        if _NPI_LEFT.inside(before(data, start)) or _NPI_NEAR.inside(before(data, start) + b" " + behind(data, end, 8)):
            yield span(found, "US_HEALTHCARE_NPI", Likelihood.VERY_LIKELY)


RECOGNISERS = (
    Recogniser(frozenset({"IBAN_CODE"}), r"\b[a-z]{2}[0-9]{2}[ .-]?[a-z0-9]{2}", ibans),
    Recogniser(frozenset({"CREDIT_CARD_NUMBER"}), r"[0-9]{12}|[0-9]{4}[ .-][0-9]{4,6}[ .-][0-9]{4}", cards),
    Recogniser(frozenset({"US_VEHICLE_IDENTIFICATION_NUMBER"}), r"[a-hj-npr-z0-9]{17}", vins),
    Recogniser(
        frozenset({"SWIFT_CODE"}), r"\b(?-i:[A-Z]{4}[ -]?[A-Z]{2}[ -]?[A-Z0-9]{2}(?:[ -]?[A-Z0-9]{3})?)\b", bics
    ),
    Recogniser(
        frozenset({"US_SOCIAL_SECURITY_NUMBER", "US_INDIVIDUAL_TAXPAYER_IDENTIFICATION_NUMBER"}),
        r"[0-9]{3}[-. ]?[0-9]{2}[-. ]?[0-9]{4}|(?:x{2}|\*{2})[- ]?[0-9]{4}|last (?:4|four)",
        nines,
    ),
    Recogniser(frozenset({"US_HEALTHCARE_NPI"}), r"\b[12][0-9]{9}\b", npis),
)
