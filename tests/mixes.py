"""Configs for proofs: every profile, both editions, each option alone, and seeded mixes of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache

from effacer_server.policy.compiler import compile_config
from effacer_server.policy.documents import parse_config
from effacer_server.policy.plan import Plan

BASIC, MINIMAL, KEEP_ALL = (
    "ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE",
    "MINIMAL_KEEP_LIST_PROFILE",
    "KEEP_ALL_PROFILE",
)
PROFILES = (BASIC, MINIMAL, KEEP_ALL)
EDITIONS = ("EDITION_2018E", "EDITION_LATEST")
FULL_DATES, MODIFIED_DATES = "retainLongitudinalFullDates", "retainLongitudinalModifiedDates"
# Columns of table E.1-1 by option.
COLUMNS = {
    "retainSafePrivate": "rtn_safe_priv",
    "retainUids": "rtn_uids",
    "retainDeviceIdentity": "rtn_dev_id",
    "retainInstitutionIdentity": "rtn_inst_id",
    "retainPatientCharacteristics": "rtn_pat_chars",
    FULL_DATES: "rtn_long_full_dates",
    MODIFIED_DATES: "rtn_long_modif_dates",
    "cleanStructuredContent": "clean_struct_cont",
    "cleanGraphics": "clean_graph",
}
OPTIONS = tuple(COLUMNS)
ACTIONS = (
    {"queries": ["PatientName", "DA"], "keepTag": {}},
    {"queries": ["PN", "60xx3000"], "removeTag": {}},
    {"queries": ["DT", '(0019,"SIEMENS MR HEADER",0C)'], "deleteTag": {}},
    {"queries": ["LO", "US", "OB"], "resetTag": {}},
    {"queries": ["ContentSequence", "ReferencedSeriesSequence"], "recurseTag": {}},
    {"queries": ["FrameOfReferenceUID"], "regenUidTag": {}},
    {"queries": ["TextValue", "00081030"], "resetTag": {}},
    {"queries": ["SourceApplicationEntityTitle", "00020102", "PrivateInformationCreatorUID"], "keepTag": {}},
)


def config(
    profile: str = BASIC, options: tuple[str, ...] = (), edition: str = "", primary_ids: str = "", actions: tuple = ()
) -> str:
    """A DeidentifyConfig in JSON."""
    chosen: dict[str, object] = dict.fromkeys(options, True)
    chosen |= {"standardEdition": edition} if edition else {}
    chosen |= {"primaryIds": primary_ids} if primary_ids else {}
    return json.dumps({"dicomTagConfig": {"profileType": profile, "options": chosen, "actions": list(actions)}})


def named() -> Iterator[tuple[str, str]]:
    """(name, config) of every profile in every edition it has, and of the Basic Profile with each option alone."""
    yield "keep all", config(KEEP_ALL)
    yield "minimal", config(MINIMAL)
    for edition in EDITIONS:
        short = edition.removeprefix("EDITION_").lower()
        yield f"basic {short}", config(edition=edition)
        for option in OPTIONS:
            yield f"basic {short} {option}", config(options=(option,), edition=edition)


def sampled(count: int, seed: int = 1) -> Iterator[tuple[str, str]]:
    """(name, config) of `count` mixes of profile, edition, options, primary ids and actions; and legacy configs."""
    rng = random.Random(seed)
    for number in range(count):
        if number % 10 == 9:
            yield f"legacy {number}", json.dumps({"dicom": rng.choice(LEGACY)})
            continue
        options = [option for option in OPTIONS if rng.random() < 0.4]
        if FULL_DATES in options and MODIFIED_DATES in options:
            options.remove(rng.choice([FULL_DATES, MODIFIED_DATES]))
        profile = rng.choice([BASIC, BASIC, BASIC, MINIMAL, KEEP_ALL])
        actions = tuple(rng.sample(ACTIONS, rng.choice([0, 0, 1, 2])))
        made = config(profile, tuple(options), rng.choice(EDITIONS), rng.choice(["", "", "KEEP", "REGEN"]), actions)
        yield f"mix {number}: {made}", made


LEGACY = (
    {},
    {"skipIdRedaction": True},
    {"filterProfile": BASIC},
    {"filterProfile": MINIMAL, "skipIdRedaction": True},
    {"keepList": {"tags": ["PatientID", "StudyDate", "ContentSequence"]}},
    {"removeList": {"tags": ["PatientName", "00081030", "ReferencedImageSequence"]}},
)


@cache
def plan(text: str) -> Plan:
    """The compiled config."""
    return compile_config(parse_config(text))
