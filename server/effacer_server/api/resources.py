"""Between protos and the catalog's rows: datasets, stores, instances; and what their fields may hold."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from google.protobuf import json_format
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from effacer.v1 import dataset_pb2, dicom_store_pb2, instance_pb2
from effacer_server.api import names
from effacer_server.errors import InvalidConfig, Unsupported
from effacer_server.jobs.results import instance_name
from effacer_server.store import catalog

DATASET_MUTABLE = ("time_zone",)
STORE_MUTABLE = ("labels", "notification_config", "stream_configs", "notification_configs")


def new_uid() -> str:
    """A uid for a dataset or store: not to be guessed, and a valid part of an object's key."""
    return uuid.uuid4().hex


def dataset_row(name: str, dataset: dataset_pb2.Dataset, field: str) -> catalog.Dataset:
    """A new dataset as a row. Raises InvalidConfig and Unsupported at paths below `field`."""
    return catalog.Dataset(name, new_uid(), dataset_body(dataset, field))


def dataset_body(dataset: dataset_pb2.Dataset, field: str) -> str:
    """A dataset as the catalog keeps it: without its name and what only the server sets."""
    if dataset.HasField("encryption_spec"):
        raise Unsupported(f"{field}.encryptionSpec", "this server does not encrypt with keys of its callers")
    if dataset.time_zone and not _is_time_zone(dataset.time_zone):
        raise InvalidConfig(f"{field}.timeZone", "is not the name of a time zone")
    return _body(dataset_pb2.Dataset(time_zone=dataset.time_zone))


def dataset_proto(row: catalog.Dataset) -> dataset_pb2.Dataset:
    """A row as the caller sees it."""
    dataset = json_format.Parse(row.body, dataset_pb2.Dataset(), ignore_unknown_fields=True)
    dataset.name = row.name
    return dataset


def store_row(name: str, store: dicom_store_pb2.DicomStore, field: str) -> catalog.DicomStore:
    """A new store as a row. Raises InvalidConfig and Unsupported at paths below `field`."""
    return catalog.DicomStore(name, names.dataset_of(name), new_uid(), store_body(store, field), dict(store.labels))


def store_body(store: dicom_store_pb2.DicomStore, field: str) -> str:
    """A store as the catalog keeps it: without its name."""
    names.check_labels(store.labels, f"{field}.labels")
    for name in ("notification_config", "stream_configs", "notification_configs"):
        if store.HasField(name) if name == "notification_config" else getattr(store, name):
            at = f"{field}.{store.DESCRIPTOR.fields_by_name[name].json_name}"
            raise Unsupported(at, "this version does not announce or stream new instances")
    kept = dicom_store_pb2.DicomStore()
    kept.CopyFrom(store)
    kept.ClearField("name")
    return _body(kept)


def store_proto(row: catalog.DicomStore) -> dicom_store_pb2.DicomStore:
    """A row as the caller sees it."""
    store = json_format.Parse(row.body, dicom_store_pb2.DicomStore(), ignore_unknown_fields=True)
    store.name = row.name
    return store


def instance_proto(row: catalog.Instance, store: str) -> instance_pb2.Instance:
    """A stored instance as the caller sees it."""
    return instance_pb2.Instance(
        name=instance_name(store, row.study, row.series, row.instance),
        study_instance_uid=row.study,
        series_instance_uid=row.series,
        sop_instance_uid=row.instance,
        sop_class_uid=row.sop_class,
        transfer_syntax_uid=row.transfer_syntax,
        size_bytes=row.size,
    )


def masked_fields(mask: FieldMask, mutable: Sequence[str]) -> list[str]:
    """The fields an update changes, in proto names; `*` stands for all.

    Raises:
        InvalidConfig: an empty mask, or a path that is not a mutable field.
    """
    if not mask.paths:
        raise InvalidConfig("updateMask", "must name the fields to change")
    if list(mask.paths) == ["*"]:
        return list(mutable)
    for index, path in enumerate(mask.paths):
        if path not in mutable:
            raise InvalidConfig(f"updateMask.paths[{index}]", f"must be one of {', '.join(mutable)}")
    return list(mask.paths)


def replace_fields(target: Message, source: Message, fields: Sequence[str]) -> None:
    """Takes these fields over from `source`; absent there is absent here."""
    for name in fields:
        target.ClearField(name)
    taken = type(source)()
    taken.CopyFrom(source)
    for field in source.DESCRIPTOR.fields:
        if field.name not in fields:
            taken.ClearField(field.name)
    target.MergeFrom(taken)


def _body(message: Message) -> str:
    return json_format.MessageToJson(message, indent=None)


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # ZoneInfoNotFoundError is a KeyError
        return False
    return True
