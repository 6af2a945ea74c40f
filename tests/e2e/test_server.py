"""The whole corridor in a process of its own: samples, filters, cancel, kill, restart, stop."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from google.longrunning import operations_pb2
from google.protobuf import json_format

from effacer.v1 import dataset_pb2, dicom_store_pb2
from tests import synth
from tests.canary import canaries, tokens_in
from tests.e2e.conftest import ServerProcess
from tests.encode import EXPLICIT, Style
from tests.samples import sample_instance
from tests.service import Api, failure, metadata

REQUESTS = Path(__file__).parent.parent / "golden" / "requests"
Serve = Callable[..., ServerProcess]
MANY = 160


def test_samples_03_and_10_and_a_filter_file(serve: Serve, tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    server = serve("--bucket", f"gs://BUCKET={bucket.as_uri()}", "--workers", "processes:2")
    api, sample = server.api, sample_instance()
    source = api.dataset("source")
    store = api.store(source, "s")
    planted = canaries(3, Style(EXPLICIT))
    uploads = {
        "sample": sample,
        "canary": planted.data,
        "truncated": sample[: len(sample) // 2],
        "text": b"Ann Johnson wrote this",
        "empty": b"",
    }
    results = {result.label: result for result in api.upload(store, uploads.items())}
    assert [label for label, result in results.items() if not result.status.code] == ["sample", "canary"]
    assert failure(results["truncated"].status).reason == "TRUNCATED"
    assert failure(results["text"].status).reason == "NOT_DICOM"
    assert failure(results["empty"].status).reason == "NOT_DICOM"

    # Dataset level, the whole body as the sample prints it.
    body = _request("03_keep_tag.json", source.rsplit("/", 1)[0], "by03")
    request = json_format.ParseDict(body, dataset_pb2.DeidentifyDatasetRequest(source_dataset=source))
    operation = api.finish(api.datasets.DeidentifyDataset(request))
    assert metadata(operation).counter.success == 2
    _check_sample(api, f"{request.destination_dataset}/dicomStores/s")

    # Store level, into a dataset that exists.
    body = _request("10_store_level_keep_tag.json", source.rsplit("/", 1)[0], "by03")
    request = json_format.ParseDict(body, dicom_store_pb2.DeidentifyDicomStoreRequest(source_store=store))
    assert metadata(api.finish(api.stores.DeidentifyDicomStore(request))).counter.success == 2
    _check_sample(api, request.destination_store)

    # A filter file in a mapped bucket, with its line ends of another system.
    (bucket / "PATH").mkdir()
    study = results["canary"].instance.study_instance_uid
    (bucket / "PATH" / "FILE").write_bytes(f"/studies/{study}\r\n".encode())
    request = dicom_store_pb2.DeidentifyDicomStoreRequest(
        source_store=store,
        destination_store=f"{source}/dicomStores/filtered",
        filter_config={"resource_paths_gcs_uri": "gs://BUCKET/PATH/FILE"},
    )
    assert metadata(api.finish(api.stores.DeidentifyDicomStore(request))).counter.success == 1
    ((name, output),) = api.retrieve(request.destination_store).items()
    long = [token for token in planted.gone if len(token) > 7]
    assert len(long) > 1000
    assert not tokens_in(long, output + name.encode())

    server.close()
    log = server.log().encode()
    assert not tokens_in((*long, *planted.kept, b"Johnson"), log)


def test_cancel_leaves_what_it_counts(serve: Serve) -> None:
    server = serve("--workers", "threads:1", "--shard-instances", "4")
    api = server.api
    operation, destination = _start(api)
    api.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=operation.name))
    operation = api.finish(operation)
    found = metadata(operation)
    # It may have been quicker than the request to cancel it; what it counts is true either way.
    assert operation.error.code == 1 or found.counter.success == MANY
    assert (found.counter.failure, found.counter.pending) == (0, 0)
    assert _count(api, destination) == found.counter.success
    assert len(api.retrieve(destination)) == found.counter.success


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_operation_outlives_its_server(serve: Serve, number: signal.Signals) -> None:
    server = serve("--workers", "threads:1", "--shard-instances", "4")
    operation, destination = _start(server.api)
    while not metadata(server.api.operation(operation.name)).counter.success:
        pass
    assert server.end(number) == (0 if number == signal.SIGTERM else -number)
    server.start()
    operation = server.api.finish(server.api.operation(operation.name))
    assert not operation.HasField("error")
    counter = metadata(operation).counter
    assert (counter.success, counter.failure, counter.pending) == (MANY, 0, 0)
    outputs = server.api.retrieve(destination)
    assert len(outputs) == MANY == _count(server.api, destination)
    sources = {str(pydicom.dcmread(io.BytesIO(data)).InstanceNumber) for data in outputs.values()}
    assert len(sources) == MANY, "every instance once, none twice under another name"
    objects = server.data / "objects"
    written = [path for path in objects.rglob("*") if path.is_file()]
    assert len(written) == 2 * MANY, "nothing half-written, nothing left over"


@pytest.mark.parametrize("workers", ["threads:1", "processes:2"])
def test_a_server_goes_on_with_what_a_killed_one_left(serve: Serve, workers: str) -> None:
    first = serve("--workers", workers, "--shard-instances", "4")
    second = serve("--workers", workers, "--data", str(first.data))
    operation, destination = _start(first.api)
    while not metadata(second.api.operation(operation.name)).counter.success:
        pass
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    operation = second.api.finish(second.api.operation(operation.name))
    assert not operation.HasField("error")
    counter = metadata(operation).counter
    assert (counter.success, counter.failure, counter.pending) == (MANY, 0, 0)
    outputs = second.api.retrieve(destination)
    assert len(outputs) == MANY == _count(second.api, destination)
    numbers = {str(pydicom.dcmread(io.BytesIO(data)).InstanceNumber) for data in outputs.values()}
    assert len(numbers) == MANY, "every instance once, none twice under another name"


def test_an_address_in_use_is_said_so(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "effacer_server", "serve", "--data", str(tmp_path), "--grpc-address", address]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert address in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (["--workers", "foo"], {}, "--workers or EFFACER_WORKERS: "),
        ([], {"EFFACER_WORKERS": "threads:0"}, "--workers or EFFACER_WORKERS: "),
        (["--catalog", "foo://x"], {}, "--catalog or EFFACER_CATALOG: "),
        (["--objects", "ftp://x"], {}, "--objects or EFFACER_OBJECTS: "),
        (["--root", "file://relative"], {}, "--root or EFFACER_ROOTS: "),
        (["--bucket", "gs://a=relative"], {}, "--bucket or EFFACER_BUCKETS: "),
        ([], {"EFFACER_GRACE_S": "-1"}, "EFFACER_GRACE_S: "),
        ([], {"EFFACER_UID_KEY": "CANARY77"}, "EFFACER_UID_KEY: "),
    ],
)
def test_a_bad_setting_ends_with_2_and_is_named(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], named: str
) -> None:
    command = [sys.executable, "-m", "effacer_server", "serve", "--data", str(tmp_path), "--grpc-address"]
    ended = subprocess.run(
        [*command, "127.0.0.1:0", *arguments], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"Error: {named}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "CANARY77" not in ended.stderr


def _request(name: str, location: str, dataset: str) -> dict[str, Any]:
    """A sample's body with its placeholders filled in."""
    text = (REQUESTS / name).read_text()
    text = text.replace(
        "projects/PROJECT_ID/locations/SOURCE_DATASET_LOCATION/datasets/DESTINATION_DATASET_ID", "DATASET"
    )
    filled = text.replace("DATASET", f"{location}/{dataset}").replace("DESTINATION_DICOM_STORE_ID", "by10")
    body: dict[str, Any] = json.loads(filled)
    return body


def _check_sample(api: Api, store: str) -> None:
    outputs = [pydicom.dcmread(io.BytesIO(data)) for data in api.retrieve(store).values()]
    assert len(outputs) == 2
    (output,) = [output for output in outputs if str(output.PatientName) == "Ann Johnson"]
    assert output.PatientID == ""
    assert output.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert output.PatientIdentityRemoved == "NO"  # the name is kept
    assert output.StudyInstanceUID.startswith("2.25.")


def _start(api: Api) -> tuple[operations_pb2.Operation, str]:
    """Many small instances on their way into a new store."""
    dataset = api.dataset("d")
    store = api.store(dataset, "in")
    results = api.upload(store, ((str(n), synth.ct(1, number=n, size=4)) for n in range(MANY)))
    assert not any(result.status.code for result in results)
    destination = f"{dataset}/dicomStores/out"
    request = dicom_store_pb2.DeidentifyDicomStoreRequest(source_store=store, destination_store=destination)
    return api.stores.DeidentifyDicomStore(request), destination


def _count(api: Api, store: str) -> int:
    request = dicom_store_pb2.GetDicomStoreMetricsRequest(name=store)
    count: int = api.stores.GetDicomStoreMetrics(request).instance_count
    return count
