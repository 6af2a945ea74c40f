"""One thread that hands shards to workers and takes their results, fairly over all operations.

    pump      claims shards, one operation after the other, as long as a worker is free
    settle    a worker's answer becomes rows, a retry, or the end of the operation
    tick      renews leases, looks for cancelled and deleted operations, tries again what could not be done

Only this thread touches the jobs and the claims; others talk to it through `post`.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial

from effacer_server.engine.instance import Limits
from effacer_server.errors import EffacerError, NotFound, Reason, ResourceExhausted, Unavailable
from effacer_server.jobs import work
from effacer_server.jobs.record import Record
from effacer_server.jobs.results import name_gone, refuse_all, rows_of
from effacer_server.jobs.runners import open_runner
from effacer_server.policy.plan import Keys, Plan
from effacer_server.settings import Settings
from effacer_server.store.blobs import Blobs
from effacer_server.store.catalog import Catalog, InstanceError, Shard, SourceInstance

log = logging.getLogger(__name__)

OK, CANCELLED, NOT_FOUND, RESOURCE_EXHAUSTED, FAILED_PRECONDITION = 0, 1, 5, 8, 9  # google.rpc.Code
INTERNAL, UNAVAILABLE = 13, 14

#: Processes that may die with a shard in hand before its instances are refused.
MAX_ATTEMPTS = 3
#: Times a store that does not answer is asked again; the waits add up to about a minute.
MAX_TRIES = 8
_FIRST_WAIT_S = 0.25


@dataclass(eq=False)
class Job:
    """An operation that is under way here.

    Attributes:
        planned: all its shards exist.
        dry: no shard could be claimed when last asked.
        ending: why no more shards are handed out, as (code, message); None while it goes on.
    """

    name: str
    plan: Plan
    record: Record
    keys: Keys
    planned: bool = False
    dry: bool = False
    ending: tuple[int, str] | None = None

    def source(self, shard: Shard) -> str:
        """Name of the store a shard reads."""
        return next(route.source for route in self.record.routes if route.source_uid == shard.source_store_uid)


@dataclass(eq=False)
class _Claim:
    """A shard that is ours while the lease lasts."""

    job: Job
    shard: Shard
    instances: dict[int, SourceInstance]
    renew_at: float
    stop: threading.Event = field(default_factory=threading.Event)
    active: bool = False
    suspect: bool = False
    tries: int = 0
    retry_at: float = 0.0
    executor: Executor | None = None
    results: list[work.Done | work.Failed] | None = None
    done_alone: list[work.Done | work.Failed] = field(default_factory=list)


class Dispatcher:
    """Runs the shards of every job it is given, until stopped."""

    def __init__(
        self,
        catalog: Catalog,
        blobs: Blobs,
        settings: Settings,
        worker: str,
        on_end: Callable[[str], None],
    ) -> None:
        """Prepares; `start` starts.

        Args:
            worker: name that claims are made under.
            on_end: called with an operation's name once it is done, from the dispatcher's thread.
        """
        self._catalog, self._blobs, self._settings = catalog, blobs, settings
        self._worker, self._on_end = worker, on_end
        self._executor, self._slots = open_runner(settings.workers)
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._jobs: list[Job] = []
        self._claims: list[_Claim] = []
        self._stopping = False
        self._next_tick = 0.0
        self._thread = threading.Thread(target=self._run, name="effacer-dispatcher", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def post(self, event: Callable[[], None]) -> None:
        """Has something done in the dispatcher's thread."""
        self._events.put(event)

    def add(self, job: Job) -> None:
        """Takes a job on."""
        self.post(lambda: self._jobs.append(job))

    def wake(self, job: Job, planned: bool = False) -> None:
        """Says that there are shards to claim, and whether these were the last."""

        def change() -> None:
            job.dry = False
            job.planned = job.planned or planned

        self.post(change)

    def end(self, name: str, code: int, message: str) -> None:
        """Has an operation end early: its running shards stop after the instance in hand."""

        def end_named() -> None:
            for job in self._jobs:
                if job.name == name:
                    self._end(job, code, message)

        self.post(end_named)

    def stop(self, grace_s: float) -> None:
        """Lets running shards finish for `grace_s` seconds, then hands them back after the instance in hand."""
        self.post(self._begin_stop)
        self._thread.join(grace_s)
        if self._thread.is_alive():
            self.post(self._stop_claims)
            self._thread.join()
        self._executor.shutdown(wait=True, cancel_futures=True)

    # The thread

    def _run(self) -> None:
        while not (self._stopping and not any(claim.active for claim in self._claims)):
            try:
                self._step()
            except EffacerError as error:
                # The catalog does not answer, most likely; nothing was lost, the next round tries again.
                log.warning("dispatcher: %s", error.reason)
                time.sleep(_FIRST_WAIT_S)
            except Exception as error:
                log.error("dispatcher failed with %s", type(error).__name__)
                time.sleep(_FIRST_WAIT_S)
        for claim in self._claims:
            try:
                self._catalog.release_shard(claim.shard)
            except EffacerError as error:
                log.warning("a shard could not be handed back (%s); its lease will run out", error.reason)

    def _step(self) -> None:
        wait = 0.1 if any(not claim.active for claim in self._claims) else min(0.5, self._settings.lease_s / 3)
        try:
            self._events.get(timeout=wait)()
            while True:
                self._events.get_nowait()()
        except queue.Empty:
            pass
        if time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + min(0.5, self._settings.lease_s / 3)
            self._tick()
        self._retry()
        if not self._stopping:
            self._pump()
            for job in list(self._jobs):
                self._finish_if_over(job)

    def _begin_stop(self) -> None:
        self._stopping = True

    def _stop_claims(self) -> None:
        for claim in self._claims:
            claim.stop.set()

    # Handing out

    def _pump(self) -> None:
        if any(claim.suspect for claim in self._claims):
            return  # one of them broke a worker: each is tried alone first
        while sum(claim.active for claim in self._claims) < self._slots:
            job = next((job for job in self._jobs if not job.dry and not job.ending), None)
            if job is None:
                return
            self._jobs.remove(job)
            self._jobs.append(job)  # the next free worker is another operation's
            shard = self._catalog.claim_shard(job.name, self._worker, self._settings.lease_s)
            if shard is None:
                job.dry = True
                continue
            try:
                instances = {instance.id: instance for instance in self._catalog.shard_instances(shard)}
            except EffacerError:
                self._catalog.release_shard(shard)
                raise
            claim = _Claim(job, shard, instances, time.monotonic() + self._settings.lease_s / 3)
            self._claims.append(claim)
            if shard.attempts > MAX_ATTEMPTS:
                log.error("a shard of %s ended %d processes; its instances are refused", job.name, shard.attempts - 1)
                self._complete(claim, refuse_all(list(instances.values()), Reason.INTERNAL))
            else:
                self._submit(claim, list(instances.values()))

    def _submit(self, claim: _Claim, instances: Sequence[SourceInstance]) -> None:
        settings, shard = self._settings, claim.shard
        task = work.Task(
            source_url=settings.objects_url,
            destination_url=settings.objects_url,
            prefix=prefix_of(shard.destination_store_uid, claim.job.name),
            items=tuple(work.Item(instance.id, instance.key, instance.size) for instance in instances),
            plan=claim.job.plan,
            keys=claim.job.keys,
            limits=Limits(settings.max_inflated_bytes),
            max_bytes=settings.max_instance_bytes,
            durable=settings.durable,
        )
        claim.active, claim.executor = True, self._executor
        try:
            if isinstance(self._executor, ProcessPoolExecutor):
                future = self._executor.submit(work.run, task)  # an event does not go to another process
            else:
                future = self._executor.submit(work.run, task, claim.stop.is_set)
        except BrokenProcessPool:
            self._break(claim)
            return
        future.add_done_callback(lambda done: self.post(partial(self._settle, claim, done)))

    # Taking back

    def _settle(self, claim: _Claim, future: Future[list[work.Done | work.Failed]]) -> None:
        claim.active = False
        try:
            results = future.result()
        except BrokenProcessPool:
            self._break(claim)
        except Unavailable:
            self._again(claim, UNAVAILABLE, "the object store does not answer")
        except ResourceExhausted as error:
            self._hand_back(claim)
            self._end(claim.job, RESOURCE_EXHAUSTED, error.message)
        except CancelledError:
            self._hand_back(claim)
        except Exception as error:
            # The type says where to look; its text could hold a value.
            log.error("a shard of %s failed with %s", claim.job.name, type(error).__name__)
            claim.tries += 1
            if claim.tries < MAX_ATTEMPTS:
                claim.retry_at = time.monotonic() + _FIRST_WAIT_S
            else:
                self._complete(claim, refuse_all(list(claim.instances.values()), Reason.INTERNAL))
        else:
            if claim.suspect:
                claim.done_alone += results
            elif len(results) < len(claim.instances) and (claim.job.ending or (OK, ""))[0] != CANCELLED:
                # Only a cancelled operation may count a part: any other may be gone on with after a restart, and then
                # the whole shard is done again, into the same objects.
                self._hand_back(claim)
            else:
                self._complete(claim, results)

    def _break(self, claim: _Claim) -> None:
        """A worker process died; all shards that were in hand then are suspects, and run alone, item by item."""
        if claim.executor is self._executor:
            log.error("a worker process died")
            self._executor.shutdown(wait=False)
            self._executor, self._slots = open_runner(self._settings.workers)
        claim.active = False
        if claim.suspect:
            culprit = self._left(claim)[0]
            claim.done_alone.append(work.Failed(culprit.id, str(Reason.INTERNAL)))
        claim.suspect = True

    def _left(self, claim: _Claim) -> list[SourceInstance]:
        done = {result.id for result in claim.done_alone}
        return [instance for instance in claim.instances.values() if instance.id not in done]

    def _again(self, claim: _Claim, code: int, message: str) -> None:
        claim.tries += 1
        if claim.tries >= MAX_TRIES:
            self._hand_back(claim)
            self._end(claim.job, code, message)
        else:
            claim.retry_at = time.monotonic() + _FIRST_WAIT_S * 2 ** (claim.tries - 1)

    def _retry(self) -> None:
        if self._stopping:
            return  # what waits is handed back at the end
        now = time.monotonic()
        for claim in list(self._claims):
            if claim.active or claim.retry_at > now or claim not in self._claims:
                continue
            if claim.job.ending and claim.results is None:
                self._hand_back(claim)
            elif claim.results is not None:
                self._complete(claim, claim.results)
            elif claim.suspect:
                self._run_alone(claim)
            else:
                self._submit(claim, list(claim.instances.values()))

    def _run_alone(self, claim: _Claim) -> None:
        if any(other.active for other in self._claims):
            return
        left = self._left(claim)
        if left:
            self._submit(claim, left[:1])
        else:
            claim.suspect = False
            self._complete(claim, claim.done_alone)

    def _complete(self, claim: _Claim, results: list[work.Done | work.Failed]) -> None:
        """Rows and counters, after the bytes are durable. A part of a cancelled shard counts as far as it was done."""
        claim.results = results
        job, shard = claim.job, claim.shard
        try:
            if any(isinstance(result, work.Failed) and result.reason == Reason.IO for result in results):
                results = name_gone(results, {instance.id for instance in self._catalog.shard_instances(shard)})
        except EffacerError as error:
            log.warning("a shard of %s cannot be written down yet: %s", job.name, error.reason)
            self._again(claim, UNAVAILABLE, "the catalog does not answer")
            return
        rows, errors = rows_of(results, claim.instances, job.source(shard), shard.destination_store_uid, job.name)
        # Planned, but deleted from the source before this shard was read: nobody can name them any more.
        gone = shard.instances - len(claim.instances)
        errors += [InstanceError(source=job.source(shard), reason=str(Reason.SOURCE_GONE))] * max(gone, 0)
        try:
            completion = self._catalog.complete_shard(shard, rows, errors)
        except Unavailable:
            self._again(claim, UNAVAILABLE, "the catalog does not answer")
            return
        except ResourceExhausted as error:
            self._hand_back(claim)
            self._end(job, RESOURCE_EXHAUSTED, error.message)
            return
        except NotFound as error:
            self._claims.remove(claim)
            if error.reason == "OPERATION":
                # Deleted with its dataset. What earlier shards wrote belongs to the destination now; this one's not.
                self._end(job, NOT_FOUND, "the operation was deleted")
                for written in rows:
                    self._blobs.delete(written.row.key)
                return
            # The destination went away meanwhile, and its objects with it, but for those just written.
            self._end(job, NOT_FOUND, "the destination was deleted")
            self._blobs.delete_prefix(prefix_of(shard.destination_store_uid, job.name))
            return
        except EffacerError as error:
            log.error("a shard of %s could not be written down: %s", job.name, error.reason)
            self._again(claim, INTERNAL, "the catalog failed")
            return
        self._claims.remove(claim)
        for key in completion.orphans:
            self._blobs.delete(key)

    def _hand_back(self, claim: _Claim) -> None:
        self._claims.remove(claim)
        self._catalog.release_shard(claim.shard)

    # Ends

    def _end(self, job: Job, code: int, message: str) -> None:
        if job.ending:
            return
        job.ending = (code, message)
        for claim in self._claims:
            if claim.job is job:
                claim.stop.set()

    def _finish_if_over(self, job: Job) -> None:
        if not job.planned or any(claim.job is job for claim in self._claims):
            return
        if job.ending:
            # What other servers have in hand still counts; they see the end coming, too.
            if any(shard.worker != self._worker for shard in self._catalog.held_shards(job.name)):
                return
            code, message = job.ending
            result = b""
        else:
            if not job.dry:
                return
            if self._catalog.counters(job.name).pending:
                job.dry = False  # another server has them, or a shard was handed back
                return
            code, message, result = OK, "", job.record.result
        try:
            self._catalog.finish_operation(job.name, code, message, result)
        except NotFound:
            log.info("%s was deleted while it ran", job.name)
        self._jobs.remove(job)
        self._on_end(job.name)

    def _tick(self) -> None:
        now = time.monotonic()
        for claim in self._claims:
            if claim.renew_at <= now:
                # Lost: somebody else does the same work into the same objects; whoever completes first counts.
                self._catalog.renew_shard(claim.shard, self._settings.lease_s)
                claim.renew_at = now + self._settings.lease_s / 3
        for job in list(self._jobs):
            job.dry = False
            try:
                operation = self._catalog.get_operation(job.name)
                if operation.done or operation.cancel_requested:
                    # Done: by another server. Shards in hand are completed all the same, as those of a cancelled
                    # operation: the catalog counts nothing any more, and says which objects have to go.
                    self._end(job, CANCELLED, "cancelled")
            except NotFound:
                self._end(job, NOT_FOUND, "the dataset was deleted")


def prefix_of(store_uid: str, operation: str) -> str:
    """Where an operation's objects live: below the store's, apart from those of every other operation."""
    return f"{store_uid}/{operation.rsplit('/', 1)[1]}"
