"""Shards: planning, leases, completion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, select, update

from effacer_server.errors import NotFound, Reason
from effacer_server.store.catalog import (
    Completion,
    InstanceError,
    OperationState,
    Outcome,
    Shard,
    ShardState,
    SourceInstance,
    Written,
)
from effacer_server.store.sql_database import batches
from effacer_server.store.sql_operations import Operations
from effacer_server.store.sql_tables import INSTANCES, OPERATIONS, SHARDS

_C = SHARDS.c
#: Instances looked at in one planning transaction; the write lock is free in between.
_PLAN_BATCH = 8192
_KEY_BATCH = 500


class Shards(Operations):
    """The part of the catalog that deals out work and takes results."""

    def plan_shards(
        self,
        operation: str,
        source_store_uid: str,
        destination_store_uid: str,
        max_id: int,
        target_instances: int = 64,
        target_bytes: int = 256 << 20,
    ) -> int:
        added, limit = 0, max(_PLAN_BATCH, 2 * target_instances)
        ours = and_(
            _C.operation == operation,
            _C.source_store_uid == source_store_uid,
            _C.destination_store_uid == destination_store_uid,
        )
        while True:
            with self._write() as connection:
                self._operation(connection, operation, lock=True)
                planned = connection.execute(select(func.coalesce(func.max(_C.last_id), 0)).where(ours)).scalar_one()
                number = select(func.coalesce(func.max(_C.number), -1) + 1).where(_C.operation == operation)
                first_number = connection.execute(number).scalar_one()
                rows = connection.execute(
                    select(INSTANCES.c.id, INSTANCES.c.size)
                    .where(
                        INSTANCES.c.store_uid == source_store_uid,
                        INSTANCES.c.id > planned,
                        INSTANCES.c.id <= max_id,
                        self._selected(connection, operation),
                    )
                    .order_by(INSTANCES.c.id)
                    .limit(limit)
                ).all()
                runs = list(_runs(rows, target_instances, target_bytes))
                if len(rows) == limit:
                    runs.pop()  # perhaps cut short by the limit: begins the next batch
                if runs:
                    shards = [
                        {
                            "operation": operation,
                            "number": first_number + index,
                            "source_store_uid": source_store_uid,
                            "destination_store_uid": destination_store_uid,
                            "first_id": run[0].id,
                            "last_id": run[-1].id,
                            "instances": len(run),
                            "bytes": sum(row.size for row in run),
                            "state": ShardState.PENDING,
                            "attempts": 0,
                            "lease_until": 0.0,
                            "worker": "",
                            "success": 0,
                            "failure": 0,
                        }
                        for index, run in enumerate(runs)
                    ]
                    connection.execute(insert(SHARDS), shards)
            added += len(runs)
            if len(rows) < limit:
                return added

    def claim_shard(self, operation: str, worker: str, lease_s: float) -> Shard | None:
        open_operation = select(OPERATIONS.c.name).where(
            OPERATIONS.c.name == operation,
            OPERATIONS.c.state != OperationState.DONE,
            OPERATIONS.c.cancel_requested == 0,
        )
        now = self._clock()
        claimable = (
            _C.state == ShardState.PENDING,
            and_(_C.state == ShardState.RUNNING, _C.lease_until <= now),
        )
        with self._write() as connection:
            if connection.execute(open_operation).one_or_none() is None:
                return None
            for condition in claimable:
                query = select(SHARDS).where(_C.operation == operation, condition).order_by(_C.number).limit(1)
                row = connection.execute(query.with_for_update(skip_locked=True)).one_or_none()
                if row is not None:
                    break
            else:
                return None
            values = {
                "state": ShardState.RUNNING,
                "worker": worker,
                "lease_until": now + lease_s,
                "attempts": row.attempts + 1,
            }
            chosen = and_(_C.operation == operation, _C.number == row.number)
            connection.execute(update(SHARDS).where(chosen).values(**values))
            return _shard(connection.execute(select(SHARDS).where(chosen)).one())

    def renew_shard(self, shard: Shard, lease_s: float) -> bool:
        with self._write() as connection:
            renewed = update(SHARDS).where(_held(shard)).values(lease_until=self._clock() + lease_s)
            return bool(connection.execute(renewed).rowcount)

    def held_shards(self, operation: str) -> list[Shard]:
        held = and_(_C.operation == operation, _C.state == ShardState.RUNNING, _C.lease_until > self._clock())
        with self._read() as connection:
            return [_shard(row) for row in connection.execute(select(SHARDS).where(held).order_by(_C.number))]

    def release_shard(self, shard: Shard) -> bool:
        with self._write() as connection:
            released = update(SHARDS).where(_held(shard))
            values = {"state": ShardState.PENDING, "worker": "", "lease_until": 0.0, "attempts": shard.attempts - 1}
            return bool(connection.execute(released.values(**values)).rowcount)

    def shard_instances(self, shard: Shard) -> list[SourceInstance]:
        columns = INSTANCES.c
        with self._read() as connection:
            query = select(
                columns.id, columns.study, columns.series, columns.instance, columns.key, columns.size
            ).where(
                columns.store_uid == shard.source_store_uid,
                columns.id.between(shard.first_id, shard.last_id),
                self._selected(connection, shard.operation),
            )
            return [SourceInstance(*row) for row in connection.execute(query.order_by(columns.id))]

    def complete_shard(self, shard: Shard, rows: Sequence[Written], errors: Sequence[InstanceError]) -> Completion:
        chosen = and_(_C.operation == shard.operation, _C.number == shard.number)
        # Shared: completions go side by side, but none beside the end of the operation.
        state = select(OPERATIONS.c.state).where(OPERATIONS.c.name == shard.operation).with_for_update(read=True)
        with self._write() as connection:
            over = connection.execute(state).scalar_one_or_none() == OperationState.DONE
            query = select(SHARDS).where(chosen)
            row = connection.execute(query if self._sqlite else query.with_for_update()).one_or_none()
            if row is None:
                raise NotFound("OPERATION", "no such operation", name=shard.operation)
            if over or row.state == ShardState.DONE:
                orphans = self._unreferenced(connection, rows)
                return Completion(row.success, row.failure, orphans, repeated=True)
            outcomes = self._insert_instances(connection, [written.row for written in rows])
            collisions = [
                InstanceError(source=written.source, reason=Reason.UID_COLLISION)
                for written, outcome in zip(rows, outcomes, strict=True)
                if outcome is Outcome.CONFLICT
            ]
            self._insert_errors(connection, shard.operation, [*errors, *collisions])
            success, failure = len(rows) - len(collisions), len(errors) + len(collisions)
            connection.execute(
                update(SHARDS)
                .where(chosen)
                .values(state=ShardState.DONE, lease_until=0.0, success=success, failure=failure)
            )
            orphans = self._unreferenced(connection, rows) if collisions else ()
            return Completion(success, failure, orphans)

    def list_shards(self, operation: str) -> list[Shard]:
        query = select(SHARDS).where(_C.operation == operation).order_by(_C.number)
        with self._read() as connection:
            return [_shard(row) for row in connection.execute(query)]

    def _unreferenced(self, connection: Connection, rows: Sequence[Written]) -> tuple[str, ...]:
        """Keys among these that no row of the catalog has."""
        keys = list(dict.fromkeys(written.row.key for written in rows))
        referenced: set[str] = set()
        for batch in batches(keys, _KEY_BATCH):
            referenced.update(connection.scalars(select(INSTANCES.c.key).where(INSTANCES.c.key.in_(batch))))
        return tuple(key for key in keys if key not in referenced)


def _runs(rows: Sequence[Any], most: int, most_bytes: int) -> Iterator[list[Any]]:
    """Consecutive rows in runs that reach neither limit's next instance; one that is too large stands alone."""
    run: list[Any] = []
    size = 0
    for row in rows:
        if run and (len(run) >= most or size + row.size > most_bytes):
            yield run
            run, size = [], 0
        run.append(row)
        size += row.size
    if run:
        yield run


def _held(shard: Shard) -> ColumnElement[bool]:
    """The shard, as long as the claim that returned `shard` stands."""
    return and_(
        _C.operation == shard.operation,
        _C.number == shard.number,
        _C.state == ShardState.RUNNING,
        _C.worker == shard.worker,
        _C.attempts == shard.attempts,
    )


def _shard(row: Row[Any]) -> Shard:
    values = {column.name: getattr(row, column.name) for column in SHARDS.c}
    return Shard(**{**values, "state": ShardState(row.state)})
