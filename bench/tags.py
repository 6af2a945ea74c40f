"""Tags only, folder to folder: instances per second of CPU, against a copy and named peers, in one run.

    python -m bench.tags [--set ct|sr|us|enhanced] [--count N] [--slow-count N] [--rounds N] [--quick]

Every contestant is its own child process. In each round all run once over an empty folder and once over the set, in
turn, so that a busy moment of the machine meets them all; *net* CPU is the difference of the two (start-up is no
instance's cost), each the median over the rounds. Outputs are counted, and in the first round read: a contestant that
did nothing, or left PatientName, is out, and so is a pydicom pass that comes to other bytes than effacer. Contestants
that parse every element get the first files of the set only; the rate is per instance. Files lie in shared memory
where there is enough of it, so that no disk and no journal is measured. Writes bench-out/tags.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from rich.console import Console
from rich.table import Table

from bench.contestants import ANONYMIZER, COPY, GDCMANON, LEAN, ORTHANC, OURS, Contestant, contestants
from bench.measure import ContestantFailed, Cost, memory_at_hand, run_child
from bench.outputs import discard, files, inspect
from bench.sets import SETS, SetKind, link_first, warm, write_instances

#: What the product promises of net CPU. Reported, never a reason to fail: a busy machine decides no test.
FLOORS = {
    ("ct", COPY): ("at most", 1.15),
    ("ct", LEAN): ("at least", 12.0),
    ("ct", ANONYMIZER): ("at least", 25.0),
    ("ct", GDCMANON): ("at least", 2.5),
    ("ct", ORTHANC): ("at least", 4.0),
    ("sr", LEAN): ("at least", 100.0),
    ("sr", GDCMANON): ("at least", 25.0),
    ("enhanced", LEAN): ("at least", 40.0),
    ("enhanced", GDCMANON): ("at least", 5.0),
    ("large", COPY): ("at most", 1.05),
}

#: Beyond the outputs, what contestants' processes themselves may take, in bytes.
_WORKING_MEMORY = 256 << 20
#: The largest set, its outputs, and as much memory again for the programs, in bytes.
_ROOM = 6 << 30


@dataclass(slots=True)
class Figures:
    """One contestant's rounds over one set: (empty folder, set), and what its outputs look like.

    Attributes:
        instances: files it was given.
        rounds: costs, one pair a round.
        named: outputs that still hold the bytes of the patient's name somewhere, nested or private.
        out: why it has no figure; "".
    """

    instances: int
    rounds: list[tuple[Cost, Cost]] = field(default_factory=list)
    named: int = 0
    out: str = ""

    @property
    def net_cpu_s(self) -> float:
        """CPU on the set less CPU on the empty folder, each the median over the rounds."""
        return self.median("cpu_s") - self.median("cpu_s", full=False)

    def median(self, of: str, full: bool = True) -> float:
        """Median over the rounds of `cpu_s` or `wall_s`, on the set or on the empty folder."""
        return float(statistics.median(getattr(pair[full], of) for pair in self.rounds))

    @property
    def rate(self) -> float | None:
        """Instances per second of net CPU; None when the difference drowns in noise."""
        return self.instances / self.net_cpu_s if self.rounds and self.net_cpu_s > 0 else None


class Bench:
    """One set's contest in a scratch folder."""

    def __init__(self, scratch: Path, kind: SetKind, field_of: list[Contestant]) -> None:
        self.kind = kind
        self._scratch = scratch / kind.name
        self._full, self._short, self._empty = (self._scratch / part for part in ("full", "short", "empty"))
        self._runs, self._out = 0, self._scratch
        self._ours: dict[str, bytes] = {}
        self._contestants = field_of
        self.bytes = write_instances(self._full, kind.name, kind.count)
        link_first(self._full, self._short, kind.slow_count)
        self._empty.mkdir()
        first = pydicom.dcmread(next(iter(sorted(self._full.iterdir()))), specific_tags=["PatientName"])
        self._name = str(first.PatientName).encode()
        self.figures = {
            c.name: Figures(kind.slow_count if c.slow else kind.count, out=c.missing)
            for c in field_of
            if kind.slow_count or not c.slow
        }

    def round(self) -> None:
        """All contestants once."""
        for contestant in self._contestants:
            figures = self.figures.get(contestant.name)
            if figures is None or figures.out:
                continue
            source = self._short if contestant.slow else self._full
            warm(source)
            try:
                empty = self._measure(contestant, self._empty)
                full = self._measure(contestant, source)
            except ContestantFailed as failure:
                figures.out = str(failure)
                continue
            if figures.rounds:
                found = len(files(self._out))
                figures.out = "" if found == figures.instances else f"{found} outputs for {figures.instances} inputs"
            else:
                self._inspect(contestant, figures)
            figures.rounds.append((empty, full))
            discard(self._out)

    def _inspect(self, contestant: Contestant, figures: Figures) -> None:
        outputs = inspect(self._out, figures.instances, self._name, contestant.copies)
        figures.out, figures.named = outputs.fault, outputs.named
        if contestant.name == OURS:
            self._ours = outputs.digests
        elif contestant.same and not outputs.fault and not outputs.digests.items() <= self._ours.items():
            figures.out = "its outputs are not those of effacer"

    def _measure(self, contestant: Contestant, source: Path) -> Cost:
        self._runs += 1
        self._out = self._scratch / f"out{self._runs}"
        if contestant.makes_out:
            self._out.mkdir()
        if contestant.measure is not None:
            return contestant.measure(source, self._out)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        return run_child(contestant.call(source, self._out), self._scratch / "log", environment)

    def close(self) -> None:
        """Gives back the set's space."""
        discard(self._full)


def table(kind: SetKind, size: int, figures: dict[str, Figures]) -> Table:
    """The figures of one set, for people."""
    title = f"{kind.title}: {kind.count} instances of {size / kind.count / 1e6:.2f} MB"
    shown = Table(title=title, title_justify="left", caption_justify="left")
    shown.add_column("contestant")
    for name in (
        "files",
        "wall s",
        "CPU s",
        "start-up s",
        "net CPU s",
        "inst./net CPU s",
        "vs effacer",
        "vs cp -r",
        "name left in",
    ):
        shown.add_column(name, justify="right")
    ours, copy = figures[OURS].rate, figures[COPY].rate
    for name, row in figures.items():
        if row.out:
            shown.add_row(name, str(row.instances), f"out: {row.out.strip().splitlines()[-1]}"[:60])
            continue
        rate = row.rate
        shown.add_row(
            name,
            str(row.instances),
            f"{row.median('wall_s'):.3f}",
            f"{row.median('cpu_s'):.3f}",
            f"{row.median('cpu_s', full=False):.3f}",
            f"{row.net_cpu_s:.3f}",
            f"{rate:,.1f}" if rate else "lost in noise",
            _ratio(rate, ours),
            _ratio(rate, copy),
            f"{row.named} of {row.instances}",
        )
    shown.caption = "; ".join(_floors(kind, figures))
    return shown


def _ratio(rate: float | None, base: float | None) -> str:
    return f"{rate / base:.3g}x" if rate and base else "-"


def _floors(kind: SetKind, figures: dict[str, Figures]) -> list[str]:
    """The promises for this set, with what was measured."""
    lines = []
    ours = figures[OURS].rate
    for (name, peer), (bound, floor) in FLOORS.items():
        if name != kind.name or peer not in figures:
            continue
        theirs = figures[peer].rate
        if not ours or not theirs:
            continue
        # Against the copy the promise is about CPU used, so the ratio turns over.
        value = ours / theirs if bound == "at least" else theirs / ours
        held = value >= floor if bound == "at least" else value <= floor
        what = f"{value:.2f}x the rate of {peer}" if bound == "at least" else f"{value:.2f}x the CPU of {peer}"
        lines.append(f"{what} (floor: {bound} {floor:g}x, {'held' if held else 'MISSED'})")
    return lines


def report(kind: SetKind, size: int, figures: dict[str, Figures]) -> dict[str, object]:
    """The figures of one set, for programs."""
    rows: dict[str, object] = {}
    for name, row in figures.items():
        rows[name] = {"out": row.out} if row.out else {
            "instances": row.instances,
            "net_cpu_s": row.net_cpu_s,
            "instances_per_net_cpu_s": row.rate,
            "cpu_s": row.median("cpu_s"),
            "start_up_cpu_s": row.median("cpu_s", full=False),
            "wall_s": row.median("wall_s"),
            "outputs_with_name": row.named,
            "rounds": [[empty.cpu_s, full.cpu_s] for empty, full in row.rounds],
        }  # fmt: skip
    return {"title": kind.title, "instances": kind.count, "bytes": size, "floors": _floors(kind, figures), "rows": rows}


def roomy() -> Path | None:
    """Shared memory where it has room for a set and its outputs, or None for the system's temporary folder."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM else None


def main() -> int:
    """Runs the contest; 1 when our own contestant, the copy or the lean pass failed."""
    parser = argparse.ArgumentParser(prog="bench.tags", description="De-identification of tags against named peers.")
    parser.add_argument("--set", choices=[kind.name for kind in SETS], help="one set only")
    parser.add_argument("--count", type=int, help="instances for the fast contestants")
    parser.add_argument("--slow-count", type=int, help="instances for those that parse every element")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="a few instances, one round: does it run, not how fast")
    parser.add_argument("--scratch", type=Path, help="folder for inputs and outputs (/dev/shm where it has room)")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    given = parser.parse_args()
    console, sets = Console(width=None if sys.stdout.isatty() else 150), {}
    broken = False
    with tempfile.TemporaryDirectory(dir=given.scratch or roomy(), prefix="effacer-bench-") as folder:
        field_of = contestants(Path(folder))
        for kind in SETS:
            if given.set not in (None, kind.name):
                continue
            count = given.count or min(kind.count, 4 if given.quick else kind.count)
            slow = min(count, given.slow_count or (2 if given.quick else kind.slow_count), kind.slow_count)
            bench = Bench(Path(folder), SetKind(kind.name, kind.title, count, slow), field_of)
            with memory_at_hand(bench.bytes + _WORKING_MEMORY):
                for _ in range(1 if given.quick else given.rounds):
                    bench.round()
            shown = table(bench.kind, bench.bytes, bench.figures)
            if given.quick:
                shown.caption = "a few instances: the figures say nothing"
            console.print(shown)
            sets[kind.name] = report(bench.kind, bench.bytes, bench.figures)
            broken |= any(bench.figures[name].out for name in (OURS, LEAN, COPY) if name in bench.figures)
            bench.close()
        for contestant in field_of:
            if contestant.missing:
                console.print(f"{contestant.name} did not take part: {contestant.missing}")
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "tags.json"
    path.write_text(json.dumps({"machine": machine, "sets": sets}, indent=1) + "\n", encoding="utf-8")
    console.print(f"written: {path}")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
