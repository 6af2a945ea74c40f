"""Instances on their way out of a store: one stream, cut into instances, in bounded memory."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from effacer.errors import DataLoss
from effacer.v1 import dicom_web_pb2, instance_pb2


def split_instances(
    messages: Iterator[dicom_web_pb2.RetrieveResponse],
) -> Iterator[tuple[instance_pb2.Instance, Iterator[bytes]]]:
    """Cuts a download into (instance, its chunks). Chunks that nobody takes are passed over.

    Raises:
        DataLoss: the stream ended inside an instance, or an instance has not the size it was announced with.
    """
    for message in messages:
        if message.WhichOneof("payload") != "instance_start":
            raise DataLoss("the server sent data outside an instance", "BAD_STREAM")
        chunks = chunks_of(message.instance_start, messages)
        yield message.instance_start, chunks
        for _ in chunks:
            pass


def chunks_of(instance: instance_pb2.Instance, messages: Iterator[Any]) -> Iterator[bytes]:
    """The bytes of one instance.

    Args:
        instance: as it was announced.
        messages: with `chunk` or `instance_end` in their payload; taken up to the end of this instance.

    Raises:
        DataLoss: the messages ended inside the instance, or it has not the size it was announced with.
    """
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
