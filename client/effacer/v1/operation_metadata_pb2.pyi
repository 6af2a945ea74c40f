import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OperationMetadata(_message.Message):
    __slots__ = ("api_method_name", "create_time", "end_time", "logs_url", "cancel_requested", "counter", "notes", "plan_fingerprint", "failure_reasons")
    class FailureReasonsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    API_METHOD_NAME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    LOGS_URL_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    COUNTER_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    PLAN_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_REASONS_FIELD_NUMBER: _ClassVar[int]
    api_method_name: str
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    logs_url: str
    cancel_requested: bool
    counter: ProgressCounter
    notes: _containers.RepeatedScalarFieldContainer[str]
    plan_fingerprint: str
    failure_reasons: _containers.ScalarMap[str, int]
    def __init__(self, api_method_name: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., logs_url: _Optional[str] = ..., cancel_requested: _Optional[bool] = ..., counter: _Optional[_Union[ProgressCounter, _Mapping]] = ..., notes: _Optional[_Iterable[str]] = ..., plan_fingerprint: _Optional[str] = ..., failure_reasons: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ProgressCounter(_message.Message):
    __slots__ = ("success", "failure", "pending", "secondary_success", "secondary_failure")
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_SUCCESS_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_FAILURE_FIELD_NUMBER: _ClassVar[int]
    success: int
    failure: int
    pending: int
    secondary_success: int
    secondary_failure: int
    def __init__(self, success: _Optional[int] = ..., failure: _Optional[int] = ..., pending: _Optional[int] = ..., secondary_success: _Optional[int] = ..., secondary_failure: _Optional[int] = ...) -> None: ...

class DeidentifyLogEntry(_message.Message):
    __slots__ = ("resource_name", "error")
    RESOURCE_NAME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    resource_name: str
    error: _status_pb2.Status
    def __init__(self, resource_name: _Optional[str] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ListOperationErrorsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token", "filter")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    filter: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[str] = ...) -> None: ...

class ListOperationErrorsResponse(_message.Message):
    __slots__ = ("entries", "next_page_token")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[DeidentifyLogEntry]
    next_page_token: str
    def __init__(self, entries: _Optional[_Iterable[_Union[DeidentifyLogEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
