"""The checks of the field's public scorer over a synthetic answer key: what must hold of each element that goes in.

    python -m bench.scorecard [--quick] [--config basic|options|latest] [--patients N] [--seed N]

Runs `effacer-server deidentify` from folder to folder under three configs: the Basic Profile alone; with its options
(modified dates, patient characteristics, device, institution, safe private, structured content, graphics); and these
options in the newest edition. Outputs are read by pydicom. Ends with 1 where a config comes to less than 99.9 %. A file
that is missing, or cannot be read, fails every check about it. Writes bench-out/scorecard.json.

The categories:

- tag_retained: the element is there; text_notnull: with a value; text_retained: with the value it had.
- text_removed: the value is gone from its element. Where it holds letters and is long enough to be told from chance,
  it is nowhere else in the output's bytes either. Of free text the key asks what tags alone can promise, that the text
  goes with its element; keeping a description without the name in it needs its text to be looked at.
- date_shifted: another day in the same written form, time and offset as they were, and all dates of one patient moved
  by the same number of days, between 1 and 365 either way.
- uid_changed: a valid UID that is not the old one; uid_consistent: one old UID has one new UID wherever it stands, in
  all instances and under all configs, and no other old UID has it.
- patid_consistent: what stands in PatientID is the same for all instances of a patient, and not the old value. The
  profile empties it (code Z, type 2), so under these configs consistent means empty everywhere, never the number here
  and a placeholder there.
- pixels_retained: pixel data byte for byte, fragments and offset table included.
"""

from __future__ import annotations

import argparse
import datetime
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from rich.console import Console
from rich.table import Table

from bench.answer_key import CHECKS, Instance, Question, Step, instances

FLOOR = 0.999
_OPTIONS = (
    "retainLongitudinalModifiedDates", "retainPatientCharacteristics", "retainDeviceIdentity",
    "retainInstitutionIdentity", "retainSafePrivate", "cleanStructuredContent", "cleanGraphics",
)  # fmt: skip
_BASIC = {"profileType": "ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE"}
CONFIGS: dict[str, dict[str, object]] = {
    "basic": {"dicomTagConfig": _BASIC},
    "options": {"dicomTagConfig": {**_BASIC, "options": dict.fromkeys(_OPTIONS, True)}},
    "latest": {
        "dicomTagConfig": {**_BASIC, "options": {**dict.fromkeys(_OPTIONS, True), "standardEdition": "EDITION_LATEST"}}
    },
}

#: One key for all runs: the same outputs each time, and the same UIDs under both configs.
_UID_KEY = bytes(range(32)).hex()
_RUN_S = 600
#: Letters alone count, and this many of them: digits stand in random UIDs by chance.
_TELLING = 8
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(.*)")


class ScorecardFailed(Exception):
    """The command did not run to its end."""


@dataclass(frozen=True, slots=True, order=True)
class Failure:
    """A check that does not hold: of which file and element, never what stands there."""

    config: str
    check: str
    file: str
    where: str


@dataclass(slots=True)
class Score:
    """Checks asked and failed, by config and category."""

    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def total(self, config: str) -> tuple[int, int]:
        """Checks that held and checks asked of a config."""
        asked = sum(count for (name, _), count in self.asked.items() if name == config)
        return asked - sum(1 for failure in self.failures if failure.config == config), asked

    def share(self, config: str) -> float:
        """Share of the checks of a config that held; 0 when nothing was asked."""
        held, asked = self.total(config)
        return held / asked if asked else 0.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """One answer to a check that only holds together with all others of its group."""

    failure: Failure
    group: str
    source: str
    found: str


class Scorer:
    """Scores outputs against the key; the checks that span instances are settled at the end."""

    def __init__(self) -> None:
        self.score = Score()
        self._seen: list[_Seen] = []

    def add(self, config: str, instance: Instance, output: Path | None) -> None:
        """Asks everything about one instance.

        Args:
            output: its file, or None where there is none.
        """
        before = pydicom.dcmread(io.BytesIO(instance.data))
        after, raw = _read(output)
        for question in instance.questions:
            for check in question.checks[config]:
                self.score.asked[config, check] += 1
                failure = Failure(config, check, instance.name, question.where)
                if after is None or not self._holds(failure, question, instance, before, after, raw):
                    self.score.failures.append(failure)

    def settle(self) -> Score:
        """The score, with what holds over all instances only."""
        groups = defaultdict[tuple[str, str], Counter[str]](Counter)
        for seen in self._seen:
            groups[seen.group, seen.source][seen.found] += 1
        # What most occurrences say is taken for the answer; a new value that two old ones share is nobody's.
        answers = {key: found.most_common(1)[0][0] for key, found in groups.items()}
        takers = Counter((group, found) for (group, _), found in answers.items())
        for seen in self._seen:
            alone = seen.group != "uid" or takers[seen.group, seen.found] == 1
            if answers[seen.group, seen.source] != seen.found or not alone:
                self.score.failures.append(seen.failure)
        self._seen.clear()
        self.score.failures.sort()
        return self.score

    def _holds(
        self, failure: Failure, question: Question, instance: Instance, before: Dataset, after: Dataset, raw: bytes
    ) -> bool:
        """Whether a check holds as far as this element tells."""
        found = _element(after, question.path)
        check = failure.check
        if check == "tag_retained":
            return found is not None
        if check == "text_notnull":
            return found is not None and not found.is_empty
        planted = _element(before, question.path)
        assert planted is not None, f"{question.where} was not planted in {instance.name}"
        if check == "text_removed":
            return _removed(planted, found, raw, before)
        if found is None:
            return False
        if check in ("text_retained", "pixels_retained"):
            return bool(found.value == planted.value)
        old, new = str(planted.value or ""), str(found.value or "")
        if check == "date_shifted":
            days = shift(old, new)
            self._seen.append(_Seen(failure, f"days {failure.config}", instance.patient, str(days)))
            return days is not None and 1 <= abs(days) <= 365
        if check == "uid_changed":
            return new != old and len(new) <= 64 and _UID.fullmatch(new) is not None
        if check == "uid_consistent":
            self._seen.append(_Seen(failure, "uid", old, new))
            return True
        assert check == "patid_consistent"
        self._seen.append(_Seen(failure, f"patient {failure.config}", instance.patient, new))
        return new != old


def shift(old: str, new: str) -> int | None:
    """Days between two DA or DT values; None when the rest differs or one is no date."""
    before, after = _DAY.fullmatch(old), _DAY.fullmatch(new)
    if before is None or after is None or before[4] != after[4]:
        return None
    try:
        days = [datetime.date(int(day[1]), int(day[2]), int(day[3])) for day in (before, after)]
    except ValueError:
        return None
    return (days[1] - days[0]).days


def _removed(planted: DataElement, found: DataElement | None, raw: bytes, before: Dataset) -> bool:
    """Neither in its element nor, where it can be told from chance, anywhere else in the output."""
    if isinstance(planted.value, bytes) and len(planted.value) >= _TELLING:
        return planted.value not in raw
    old = "\\".join(map(str, planted.value)) if planted.VM > 1 else str(planted.value)
    new = "" if found is None or found.is_empty else str(found.value)
    if new == old or any(len(part) >= 4 and part in new for part in re.split(r"[\\^]", old)):
        return False
    if len(old) < _TELLING or not any(sign.isalpha() for sign in old):
        return True
    encodings = pydicom.charset.convert_encodings(before.SpecificCharacterSet)
    return old.encode(encodings[0]) not in raw


def _read(path: Path | None) -> tuple[Dataset | None, bytes]:
    """Data set and bytes to search; None when the file is not there or pydicom cannot read all of it."""
    if path is None:
        return None, b""
    try:
        instance = pydicom.dcmread(path)
        for _ in instance.iterall():
            pass
        raw = path.read_bytes()
        if instance.file_meta.TransferSyntaxUID.is_deflated:
            # Preamble, DICM and the group length element are 144 bytes. Source: PS3.10 §7.1, PS3.5 §A.5.
            raw += zlib.decompress(raw[144 + instance.file_meta.FileMetaInformationGroupLength :], -zlib.MAX_WBITS)
    except Exception:  # whatever pydicom stumbles over, this is no output
        return None, b""
    return instance, raw


def _element(instance: Dataset, path: Iterable[Step]) -> DataElement | None:
    """The element at the end of a path, or None where something on the way is not there."""
    at: Dataset | None = instance
    found: DataElement | None = None
    for step in path:
        if at is None:
            return None
        found = _child(at, step)
        if found is None or not step.item:
            at = None
        else:
            at = _item(found, step.item)
            if at is None:
                return None
    return found


def _child(instance: Dataset, step: Step) -> DataElement | None:
    tag = step.tag
    if tag >> 16 == 2:
        instance = instance.file_meta
    if step.creator:
        try:
            tag = int(instance.private_block(tag >> 16, step.creator).get_tag(tag & 0xFF))
        except KeyError:
            return None
    return instance.get(tag)


def _item(sequence: DataElement, which: str) -> Dataset | None:
    """An item by its number, or by code and scheme of its concept name."""
    if sequence.VR != "SQ" or not sequence.value:
        return None
    if which.isdigit():
        return sequence.value[int(which)] if int(which) < len(sequence.value) else None
    code, scheme = which.split()
    for item in sequence.value:
        for name in item.get("ConceptNameCodeSequence", ()):
            if (name.get("CodeValue"), name.get("CodingSchemeDesignator")) == (code, scheme):
                return item
    return None


def deidentify(folder: Path, config: str, jobs: int = 2) -> tuple[dict[str, Path], dict[str, int]]:
    """Runs the command over `folder`/in under a config.

    Returns:
        The outputs by the inputs' names, and how many inputs were refused for each reason.

    Raises:
        ScorecardFailed: it ended before all was done. Refused instances are no reason: their outputs are missing.
    """
    out, report, file = folder / config, folder / f"{config}-report.json", folder / f"{config}.json"
    file.write_text(json.dumps(CONFIGS[config]), encoding="utf-8")
    command = [sys.executable, "-m", "effacer_server", "deidentify", str(folder / "in"), str(out)]
    command += ["--config", str(file), "--report", str(report), "--data", str(folder / "data"), "--jobs", str(jobs)]
    environment = {**os.environ, "EFFACER_UID_KEY": _UID_KEY, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_RUN_S)
    if ended.returncode not in (0, 3):
        raise ScorecardFailed(f"{config}: exit code {ended.returncode}: {ended.stderr.strip()[-2000:]}")
    told = json.loads(report.read_text(encoding="utf-8"))
    return {row["input"]: out / row["output"] for row in told["instances"] if "output" in row}, told["refused"]


def write(folder: Path, patients: int, studies: int, seed: int) -> list[Instance]:
    """Writes the set into `folder`/in."""
    made = list(instances(patients, studies, seed))
    for instance in made:
        path = folder / "in" / instance.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(instance.data)
    return made


def score(made: Iterable[Instance], outputs: Mapping[str, Mapping[str, Path]]) -> Score:
    """Scores outputs by config and input name; an input without an output fails every check about it."""
    scorer = Scorer()
    for instance in made:
        for config, paths in outputs.items():
            path = paths.get(instance.name)
            scorer.add(config, instance, path if path is not None and path.is_file() else None)
    return scorer.settle()


def table(result: Score, configs: Iterable[str], files: int) -> Table:
    """The score by category, for people."""
    shown = Table("check", *(f"{name}: held of asked" for name in configs), title=f"{files} instances")
    for column in shown.columns[1:]:
        column.justify = "right"
    failed = Counter((failure.config, failure.check) for failure in result.failures)
    for check in CHECKS:
        cells = [(result.asked[name, check], failed[name, check]) for name in configs]
        shown.add_row(check, *(f"{asked - wrong:,} of {asked:,}" for asked, wrong in cells))
    shown.add_section()
    totals = [(*result.total(name), result.share(name)) for name in configs]
    shown.add_row("total", *(f"{held:,} of {asked:,}, {share:.3%}" for held, asked, share in totals))
    return shown


def main() -> int:
    """Runs and scores; 1 when a config's share is below the floor."""
    parser = argparse.ArgumentParser(prog="bench.scorecard", description="The field's checks over a synthetic key.")
    parser.add_argument("--quick", action="store_true", help="two patients with one study each")
    parser.add_argument("--config", choices=list(CONFIGS), help="one config only")
    parser.add_argument("--patients", type=int, default=6)
    parser.add_argument("--studies", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    given = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    configs = [given.config] if given.config else list(CONFIGS)
    with tempfile.TemporaryDirectory(prefix="effacer-scorecard-") as name:
        folder = Path(name)
        made = write(folder, *((2, 1) if given.quick else (given.patients, given.studies)), given.seed)
        outputs = {}
        for config in configs:
            try:
                outputs[config], refused = deidentify(folder, config)
            except ScorecardFailed as failed:
                console.print(str(failed), markup=False)
                return 1
            if refused:
                console.print(f"refused under {config}: {refused}", markup=False)
        result = score(made, outputs)
    console.print(table(result, configs, len(made)))
    for failure in result.failures[:40]:
        console.print(f"failed: {failure.config} {failure.check} {failure.file} {failure.where}", markup=False)
    if len(result.failures) > 40:
        console.print(f"and {len(result.failures) - 40} more")
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "scorecard.json"
    path.write_text(json.dumps(_report(result, configs, len(made)), indent=1) + "\n", encoding="utf-8")
    console.print(f"written: {path}")
    return int(any(result.share(config) < FLOOR for config in configs))


def _report(result: Score, configs: Iterable[str], files: int) -> dict[str, object]:
    failed = Counter((failure.config, failure.check) for failure in result.failures)
    body: dict[str, object] = {"instances": files}
    for name in configs:
        body[name] = {
            "share": result.share(name),
            "checks": {c: {"asked": result.asked[name, c], "failed": failed[name, c]} for c in CHECKS},
        }
    return body


if __name__ == "__main__":
    sys.exit(main())
