"""A de-identification config in any of the forms people keep it in, read strictly.

`json_format` passes over some mistakes (a list where an object belongs is an empty object to it) and names no path for
others. A rule that gets lost on the way lets out what it was to stop, so that JSON is first compared with the
descriptors, and every difference is reported at its path before anything is sent.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor

from effacer.errors import invalid, invalid_fields
from effacer.v1 import deidentify_pb2

#: A proto, a dict in the shape of its JSON, JSON text, or the path of a JSON file.
Config = deidentify_pb2.DeidentifyConfig | dict[str, Any] | str | os.PathLike[str]

# A document with one of these at its top is the body of a request; DeidentifyConfig has no fields of these names.
_BODY_MARKS = ("config", "gcsConfigUri", "gcs_config_uri")
# Source and destination of a body are those of the call it was written for; the arguments of this call decide.
_BODY_NAMES = tuple(
    name
    for end in ("Store", "Dataset")
    for name in (f"source{end}", f"destination{end}", f"source_{end.lower()}", f"destination_{end.lower()}")
)
_BODY_FILTERS = ("filterConfig", "filter_config")
# The last is the spelling of a sample in the reference's own pages.
_FILTER_URIS = ("resourcePathsGcsUri", "resource_paths_gcs_uri", "resourcePathGcsUri")

_FLOAT_TYPES = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)


class Loaded(NamedTuple):
    """What a config document says.

    Attributes:
        config: the config, or None when the document only names where it is.
        config_uri: URI of the config for the server to read, or "".
        filter_uri: URI of the filter file, or "".
    """

    config: deidentify_pb2.DeidentifyConfig | None
    config_uri: str = ""
    filter_uri: str = ""


def load(source: Config) -> Loaded:
    """Reads a config, or the body of a whole `:deidentify` request, of which config and filter are taken.

    Args:
        source: DeidentifyConfig, a dict, JSON text (its first character is `{`) or a path.

    Raises:
        InvalidArgument: no such file, not JSON, or not a config; `violations` holds the path of every wrong field.
    """
    if isinstance(source, deidentify_pb2.DeidentifyConfig):
        return Loaded(source)
    document = source if isinstance(source, dict) else _parse(_text(source))
    if not any(mark in document for mark in _BODY_MARKS):
        return Loaded(_message(document))
    return _body(document)


def either(source: Config | None, uri: str | None) -> Loaded:
    """What a call was given: a config document, or a URI for the server to read one from, or neither.

    Raises:
        InvalidArgument: both, a URI that is none, or a document that is none.
    """
    if uri is None:
        return Loaded(None) if source is None else load(source)
    if source is not None:
        raise invalid("gcs_config_uri", "must not be given together with config")
    return Loaded(None, require_uri("gcs_config_uri", uri))


def require_uri(field: str, uri: str) -> str:
    """The URI, if it has the form of one. Raises InvalidArgument at `field`."""
    if "://" not in uri:
        raise invalid(field, "must be a URI that the server can read, for instance gs://… or file:///…")
    return uri


class _Object(dict[str, Any]):
    """A JSON object that remembers which of its keys came twice."""

    twice: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    result = _Object(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        result.twice = tuple(key for key in result if keys.count(key) > 1)
    return result


def _text(source: object) -> str:
    if isinstance(source, str) and source.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return source
    if not isinstance(source, (str, os.PathLike)):
        raise invalid("config", f"must be a DeidentifyConfig, a dict, JSON or a path, not {type(source).__name__}")
    try:
        return Path(source).read_text("utf-8-sig")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or a path with a null character
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise invalid("config", f"the file cannot be read: {why}", "UNREADABLE_CONFIG") from None


def _parse(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text.lstrip("\ufeff"), object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise invalid("config", f"is not JSON: {error.msg} ({where})", "INVALID_JSON") from None
    except (ValueError, RecursionError):
        raise invalid("config", "is not JSON: NaN, Infinity, or nested too deep", "INVALID_JSON") from None
    if not isinstance(document, dict):
        raise invalid("config", "must be a JSON object", "INVALID_JSON")
    return document


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _body(document: dict[str, Any]) -> Loaded:
    """Takes config and filter out of a request body; what is neither, nor a name, is an error."""
    wrong: list[tuple[str, str]] = []
    known = (*_BODY_MARKS, *_BODY_NAMES, *_BODY_FILTERS)
    for key in document:
        if key not in known:
            wrong.append((key, "unknown field" + _guess(key, known)))
    wrong += [(key, "is set twice") for key in getattr(document, "twice", ())]
    filters = [key for key in _BODY_FILTERS if key in document]
    uri = ""
    if filters:
        uri, problems = _filter_uri(filters[0], document[filters[0]])
        wrong += problems
    marks = [mark for mark in _BODY_MARKS if mark in document]
    if len(marks) > 1 or len(filters) > 1:
        wrong.append((marks[-1] if len(marks) > 1 else filters[1], "is set beside another of its kind"))
    config_uri = document.get("gcsConfigUri", document.get("gcs_config_uri", ""))
    if not isinstance(config_uri, str):
        wrong.append((marks[-1], "must be a string"))
    if "config" in document:
        _check(document["config"], deidentify_pb2.DeidentifyConfig.DESCRIPTOR, "config", wrong)
    if wrong:
        raise invalid_fields(wrong)
    config = _message(document["config"]) if "config" in document else None
    return Loaded(config, config_uri, uri)


def _filter_uri(key: str, value: object) -> tuple[str, list[tuple[str, str]]]:
    """URI of a body's filter, and what is wrong with it."""
    if not isinstance(value, dict):
        return "", [(key, "must be an object")]
    wrong = [
        (f"{key}.{name}", "unknown field" + _guess(name, _FILTER_URIS)) for name in value if name not in _FILTER_URIS
    ]
    given = [name for name in _FILTER_URIS if name in value]
    if len(given) > 1:
        wrong.append((f"{key}.{given[1]}", "is set under two spellings"))
    # An empty filter would select everything, which nobody who writes one down means.
    uri = value[given[0]] if given else None
    if not isinstance(uri, str) or not uri:
        wrong.append((f"{key}.{given[0] if given else _FILTER_URIS[0]}", "must be the URI of a filter file"))
    return (uri, wrong) if isinstance(uri, str) else ("", wrong)


def _message(document: Any) -> deidentify_pb2.DeidentifyConfig:
    wrong: list[tuple[str, str]] = []
    _check(document, deidentify_pb2.DeidentifyConfig.DESCRIPTOR, "config", wrong)
    if wrong:
        raise invalid_fields(wrong)
    try:
        return json_format.ParseDict(document, deidentify_pb2.DeidentifyConfig())
    except json_format.ParseError:  # its text can quote values, a key among them
        raise invalid("config", "is not a DeidentifyConfig") from None


def _check(value: Any, descriptor: Any, path: str, wrong: list[tuple[str, str]]) -> None:
    """Notes every difference between a JSON value and a message type (its Descriptor).

    Covers what the config's messages are made of: no maps, no well-known types.
    """
    if not isinstance(value, dict):
        wrong.append((path, "must be an object"))
        return
    wrong += [(f"{path}.{key}", "is set twice") for key in getattr(value, "twice", ())]
    fields = {name: field for field in descriptor.fields for name in (field.json_name, field.name)}
    seen: dict[str, str] = {}
    for key, item in value.items():
        at = f"{path}.{key}"
        field = fields.get(key)
        if field is None:
            wrong.append((at, "unknown field" + _guess(str(key), [known.json_name for known in descriptor.fields])))
            continue
        if field.name in seen:
            wrong.append((at, f"is set already, as {seen[field.name]}"))
        seen[field.name] = key
        if item is None:
            continue
        if not field.is_repeated:
            _check_one(item, field, at, wrong)
        elif not isinstance(item, list):
            wrong.append((at, "must be a list"))
        else:
            for number, element in enumerate(item):
                _check_one(element, field, f"{at}[{number}]", wrong)
    for oneof in descriptor.oneofs:
        members = {field.name for field in oneof.fields}
        given = [key for name, key in seen.items() if name in members and value[key] is not None]
        if len(given) > 1:
            wrong.append((path, f"sets {' and '.join(given)}, of which only one is allowed"))


def _check_one(value: object, field: FieldDescriptor, path: str, wrong: list[tuple[str, str]]) -> None:
    if field.message_type is not None:
        _check(value, field.message_type, path, wrong)
        return
    problem = _scalar_problem(value, field)
    if problem:
        wrong.append((path, problem))


def _scalar_problem(value: object, field: FieldDescriptor) -> str:
    """What is wrong with a single value, "" when nothing is. Never says the value, which can be a key."""
    if field.enum_type is not None:
        names, numbers = field.enum_type.values_by_name, field.enum_type.values_by_number
        known = value in names if isinstance(value, str) else type(value) is int and value in numbers
        return "" if known else "must be one of " + ", ".join(names)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return "" if isinstance(value, bool) else "must be true or false"
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "" if isinstance(value, str) and _is_base64(value) else "must be bytes in base64"
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return "" if isinstance(value, str) else "must be a string"
    if field.cpp_type in _FLOAT_TYPES:
        return "" if isinstance(value, (int, float)) and not isinstance(value, bool) else "must be a number"
    return "" if isinstance(value, int) and not isinstance(value, bool) else "must be a whole number"


def _is_base64(text: str) -> bool:
    """Whether it is base64 of either alphabet. json_format would drop foreign characters and so change a key."""
    try:
        base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _guess(name: str, known: tuple[str, ...] | list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else ""
