"""Errors as google.rpc.Status, and the interceptor that turns every exception of a method into one.

What leaves holds a constant reason, names and numbers the caller sent, and no element's value. What is not one of our
errors is INTERNAL with a correlation id; the log gets the same id, the exception's type and the places in the code,
never its text, which could quote a value.
"""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from effacer_server.api.unknown_fields import check_known
from effacer_server.errors import EffacerError, InvalidConfig, Reason, Refused

log = logging.getLogger(__name__)

DOMAIN = "effacer"
# A status travels in a trailer, and peers accept 8 KiB of those, in base64.
_DETAIL_BYTES = 4096

_REASON_CODES = {
    Reason.UID_COLLISION: code_pb2.ALREADY_EXISTS,
    Reason.IO: code_pb2.UNAVAILABLE,
    Reason.INTERNAL: code_pb2.INTERNAL,
}


def to_status(error: EffacerError) -> status_pb2.Status:
    """The error as the caller sees it, with ErrorInfo and, where fields are at fault, BadRequest."""
    if isinstance(error, Refused):
        return refusal(error.reason, error.tag, error.vr, error.position)
    return _status(code_pb2.Code.Value(error.code), error.message, error.reason, error.metadata, _violations(error))


def refusal(reason: str, tag: int | None, vr: str, position: int | None) -> status_pb2.Status:
    """Why one instance was not written: reason, and where in its file."""
    error = Refused(Reason(reason), tag, vr, position)
    code = _REASON_CODES.get(Reason(reason), code_pb2.INVALID_ARGUMENT)
    return _status(code, error.message, error.reason, error.metadata, [])


def unexpected(error: BaseException) -> status_pb2.Status:
    """INTERNAL with a correlation id, under which the log has the exception's type and its places in the code."""
    correlation = uuid.uuid4().hex
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("internal error %s: %s at %s", correlation, type(error).__name__, " < ".join(reversed(places)))
    return _status(code_pb2.INTERNAL, f"internal error {correlation}", "INTERNAL", {"correlationId": correlation}, [])


def describe(error: Exception) -> status_pb2.Status:
    """The status of any exception."""
    return to_status(error) if isinstance(error, EffacerError) else unexpected(error)


def _violations(error: EffacerError) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = getattr(error, "violations", [])
    return found


def _status(
    code: int, message: str, reason: str, metadata: dict[str, str], violations: list[tuple[str, str]]
) -> status_pb2.Status:
    status = status_pb2.Status(code=code, message=message[:1024])
    status.details.append(_pack(error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)))
    request = error_details_pb2.BadRequest()
    for field, description in violations:
        request.field_violations.add(field=field, description=description, reason=reason)
        if request.ByteSize() > _DETAIL_BYTES:
            del request.field_violations[-1]
            break
    if request.field_violations:
        status.details.append(_pack(request))
    return status


def _pack(message: Any) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


class StatusInterceptor(grpc.ServerInterceptor):  # type: ignore[type-arg, misc]  # its stubs are not the classes
    """Around every method of ours: refuses garbage and unknown fields, answers every exception with a status."""

    def intercept_service(
        self, continuation: Callable[[Any], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        handler = continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith("/grpc."):
            return handler
        method = _streaming_out if handler.response_streaming else _single_out
        make = getattr(
            grpc,
            f"{'stream' if handler.request_streaming else 'unary'}_"
            f"{'stream' if handler.response_streaming else 'unary'}_rpc_method_handler",
        )
        behavior = getattr(
            handler,
            f"{'stream' if handler.request_streaming else 'unary'}_"
            f"{'stream' if handler.response_streaming else 'unary'}",
        )
        return make(
            method(behavior, handler.request_streaming),
            request_deserializer=_decoding(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )


#: Stands for a request that could not be decoded. Of an exception gRPC would make INTERNAL, and a traceback in the log.
_UNDECODABLE = object()


def _decoding(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def decode(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _UNDECODABLE

    return decode


def _single_out(behavior: Callable[..., Any], streaming_in: bool) -> Callable[..., Any]:
    def call(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return behavior(_checked(request, streaming_in), context)
        except grpc.RpcError:
            raise  # the caller has gone; grpc knows
        except Exception as error:
            status = describe(error)
        _abort(context, status)

    return call


def _streaming_out(behavior: Callable[..., Any], streaming_in: bool) -> Callable[..., Any]:
    def call(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            yield from behavior(_checked(request, streaming_in), context)
            return
        except grpc.RpcError:
            raise
        except Exception as error:
            status = describe(error)
        _abort(context, status)

    return call


def _checked(request: Any, streaming: bool) -> Any:
    return map(_known, request) if streaming else _known(request)


def _known(request: Any) -> Any:
    if request is _UNDECODABLE:
        raise InvalidConfig("", "the request is no message of its kind, or a text in it no UTF-8", "UNDECODABLE")
    check_known(request)
    return request


def _abort(context: grpc.ServicerContext, status: status_pb2.Status) -> NoReturn:
    context.abort_with_status(rpc_status.to_status(status))
    raise AssertionError("abort returns never")
