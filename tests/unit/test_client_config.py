"""Configs in every form, and every fault at its path, before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from effacer import InvalidArgument, config
from effacer.v1 import deidentify_pb2

KEEP = {"dicomTagConfig": {"actions": [{"queries": ["PatientName"], "keepTag": {}}], "profileType": "KEEP_ALL_PROFILE"}}
REQUESTS = Path(__file__).parent.parent / "golden" / "requests"


def keep() -> deidentify_pb2.DeidentifyConfig:
    result = deidentify_pb2.DeidentifyConfig()
    action = result.dicom_tag_config.actions.add(queries=["PatientName"])
    action.keep_tag.SetInParent()
    result.dicom_tag_config.profile_type = deidentify_pb2.DicomTagConfig.KEEP_ALL_PROFILE
    return result


def violations(document: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidArgument) as caught:
        config.load(document)
    assert caught.value.violations
    return caught.value.violations


def test_proto_dict_text_and_path_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("\ufeff" + json.dumps(KEEP), "utf-8")
    snake = {"dicom_tag_config": {"actions": [{"queries": ["PatientName"], "keep_tag": {}}], "profile_type": 3}}
    forms: list[Any] = [keep(), KEEP, snake, "\n" + json.dumps(KEEP), path, str(path)]
    assert [config.load(form) for form in forms] == [config.Loaded(keep())] * len(forms)


@pytest.mark.parametrize("path", sorted(REQUESTS.glob("*.json")), ids=lambda path: path.stem)
def test_whole_requests_are_unwrapped(path: Path) -> None:
    document = json.loads(path.read_text())
    loaded = config.load(path)
    assert loaded == config.load(document["config"])._replace(filter_uri=loaded.filter_uri)
    assert loaded.config is not None
    assert loaded.config.ByteSize()
    assert loaded.filter_uri == ("gs://BUCKET/PATH/TO/FILE" if "filterConfig" in document else "")


@pytest.mark.parametrize("name", ["resourcePathsGcsUri", "resource_paths_gcs_uri", "resourcePathGcsUri"])
def test_the_filter_of_a_request_has_three_spellings(name: str) -> None:
    loaded = config.load({"config": {}, "filterConfig": {name: "file:///f.txt"}})
    assert loaded == config.Loaded(deidentify_pb2.DeidentifyConfig(), "", "file:///f.txt")


def test_a_request_may_name_where_its_config_is() -> None:
    assert config.load({"gcsConfigUri": "gs://b/c", "sourceStore": "s"}) == config.Loaded(None, "gs://b/c", "")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"dicomTagConfig": {"actions": [{"queriez": ["a"]}]}}, "config.dicomTagConfig.actions[0].queriez"),
        ({"dicomTagConfig": {"actions": [{}, {"keepTag": {"x": 1}}]}}, "config.dicomTagConfig.actions[1].keepTag.x"),
        ({"dicomTagConfig": []}, "config.dicomTagConfig"),
        ({"dicomTagConfig": {"actions": {}}}, "config.dicomTagConfig.actions"),
        ({"dicomTagConfig": {"actions": [[]]}}, "config.dicomTagConfig.actions[0]"),
        ({"dicomTagConfig": {"actions": [None]}}, "config.dicomTagConfig.actions[0]"),
        ({"dicomTagConfig": {"actions": [{"queries": [7]}]}}, "config.dicomTagConfig.actions[0].queries[0]"),
        ({"dicomTagConfig": {"actions": [{"queries": "a"}]}}, "config.dicomTagConfig.actions[0].queries"),
        ({"dicomTagConfig": {"profileType": "KEEP"}}, "config.dicomTagConfig.profileType"),
        ({"dicomTagConfig": {"profileType": 99}}, "config.dicomTagConfig.profileType"),
        ({"dicomTagConfig": {"profileType": True}}, "config.dicomTagConfig.profileType"),
        ({"dicomTagConfig": {}, "dicom_tag_config": {}}, "config.dicom_tag_config"),
        ({"dicomTagConfig": {"actions": [{"keepTag": {}, "removeTag": {}}]}}, "config.dicomTagConfig.actions[0]"),
        ({"dicom": {"skipIdRedaction": "true"}}, "config.dicom.skipIdRedaction"),
        ({"image": {"customRegexes": [{"groupIndexes": [1.5]}]}}, "config.image.customRegexes[0].groupIndexes[0]"),
        ({"config": {"dicomm": {}}}, "config.dicomm"),
        ({"config": None}, "config"),
        ({"config": {}, "filterConfg": {}}, "filterConfg"),
        ({"config": {}, "gcsConfigUri": "gs://b/c"}, "gcsConfigUri"),
        ({"config": {}, "filterConfig": {}}, "filterConfig.resourcePathsGcsUri"),
        ({"config": {}, "filterConfig": {"resourcePathsGcsUri": ""}}, "filterConfig.resourcePathsGcsUri"),
        ({"config": {}, "filterConfig": {"uri": "gs://b/c"}}, "filterConfig.uri"),
        ({"config": {}, "filterConfig": "gs://b/c"}, "filterConfig"),
        ('{"dicom": {}, "dicom": {}}', "config.dicom"),
        ('{"dicom": {"skipIdRedaction": true, "skipIdRedaction": false}}', "config.dicom.skipIdRedaction"),
        ('{"config": {}, "config": {}}', "config"),
        ('{"useRegionalDataProcessing": NaN}', "config"),
        ('{"dicom": ', "config"),
        ("[]", "config"),
        ("[" * 100_000, "config"),
        (["dicom"], "config"),
    ],
)
def test_every_fault_has_its_path(document: Any, path: str) -> None:
    assert path in [at for at, _ in violations(document)]


def test_the_message_names_the_path_and_a_likely_name() -> None:
    with pytest.raises(
        InvalidArgument, match=r"config\.dicomTagConfig\.actions\[0\]\.queriez: .*did you mean queries\?"
    ):
        config.load({"dicomTagConfig": {"actions": [{"queriez": ["PatientName"]}]}})


def test_all_faults_are_told_at_once() -> None:
    found = violations({"dicomm": {}, "text": {"profileTyp": "BASIC"}})
    assert [path for path, _ in found] == ["config.dicomm", "config.text.profileTyp"]


@pytest.mark.parametrize("key", ["c2VjcmV0!!", "c2VjcmV0=x", "c2VjcmV0c", 5])
def test_a_key_that_is_no_base64_is_refused_and_never_shown(key: Any) -> None:
    found = violations({"text": {"additionalTransformations": [{"cryptoHashConfig": {"cryptoKey": key}}]}})
    [(path, description)] = found
    assert path == "config.text.additionalTransformations[0].cryptoHashConfig.cryptoKey"
    assert str(key) not in description


@pytest.mark.parametrize("key", ["_-8", "//8=", "__8="])
def test_keys_in_both_alphabets_with_or_without_padding(key: str) -> None:
    loaded = config.load({"text": {"additionalTransformations": [{"cryptoHashConfig": {"cryptoKey": key}}]}})
    assert loaded.config is not None
    [transformation] = loaded.config.text.additional_transformations
    assert len(transformation.crypto_hash_config.crypto_key) == 2


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin1").write_bytes(b'{"\xe9": 1}')
    for path in (tmp_path / "none.json", tmp_path, tmp_path / "latin1", "nul\0.json"):
        assert violations(path)[0][0] == "config"
