"""The options of PS3.15 §E.3: row by row against the standard's columns, in every combination, and as golden plans."""

from __future__ import annotations

import csv
import itertools
import pickle
import random
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from pydicom.datadict import DicomDictionary

from effacer.v1 import deidentify_pb2 as pb
from effacer_server.dicom import facts
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.options import Option
from effacer_server.policy.plan import ContentRule, Plan, Rule, Verb

GOLDEN = Path(__file__).parents[1] / "golden" / "plans"
FACTS = Path(__file__).parents[2] / "tools" / "facts"
EDITIONS: tuple[facts.Edition, ...] = ("2018e", "latest")
# The files of the standard's tables behind each edition, and the column of each option.
TABLE = {"2018e": "ps315_2018e.csv", "latest": "ps315_latest.csv"}
CONTENT = {"2018e": "ps315_content_codes_2019c.csv", "latest": "ps315_content_codes_2023b.csv"}
SAFE = {"2018e": "ps315_safe_private_2017d.csv", "latest": "ps315_safe_private_2023b.csv"}
COLUMN = {
    "retain_safe_private": "rtn_safe_priv",
    "retain_uids": "rtn_uids",
    "retain_device_identity": "rtn_dev_id",
    "retain_institution_identity": "rtn_inst_id",
    "retain_patient_characteristics": "rtn_pat_chars",
    "retain_longitudinal_full_dates": "rtn_long_full_dates",
    "retain_longitudinal_modified_dates": "rtn_long_modif_dates",
    "clean_structured_content": "clean_struct_cont",
    "clean_graphics": "clean_graph",
    "clean_descriptors": "clean_desc",
}
DATES = {"retain_longitudinal_full_dates", "retain_longitudinal_modified_dates"}
PROFILES = ("ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE", "MINIMAL_KEEP_LIST_PROFILE", "KEEP_ALL_PROFILE")
BASIC, MINIMAL, KEEP_ALL = PROFILES


def plan_of(
    names: Iterable[str], edition: facts.Edition = "2018e", profile: str = BASIC, primary_ids: str = "", **rest: bool
) -> Plan:
    chosen = set(names)
    options = pb.DicomTagConfig.Options(**dict.fromkeys(chosen - {"clean_descriptors"}, True))
    if "clean_descriptors" in chosen:
        options.clean_descriptors.SetInParent()
    if edition == "latest":
        options.standard_edition = pb.DicomTagConfig.Options.EDITION_LATEST
    if primary_ids:
        options.primary_ids = pb.DicomTagConfig.Options.PrimaryIdsOption.Value(primary_ids)
    config = pb.DicomTagConfig(options=options, profile_type=pb.DicomTagConfig.ProfileType.Value(profile))
    return compile_config(pb.DeidentifyConfig(dicom_tag_config=config), **rest)


@cache
def rows(name: str) -> list[dict[str, str]]:
    with (FACTS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def deciding(plan: Plan, tag: int, vr: str, creator: str = "") -> Rule:
    for rule in plan.rules:
        if tag & rule.mask == rule.tag and rule.vr in ("", vr) and rule.creator in ("", creator):
            return rule
    return plan.default


def combinations(seed: int, count: int) -> list[frozenset[str]]:
    """Sets of options that may stand together: each alone, all but one of the dates, none, and a seeded sample."""
    allowed = [
        frozenset(chosen)
        for size in range(len(COLUMN) + 1)
        for chosen in itertools.combinations(COLUMN, size)
        if not set(chosen) >= DATES
    ]
    assert len(allowed) == 2**10 - 2**8
    always = [chosen for chosen in allowed if len(chosen) in (0, 1, len(COLUMN) - 1)]
    return always + random.Random(seed).sample(allowed, count)


# ---- what the standard's columns say, computed without the compiler ----------------------------------------------

BY_CODE = {"D": Verb.RESET, "Z": Verb.REMOVE, "X": Verb.DELETE, "U": Verb.REGEN_UID, "U*": Verb.RECURSE}
BY_CODE_STRONGEST_FIRST = ("U*", "D", "Z", "X")  # what is valid whatever the attribute's type


def vr_of_row(row: dict[str, str]) -> str:
    if "x" in row["tag"]:
        return "OW"  # curves and overlays: nothing that could be moved or entered
    tag = int(row["tag"][1:5] + row["tag"][6:10], 16)
    found = DicomDictionary.get(tag)
    if found is not None:
        return found[0]
    # Newer than pydicom's dictionary: the name tells, or nothing does.
    return {"Sequence": "SQ", "DateTime": "DT"}.get(row["name"].rpartition(" ")[2], "")


def basic_verb(code: str, vr: str) -> Verb:
    if code == "U" and vr == "SQ":
        return Verb.RECURSE
    if "/" in code:
        return BY_CODE[next(choice for choice in BY_CODE_STRONGEST_FIRST if choice in code.split("/"))]
    return BY_CODE[code]


def expected_verb(row: dict[str, str], chosen: frozenset[str], profile: str) -> Verb | None:
    """None: no option decides the row, and the profile does."""
    vr = vr_of_row(row)
    brought = {row[COLUMN[name]]: name for name in chosen if row[COLUMN[name]] in ("C", "K")}
    if "C" in brought:
        asked = [known for known in Option if known in chosen and row[COLUMN[known]] == "C"]
        name = "clean_descriptors" if "clean_descriptors" in asked else asked[0]
        cleaned = None
        if name == "retain_longitudinal_modified_dates":
            cleaned = Verb.SHIFT_DATE if vr in ("DA", "DT", "TM") else None
        elif name == "clean_descriptors":
            cleaned = Verb.CLEAN_TEXT if vr in ("LO", "LT", "SH", "ST", "UC", "UT") else None
        elif name.startswith("clean") and vr == "SQ":
            cleaned = Verb.RECURSE
        cleans = name.startswith("clean") or "modified" in name
        return basic_verb(row["basic"], vr) if cleaned is None and cleans and profile == KEEP_ALL else cleaned
    if "K" in brought:
        return Verb.RECURSE if vr == "SQ" else Verb.KEEP
    return None


def profile_verb(row: dict[str, str], profile: str, edition: facts.Edition) -> Verb:
    if profile != BASIC:
        listed = {line["keyword"] for line in rows("minimal_keep.csv")}
        return Verb.DELETE if profile == MINIMAL and row["keyword"] not in listed else Verb.KEEP
    same = [other["basic"] for other in rows(TABLE[edition]) if other["tag"] == row["tag"]]
    return basic_verb(min(same, key=lambda code: code.count("/")), vr_of_row(row))


def uid_verb(row: dict[str, str], chosen: frozenset[str], profile: str) -> Verb | None:
    """What becomes of an attribute that names a study, series or instance, or refers to one; None for others."""
    role = {line["tag"]: line["role"] for line in rows("uid_roles.csv")}.get(row["tag"])
    if role not in ("primary", "reference"):
        return None
    if "retain_uids" in chosen:
        return Verb.KEEP
    return Verb.DELETE if (profile, role) == (MINIMAL, "reference") else Verb.REGEN_UID


def assert_rows_are_decided_as_the_columns_say(chosen: frozenset[str], edition: facts.Edition, profile: str) -> None:
    plan = plan_of(chosen, edition, profile)
    plan = replace(plan, rules=tuple(rule for rule in plan.rules if not rule.creator))
    for row in rows(TABLE[edition]):
        number = row["tag"][1:5] + row["tag"][6:10]
        if number == "ggggeeee" or number.startswith(("0000", "0002")):
            continue  # private attributes: below; commands and file meta are no part of a data set
        tag = int(number.replace("x", "0"), 16) | (0x00010 if number.endswith("xxxx") else 0)
        rule = deciding(plan, tag, vr_of_row(row).split(" ")[0])
        expected = uid_verb(row, chosen, profile)
        if expected is None:
            expected = expected_verb(row, chosen, profile)
        if expected is None and tag in (0x00700006, 0x00700289) and "clean_graphics" in chosen:
            expected = Verb.RESET
        if expected is None and profile == KEEP_ALL and vr_of_row(row) in ("DA", "DT", "TM") and chosen & DATES:
            # Dates that no row decides go with the others.
            expected = Verb.SHIFT_DATE if "retain_longitudinal_modified_dates" in chosen else Verb.KEEP
        if expected is None:
            assert not rule.because.startswith("options."), (number, rule)
            expected = profile_verb(row, profile, edition)
        assert rule.verb is expected, (number, row["keyword"], sorted(chosen), rule)


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_row_is_decided_as_its_columns_say(edition: facts.Edition) -> None:
    for chosen in combinations(seed=315, count=24):
        assert_rows_are_decided_as_the_columns_say(chosen, edition, BASIC)


@pytest.mark.parametrize("profile", [MINIMAL, KEEP_ALL])
@pytest.mark.parametrize("edition", EDITIONS)
def test_every_row_is_decided_alike_in_the_other_profiles(edition: facts.Edition, profile: str) -> None:
    for chosen in combinations(seed=53, count=8):
        assert_rows_are_decided_as_the_columns_say(chosen, edition, profile)


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("primary_ids", ["", "KEEP", "REGEN"])
def test_plans_of_every_mix_compile_dump_and_travel(edition: facts.Edition, profile: str, primary_ids: str) -> None:
    seen: dict[str, frozenset[str]] = {}
    for chosen in combinations(seed=7, count=3):
        plan = plan_of(chosen, edition, profile, primary_ids)
        assert pickle.loads(pickle.dumps(plan)) == plan
        assert plan == plan_of(chosen, edition, profile, primary_ids)
        assert seen.setdefault(plan.fingerprint(), chosen) == chosen
        assert all(line and line.isprintable() for line in plan.dump().splitlines())
        reasons = {rule.because for rule in plan.rules} | {rule.because for rule in plan.content}
        named = {reason.removeprefix("options.") for reason in reasons if reason.startswith("options.")}
        assert named - {"primary_ids"} <= chosen
        order = [("options." in rule.because, rule.because) for rule in plan.rules]
        behind = [(rule.verb, rule.vr) for rule in plan.rules if rule.mask == 0]
        dates = Verb.SHIFT_DATE if "retain_longitudinal_modified_dates" in chosen else Verb.KEEP
        assert behind == ([(dates, vr) for vr in ("DA", "DT", "TM")] if chosen & DATES and profile != MINIMAL else [])
        order = order[: len(order) - len(behind)]
        last = max((at for at, (is_option, _) in enumerate(order) if is_option), default=-1)
        assert not any(because.startswith(("PS3.15", "minimal")) for _, because in order[: last + 1])


# ---- options one by one ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("profile", [BASIC, MINIMAL])
@pytest.mark.parametrize("uids", [False, True])
def test_safe_private_attributes(edition: facts.Edition, profile: str, uids: bool) -> None:
    plan = plan_of({"retain_safe_private"} | ({"retain_uids"} if uids else set()), edition, profile)
    for row in rows(SAFE[edition]):
        tag = int(row["tag"][1:5] + "17" + row["tag"][8:10], 16)
        for vr in row["vr"].split("/") if row["vr"] else ["FD", "LO"]:
            rule = deciding(plan, tag, vr, row["creator"])
            keeps = Verb.KEEP if uids else Verb.REGEN_UID
            assert rule.verb is {"SQ": Verb.RECURSE, "UI": keeps}.get(vr, Verb.KEEP), row
            assert rule.because == "options.retain_safe_private"
            # In implicit VR nothing but a sequence shows what it is; what does not show as one is no sequence.
            unknown = deciding(plan, tag, "UN", row["creator"]).verb
            assert unknown is (Verb.DELETE if vr == "SQ" else rule.verb), row
            assert deciding(plan, tag, vr, "SOMEBODY ELSE").verb is Verb.DELETE
            assert deciding(plan, tag, vr).verb is Verb.DELETE
        assert deciding(plan, tag, "PN", row["creator"]).verb is Verb.DELETE
        moved = plan_of({"retain_safe_private", "retain_longitudinal_modified_dates"}, edition, profile)
        for vr in [] if row["vr"] else ["DA", "DT", "TM"]:
            assert deciding(moved, tag, vr, row["creator"]).verb is Verb.SHIFT_DATE


def test_safe_private_uids_follow_an_explicit_regen() -> None:
    both = ["retain_safe_private", "retain_uids"]
    series = (0x00991002, "UI", "NQHeader")  # Analyzed Series UID
    assert deciding(plan_of(both), *series).verb is Verb.KEEP
    assert deciding(plan_of(both, primary_ids="REGEN"), *series).verb is Verb.REGEN_UID
    assert deciding(plan_of(both, profile=KEEP_ALL), *series).verb is Verb.KEEP
    assert deciding(plan_of(both[:1], profile=KEEP_ALL), *series).verb is Verb.KEEP


@pytest.mark.parametrize("profile", PROFILES)
def test_retained_uids_and_primary_ids(profile: str) -> None:
    def verbs(primary_ids: str) -> list[Verb]:
        plan = plan_of(["retain_uids"], profile=profile, primary_ids=primary_ids)
        keywords = ("StudyInstanceUID", "SOPInstanceUID", "ReferencedSOPInstanceUID", "FrameOfReferenceUID")
        return [deciding(plan, facts.tag_of(keyword), "UI").verb for keyword in keywords]

    assert verbs("") == verbs("KEEP") == [Verb.KEEP] * 4
    assert verbs("REGEN") == [Verb.REGEN_UID] * 3 + [Verb.KEEP]
    plan = plan_of(["retain_uids"], profile=profile)
    assert deciding(plan, facts.tag_of("StudyInstanceUID"), "UI").because == "options.retain_uids"


def test_any_clean_beats_keep() -> None:
    calibration = facts.tag_of("DateOfLastCalibration")
    device = plan_of(["retain_device_identity"], "latest")
    assert deciding(device, calibration, "DA").verb is Verb.KEEP
    both = plan_of(["retain_device_identity", "retain_longitudinal_modified_dates"], "latest")
    assert deciding(both, calibration, "DA").verb is Verb.SHIFT_DATE
    assert deciding(both, calibration, "DA").because == "options.retain_longitudinal_modified_dates"
    full = plan_of(["retain_device_identity", "retain_longitudinal_full_dates"], "latest")
    assert deciding(full, calibration, "DA").because == "options.retain_device_identity"


def test_modified_dates() -> None:
    plan = plan_of(["retain_longitudinal_modified_dates"])
    for keyword, vr, verb in [
        ("StudyDate", "DA", Verb.SHIFT_DATE),
        ("AcquisitionDateTime", "DT", Verb.SHIFT_DATE),
        ("StudyTime", "TM", Verb.SHIFT_DATE),
        ("TimezoneOffsetFromUTC", "SH", Verb.DELETE),
        ("PatientBirthDate", "DA", Verb.REMOVE),
    ]:
        assert deciding(plan, facts.tag_of(keyword), vr).verb is verb, keyword


def test_a_kept_sequence_is_entered() -> None:
    plan = plan_of(["retain_institution_identity", "retain_uids"])
    for keyword in ("InstitutionCodeSequence", "ReferencedImageSequence"):
        assert deciding(plan, facts.tag_of(keyword), "SQ").verb is Verb.RECURSE
    pronouns = plan_of(["retain_patient_characteristics"], "latest")
    assert deciding(pronouns, 0x00102162, "SQ").verb is Verb.RECURSE  # its VR is in no dictionary at hand
    assert deciding(pronouns, 0x00102162, "UC").verb is Verb.KEEP


def test_graphics() -> None:
    plan = plan_of(["clean_graphics"])
    assert deciding(plan, facts.tag_of("GraphicAnnotationSequence"), "SQ").verb is Verb.RECURSE
    text = deciding(plan, facts.tag_of("UnformattedTextValue"), "ST")
    assert (text.verb, text.because) == (Verb.RESET, "options.clean_graphics")
    for profile in PROFILES:
        for tag in (0x60003000, 0x60024000, 0x50003000, 0x50FE0005):
            assert deciding(plan_of(["clean_graphics"], profile=profile), tag, "OW").verb is Verb.DELETE
    assert deciding(plan_of([], profile=KEEP_ALL), 0x60003000, "OW").verb is Verb.KEEP


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("primary_ids", ["", "REGEN"])
def test_content_rules_row_by_row(edition: facts.Edition, primary_ids: str) -> None:
    for chosen in combinations(seed=11, count=20):
        plan = plan_of(chosen, edition, primary_ids=primary_ids)
        if "clean_structured_content" not in chosen:
            assert plan.content == ()
            continue
        made = {(rule.code, rule.scheme, rule.value_type): rule for rule in plan.content}
        assert len(made) == len(plan.content) == len(rows(CONTENT[edition]))
        for row in rows(CONTENT[edition]):
            rule = made[row["code"], row["scheme"], row["value_type"]]
            codes = {row[COLUMN[name]] for name in chosen if COLUMN[name] in row}
            naming = row["value_type"] in ("UIDREF", "IMAGE", "COMPOSITE", "WAVEFORM")
            expected = Verb.DELETE if row["basic"] == "X" else Verb.REGEN_UID if naming else Verb.RESET
            dated = row["value_type"] in ("DATE", "DATETIME", "TIME")
            if "C" in codes:
                expected = Verb.SHIFT_DATE if dated else expected
            elif "K" in codes:
                by_uids = "retain_uids" in chosen and row["rtn_uids"] == "K"
                expected = Verb.REGEN_UID if by_uids and primary_ids == "REGEN" else Verb.KEEP
            assert rule.verb is expected, (row, sorted(chosen))


def test_content_rules_by_example() -> None:
    chosen = ["clean_structured_content", "retain_longitudinal_modified_dates", "retain_patient_characteristics"]
    rules = {(rule.code, rule.value_type): rule for rule in plan_of(chosen).content}
    because = {name: f"options.{name}" for name in chosen}
    assert rules["121008", "PNAME"] == ContentRule(
        "121008", "DCM", Verb.RESET, because["clean_structured_content"], "PNAME"
    )
    assert rules["111018", "DATE"] == ContentRule(
        "111018", "DCM", Verb.SHIFT_DATE, because["retain_longitudinal_modified_dates"], "DATE"
    )
    assert rules["121033", "NUM"] == ContentRule(
        "121033", "DCM", Verb.KEEP, because["retain_patient_characteristics"], "NUM"
    )
    assert rules["121106", "TEXT"].verb is Verb.DELETE
    assert rules["112040", "UIDREF"].verb is Verb.REGEN_UID


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_strictest_rule_for_a_concept_comes_first(edition: facts.Edition) -> None:
    strictest = [Verb.DELETE, Verb.RESET, Verb.REGEN_UID, Verb.SHIFT_DATE, Verb.KEEP]
    rules = plan_of(["clean_structured_content", "retain_uids"], edition).content
    for _, group in itertools.groupby(rules, key=lambda rule: (rule.scheme, rule.code)):
        places = [strictest.index(rule.verb) for rule in group]
        assert places == sorted(places)
    assert len({(rule.scheme, rule.code) for rule in rules}) < len(rules)


# ---- what outputs and people are told -----------------------------------------------------------------------------


def codes_of(plan: Plan) -> list[str]:
    stamp = next(stamp for stamp in plan.stamp if stamp.tag == 0x00120064)
    assert isinstance(stamp.value, tuple)
    return [str(item[0].value) for item in stamp.value]


def test_stamps_name_the_options() -> None:
    meaning = {
        "113103": "clean_graphics",
        "113104": "clean_structured_content",
        "113105": "clean_descriptors",
        "113106": "retain_longitudinal_full_dates",
        "113107": "retain_longitudinal_modified_dates",
        "113108": "retain_patient_characteristics",
        "113109": "retain_device_identity",
        "113110": "retain_uids",
        "113111": "retain_safe_private",
        "113112": "retain_institution_identity",
    }
    words = {code: set(text.lower().split()) for code, text in facts.deidentification_methods().items()}
    for code, name in meaning.items():
        said = set(name.replace("uids", "uids").split("_")) & {"graphics", "structured", "full", "modified", "patient",
                                                               "device", "uids", "safe", "institution"}  # fmt: skip
        assert said <= words[code], (code, name)
        for profile in (BASIC, MINIMAL):
            assert codes_of(plan_of([name], profile=profile)) == ["113100", code]
        claims = [stamp.value for stamp in plan_of([name], profile=KEEP_ALL).stamp]
        assert claims == (["MODIFIED"] if "modified" in name else [])
        assert plan_of([name], stamp=False).stamp == ()
    for chosen in combinations(seed=3, count=30):
        assert codes_of(plan_of(chosen)) == ["113100", *sorted(code for code in meaning if meaning[code] in chosen)]
    assert codes_of(plan_of(["clean_graphics"], primary_ids="KEEP")) == ["113100", "113103", "113110"]
    assert codes_of(plan_of(["retain_uids"], primary_ids="KEEP")) == ["113100", "113110"]


@pytest.mark.parametrize(
    ("chosen", "word"),
    [
        ([], "REMOVED"),
        (["retain_device_identity", "clean_graphics"], "REMOVED"),
        (["retain_longitudinal_full_dates"], "UNMODIFIED"),
        (["retain_longitudinal_modified_dates", "retain_uids"], "MODIFIED"),
    ],
)
def test_longitudinal_information(chosen: list[str], word: str) -> None:
    assert plan_of(chosen).stamp[-1].value == word


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("profile", PROFILES)
def test_notes_name_every_attribute_that_was_to_be_cleaned_and_is_not(edition: facts.Edition, profile: str) -> None:
    for name, column in COLUMN.items():
        notes = [note for note in plan_of([name], edition, profile).notes if "cannot clean" in note]
        left = [
            row
            for row in rows(TABLE[edition])
            if row[column] == "C" and row["tag"] != "(gggg,eeee)" and vr_of_row(row) not in ("DA", "DT", "TM", "SQ")
        ]
        if name == "clean_descriptors":
            texts = ("LO", "LT", "SH", "ST", "UC", "UT")
            left = [row for row in rows(TABLE[edition]) if row[column] == "C" and vr_of_row(row) not in texts]
        assert len(notes) == bool(left)
        for row in left:
            keyword = row["keyword"] or facts.keyword_of(int(row["tag"][1:5] + row["tag"][6:10], 16))
            assert keyword
            assert keyword in notes[0].partition(": ")[2].replace(",", "").split(), notes
            assert notes[0].startswith(f"options.{name}: this version cannot clean these")
    whose = "Basic Profile" if profile == KEEP_ALL else "profile"
    assert f"so the {whose} decides: " in plan_of(["clean_graphics"], edition, profile).notes[0]


def test_a_note_says_which_sequences_the_minimal_keep_list_leaves_empty() -> None:
    note = "inside these only the minimal keep list and the options leave anything"
    named = plan_of(["retain_institution_identity"], profile=MINIMAL).notes
    sequences = "InstitutionalDepartmentTypeCodeSequence, InstitutionCodeSequence"
    assert named == (f"options.retain_institution_identity: {note}: {sequences}",)
    assert plan_of(["retain_institution_identity"]).notes == ()
    assert plan_of(["retain_longitudinal_full_dates"], profile=MINIMAL).notes == ()


def test_actions_come_before_options() -> None:
    config = pb.DicomTagConfig(options=pb.DicomTagConfig.Options(retain_longitudinal_full_dates=True))
    config.actions.add(queries=["StudyDate"], delete_tag=pb.DeleteTag())
    plan = compile_config(pb.DeidentifyConfig(dicom_tag_config=config))
    assert deciding(plan, facts.tag_of("StudyDate"), "DA").because == "actions[0].queries[0]"
    assert deciding(plan, facts.tag_of("SeriesDate"), "DA").because == "options.retain_longitudinal_full_dates"


def test_the_edition_is_named_where_its_tables_decide() -> None:
    assert plan_of(["retain_uids"], "latest", KEEP_ALL).edition == "2026c"
    assert plan_of(["retain_uids"], "2018e", MINIMAL).edition == "2018e"
    assert plan_of([], "latest", KEEP_ALL).edition == ""


# ---- golden plans -------------------------------------------------------------------------------------------------

# Each option alone stands on the minimal keep list, whose few rules leave it in sight; all together on Basic.
GOLDEN_PLANS = {
    f"option_{option}_{edition}": ([option.value], edition, MINIMAL) for option in Option for edition in EDITIONS
} | {
    f"all_options_{dates}_dates_{edition}": (
        [name for name in COLUMN if name not in DATES or dates in name],
        edition,
        BASIC,
    )
    for dates in ("full", "modified")
    for edition in EDITIONS
}


@pytest.mark.parametrize("name", list(GOLDEN_PLANS))
def test_golden_plans(name: str) -> None:
    assert plan_of(*GOLDEN_PLANS[name]).dump() == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_editions_make_no_difference_without_the_standards_tables() -> None:
    for profile in (MINIMAL, KEEP_ALL):
        assert plan_of([], "latest", profile) == plan_of([], "2018e", profile)


def test_options_are_those_of_the_api() -> None:
    fields = [field.name for field in pb.DicomTagConfig.Options.DESCRIPTOR.fields if field.number > 100]
    assert sorted([*fields, "clean_descriptors"]) == sorted(Option) == sorted(COLUMN)
