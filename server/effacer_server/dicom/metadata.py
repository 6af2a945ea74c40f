"""A stored instance in the DICOM JSON model, without its bulk data. Source: PS3.18 Annex F.

The native core first drops bulk data at every depth, so that what pydicom then reads is small, whatever the instance's
size.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import Any

import pydicom.config
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from effacer_server.dicom import core
from effacer_server.errors import PreconditionFailed, ResourceExhausted

#: Most bytes an instance's attributes may have without bulk data.
MAX_BYTES = 64 << 20

# Values that are bulk data or of unknown make. Source: PS3.18 §F.2.6, PS3.5 §6.2.
_BULK_VRS = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")
_KEEP, _DELETE = 0, 1  # policy.plan.Verb; dicom stands below policy and cannot import it

# pydicom's complaints quote values.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


@cache
def matcher(without_bulk: bool) -> core.Matcher:
    """A matcher that keeps everything, or everything but bulk data; with it a scan proves an instance well formed."""
    rules = [(0, 0, vr, "", _DELETE, _DELETE) for vr in _BULK_VRS] if without_bulk else []
    return core.Matcher(rules, _KEEP, [], bytes(32), "2.25.")


def check_structure(source: core.Source, inflate_limit: int) -> None:
    """Walks a whole instance.

    Args:
        source: the instance.
        inflate_limit: most bytes a deflated data set may become.

    Raises:
        Refused: it is not well formed; reason, tag, VR and position say where.
    """
    meta = core.read_meta(source)
    if meta.deflated:
        source = core.inflate(source, meta, inflate_limit)
    core.scan(source, meta, matcher(False))


def read_metadata(source: core.Source, inflate_limit: int) -> dict[str, Any]:
    """The instance as a DICOM JSON object, bulk data (and values of unknown VR) left out.

    Args:
        source: the instance.
        inflate_limit: most bytes a deflated data set may become.

    Raises:
        Refused: the instance is not well formed.
        ResourceExhausted: METADATA_TOO_LARGE, above MAX_BYTES.
        PreconditionFailed: METADATA, when a value cannot be written in the model.
    """
    meta = core.read_meta(source)
    if meta.deflated:
        source = core.inflate(source, meta, inflate_limit)
    segments = core.splice(source, core.scan(source, meta, matcher(True)), {})
    size = sum(len(part) if isinstance(part, bytes) else part[1] for part in segments)
    if size > MAX_BYTES:
        raise ResourceExhausted("METADATA_TOO_LARGE", "the instance has too many attributes to be shown at once")
    data = b"".join(part if isinstance(part, bytes) else source.read(*part) for part in segments)
    try:
        dataset: Dataset = read_dataset(BytesIO(data), meta.implicit, not meta.big_endian)
        model: dict[str, Any] = dataset.to_json_dict(bulk_data_threshold=MAX_BYTES)
    except Exception as error:
        # pydicom raises whatever the value at hand provokes, with the value in the text.
        raise PreconditionFailed(
            "METADATA", f"the attributes cannot be written as DICOM JSON ({type(error).__name__})"
        ) from None
    return model
