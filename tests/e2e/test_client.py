"""The client and the command against a real server process: store, de-identify, read back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file

import effacer
from bench.served import served
from effacer.v1 import deidentify_pb2

REQUESTS = Path(__file__).parent.parent / "golden" / "requests"
LOCATION = "projects/e2e/locations/here"
# CT and MR, explicit and implicit little endian, and one of the two with encapsulated frames.
FILES = ("CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm", "JPEG2000.dcm")


@dataclass(frozen=True)
class Place:
    """A server, and a folder it may read config and filter files from."""

    address: str
    root: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("server")
    root = folder / "root"
    root.mkdir()
    with served(folder / "data", "--root", root.as_uri()) as server:
        yield Place(server.target, root)


@pytest.fixture
def client(place: Place) -> Iterator[effacer.Client]:
    with effacer.Client(place.address) as client:
        yield client


@pytest.fixture
def dataset(client: effacer.Client, request: pytest.FixtureRequest) -> str:
    """A data set of the test's own."""
    name = f"{LOCATION}/datasets/{request.node.name[:60].replace('[', '-').replace(']', '')}"
    assert client.create_dataset(name).result(timeout=60).name == name
    return name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real files in folders, and one that is no DICOM."""
    folder = tmp_path_factory.mktemp("scans")
    for number, name in enumerate(FILES):
        found = get_testdata_file(name)
        assert isinstance(found, str)
        (folder / f"patient{number}").mkdir()
        shutil.copy(found, folder / f"patient{number}" / name)
    (folder / "notes.txt").write_text("not an instance")
    return folder


def filled(client: effacer.Client, dataset: str, folder: Path) -> str:
    """A store that holds the folder's instances."""
    store = f"{dataset}/dicomStores/raw"
    client.create_dicom_store(store)
    results = client.store(store, folder)
    assert sum(result.error is None for result in results) == len(distinct(folder))
    return store


def distinct(folder: Path) -> dict[str, Path]:
    """The folder's files by SOP Instance UID; of two alike the first, which is the one that gets stored."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.dcm")):
        found.setdefault(str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID), path)
    return found


def run(place: Place, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from effacer.cli import main; main()", "--server", place.address]
    result = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=240)
    assert "Traceback" not in result.stderr
    return result


def test_what_is_stored_comes_back_byte_for_byte(
    client: effacer.Client, dataset: str, folder: Path, tmp_path: Path
) -> None:
    store = f"{dataset}/dicomStores/raw"
    assert client.create_dicom_store(store, labels={"site": "a"}).labels == {"site": "a"}
    seen: list[effacer.UploadProgress] = []
    results = {Path(str(result.item)).name: result for result in client.store(store, folder, progress=seen.append)}
    originals = distinct(folder)
    error = results["notes.txt"].error
    assert error is not None
    assert error.reason == "NOT_DICOM"
    assert (seen[-1].stored, seen[-1].instances) == (len(originals), len(results))
    assert client.get_dicom_store_metrics(store).instance_count == len(originals)

    paths = client.retrieve(store, tmp_path)
    assert len(paths) == len(originals)
    for path in paths:
        data = pydicom.dcmread(path, stop_before_pixels=True)
        uids = (data.StudyInstanceUID, data.SeriesInstanceUID, f"{data.SOPInstanceUID}.dcm")
        assert path == tmp_path.joinpath(*uids)
        assert path.read_bytes() == originals[data.SOPInstanceUID].read_bytes()

    again = client.store(store, folder / "patient0")
    assert [type(result.error) for result in again] == [effacer.AlreadyExists]
    [found] = client.list_dicom_stores(dataset, filter="labels.site=a")
    assert found.name == store


def test_search_metadata_and_one_instance(client: effacer.Client, dataset: str, folder: Path) -> None:
    store = filled(client, dataset, folder)
    original = pydicom.dcmread(folder / "patient0" / "CT_small.dcm")
    study = f"{store}/dicomWeb/studies/{original.StudyInstanceUID}"
    [found] = client.search_studies(store, {"PatientID": original.PatientID})
    assert found["0020000D"]["Value"] == [original.StudyInstanceUID]
    [series] = client.search_series(study)
    [instance] = client.search_instances(study)
    assert instance["00080018"]["Value"] == [original.SOPInstanceUID]
    [metadata] = client.retrieve_metadata(study)
    assert metadata["00080060"]["Value"] == ["CT"]
    name = f"{study}/series/{series['0020000E']['Value'][0]}/instances/{original.SOPInstanceUID}"
    assert client.retrieve_bytes(name) == (folder / "patient0" / "CT_small.dcm").read_bytes()
    client.delete_instance(name)
    with pytest.raises(effacer.NotFound):
        client.retrieve_bytes(name)


@pytest.mark.parametrize("form", ["path", "text", "dict", "proto"])
def test_deidentify_a_dataset_with_request_03(
    client: effacer.Client, dataset: str, folder: Path, tmp_path: Path, form: str
) -> None:
    filled(client, dataset, folder)
    path = REQUESTS / "03_keep_tag.json"
    proto = deidentify_pb2.DeidentifyConfig()
    proto.dicom_tag_config.actions.add(queries=["PatientName"]).keep_tag.SetInParent()
    config: Any = {"path": path, "text": path.read_text(), "dict": json.loads(path.read_text()), "proto": proto}[form]

    operation = client.deidentify_dataset(dataset, f"{dataset}-clean", config)
    counts = [metadata.counter.success for metadata in operation]
    assert isinstance(operation.result(timeout=120), deidentify_pb2.DeidentifySummary)
    originals = distinct(folder)
    assert (operation.metadata.counter.success, operation.metadata.counter.failure) == (len(originals), 0)
    assert counts == sorted(counts)

    paths = client.retrieve(f"{dataset}-clean/dicomStores/raw", tmp_path)
    cleaned = [pydicom.dcmread(path) for path in paths]
    before = [pydicom.dcmread(path) for path in originals.values()]
    assert sorted(str(data.PatientName) for data in cleaned) == sorted(str(data.PatientName) for data in before)
    assert any(str(data.PatientName) for data in cleaned)
    assert {str(data.PatientID) for data in cleaned} == {""}
    assert not {data.SOPInstanceUID for data in cleaned} & originals.keys()


def test_operations_are_found_again_by_name(client: effacer.Client, place: Place, dataset: str, folder: Path) -> None:
    store = filled(client, dataset, folder)
    started = client.deidentify_dicom_store(store, f"{dataset}/dicomStores/clean", {})
    with effacer.Client(place.address) as another:
        picked_up = another.operation(started.name)
        picked_up.result(timeout=120)
        assert picked_up.metadata.counter.success == len(distinct(folder))
        assert started.name in [operation.name for operation in another.list_operations(dataset)]
        assert list(another.operation_errors(started.name)) == []


def test_a_config_the_server_refuses_starts_nothing(client: effacer.Client, dataset: str, folder: Path) -> None:
    store = filled(client, dataset, folder)
    before = [operation.name for operation in client.list_operations(dataset)]
    wrong = {"dicomTagConfig": {"actions": [{"queries": ["PatientNam"], "keepTag": {}}]}}
    with pytest.raises(effacer.InvalidArgument) as caught:
        client.deidentify_dicom_store(store, f"{dataset}/dicomStores/clean", wrong)
    assert [path for path, _ in caught.value.violations] == ["config.dicomTagConfig.actions[0].queries[0]"]
    assert [operation.name for operation in client.list_operations(dataset)] == before
    with pytest.raises(effacer.NotFound):
        client.get_dicom_store(f"{dataset}/dicomStores/clean")


def test_the_command_from_end_to_end(place: Place, folder: Path, tmp_path: Path) -> None:
    dataset = f"{LOCATION}/datasets/command"
    raw, clean = f"{dataset}/dicomStores/raw", f"{dataset}/dicomStores/clean"
    assert run(place, "datasets", "create", dataset).returncode == 0
    assert run(place, "stores", "create", raw, "--label", "site=a").returncode == 0
    stored = run(place, "--json", "store", raw, folder)
    assert stored.returncode == 3
    refused = [document for document in map(json.loads, stored.stdout.splitlines()) if "error" in document]
    assert "NOT_DICOM" in [document["error"]["reason"] for document in refused]

    original = pydicom.dcmread(folder / "patient0" / "CT_small.dcm")
    (place.root / "filter.txt").write_text(f"/studies/{original.StudyInstanceUID}\n")
    config = REQUESTS / "10_store_level_keep_tag.json"
    done = run(place, "deidentify", raw, clean, "--config", config, "--filter", place.root / "filter.txt")
    assert (done.returncode, done.stdout) == (0, "1 de-identified, 0 refused\n")
    # Request 10 keeps the name.
    assert "PatientIdentityRemoved" in done.stderr
    # Its bytes are in the destination already, and nothing is ever overwritten.
    again = run(place, "deidentify", raw, clean, "--config", config, "--filter", place.root / "filter.txt")
    assert (again.returncode, again.stdout) == (3, "0 de-identified, 1 refused\n  UID_COLLISION: 1\n")
    listed = run(place, "--json", "operations", "errors", again.stderr.split()[-1])
    [entry] = map(json.loads, listed.stdout.splitlines())
    assert entry["resourceName"].endswith(f"/instances/{original.SOPInstanceUID}")
    assert entry["error"]["details"][0]["reason"] == "UID_COLLISION"
    outside = tmp_path / "filter.txt"
    outside.write_text("/studies/1.2\n")
    denied = run(place, "deidentify", raw, clean, "--config", config, "--filter", outside)
    assert (denied.returncode, denied.stdout) == (1, "")
    assert denied.stderr.startswith("effacer: ")

    retrieved = run(place, "retrieve", clean, tmp_path / "out")
    assert retrieved.returncode == 0
    [path] = (tmp_path / "out").rglob("*.dcm")
    data = pydicom.dcmread(path)
    assert (data.PatientName, data.PatientID) == (original.PatientName, "")

    name = run(place, "deidentify", raw, f"{clean}2", "--config", config, "--no-wait").stdout.strip()
    assert run(place, "operations", "get", name).returncode == 0
    assert name in run(place, "operations", "list", dataset).stdout
    assert run(place, "operations", "errors", name).returncode == 0
    assert run(place, "stores", "list", dataset).stdout.split()[0] == clean
    gone = run(place, "datasets", "get", f"{dataset}-none")
    assert (gone.returncode, gone.stderr.count("\n")) == (1, 1)
