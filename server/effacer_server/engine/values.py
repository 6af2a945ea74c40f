"""New values for the edits that the native core leaves to Python: those that need the meaning of a text or an image."""

from __future__ import annotations

from effacer_server.dicom.core import Edits, Source
from effacer_server.errors import Reason, Refused


def resolve(source: Source, edits: Edits) -> dict[int, bytes]:
    """A value for every pending edit, by its index.

    The compiler lets no plan pass whose actions this version cannot carry out, so a pending edit here is a fault of
    ours; the instance is refused rather than kept as it is.
    """
    for _index, tag, vr, at, _size in edits.pending():
        raise Refused(Reason.INTERNAL, tag, vr, at)
    return {}
