"""Instances up and down, over a real channel: chunks, streams, order, whole files."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import effacer
from effacer import sending, upload
from effacer.v1 import dicom_web_pb2
from tests.fake_server import STORE, STUDY, Fake, instance_messages, serve, status

MIB = 1 << 20


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def client(fake: Fake) -> Iterator[effacer.Client]:
    server, address = serve(fake)
    with effacer.Client(address) as client:
        yield client
    server.stop(None).wait()


def payloads(stream: list[Any]) -> list[str]:
    return [message.WhichOneof("payload") for message in stream]


def test_an_instance_is_start_chunks_of_a_mebibyte_end(client: effacer.Client, fake: Fake) -> None:
    data = os.urandom(2 * MIB + 5)
    [result] = client.store_instances(STORE, data)
    [stream] = fake.streams
    assert payloads(stream) == ["instance_start", "chunk", "chunk", "chunk", "instance_end"]
    assert [len(message.chunk) for message in stream[1:-1]] == [MIB, MIB, 5]
    assert b"".join(message.chunk for message in stream) == data
    assert stream[0].instance_start.size_bytes == len(data)
    assert [message.parent for message in stream] == [STORE, "", "", "", ""]
    assert (result.index, result.item, result.error) == (0, data, None)
    assert result.instance is not None
    assert result.instance.size_bytes == len(data)


def test_no_file_name_leaves_the_house(client: effacer.Client, fake: Fake, tmp_path: Path) -> None:
    (tmp_path / "Doe^Jane.dcm").write_bytes(b"data")
    client.store(STORE, tmp_path)
    assert all(b"Doe" not in message.SerializeToString() for message in fake.streams[0])


def test_every_kind_of_item_in_order(client: effacer.Client, fake: Fake, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")
    with path.open("rb") as file:
        items: list[Any] = [str(path), path, b"b", bytearray(b"c"), memoryview(b"d"), io.BytesIO(b"e"), file]
        results = list(client.store_instances(STORE, iter(items)))
    assert [result.item for result in results] == items
    assert [result.error for result in results] == [None] * 7
    chunks = [message.chunk for message in fake.streams[0] if message.WhichOneof("payload") == "chunk"]
    assert chunks == [b"a", b"a", b"b", b"c", b"d", b"e", b"a"]


@pytest.mark.parametrize("single", ["path", "bytes", "file"])
def test_one_item_needs_no_list(client: effacer.Client, tmp_path: Path, single: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"line\nline\n")
    item: Any = {"path": path, "bytes": b"a\nb", "file": io.BytesIO(b"a\nb")}[single]
    assert [result.item for result in client.store_instances(STORE, item)] == [item]


def test_a_refused_instance_does_not_stop_the_others(client: effacer.Client) -> None:
    results = list(client.store_instances(STORE, [b"one", b"BAD", b"three"]))
    assert [result.error and result.error.reason for result in results] == [None, "NOT_DICOM", None]
    error = results[1].error
    assert isinstance(error, effacer.InvalidArgument)
    assert error.metadata == {"position": "0"}


def test_many_instances_are_split_into_streams(
    client: effacer.Client, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "INSTANCES_PER_STREAM", 4)
    taken = []

    def items() -> Iterator[bytes]:
        for number in range(10):
            taken.append(number)
            yield b"BAD" if number == 6 else b"%d" % number

    results = client.store_instances(STORE, items())
    assert taken == []  # nothing is read before results are asked for
    first = next(results)
    assert (first.index, len(taken)) == (0, 4)
    assert [result.index for result in results] == list(range(1, 10))
    assert [payloads(stream).count("instance_start") for stream in fake.streams] == [4, 4, 2]
    assert [stream[0].parent for stream in fake.streams] == [STORE] * 3


def test_large_instances_are_split_into_streams_by_bytes(
    client: effacer.Client, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "BYTES_PER_STREAM", 10)
    assert len(list(client.store_instances(STORE, [b"123456"] * 5))) == 5
    assert [payloads(stream).count("instance_end") for stream in fake.streams] == [2, 2, 1]


def test_no_items_open_no_stream(client: effacer.Client, fake: Fake) -> None:
    assert list(client.store_instances(STORE, [])) == []
    assert fake.streams == []


def test_files_and_folders(client: effacer.Client, tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a/c/3", "4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    results = client.store(STORE, tmp_path / "4", tmp_path)
    assert [Path(str(result.item)).relative_to(tmp_path).as_posix() for result in results] == [
        "4", "4", "a/c/3", "b/1", "b/2"
    ]  # fmt: skip
    listed = client.store(STORE, [str(tmp_path / "4"), tmp_path])
    assert [Path(str(result.item)) for result in listed] == [Path(str(result.item)) for result in results]
    assert client.store(STORE, (path for path in [tmp_path / "4"]))[0].error is None


def test_what_cannot_be_read_is_a_result_of_its_own(client: effacer.Client, fake: Fake, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    items = [tmp_path / "none", b"data", tmp_path / "pipe", tmp_path]
    results = list(client.store_instances(STORE, items))
    assert [result.error and result.error.reason for result in results] == [
        "UNREADABLE", None, "UNREADABLE", "UNREADABLE"
    ]  # fmt: skip
    assert "No such file" in str(results[0].error)
    assert payloads(fake.streams[0]).count("instance_start") == 1
    assert [str(result.error is None) for result in client.store_instances(STORE, tmp_path / "none")] == ["False"]
    assert len(fake.streams) == 1


class Broken(io.BytesIO):
    """A file that breaks off after its first chunk."""

    def read(self, count: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(4)


def test_a_file_that_breaks_off_is_refused_and_the_others_stored(client: effacer.Client) -> None:
    results = list(client.store_instances(STORE, [b"one", Broken(b"12345678"), b"three"]))
    assert [result.error and result.error.reason for result in results] == [None, "UNREADABLE", None]
    assert "Input/output error" in str(results[1].error)


class Pipe(Broken):
    """The same without a size."""

    def seek(self, *_: int) -> int:
        raise OSError(29, "Illegal seek")


def test_a_pipe_that_breaks_off_gives_up_the_stream(client: effacer.Client, fake: Fake) -> None:
    with pytest.raises(OSError, match="Input/output error"):
        list(client.store_instances(STORE, [b"one", Pipe(b"12345678")]))
    # The part that was read is never closed, so the server cannot take it for a whole instance.
    assert all(payloads(stream).count("instance_end") <= 1 for stream in fake.streams)


def test_failures_of_the_callers_own_iterable_are_the_callers(client: effacer.Client) -> None:
    def items() -> Iterator[bytes]:
        yield b"one"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(client.store_instances(STORE, items()))


@pytest.mark.parametrize("item", [io.StringIO("text"), 7, None])
def test_other_kinds_of_items_are_refused(client: effacer.Client, item: Any) -> None:
    with pytest.raises(effacer.InvalidArgument, match="items"):
        list(client.store_instances(STORE, [b"one", item]))


def test_a_stream_that_fails_raises_and_closes_its_file(
    client: effacer.Client, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.failures["StoreInstances"] = status("NOT_FOUND", "no such store", "NO_SUCH_STORE")
    opened: list[Any] = []
    real = sending._open

    def remember(item: Any) -> Any:
        opened.append(real(item)[0])
        return opened[-1], 64 * MIB, True

    monkeypatch.setattr(sending, "_open", remember)
    with (tmp_path / "big").open("wb") as file:
        file.truncate(64 * MIB)
    with pytest.raises(effacer.NotFound, match="no such store"):
        client.store(STORE, tmp_path / "big")
    assert [file.closed for file in opened] == [True]


def test_progress_counts_bytes_and_instances(client: effacer.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "INSTANCES_PER_STREAM", 2)
    seen: list[effacer.UploadProgress] = []
    threads = set()

    def note(progress: effacer.UploadProgress) -> None:
        seen.append(progress)
        threads.add(threading.get_ident())

    list(client.store_instances(STORE, [b"12", b"BAD", b"345"], progress=note))
    assert seen[-1] == effacer.UploadProgress(bytes=8, instances=3, stored=2, refused=1)
    assert [progress.bytes for progress in seen] == sorted(progress.bytes for progress in seen)
    assert {progress.stored for progress in seen} == {0, 1, 2}


def test_retrieve_writes_whole_files_by_uid(client: effacer.Client, fake: Fake, tmp_path: Path) -> None:
    fake.download = instance_messages("1.2.3.4", b"first one") + instance_messages("1.2.3.5", b"")
    seen: list[str] = []
    paths = client.retrieve(STUDY, tmp_path / "out", progress=lambda instance, path: seen.append(path.name))
    assert [path.relative_to(tmp_path / "out").as_posix() for path in paths] == [
        "1.2/1.2.3/1.2.3.4.dcm", "1.2/1.2.3/1.2.3.5.dcm"
    ]  # fmt: skip
    assert [path.read_bytes() for path in paths] == [b"first one", b""]
    assert seen == ["1.2.3.4.dcm", "1.2.3.5.dcm"]
    assert sorted(path.name for path in paths[0].parent.iterdir()) == ["1.2.3.4.dcm", "1.2.3.5.dcm"]


@pytest.mark.parametrize("fault", ["ends inside", "shorter than announced"])
def test_what_does_not_arrive_whole_is_not_written(
    client: effacer.Client, fake: Fake, tmp_path: Path, fault: str
) -> None:
    whole, announced = instance_messages("1.2.3.4", b"first one"), instance_messages("1.2.3.4", b"first", announced=9)
    fake.download = whole[:-1] if fault == "ends inside" else announced
    with pytest.raises(effacer.DataLoss):
        client.retrieve(STUDY, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("uid", ["..", ".", "../../x", "/etc/x", "a/b", "nul\0"])
def test_odd_uids_stay_in_their_folder(client: effacer.Client, fake: Fake, tmp_path: Path, uid: str) -> None:
    fake.download = instance_messages(uid, b"data")
    fake.download[0].instance_start.study_instance_uid = uid
    [path] = client.retrieve(STUDY, tmp_path / "out")
    assert path.resolve().parent.parent.parent == (tmp_path / "out").resolve()
    assert path.read_bytes() == b"data"


def test_retrieve_a_store_study_by_study(client: effacer.Client, fake: Fake, tmp_path: Path) -> None:
    fake.studies = ["1.1", "1.2", "1.3"]
    fake.download = instance_messages("1.2.3.4", b"data")
    assert len(client.retrieve(STORE, tmp_path)) == 3
    asked = [request.name for request in fake.received(dicom_web_pb2.RetrieveStudyRequest)]
    assert asked == [f"{STORE}/dicomWeb/studies/{uid}" for uid in fake.studies]


def test_retrieve_in_memory(client: effacer.Client, fake: Fake) -> None:
    fake.download = instance_messages("1.2.3.4", b"first one") + instance_messages("1.2.3.5", b"second")
    # Chunks that nobody takes do not get in the way of the next instance.
    assert [instance.sop_instance_uid for instance, _ in client.retrieve_instances(STUDY)] == ["1.2.3.4", "1.2.3.5"]
    (_, first), (_, second) = client.retrieve_instances(STUDY)
    for chunks in (first, second):
        with pytest.raises(effacer.FailedPrecondition, match="before the next result"):
            b"".join(chunks)
    assert client.retrieve_bytes(f"{STUDY}/series/1/instances/4", transfer_syntax_uid="*") == b"first one"
    [request] = fake.received(dicom_web_pb2.RetrieveInstanceRequest)
    assert request.transfer_syntax_uid == "*"
    for name in (STUDY, "1.2.3.4"):
        with pytest.raises(effacer.InvalidArgument, match="full name"):
            client.retrieve_bytes(name)


def test_frames_and_metadata(client: effacer.Client) -> None:
    instance = f"{STUDY}/series/1/instances/4"
    frames = [(start.frame, data) for start, data in client.retrieve_frames(instance, [2, 1])]
    assert frames == [(2, b"abcd"), (1, b"abcd")]
    assert list(client.retrieve_metadata(STUDY)) == [{"00080060": {"vr": "CS", "Value": ["CT"]}}]


def test_search_goes_on_to_the_last_page(client: effacer.Client, fake: Fake) -> None:
    fake.studies = ["1", "2", "3", "4", "5"]

    def found(**arguments: Any) -> list[str]:
        return [study["0020000D"]["Value"][0] for study in client.search_studies(STORE, **arguments)]

    assert found() == ["1", "2", "3", "4", "5"]
    assert found(limit=3) == ["1", "2", "3"]
    assert found(limit=0) == []
    assert found(offset=4) == ["5"]
    found(matches={"PatientID": "X*"}, include_fields="StudyDate", fuzzy=True, limit=1)
    request = fake.requests[-1]
    assert [(match.attribute, match.value) for match in request.matches] == [("PatientID", "X*")]
    assert (list(request.include_fields), request.fuzzy_matching, request.limit) == (["StudyDate"], True, 1)


def test_deletes(client: effacer.Client, fake: Fake) -> None:
    client.delete_study(STUDY).result(timeout=60)
    client.delete_instance(f"{STUDY}/series/1/instances/4")
    assert fake.requests[0] == dicom_web_pb2.DeleteStudyRequest(name=STUDY)
    assert fake.requests[1] == dicom_web_pb2.DeleteInstanceRequest(name=f"{STUDY}/series/1/instances/4")
