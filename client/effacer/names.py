"""What a resource name names. The server checks names; the client only has to tell kinds apart."""

from __future__ import annotations

import re
from typing import Literal

from effacer.errors import invalid

Kind = Literal["location", "dataset", "store", "study", "series", "instance", "operation"]

_SEGMENTS: tuple[tuple[str, Kind], ...] = (
    ("projects/*/locations/*", "location"),
    ("projects/*/locations/*/datasets/*", "dataset"),
    ("projects/*/locations/*/datasets/*/operations/*", "operation"),
    ("projects/*/locations/*/datasets/*/dicomStores/*", "store"),
    ("projects/*/locations/*/datasets/*/dicomStores/*/dicomWeb/studies/*", "study"),
    ("projects/*/locations/*/datasets/*/dicomStores/*/dicomWeb/studies/*/series/*", "series"),
    ("projects/*/locations/*/datasets/*/dicomStores/*/dicomWeb/studies/*/series/*/instances/*", "instance"),
)
_PATTERNS = [(re.compile(re.escape(form).replace(r"\*", "[^/]+") + r"\Z"), kind) for form, kind in _SEGMENTS]


def kind_of(name: str) -> Kind | None:
    """The kind of resource a full name names, or None when it is no full name."""
    return next((kind for pattern, kind in _PATTERNS if pattern.match(name)), None)


def require(name: str, *kinds: Kind, field: str = "name") -> Kind:
    """The kind of a name that must be one of `kinds`.

    Raises:
        InvalidArgument: it is not; the violation is at `field`.
    """
    kind = kind_of(name)
    if kind is None or kind not in kinds:
        forms = " or ".join(form for form, known in _SEGMENTS if known in kinds)
        raise invalid(field, f"must be a full name {forms}", "INVALID_NAME")
    return kind


def split(name: str, collection: str, field: str = "name") -> tuple[str, str]:
    """Parent and last segment of a name whose last collection is `collection` ("datasets", "dicomStores").

    Raises:
        InvalidArgument: the name does not end with that collection and an id.
    """
    parent, found, last = name.rpartition(f"/{collection}/")
    if not found or not parent or not last or "/" in last:
        raise invalid(field, f"must be a full name that ends with {collection}/ID", "INVALID_NAME")
    return parent, last
