"""Operations under everything that can happen to them, decided by gates and not by time."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from effacer_server.dicom.core import Source
from effacer_server.dicom.headers import read_header
from effacer_server.errors import ResourceExhausted, Unavailable
from effacer_server.jobs import dispatcher, work
from effacer_server.jobs import manager as managers
from effacer_server.jobs.manager import Manager
from effacer_server.jobs.record import Deletion, Record, Route
from effacer_server.jobs.results import instance_row
from effacer_server.policy.plan import Keys, Plan, Rule, Verb
from effacer_server.settings import Settings
from effacer_server.store.blobs import open_blobs
from effacer_server.store.catalog import Dataset, DicomStore, Operation, Selection, ShardState
from effacer_server.store.sql import open_catalog
from tests import synth
from tests.encode import DEFLATED, Style

DATASET = "projects/p/locations/l/datasets/d"
SOURCE, DESTINATION = DATASET + "/dicomStores/in", DATASET + "/dicomStores/out"
PLAN = Plan(
    rules=(Rule(Verb.REGEN_UID, "test", 0x00080018), Rule(Verb.DELETE, "test", 0x00100010)),
    default=Rule(Verb.KEEP, "test"),
)
COUNT = 12

run = work.run


class House:
    """A catalog and objects with one filled store, and managers on them."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(
            data=folder, workers="threads:1", durable=False, shard_instances=3, lease_s=600.0, uid_key="ab" * 32
        )
        self.catalog = open_catalog(self.settings.catalog_url)
        self.blobs = open_blobs(self.settings.objects_url, durable=False)
        self.catalog.create_dataset(Dataset(DATASET, "dd", "{}"))
        self.catalog.create_store(DicomStore(SOURCE, DATASET, "in", "{}"))
        self.catalog.create_store(DicomStore(DESTINATION, DATASET, "out", "{}"))
        for number in range(COUNT):
            data = synth.ct(1, number=number, size=4)
            key = f"in/{number}"
            with self.blobs.create(key) as writer:
                writer.write(data)
                writer.commit()
            self.catalog.insert_instances([instance_row(read_header(Source(data)), "in", key, len(data))])
        self.managers: list[Manager] = []

    def manager(self, plan: Plan = PLAN, key: bytes = bytes(32), start: bool = True) -> Manager:
        manager = Manager(self.catalog, self.blobs, self.settings, Keys(key), lambda record: plan)
        self.managers.append(manager)
        if start:
            manager.start()
        return manager

    def submit(self, manager: Manager, destination: str = "out", **more: Any) -> Operation:
        route = Route(SOURCE, "in", destination, self.catalog.max_instance_id("in"))
        record = Record(result=b"result", key_check=manager.key_check, routes=(route,))
        return manager.submit("Deidentify", DATASET, record, PLAN, **more)

    def finish(self, manager: Manager, operation: Operation) -> Operation:
        while not operation.done:
            operation = manager.wait(operation.name, 10)
        return operation

    def content(self, uid: str = "out") -> set[str]:
        """Instances of a store, each of which must have its object; and nothing else lies below the store."""
        rows = list(self.catalog.iterate_instances(uid))
        assert {row.key for row in rows} == {key for key, _ in self.blobs.list(uid)}
        return {row.instance for row in rows}

    def close(self) -> None:
        for manager in self.managers:
            manager.stop(10)
        self.catalog.close()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(dispatcher, "_FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(managers, "_LOOK_S", 3600.0)  # tests look when they want to
    house = House(tmp_path)
    yield house
    house.close()


class Gate:
    """In place of work.run: one shard stops behind its first instance until it is let go."""

    def __init__(self, shard: int) -> None:
        self.left = shard
        self.reached, self.free = threading.Event(), threading.Event()

    def __call__(self, task: work.Task, stop: Callable[[], bool] = lambda: False) -> Any:
        self.left -= 1
        if self.left:
            return run(task, stop)
        asked = 0

        def behind_the_first() -> bool:
            nonlocal asked
            asked += 1
            if asked == 2:
                self.reached.set()
                self.free.wait()
            return stop()

        return run(task, behind_the_first)


def test_every_instance_once(house: House) -> None:
    manager = house.manager()
    operation = house.finish(manager, house.submit(manager))
    assert (operation.result_code, operation.result, operation.total) == (0, b"result", COUNT)
    assert len(house.content()) == COUNT
    assert house.catalog.counters(operation.name).success == COUNT
    assert len(house.catalog.list_shards(operation.name)) == COUNT / 3


def test_a_selection_that_selects_nothing_ends_well(house: House) -> None:
    manager = house.manager()
    operation = house.finish(manager, house.submit(manager, selections=[Selection("9.9.9")]))
    assert (operation.result_code, operation.total) == (0, 0)
    assert house.content() == set()


def test_cancel_stops_behind_the_instance_in_hand(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(2)
    monkeypatch.setattr(work, "run", gate)
    manager = house.manager()
    operation = house.submit(manager)
    gate.reached.wait()
    manager.cancel(operation.name)
    _drain(manager)
    gate.free.set()
    operation = house.finish(manager, operation)
    assert (operation.result_code, operation.cancel_requested) == (1, True)
    counters = house.catalog.counters(operation.name)
    assert (counters.success, counters.failure) == (4, 0), "one shard of three, and one instance of the next"
    assert len(house.content()) == 4


def test_a_stopped_server_hands_back_and_the_next_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(2)
    monkeypatch.setattr(work, "run", gate)
    manager = house.manager()
    operation = house.submit(manager)
    gate.reached.wait()
    stopper = threading.Thread(target=manager.stop, args=(0.0,))
    stopper.start()
    _drain(manager)
    gate.free.set()
    stopper.join()
    house.managers.remove(manager)
    states = [shard.state for shard in house.catalog.list_shards(operation.name)]
    assert states == [ShardState.DONE] + [ShardState.PENDING] * 3
    assert not house.catalog.get_operation(operation.name).done
    monkeypatch.setattr(work, "run", run)
    manager = house.manager()
    operation = house.finish(manager, operation)
    assert (operation.result_code, house.catalog.counters(operation.name).success) == (0, COUNT)
    assert len(house.content()) == COUNT
    assert [shard.attempts for shard in house.catalog.list_shards(operation.name)] == [1] * 4


def test_a_server_that_stops_takes_nothing_on(house: House) -> None:
    manager = house.manager()
    manager.stop(1)
    house.managers.remove(manager)
    with pytest.raises(Unavailable):
        house.submit(manager)


def test_another_policy_or_key_ends_what_was_begun(house: House) -> None:
    first = house.manager(start=False)
    operations = [house.submit(first), house.submit(first)]
    house.managers.remove(first)
    other = Plan(rules=PLAN.rules[:1], default=PLAN.default)
    house.manager(plan=other)
    for operation in operations:
        assert house.catalog.get_operation(operation.name).result_code == 9
    third = house.submit(first)
    house.manager(key=b"x" * 32)
    assert house.catalog.get_operation(third.name).result_code == 9
    assert house.content() == set()


def test_operations_take_turns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    first = house.manager(start=False)
    operations = [house.submit(first), house.submit(first, "second", new_stores=[_store("second")])]
    first._chores.shutdown(wait=True)  # both are planned before anything runs
    house.managers.remove(first)
    order: list[str] = []
    both = threading.Event()

    def note(task: work.Task, stop: Callable[[], bool] = lambda: False) -> Any:
        both.wait()
        order.append(task.prefix.split("/")[0])
        return run(task, stop)

    monkeypatch.setattr(work, "run", note)
    manager = house.manager()
    _drain(manager)
    both.set()
    for operation in operations:
        house.finish(manager, operation)
    # One shard was taken when the second operation came; from then on each has its turn.
    assert all(one != other for one, other in itertools.pairwise(order[1:7]))
    assert len(house.content("out")) == len(house.content("second")) == COUNT


def test_what_does_not_answer_is_asked_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([Unavailable("OBJECT_STORE")] * 3)

    def flaky(task: work.Task, stop: Callable[[], bool] = lambda: False) -> Any:
        for error in failures:
            raise error
        return run(task, stop)

    monkeypatch.setattr(work, "run", flaky)
    manager = house.manager()
    operation = house.finish(manager, house.submit(manager))
    assert (operation.result_code, len(house.content())) == (0, COUNT)


@pytest.mark.parametrize(
    ("error", "code"), [(Unavailable("OBJECT_STORE"), 14), (ResourceExhausted("DISK_FULL", "no space left"), 8)]
)
def test_what_cannot_go_on_ends(house: House, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int) -> None:
    def fail(task: work.Task, stop: Callable[[], bool] = lambda: False) -> Any:
        raise error

    monkeypatch.setattr(work, "run", fail)
    manager = house.manager()
    operation = house.finish(manager, house.submit(manager))
    assert operation.result_code == code
    assert house.content() == set()


def test_a_fault_of_ours_refuses_the_shard_and_says_no_value(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(task: work.Task, stop: Callable[[], bool] = lambda: False) -> Any:
        raise KeyError("CANARY")

    monkeypatch.setattr(work, "run", fail)
    manager = house.manager()
    operation = house.finish(manager, house.submit(manager))
    assert (operation.result_code, house.catalog.count_errors(operation.name)) == (0, {"INTERNAL": COUNT})
    assert "KeyError" in caplog.text
    assert "CANARY" not in caplog.text


class _Fragile(Executor):
    """A pool whose workers die of one instance, and which is broken from then on."""

    poison = 0

    def __init__(self) -> None:
        self.broken = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.broken:
            raise BrokenProcessPool
        future: Future[Any] = Future()
        task: work.Task = args[0]
        if any(item.id == self.poison for item in task.items):
            self.broken = True
            future.set_exception(BrokenProcessPool())
        else:
            future.set_result(run(task))
        return future


def test_an_instance_that_kills_its_worker_is_refused_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    instances = list(house.catalog.iterate_instances("in"))
    monkeypatch.setattr(_Fragile, "poison", instances[4].id)
    monkeypatch.setattr(dispatcher, "open_runner", lambda workers: (_Fragile(), 2))
    manager = house.manager()
    operation = house.finish(manager, house.submit(manager))
    assert (operation.result_code, house.catalog.count_errors(operation.name)) == (0, {"INTERNAL": 1})
    (error,) = house.catalog.list_errors(operation.name, 10).rows
    assert error.source.endswith(instances[4].instance)
    assert len(house.content()) == COUNT - 1


def test_a_shard_that_ends_one_server_after_the_other_is_refused(house: House) -> None:
    first = house.manager(start=False)
    operation = house.submit(first)
    first._chores.shutdown(wait=True)
    house.managers.remove(first)
    for _ in range(dispatcher.MAX_ATTEMPTS):
        shards = [house.catalog.claim_shard(operation.name, "a server that dies", 600.0) for _ in range(COUNT // 3)]
        for shard in shards:
            assert shard is not None
            house.catalog.renew_shard(shard, -1.0)
    manager = house.manager()
    operation = house.finish(manager, operation)
    assert (operation.result_code, house.catalog.count_errors(operation.name)) == (0, {"INTERNAL": COUNT})
    assert house.content() == set()


def test_a_destination_deleted_meanwhile_ends_the_operation(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(2)
    monkeypatch.setattr(work, "run", gate)
    manager = house.manager()
    operation = house.submit(manager)
    gate.reached.wait()
    manager.delete_objects(prefixes=house.catalog.delete_store(DESTINATION))
    gate.free.set()
    assert house.finish(manager, operation).result_code == 5
    assert not list(house.blobs.list("out"))


def test_deletions_that_were_begun_are_finished_at_the_next_start(house: House) -> None:
    house.catalog.delete_store(SOURCE)
    assert len(list(house.blobs.list("in"))) == COUNT
    house.manager()
    assert not list(house.blobs.list("in"))
    assert not house.catalog.list_deletions()


def _store(uid: str) -> DicomStore:
    return DicomStore(f"{DATASET}/dicomStores/{uid}", DATASET, uid, "{}")


def _drain(manager: Manager) -> None:
    """Waits until the dispatcher has done what was posted so far."""
    done = threading.Event()
    manager._dispatcher.post(done.set)
    done.wait()


def test_a_source_deleted_meanwhile_leaves_what_was_written(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operation goes with the source's dataset; the destination in another dataset keeps whole shards."""
    other = DATASET + "2"
    house.catalog.create_dataset(Dataset(other, "d2", "{}"))
    house.catalog.create_store(DicomStore(other + "/dicomStores/far", other, "far", "{}"))
    gate = Gate(3)
    monkeypatch.setattr(work, "run", gate)
    manager = house.manager()
    house.submit(manager, destination="far")
    assert gate.reached.wait(60)
    for prefix in house.catalog.delete_dataset(DATASET):
        house.blobs.delete_prefix(prefix)
    gate.free.set()
    manager.stop(30)
    assert len(house.content("far")) == 6, "two shards were done, each row has its object, and nothing else is there"


def test_only_a_cancelled_operation_counts_part_of_a_shard(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else ends it may be gone on with after a restart, and then every instance must come."""
    first = True

    def partly(task: work.Task, stop: Callable[[], bool] = lambda: False) -> Any:
        nonlocal first
        results = run(task, stop)
        if first:
            first = False
            return results
        manager._dispatcher._jobs[0].ending = (8, "full")  # as another shard's ResourceExhausted leaves it
        return results[:1]

    monkeypatch.setattr(work, "run", partly)
    manager = house.manager()
    operation = house.finish(manager, house.submit(manager))
    assert operation.result_code == 8
    counters = house.catalog.counters(operation.name)
    assert (counters.success, counters.failure, counters.pending) == (3, 0, COUNT - 3)


def test_instances_deleted_from_the_source_meanwhile_are_counted(house: House) -> None:
    waiting = house.manager(start=False)  # writes the operation and its shards down, and runs none
    operation = house.submit(waiting)
    waiting._chores.shutdown(wait=True)
    house.managers.remove(waiting)
    gone = next(house.catalog.iterate_instances("in"))
    house.catalog.delete_instances("in", gone.study, gone.series, gone.instance)
    operation = house.finish(house.manager(), operation)
    counters = house.catalog.counters(operation.name)
    assert (counters.success, counters.failure, counters.pending) == (COUNT - 1, 1, 0)
    assert house.catalog.count_errors(operation.name) == {"SOURCE_GONE": 1}


def test_unreadable_instances_say_whether_they_were_deleted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between claim and turn one instance is deleted; another one's object is lost, which is no deletion."""
    deleted, lost = list(house.catalog.iterate_instances("in"))[4:6]

    def late(task: work.Task, stop: Callable[[], bool] = lambda: False) -> Any:
        if any(item.key == deleted.key for item in task.items):
            house.blobs.delete(lost.key)
            for key in house.catalog.delete_instances("in", deleted.study, deleted.series, deleted.instance):
                house.blobs.delete(key)
        return run(task, stop)

    monkeypatch.setattr(work, "run", late)
    manager = house.manager()
    operation = house.finish(manager, house.submit(manager))
    counters = house.catalog.counters(operation.name)
    assert (counters.success, counters.failure, counters.pending) == (COUNT - 2, 2, 0)
    errors = {error.reason: error.source for error in house.catalog.list_errors(operation.name, 10).rows}
    assert errors.keys() == {"SOURCE_GONE", "IO"}
    assert errors["SOURCE_GONE"].endswith(deleted.instance)
    assert errors["IO"].endswith(lost.instance)


def test_jobs_inflate_up_to_the_limit_of_the_settings(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scaled down: whoever forgets the setting gets by with 64 bytes."""
    monkeypatch.setattr(read_header, "__defaults__", (64,))
    data = synth.ct(1, Style(DEFLATED), number=COUNT, size=4)
    with house.blobs.create("in/deflated") as writer:
        writer.write(data)
        writer.commit()
    header = read_header(Source(data), house.settings.max_inflated_bytes)
    house.catalog.insert_instances([instance_row(header, "in", "in/deflated", len(data))])
    manager = house.manager()
    operation = house.finish(manager, house.submit(manager))
    assert house.catalog.count_errors(operation.name) == {}
    assert len(house.content()) == COUNT + 1


# Several servers on one catalog


def _left_behind(house: House, worker: str) -> Operation:
    """An operation of a server that will do no more, with its first shard in hand."""
    server = house.manager(start=False)
    operation = house.submit(server)
    server._chores.shutdown(wait=True)  # it is planned
    house.managers.remove(server)
    assert house.catalog.claim_shard(operation.name, worker, 600.0)
    return operation


def _dead_worker() -> str:
    """The name of a server of this machine whose process is gone: this one's, had it started at another time."""
    machine, pid, start, token = managers._worker_name().rsplit(":", 3)
    return f"{machine}:{pid}:{int(start) + 1}:{token}"


def _until(condition: Callable[[], Any]) -> None:
    """Waits for something that comes sooner or later; a minute is far more than it takes."""
    for _ in range(6000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come")


def test_a_living_server_takes_over_from_a_dead_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(managers, "_LOOK_S", 0.01)
    survivor = house.manager()
    operation = _left_behind(house, _dead_worker())
    operation = survivor.wait(operation.name, 60)
    assert (operation.done, operation.result_code) == (True, 0)
    counters = house.catalog.counters(operation.name)
    assert (counters.success, counters.failure, counters.pending) == (COUNT, 0, 0)
    assert len(house.content()) == COUNT


def test_shards_of_a_dead_server_are_freed_in_shared_operations_too(house: House) -> None:
    """A server that already works on the operation does not wait for ten minutes of lease."""
    survivor = house.manager()
    operation = _left_behind(house, _dead_worker())
    survivor._resume(operation)
    _until(lambda: house.catalog.counters(operation.name).success == COUNT - 3)
    survivor._look()
    assert house.finish(survivor, operation).result_code == 0
    assert len(house.content()) == COUNT


def test_what_a_living_server_has_in_hand_is_left_to_it(house: House) -> None:
    other = house.manager()
    operation = _left_behind(house, managers._worker_name())
    for _ in range(3):
        other._look()
    (held,) = house.catalog.held_shards(operation.name)
    assert (held.number, held.attempts) == (0, 1)
    assert house.content() == set()
    house.catalog.release_shard(held)
    for _ in range(2):
        assert not house.catalog.get_operation(operation.name).done
        other._look()
    assert house.finish(other, operation).result_code == 0
    assert len(house.content()) == COUNT


def test_a_server_does_not_take_over_its_own(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(1)
    monkeypatch.setattr(work, "run", gate)
    manager = house.manager()
    operations = [house.submit(manager), house.submit(manager, "second", new_stores=[_store("second")])]
    gate.reached.wait()  # nobody has the second one in hand
    for _ in range(3):
        manager._look()
    _drain(manager)
    assert sorted(job.name for job in manager._dispatcher._jobs) == sorted(o.name for o in operations)
    gate.free.set()
    for operation in operations:
        house.finish(manager, operation)
    _until(lambda: not manager._known)


def test_a_server_with_another_key_leaves_operations_to_others(house: House) -> None:
    operation = _left_behind(house, _dead_worker())
    other = house.manager(key=b"x" * 32, start=False)
    for _ in range(3):
        other._look()
    house.managers.remove(other)
    assert not house.catalog.get_operation(operation.name).done
    assert house.finish(house.manager(), operation).result_code == 0, "one that starts with the right key goes on"
    assert len(house.content()) == COUNT


def test_a_starting_server_with_another_key_leaves_what_a_living_one_has_in_hand(house: House) -> None:
    operation = _left_behind(house, managers._worker_name())
    other = house.manager(key=b"x" * 32)
    assert not house.catalog.get_operation(operation.name).done
    # Cancelled, it ends once nobody has it in hand any more.
    house.catalog.request_cancel(operation.name)
    for shard in house.catalog.held_shards(operation.name):
        house.catalog.release_shard(shard)
    other._look()
    assert house.catalog.get_operation(operation.name).result_code == 1


def test_a_deletion_is_done_when_the_objects_are_gone(house: House) -> None:
    """Its server died between the rows and their objects."""
    survivor = house.manager()
    gone = next(house.catalog.iterate_instances("in"))
    record = Record(deletion=Deletion("in", gone.study))
    operation = house.catalog.create_operation(
        Operation(name=f"{DATASET}/operations/1", dataset=DATASET, kind="Delete", request=record.encode())
    )
    keys = house.catalog.delete_instances("in", gone.study)
    assert keys
    for _ in range(2):
        survivor._look()
    assert house.finish(survivor, operation).result_code == 0
    assert not set(keys) & {key for key, _ in house.blobs.list("in")}
    assert not house.catalog.list_deletions()


def test_an_operation_that_another_server_ended_is_let_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(2)
    monkeypatch.setattr(work, "run", gate)
    manager = house.manager()
    operation = house.submit(manager)
    gate.reached.wait()
    house.catalog.finish_operation(operation.name, 8, "full")
    gate.free.set()
    _until(lambda: not manager._dispatcher._jobs)
    counters = house.catalog.counters(operation.name)
    assert (counters.success, counters.failure) == (3, 0), "what is done counts no more"
    assert len(house.content()) == 3, "and nothing of the shard in hand is left"


def test_who_is_dead() -> None:
    """A process is dead when it was killed, reaped or not; one of another machine never is, for all we know."""
    code = "from effacer_server.jobs import manager; print(manager._worker_name(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdout is not None
        worker = it.stdout.readline().strip()
        assert not managers._is_dead(worker)
        it.kill()
        _until(lambda: managers._is_dead(worker))
    assert managers._is_dead(worker)
    machine, rest = worker.split(":", 1)
    assert machine
    for other in (f"host:{rest}", f"another/{rest}", f"{machine}:1::x", "a server that dies", ""):
        assert not managers._is_dead(other)
