"""Resource names and labels."""

from __future__ import annotations

import pytest

from effacer_server.api import names
from effacer_server.errors import InvalidConfig

DATASET = "projects/p/locations/l/datasets/d"
STORE = DATASET + "/dicomStores/s"


@pytest.mark.parametrize("name", ["d", "a" * 256, "Ünïcode-_.9", "数据", "..", "٣"])
def test_ids(name: str) -> None:
    assert names.check_id(name, "datasetId") == name


@pytest.mark.parametrize("name", ["", "a" * 257, "a b", "a/b", "a:b", "a\n", "%20", "a\u0301"])
def test_no_ids(name: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        names.check_id(name, "datasetId")
    assert caught.value.violations[0][0] == "datasetId"


def test_names_of_each_kind() -> None:
    assert names.parse_location("projects/example.com:p/locations/l", "parent") == "projects/example.com:p/locations/l"
    assert names.parse_dataset(DATASET, "name") == DATASET
    assert names.parse_store(STORE, "name") == STORE
    assert names.parse_operation(DATASET + "/operations/1a", "name") == DATASET + "/operations/1a"
    assert names.dataset_of(STORE + "/dicomWeb/studies/1") == DATASET
    assert names.location_of(STORE) == "l"


@pytest.mark.parametrize(
    "name",
    ["", "projects", DATASET, STORE + "/", "/" + STORE, STORE + "/x", STORE.replace("dicom", "fhir"), STORE + "\n"],
)
def test_no_stores(name: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        names.parse_store(name, "sourceStore")
    assert caught.value.violations[0][0] == "sourceStore"


def test_dicom_paths_at_every_level() -> None:
    study, series, instance = "/studies/1.2", "/series/3.4", "/instances/5.6"
    web = STORE + "/dicomWeb"
    assert names.parse_dicom_path(STORE, "name", 0) == names.DicomPath(STORE)
    assert names.parse_dicom_path(web + study, "name", 1) == names.DicomPath(STORE, "1.2")
    assert names.parse_dicom_path(web + study + series, "name", 1, 2) == names.DicomPath(STORE, "1.2", "3.4")
    path = names.parse_dicom_path(web + study + series + instance, "name", 3)
    assert path == names.DicomPath(STORE, "1.2", "3.4", "5.6")


@pytest.mark.parametrize(
    "rest",
    [
        "", "/dicomWeb", "/dicomWeb/", "/dicomWeb/studies", "/dicomWeb/studies/", "/dicomWeb/series/1",
        "/dicomWeb/studies/../x", "/dicomWeb/studies/1/series", "/dicomWeb/studies/" + "1" * 65,
        "/dicomWeb/studies/1 2", "/dicomWeb/studies/1/series/2/instances/3/frames/4", "/dicomWeb/studies/1\n",
    ],
)  # fmt: skip
def test_no_dicom_paths(rest: str) -> None:
    with pytest.raises(InvalidConfig):
        names.parse_dicom_path(STORE + rest, "name", 1, 2, 3)


def test_a_message_never_repeats_the_name() -> None:
    with pytest.raises(InvalidConfig) as caught:
        names.parse_dicom_path(STORE + "/dicomWeb/studies/1.2.CANARY!", "name", 1)
    assert "CANARY" not in caught.value.message
    assert "CANARY" not in repr(names.parse_dicom_path(STORE + "/dicomWeb/studies/1.2.CANARY", "name", 1))


def test_labels() -> None:
    names.check_labels({"a": "", "é-_9": "x" * 63, "字": "字"}, "labels")
    names.check_labels({f"k{n}": "v" for n in range(64)}, "labels")


@pytest.mark.parametrize(
    "labels",
    [
        {"": "v"}, {"A": "v"}, {"9a": "v"}, {"_a": "v"}, {"a" * 64: "v"}, {"a": "V"}, {"a": "x" * 64}, {"a": "a b"},
        {"字" * 43: "v"}, {"a": "字" * 43}, {f"k{n}": "v" for n in range(65)},
    ],
)  # fmt: skip
def test_no_labels(labels: dict[str, str]) -> None:
    with pytest.raises(InvalidConfig) as caught:
        names.check_labels(labels, "dicomStore.labels")
    assert caught.value.violations[0][0].startswith("dicomStore.labels")
