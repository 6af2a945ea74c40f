"""Calls on a server as tests make them: stubs, uploads in any shape, statuses taken apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
from google.iam.v1 import iam_policy_pb2_grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from effacer.v1 import (
    dataset_pb2,
    dataset_pb2_grpc,
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
CHUNK = 1 << 20


@dataclass(frozen=True)
class Failure:
    """A google.rpc.Status, taken apart."""

    code: str
    reason: str
    metadata: dict[str, str]
    fields: list[str]
    message: str


def failure(status: status_pb2.Status) -> Failure:
    """Takes a status apart; it must carry an ErrorInfo of ours."""
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info) or detail.Unpack(request)
    assert info.domain == "effacer"
    code = next(code.name for code in grpc.StatusCode if code.value[0] == status.code)
    fields = [violation.field for violation in request.field_violations]
    return Failure(code, info.reason, dict(info.metadata), fields, status.message)


def failing(call: Callable[[], Any]) -> Failure:
    """The failure of a call that must fail; a stream is read to its end."""
    try:
        answer = call()
        if isinstance(answer, grpc.Call):
            list(answer)  # type: ignore[call-overload]
    except grpc.RpcError as error:
        status = rpc_status.from_call(error)
        if status is None:
            raise
        return failure(status)
    raise AssertionError("the call succeeded")


class Api:
    """Every service of one server."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)])
        self.datasets: Any = dataset_pb2_grpc.DatasetServiceStub(self.channel)
        self.stores: Any = dicom_store_pb2_grpc.DicomStoreServiceStub(self.channel)
        self.web: Any = dicom_web_pb2_grpc.DicomWebServiceStub(self.channel)
        self.operations: Any = operations_pb2_grpc.OperationsStub(self.channel)
        self.log: Any = operation_metadata_pb2_grpc.OperationLogServiceStub(self.channel)
        self.deidentify: Any = deidentify_service_pb2_grpc.DeidentifyServiceStub(self.channel)
        self.iam: Any = iam_policy_pb2_grpc.IAMPolicyStub(self.channel)

    def close(self) -> None:
        self.channel.close()

    def dataset(self, name: str) -> str:
        """Creates a dataset; returns its full name."""
        self.datasets.CreateDataset(dataset_pb2.CreateDatasetRequest(parent=LOCATION, dataset_id=name))
        return f"{LOCATION}/datasets/{name}"

    def store(self, dataset: str, name: str, **labels: str) -> str:
        """Creates a DICOM store; returns its full name."""
        store = dicom_store_pb2.DicomStore(labels=labels)
        request = dicom_store_pb2.CreateDicomStoreRequest(parent=dataset, dicom_store_id=name, dicom_store=store)
        created: str = self.stores.CreateDicomStore(request).name
        return created

    def upload(self, parent: str, files: Iterable[tuple[str, bytes]]) -> list[dicom_web_pb2.StoreInstanceResult]:
        """Stores (label, bytes) and returns the results."""
        return list(self.web.StoreInstances(upload_messages(parent, files)).results)

    def retrieve(self, store: str) -> dict[str, bytes]:
        """Every instance of a store, by resource name."""
        found: dict[str, bytes] = {}
        for study in self.web.SearchForStudies(dicom_web_pb2.SearchForStudiesRequest(parent=store, limit=5000)).results:
            name = f"{store}/dicomWeb/studies/{study['0020000D']['Value'][0]}"
            found |= read(self.web.RetrieveStudy(dicom_web_pb2.RetrieveStudyRequest(name=name)))
        return found

    def operation(self, name: str) -> operations_pb2.Operation:
        return self.operations.GetOperation(operations_pb2.GetOperationRequest(name=name))

    def finish(self, operation: operations_pb2.Operation) -> operations_pb2.Operation:
        """Waits until it is done, however long that takes; the test's own time limit is the only one."""
        while not operation.done:
            request = operations_pb2.WaitOperationRequest(name=operation.name, timeout=Duration(seconds=10))
            operation = self.operations.WaitOperation(request)
        return operation

    def errors(self, operation: operations_pb2.Operation) -> list[operation_metadata_pb2.DeidentifyLogEntry]:
        request = operation_metadata_pb2.ListOperationErrorsRequest(parent=operation.name)
        return list(self.log.ListOperationErrors(request).entries)


def metadata(operation: operations_pb2.Operation) -> operation_metadata_pb2.OperationMetadata:
    """An operation's metadata."""
    found = operation_metadata_pb2.OperationMetadata()
    assert operation.metadata.Unpack(found)
    return found


def upload_messages(
    parent: str, files: Iterable[tuple[str, bytes]], chunk: int = CHUNK
) -> Iterator[dicom_web_pb2.StoreInstancesRequest]:
    """An upload as the contract describes it."""
    yield dicom_web_pb2.StoreInstancesRequest(parent=parent)
    for label, data in files:
        start = instance_pb2.InstanceStart(label=label)
        yield dicom_web_pb2.StoreInstancesRequest(instance_start=start)
        for at in range(0, len(data), chunk):
            yield dicom_web_pb2.StoreInstancesRequest(chunk=data[at : at + chunk])
        yield dicom_web_pb2.StoreInstancesRequest(instance_end=instance_pb2.InstanceEnd())


def read(messages: Iterable[dicom_web_pb2.RetrieveResponse]) -> dict[str, bytes]:
    """What a download holds, by resource name; chunks are at most 1 MiB, sizes as told."""
    found: dict[str, bytes] = {}
    start, parts = None, []
    for message in messages:
        kind = message.WhichOneof("payload")
        if kind == "instance_start":
            assert start is None
            start, parts = message.instance_start, []
        elif kind == "chunk":
            assert 0 < len(message.chunk) <= CHUNK
            parts.append(message.chunk)
        else:
            assert start is not None
            found[start.name] = b"".join(parts)
            assert len(found[start.name]) == start.size_bytes
            start = None
    assert start is None
    return found
