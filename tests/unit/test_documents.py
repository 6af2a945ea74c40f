"""Configs as JSON: what would drop a rule without a word is refused, with the place."""

from __future__ import annotations

import pytest

from effacer_server.errors import InvalidConfig
from effacer_server.policy.documents import parse_config

KEEP_NAME = '{"queries": ["PatientName"], "keepTag": {}}'  # stands for ACTION below


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"dicomTagConfig": {"actions": [ACTION], "actions": []}}', "actions"),
        ('{"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE", "profile_type": "KEEP_ALL_PROFILE"}}', "profile_type"),
        ('{"config": {}, "dicomTagConfig": {}}', "dicomTagConfig"),
        ('{"config": {}, "bogus": 1}', "bogus"),
        ('{"config": {}, "filterConfig": {}}', "filterConfig"),
        ('{"dicomTagConfig": []}', "config.dicomTagConfig"),
        ('{"dicomTagConfig": {"actions": ACTION}}', "config.dicomTagConfig.actions"),
        ('{"dicomTagConfig": {"actions": [{}, {"queries": [1]}]}}', "config.dicomTagConfig.actions[1].queries[0]"),
        ('{"dicomTagConfig": {"actions": [{"querys": []}]}}', "config.dicomTagConfig.actions[0].querys"),
        ('{"dicomTagConfig": {"profileType": "NOPE"}}', "config.dicomTagConfig.profileType"),
        ('{"dicomTagConfig": {"actions": [{"keepTag": {}, "resetTag": {}}]}}', "config.dicomTagConfig.actions[0]"),
        ("[" * 100_000, "config"),
        ("9" * 5_000, "config"),
        ("[]", "config"),
        ("{", "config"),
        ("\xff", "config"),
    ],
)  # fmt: skip
def test_bad_documents_name_the_place(text: str, field: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_config(text.replace("ACTION", KEEP_NAME).encode("latin-1"))
    assert caught.value.violations[0][0] == field


def test_a_config_and_a_request_body_are_the_same() -> None:
    plain = parse_config(f'{{"dicomTagConfig": {{"actions": [{KEEP_NAME}]}}}}')
    body = parse_config(
        f'{{"config": {{"dicom_tag_config": {{"actions": [{KEEP_NAME}]}}}}, "destinationDataset": "x"}}'
    )
    assert plain == body
    assert list(plain.dicom_tag_config.actions[0].queries) == ["PatientName"]
