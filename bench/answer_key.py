"""The synthetic answer key of `bench.scorecard`: instances with planted elements, and what must become of each.

`answer_key.tsv` has a row per element: in which kinds of instance it stands, its VR and value, and which checks hold
for it under each config. Instances and key come from the same rows, so that nothing is planted without being asked for.
"""

from __future__ import annotations

import datetime
import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.datadict import tag_for_keyword

from tests.encode import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG_BASELINE,
    NUMBERS,
    Fragments,
    Part,
    Style,
    data_set,
    file,
)

CHECKS = (
    "tag_retained", "text_notnull", "text_retained", "text_removed", "date_shifted", "uid_changed", "uid_consistent",
    "patid_consistent", "pixels_retained",
)  # fmt: skip

#: A value column that plants nothing: the element comes with its children, or with the output alone.
NOT_PLANTED = "-"

# Kind: SOP class, modality, instances in a study.
_KINDS = {
    "ct": ("1.2.840.10008.5.1.4.1.1.2", "CT", 3),
    "mr": ("1.2.840.10008.5.1.4.1.1.4", "MR", 1),
    "pt": ("1.2.840.10008.5.1.4.1.1.128", "PT", 1),
    "us": ("1.2.840.10008.5.1.4.1.1.3.1", "US", 1),
    "sr": ("1.2.840.10008.5.1.4.1.1.88.33", "SR", 1),
    "rtstruct": ("1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT", 1),
    "pr": ("1.2.840.10008.5.1.4.1.1.11.1", "PR", 1),
}
_STYLES = (
    (EXPLICIT, False), (IMPLICIT, False), (EXPLICIT, True), (IMPLICIT, True), (DEFLATED, False), (BIG_ENDIAN, False),
)  # fmt: skip
# Python codec, Specific Character Set, family name, given name, sex. Nobody here exists.
_PEOPLE = (
    ("latin-1", "ISO_IR 100", "Grünwaldt", "Adalbert", "M"),
    ("utf-8", "ISO_IR 192", "Hämäläinen", "Zoëtta", "F"),
    ("cyrillic", "ISO_IR 144", "Синицынский", "Пётрович", "M"),
    ("gb18030", "GB18030", "欧阳上官", "小东西南", "F"),
    ("latin-1", "ISO_IR 100", "Abendroth", "Dietlinde", "O"),
    ("utf-8", "ISO_IR 192", "Castellane", "Brunhild", "F"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: an element, and the item of it that is entered.

    Attributes:
        tag: 0xGGGGEEEE; of a private element 0xGGGG00EE.
        creator: private creator, or "".
        item: number of the item, or "CODE SCHEME" of its concept name; "" at the end of the path.
    """

    tag: int
    creator: str = ""
    item: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table.

    Attributes:
        where: as it stands in the table.
        checks: by config name.
    """

    kinds: frozenset[str]
    where: str
    path: tuple[Step, ...]
    vr: str
    value: str
    checks: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about one element of one instance."""

    where: str
    path: tuple[Step, ...]
    planted: bool
    checks: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Instance:
    """One file of the set, with what is asked about it."""

    name: str
    patient: str
    data: bytes
    questions: tuple[Question, ...]


_TABLE = Path(__file__).with_name("answer_key.tsv")


def read_rows(path: Path = _TABLE) -> list[Row]:
    """The table.

    Raises:
        ValueError: a row names a kind, an element or a check that there is not.
    """
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    rows = []
    for line in lines[1:]:
        kinds, where, vr, value, basic, options, latest, _ = line.split("\t")
        named = frozenset(_KINDS if kinds == "all" else kinds.split())
        options = basic if options == "=" else options
        latest = options if latest == "=" else latest
        checks = {"basic": _checks(basic), "options": _checks(options), "latest": _checks(latest)}
        if not named <= _KINDS.keys():
            raise ValueError(f"{where}: {kinds} names an unknown kind")
        rows.append(Row(named, where, tuple(map(_step, where.split("."))), vr, value, checks))
    return rows


def instances(patients: int, studies: int, seed: int = 1) -> Iterator[Instance]:
    """Patients with studies of one instance or more of every kind, over encodings and character sets.

    The same arguments give the same bytes.
    """
    rows = read_rows()
    count = 0
    for patient in range(patients):
        for study in range(1, studies + 1):
            for kind, (_, _, many) in _KINDS.items():
                for number in range(1, many + 1):
                    yield _instance(rows, kind, seed, patient, study, number, _STYLES[count % len(_STYLES)])
                    count += 1


def _checks(text: str) -> tuple[str, ...]:
    checks = tuple(text.split(",")) if text else ()
    if unknown := set(checks) - set(CHECKS):
        raise ValueError(f"no such check: {unknown}")
    return checks


def _step(text: str) -> Step:
    """`Keyword`, `gggg,eeee` or `gggg:CREATOR:ee`, with `[item]` where the path goes on."""
    name, _, item = text.removesuffix("]").partition("[")
    if private := re.fullmatch(r"([0-9A-F]{4}):(.+):([0-9A-F]{2})", name):
        return Step(int(private[1], 16) << 16 | int(private[3], 16), private[2], item)
    if plain := re.fullmatch(r"([0-9A-F]{4}),([0-9A-F]{4})", name):
        return Step(int(plain[1] + plain[2], 16), "", item)
    tag = tag_for_keyword(name)
    if tag is None:
        raise ValueError(f"no such keyword: {name}")
    return Step(tag, "", item)


def _instance(
    rows: list[Row], kind: str, seed: int, patient: int, study: int, number: int, style: tuple[str, bool]
) -> Instance:
    codec, charset, family, given, sex = _PEOPLE[patient % len(_PEOPLE)]
    sop_class, modality, _ = _KINDS[kind]
    rng = random.Random(f"{seed} {patient} {study} {kind} {number}")
    bits = 8 if kind == "us" else 16

    def uid(*what: object) -> str:
        digest = hashlib.sha256(repr((seed, patient, *what)).encode()).digest()
        return f"2.25.{int.from_bytes(digest[:15], 'big')}"

    day = datetime.date(2010 + patient % 14, 3 * study % 12 + 1, 15 + study)
    names = {
        "class": sop_class, "modality": modality, "charset": charset, "family": family, "given": given, "sex": sex,
        "instance": uid(study, kind, number), "study": uid(study), "series": uid(study, kind),
        "frame": uid(study, "frame"), "sync": uid("sync"), "creator": uid("creator"), "event": uid(study, "event"),
        "device": uid("device"), "absent": uid("absent"), "sibling": uid(study, "ct", 1),
        "patient_id": f"PATIENT-{seed}-{patient:04}", "number": f"{patient + 1:03}{rng.randrange(1000):03}",
        "n": study, "count": number, "age": f"{30 + patient:03}Y", "bits": bits, "high": bits - 1,
        "birth": f"{1940 + patient % 50}0203", "birth_time": "041500", "time": f"{8 + study % 10:02}30{number:02}",
        "day": f"{day:%Y%m%d}", "next_day": f"{day + datetime.timedelta(1):%Y%m%d}",
        "earlier_day": f"{day - datetime.timedelta(40):%Y%m%d}",
    }  # fmt: skip
    syntax = JPEG_BASELINE if kind == "us" else style[0]
    written = Style(syntax, style[1], codec)
    root, questions = _Set(), []
    for row in rows:
        if kind not in row.kinds:
            continue
        planted = row.value != NOT_PLANTED
        if planted:
            root.plant(row.path, row.vr, _value(row, row.value.format_map(names), rng, syntax))
        if any(row.checks.values()):
            questions.append(Question(row.where, row.path, planted, row.checks))
    parts = root.parts()
    meta = [part for part in parts if part.tag >> 16 == 2]
    body = data_set(written, [part for part in parts if part.tag >> 16 != 2])
    name = f"patient{patient:03}/study{study}/{kind}{number}.dcm"
    return Instance(name, str(names["patient_id"]), file(written, body, meta), tuple(questions))


def _value(row: Row, text: str, rng: random.Random, syntax: str) -> bytes | str | tuple[float, ...] | Fragments:
    if text == "#noise":
        return rng.randbytes(32)
    if text == "#pixels":
        if syntax == JPEG_BASELINE:
            return Fragments(tuple((b"\xff\xd8" + rng.randbytes(200) + b"\xff\xd9",) for _ in range(2)))
        return rng.randbytes(16 * 16 * 2)
    if row.vr in NUMBERS and row.vr not in ("OW", "OL", "OV", "OF", "OD"):
        return tuple(float(one) if row.vr in ("FL", "FD") else int(one) for one in text.split("\\"))
    return text


@dataclass(slots=True)
class _Set:
    """A data set while it is planted."""

    leaves: dict[Step, tuple[str, bytes | str | tuple[float, ...] | Fragments]] = field(default_factory=dict)
    sequences: dict[Step, dict[str, _Set]] = field(default_factory=dict)

    def plant(self, path: tuple[Step, ...], vr: str, value: bytes | str | tuple[float, ...] | Fragments) -> None:
        """Sets the element at the end of the path, with all it takes to get there."""
        step = path[0]
        if len(path) == 1:
            self.leaves[step] = (vr, value)
            return
        items = self.sequences.setdefault(Step(step.tag, step.creator), {})
        if step.item not in items:
            items[step.item] = _Set()
            if not step.item.isdigit():
                items[step.item]._name(*step.item.split())
        items[step.item].plant(path[1:], vr, value)

    def _name(self, code: str, scheme: str) -> None:
        """Makes it a content item of this concept. Source: PS3.3 §C.17.3."""
        for keyword, vr, value in (
            ("CodeValue", "SH", code), ("CodingSchemeDesignator", "SH", scheme), ("CodeMeaning", "LO", "a concept"),
        ):  # fmt: skip
            self.plant((_step("ConceptNameCodeSequence[0]"), _step(keyword)), vr, value)

    def parts(self) -> list[Part]:
        """Ascending by tag, private creators in front of their blocks. Source: PS3.5 §7.8.1."""
        found, blocks = [], dict[tuple[int, str], int]()
        for step in (*self.leaves, *self.sequences):
            group = step.tag >> 16
            if step.creator and (group, step.creator) not in blocks:
                block = 0x10 + sum(1 for taken, _ in blocks if taken == group)
                blocks[group, step.creator] = block
                found.append(Part(group << 16 | block, "LO", step.creator))
        for step, (vr, value) in self.leaves.items():
            found.append(Part(_tag(step, blocks), vr, value))
        for step, items in self.sequences.items():
            # In implicit VR nothing but the undefined length tells that a private element is a sequence.
            undefined = True if step.creator else None
            found.append(Part(_tag(step, blocks), "SQ", [item.parts() for item in items.values()], undefined))
        return sorted(found, key=lambda part: part.tag)


def _tag(step: Step, blocks: dict[tuple[int, str], int]) -> int:
    return step.tag | blocks[step.tag >> 16, step.creator] << 8 if step.creator else step.tag
