"""A long-running operation, seen from the client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import any_pb2, descriptor_pool, message_factory

from effacer.errors import DeadlineExceeded, Internal, Unavailable, from_status
from effacer.v1 import operation_metadata_pb2

#: Seconds between the first polls; every further pause is twice as long, up to the last.
FIRST_POLL_S = 0.05
LAST_POLL_S = 2.0
#: Seconds that a server may stay away while somebody waits. Operations outlive it, so that a restart is no reason to
#: give up.
OUTAGE_S = 60.0
#: Seconds that a poll may last at least, so that `timeout=0` means to look once and not to fail at once.
LAST_POLL_ALLOWANCE_S = 1.0


class Operation:
    """Work that goes on in the server, whether or not anybody waits for it.

    It knows no channel: one callable asks for its state, one asks for its end. `Client.operation(name)` picks it up
    again, from another process too.
    """

    def __init__(
        self,
        state: operations_pb2.Operation,
        get: Callable[[float | None], operations_pb2.Operation],
        cancel: Callable[[], None],
        *,
        outage_s: float = OUTAGE_S,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Wraps an operation.

        Args:
            state: its state as last seen.
            get: asks for its state; takes the most seconds that may last, None for the caller's usual limit.
            cancel: asks the server to stop it.
            outage_s: how long the server may not answer before waiting for the operation gives up.
            sleep: pauses for so many seconds.
            clock: seconds of a clock that only moves forward.
        """
        self._state = state
        self._get = get
        self._cancel = cancel
        self._outage_s = outage_s
        self._sleep = sleep
        self._clock = clock

    def __repr__(self) -> str:
        return f"Operation({self.name!r}, done={self._state.done})"

    @property
    def name(self) -> str:
        """Its resource name, good for `Client.operation` in any process."""
        return str(self._state.name)

    @property
    def proto(self) -> operations_pb2.Operation:
        """Its state as last seen: google.longrunning.Operation."""
        return self._state

    @property
    def metadata(self) -> operation_metadata_pb2.OperationMetadata:
        """Its OperationMetadata (counters, times, reasons) as last seen; `done()` looks again."""
        metadata = operation_metadata_pb2.OperationMetadata()
        self._state.metadata.Unpack(metadata)
        return metadata

    def done(self) -> bool:
        """Looks once, unless its end was seen before.

        Raises:
            EffacerError: the server did not answer, or no longer knows the operation.
        """
        if not self._state.done:
            self._state = self._get(None)
        return bool(self._state.done)

    def cancel(self) -> None:
        """Asks the server to stop it; units under way may still end. `result` then raises Cancelled."""
        self._cancel()

    def result(self, timeout: float | None = None) -> Any:
        """Waits for the end and returns the response's proto, for instance a DeidentifyDicomStoreSummary.

        An operation can succeed although single instances were refused; `metadata.counter.failure` counts them.

        Args:
            timeout: most seconds to wait; None for as long as it takes.

        Raises:
            DeadlineExceeded: it still runs; nothing happened to it.
            Cancelled: it was cancelled.
            EffacerError: it failed, or the server did not answer for too long.
        """
        for _ in self._polls(None, timeout):
            pass
        outcome = self._state.WhichOneof("result")
        if outcome == "error":
            raise from_status(self._state.error)
        if outcome is None:
            raise Internal(f"{self.name} ended without a result", "NO_RESULT")
        return _unpack(self._state.response)

    def progress(
        self, interval_s: float | None = None, timeout: float | None = None
    ) -> Iterator[operation_metadata_pb2.OperationMetadata]:
        """Yields the metadata as of now, then after every poll, at last that of the end. Does not tell how it ended.

        Args:
            interval_s: seconds between polls; None: 0.05 at first, growing to 2.
            timeout: most seconds to go on; None for as long as it takes.

        Raises:
            DeadlineExceeded: it still runs; nothing happened to it.
            EffacerError: the server did not answer for too long, or no longer knows the operation.
        """
        for _ in self._polls(interval_s, timeout):
            yield self.metadata

    def __iter__(self) -> Iterator[operation_metadata_pb2.OperationMetadata]:
        return self.progress()

    def _polls(self, interval_s: float | None, timeout: float | None) -> Iterator[None]:
        """Yields after every answer, the last time when the operation is done."""
        end = None if timeout is None else self._clock() + timeout
        pause_s = FIRST_POLL_S if interval_s is None else interval_s
        silent_since: float | None = None
        while True:
            left_s = None if end is None else end - self._clock()
            try:
                if not self._state.done:
                    self._state = self._get(None if left_s is None else max(left_s, LAST_POLL_ALLOWANCE_S))
                silent_since = None
            except (Unavailable, DeadlineExceeded):
                now = self._clock()
                if silent_since is None:
                    silent_since = now
                # At the caller's own limit it is the limit that is reported, below.
                if now - silent_since >= self._outage_s and (end is None or now < end):
                    raise
            else:
                yield
                if self._state.done:
                    return
            if end is not None and self._clock() >= end:
                raise DeadlineExceeded(f"{self.name} still runs after {timeout:g} s", "STILL_RUNNING")
            left_s = pause_s if end is None else min(pause_s, end - self._clock())
            self._sleep(max(left_s, 0.0))
            if interval_s is None:
                pause_s = min(pause_s * 2, LAST_POLL_S)


def _unpack(packed: any_pb2.Any) -> Any:
    """The message in an Any; the Any itself when its type is unknown here (a server newer than this client)."""
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
    except KeyError:
        return packed
    message = message_factory.GetMessageClass(descriptor)()
    packed.Unpack(message)
    return message
