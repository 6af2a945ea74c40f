"""De-identification and preview streams as tests make them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format

from effacer.v1 import deidentify_pb2, deidentify_service_pb2, instance_pb2
from tests.service import CHUNK, Failure, failure


def config(text: dict[str, Any] | None = None) -> deidentify_pb2.DeidentifyConfig:
    """A config from its JSON."""
    return json_format.ParseDict(text or {}, deidentify_pb2.DeidentifyConfig())


def start(kind: type, label: str = "", size: int = 0) -> Any:
    """Opens an instance; `kind`: the request's type."""
    return kind(instance_start=instance_pb2.InstanceStart(label=label, size_bytes=size))


def end(kind: type) -> Any:
    """Closes it."""
    return kind(instance_end=instance_pb2.InstanceEnd())


def messages(
    kind: type,
    files: Iterable[tuple[str, bytes]],
    text: dict[str, Any] | None = None,
    chunk: int = CHUNK,
    **options: Any,
) -> Iterator[Any]:
    """A whole stream: the config, then (label, bytes)."""
    yield kind(config=config(text), **options)
    for label, data in files:
        yield start(kind, label, len(data))
        for at in range(0, len(data), chunk):
            yield kind(chunk=data[at : at + chunk])
        yield end(kind)


@dataclass
class Answer:
    """What a stream answered for one instance."""

    index: int
    label: str
    data: bytes | None
    instance: instance_pb2.Instance | None
    refused: Failure | None


def answers(stream: Iterable[deidentify_service_pb2.StreamDeidentifyResponse]) -> list[Answer]:
    """A de-identification stream taken apart; it must keep to the contract."""
    taken = iter(stream)
    assert next(taken).WhichOneof("payload") == "config_accepted"
    found: list[Answer] = []
    for message in taken:
        payload = message.WhichOneof("payload")
        if payload == "instance_refused":
            refused = message.instance_refused
            found.append(Answer(refused.index, refused.label, None, None, failure(refused.status)))
            continue
        assert payload == "instance_start"
        opened, parts = message.instance_start, []
        for inner in taken:
            if inner.WhichOneof("payload") == "instance_end":
                break
            assert 0 < len(inner.chunk) <= CHUNK
            parts.append(inner.chunk)
        data = b"".join(parts)
        assert len(data) == opened.instance.size_bytes
        assert not opened.instance.name
        found.append(Answer(opened.index, opened.label, data, opened.instance, None))
    assert [answer.index for answer in found] == list(range(len(found)))
    return found
