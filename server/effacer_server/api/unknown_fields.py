"""Finds what a message holds and this server does not know: to ignore it could drop a rule that somebody relies on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from effacer_server.errors import InvalidConfig

_MOST = 20


def check_known(message: Message) -> None:
    """Checks a whole request.

    Raises:
        InvalidConfig: UNKNOWN_FIELD with the path and number of each field (at most 20), anywhere in the message; an
            enum number without a name counts as one.
    """
    violations = []
    for violation in _walk(message, ""):
        violations.append(violation)
        if len(violations) == _MOST:
            break
    if violations:
        error = InvalidConfig(*violations[0], reason="UNKNOWN_FIELD")
        error.violations = violations
        raise error


def _walk(message: Message, path: str) -> Iterator[tuple[str, str]]:
    unknown: Any = UnknownFieldSet(message)  # its type stub does not say that it can be iterated
    for field in unknown:
        yield path, f"has a field of number {field.field_number}, which is unknown"
    for known, value in message.ListFields():
        if known.message_type is None and known.enum_type is None:
            continue
        at = f"{path}.{known.json_name}" if path else known.json_name
        for where, single in _values(known, value, at):
            if isinstance(single, Message):
                yield from _walk(single, where)
            elif known.enum_type is not None and single not in known.enum_type.values_by_number:
                yield where, f"is {single}, which is no value of {known.enum_type.name}"


def _values(field: Any, value: Any, at: str) -> Iterator[tuple[str, Any]]:
    if not field.is_repeated:
        yield at, value
    elif field.message_type is not None and field.message_type.GetOptions().map_entry:
        for key in value:
            yield f"{at}[{key}]", value[key]
    else:
        for index, single in enumerate(value):
            yield f"{at}[{index}]", single
