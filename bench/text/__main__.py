"""How much of what identifies is found in the texts of headers, against Presidio's analyzer, in one run.

    python -m bench.text [--split report|tune] [--seed N] [--count N] [--quick] [--show N]

Strings are made up (generate.py) and scored (score.py). For tuning there is `--split tune`, which shares no template
and no name with what is reported. In each round our finder and the peer, a child process from an environment of its
own, get the same slice of the strings, in turn; CPU time is each one's own, without its start. The peer takes part as
it is shipped, with the small model that PyPI has. Ends with 1 where a floor of what is found is missed; speed is
reported, never a reason to fail. Writes bench-out/text.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench.text import hostile, ours, report
from bench.text.contest import Contest, run
from bench.text.generate import COUNT, DESCRIPTORS, Sample, descriptors, samples
from bench.text.peer import PeerMissing, Presidio
from bench.text.score import Found, Scores, score, score_context
from bench.text.templates import REPORT, SPLITS, TUNE

_QUICK = 300


def _findings(finder: ours.AnyFinder, strings: Sequence[Sample]) -> list[list[Found]]:
    return [ours.find(finder, sample.text, sample.vr) for sample in strings]


def _speed(contest: Contest, console: Console, with_peer: bool) -> list[report.Floor]:
    """Prints rates, and gives the floors of speed."""
    kept = [report.Floor("remembered: times as fast as found anew", contest.ratio(0, 1), report.CACHED, quality=False)]
    console.print(f"effacer: {contest.rate(0):,.0f} strings per second of CPU, {contest.rate(1):,.0f} when remembered")
    if with_peer:
        console.print(f"Presidio: {contest.rate(2):,.0f} strings per second of CPU")
        kept.append(report.Floor("times as fast as Presidio", contest.ratio(2, 0), report.SPEED, quality=False))
    return kept


def _show(console: Console, strings: Sequence[Sample], scores: Scores, most: int) -> None:
    for title, cases in (("missed", scores.missed), ("wrong", scores.wrong)):
        for index, start, end, info_type in cases[:most]:
            sample = strings[index]
            around = sample.text[max(0, start - 40) : end + 40]
            console.print(
                f"{title} {info_type} {sample.vr} {sample.text[start:end]!r} in {around!r}",
                markup=False,
                highlight=False,
            )


def main() -> int:
    """Runs and scores; 1 when a floor of what is found is missed."""
    parser = argparse.ArgumentParser(prog="bench.text", description="Finding identifying text, against Presidio.")
    parser.add_argument("--split", choices=SPLITS, default=REPORT)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, help=f"strings ({COUNT})")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="few strings: does it run, not how well")
    parser.add_argument("--show", type=int, default=0, help="so many misses and wrong findings, of the tune split only")
    parser.add_argument("--no-peer", action="store_true", help="without Presidio")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    given = parser.parse_args()
    if given.show and given.split != TUNE:
        parser.error("--show is for --split tune: what is reported must not be looked at")
    console = Console(width=None if sys.stdout.isatty() else 150)
    count = given.count or (_QUICK if given.quick else COUNT)
    strings = samples(given.split, given.seed, count)
    phrased = descriptors(given.split, given.seed, min(count, DESCRIPTORS))
    default, everything = ours.info_types(default_only=True), ours.info_types(default_only=False)
    with contextlib.ExitStack() as stack:
        peer, missing = None, "left out"
        if not given.no_peer:
            try:
                peer = stack.enter_context(Presidio())
            except PeerMissing as reason:
                missing = str(reason)
        uncached = ours.finder(default)
        contest = run(strings, uncached, ours.finder(default, cached=True), peer, 1 if given.quick else given.rounds)
    scores = {
        report.OURS: score(strings, contest.ours, default),
        report.EVERYTHING: score(strings, _findings(ours.finder(everything), strings), everything),
        report.STRICT: score(strings, _findings(ours.finder(default, strict=True), strings), default),
    }
    if peer is not None:
        scores[report.PEER] = score(strings, contest.peers, default)
        scores[report.PEER_EVERYTHING] = score(strings, contest.peers, everything)
    context = score_context(phrased, ours.find_context(phrased))
    slowest = hostile.measure(ours.finder(everything, strict=True), size=1024 if given.quick else hostile.SIZE)
    negatives = scores[report.OURS].negatives.asked
    console.print(report.table(scores, f"{len(strings):,} strings ({given.split}), {negatives:,} hard negatives"))
    console.print(report.systems(scores))
    console.print(f"Presidio: {missing if peer is None else peer.version}")
    kept = report.floors(scores, context, slowest) + _speed(contest, console, peer is not None)
    for one in slowest[:3]:
        console.print(f"hostile {one.name!r}: {one.ms:.1f} ms, on doubling {one.factor:.2f}x", markup=False)
    missed = [floor for floor in kept if not floor.held]
    for floor in kept:
        # Those of rows are told in the table.
        if not floor.what.endswith((" masked", " precision")) and not (floor.held and floor.what.startswith("hostile")):
            console.print(str(floor), markup=False)
    console.print(f"{len(kept) - len(missed)} of {len(kept)} floors held")
    if given.quick:
        console.print("few strings: the figures say nothing")
    _show(console, strings, scores[report.OURS], given.show)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
    told = report.as_json(scores, context, slowest, kept)
    told |= {"machine": machine, "split": given.split, "seed": given.seed, "strings": len(strings)}
    told |= {"peer": missing if peer is None else peer.version, "rounds_cpu_s": contest.cpu_s}
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "text.json"
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    console.print(f"written: {path}")
    return int(any(floor.quality for floor in missed) and not given.quick)


if __name__ == "__main__":
    sys.exit(main())
