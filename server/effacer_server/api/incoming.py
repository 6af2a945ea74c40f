"""Instances as streams of messages bring them: start, chunks, end. Their order and sizes are checked here alone."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from effacer.v1 import instance_pb2
from effacer_server.dicom.core import Source
from effacer_server.errors import EffacerError, InvalidConfig, Reason, Refused, ResourceExhausted
from effacer_server.store.blobs import CHUNK_BYTES

_LONGEST_LABEL = 256
#: Instances above this size leave memory while they come in.
SPOOL_BYTES = 8 << 20


class Sink(Protocol):
    """Takes the bytes of one instance."""

    def write(self, data: bytes) -> None:
        """Appends."""

    def abort(self) -> None:
        """Lets go of everything; does nothing when called again, or behind a commit."""


SinkT = TypeVar("SinkT", bound=Sink)


class Incoming(Generic[SinkT]):
    """An instance that is being received."""

    def __init__(self, sink: SinkT, start: instance_pb2.InstanceStart, limit: int) -> None:
        """Prepares.

        Args:
            sink: where its bytes go; let go of as soon as something is wrong.
            start: what the caller said of it.
            limit: most bytes it may have.
        """
        self.label, self.size = start.label, 0
        self._expected, self._limit = start.size_bytes, limit
        self._error: EffacerError | None = None
        self._sink: SinkT | None = sink

    def write(self, data: bytes) -> None:
        """Appends; once something went wrong the rest is only counted, so that the stream can go on behind it."""
        self.size += len(data)
        if self._sink is None:
            return
        if max(self.size, self._expected) > self._limit:
            self._fail(Refused(Reason.TOO_LARGE, position=self._limit))
        elif self._expected and self.size > self._expected:
            self._fail(_wrong_size())
        else:
            try:
                self._sink.write(data)
            except EffacerError as error:
                self._fail(error)

    def finish(self) -> SinkT:
        """The sink with all bytes in it. Raises what went wrong before."""
        if self._error is not None:
            raise self._error
        if self._expected and self.size != self._expected:
            raise _wrong_size()
        assert self._sink is not None
        return self._sink

    def abort(self) -> None:
        """Lets go; what was not committed is gone."""
        if self._sink is not None:
            self._sink.abort()

    def _fail(self, error: EffacerError) -> None:
        self._error = error
        self.abort()
        self._sink = None


class Receiver(Generic[SinkT]):
    """Puts the messages of a stream together to instances, one open at a time."""

    def __init__(self, make_sink: Callable[[], SinkT], limit: int, *, start_needed: bool) -> None:
        """Prepares.

        Args:
            make_sink: called once for each instance.
            limit: most bytes of one instance; above it that instance fails, not the stream.
            start_needed: whether a chunk without a start before it is an error.
        """
        self._make_sink, self._limit, self._start_needed = make_sink, limit, start_needed
        self.open: Incoming[SinkT] | None = None

    def take(self, request: Any) -> Incoming[SinkT] | None:
        """Takes a message; returns the instance that it closed.

        Raises:
            InvalidConfig: a chunk above 1 MiB, a start with wrong fields, or a message that may not come here.
        """
        payload = request.WhichOneof("payload")
        if payload == "instance_start":
            if self.open is not None:
                raise InvalidConfig("instanceStart", "comes while an instance is open; close it with instanceEnd")
            start = request.instance_start
            if len(start.label) > _LONGEST_LABEL:
                raise InvalidConfig("instanceStart.label", f"is longer than {_LONGEST_LABEL} characters")
            if start.size_bytes < 0:
                raise InvalidConfig("instanceStart.sizeBytes", "must not be negative")
            self._begin(start)
        elif payload == "chunk":
            if len(request.chunk) > CHUNK_BYTES:
                raise InvalidConfig("chunk", f"is longer than {CHUNK_BYTES} bytes")
            if self.open is None:
                if self._start_needed:
                    raise InvalidConfig("chunk", "comes without an open instance; open one with instanceStart")
                self._begin(instance_pb2.InstanceStart())
            assert self.open is not None
            self.open.write(request.chunk)
        elif payload == "instance_end":
            if self.open is None:
                raise InvalidConfig("instanceEnd", "comes without an open instance")
            return self.close()
        return None

    def close(self) -> Incoming[SinkT] | None:
        """The open instance, which is closed now."""
        closed, self.open = self.open, None
        return closed

    def abort(self) -> None:
        """Lets go of an instance that is still open."""
        if self.open is not None:
            self.open.abort()

    def _begin(self, start: instance_pb2.InstanceStart) -> None:
        self.open = Incoming(self._make_sink(), start, self._limit)


class Spool:
    """An instance that no store holds: in memory, or in a file without a name that only this process can reach."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - abort or the source closes it
        self._size = 0

    def write(self, data: bytes) -> None:
        """Appends.

        Raises:
            Refused: IO, when there is no room for it.
        """
        try:
            self._file.write(data)
        except OSError:
            raise Refused(Reason.IO, position=self._size) from None
        self._size += len(data)

    def source(self) -> Source:
        """What was written, to be read; the spool is used up.

        Raises:
            Refused: IO.
        """
        try:
            return Source.spooled(self._file, self._size)
        except OSError:
            raise Refused(Reason.IO, position=0) from None

    def abort(self) -> None:
        """Gives its bytes up."""
        self._file.close()


class Gate:
    """Bounds how many streams are served at the same time: they live as long as their callers like."""

    def __init__(self, rpc_threads: int) -> None:
        """`rpc_threads`: calls served at the same time; some of them stay free for calls that answer at once."""
        self._streams = threading.BoundedSemaphore(max(rpc_threads * 5 // 8, 1))

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Holds a place for one stream.

        Raises:
            ResourceExhausted: STREAMS, when there is none.
        """
        if not self._streams.acquire(blocking=False):
            raise ResourceExhausted("STREAMS", "too many streams at the same time; try again later")
        try:
            yield
        finally:
            self._streams.release()


def _wrong_size() -> InvalidConfig:
    return InvalidConfig("instanceStart.sizeBytes", "is not the number of bytes that came", "SIZE_MISMATCH")
