from effacer.v1 import instance_pb2 as _instance_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import httpbody_pb2 as _httpbody_pb2
from google.api import resource_pb2 as _resource_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StoreInstancesRequest(_message.Message):
    __slots__ = ("parent", "instance_start", "chunk", "instance_end")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_END_FIELD_NUMBER: _ClassVar[int]
    parent: str
    instance_start: _instance_pb2.InstanceStart
    chunk: bytes
    instance_end: _instance_pb2.InstanceEnd
    def __init__(self, parent: _Optional[str] = ..., instance_start: _Optional[_Union[_instance_pb2.InstanceStart, _Mapping]] = ..., chunk: _Optional[bytes] = ..., instance_end: _Optional[_Union[_instance_pb2.InstanceEnd, _Mapping]] = ...) -> None: ...

class StoreInstancesResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[StoreInstanceResult]
    def __init__(self, results: _Optional[_Iterable[_Union[StoreInstanceResult, _Mapping]]] = ...) -> None: ...

class StoreInstanceResult(_message.Message):
    __slots__ = ("index", "label", "status", "instance")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    index: int
    label: str
    status: _status_pb2.Status
    instance: _instance_pb2.Instance
    def __init__(self, index: _Optional[int] = ..., label: _Optional[str] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., instance: _Optional[_Union[_instance_pb2.Instance, _Mapping]] = ...) -> None: ...

class RetrieveInstanceRequest(_message.Message):
    __slots__ = ("name", "transfer_syntax_uid")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    name: str
    transfer_syntax_uid: str
    def __init__(self, name: _Optional[str] = ..., transfer_syntax_uid: _Optional[str] = ...) -> None: ...

class RetrieveSeriesRequest(_message.Message):
    __slots__ = ("name", "transfer_syntax_uid")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    name: str
    transfer_syntax_uid: str
    def __init__(self, name: _Optional[str] = ..., transfer_syntax_uid: _Optional[str] = ...) -> None: ...

class RetrieveStudyRequest(_message.Message):
    __slots__ = ("name", "transfer_syntax_uid")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    name: str
    transfer_syntax_uid: str
    def __init__(self, name: _Optional[str] = ..., transfer_syntax_uid: _Optional[str] = ...) -> None: ...

class RetrieveResponse(_message.Message):
    __slots__ = ("instance_start", "chunk", "instance_end")
    INSTANCE_START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_END_FIELD_NUMBER: _ClassVar[int]
    instance_start: _instance_pb2.Instance
    chunk: bytes
    instance_end: _instance_pb2.InstanceEnd
    def __init__(self, instance_start: _Optional[_Union[_instance_pb2.Instance, _Mapping]] = ..., chunk: _Optional[bytes] = ..., instance_end: _Optional[_Union[_instance_pb2.InstanceEnd, _Mapping]] = ...) -> None: ...

class RetrieveMetadataRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RetrieveMetadataResponse(_message.Message):
    __slots__ = ("name", "metadata")
    NAME_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    metadata: _struct_pb2.Struct
    def __init__(self, name: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class RetrieveFramesRequest(_message.Message):
    __slots__ = ("name", "frames", "transfer_syntax_uid")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    name: str
    frames: _containers.RepeatedScalarFieldContainer[int]
    transfer_syntax_uid: str
    def __init__(self, name: _Optional[str] = ..., frames: _Optional[_Iterable[int]] = ..., transfer_syntax_uid: _Optional[str] = ...) -> None: ...

class RetrieveFramesResponse(_message.Message):
    __slots__ = ("frame_start", "chunk")
    FRAME_START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    frame_start: FrameStart
    chunk: bytes
    def __init__(self, frame_start: _Optional[_Union[FrameStart, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class FrameStart(_message.Message):
    __slots__ = ("frame", "transfer_syntax_uid", "media_type", "size_bytes")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_SYNTAX_UID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    frame: int
    transfer_syntax_uid: str
    media_type: str
    size_bytes: int
    def __init__(self, frame: _Optional[int] = ..., transfer_syntax_uid: _Optional[str] = ..., media_type: _Optional[str] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class RetrieveRenderedRequest(_message.Message):
    __slots__ = ("name", "media_type", "viewport")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    VIEWPORT_FIELD_NUMBER: _ClassVar[int]
    name: str
    media_type: str
    viewport: str
    def __init__(self, name: _Optional[str] = ..., media_type: _Optional[str] = ..., viewport: _Optional[str] = ...) -> None: ...

class AttributeMatch(_message.Message):
    __slots__ = ("attribute", "value")
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    attribute: str
    value: str
    def __init__(self, attribute: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class SearchForStudiesRequest(_message.Message):
    __slots__ = ("parent", "matches", "include_fields", "fuzzy_matching", "limit", "offset")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELDS_FIELD_NUMBER: _ClassVar[int]
    FUZZY_MATCHING_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    parent: str
    matches: _containers.RepeatedCompositeFieldContainer[AttributeMatch]
    include_fields: _containers.RepeatedScalarFieldContainer[str]
    fuzzy_matching: bool
    limit: int
    offset: int
    def __init__(self, parent: _Optional[str] = ..., matches: _Optional[_Iterable[_Union[AttributeMatch, _Mapping]]] = ..., include_fields: _Optional[_Iterable[str]] = ..., fuzzy_matching: _Optional[bool] = ..., limit: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class SearchForSeriesRequest(_message.Message):
    __slots__ = ("parent", "matches", "include_fields", "fuzzy_matching", "limit", "offset")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELDS_FIELD_NUMBER: _ClassVar[int]
    FUZZY_MATCHING_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    parent: str
    matches: _containers.RepeatedCompositeFieldContainer[AttributeMatch]
    include_fields: _containers.RepeatedScalarFieldContainer[str]
    fuzzy_matching: bool
    limit: int
    offset: int
    def __init__(self, parent: _Optional[str] = ..., matches: _Optional[_Iterable[_Union[AttributeMatch, _Mapping]]] = ..., include_fields: _Optional[_Iterable[str]] = ..., fuzzy_matching: _Optional[bool] = ..., limit: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class SearchForInstancesRequest(_message.Message):
    __slots__ = ("parent", "matches", "include_fields", "fuzzy_matching", "limit", "offset")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELDS_FIELD_NUMBER: _ClassVar[int]
    FUZZY_MATCHING_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    parent: str
    matches: _containers.RepeatedCompositeFieldContainer[AttributeMatch]
    include_fields: _containers.RepeatedScalarFieldContainer[str]
    fuzzy_matching: bool
    limit: int
    offset: int
    def __init__(self, parent: _Optional[str] = ..., matches: _Optional[_Iterable[_Union[AttributeMatch, _Mapping]]] = ..., include_fields: _Optional[_Iterable[str]] = ..., fuzzy_matching: _Optional[bool] = ..., limit: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("results", "has_more")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    HAS_MORE_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Struct]
    has_more: bool
    def __init__(self, results: _Optional[_Iterable[_Union[_struct_pb2.Struct, _Mapping]]] = ..., has_more: _Optional[bool] = ...) -> None: ...

class DeleteStudyRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteSeriesRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteInstanceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...
