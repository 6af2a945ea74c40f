"""Decisions against what really comes out, read by pydicom: every element of an output must be accounted for."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pydicom
import pytest
from google.protobuf import json_format
from pydicom.data import get_charset_files
from pydicom.dataset import Dataset

from effacer.v1 import deidentify_pb2
from effacer_server.dicom import core
from effacer_server.dicom.core import Source
from effacer_server.engine import preview
from effacer_server.engine.instance import Deidentifier, Examined
from effacer_server.engine.preview import Decision, decisions
from effacer_server.errors import Refused
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.plan import ContentRule, Keys, Plan, Rule, Verb
from tests import hostile, synth
from tests.canary import canaries
from tests.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Part, Style, data_set, file

KEYS = Keys(bytes(range(32)))
PRIVATE_ITEM = re.compile(r"\([0-9A-F]{3}[13579BDF],[0-9A-F]{4}\)\[")
CONFIGS: dict[str, dict[str, Any]] = {
    "basic": {},
    "keep all": {"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE"}},
    "minimal": {"dicomTagConfig": {"profileType": "MINIMAL_KEEP_LIST_PROFILE"}},
    "latest": {"dicomTagConfig": {"options": {"standardEdition": "EDITION_LATEST"}}},
    "options": {
        "dicomTagConfig": {
            "options": {
                "standardEdition": "EDITION_LATEST",
                "retainLongitudinalModifiedDates": True,
                "cleanStructuredContent": True,
                "retainSafePrivate": True,
                "retainUids": True,
            }
        }
    },
    "actions": {
        "dicomTagConfig": {
            "actions": [
                {"queries": ["PN", "US", "ContentSequence", "(0009,\"SYNTH IDENT 01\",01)", "IS"], "resetTag": {}},
                {"queries": ["RequestAttributesSequence", "(0019,\"SYNTH ACQU 01\",00)"], "keepTag": {}},
                {"queries": ["Modality", "ImageType"], "removeTag": {}},
                {"queries": ["ReferencedImageSequence"], "recurseTag": {}},
            ],
        }
    },
}  # fmt: skip
INPUTS = {
    "ct": lambda style: synth.ct(1, style, size=16),
    "sr": lambda style: synth.sr(1, style, elements=150),
    "enhanced": lambda style: synth.enhanced_ct(1, style, frames=2, size=8),
    "canary": lambda style: canaries(3, style).data,
}


def compiled(text: dict[str, Any]) -> Plan:
    return compile_config(json_format.ParseDict(text, deidentify_pb2.DeidentifyConfig()))


def examine(plan: Plan, data: bytes) -> tuple[Examined, bytes]:
    """An instance examined, and its output."""
    examined = Deidentifier(plan, KEYS).examine(Source(data))
    output = examined.output
    parts = [part if isinstance(part, bytes) else output.source.read(*part) for part in output.segments]
    return examined, b"".join(parts)


def elements(dataset: Dataset, around: str = "") -> Iterator[tuple[str, pydicom.DataElement]]:
    """Every element with its path; group lengths and their like are no elements to decide about."""
    for element in dataset:
        if element.tag.element == 0:
            continue
        path = f"{around}({element.tag.group:04X},{element.tag.element:04X})"
        yield path, element
        if element.VR == "SQ":
            for number, item in enumerate(element.value, 1):
                yield from elements(item, f"{path}[{number}].")


def read(data: bytes) -> dict[str, pydicom.DataElement]:
    return dict(elements(pydicom.dcmread(io.BytesIO(data))))


def written(element: pydicom.DataElement) -> str:
    """A value as previews write it."""
    values = element.value if element.VM > 1 else [element.value]
    if element.VR == "AT":
        return "\\".join(f"({tag.group:04X},{tag.element:04X})" for tag in values)
    if element.VR in ("DS", "IS"):
        return "\\".join(getattr(value, "original_string", None) or str(value) for value in values)
    return "\\".join(map(str, values))


SYNTAXES = {"explicit": EXPLICIT, "implicit": IMPLICIT, "big endian": BIG_ENDIAN, "deflated": DEFLATED}
# Every config on every kind in explicit VR; every encoding under one config that has every action.
CASES = [(kind, "explicit", config) for config in CONFIGS for kind in INPUTS if kind != "canary" or config == "basic"]
CASES += [(kind, syntax, "actions") for syntax in SYNTAXES for kind in ("ct", "sr") if syntax != "explicit"]
CASES += [("canary", "implicit", "basic")]


@pytest.mark.parametrize(("kind", "syntax", "config"), CASES)
def test_decisions_are_what_happens(kind: str, syntax: str, config: str) -> None:
    style = Style(SYNTAXES[syntax])
    data = INPUTS[kind](style)
    plan = compiled(CONFIGS[config])
    examined, output = examine(plan, data)
    before, after = read(data), read(output)
    found = list(decisions(examined, plan, kept=True, values=True))
    if style.implicit:  # what private elements hold is a sequence to the core, and nothing in particular to pydicom
        found = [decision for decision in found if not PRIVATE_ITEM.search(decision.path)]
    by_path = {decision.path: decision for decision in found}
    assert len(by_path) == len(found)
    gone = [d.path for d in found if d.verb is Verb.DELETE] + [d.path for d in found if d.verb is Verb.REMOVE]
    for path in before:
        assert path in by_path or any(path.startswith(f"{deleted}[") for deleted in gone), path
    assert set(after) == {path for path, d in by_path.items() if d.verb is not Verb.DELETE}
    for path, decision in by_path.items():
        check(decision, before.get(path), after.get(path))
    order = [path for path in by_path if "[" not in path]
    assert order == sorted(order)
    changed = [decision for decision in decisions(examined, plan) if decision.path in by_path]
    kept = [d for d in found if d.verb is Verb.KEEP or (d.verb is Verb.RECURSE and d not in changed)]
    assert [d.path for d in changed] == [d.path for d in found if d not in kept]
    assert not any(d.old for d in changed)


def check(decision: Decision, before: pydicom.DataElement | None, after: pydicom.DataElement | None) -> None:
    path, verb = decision.path, decision.verb
    assert decision.because
    assert (before is None) == (decision.old_kind == ""), path
    if (
        before is not None
        and decision.vr != "UN"
        and before.VR in preview._TEXTS | preview._ONE_TEXT | {"AT"}
        and before.VR != "DS"
    ):
        assert decision.old.strip(" \0") == written(before).strip(" \0"), path
        if before.value not in ("", None):
            assert decision.old_kind.startswith(f"{before.VR}, {before.VM} value") or before.VR in preview._ONE_TEXT, (
                path
            )
    if verb is None:
        assert after is not None
        assert after.VR == "SQ" or decision.new == after.value
    elif verb is Verb.DELETE:
        assert after is None, path
        assert decision.new == "", path
    elif verb is Verb.KEEP:
        assert after is not None
        assert before is not None
        assert after == before, path
        assert decision.new == "", path
    elif verb is Verb.REMOVE:
        assert after is not None
        assert not after.value, path
        assert decision.new == "", path
    elif verb is Verb.RECURSE:
        assert decision.vr == "SQ", path
    elif decision.new:
        assert after is not None
        assert decision.new == written(after).strip(" \0"), path
    elif decision.vr != "SQ":  # nothing new: it has none, is binary, or is what it has to be already
        assert after is not None
        assert before is not None
        assert not after.value or after.value == before.value or after.VR in ("OB", "OW", "UN"), path


def test_dates_show_what_they_become() -> None:
    plan = compiled(CONFIGS["options"])
    data = synth.ct(1, size=16)
    examined, output = examine(plan, data)
    found = {d.path: d for d in decisions(examined, plan)}
    study = found["(0008,0020)"]
    assert (study.verb, study.because) == (Verb.SHIFT_DATE, "options.retain_longitudinal_modified_dates")
    assert study.new == read(output)["(0008,0020)"].value != read(data)["(0008,0020)"].value


def test_what_a_reset_sequence_holds_goes_by_its_rule() -> None:
    plan = compiled(CONFIGS["actions"])
    examined, _ = examine(plan, synth.sr(1, elements=150))
    inside = [d for d in decisions(examined, plan, kept=True) if d.path.startswith("(0040,A730)")]
    assert len(inside) > 30
    assert {(d.verb, d.because) for d in inside} == {(Verb.RESET, "actions[0].queries[2]")}


def test_what_a_kept_sequence_holds_is_listed_only_with_kept() -> None:
    plan = compiled(CONFIGS["actions"])
    examined, _ = examine(plan, synth.ct(1, size=16))
    inside = [d for d in decisions(examined, plan, kept=True) if d.path.startswith("(0040,0275)")]
    assert [d.path for d in inside][:2] == ["(0040,0275)", "(0040,0275)[1].(0040,0007)"]
    assert "(0040,0275)[1].(0040,0008)[1].(0008,0100)" in [d.path for d in inside]
    assert {(d.verb, d.because) for d in inside} == {(Verb.KEEP, "actions[1].queries[0]")}
    assert not [d for d in decisions(examined, plan) if d.path.startswith("(0040,0275)")]


def test_a_value_that_is_right_already_keeps_its_action() -> None:
    style = Style(EXPLICIT)
    parts = [
        Part(0x00080016, "UI", synth.CT_CLASS),
        Part(0x00080018, "UI", "1.2"),
        Part(0x00080060, "CS", ""),
        Part(0x00100010, "PN", "PLACEHOLDER"),
        Part(0x0020000D, "UI", "1.3"),
        Part(0x0020000E, "UI", "1.4"),
    ]
    meta = [Part(0x00020002, "UI", synth.CT_CLASS), Part(0x00020003, "UI", "1.2")]
    actions = [{"queries": ["PatientName"], "resetTag": {}}, {"queries": ["Modality"], "removeTag": {}}]
    plan = compiled({"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE", "actions": actions}})
    examined, _ = examine(plan, file(style, data_set(style, parts), meta))
    found = {d.path: (d.verb, d.because) for d in decisions(examined, plan)}
    assert found["(0010,0010)"] == (Verb.RESET, "actions[0].queries[0]")
    assert found["(0008,0060)"] == (Verb.REMOVE, "actions[1].queries[0]")


def test_items_that_go_whole_and_decisions_by_content() -> None:
    plan = Plan(
        (Rule(Verb.RECURSE, "options.x", 0x0040A730),),
        Rule(Verb.KEEP, "profile", 0, 0),
        content=(
            ContentRule("121022", "DCM", Verb.DELETE, "options.clean"),
            ContentRule("1", "DCM", Verb.RESET, "options.too"),
        ),
    )
    data = synth.sr(4, elements=150)
    source = Source(data)
    deidentifier = Deidentifier(plan, KEYS)
    plain = deidentifier.examine(source)
    items = [row for row in core.elements(source, plain.meta) if row[0] == 0xFFFEE000 and row[2] == 1]
    second = next(i for i, row in enumerate(items) if i and row[3] > 0)
    texts = [row for row in core.elements(source, plain.meta) if row[0] == 0x0040A010]
    overrides = sorted([(items[second][3], int(Verb.DELETE), 1), (texts[0][3], int(Verb.RESET), 2)])
    matcher = deidentifier._matcher(plain.meta, plain.output.sop_class)
    edits = core.scan(source, plain.meta, matcher, overrides, trace=True)
    found = {d.path: d for d in decisions(Examined(plain.output, plain.meta, edits, {}), plan)}
    gone = [d for d in found.values() if d.tag == 0xFFFEE000]
    assert [(d.verb, d.because, d.vr, d.old) for d in gone] == [(Verb.DELETE, "options.clean", "", "")]
    assert gone[0].path.endswith("]")
    assert gone[0].old_kind.startswith("item, ")
    assert not [path for path in found if path.startswith(f"{gone[0].path}.")]
    reset = [d for d in found.values() if d.because == "options.too"]
    assert [(d.verb, d.new) for d in reset] == [(Verb.RESET, "PLACEHOLDER")]


def outcome(call: Any) -> object:
    """What a call came to: None, or the refusal with all it says."""
    try:
        call()
    except Refused as refused:
        return refused.reason, refused.tag, refused.vr, refused.position
    return None


def test_what_would_be_refused_is_refused_in_the_same_words() -> None:
    plan = compiled({})
    deidentifier = Deidentifier(plan, KEYS)
    seen = set()
    for name, data, _ in hostile.hostile():

        def show(data: bytes = data) -> None:
            list(decisions(deidentifier.examine(Source(data)), plan, kept=True, values=True))

        expected = outcome(lambda data=data: deidentifier.deidentify(Source(data)))
        assert outcome(show) == expected, name
        seen.add(expected)
    assert len(seen) > 100


def test_names_in_every_character_set() -> None:
    plan = compiled({"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE"}})
    seen = 0
    for path in get_charset_files("*.dcm"):
        with open(path, "rb") as stream:
            data = stream.read()
        before = read(data)
        try:
            examined, _ = examine(plan, data)
        except Exception:
            continue  # what de-identification refuses has no preview
        for decision in decisions(examined, plan, kept=True, values=True):
            if decision.vr == "PN":
                assert decision.old.rstrip("= ") == written(before[decision.path]).rstrip("= "), (path, decision.path)
                seen += 1
    assert seen > 15


def test_long_values_are_cut_and_kinds_stay_true() -> None:
    style = Style(EXPLICIT)
    parts = [
        Part(0x00080016, "UI", synth.CT_CLASS),
        Part(0x00080018, "UI", "1.2"),
        Part(0x00104000, "LT", "x\\y" * 5000),
        Part(0x0020000D, "UI", "1.3"),
        Part(0x0020000E, "UI", "1.4"),
        Part(0x00200013, "IS", "\\".join("7" for _ in range(20000))),
        Part(0x00280009, "AT", (0x00181063, 0x00181065)),
        Part(0x00281050, "DS", "1\\2\\3"),
    ]
    meta = [Part(0x00020002, "UI", synth.CT_CLASS), Part(0x00020003, "UI", "1.2")]
    plan = compiled(
        {"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE", "actions": [{"queries": ["IS"], "resetTag": {}}]}}
    )
    examined, _ = examine(plan, file(style, data_set(style, parts), meta))
    found = {d.path: d for d in decisions(examined, plan, kept=True, values=True)}
    assert found["(0010,4000)"].old_kind == "LT, 1 value, 15000 bytes"
    assert found["(0010,4000)"].old == "x\\y" * 5000
    assert found["(0020,0013)"].old_kind == "IS, 20000 values, 40000 bytes"
    assert len(found["(0020,0013)"].new) == len(found["(0020,0013)"].old) == preview.MOST_SHOWN + 1
    assert found["(0020,0013)"].new.endswith("…")
    assert (found["(0028,0009)"].old, found["(0028,0009)"].old_kind) == (
        "(0018,1063)\\(0018,1065)",
        "AT, 2 values, 8 bytes",
    )
    assert "7" not in repr(found["(0020,0013)"])[200:]
