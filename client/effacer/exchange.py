"""A stream of instances and the answers to it, matched: items that cannot be read keep their place among the rest."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from typing import Any

from effacer.config import Loaded
from effacer.errors import DataLoss, EffacerError
from effacer.sending import Item, Requests, Sender
from effacer.transport import Transport


class Exchange:
    """Items on their way out, and the answers to them on their way in."""

    def __init__(self, first: Any, items: Item | Iterable[Item], message: Callable[..., Any]) -> None:
        """Prepares; nothing is read or sent yet. `first`: the message with the config."""
        self._first = first
        self._sender = Sender(items, message)

    def answers(self, transport: Transport, method: Callable[..., Any]) -> Generator[Any, None, None]:
        """Messages of the server. Closing the iterator cancels the call.

        Raises:
            EffacerError: the call failed.
            DataLoss: it ended before every instance was answered.
            Exception: whatever the items, or reading a file object, raised.
        """

        def messages() -> Generator[Any, None, None]:
            yield self._first
            yield from self._sender.messages()

        requests = Requests(messages())
        try:
            with closing(transport.receive(method, requests)) as received:
                yield from received
        except EffacerError:
            if self._sender.failure is not None:  # the stream was given up because reading failed
                raise self._sender.failure from None
            raise
        finally:
            requests.close()
        if self._sender.sent:
            raise DataLoss("the server answered for fewer instances than were sent", "BAD_ANSWER")

    def next_answered(self) -> tuple[int, Item, EffacerError | None]:
        """The item the next answer is about: its place, itself, and what went wrong while it was read.

        Raises:
            DataLoss: none is left.
        """
        if not self._sender.sent:
            raise DataLoss("the server answered for more instances than were sent", "BAD_ANSWER")
        index, item = self._sender.sent.popleft()
        broken = self._sender.unread.pop(index, None)
        return index, item, None if broken is None else broken[1]

    def unread_before(self, index: int | None) -> list[tuple[int, tuple[Item, EffacerError]]]:
        """Items in front of a place (None: of the end) that could not be read; each is told of once."""
        unread = self._sender.unread
        found = [place for place in sorted(unread) if index is None or place < index]
        return [(place, unread.pop(place)) for place in found]


def with_config(first: Any, loaded: Loaded) -> Any:
    """A stream's first message; an empty config says that the Basic Profile is meant."""
    if loaded.config_uri:
        first.gcs_config_uri = loaded.config_uri
    else:
        first.config.SetInParent()
        if loaded.config is not None:
            first.config.CopyFrom(loaded.config)
    return first
