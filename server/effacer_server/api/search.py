"""Searches at the three levels, in the DICOM JSON model. Source: PS3.18 §10.6."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from effacer.v1 import dicom_web_pb2
from effacer_server.api import names
from effacer_server.api.names import DicomPath
from effacer_server.dicom import facts
from effacer_server.errors import InvalidConfig
from effacer_server.store.catalog import Catalog

Row = TypeVar("Row")

MAX_OFFSET = 1_000_000
# What a client accepts by default is 4 MiB.
_RESPONSE_BYTES = 3 << 20
# Rows held at a time; a response of the largest size takes a few thousand.
_BATCH = 1000

_LEVELS = ("study", "series", "instance")
# (default, largest) number of results by level.
_LIMITS = {"study": (100, 5000), "series": (100, 5000), "instance": (1000, 50000)}
_UID_COLUMNS = {0x00080016: "sop_class", 0x00080018: "instance", 0x0020000D: "study", 0x0020000E: "series"}
_MODALITIES_IN_STUDY = 0x00080061
# Attributes every answer carries, by level: the names of what was found. Source: PS3.18 Tables 10.6.3-3 to 10.6.3-5.
_NAMING = {
    "study": {0x0020000D},
    "series": {0x0020000D, 0x0020000E},
    "instance": {0x0020000D, 0x0020000E, 0x00080016, 0x00080018},
}
_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?")
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
# HH, HHMM, HHMMSS or HHMMSS.F; a second of 60 is a leap second. Source: PS3.5 §6.2.
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d(([0-5]\d|60)(\.\d{1,6})?)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Query:
    """A request, understood.

    Attributes:
        matching: as the catalog takes it. included: tags asked for by name. everything: `includefield=all`.
    """

    path: DicomPath
    store_uid: str
    matching: dict[str, str]
    included: set[int]
    everything: bool
    limit: int
    offset: int
    fuzzy: bool


def search(catalog: Catalog, request: Any, level: str) -> dicom_web_pb2.SearchResponse:
    """Answers a SearchFor… request.

    Args:
        request: of any of the three kinds; they have the same fields.
        level: study, series or instance.

    Raises:
        InvalidConfig: a name, an attribute or a number that cannot be.
        NotFound: the store.
    """
    query = _understand(catalog, request, level)
    response = dicom_web_pb2.SearchResponse()
    size = 0
    for found in _find(catalog, query, level):
        if len(response.results) == query.limit or size > _RESPONSE_BYTES:
            response.has_more = True
            break
        result = response.results.add()
        json_format.ParseDict(found, result)
        size += result.ByteSize() + 8
    return response


def to_struct(model: dict[str, Any]) -> Struct:
    """A DICOM JSON object as a Struct."""
    return json_format.ParseDict(model, Struct())


def _understand(catalog: Catalog, request: Any, level: str) -> _Query:
    path = names.parse_dicom_path(request.parent, "parent", *range(_LEVELS.index(level) + 1))
    default, largest = _LIMITS[level]
    if request.limit < 0:
        raise InvalidConfig("limit", "must not be negative")
    if not 0 <= request.offset <= MAX_OFFSET:
        raise InvalidConfig("offset", f"must be between 0 and {MAX_OFFSET}")
    matching = {"study": path.study} if path.study else {}
    if path.series:
        matching["series"] = path.series
    included: set[int] = set()
    for index, match in enumerate(request.matches):
        field = f"matches[{index}].attribute"
        tag = _tag_of(match.attribute, field)
        if not match.value:
            included.add(tag)
            continue
        column = _column_of(tag, field)
        _check_value(facts.vr_of(tag), match.value, f"matches[{index}].value")
        if matching.setdefault(column, match.value) != match.value:
            raise InvalidConfig(field, "is asked for twice, or named by the parent already")
    everything = False
    for index, text in enumerate(part for field in request.include_fields for part in field.split(",")):
        if text == "all":
            everything = True
        else:
            included.add(_tag_of(text.strip(), f"includeFields[{index}]"))
    return _Query(
        path=path,
        store_uid=catalog.get_store(path.store).uid,
        matching=matching,
        included=included,
        everything=everything,
        limit=min(request.limit or default, largest),
        offset=request.offset,
        fuzzy=request.fuzzy_matching,
    )


def _find(catalog: Catalog, query: _Query, level: str) -> Iterator[dict[str, Any]]:
    if level == "study":
        for study in _read(catalog.search_studies, query):
            yield _shown(study.header, query, level) | {
                f"{_MODALITIES_IN_STUDY:08X}": _element("CS", study.modalities),
                "00201206": _element("IS", [study.series]),
                "00201208": _element("IS", [study.instances]),
            }
    elif level == "series":
        for series in _read(catalog.search_series, query):
            yield _shown(series.header, query, level) | {"00201209": _element("IS", [series.instances])}
    else:
        for instance in _read(catalog.search_instances, query):
            yield _shown(instance.header, query, level)


def _read(find: Callable[[str, dict[str, str], int, int, bool], list[Row]], query: _Query) -> Iterator[Row]:
    """Rows in batches, and one more than asked for, which tells whether there are more."""
    taken, most = 0, query.limit + 1
    while taken < most:
        size = min(_BATCH, most - taken)
        rows = find(query.store_uid, query.matching, size, query.offset + taken, query.fuzzy)
        yield from rows
        taken += len(rows)
        if len(rows) < size:
            return


def _shown(header: str, query: _Query, level: str) -> dict[str, Any]:
    """The attributes of a header that an answer at this level shows.

    Its own level's, and those of the levels above that the parent did not name; then what was asked for.
    """
    own = _LEVELS.index(level)
    first = 2 if query.path.series else 1 if query.path.study else 0
    levels = set(_LEVELS[min(first, own) : own + 1])
    shown = {attribute.tag for attribute in facts.query_attributes() if attribute.level in levels}
    shown |= _NAMING[level] | query.included | {0x00080005}
    available: dict[str, Any] = json.loads(header)
    if query.everything:
        # What stands for one series or instance of many says nothing about the study.
        above = set(_LEVELS[: own + 1])
        shown |= {attribute.tag for attribute in facts.query_attributes() if attribute.level in above}
    return {tag: element for tag, element in available.items() if int(tag, 16) in shown}


def _element(vr: str, values: Sequence[object]) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def _tag_of(text: str, field: str) -> int:
    if "." in text:
        raise InvalidConfig(field, "names a nested attribute, which this version does not search")
    match = _TAG.fullmatch(text)
    if match:
        return int(match[1] + match[2], 16)
    try:
        return facts.tag_of(text)
    except KeyError:
        raise InvalidConfig(field, "is neither a tag nor a keyword of the standard") from None


def _check_value(vr: str, value: str, field: str) -> None:
    """Refuses a date or time, or a range of them, that is none. Source: PS3.4 §C.2.2.2.5."""
    if vr not in ("DA", "TM") or not value.strip("*"):  # stars alone match everything, whatever the VR
        return
    first, _, last = value.partition("-")
    ends = [end for end in (first, last) if end]
    if not ends or not all(map(_is_date if vr == "DA" else _TIME.fullmatch, ends)):
        form, kind = ("YYYYMMDD", "date") if vr == "DA" else ("HHMMSS.FFFFFF, or the beginning of one", "time")
        raise InvalidConfig(field, f"must be a {kind} {form}, or a range A-B, A- or -B of such")


def _is_date(text: str) -> bool:
    match = _DATE.fullmatch(text)
    try:
        return match is not None and bool(date(*map(int, match.groups())))
    except ValueError:
        return False


def _column_of(tag: int, field: str) -> str:
    if tag in _UID_COLUMNS:
        return _UID_COLUMNS[tag]
    if tag == _MODALITIES_IN_STUDY:
        return "modalities_in_study"
    for attribute in facts.query_attributes():
        if attribute.tag == tag:
            return attribute.column or f"{tag:08X}:{facts.vr_of(tag)}"
    raise InvalidConfig(field, "is not an attribute this server can match")
