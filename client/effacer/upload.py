"""Instances on their way to a store: any number of them, in bounded memory."""

from __future__ import annotations

import itertools
import os
import stat
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from effacer.errors import EffacerError, Internal, InvalidArgument, from_status, invalid
from effacer.transport import CHUNK_BYTES
from effacer.v1 import dicom_web_pb2, instance_pb2

#: One instance as a whole file of PS3.10: a path, its bytes, or a file open for reading bytes.
Item = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

#: A stream ends when it has carried so many instances or bytes, and the next one begins. Results come at the end of a
#: stream, so that this is how much has to be sent again when a connection breaks.
INSTANCES_PER_STREAM = 256
BYTES_PER_STREAM = 256 << 20


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What became of one instance.

    Attributes:
        index: place among all items given, from 0.
        item: the item as given.
        instance: names, UIDs and size as stored; of a failed one what could be read of it, or None.
        error: why it is not in the store, or None when it is there, durable.
    """

    index: int
    item: Item
    instance: instance_pb2.Instance | None
    error: EffacerError | None


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """How far an upload has come.

    Attributes:
        bytes: bytes handed to the connection.
        instances: instances handed to it whole.
        stored: of these, known to be durable.
        refused: of these, known to have failed, and items that could not be read.
    """

    bytes: int = 0
    instances: int = 0
    stored: int = 0
    refused: int = 0


Send = Callable[[Iterator[dicom_web_pb2.StoreInstancesRequest]], dicom_web_pb2.StoreInstancesResponse]


class Upload:
    """One upload; `run` may be called once."""

    def __init__(
        self, parent: str, items: Item | Iterable[Item], send: Send, progress: Callable[[UploadProgress], None] | None
    ) -> None:
        """Prepares an upload; nothing is read or sent yet.

        Args:
            parent: name of a store, or of a study all instances must belong to.
            items: what to upload; taken one by one.
            send: sends one stream and returns its response.
            progress: called after every chunk, from the thread that sends, and after every stream.
        """
        self._parent = parent
        self._items = enumerate(_each(items))
        self._send = send
        self._progress = progress
        self._bytes = self._instances = self._stored = self._refused = 0
        self._exhausted = False
        self._failure: BaseException | None = None

    def run(self) -> Iterator[StoreResult]:
        """Uploads, and yields one result for each item, in order, as streams end.

        Raises:
            InvalidArgument: an item is nothing that can be read.
            EffacerError: a stream failed as a whole; what became of its instances is not known.
            Exception: whatever `items`, or reading a file object, raised.
        """
        while not self._exhausted:
            sent: list[tuple[int, Item]] = []
            unread: list[StoreResult] = []
            requests = _Requests(self._requests(sent, unread))
            results: list[Any] = []
            try:
                if requests.begin():  # no stream for items none of which could be opened
                    results = list(self._stream(requests).results)
            finally:
                requests.close()
            if len(results) != len(sent):
                raise Internal("the server answered for another number of instances than were sent", "BAD_ANSWER")
            answers = {index: _result(index, item, result) for (index, item), result in zip(sent, results, strict=True)}
            answers.update((result.index, result) for result in unread)  # says more of a file that broke off
            refused = sum(result.error is not None for result in answers.values())
            self._refused += refused
            self._stored += len(answers) - refused
            self._report()
            for index in sorted(answers):
                yield answers[index]

    def _stream(self, requests: Iterator[dicom_web_pb2.StoreInstancesRequest]) -> Any:
        try:
            return self._send(requests)
        except EffacerError:
            if self._failure is not None:  # the stream was given up because reading failed
                raise self._failure from None
            raise

    def _requests(
        self, sent: list[tuple[int, Item]], unread: list[StoreResult]
    ) -> Generator[dicom_web_pb2.StoreInstancesRequest, None, None]:
        """The messages of one stream. Notes in `sent` what it opened and in `unread` what could not be read."""
        parent = self._parent
        started_at = self._bytes
        try:
            while len(sent) < INSTANCES_PER_STREAM and self._bytes - started_at < BYTES_PER_STREAM:
                index, item = next(self._items, (-1, b""))
                if index < 0:
                    self._exhausted = True
                    return
                try:
                    source, size, owned = _open(item)
                except OSError as error:
                    unread.append(StoreResult(index, item, None, _unreadable(error)))
                    if len(unread) >= INSTANCES_PER_STREAM:
                        return
                    continue
                try:
                    sent.append((index, item))
                    start = instance_pb2.InstanceStart(size_bytes=size)
                    yield dicom_web_pb2.StoreInstancesRequest(parent=parent, instance_start=start)
                    parent = ""
                    yield from self._chunks(index, item, source, size, unread)
                    yield dicom_web_pb2.StoreInstancesRequest(instance_end=instance_pb2.InstanceEnd())
                    self._instances += 1
                finally:
                    if owned:
                        source.close()
        except GeneratorExit:
            raise
        except BaseException as error:
            # gRPC would report "exception iterating requests"; ending the stream here instead would let the server
            # close, and keep, an instance of which only a part was read. So it is raised, and kept for the caller.
            self._failure = error
            raise

    def _chunks(
        self, index: int, item: Item, source: Any, size: int, unread: list[StoreResult]
    ) -> Iterator[dicom_web_pb2.StoreInstancesRequest]:
        while True:
            try:
                data = source.read(CHUNK_BYTES)
            except OSError as error:
                if not size:
                    raise
                # The server was told the size and refuses what is shorter; the other instances go on.
                unread.append(StoreResult(index, item, None, _unreadable(error)))
                return
            if not data:
                return
            if not isinstance(data, bytes):
                raise invalid(f"items[{index}]", "must be a file open for reading bytes")
            for at in range(0, len(data), CHUNK_BYTES):  # a reader may give more than it was asked for
                chunk = data if len(data) <= CHUNK_BYTES else data[at : at + CHUNK_BYTES]
                self._bytes += len(chunk)
                yield dicom_web_pb2.StoreInstancesRequest(chunk=chunk)
                self._report()

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(UploadProgress(self._bytes, self._instances, self._stored, self._refused))


def find_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    """The paths themselves, folders replaced by all files below them in the order of their names.

    Links to folders are not followed, and some folders cannot be read: these are handed on as they are, so that they
    are refused by name rather than left out.
    """
    for given in paths:
        path = Path(given)
        if not path.is_dir():
            yield path
            continue
        unreadable: list[OSError] = []
        for folder, folders, names in os.walk(path, onerror=unreadable.append):
            folders.sort()
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            yield from (Path(folder, name) for name in sorted([*names, *links]))
        yield from (Path(error.filename) for error in unreadable)


class _Requests:
    """The messages of a stream, which gRPC takes in a thread of its own.

    When the server ends a call early that thread can still be about to take a message; `close` is safe then too, and
    closes the file that was being read.
    """

    def __init__(self, messages: Generator[Any, None, None]) -> None:
        self._messages = messages
        self._lock = threading.Lock()
        self._first: list[Any] = []
        self._closed = False

    def begin(self) -> bool:
        """Whether there is any message; it is kept for the stream."""
        self._first = list(itertools.islice(self._messages, 1))
        return bool(self._first)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with self._lock:
            if self._closed:
                raise StopIteration
            return self._first.pop() if self._first else next(self._messages)

    def close(self) -> None:
        """Ends the messages."""
        with self._lock:
            self._closed = True
            self._messages.close()


class _Memory:
    """Bytes in memory, read like a file without a copy of the whole."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._view = memoryview(data).cast("B")
        self._at = 0

    def read(self, count: int) -> bytes:
        start, self._at = self._at, self._at + count
        return bytes(self._view[start : self._at])

    def close(self) -> None:
        self._view.release()


def _each(items: Item | Iterable[Item]) -> Iterator[Item]:
    """The items; a single one alone. A file is iterable as well, and still one item."""
    single = isinstance(items, (str, bytes, bytearray, memoryview, os.PathLike)) or hasattr(items, "read")
    return iter([cast(Item, items)] if single else cast(Iterable[Item], items))


def _open(item: Item) -> tuple[Any, int, bool]:
    """Reader of an item, its size in bytes where known (else 0), and whether the reader is ours to close."""
    if isinstance(item, (bytes, bytearray, memoryview)):
        return _Memory(item), memoryview(item).nbytes, True
    if isinstance(item, (str, os.PathLike)):
        # A pipe or device would block for ever, or never end. Looked at before it is opened, and again after.
        if not stat.S_ISREG(os.stat(item).st_mode):
            raise OSError(0, "it is not a regular file")
        file = open(item, "rb", buffering=0)  # noqa: SIM115 - closed by who asked for it
        return file, os.fstat(file.fileno()).st_size, True
    if not hasattr(item, "read"):
        raise invalid("items", f"must be paths, bytes or files, not {type(item).__name__}")
    return item, _rest(item), False


def _rest(file: Any) -> int:
    """Bytes from a file object's position to its end, or 0 when it cannot tell."""
    try:
        at = file.tell()
        end = file.seek(0, os.SEEK_END)
        file.seek(at)
    except (AttributeError, OSError, ValueError):
        return 0
    return max(int(end) - int(at), 0)


def _unreadable(error: OSError) -> InvalidArgument:
    return InvalidArgument(f"cannot be read: {error.strerror or type(error).__name__}", "UNREADABLE")


def _result(index: int, item: Item, result: dicom_web_pb2.StoreInstanceResult) -> StoreResult:
    error = from_status(result.status) if result.status.code else None
    return StoreResult(index, item, result.instance if result.HasField("instance") else None, error)
