"""Every failure the server knows, as one tree.

    EffacerError(reason, **metadata)
    ├─ InvalidConfig     INVALID_ARGUMENT     violations: the field's path and what is wrong there
    ├─ NotFound          NOT_FOUND            ├─ AlreadyExists  ALREADY_EXISTS   ├─ Conflict  ABORTED
    ├─ PreconditionFailed FAILED_PRECONDITION ├─ Unsupported    UNIMPLEMENTED
    ├─ PermissionDenied / Unauthenticated     ├─ ResourceExhausted
    ├─ Refused           one instance; counted, never fatal to the job: reason, tag, VR, byte position
    └─ Unavailable       the one kind that is retried

Anything else is INTERNAL with a correlation id. No message here may hold an element's value: reasons are
constants, metadata is names, tags, numbers and paths the caller sent.
"""

from __future__ import annotations

from enum import StrEnum


class EffacerError(Exception):
    """A failure with a constant `reason` (UPPER_SNAKE) and metadata free of element values."""

    code = "INTERNAL"

    def __init__(self, reason: str, message: str = "", **metadata: object) -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.message = message or reason
        self.metadata = {key: str(value) for key, value in metadata.items() if value is not None}


class InvalidConfig(EffacerError):
    """INVALID_ARGUMENT: something the caller sent is wrong; `violations` are (field path, description)."""

    code = "INVALID_ARGUMENT"

    def __init__(self, field: str, description: str, reason: str = "INVALID_FIELD", **metadata: object) -> None:
        super().__init__(reason, f"{field}: {description}" if field else description, **metadata)
        self.violations: list[tuple[str, str]] = [(field, description)]


class Unsupported(EffacerError):
    """UNIMPLEMENTED: valid, understood, and not offered by this version."""

    code = "UNIMPLEMENTED"

    def __init__(self, field: str, description: str) -> None:
        super().__init__("NOT_IMPLEMENTED", f"{field}: {description}" if field else description)
        self.violations: list[tuple[str, str]] = [(field, description)]


class NotFound(EffacerError):
    """NOT_FOUND: a named resource does not exist."""

    code = "NOT_FOUND"


class AlreadyExists(EffacerError):
    """ALREADY_EXISTS: a resource or instance of that name is there and is never overwritten."""

    code = "ALREADY_EXISTS"


class Conflict(EffacerError):
    """ABORTED: somebody else changed the same thing at the same time."""

    code = "ABORTED"


class PreconditionFailed(EffacerError):
    """FAILED_PRECONDITION: the state of a resource, or a setting, forbids it."""

    code = "FAILED_PRECONDITION"


class PermissionDenied(EffacerError):
    """PERMISSION_DENIED: not allowed, whoever asks again."""

    code = "PERMISSION_DENIED"


class Unauthenticated(EffacerError):
    """UNAUTHENTICATED: no valid credential came with the call."""

    code = "UNAUTHENTICATED"


class ResourceExhausted(EffacerError):
    """RESOURCE_EXHAUSTED: a limit of this server was reached."""

    code = "RESOURCE_EXHAUSTED"


class Unavailable(EffacerError):
    """UNAVAILABLE: the same call may succeed later; the one kind that is retried."""

    code = "UNAVAILABLE"


class Reason(StrEnum):
    """Why one instance was refused. The names are part of the API (error log, reports); only add."""

    NOT_DICOM = "NOT_DICOM"  # no "DICM" behind a 128-byte preamble
    NO_TRANSFER_SYNTAX = "NO_TRANSFER_SYNTAX"  # file meta without (0002,0010)
    TRANSFER_SYNTAX = "TRANSFER_SYNTAX"  # a transfer syntax this server cannot walk
    TRUNCATED = "TRUNCATED"  # the bytes end inside an element, item or fragment
    BAD_LENGTH = "BAD_LENGTH"  # a length that leaves its item, or undefined where that is not allowed
    BAD_VR = "BAD_VR"  # two bytes that are no value representation
    BAD_ITEM = "BAD_ITEM"  # an item or delimiter where none may stand, or something else where one must
    TOO_DEEP = "TOO_DEEP"  # more nested sequences than allowed
    DUPLICATE_TAG = "DUPLICATE_TAG"  # the same tag twice in one data set
    ELEMENT_ORDER = "ELEMENT_ORDER"  # a private creator behind elements, where the plan depends on the creator
    VR_MISMATCH = "VR_MISMATCH"  # the VR in the file cannot take the action the plan has for the tag
    VALUE_TOO_LONG = "VALUE_TOO_LONG"  # a new value does not fit its length field
    MISSING_UID = "MISSING_UID"  # study, series or SOP instance UID absent or empty
    BAD_UID = "BAD_UID"  # study, series or SOP instance UID that is there and unfit: odd characters, too long, several
    BAD_SOP_CLASS = "BAD_SOP_CLASS"  # a SOP Class UID that is no UID
    INFLATE = "INFLATE"  # a deflated data set that does not inflate, or beyond the limit
    UID_COLLISION = "UID_COLLISION"  # the destination already holds an instance of the same name
    TOO_LARGE = "TOO_LARGE"  # above the server's instance size limit
    SOURCE_GONE = "SOURCE_GONE"  # deleted from the source between the start of the operation and its turn
    NOT_A_FILE = "NOT_A_FILE"  # folder runs: a link to a folder, a pipe, or something else that holds no bytes
    IO = "IO"  # the object could not be read or written whole
    INTERNAL = "INTERNAL"  # a fault of ours; the log has the cause under the same correlation id


class Refused(EffacerError):
    """One instance that is not written; never fatal to its job.

    Attributes:
        tag: element number as 0xGGGGEEEE, or None.
        vr: two letters, or "".
        position: offset in bytes from the start of the instance's file (of the inflated data set where the
            transfer syntax is deflated), or None.
    """

    code = "FAILED_PRECONDITION"

    def __init__(self, reason: Reason, tag: int | None = None, vr: str = "", position: int | None = None) -> None:
        self.tag = tag
        self.vr = vr
        self.position = position
        parts = [str(reason)]
        if tag is not None:
            parts.append(f"tag=({tag >> 16:04X},{tag & 0xFFFF:04X})")
        if vr:
            parts.append(f"vr={vr}")
        if position is not None:
            parts.append(f"position={position}")
        super().__init__(
            str(reason), " ".join(parts), tag=None if tag is None else f"{tag:08X}", vr=vr or None, position=position
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Picklable, so that a worker process can hand it back."""
        return (Refused, (Reason(self.reason), self.tag, self.vr, self.position))
