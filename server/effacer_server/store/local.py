"""Objects as files of one directory, through descriptors.

A writer fills a file in a directory of its `LocalBlobs` below the hidden `.writing`, makes it durable and renames it
to its key. That directory is held by an flock, so that `sweep` can tell what a crashed process left (the lock died with
it) from what a living one works on. Files are 0600 and directories 0700: what is inside is patient data.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import itertools
import os
import secrets
import stat
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from effacer_server.errors import EffacerError, NotFound, ResourceExhausted, Unavailable
from effacer_server.store.blobs import Blobs, Reader, Writer, check_key, check_prefix

Method = TypeVar("Method", bound=Callable[..., Any])

_WRITING = ".writing"
_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700
#: What is written goes through a buffer of so many bytes, a multiple of any page size (docs/decisions/0003).
_BUFFER_BYTES = 1 << 20
#: Buffers and pipes kept for the next writer; a fresh one costs its page faults.
_KEPT_BUFFERS = 16
_KEPT_PIPES = 8
#: Capacity of a pipe that bodies are spliced through: the most an ordinary user may have.
_PIPE_BYTES = 1 << 20
#: Shorter ranges go through the buffer.
_SPLICE_BYTES = 64 << 10
#: splice is not offered: file type, file system, kernel.
_NO_SPLICE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_TRANSIENT = frozenset({errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT})
#: A rename fails for want of its directory so many times in a row only when something else is wrong.
_PUBLISH_ATTEMPTS = 100
#: How many directories are remembered as durable; beyond it the memory starts anew, at the cost of some fsyncs.
_SETTLED_DIRECTORIES = 65536


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Turns OSError into the server's errors; the cause is dropped because it names the path."""
    try:
        yield
    except OSError as error:
        raise _translate(error) from None


def _translating(method: Method) -> Method:
    """`_errors` around a method that is called for every object."""

    @functools.wraps(method)
    def translated(*arguments: Any) -> Any:
        try:
            return method(*arguments)
        except OSError as error:
            raise _translate(error) from None

    return cast(Method, translated)


def _translate(error: OSError) -> EffacerError:
    name = errno.errorcode.get(error.errno or 0, "UNKNOWN")
    if error.errno in _FULL:
        return ResourceExhausted("DISK_FULL", "no space left for objects", errno=name)
    if error.errno in _TRANSIENT:
        return Unavailable("OBJECT_STORE", f"the object store is not available ({name})", errno=name)
    return EffacerError("IO", f"the object store failed ({name})", errno=name)


class LocalReader(Reader):
    """A file open for reading."""

    def __init__(self, fd: int, size: int) -> None:
        self.fd: int | None = fd
        self.size = size

    def _read(self, at: int, size: int) -> bytes:
        if self.fd is None:
            raise EffacerError("IO", "the object is closed")
        with _errors():
            data = os.pread(self.fd, size, at)
            while len(data) < size:  # one call reads at most 2 GiB
                more = os.pread(self.fd, size - len(data), at + len(data))
                if not more:
                    raise EffacerError("IO", "the object is shorter than it was")
                data += more
        return data

    def close(self) -> None:
        fd, self.fd = self.fd, None
        if fd is not None:
            os.close(fd)

    def __del__(self) -> None:
        self.close()


class LocalWriter(Writer):
    """A file being written under a hidden name, through a buffer that always ends on a page boundary of the file."""

    def __init__(self, blobs: LocalBlobs, key: str) -> None:
        self._blobs = blobs
        self._key = key
        self._fd: int | None = None
        self._fd, self._path = blobs.open_hidden()
        self._buffer: bytearray | None = None
        self._view = memoryview(b"")
        self._filled = 0
        # What came first, as long as nothing else has to be gathered with it: most objects are a header and a range.
        self._first: bytes | None = None
        self._begun = False

    @_translating
    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._begun and type(data) is bytes:
            self._open_fd()
            self._first, self._begun = data, True
        else:
            self._gather(data)

    def _gather(self, data: bytes | bytearray | memoryview) -> None:
        self._begun = True
        if self._first is not None:
            first, self._first = self._first, None
            self._gather(first)
        with memoryview(data) as view, view.cast("B") as rest:
            done = 0
            while done < len(rest):
                room = min(self._room(), len(rest) - done)
                self._view[self._filled : self._filled + room] = rest[done : done + room]
                done += room
                self._advance(room)

    @_translating
    def copy(self, reader: Reader, at: int, size: int) -> None:
        if reader.fd is None or at < 0 or size < 0 or at + size > reader.size:
            super().copy(reader, at, size)
            return
        end = at + size
        if size >= _SPLICE_BYTES:
            at = self._splice(reader.fd, at, end)
        if at < end:
            self._gather(b"")
        while at < end:
            room = min(self._room(), end - at)
            got = os.preadv(reader.fd, [self._view[self._filled : self._filled + room]], at)
            if not got:
                raise EffacerError("IO", "the object is shorter than it was")
            at += got
            self._advance(got)

    def _splice(self, source: int, at: int, end: int) -> int:
        """Moves [at, end) of a descriptor behind what was written so far, through a pipe: one copy, within the kernel.

        Returns:
            How far it came: `end`, or `at` where the system does not offer it for these files.
        """
        target = self._open_fd()
        pipe = self._blobs.take_pipe()
        if pipe is None:
            return at
        begun, pending, self._begun = at, 0, True
        try:
            if self._first is not None and len(self._first) <= _PIPE_BYTES // 2:
                pending = os.write(pipe[1], self._first)
                self._first = None
            elif self._first is not None or self._filled > _PIPE_BYTES // 2:
                self._flush()
            elif self._filled:
                pending = os.write(pipe[1], self._view[: self._filled])
                self._filled = 0
            while at < end or pending:
                while at < end:
                    try:
                        got = os.splice(source, pipe[1], end - at, offset_src=at, flags=os.SPLICE_F_NONBLOCK)
                    except BlockingIOError:
                        break  # the pipe is full
                    except OSError as error:
                        if error.errno not in _NO_SPLICE or at != begun:
                            raise
                        end = at  # what was gathered still has to go out
                        break
                    if not got:
                        raise EffacerError("IO", "the object is shorter than it was")
                    at += got
                    pending += got
                while pending:
                    pending -= os.splice(pipe[0], target, pending)
        except BaseException:
            for descriptor in pipe:  # something may be left inside
                os.close(descriptor)
            raise
        self._blobs.give_pipe(pipe)
        return at

    @_translating
    def flush(self) -> None:
        self._flush()
        self._give_back()

    @_translating
    def commit(self) -> None:
        fd = self._open_fd()
        self._flush()
        if self._blobs.durable:
            os.fdatasync(fd)
        self._blobs.publish(self._path, self._key)
        self._fd = None
        self._give_back()
        os.close(fd)

    def abort(self) -> None:
        fd, self._fd = self._fd, None
        if fd is None:
            return
        self._give_back()
        with _errors():
            try:
                os.unlink(self._path)
            except FileNotFoundError:
                pass  # commit() failed behind the rename
            finally:
                os.close(fd)

    def __del__(self) -> None:
        with contextlib.suppress(EffacerError):
            self.abort()

    def _open_fd(self) -> int:
        if self._fd is None:
            raise EffacerError("IO", "the writer is closed")
        return self._fd

    def _room(self) -> int:
        """Bytes that fit behind what is gathered; takes a buffer when there is none."""
        self._open_fd()
        if self._buffer is None:
            self._buffer = self._blobs.take_buffer()
            self._view = memoryview(self._buffer)
        return _BUFFER_BYTES - self._filled

    def _advance(self, size: int) -> None:
        self._filled += size
        if self._filled == _BUFFER_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._first is not None:
            _write_all(self._open_fd(), self._first)
            self._first = None
        if self._filled:
            with self._view[: self._filled] as filled:
                _write_all(self._open_fd(), filled)
            self._filled = 0

    def _give_back(self) -> None:
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            self._view.release()
            self._blobs.give_buffer(buffer)


def _write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    with memoryview(data) as view, view.cast("B") as rest:
        done = 0
        while done < len(rest):  # one call writes at most 2 GiB, and less when the disk fills up
            with rest[done:] as tail:
                done += os.write(fd, tail)


class LocalBlobs(Blobs):
    """A directory of objects; made when it is not there.

    Args:
        root: absolute path.
        durable: False leaves out fdatasync and fsync.
    """

    def __init__(self, root: str, *, durable: bool = True) -> None:
        self.durable = durable
        self._root = os.path.abspath(root)
        self._hidden = os.path.join(self._root, _WRITING)
        self._buffers: list[bytearray] = []
        self._pipes: list[tuple[int, int]] = []
        self._own = ""
        self._held: weakref.finalize[..., LocalBlobs] | None = None
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._settled: set[str] = set()
        self._settled_lock = threading.Lock()
        with _errors():
            _make_directory(self._hidden)
            if durable:
                _sync_directory(self._root)

    def create(self, key: str) -> Writer:
        return LocalWriter(self, check_key(key))

    def open(self, key: str) -> Reader:
        with _errors():
            try:
                fd = os.open(self._path(check_key(key)), os.O_RDONLY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                raise NotFound("OBJECT", "no such object") from None
            try:
                status = os.fstat(fd)
                if not stat.S_ISREG(status.st_mode):
                    raise NotFound("OBJECT", "no such object")
                return LocalReader(fd, status.st_size)
            except BaseException:
                os.close(fd)
                raise

    def delete(self, key: str) -> None:
        path = self._path(check_key(key))
        with _errors():
            try:
                os.unlink(path)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return
            self._remove_empty(os.path.dirname(path))

    def delete_prefix(self, prefix: str) -> None:
        top = self._path(check_prefix(prefix))
        with _errors():
            for directory, _, files in os.walk(top, topdown=False, onerror=_raise_unless_absent):
                if f"{directory}/".startswith(f"{self._hidden}/"):
                    continue
                for name in files:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(os.path.join(directory, name))
                self._remove_empty(directory)

    def list(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        top = self._path(check_prefix(prefix))
        with _errors():
            for directory, below, files in os.walk(top, onerror=_raise_unless_absent):
                below[:] = sorted(name for name in below if not name.startswith("."))
                for name in sorted(files):
                    path = os.path.join(directory, name)
                    try:
                        size = os.stat(path).st_size
                    except FileNotFoundError:
                        continue
                    if not name.startswith("."):
                        yield os.path.relpath(path, self._root), size

    def sweep(self) -> int:
        removed = 0
        with _errors():
            try:
                names = os.listdir(self._hidden)
            except FileNotFoundError:
                return 0
            for name in names:
                path = os.path.join(self._hidden, name)
                try:
                    held = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                except FileNotFoundError:
                    continue
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if not stat.S_ISDIR(os.fstat(held).st_mode):  # an earlier version's file, locked by itself
                        os.unlink(path)
                        removed += 1
                        continue
                    for left in os.listdir(path):
                        os.unlink(os.path.join(path, left))
                        removed += 1
                    os.rmdir(path)
                except (BlockingIOError, FileNotFoundError):
                    continue  # a living process's, or gone meanwhile
                finally:
                    os.close(held)
        return removed

    def close(self) -> None:
        with self._lock:
            held, self._held = self._held, None
            if held is not None:
                held()

    def take_buffer(self) -> bytearray:
        """A buffer of _BUFFER_BYTES; its content is of no account."""
        try:
            return self._buffers.pop()
        except IndexError:
            return bytearray(_BUFFER_BYTES)

    def give_buffer(self, buffer: bytearray) -> None:
        """Takes a buffer back; no view of it may be left."""
        if len(self._buffers) < _KEPT_BUFFERS:
            self._buffers.append(buffer)

    @_translating
    def take_pipe(self) -> tuple[int, int] | None:
        """An empty pipe of _PIPE_BYTES, (read end, write end); None where there is none to be had."""
        try:
            return self._pipes.pop()
        except IndexError:
            pass
        if not hasattr(os, "splice"):
            return None
        try:
            ends = os.pipe2(os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:  # the user's pipes hold as much as the system allows
            for descriptor in ends:
                os.close(descriptor)
            return None
        return ends

    def give_pipe(self, pipe: tuple[int, int]) -> None:
        """Takes an empty pipe back."""
        if len(self._pipes) < _KEPT_PIPES:
            self._pipes.append(pipe)
        else:
            for descriptor in pipe:
                os.close(descriptor)

    def __del__(self) -> None:
        for pipe in getattr(self, "_pipes", []):
            for descriptor in pipe:
                os.close(descriptor)

    def open_hidden(self) -> tuple[int, str]:
        """A new hidden file: (descriptor, path)."""
        if self._held is None:
            self._hold()
        path = f"{self._own}/{next(self._numbers):x}"
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE), path

    def _hold(self) -> None:
        """Makes a directory for hidden files and holds it against sweeps."""
        with self._lock:
            while self._held is None:
                own = f"{self._hidden}/{secrets.token_hex(16)}"
                _make_directory(own)
                held = -1
                try:
                    held = os.open(own, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                    fcntl.flock(held, fcntl.LOCK_EX)
                    os.stat(own)
                    self._own = own
                    # Also at the interpreter's end, where it is too late for __del__.
                    self._held = weakref.finalize(self, _let_go, own, self._hidden, held, os.getpid())
                except FileNotFoundError:
                    pass  # a sweep saw it before it was held
                finally:
                    if self._held is None and held >= 0:
                        os.close(held)

    def publish(self, path: str, key: str) -> None:
        """Renames a hidden file to its key and makes the name durable."""
        target = self._path(key)
        directory = os.path.dirname(target)
        for attempt in range(_PUBLISH_ATTEMPTS):
            try:
                os.rename(path, target)
                break
            except FileNotFoundError:
                # The directory is not there yet, or somebody just removed it because it was empty.
                if attempt == _PUBLISH_ATTEMPTS - 1:
                    raise
                self._forget(directory)
                with contextlib.suppress(FileNotFoundError):
                    _make_directory(directory)
        if self.durable:
            self._settle(directory)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}" if key else self._root

    def _settle(self, directory: str) -> None:
        """fsyncs the directory, and the way to it where this process has not done so before."""
        _sync_directory(directory)
        while directory != self._root:
            with self._settled_lock:
                if directory in self._settled:
                    return
            parent = os.path.dirname(directory)
            _sync_directory(parent)
            with self._settled_lock:
                if len(self._settled) >= _SETTLED_DIRECTORIES:
                    self._settled.clear()
                self._settled.add(directory)
            directory = parent

    def _forget(self, directory: str) -> None:
        with self._settled_lock:
            while directory != self._root:
                self._settled.discard(directory)
                directory = os.path.dirname(directory)

    def _remove_empty(self, directory: str) -> None:
        """Removes the directory and those above it as long as they are empty; never the root."""
        while directory != self._root:
            try:
                os.rmdir(directory)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    return
                if error.errno not in _ABSENT:
                    raise
            with self._settled_lock:
                self._settled.discard(directory)
            directory = os.path.dirname(directory)


def _let_go(own: str, hidden: str, held: int, process: int) -> None:
    """Gives up a directory for hidden files."""
    for path in (own, hidden) if os.getpid() == process else ():  # a fork's copy is not its to remove
        with contextlib.suppress(OSError):  # not empty: somebody still writes
            os.rmdir(path)
    os.close(held)


def _make_directory(path: str) -> None:
    """Makes it and those above it; not os.makedirs, which gives the latter the default mode."""
    try:
        os.mkdir(path, _DIRECTORY_MODE)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_directory(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, _DIRECTORY_MODE)


def _sync_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _raise_unless_absent(error: OSError) -> None:
    if error.errno not in _ABSENT:
        raise error
