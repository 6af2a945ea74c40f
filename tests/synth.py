"""Seeded synthetic instances with synthetic identities, for tests and benches.

Nobody here exists. The same arguments give the same bytes; images are gradients with noise.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tests.canary import Canaries, canaries
from tests.encode import JPEG_BASELINE, Fragments, Part, Style, data_set, file
from tests.hostile import hostile

__all__ = ["KINDS", "Canaries", "canaries", "ct", "enhanced_ct", "hostile", "sr", "us_cine", "write_set"]

FAMILY = ("Abendroth", "Birkenau", "Castellane", "Drummond", "Eskola", "Fairweather", "Grünwald", "Hämäläinen")
GIVEN = ("Ada", "Bruno", "Clara", "Dietmar", "Edna", "Fritz", "Greta", "Zoë")
# Specific Character Set and the codec that writes it. Source: PS3.3 §C.12.1.1.2.
CHARSETS = {"latin-1": "ISO_IR 100", "utf-8": "ISO_IR 192", "gb18030": "GB18030", "cyrillic": "ISO_IR 144"}
CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT_CLASS = "1.2.840.10008.5.1.4.1.1.2.1"
US_CINE_CLASS = "1.2.840.10008.5.1.4.1.1.3.1"
SR_CLASS = "1.2.840.10008.5.1.4.1.1.88.33"


def _uid(rng: random.Random) -> str:
    return f"2.25.{rng.getrandbits(120)}"


def _code(tag: int, value: str, meaning: str, scheme: str = "DCM") -> Part:
    return Part(
        tag, "SQ", [[Part(0x00080100, "SH", value), Part(0x00080102, "SH", scheme), Part(0x00080104, "LO", meaning)]]
    )


def _references(rng: random.Random, tag: int, sop_class: str, count: int = 1) -> Part:
    return Part(
        tag, "SQ", [[Part(0x00081150, "UI", sop_class), Part(0x00081155, "UI", _uid(rng))] for _ in range(count)]
    )


def _identity(rng: random.Random, sop_class: str, modality: str, number: int, style: Style) -> list[Part]:
    """Patient, study, series and equipment: what every kind shares."""
    patient = rng.randrange(10**8)
    family, given = rng.choice(FAMILY), rng.choice(GIVEN)
    if style.codec == "cyrillic":
        family, given = "Синицын", "Пётр"
    elif style.codec == "gb18030":
        family, given = "王", "小东"
    day = f"20{rng.randrange(10, 25)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}"
    time = f"{rng.randrange(24):02}{rng.randrange(60):02}{rng.randrange(60):02}"
    return [
        Part(0x00080005, "CS", CHARSETS[style.codec]),
        Part(0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL"),
        Part(0x00080012, "DA", day),
        Part(0x00080013, "TM", time),
        Part(0x00080016, "UI", sop_class),
        Part(0x00080018, "UI", f"2.25.{rng.getrandbits(100)}{number:06}"),
        *[Part(0x00080020 + n, "DA", day) for n in range(4)],
        *[Part(0x00080030 + n, "TM", time) for n in range(4)],
        Part(0x00080050, "SH", f"ACC{rng.randrange(10**6)}"),
        Part(0x00080060, "CS", modality),
        Part(0x00080070, "LO", "Synthetic Devices"),
        Part(0x00080080, "LO", "Hospital of Nowhere"),
        Part(0x00080081, "ST", "1 Imaginary Road, Nowhere"),
        Part(0x00080090, "PN", "Referrer^Rita"),
        Part(0x00081010, "SH", "STATION7"),
        Part(0x00081030, "LO", f"Check of {family}"),
        Part(0x0008103E, "LO", "Series of pictures"),
        Part(0x00081040, "LO", "Radiology"),
        Part(0x00081050, "PN", "Performer^Paul"),
        Part(0x00081060, "PN", "Reader^Rosa"),
        Part(0x00081070, "PN", "Operator^Otto"),
        Part(0x00081090, "LO", "Model 9"),
        _references(rng, 0x00081110, "1.2.840.10008.3.1.2.3.1"),
        _references(rng, 0x00081140, sop_class, 3),
        Part(0x00100010, "PN", f"{family}^{given}"),
        Part(0x00100020, "LO", f"P{patient:08}"),
        Part(0x00100030, "DA", "19610203"),
        Part(0x00100040, "CS", "O"),
        Part(0x00101010, "AS", "051Y"),
        Part(0x00101030, "DS", "71.5"),
        Part(0x00102160, "SH", "unknown"),
        Part(0x001021B0, "LT", f"{given} was here before."),
        Part(0x00104000, "LT", "No comment"),
        Part(0x00180015, "CS", "CHEST"),
        Part(0x00181000, "LO", "SN-00042"),
        Part(0x00181020, "LO", "v1"),
        Part(0x00181030, "LO", "Protocol 7"),
        Part(0x0020000D, "UI", f"2.25.{patient}1"),
        Part(0x0020000E, "UI", f"2.25.{patient}2"),
        Part(0x00200010, "SH", "S1"),
        Part(0x00200011, "IS", "2"),
        Part(0x00200013, "IS", str(number)),
        Part(0x00200052, "UI", f"2.25.{patient}3"),
        Part(0x00204000, "LT", "comment on the image"),
        Part(0x00321032, "PN", "Requester^Rolf"),
        Part(0x00400244, "DA", day),
        Part(0x00400253, "SH", "PPS1"),
        Part(0x00400275, "SQ", [[Part(0x00400007, "LO", "Step"), _code(0x00400008, "71250", "CT chest")]]),
    ]  # fmt: skip


def _image(rows: int, columns: int, bits: int = 16, frames: int = 0) -> list[Part]:
    counted = [Part(0x00280008, "IS", str(frames))] if frames else []
    rest = [(0x00280010, rows), (0x00280011, columns), (0x00280100, bits), (0x00280101, bits), (0x00280102, bits - 1)]
    return [
        Part(0x00280002, "US", (1,)),
        Part(0x00280004, "CS", "MONOCHROME2"),
        *counted,
        *[Part(tag, "US", (number,)) for tag, number in rest],
        Part(0x00280103, "US", (0,)),
        Part(0x00281050, "DS", "40\\80"),
        Part(0x00281051, "DS", "400\\800"),
        Part(0x00281052, "DS", "-1024"),
        Part(0x00281053, "DS", "1"),
    ]


@cache
def _noise(rows: int, columns: int, frames: int) -> bytes:
    """Little endian 16-bit pixels, one gradient with noise for all instances of a size."""
    noise = np.random.default_rng(7).integers(0, 200, (frames, rows, columns), dtype=np.uint16)
    return (noise + np.linspace(0, 3000, columns, dtype=np.uint16)).astype("<u2").tobytes()


def _private(rng: random.Random, group: int, creator: str, count: int) -> list[Part]:
    """A block of private elements of many VRs. Source: PS3.5 §7.8.1."""
    parts = [Part(group << 16 | 0x0010, "LO", creator)]
    for number in range(count):
        tag = group << 16 | 0x1000 | number
        kind = number % 6
        if kind == 0:
            parts.append(Part(tag, "LO", f"Private of {rng.choice(FAMILY)} {number}"))
        elif kind == 1:
            parts.append(Part(tag, "DS", f"{rng.random() * 100:.3f}"))
        elif kind == 2:
            parts.append(Part(tag, "UN", rng.randbytes(40)))
        elif kind == 3:
            parts.append(Part(tag, "SH", f"T{rng.randrange(10**6)}"))
        elif kind == 4:
            parts.append(Part(tag, "OB", rng.randbytes(200)))
        else:
            parts.append(Part(tag, "FD", (rng.random(), rng.random())))
    return parts


def _finish(style: Style, parts: Sequence[Part]) -> bytes:
    """The file: elements in tag order, meta from the data set."""
    ordered = sorted(parts, key=lambda part: part.tag)
    named = {part.tag: part.value for part in ordered}
    meta = [Part(0x00020002, "UI", named[0x00080016]), Part(0x00020003, "UI", named[0x00080018])]
    meta += [Part(0x00020012, "UI", "2.25.4242"), Part(0x00020013, "SH", "SYNTH"), Part(0x00020016, "AE", "SCANNER1")]
    return file(style, data_set(style, ordered), meta)


def _pixels(style: Style, rows: int, columns: int, frames: int = 1) -> Part:
    raw = _noise(rows, columns, frames)
    if style.order == ">":
        raw = np.frombuffer(raw, "<u2").astype(">u2").tobytes()
    return Part(0x7FE00010, "OW", raw)


def ct(seed: int, style: Style | None = None, number: int = 1, size: int = 512) -> bytes:
    """A CT slice of size x size pixels, 16 bit: about 200 elements, three private blocks, nested sequences."""
    style, rng = style or Style(), random.Random(seed * 1_000_003 + number)
    position = number * 1.25
    parts = _identity(random.Random(seed), CT_CLASS, "CT", number, style) + _image(size, size)
    parts += [
        Part(0x00180050, "DS", "1.25"),
        Part(0x00180060, "DS", "120"),
        *[Part(0x00181100 + n * 0x10, "DS", f"{300 + n}.5") for n in (0, 1, 2, 3, 4, 5)],
        Part(0x00181160, "SH", "BODY"),
        Part(0x00181210, "SH", "SOFT"),
        Part(0x00185100, "CS", "HFS"),
        Part(0x00200032, "DS", f"-250\\-250\\{position}"),
        Part(0x00200037, "DS", "1\\0\\0\\0\\1\\0"),
        Part(0x00201041, "DS", f"{position}"),
        Part(0x00400555, "SQ", [[_code(0x0040A043, "121401", "Derivation"), Part(0x0040A160, "UT", "free text")]]),
        Part(0x00540220, "SQ", [[*_code(0x00540222, "G-A138", "Coronal", "SRT").value[0]]]),  # type: ignore[index]
    ]
    parts += _private(rng, 0x0009, "SYNTH IDENT 01", 24)
    parts += _private(rng, 0x0019, "SYNTH ACQU 01", 48)
    parts += _private(rng, 0x0029, "SYNTH CSA HEADER", 30)
    inner = [*_private(rng, 0x0029, "SYNTH INNER", 6), _references(rng, 0x00081140, CT_CLASS)]
    parts.append(Part(0x0029102F, "SQ", [sorted(inner, key=lambda part: part.tag)]))
    parts.append(_pixels(style, size, size))
    return _finish(style, parts)


def sr(seed: int, style: Style | None = None, number: int = 1, elements: int = 2000) -> bytes:
    """A structured report: a deep content tree of about `elements` elements."""
    style, rng = style or Style(), random.Random(seed * 1_000_003 + number)
    left = elements - 60

    def node(depth: int) -> list[Part]:
        nonlocal left
        name = _code(0x0040A043, f"1210{rng.randrange(100):02}", "Finding")
        left -= 8
        kinds = [
            [Part(0x0040A040, "CS", "TEXT"), name, Part(0x0040A160, "UT", f"Seen in {rng.choice(FAMILY)}")],
            [
                Part(0x0040A040, "CS", "PNAME"),
                name,
                Part(0x0040A123, "PN", f"{rng.choice(FAMILY)}^{rng.choice(GIVEN)}"),
            ],
            [Part(0x0040A040, "CS", "DATE"), Part(0x0040A121, "DA", "20200229"), name],
            [Part(0x0040A040, "CS", "UIDREF"), name, Part(0x0040A124, "UI", _uid(rng))],
            [_references(rng, 0x00081199, CT_CLASS), Part(0x0040A040, "CS", "IMAGE"), name],
        ]
        own = [Part(0x0040A010, "CS", "CONTAINS"), *rng.choice(kinds)]
        if depth < 8 and left > 0:
            children = [node(depth + 1) for _ in range(rng.randrange(1, 4)) if left > 0]
            own += [Part(0x0040A730, "SQ", children)] if children else []
        return sorted(own, key=lambda part: part.tag)

    tree = []
    while left > 0:
        tree.append(node(1))
    parts = _identity(random.Random(seed), SR_CLASS, "SR", number, style)
    parts += [Part(0x0040A040, "CS", "CONTAINER"), _code(0x0040A043, "126000", "Report"), Part(0x0040A730, "SQ", tree)]
    parts += [Part(0x0040A491, "CS", "COMPLETE"), Part(0x0040A493, "CS", "UNVERIFIED")]
    return _finish(style, parts)


@cache
def _jpeg(frame: int) -> bytes:
    image = Image.new("L", (320, 240), 20)
    ImageDraw.Draw(image).ellipse((40 + frame % 60, 40, 240 + frame % 60, 200), fill=120)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def us_cine(
    seed: int, style: Style | None = None, number: int = 1, frames: int = 30, fragments: int = 1, offsets: bool = True
) -> bytes:
    """An ultrasound loop in JPEG baseline: `fragments` per frame, with or without a basic offset table."""
    style = Style(JPEG_BASELINE, (style or Style()).undefined, (style or Style()).codec)
    parts = _identity(random.Random(seed), US_CINE_CLASS, "US", number, style) + _image(240, 320, 8, frames)
    region = [Part(0x00186012, "US", (1,)), Part(0x00186018, "UL", (0,)), Part(0x0018602C, "FD", (0.01,))]
    parts += [Part(0x00181063, "DS", "33.3"), Part(0x00186011, "SQ", [region]), Part(0x00280009, "AT", (0x00181063,))]
    parts += [Part(0x00282110, "CS", "01"), *_private(random.Random(seed), 0x200D, "SYNTH US", 12)]
    encoded = []
    for index in range(frames):
        jpeg = _jpeg(index)
        step = -(-len(jpeg) // fragments) + 1 & ~1
        encoded.append(tuple(jpeg[at : at + step] for at in range(0, len(jpeg), step)))
    parts.append(Part(0x7FE00010, "OB", Fragments(tuple(encoded), offsets)))
    return _finish(style, parts)


def enhanced_ct(seed: int, style: Style | None = None, number: int = 1, frames: int = 500, size: int = 64) -> bytes:
    """A multi-frame CT: one item of functional groups per frame, each with nested sequences and references."""
    style, rng = style or Style(), random.Random(seed * 1_000_003 + number)
    groups = []
    for frame in range(frames):
        content = [
            Part(0x00189074, "DT", "20200102030405.5"),
            Part(0x00209157, "UL", (1, frame + 1)),
            Part(0x00209158, "LT", "note"),
        ]
        source = [Part(0x00081150, "UI", CT_CLASS), Part(0x00081155, "UI", _uid(rng))]
        source.append(_code(0x0040A170, "121314", "Localizer"))
        groups.append([
            Part(0x00081140, "SQ", [source]),
            Part(0x00189114, "SQ", [[Part(0x00189313, "FD", (0.0, 0.0, float(frame)))]]),
            Part(0x00189321, "SQ", [[Part(0x00189328, "FD", (10.5,)), Part(0x00189332, "FD", (2.5,))]]),
            Part(0x00209111, "SQ", [content]),
            Part(0x00209113, "SQ", [[Part(0x00200032, "DS", f"0\\0\\{frame}")]]),
            Part(0x00289110, "SQ", [[Part(0x00180050, "DS", "1"), Part(0x00280030, "DS", "0.5\\0.5")]]),
        ])  # fmt: skip
    parts = _identity(random.Random(seed), ENHANCED_CT_CLASS, "CT", number, style) + _image(size, size, 16, frames)
    shared = [Part(0x00209116, "SQ", [[Part(0x00200037, "DS", "1\\0\\0\\0\\1\\0")]])]
    parts += [Part(0x52009229, "SQ", [shared]), Part(0x52009230, "SQ", groups), _pixels(style, size, size, frames)]
    return _finish(style, parts)


KINDS: dict[str, Callable[..., bytes]] = {"ct": ct, "sr": sr, "us": us_cine, "enhanced": enhanced_ct}


def write_set(folder: Path, kind: str, count: int, seed: int = 1, style: Style | None = None) -> list[Path]:
    """Writes `count` instances of one patient and study (`ct`, `sr`, `us`, `enhanced`) and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(1, count + 1):
        path = folder / f"{kind}{number:05}.dcm"
        path.write_bytes(KINDS[kind](seed, style, number))
        paths.append(path)
    return paths
