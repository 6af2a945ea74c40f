"""What recognisers give: parts of a text that identify, and how sure that is."""

from __future__ import annotations

from bisect import bisect_right
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
    taken: list[Span] = []  # ascending, none over another, so their ends ascend as well
    ends: list[int] = []
    for span in sorted(found, key=lambda one: (-one.likelihood, one.start - one.end, one.start)):
        at = bisect_right(ends, span.start)
        start, parts = span.start, []
        behind = at
        while behind < len(taken) and taken[behind].start < span.end:
            if start < taken[behind].start:
                parts.append(span._replace(start=start, end=taken[behind].start))
            start = taken[behind].end
            behind += 1
        if start < span.end:
            parts.append(span._replace(start=start))
        taken[at:behind] = sorted((*taken[at:behind], *parts))
        ends[at:behind] = [one.end for one in taken[at : at + behind - at + len(parts)]]
    return taken
