"""New values for the edits that the native core leaves to Python: those that need the meaning of a text or an image."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from effacer_server.dicom import core, facts
from effacer_server.dicom.core import Edits, Meta, Source
from effacer_server.dicom.headers import decode_text
from effacer_server.engine import dates
from effacer_server.errors import Reason, Refused
from effacer_server.policy.plan import Keys, Verb
from effacer_server.policy.profiles import TEXT_VRS

if TYPE_CHECKING:
    from effacer_server.engine.text.cleaner import Cleaner, Inspected, InstanceCleaner

_CHARACTER_SET = 0x00080005
_PATIENT_ID = 0x00100020
_TELLING = (_CHARACTER_SET, _PATIENT_ID, core.STUDY_INSTANCE_UID)
_BEHIND_EVERYTHING = 0xFFFFFFFF
# A longer value is no list of dates that anybody wrote. It gets the placeholder once.
_MOST_BYTES = 1 << 16
# A text of more bytes is no text; and most zeros that take the place of numbers, as in the core.
_MOST_TEXT = 1 << 26
_INSPECTED = frozenset((*TEXT_VRS, "UN"))


def resolve(
    source: Source, meta: Meta, edits: Edits, keys: Keys, cleaner: Cleaner | None = None
) -> tuple[dict[int, bytes], dict[int, Inspected]]:
    """A value, without padding, for every pending edit, by its index; and what was found in those that were inspected.

    Args:
        source, meta, edits: the instance and what was decided.
        keys: secrets.
        cleaner: for the plan's text; None where it has none.

    Raises:
        Refused: VR_MISMATCH for a date to be moved or a text to be inspected under a VR that cannot hold one; TOO_LARGE
            for a text beyond all texts; INTERNAL for verbs this version cannot carry out: the compiler lets no plan
            with them pass, so the instance is refused rather than kept as it is.
    """
    pending = edits.pending()
    if not pending:
        return {}, {}
    patient = _patient(source, meta)
    days = dates.days_of(keys.date, patient)
    inspector: InstanceCleaner | None = None
    seen: dict[tuple[str, int, bytes], bytes] = {}
    values, inspected = {}, {}
    for index, tag, vr, verb, at, size, charset_at, charset_size in pending:
        if verb == Verb.CLEAN_TEXT and cleaner is not None:
            if vr not in _INSPECTED and size:
                raise Refused(Reason.VR_MISMATCH, tag, vr, at)
            if size > _MOST_TEXT:
                raise Refused(Reason.TOO_LARGE, tag, vr, at)
            if inspector is None:
                inspector = cleaner.for_instance(source, meta, patient)
            character_set = source.read(charset_at, charset_size) if charset_size else b""
            inspected[index] = inspector.clean(vr, source.read(at, size), character_set)
            values[index] = inspected[index].value
            continue
        if verb != Verb.SHIFT_DATE:
            raise Refused(Reason.INTERNAL, tag, vr, at)
        raw = source.read(at, size) if size <= _MOST_BYTES else b""
        if (vr, size, raw) not in seen:
            seen[vr, size, raw] = _shifted(raw, size, days, tag, vr, at)
        values[index] = seen[vr, size, raw]
    return values, inspected


def _patient(source: Source, meta: Meta) -> bytes:
    """What tells patients apart: PatientID at the root in UTF-8, or StudyInstanceUID where it is empty or absent."""
    found = core.capture(source, meta, _TELLING)
    if _PATIENT_ID not in found or core.STUDY_INSTANCE_UID not in found:
        # In a data set out of order either may stand behind higher tags.
        found = core.capture(source, meta, (*_TELLING, _BEHIND_EVERYTHING))
    for tag in (_PATIENT_ID, core.STUDY_INSTANCE_UID):
        if identifier := found.get(tag, ("", b""))[1].strip(b" \0"):
            if tag != _PATIENT_ID:
                return identifier
            text = decode_text("LO", identifier, found.get(_CHARACTER_SET, ("CS", b""))[1])
            return unicodedata.normalize("NFC", text).strip(" \0").encode("utf-8", "surrogatepass")
    raise Refused(Reason.MISSING_UID, core.STUDY_INSTANCE_UID, "UI")


def _shifted(raw: bytes, size: int, days: int, tag: int, vr: str, at: int) -> bytes:
    placeholder = facts.placeholders().get(vr)
    if placeholder is None or placeholder.kind in ("uid", "leaves"):
        raise Refused(Reason.VR_MISMATCH, tag, vr, at)
    if placeholder.kind == "zeros":
        if size > _MOST_TEXT:
            raise Refused(Reason.VALUE_TOO_LONG, tag, vr, at)
        return bytes(size + size % 2)
    if placeholder.kind == "empty":
        return b""
    instead = placeholder.value.encode("ascii")
    if len(raw) != size:
        return instead
    if vr == "TM":
        return dates.times(raw, instead)
    if vr in ("DA", "DT"):
        return dates.shift(raw, vr, days, instead)
    # A date under a VR for text or numbers, alone: a backslash may belong to the text, or to a character of it.
    if placeholder.kind == "repeat":
        instead = b"\\".join([instead] * (raw.count(b"\\") + 1))
    return instead if b"\\" in raw else dates.shift(raw, vr, days, instead)
