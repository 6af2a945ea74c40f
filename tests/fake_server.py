"""An Effacer server made of dictionaries: what the client's tests talk to, over a real channel.

It knows the contract and no DICOM. Tests read what it received, and write down what it answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from effacer.v1 import (
    dataset_pb2,
    dataset_pb2_grpc,
    deidentify_pb2,
    deidentify_service_pb2,
    deidentify_service_pb2_grpc,
    dicom_store_pb2,
    dicom_store_pb2_grpc,
    dicom_web_pb2,
    dicom_web_pb2_grpc,
    instance_pb2,
    operation_metadata_pb2,
    operation_metadata_pb2_grpc,
)

LOCATION = "projects/p/locations/l"
DATASET = f"{LOCATION}/datasets/d"
STORE = f"{DATASET}/dicomStores/s"
OPERATION = f"{DATASET}/operations/1"
STUDY = f"{STORE}/dicomWeb/studies/1.2"


def status(code: str, message: str, reason: str = "", violations: Any = (), **metadata: str) -> status_pb2.Status:
    """A google.rpc.Status with the details the server sends."""
    result = status_pb2.Status(code=code_pb2.Code.Value(code), message=message)
    if reason:
        result.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="effacer", metadata=metadata))
    if violations:
        request = error_details_pb2.BadRequest()
        for path, description in violations:
            request.field_violations.add(field=path, description=description)
        result.details.add().Pack(request)
    return result


def state(
    name: str = OPERATION, *, success: int = 0, failure: int = 0, pending: int = 0, **reasons: int
) -> operations_pb2.Operation:
    """A running operation with counters."""
    result = operations_pb2.Operation(name=name)
    metadata = operation_metadata_pb2.OperationMetadata(failure_reasons=reasons)
    metadata.counter.success, metadata.counter.failure, metadata.counter.pending = success, failure, pending
    result.metadata.Pack(metadata)
    return result


def ended(running: operations_pb2.Operation, outcome: Any) -> operations_pb2.Operation:
    """The same operation, done, with a response or a Status."""
    running.done = True
    if isinstance(outcome, status_pb2.Status):
        running.error.CopyFrom(outcome)
    else:
        running.response.Pack(outcome)
    return running


@dataclass
class Fake:
    """What the server holds and has seen."""

    requests: list[Any] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    #: One list of messages for each upload stream.
    streams: list[list[dicom_web_pb2.StoreInstancesRequest]] = field(default_factory=list)
    #: Answers of GetOperation by name, one a call; the last one stays.
    operations: dict[str, list[operations_pb2.Operation]] = field(default_factory=dict)
    #: By method name: the Status to fail with.
    failures: dict[str, status_pb2.Status] = field(default_factory=dict)
    #: Messages a retrieval answers with.
    download: list[dicom_web_pb2.RetrieveResponse] = field(default_factory=list)
    studies: list[str] = field(default_factory=list)
    log: list[operation_metadata_pb2.DeidentifyLogEntry] = field(default_factory=list)
    page: int = 2

    def received(self, kind: type) -> list[Any]:
        """Requests of one type, in order."""
        return [request for request in self.requests if isinstance(request, kind)]

    def note(self, request: Any, context: grpc.ServicerContext) -> None:
        """Writes down a request, and fails it when the test says so."""
        self.requests.append(request)
        self.metadata.append({key: str(value) for key, value in context.invocation_metadata()})
        method = type(request).__name__.removesuffix("Request")
        if method in self.failures:
            context.abort_with_status(rpc_status.to_status(self.failures[method]))

    def pages(self, items: list[Any], token: str) -> tuple[list[Any], str]:
        """One page of items, and the token of the next."""
        start = int(token or 0)
        end = start + self.page
        return items[start:end], str(end) if end < len(items) else ""


class _Datasets(dataset_pb2_grpc.DatasetServiceServicer):
    def __init__(self, fake: Fake) -> None:
        self.fake = fake

    def CreateDataset(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        dataset = dataset_pb2.Dataset(name=f"{request.parent}/datasets/{request.dataset_id}")
        dataset.time_zone = request.dataset.time_zone
        return ended(state(f"{dataset.name}/operations/0"), dataset)

    def GetDataset(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        return dataset_pb2.Dataset(name=request.name, time_zone="Europe/Paris")

    def ListDatasets(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        items = [dataset_pb2.Dataset(name=f"{request.parent}/datasets/{number}") for number in range(5)]
        found, token = self.fake.pages(items, request.page_token)
        return dataset_pb2.ListDatasetsResponse(datasets=found, next_page_token=token)

    def UpdateDataset(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        return request.dataset

    def DeleteDataset(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        return empty_pb2.Empty()

    def DeidentifyDataset(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        return state(pending=1)


class _Stores(dicom_store_pb2_grpc.DicomStoreServiceServicer):
    def __init__(self, fake: Fake) -> None:
        self.fake = fake

    def CreateDicomStore(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        store = dicom_store_pb2.DicomStore(labels=request.dicom_store.labels)
        store.name = f"{request.parent}/dicomStores/{request.dicom_store_id}"
        return store

    def GetDicomStore(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        return dicom_store_pb2.DicomStore(name=request.name, labels={"site": "a"})

    def ListDicomStores(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        items = [dicom_store_pb2.DicomStore(name=f"{request.parent}/dicomStores/{number}") for number in range(3)]
        found, token = self.fake.pages(items, request.page_token)
        return dicom_store_pb2.ListDicomStoresResponse(dicom_stores=found, next_page_token=token)

    def UpdateDicomStore(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        return request.dicom_store

    def DeleteDicomStore(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        return empty_pb2.Empty()

    def GetDicomStoreMetrics(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        return dicom_store_pb2.DicomStoreMetrics(name=request.name, instance_count=7)

    def DeidentifyDicomStore(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        return state(pending=1)


class _Web(dicom_web_pb2_grpc.DicomWebServiceServicer):
    """Takes any instance but those that begin with `BAD`, which stand for files that are no DICOM."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake

    def StoreInstances(self, requests: Iterator[Any], context: Any) -> Any:
        messages: list[Any] = []
        self.fake.streams.append(messages)
        response = dicom_web_pb2.StoreInstancesResponse()
        start, data = instance_pb2.InstanceStart(), b""
        for message in requests:
            if not messages and "StoreInstances" in self.fake.failures:
                context.abort_with_status(rpc_status.to_status(self.fake.failures["StoreInstances"]))
            messages.append(message)
            payload = message.WhichOneof("payload")
            if payload == "instance_start":
                start, data = message.instance_start, b""
            elif payload == "chunk":
                data += message.chunk
            elif payload == "instance_end":
                result = response.results.add(index=len(response.results), label=start.label)
                if start.size_bytes and start.size_bytes != len(data):
                    result.status.CopyFrom(status("INVALID_ARGUMENT", "another size", "SIZE_MISMATCH"))
                elif data.startswith(b"BAD"):
                    result.status.CopyFrom(status("INVALID_ARGUMENT", "NOT_DICOM", "NOT_DICOM", position="0"))
                else:
                    result.instance.name = f"{STUDY}/series/3/instances/{len(response.results)}"
                    result.instance.size_bytes = len(data)
        return response

    def _retrieve(self, request: Any, context: Any) -> Iterator[Any]:
        self.fake.note(request, context)
        yield from self.fake.download

    RetrieveStudy = RetrieveSeries = RetrieveInstance = _retrieve

    def RetrieveMetadata(self, request: Any, context: Any) -> Iterator[Any]:
        self.fake.note(request, context)
        document = json_format.ParseDict({"00080060": {"vr": "CS", "Value": ["CT"]}}, struct_pb2.Struct())
        yield dicom_web_pb2.RetrieveMetadataResponse(name=request.name, metadata=document)

    def RetrieveFrames(self, request: Any, context: Any) -> Iterator[Any]:
        self.fake.note(request, context)
        for frame in request.frames:
            start = dicom_web_pb2.FrameStart(frame=frame, size_bytes=4)
            yield dicom_web_pb2.RetrieveFramesResponse(frame_start=start)
            yield dicom_web_pb2.RetrieveFramesResponse(chunk=b"ab")
            yield dicom_web_pb2.RetrieveFramesResponse(chunk=b"cd")

    def SearchForStudies(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        end = min(request.offset + min(request.limit, self.fake.page), len(self.fake.studies))
        response = dicom_web_pb2.SearchResponse(has_more=end < len(self.fake.studies))
        for uid in self.fake.studies[request.offset : end]:
            json_format.ParseDict({"0020000D": {"vr": "UI", "Value": [uid]}}, response.results.add())
        return response

    def DeleteStudy(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        return ended(state(), empty_pb2.Empty())

    def DeleteInstance(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        return empty_pb2.Empty()


class _Operations(operations_pb2_grpc.OperationsServicer):
    def __init__(self, fake: Fake) -> None:
        self.fake = fake

    def GetOperation(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        states = self.fake.operations.get(request.name)
        if not states:
            missing = status("NOT_FOUND", f"{request.name} does not exist", "NO_SUCH_OPERATION")
            context.abort_with_status(rpc_status.to_status(missing))
        return states.pop(0) if len(states) > 1 else states[0]

    def ListOperations(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        items = [states[0] for states in self.fake.operations.values()]
        found, token = self.fake.pages(items, request.page_token)
        return operations_pb2.ListOperationsResponse(operations=found, next_page_token=token)

    def CancelOperation(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        cancelled = ended(state(request.name), status("CANCELLED", "cancelled", "CANCELLED"))
        self.fake.operations[request.name] = [cancelled]
        return empty_pb2.Empty()


class _Log(operation_metadata_pb2_grpc.OperationLogServiceServicer):
    def __init__(self, fake: Fake) -> None:
        self.fake = fake

    def ListOperationErrors(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        found, token = self.fake.pages(self.fake.log, request.page_token)
        return operation_metadata_pb2.ListOperationErrorsResponse(entries=found, next_page_token=token)


class _Deidentify(deidentify_service_pb2_grpc.DeidentifyServiceServicer):
    """Instances come back in capital letters; those that begin with `BAD` are refused."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake

    def ExplainConfig(self, request: Any, context: Any) -> Any:
        self.fake.note(request, context)
        rule = deidentify_service_pb2.PlanRule(
            selector="(0010,0010)",
            keyword="PatientName",
            action="ELEMENT_ACTION_KEEP",
            because="actions[0]",
            words="stays",
        )
        default = deidentify_service_pb2.PlanRule(
            selector="any", action="ELEMENT_ACTION_DELETE", because="p", words="goes"
        )
        content = deidentify_service_pb2.PlanContentRule(
            code="121022", scheme="DCM", because="options.x", words="goes too"
        )
        return deidentify_service_pb2.ExplainConfigResponse(
            plan_fingerprint="f00", edition="2018e", rules=[rule], default_rule=default, stamps=[rule],
            content_rules=[content], notes=["a note"], text="edition 2018e\nplan\n",
        )  # fmt: skip

    def StreamDeidentify(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        response = deidentify_service_pb2.StreamDeidentifyResponse
        for index, (label, data) in enumerate(self._instances(requests, context)):
            if data is None:
                accepted = deidentify_service_pb2.ConfigAccepted(plan_fingerprint="f00", notes=["a note"])
                yield response(config_accepted=accepted)
            elif data.startswith(b"BAD"):
                refused = status("INVALID_ARGUMENT", "NOT_DICOM position=0", "NOT_DICOM", position="0")
                if data == b"BAD size":
                    refused = status("INVALID_ARGUMENT", "another size", "SIZE_MISMATCH")
                answer = deidentify_service_pb2.RefusedInstance(index=index - 1, label=label, status=refused)
                yield response(instance_refused=answer)
            else:
                instance = self._instance(index - 1, data)
                yield response(
                    instance_start=deidentify_service_pb2.DeidentifiedInstance(index=index - 1, instance=instance)
                )
                for at in range(0, len(data), 3):
                    yield response(chunk=data[at : at + 3].upper())
                if data != b"cut off":
                    yield response(instance_end=instance_pb2.InstanceEnd())

    def StreamPreview(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        for index, (_, data) in enumerate(self._instances(requests, context)):
            if data is not None:
                yield from self._preview(index - 1, "", data)

    def PreviewDeidentify(self, request: Any, context: Any) -> Iterator[Any]:
        self.fake.note(request, context)
        for index, name in enumerate(request.names):
            yield from self._preview(index, name, b"BAD" if name.endswith(".404") else b"data")

    def _preview(self, index: int, name: str, data: bytes) -> Iterator[Any]:
        answer = deidentify_service_pb2.PreviewDeidentifyResponse(index=index, name=name, plan_fingerprint="f00")
        if data.startswith(b"BAD"):
            answer.status.CopyFrom(status("INVALID_ARGUMENT", "NOT_DICOM position=0", "NOT_DICOM", position="0"))
            yield answer
            return
        answer.instance.CopyFrom(self._instance(index, data))
        answer.elements.add(
            path="(0010,0010)", keyword="PatientName", vr="PN", action="ELEMENT_ACTION_RESET", new_value="PLACEHOLDER",
            because="actions[0]", old_kind="PN, 1 value, 8 bytes", old_value="Old\x1b[1mName",
        )  # fmt: skip
        yield answer
        more = deidentify_service_pb2.PreviewDeidentifyResponse(index=index, name=name, plan_fingerprint="f00")
        more.elements.add(path="(0012,0062)", keyword="PatientIdentityRemoved", vr="CS", action="ELEMENT_ACTION_STAMP")
        yield more

    def _instance(self, index: int, data: bytes) -> instance_pb2.Instance:
        uid = "1.2.3.9" if data.startswith(b"same") else f"1.2.3.{index}"
        return instance_pb2.Instance(
            study_instance_uid="1.2", series_instance_uid="1.2.3", sop_instance_uid=uid, size_bytes=len(data)
        )

    def _instances(self, requests: Iterator[Any], context: Any) -> Iterator[tuple[str, bytes | None]]:
        """What comes, with None first, for the config."""
        label, data = "", b""
        for message in requests:
            payload = message.WhichOneof("payload")
            if payload in ("config", "gcs_config_uri"):
                self.fake.note(message, context)
                yield "", None
            elif payload == "instance_start":
                label, data, size = message.instance_start.label, b"", message.instance_start.size_bytes
            elif payload == "chunk":
                data += message.chunk
            else:
                yield label, data if size in (0, len(data)) else b"BAD size"


def instance_messages(uid: str, data: bytes, *, announced: int | None = None) -> list[Any]:
    """A download of one instance in chunks of 3 bytes; `announced`: the size it claims to have."""
    start = instance_pb2.Instance(
        name=f"{STUDY}/series/1.2.3/instances/{uid}",
        study_instance_uid="1.2",
        series_instance_uid="1.2.3",
        sop_instance_uid=uid,
        size_bytes=len(data) if announced is None else announced,
    )
    messages = [dicom_web_pb2.RetrieveResponse(instance_start=start)]
    messages += [dicom_web_pb2.RetrieveResponse(chunk=data[at : at + 3]) for at in range(0, len(data), 3)]
    return [*messages, dicom_web_pb2.RetrieveResponse(instance_end=instance_pb2.InstanceEnd())]


def finished(success: int, failure: int, **reasons: int) -> operations_pb2.Operation:
    """A store's de-identification that ended well."""
    summary = deidentify_pb2.DeidentifyDicomStoreSummary()
    return ended(state(success=success, failure=failure, **reasons), summary)


def serve(fake: Fake) -> tuple[grpc.Server, str]:
    """Starts it on a free port; the server, and its address."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    dataset_pb2_grpc.add_DatasetServiceServicer_to_server(_Datasets(fake), server)
    dicom_store_pb2_grpc.add_DicomStoreServiceServicer_to_server(_Stores(fake), server)
    dicom_web_pb2_grpc.add_DicomWebServiceServicer_to_server(_Web(fake), server)
    operations_pb2_grpc.add_OperationsServicer_to_server(_Operations(fake), server)
    operation_metadata_pb2_grpc.add_OperationLogServiceServicer_to_server(_Log(fake), server)
    deidentify_service_pb2_grpc.add_DeidentifyServiceServicer_to_server(_Deidentify(fake), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"
