"""Reads config and filter files by URI: mapped, checked against the roots that are allowed, bounded.

A URI is gs://, s3://, az:// or file://. `settings.buckets` replaces its beginning, so that requests written for gs://
run on a local folder; the result must lie below one of `settings.roots` or below a mapped bucket. For file:// the real
path counts, with every symbolic link followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from effacer_server.errors import EffacerError, InvalidConfig, NotFound, PermissionDenied
from effacer_server.settings import Settings, local_path
from effacer_server.store.blobs import Reader, open_blobs
from effacer_server.store.local import LocalReader

_SCHEMES = ("gs", "s3", "az", "file")
_BLOCK_BYTES = 1 << 18
# Longer than any line that is a resource path, and short enough to hold.
_LONGEST_LINE = 4096


def read_text(uri: str, settings: Settings, field: str) -> bytes:
    """The whole object.

    Args:
        uri: as the caller sent it.
        settings: buckets, roots and the size limit.
        field: the field it came in, for errors.

    Raises:
        InvalidConfig: no URI this server reads, or an object above the limit.
        PermissionDenied: outside the allowed roots.
        NotFound: no such object.
    """
    with open_uri(uri, settings, field) as reader:
        return reader.read(0, reader.size)


def read_lines(uri: str, settings: Settings, field: str) -> Iterator[bytes]:
    """The object's lines without their ends, in constant memory; a line that is far too long comes in pieces.

    Raises as read_text does.
    """
    with open_uri(uri, settings, field) as reader:
        rest, at = b"", 0
        while at < reader.size:
            block = reader.read(at, min(_BLOCK_BYTES, reader.size - at))
            at += len(block)
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
            if len(rest) > _LONGEST_LINE:
                yield rest
                rest = b""
        if rest:
            yield rest


@contextmanager
def open_uri(uri: str, settings: Settings, field: str) -> Iterator[Reader]:
    """The object, open for reading. Raises as read_text does."""
    target = _resolve(uri, settings, field)
    try:
        reader = _open_file(target) if target.startswith("file:") else _open_object(target)
    except NotFound:
        raise NotFound("URI", f"{field}: there is no such object", field=field) from None
    except EffacerError as error:
        if isinstance(error, InvalidConfig):
            raise InvalidConfig(field, "names no object this server can read", "INVALID_URI") from None
        raise
    with reader:
        if reader.size > settings.max_filter_bytes:
            raise InvalidConfig(field, f"names an object above {settings.max_filter_bytes} bytes", "OBJECT_TOO_LARGE")
        yield reader


def _resolve(uri: str, settings: Settings, field: str) -> str:
    """The URL to read after mapping; a file:// one with its real path."""
    parts = urlsplit(uri)
    if parts.scheme not in _SCHEMES or not parts.path.strip("/") or parts.query or parts.fragment:
        raise InvalidConfig(field, "must be a gs://, s3://, az:// or file:// URI of one object", "INVALID_URI")
    target, mapped = uri, ""
    for prefix in sorted(settings.buckets, key=len, reverse=True):
        if _below(uri, prefix):
            mapped = settings.buckets[prefix].rstrip("/")
            target = mapped + "/" + uri[len(prefix.rstrip("/")) :].lstrip("/")
            break
    roots = [*settings.roots, mapped] if mapped else settings.roots
    path = local_path(target)
    if path is None:
        if ".." in target.split("/") or not any(_below(target, root) for root in roots):
            raise _denied(field)
        return target
    real = _real(path)
    for root in roots:
        root_path = local_path(root)
        if root_path is not None and real.is_relative_to(_real(root_path)):
            return real.as_uri()
    raise _denied(field)


def _below(uri: str, prefix: str) -> bool:
    return uri.startswith(prefix.rstrip("/") + "/")


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _denied(field: str) -> PermissionDenied:
    return PermissionDenied("URI_NOT_ALLOWED", f"{field}: this server does not read from there", field=field)


def _open_file(target: str) -> Reader:
    try:
        # The path is real already: a link in its place now was put there since.
        fd = os.open(unquote(urlsplit(target).path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound("URI") from None
    except OSError:
        raise InvalidConfig("", "cannot be read") from None
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise InvalidConfig("", "is no file")
    return LocalReader(fd, status.st_size)


def _open_object(target: str) -> Reader:
    parts = urlsplit(target)
    return open_blobs(f"{parts.scheme}://{parts.netloc}").open(parts.path.lstrip("/"))
