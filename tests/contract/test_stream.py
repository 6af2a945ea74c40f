"""StreamDeidentify on a server in this process: order, refusals, limits, and that nothing is left behind."""

from __future__ import annotations

import io
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pydicom
import pytest

from effacer.v1 import deidentify_service_pb2, dicom_store_pb2
from effacer_server.api import incoming, stream
from effacer_server.app import Server
from effacer_server.engine.instance import Deidentifier
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.plan import Keys
from effacer_server.settings import Settings
from tests import hostile, synth
from tests.canary import canaries, tokens_in
from tests.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Style
from tests.service import CHUNK, Api, failing
from tests.streams import answers, config, end, messages, start

LIMIT = 20 << 20
Request = deidentify_service_pb2.StreamDeidentifyRequest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stream")


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[Api]:
    settings = Settings(
        data=folder / "data",
        grpc_address="127.0.0.1:0",
        workers="inline",
        durable=False,
        rpc_threads=4,  # two of them for streams
        max_instance_bytes=LIMIT,
        roots=(folder.as_uri(),),
    )
    server = Server(settings)
    api = Api(server.start())
    yield api
    api.close()
    server.stop(5)


def run(api: Api, files: list[tuple[str, bytes]], text: dict[str, Any] | None = None, chunk: int = CHUNK) -> list[Any]:
    return answers(api.deidentify.StreamDeidentify(messages(Request, files, text, chunk)))


def ct(number: int, size: int = 16) -> bytes:
    return synth.ct(1, number=number, size=size)


def test_instances_come_back_in_order_with_refusals_between(api: Api) -> None:
    files = [("a", ct(1)), ("b", b"no DICOM"), ("", b""), ("d", ct(2)[:-9]), ("e", synth.sr(2, elements=60))]
    found = run(api, files)
    assert [answer.label for answer in found] == ["a", "b", "", "d", "e"]
    reasons = [answer.refused.reason if answer.refused else None for answer in found]
    assert reasons == [None, "NOT_DICOM", "NOT_DICOM", "TRUNCATED", None]
    truncated = found[3].refused
    assert truncated.code == "INVALID_ARGUMENT"
    assert (truncated.metadata["tag"], truncated.metadata["vr"]) == ("7FE00010", "OW")
    assert int(truncated.metadata["position"]) > 0
    for answer in (found[0], found[4]):
        data = pydicom.dcmread(io.BytesIO(answer.data))
        assert data.PatientName == ""
        assert data.PatientIdentityRemoved == "YES"
        assert data.SOPInstanceUID == data.file_meta.MediaStorageSOPInstanceUID == answer.instance.sop_instance_uid
        assert data.StudyInstanceUID == answer.instance.study_instance_uid
        assert data.SeriesInstanceUID == answer.instance.series_instance_uid
        assert data.SOPClassUID == answer.instance.sop_class_uid
        assert data.file_meta.TransferSyntaxUID == answer.instance.transfer_syntax_uid


def test_the_plan_is_told_first_and_equals_the_explained_one(api: Api) -> None:
    text = {"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE"}}
    explained = api.deidentify.ExplainConfig(deidentify_service_pb2.ExplainConfigRequest(config=config(text)))
    (accepted,) = api.deidentify.StreamDeidentify(messages(Request, [], text))
    assert accepted.config_accepted.plan_fingerprint == explained.plan_fingerprint
    assert (accepted.config_accepted.edition, list(accepted.config_accepted.notes)) == ("", list(explained.notes))


def test_uids_are_those_of_operations(api: Api) -> None:
    """One key on one server, whichever way an instance takes."""
    dataset = api.dataset("uids")
    store = api.store(dataset, "raw")
    api.upload(store, [("", ct(1))])
    request = dicom_store_pb2.DeidentifyDicomStoreRequest(
        source_store=store, destination_store=f"{dataset}/dicomStores/clean"
    )
    api.finish(api.stores.DeidentifyDicomStore(request))
    (stored,) = api.retrieve(f"{dataset}/dicomStores/clean").values()
    (answer,) = run(api, [("", ct(1))])
    assert answer.data == stored


@pytest.mark.parametrize("chunk", [1, 1000, CHUNK])
def test_chunks_of_any_size_give_the_same(api: Api, chunk: int) -> None:
    data = ct(1, size=8) if chunk == 1 else ct(1, size=64)
    (answer,) = run(api, [("", data)], chunk=chunk)
    (whole,) = run(api, [("", data)])
    assert answer.data == whole.data


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_instances_that_do_not_fit_into_memory_chunks(api: Api, syntax: str) -> None:
    data = ct(1, size=2200) if syntax == EXPLICIT else synth.ct(1, Style(syntax), size=512)
    assert syntax != EXPLICIT or len(data) > incoming.SPOOL_BYTES
    (answer,) = run(api, [("", data)])
    before, after = pydicom.dcmread(io.BytesIO(data)), pydicom.dcmread(io.BytesIO(answer.data))
    assert after.PixelData == before.PixelData
    assert after.PatientName == ""


def test_the_end_of_the_stream_closes_an_open_instance(api: Api) -> None:
    sent = list(messages(Request, [("last", ct(1))]))[:-1]
    (answer,) = answers(api.deidentify.StreamDeidentify(iter(sent)))
    assert answer.label == "last"
    assert answer.data


def test_too_large_and_wrong_sizes_are_refused_and_the_stream_goes_on(api: Api) -> None:
    def sent() -> Iterator[Any]:
        yield Request(config=config())
        yield start(Request, "huge")
        for _ in range(LIMIT // CHUNK + 3):
            yield Request(chunk=bytes(CHUNK))
        yield end(Request)
        yield start(Request, "said to be huge", LIMIT + 1)
        yield Request(chunk=ct(1))
        yield end(Request)
        yield start(Request, "short", 10_000_000)
        yield Request(chunk=ct(1))
        yield end(Request)
        yield start(Request, "long", 1)
        yield Request(chunk=ct(1))
        yield end(Request)
        yield from list(messages(Request, [("good", ct(1))]))[1:]

    found = answers(api.deidentify.StreamDeidentify(sent()))
    reasons = {answer.label: answer.refused.reason if answer.refused else None for answer in found}
    assert reasons == {
        "huge": "TOO_LARGE",
        "said to be huge": "TOO_LARGE",
        "short": "SIZE_MISMATCH",
        "long": "SIZE_MISMATCH",
        "good": None,
    }


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ([], "config"),
        ([Request()], "config"),
        ([start(Request)], "config"),
        ([Request(chunk=b"x")], "config"),
        ([Request(config=config()), Request(chunk=b"x")], "chunk"),
        ([Request(config=config()), end(Request)], "instanceEnd"),
        ([Request(config=config()), start(Request), start(Request)], "instanceStart"),
        ([Request(config=config()), Request(config=config())], "config"),
        ([Request(config=config()), start(Request), Request(gcs_config_uri="gs://b/c")], "gcsConfigUri"),
        ([Request(config=config()), start(Request), Request(chunk=bytes(CHUNK + 1))], "chunk"),
        ([Request(config=config()), start(Request, "x" * 257)], "instanceStart.label"),
        ([Request(config=config()), start(Request, "", -1)], "instanceStart.sizeBytes"),
        ([Request(config=config()), Request()], "payload"),
        ([Request(gcs_config_uri="http://x/y")], "gcsConfigUri"),
        (
            [Request(config=config({"dicomTagConfig": {"actions": [{"queries": ["Nonsense"], "keepTag": {}}]}}))],
            "config.dicomTagConfig.actions[0].queries[0]",
        ),
    ],
)  # fmt: skip
def test_messages_out_of_order_name_the_field(api: Api, sent: list[Any], field: str) -> None:
    found = failing(lambda: api.deidentify.StreamDeidentify(iter(sent)))
    assert (found.code, found.fields) == ("INVALID_ARGUMENT", [field])


def test_a_config_by_uri(api: Api, folder: Path) -> None:
    (folder / "config.json").write_text(
        '{"dicomTagConfig": {"actions": [{"queries": ["PatientName"], "keepTag": {}}]}}'
    )
    sent = list(messages(Request, [("", ct(1))]))
    sent[0] = Request(gcs_config_uri=(folder / "config.json").as_uri())
    (answer,) = answers(api.deidentify.StreamDeidentify(iter(sent)))
    assert pydicom.dcmread(io.BytesIO(answer.data)).PatientName != ""


def test_hostile_instances_are_refused_or_clean_and_never_end_the_stream(api: Api) -> None:
    cases = list(hostile.hostile())
    found = run(api, [*((name, data) for name, data, _ in cases), ("last", ct(1))])
    assert len(found) == len(cases) + 1
    for answer, (name, _, reasons) in zip(found, cases, strict=False):
        assert answer.refused is None or answer.refused.reason in {str(reason) for reason in reasons}, name
    assert found[-1].data


def test_no_token_leaves_with_a_refusal_or_an_output(api: Api) -> None:
    planted = canaries(7)
    broken = planted.data[: len(planted.data) // 2]
    sent = messages(Request, [("", broken), ("", planted.data)])
    raw = [message.SerializeToString() for message in api.deidentify.StreamDeidentify(sent)]
    tokens = [token for token in planted.gone if len(token) >= 8]
    assert not tokens_in(tokens, b"".join(raw))
    assert all(token in b"".join(raw) for token in planted.kept)


# What a stream holds, and lets go of


class Pulled:
    """Requests that are counted as they are taken."""

    def __init__(self, requests: Iterator[Any]) -> None:
        self.requests, self.count = requests, 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self.count += 1
        return next(self.requests)


def test_nothing_is_read_ahead_of_what_is_answered() -> None:
    """Without this a caller who sends and does not read would fill the server's memory."""
    plan = compile_config(config())
    sent = list(messages(Request, [(str(n), ct(n)) for n in range(4)]))[1:]
    pulled = Pulled(iter(sent))
    answering = stream.deidentify_stream(pulled, plan, Deidentifier(plan, Keys(bytes(32))), Settings(), lambda: True)
    assert next(answering).WhichOneof("payload") == "config_accepted"
    assert pulled.count == 0
    for number in range(1, 5):
        while next(answering).WhichOneof("payload") != "instance_end":
            assert pulled.count == number * 3
    assert next(answering, None) is None


def test_a_caller_who_leaves_half_an_instance_gets_no_answer_for_it() -> None:
    plan = compile_config(config())
    sent = list(messages(Request, [("", ct(1))]))[1:-1]
    answering = stream.deidentify_stream(
        iter(sent), plan, Deidentifier(plan, Keys(bytes(32))), Settings(), lambda: False
    )
    assert next(answering).WhichOneof("payload") == "config_accepted"
    with pytest.raises(Exception, match="the caller has gone"):
        next(answering)


def spooled(folder: Path) -> list[int]:
    """Descriptors of this process on files in a folder that have no name any more."""
    found = []
    for entry in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{entry}")
        except OSError:
            continue
        if target.startswith(f"{folder}/") and target.endswith("(deleted)"):
            found.append(int(entry))
    return found


def wait_for(condition: Any) -> None:
    """Waits however long that takes; the test's own time limit is the only one."""
    while not condition():
        time.sleep(0.01)


class Held:
    """Requests of which the last one is not followed by an end until the test says so."""

    def __init__(self, sent: list[Any]) -> None:
        self.sent, self.released = iter(sent), False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        found = next(self.sent, None)
        if found is not None:
            return found
        wait_for(lambda: self.released)
        raise StopIteration


def open_large() -> Held:
    """A stream that stops inside an instance too large for memory."""
    chunks = [Request(chunk=bytes(CHUNK)) for _ in range(incoming.SPOOL_BYTES // CHUNK + 2)]
    return Held([Request(config=config()), start(Request), *chunks])


def test_what_is_spooled_has_no_name_and_goes_with_the_call(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    held = open_large()
    call = api.deidentify.StreamDeidentify(held)
    wait_for(lambda: spooled(tmp_path))
    (descriptor,) = spooled(tmp_path)
    assert stat.S_IMODE(os.fstat(descriptor).st_mode) == 0o600
    assert os.listdir(tmp_path) == []
    call.cancel()
    with pytest.raises(grpc.RpcError):
        list(call)
    held.released = True
    wait_for(lambda: not spooled(tmp_path))


def test_streams_beyond_the_limit_are_turned_away_and_places_come_free(api: Api) -> None:
    held = [Held([Request(config=config()), start(Request)]) for _ in range(2)]
    calls = [api.deidentify.StreamDeidentify(requests) for requests in held]
    for call in calls:
        assert next(call).WhichOneof("payload") == "config_accepted"
    found = failing(lambda: api.deidentify.StreamDeidentify(messages(Request, [])))
    assert (found.code, found.reason) == ("RESOURCE_EXHAUSTED", "STREAMS")
    for call, requests in zip(calls, held, strict=True):
        call.cancel()
        requests.released = True
    wait_for(lambda: free(api))


def free(api: Api) -> bool:
    """Whether a stream is served."""
    try:
        return len(run(api, [("", ct(1))])) == 1
    except grpc.RpcError:
        return False


def test_a_deadline_frees_the_place_too(api: Api) -> None:
    wait_for(lambda: free(api))
    for _ in range(2):
        requests = Held([Request(config=config()), start(Request)])
        with pytest.raises(grpc.RpcError) as caught:
            list(api.deidentify.StreamDeidentify(requests, timeout=0.2))
        requests.released = True
        assert isinstance(caught.value, grpc.Call)
        assert caught.value.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)
    wait_for(lambda: free(api))
