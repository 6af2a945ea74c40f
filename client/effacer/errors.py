"""Every failure a caller can meet, as one tree.

    EffacerError(message, reason, metadata, violations)
    ├─ InvalidArgument      INVALID_ARGUMENT     violations name the field's path: config.dicomTagConfig.actions[0]
    ├─ NotFound             NOT_FOUND            ├─ AlreadyExists       ALREADY_EXISTS
    ├─ PermissionDenied     PERMISSION_DENIED    ├─ Unauthenticated     UNAUTHENTICATED
    ├─ FailedPrecondition   FAILED_PRECONDITION  ├─ Aborted             ABORTED
    ├─ ResourceExhausted    RESOURCE_EXHAUSTED   ├─ OutOfRange          OUT_OF_RANGE
    ├─ Unimplemented        UNIMPLEMENTED        ├─ Unavailable         UNAVAILABLE
    ├─ DeadlineExceeded     DEADLINE_EXCEEDED    (a TimeoutError as well)
    ├─ Cancelled            CANCELLED            ├─ DataLoss            DATA_LOSS
    └─ Internal             INTERNAL             └─ Unknown             UNKNOWN

One class for each canonical code of gRPC; the same classes whether the server answered so, an operation ended so, or
the client found the fault before anything was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status


class EffacerError(Exception):
    """A call, an operation or an instance that failed.

    Attributes:
        code: canonical code in upper case, for instance `NOT_FOUND`.
        message: one sentence for people, without the value of any element.
        reason: a constant that tells failures of one code apart, for instance `TRUNCATED`; "" when there is none.
        metadata: what belongs to the reason: names, tags (`00100010`), VRs, byte positions.
        violations: (field path, what is wrong there), for faults of a request.
    """

    code = "UNKNOWN"

    def __init__(
        self,
        message: str = "",
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.violations = list(violations)

    def __str__(self) -> str:
        return self.message or self.reason or self.code


class InvalidArgument(EffacerError):
    """Something the caller gave is wrong; asking again does not help. `violations` says what and where."""

    code = "INVALID_ARGUMENT"


class NotFound(EffacerError):
    """What the call names does not exist."""

    code = "NOT_FOUND"


class AlreadyExists(EffacerError):
    """A resource or instance of that name is there, and nothing is ever overwritten."""

    code = "ALREADY_EXISTS"


class PermissionDenied(EffacerError):
    """Not allowed."""

    code = "PERMISSION_DENIED"


class Unauthenticated(EffacerError):
    """No valid credential came with the call."""

    code = "UNAUTHENTICATED"


class FailedPrecondition(EffacerError):
    """The state of something forbids the call, or an instance is not what can be worked on."""

    code = "FAILED_PRECONDITION"


class Aborted(EffacerError):
    """Somebody else changed the same thing at the same time; read it again and decide."""

    code = "ABORTED"


class ResourceExhausted(EffacerError):
    """A limit was reached."""

    code = "RESOURCE_EXHAUSTED"


class OutOfRange(EffacerError):
    """A number lies behind the end of what there is."""

    code = "OUT_OF_RANGE"


class Unimplemented(EffacerError):
    """Valid, and not offered by this server."""

    code = "UNIMPLEMENTED"


class Unavailable(EffacerError):
    """No answer; the same call may succeed later."""

    code = "UNAVAILABLE"


class DeadlineExceeded(EffacerError, TimeoutError):
    """The time given was not enough. What was under way on the server may still be."""

    code = "DEADLINE_EXCEEDED"


class Cancelled(EffacerError):
    """Somebody asked to stop it."""

    code = "CANCELLED"


class DataLoss(EffacerError):
    """Bytes did not arrive whole."""

    code = "DATA_LOSS"


class Internal(EffacerError):
    """A fault of the server; its log has the cause, under the correlation id in `metadata` where there is one."""

    code = "INTERNAL"


class Unknown(EffacerError):
    """A failure without a known code."""

    code = "UNKNOWN"


_BY_CODE: dict[str, type[EffacerError]] = {kind.code: kind for kind in EffacerError.__subclasses__()}


def from_status(status: status_pb2.Status) -> EffacerError:
    """The error a google.rpc.Status stands for, with the details that ErrorInfo and BadRequest carry."""
    reason = ""
    metadata: dict[str, str] = {}
    violations: list[tuple[str, str]] = []
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(request):
            violations += [(violation.field, violation.description) for violation in request.field_violations]
    return _kind(status.code)(status.message, reason, metadata, violations)


def from_rpc_error(error: grpc.RpcError) -> EffacerError:
    """The error a failed call stands for; code and message alone where the server sent no google.rpc.Status."""
    if not isinstance(error, grpc.Call):
        return Unknown(str(error))
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # the status in the trailers contradicts the call's own
        status = None
    if status is not None:
        return from_status(status)
    return _kind(error.code().value[0])(error.details() or "")


def invalid(field: str, description: str, reason: str = "INVALID_FIELD") -> InvalidArgument:
    """A fault of one argument that the client itself found.

    Args:
        field: path of the field as the caller would write it, for instance `config.dicomTagConfig.actions[0]`.
        description: what is wrong there, without the value.
        reason: constant for programs.
    """
    return invalid_fields([(field, description)], reason)


def invalid_fields(violations: Iterable[tuple[str, str]], reason: str = "INVALID_FIELD") -> InvalidArgument:
    """As `invalid`, for several faults at once; at least one."""
    violations = list(violations)
    return InvalidArgument("; ".join(f"{path}: {what}" for path, what in violations), reason, None, violations)


def _kind(number: int) -> type[EffacerError]:
    """Class for a canonical code's number; Unknown for numbers that are none."""
    names = code_pb2.Code.DESCRIPTOR.values_by_number
    return _BY_CODE.get(names[number].name, Unknown) if number in names else Unknown
