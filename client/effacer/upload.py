"""Instances on their way to a store: any number of them, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from effacer.errors import EffacerError, Internal, from_status
from effacer.sending import Item, Requests, Sender
from effacer.v1 import dicom_web_pb2, instance_pb2

#: A stream ends when it has carried so many instances or bytes, and the next one begins. Results come at the end of a
#: stream, so that this is how much has to be sent again when a connection breaks.
INSTANCES_PER_STREAM = 256
BYTES_PER_STREAM = 256 << 20


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What became of one instance.

    Attributes:
        index: place among all items given, from 0.
        item: the item as given.
        instance: names, UIDs and size as stored; of a failed one what could be read of it, or None.
        error: why it is not in the store, or None when it is there, durable.
    """

    index: int
    item: Item
    instance: instance_pb2.Instance | None
    error: EffacerError | None


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """How far an upload has come.

    Attributes:
        bytes: bytes handed to the connection.
        instances: instances handed to it whole.
        stored: of these, known to be durable.
        refused: of these, known to have failed, and items that could not be read.
    """

    bytes: int = 0
    instances: int = 0
    stored: int = 0
    refused: int = 0


Send = Callable[[Iterator[dicom_web_pb2.StoreInstancesRequest]], dicom_web_pb2.StoreInstancesResponse]


class Upload:
    """One upload; `run` may be called once."""

    def __init__(
        self, parent: str, items: Item | Iterable[Item], send: Send, progress: Callable[[UploadProgress], None] | None
    ) -> None:
        """Prepares an upload; nothing is read or sent yet.

        Args:
            parent: name of a store, or of a study all instances must belong to.
            items: what to upload; taken one by one.
            send: sends one stream and returns its response.
            progress: called after every chunk, from the thread that sends, and after every stream.
        """
        self._parent = parent
        self._sender = Sender(items, self._message)
        self._send = send
        self._progress = progress
        self._stored = self._refused = 0
        self._named = False

    def run(self) -> Iterator[StoreResult]:
        """Uploads, and yields one result for each item, in order, as streams end.

        Raises:
            InvalidArgument: an item is nothing that can be read.
            EffacerError: a stream failed as a whole; what became of its instances is not known.
            Exception: whatever `items`, or reading a file object, raised.
        """
        sender = self._sender
        while not sender.exhausted:
            self._named = False
            started_at = sender.bytes

            def more(started_at: int = started_at) -> bool:
                carried = max(len(sender.sent), len(sender.unread))
                return carried < INSTANCES_PER_STREAM and sender.bytes - started_at < BYTES_PER_STREAM

            requests = Requests(sender.messages(more, self._report))
            results: list[Any] = []
            try:
                if requests.begin():  # no stream for items none of which could be opened
                    results = list(self._stream(requests).results)
            finally:
                requests.close()
            sent, sender.sent = sender.sent, deque()
            unread, sender.unread = sender.unread, {}
            if len(results) != len(sent):
                raise Internal("the server answered for another number of instances than were sent", "BAD_ANSWER")
            answers = {index: _result(index, item, result) for (index, item), result in zip(sent, results, strict=True)}
            # What was found here says more of a file that broke off.
            answers.update((index, StoreResult(index, item, None, error)) for index, (item, error) in unread.items())
            refused = sum(result.error is not None for result in answers.values())
            self._refused += refused
            self._stored += len(answers) - refused
            self._report()
            for index in sorted(answers):
                yield answers[index]

    def _stream(self, requests: Iterator[dicom_web_pb2.StoreInstancesRequest]) -> Any:
        try:
            return self._send(requests)
        except EffacerError:
            if self._sender.failure is not None:  # the stream was given up because reading failed
                raise self._sender.failure from None
            raise

    def _message(self, **payload: Any) -> dicom_web_pb2.StoreInstancesRequest:
        """A message; the first one of a stream names the parent."""
        parent, self._named = "" if self._named else self._parent, True
        return dicom_web_pb2.StoreInstancesRequest(parent=parent, **payload)

    def _report(self) -> None:
        if self._progress is not None:
            self._progress(UploadProgress(self._sender.bytes, self._sender.instances, self._stored, self._refused))


def _result(index: int, item: Item, result: dicom_web_pb2.StoreInstanceResult) -> StoreResult:
    error = from_status(result.status) if result.status.code else None
    return StoreResult(index, item, result.instance if result.HasField("instance") else None, error)
