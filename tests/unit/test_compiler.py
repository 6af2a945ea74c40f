"""Configs become plans, or errors that say where."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from pydicom.valuerep import STANDARD_VR

from effacer.v1 import deidentify_pb2 as pb
from effacer_server.dicom import facts
from effacer_server.errors import InvalidConfig, Unsupported
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.plan import EXACT, Plan, Rule, Verb
from effacer_server.policy.queries import parse_query

GOLDEN = Path(__file__).parents[1] / "golden" / "plans"

# The configs of the reference's worked examples that this version carries out, by their numbers.
SAMPLES: dict[str, dict[str, Any]] = {
    "03_keep_tag": {"actions": [{"queries": ["PatientName"], "keepTag": {}}]},
    "04_remove_tag": {"actions": [{"queries": ["PatientName"], "removeTag": {}}]},
    "05_delete_tag": {"actions": [{"queries": ["PatientName"], "deleteTag": {}}]},
    "06_reset_tag": {"actions": [{"queries": ["PatientName"], "resetTag": {}}]},
    "08_regen_uid_tag": {
        "actions": [{"queries": ["00080018"], "regenUidTag": {}}],
        "options": {"primaryIds": "KEEP"},
        "profileType": "KEEP_ALL_PROFILE",
    },
    "09_recurse_tag": {"actions": [{"queries": ["PhysiciansReadingStudyIdentificationSequence"], "recurseTag": {}}]},
    "10_store_level_keep_tag": {"actions": [{"queries": ["PatientName"], "keepTag": {}}]},
}


def config_of(content: dict[str, Any]) -> pb.DeidentifyConfig:
    return json_format.ParseDict(content, pb.DeidentifyConfig())


def compiled(content: dict[str, Any]) -> Plan:
    return compile_config(config_of(content))


def tag_plan(*actions: dict[str, Any], **rest: Any) -> Plan:
    return compiled({"dicomTagConfig": {"actions": list(actions), **rest}})


def deciding(plan: Plan, tag: int, vr: str = "", creator: str = "") -> Rule:
    """The rule that decides an element, as the docstring of Rule says."""
    for rule in plan.rules:
        vr_fits = rule.vr in ("", vr or facts.vr_of(tag))
        if tag & rule.mask == rule.tag and vr_fits and rule.creator in ("", creator):
            return rule
    return plan.default


def verb_of(plan: Plan, keyword: str) -> Verb:
    return deciding(plan, facts.tag_of(keyword)).verb


def violations(content: dict[str, Any] | pb.DeidentifyConfig, kind: type[Exception] = InvalidConfig) -> dict[str, str]:
    config = content if isinstance(content, pb.DeidentifyConfig) else config_of(content)
    with pytest.raises(kind) as caught:
        compile_config(config)
    return dict(caught.value.violations)  # type: ignore[attr-defined]


def action_violations(*actions: dict[str, Any]) -> dict[str, str]:
    found = violations({"dicomTagConfig": {"actions": list(actions)}})
    return {path.removeprefix("config.dicomTagConfig."): text for path, text in found.items()}


@pytest.mark.parametrize("name", list(SAMPLES))
def test_plans_of_the_worked_examples(name: str) -> None:
    plan = compiled({"dicomTagConfig": SAMPLES[name]})
    assert plan.dump() == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("minimal_keep_list", {"dicomTagConfig": {"profileType": "MINIMAL_KEEP_LIST_PROFILE"}}),
    ("keep_all", {"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE"}}),
    ("basic_2018e", {"dicomTagConfig": {}}),
    ("basic_latest", {"dicomTagConfig": {"options": {"standardEdition": "EDITION_LATEST"}}}),
    ("legacy_keep_list", {"dicom": {"keepList": {"tags": ["PatientID", "00191008"]}}}),
    ("legacy_remove_list", {"dicom": {"removeList": {"tags": ["PatientID"]}, "skipIdRedaction": True}}),
]


@pytest.mark.parametrize(("name", "content"), OTHERS)
def test_plans_of_other_configs(name: str, content: dict[str, Any]) -> None:
    assert compiled(content).dump() == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_no_config_at_all_is_the_basic_profile() -> None:
    plan = compile_config(pb.DeidentifyConfig())
    assert plan == compiled({"dicomTagConfig": {}})
    assert plan == compiled({"dicomTagConfig": {"profileType": "ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE"}})
    assert plan.edition == "2018e"
    assert deciding(plan, 0x00100010).because == "PS3.15 2018e E.1-1"
    assert deciding(plan, 0x00080060).because == "profile ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE"


def test_plans_are_equal_and_picklable() -> None:
    first, second = compiled({"dicomTagConfig": SAMPLES["03_keep_tag"]}), tag_plan(SAMPLES["03_keep_tag"]["actions"][0])
    assert first.fingerprint() == second.fingerprint()
    assert pickle.loads(pickle.dumps(first)) == first
    assert first.fingerprint() != compile_config(pb.DeidentifyConfig()).fingerprint()


def test_first_action_that_matches_decides() -> None:
    plan = tag_plan(
        {"queries": ["PN"], "keepTag": {}},
        {"queries": ["PatientName", "PatientID"], "deleteTag": {}},
        {"queries": ["LO"], "resetTag": {}},
    )
    assert deciding(plan, 0x00100010) == Rule(Verb.KEEP, "actions[0].queries[0]", 0, 0, "PN")
    assert deciding(plan, 0x00100020).because == "actions[1].queries[1]"
    assert deciding(plan, 0x00080070).because == "actions[2].queries[0]"
    swapped = tag_plan(
        {"queries": ["PatientName"], "deleteTag": {}},
        {"queries": ["PN"], "keepTag": {}},
    )
    assert verb_of(swapped, "PatientName") is Verb.DELETE
    assert verb_of(swapped, "OperatorsName") is Verb.KEEP


def test_actions_before_options_before_profile() -> None:
    plan = tag_plan({"queries": ["StudyInstanceUID"], "keepTag": {}}, options={"primaryIds": "REGEN"})
    reasons = [deciding(plan, facts.tag_of(k)).because for k in ("StudyInstanceUID", "SeriesInstanceUID", "DeviceUID")]
    assert reasons == ["actions[0].queries[0]", "options.primary_ids", "PS3.15 2018e E.1-1"]


@pytest.mark.parametrize(
    ("profile", "primary_ids", "study", "reference"),
    [
        ("ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE", None, Verb.REGEN_UID, Verb.REGEN_UID),
        ("ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE", "REGEN", Verb.REGEN_UID, Verb.REGEN_UID),
        ("ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE", "KEEP", Verb.KEEP, Verb.KEEP),
        ("KEEP_ALL_PROFILE", None, Verb.REGEN_UID, Verb.REGEN_UID),
        ("KEEP_ALL_PROFILE", "KEEP", Verb.KEEP, Verb.KEEP),
        ("MINIMAL_KEEP_LIST_PROFILE", None, Verb.REGEN_UID, Verb.DELETE),
        ("MINIMAL_KEEP_LIST_PROFILE", "REGEN", Verb.REGEN_UID, Verb.DELETE),
        ("MINIMAL_KEEP_LIST_PROFILE", "KEEP", Verb.KEEP, Verb.DELETE),
    ],
)
def test_primary_ids(profile: str, primary_ids: str | None, study: Verb, reference: Verb) -> None:
    options = {"primaryIds": primary_ids} if primary_ids else {}
    plan = tag_plan(profileType=profile, options=options)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert verb_of(plan, keyword) is study
    assert verb_of(plan, "ReferencedSOPInstanceUID") is reference


VERBS = {"keepTag": Verb.KEEP, "removeTag": Verb.REMOVE, "deleteTag": Verb.DELETE, "resetTag": Verb.RESET}


@pytest.mark.parametrize(
    ("vr", "action"),
    [
        (str(vr), action)
        for vr in sorted(STANDARD_VR)
        for action in VERBS
        if vr != "UI" or action in ("keepTag", "resetTag")
    ],
)
def test_every_vr_is_a_query(vr: str, action: str) -> None:
    plan = tag_plan({"queries": [vr], action: {}}, profileType="KEEP_ALL_PROFILE")
    assert plan.rules[0] == Rule(VERBS[action], "actions[0].queries[0]", 0, 0, vr)
    assert deciding(plan, 0x00191010, vr).verb is VERBS[action]


@pytest.mark.parametrize(
    ("text", "tag", "mask", "vr", "creator"),
    [
        ("00100010", 0x00100010, EXACT, "", ""),
        ("7fe00010", 0x7FE00010, EXACT, "", ""),
        ("(0010,0010)", 0x00100010, EXACT, "", ""),
        (" ( 0010 , 0010 ) ", 0x00100010, EXACT, "", ""),
        ("PatientName", 0x00100010, EXACT, "", ""),
        (" PatientName\n", 0x00100010, EXACT, "", ""),
        ("PN", 0, 0, "PN", ""),
        ("50xx", 0x50000000, 0xFF010000, "", ""),
        ("60XX", 0x60000000, 0xFF010000, "", ""),
        ("60xx3000", 0x60003000, 0xFF01FFFF, "", ""),
        ("(60xx,3000)", 0x60003000, 0xFF01FFFF, "", ""),
        ("OverlayData", 0x60003000, 0xFF01FFFF, "", ""),
        ("CurveData", 0x50003000, 0xFF01FFFF, "", ""),
        ("(50XX,3000)", 0x50003000, 0xFF01FFFF, "", ""),
        ("002031xx", 0x00203100, 0xFFFFFF00, "", ""),
        ("SourceImageIDs", 0x00203100, 0xFFFFFF00, "", ""),
        ("(0010,0000)", 0x00100000, EXACT, "", ""),
        ("00190010", 0x00190010, EXACT, "", ""),
        ("0010,0010", 0x00100010, EXACT, "", ""),
        ("OV", 0, 0, "OV", ""),
        ("60003000", 0x60003000, EXACT, "", ""),
        ("00191008", 0x00191008, EXACT, "", ""),
        ('(0019,"SIEMENS MR HEADER",0C)', 0x0019000C, 0xFFFF00FF, "", "SIEMENS MR HEADER"),
        ('( 0019 , "SIEMENS MR HEADER " , 0c )', 0x0019000C, 0xFFFF00FF, "", "SIEMENS MR HEADER"),
        ('(0029,"A, B",01)', 0x00290001, 0xFFFF00FF, "", "A, B"),
    ],
)
def test_queries(text: str, tag: int, mask: int, vr: str, creator: str) -> None:
    query = parse_query(text)
    assert (query.tag, query.mask, query.vr, query.creator) == (tag, mask, vr, creator)
    plan = tag_plan({"queries": [text], "deleteTag": {}})
    assert plan.rules[0] == Rule(Verb.DELETE, "actions[0].queries[0]", tag, mask, vr, creator)


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "PatientNme", "patientname", "pn", "XX", "00100099", "0010001", "001000100", "(0010,0010", "0010",
        "60xx4321", "0010xxxx", "xxxxxxxx", "7Fxx", "FFFEE000", '(0018,"ACME",0C)', '(0019,"",0C)', '(0019,"A\\B",0C)',
        '(0019,"ACME",100C)', '(0019,ACME,0C)', '(0019,"' + "A" * 65 + '",0C)',
    ],
)  # fmt: skip
def test_unknown_queries(text: str) -> None:
    found = action_violations({"queries": ["PatientID", text], "deleteTag": {}})
    assert list(found) == ["actions[0].queries[1]"]


def test_repeating_group_queries_leave_private_groups_alone() -> None:
    plan = tag_plan({"queries": ["60xx3000"], "keepTag": {}})
    assert deciding(plan, 0x60023000).verb is Verb.KEEP
    assert deciding(plan, 0x60013000).verb is Verb.DELETE


def test_a_kept_private_element_keeps_its_creator() -> None:
    plan = tag_plan({"queries": ["00191008"], "keepTag": {}})
    assert plan.rules[:2] == (
        Rule(Verb.KEEP, "actions[0].queries[0]", 0x00191008),
        Rule(Verb.KEEP, "actions[0].queries[0]", 0x00190010),
    )
    assert deciding(plan, 0x00191009).verb is Verb.DELETE
    assert deciding(plan, 0x00190011).verb is Verb.DELETE
    emptied = tag_plan({"queries": ["00191008"], "removeTag": {}})
    assert deciding(emptied, 0x00190010, "LO").verb is Verb.KEEP
    deleted = tag_plan({"queries": ["00191008"], "deleteTag": {}})
    assert deciding(deleted, 0x00190010, "LO").because == "PS3.15 2018e E.1-1"


@pytest.mark.parametrize("same", ["00100010", "(0010,0010)", " PatientName "])
def test_the_same_query_in_two_actions(same: str) -> None:
    found = action_violations({"queries": ["PatientName"], "keepTag": {}}, {"queries": ["PN", same], "deleteTag": {}})
    assert found == {"actions[1].queries[1]": "is also a query of actions[0]"}


def test_the_same_query_twice_in_one_action_is_no_contradiction() -> None:
    plan = tag_plan({"queries": ["PatientName", "00100010"], "deleteTag": {}})
    assert [rule.because for rule in plan.rules if rule.tag == 0x00100010][:2] == [
        "actions[0].queries[0]",
        "PS3.15 2018e E.1-1",
    ]


@pytest.mark.parametrize(
    ("action", "query"),
    [
        ("regenUidTag", "PatientName"),
        ("recurseTag", "StudyInstanceUID"),
        ("cleanTextTag", "StudyInstanceUID"),
        ("cleanTextTag", "PatientSex"),
        ("cleanImageTag", "OverlayData"),
        ("cleanImageTag", "00100010"),
        ("cleanImageTag", "50xx"),
        ("regenUidTag", "60xx3000"),
    ],
)
def test_actions_on_tags_of_a_wrong_vr(action: str, query: str) -> None:
    assert list(action_violations({"queries": [query], action: {}})) == ["actions[0].queries[0]"]


@pytest.mark.parametrize(("action", "vr"), [("regenUidTag", "PN"), ("recurseTag", "UI"), ("cleanImageTag", "LO")])
def test_actions_skip_wrong_vrs(action: str, vr: str) -> None:
    assert tag_plan({"queries": [vr], action: {}}).rules == compile_config(pb.DeidentifyConfig()).rules


def test_actions_on_their_vr() -> None:
    plan = tag_plan(
        {"queries": ["UI", "00191010"], "regenUidTag": {}},
        {"queries": ["SQ"], "recurseTag": {}},
        {"queries": ["PixelData", "OW"], "cleanImageTag": {"textRedactionMode": "REDACT_NO_TEXT"}},
    )
    assert plan.rules[:6] == (
        Rule(Verb.REGEN_UID, "actions[0].queries[0]", 0, 0, "UI"),
        Rule(Verb.REGEN_UID, "actions[0].queries[1]", 0x00191010),
        Rule(Verb.KEEP, "actions[0].queries[1]", 0x00190010),
        Rule(Verb.RECURSE, "actions[1].queries[0]", 0, 0, "SQ"),
        Rule(Verb.KEEP, "actions[2].queries[0]", 0x7FE00010),
        Rule(Verb.KEEP, "actions[2].queries[1]", 0x7FE00010, EXACT, "OW"),
    )


def test_file_meta_can_be_kept_as_far_as_it_is_not_written_anew() -> None:
    plan = tag_plan({"queries": ["MediaStorageSOPInstanceUID", "SourceApplicationEntityTitle"], "keepTag": {}})
    assert not any(rule.because.startswith("actions") for rule in plan.rules)
    assert [note.partition(":")[0] for note in plan.notes] == ["actions[0].queries[0]"]
    assert plan.file_meta == (Rule(Verb.KEEP, "actions[0].queries[1]", 0x00020016),)


@pytest.mark.parametrize("query", ["00020003", "(0002,0016)", "TransferSyntaxUID", "0002,0102"])
@pytest.mark.parametrize("action", ["keepTag", "deleteTag", "removeTag", "resetTag"])
def test_every_form_of_file_meta_query(query: str, action: str) -> None:
    plan = tag_plan({"queries": [query], action: {}})
    assert plan.rules == compile_config(pb.DeidentifyConfig()).rules
    if action == "keepTag" and query in ("(0002,0016)", "0002,0102"):
        assert [rule.verb for rule in plan.file_meta] == [Verb.KEEP]
        assert plan.notes == ()
    else:
        assert plan.file_meta == ()
        note = "actions[0].queries[0]: file meta is written anew for every output; this touches nothing"
        assert plan.notes == (note,)


def test_private_creators_are_bounded() -> None:
    queries = [f'(0019,"CREATOR {number}",{element})' for number in range(1000) for element in ("01", "02")]
    assert len({rule.creator for rule in tag_plan({"queries": queries, "keepTag": {}}).rules if rule.creator}) == 1000
    more = [f'(0021,"MORE {number}",01)' for number in range(3)]
    found = action_violations({"queries": queries, "keepTag": {}}, {"queries": ["PatientID", *more], "deleteTag": {}})
    assert found == {"actions[1].queries[1]": "is one private creator too many: a config may name 1000"}
    listed = violations({"dicom": {"keepList": {"tags": [*queries, *more]}}})
    assert list(listed) == ["config.dicom.keepList.tags[2000]"]


@pytest.mark.parametrize("action", ["deleteTag", "removeTag"])
@pytest.mark.parametrize("query", ["SOPInstanceUID", "0020000D", "(0020,000E)", "SOPClassUID"])
def test_nothing_could_be_stored(query: str, action: str) -> None:
    keyword = facts.keyword_of(parse_query(query).tag)
    found = action_violations({"queries": ["PatientID"], "keepTag": {}}, {"queries": ["PN", query], action: {}})
    assert found == {
        "actions[1].queries[1]": f"leaves no {keyword}, without which nothing can be stored or read; actions hold at "
        "the root and inside sequences alike"
    }


def test_nothing_could_be_stored_without_any_uid() -> None:
    found = action_violations(
        {"queries": ["StudyInstanceUID"], "regenUidTag": {}}, {"queries": ["UI"], "deleteTag": {}}
    )
    assert list(found) == ["actions[1].queries[0]"]
    expected = "leaves no SOPClassUID, SOPInstanceUID, SeriesInstanceUID, without"
    assert found["actions[1].queries[0]"].startswith(expected)


def test_other_ways_with_the_primary_ids_can_be_stored() -> None:
    ids = ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"]
    plan = tag_plan({"queries": [*ids, "SOPClassUID"], "keepTag": {}}, {"queries": ["UI"], "deleteTag": {}})
    assert {verb_of(plan, keyword) for keyword in ids} == {Verb.KEEP}
    assert verb_of(tag_plan({"queries": ids, "resetTag": {}}), "StudyInstanceUID") is Verb.RESET
    assert verb_of(tag_plan({"queries": ["UI"], "resetTag": {}}), "SOPInstanceUID") is Verb.RESET
    assert verb_of(tag_plan({"queries": ["ReferencedSOPInstanceUID"], "deleteTag": {}}), "SOPInstanceUID")


def test_an_action_needs_queries_and_a_verb() -> None:
    found = action_violations({"deleteTag": {}}, {"queries": ["PatientName"]}, {})
    assert list(found) == ["actions[0].queries", "actions[1]", "actions[2]", "actions[2].queries"]


def test_all_violations_are_told_at_once_and_the_path_can_start_elsewhere() -> None:
    config = config_of({"dicomTagConfig": {"actions": [{"queries": ["Nope", "PatientName", "0019"], "keepTag": {}}]}})
    with pytest.raises(InvalidConfig) as caught:
        compile_config(config, path="request.config")
    assert [path for path, _ in caught.value.violations] == [
        "request.config.dicomTagConfig.actions[0].queries[0]",
        "request.config.dicomTagConfig.actions[0].queries[2]",
    ]
    assert caught.value.message.startswith("request.config.dicomTagConfig.actions[0].queries[0]: ")


def test_both_kinds_of_tag_config() -> None:
    assert list(violations({"dicom": {}, "dicomTagConfig": {}})) == ["config.dicom"]


def test_enum_numbers_without_a_name() -> None:
    config = pb.DeidentifyConfig()
    config.dicom_tag_config.profile_type = 99  # type: ignore[assignment]
    config.dicom_tag_config.options.primary_ids = 7  # type: ignore[assignment]
    config.image.text_redaction_mode = -1  # type: ignore[assignment]
    config.fhir_field_config.profile_type = 12  # type: ignore[assignment]
    assert set(violations(config)) == {
        "config.dicomTagConfig.profileType",
        "config.dicomTagConfig.options.primaryIds",
        "config.image.textRedactionMode",
        "config.fhirFieldConfig.profileType",
    }


def test_unknown_fields_at_any_depth() -> None:
    unknown = b"\xf8\x3f\x01"  # field 1023, varint 1
    action = pb.DicomTagConfig.Action.FromString(
        pb.DicomTagConfig.Action(queries=["PatientName"], keep_tag=pb.KeepTag()).SerializeToString() + unknown
    )
    keep = pb.KeepTag.FromString(unknown)
    config = pb.DeidentifyConfig(
        dicom_tag_config=pb.DicomTagConfig(
            actions=[action, pb.DicomTagConfig.Action(queries=["PatientID"], keep_tag=keep)],
            options=pb.DicomTagConfig.Options.FromString(unknown),
        )
    )
    where = ["dicomTagConfig.actions[0]", "dicomTagConfig.actions[1].keepTag", "dicomTagConfig.options"]
    message = "has a field of number 1023, which is unknown"
    assert violations(config) == {f"config.{path}": message for path in where}
    assert list(violations(pb.DeidentifyConfig.FromString(unknown))) == ["config"]


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ({"textRedactionMode": "REDACT_ALL_TEXT", "additionalInfoTypes": ["AGE"]}, "additionalInfoTypes"),
        ({"textRedactionMode": "REDACT_NO_TEXT", "additionalInfoTypes": ["AGE"]}, "additionalInfoTypes"),
        ({"textRedactionMode": "REDACT_NO_TEXT", "excludeInfoTypes": ["AGE"]}, "excludeInfoTypes"),
        ({"excludeInfoTypes": ["AGE"]}, "excludeInfoTypes"),
        ({"textRedactionMode": "REDACT_NO_TEXT", "customRegexes": [{"pattern": "a"}]}, "customRegexes"),
        ({"customRegexes": [{"pattern": "a("}]}, "customRegexes[0].pattern"),
        ({"customRegexes": [{"pattern": "a"}, {}]}, "customRegexes[1].pattern"),
        ({"customRegexes": [{"pattern": "(a)(b)", "groupIndexes": [0, 2, 3]}]}, "customRegexes[0].groupIndexes[2]"),
        ({"customRegexes": [{"pattern": "(a)", "groupIndexes": [-1]}]}, "customRegexes[0].groupIndexes[0]"),
    ],
)
def test_image_options(image: dict[str, Any], path: str) -> None:
    assert list(violations({"image": image})) == [f"config.image.{path}"]
    found = violations({"dicomTagConfig": {"options": {"cleanImage": image}}})
    assert list(found) == [f"config.dicomTagConfig.options.cleanImage.{path}"]
    found = violations({"dicomTagConfig": {"actions": [{"queries": ["PixelData"], "cleanImageTag": image}]}})
    assert list(found) == [f"config.dicomTagConfig.actions[0].cleanImageTag.{path}"]


@pytest.mark.parametrize("size", [1, 15, 17, 33])
@pytest.mark.parametrize("kind", ["cryptoHashConfig", "dateShiftConfig"])
def test_key_lengths(size: int, kind: str) -> None:
    config = config_of({"text": {"additionalTransformations": [{kind: {}}]}})
    transformation = config.text.additional_transformations[0]
    key = b"k" * size
    (
        transformation.crypto_hash_config if kind == "cryptoHashConfig" else transformation.date_shift_config
    ).crypto_key = key
    found = violations(config)
    assert found == {
        f"config.text.additionalTransformations[0].{kind}.cryptoKey": f"has {size} bytes; a key has 16, 24 or 32"
    }


@pytest.mark.parametrize("size", [16, 24, 32])
def test_good_text_config_is_accepted(size: int) -> None:
    config = config_of({"text": {"additionalTransformations": [{"dateShiftConfig": {}}, {"redactConfig": {}}]}})
    config.text.additional_transformations[0].date_shift_config.crypto_key = b"\x01" * size
    plan = compile_config(config)
    assert plan.notes == ("text: nothing in this config inspects text; this touches nothing",)
    assert "\\x01" not in plan.dump() + repr(plan)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ({"additionalTransformations": [{"infoTypes": ["DATE"]}]}, "additionalTransformations[0]"),
        (
            {"transformations": [{"redactConfig": {}}], "additionalTransformations": [{"redactConfig": {}}]},
            "transformations",
        ),
        (
            {"additionalTransformations": [{"characterMaskConfig": {"maskingCharacter": "##"}}]},
            "additionalTransformations[0].characterMaskConfig.maskingCharacter",
        ),
        (
            {"additionalTransformations": [{"dateShiftConfig": {"kmsWrapped": {"cryptoKey": "projects/p"}}}]},
            "additionalTransformations[0].dateShiftConfig.kmsWrapped.wrappedKey",
        ),
    ],
)
def test_bad_text_config(text: dict[str, Any], path: str) -> None:
    assert list(violations({"text": text})) == [f"config.text.{path}"]


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ({"image": {"textRedactionMode": "REDACT_ALL_TEXT"}}, "image.textRedactionMode"),
        (
            {"dicomTagConfig": {"options": {"cleanImage": {"textRedactionMode": "REDACT_SENSITIVE_TEXT"}}}},
            "dicomTagConfig.options.cleanImage.textRedactionMode",
        ),
        (
            {"dicom": {}, "image": {"textRedactionMode": "REDACT_SENSITIVE_TEXT_CLEAN_DESCRIPTORS"}},
            "image.textRedactionMode",
        ),
        (
            {
                "dicomTagConfig": {
                    "actions": [{"queries": ["PixelData"], "cleanImageTag": {"textRedactionMode": "REDACT_ALL_TEXT"}}]
                }
            },
            "dicomTagConfig.actions[0].cleanImageTag.textRedactionMode",
        ),
        ({"image": {"additionalInfoTypes": ["AGE"]}}, "image"),
    ],
)
def test_what_this_version_does_not_do(content: dict[str, Any], path: str) -> None:
    assert list(violations(content, Unsupported)) == [f"config.{path}"]


@pytest.mark.parametrize("edition", ["EDITION_2018E", "EDITION_LATEST"])
def test_every_option_of_the_standard_is_carried_out(edition: str) -> None:
    flags = [field.json_name for field in pb.DicomTagConfig.Options.DESCRIPTOR.fields if field.number > 100]
    assert len(flags) == 9
    without = tag_plan(options={"standardEdition": edition})
    for flag in flags:
        plan = tag_plan(options={"standardEdition": edition, flag: True})
        assert len(plan.rules) > len(without.rules)
        assert plan.stamp != without.stamp


def test_full_and_modified_dates_exclude_each_other() -> None:
    both = {"retainLongitudinalFullDates": True, "retainLongitudinalModifiedDates": True}
    path = "config.dicomTagConfig.options.retainLongitudinalModifiedDates"
    assert violations({"dicomTagConfig": {"options": both}}) == {path: "may not stand with retainLongitudinalFullDates"}


def test_what_is_wrong_comes_before_what_is_missing() -> None:
    image = {"textRedactionMode": "REDACT_ALL_TEXT"}
    content = {"dicomTagConfig": {"options": {"cleanImage": image}, "actions": [{"queries": ["Nope"]}]}}
    assert "config.dicomTagConfig.options.cleanImage.textRedactionMode" not in violations(content)


@pytest.mark.parametrize("image", [{}, {"textRedactionMode": "REDACT_NO_TEXT"}])
def test_image_modes_that_paint_nothing(image: dict[str, Any]) -> None:
    basic = compile_config(pb.DeidentifyConfig())
    assert compiled({"image": image}) == basic
    assert compiled({"dicomTagConfig": {"options": {"cleanImage": image}}}) == basic


def test_fhir_touches_nothing_and_the_plan_says_so() -> None:
    plan = compiled({"fhir": {}, "fhirFieldConfig": {"profileType": "KEEP_ALL"}})
    assert plan.rules == compile_config(pb.DeidentifyConfig()).rules
    assert [note.partition(":")[0] for note in plan.notes] == ["fhir", "fhir_field_config"]


@pytest.mark.parametrize("dicom", [{}, {"filterProfile": "TAG_FILTER_PROFILE_UNSPECIFIED"}])
def test_legacy_unspecified_keeps_all(dicom: dict[str, Any]) -> None:
    assert compiled({"dicom": dicom}) == tag_plan(profileType="KEEP_ALL_PROFILE")


@pytest.mark.parametrize(
    "profile", ["MINIMAL_KEEP_LIST_PROFILE", "ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE", "KEEP_ALL_PROFILE"]
)
def test_legacy_profiles_are_the_same_plans(profile: str) -> None:
    assert compiled({"dicom": {"filterProfile": profile}}) == tag_plan(profileType=profile)


def test_legacy_skip_id_redaction() -> None:
    plan = compiled({"dicom": {"filterProfile": "ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE", "skipIdRedaction": True}})
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "ReferencedSOPInstanceUID"):
        assert verb_of(plan, keyword) is Verb.KEEP
        assert deciding(plan, facts.tag_of(keyword)).because == "dicom.skip_id_redaction"
    assert verb_of(plan, "PatientName") is Verb.REMOVE


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize(
    "tag_filter", [{}, {"keepList": {}}, {"removeList": {}}, {"keepList": {"tags": ["SOPInstanceUID"]}}]
)
def test_legacy_primary_ids_go_by_skip_id_redaction(tag_filter: dict[str, Any], skip: bool) -> None:
    plan = compiled({"dicom": {**tag_filter, "skipIdRedaction": skip}})
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert verb_of(plan, keyword) is (Verb.KEEP if skip else Verb.REGEN_UID)


def test_legacy_empty_lists() -> None:
    kept, removed = compiled({"dicom": {"keepList": {}}}), compiled({"dicom": {"removeList": {}}})
    minimal, everything = tag_plan(profileType="MINIMAL_KEEP_LIST_PROFILE"), tag_plan(profileType="KEEP_ALL_PROFILE")
    assert (kept.rules, removed.rules) == (minimal.rules, everything.rules)
    assert (kept.default.verb, removed.default.verb) == (Verb.DELETE, Verb.KEEP)
    assert kept.edition == removed.edition == ""


def test_legacy_skip_id_redaction_in_every_profile() -> None:
    for profile in ("MINIMAL_KEEP_LIST_PROFILE", "ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE", "KEEP_ALL_PROFILE"):
        legacy = compiled({"dicom": {"filterProfile": profile, "skipIdRedaction": True}})
        today = tag_plan(profileType=profile, options={"primaryIds": "KEEP"})
        assert [(r.tag, r.verb) for r in legacy.rules] == [(r.tag, r.verb) for r in today.rules]
        assert legacy.stamp == today.stamp


def test_legacy_lists_leave_the_primary_ids_alone_and_say_so() -> None:
    plan = compiled({"dicom": {"removeList": {"tags": ["0020000D", "PatientID"]}}})
    assert verb_of(plan, "StudyInstanceUID") is Verb.REGEN_UID
    assert plan.notes == ("dicom.remove_list: StudyInstanceUID follows skip_id_redaction, whatever the list says",)


@pytest.mark.parametrize("skip", [False, True])
def test_legacy_lists_name_references_for_themselves(skip: bool) -> None:
    listed = {"tags": ["ReferencedSOPInstanceUID"]}
    removed = compiled({"dicom": {"removeList": listed, "skipIdRedaction": skip}})
    assert verb_of(removed, "ReferencedSOPInstanceUID") is Verb.REMOVE
    assert verb_of(removed, "MultiFrameSourceSOPInstanceUID") is (Verb.KEEP if skip else Verb.REGEN_UID)
    kept = compiled({"dicom": {"keepList": listed, "skipIdRedaction": skip}})
    assert verb_of(kept, "ReferencedSOPInstanceUID") is Verb.KEEP


def test_legacy_lists_take_every_kind_of_tag() -> None:
    tags = ["(0010,0020)", "60xx", '(0019,"SIEMENS MR HEADER",0C)', "00020016", "SourceImageIDs"]
    plan = compiled({"dicom": {"removeList": {"tags": tags}}})
    assert deciding(plan, 0x00100020).verb is Verb.REMOVE
    assert deciding(plan, 0x60023000).verb is Verb.REMOVE
    assert deciding(plan, 0x0019110C, "IS", "SIEMENS MR HEADER").verb is Verb.REMOVE
    assert deciding(plan, 0x0019110C, "IS").verb is Verb.KEEP
    assert deciding(plan, 0x00203102).verb is Verb.REMOVE
    assert len(plan.notes) == 1


def test_legacy_keep_list() -> None:
    plan = compiled({"dicom": {"keepList": {"tags": ["PatientID", "00191008", "StudyInstanceUID"]}}})
    assert verb_of(plan, "PatientID") is Verb.KEEP
    assert verb_of(plan, "Rows") is Verb.KEEP
    assert deciding(plan, 0x00190010).verb is Verb.KEEP
    assert verb_of(plan, "PatientName") is Verb.DELETE
    assert plan.default.because == "dicom.keep_list"
    assert verb_of(plan, "StudyInstanceUID") is Verb.REGEN_UID  # only skip_id_redaction keeps it
    assert plan.stamp == ()


def test_legacy_remove_list() -> None:
    plan = compiled({"dicom": {"removeList": {"tags": ["PatientID", "OverlayData"]}}})
    assert verb_of(plan, "PatientID") is Verb.REMOVE
    assert deciding(plan, 0x60023000).verb is Verb.REMOVE
    assert verb_of(plan, "PatientName") is Verb.KEEP
    assert verb_of(plan, "StudyInstanceUID") is Verb.REGEN_UID
    assert plan.default == Rule(Verb.KEEP, "dicom.remove_list", 0, 0)


@pytest.mark.parametrize("which", ["keepList", "removeList"])
def test_legacy_lists_take_tags_alone(which: str) -> None:
    found = violations({"dicom": {which: {"tags": ["PatientID", "PN", "Nope"]}}})
    assert list(found) == [f"config.dicom.{which}.tags[1]", f"config.dicom.{which}.tags[2]"]


def test_stamp_follows_profile_and_setting() -> None:
    assert [stamp.tag for stamp in compile_config(pb.DeidentifyConfig()).stamp] == [
        0x00120062, 0x00120063, 0x00120064, 0x00280303,
    ]  # fmt: skip
    assert compile_config(pb.DeidentifyConfig(), stamp=False).stamp == ()
    assert tag_plan(profileType="KEEP_ALL_PROFILE").stamp == ()
    kept = tag_plan(options={"primaryIds": "KEEP"})
    assert "113110" in repr(kept.stamp)


@pytest.mark.parametrize(
    ("action", "kept"),
    [
        ({"queries": ["PatientName"], "keepTag": {}}, ["PatientName"]),
        ({"queries": ["00100020", "PatientName"], "keepTag": {}}, ["PatientName", "PatientID"]),
        ({"queries": ["PN"], "keepTag": {}}, ["PatientName, OtherPatientNames, PatientBirthName, …"]),
        ({"queries": ["LO"], "keepTag": {}}, ["PatientID, OtherPatientIDs, PatientAddress, …"]),
        ({"queries": ["OtherPatientIDsSequence"], "keepTag": {}}, ["OtherPatientIDsSequence"]),
        (
            {"queries": ["MedicalRecordLocator", "AcquisitionContextSequence"], "keepTag": {}},
            ["MedicalRecordLocator", "AcquisitionContextSequence"],
        ),
        ({"queries": ["OperatorsName", "UI", "CTExposureSequence"], "keepTag": {}}, []),
        ({"queries": ["PatientName", "PatientID"], "resetTag": {}}, []),
    ],
)
def test_no_claim_that_the_identity_went_where_an_action_keeps_it(action: dict[str, Any], kept: list[str]) -> None:
    plan = tag_plan(action)
    assert [facts.keyword_of(stamp.tag) for stamp in plan.stamp] == [
        "PatientIdentityRemoved",
        "DeidentificationMethod",
        "DeidentificationMethodCodeSequence",
        "LongitudinalTemporalInformationModified",
    ]
    assert [note.partition(": ")[2] for note in plan.notes] == [
        f"keeps {keyword}, so outputs say PatientIdentityRemoved NO" for keyword in kept
    ]
    assert tag_plan(action, profileType="KEEP_ALL_PROFILE").notes == ()


def test_an_earlier_action_decides_whether_the_identity_went() -> None:
    plan = tag_plan({"queries": ["PN", "LO"], "deleteTag": {}}, {"queries": ["PatientName"], "keepTag": {}})
    assert plan.stamp[0].value == "YES"
    assert plan.notes == ()
    assert tag_plan({"queries": ["SQ"], "keepTag": {}}).stamp[0].value == "NO", "with all that sequences hold"


def test_what_takes_the_character_set_away_is_noted() -> None:
    plan = tag_plan({"queries": ["SpecificCharacterSet"], "deleteTag": {}})
    assert plan.notes == (
        "actions[0].queries[0]: takes SpecificCharacterSet away; text that stays may be read wrongly",
    )
    assert tag_plan({"queries": ["CS"], "resetTag": {}}).notes == ()


def test_retained_uids_next_to_regenerated_ids_are_noted() -> None:
    options = {"retainUids": True, "primaryIds": "REGEN"}
    (note,) = tag_plan(options=options).notes
    assert note.startswith(
        "options.retain_uids: options.primary_ids regenerates the UIDs of study, series and instance"
    )
    assert tag_plan(options=options | {"primaryIds": "KEEP"}).notes == ()


def test_the_config_is_left_as_it_was() -> None:
    config = pb.DeidentifyConfig()
    compile_config(config)
    assert json.loads(json_format.MessageToJson(config)) == {}
