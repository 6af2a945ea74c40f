"""Operations, what they are limited to, and their error logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from effacer_server.errors import AlreadyExists, NotFound, PreconditionFailed
from effacer_server.store.catalog import (
    Counters,
    Dataset,
    DicomStore,
    InstanceError,
    Operation,
    OperationState,
    Page,
    Selection,
    ShardState,
)
from effacer_server.store.sql_database import batches, read_token, write_token
from effacer_server.store.sql_instances import Instances
from effacer_server.store.sql_resources import Resources
from effacer_server.store.sql_tables import ERRORS, FILTERS, INSTANCES, OPERATIONS, SHARDS

_FILTER_BATCH = 1000
_C = OPERATIONS.c


class Operations(Resources, Instances):
    """The part of the catalog that remembers what was asked and what became of it."""

    def create_operation(
        self,
        operation: Operation,
        *,
        dataset: Dataset | None = None,
        stores: Sequence[DicomStore] = (),
        selections: Iterable[Selection] = (),
        sources: Sequence[tuple[str, int]] = (),
    ) -> Operation:
        with self._write() as connection:
            if dataset is not None:
                self._insert_dataset(connection, dataset)
            for store in stores:
                self._insert_store(connection, store)
            self._dataset_row(connection, operation.dataset)
            row = {
                "name": operation.name,
                "dataset": operation.dataset,
                "kind": operation.kind,
                "request": operation.request,
                "fingerprint": operation.fingerprint,
                "notes": json.dumps(operation.notes),
                "state": OperationState.PLANNING,
                "cancel_requested": 0,
                "total": 0,
                "result_code": 0,
                "result_message": "",
                "result": b"",
                "create_time": self._clock(),
            }
            if not self._insert_new(connection, OPERATIONS, row):
                raise AlreadyExists("OPERATION", "the operation exists already", name=operation.name)
            self._insert_filter(connection, operation.name, selections)
            total = sum(self._count_selected(connection, operation.name, uid, last) for uid, last in sources)
            connection.execute(update(OPERATIONS).where(_C.name == operation.name).values(total=total))
            return self._operation(connection, operation.name)

    def get_operation(self, name: str) -> Operation:
        with self._read() as connection:
            return self._operation(connection, name)

    def list_operations(
        self, dataset: str, page_size: int, page_token: str = "", done: bool | None = None
    ) -> Page[Operation]:
        start = read_token(page_token, "operations", dataset, done)
        query = select(OPERATIONS).where(_C.dataset == dataset, _C.name > start)
        if done is not None:
            query = query.where((_C.state == OperationState.DONE) if done else (_C.state != OperationState.DONE))
        with self._read() as connection:
            rows = [_operation(row) for row in connection.execute(query.order_by(_C.name).limit(page_size + 1))]
        more = len(rows) > page_size
        rows = rows[:page_size]
        return Page(tuple(rows), write_token(rows[-1].name, "operations", dataset, done) if more else "")

    def unfinished_operations(self) -> list[Operation]:
        unfinished = _C.state.in_([OperationState.PLANNING, OperationState.RUNNING])
        query = select(OPERATIONS).where(unfinished).order_by(_C.create_time, _C.name)
        with self._read() as connection:
            return [_operation(row) for row in connection.execute(query)]

    def delete_operation(self, name: str) -> None:
        with self._write() as connection:
            if not self._operation(connection, name).done:
                raise PreconditionFailed("OPERATION_RUNNING", "the operation is not done", name=name)
            connection.execute(delete(OPERATIONS).where(_C.name == name))

    def request_cancel(self, name: str) -> Operation:
        return self._change(name, _C.state != OperationState.DONE, cancel_requested=1)

    def start_operation(self, name: str) -> Operation:
        return self._change(name, _C.state == OperationState.PLANNING, state=OperationState.RUNNING)

    def finish_operation(
        self, name: str, code: int = 0, message: str = "", result: bytes = b"", notes: Sequence[str] | None = None
    ) -> Operation:
        values: dict[str, Any] = {
            "state": OperationState.DONE,
            "result_code": code,
            "result_message": message,
            "result": result,
            "end_time": self._clock(),
        }
        if notes is not None:
            values["notes"] = json.dumps(list(notes))
        return self._change(name, _C.state != OperationState.DONE, **values)

    def counters(self, operation: str) -> Counters:
        sums = select(
            func.coalesce(func.sum(SHARDS.c.success), 0),
            func.coalesce(func.sum(SHARDS.c.failure), 0),
            func.coalesce(func.sum(case((SHARDS.c.state != ShardState.DONE, SHARDS.c.instances), else_=0)), 0),
        ).where(SHARDS.c.operation == operation)
        with self._read() as connection:
            found = self._operation(connection, operation)
            success, failure, pending = (int(value) for value in connection.execute(sums).one())
        if found.state is OperationState.PLANNING:
            pending = max(found.total - success - failure, 0)
        return Counters(success, failure, pending)

    def list_errors(
        self, operation: str, page_size: int, page_token: str = "", reason: str = ""
    ) -> Page[InstanceError]:
        start = int(read_token(page_token, "errors", operation, reason) or 0)
        query = select(ERRORS).where(ERRORS.c.operation == operation, ERRORS.c.id > start)
        if reason:
            query = query.where(ERRORS.c.reason == reason)
        with self._read() as connection:
            rows = list(connection.execute(query.order_by(ERRORS.c.id).limit(page_size + 1)))
        more = len(rows) > page_size
        rows = rows[:page_size]
        errors = tuple(
            InstanceError(
                source=row.source, reason=row.reason, tag=row.tag, vr=row.vr, position=row.position, time=row.time
            )
            for row in rows
        )
        return Page(errors, write_token(str(rows[-1].id), "errors", operation, reason) if more else "")

    def count_errors(self, operation: str) -> dict[str, int]:
        reason = ERRORS.c.reason
        query = select(reason, func.count()).where(ERRORS.c.operation == operation).group_by(reason).order_by(reason)
        with self._read() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    # Shared with the shards

    def _operation(self, connection: Connection, name: str, lock: bool = False) -> Operation:
        query = select(OPERATIONS).where(_C.name == name)
        if lock and not self._sqlite:
            query = query.with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("OPERATION", "no such operation", name=name)
        return _operation(row)

    def _selected(self, connection: Connection, operation: str) -> ColumnElement[bool]:
        """Whether an instance is selected by the operation's filter."""
        column = FILTERS.c
        ours = column.operation == operation
        if not connection.execute(select(exists().where(ours))).scalar_one():
            return true()
        of_instance = and_(
            ours,
            column.study == INSTANCES.c.study,
            or_(column.series == "", column.series == INSTANCES.c.series),
            or_(column.instance == "", column.instance == INSTANCES.c.instance),
        )
        return exists(select(1).select_from(FILTERS).where(of_instance).correlate(INSTANCES))

    def _insert_errors(self, connection: Connection, operation: str, errors: Sequence[InstanceError]) -> None:
        if errors:
            now = self._clock()
            rows = [
                {
                    "operation": operation,
                    "source": error.source,
                    "reason": str(error.reason),
                    "tag": error.tag,
                    "vr": error.vr,
                    "position": error.position,
                    "time": error.time or now,
                }
                for error in errors
            ]
            connection.execute(insert(ERRORS), rows)

    def _change(self, name: str, condition: ColumnElement[bool], **values: Any) -> Operation:
        """Sets values where the condition holds; the operation as it is then."""
        with self._write() as connection:
            connection.execute(update(OPERATIONS).where(_C.name == name, condition).values(**values))
            return self._operation(connection, name)

    def _insert_filter(self, connection: Connection, operation: str, selections: Iterable[Selection]) -> None:
        lines = dict.fromkeys((line.study, line.series, line.instance) for line in selections)
        for batch in batches(lines, _FILTER_BATCH):
            rows = [{"operation": operation, "study": a, "series": b, "instance": c} for a, b, c in batch]
            connection.execute(insert(FILTERS), rows)

    def _count_selected(self, connection: Connection, operation: str, store_uid: str, max_id: int) -> int:
        query = select(func.count()).where(
            INSTANCES.c.store_uid == store_uid, INSTANCES.c.id <= max_id, self._selected(connection, operation)
        )
        return int(connection.execute(query).scalar_one())


def _operation(row: Row[Any]) -> Operation:
    return Operation(
        name=row.name,
        dataset=row.dataset,
        kind=row.kind,
        request=row.request,
        fingerprint=row.fingerprint,
        notes=tuple(json.loads(row.notes)),
        state=OperationState(row.state),
        cancel_requested=bool(row.cancel_requested),
        total=row.total,
        result_code=row.result_code,
        result_message=row.result_message,
        result=row.result,
        create_time=row.create_time,
        end_time=row.end_time,
    )
