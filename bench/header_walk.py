"""How long the walk over one instance's header takes, hot: scan and splice of bytes in memory, in microseconds.

    python -m bench.header_walk [--rounds N]

One instance of each kind, the Basic Profile, the median over many calls; nothing is read or written. Next to it, what
a bare walk without any edit costs (KEEP_ALL_PROFILE with primary ids kept), so that the price of the edits shows.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from effacer_server.dicom import core
from effacer_server.engine.instance import Deidentifier, compile_matcher
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.documents import parse_config
from effacer_server.policy.plan import Keys
from tests.synth import KINDS

BASIC = '{"dicomTagConfig": {"profileType": "ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE"}}'
NOTHING = '{"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE", "options": {"primaryIds": "KEEP"}}}'
#: Calls in one sample: a clock tick is long against one call.
_CALLS = 20


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="bench.header_walk", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200, help="samples of 20 calls each")
    rounds = parser.parse_args().rounds
    table = Table("instance", "bytes", "edits", "walk only us", "scan us", "scan + splice us", "whole engine us")
    for column in table.columns[1:]:
        column.justify = "right"
    for kind, make in KINDS.items():
        table.add_row(kind, *figures(make(1), rounds))
    Console(width=110).print(table)


def figures(data: bytes, rounds: int) -> list[str]:
    """One instance's row: bytes, edits and four medians."""
    keys = Keys(bytes(range(32)))
    source = core.Source(data)
    meta = core.read_meta(source)
    basic, nothing = (compile_config(parse_config(text)) for text in (BASIC, NOTHING))
    matcher, keeper = (
        compile_matcher(plan, keys, meta.sop_class, meta.implicit, meta.big_endian) for plan in (basic, nothing)
    )
    deidentifier = Deidentifier(basic, keys)
    edits = core.scan(source, meta, matcher)
    calls: tuple[Callable[[], object], ...] = (
        lambda: core.scan(source, meta, keeper),
        lambda: core.scan(source, meta, matcher),
        lambda: core.splice(source, core.scan(source, meta, matcher), {}),
        lambda: deidentifier.deidentify(core.Source(data)),
    )
    return [f"{len(data):,}", str(edits.count), *(f"{median_us(call, rounds):.1f}" for call in calls)]


def median_us(call: Callable[[], object], rounds: int) -> float:
    """Median microseconds of one call."""
    samples = []
    for _ in range(rounds):
        start = time.perf_counter_ns()
        for _ in range(_CALLS):
            call()
        samples.append((time.perf_counter_ns() - start) / _CALLS / 1000)
    return statistics.median(samples)


if __name__ == "__main__":
    main()
