"""Datasets, DICOM stores and their labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from effacer_server.errors import AlreadyExists, NotFound
from effacer_server.store.catalog import Dataset, DicomStore, Metrics, Page
from effacer_server.store.sql_database import Database, read_token, write_token
from effacer_server.store.sql_tables import DATASETS, DELETIONS, INSTANCES, LABELS, STORES

#: The character behind "/": names below "a/" are those between "a/" and "a0".
_BEHIND_SLASH = "0"


class Resources(Database):
    """The part of the catalog that clients name."""

    # Datasets

    def create_dataset(self, dataset: Dataset) -> Dataset:
        with self._write() as connection:
            self._insert_dataset(connection, dataset)
            return _dataset(self._dataset_row(connection, dataset.name))

    def get_dataset(self, name: str) -> Dataset:
        with self._read() as connection:
            return _dataset(self._dataset_row(connection, name))

    def list_datasets(self, parent: str, page_size: int, page_token: str = "") -> Page[Dataset]:
        below = f"{parent}/datasets"
        start = read_token(page_token, "datasets", parent) or f"{below}/"
        name = DATASETS.c.name
        query = select(DATASETS).where(name > start, name < below + _BEHIND_SLASH).order_by(name).limit(page_size + 1)
        with self._read() as connection:
            rows = [_dataset(row) for row in connection.execute(query)]
        more = len(rows) > page_size
        rows = rows[:page_size]
        return Page(tuple(rows), write_token(rows[-1].name, "datasets", parent) if more else "")

    def update_dataset(self, name: str, body: str) -> Dataset:
        with self._write() as connection:
            connection.execute(update(DATASETS).where(DATASETS.c.name == name).values(body=body))
            return _dataset(self._dataset_row(connection, name))

    def delete_dataset(self, name: str) -> list[str]:
        with self._write() as connection:
            self._dataset_row(connection, name, lock=True)
            uids = connection.scalars(select(STORES.c.uid).where(STORES.c.dataset == name).order_by(STORES.c.name))
            found = [str(uid) for uid in uids]
            self._lock(connection, *found)
            connection.execute(delete(DATASETS).where(DATASETS.c.name == name))
            self._note_prefixes(connection, found)
            return found

    # DICOM stores

    def create_store(self, store: DicomStore) -> DicomStore:
        with self._write() as connection:
            self._insert_store(connection, store)
            return self._store(connection, store.name)

    def get_store(self, name: str) -> DicomStore:
        with self._read() as connection:
            return self._store(connection, name)

    def list_stores(
        self, dataset: str, page_size: int, page_token: str = "", labels: Mapping[str, str] | None = None
    ) -> Page[DicomStore]:
        pairs = sorted((labels or {}).items())
        start = read_token(page_token, "stores", dataset, pairs)
        query = select(STORES).where(STORES.c.dataset == dataset, STORES.c.name > start)
        for label, value in pairs:
            query = query.where(
                exists().where(LABELS.c.store == STORES.c.name, LABELS.c.label == label, LABELS.c.value == value)
            )
        with self._read() as connection:
            rows = list(connection.execute(query.order_by(STORES.c.name).limit(page_size + 1)))
            more = len(rows) > page_size
            rows = rows[:page_size]
            of_store: dict[str, dict[str, str]] = {row.name: {} for row in rows}
            for row in connection.execute(select(LABELS).where(LABELS.c.store.in_(list(of_store)))):
                of_store[row.store][row.label] = row.value
        stores = tuple(_store(row, of_store[row.name]) for row in rows)
        return Page(stores, write_token(stores[-1].name, "stores", dataset, pairs) if more else "")

    def update_store(self, name: str, body: str, labels: Mapping[str, str]) -> DicomStore:
        with self._write() as connection:
            changed = connection.execute(update(STORES).where(STORES.c.name == name).values(body=body))
            if not changed.rowcount:
                raise NotFound("DICOM_STORE", "no such DICOM store", name=name)
            connection.execute(delete(LABELS).where(LABELS.c.store == name))
            self._insert_labels(connection, name, labels)
            return self._store(connection, name)

    def delete_store(self, name: str) -> list[str]:
        with self._write() as connection:
            uid = self._store(connection, name).uid
            self._lock(connection, uid)
            connection.execute(delete(STORES).where(STORES.c.name == name))
            self._note_prefixes(connection, [uid])
            return [uid]

    def metrics(self, store_uid: str) -> Metrics:
        per_series = (
            select(INSTANCES.c.study, func.count().label("instances"), func.sum(INSTANCES.c.size).label("size"))
            .where(INSTANCES.c.store_uid == store_uid)
            .group_by(INSTANCES.c.study, INSTANCES.c.series)
            .subquery()
        )
        with self._read() as connection:
            row = connection.execute(
                select(
                    func.count(func.distinct(per_series.c.study)),
                    func.count(),
                    func.coalesce(func.sum(per_series.c.instances), 0),
                    func.coalesce(func.sum(per_series.c.size), 0),
                ).select_from(per_series)
            ).one()
        return Metrics(int(row[0]), int(row[1]), int(row[2]), int(row[3]))

    # Shared with the other parts

    def _insert_dataset(self, connection: Connection, dataset: Dataset) -> None:
        row = {"name": dataset.name, "uid": dataset.uid, "body": dataset.body, "create_time": self._clock()}
        if not self._insert_new(connection, DATASETS, row):
            raise AlreadyExists("DATASET", "the dataset exists already", name=dataset.name)

    def _insert_store(self, connection: Connection, store: DicomStore) -> None:
        self._dataset_row(connection, store.dataset, lock=True)
        row = {
            "name": store.name,
            "dataset": store.dataset,
            "uid": store.uid,
            "body": store.body,
            "create_time": self._clock(),
        }
        if not self._insert_new(connection, STORES, row):
            raise AlreadyExists("DICOM_STORE", "the DICOM store exists already", name=store.name)
        self._insert_labels(connection, store.name, store.labels)

    def _insert_new(self, connection: Connection, table: Any, row: Mapping[str, Any]) -> bool:
        """Adds a row unless its name (the primary key) is taken; True when it was added."""
        dialect: Any = sqlite if self._sqlite else postgresql
        statement = dialect.insert(table).values(**row).on_conflict_do_nothing(index_elements=["name"])
        return connection.execute(statement.returning(table.c.name)).one_or_none() is not None

    def _insert_labels(self, connection: Connection, store: str, labels: Mapping[str, str]) -> None:
        if labels:
            rows = [{"store": store, "label": label, "value": value} for label, value in labels.items()]
            connection.execute(insert(LABELS), rows)

    def _dataset_row(self, connection: Connection, name: str, lock: bool = False) -> Row[Any]:
        query = select(DATASETS).where(DATASETS.c.name == name)
        if lock and not self._sqlite:
            query = query.with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("DATASET", "no such dataset", name=name)
        return row

    def _store(self, connection: Connection, name: str) -> DicomStore:
        row = connection.execute(select(STORES).where(STORES.c.name == name)).one_or_none()
        if row is None:
            raise NotFound("DICOM_STORE", "no such DICOM store", name=name)
        labels = connection.execute(select(LABELS.c.label, LABELS.c.value).where(LABELS.c.store == name))
        return _store(row, {label.label: label.value for label in labels})

    def _note_prefixes(self, connection: Connection, store_uids: list[str]) -> None:
        """Remembers that the objects of these stores are to be deleted, in the transaction that deletes their rows."""
        if store_uids:
            connection.execute(insert(DELETIONS), [{"key": uid, "is_prefix": 1} for uid in store_uids])


def _dataset(row: Row[Any]) -> Dataset:
    return Dataset(row.name, row.uid, row.body, row.create_time)


def _store(row: Row[Any], labels: Mapping[str, str]) -> DicomStore:
    return DicomStore(row.name, row.dataset, row.uid, row.body, dict(sorted(labels.items())), row.create_time)
