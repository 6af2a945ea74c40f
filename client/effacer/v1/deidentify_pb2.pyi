from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DeidentifyConfig(_message.Message):
    __slots__ = ("dicom", "fhir", "image", "text", "dicom_tag_config", "fhir_field_config", "use_regional_data_processing", "operation_metadata")
    DICOM_FIELD_NUMBER: _ClassVar[int]
    FHIR_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DICOM_TAG_CONFIG_FIELD_NUMBER: _ClassVar[int]
    FHIR_FIELD_CONFIG_FIELD_NUMBER: _ClassVar[int]
    USE_REGIONAL_DATA_PROCESSING_FIELD_NUMBER: _ClassVar[int]
    OPERATION_METADATA_FIELD_NUMBER: _ClassVar[int]
    dicom: DicomConfig
    fhir: FhirConfig
    image: ImageConfig
    text: TextConfig
    dicom_tag_config: DicomTagConfig
    fhir_field_config: FhirFieldConfig
    use_regional_data_processing: bool
    operation_metadata: DeidentifyOperationMetadata
    def __init__(self, dicom: _Optional[_Union[DicomConfig, _Mapping]] = ..., fhir: _Optional[_Union[FhirConfig, _Mapping]] = ..., image: _Optional[_Union[ImageConfig, _Mapping]] = ..., text: _Optional[_Union[TextConfig, _Mapping]] = ..., dicom_tag_config: _Optional[_Union[DicomTagConfig, _Mapping]] = ..., fhir_field_config: _Optional[_Union[FhirFieldConfig, _Mapping]] = ..., use_regional_data_processing: _Optional[bool] = ..., operation_metadata: _Optional[_Union[DeidentifyOperationMetadata, _Mapping]] = ...) -> None: ...

class DicomTagConfig(_message.Message):
    __slots__ = ("actions", "options", "profile_type")
    class ProfileType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PROFILE_TYPE_UNSPECIFIED: _ClassVar[DicomTagConfig.ProfileType]
        MINIMAL_KEEP_LIST_PROFILE: _ClassVar[DicomTagConfig.ProfileType]
        ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE: _ClassVar[DicomTagConfig.ProfileType]
        KEEP_ALL_PROFILE: _ClassVar[DicomTagConfig.ProfileType]
        DEIDENTIFY_TAG_CONTENTS: _ClassVar[DicomTagConfig.ProfileType]
    PROFILE_TYPE_UNSPECIFIED: DicomTagConfig.ProfileType
    MINIMAL_KEEP_LIST_PROFILE: DicomTagConfig.ProfileType
    ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE: DicomTagConfig.ProfileType
    KEEP_ALL_PROFILE: DicomTagConfig.ProfileType
    DEIDENTIFY_TAG_CONTENTS: DicomTagConfig.ProfileType
    class Action(_message.Message):
        __slots__ = ("queries", "keep_tag", "remove_tag", "delete_tag", "reset_tag", "clean_text_tag", "clean_image_tag", "recurse_tag", "regen_uid_tag")
        QUERIES_FIELD_NUMBER: _ClassVar[int]
        KEEP_TAG_FIELD_NUMBER: _ClassVar[int]
        REMOVE_TAG_FIELD_NUMBER: _ClassVar[int]
        DELETE_TAG_FIELD_NUMBER: _ClassVar[int]
        RESET_TAG_FIELD_NUMBER: _ClassVar[int]
        CLEAN_TEXT_TAG_FIELD_NUMBER: _ClassVar[int]
        CLEAN_IMAGE_TAG_FIELD_NUMBER: _ClassVar[int]
        RECURSE_TAG_FIELD_NUMBER: _ClassVar[int]
        REGEN_UID_TAG_FIELD_NUMBER: _ClassVar[int]
        queries: _containers.RepeatedScalarFieldContainer[str]
        keep_tag: KeepTag
        remove_tag: RemoveTag
        delete_tag: DeleteTag
        reset_tag: ResetTag
        clean_text_tag: CleanTextTag
        clean_image_tag: ImageConfig
        recurse_tag: RecurseTag
        regen_uid_tag: RegenUidTag
        def __init__(self, queries: _Optional[_Iterable[str]] = ..., keep_tag: _Optional[_Union[KeepTag, _Mapping]] = ..., remove_tag: _Optional[_Union[RemoveTag, _Mapping]] = ..., delete_tag: _Optional[_Union[DeleteTag, _Mapping]] = ..., reset_tag: _Optional[_Union[ResetTag, _Mapping]] = ..., clean_text_tag: _Optional[_Union[CleanTextTag, _Mapping]] = ..., clean_image_tag: _Optional[_Union[ImageConfig, _Mapping]] = ..., recurse_tag: _Optional[_Union[RecurseTag, _Mapping]] = ..., regen_uid_tag: _Optional[_Union[RegenUidTag, _Mapping]] = ...) -> None: ...
    class Options(_message.Message):
        __slots__ = ("primary_ids", "clean_descriptors", "clean_image", "standard_edition", "retain_safe_private", "retain_uids", "retain_device_identity", "retain_institution_identity", "retain_patient_characteristics", "retain_longitudinal_full_dates", "retain_longitudinal_modified_dates", "clean_structured_content", "clean_graphics")
        class PrimaryIdsOption(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            PRIMARY_IDS_OPTION_UNSPECIFIED: _ClassVar[DicomTagConfig.Options.PrimaryIdsOption]
            KEEP: _ClassVar[DicomTagConfig.Options.PrimaryIdsOption]
            REGEN: _ClassVar[DicomTagConfig.Options.PrimaryIdsOption]
        PRIMARY_IDS_OPTION_UNSPECIFIED: DicomTagConfig.Options.PrimaryIdsOption
        KEEP: DicomTagConfig.Options.PrimaryIdsOption
        REGEN: DicomTagConfig.Options.PrimaryIdsOption
        class StandardEdition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            STANDARD_EDITION_UNSPECIFIED: _ClassVar[DicomTagConfig.Options.StandardEdition]
            EDITION_2018E: _ClassVar[DicomTagConfig.Options.StandardEdition]
            EDITION_LATEST: _ClassVar[DicomTagConfig.Options.StandardEdition]
        STANDARD_EDITION_UNSPECIFIED: DicomTagConfig.Options.StandardEdition
        EDITION_2018E: DicomTagConfig.Options.StandardEdition
        EDITION_LATEST: DicomTagConfig.Options.StandardEdition
        PRIMARY_IDS_FIELD_NUMBER: _ClassVar[int]
        CLEAN_DESCRIPTORS_FIELD_NUMBER: _ClassVar[int]
        CLEAN_IMAGE_FIELD_NUMBER: _ClassVar[int]
        STANDARD_EDITION_FIELD_NUMBER: _ClassVar[int]
        RETAIN_SAFE_PRIVATE_FIELD_NUMBER: _ClassVar[int]
        RETAIN_UIDS_FIELD_NUMBER: _ClassVar[int]
        RETAIN_DEVICE_IDENTITY_FIELD_NUMBER: _ClassVar[int]
        RETAIN_INSTITUTION_IDENTITY_FIELD_NUMBER: _ClassVar[int]
        RETAIN_PATIENT_CHARACTERISTICS_FIELD_NUMBER: _ClassVar[int]
        RETAIN_LONGITUDINAL_FULL_DATES_FIELD_NUMBER: _ClassVar[int]
        RETAIN_LONGITUDINAL_MODIFIED_DATES_FIELD_NUMBER: _ClassVar[int]
        CLEAN_STRUCTURED_CONTENT_FIELD_NUMBER: _ClassVar[int]
        CLEAN_GRAPHICS_FIELD_NUMBER: _ClassVar[int]
        primary_ids: DicomTagConfig.Options.PrimaryIdsOption
        clean_descriptors: CleanDescriptorsOption
        clean_image: ImageConfig
        standard_edition: DicomTagConfig.Options.StandardEdition
        retain_safe_private: bool
        retain_uids: bool
        retain_device_identity: bool
        retain_institution_identity: bool
        retain_patient_characteristics: bool
        retain_longitudinal_full_dates: bool
        retain_longitudinal_modified_dates: bool
        clean_structured_content: bool
        clean_graphics: bool
        def __init__(self, primary_ids: _Optional[_Union[DicomTagConfig.Options.PrimaryIdsOption, str]] = ..., clean_descriptors: _Optional[_Union[CleanDescriptorsOption, _Mapping]] = ..., clean_image: _Optional[_Union[ImageConfig, _Mapping]] = ..., standard_edition: _Optional[_Union[DicomTagConfig.Options.StandardEdition, str]] = ..., retain_safe_private: _Optional[bool] = ..., retain_uids: _Optional[bool] = ..., retain_device_identity: _Optional[bool] = ..., retain_institution_identity: _Optional[bool] = ..., retain_patient_characteristics: _Optional[bool] = ..., retain_longitudinal_full_dates: _Optional[bool] = ..., retain_longitudinal_modified_dates: _Optional[bool] = ..., clean_structured_content: _Optional[bool] = ..., clean_graphics: _Optional[bool] = ...) -> None: ...
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PROFILE_TYPE_FIELD_NUMBER: _ClassVar[int]
    actions: _containers.RepeatedCompositeFieldContainer[DicomTagConfig.Action]
    options: DicomTagConfig.Options
    profile_type: DicomTagConfig.ProfileType
    def __init__(self, actions: _Optional[_Iterable[_Union[DicomTagConfig.Action, _Mapping]]] = ..., options: _Optional[_Union[DicomTagConfig.Options, _Mapping]] = ..., profile_type: _Optional[_Union[DicomTagConfig.ProfileType, str]] = ...) -> None: ...

class KeepTag(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RemoveTag(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteTag(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResetTag(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CleanTextTag(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RecurseTag(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RegenUidTag(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CleanDescriptorsOption(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DicomConfig(_message.Message):
    __slots__ = ("keep_list", "remove_list", "filter_profile", "skip_id_redaction")
    class TagFilterProfile(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TAG_FILTER_PROFILE_UNSPECIFIED: _ClassVar[DicomConfig.TagFilterProfile]
        MINIMAL_KEEP_LIST_PROFILE: _ClassVar[DicomConfig.TagFilterProfile]
        ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE: _ClassVar[DicomConfig.TagFilterProfile]
        KEEP_ALL_PROFILE: _ClassVar[DicomConfig.TagFilterProfile]
        DEIDENTIFY_TAG_CONTENTS: _ClassVar[DicomConfig.TagFilterProfile]
    TAG_FILTER_PROFILE_UNSPECIFIED: DicomConfig.TagFilterProfile
    MINIMAL_KEEP_LIST_PROFILE: DicomConfig.TagFilterProfile
    ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE: DicomConfig.TagFilterProfile
    KEEP_ALL_PROFILE: DicomConfig.TagFilterProfile
    DEIDENTIFY_TAG_CONTENTS: DicomConfig.TagFilterProfile
    class TagFilterList(_message.Message):
        __slots__ = ("tags",)
        TAGS_FIELD_NUMBER: _ClassVar[int]
        tags: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, tags: _Optional[_Iterable[str]] = ...) -> None: ...
    KEEP_LIST_FIELD_NUMBER: _ClassVar[int]
    REMOVE_LIST_FIELD_NUMBER: _ClassVar[int]
    FILTER_PROFILE_FIELD_NUMBER: _ClassVar[int]
    SKIP_ID_REDACTION_FIELD_NUMBER: _ClassVar[int]
    keep_list: DicomConfig.TagFilterList
    remove_list: DicomConfig.TagFilterList
    filter_profile: DicomConfig.TagFilterProfile
    skip_id_redaction: bool
    def __init__(self, keep_list: _Optional[_Union[DicomConfig.TagFilterList, _Mapping]] = ..., remove_list: _Optional[_Union[DicomConfig.TagFilterList, _Mapping]] = ..., filter_profile: _Optional[_Union[DicomConfig.TagFilterProfile, str]] = ..., skip_id_redaction: _Optional[bool] = ...) -> None: ...

class ImageConfig(_message.Message):
    __slots__ = ("text_redaction_mode", "additional_info_types", "exclude_info_types", "custom_regexes")
    class TextRedactionMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        TEXT_REDACTION_MODE_UNSPECIFIED: _ClassVar[ImageConfig.TextRedactionMode]
        REDACT_ALL_TEXT: _ClassVar[ImageConfig.TextRedactionMode]
        REDACT_SENSITIVE_TEXT: _ClassVar[ImageConfig.TextRedactionMode]
        REDACT_NO_TEXT: _ClassVar[ImageConfig.TextRedactionMode]
        REDACT_SENSITIVE_TEXT_CLEAN_DESCRIPTORS: _ClassVar[ImageConfig.TextRedactionMode]
    TEXT_REDACTION_MODE_UNSPECIFIED: ImageConfig.TextRedactionMode
    REDACT_ALL_TEXT: ImageConfig.TextRedactionMode
    REDACT_SENSITIVE_TEXT: ImageConfig.TextRedactionMode
    REDACT_NO_TEXT: ImageConfig.TextRedactionMode
    REDACT_SENSITIVE_TEXT_CLEAN_DESCRIPTORS: ImageConfig.TextRedactionMode
    TEXT_REDACTION_MODE_FIELD_NUMBER: _ClassVar[int]
    ADDITIONAL_INFO_TYPES_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_INFO_TYPES_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_REGEXES_FIELD_NUMBER: _ClassVar[int]
    text_redaction_mode: ImageConfig.TextRedactionMode
    additional_info_types: _containers.RepeatedScalarFieldContainer[str]
    exclude_info_types: _containers.RepeatedScalarFieldContainer[str]
    custom_regexes: _containers.RepeatedCompositeFieldContainer[CustomRegex]
    def __init__(self, text_redaction_mode: _Optional[_Union[ImageConfig.TextRedactionMode, str]] = ..., additional_info_types: _Optional[_Iterable[str]] = ..., exclude_info_types: _Optional[_Iterable[str]] = ..., custom_regexes: _Optional[_Iterable[_Union[CustomRegex, _Mapping]]] = ...) -> None: ...

class CustomRegex(_message.Message):
    __slots__ = ("pattern", "group_indexes")
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    GROUP_INDEXES_FIELD_NUMBER: _ClassVar[int]
    pattern: str
    group_indexes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, pattern: _Optional[str] = ..., group_indexes: _Optional[_Iterable[int]] = ...) -> None: ...

class TextConfig(_message.Message):
    __slots__ = ("transformations", "additional_transformations", "exclude_info_types", "profile_type")
    class ProfileType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PROFILE_TYPE_UNSPECIFIED: _ClassVar[TextConfig.ProfileType]
        EMPTY: _ClassVar[TextConfig.ProfileType]
        BASIC: _ClassVar[TextConfig.ProfileType]
    PROFILE_TYPE_UNSPECIFIED: TextConfig.ProfileType
    EMPTY: TextConfig.ProfileType
    BASIC: TextConfig.ProfileType
    TRANSFORMATIONS_FIELD_NUMBER: _ClassVar[int]
    ADDITIONAL_TRANSFORMATIONS_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_INFO_TYPES_FIELD_NUMBER: _ClassVar[int]
    PROFILE_TYPE_FIELD_NUMBER: _ClassVar[int]
    transformations: _containers.RepeatedCompositeFieldContainer[InfoTypeTransformation]
    additional_transformations: _containers.RepeatedCompositeFieldContainer[InfoTypeTransformation]
    exclude_info_types: _containers.RepeatedScalarFieldContainer[str]
    profile_type: TextConfig.ProfileType
    def __init__(self, transformations: _Optional[_Iterable[_Union[InfoTypeTransformation, _Mapping]]] = ..., additional_transformations: _Optional[_Iterable[_Union[InfoTypeTransformation, _Mapping]]] = ..., exclude_info_types: _Optional[_Iterable[str]] = ..., profile_type: _Optional[_Union[TextConfig.ProfileType, str]] = ...) -> None: ...

class InfoTypeTransformation(_message.Message):
    __slots__ = ("info_types", "redact_config", "character_mask_config", "date_shift_config", "crypto_hash_config", "replace_with_info_type_config")
    INFO_TYPES_FIELD_NUMBER: _ClassVar[int]
    REDACT_CONFIG_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_MASK_CONFIG_FIELD_NUMBER: _ClassVar[int]
    DATE_SHIFT_CONFIG_FIELD_NUMBER: _ClassVar[int]
    CRYPTO_HASH_CONFIG_FIELD_NUMBER: _ClassVar[int]
    REPLACE_WITH_INFO_TYPE_CONFIG_FIELD_NUMBER: _ClassVar[int]
    info_types: _containers.RepeatedScalarFieldContainer[str]
    redact_config: RedactConfig
    character_mask_config: CharacterMaskConfig
    date_shift_config: DateShiftConfig
    crypto_hash_config: CryptoHashConfig
    replace_with_info_type_config: ReplaceWithInfoTypeConfig
    def __init__(self, info_types: _Optional[_Iterable[str]] = ..., redact_config: _Optional[_Union[RedactConfig, _Mapping]] = ..., character_mask_config: _Optional[_Union[CharacterMaskConfig, _Mapping]] = ..., date_shift_config: _Optional[_Union[DateShiftConfig, _Mapping]] = ..., crypto_hash_config: _Optional[_Union[CryptoHashConfig, _Mapping]] = ..., replace_with_info_type_config: _Optional[_Union[ReplaceWithInfoTypeConfig, _Mapping]] = ...) -> None: ...

class RedactConfig(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CharacterMaskConfig(_message.Message):
    __slots__ = ("masking_character",)
    MASKING_CHARACTER_FIELD_NUMBER: _ClassVar[int]
    masking_character: str
    def __init__(self, masking_character: _Optional[str] = ...) -> None: ...

class DateShiftConfig(_message.Message):
    __slots__ = ("crypto_key", "kms_wrapped")
    CRYPTO_KEY_FIELD_NUMBER: _ClassVar[int]
    KMS_WRAPPED_FIELD_NUMBER: _ClassVar[int]
    crypto_key: bytes
    kms_wrapped: KmsWrappedCryptoKey
    def __init__(self, crypto_key: _Optional[bytes] = ..., kms_wrapped: _Optional[_Union[KmsWrappedCryptoKey, _Mapping]] = ...) -> None: ...

class CryptoHashConfig(_message.Message):
    __slots__ = ("crypto_key", "kms_wrapped")
    CRYPTO_KEY_FIELD_NUMBER: _ClassVar[int]
    KMS_WRAPPED_FIELD_NUMBER: _ClassVar[int]
    crypto_key: bytes
    kms_wrapped: KmsWrappedCryptoKey
    def __init__(self, crypto_key: _Optional[bytes] = ..., kms_wrapped: _Optional[_Union[KmsWrappedCryptoKey, _Mapping]] = ...) -> None: ...

class ReplaceWithInfoTypeConfig(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class KmsWrappedCryptoKey(_message.Message):
    __slots__ = ("wrapped_key", "crypto_key")
    WRAPPED_KEY_FIELD_NUMBER: _ClassVar[int]
    CRYPTO_KEY_FIELD_NUMBER: _ClassVar[int]
    wrapped_key: bytes
    crypto_key: str
    def __init__(self, wrapped_key: _Optional[bytes] = ..., crypto_key: _Optional[str] = ...) -> None: ...

class FhirConfig(_message.Message):
    __slots__ = ("field_metadata_list", "default_keep_extensions")
    class FieldMetadata(_message.Message):
        __slots__ = ("paths", "action")
        class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            ACTION_UNSPECIFIED: _ClassVar[FhirConfig.FieldMetadata.Action]
            TRANSFORM: _ClassVar[FhirConfig.FieldMetadata.Action]
            INSPECT_AND_TRANSFORM: _ClassVar[FhirConfig.FieldMetadata.Action]
            DO_NOT_TRANSFORM: _ClassVar[FhirConfig.FieldMetadata.Action]
        ACTION_UNSPECIFIED: FhirConfig.FieldMetadata.Action
        TRANSFORM: FhirConfig.FieldMetadata.Action
        INSPECT_AND_TRANSFORM: FhirConfig.FieldMetadata.Action
        DO_NOT_TRANSFORM: FhirConfig.FieldMetadata.Action
        PATHS_FIELD_NUMBER: _ClassVar[int]
        ACTION_FIELD_NUMBER: _ClassVar[int]
        paths: _containers.RepeatedScalarFieldContainer[str]
        action: FhirConfig.FieldMetadata.Action
        def __init__(self, paths: _Optional[_Iterable[str]] = ..., action: _Optional[_Union[FhirConfig.FieldMetadata.Action, str]] = ...) -> None: ...
    FIELD_METADATA_LIST_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_KEEP_EXTENSIONS_FIELD_NUMBER: _ClassVar[int]
    field_metadata_list: _containers.RepeatedCompositeFieldContainer[FhirConfig.FieldMetadata]
    default_keep_extensions: bool
    def __init__(self, field_metadata_list: _Optional[_Iterable[_Union[FhirConfig.FieldMetadata, _Mapping]]] = ..., default_keep_extensions: _Optional[bool] = ...) -> None: ...

class FhirFieldConfig(_message.Message):
    __slots__ = ("field_metadata_list", "options", "profile_type")
    class ProfileType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PROFILE_TYPE_UNSPECIFIED: _ClassVar[FhirFieldConfig.ProfileType]
        KEEP_ALL: _ClassVar[FhirFieldConfig.ProfileType]
        BASIC: _ClassVar[FhirFieldConfig.ProfileType]
        CLEAN_ALL: _ClassVar[FhirFieldConfig.ProfileType]
    PROFILE_TYPE_UNSPECIFIED: FhirFieldConfig.ProfileType
    KEEP_ALL: FhirFieldConfig.ProfileType
    BASIC: FhirFieldConfig.ProfileType
    CLEAN_ALL: FhirFieldConfig.ProfileType
    class FieldMetadata(_message.Message):
        __slots__ = ("paths", "keep_field", "remove_field", "clean_text_field", "character_mask_field", "crypto_hash_field", "date_shift_field")
        PATHS_FIELD_NUMBER: _ClassVar[int]
        KEEP_FIELD_FIELD_NUMBER: _ClassVar[int]
        REMOVE_FIELD_FIELD_NUMBER: _ClassVar[int]
        CLEAN_TEXT_FIELD_FIELD_NUMBER: _ClassVar[int]
        CHARACTER_MASK_FIELD_FIELD_NUMBER: _ClassVar[int]
        CRYPTO_HASH_FIELD_FIELD_NUMBER: _ClassVar[int]
        DATE_SHIFT_FIELD_FIELD_NUMBER: _ClassVar[int]
        paths: _containers.RepeatedScalarFieldContainer[str]
        keep_field: KeepField
        remove_field: RemoveField
        clean_text_field: CleanTextField
        character_mask_field: CharacterMaskField
        crypto_hash_field: CryptoHashField
        date_shift_field: DateShiftField
        def __init__(self, paths: _Optional[_Iterable[str]] = ..., keep_field: _Optional[_Union[KeepField, _Mapping]] = ..., remove_field: _Optional[_Union[RemoveField, _Mapping]] = ..., clean_text_field: _Optional[_Union[CleanTextField, _Mapping]] = ..., character_mask_field: _Optional[_Union[CharacterMaskField, _Mapping]] = ..., crypto_hash_field: _Optional[_Union[CryptoHashField, _Mapping]] = ..., date_shift_field: _Optional[_Union[DateShiftField, _Mapping]] = ...) -> None: ...
    class Options(_message.Message):
        __slots__ = ("keep_extensions", "contextual_deid", "character_mask_config", "crypto_hash_config", "date_shift_config")
        KEEP_EXTENSIONS_FIELD_NUMBER: _ClassVar[int]
        CONTEXTUAL_DEID_FIELD_NUMBER: _ClassVar[int]
        CHARACTER_MASK_CONFIG_FIELD_NUMBER: _ClassVar[int]
        CRYPTO_HASH_CONFIG_FIELD_NUMBER: _ClassVar[int]
        DATE_SHIFT_CONFIG_FIELD_NUMBER: _ClassVar[int]
        keep_extensions: KeepExtensionsConfig
        contextual_deid: ContextualDeidConfig
        character_mask_config: CharacterMaskConfig
        crypto_hash_config: CryptoHashConfig
        date_shift_config: DateShiftConfig
        def __init__(self, keep_extensions: _Optional[_Union[KeepExtensionsConfig, _Mapping]] = ..., contextual_deid: _Optional[_Union[ContextualDeidConfig, _Mapping]] = ..., character_mask_config: _Optional[_Union[CharacterMaskConfig, _Mapping]] = ..., crypto_hash_config: _Optional[_Union[CryptoHashConfig, _Mapping]] = ..., date_shift_config: _Optional[_Union[DateShiftConfig, _Mapping]] = ...) -> None: ...
    FIELD_METADATA_LIST_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PROFILE_TYPE_FIELD_NUMBER: _ClassVar[int]
    field_metadata_list: _containers.RepeatedCompositeFieldContainer[FhirFieldConfig.FieldMetadata]
    options: FhirFieldConfig.Options
    profile_type: FhirFieldConfig.ProfileType
    def __init__(self, field_metadata_list: _Optional[_Iterable[_Union[FhirFieldConfig.FieldMetadata, _Mapping]]] = ..., options: _Optional[_Union[FhirFieldConfig.Options, _Mapping]] = ..., profile_type: _Optional[_Union[FhirFieldConfig.ProfileType, str]] = ...) -> None: ...

class KeepField(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RemoveField(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CleanTextField(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CharacterMaskField(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CryptoHashField(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DateShiftField(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class KeepExtensionsConfig(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ContextualDeidConfig(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeidentifyOperationMetadata(_message.Message):
    __slots__ = ("fhir_output",)
    class FhirOutput(_message.Message):
        __slots__ = ("fhir_store",)
        FHIR_STORE_FIELD_NUMBER: _ClassVar[int]
        fhir_store: str
        def __init__(self, fhir_store: _Optional[str] = ...) -> None: ...
    FHIR_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    fhir_output: DeidentifyOperationMetadata.FhirOutput
    def __init__(self, fhir_output: _Optional[_Union[DeidentifyOperationMetadata.FhirOutput, _Mapping]] = ...) -> None: ...

class DicomFilterConfig(_message.Message):
    __slots__ = ("resource_paths_gcs_uri",)
    RESOURCE_PATHS_GCS_URI_FIELD_NUMBER: _ClassVar[int]
    resource_paths_gcs_uri: str
    def __init__(self, resource_paths_gcs_uri: _Optional[str] = ...) -> None: ...

class DeidentifySummary(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeidentifyDicomStoreSummary(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
