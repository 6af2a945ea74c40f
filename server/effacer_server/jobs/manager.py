"""Life of operations: written down, planned, run, cancelled, gone on with after a crash.

An operation is durable before its RPC answers. Whoever starts next on the same catalog goes on with what is unfinished;
the same work goes into the same objects, so that doing a part again does no harm.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from effacer_server.errors import EffacerError, NotFound, Unavailable
from effacer_server.jobs.dispatcher import (
    CANCELLED,
    FAILED_PRECONDITION,
    INTERNAL,
    MAX_TRIES,
    OK,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    Dispatcher,
    Job,
)
from effacer_server.jobs.record import Deletion, Record, Route, check_of
from effacer_server.policy.plan import Keys, Plan, Rule, Verb
from effacer_server.settings import Settings
from effacer_server.store.blobs import Blobs
from effacer_server.store.catalog import (
    Catalog,
    Dataset,
    DicomStore,
    Operation,
    OperationState,
    Selection,
    ShardState,
)

log = logging.getLogger(__name__)

Compile = Callable[[Record], Plan]

_ENDINGS = {"RESOURCE_EXHAUSTED": RESOURCE_EXHAUSTED, "UNAVAILABLE": UNAVAILABLE}
_NOTHING = Plan(rules=(), default=Rule(Verb.DELETE, "no plan"))


class Manager:
    """The operations of one server."""

    def __init__(self, catalog: Catalog, blobs: Blobs, settings: Settings, keys: Keys, compile_record: Compile) -> None:
        """Prepares; `start` starts.

        Args:
            compile_record: the plan of a record's config; the only thing here that knows what a config is.
        """
        self._catalog, self._blobs, self._settings, self._keys = catalog, blobs, settings, keys
        self._compile = compile_record
        self._ended = threading.Condition()
        self._stopping = threading.Event()
        self._worker = f"{socket.gethostname()}:{os.getpid()}:{_start_time(os.getpid())}:{secrets.token_hex(4)}"
        self._dispatcher = Dispatcher(catalog, blobs, settings, keys, self._worker, self._announce)
        self._chores = ThreadPoolExecutor(2, thread_name_prefix="effacer-chore")

    def start(self) -> None:
        """Cleans up behind whoever ran before, goes on with unfinished operations, and takes new ones."""
        swept = self._blobs.sweep()
        if swept:
            log.info("%d unfinished objects removed", swept)
        self._finish_deletions()
        self._dispatcher.start()
        for operation in self._catalog.unfinished_operations():
            self._resume(operation)

    def stop(self, grace_s: float) -> None:
        """Ends cleanly: running shards finish within `grace_s` seconds or are handed back."""
        self._stopping.set()
        with self._ended:
            self._ended.notify_all()
        self._dispatcher.stop(grace_s)
        self._chores.shutdown(wait=True, cancel_futures=True)

    @property
    def key_check(self) -> str:
        """What a record says about the key it was made with."""
        return check_of(self._keys)

    def submit(
        self,
        kind: str,
        dataset: str,
        record: Record,
        plan: Plan | None = None,
        *,
        new_dataset: Dataset | None = None,
        new_stores: Sequence[DicomStore] = (),
        selections: Iterable[Selection] = (),
    ) -> Operation:
        """Writes an operation down, with the destination it needs, and begins with it.

        Args:
            kind: full name of the method.
            dataset: name of the dataset it belongs to.
            record: its work; without routes and deletion there is none, and it is done at once.
            plan: of the routes.
            new_dataset, new_stores: created in the same transaction.
            selections: filter lines; none takes everything.

        Raises:
            AlreadyExists, NotFound: as Catalog.create_operation says.
            Unavailable: the server is stopping.
        """
        if self._stopping.is_set():
            raise Unavailable("STOPPING", "the server is stopping")
        operation = self._catalog.create_operation(
            Operation(
                name=f"{dataset}/operations/{time.time_ns() // 1_000_000:011x}{secrets.token_hex(6)}",
                dataset=dataset,
                kind=kind,
                request=record.encode(),
                fingerprint=plan.fingerprint() if plan else "",
                notes=plan.notes if plan else (),
            ),
            dataset=new_dataset,
            stores=new_stores,
            selections=selections,
            sources=[(route.source_uid, route.max_id) for route in record.routes],
        )
        if not record.routes and not record.deletion:
            return self._catalog.finish_operation(operation.name, OK, "", record.result)
        self._begin(operation, record, plan or _NOTHING)
        return operation

    def cancel(self, name: str) -> None:
        """Asks an operation to end; one that is done stays as it is. Raises NotFound."""
        if not self._catalog.request_cancel(name).done:
            self._dispatcher.end(name, CANCELLED, "cancelled")

    def wait(self, name: str, timeout_s: float, gone: Callable[[], bool] = lambda: False) -> Operation:
        """The operation, once it is done, the time is over, the caller is `gone` or the server stops.

        Raises:
            NotFound: there is none of that name, or it was deleted meanwhile.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            operation = self._catalog.get_operation(name)
            left = deadline - time.monotonic()
            if operation.done or left <= 0 or self._stopping.is_set() or gone():
                return operation
            with self._ended:
                # Another server may end it without a word to us: look again now and then.
                self._ended.wait(min(left, 0.5))

    def delete_objects(self, prefixes: Iterable[str] = (), keys: Iterable[str] = ()) -> None:
        """Deletes the objects behind deleted rows. What fails now is done when a server starts next."""
        try:
            for prefix in prefixes:
                self._blobs.delete_prefix(prefix)
                self._catalog.confirm_deletions([prefix])
            gone = []
            for key in keys:
                self._blobs.delete(key)
                gone.append(key)
            self._catalog.confirm_deletions(gone)
        except EffacerError as error:
            log.warning("deleted rows have objects left until the next start (%s)", error.reason)

    # Inside

    def _announce(self, name: str) -> None:
        log.info("%s ended", name)
        with self._ended:
            self._ended.notify_all()

    def _finish_deletions(self) -> None:
        seen = 0
        while deletions := self._catalog.list_deletions():
            if deletions[0].id <= seen:
                return  # they could not be deleted now either
            seen = deletions[-1].id
            self.delete_objects(
                [deletion.key for deletion in deletions if deletion.prefix],
                [deletion.key for deletion in deletions if not deletion.prefix],
            )

    def _resume(self, operation: Operation) -> None:
        try:
            record = Record.decode(operation.request)
            plan = self._compile(record) if record.routes else _NOTHING
        except EffacerError:
            self._catalog.finish_operation(
                operation.name, FAILED_PRECONDITION, "this version cannot go on with the operation"
            )
            return
        if not record.routes and not record.deletion:
            self._catalog.finish_operation(operation.name, OK, "", record.result)
            return
        if record.routes and (plan.fingerprint() != operation.fingerprint or record.key_check != self.key_check):
            # Never two policies or two UID mappings in one destination.
            self._catalog.finish_operation(
                operation.name,
                FAILED_PRECONDITION,
                "the plan, the keys or how UIDs are derived changed since the operation was started",
            )
            return
        log.info("going on with %s", operation.name)
        self._expire_dead(operation)
        self._begin(operation, record, plan)

    def _expire_dead(self, operation: Operation) -> None:
        """Frees the shards of a process of this machine that died, without waiting for its leases to run out."""
        for shard in self._catalog.list_shards(operation.name):
            if shard.state is ShardState.RUNNING and _is_dead(shard.worker):
                self._catalog.renew_shard(shard, 0.0)

    def _begin(self, operation: Operation, record: Record, plan: Plan) -> None:
        if record.deletion:
            self._chores.submit(self._delete, operation.name, record, record.deletion)
            return
        job = Job(operation.name, plan, record)
        if operation.cancel_requested:
            job.ending = (CANCELLED, "cancelled")
        self._dispatcher.add(job)
        if operation.state is OperationState.RUNNING:
            self._dispatcher.wake(job, planned=True)
        else:
            self._chores.submit(self._plan, job)

    def _plan(self, job: Job) -> None:
        tries = 0
        routes = list(job.record.routes)
        while not self._stopping.is_set():
            try:
                while routes and not job.ending:
                    self._plan_route(job, routes[0])
                    routes.pop(0)
                self._catalog.start_operation(job.name)
                break
            except NotFound:
                break  # deleted meanwhile; the dispatcher notices
            except EffacerError as error:
                log.warning("%s cannot be planned: %s", job.name, error.reason)
                tries += 1
                if not isinstance(error, Unavailable) or tries >= MAX_TRIES:
                    self._dispatcher.end(job.name, _ENDINGS.get(error.code, INTERNAL), error.message)
                    break
                self._stopping.wait(0.25 * 2**tries)
        else:
            return
        self._dispatcher.wake(job, planned=True)

    def _plan_route(self, job: Job, route: Route) -> None:
        size, most_bytes = self._settings.shard_instances, self._settings.shard_bytes
        self._catalog.plan_shards(job.name, route.source_uid, route.destination_uid, route.max_id, size, most_bytes)
        self._dispatcher.wake(job)

    def _delete(self, name: str, record: Record, deletion: Deletion) -> None:
        try:
            keys = self._catalog.delete_instances(deletion.store_uid, deletion.study, deletion.series)
            self.delete_objects(keys=keys)
            self._catalog.finish_operation(name, OK, "", record.result)
            self._announce(name)
        except NotFound:
            log.info("%s was deleted while it ran", name)
        except EffacerError as error:
            log.warning("%s stays unfinished until the next start: %s", name, error.reason)


def _start_time(pid: int) -> str:
    """When a process of this machine started, in ticks since boot; "" when it is not there (or not on Linux)."""
    try:
        # Behind the name in parentheses, which may hold anything: field 22 of proc(5) is the 20th.
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""


def _is_dead(worker: str) -> bool:
    """Whether a claim's worker was a process of this machine that no longer runs."""
    host, _, rest = worker.partition(":")
    pid, _, rest = rest.partition(":")
    start, _, _ = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit() or not start:
        return False
    return _start_time(int(pid)) != start
