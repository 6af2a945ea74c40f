"""The demo's comparison picture: an instance's image with what became of its tags next to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

_PAPER, _INK, _FAINT, _STRIPE = "#ffffff", "#1b1f24", "#6a737d", "#f4f6f8"
_COLOURS = {
    "kept": "#1a7f37",
    "new UID": "#0969da",
    "emptied": "#9a6700",
    "deleted": "#cf222e",
    "added": "#8250df",
    "changed": "#bc4c00",
}
_IMAGE, _MARGIN, _LINE = 900, 32, 29
#: Left edge of each column within the table, and how wide its text may be, in pixels.
_COLUMNS = (("tag", 12, 116), ("attribute", 136, 300), ("before", 446, 270), ("after", 726, 270), ("", 1004, 90))
_TABLE = 1104


@dataclass(frozen=True, slots=True)
class Row:
    """One element before and after, as text.

    Attributes:
        tag: "(0010,0010)".
        name: keyword.
        before, after: values, or marks for absent and empty.
        change: kept, new UID, emptied, deleted, added or changed.
    """

    tag: str
    name: str
    before: str
    after: str
    change: str


def draw_comparison(picture: Image.Image, rows: Sequence[Row], title: str, caption: str) -> Image.Image:
    """The picture to the left with the caption below it, the table to the right."""
    top = _MARGIN + 56
    height = max(top + _IMAGE + 64, top + _LINE * (len(rows) + 1) + _MARGIN)
    sheet = Image.new("RGB", (_MARGIN * 3 + _IMAGE + _TABLE, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, _MARGIN - 4), title, font=ImageFont.load_default(32), fill=_INK)
    sheet.paste(picture.resize((_IMAGE, _IMAGE), Image.Resampling.LANCZOS), (_MARGIN, top))
    pen.text((_MARGIN, top + _IMAGE + 14), caption, font=ImageFont.load_default(20), fill=_FAINT)

    font, left = ImageFont.load_default(18), _MARGIN * 2 + _IMAGE
    for heading, at, _ in _COLUMNS:
        pen.text((left + at, top + 2), heading, font=font, fill=_FAINT)
    pen.line((left, top + _LINE - 2, left + _TABLE, top + _LINE - 2), fill=_FAINT)
    for number, row in enumerate(rows):
        y = top + _LINE * (number + 1)
        if number % 2:
            pen.rectangle((left, y, left + _TABLE, y + _LINE - 1), fill=_STRIPE)
        colour = _COLOURS[row.change]
        inks = (_FAINT, _INK, _INK, _INK if row.change == "kept" else colour, colour)
        texts = (row.tag, row.name, row.before, row.after, row.change)
        for (_, at, width), text, ink in zip(_COLUMNS, texts, inks, strict=True):
            pen.text((left + at, y + 4), _fit(pen, text, width, font), font=font, fill=ink)
    return sheet


def _fit(pen: ImageDraw.ImageDraw, text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text, its middle left out where it is too wide: UIDs differ at their ends."""
    if pen.textlength(text, font=font) <= width:
        return text
    keep = len(text)
    while keep > 4:
        keep -= 1
        short = text[: keep - keep // 2] + "…" + text[len(text) - keep // 2 :]
        if pen.textlength(short, font=font) <= width:
            return short
    return text[:3] + "…"
