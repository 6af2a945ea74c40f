"""A worker's answer as rows of the catalog."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from effacer_server.dicom.headers import Header
from effacer_server.errors import Reason
from effacer_server.jobs.work import Done, Failed
from effacer_server.store.catalog import Instance, InstanceError, SourceInstance, Written


def instance_name(store: str, study: str, series: str, instance: str) -> str:
    """Resource name of an instance."""
    return f"{store}/dicomWeb/studies/{study}/series/{series}/instances/{instance}"


def instance_row(header: Header, store_uid: str, key: str, size: int, operation: str = "") -> Instance:
    """The catalog's row of an instance whose bytes are durable under `key`."""
    columns: dict[str, Any] = dict(header.columns)
    return Instance(
        store_uid=store_uid,
        study=header.study,
        series=header.series,
        instance=header.instance,
        key=key,
        size=size,
        sop_class=header.sop_class,
        transfer_syntax=header.transfer_syntax,
        header=header.json,
        operation=operation,
        **columns,
    )


def rows_of(
    results: Sequence[Done | Failed],
    instances: Mapping[int, SourceInstance],
    source_store: str,
    destination_uid: str,
    operation: str,
) -> tuple[list[Written], list[InstanceError]]:
    """What was written and what was refused.

    Args:
        results: of one shard, or of the part of it that was done.
        instances: the shard's instances by id.
        source_store: name of their store.
        destination_uid: uid of the store written into.
        operation: name.
    """
    rows: list[Written] = []
    errors: list[InstanceError] = []
    for result in results:
        source = instances[result.id]
        name = instance_name(source_store, source.study, source.series, source.instance)
        if isinstance(result, Failed):
            errors.append(
                InstanceError(source=name, reason=result.reason, tag=result.tag, vr=result.vr, position=result.position)
            )
            continue
        row = instance_row(result.header, destination_uid, result.key, result.size, operation)
        rows.append(Written(name, row))
    return rows, errors


def name_gone(results: Sequence[Done | Failed], there: Collection[int]) -> list[Done | Failed]:
    """The results, where what could not be read says SOURCE_GONE if its row is gone, too.

    Rows are deleted before their objects: without a row the instance was deleted, with one its object is lost.

    Args:
        results: of one shard.
        there: ids of the shard's instances that the catalog still has.
    """
    return [
        Failed(result.id, str(Reason.SOURCE_GONE))
        if isinstance(result, Failed) and result.reason == Reason.IO and result.id not in there
        else result
        for result in results
    ]


def refuse_all(instances: Sequence[SourceInstance], reason: Reason) -> list[Done | Failed]:
    """The answer of a shard that cannot be worked on."""
    return [Failed(instance.id, str(reason)) for instance in instances]
