"""What recognisers give: parts of a text that identify, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple


class Likelihood(IntEnum):
    """How sure a finding is, in the words of the contract's reference."""

    POSSIBLE = 3
    LIKELY = 4
    VERY_LIKELY = 5


class Span(NamedTuple):
    """A part of a text.

    Attributes:
        start, end: offsets in code points, `end` behind the last one; start < end.
        info_type: name of an infoType ("PERSON_NAME").
        likelihood: see Likelihood.
    """

    start: int
    end: int
    info_type: str
    likelihood: Likelihood = Likelihood.LIKELY


def resolve(found: Iterable[Span]) -> list[Span]:
    """Spans that do not overlap, ascending: of two that do, the surer one stays, then the longer, then the first.

    What the one that goes covers beyond the one that stays is kept under its own name, so that nothing that was found
    is left readable because of the overlap.
    """
    taken: list[Span] = []
    for span in sorted(found, key=lambda one: (-one.likelihood, one.start - one.end, one.start)):
        rest = [span]
        for other in taken:
            rest = [part for one in rest for part in _without(one, other)]
        taken += rest
    return sorted(taken)


def _without(span: Span, other: Span) -> list[Span]:
    if span.end <= other.start or other.end <= span.start:
        return [span]
    parts = ((span.start, other.start), (other.end, span.end))
    return [span._replace(start=start, end=end) for start, end in parts if start < end]
