"""TextConfig as a plan: which infoTypes, what happens to them, and what is wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from effacer_server.errors import InvalidConfig
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.documents import parse_config
from effacer_server.policy.plan import Plan, TextPlan, Transformation, Treatment, Verb
from effacer_server.policy.text import default_info_types, info_types, text_keys

CLEAN = {"actions": [{"queries": ["PatientComments"], "cleanTextTag": {}}]}
KEY = base64.b64encode(bytes(range(16))).decode()


def compiled(text: dict[str, Any] | None = None, **tags: Any) -> Plan:
    config: dict[str, Any] = {"dicomTagConfig": tags or CLEAN}
    return compile_config(parse_config(json.dumps(config | ({} if text is None else {"text": text}))))


def text_plan(text: dict[str, Any] | None = None, **tags: Any) -> TextPlan:
    plan = compiled(text, **tags).text
    assert plan is not None
    return plan


def no_service(name: str, wrapped: bytes) -> bytes:
    raise AssertionError("nothing is wrapped")


def how(plan: TextPlan, info_type: str) -> Transformation:
    return dict(plan.by_type).get(info_type, plan.default)


def violations(text: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidConfig) as caught:
        compiled(text)
    return dict(caught.value.violations)


@pytest.mark.parametrize("text", [None, {}, {"profileType": "BASIC"}])
def test_basic_moves_dates_and_names_the_rest(text: dict[str, Any] | None) -> None:
    plan = text_plan(text)
    assert plan.wanted == tuple(sorted(default_info_types()))
    assert how(plan, "DATE").treatment is Treatment.SHIFT_DATE
    assert {how(plan, name).treatment for name in plan.wanted if name != "DATE"} == {Treatment.REPLACE}


def test_empty_does_nothing_but_what_is_named() -> None:
    one = {"infoTypes": ["PERSON_NAME"], "redactConfig": {}}
    plan = text_plan({"profileType": "EMPTY", "additionalTransformations": [one]})
    assert plan.wanted == ("PERSON_NAME",)
    assert how(plan, "PERSON_NAME").treatment is Treatment.REDACT
    assert how(plan, "DATE").treatment is Treatment.KEEP
    assert text_plan({"profileType": "EMPTY"}).wanted == ()


def test_one_without_info_types_is_for_the_rest() -> None:
    given = [{"infoTypes": ["URL"], "redactConfig": {}}, {"characterMaskConfig": {"maskingCharacter": "#"}}]
    plan = text_plan({"additionalTransformations": given})
    assert (how(plan, "DATE").treatment, how(plan, "DATE").character) == (Treatment.MASK, "#")
    assert how(plan, "URL").treatment is Treatment.REDACT


def test_the_older_list_leaves_no_more() -> None:
    plan = text_plan({"transformations": [{"infoTypes": ["PERSON_NAME"], "redactConfig": {}}]})
    assert how(plan, "PERSON_NAME").treatment is Treatment.REDACT
    assert how(plan, "PHONE_NUMBER").treatment is Treatment.REPLACE


def test_info_types_on_request_are_looked_for_when_named_and_excluded_ones_never() -> None:
    gender = {"infoTypes": ["GENDER", "PERSON_NAME"], "redactConfig": {}}
    plan = text_plan({"additionalTransformations": [gender], "excludeInfoTypes": ["PERSON_NAME", "DATE"]})
    assert "GENDER" in plan.wanted
    assert not {"PERSON_NAME", "DATE"} & {*plan.wanted, *dict(plan.by_type)}
    assert "GENDER" not in text_plan().wanted


def test_keys_stay_apart_from_the_plan() -> None:
    given = [
        {"infoTypes": ["URL"], "cryptoHashConfig": {"cryptoKey": KEY}},
        {"infoTypes": ["DATE"], "dateShiftConfig": {}},
    ]
    text = {"additionalTransformations": given}
    plan = compiled(text)
    config = parse_config(json.dumps({"dicomTagConfig": CLEAN, "text": text}))
    assert text_keys(config.text, no_service) == (("additional_transformations[0]", bytes(range(16))),)
    assert plan.text is not None
    assert how(plan.text, "URL").key == "additional_transformations[0]"
    assert how(plan.text, "DATE").key == ""
    assert KEY not in plan.dump()
    assert "0123" not in repr(plan)
    moved = text_plan(text, **CLEAN, options={"retainLongitudinalModifiedDates": True})
    assert how(moved, "DATE").key == "dates", "dates in texts go with those of elements"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ({"excludeInfoTypes": ["NOPE"]}, "config.text.excludeInfoTypes[0]"),
        (
            {"additionalTransformations": [{"infoTypes": ["URL", "NOPE"], "redactConfig": {}}]},
            "config.text.additionalTransformations[0].infoTypes[1]",
        ),
        (
            {"additionalTransformations": [{"redactConfig": {}}, {"redactConfig": {}}]},
            "config.text.additionalTransformations[1]",
        ),
        (
            {"additionalTransformations": [{"infoTypes": ["URL"], "redactConfig": {}}] * 2},
            "config.text.additionalTransformations[1].infoTypes[0]",
        ),
        (
            {"additionalTransformations": [{"infoTypes": ["URL"], "dateShiftConfig": {}}]},
            "config.text.additionalTransformations[0].infoTypes[0]",
        ),
        (
            {"additionalTransformations": [{"infoTypes": ["URL"], "cryptoHashConfig": {"cryptoKey": "AAAA"}}]},
            "config.text.additionalTransformations[0].cryptoHashConfig.cryptoKey",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_path(text: dict[str, Any], path: str) -> None:
    assert list(violations(text)) == [path]


def test_an_unknown_info_type_is_told_what_there_is() -> None:
    (told,) = violations({"excludeInfoTypes": ["NOPE"]}).values()
    assert all(name in told for name in info_types())


def test_what_inspects_nothing_has_no_text_plan() -> None:
    plan = compiled({"profileType": "BASIC"}, profileType="KEEP_ALL_PROFILE")
    assert plan.text is None
    assert plan.notes == ("text: nothing in this config inspects text; this touches nothing",)


def test_the_profile_of_contents() -> None:
    plan = compiled(profileType="DEIDENTIFY_TAG_CONTENTS")
    verbs = {rule.vr: rule.verb for rule in plan.rules if rule.mask == 0}
    assert verbs.pop("UI") is Verb.REGEN_UID
    assert set(verbs) == {"AE", "AS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "UC", "UT", "UN"}
    assert set(verbs.values()) == {Verb.CLEAN_TEXT}


def test_descriptions_are_inspected_and_look_for_what_the_instance_says() -> None:
    plan = compiled(options={"cleanDescriptors": {}})
    assert plan.text is not None
    assert plan.text.context
    by_tag = {rule.tag: rule.verb for rule in plan.rules if rule.because == "options.clean_descriptors"}
    assert by_tag[0x00081030] is Verb.CLEAN_TEXT
    assert "113105" in str(next(stamp for stamp in plan.stamp if stamp.tag == 0x00120064).value)
