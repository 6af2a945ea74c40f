"""What can be wrong with a config wherever it stands: unknown fields and enum numbers, keys, patterns, image options.

`check_message` walks any message by its descriptor, so that a field added to the protos is covered without a line
here. It knows messages by name and never imports the generated code. What the rules of actions amount to is asked of
`unstorable` and `kept_identity`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from effacer_server.dicom import facts
from effacer_server.errors import InvalidConfig, Unsupported
from effacer_server.policy.plan import Rule, Verb

#: Lengths a key may have: AES, FIPS 197 §1.
KEY_SIZES_BYTES = (16, 24, 32)
_SENSITIVE_MODES = ("REDACT_SENSITIVE_TEXT", "REDACT_SENSITIVE_TEXT_CLEAN_DESCRIPTORS")
# What names a patient, wherever it stands. Source: PS3.3 §C.2.2, §C.2.3, §C.7.1.1.
_IDENTITY = (
    "PatientName",
    "PatientID",
    "OtherPatientIDs",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientMotherBirthName",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "MedicalRecordLocator",
)
_MOST_NAMED = 3  # keywords in one note
_MODE_UNSPECIFIED = "TEXT_REDACTION_MODE_UNSPECIFIED"


class Problems:
    """Everything found wrong with one config, in the order found; a path is written in JSON names, as users type it."""

    def __init__(self) -> None:
        self._invalid: list[tuple[str, str]] = []
        self._unsupported: list[tuple[str, str]] = []

    def invalid(self, path: str, description: str) -> None:
        """Notes something the caller has to mend."""
        self._invalid.append((path, description))

    def unsupported(self, path: str, description: str) -> None:
        """Notes something right that this version does not do."""
        self._unsupported.append((path, description))

    def raise_first(self) -> None:
        """Raises InvalidConfig with all violations, else Unsupported with all of those, else returns."""
        if self._invalid:
            wrong = InvalidConfig(*self._invalid[0])
            wrong.violations = list(self._invalid)
            raise wrong
        if self._unsupported:
            missing = Unsupported(*self._unsupported[0])
            missing.violations = list(self._unsupported)
            raise missing


def check_message(message: Message, path: str, problems: Problems) -> None:
    """Checks a message and all it holds.

    A field this server does not know, and an enum number without a name, are errors: to ignore either would drop a
    rule that somebody relies on, and let out what it was to stop.
    """
    unknown_fields: Any = UnknownFieldSet(message)  # its type stub does not say that it can be iterated
    for unknown in unknown_fields:
        problems.invalid(path, f"has a field of number {unknown.field_number}, which is unknown")
    for field, value in message.ListFields():
        at = f"{path}.{field.json_name}"
        for where, single in _values(field, value, at):
            if field.message_type is not None:
                check_message(single, where, problems)
            elif field.enum_type is not None and single not in field.enum_type.values_by_number:
                problems.invalid(where, f"is {single}, which is no value of {field.enum_type.name}")
    check = _CHECKS.get(message.DESCRIPTOR.name)
    if check is not None:
        check(message, path, problems)


def enum_name(message: Message, field: str) -> str:
    """Name of the value an enum field has; "" for a number without a name."""
    enum_type = message.DESCRIPTOR.fields_by_name[field].enum_type
    value = enum_type and enum_type.values_by_number.get(getattr(message, field))
    return value.name if value else ""


def unstorable(actions: Sequence[Rule]) -> dict[str, list[str]]:
    """Reasons of actions that leave an instance without UIDs it is stored and read by: the keywords each takes away."""
    taken: dict[str, list[str]] = {}
    for tag, role in facts.uid_roles().items():
        needed = role == "primary" or facts.keyword_of(tag) == "SOPClassUID"
        rule = first_match(actions, tag, "UI") if needed and facts.in_data_set(tag) else None
        if rule is not None and rule.verb in (Verb.DELETE, Verb.REMOVE):
            taken.setdefault(rule.because, []).append(facts.keyword_of(tag))
    return taken


def kept_identity(actions: Sequence[Rule], edition: facts.Edition) -> list[tuple[str, str]]:
    """(reason, what) of actions that leave as it is what names the patient, or a sequence that may hold it.

    A kept sequence stays with all it holds; any of those that table E.1-1 replaces or removes may hold a name.
    """
    sequences = [row.tag for row in facts.e1_1(edition).rows if row.basic != "K" and facts.vr_of(row.tag) == "SQ"]
    found: dict[str, list[str]] = {}
    for tag in (*map(facts.tag_of, _IDENTITY), *sequences):
        rule = first_match(actions, tag, facts.vr_of(tag))
        if rule is not None and rule.verb is Verb.KEEP:
            found.setdefault(rule.because, []).append(facts.keyword_of(tag))
    return [
        (because, ", ".join(keywords[:_MOST_NAMED]) + (", …" if len(keywords) > _MOST_NAMED else ""))
        for because, keywords in found.items()
    ]


def unreadable(actions: Sequence[Rule]) -> str:
    """Reason of the action that takes SpecificCharacterSet away, without which text that stays is misread; or ""."""
    rule = first_match(actions, facts.tag_of("SpecificCharacterSet"), "CS")
    return rule.because if rule is not None and rule.verb in (Verb.DELETE, Verb.REMOVE) else ""


def first_match(rules: Iterable[Rule], tag: int, vr: str) -> Rule | None:
    """The rule that decides an element of the standard with that tag and VR; None where none does."""
    fitting = (rule for rule in rules if tag & rule.mask == rule.tag and rule.vr in ("", vr) and not rule.creator)
    return next(fitting, None)


def _values(field: Any, value: Any, at: str) -> Iterator[tuple[str, Any]]:
    if not field.is_repeated:
        yield at, value
        return
    for index, single in enumerate(value):
        yield f"{at}[{index}]", single


def _check_image(image: Any, path: str, problems: Problems) -> None:
    mode = enum_name(image, "text_redaction_mode")
    allowed = {
        "additional_info_types": (*_SENSITIVE_MODES, _MODE_UNSPECIFIED),
        "custom_regexes": (*_SENSITIVE_MODES, _MODE_UNSPECIFIED),
        "exclude_info_types": _SENSITIVE_MODES,
    }
    for name, modes in allowed.items():
        if getattr(image, name) and mode not in modes:
            at = f"{path}.{image.DESCRIPTOR.fields_by_name[name].json_name}"
            problems.invalid(at, f"may not stand with {mode or 'an unknown textRedactionMode'}")
    if mode == "REDACT_ALL_TEXT" or mode in _SENSITIVE_MODES:
        problems.unsupported(f"{path}.textRedactionMode", "this version does not paint over text in images")
    elif mode == _MODE_UNSPECIFIED and (image.additional_info_types or image.custom_regexes):
        problems.unsupported(path, "this version does not paint over text in images")


def _check_regex(regex: Any, path: str, problems: Problems) -> None:
    if not regex.pattern:
        problems.invalid(f"{path}.pattern", "is empty")
        return
    try:
        groups = re.compile(regex.pattern).groups
    except re.error as error:
        position = "" if error.pos is None else f" at position {error.pos}"
        problems.invalid(f"{path}.pattern", f"is no valid regular expression{position}")
        return
    except (OverflowError, RecursionError):
        problems.invalid(f"{path}.pattern", "is too large a regular expression")
        return
    for index, group in enumerate(regex.group_indexes):
        if not 0 <= group <= groups:
            problems.invalid(f"{path}.groupIndexes[{index}]", f"is {group}; the pattern has groups 0 to {groups}")


def _check_key(transformation: Any, path: str, problems: Problems) -> None:
    key = transformation.crypto_key
    wrapped = transformation.HasField("kms_wrapped")
    if key and wrapped:
        problems.invalid(f"{path}.kmsWrapped", "may not stand with cryptoKey")
    if key and len(key) not in KEY_SIZES_BYTES:
        problems.invalid(f"{path}.cryptoKey", f"has {len(key)} bytes; a key has 16, 24 or 32")


def _check_wrapped_key(wrapped: Any, path: str, problems: Problems) -> None:
    if not wrapped.wrapped_key:
        problems.invalid(f"{path}.wrappedKey", "is empty")
    if not wrapped.crypto_key:
        problems.invalid(f"{path}.cryptoKey", "is empty")


def _check_mask(mask: Any, path: str, problems: Problems) -> None:
    if len(mask.masking_character) > 1:
        problems.invalid(f"{path}.maskingCharacter", "is more than one character")


def _check_text(text: Any, path: str, problems: Problems) -> None:
    if text.transformations and text.additional_transformations:
        problems.invalid(f"{path}.transformations", "may not stand with additionalTransformations")


def _check_transformation(transformation: Any, path: str, problems: Problems) -> None:
    if transformation.WhichOneof("transformation") is None:
        problems.invalid(path, "names no transformation")


_CHECKS: dict[str, Callable[[Any, str, Problems], None]] = {
    "ImageConfig": _check_image,
    "CustomRegex": _check_regex,
    "CryptoHashConfig": _check_key,
    "DateShiftConfig": _check_key,
    "KmsWrappedCryptoKey": _check_wrapped_key,
    "CharacterMaskConfig": _check_mask,
    "TextConfig": _check_text,
    "InfoTypeTransformation": _check_transformation,
}
