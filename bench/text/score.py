"""How much of what identifies was found, and how much else.

- masked: share of truth spans of which every identifying character (letter, digit, mark) is covered by findings.
- precision: share of findings that touch a truth span; `tight`: share of covered characters that identify.
- findings on hard negatives: share of the strings that identify nobody in which something was found.
- over-redaction: share of the identifying-nobody characters that are covered, over all strings.
- named: share of masked truth spans that were called by their infoType.

Names in prose and spans that were misread have rows of their own and are in the total, not in their infoType's row.
Masked looks at no infoType's name: what is hidden under another name is hidden. Truth of infoTypes that were not asked
for (ORGANIZATION_NAME in the default set) is neither right nor wrong to find.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.text.generate import NEGATIVE, OCR, PROSE, Descriptor, Sample
from bench.text.slots import Truth

TOTAL, FOREIGN, IN_PROSE, MISREAD = "total", "foreign names", "names in prose", "OCR'd spans"


class Found(NamedTuple):
    """A finding: offsets in code points and infoType."""

    start: int
    end: int
    info_type: str


@dataclass(slots=True)
class Share:
    """A part of a whole, counted."""

    held: int = 0
    asked: int = 0

    def add(self, held: bool) -> None:
        """One more case."""
        self.held += held
        self.asked += 1

    @property
    def value(self) -> float | None:
        """The share; None where nothing was counted."""
        return self.held / self.asked if self.asked else None


@dataclass(slots=True)
class Row:
    """Figures of one infoType or class."""

    masked: Share = field(default_factory=Share)
    precision: Share = field(default_factory=Share)
    named: Share = field(default_factory=Share)


@dataclass(slots=True)
class Scores:
    """All figures of one finder.

    Attributes:
        rows: by infoType, by class (FOREIGN, IN_PROSE, MISREAD), and TOTAL.
        tight: of the covered characters those that identify.
        negatives: hard negatives with a finding, of all.
        over: covered characters that identify nobody, of all such.
        missed, wrong: (index of the sample, start, end, infoType), to look at.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    tight: Share = field(default_factory=Share)
    negatives: Share = field(default_factory=Share)
    over: Share = field(default_factory=Share)
    missed: list[tuple[int, int, int, str]] = field(default_factory=list)
    wrong: list[tuple[int, int, int, str]] = field(default_factory=list)

    def row(self, name: str) -> Row:
        """The figures of an infoType or class."""
        return self.rows.setdefault(name, Row())


def identifying(text: str, start: int, end: int) -> set[int]:
    """Offsets of letters, digits and marks between two offsets: blanks and punctuation tell nobody's name."""
    return {at for at in range(start, end) if text[at].isalnum() or unicodedata.category(text[at])[0] == "M"}


def score(samples: Sequence[Sample], findings: Sequence[Iterable[Found]], asked: frozenset[str]) -> Scores:
    """Scores the findings of each sample.

    Args:
        findings: those of each sample, in the samples' order.
        asked: infoTypes that were looked for.
    """
    scores = Scores()
    for index, (sample, found) in enumerate(zip(samples, findings, strict=True)):
        _one(scores, index, sample, list(found), asked)
    return scores


def _one(scores: Scores, index: int, sample: Sample, found: list[Found], asked: frozenset[str]) -> None:
    truth = {at for span in sample.spans if span.info_type in asked for at in identifying(sample.text, *span[:2])}
    neutral = {at for span in sample.spans if span.info_type not in asked for at in identifying(sample.text, *span[:2])}
    neutral |= {at for start, end in sample.either for at in identifying(sample.text, start, end)}
    covered: dict[int, str] = {}
    told = False
    for finding in found:
        # A finding of punctuation alone is one all the same.
        characters = identifying(sample.text, finding.start, finding.end)
        covered |= dict.fromkeys(characters, finding.info_type)
        right = not characters.isdisjoint(truth)
        if not right and characters and characters <= neutral:
            continue
        told = True
        scores.row(TOTAL).precision.add(right)
        scores.row(_own_row(finding.info_type, sample)).precision.add(right)
        if sample.kind == OCR:
            scores.row(MISREAD).precision.add(right)
        if not right:
            scores.wrong.append((index, *finding))
    for span in sample.spans:
        if span.info_type in asked:
            _span(scores, index, sample, span, covered)
    others = identifying(sample.text, 0, len(sample.text)) - truth - neutral
    scores.over.held += len(others & covered.keys())
    scores.over.asked += len(others)
    scores.tight.held += len(truth & covered.keys())
    scores.tight.asked += len(covered.keys() - neutral)
    if sample.kind == NEGATIVE:
        scores.negatives.add(told)


def _span(scores: Scores, index: int, sample: Sample, span: Truth, covered: dict[int, str]) -> None:
    characters = identifying(sample.text, span.start, span.end)
    masked = characters <= covered.keys()
    if not masked:
        scores.missed.append((index, span.start, span.end, span.info_type))
    row = _own_row(span.info_type, sample)
    classes = [TOTAL, MISREAD if span.noisy else row]
    classes += [FOREIGN] if row == "PERSON_NAME" and sample.foreign and not span.noisy else []
    for name in classes:
        scores.row(name).masked.add(masked)
        if masked:
            called = Counter(covered[at] for at in characters).most_common(1)[0][0]
            scores.row(name).named.add(called == span.info_type)


def _own_row(info_type: str, sample: Sample) -> str:
    """Names in prose are another task than names in descriptors, and counted apart."""
    return IN_PROSE if info_type == "PERSON_NAME" and sample.kind == PROSE else info_type


@dataclass(slots=True)
class ContextScores:
    """Figures of `[CTX]`.

    Attributes:
        recall: spans of which every identifying character became [CTX].
        wrong: findings that cover a character nobody's value says.
        missed: (index of the descriptor, start, end).
    """

    recall: Share = field(default_factory=Share)
    wrong: int = 0
    missed: list[tuple[int, int, int]] = field(default_factory=list)


def score_context(descriptors: Sequence[Descriptor], findings: Sequence[Iterable[Found]]) -> ContextScores:
    """Scores the [CTX] findings of each descriptor."""
    scores = ContextScores()
    for index, (one, found) in enumerate(zip(descriptors, findings, strict=True)):
        truth = {at for span in one.spans for at in identifying(one.text, *span)}
        covered = [identifying(one.text, finding.start, finding.end) for finding in found]
        scores.wrong += sum(not characters <= truth for characters in covered)
        everything = set[int]().union(*covered)
        for start, end in one.spans:
            held = identifying(one.text, start, end) <= everything
            scores.recall.add(held)
            if not held:
                scores.missed.append((index, start, end))
    return scores
