"""A config as people write it: JSON text becomes the message the compiler takes."""

from __future__ import annotations

import json
import re

from google.protobuf import json_format

from effacer.v1 import deidentify_pb2
from effacer_server.errors import InvalidConfig

# json_format names the place as 'at "DeidentifyConfig.dicomTagConfig.actions[0]"' and the field in quotes.
_UNKNOWN = re.compile(r'no field named "(?P<field>[^"]*)"(?: at "[A-Za-z]+\.?(?P<path>[^"]*)")?')
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
        document = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidConfig(path, f"is not JSON{where}") from None
    if isinstance(document, dict) and "config" in document:
        for name in {"filterConfig", "filter_config"} & document.keys():
            raise InvalidConfig(name, "selects from a store; here the config applies to everything")
        document = document["config"]
    if not isinstance(document, dict):
        raise InvalidConfig(path, "must be a JSON object")
    message = deidentify_pb2.DeidentifyConfig()
    try:
        json_format.ParseDict(document, message)
    except json_format.ParseError as error:
        raise _invalid(str(error), path) from None
    except (TypeError, AttributeError):
        raise InvalidConfig(path, "must be a JSON object") from None
    return message


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
