"""Life of operations: written down, planned, run, cancelled, gone on with after a crash.

An operation is durable before its RPC answers. Whoever starts next on the same catalog goes on with what is unfinished,
and so do those who run already, once nobody has a shard of it in hand any more; the same work goes into the same
objects, so that doing a part again does no harm.
"""

from __future__ import annotations

import logging
import os
import secrets
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
from effacer_server.jobs.keys import for_operation
from effacer_server.jobs.record import Deletion, Record, Route, check_of
from effacer_server.policy.plan import Keys, Plan, Rule, TextKeys, Verb
from effacer_server.settings import Settings
from effacer_server.store.blobs import Blobs
from effacer_server.store.catalog import (
    Catalog,
    Dataset,
    DicomStore,
    Operation,
    OperationState,
    Selection,
)

log = logging.getLogger(__name__)

Compile = Callable[[Record], Plan]

_ENDINGS = {"RESOURCE_EXHAUSTED": RESOURCE_EXHAUSTED, "UNAVAILABLE": UNAVAILABLE}
#: Seconds between two looks for operations that no server works on.
_LOOK_S = 2.0
_NOTHING = Plan(rules=(), default=Rule(Verb.DELETE, "no plan"))


class Manager:
    """The operations of one server."""

    def __init__(
        self,
        catalog: Catalog,
        blobs: Blobs,
        settings: Settings,
        keys: Keys,
        compile_record: Compile,
        text_keys: Callable[[Record], TextKeys] = lambda record: (),
    ) -> None:
        """Prepares; `start` starts.

        Args:
            compile_record: the plan of a record's config.
            text_keys: the secrets that a record's config brings. Nothing else here knows what a config is.
        """
        self._catalog, self._blobs, self._settings, self._keys = catalog, blobs, settings, keys
        self._compile, self._text_keys = compile_record, text_keys
        self._ended = threading.Condition()
        self._stopping = threading.Event()
        self._worker = _worker_name()
        self._dispatcher = Dispatcher(catalog, blobs, settings, self._worker, self._announce)
        self._chores = ThreadPoolExecutor(2, thread_name_prefix="effacer-chore")
        #: Operations that are ours already, and those that are left to other servers.
        self._known: set[str] = set()
        self._left: set[str] = set()
        self._idle: set[str] = set()
        self._watch = threading.Thread(target=self._keep_looking, name="effacer-watch", daemon=True)

    def start(self) -> None:
        """Cleans up behind whoever ran before, goes on with unfinished operations, and takes new ones."""
        swept = self._blobs.sweep()
        if swept:
            log.info("%d unfinished objects removed", swept)
        self._finish_deletions()
        self._dispatcher.start()
        for operation in self._catalog.unfinished_operations():
            held = self._free_dead(operation)
            self._resume(operation, starting=not held)
        self._watch.start()

    def stop(self, grace_s: float) -> None:
        """Ends cleanly: running shards finish within `grace_s` seconds or are handed back."""
        self._stopping.set()
        with self._ended:
            self._ended.notify_all()
        self._dispatcher.stop(grace_s)
        if self._watch.ident is not None:
            self._watch.join()
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
        name = f"{dataset}/operations/{time.time_ns() // 1_000_000:011x}{secrets.token_hex(6)}"
        self._known.add(name)  # before `_look` can see it
        try:
            operation = self._catalog.create_operation(
                Operation(
                    name=name,
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
            if record.routes or record.deletion:
                self._begin(operation, record, plan or _NOTHING)
                return operation
            operation = self._catalog.finish_operation(name, OK, "", record.result)
        except BaseException:
            self._known.discard(name)
            raise
        self._known.discard(name)
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
        self._known.discard(name)
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

    def _keep_looking(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            try:
                self._look()
            except EffacerError as error:
                log.warning("operations of other servers cannot be looked at now: %s", error.reason)
            except Exception as error:
                log.error("looking at operations of other servers failed with %s", type(error).__name__)

    def _look(self) -> None:
        """Goes on with operations that no server works on: those nobody had in hand at this look and the last one.

        Their server may yet live, and be busy with others: then two do the work of one operation, each with shards of
        its own.
        """
        idle = set()
        for listed in self._catalog.unfinished_operations():
            held = self._free_dead(listed)
            if listed.name in self._left and listed.cancel_requested and not held:
                self._catalog.finish_operation(listed.name, CANCELLED, "cancelled")
            if held or listed.name in self._known or listed.name in self._left:
                continue
            if listed.name not in self._idle:
                idle.add(listed.name)
                continue
            try:
                operation = self._catalog.get_operation(listed.name)  # it may have ended since, here or elsewhere
            except NotFound:
                continue
            if not operation.done:
                self._resume(operation, starting=False)
        self._idle = idle

    def _free_dead(self, operation: Operation) -> bool:
        """Frees the shards of processes of this machine that died, without waiting for their leases to run out.

        Returns:
            Whether living servers, as far as is known, have shards of the operation in hand.
        """
        shards = self._catalog.held_shards(operation.name)
        dead = [shard for shard in shards if _is_dead(shard.worker)]
        for shard in dead:
            self._catalog.renew_shard(shard, 0.0)
        if dead:
            self._blobs.sweep()  # what it was writing
        return len(dead) < len(shards)

    def _resume(self, operation: Operation, starting: bool = True) -> None:
        """Goes on with another server's operation, or ends it where that cannot be.

        Args:
            starting: False for a server that runs already, or where another one works on it: what this one cannot go
                on with is left to others then. Their settings may be the right ones.
        """
        problem, record, plan = "", Record(), _NOTHING
        try:
            record = Record.decode(operation.request)
            plan = self._compile(record) if record.routes else _NOTHING
            self._text_keys(record)
        except EffacerError:
            problem = "this version cannot go on with the operation"
        if record.routes and (plan.fingerprint() != operation.fingerprint or record.key_check != self.key_check):
            # Never two policies or two UID mappings in one destination.
            problem = problem or "the plan, the keys or how UIDs are derived changed since the operation was started"
        if problem and starting:
            self._catalog.finish_operation(operation.name, FAILED_PRECONDITION, problem)
        elif problem:
            log.warning("%s is left to other servers: %s", operation.name, problem)
            self._left.add(operation.name)
        elif not record.routes and not record.deletion:
            self._catalog.finish_operation(operation.name, OK, "", record.result)
        else:
            log.info("going on with %s", operation.name)
            self._known.add(operation.name)
            self._begin(operation, record, plan)

    def _begin(self, operation: Operation, record: Record, plan: Plan) -> None:
        if record.deletion:
            self._chores.submit(self._delete, operation.name, record, record.deletion)
            return
        keys = for_operation(self._keys, self._text_keys(record), operation.name)
        job = Job(operation.name, plan, record, keys)
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
            if not keys:
                # Another server took the rows, and died perhaps: it is done when the objects are gone, too.
                self._finish_deletions()
            self._catalog.finish_operation(name, OK, "", record.result)
            self._announce(name)
        except NotFound:
            log.info("%s was deleted while it ran", name)
            self._known.discard(name)
        except EffacerError as error:
            log.warning("%s stays unfinished until a server takes it up: %s", name, error.reason)


def _worker_name() -> str:
    """A name for this server's claims that tells other processes of this machine whether it lives: see `_is_dead`."""
    try:
        start = _start_time(os.getpid())
    except OSError:
        start = ""
    return f"{_machine()}:{os.getpid()}:{start}:{secrets.token_hex(4)}"


def _machine() -> str:
    """What a process id is unique in: this boot of the machine and the pid namespace; "" where that is not known.

    Not the host's name: containers that share one, and a data directory, do not see each other's processes.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    """When a process started, in ticks since boot; "" when it has ended and only waits to be reaped.

    Raises:
        OSError: it is not there (FileNotFoundError, ProcessLookupError), or this is not Linux, or it cannot be read.
    """
    # Behind the name in parentheses, which may hold anything: fields 3 (state) and 22 of proc(5) are the 1st and 20th.
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
    return "" if stat[0] in "ZX" else stat[19]


def _is_dead(worker: str) -> bool:
    """Whether a claim's worker was a process of this machine that no longer runs; False when that is not sure."""
    machine, pid, start, *_ = [*worker.rsplit(":", 3), "", "", ""]
    if not machine or not start or not pid.isdigit() or machine != _machine():
        return False
    try:
        return _start_time(int(pid)) != start
    except (FileNotFoundError, ProcessLookupError):
        return True
    except OSError:
        return False
