"""The reference's sample instances, drawn: its metadata is given, its pictures are not to be had.

`golden/instance.json` and `golden/nested_instance.json` hold the metadata in the DICOM JSON model (PS3.18 Annex F); the
picture behind both is a secondary capture that looks like a chest X-ray, with the patient burned in along the bottom.
"""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from pydicom.config import disable_value_validation
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

GOLDEN = Path(__file__).parent / "golden"
SIZE = 1024


def sample_instance() -> bytes:
    """The sample of all requests but 09: one frame in JPEG baseline, YBR_FULL_422, with text burned in."""
    return _instance("instance.json")


def nested_instance() -> bytes:
    """The sample of request 09: codes two levels down, and UIDs that are none ("2222222")."""
    return _instance("nested_instance.json")


@cache
def sample_jpeg() -> bytes:
    """The picture of both: 1024 x 1024, JPEG baseline, chroma halved across as YBR_FULL_422 asks."""
    out = io.BytesIO()
    draw_xray().save(out, "JPEG", quality=90, subsampling="4:2:2")
    return out.getvalue()


def draw_xray() -> Image.Image:
    """A chest X-ray as one would sketch it, with the patient's name, sex, id and dates along the bottom edge."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    body = 150 * np.exp(-((x / 0.85) ** 6) - ((y / 1.25) ** 8)) + 30 * np.exp(
        -(((y + 0.95) / 0.2) ** 2) - (x / 0.7) ** 2
    )
    spine = 70 * np.exp(-((x / 0.07) ** 4)) * (0.85 + 0.15 * np.cos(y * 55))
    heart = 55 * np.exp(-(((x - 0.16) / 0.3) ** 4) - ((y - 0.32) / 0.3) ** 4)
    liver = 45 / (1 + np.exp(-(y - 0.55 - 0.18 * x) * 18)) * np.exp(-((x / 0.8) ** 8))
    lungs = sum(
        np.exp(-((((x - side * 0.42) / 0.3) ** 2 + ((y + 0.08) / (0.62 - 0.12 * side * x)) ** 2) ** 2))
        for side in (-1, 1)
    )
    density = body + spine + heart + liver - 105 * lungs
    density += np.random.default_rng(11).normal(0, 3, density.shape)
    bones = Image.new("L", (SIZE, SIZE), 0)
    pen = ImageDraw.Draw(bones)
    for rib in range(9):  # arcs from the spine outwards and down, one pair each
        top, drop = 90 + rib * 78, 60 + rib * 9
        for box in ((150, top, 540, top + 2 * drop + 130), (484, top, 874, top + 2 * drop + 130)):
            pen.arc(box, 185 if box[0] < 400 else 222, 318 if box[0] < 400 else 355, fill=46, width=17)
    for ends in ((190, 170, 486, 118), (538, 118, 834, 170)):  # clavicles
        pen.line(ends, fill=62, width=24)
    density += np.asarray(bones.filter(ImageFilter.GaussianBlur(5)), dtype=np.float64)
    grey = Image.fromarray(np.clip(density, 4, 250).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))
    picture = grey.convert("RGB")
    _burn_in(picture)
    return picture


def _burn_in(picture: Image.Image) -> None:
    """White text with a thin dark rim, as modalities write it."""
    pen = ImageDraw.Draw(picture)
    large, small = ImageFont.load_default(34), ImageFont.load_default(26)

    def write(
        x: int, y: int, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, anchor: str = "la"
    ) -> None:
        pen.text((x, y), text, "white", font, anchor, stroke_width=2, stroke_fill="black")

    write(24, SIZE - 92, "Ann Johnson", large)
    write(24, SIZE - 48, "Female   DOB: 08/12/1988", small)
    write(SIZE - 24, SIZE - 92, "ID: S1214223-1", large, "ra")
    write(SIZE - 24, SIZE - 48, "Study: 09/09/2011", small, "ra")
    write(SIZE - 60, 40, "L", ImageFont.load_default(54))


def _instance(name: str) -> bytes:
    """A file of PS3.10 from metadata and the picture."""
    metadata: dict[str, Any] = json.loads((GOLDEN / name).read_text(encoding="utf-8"))[0]
    meta = pydicom.dataset.FileMetaDataset()
    for tag in [tag for tag in metadata if tag.startswith("0002")]:
        vr, values = metadata[tag]["vr"], metadata.pop(tag)["Value"]
        meta.add_new(int(tag, 16), vr, values[0])
    metadata.pop("7FE00010", None)
    # The nested sample's CodingSchemeDesignator is longer than an SH may be: it is part of the sample.
    with disable_value_validation():
        instance = pydicom.Dataset.from_json(metadata)
    # Values for what the given meta leaves out. Source: PS3.10 §7.1.
    meta.MediaStorageSOPClassUID = instance.SOPClassUID
    meta.MediaStorageSOPInstanceUID = instance.SOPInstanceUID
    assert meta.TransferSyntaxUID == JPEGBaseline8Bit
    instance.add_new(0x7FE00010, "OB", encapsulate([sample_jpeg()]))
    instance["PixelData"].is_undefined_length = True
    file = pydicom.FileDataset("", instance, file_meta=meta, preamble=bytes(128))
    out = io.BytesIO()
    # Not enforce_file_format: it would refuse the nested sample's UIDs, which are what makes it a sample.
    with disable_value_validation():
        pydicom.dcmwrite(out, file, implicit_vr=False, little_endian=True)
    return out.getvalue()
