"""Bytes by key: the port, the rules of keys, and the door `open_blobs`.

Implementations: `local.py` (a directory, through descriptors) and `objects.py` (memory, S3, GCS, Azure, through
obstore). An object is visible whole or not at all, and durable before it is visible.

Errors: `NotFound("OBJECT")`; `ResourceExhausted("DISK_FULL")`; `Unavailable(…)` where the same call may succeed later;
`EffacerError("IO")` otherwise. None of them carries a key or a path: keys may be made of UIDs, paths of names.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from effacer_server.errors import EffacerError, InvalidConfig

#: Largest piece that passes through this process's memory at a time.
CHUNK_BYTES = 1 << 20

_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*\Z")


def check_key(key: str) -> str:
    """Returns the key when it is one.

    A key is relative, of [A-Za-z0-9_./-]; no segment between slashes is empty or starts with a dot (which leaves out
    "." and "..", and keeps dot names for the implementations).

    Raises:
        InvalidConfig: at field "key"; the message does not repeat it.
    """
    if not _KEY.match(key) or len(key) > 1024:
        raise InvalidConfig("key", "must be a relative path of [A-Za-z0-9_./-] without hidden or empty segments")
    return key


def check_prefix(prefix: str) -> str:
    """Returns the prefix without a closing slash; "" is everything. Raises as check_key."""
    return check_key(prefix.removesuffix("/")) if prefix else ""


class Reader(ABC):
    """An object open for reading; a context manager. Threads may share it.

    Attributes:
        size: bytes.
        fd: descriptor for positional reads, or None when the object is not a local file.
    """

    size: int
    fd: int | None = None
    #: Reads shorter than this are served from a window of this many bytes: walking the elements of a header would
    #: otherwise be one system call, or one request over the network, for each.
    window_bytes: int = 64 << 10
    _window: tuple[int, bytes] = (0, b"")

    def read(self, at: int, size: int) -> bytes:
        """The bytes [at, at + size), fewer only where the object ends.

        Raises:
            EffacerError: "IO" when the object is shorter than it was when opened.
        """
        size = min(size, self.size - at)
        if size <= 0:
            return b""
        if size >= self.window_bytes:
            return self._read(at, size)
        start, window = self._window  # one assignment replaces both, so that threads never see half
        if not start <= at <= at + size <= start + len(window):
            start, window = at, self._read(at, min(self.window_bytes, self.size - at))
            self._window = (start, window)
        return window[at - start : at - start + size]

    @abstractmethod
    def _read(self, at: int, size: int) -> bytes:
        """Exactly these bytes; the range lies within the object and is not empty."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of the object; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Writer(ABC):
    """An object being written; a context manager, for one thread.

    Nothing is visible under the key before commit(); leaving the context without it leaves nothing behind.
    """

    @abstractmethod
    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Appends; the bytes are taken over or copied before it returns."""

    def copy(self, reader: Reader, at: int, size: int) -> None:
        """Appends [at, at + size) of another object without holding more than CHUNK_BYTES of it in memory.

        Raises:
            EffacerError: "IO" when the object ends before at + size.
        """
        end = at + size
        if at < 0 or size < 0 or end > reader.size:
            raise EffacerError("IO", "a range beyond the object's end")
        while at < end:
            data = reader.read(at, min(CHUNK_BYTES, end - at))
            self.write(data)
            at += len(data)

    def flush(self) -> None:
        """Lets go of what memory it holds, as far as it can, before a commit that comes later."""
        return

    @abstractmethod
    def commit(self) -> None:
        """Makes the bytes durable, then visible, replacing what was there under the key."""

    @abstractmethod
    def abort(self) -> None:
        """Throws away what was written; does nothing after commit()."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


class Blobs(ABC):
    """A place for objects. Threads may share it; other processes open the same URL."""

    @abstractmethod
    def create(self, key: str) -> Writer:
        """Starts an object. Raises InvalidConfig at "key"."""

    @abstractmethod
    def open(self, key: str) -> Reader:
        """Opens an object. Raises NotFound."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Deletes an object; none there is no error, so that it can be repeated."""

    @abstractmethod
    def delete_prefix(self, prefix: str) -> None:
        """Deletes every object below `prefix`, which ends at a slash whether written or not ("" is everything)."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """(key, size in bytes) of every object below `prefix`, in no particular order."""

    def sweep(self) -> int:
        """Removes what crashed writers left, in this process or others; never a living writer's work.

        Returns:
            How many were removed.
        """
        return 0

    def close(self) -> None:
        """Lets go of what the next writer would use; does nothing to objects and may be called any time."""
        return


def open_blobs(url: str, *, durable: bool = True) -> Blobs:
    """Opens an object store.

    Args:
        url: file:///directory, memory://name (one per name and process), s3://bucket/prefix, gs://…, az://….
            Credentials and endpoints of the latter come from the environment variables that obstore documents.
        durable: False leaves out the waits for the disk of file:// (for scratch and tests).

    Raises:
        InvalidConfig: at field "url".
    """
    # Imported here: the implementations import the classes above.
    from effacer_server.store.local import LocalBlobs
    from effacer_server.store.objects import open_objects

    parts = urlsplit(url)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise InvalidConfig("url", "a file URL is file:// and an absolute path")
        return LocalBlobs(unquote(parts.path), durable=durable)
    if parts.scheme in ("memory", "s3", "gs", "az"):
        return open_objects(url)
    raise InvalidConfig("url", "must start with file://, memory://, s3://, gs:// or az://")
