"""Resource names: what may stand in them, and how they are taken apart.

    projects/{p}/locations/{l}/datasets/{d}                                        a dataset
    projects/{p}/locations/{l}/datasets/{d}/dicomStores/{s}                        a DICOM store
    projects/{p}/locations/{l}/datasets/{d}/operations/{o}                         an operation
    {store}/dicomWeb/studies/{uid}[/series/{uid}[/instances/{uid}]]                a study, series or instance

Every function raises InvalidConfig at the path of the field the name came from, written in JSON names. A message never
repeats the name: UIDs in it may identify patients.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from effacer_server.dicom.core import is_uid
from effacer_server.errors import InvalidConfig

MAX_LABELS = 64
_LABEL_BYTES = 128
_OPERATION = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class DicomPath:
    """A DICOM store, or a study, series or instance in it; "" for levels that are not named.

    Attributes:
        store: name of the store.
        study, series, instance: UIDs. Not in the repr: they may identify a patient.
    """

    store: str
    study: str = ""
    series: str = ""
    instance: str = ""

    def __repr__(self) -> str:
        return f"DicomPath(store={self.store!r})"


def check_id(text: str, field: str) -> str:
    """Returns the id of a dataset or store: 1 to 256 letters, digits, `_`, `-` and `.`."""
    if not 1 <= len(text) <= 256 or not all(_letter_or_digit(c) or c in "_-." for c in text):
        raise InvalidConfig(field, "must have 1 to 256 letters, digits, _, - and .")
    return text


def parse_location(name: str, field: str) -> str:
    """Returns projects/{p}/locations/{l}."""
    _split(name, ("projects", "locations"), field)
    return name


def parse_dataset(name: str, field: str) -> str:
    """Returns the name of a dataset."""
    _split(name, ("projects", "locations", "datasets"), field)
    return name


def parse_store(name: str, field: str) -> str:
    """Returns the name of a DICOM store."""
    _split(name, ("projects", "locations", "datasets", "dicomStores"), field)
    return name


def parse_operation(name: str, field: str) -> str:
    """Returns the name of an operation."""
    collections = ("projects", "locations", "datasets", "operations")
    _split(name, collections, field)
    if not _OPERATION.fullmatch(name.rpartition("/")[2]):
        raise InvalidConfig(field, _shape(collections))
    return name


def parse_dicom_path(name: str, field: str, *levels: int) -> DicomPath:
    """Takes a DICOM store or something in it apart.

    Args:
        name: the name.
        field: the field it came from.
        levels: depths that are allowed: 0 store, 1 study, 2 series, 3 instance.
    """
    store, web, rest = name.partition("/dicomWeb/")
    segments = rest.split("/") if web else []
    uids = segments[1::2]
    if (
        segments[::2] != ["studies", "series", "instances"][: len(uids)]
        or len(segments) != 2 * len(uids)
        or (web and not uids)
        or len(uids) not in levels
        or not all(is_uid(uid) for uid in uids)
    ):
        raise InvalidConfig(field, "must be " + " or ".join(_WEB_SHAPES[level] for level in levels))
    return DicomPath(parse_store(store, field), *uids)


def dataset_of(name: str) -> str:
    """Name of the dataset that a store, an operation or something deeper belongs to."""
    return "/".join(name.split("/")[:6])


def location_of(name: str) -> str:
    """Id of the location of anything."""
    return name.split("/")[3]


def check_labels(labels: Mapping[str, str], field: str) -> None:
    """Checks the labels of a resource: number, characters, lengths in characters and in bytes of UTF-8."""
    if len(labels) > MAX_LABELS:
        raise InvalidConfig(field, f"has {len(labels)} labels; at most {MAX_LABELS} are allowed")
    for key, value in labels.items():
        check_label(key, value, field)


def check_label(key: str, value: str, field: str) -> None:
    """Checks one label."""
    if (
        not 1 <= len(key) <= 63
        or unicodedata.category(key[0]) not in ("Ll", "Lo")
        or not all(_label_character(c) for c in key)
        or len(key.encode()) > _LABEL_BYTES
    ):
        raise InvalidConfig(
            field, "has a key that is not a lower-case letter and up to 62 lower-case letters, digits, _ or - behind it"
        )
    if len(value) > 63 or not all(_label_character(c) for c in value) or len(value.encode()) > _LABEL_BYTES:
        raise InvalidConfig(
            f"{field}[{key}]",
            "has a value that is not up to 63 lower-case letters, digits, _ or -",
        )


_WEB_SHAPES = (
    "the name of a DICOM store",
    "{store}/dicomWeb/studies/{uid}",
    "{store}/dicomWeb/studies/{uid}/series/{uid}",
    "{store}/dicomWeb/studies/{uid}/series/{uid}/instances/{uid}",
)


def _split(name: str, collections: tuple[str, ...], field: str) -> None:
    segments = name.split("/")
    if segments[::2] != list(collections) or len(segments) != 2 * len(collections):
        raise InvalidConfig(field, _shape(collections))
    # A project's id may be scoped by a domain: "example.com:project".
    first, *rest = segments[1::2]
    try:
        check_id(first.replace(":", "-"), field)
        for segment in rest:
            check_id(segment, field)
    except InvalidConfig:
        raise InvalidConfig(field, _shape(collections) + " of letters, digits, _, - and .") from None


def _shape(collections: tuple[str, ...]) -> str:
    return "must be " + "/".join(f"{name}/{{{name.removesuffix('s')}}}" for name in collections)


def _letter_or_digit(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"


def _label_character(character: str) -> bool:
    return character in "_-" or unicodedata.category(character) in ("Ll", "Lo", "Nd", "Nl", "No")
