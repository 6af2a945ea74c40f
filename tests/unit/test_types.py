"""Types of attributes at their place in an IOD: the table, what reads it, and the bytes that come out."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pydicom
import pytest

from effacer_server.dicom import facts
from effacer_server.dicom.core import Source
from effacer_server.engine.instance import Deidentifier
from effacer_server.policy.plan import Keys, Plan, Rule, Verb
from effacer_server.policy.profiles import Profile, profile_default, profile_rules, verb_for
from tests.encode import BIG_ENDIAN, EXPLICIT, IMPLICIT, Part, Style, data_set, file
from tools import attribute_types, tables

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11.1"
RT_PLAN = "1.2.840.10008.5.1.4.1.1.481.5"
RT_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
WAVEFORM_PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.9.100.1"
XRAY_3D_ANGIOGRAPHIC = "1.2.840.10008.5.1.4.1.1.13.1.1"
UNKNOWN = "1.2.3"

OLD_ROOT = Path(__file__).parent.parent / "golden" / "root_types_2018e.tsv"
EDITIONS: tuple[facts.Edition, ...] = ("2018e", "latest")

# Known from the modules and macros of PS3.3: SOP class, place, type, module.
BY_HAND = [
    (CT, "PatientID", "2", "Patient"),
    (CT, "ContentDate", "2C", "General Image"),
    (CT, "InstanceCreationDate", "3", "SOP Common"),
    (CT, "PatientSexNeutered", "2C", "Patient Study"),
    (CT, "OtherPatientIDsSequence>PatientID", "1", "Patient"),
    (CT, "ContributingEquipmentSequence>InstitutionName", "3", "SOP Common"),
    (CT, "OperatorIdentificationSequence>InstitutionName", "1C", "Person Identification Macro"),
    (CT, "ContributingEquipmentSequence>OperatorIdentificationSequence", "3", "SOP Common"),
    (
        CT,
        "ContributingEquipmentSequence>OperatorIdentificationSequence>InstitutionCodeSequence",
        "1C",
        "Person Identification Macro",
    ),
    (CT, "RequestAttributesSequence>RequestedProcedureDescription", "3", "Request Attributes Macro"),
    (ENHANCED_CT, "DeviceSerialNumber", "1", "Enhanced General Equipment; 3 in General Equipment"),
    (ENHANCED_CT, "ContentDate", "1", "Enhanced CT Image"),
    (ENHANCED_MR, "PerFrameFunctionalGroupsSequence>ReferencedImageSequence", "2", "Referenced Image Macro"),
    (ENHANCED_MR, "SharedFunctionalGroupsSequence>ReferencedImageSequence", "2", "Referenced Image Macro"),
    (
        SEGMENTATION,
        "PerFrameFunctionalGroupsSequence>DerivationImageSequence>SourceImageSequence",
        "2",
        "Derivation Image Macro",
    ),
    (
        PRESENTATION_STATE,
        "ReferencedSeriesSequence>ReferencedImageSequence",
        "1",
        "Presentation State Relationship Macro",
    ),
    (PRESENTATION_STATE, "GraphicAnnotationSequence>ReferencedImageSequence", "1C", "Graphic Annotation"),
    (COMPREHENSIVE_SR, "ReferencedRequestSequence>RequestedProcedureDescription", "2", "SR Document General"),
    (COMPREHENSIVE_SR, "AuthorObserverSequence>InstitutionName", "2", "Identified Person or Device Macro"),
    (COMPREHENSIVE_SR, "ObservationDateTime", "1C", "Document Relationship Macro"),
    (RT_PLAN, "BeamSequence>TreatmentMachineName", "2", "RT Beams"),
    (RT_PLAN, "BeamSequence>DeviceSerialNumber", "3", "RT Beams"),
    (
        RT_STRUCTURE_SET,
        "StructureSetROISequence>ROICreatorSequence>InstitutionName",
        "2",
        "Identified Person or Device Macro",
    ),
    (XRAY_3D_ANGIOGRAPHIC, "XRay3DAcquisitionSequence>SourceImageSequence", "1C", "X-Ray 3D Acquisition"),
]


def place(text: str) -> tuple[tuple[int, ...], int]:
    """Path and tag of keywords joined by ">"."""
    *path, tag = (facts.tag_of(keyword) for keyword in text.split(">"))
    return tuple(path), tag


def rule_of(keyword: str, edition: facts.Edition = "2018e") -> Rule:
    (found,) = [rule for rule in profile_rules(Profile.BASIC, edition) if rule.tag == facts.tag_of(keyword)]
    return found


@pytest.mark.parametrize(("sop_class", "where", "kind", "module"), BY_HAND)
def test_types_as_the_modules_print_them(sop_class: str, where: str, kind: str, module: str) -> None:
    path, tag = place(where)
    assert facts.attribute_type(sop_class, tag, path) == kind, module
    assert facts.nested_types(sop_class, tag).get(path) == (kind if path else None)


@pytest.mark.parametrize(
    ("sop_class", "where"),
    [
        (CT, "AcquisitionContextSequence"),
        (CT, "BeamSequence>TreatmentMachineName"),
        (CT, "RequestAttributesSequence>InstitutionName"),
        (CT, "SourceImageSequence>OtherPatientIDsSequence>PatientID"),  # known without what stands around it
        (RT_PLAN, "BeamSequence>PatientID"),
        (UNKNOWN, "OtherPatientIDsSequence>PatientID"),
        ("", "ContentDate"),
    ],
)
def test_places_no_module_defines_have_no_type(sop_class: str, where: str) -> None:
    path, tag = place(where)
    assert facts.attribute_type(sop_class, tag, path) is None
    assert path not in facts.nested_types(sop_class, tag)


def test_the_root_is_what_it_was() -> None:
    rows = [line for line in OLD_ROOT.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    compound = [row.tag for row in facts.e1_1("2018e").rows if "/" in row.basic]
    compared = set()
    for row in csv.DictReader(rows, delimiter="\t"):
        old = {int(tag, 16): kind for tag, kind in (entry.split("=") for entry in row["types"].split())}
        for sop_class in row["sop_classes"].split():
            compared.add(sop_class)
            new = {tag: facts.attribute_type(sop_class, tag) for tag in compound}
            assert {tag: kind for tag, kind in new.items() if kind} == old, sop_class
    assert len(compared) == 175


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_compound_code_is_settled_for_every_sop_class(edition: facts.Edition) -> None:
    rules = [rule for rule in profile_rules(Profile.BASIC, edition) if rule.code]
    assert len(rules) == {"2018e": 34, "latest": 50}[edition]  # 2018e lists (3008,0105) twice, as X too
    classes = [uid for row in tables.read_facts("iod_modules.csv").rows for uid in row["sop_classes"].split()]
    assert len(classes) == len(set(classes)) == 179
    for sop_class in classes:
        if sop_class.startswith("1.2.840.10008.5.1.4.1.1.9.100."):
            continue  # see test_missing_modules_leave_the_strongest_choice
        assert all(facts.knows_types(sop_class, rule.tag) for rule in rules)


def test_missing_modules_leave_the_strongest_choice() -> None:
    tag = facts.tag_of("ContrastBolusAgent")
    assert not facts.knows_types(WAVEFORM_PRESENTATION_STATE, tag)
    assert verb_for(rule_of("ContrastBolusAgent"), WAVEFORM_PRESENTATION_STATE) is Verb.RESET
    assert facts.knows_types(WAVEFORM_PRESENTATION_STATE, facts.tag_of("SeriesDate"))
    assert verb_for(rule_of("SeriesDate"), WAVEFORM_PRESENTATION_STATE) is Verb.DELETE


@pytest.mark.parametrize(
    ("sop_class", "where", "edition", "verb"),
    [
        (CT, "ContributingEquipmentSequence>InstitutionName", "2018e", Verb.DELETE),  # X/Z/D, 3
        (CT, "ContributingEquipmentSequence>OperatorIdentificationSequence", "2018e", Verb.DELETE),  # X/D, 3
        (CT, "OperatorIdentificationSequence>InstitutionName", "2018e", Verb.RESET),  # X/Z/D, 1C
        (CT, "OtherPatientIDsSequence>PatientID", "latest", Verb.RESET),  # Z/D, 1
        (CT, "OtherPatientIDsSequence>PatientID", "2018e", Verb.REMOVE),  # Z, no compound code
        (CT, "RequestAttributesSequence>StationName", "2018e", Verb.RESET),  # X/Z/D, defined nowhere
        (UNKNOWN, "ContributingEquipmentSequence>InstitutionName", "2018e", Verb.RESET),
        (COMPREHENSIVE_SR, "AuthorObserverSequence>InstitutionCodeSequence", "2018e", Verb.REMOVE),  # X/Z/D, 2
        (COMPREHENSIVE_SR, "AuthorObserverSequence>DeviceSerialNumber", "2018e", Verb.DELETE),  # X/Z/D, 3
        (ENHANCED_MR, "PerFrameFunctionalGroupsSequence>ReferencedImageSequence", "2018e", Verb.RECURSE),  # X/Z/U*, 2
        (PRESENTATION_STATE, "ReferencedSeriesSequence>ReferencedImageSequence", "2018e", Verb.RECURSE),  # X/Z/U*, 1
        (RT_PLAN, "BeamSequence>TreatmentMachineName", "latest", Verb.REMOVE),  # X/Z, 2
        (RT_STRUCTURE_SET, "SourceSeriesInformationSequence>SeriesDate", "2018e", Verb.RESET),  # X/D, 1
    ],
)
def test_verbs_by_place(sop_class: str, where: str, edition: facts.Edition, verb: Verb) -> None:
    path, _ = place(where)
    assert verb_for(rule_of(where.split(">")[-1], edition), sop_class, path) is verb


def instance(style: Style, sop_class: str, *parts: Part) -> bytes:
    ids = (Part(0x00080016, "UI", sop_class), Part(0x00080018, "UI", "2.25.1"))
    series = (Part(0x0020000D, "UI", "2.25.2"), Part(0x0020000E, "UI", "2.25.3"))
    return file(style, data_set(style, sorted((*ids, *series, *parts), key=lambda part: part.tag)))


def deidentified(data: bytes, plan: Plan) -> pydicom.Dataset:
    output = Deidentifier(plan, Keys(bytes(32))).deidentify(Source(data))
    parts = [part if isinstance(part, bytes) else output.source.read(*part) for part in output.segments]
    return pydicom.dcmread(io.BytesIO(b"".join(parts)))


def basic(edition: facts.Edition = "2018e", *first: Rule) -> Plan:
    return Plan(first + profile_rules(Profile.BASIC, edition), profile_default(Profile.BASIC))


def of(keyword: str, *items: list[Part], undefined: bool | None = None) -> Part:
    return Part(facts.tag_of(keyword), "SQ", items, undefined)


def leaf(keyword: str, value: str) -> Part:
    return Part(facts.tag_of(keyword), facts.vr_of(facts.tag_of(keyword)), value)


REFERENCE = [leaf("ReferencedSOPClassUID", CT), leaf("ReferencedSOPInstanceUID", "2.25.77")]
STYLES = [Style(), Style(IMPLICIT), Style(EXPLICIT, undefined=True), Style(BIG_ENDIAN)]


@pytest.mark.parametrize("style", STYLES, ids=["explicit", "implicit", "undefined lengths", "big endian"])
def test_nested_elements_of_a_plan_by_their_place(style: Style) -> None:
    leaves = [leaf("InstitutionName", "St. Nowhere"), leaf("DeviceSerialNumber", "SN 4711")]
    beam = [
        *leaves[:1],
        leaf("StationName", "CONSOLE 7"),
        *leaves[1:],
        of("EnhancedRTBeamLimitingDeviceSequence", leaves),
        of("BeamLimitingDeviceSequence", leaves),
    ]
    beam.sort(key=lambda part: part.tag)
    out = deidentified(instance(style, RT_PLAN, *leaves, of("BeamSequence", beam, beam)), basic())
    assert "InstitutionName" not in out  # X/Z/D, 3
    assert "DeviceSerialNumber" not in out
    assert len(out.BeamSequence) == 2
    for item in out.BeamSequence:
        assert "InstitutionName" not in item  # 3
        assert "DeviceSerialNumber" not in item  # 3
        assert item.StationName == "PLACEHOLDER"  # at that place the standard has none
        (device,) = item.EnhancedRTBeamLimitingDeviceSequence
        assert device.InstitutionName == "PLACEHOLDER"
        assert device["DeviceSerialNumber"].is_empty  # 2
        (device,) = item.BeamLimitingDeviceSequence
        assert device.InstitutionName == device.DeviceSerialNumber == "PLACEHOLDER"


@pytest.mark.parametrize("style", STYLES, ids=["explicit", "implicit", "undefined lengths", "big endian"])
def test_nested_sequences_with_compound_codes(style: Style) -> None:
    groups = [
        of("ReferencedImageSequence", REFERENCE),
        of("DerivationImageSequence", [of("SourceImageSequence", REFERENCE)]),
    ]
    groups.append(of("PlanePositionSequence", [of("ReferencedImageSequence", REFERENCE)]))
    groups.sort(key=lambda part: part.tag)
    parts = (of("SharedFunctionalGroupsSequence", groups), of("PerFrameFunctionalGroupsSequence", groups, groups))
    out = deidentified(instance(style, ENHANCED_MR, *parts), basic())
    for item in (*out.SharedFunctionalGroupsSequence, *out.PerFrameFunctionalGroupsSequence):
        for (kept,) in (
            item.ReferencedImageSequence,  # X/Z/U*, 2: what ties frames to their images stays, with new UIDs
            item.DerivationImageSequence[0].SourceImageSequence,
            item.PlanePositionSequence[0].ReferencedImageSequence,  # no such place
        ):
            assert kept.ReferencedSOPInstanceUID.startswith("2.25.")
            assert kept.ReferencedSOPInstanceUID != "2.25.77"
    series = of("ReferencedSeriesSequence", [of("ReferencedImageSequence", REFERENCE)])
    out = deidentified(instance(style, PRESENTATION_STATE, series), basic())
    assert len(out.ReferencedSeriesSequence[0].ReferencedImageSequence) == 1  # 1


def test_an_action_before_the_profile_decides_alone() -> None:
    keep = Rule(Verb.KEEP, "actions[0].queries[0]", facts.tag_of("DeviceSerialNumber"))
    data = instance(Style(), RT_PLAN, of("BeamSequence", [leaf("DeviceSerialNumber", "SN 4711")]))
    assert deidentified(data, basic("2018e", keep)).BeamSequence[0].DeviceSerialNumber == "SN 4711"


def test_what_the_modules_say_is_written_down() -> None:
    modules = {
        "a": [
            {"keyword": "InstitutionName", "type": "3", "path": []},
            {"keyword": "PatientName", "type": "2", "path": []},
        ],
        "b": [{"keyword": "InstitutionName", "type": "1", "path": ["BeamSequence"]}],
        "normalized": [{"keyword": "InstitutionName", "type": "None", "path": []}],
    }
    with pytest.raises(ValueError, match="in no module"):
        attribute_types.module_types(modules, {"a", "b"})
    modules["a"] += [{"keyword": keyword, "type": "3", "path": []} for keyword in tables.compound_attributes()]
    rows = attribute_types.module_types(modules, {"a", "b", "not described"})
    assert ("a", "", "InstitutionName", "3") in rows
    assert ("b", "BeamSequence", "InstitutionName", "1") in rows
    assert not [row for row in rows if row[0] == "normalized" or row[2] == "PatientName"]
    iods = {"x": [{"key": "a", "usage": "M"}, {"key": "plain", "usage": "C"}, {"key": "dark", "usage": "U"}]}
    assert attribute_types.iod_modules({"1.2": "x", "1.1": "x"}, iods, {"a", "plain"}, {"a"}) == [
        ("x", "1.1 1.2", "a:M", "dark")
    ]
    with pytest.raises(ValueError, match="untyped"):
        attribute_types.module_types(modules, {"a", "b", "normalized"})


def test_tables_refuse_codes_whose_types_were_not_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "compound_attributes", lambda: {"ContentDate", "PatientBirthDate"})
    with pytest.raises(ValueError, match="PatientBirthDate"):
        tables._iod_types.__wrapped__()
