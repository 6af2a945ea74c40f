"""Every method of the API on a server in this process, errors with their field paths first of all."""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pydicom
import pytest
from google.iam.v1 import iam_policy_pb2
from google.longrunning import operations_pb2
from google.protobuf import json_format
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from effacer.v1 import (
    dataset_pb2,
    deidentify_pb2,
    deidentify_service_pb2,
    dicom_store_pb2,
    dicom_web_pb2,
    instance_pb2,
    operation_metadata_pb2,
)
from effacer_server.api import search
from effacer_server.app import Server
from effacer_server.errors import Unavailable
from effacer_server.settings import Settings
from tests import corpus, hostile, synth
from tests.encode import DEFLATED, Part, Style, data_set
from tests.service import LOCATION, Api, failing, failure, metadata, read, upload_messages

BUCKET = "gs://bucket"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stands for gs://bucket."""
    return tmp_path_factory.mktemp("bucket")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, bucket: Path) -> Iterator[Api]:
    settings = Settings(
        data=tmp_path_factory.mktemp("data"),
        grpc_address="127.0.0.1:0",
        workers="threads:2",
        durable=False,
        shard_instances=4,
        buckets={BUCKET: bucket.as_uri()},
        max_instance_bytes=8 << 20,
        max_filter_bytes=1 << 20,
    )
    server = Server(settings)
    api = Api(server.start())
    yield api
    api.close()
    server.stop(5)


@pytest.fixture
def dataset(api: Api, request: pytest.FixtureRequest) -> str:
    """A dataset of the test's own."""
    return api.dataset("".join(c if c.isalnum() else "-" for c in request.node.name)[:200])


@pytest.fixture
def filled(api: Api, dataset: str) -> str:
    """A store with three CTs of one study and an SR of another."""
    store = api.store(dataset, "filled", kind="raw")
    assert all(result.status.code == 0 for result in api.upload(store, files()))
    return store


def files() -> list[tuple[str, bytes]]:
    found = [(f"ct{n}", synth.ct(1, number=n, size=16)) for n in (1, 2, 3)]
    return [*found, ("sr", synth.sr(2, elements=60))]


def config(text: dict[str, Any]) -> deidentify_pb2.DeidentifyConfig:
    return json_format.ParseDict(text, deidentify_pb2.DeidentifyConfig())


# Datasets


def test_dataset_life(api: Api) -> None:
    body = dataset_pb2.Dataset(time_zone="Europe/Paris", name="ignored")
    request = dataset_pb2.CreateDatasetRequest(parent=LOCATION, dataset_id="life", dataset=body)
    operation = api.datasets.CreateDataset(request)
    name = f"{LOCATION}/datasets/life"
    created = dataset_pb2.Dataset()
    assert operation.done
    assert operation.response.Unpack(created)
    assert created == dataset_pb2.Dataset(name=name, time_zone="Europe/Paris")
    assert metadata(operation).api_method_name == "effacer.v1.DatasetService.CreateDataset"
    assert metadata(operation).create_time.seconds
    assert metadata(operation).end_time.seconds
    assert api.datasets.GetDataset(dataset_pb2.GetDatasetRequest(name=name)) == created
    found = failing(lambda: api.datasets.CreateDataset(request))
    assert (found.code, found.reason) == ("ALREADY_EXISTS", "DATASET")

    created.time_zone = "Asia/Tokyo"
    update = dataset_pb2.UpdateDatasetRequest(dataset=created, update_mask=FieldMask(paths=["time_zone"]))
    assert api.datasets.UpdateDataset(update).time_zone == "Asia/Tokyo"
    update.update_mask.paths[:] = ["name"]
    assert failing(lambda: api.datasets.UpdateDataset(update)).fields == ["updateMask.paths[0]"]
    update.ClearField("update_mask")
    assert failing(lambda: api.datasets.UpdateDataset(update)).fields == ["updateMask"]
    update.update_mask.paths[:] = ["time_zone"]
    update.dataset.time_zone = "../etc/passwd"
    assert failing(lambda: api.datasets.UpdateDataset(update)).fields == ["dataset.timeZone"]

    api.datasets.DeleteDataset(dataset_pb2.DeleteDatasetRequest(name=name))
    assert failing(lambda: api.datasets.GetDataset(dataset_pb2.GetDatasetRequest(name=name))).code == "NOT_FOUND"
    assert failing(lambda: api.datasets.DeleteDataset(dataset_pb2.DeleteDatasetRequest(name=name))).code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (dataset_pb2.CreateDatasetRequest(parent="projects/p", dataset_id="d"), "parent"),
        (dataset_pb2.CreateDatasetRequest(parent=LOCATION, dataset_id="a b"), "datasetId"),
        (dataset_pb2.CreateDatasetRequest(parent=LOCATION), "datasetId"),
        (
            dataset_pb2.CreateDatasetRequest(parent=LOCATION, dataset_id="d", dataset={"time_zone": "Mars/Olympus"}),
            "dataset.timeZone",
        ),
    ],
)
def test_datasets_that_cannot_be(api: Api, request_: Any, field: str) -> None:
    found = failing(lambda: api.datasets.CreateDataset(request_))
    assert (found.code, found.fields) == ("INVALID_ARGUMENT", [field])


def test_keys_of_callers_are_not_taken_and_dropped(api: Api) -> None:
    body = {"encryption_spec": {"kms_key_name": "k"}}
    request = dataset_pb2.CreateDatasetRequest(parent=LOCATION, dataset_id="d", dataset=body)
    found = failing(lambda: api.datasets.CreateDataset(request))
    assert (found.code, found.fields) == ("UNIMPLEMENTED", ["dataset.encryptionSpec"])


def test_250_datasets_in_pages(api: Api) -> None:
    parent = "projects/many/locations/l"
    for n in range(250):
        api.datasets.CreateDataset(dataset_pb2.CreateDatasetRequest(parent=parent, dataset_id=f"d{n:03}"))
    seen, token, sizes = [], "", []
    while True:
        request = dataset_pb2.ListDatasetsRequest(parent=parent, page_token=token)
        page = api.datasets.ListDatasets(request)
        seen += [found.name for found in page.datasets]
        sizes.append(len(page.datasets))
        token = page.next_page_token
        if not token:
            break
    assert sizes == [100, 100, 50]
    assert seen == [f"{parent}/datasets/d{n:03}" for n in range(250)]
    assert (
        len(api.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(parent=parent, page_size=5000)).datasets) == 250
    )
    found = failing(lambda: api.datasets.ListDatasets(dataset_pb2.ListDatasetsRequest(parent=parent, page_size=-1)))
    assert found.fields == ["pageSize"]
    bad = dataset_pb2.ListDatasetsRequest(parent=LOCATION, page_token=page.next_page_token or "bogus")
    assert failing(lambda: api.datasets.ListDatasets(bad)).fields == ["pageToken"]


def test_unknown_fields_are_refused(api: Api) -> None:
    request = dataset_pb2.GetDatasetRequest.FromString(b"\x0a\x01x\xfa\x01\x01x")
    found = failing(lambda: api.datasets.GetDataset(request))
    assert (found.code, found.reason) == ("INVALID_ARGUMENT", "UNKNOWN_FIELD")
    assert "31" in found.message


# Stores


def test_store_life_and_labels(api: Api, dataset: str) -> None:
    name = api.store(dataset, "s", a="1", b="2")
    store = api.stores.GetDicomStore(dicom_store_pb2.GetDicomStoreRequest(name=name))
    assert dict(store.labels) == {"a": "1", "b": "2"}
    found = failing(lambda: api.store(dataset, "s"))
    assert (found.code, found.reason) == ("ALREADY_EXISTS", "DICOM_STORE")
    assert failing(lambda: api.store(dataset + "x", "s")).code == "NOT_FOUND"
    assert failing(lambda: api.store(dataset, "t", A="x")).fields == ["dicomStore.labels"]

    update = dicom_store_pb2.UpdateDicomStoreRequest(
        dicom_store=dicom_store_pb2.DicomStore(name=name, labels={"c": "3"}), update_mask=FieldMask(paths=["labels"])
    )
    assert dict(api.stores.UpdateDicomStore(update).labels) == {"c": "3"}
    update.update_mask.paths[:] = ["labels", "bogus"]
    assert failing(lambda: api.stores.UpdateDicomStore(update)).fields == ["updateMask.paths[1]"]
    update.update_mask.paths[:] = ["*"]
    update.dicom_store.notification_config.pubsub_topic = "projects/p/topics/t"
    found = failing(lambda: api.stores.UpdateDicomStore(update))
    assert (found.code, found.fields) == ("UNIMPLEMENTED", ["dicomStore.notificationConfig"])

    api.stores.DeleteDicomStore(dicom_store_pb2.DeleteDicomStoreRequest(name=name))
    assert (
        failing(lambda: api.stores.GetDicomStore(dicom_store_pb2.GetDicomStoreRequest(name=name))).code == "NOT_FOUND"
    )


def test_label_filters(api: Api, dataset: str) -> None:
    api.store(dataset, "one", env="prod", team="x")
    api.store(dataset, "two", env="test", team="x")
    api.store(dataset, "three", env="prod")

    def ids(text: str) -> list[str]:
        request = dicom_store_pb2.ListDicomStoresRequest(parent=dataset, filter=text)
        return [store.name.rsplit("/", 1)[1] for store in api.stores.ListDicomStores(request).dicom_stores]

    assert ids("") == ["one", "three", "two"]
    assert ids("labels.env=prod") == ["one", "three"]
    assert ids('labels.env = "prod" AND labels.team=x') == ["one"]
    assert ids("labels.team:*") == ["one", "two"]
    assert ids("labels.env=prod AND labels.team:*") == ["one"]
    assert ids("labels.env=none") == []
    for wrong in ("env=prod", "labels.env", "labels.env=prod OR labels.team=x", "labels.env:x"):
        request = dicom_store_pb2.ListDicomStoresRequest(parent=dataset, filter=wrong)
        found = failing(lambda request=request: api.stores.ListDicomStores(request))
        assert (found.code, found.fields) == ("INVALID_ARGUMENT", ["filter"])


def test_metrics(api: Api, filled: str) -> None:
    metrics = api.stores.GetDicomStoreMetrics(dicom_store_pb2.GetDicomStoreMetricsRequest(name=filled))
    assert (metrics.study_count, metrics.series_count, metrics.instance_count) == (2, 2, 4)
    assert metrics.blob_storage_size_bytes == sum(len(data) for _, data in files())


# Instances


def test_round_trip_of_real_files(api: Api, dataset: str) -> None:
    """What is stored comes back byte for byte; what is not says why, in its place, and stops nobody else."""
    store = api.store(dataset, "s")
    given = [(name, data) for name, data in corpus.instances() if len(data) < 400_000]
    results = api.upload(store, given)
    assert [result.index for result in results] == list(range(len(given)))
    assert [result.label for result in results] == [name for name, _ in given]
    stored = {r.instance.name: data for r, (_, data) in zip(results, given, strict=True) if not r.status.code}
    assert len(stored) > 100
    assert api.retrieve(store) == stored
    for result in results:
        if result.status.code:
            found = failure(result.status)
            assert found.code in ("INVALID_ARGUMENT", "ALREADY_EXISTS")
            assert not result.instance.name
    for result in api.upload(store, given):
        assert failure(result.status).code in ("INVALID_ARGUMENT", "ALREADY_EXISTS")


def test_upload_by_hand_and_out_of_order(api: Api, filled: str, dataset: str) -> None:
    store = api.store(dataset, "hand")
    data = synth.ct(9, size=16)
    message = dicom_web_pb2.StoreInstancesRequest
    response = api.web.StoreInstances(iter([message(parent=store, chunk=data)]))
    assert response.results[0].status.code == 0
    assert response.results[0].instance.name
    start, end = instance_pb2.InstanceStart(size_bytes=len(data) + 1), instance_pb2.InstanceEnd()
    parts = [message(parent=store, instance_start=start), message(chunk=data), message(instance_end=end)]
    (short,) = api.web.StoreInstances(iter(parts)).results
    assert failure(short.status).reason == "SIZE_MISMATCH"

    def field(*messages: Any) -> list[str]:
        return failing(lambda: api.web.StoreInstances(iter(messages))).fields

    assert field() == ["parent"]
    assert field(message(chunk=data)) == ["parent"]
    assert field(message(parent=store), message(parent=filled)) == ["parent"]
    assert field(message(parent=store, chunk=bytes((1 << 20) + 1))) == ["chunk"]
    assert field(message(parent=store, instance_end=end)) == ["instanceEnd"]
    opened = message(parent=store, instance_start=instance_pb2.InstanceStart())
    assert field(opened, opened) == ["instanceStart"]
    label = message(parent=store, instance_start=instance_pb2.InstanceStart(label="x" * 257))
    assert field(label) == ["instanceStart.label"]
    assert failing(lambda: api.web.StoreInstances(iter([message(parent=store + "x")]))).code == "NOT_FOUND"


def test_upload_into_a_study(api: Api, filled: str, dataset: str) -> None:
    study = pydicom.dcmread(_io(files()[0][1])).StudyInstanceUID
    other = api.store(dataset, "study")
    ours, foreign = api.upload(f"{other}/dicomWeb/studies/{study}", [files()[0], files()[3]])
    assert ours.status.code == 0
    assert failure(foreign.status).reason == "OTHER_STUDY"


def test_hostile_files_are_refused_each_alone(api: Api, dataset: str) -> None:
    store = api.store(dataset, "s")
    cases = list(hostile.hostile())
    good = files()[0]
    results = api.upload(store, [*((name, data) for name, data, _ in cases), good])
    assert results[-1].status.code == 0
    for (name, _, reasons), result in zip(cases, results[:-1], strict=True):
        assert result.status.code, name
        assert failure(result.status).reason in reasons, name
    assert list(api.retrieve(store).values()) == [good[1]]


@pytest.mark.parametrize("uid", ["1..2", "DOE^JOHN", "1/2", "../..", "1." + "2" * 64, "1.2\\1.3", "\xe9"])
def test_a_uid_that_is_there_and_unfit_is_not_called_missing(api: Api, dataset: str, uid: str) -> None:
    store = api.store(dataset, "s")
    part = Part(0x0020000D, "UI", uid.encode("latin-1"))
    parts = [part if each.tag == part.tag else each for each in [*hostile.HEAD, *hostile.UIDS]]
    bad, missing = api.upload(
        store,
        [
            ("bad", hostile.file(hostile.PLAIN, data_set(hostile.PLAIN, parts))),
            ("missing", hostile.file(hostile.PLAIN, data_set(hostile.PLAIN, [p for p in parts if p.tag != part.tag]))),
        ],
    )
    found = failure(bad.status)
    assert (found.code, found.reason, found.metadata["tag"]) == ("INVALID_ARGUMENT", "BAD_UID", "0020000D")
    assert uid not in found.message
    assert failure(missing.status).reason == "MISSING_UID"


def test_large_instances_are_refused_and_the_stream_goes_on(api: Api, dataset: str) -> None:
    store = api.store(dataset, "s")
    large, good = api.upload(store, [("large", bytes(9 << 20)), files()[0]])
    assert failure(large.status).reason == "TOO_LARGE"
    assert good.status.code == 0


def test_a_broken_off_upload_leaves_nothing(api: Api, dataset: str) -> None:
    store = api.store(dataset, "s")
    hold = _Hold(upload_messages(store, [("x", synth.ct(7, size=16))]), 2)
    call = api.web.StoreInstances.future(hold)
    hold.reached.wait()
    call.cancel()
    hold.free.set()
    assert call.code() == grpc.StatusCode.CANCELLED
    request = dicom_store_pb2.GetDicomStoreMetricsRequest(name=store)
    assert api.stores.GetDicomStoreMetrics(request).instance_count == 0


def test_retrieval_at_each_level(api: Api, filled: str) -> None:
    every = api.retrieve(filled)
    name = next(name for name in every if every[name] == files()[1][1])
    instance = dicom_web_pb2.RetrieveInstanceRequest(name=name, transfer_syntax_uid="*")
    assert read(api.web.RetrieveInstance(instance)) == {name: every[name]}
    series = dicom_web_pb2.RetrieveSeriesRequest(name=name.partition("/instances/")[0])
    assert len(read(api.web.RetrieveSeries(series))) == 3
    study = dicom_web_pb2.RetrieveStudyRequest(name=name.partition("/series/")[0])
    assert len(read(api.web.RetrieveStudy(study))) == 3
    instance.transfer_syntax_uid = "1.2.840.10008.1.2.4.90"
    found = failing(lambda: api.web.RetrieveInstance(instance))
    assert (found.code, found.fields) == ("UNIMPLEMENTED", ["transferSyntaxUid"])
    series.name = study.name
    assert failing(lambda: api.web.RetrieveSeries(series)).fields == ["name"]
    study.name = f"{filled}/dicomWeb/studies/1.2.3"
    assert failing(lambda: api.web.RetrieveStudy(study)).code == "NOT_FOUND"
    instance.name = name + "9"
    assert failing(lambda: api.web.RetrieveInstance(instance)).code == "NOT_FOUND"


def test_metadata_of_stored_instances(api: Api, dataset: str) -> None:
    store = api.store(dataset, "s")
    given = [("ct", synth.ct(1, size=16)), ("deflated", synth.sr(3, Style(DEFLATED), elements=60))]
    for result, (_, data) in zip(api.upload(store, given), given, strict=True):
        assert result.status.code == 0
        request = dicom_web_pb2.RetrieveMetadataRequest(name=result.instance.name)
        (answer,) = api.web.RetrieveMetadata(request)
        assert answer.name == result.instance.name
        model = json_format.MessageToDict(answer.metadata)
        expected = pydicom.dcmread(_io(data))
        assert model["0020000D"] == {"vr": "UI", "Value": [expected.StudyInstanceUID]}
        assert {int(tag, 16) for tag in model} <= {element.tag for element in expected}
        kept = {e.tag for e in expected if e.VR not in ("OB", "OW", "UN", "OD", "OF", "OL", "OV")}
        assert kept <= {int(tag, 16) for tag in model} | {tag for tag in kept if tag & 0xFFFF == 0}
        assert "7FE00010" not in model


def test_metadata_that_cannot_be_written_is_a_typed_error(api: Api, dataset: str) -> None:
    store = api.store(dataset, "s")
    data = dict(corpus.instances())["pydicom/badVR.dcm"]
    (result,) = api.upload(store, [("bad", data)])
    request = dicom_web_pb2.RetrieveMetadataRequest(name=result.instance.name)
    found = failing(lambda: api.web.RetrieveMetadata(request))
    assert (found.code, found.reason) == ("FAILED_PRECONDITION", "METADATA")
    assert "1A" not in found.message


def test_search_at_each_level(api: Api, filled: str) -> None:
    def search(method: str, parent: str = filled, **more: Any) -> list[dict[str, Any]]:
        request = {"Studies": "SearchForStudiesRequest", "Series": "SearchForSeriesRequest"}
        kind = getattr(dicom_web_pb2, request.get(method, "SearchForInstancesRequest"))
        response = getattr(api.web, f"SearchFor{method}")(kind(parent=parent, **more))
        return [json_format.MessageToDict(found) for found in response.results]

    header = pydicom.dcmread(_io(files()[0][1]))
    studies = search("Studies")
    assert len(studies) == 2
    ct = next(study for study in studies if study["0020000D"]["Value"] == [header.StudyInstanceUID])
    assert ct["00080061"] == {"vr": "CS", "Value": ["CT"]}
    assert (ct["00201206"]["Value"], ct["00201208"]["Value"]) == ([1], [3])
    assert "00080060" not in ct
    assert "00080018" not in ct
    assert "00100010" in ct

    name = f"{filled}/dicomWeb/studies/{header.StudyInstanceUID}"
    (series,) = search("Series", name)
    assert series["00201209"]["Value"] == [3]
    assert series["00080060"]["Value"] == ["CT"]
    assert "00100010" not in series
    assert "00080018" not in series
    assert "00100010" in search("Series", name, include_fields=["PatientName,PatientID"])[0]
    assert len(search("Series")) == 2
    assert "00100010" in search("Series")[0]

    instances = search("Instances", name)
    assert len(instances) == 3
    assert all("00080018" in found and "00080060" in found for found in instances)
    assert "00100010" not in instances[0]
    assert "00100010" in search("Instances", name, include_fields=["all"])[0]
    assert len(search("Instances", limit=2)) == 2
    assert len(search("Instances", offset=3)) == 1

    def matching(attribute: str, value: str, **more: Any) -> int:
        return len(search("Instances", matches=[{"attribute": attribute, "value": value}], **more))

    assert matching("Modality", "CT") == 3
    assert matching("00080060", "CT") == 3
    assert matching("ModalitiesInStudy", "SR") == 1
    assert matching("SOPInstanceUID", header.SOPInstanceUID) == 1
    assert matching("SOPClassUID", header.SOPClassUID) == 3
    assert matching("PatientSex", header.PatientSex, limit=10) >= 3
    assert matching("StudyDate", f"{header.StudyDate}-") >= 3
    assert matching("StudyDate", "*") == 4, "universal matching fits every VR"
    for value in ("20000229", "-20991231", "19000101-20991231", "20000101-"):
        matching("StudyDate", value)
    for value in ("10", "1030-", "-235960", "000000-235959.999999"):
        matching("StudyTime", value)
    assert matching("PatientID", "nobody") == 0
    family = str(header.PatientName).split("^")[0]
    assert matching("PatientName", family[:3].lower(), fuzzy_matching=True) >= 3


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"limit": -1}, "limit"),
        ({"offset": 1_000_001}, "offset"),
        ({"offset": -1}, "offset"),
        ({"matches": [{"attribute": "Modality"}, {"attribute": "Nonsense", "value": "x"}]}, "matches[1].attribute"),
        ({"matches": [{"attribute": "PixelData", "value": "x"}]}, "matches[0].attribute"),
        ({"matches": [{"attribute": "00081115.0020000E", "value": "1"}]}, "matches[0].attribute"),
        ({"include_fields": ["PatientName", "Nonsense"]}, "includeFields[1]"),
        *(
            ({"matches": [{"attribute": "Modality"}, {"attribute": name, "value": value}]}, "matches[1].value")
            for name, values in (
                ("StudyDate", ("Doe", "-", "2004", "2004-2005-9", "20041301", "20050229", "00000101", "2004.01.01")),
                ("SeriesDate", ("20040101-x", "20040101--", "2004010\u0661", "2004*", "20040101,20040102")),
                ("StudyTime", ("-", "24", "1", "1060", "10:30", "103061", "103000.", "103000.1234567", "10-x", "10*")),
            )
            for value in values
        ),
    ],
)  # fmt: skip
def test_searches_that_cannot_be(api: Api, dataset: str, request_: dict[str, Any], field: str) -> None:
    store = api.store(dataset, "s")
    request = dicom_web_pb2.SearchForInstancesRequest(parent=store, **request_)
    found = failing(lambda: api.web.SearchForInstances(request))
    assert (found.code, found.fields) == ("INVALID_ARGUMENT", [field])


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_search_tells_whether_there_is_more(api: Api, filled: str, monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(search, "_BATCH", batch)
    request = dicom_web_pb2.SearchForInstancesRequest(parent=filled, limit=3)
    assert api.web.SearchForInstances(request).has_more
    request.limit = 4
    answer = api.web.SearchForInstances(request)
    assert not answer.has_more
    assert len({found["00080018"]["Value"][0] for found in answer.results}) == 4


def test_deletion_of_studies_series_and_instances(api: Api, filled: str) -> None:
    every = sorted(api.retrieve(filled), key=lambda name: name.split("/series/")[0])
    by_study: dict[str, list[str]] = {}
    for name in every:
        by_study.setdefault(name.partition("/series/")[0], []).append(name)
    (single, [lone]), (triple, three) = sorted(by_study.items(), key=lambda pair: len(pair[1]))
    api.web.DeleteInstance(dicom_web_pb2.DeleteInstanceRequest(name=three[0]))
    assert len(api.retrieve(filled)) == 3
    assert (
        failing(lambda: api.web.DeleteInstance(dicom_web_pb2.DeleteInstanceRequest(name=three[0]))).code == "NOT_FOUND"
    )
    series = three[1].partition("/instances/")[0]
    operation = api.finish(api.web.DeleteSeries(dicom_web_pb2.DeleteSeriesRequest(name=series)))
    assert operation.response.type_url.endswith("google.protobuf.Empty")
    assert metadata(operation).api_method_name == "effacer.v1.DicomWebService.DeleteSeries"
    assert list(api.retrieve(filled)) == [lone]
    api.finish(api.web.DeleteStudy(dicom_web_pb2.DeleteStudyRequest(name=single)))
    assert api.retrieve(filled) == {}
    assert failing(lambda: api.web.DeleteStudy(dicom_web_pb2.DeleteStudyRequest(name=triple))).code == "NOT_FOUND"


# De-identification


def test_store_level(api: Api, filled: str, dataset: str) -> None:
    destination = f"{dataset}/dicomStores/new"
    request = dicom_store_pb2.DeidentifyDicomStoreRequest(source_store=filled, destination_store=destination)
    operation = api.finish(api.stores.DeidentifyDicomStore(request))
    assert operation.response.Is(deidentify_pb2.DeidentifyDicomStoreSummary.DESCRIPTOR)
    found = metadata(operation)
    assert (found.counter.success, found.counter.failure, found.counter.pending) == (4, 0, 0)
    assert len(found.plan_fingerprint) == 64
    outputs = api.retrieve(destination)
    assert len(outputs) == 4
    names = {str(pydicom.dcmread(_io(data)).PatientName) for _, data in files()}
    for name, data in outputs.items():
        instance = pydicom.dcmread(_io(data))
        assert instance.PatientIdentityRemoved == "YES"
        assert str(instance.get("PatientName", "")) not in names
        assert name.endswith(instance.SOPInstanceUID)
        assert name not in api.retrieve(filled)

    # Again into the same store: the same UIDs, so every instance is a collision, listed by its source.
    again = api.finish(api.stores.DeidentifyDicomStore(request))
    assert not again.HasField("error")
    assert metadata(again).counter.failure == 4
    assert dict(metadata(again).failure_reasons) == {"UID_COLLISION": 4}
    entries = api.errors(again)
    assert {entry.resource_name for entry in entries} == set(api.retrieve(filled))
    assert {failure(entry.error).code for entry in entries} == {"ALREADY_EXISTS"}
    assert api.retrieve(destination) == outputs
    listed = operation_metadata_pb2.ListOperationErrorsRequest(parent=again.name, page_size=3)
    page = api.log.ListOperationErrors(listed)
    assert len(page.entries) == 3
    listed.page_token = page.next_page_token
    assert len(api.log.ListOperationErrors(listed).entries) == 1
    listed = operation_metadata_pb2.ListOperationErrorsRequest(parent=again.name, filter="reason=TRUNCATED")
    assert not api.log.ListOperationErrors(listed).entries
    listed.filter = "reason=nonsense"
    assert failing(lambda: api.log.ListOperationErrors(listed)).fields == ["filter"]


def test_kept_uids_collide_too(api: Api, filled: str, dataset: str) -> None:
    keep = config({"dicomTagConfig": {"options": {"primaryIds": "KEEP"}, "profileType": "KEEP_ALL_PROFILE"}})
    destination = api.store(dataset, "there")
    api.upload(destination, files()[:1])
    request = dicom_store_pb2.DeidentifyDicomStoreRequest(
        source_store=filled, destination_store=destination, config=keep
    )
    found = metadata(api.finish(api.stores.DeidentifyDicomStore(request)))
    assert (found.counter.success, found.counter.failure) == (3, 1)
    assert files()[0][1] in api.retrieve(destination).values(), "what was there is never overwritten"


def test_dataset_level(api: Api, filled: str, dataset: str) -> None:
    api.store(dataset, "empty", env="x")
    destination = dataset + "-out"
    request = dataset_pb2.DeidentifyDatasetRequest(source_dataset=dataset, destination_dataset=destination)
    operation = api.finish(api.datasets.DeidentifyDataset(request))
    assert operation.name.startswith(dataset + "/operations/")
    assert operation.response.Is(deidentify_pb2.DeidentifySummary.DESCRIPTOR)
    stores = api.stores.ListDicomStores(dicom_store_pb2.ListDicomStoresRequest(parent=destination)).dicom_stores
    assert {store.name.rsplit("/", 1)[1]: dict(store.labels) for store in stores} == {
        "empty": {"env": "x"}, "filled": {"kind": "raw"},
    }  # fmt: skip
    assert len(api.retrieve(destination + "/dicomStores/filled")) == 4
    found = failing(lambda: api.datasets.DeidentifyDataset(request))
    assert (found.code, found.reason) == ("ALREADY_EXISTS", "DATASET")


def test_requests_that_cannot_be_leave_nothing(api: Api, filled: str, dataset: str) -> None:
    def operations() -> int:
        request = operations_pb2.ListOperationsRequest(name=dataset)
        return len(api.operations.ListOperations(request).operations)

    def store_level(**fields: Any) -> Any:
        given = {"source_store": filled, "destination_store": f"{dataset}/dicomStores/out", **fields}
        return failing(lambda: api.stores.DeidentifyDicomStore(dicom_store_pb2.DeidentifyDicomStoreRequest(**given)))

    def dataset_level(**fields: Any) -> Any:
        given = {"source_dataset": dataset, "destination_dataset": dataset + "-none", **fields}
        return failing(lambda: api.datasets.DeidentifyDataset(dataset_pb2.DeidentifyDatasetRequest(**given)))

    before = operations()
    assert store_level(source_store="x").fields == ["sourceStore"]
    assert store_level(destination_store="x").fields == ["destinationStore"]
    assert store_level(destination_store=filled).fields == ["destinationStore"]
    assert store_level(source_store=f"{dataset}/dicomStores/none").code == "NOT_FOUND"
    assert store_level(destination_store=f"{dataset}-none/dicomStores/s").code == "NOT_FOUND"
    assert dataset_level(destination_dataset=dataset).fields == ["destinationDataset"]
    assert dataset_level(destination_dataset="projects/p/locations/m/datasets/x").fields == ["destinationDataset"]
    assert dataset_level(source_dataset=dataset + "-gone").code == "NOT_FOUND"
    wrong = config({"dicomTagConfig": {"actions": [{"keepTag": {}, "queries": ["PatientName", "NoSuchKeyword"]}]}})
    for found in (store_level(config=wrong), dataset_level(config=wrong)):
        assert (found.code, found.fields) == ("INVALID_ARGUMENT", ["config.dicomTagConfig.actions[0].queries[1]"])
    later = config({"image": {"textRedactionMode": "REDACT_ALL_TEXT"}})
    found = store_level(config=later)
    assert (found.code, found.fields) == ("UNIMPLEMENTED", ["config.image.textRedactionMode"])
    wrapped = {"dateShiftConfig": {"kmsWrapped": {"cryptoKey": "projects/p/cryptoKeys/k", "wrappedKey": "AAAA"}}}
    found = store_level(config=config({"text": {"additionalTransformations": [wrapped]}}))
    assert (found.code, found.reason) == ("FAILED_PRECONDITION", "KEYRING")
    unknown = deidentify_pb2.DeidentifyConfig()
    unknown.dicom_tag_config.actions.add(queries=["PN"]).MergeFromString(b"\xfa\x01\x01x")
    found = store_level(config=unknown)
    assert (found.reason, found.fields) == ("UNKNOWN_FIELD", ["config.dicomTagConfig.actions[0]"])
    assert operations() == before
    stores = api.stores.ListDicomStores(dicom_store_pb2.ListDicomStoresRequest(parent=dataset)).dicom_stores
    assert [store.name for store in stores] == [filled]
    request = dataset_pb2.GetDatasetRequest(name=dataset + "-none")
    assert failing(lambda: api.datasets.GetDataset(request)).code == "NOT_FOUND"


def test_config_and_filter_files(api: Api, filled: str, dataset: str, bucket: Path, tmp_path: Path) -> None:
    folder = bucket / dataset.rsplit("/", 1)[1]
    folder.mkdir()
    at = f"{BUCKET}/{folder.name}"
    study = pydicom.dcmread(_io(files()[3][1])).StudyInstanceUID
    (folder / "filter.txt").write_text(f"\r\n/studies/{study}\r\n/studies/9.9\r\n")
    (folder / "wrong.txt").write_text(f"/studies/{study}\n/studie/CANARY\n")
    (folder / "empty.txt").write_text("\n\n")
    (folder / "large.txt").write_text("\n" * ((1 << 20) + 1))
    (folder / "config.json").write_text(json.dumps({"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE"}}))
    (folder / "unknown.json").write_text(json.dumps({"dicomTagConfig": {"actions": [{"keepTags": {}}]}}))
    (folder / "text.json").write_text("no json")
    (tmp_path / "secret.json").write_text("{}")
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    (folder / "folder.json").mkdir()
    (folder / "inside.json").symlink_to(folder / "config.json")

    def start(uri: str = "", filter_uri: str = "", name: str = "out") -> Any:
        request = dicom_store_pb2.DeidentifyDicomStoreRequest(
            source_store=filled, destination_store=f"{dataset}/dicomStores/{name}", gcs_config_uri=uri or None
        )
        if filter_uri:
            request.filter_config.resource_paths_gcs_uri = filter_uri
        return api.stores.DeidentifyDicomStore(request)

    def refused(uri: str = "", filter_uri: str = "") -> tuple[str, str, list[str]]:
        found = failing(lambda: start(uri, filter_uri))
        assert "CANARY" not in found.message
        return found.code, found.reason, found.fields

    path = "filterConfig.resourcePathsGcsUri"
    assert refused(f"{at}/text.json") == ("INVALID_ARGUMENT", "INVALID_FIELD", ["gcsConfigUri"])
    code, reason, fields = refused(f"{at}/unknown.json")
    assert (code, reason) == ("INVALID_ARGUMENT", "UNKNOWN_FIELD")
    assert fields == ["gcsConfigUri.dicomTagConfig.actions[0].keepTags"]
    assert refused(f"{at}/none.json")[:2] == ("NOT_FOUND", "URI")
    for outside in (
        (tmp_path / "secret.json").as_uri(), f"{at}/link.json", f"{at}/../../../../../etc/passwd", "gs://other/x",
        f"{at}/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "s3://bucket/config.json", f"file://{folder}/../../../../etc/passwd",
        f"{BUCKET}x/config.json",
    ):  # fmt: skip
        assert refused(outside)[:2] == ("PERMISSION_DENIED", "URI_NOT_ALLOWED"), outside
        assert refused(filter_uri=outside)[:2] == ("PERMISSION_DENIED", "URI_NOT_ALLOWED"), outside
    for wrong in ("config.json", "http://host/config.json", "gs://", f"{at}/config.json?x", f"{at}/folder.json"):
        assert refused(wrong) == ("INVALID_ARGUMENT", "INVALID_URI", ["gcsConfigUri"]), wrong
    assert refused(filter_uri=f"{at}/wrong.txt") == ("INVALID_ARGUMENT", "MALFORMED_FILTER", [path])
    assert refused(filter_uri=f"{at}/empty.txt") == ("INVALID_ARGUMENT", "EMPTY_FILTER", [path])
    assert refused(filter_uri=f"{at}/large.txt") == ("INVALID_ARGUMENT", "OBJECT_TOO_LARGE", [path])
    assert api.finish(start(f"{at}/inside.json")).done

    operation = api.finish(start(f"{at}/config.json", f"{at}/filter.txt", "filtered"))
    assert metadata(operation).counter.success == 1
    (output,) = api.retrieve(f"{dataset}/dicomStores/filtered").values()
    assert pydicom.dcmread(_io(output)).Modality == "SR"


def test_explanation(api: Api) -> None:
    request = deidentify_service_pb2.ExplainConfigRequest(
        config=config({"dicomTagConfig": {"actions": [{"keepTag": {}, "queries": ["PatientName", "60xx3000"]}]}})
    )
    answer = api.deidentify.ExplainConfig(request)
    first, second = answer.rules[:2]
    assert (first.selector, first.keyword) == ("(0010,0010)", "PatientName")
    assert first.action == deidentify_service_pb2.ELEMENT_ACTION_KEEP
    assert first.because == "actions[0].queries[0]"
    assert second.selector == "(60xx,3000)"
    assert answer.edition == "2018e"
    assert len(answer.plan_fingerprint) == 64
    assert {rule.keyword for rule in answer.stamps} >= {"DeidentificationMethod"}
    request.config.dicom_tag_config.actions[0].queries[0] = "x"
    assert failing(lambda: api.deidentify.ExplainConfig(request)).fields == [
        "config.dicomTagConfig.actions[0].queries[0]"
    ]


# Operations


def test_operations(api: Api, filled: str, dataset: str) -> None:
    request = dicom_store_pb2.DeidentifyDicomStoreRequest(
        source_store=filled, destination_store=f"{dataset}/dicomStores/out"
    )
    operation = api.finish(api.stores.DeidentifyDicomStore(request))
    assert api.operation(operation.name) == operation
    listing = operations_pb2.ListOperationsRequest(name=dataset)
    assert operation in api.operations.ListOperations(listing).operations
    listing.filter = "done=false"
    assert not api.operations.ListOperations(listing).operations
    listing.filter = "done = true"
    assert operation in api.operations.ListOperations(listing).operations
    listing.filter = "name=x"
    assert failing(lambda: api.operations.ListOperations(listing)).fields == ["filter"]
    wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=Duration(seconds=-1))
    assert failing(lambda: api.operations.WaitOperation(wait)).fields == ["timeout"]
    cancel = operations_pb2.CancelOperationRequest(name=operation.name)
    api.operations.CancelOperation(cancel)
    assert api.operation(operation.name) == operation, "what is done stays as it is"
    api.operations.DeleteOperation(operations_pb2.DeleteOperationRequest(name=operation.name))
    assert failing(lambda: api.operation(operation.name)).code == "NOT_FOUND"
    assert failing(lambda: api.operations.CancelOperation(cancel)).code == "NOT_FOUND"
    for name in (
        "",
        "x",
        dataset,
        filled,
        f"{dataset}/operations/",
        f"{dataset}/operations/a b",
        f"{filled}/operations/1",
    ):
        cancel.name = name
        for call in (partial(api.operation, name), partial(api.operations.CancelOperation, cancel)):
            found = failing(call)
            assert (found.code, found.fields) == ("INVALID_ARGUMENT", ["name"])
            assert "datasets/{dataset}/operations/{operation}" in found.message
    errors = operation_metadata_pb2.ListOperationErrorsRequest(parent=operation.name)
    assert failing(lambda: api.log.ListOperationErrors(errors)).code == "NOT_FOUND"


# What is not there yet, and what is always there


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\x02\xc3\x28"], ids=["garbage", "no UTF-8"])
def test_what_is_no_request_is_refused_and_leaves_no_traceback(
    api: Api, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    for name in ("DatasetService/GetDataset", "DicomWebService/RetrieveStudy"):
        found = failing(partial(api.channel.unary_stream(f"/effacer.v1.{name}"), data))
        assert (found.code, found.reason) == ("INVALID_ARGUMENT", "UNDECODABLE")
    for name in ("DicomWebService/StoreInstances", "DeidentifyService/StreamDeidentify"):
        found = failing(partial(api.channel.stream_stream(f"/effacer.v1.{name}"), iter([data])))
        assert (found.code, found.reason) == ("INVALID_ARGUMENT", "UNDECODABLE")
    assert caplog.text == ""


def test_methods_of_later_versions(api: Api, filled: str) -> None:
    instance = next(iter(api.retrieve(filled)))
    calls = [
        lambda: api.stores.ImportDicomData(dicom_store_pb2.ImportDicomDataRequest(name=filled)),
        lambda: api.stores.ExportDicomData(dicom_store_pb2.ExportDicomDataRequest(name=filled)),
        lambda: api.web.RetrieveFrames(dicom_web_pb2.RetrieveFramesRequest(name=instance, frames=[1])),
        lambda: api.web.RetrieveRendered(dicom_web_pb2.RetrieveRenderedRequest(name=instance)),
        lambda: api.iam.GetIamPolicy(iam_policy_pb2.GetIamPolicyRequest(resource=filled)),
        lambda: api.iam.SetIamPolicy(iam_policy_pb2.SetIamPolicyRequest(resource=filled)),
        lambda: api.iam.TestIamPermissions(iam_policy_pb2.TestIamPermissionsRequest(resource=filled)),
    ]
    for call in calls:
        found = failing(call)
        assert (found.code, found.reason) == ("UNIMPLEMENTED", "NOT_IMPLEMENTED")
        assert found.message.startswith("this version")


def test_health(api: Api) -> None:
    stub = health_pb2_grpc.HealthStub(api.channel)
    for service in ("", "effacer.v1.DicomWebService", "google.longrunning.Operations"):
        assert (
            stub.Check(health_pb2.HealthCheckRequest(service=service)).status == health_pb2.HealthCheckResponse.SERVING
        )


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection(api: Api, version: str) -> None:
    call = api.channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="effacer.v1.DatasetService"),
    ]
    listed, file = call(iter(requests))
    names = {service.name for service in listed.list_services_response.service}
    assert {"effacer.v1.DatasetService", "google.longrunning.Operations", "grpc.health.v1.Health"} <= names
    assert file.file_descriptor_response.file_descriptor_proto


def test_a_second_server_on_the_same_port_fails(api: Api, tmp_path: Path) -> None:
    first = Server(Settings(data=tmp_path / "a", grpc_address="127.0.0.1:0", workers="inline", durable=False))
    address = first.start()
    try:
        with pytest.raises(Unavailable):
            Server(Settings(data=tmp_path / "b", grpc_address=address, workers="inline", durable=False)).start()
    finally:
        first.stop(1)
        shutil.rmtree(tmp_path)


class _Hold:
    """An iterator that stops before its nth message until it is freed."""

    def __init__(self, messages: Iterator[Any], number: int) -> None:
        self._messages, self._left = messages, number
        self.reached, self.free = threading.Event(), threading.Event()

    def __iter__(self) -> _Hold:
        return self

    def __next__(self) -> Any:
        if not self._left:
            self.reached.set()
            self.free.wait()
        self._left -= 1
        return next(self._messages)


def _io(data: bytes) -> io.BytesIO:
    return io.BytesIO(data)


def test_idle_streams_leave_room_for_other_calls(api: Api, dataset: str) -> None:
    store = api.store(dataset, "busy")
    free, refused = threading.Event(), threading.Semaphore(0)

    def idle() -> Iterator[dicom_web_pb2.StoreInstancesRequest]:
        yield dicom_web_pb2.StoreInstancesRequest(parent=store)
        free.wait(120)

    calls = [api.web.StoreInstances.future(idle()) for _ in range(24)]  # of 32 threads, 20 take streams
    for call in calls:
        call.add_done_callback(lambda _: refused.release())
    for _ in range(4):
        assert refused.acquire(timeout=120)
    assert api.stores.GetDicomStore(dicom_store_pb2.GetDicomStoreRequest(name=store)).name == store
    done = [call for call in calls if call.done()]
    assert {call.code() for call in done} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    free.set()
    assert sum(call.exception() is None for call in calls) == 20


def test_an_instance_above_the_limit_is_too_large_whether_declared_or_not(api: Api, dataset: str) -> None:
    store = api.store(dataset, "large")
    data = bytes(9 << 20)
    undeclared = list(upload_messages(store, [("x", data)]))
    declared = [dicom_web_pb2.StoreInstancesRequest.FromString(message.SerializeToString()) for message in undeclared]
    declared[1].instance_start.size_bytes = len(data)
    for messages in (undeclared, declared):
        (result,) = api.web.StoreInstances(iter(messages)).results
        assert "TOO_LARGE" in result.status.message


def test_numbers_beyond_their_vr_break_no_search(api: Api, dataset: str) -> None:
    store = api.store(dataset, "numbers")
    raw = synth.ct(1, size=16)
    at = raw.index(b"\x20\x00\x13\x00IS") + 6
    size = int.from_bytes(raw[at : at + 2], "little")
    long = raw[:at] + (400).to_bytes(2, "little") + b"9" * 400 + raw[at + 2 + size :]
    (result,) = api.upload(store, [("x", long)])
    assert result.status.code == 0
    found = api.web.SearchForInstances(dicom_web_pb2.SearchForInstancesRequest(parent=store)).results
    assert len(found) == 1
