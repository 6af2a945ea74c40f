"""StreamDeidentify: instances in, de-identified instances out, one after the other, and nothing is kept.

The next instance is not asked for before the one before it has been sent, so that a caller who does not take the
answers is not read from either. In memory are at most SPOOL_BYTES of an instance, and what is new of its output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from effacer.v1 import deidentify_service_pb2 as pb
from effacer.v1 import instance_pb2
from effacer_server.api.incoming import Incoming, Receiver, Spool
from effacer_server.api.status import describe
from effacer_server.dicom.headers import read_header
from effacer_server.engine.instance import Deidentifier, Output
from effacer_server.errors import InvalidConfig, Unavailable
from effacer_server.jobs.work import output_source
from effacer_server.policy.plan import Plan
from effacer_server.settings import Settings
from effacer_server.store.blobs import CHUNK_BYTES

_CONFIG = ("config", "gcs_config_uri")
# Fields of StreamPreviewRequest that hold for the whole stream.
_OPTIONS = ("include_kept", "show_values")


def first_message(requests: Iterator[Any]) -> Any:
    """The message that opens a stream.

    Raises:
        InvalidConfig: it names no config.
    """
    first = next(requests, None)
    if first is None or first.WhichOneof("payload") not in _CONFIG:
        raise InvalidConfig("config", "or gcsConfigUri must be in the first message")
    return first


def instances(requests: Iterator[Any], max_bytes: int, alive: Callable[[], bool]) -> Iterator[Incoming[Spool]]:
    """The instances of a stream behind its first message, each as soon as it is whole.

    Args:
        requests: the messages.
        max_bytes: most bytes of one instance; a larger one says so when it is finished.
        alive: whether the caller is still there; one who left half an instance behind gets no answer for it.

    Raises:
        InvalidConfig: a message that may not come where it comes.
    """
    receiver = Receiver(Spool, max_bytes, start_needed=True)
    try:
        for request in requests:
            payload = request.WhichOneof("payload")
            if payload in _CONFIG:
                raise InvalidConfig("config" if payload == "config" else "gcsConfigUri", "comes a second time")
            for field, _ in request.ListFields():
                if field.name in _OPTIONS:
                    raise InvalidConfig(field.json_name, "may stand in the first message only")
            if payload is None:
                raise InvalidConfig("payload", "is missing: a message carries an instance's start, chunk or end")
            closed = receiver.take(request)
            if closed is not None:
                yield closed
        if receiver.open is not None and not alive():
            raise Unavailable("BROKEN_OFF", "the caller has gone")
        last = receiver.close()
        if last is not None:
            yield last
    finally:
        receiver.abort()


def deidentify_stream(
    requests: Iterator[pb.StreamDeidentifyRequest],
    plan: Plan,
    deidentifier: Deidentifier,
    settings: Settings,
    alive: Callable[[], bool],
) -> Iterator[pb.StreamDeidentifyResponse]:
    """Answers a stream behind its first message.

    Raises:
        InvalidConfig: messages out of order.
    """
    accepted = pb.ConfigAccepted(plan_fingerprint=plan.fingerprint(), edition=plan.edition, notes=plan.notes)
    yield pb.StreamDeidentifyResponse(config_accepted=accepted)
    for index, incoming in enumerate(instances(requests, settings.max_instance_bytes, alive)):
        try:
            yield from _answer(index, incoming, deidentifier, settings)
        finally:
            incoming.abort()


def _answer(
    index: int, incoming: Incoming[Spool], deidentifier: Deidentifier, settings: Settings
) -> Iterator[pb.StreamDeidentifyResponse]:
    try:
        output = deidentifier.deidentify(incoming.finish().source())
        # Read before anything is sent: an output that does not parse must not get that far.
        read_header(output_source(output), settings.max_inflated_bytes)
    except Exception as error:
        refused = pb.RefusedInstance(index=index, label=incoming.label, status=describe(error))
        yield pb.StreamDeidentifyResponse(instance_refused=refused)
        return
    start = pb.DeidentifiedInstance(index=index, label=incoming.label, instance=instance_of(output))
    yield pb.StreamDeidentifyResponse(instance_start=start)
    for chunk in chunks(output):
        yield pb.StreamDeidentifyResponse(chunk=chunk)
    yield pb.StreamDeidentifyResponse(instance_end=instance_pb2.InstanceEnd())


def instance_of(output: Output) -> instance_pb2.Instance:
    """A de-identified instance that no store holds."""
    return instance_pb2.Instance(
        study_instance_uid=output.study,
        series_instance_uid=output.series,
        sop_instance_uid=output.instance,
        sop_class_uid=output.sop_class,
        transfer_syntax_uid=output.transfer_syntax,
        size_bytes=output.size,
    )


def chunks(output: Output) -> Iterator[bytes]:
    """An output's bytes in pieces of CHUNK_BYTES, the last one shorter.

    Raises:
        Refused: IO, when the source can no longer be read.
    """
    held: list[bytes] = []
    size = 0
    for part in output.segments:
        at, end = (0, len(part)) if isinstance(part, bytes) else (part[0], part[0] + part[1])
        while at < end:
            count = min(CHUNK_BYTES - size, end - at)
            held.append(part[at : at + count] if isinstance(part, bytes) else output.source.read(at, count))
            at += count
            size += count
            if size == CHUNK_BYTES:
                yield b"".join(held)
                held, size = [], 0
    if held:
        yield b"".join(held)
