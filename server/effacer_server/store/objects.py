"""Objects in memory, S3, Google Cloud Storage or Azure, all through obstore.

A writer holds one part in memory; more parts go up as a multipart upload, which becomes visible when it is completed.
One that is dropped is never visible; the parts it had sent by then stay with the provider until the bucket's rule for
incomplete multipart uploads removes them, so buckets need one (docs/operations.md).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, GenericError
from obstore.store import MemoryStore, from_url

from effacer_server.errors import EffacerError, InvalidConfig, NotFound, Unavailable
from effacer_server.store.blobs import Blobs, Reader, Writer, check_key, check_prefix

#: One part of an upload. Providers allow 10,000 of them: objects up to 80 GiB.
_PART_BYTES = 8 << 20
#: Parts on their way at a time.
_PARTS_IN_FLIGHT = 2
_DELETE_BATCH = 1000

_memory: dict[str, MemoryStore] = {}
_memory_lock = threading.Lock()


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Turns obstore's errors into the server's; the cause is dropped because it names the object."""
    try:
        yield
    except FileNotFoundError:
        raise NotFound("OBJECT", "no such object") from None
    except GenericError:
        # Behind obstore's own retries: connection, time-out, 5xx.
        raise Unavailable("OBJECT_STORE", "the object store is not available") from None
    except (BaseError, OSError, ValueError) as error:
        kind = type(error).__name__
        raise EffacerError("IO", f"the object store failed ({kind})", kind=kind) from None


class ObjectReader(Reader):
    """An object read by ranges."""

    window_bytes = 1 << 20

    def __init__(self, store: Any, key: str) -> None:
        self._store = store
        self._key = key
        with _errors():
            self.size = int(obstore.head(store, key)["size"])

    def _read(self, at: int, size: int) -> bytes:
        with _errors():
            data = bytes(obstore.get_range(self._store, self._key, start=at, length=size))
        if len(data) != size:
            raise EffacerError("IO", "the object is shorter than it was")
        return data

    def close(self) -> None:
        self._window = (0, b"")


class ObjectWriter(Writer):
    """An object on its way up."""

    def __init__(self, store: Any, key: str) -> None:
        with _errors():
            self._file: Any = obstore.open_writer(store, key, buffer_size=_PART_BYTES, max_concurrency=_PARTS_IN_FLIGHT)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        with _errors():
            # obstore keeps a reference to what it is given; the caller may reuse its buffer.
            self._open_file().write(data if isinstance(data, bytes) else bytes(data))

    def commit(self) -> None:
        with _errors():
            self._open_file().close()
        self._file = None

    def abort(self) -> None:
        # Not its context manager: that completes the upload whatever happened.
        self._file = None

    def _open_file(self) -> Any:
        if self._file is None:
            raise EffacerError("IO", "the writer is closed")
        return self._file


class ObjectBlobs(Blobs):
    """An obstore store as Blobs."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def create(self, key: str) -> Writer:
        return ObjectWriter(self._store, check_key(key))

    def open(self, key: str) -> Reader:
        return ObjectReader(self._store, check_key(key))

    def delete(self, key: str) -> None:
        check_key(key)
        with contextlib.suppress(NotFound), _errors():
            obstore.delete(self._store, key)

    def delete_prefix(self, prefix: str) -> None:
        batch: list[str] = []
        for key, _ in self.list(prefix):
            batch.append(key)
            if len(batch) == _DELETE_BATCH:
                self._delete_all(batch)
                batch = []
        self._delete_all(batch)

    def list(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        prefix = check_prefix(prefix)
        with _errors():
            for batch in obstore.list(self._store, prefix=prefix or None):
                for entry in batch:
                    yield entry["path"], int(entry["size"])

    def _delete_all(self, keys: Sequence[str]) -> None:
        if keys:
            with contextlib.suppress(NotFound), _errors():
                obstore.delete(self._store, keys)


def open_objects(url: str) -> ObjectBlobs:
    """Opens memory://name, s3://, gs:// or az://. Raises InvalidConfig at "url"."""
    parts = urlsplit(url)
    if parts.scheme == "memory":
        with _memory_lock:
            return ObjectBlobs(_memory.setdefault(parts.netloc + parts.path, MemoryStore()))
    try:
        return ObjectBlobs(from_url(url))
    except (BaseError, OSError, ValueError) as error:
        raise InvalidConfig("url", f"cannot be opened ({type(error).__name__})") from None
