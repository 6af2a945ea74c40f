from effacer.v1 import deidentify_pb2 as _deidentify_pb2
from effacer.v1 import instance_pb2 as _instance_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ElementAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ELEMENT_ACTION_UNSPECIFIED: _ClassVar[ElementAction]
    ELEMENT_ACTION_KEEP: _ClassVar[ElementAction]
    ELEMENT_ACTION_DELETE: _ClassVar[ElementAction]
    ELEMENT_ACTION_REMOVE: _ClassVar[ElementAction]
    ELEMENT_ACTION_RESET: _ClassVar[ElementAction]
    ELEMENT_ACTION_REGEN_UID: _ClassVar[ElementAction]
    ELEMENT_ACTION_CLEAN_TEXT: _ClassVar[ElementAction]
    ELEMENT_ACTION_CLEAN_IMAGE: _ClassVar[ElementAction]
    ELEMENT_ACTION_RECURSE: _ClassVar[ElementAction]
    ELEMENT_ACTION_STAMP: _ClassVar[ElementAction]
    ELEMENT_ACTION_SHIFT_DATE: _ClassVar[ElementAction]
ELEMENT_ACTION_UNSPECIFIED: ElementAction
ELEMENT_ACTION_KEEP: ElementAction
ELEMENT_ACTION_DELETE: ElementAction
ELEMENT_ACTION_REMOVE: ElementAction
ELEMENT_ACTION_RESET: ElementAction
ELEMENT_ACTION_REGEN_UID: ElementAction
ELEMENT_ACTION_CLEAN_TEXT: ElementAction
ELEMENT_ACTION_CLEAN_IMAGE: ElementAction
ELEMENT_ACTION_RECURSE: ElementAction
ELEMENT_ACTION_STAMP: ElementAction
ELEMENT_ACTION_SHIFT_DATE: ElementAction

class StreamDeidentifyRequest(_message.Message):
    __slots__ = ("config", "gcs_config_uri", "instance_start", "chunk", "instance_end")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    GCS_CONFIG_URI_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_END_FIELD_NUMBER: _ClassVar[int]
    config: _deidentify_pb2.DeidentifyConfig
    gcs_config_uri: str
    instance_start: _instance_pb2.InstanceStart
    chunk: bytes
    instance_end: _instance_pb2.InstanceEnd
    def __init__(self, config: _Optional[_Union[_deidentify_pb2.DeidentifyConfig, _Mapping]] = ..., gcs_config_uri: _Optional[str] = ..., instance_start: _Optional[_Union[_instance_pb2.InstanceStart, _Mapping]] = ..., chunk: _Optional[bytes] = ..., instance_end: _Optional[_Union[_instance_pb2.InstanceEnd, _Mapping]] = ...) -> None: ...

class StreamDeidentifyResponse(_message.Message):
    __slots__ = ("config_accepted", "instance_start", "chunk", "instance_end", "instance_refused")
    CONFIG_ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_END_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_REFUSED_FIELD_NUMBER: _ClassVar[int]
    config_accepted: ConfigAccepted
    instance_start: DeidentifiedInstance
    chunk: bytes
    instance_end: _instance_pb2.InstanceEnd
    instance_refused: RefusedInstance
    def __init__(self, config_accepted: _Optional[_Union[ConfigAccepted, _Mapping]] = ..., instance_start: _Optional[_Union[DeidentifiedInstance, _Mapping]] = ..., chunk: _Optional[bytes] = ..., instance_end: _Optional[_Union[_instance_pb2.InstanceEnd, _Mapping]] = ..., instance_refused: _Optional[_Union[RefusedInstance, _Mapping]] = ...) -> None: ...

class ConfigAccepted(_message.Message):
    __slots__ = ("plan_fingerprint", "edition", "notes")
    PLAN_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    EDITION_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    plan_fingerprint: str
    edition: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, plan_fingerprint: _Optional[str] = ..., edition: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class DeidentifiedInstance(_message.Message):
    __slots__ = ("index", "label", "instance")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    index: int
    label: str
    instance: _instance_pb2.Instance
    def __init__(self, index: _Optional[int] = ..., label: _Optional[str] = ..., instance: _Optional[_Union[_instance_pb2.Instance, _Mapping]] = ...) -> None: ...

class RefusedInstance(_message.Message):
    __slots__ = ("index", "label", "status")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    index: int
    label: str
    status: _status_pb2.Status
    def __init__(self, index: _Optional[int] = ..., label: _Optional[str] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class PreviewDeidentifyRequest(_message.Message):
    __slots__ = ("parent", "names", "config", "gcs_config_uri", "include_kept")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    GCS_CONFIG_URI_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_KEPT_FIELD_NUMBER: _ClassVar[int]
    parent: str
    names: _containers.RepeatedScalarFieldContainer[str]
    config: _deidentify_pb2.DeidentifyConfig
    gcs_config_uri: str
    include_kept: bool
    def __init__(self, parent: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ..., config: _Optional[_Union[_deidentify_pb2.DeidentifyConfig, _Mapping]] = ..., gcs_config_uri: _Optional[str] = ..., include_kept: _Optional[bool] = ...) -> None: ...

class StreamPreviewRequest(_message.Message):
    __slots__ = ("config", "gcs_config_uri", "instance_start", "chunk", "instance_end", "include_kept", "show_values")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    GCS_CONFIG_URI_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_END_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_KEPT_FIELD_NUMBER: _ClassVar[int]
    SHOW_VALUES_FIELD_NUMBER: _ClassVar[int]
    config: _deidentify_pb2.DeidentifyConfig
    gcs_config_uri: str
    instance_start: _instance_pb2.InstanceStart
    chunk: bytes
    instance_end: _instance_pb2.InstanceEnd
    include_kept: bool
    show_values: bool
    def __init__(self, config: _Optional[_Union[_deidentify_pb2.DeidentifyConfig, _Mapping]] = ..., gcs_config_uri: _Optional[str] = ..., instance_start: _Optional[_Union[_instance_pb2.InstanceStart, _Mapping]] = ..., chunk: _Optional[bytes] = ..., instance_end: _Optional[_Union[_instance_pb2.InstanceEnd, _Mapping]] = ..., include_kept: _Optional[bool] = ..., show_values: _Optional[bool] = ...) -> None: ...

class PreviewDeidentifyResponse(_message.Message):
    __slots__ = ("name", "status", "instance", "elements", "boxes", "plan_fingerprint", "index", "label")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    ELEMENTS_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    PLAN_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    status: _status_pb2.Status
    instance: _instance_pb2.Instance
    elements: _containers.RepeatedCompositeFieldContainer[ElementDecision]
    boxes: _containers.RepeatedCompositeFieldContainer[ImageBox]
    plan_fingerprint: str
    index: int
    label: str
    def __init__(self, name: _Optional[str] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., instance: _Optional[_Union[_instance_pb2.Instance, _Mapping]] = ..., elements: _Optional[_Iterable[_Union[ElementDecision, _Mapping]]] = ..., boxes: _Optional[_Iterable[_Union[ImageBox, _Mapping]]] = ..., plan_fingerprint: _Optional[str] = ..., index: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...

class ElementDecision(_message.Message):
    __slots__ = ("path", "keyword", "vr", "action", "new_value", "because", "findings", "old_kind", "old_value")
    PATH_FIELD_NUMBER: _ClassVar[int]
    KEYWORD_FIELD_NUMBER: _ClassVar[int]
    VR_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    NEW_VALUE_FIELD_NUMBER: _ClassVar[int]
    BECAUSE_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    OLD_KIND_FIELD_NUMBER: _ClassVar[int]
    OLD_VALUE_FIELD_NUMBER: _ClassVar[int]
    path: str
    keyword: str
    vr: str
    action: ElementAction
    new_value: str
    because: str
    findings: _containers.RepeatedCompositeFieldContainer[TextFinding]
    old_kind: str
    old_value: str
    def __init__(self, path: _Optional[str] = ..., keyword: _Optional[str] = ..., vr: _Optional[str] = ..., action: _Optional[_Union[ElementAction, str]] = ..., new_value: _Optional[str] = ..., because: _Optional[str] = ..., findings: _Optional[_Iterable[_Union[TextFinding, _Mapping]]] = ..., old_kind: _Optional[str] = ..., old_value: _Optional[str] = ...) -> None: ...

class TextFinding(_message.Message):
    __slots__ = ("info_type", "begin_offset", "end_offset")
    INFO_TYPE_FIELD_NUMBER: _ClassVar[int]
    BEGIN_OFFSET_FIELD_NUMBER: _ClassVar[int]
    END_OFFSET_FIELD_NUMBER: _ClassVar[int]
    info_type: str
    begin_offset: int
    end_offset: int
    def __init__(self, info_type: _Optional[str] = ..., begin_offset: _Optional[int] = ..., end_offset: _Optional[int] = ...) -> None: ...

class ImageBox(_message.Message):
    __slots__ = ("frame", "x", "y", "width", "height", "info_types", "because")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    INFO_TYPES_FIELD_NUMBER: _ClassVar[int]
    BECAUSE_FIELD_NUMBER: _ClassVar[int]
    frame: int
    x: int
    y: int
    width: int
    height: int
    info_types: _containers.RepeatedScalarFieldContainer[str]
    because: str
    def __init__(self, frame: _Optional[int] = ..., x: _Optional[int] = ..., y: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., info_types: _Optional[_Iterable[str]] = ..., because: _Optional[str] = ...) -> None: ...

class ExplainConfigRequest(_message.Message):
    __slots__ = ("config", "gcs_config_uri")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    GCS_CONFIG_URI_FIELD_NUMBER: _ClassVar[int]
    config: _deidentify_pb2.DeidentifyConfig
    gcs_config_uri: str
    def __init__(self, config: _Optional[_Union[_deidentify_pb2.DeidentifyConfig, _Mapping]] = ..., gcs_config_uri: _Optional[str] = ...) -> None: ...

class ExplainConfigResponse(_message.Message):
    __slots__ = ("plan_fingerprint", "edition", "rules", "default_rule", "stamps", "notes", "text", "content_rules")
    PLAN_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    EDITION_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_RULE_FIELD_NUMBER: _ClassVar[int]
    STAMPS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_RULES_FIELD_NUMBER: _ClassVar[int]
    plan_fingerprint: str
    edition: str
    rules: _containers.RepeatedCompositeFieldContainer[PlanRule]
    default_rule: PlanRule
    stamps: _containers.RepeatedCompositeFieldContainer[PlanRule]
    notes: _containers.RepeatedScalarFieldContainer[str]
    text: str
    content_rules: _containers.RepeatedCompositeFieldContainer[PlanContentRule]
    def __init__(self, plan_fingerprint: _Optional[str] = ..., edition: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[PlanRule, _Mapping]]] = ..., default_rule: _Optional[_Union[PlanRule, _Mapping]] = ..., stamps: _Optional[_Iterable[_Union[PlanRule, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ..., text: _Optional[str] = ..., content_rules: _Optional[_Iterable[_Union[PlanContentRule, _Mapping]]] = ...) -> None: ...

class PlanRule(_message.Message):
    __slots__ = ("selector", "keyword", "vr", "creator", "action", "code", "because", "words")
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    KEYWORD_FIELD_NUMBER: _ClassVar[int]
    VR_FIELD_NUMBER: _ClassVar[int]
    CREATOR_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    BECAUSE_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    selector: str
    keyword: str
    vr: str
    creator: str
    action: ElementAction
    code: str
    because: str
    words: str
    def __init__(self, selector: _Optional[str] = ..., keyword: _Optional[str] = ..., vr: _Optional[str] = ..., creator: _Optional[str] = ..., action: _Optional[_Union[ElementAction, str]] = ..., code: _Optional[str] = ..., because: _Optional[str] = ..., words: _Optional[str] = ...) -> None: ...

class PlanContentRule(_message.Message):
    __slots__ = ("code", "scheme", "value_type", "action", "because", "words")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SCHEME_FIELD_NUMBER: _ClassVar[int]
    VALUE_TYPE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    BECAUSE_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    code: str
    scheme: str
    value_type: str
    action: ElementAction
    because: str
    words: str
    def __init__(self, code: _Optional[str] = ..., scheme: _Optional[str] = ..., value_type: _Optional[str] = ..., action: _Optional[_Union[ElementAction, str]] = ..., because: _Optional[str] = ..., words: _Optional[str] = ...) -> None: ...
