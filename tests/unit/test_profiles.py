"""Profiles as rules, and compound codes by SOP class."""

from __future__ import annotations

import pytest

from effacer_server.dicom import facts
from effacer_server.policy.plan import EXACT, Rule, Verb
from effacer_server.policy.profiles import (
    PrimaryIds,
    Profile,
    edition_name,
    linked_uids,
    primary_id_rules,
    product_version,
    profile_default,
    profile_rules,
    profile_stamp,
    verb_for,
)

CR = "1.2.840.10008.5.1.4.1.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
UNKNOWN = "1.2.3.4"


def basic(keyword: str, edition: facts.Edition = "2018e") -> Rule:
    tag = facts.tag_of(keyword)
    return next(rule for rule in profile_rules(Profile.BASIC, edition) if rule.tag == tag)


def first(rules: tuple[Rule, ...], keyword: str) -> Rule | None:
    tag = facts.tag_of(keyword)
    return next((rule for rule in rules if tag & rule.mask == rule.tag), None)


@pytest.mark.parametrize(
    ("keyword", "verb", "code"),
    [
        ("PatientName", Verb.REMOVE, ""),
        ("PatientAddress", Verb.DELETE, ""),
        ("StudyInstanceUID", Verb.REGEN_UID, ""),
        ("PersonIdentificationCodeSequence", Verb.RESET, ""),
        ("AcquisitionDateTime", Verb.RESET, "X/Z/D"),
        ("ProtocolName", Verb.RESET, "X/D"),
        ("ContentDate", Verb.RESET, "Z/D"),
        ("AcquisitionDate", Verb.REMOVE, "X/Z"),
        ("ReferencedImageSequence", Verb.RECURSE, "X/Z/U*"),
        ("DataSetTrailingPadding", Verb.DELETE, ""),
    ],
)
def test_codes_become_verbs(keyword: str, verb: Verb, code: str) -> None:
    rule = basic(keyword)
    assert (rule.verb, rule.code, rule.because) == (verb, code, "PS3.15 2018e E.1-1")


@pytest.mark.parametrize("edition", ["2018e", "latest"])
def test_every_row_has_one_rule_and_no_sequence_loses_its_uids_unseen(edition: facts.Edition) -> None:
    rules = profile_rules(Profile.BASIC, edition)
    keys = [(rule.tag, rule.mask) for rule in rules]
    assert len(keys) == len(set(keys))
    strays = {(0x00000000, 0xFFFF0000), (0x00020000, 0xFFFF0000)}  # command and file meta elements
    linked = {(tag, 0xFFFFFFFF) for tag in linked_uids(edition)}
    assert linked
    assert set(keys) == {(row.tag, row.mask) for row in facts.e1_1(edition).rows} | strays | linked
    for rule in rules:
        assert rule.verb in (Verb.RESET, Verb.REMOVE, Verb.DELETE, Verb.REGEN_UID, Verb.RECURSE)
        if rule.verb is Verb.REGEN_UID:
            assert facts.vr_of(rule.tag) == "UI"
        if rule.verb is Verb.RECURSE:
            assert facts.vr_of(rule.tag) == "SQ"


def test_the_tag_that_stands_twice_takes_the_stricter_row() -> None:
    rows = [row.basic for row in facts.e1_1("2018e").rows if row.tag == 0x30080105]
    assert sorted(rows) == ["X", "X/Z"]
    assert (basic("SourceSerialNumber").verb, basic("SourceSerialNumber").code) == (Verb.DELETE, "")


def test_private_elements_and_repeating_groups_are_deleted() -> None:
    rules = profile_rules(Profile.BASIC)
    assert Rule(Verb.DELETE, "PS3.15 2018e E.1-1", 0x00010000, 0x00010000) in rules
    for tag in (0x50005000, 0x501E0005, 0x50FE2500, 0x60003000, 0x60224000, 0x00191010, 0x60013000):
        deciding = next(rule for rule in rules if tag & rule.mask == rule.tag)
        assert deciding.verb is Verb.DELETE
    assert not any(0x60000010 & rule.mask == rule.tag for rule in rules)  # OverlayRows is not in the table


def test_latest_edition() -> None:
    assert basic("PatientSex", "latest").because == "PS3.15 2026c E.1-1"
    assert basic("InstanceCreationDate", "latest").code == "X/D"
    assert edition_name(Profile.BASIC, "latest") == "2026c"
    assert edition_name(Profile.BASIC) == "2018e"
    assert edition_name(Profile.KEEP_ALL) == ""


@pytest.mark.parametrize(
    ("keyword", "sop_class", "verb"),
    [
        ("ContentDate", CT, Verb.REMOVE),  # Z/D, type 2C
        ("ContentDate", ENHANCED_CT, Verb.RESET),  # Z/D, type 1
        ("AcquisitionDateTime", CT, Verb.DELETE),  # X/Z/D, type 3
        ("AcquisitionDateTime", ENHANCED_CT, Verb.RESET),  # X/Z/D, type 1C
        ("DeviceSerialNumber", ENHANCED_CT, Verb.RESET),  # X/Z/D, types 1 and 3
        ("ProtocolName", CT, Verb.DELETE),  # X/D, type 3
        ("AcquisitionDate", CT, Verb.DELETE),  # X/Z, type 3
        ("AcquisitionContextSequence", ENHANCED_CT, Verb.REMOVE),  # X/Z, type 2
        ("AcquisitionContextSequence", CT, Verb.DELETE),  # in no module of the CT IOD: an extension, type 3
        ("ReferencedImageSequence", CT, Verb.DELETE),  # X/Z/U*, type 3
        ("ReferencedImageSequence", "1.2.840.10008.5.1.4.1.1.12.1", Verb.RECURSE),  # X/Z/U*, type 1C
        ("ContrastBolusAgent", CT, Verb.REMOVE),  # Z/D, type 2 in a conditional module
        ("FillerOrderNumberImagingServiceRequest", CT, Verb.REMOVE),  # no compound code
        ("InstitutionCodeSequence", CT, Verb.DELETE),  # X/Z/D; no module holds it at the root: an extension, type 3
        ("ContentDate", UNKNOWN, Verb.RESET),
        ("ContentDate", "", Verb.RESET),
        ("AcquisitionDate", UNKNOWN, Verb.REMOVE),
        ("ReferencedImageSequence", UNKNOWN, Verb.RECURSE),
    ],
)
def test_compound_codes_by_sop_class(keyword: str, sop_class: str, verb: Verb) -> None:
    assert verb_for(basic(keyword), sop_class) is verb


@pytest.mark.parametrize(
    ("code", "by_type"),
    [
        ("X/Z/D", {"1": Verb.RESET, "1C": Verb.RESET, "2": Verb.REMOVE, "2C": Verb.REMOVE, "3": Verb.DELETE}),
        ("X/D", {"1": Verb.RESET, "1C": Verb.RESET, "2": Verb.RESET, "2C": Verb.RESET, "3": Verb.DELETE}),
        ("Z/D", {"1": Verb.RESET, "1C": Verb.RESET, "2": Verb.REMOVE, "2C": Verb.REMOVE, "3": Verb.REMOVE}),
        ("X/Z", {"1": Verb.REMOVE, "1C": Verb.REMOVE, "2": Verb.REMOVE, "2C": Verb.REMOVE, "3": Verb.DELETE}),
        ("X/Z/U*", {"1": Verb.RECURSE, "1C": Verb.RECURSE, "2": Verb.REMOVE, "2C": Verb.REMOVE, "3": Verb.DELETE}),
    ],
)
def test_codes_by_type(code: str, by_type: dict[str, Verb], monkeypatch: pytest.MonkeyPatch) -> None:
    rule = Rule(Verb.RESET, "test", 0x00080023, code=code)
    for kind, verb in by_type.items():
        monkeypatch.setattr(facts, "attribute_type", lambda sop_class, tag, path, kind=kind: kind)
        assert verb_for(rule, CT) is verb, kind


def test_compound_codes_of_the_latest_edition() -> None:
    assert verb_for(basic("PatientID", "latest"), CT) is Verb.REMOVE  # Z/D, type 2
    assert verb_for(basic("PatientID", "latest"), UNKNOWN) is Verb.RESET


def test_minimal_keep_list() -> None:
    rules = profile_rules(Profile.MINIMAL)
    assert {rule.tag for rule in rules} == {tag for tag, _ in facts.minimal_keep() if tag >> 16 != 0x0002}
    assert len(rules) == 30
    assert {(rule.verb, rule.because, rule.mask) for rule in rules} == {(Verb.KEEP, "minimal keep list", EXACT)}
    assert profile_default(Profile.MINIMAL) == Rule(Verb.DELETE, "profile MINIMAL_KEEP_LIST_PROFILE", 0, 0)


def test_keep_all() -> None:
    assert profile_rules(Profile.KEEP_ALL) == ()
    assert profile_default(Profile.KEEP_ALL) == Rule(Verb.KEEP, "profile KEEP_ALL_PROFILE", 0, 0)


@pytest.mark.parametrize("profile", list(Profile))
def test_primary_ids_are_regenerated_by_every_profile(profile: Profile) -> None:
    rules = primary_id_rules(profile) + profile_rules(profile)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        rule = first(rules, keyword)
        assert rule is not None
        assert rule.verb is Verb.REGEN_UID


@pytest.mark.parametrize("profile", list(Profile))
@pytest.mark.parametrize("primary_ids", list(PrimaryIds))
def test_primary_ids_leave_file_meta_and_commands_alone(profile: Profile, primary_ids: PrimaryIds) -> None:
    assert all(rule.tag >> 16 >= 0x0004 for rule in primary_id_rules(profile, primary_ids))


@pytest.mark.parametrize("profile", [Profile.BASIC, Profile.KEEP_ALL])
@pytest.mark.parametrize("primary_ids", list(PrimaryIds))
def test_references_go_the_way_of_what_they_name(profile: Profile, primary_ids: PrimaryIds) -> None:
    rules = primary_id_rules(profile, primary_ids) + profile_rules(profile)
    expected = Verb.KEEP if primary_ids is PrimaryIds.KEEP else Verb.REGEN_UID
    for keyword in ("SOPInstanceUID", "ReferencedSOPInstanceUID", "MultiFrameSourceSOPInstanceUID"):
        rule = first(rules, keyword)
        assert rule is not None
        assert rule.verb is expected, keyword


def test_basic_profile_explains_ids_by_its_table() -> None:
    own = primary_id_rules(Profile.BASIC)
    assert first(own, "StudyInstanceUID") is None
    assert first(own, "ReferencedSOPInstanceUID") is None
    assert {rule.because for rule in own} == {"primary ids"}
    chosen = first(primary_id_rules(Profile.BASIC, PrimaryIds.REGEN), "StudyInstanceUID")
    assert chosen is not None
    assert chosen.because == "options.primary_ids"


@pytest.mark.parametrize("primary_ids", list(PrimaryIds))
def test_minimal_keep_list_keeps_no_references(primary_ids: PrimaryIds) -> None:
    assert len(primary_id_rules(Profile.MINIMAL, primary_ids)) == 3


def test_frame_of_reference_is_no_primary_id() -> None:
    for profile in Profile:
        assert first(primary_id_rules(profile, PrimaryIds.REGEN), "FrameOfReferenceUID") is None


def test_stamp() -> None:
    stamps = {facts.keyword_of(stamp.tag): stamp for stamp in profile_stamp(Profile.BASIC)}
    assert [stamp.tag for stamp in stamps.values()] == sorted(stamp.tag for stamp in stamps.values())
    assert (stamps["PatientIdentityRemoved"].vr, stamps["PatientIdentityRemoved"].value) == ("CS", "YES")
    assert stamps["DeidentificationMethod"].value == f"Effacer {product_version()} Basic"
    assert stamps["LongitudinalTemporalInformationModified"].value == "REMOVED"
    items = stamps["DeidentificationMethodCodeSequence"].value
    assert isinstance(items, tuple)
    values = [[(facts.keyword_of(stamp.tag), stamp.vr, stamp.value) for stamp in item] for item in items]
    assert values == [
        [
            ("CodeValue", "SH", "113100"),
            ("CodingSchemeDesignator", "SH", "DCM"),
            ("CodeMeaning", "LO", "Basic Application Confidentiality Profile"),
        ]
    ]


def test_stamp_says_when_uids_stay() -> None:
    items = profile_stamp(Profile.MINIMAL, PrimaryIds.KEEP)[2].value
    assert isinstance(items, tuple)
    assert [item[0].value for item in items] == ["113100", "113110"]


def test_stamp_says_which_options_and_what_became_of_dates() -> None:
    stamps = profile_stamp(Profile.BASIC, option_codes=("113111", "113103"), longitudinal="MODIFIED")
    items = stamps[2].value
    assert isinstance(items, tuple)
    assert [item[0].value for item in items] == ["113100", "113103", "113111"]
    assert stamps[3].value == "MODIFIED"


def test_stamp_claims_no_more_than_is_true() -> None:
    stamps = profile_stamp(Profile.BASIC, identity_removed=False)
    assert [stamp.value for stamp in stamps if stamp.tag == facts.tag_of("PatientIdentityRemoved")] == ["NO"]
    assert len(stamps) == 4


@pytest.mark.parametrize("profile", list(Profile))
def test_retained_uids_take_references_along(profile: Profile) -> None:
    rules = primary_id_rules(profile, retain_uids=True)
    assert {(rule.verb, rule.because) for rule in rules} == {(Verb.KEEP, "options.retain_uids")}
    explicit = primary_id_rules(profile, PrimaryIds.REGEN, retain_uids=True)
    assert {(rule.verb, rule.because) for rule in explicit} == {(Verb.REGEN_UID, "options.primary_ids")}
    for made in (rules, explicit):
        assert first(made, "ReferencedSOPInstanceUID") is not None
        assert first(made, "StudyInstanceUID") is not None
        assert first(made, "FrameOfReferenceUID") is None


def test_no_stamp_without_a_claim() -> None:
    assert profile_stamp(Profile.KEEP_ALL) == ()
    assert profile_stamp(Profile.BASIC, write_method=False) == ()
