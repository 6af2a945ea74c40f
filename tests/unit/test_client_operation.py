"""Operations without a channel: polling, waiting, ending."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.longrunning import operations_pb2
from google.protobuf import any_pb2

from effacer import Cancelled, DeadlineExceeded, Internal, NotFound, Operation, Unavailable
from effacer.v1 import deidentify_pb2
from tests.fake_server import OPERATION, ended, finished, state, status


class Clock:
    """A clock that only the sleeper moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.pauses: list[float] = []

    def sleep(self, pause_s: float) -> None:
        self.pauses.append(round(pause_s, 6))
        self.now_s += pause_s

    def __call__(self) -> float:
        return self.now_s


def operation(answers: list[Any], clock: Clock | None = None, cancel: Callable[[], None] | None = None) -> Operation:
    """An operation that sees these answers in turn; an exception is raised, the last answer stays."""
    clock = clock or Clock()
    left = list(answers)

    def get(timeout_s: float | None) -> operations_pb2.Operation:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Operation(state(), get, cancel or (lambda: None), sleep=clock.sleep, clock=clock)


def test_result_waits_and_returns_the_response() -> None:
    clock = Clock()
    op = operation([state(pending=2), state(success=1, pending=1), finished(2, 0)], clock)
    assert op.result() == deidentify_pb2.DeidentifyDicomStoreSummary()
    assert (op.name, op.metadata.counter.success) == (OPERATION, 2)
    assert clock.pauses == [0.05, 0.1]


def test_pauses_grow_to_two_seconds() -> None:
    clock = Clock()
    operation([state()] * 8 + [finished(1, 0)], clock).result()
    assert clock.pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_done_looks_once_and_not_again_after_the_end() -> None:
    seen = []

    def get(timeout_s: float | None) -> operations_pb2.Operation:
        seen.append(timeout_s)
        return finished(1, 0)

    op = Operation(state(), get, lambda: None)
    assert "done=False" in repr(op)
    assert [op.done(), op.done()] == [True, True]
    assert seen == [None]


def test_a_finished_operation_is_never_asked_for() -> None:
    def get(timeout_s: float | None) -> operations_pb2.Operation:
        raise AssertionError("asked")

    op = Operation(finished(3, 1, TRUNCATED=1), get, lambda: None)
    assert op.done()
    assert [dict(metadata.failure_reasons) for metadata in op] == [{"TRUNCATED": 1}]
    op.result(timeout=0)


def test_progress_yields_every_answer_and_the_last() -> None:
    clock = Clock()
    op = operation([state(pending=2), state(success=1, pending=1), finished(2, 0)], clock)
    seen = [metadata.counter.success for metadata in op.progress(interval_s=0.5)]
    assert (seen, clock.pauses) == ([0, 1, 2], [0.5, 0.5])
    plain = operation([state(), finished(2, 0)])
    assert [metadata.counter.success for metadata in plain] == [0, 2]


def test_the_operations_own_error_is_raised_from_the_tree() -> None:
    failed = ended(state(), status("NOT_FOUND", "the store went away", "NO_SUCH_STORE", name="s"))
    with pytest.raises(NotFound, match="went away") as caught:
        operation([failed]).result()
    assert (caught.value.reason, caught.value.metadata) == ("NO_SUCH_STORE", {"name": "s"})
    # Iteration ends without telling how it went.
    assert len(list(operation([failed]))) == 1


def test_cancel_calls_the_server_and_ends_in_cancelled() -> None:
    calls = []
    op = operation([ended(state(), status("CANCELLED", "cancelled"))], cancel=lambda: calls.append(1))
    op.cancel()
    with pytest.raises(Cancelled):
        op.result()
    assert calls == [1]


@pytest.mark.parametrize("timeout", [0.0, 0.01, 3.0, 100.0])
def test_a_timeout_is_kept_and_leaves_the_operation_alone(timeout: float) -> None:
    clock = Clock()
    op = operation([state(pending=1)], clock)
    with pytest.raises(DeadlineExceeded, match="still runs") as caught:
        op.result(timeout=timeout)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.reason == "STILL_RUNNING"
    assert clock.now_s == pytest.approx(timeout)


def test_a_timeout_limits_each_poll() -> None:
    seen: list[float | None] = []
    clock = Clock()

    def get(timeout_s: float | None) -> operations_pb2.Operation:
        seen.append(timeout_s)
        return state() if len(seen) < 3 else finished(1, 0)

    Operation(state(), get, lambda: None, sleep=clock.sleep, clock=clock).result(timeout=10)
    assert seen == pytest.approx([10.0, 9.95, 9.85])


def test_a_server_that_is_away_for_a_while_is_waited_for() -> None:
    op = operation([Unavailable("gone"), Unavailable("gone"), DeadlineExceeded("slow"), state(), finished(1, 0)])
    assert [metadata.counter.success for metadata in op] == [0, 1]


def test_a_server_that_stays_away_is_given_up() -> None:
    clock = Clock()
    with pytest.raises(Unavailable, match="gone"):
        operation([state(), Unavailable("gone")], clock).result()
    assert 60 <= clock.now_s < 65


def test_each_answer_ends_an_outage() -> None:
    away = [Unavailable("gone")] * 25  # up to 2 s each: near a minute
    op = operation([*away, state(), *away, finished(1, 0)])
    op.result()
    assert op.done()


def test_a_short_timeout_wins_over_an_outage() -> None:
    with pytest.raises(DeadlineExceeded, match="still runs after 5 s"):
        operation([Unavailable("gone")]).result(timeout=5)


def test_other_failures_of_a_poll_are_raised_at_once() -> None:
    clock = Clock()
    with pytest.raises(NotFound):
        operation([NotFound("no such operation")], clock).result()
    assert clock.pauses == []


def test_a_response_of_a_newer_server_stays_packed() -> None:
    unknown = any_pb2.Any(type_url="type.googleapis.com/effacer.v9.Later", value=b"\x08\x01")
    done = state()
    done.done = True
    done.response.CopyFrom(unknown)
    assert operation([done]).result() == unknown


def test_an_end_without_a_result_is_an_error() -> None:
    done = state()
    done.done = True
    with pytest.raises(Internal, match="without a result"):
        operation([done]).result()
