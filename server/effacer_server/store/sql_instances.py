"""Instances: insertion with an outcome for each row, reading, deletion."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, literal, select, tuple_

from effacer_server.errors import NotFound
from effacer_server.store.catalog import QUERY_COLUMNS, Deletion, Instance, Outcome
from effacer_server.store.sql_database import Database, batches
from effacer_server.store.sql_tables import DELETIONS, INSTANCES, NAME_COLUMNS, STORES, folded

_COLUMNS = tuple(field.name for field in fields(Instance))
_BATCH = 500
#: Query columns that name the instance: never changed.
_UIDS = frozenset({"study", "series", "instance"})
#: JSON escapes of NUL and of surrogates (also of whole pairs, which survive), and the characters themselves.
_UNSTORABLE_ESCAPE = re.compile(r"\\u0000|\\u[dD][89a-fA-F]|[\x00\ud800-\udfff]")
_NAME = (INSTANCES.c.store_uid, INSTANCES.c.study, INSTANCES.c.series, INSTANCES.c.instance)

Name = tuple[str, str, str, str]


class Instances(Database):
    """The part of the catalog that says what a store holds."""

    def insert_instances(self, rows: Sequence[Instance]) -> list[Outcome]:
        with self._write() as connection:
            return self._insert_instances(connection, rows)

    def get_instance(self, store_uid: str, study: str, series: str, instance: str) -> Instance:
        query = select(INSTANCES).where(
            *(column == value for column, value in zip(_NAME, (store_uid, study, series, instance), strict=True))
        )
        with self._read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("INSTANCE", "no such instance")
        return read_instance(row)

    def iterate_instances(self, store_uid: str, study: str = "", series: str = "") -> Iterator[Instance]:
        base = select(INSTANCES).where(_below(store_uid, study, series)).order_by(*_NAME).limit(_BATCH)
        query = base
        while True:
            with self._read() as connection:
                rows = [read_instance(row) for row in connection.execute(query)]
            yield from rows
            if len(rows) < _BATCH:
                return
            last = rows[-1]
            behind = tuple_(*_NAME[1:]) > tuple_(literal(last.study), literal(last.series), literal(last.instance))
            query = base.where(behind)

    def delete_instances(self, store_uid: str, study: str, series: str = "", instance: str = "") -> list[str]:
        chosen = _below(store_uid, study, series, instance)
        with self._write() as connection:
            self._lock(connection, store_uid)
            keys = [str(key) for key in connection.scalars(select(INSTANCES.c.key).where(chosen).order_by(*_NAME))]
            noted = select(INSTANCES.c.key, literal(0)).where(chosen)
            connection.execute(insert(DELETIONS).from_select(["key", "is_prefix"], noted))
            connection.execute(delete(INSTANCES).where(chosen))
            return keys

    def list_deletions(self, limit: int = 1000) -> list[Deletion]:
        query = select(DELETIONS).order_by(DELETIONS.c.id).limit(limit)
        with self._read() as connection:
            return [Deletion(row.id, row.key, bool(row.is_prefix)) for row in connection.execute(query)]

    def confirm_deletions(self, keys: Iterable[str]) -> None:
        for batch in batches(keys, _BATCH):
            with self._write() as connection:
                connection.execute(delete(DELETIONS).where(DELETIONS.c.key.in_(batch)))

    def max_instance_id(self, store_uid: str) -> int:
        # A writing transaction: on PostgreSQL ids are given out before commits, and the lock waits for those.
        with self._write() as connection:
            self._lock(connection, store_uid)
            query = select(func.coalesce(func.max(INSTANCES.c.id), 0)).where(INSTANCES.c.store_uid == store_uid)
            return int(connection.execute(query).scalar_one())

    def _insert_instances(self, connection: Connection, rows: Sequence[Instance]) -> list[Outcome]:
        """insert_instances within a transaction."""
        stores = {row.store_uid for row in rows}
        self._lock(connection, *stores)
        there = set(connection.scalars(select(STORES.c.uid).where(STORES.c.uid.in_(stores))))
        if there != stores:
            raise NotFound("DICOM_STORE", "the DICOM store is gone")
        outcomes: list[Outcome] = []
        for batch in batches(rows, _BATCH):
            taken = self._taken(connection, batch)
            fresh: list[Instance] = []
            added: set[str | Name] = set()
            for row in batch:
                outcome = _judge(row, *taken, added)
                if outcome is Outcome.INSERTED:
                    fresh.append(row)
                    added |= {_name(row), row.key}
                outcomes.append(outcome)
            if fresh:
                now = self._clock()
                connection.execute(insert(INSTANCES), [_values(row, now) for row in fresh])
                # A key that is in use again must not be deleted on behalf of its earlier row.
                connection.execute(delete(DELETIONS).where(DELETIONS.c.key.in_([row.key for row in fresh])))
        return outcomes

    def _taken(self, connection: Connection, rows: Sequence[Instance]) -> tuple[dict[Name, str], set[str]]:
        """What is there already of these rows: key by name, and keys."""
        names: dict[Name, str] = {}
        for store_uid in {row.store_uid for row in rows}:
            # By SOP Instance UID alone, which has an index and is as good as unique; SQLite scans for tuples.
            uids = [row.instance for row in rows if row.store_uid == store_uid]
            alike = select(*_NAME, INSTANCES.c.key).where(
                INSTANCES.c.store_uid == store_uid, INSTANCES.c.instance.in_(uids)
            )
            names.update({(r.store_uid, r.study, r.series, r.instance): r.key for r in connection.execute(alike)})
        by_key = select(INSTANCES.c.key).where(INSTANCES.c.key.in_([row.key for row in rows]))
        return names, {str(key) for key in connection.scalars(by_key)}


def read_instance(row: Row[Any]) -> Instance:
    """A row of the table as the port shows it."""
    return Instance(**{name: getattr(row, name) for name in _COLUMNS})


def _name(row: Instance) -> Name:
    return row.store_uid, row.study, row.series, row.instance


def _judge(row: Instance, key_by_name: dict[Name, str], keys: set[str], added: set[str | Name]) -> Outcome:
    """The outcome of a row, given what is in the table and what this insertion adds before it."""
    name = _name(row)
    if name in key_by_name:
        return Outcome.SAME if key_by_name[name] == row.key else Outcome.CONFLICT
    # Within one insertion equal rows are no retry but two instances that claim one place.
    taken = row.key in keys or name in added or row.key in added
    return Outcome.CONFLICT if taken else Outcome.INSERTED


def _values(row: Instance, now: float) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _COLUMNS if name != "id"}
    values["create_time"] = now
    for name in QUERY_COLUMNS.keys() - _UIDS:
        values[name] = _storable(values[name])
    if _UNSTORABLE_ESCAPE.search(row.header):
        values["header"] = json.dumps(_storable(json.loads(row.header)), ensure_ascii=False)
    for name in NAME_COLUMNS:
        values[folded(name)] = str(values[name]).casefold()
    return values


def _storable(value: Any) -> Any:
    """Text, or JSON with texts, without what no database takes: NUL and halves of surrogate pairs.

    A damaged header must neither stop the other rows of its transaction nor later searches.
    """
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return value


def _below(store_uid: str, study: str = "", series: str = "", instance: str = "") -> ColumnElement[bool]:
    given = zip(_NAME, (store_uid, study, series, instance), strict=True)
    return and_(*(column == value for column, value in given if value))
