from effacer.v1 import deidentify_pb2 as _deidentify_pb2
from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.api import resource_pb2 as _resource_pb2
from google.longrunning import operations_pb2 as _operations_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DicomStore(_message.Message):
    __slots__ = ("name", "notification_config", "labels", "stream_configs", "notification_configs")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATION_CONFIG_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STREAM_CONFIGS_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATION_CONFIGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    notification_config: NotificationConfig
    labels: _containers.ScalarMap[str, str]
    stream_configs: _containers.RepeatedCompositeFieldContainer[StreamConfig]
    notification_configs: _containers.RepeatedCompositeFieldContainer[DicomNotificationConfig]
    def __init__(self, name: _Optional[str] = ..., notification_config: _Optional[_Union[NotificationConfig, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., stream_configs: _Optional[_Iterable[_Union[StreamConfig, _Mapping]]] = ..., notification_configs: _Optional[_Iterable[_Union[DicomNotificationConfig, _Mapping]]] = ...) -> None: ...

class NotificationConfig(_message.Message):
    __slots__ = ("pubsub_topic", "send_for_bulk_import")
    PUBSUB_TOPIC_FIELD_NUMBER: _ClassVar[int]
    SEND_FOR_BULK_IMPORT_FIELD_NUMBER: _ClassVar[int]
    pubsub_topic: str
    send_for_bulk_import: bool
    def __init__(self, pubsub_topic: _Optional[str] = ..., send_for_bulk_import: _Optional[bool] = ...) -> None: ...

class DicomNotificationConfig(_message.Message):
    __slots__ = ("pubsub_topic",)
    PUBSUB_TOPIC_FIELD_NUMBER: _ClassVar[int]
    pubsub_topic: str
    def __init__(self, pubsub_topic: _Optional[str] = ...) -> None: ...

class StreamConfig(_message.Message):
    __slots__ = ("bigquery_destination",)
    BIGQUERY_DESTINATION_FIELD_NUMBER: _ClassVar[int]
    bigquery_destination: BigQueryDestination
    def __init__(self, bigquery_destination: _Optional[_Union[BigQueryDestination, _Mapping]] = ...) -> None: ...

class BigQueryDestination(_message.Message):
    __slots__ = ("table_uri", "force", "write_disposition", "schema_flattened", "schema_json", "include_source_store", "change_data_capture_config")
    class WriteDisposition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        WRITE_DISPOSITION_UNSPECIFIED: _ClassVar[BigQueryDestination.WriteDisposition]
        WRITE_EMPTY: _ClassVar[BigQueryDestination.WriteDisposition]
        WRITE_TRUNCATE: _ClassVar[BigQueryDestination.WriteDisposition]
        WRITE_APPEND: _ClassVar[BigQueryDestination.WriteDisposition]
    WRITE_DISPOSITION_UNSPECIFIED: BigQueryDestination.WriteDisposition
    WRITE_EMPTY: BigQueryDestination.WriteDisposition
    WRITE_TRUNCATE: BigQueryDestination.WriteDisposition
    WRITE_APPEND: BigQueryDestination.WriteDisposition
    TABLE_URI_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    WRITE_DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FLATTENED_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SOURCE_STORE_FIELD_NUMBER: _ClassVar[int]
    CHANGE_DATA_CAPTURE_CONFIG_FIELD_NUMBER: _ClassVar[int]
    table_uri: str
    force: bool
    write_disposition: BigQueryDestination.WriteDisposition
    schema_flattened: SchemaFlattened
    schema_json: SchemaJSON
    include_source_store: bool
    change_data_capture_config: ChangeDataCaptureConfig
    def __init__(self, table_uri: _Optional[str] = ..., force: _Optional[bool] = ..., write_disposition: _Optional[_Union[BigQueryDestination.WriteDisposition, str]] = ..., schema_flattened: _Optional[_Union[SchemaFlattened, _Mapping]] = ..., schema_json: _Optional[_Union[SchemaJSON, _Mapping]] = ..., include_source_store: _Optional[bool] = ..., change_data_capture_config: _Optional[_Union[ChangeDataCaptureConfig, _Mapping]] = ...) -> None: ...

class SchemaFlattened(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SchemaJSON(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ChangeDataCaptureConfig(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DicomStoreMetrics(_message.Message):
    __slots__ = ("name", "study_count", "series_count", "instance_count", "blob_storage_size_bytes", "structured_storage_size_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    STUDY_COUNT_FIELD_NUMBER: _ClassVar[int]
    SERIES_COUNT_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    BLOB_STORAGE_SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    STRUCTURED_STORAGE_SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    study_count: int
    series_count: int
    instance_count: int
    blob_storage_size_bytes: int
    structured_storage_size_bytes: int
    def __init__(self, name: _Optional[str] = ..., study_count: _Optional[int] = ..., series_count: _Optional[int] = ..., instance_count: _Optional[int] = ..., blob_storage_size_bytes: _Optional[int] = ..., structured_storage_size_bytes: _Optional[int] = ...) -> None: ...

class CreateDicomStoreRequest(_message.Message):
    __slots__ = ("parent", "dicom_store_id", "dicom_store")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    DICOM_STORE_ID_FIELD_NUMBER: _ClassVar[int]
    DICOM_STORE_FIELD_NUMBER: _ClassVar[int]
    parent: str
    dicom_store_id: str
    dicom_store: DicomStore
    def __init__(self, parent: _Optional[str] = ..., dicom_store_id: _Optional[str] = ..., dicom_store: _Optional[_Union[DicomStore, _Mapping]] = ...) -> None: ...

class GetDicomStoreRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListDicomStoresRequest(_message.Message):
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

class ListDicomStoresResponse(_message.Message):
    __slots__ = ("dicom_stores", "next_page_token")
    DICOM_STORES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dicom_stores: _containers.RepeatedCompositeFieldContainer[DicomStore]
    next_page_token: str
    def __init__(self, dicom_stores: _Optional[_Iterable[_Union[DicomStore, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateDicomStoreRequest(_message.Message):
    __slots__ = ("dicom_store", "update_mask")
    DICOM_STORE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    dicom_store: DicomStore
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, dicom_store: _Optional[_Union[DicomStore, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class DeleteDicomStoreRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetDicomStoreMetricsRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeidentifyDicomStoreRequest(_message.Message):
    __slots__ = ("source_store", "destination_store", "filter_config", "config", "gcs_config_uri")
    SOURCE_STORE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_STORE_FIELD_NUMBER: _ClassVar[int]
    FILTER_CONFIG_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    GCS_CONFIG_URI_FIELD_NUMBER: _ClassVar[int]
    source_store: str
    destination_store: str
    filter_config: _deidentify_pb2.DicomFilterConfig
    config: _deidentify_pb2.DeidentifyConfig
    gcs_config_uri: str
    def __init__(self, source_store: _Optional[str] = ..., destination_store: _Optional[str] = ..., filter_config: _Optional[_Union[_deidentify_pb2.DicomFilterConfig, _Mapping]] = ..., config: _Optional[_Union[_deidentify_pb2.DeidentifyConfig, _Mapping]] = ..., gcs_config_uri: _Optional[str] = ...) -> None: ...

class ImportDicomDataRequest(_message.Message):
    __slots__ = ("name", "gcs_source", "blob_storage_settings")
    NAME_FIELD_NUMBER: _ClassVar[int]
    GCS_SOURCE_FIELD_NUMBER: _ClassVar[int]
    BLOB_STORAGE_SETTINGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    gcs_source: GcsSource
    blob_storage_settings: BlobStorageSettings
    def __init__(self, name: _Optional[str] = ..., gcs_source: _Optional[_Union[GcsSource, _Mapping]] = ..., blob_storage_settings: _Optional[_Union[BlobStorageSettings, _Mapping]] = ...) -> None: ...

class ImportDicomDataResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GcsSource(_message.Message):
    __slots__ = ("uri",)
    URI_FIELD_NUMBER: _ClassVar[int]
    uri: str
    def __init__(self, uri: _Optional[str] = ...) -> None: ...

class BlobStorageSettings(_message.Message):
    __slots__ = ("blob_storage_class",)
    class BlobStorageClass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        BLOB_STORAGE_CLASS_UNSPECIFIED: _ClassVar[BlobStorageSettings.BlobStorageClass]
        STANDARD: _ClassVar[BlobStorageSettings.BlobStorageClass]
        NEARLINE: _ClassVar[BlobStorageSettings.BlobStorageClass]
        COLDLINE: _ClassVar[BlobStorageSettings.BlobStorageClass]
        ARCHIVE: _ClassVar[BlobStorageSettings.BlobStorageClass]
    BLOB_STORAGE_CLASS_UNSPECIFIED: BlobStorageSettings.BlobStorageClass
    STANDARD: BlobStorageSettings.BlobStorageClass
    NEARLINE: BlobStorageSettings.BlobStorageClass
    COLDLINE: BlobStorageSettings.BlobStorageClass
    ARCHIVE: BlobStorageSettings.BlobStorageClass
    BLOB_STORAGE_CLASS_FIELD_NUMBER: _ClassVar[int]
    blob_storage_class: BlobStorageSettings.BlobStorageClass
    def __init__(self, blob_storage_class: _Optional[_Union[BlobStorageSettings.BlobStorageClass, str]] = ...) -> None: ...

class ExportDicomDataRequest(_message.Message):
    __slots__ = ("name", "gcs_destination", "bigquery_destination", "filter_config")
    NAME_FIELD_NUMBER: _ClassVar[int]
    GCS_DESTINATION_FIELD_NUMBER: _ClassVar[int]
    BIGQUERY_DESTINATION_FIELD_NUMBER: _ClassVar[int]
    FILTER_CONFIG_FIELD_NUMBER: _ClassVar[int]
    name: str
    gcs_destination: GcsDestination
    bigquery_destination: BigQueryDestination
    filter_config: _deidentify_pb2.DicomFilterConfig
    def __init__(self, name: _Optional[str] = ..., gcs_destination: _Optional[_Union[GcsDestination, _Mapping]] = ..., bigquery_destination: _Optional[_Union[BigQueryDestination, _Mapping]] = ..., filter_config: _Optional[_Union[_deidentify_pb2.DicomFilterConfig, _Mapping]] = ...) -> None: ...

class ExportDicomDataResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GcsDestination(_message.Message):
    __slots__ = ("uri_prefix", "mime_type")
    URI_PREFIX_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    uri_prefix: str
    mime_type: str
    def __init__(self, uri_prefix: _Optional[str] = ..., mime_type: _Optional[str] = ...) -> None: ...
