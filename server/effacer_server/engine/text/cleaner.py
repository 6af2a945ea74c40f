"""CLEAN_TEXT: the value of one element inspected and transformed, so that it stays a value of its VR.

Values are split as their VR says, names by component group, and each part is inspected alone. A result that is longer
than its VR allows is cut to what it holds; one that is no value of its VR any more (a DA that became "[DATE]") gives
way to the VR's placeholder. Source: PS3.5 Table 6.2-1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from effacer_server.dicom import facts
from effacer_server.dicom.core import Meta, Source, elements
from effacer_server.dicom.headers import decode_text, encode_text
from effacer_server.engine import dates
from effacer_server.engine.text.finder import Finder
from effacer_server.engine.text.phrases import CONTEXT, MOST_CHARACTERS, Phrases
from effacer_server.engine.text.spans import Span
from effacer_server.engine.text.transforms import Transformer
from effacer_server.engine.text.vocabulary import is_term
from effacer_server.policy.plan import Keys, TextPlan, Transformation, Treatment

#: Longest value that is inspected whole; a longer one is inspected in pieces of this many characters, which overlap, so
#: that what a recogniser takes for a piece bounds what a text takes.
PIECE_CHARACTERS = 1 << 12
_OVERLAP = 256

# Most characters of one value, of PN of one component group. Source: PS3.5 Table 6.2-1.
_MOST = {"AE": 16, "AS": 4, "DA": 8, "DT": 26, "LO": 64, "LT": 10240, "PN": 64, "SH": 16, "ST": 1024}
# A backslash is a letter in these. Source: PS3.5 §6.2.
_ONE_VALUE = frozenset(("LT", "ST", "UT", "UN"))
# Elements whose values may become phrases hold these. Free text holds the phrases of others, and dates in texts are
# found as dates, however they are written.
_TELLING = frozenset(("AE", "LO", "PN", "SH", "UC", "UI"))
_DATES = frozenset(("AS", "DA", "DT"))
_ITEM, _CHARACTER_SET = 0xFFFEE000, 0x00080005
_REPLACED = Transformation(Treatment.REPLACE, "options.clean_descriptors")


@dataclass(slots=True)
class Inspected:
    """What was found in one element.

    Attributes:
        value: the new value, encoded, without padding.
        spans: what was found, by the number of the value.
    """

    value: bytes
    spans: list[tuple[int, Span]]


class Cleaner:
    """The text plan with its finder and secrets; threads share it."""

    def __init__(self, plan: TextPlan, keys: Keys) -> None:
        self._plan = plan
        self._finder = Finder(frozenset(plan.wanted), strict=plan.strict)
        self._by_type = dict(plan.by_type)
        self._by_type[CONTEXT] = _REPLACED
        self._keys = {"": keys.operation, **dict(keys.text)}

    def for_instance(self, source: Source, meta: Meta, patient: bytes) -> InstanceCleaner:
        """For the values of one instance.

        Args:
            source, meta: it.
            patient: what tells its patient from others; dates move by it.
        """
        phrases = Phrases(_telling(source, meta), is_term) if self._plan.context else None
        days = {name: dates.days_of(key, patient) for name, key in self._keys.items()}
        transformer = Transformer(self._by_type, self._plan.default, self._keys, days)
        return InstanceCleaner(self._finder, transformer, phrases)


class InstanceCleaner:
    """Inspects the values of one instance."""

    def __init__(self, finder: Finder, transformer: Transformer, phrases: Phrases | None) -> None:
        self._finder, self._transformer, self._phrases = finder, transformer, phrases

    def clean(self, vr: str, raw: bytes, character_set: bytes) -> Inspected:
        """A value inspected and transformed.

        Args:
            vr: of the element; UN is inspected where it reads as text.
            raw: the value, padding and all.
            character_set: SpecificCharacterSet as it stands there.
        """
        vr_of_text = "UT" if vr == "UN" else vr
        if vr == "UN" and not _reads_as_text(raw):
            return Inspected(raw, [])
        text = decode_text(vr_of_text, raw, character_set).rstrip(" \0")
        values = [text] if vr in _ONE_VALUE else text.split("\\")
        spans: list[tuple[int, Span]] = []
        new = []
        for number, value in enumerate(values):
            new.append(self._value(vr_of_text, value, number, spans))
        if not spans:
            return Inspected(raw, spans)
        return Inspected(encode_text(vr_of_text, "\\".join(new), character_set), spans)

    def _value(self, vr: str, value: str, number: int, spans: list[tuple[int, Span]]) -> str:
        if vr != "PN":
            return _fitted(vr, self._part(vr, value, number, spans), value)
        groups = [self._part(vr, group, number, spans) for group in value.split("=")]
        return "=".join(_fitted(vr, group, "") for group in groups)

    def _part(self, vr: str, text: str, number: int, spans: list[tuple[int, Span]]) -> str:
        if not text.strip():
            return text
        found = self._find(text, vr)
        spans += ((number, span) for span in found)
        return self._transformer.apply(text, found)

    def _find(self, text: str, vr: str) -> list[Span]:
        if len(text) <= PIECE_CHARACTERS:
            return self._finder.find(text, vr, None if vr in _DATES else self._phrases)
        found: list[Span] = []
        for at in range(0, len(text), PIECE_CHARACTERS - _OVERLAP):
            for span in self._finder.find(text[at : at + PIECE_CHARACTERS], vr, self._phrases):
                moved = span._replace(start=span.start + at, end=span.end + at)
                if not found or moved.start >= found[-1].end:
                    found.append(moved)
                elif moved.end > found[-1].end:
                    found.append(moved._replace(start=found[-1].end))
        return found


def _fitted(vr: str, text: str, old: str) -> str:
    """A text as a value of its VR."""
    if text == old:
        return text
    if vr in ("DA", "DT", "AS"):
        placeholder = facts.placeholders()[vr].value
        return text if _is_of_form(vr, text) else placeholder
    return text[: _MOST.get(vr, len(text))]


def _is_of_form(vr: str, text: str) -> bool:
    if vr == "AS":
        return len(text) == 4 and text[:3].isdigit() and text[3] in "DWMY"
    return not text or dates.shift(text.encode("ascii", "replace"), vr, 1, b"") != b""


def _reads_as_text(raw: bytes) -> bool:
    """Whether a value of unknown VR is text: no control characters but those that text has. Source: PS3.5 §6.1.3."""
    text = raw.rstrip(b" \0")
    return bool(text) and not any(byte < 0x20 and byte not in b"\t\n\f\r\x1b" for byte in text)


def _telling(source: Source, meta: Meta) -> Iterable[tuple[str, str]]:
    """(VR, value) of the elements that identify, at every depth."""
    character_sets = {0: b""}
    for tag, vr, depth, _, value_at, size in elements(source, meta):
        if tag == _ITEM:
            character_sets = {known: value for known, value in character_sets.items() if known < depth}
        if tag == _CHARACTER_SET and size <= 1024:
            character_sets[depth] = source.read(value_at, size)
        if vr not in _TELLING or tag not in identifying() or not 0 < size <= 16 * MOST_CHARACTERS:
            continue
        around = max((known for known in character_sets if known <= depth), default=0)
        text = decode_text(vr, source.read(value_at, size), character_sets[around])
        for value in text.split("\\"):
            yield vr, value.strip(" \0")


def identifying() -> frozenset[int]:
    """Tags that the Basic Profile replaces or removes, but for descriptions. Source: PS3.15 2018e E.1-1."""
    return _IDENTIFYING


_IDENTIFYING = frozenset(
    row.tag
    for row in facts.e1_1("2018e").rows
    if row.mask == facts.EXACT and row.basic not in ("K", "C") and row.options.get("clean_desc") != "C"
)
