"""google.longrunning.Operations, the error log, and operations as their callers see them."""

from __future__ import annotations

import re
import threading
from typing import Any

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from effacer.v1 import operation_metadata_pb2, operation_metadata_pb2_grpc
from effacer_server.api import names
from effacer_server.api.paging import page_size, page_token_errors
from effacer_server.api.status import refusal
from effacer_server.errors import InvalidConfig, Reason
from effacer_server.jobs.manager import Manager
from effacer_server.store.catalog import Catalog, Operation

#: A wait without a timeout, and the longest one: a caller who wants more asks again.
LONGEST_WAIT_S = 60.0


def pack(message: Message) -> bytes:
    """A response as an operation keeps it: a serialised google.protobuf.Any."""
    packed = AnyMessage()
    packed.Pack(message)
    data: bytes = packed.SerializeToString()
    return data


class OperationView:
    """Rows of operations as google.longrunning.Operation, with live counters."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def proto(self, row: Operation) -> operations_pb2.Operation:
        """The operation with its metadata and, once it is done, its outcome."""
        counters = self._catalog.counters(row.name)
        metadata = operation_metadata_pb2.OperationMetadata(
            api_method_name=row.kind,
            logs_url=f"/v1beta1/{row.name}/errors",
            cancel_requested=row.cancel_requested,
            counter=operation_metadata_pb2.ProgressCounter(
                success=counters.success, failure=counters.failure, pending=0 if row.done else counters.pending
            ),
            notes=row.notes,
            plan_fingerprint=row.fingerprint,
            failure_reasons=self._catalog.count_errors(row.name) if counters.failure else {},
        )
        metadata.create_time.FromMicroseconds(int(row.create_time * 1_000_000))
        if row.end_time is not None:
            metadata.end_time.FromMicroseconds(int(row.end_time * 1_000_000))
        operation = operations_pb2.Operation(name=row.name, done=row.done)
        operation.metadata.Pack(metadata)
        if row.done and row.result_code:
            operation.error.code = row.result_code
            operation.error.message = row.result_message
        elif row.done:
            operation.response.ParseFromString(row.result)
        return operation


class OperationsService(operations_pb2_grpc.OperationsServicer):  # type: ignore[misc]  # no types come with it
    """google.longrunning.Operations."""

    def __init__(self, catalog: Catalog, manager: Manager, view: OperationView, waiters: int) -> None:
        self._catalog, self._manager, self._view = catalog, manager, view
        # Each wait holds a thread: some must stay free for everybody else.
        self._waiters = threading.BoundedSemaphore(max(waiters, 1))

    def GetOperation(
        self, request: operations_pb2.GetOperationRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        return self._view.proto(self._catalog.get_operation(names.parse_operation(request.name, "name")))

    def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, context: grpc.ServicerContext
    ) -> operations_pb2.ListOperationsResponse:
        dataset = names.parse_dataset(request.name.removesuffix("/operations"), "name")
        self._catalog.get_dataset(dataset)
        done = _parse_done(request.filter)
        with page_token_errors():
            page = self._catalog.list_operations(dataset, page_size(request.page_size), request.page_token, done)
        return operations_pb2.ListOperationsResponse(
            operations=[self._view.proto(row) for row in page.rows], next_page_token=page.next_page_token
        )

    def CancelOperation(self, request: operations_pb2.CancelOperationRequest, context: grpc.ServicerContext) -> Empty:
        self._manager.cancel(names.parse_operation(request.name, "name"))
        return Empty()

    def DeleteOperation(self, request: operations_pb2.DeleteOperationRequest, context: grpc.ServicerContext) -> Empty:
        self._catalog.delete_operation(names.parse_operation(request.name, "name"))
        return Empty()

    def WaitOperation(
        self, request: operations_pb2.WaitOperationRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        name = names.parse_operation(request.name, "name")
        timeout_s = LONGEST_WAIT_S
        if request.HasField("timeout"):
            timeout_s = min(timeout_s, request.timeout.seconds + request.timeout.nanos / 1e9)
            if timeout_s < 0:
                raise InvalidConfig("timeout", "must not be negative")
        remaining = context.time_remaining()
        if remaining is not None:
            timeout_s = min(timeout_s, max(remaining - 0.2, 0.0))
        if not self._waiters.acquire(blocking=False):
            timeout_s = 0.0
            return self._view.proto(self._manager.wait(name, timeout_s))
        try:
            return self._view.proto(self._manager.wait(name, timeout_s, gone=lambda: not context.is_active()))
        finally:
            self._waiters.release()


class OperationLogService(operation_metadata_pb2_grpc.OperationLogServiceServicer):  # type: ignore[misc]  # generated without types
    """See protos/effacer/v1/operation_metadata.proto."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def ListOperationErrors(
        self, request: operation_metadata_pb2.ListOperationErrorsRequest, context: grpc.ServicerContext
    ) -> operation_metadata_pb2.ListOperationErrorsResponse:
        name = names.parse_operation(request.parent, "parent")
        self._catalog.get_operation(name)
        reason = _parse_reason(request.filter)
        with page_token_errors():
            page = self._catalog.list_errors(name, page_size(request.page_size), request.page_token, reason)
        return operation_metadata_pb2.ListOperationErrorsResponse(
            entries=[
                operation_metadata_pb2.DeidentifyLogEntry(
                    resource_name=row.source, error=refusal(row.reason, row.tag, row.vr, row.position)
                )
                for row in page.rows
            ],
            next_page_token=page.next_page_token,
        )


def _parse_done(text: str) -> bool | None:
    match = re.fullmatch(r"\s*(?:done\s*=\s*(true|false)\s*)?", text)
    if match is None:
        raise InvalidConfig("filter", "must be done=true, done=false or empty")
    return None if match[1] is None else match[1] == "true"


def _parse_reason(text: str) -> str:
    match = re.fullmatch(r"\s*(?:reason\s*=\s*([A-Z_]+)\s*)?", text)
    if match is None or (match[1] and match[1] not in Reason.__members__):
        raise InvalidConfig("filter", f"must be empty or reason= and one of {', '.join(Reason.__members__)}")
    return match[1] or ""


def add_to(server: grpc.Server, catalog: Catalog, manager: Manager, view: OperationView, waiters: int) -> None:
    """Registers both services."""
    service: Any = OperationsService(catalog, manager, view, waiters)
    operations_pb2_grpc.add_OperationsServicer_to_server(service, server)
    operation_metadata_pb2_grpc.add_OperationLogServiceServicer_to_server(OperationLogService(catalog), server)
