"""Numbers without a form of their own, told by the label before them: records, orders, passports, licences."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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

_JOINT = r"[ .:=#_()\[\]*>\t-]{0,5}"
_FILL = rf"(?:{_JOINT}(?:no|nr|num|nbr|number|numero|nummer|n|id|code|is|was|now|new|old|ext|int|'s)\b)?{_JOINT}"
_VALUE = r"[a-z]{0,5}[-/.]?[0-9][a-z0-9]*(?:[-/._][a-z0-9]+)*"
# Digits in groups: "001 234 567".
_GROUPED = r"[a-z]?[0-9]{2,4}(?: [0-9]{2,4}){1,3}"
_STATES = alternation(code for (code,) in rows("us_states"))

_MEASURED = Form(
    r"(?:[0-9]+(?:\.[0-9]+)?(?:mm|cm|ms|s|t|kv|kvp|ma|mas|hz|mhz|deg|ml|cc|mg|gy|y|yo|yr|yrs)"
    r"|[0-9]+x[0-9]+(?:x[0-9]+)?)\z"
)
_CALENDAR = Form(
    r"(?:[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}"
    r"|(?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2})\z"
)
_OTHERS_ID = Left(r"(?:^|[^a-z])(?:" + words("not_id_before") + r")[ ._-]{0,3}\z")
_DECILITRE = Form(r"[a-z0-9]/\z")


def _form(kinds: tuple[str, ...], fill: str = _FILL, value: str = _VALUE) -> Form:
    return Form(rf"(?:^|[^a-z])({words(*kinds)}){fill}({_GROUPED}|{value})")


def _numbers(
    info_type: str, form: Form, fits: Callable[[str, bytes], bool]
) -> Callable[[bytes, frozenset[str]], Iterator[Span]]:
    """Finds values behind labels; `fits` says by label (lower case, letters alone) and value whether it is one."""

    def find(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
        for found in form.each(data):
            start, end = _extent(data, found)
            value = data[start:end]
            label = "".join(
                map(chr, (sign for sign in (found[1] or b"").lower() if chr(sign).isalnum() or sign in b"#"))
            )
            if _MEASURED.at(value, 0) is not None or _CALENDAR.at(value, 0) is not None or data[end : end + 1] == b"%":
                continue
            if fits(label, value) and not _OTHERS_ID.inside(before(data, found.start(1))):
                # A weak label is beside numbers of any kind: what has a form of its own wins.
                yield Span(start, end, info_type, Likelihood.POSSIBLE if label in _WEAK else Likelihood.VERY_LIKELY)

    return find


def _extent(data: bytes, found: Found) -> tuple[int, int]:
    """Where the value stands; what groups of digits took of a following word or measure is given back."""
    start, end = found.span(2)
    while b" " in data[start:end] and (
        data[end : end + 1].isalnum() or data[end : end + 1] in (b"/", b"-", b".", b":")
    ):
        end = data.rfind(b" ", start, end)
    if data[end : end + 1].isalnum() or (data[end : end + 1] in (b"-", b"/") and data[end + 1 : end + 2].isalnum()):
        rest = _WORD_END.at(data, end)
        end = end if rest is None else rest.end()
    return start, end


_WORD_END = Form(r"[a-z0-9]*(?:[-/._][a-z0-9]+)*")
_WEAK = frozenset("".join(sign for sign in label if sign.isalnum() or sign == "#") for label in word_set("weak_label"))


def _digits(value: bytes) -> int:
    return sum(48 <= sign <= 57 for sign in value)


def _record(label: str, value: bytes) -> bool:
    return _digits(value) >= (5 if label in _WEAK else 3) and len(value) >= 3


def _order(label: str, value: bytes) -> bool:
    return _digits(value) >= (5 if label in _WEAK else 3) and len(value) >= 4


def _passport(label: str, value: bytes) -> bool:
    return 6 <= len(value.replace(b" ", b"")) <= 12 and _digits(value) >= 3


def _licence(label: str, value: bytes) -> bool:
    return 5 <= len(value) <= 24 and _digits(value) >= (5 if label in ("dl", "dlno") else 3)


def _licences(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """As others behind a label; but "dL" behind a slash is a decilitre, and a state may stand before the value."""
    for found in _numbers("US_DRIVERS_LICENSE_NUMBER", _LICENCE, _licence)(data, wanted):
        label = before(data, found.start, 32).lower()
        place = label.rfind(b"dl")
        if place < 1 or not _DECILITRE.inside(label[:place]):
            yield found


_LICENCE = _form(
    ("dl",),
    fill=rf"{_FILL}(?:(?:of |in )?[(\[]?(?:{_STATES})[)\]]?[ :#.-]{{1,3}}(?:no\.?|#|number)?[ :]{{0,2}})?",
    value=r"[a-z]{0,7}[-]?[0-9][a-z0-9*]*(?:[-/.][a-z0-9*]+)*",
)

# A country or its code may stand between label and value.
_PASSPORT = _form(
    ("passport",),
    fill=rf"{_FILL}(?:[(\[]?(?:usa?|uk|gbr|deu|fra|[a-z]{{3}})[)\]]?[ :#.-]{{1,3}}(?:no\.?|#)?[ :]{{0,2}})?",
    value=r"[a-z]{0,3}[0-9][a-z0-9]*",
)

RECOGNISERS = (
    Recogniser(
        frozenset({"MEDICAL_RECORD_NUMBER"}),
        rf"(?:^|[^a-z])(?:{words('mrn', 'patient')})[^a-z]",
        _numbers("MEDICAL_RECORD_NUMBER", _form(("mrn", "patient")), _record),
    ),
    Recogniser(
        frozenset({"ACCESSION_NUMBER"}),
        rf"(?:^|[^a-z])(?:{words('accession')})",
        _numbers("ACCESSION_NUMBER", _form(("accession",)), _order),
    ),
    Recogniser(
        frozenset({"PASSPORT"}), rf"(?:^|[^a-z])(?:{words('passport')})", _numbers("PASSPORT", _PASSPORT, _passport)
    ),
    Recogniser(frozenset({"US_DRIVERS_LICENSE_NUMBER"}), rf"(?:^|[^a-z])(?:{words('dl')})", _licences),
)
