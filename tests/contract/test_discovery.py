"""The contract against the discovery documents of the reference: whole schemas, both ways, and the methods' paths.

The documents come with google-api-python-client. `SCHEMAS` says which schema each of our messages stands for; a field
that the schema lacks must be one of ours, numbered from 100 up, and listed in `OURS`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor

from effacer.v1 import dataset_pb2, deidentify_pb2, dicom_store_pb2, operation_metadata_pb2

MODULES = (deidentify_pb2, dataset_pb2, dicom_store_pb2, operation_metadata_pb2)

# Our message, below effacer.v1 -> schema of v1beta1, where the two names differ.
RENAMED = {
    "BigQueryDestination": "GoogleCloudHealthcareV1beta1DicomBigQueryDestination",
    "ChangeDataCaptureConfig": "GoogleCloudHealthcareV1beta1DicomChangeDataCaptureConfig",
    "DeidentifyDicomStoreSummary": "GoogleCloudHealthcareV1beta1DeidentifyDeidentifyDicomStoreSummary",
    "DeidentifyOperationMetadata.FhirOutput": "FhirOutput",
    "DicomConfig.TagFilterList": "TagFilterList",
    "DicomTagConfig.Action": "Action",
    "DicomTagConfig.Options": "Options",
    "FhirConfig.FieldMetadata": "FieldMetadata",
    "FhirFieldConfig.FieldMetadata": "GoogleCloudHealthcareV1beta1DeidentifyFieldMetadata",
    "FhirFieldConfig.Options": "GoogleCloudHealthcareV1beta1DeidentifyOptions",
    "GcsDestination": "GoogleCloudHealthcareV1beta1DicomGcsDestination",
    "GcsSource": "GoogleCloudHealthcareV1beta1DicomGcsSource",
    "StreamConfig": "GoogleCloudHealthcareV1beta1DicomStreamConfig",
}

# Messages of these files that the documents do not know: requests whose fields travel in the path and the query, the
# reference's log entry, and our own access to it.
WITHOUT_SCHEMA = {
    "CreateDatasetRequest", "GetDatasetRequest", "ListDatasetsRequest", "UpdateDatasetRequest", "DeleteDatasetRequest",
    "CreateDicomStoreRequest", "GetDicomStoreRequest", "ListDicomStoresRequest", "UpdateDicomStoreRequest",
    "DeleteDicomStoreRequest", "GetDicomStoreMetricsRequest",
    "DeidentifyLogEntry", "ListOperationErrorsRequest", "ListOperationErrorsResponse",
}  # fmt: skip

# Our additions, by message: JSON name -> field number.
OURS = {
    "DicomTagConfig.Options": {
        "standardEdition": 100,
        "retainSafePrivate": 101,
        "retainUids": 102,
        "retainDeviceIdentity": 103,
        "retainInstitutionIdentity": 104,
        "retainPatientCharacteristics": 105,
        "retainLongitudinalFullDates": 106,
        "retainLongitudinalModifiedDates": 107,
        "cleanStructuredContent": 108,
        "cleanGraphics": 109,
    },
    "OperationMetadata": {"notes": 100, "planFingerprint": 101, "failureReasons": 102},
}

# RPC -> method of the documents.
METHODS = {
    "DatasetService.CreateDataset": "projects.locations.datasets.create",
    "DatasetService.GetDataset": "projects.locations.datasets.get",
    "DatasetService.ListDatasets": "projects.locations.datasets.list",
    "DatasetService.UpdateDataset": "projects.locations.datasets.patch",
    "DatasetService.DeleteDataset": "projects.locations.datasets.delete",
    "DatasetService.DeidentifyDataset": "projects.locations.datasets.deidentify",
    "DicomStoreService.CreateDicomStore": "projects.locations.datasets.dicomStores.create",
    "DicomStoreService.GetDicomStore": "projects.locations.datasets.dicomStores.get",
    "DicomStoreService.ListDicomStores": "projects.locations.datasets.dicomStores.list",
    "DicomStoreService.UpdateDicomStore": "projects.locations.datasets.dicomStores.patch",
    "DicomStoreService.DeleteDicomStore": "projects.locations.datasets.dicomStores.delete",
    "DicomStoreService.GetDicomStoreMetrics": "projects.locations.datasets.dicomStores.getDICOMStoreMetrics",
    "DicomStoreService.DeidentifyDicomStore": "projects.locations.datasets.dicomStores.deidentify",
    "DicomStoreService.ImportDicomData": "projects.locations.datasets.dicomStores.import",
    "DicomStoreService.ExportDicomData": "projects.locations.datasets.dicomStores.export",
}

SCALARS = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BOOL: "boolean",
    FieldDescriptor.TYPE_INT32: "integer/int32",
    FieldDescriptor.TYPE_INT64: "string/int64",
    FieldDescriptor.TYPE_BYTES: "string/byte",
}
WELL_KNOWN = {
    "google.protobuf.Timestamp": "string/google-datetime",
    "google.protobuf.FieldMask": "string/google-fieldmask",
    "google.protobuf.Empty": "Empty",
    "google.longrunning.Operation": "Operation",
}


@functools.cache
def document(version: str) -> dict[str, Any]:
    """The discovery document of `v1beta1` or `v1`."""
    folder = resources.files("googleapiclient") / "discovery_cache" / "documents"
    return json.loads((folder / f"healthcare.{version}.json").read_text(encoding="utf-8"))


def short(descriptor: Descriptor | EnumDescriptor) -> str:
    """The name below `effacer.v1`."""
    return descriptor.full_name.removeprefix("effacer.v1.")


def schema_name(message: str, version: str) -> str:
    """The name of a message's schema in one version's document."""
    return RENAMED.get(message, message).replace("HealthcareV1beta1", f"HealthcareV{version[1:]}", 1)


def nested(descriptors: Any) -> Iterator[Descriptor]:
    """The messages and those inside them; map entries are no messages of the contract."""
    for descriptor in descriptors:
        if not descriptor.GetOptions().map_entry:
            yield descriptor
            yield from nested(descriptor.nested_types)


MESSAGES = {short(d): d for module in MODULES for d in nested(module.DESCRIPTOR.message_types_by_name.values())}
SERVICES = {s.name: s for module in MODULES for s in module.DESCRIPTOR.services_by_name.values()}
SCHEMAS = {name: descriptor for name, descriptor in MESSAGES.items() if name not in WITHOUT_SCHEMA}


def rules(method: MethodDescriptor) -> list[http_pb2.HttpRule]:
    """The method's http rules, the first and the additional ones."""
    first = method.GetOptions().Extensions[annotations_pb2.http]
    return [first, *first.additional_bindings]


def verb_and_path(rule: http_pb2.HttpRule) -> tuple[str, str]:
    """`GET` and the path template of a rule."""
    kind = rule.WhichOneof("pattern")
    return kind.upper(), getattr(rule, kind)


def path_fields(rule: http_pb2.HttpRule) -> set[str]:
    """The top-level fields a rule takes from the path."""
    return {name.split(".")[0] for name in re.findall(r"\{([\w.]+)=", verb_and_path(rule)[1])}


@functools.cache
def bound_to_path() -> dict[str, set[str]]:
    """Request message -> its fields that travel in the path and so are in no schema."""
    return {
        method.input_type.full_name: path_fields(rules(method)[0])
        for service in SERVICES.values()
        for method in service.methods
    }


def our_type(field: FieldDescriptor, version: str) -> Any:
    """A field's type in the vocabulary of the documents; enums as the list of their values by number."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {"map": our_type(field.message_type.fields_by_name["value"], version)}
    if field.enum_type is not None:
        kind: Any = [value.name for value in sorted(field.enum_type.values, key=lambda value: value.number)]
    elif field.message_type is not None:
        full_name = field.message_type.full_name
        kind = WELL_KNOWN.get(full_name) or schema_name(short(field.message_type), version)
    else:
        kind = SCALARS[field.type]
    return {"repeated": kind} if field.is_repeated else kind


def their_type(schema: dict[str, Any]) -> Any:
    """A property's type in the same vocabulary."""
    if "$ref" in schema:
        return schema["$ref"]
    if schema["type"] == "array":
        return {"repeated": their_type(schema["items"])}
    if "additionalProperties" in schema:
        return {"map": their_type(schema["additionalProperties"])}
    if "enum" in schema:
        return schema["enum"]
    return "/".join(filter(None, (schema["type"], schema.get("format"))))


def our_schema(name: str, version: str) -> dict[str, Any]:
    """JSON name -> type of the message's fields, without what travels in the path and what is ours alone."""
    descriptor = SCHEMAS[name]
    left_out = bound_to_path().get(descriptor.full_name, set())
    return {
        field.json_name: our_type(field, version)
        for field in descriptor.fields
        if field.name not in left_out and field.number < 100
    }


def their_schema(name: str, version: str) -> dict[str, Any]:
    """JSON name -> type of the schema's properties."""
    schema = document(version)["schemas"][schema_name(name, version)]
    return {key: their_type(value) for key, value in schema.get("properties", {}).items()}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_schema_equals_v1beta1(name: str) -> None:
    assert our_schema(name, "v1beta1") == their_schema(name, "v1beta1")


def in_v1(name: str) -> bool:
    return schema_name(name, "v1") in document("v1")["schemas"]


@pytest.mark.parametrize("name", sorted(filter(in_v1, SCHEMAS)))
def test_schema_covers_v1(name: str) -> None:
    """v1 knows fewer fields and enum values; those it knows are the same."""
    ours = our_schema(name, "v1")
    for key, theirs in their_schema(name, "v1").items():
        if isinstance(theirs, list):
            assert set(theirs) <= set(ours[key]), key
        else:
            assert ours[key] == theirs, key


def test_v1_is_compared_at_all() -> None:
    compared = set(filter(in_v1, SCHEMAS))
    assert {"DeidentifyConfig", "DicomConfig", "DeidentifyDicomStoreSummary", "GcsSource"} <= compared


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_additions_are_listed_and_numbered_from_100(name: str) -> None:
    found = {field.json_name: field.number for field in MESSAGES[name].fields if field.number >= 100}
    assert found == OURS.get(name, {})


def test_tables_name_only_what_exists() -> None:
    assert RENAMED.keys() <= SCHEMAS.keys()
    assert MESSAGES.keys() >= WITHOUT_SCHEMA
    assert OURS.keys() <= SCHEMAS.keys()
    for name in WITHOUT_SCHEMA:
        assert name not in document("v1beta1")["schemas"], name


@functools.cache
def reachable_schemas() -> frozenset[str]:
    """Every schema that a body of one of our methods can hold."""
    schemas = document("v1beta1")["schemas"]
    found: set[str] = set()
    todo = [
        method[side]["$ref"]
        for method in map(discovery_method, METHODS.values())
        for side in ("request", "response")
        if side in method
    ]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += re.findall(r'"\$ref": "(\w+)"', json.dumps(schemas[name]))
    return frozenset(found)


def test_no_reachable_schema_is_missing() -> None:
    """The other direction over whole schemas: everything a method's body can hold is modelled or imported."""
    imported = {"Operation", "Empty", "Status"}
    assert reachable_schemas() - imported <= {schema_name(name, "v1beta1") for name in SCHEMAS}


def discovery_method(name: str, version: str = "v1beta1") -> dict[str, Any]:
    """A method of the documents by its path of resources."""
    *path, last = name.split(".")
    node = document(version)
    for part in path:
        node = node["resources"][part]
    return node["methods"][last]


def our_method(name: str) -> MethodDescriptor:
    service, method = name.split(".")
    return SERVICES[service].methods_by_name[method]


def plain(path: str) -> str:
    """A path template with its variables blanked: `v1/{+name}:import` and `/v1/{name=a/*}:import` become equal."""
    return re.sub(r"\{[^}]*\}", "{}", path).lstrip("/")


@pytest.mark.parametrize("version", ["v1beta1", "v1"])
@pytest.mark.parametrize("name", sorted(METHODS))
def test_method_has_the_reference_path(name: str, version: str) -> None:
    theirs = discovery_method(METHODS[name], version)
    ours = {(verb, plain(path)) for verb, path in map(verb_and_path, rules(our_method(name)))}
    assert (theirs["httpMethod"], plain(theirs["path"])) in ours
    pattern = re.compile(next(p for p in theirs["parameters"].values() if p["location"] == "path")["pattern"])
    wanted = next(path for _, path in map(verb_and_path, rules(our_method(name))) if path.startswith(f"/{version}/"))
    variable = re.search(r"\{[\w.]+=([^}]*)\}", wanted)
    assert variable
    assert pattern.match(variable[1].replace("*", "x")), "the path variable takes other names than the reference's"


@pytest.mark.parametrize("name", sorted(METHODS))
def test_method_has_the_reference_query(name: str) -> None:
    """What is neither in the path nor in the body is in the query, under the reference's names."""
    method = our_method(name)
    rule = rules(method)[0]
    taken = path_fields(rule) | {rule.body}
    ours = set() if rule.body == "*" else {f.json_name for f in method.input_type.fields if f.name not in taken}
    theirs = {key for key, p in discovery_method(METHODS[name])["parameters"].items() if p["location"] == "query"}
    assert ours == theirs


@pytest.mark.parametrize("name", sorted(METHODS))
def test_method_has_the_reference_bodies(name: str) -> None:
    theirs = discovery_method(METHODS[name])
    method = our_method(name)
    rule = rules(method)[0]
    if not rule.body:
        request = None
    elif rule.body == "*":
        request = schema_name(short(method.input_type), "v1beta1")
    else:
        request = schema_name(short(method.input_type.fields_by_name[rule.body].message_type), "v1beta1")
    assert request == theirs.get("request", {}).get("$ref")
    answer = method.output_type
    response = WELL_KNOWN.get(answer.full_name) or schema_name(short(answer), "v1beta1")
    assert response == theirs["response"]["$ref"]
