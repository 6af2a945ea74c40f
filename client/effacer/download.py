"""Instances on their way out of a store: one stream, cut into instances, in bounded memory."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from effacer.errors import DataLoss, FailedPrecondition
from effacer.v1 import dicom_web_pb2, instance_pb2


def split_instances(
    messages: Iterator[dicom_web_pb2.RetrieveResponse],
) -> Iterator[tuple[instance_pb2.Instance, Iterator[bytes]]]:
    """Cuts a download into (instance, its chunks). Chunks that nobody takes before the next instance are passed over.

    Raises:
        DataLoss: the stream ended inside an instance, or an instance has not the size it was announced with.
    """
    for message in messages:
        if message.WhichOneof("payload") != "instance_start":
            raise DataLoss("the server sent data outside an instance", "BAD_STREAM")
        with Chunks(message.instance_start, messages) as chunks:
            yield message.instance_start, chunks


class Chunks(Iterator[bytes]):
    """The bytes of one instance of a stream: taken once, before the stream goes on.

    A context that yields one to a caller says where the stream does so: when it is left, what nobody took is gone, and
    whoever asks for it later is told so. An empty answer would pass for an empty instance.
    """

    def __init__(self, instance: instance_pb2.Instance, messages: Iterator[Any]) -> None:
        """Begins at the first message behind the announcement.

        Args:
            instance: as it was announced.
            messages: with `chunk` or `instance_end` in their payload; taken up to the end of this instance.
        """
        self._rest = _chunks_of(instance, messages)
        self._begun = self._ended = self._passed = False

    def __enter__(self) -> Chunks:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._passed = not self._ended
        if kind is None:
            for _chunk in self._rest:
                pass

    def __iter__(self) -> Chunks:
        """Itself.

        Raises:
            FailedPrecondition: PASSED_OVER when the stream has gone on or ended, TAKEN when this has come to its end.
        """
        self._require_present()
        if self._ended:
            raise _taken()
        return self

    def __next__(self) -> bytes:
        """The next chunk.

        Raises:
            DataLoss: the messages ended inside the instance, or it has not the size it was announced with.
            FailedPrecondition: PASSED_OVER.
        """
        self._require_present()
        self._begun = True
        try:
            return next(self._rest)
        except BaseException:
            self._ended = True
            raise

    def read(self) -> bytes:
        """All of them in memory.

        Raises:
            DataLoss: as `__next__`.
            FailedPrecondition: as `__iter__`, and TAKEN when only some are left.
        """
        self._require_present()
        if self._begun:
            raise _taken()
        return b"".join(self)

    def _require_present(self) -> None:
        if self._passed:
            message = "the stream has gone on or ended: take the bytes of an instance before the next result"
            raise FailedPrecondition(message, "PASSED_OVER")


def _taken() -> FailedPrecondition:
    return FailedPrecondition("the bytes of this instance were taken already, and come once", "TAKEN")


def _chunks_of(instance: instance_pb2.Instance, messages: Iterator[Any]) -> Iterator[bytes]:
    received = 0
    for message in messages:
        payload = message.WhichOneof("payload")
        if payload == "chunk":
            received += len(message.chunk)
            yield message.chunk
        elif payload == "instance_end":
            if instance.size_bytes and received != instance.size_bytes:
                break
            return
        else:
            break
    raise DataLoss(f"an instance of {instance.size_bytes} bytes arrived with {received}", "BAD_STREAM")


def write_instance(directory: Path, instance: instance_pb2.Instance, chunks: Iterator[bytes]) -> Path:
    """Writes `{study}/{series}/{instance}.dcm` below a directory; it appears whole or not at all.

    Returns:
        The file's path. A file already there is replaced.
    """
    study, series, sop = (
        _segment(uid) for uid in (instance.study_instance_uid, instance.series_instance_uid, instance.sop_instance_uid)
    )
    folder = directory / study / series
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{sop}.dcm"
    part = folder / f".{uuid.uuid4().hex}.part"
    try:
        with open(part, "xb", buffering=0) as file:
            for chunk in chunks:
                view = memoryview(chunk)
                while view:  # a raw write may take less than it is given
                    view = view[file.write(view) :]
        os.replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    return target


def _segment(uid: str) -> str:
    """A UID as the name of a file or folder. Real ones pass unchanged; nothing leaves its folder."""
    if not uid:
        raise DataLoss("the server named an instance without its UIDs", "BAD_STREAM")
    return quote(uid, safe="") if uid.strip(".") else uid.replace(".", "%2E")
