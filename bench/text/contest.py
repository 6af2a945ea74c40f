"""Both finders on the same strings, in turn: what they find and what CPU time it takes them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.text.generate import Sample
from bench.text.ours import AnyFinder, find
from bench.text.peer import Presidio
from bench.text.score import Found


@dataclass(slots=True)
class Contest:
    """What came of the rounds, each over its own slice of the strings.

    Attributes:
        ours, peers: findings by string.
        cpu_s: by round: ours, ours remembered, the peer's (0 without one).
        strings: by round.
    """

    ours: list[list[Found]] = field(default_factory=list)
    peers: list[list[Found]] = field(default_factory=list)
    cpu_s: list[tuple[float, float, float]] = field(default_factory=list)
    strings: list[int] = field(default_factory=list)

    def rate(self, of: int) -> float:
        """Strings per second of CPU, median over the rounds; `of`: as in cpu_s."""
        return statistics.median(count / took[of] for count, took in zip(self.strings, self.cpu_s, strict=True))

    def ratio(self, slow: int, fast: int) -> float:
        """How many times the CPU time of the fast one the slow one takes, median over the rounds."""
        return statistics.median(took[slow] / took[fast] for took in self.cpu_s)


def run(
    samples: Sequence[Sample], uncached: AnyFinder, cached: AnyFinder, peer: Presidio | None, rounds: int
) -> Contest:
    """Runs all rounds: in each ours over a slice, and the peer over the same.

    Args:
        uncached: ours, which remembers nothing.
        cached: ours with its memory on; a slice is shown to it before it is timed.
        peer: None where it is not installed.
    """
    contest = Contest()
    for sample in samples[:20]:
        # What is loaded at first use is nobody's first string's cost.
        find(uncached, sample.text, sample.vr)
    size = -(-len(samples) // rounds)
    for at in range(0, len(samples), size):
        part = samples[at : at + size]
        ours, ours_s = _timed(uncached, part)
        _timed(cached, part)
        _, cached_s = _timed(cached, part)
        peers_s = 0.0
        if peer is not None:
            found, peers_s = peer.find([sample.text for sample in part])
            contest.peers += found
        contest.ours += ours
        contest.cpu_s.append((ours_s, cached_s, peers_s))
        contest.strings.append(len(part))
    return contest


def _timed(finder: AnyFinder, samples: Sequence[Sample]) -> tuple[list[list[Found]], float]:
    started = time.process_time()
    found = [find(finder, sample.text, sample.vr) for sample in samples]
    return found, max(time.process_time() - started, 1e-9)
