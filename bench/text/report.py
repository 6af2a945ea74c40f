"""The figures against the floors: for people as tables, for programs as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from rich.table import Table

from bench.text.hostile import MOST_FACTOR, MOST_MS, Hostile
from bench.text.score import FOREIGN, IN_PROSE, MISREAD, TOTAL, ContextScores, Scores

_EXACT = (
    "EMAIL_ADDRESS", "URL", "IP_ADDRESS", "MAC_ADDRESS", "IBAN_CODE", "CREDIT_CARD_NUMBER", "US_SOCIAL_SECURITY_NUMBER",
    "US_VEHICLE_IDENTIFICATION_NUMBER", "SWIFT_CODE",
)  # fmt: skip
#: At least so much is masked, by row; strict finding of names in prose has a floor of its own.
MASKED = {
    TOTAL: 0.98, **dict.fromkeys(_EXACT, 1.0), **dict.fromkeys(("DATE", "DATE_OF_BIRTH", "AGE", "PHONE_NUMBER"), 0.99),
    "PERSON_NAME": 0.98, FOREIGN: 0.97, MISREAD: 0.93, "MEDICAL_RECORD_NUMBER": 0.95, "STREET_ADDRESS": 0.97,
    "LOCATION": 0.93, "ORGANIZATION_NAME": 0.93,
}  # fmt: skip
PRECISION = {TOTAL: 0.98, "PERSON_NAME": 0.98, **dict.fromkeys(_EXACT, 0.99)}
STRICT_PROSE, NEGATIVES, OVER, CONTEXT, SPEED, CACHED = 0.90, 0.01, 0.01, 1.0, 100.0, 10.0
OURS, EVERYTHING, STRICT, PEER = "effacer", "effacer, all infoTypes", "effacer, strict", "Presidio"
PEER_EVERYTHING = "Presidio, all infoTypes"


@dataclass(frozen=True, slots=True)
class Floor:
    """A figure and its bound.

    Attributes:
        quality: whether it is of what was found; such a figure is the same on every machine.
    """

    what: str
    value: float
    bound: float
    at_least: bool = True
    quality: bool = True

    @property
    def held(self) -> bool:
        """Whether it keeps to its bound."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        bound = f"{'at least' if self.at_least else 'at most'} {self.bound:g}"
        return f"{self.what}: {self.value:.3g} ({bound}, {'held' if self.held else 'MISSED'})"


def floors(scores: dict[str, Scores], context: ContextScores, hostile: Iterable[Hostile]) -> list[Floor]:
    """All floors of what was found and of hostile strings; those without a figure are left out."""
    found = []
    for name, bound in MASKED.items():
        value = _row(scores, OURS, name)[0]
        if value is not None:
            found.append(Floor(f"{name} masked", value, bound))
    for name, bound in PRECISION.items():
        value = _row(scores, OURS, name)[1]
        if value is not None:
            found.append(Floor(f"{name} precision", value, bound))
    strict = scores[STRICT].row(IN_PROSE).masked.value
    shares = (
        (f"{IN_PROSE} masked, strict", strict, STRICT_PROSE, True),
        ("hard negatives with findings", scores[OURS].negatives.value, NEGATIVES, False),
        ("hard negatives, all infoTypes", scores[EVERYTHING].negatives.value, NEGATIVES, False),
        ("over-redaction", scores[OURS].over.value, OVER, False),
        ("[CTX] recall", context.recall.value, CONTEXT, True),
        ("[CTX] wrong", float(context.wrong), 0.0, False),
    )
    found += [Floor(what, value, bound, up) for what, value, bound, up in shares if value is not None]
    for one in hostile:
        found.append(Floor(f"hostile {one.name}, ms", one.ms, MOST_MS, False, quality=False))
        found.append(Floor(f"hostile {one.name}, on doubling", one.factor, MOST_FACTOR, False, quality=False))
    return found


def _row(scores: dict[str, Scores], who: str, name: str) -> tuple[float | None, float | None, float | None, int]:
    """Masked, precision, named and spans; of infoTypes on request from the run that asked for them."""
    if name in _requested(scores):
        who = {OURS: EVERYTHING, PEER: PEER_EVERYTHING}[who]
    of = scores.get(who)
    if of is None or name not in of.rows:
        return None, None, None, 0
    row = of.rows[name]
    return row.masked.value, row.precision.value, row.named.value, row.masked.asked


def _requested(scores: dict[str, Scores]) -> set[str]:
    """Rows that only the run over all infoTypes has."""
    default = {name for name, row in scores[OURS].rows.items() if row.masked.asked}
    return {name for name, row in scores[EVERYTHING].rows.items() if row.masked.asked} - default


def rows(scores: dict[str, Scores]) -> list[str]:
    """Names of rows: infoTypes with truth, the classes, the total."""
    classes = (FOREIGN, IN_PROSE, MISREAD, TOTAL)
    known = {name for name, row in scores[EVERYTHING].rows.items() if row.masked.asked}
    return [*sorted(known - set(classes)), *(name for name in classes if name in known)]


def table(scores: dict[str, Scores], title: str) -> Table:
    """Masked and precision by infoType and class, ours and the peer's side by side."""
    shown = Table("", "spans", "masked", "precision", "named", "Presidio masked", "precision", "floor", title=title)
    for column in shown.columns[1:]:
        column.justify = "right"
    requested = _requested(scores)
    for name in rows(scores):
        if name == FOREIGN:
            shown.add_section()
        masked, precision, named, spans = _row(scores, OURS, name)
        other = _row(scores, PEER, name)
        bounds = [(masked, MASKED.get(name)), (precision, PRECISION.get(name))]
        asked = [(value, bound) for value, bound in bounds if value is not None and bound is not None]
        told = " ".join(f"{bound:g}" for _, bound in asked)
        verdict = "" if not asked else " held" if all(value >= bound for value, bound in asked) else " MISSED"
        label = f"{name} (on request)" if name in requested else name
        shown.add_row(label, f"{spans:,}", *map(_share, (masked, precision, named, *other[:2])), told + verdict)
    return shown


def systems(scores: dict[str, Scores]) -> Table:
    """One line for each way of finding."""
    head = ("masked", "precision", "tight", "names in prose", "hard negatives", "over-redaction")
    shown = Table("", *head)
    for column in shown.columns[1:]:
        column.justify = "right"
    for who, of in scores.items():
        total = of.row(TOTAL)
        shares = (total.masked, total.precision, of.tight, of.row(IN_PROSE).masked, of.negatives, of.over)
        shown.add_row(who, *(_share(share.value) for share in shares))
    return shown


def _finite(value: float) -> float | None:
    """JSON knows no infinity."""
    return value if math.isfinite(value) else None


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def as_json(
    scores: dict[str, Scores], context: ContextScores, hostile: Iterable[Hostile], kept: list[Floor]
) -> dict[str, object]:
    """All figures, for programs."""
    return {
        "systems": {
            who: {
                "hard_negatives": of.negatives.value, "over_redaction": of.over.value, "tight": of.tight.value,
                "rows": {
                    name: {
                        "spans": row.masked.asked, "masked": row.masked.value, "findings": row.precision.asked,
                        "precision": row.precision.value, "named": row.named.value,
                    }
                    for name, row in sorted(of.rows.items())
                },
            }
            for who, of in scores.items()
        },
        "context": {"recall": context.recall.value, "spans": context.recall.asked, "wrong": context.wrong},
        "hostile": {
            one.name: {"ms": _finite(one.ms), "twice_ms": _finite(one.twice_ms), "factor": _finite(one.factor)}
            for one in hostile
        },
        "floors": [
            {
                "what": one.what, "value": _finite(one.value), "bound": one.bound, "at_least": one.at_least,
                "held": one.held,
            }
            for one in kept
        ],
    }  # fmt: skip
