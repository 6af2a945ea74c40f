"""The one place where engine and store meet: read an object, de-identify it, write the result.

`run` is what an executor calls, in a thread, another process or on another machine: its task is self-contained and
picklable, its answer is plain data.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from effacer_server.dicom.core import Source
from effacer_server.dicom.headers import Header, read_header
from effacer_server.engine.instance import Deidentifier, Limits, Output
from effacer_server.errors import EffacerError, NotFound, Reason, Refused, ResourceExhausted, Unavailable
from effacer_server.policy.plan import Keys, Plan
from effacer_server.store.blobs import Blobs, Reader, Writer, open_blobs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """One instance to do: its id in the catalog, the key of its bytes, their number."""

    id: int
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Task:
    """A shard's work.

    Attributes:
        source_url, destination_url: object stores.
        prefix: keys of the outputs start with it; see `object_key`.
        items: what to do, in this order.
        plan, keys, limits: how.
        max_bytes: larger instances are refused.
        durable: as in open_blobs.
    """

    source_url: str
    destination_url: str
    prefix: str
    items: tuple[Item, ...]
    plan: Plan
    keys: Keys
    limits: Limits = field(default_factory=Limits)
    max_bytes: int = 1 << 40
    durable: bool = True


@dataclass(frozen=True, slots=True, repr=False)
class Done:
    """An instance whose de-identified bytes are durable under `key`."""

    id: int
    key: str
    size: int
    header: Header


@dataclass(frozen=True, slots=True)
class Failed:
    """An instance that was refused; nothing of it was written."""

    id: int
    reason: str
    tag: int | None = None
    vr: str = ""
    position: int | None = None


def object_key(prefix: str, item: int) -> str:
    """Where the output of a source instance lives below a prefix: by the source's id, spread over 256 folders.

    A retry of the same work gives the same key and overwrites itself; no other instance's work does. Names say
    nothing about the patient.
    """
    return f"{prefix}/{item & 0xFF:02x}/{item:x}"


def run(task: Task, stop: Callable[[], bool] = lambda: False) -> list[Done | Failed]:
    """De-identifies a task's instances, in order.

    Args:
        task: what and how.
        stop: asked before each instance; once true, the rest is left undone and missing from the answer.

    Raises:
        Unavailable: the store does not answer now; the whole task may be tried again.
        ResourceExhausted: the destination is full.
    """
    source, destination = _blobs(task.source_url, task.durable), _blobs(task.destination_url, task.durable)
    deidentifier = _deidentifier(task.plan, task.keys, task.limits)
    results: list[Done | Failed] = []
    for item in task.items:
        if stop():
            break
        results.append(_one(item, task, source, destination, deidentifier))
    return results


def _one(item: Item, task: Task, source: Blobs, destination: Blobs, deidentifier: Deidentifier) -> Done | Failed:
    try:
        if item.size > task.max_bytes:
            raise Refused(Reason.TOO_LARGE)
        with source.open(item.key) as reader:
            output = deidentifier.deidentify(source_of(reader))
            key = object_key(task.prefix, item.id)
            with destination.create(key) as writer:
                write(output, reader, writer)
                # Read before anything is visible: an output that does not parse must not get that far.
                header = read_header(output_source(output), task.limits.inflated_bytes)
                writer.commit()
        return Done(item.id, key, output.size, header)
    except Refused as refused:
        return Failed(item.id, str(refused.reason), refused.tag, refused.vr, refused.position)
    except (Unavailable, ResourceExhausted):
        raise
    except NotFound:
        return Failed(item.id, str(Reason.IO))
    except EffacerError as error:
        return Failed(item.id, str(Reason.IO) if error.reason == "IO" else str(Reason.INTERNAL))
    except Exception as error:
        # The type says where to look; its text could hold a value.
        log.error("an instance failed with %s", type(error).__name__)
        return Failed(item.id, str(Reason.INTERNAL))


def source_of(reader: Reader) -> Source:
    """An object as the engine reads it: by descriptor where there is one."""
    if reader.fd is not None:
        return Source.file(reader.fd, reader.size)
    return Source.reader(reader.read, reader.size)


def output_source(output: Output) -> Source:
    """A de-identified instance, not yet written, as a source."""
    bounds: list[tuple[int, int, bytes | int]] = []  # start, end, bytes or offset in the original
    at = 0
    for part in output.segments:
        size = len(part) if isinstance(part, bytes) else part[1]
        bounds.append((at, at + size, part if isinstance(part, bytes) else part[0]))
        at += size
    if len(bounds) == 1 and isinstance(bounds[0][2], bytes):
        return Source(bounds[0][2])

    def read(start: int, size: int) -> bytes:
        parts = []
        for begin, end, content in bounds:
            a, b = max(start, begin), min(start + size, end)
            if a >= b:
                continue
            if isinstance(content, bytes):
                parts.append(content[a - begin : b - begin])
            else:
                parts.append(output.source.read(content + a - begin, b - a))
        return b"".join(parts)

    return Source.reader(read, output.size, 4096)


def write(output: Output, reader: Reader, writer: Writer) -> None:
    """Writes an output's segments; ranges of the stored original go from store to store without a detour."""
    # An inflated data set lives in memory; every other source is the stored object itself.
    original = not output.inflated
    for part in output.segments:
        if isinstance(part, bytes):
            writer.write(part)
        elif original:
            writer.copy(reader, *part)
        else:
            writer.write(output.source.read(*part))


@lru_cache(maxsize=16)
def _blobs(url: str, durable: bool) -> Blobs:
    return open_blobs(url, durable=durable)


@lru_cache(maxsize=64)
def _deidentifier(plan: Plan, keys: Keys, limits: Limits) -> Deidentifier:
    return Deidentifier(plan, keys, limits)
