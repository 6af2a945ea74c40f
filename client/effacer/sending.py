"""Instances as messages of a stream: any number of them, from files, bytes or file objects, in bounded memory."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from effacer.errors import InvalidArgument, invalid, invalid_fields
from effacer.transport import CHUNK_BYTES
from effacer.v1 import instance_pb2

AnyPath = str | os.PathLike[str]
#: One instance as a whole file of PS3.10: a path, its bytes, or a file open for reading bytes.
Item = AnyPath | bytes | bytearray | memoryview | BinaryIO


class Sender:
    """Turns items into messages, and remembers which of them were sent and which could not be read."""

    def __init__(self, items: Item | Iterable[Item], message: Callable[..., Any]) -> None:
        """Prepares; nothing is read yet.

        Args:
            items: what to send; taken one by one.
            message: makes a message of `instance_start`, `chunk` or `instance_end`.
        """
        self._items = enumerate(each(items))
        self._message = message
        #: Items of which a start was sent, in order, by their place among all.
        self.sent: deque[tuple[int, Item]] = deque()
        #: Items that could not be read, or not to their end, and why, by their place among all.
        self.unread: dict[int, tuple[Item, InvalidArgument]] = {}
        #: What reading or `items` raised; the stream was given up then.
        self.failure: BaseException | None = None
        self.exhausted = False
        self.bytes = self.instances = 0

    def messages(
        self,
        more: Callable[[], bool] = lambda: True,
        progress: Callable[[], None] = lambda: None,
    ) -> Generator[Any, None, None]:
        """The messages of the items that are left, while `more` says so; `progress` is called after every chunk."""
        try:
            while more():
                index, item = next(self._items, (-1, b""))
                if index < 0:
                    self.exhausted = True
                    return
                try:
                    source, size, owned = _open(item)
                except OSError as error:
                    self.unread[index] = item, _unreadable(error)
                    continue
                try:
                    self.sent.append((index, item))
                    yield self._message(instance_start=instance_pb2.InstanceStart(size_bytes=size))
                    yield from self._chunks(index, item, source, size, progress)
                    yield self._message(instance_end=instance_pb2.InstanceEnd())
                    self.instances += 1
                finally:
                    if owned:
                        source.close()
        except GeneratorExit:
            raise
        except BaseException as error:
            # gRPC would report "exception iterating requests"; ending the stream here instead would let the server
            # close an instance of which only a part was read. So it is raised, and kept for the caller.
            self.failure = error
            raise

    def _chunks(self, index: int, item: Item, source: Any, size: int, progress: Callable[[], None]) -> Iterator[Any]:
        while True:
            try:
                data = source.read(CHUNK_BYTES)
            except OSError as error:
                if not size:
                    raise
                # The server was told the size and refuses what is shorter; the other instances go on.
                self.unread[index] = item, _unreadable(error)
                return
            if not data:
                return
            if not isinstance(data, bytes):
                raise invalid(f"items[{index}]", "must be a file open for reading bytes")
            for at in range(0, len(data), CHUNK_BYTES):  # a reader may give more than it was asked for
                chunk = data if len(data) <= CHUNK_BYTES else data[at : at + CHUNK_BYTES]
                self.bytes += len(chunk)
                yield self._message(chunk=chunk)
                progress()


def find_files(paths: Iterable[AnyPath]) -> Iterator[Path]:
    """The paths themselves, folders replaced by all files below them in the order of their names.

    Links to folders are not followed, and some folders cannot be read: these are handed on as they are, so that they
    are refused by name rather than left out. Such a link is followed when it is given itself: what this yields must not
    be given to it again.
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


def require_paths(*given: AnyPath | Iterable[AnyPath]) -> list[AnyPath]:
    """The paths, each given alone or in an iterable of them; there is something under every one.

    Raises:
        InvalidArgument: something is no path; NO_SUCH_FILE, where `violations` lists each that is missing.
    """
    paths = [path for one in given for path in each(one)]
    wrong = []
    for number, path in enumerate(paths):
        if not isinstance(path, (str, os.PathLike)):
            raise invalid(f"paths[{number}]", f"must be a path, not {type(path).__name__}")
        if not os.path.lexists(path):
            wrong.append((f"paths[{number}]", f"there is no file or folder {os.fspath(path)}"))
    if wrong:
        raise invalid_fields(wrong, "NO_SUCH_FILE")
    return cast(list[AnyPath], paths)


class Requests:
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


def each(items: Item | Iterable[Item]) -> Iterator[Item]:
    """The items; a single one alone. A file is iterable as well, and still one item."""
    single = isinstance(items, (str, bytes, bytearray, memoryview, os.PathLike)) or hasattr(items, "read")
    if not single:
        with contextlib.suppress(TypeError):  # what is no list either is refused like any item of another kind
            return iter(cast(Iterable[Item], items))
    return iter([cast(Item, items)])


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
