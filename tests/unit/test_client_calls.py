"""The client against a server made of dictionaries: resources, de-identification, operations, errors."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from google.rpc import code_pb2

import effacer
from effacer import errors
from effacer.v1 import (
    dataset_pb2,
    deidentify_pb2,
    deidentify_service_pb2,
    dicom_store_pb2,
    operation_metadata_pb2,
)
from tests.fake_server import DATASET, LOCATION, OPERATION, STORE, STUDY, Fake, finished, serve, state, status

REQUESTS = Path(__file__).parent.parent / "golden" / "requests"
OTHER = f"{DATASET}/dicomStores/other"
CODES = [name for name in code_pb2.Code.DESCRIPTOR.values_by_name if name != "OK"]


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def address(fake: Fake) -> Iterator[str]:
    server, address = serve(fake)
    yield address
    server.stop(None).wait()


@pytest.fixture
def client(address: str) -> Iterator[effacer.Client]:
    with effacer.Client(address) as client:
        yield client


def test_datasets(client: effacer.Client, fake: Fake) -> None:
    created = client.create_dataset(DATASET, time_zone="Asia/Tokyo").result(timeout=30)
    assert (created.name, created.time_zone) == (DATASET, "Asia/Tokyo")
    assert client.create_dataset(LOCATION, "d").result() == dataset_pb2.Dataset(name=DATASET)
    assert client.get_dataset(DATASET).time_zone == "Europe/Paris"
    assert [dataset.name[-1] for dataset in client.list_datasets(LOCATION)] == list("01234")
    assert client.update_dataset(DATASET, time_zone="").name == DATASET
    client.delete_dataset(DATASET)
    [update] = fake.received(dataset_pb2.UpdateDatasetRequest)
    assert list(update.update_mask.paths) == ["time_zone"]
    assert fake.requests[-1] == dataset_pb2.DeleteDatasetRequest(name=DATASET)


@pytest.mark.parametrize("name", ["d", "datasets/d", f"{LOCATION}/datasets/", f"{DATASET}/dicomStores/s", ""])
def test_a_name_without_its_parent_is_refused_at_home(client: effacer.Client, fake: Fake, name: str) -> None:
    with pytest.raises(effacer.InvalidArgument, match="full name"):
        client.create_dataset(name)
    assert fake.requests == []


def test_stores(client: effacer.Client, fake: Fake) -> None:
    assert client.create_dicom_store(STORE, labels={"site": "a"}).labels == {"site": "a"}
    assert client.create_dicom_store(DATASET, "s").name == STORE
    assert client.get_dicom_store(STORE).name == STORE
    assert [store.name[-1] for store in client.list_dicom_stores(DATASET, filter="labels.site=a")] == list("012")
    assert {request.filter for request in fake.received(dicom_store_pb2.ListDicomStoresRequest)} == {"labels.site=a"}
    assert client.get_dicom_store_metrics(STORE).instance_count == 7
    client.update_dicom_store(STORE, labels={})
    client.update_dicom_store(STORE, labels={"a": "b"}, notification_configs=[])
    masks = [list(request.update_mask.paths) for request in fake.received(dicom_store_pb2.UpdateDicomStoreRequest)]
    assert masks == [["labels"], ["labels", "notification_configs"]]
    client.delete_dicom_store(STORE)
    assert fake.requests[-1] == dicom_store_pb2.DeleteDicomStoreRequest(name=STORE)


def test_deidentify_store_sends_config_and_filter(client: effacer.Client, fake: Fake) -> None:
    operation = client.deidentify_dicom_store(STORE, OTHER, REQUESTS / "10_store_level_keep_tag.json")
    assert (operation.name, operation.metadata.counter.pending) == (OPERATION, 1)
    client.deidentify_dicom_store(STORE, OTHER, {}, filter="file:///f.txt")
    client.deidentify_dicom_store(STORE, OTHER, REQUESTS / "11_store_level_filter_v1.json")
    client.deidentify_dicom_store(STORE, OTHER, gcs_config_uri="gs://b/c")
    client.deidentify_dicom_store(STORE, OTHER, {"gcsConfigUri": "gs://b/d"})
    client.deidentify_dicom_store(STORE, OTHER)
    keep, filtered, both, by_uri, by_body, none = fake.received(dicom_store_pb2.DeidentifyDicomStoreRequest)
    assert (keep.source_store, keep.destination_store, keep.HasField("filter_config")) == (STORE, OTHER, False)
    assert list(keep.config.dicom_tag_config.actions[0].queries) == ["PatientName"]
    assert filtered.WhichOneof("config_source") == "config"
    assert filtered.filter_config.resource_paths_gcs_uri == "file:///f.txt"
    assert both.filter_config.resource_paths_gcs_uri == "gs://BUCKET/PATH/TO/FILE"
    assert both.destination_store == OTHER
    assert (by_uri.gcs_config_uri, by_body.gcs_config_uri) == ("gs://b/c", "gs://b/d")
    assert none.WhichOneof("config_source") is None


def test_deidentify_dataset(client: effacer.Client, fake: Fake) -> None:
    config = deidentify_pb2.DeidentifyConfig(use_regional_data_processing=True)
    client.deidentify_dataset(DATASET, f"{DATASET}2", config)
    [request] = fake.received(dataset_pb2.DeidentifyDatasetRequest)
    assert (request.source_dataset, request.destination_dataset) == (DATASET, f"{DATASET}2")
    assert request.config == config


def test_what_contradicts_itself_is_not_sent(client: effacer.Client, fake: Fake) -> None:
    filtered = REQUESTS / "11_store_level_filter_v1.json"
    with pytest.raises(effacer.InvalidArgument, match="another filter"):
        client.deidentify_dicom_store(STORE, OTHER, filtered, filter="gs://b/another")
    with pytest.raises(effacer.InvalidArgument, match="only a store can have a filter"):
        client.deidentify_dataset(DATASET, f"{DATASET}2", filtered)
    with pytest.raises(effacer.InvalidArgument, match="gcs_config_uri"):
        client.deidentify_dicom_store(STORE, OTHER, {}, gcs_config_uri="gs://b/c")
    for uri in ("", "/local/file"):
        with pytest.raises(effacer.InvalidArgument, match="filter: must be a URI"):
            client.deidentify_dicom_store(STORE, OTHER, {}, filter=uri)
    with pytest.raises(effacer.InvalidArgument) as caught:
        client.deidentify_dicom_store(STORE, OTHER, {"dicomTagConfig": {"actions": [{"queriez": []}]}})
    assert caught.value.violations[0][0] == "config.dicomTagConfig.actions[0].queriez"
    assert fake.requests == []
    client.deidentify_dicom_store(STORE, OTHER, filtered, filter="gs://BUCKET/PATH/TO/FILE")
    assert len(fake.requests) == 1


def test_an_operation_is_picked_up_by_name(client: effacer.Client, fake: Fake) -> None:
    fake.operations[OPERATION] = [state(pending=2), state(success=1, pending=1), finished(2, 0)]
    operation = client.operation(OPERATION)
    assert operation.metadata.counter.pending == 2
    assert isinstance(operation.result(timeout=60), deidentify_pb2.DeidentifyDicomStoreSummary)
    assert operation.metadata.counter.success == 2
    with pytest.raises(effacer.NotFound, match="does not exist"):
        client.operation(f"{DATASET}/operations/none")


def test_an_operation_is_picked_up_in_another_process(address: str, fake: Fake) -> None:
    fake.operations[OPERATION] = [state(pending=1), finished(1, 0)]
    program = (
        "import sys, effacer\n"
        "with effacer.Client(sys.argv[1]) as client:\n"
        "    operation = client.operation(sys.argv[2])\n"
        "    print(type(operation.result(60)).__name__, operation.metadata.counter.success)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, address, OPERATION], capture_output=True, text=True, timeout=120, check=True
    )
    assert run.stdout.split() == ["DeidentifyDicomStoreSummary", "1"]


def test_cancel_over_the_channel(client: effacer.Client, fake: Fake) -> None:
    fake.operations[OPERATION] = [state(pending=1)]
    operation = client.operation(OPERATION)
    operation.cancel()
    with pytest.raises(effacer.Cancelled):
        operation.result(timeout=60)
    client.cancel_operation(OPERATION)
    assert len(fake.received(operations_pb2.CancelOperationRequest)) == 2


def test_listings_of_operations_and_errors(client: effacer.Client, fake: Fake) -> None:
    for number in range(3):
        name = f"{DATASET}/operations/{number}"
        fake.operations[name] = [state(name)]
        entry = operation_metadata_pb2.DeidentifyLogEntry(resource_name=f"{STUDY}/series/3/instances/{number}")
        entry.error.CopyFrom(status("INVALID_ARGUMENT", "TRUNCATED position=9", "TRUNCATED", position="9"))
        fake.log.append(entry)
    assert [operation.name[-1] for operation in client.list_operations(DATASET)] == ["0", "1", "2"]
    assert fake.received(operations_pb2.ListOperationsRequest)[0].name == DATASET
    entries = list(client.operation_errors(OPERATION, reason="TRUNCATED"))
    assert [entry.resource_name[-1] for entry in entries] == ["0", "1", "2"]
    assert errors.from_status(entries[0].error).metadata == {"position": "9"}
    assert {request.filter for request in fake.received(operation_metadata_pb2.ListOperationErrorsRequest)} == {
        "reason=TRUNCATED"
    }


def test_explain(client: effacer.Client, fake: Fake) -> None:
    answer = client.explain({"dicomTagConfig": {"actions": [{"queries": ["PN"], "keepTag": {}}]}})
    assert (answer.plan_fingerprint, answer.rules[0].words) == ("f00", "stays")
    client.explain(gcs_config_uri="gs://b/c")
    client.explain(REQUESTS / "11_store_level_filter_v1.json")
    first, by_uri, with_filter = fake.received(deidentify_service_pb2.ExplainConfigRequest)
    assert list(first.config.dicom_tag_config.actions[0].queries) == ["PN"]
    assert by_uri.gcs_config_uri == "gs://b/c"
    assert with_filter.HasField("config")
    fake.failures["ExplainConfig"] = status("INVALID_ARGUMENT", "no", "INVALID_FIELD", [("config.x", "is odd")])
    with pytest.raises(effacer.InvalidArgument) as caught:
        client.explain()
    assert caught.value.violations == [("config.x", "is odd")]


def test_a_stream_comes_back_in_order(client: effacer.Client, fake: Fake, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"from a file")
    accepted: list[Any] = []
    items = [tmp_path / "a", tmp_path / "none", b"BAD", io.BytesIO(b"a file object"), b"", tmp_path]
    found = [
        (result.index, result.item, None if result.refused else result.read(), result.refused and result.refused.reason)
        for result in client.deidentify_stream(items, {}, accepted=accepted.append)
    ]
    assert found == [
        (0, items[0], b"FROM A FILE", None),
        (1, items[1], None, "UNREADABLE"),
        (2, items[2], None, "NOT_DICOM"),
        (3, items[3], b"A FILE OBJECT", None),
        (4, items[4], b"", None),
        (5, items[5], None, "UNREADABLE"),
    ]
    assert [list(plan.notes) for plan in accepted] == [["a note"]]
    (request,) = fake.received(deidentify_service_pb2.StreamDeidentifyRequest)
    assert request.HasField("config")


def test_a_stream_takes_items_as_it_goes_and_chunks_need_not_be_taken(client: effacer.Client) -> None:
    taken: list[int] = []

    def items() -> Iterator[bytes]:
        for number in range(6):
            taken.append(number)
            yield b"%d" % number * 10

    results = client.deidentify_stream(items())
    assert next(results).instance
    second = next(results)
    assert b"".join(second.chunks()) == b"1" * 10
    assert [result.index for result in results] == [2, 3, 4, 5]
    assert taken == list(range(6))


def test_an_output_is_taken_once_and_before_the_next_result(client: effacer.Client) -> None:
    def reason(take: Callable[[], object]) -> str:
        with pytest.raises(effacer.FailedPrecondition) as caught:
            take()
        return caught.value.reason

    results = client.deidentify_stream([b"first", b"second", b"BAD", b"fourth"])
    first = next(results)
    chunks = first.chunks()
    assert next(chunks) == b"FIR"
    assert reason(first.read) == "TAKEN", "the rest alone would pass for the whole"
    second = next(results)
    assert [reason(first.read), reason(lambda: next(chunks)), reason(lambda: list(first.chunks()))] == [
        "PASSED_OVER"
    ] * 3
    assert second.read() == b"SECOND"
    assert [reason(second.read), reason(second.chunks)] == ["TAKEN"] * 2
    refused, fourth = results
    assert (refused.read(), list(refused.chunks())) == (b"", []), "of what is refused there is nothing"
    assert [reason(second.read), reason(fourth.read)] == ["TAKEN", "PASSED_OVER"]
    let_go = next(client.deidentify_stream([b"nobody holds the stream"]))
    assert reason(let_go.read) == "PASSED_OVER"


def test_what_items_raise_is_raised(client: effacer.Client) -> None:
    def items() -> Iterator[bytes]:
        yield b"good"
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        list(client.deidentify_stream(items()))
    with pytest.raises(effacer.InvalidArgument, match="must be paths, bytes or files"):
        list(client.preview_files([object()]))  # type: ignore[list-item]


def test_a_file_that_breaks_off_says_why(client: effacer.Client) -> None:
    class Breaking(io.BytesIO):
        def read(self, count: int | None = -1) -> bytes:
            if self.tell() == 0:
                return super().read(3)
            raise OSError(5, "Input/output error")

    results = list(client.deidentify_stream([Breaking(b"longer"), b"good"]))
    assert [result.refused and result.refused.reason for result in results] == ["UNREADABLE", None]
    previews = list(client.preview_files([Breaking(b"longer"), b"good"]))
    assert [preview.refused and preview.refused.reason for preview in previews] == ["UNREADABLE", None]


def test_an_instance_that_does_not_arrive_whole_is_data_loss(client: effacer.Client, tmp_path: Path) -> None:
    with pytest.raises(effacer.DataLoss):
        [result.read() for result in client.deidentify_stream([b"cut off"])]
    (tmp_path / "a").write_bytes(b"cut off")
    with pytest.raises(effacer.DataLoss):
        list(client.deidentify_files(tmp_path / "a", tmp_path / "out"))
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_files_are_written_by_their_new_uids(client: effacer.Client, tmp_path: Path) -> None:
    for name, data in {"a": b"one", "b": b"same 1", "c": b"same 2", "d": b"BAD"}.items():
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    out = tmp_path / "in" / "out"  # inside: what is written is not read again
    results = list(client.deidentify_files(tmp_path / "in", out, {}))
    assert [(result.source.name, result.output, result.refused and result.refused.reason) for result in results] == [
        ("a", out / "1.2" / "1.2.3" / "1.2.3.0.dcm", None),
        ("b", out / "1.2" / "1.2.3" / "1.2.3.9.dcm", None),
        ("c", None, "UID_COLLISION"),
        ("d", None, "NOT_DICOM"),
    ]
    assert (out / "1.2" / "1.2.3" / "1.2.3.9.dcm").read_bytes() == b"SAME 1"
    assert len([path for path in out.rglob("*") if path.is_file()]) == 2


def test_missing_paths_are_an_error_before_anything_is_sent(client: effacer.Client, fake: Fake, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    for call in (
        lambda: client.store(STORE, tmp_path / "a", tmp_path / "none"),
        lambda: client.store(STORE, [tmp_path / "a", tmp_path / "none"]),
        lambda: list(client.deidentify_files([tmp_path / "a", tmp_path / "none"], tmp_path / "out")),
    ):
        with pytest.raises(effacer.InvalidArgument) as caught:
            call()
        assert caught.value.violations == [("paths[1]", f"there is no file or folder {tmp_path}/none")]
        assert caught.value.reason == "NO_SUCH_FILE"
    assert (fake.requests, fake.streams) == ([], [])


@pytest.mark.parametrize("wrong", [12, b"data", [12], io.BytesIO(b"data")])
def test_what_is_no_path_is_an_error_of_ours(client: effacer.Client, fake: Fake, wrong: Any) -> None:
    for call in (lambda: client.store(STORE, wrong), lambda: list(client.deidentify_files(wrong, "out"))):
        with pytest.raises(effacer.InvalidArgument, match=r"paths\[0\]: must be a path, not "):
            call()
    assert (fake.requests, fake.streams) == ([], [])


def test_a_stream_has_no_filter_and_one_config(client: effacer.Client, fake: Fake) -> None:
    with pytest.raises(effacer.InvalidArgument, match="only a store can have a filter"):
        list(client.deidentify_stream([b"x"], REQUESTS / "11_store_level_filter_v1.json"))
    with pytest.raises(effacer.InvalidArgument, match="gcs_config_uri"):
        list(client.preview_files([b"x"], {}, gcs_config_uri="gs://b/c"))
    assert fake.requests == []
    list(client.deidentify_stream([b"x"], gcs_config_uri="gs://b/c"))
    (request,) = fake.received(deidentify_service_pb2.StreamDeidentifyRequest)
    assert request.gcs_config_uri == "gs://b/c"


def test_previews_of_names_come_in_groups_by_store(client: effacer.Client, fake: Fake) -> None:
    names = [f"{STUDY}/series/3/instances/{number}" for number in range(150)]
    other = f"{OTHER}/dicomWeb/studies/1/series/2/instances/3.404"
    previews = list(client.preview([*names, other, names[0]], {}, include_kept=True))
    assert [preview.index for preview in previews] == list(range(152))
    assert [preview.item for preview in previews] == [*names, other, names[0]]
    assert {len(preview.elements) for preview in previews} == {2, 0}
    refused = previews[150].refused
    assert refused is not None
    assert refused.reason == "NOT_DICOM"
    requests = fake.received(deidentify_service_pb2.PreviewDeidentifyRequest)
    assert [(request.parent, len(request.names)) for request in requests] == [
        (STORE, 100),
        (STORE, 50),
        (OTHER, 1),
        (STORE, 1),
    ]
    assert all(request.include_kept for request in requests)
    with pytest.raises(effacer.InvalidArgument, match=r"names\[1\]"):
        list(client.preview([names[0], STUDY]))


def test_previews_of_files(client: effacer.Client, fake: Fake, tmp_path: Path) -> None:
    items = [b"one", tmp_path / "none", b"BAD"]
    previews = list(client.preview_files(items, {}, show_values=True))
    assert [(p.index, p.item, len(p.elements)) for p in previews] == [(0, b"one", 2), (1, items[1], 0), (2, b"BAD", 0)]
    assert [preview.refused and preview.refused.reason for preview in previews] == [None, "UNREADABLE", "NOT_DICOM"]
    assert previews[0].plan_fingerprint == "f00"
    (request,) = fake.received(deidentify_service_pb2.StreamPreviewRequest)
    assert (request.show_values, request.include_kept, request.HasField("config")) == (True, False, True)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_class(client: effacer.Client, fake: Fake, code: str) -> None:
    fake.failures["GetDataset"] = status(code, "why not", "SOME_REASON", [("name", "is odd")], key="value")
    with pytest.raises(effacer.EffacerError) as caught:
        client.get_dataset(DATASET)
    error = caught.value
    assert type(error).__name__.upper() == code.replace("_", "")
    assert type(error).__name__ in effacer.__all__
    assert (error.code, error.message, error.reason) == (code, "why not", "SOME_REASON")
    assert (error.metadata, error.violations) == ({"key": "value"}, [("name", "is odd")])


def test_a_failure_without_details_keeps_code_and_message(client: effacer.Client) -> None:
    with pytest.raises(effacer.Unimplemented, match="not implemented") as caught:
        client.delete_operation(OPERATION)
    assert (caught.value.reason, caught.value.violations) == ("", [])


def test_no_server_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        with effacer.Client(f"127.0.0.1:{unused.getsockname()[1]}") as client, pytest.raises(effacer.Unavailable):
            client.get_dataset(DATASET)


def test_a_silent_server_meets_the_deadline() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with effacer.Client(address, timeout_s=0.2) as client, pytest.raises(TimeoutError):
            client.get_dataset(DATASET)


def test_a_token_goes_with_every_call(address: str, fake: Fake) -> None:
    tokens = iter("ab")
    with effacer.Client(address, token=lambda: next(tokens)) as client:
        client.get_dataset(DATASET)
        client.get_dataset(DATASET)
    with effacer.Client(address) as client:
        client.get_dataset(DATASET)
    assert [seen.get("authorization") for seen in fake.metadata] == ["Bearer a", "Bearer b", None]


def test_credentials_mean_tls(address: str, fake: Fake) -> None:
    tls = effacer.Client(address, credentials=grpc.ssl_channel_credentials())
    with tls as client, pytest.raises(effacer.Unavailable):  # this server speaks plain text
        client.get_dataset(DATASET)
    assert fake.requests == []


def test_importing_the_client_imports_nothing_heavy() -> None:
    program = "import sys, effacer; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    loaded = set(run.stdout.split())
    assert "effacer" in loaded
    assert not loaded & {"pydicom", "numpy", "effacer_server", "sqlalchemy", "click", "rich", "tests"}


def test_public_names() -> None:
    codes = {name.title().replace("_", "") for name in CODES}
    others = {"Client", "EffacerError", "Operation", "StoreResult", "UploadProgress", "__version__"}
    others |= {"Deidentified", "DeidentifiedFile", "Preview"}
    assert set(effacer.__all__) == codes | others
    assert all(hasattr(effacer, name) for name in effacer.__all__)
