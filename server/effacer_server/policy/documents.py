"""A config as people write it: JSON text becomes the message the compiler takes."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor

from effacer.v1 import deidentify_pb2
from effacer_server.errors import InvalidConfig

# json_format names the place as 'at "DeidentifyConfig.dicomTagConfig.actions[0]"' and the field in quotes.
_UNKNOWN = re.compile(r'no field named "(?P<field>[^"]*)"(?: at "[A-Za-z]+\.?(?P<path>[^"]*)")?')
# What a request body may hold next to its config.
_REQUEST_FIELDS = {
    "config", "sourceDataset", "source_dataset", "destinationDataset", "destination_dataset",
    "sourceStore", "source_store", "destinationStore", "destination_store",
}  # fmt: skip
_AT = re.compile(r' at "?[A-Za-z]+\.(?P<path>[A-Za-z0-9_.\[\]]*[A-Za-z0-9_\]])')
_FAILED = re.compile(r"Failed to parse (\w+) field")


def parse_config(text: str | bytes, path: str = "config") -> deidentify_pb2.DeidentifyConfig:
    """Reads a DeidentifyConfig in proto JSON, or a request body that holds one under "config".

    Args:
        text: UTF-8 JSON.
        path: what field paths in errors start with.

    Raises:
        InvalidConfig: not JSON, an unknown field (a dropped rule would be a leak) or a value of the wrong kind; the
            message names the field's path, never the document's values.
    """
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise InvalidConfig(path, f"is not JSON (line {error.lineno})") from None
    except (ValueError, RecursionError):
        raise InvalidConfig(path, "is not JSON that can be read: nested too deep, or a number too long") from None
    if isinstance(document, dict) and "config" in document:
        for name in {"filterConfig", "filter_config"} & document.keys():
            raise InvalidConfig(name, "selects from a store; here the config applies to everything")
        for name in document.keys() - _REQUEST_FIELDS:
            raise InvalidConfig(name, "is not a field of a request", "UNKNOWN_FIELD")
        document = document["config"]
    if not isinstance(document, dict):
        raise InvalidConfig(path, "must be a JSON object")
    message = deidentify_pb2.DeidentifyConfig()
    _check_shape(document, cast(Descriptor, message.DESCRIPTOR), path)
    try:
        json_format.ParseDict(document, message)
    except json_format.ParseError as error:
        raise _invalid(str(error), path) from None
    except (TypeError, AttributeError):
        raise InvalidConfig(path, "must be a JSON object") from None
    return message


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names stand once, whether as actionsList or actions_list: of two, one would be dropped."""
    seen: set[str] = set()
    for name, _ in pairs:
        plain = name.replace("_", "").lower()
        if plain in seen:
            raise InvalidConfig(name, "stands twice in one object")
        seen.add(plain)
    return dict(pairs)


def _check_shape(value: Any, descriptor: Descriptor, path: str) -> None:
    """Objects where messages stand, lists where fields repeat; json_format reads an empty list as an empty message."""
    if not isinstance(value, dict):
        raise InvalidConfig(path, "must be a JSON object")
    fields = {name: field for field in descriptor.fields for name in (field.json_name, field.name)}
    for name, inner in value.items():
        field, at = fields.get(name), f"{path}.{name}"
        if field is None:
            raise InvalidConfig(at, "is not a field", "UNKNOWN_FIELD")
        if inner is None:
            continue
        if field.is_repeated and not isinstance(inner, list):
            raise InvalidConfig(at, "must be a list")
        for number, element in enumerate(inner if field.is_repeated else [inner]):
            where = f"{at}[{number}]" if field.is_repeated else at
            if field.message_type is not None:
                _check_shape(element, field.message_type, where)
            elif field.type == field.TYPE_STRING and not isinstance(element, str):
                raise InvalidConfig(where, "must be a string")


def _invalid(text: str, path: str) -> InvalidConfig:
    unknown = _UNKNOWN.search(text)
    if unknown:
        inner = ".".join(part for part in (path, unknown["path"], unknown["field"]) if part)
        return InvalidConfig(inner, "is not a field", "UNKNOWN_FIELD")
    placed = _AT.search(text)
    inner = placed["path"] if placed else ".".join(_FAILED.findall(text))
    if "oneof" in text:
        return InvalidConfig(f"{path}.{inner}", "holds more than one of fields that exclude each other")
    if "enum" in text:
        return InvalidConfig(f"{path}.{inner}", "is not one of the names of its enum")
    return InvalidConfig(f"{path}.{inner}" if inner else path, "does not fit the schema of DeidentifyConfig")
