"""The channel, and what every call over it has in common: credentials, deadlines, one kind of error."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc

from effacer.errors import from_rpc_error
from effacer.operation import Operation

#: Seconds that a call with one answer may last. Calls that move instances last as long as data flows.
UNARY_TIMEOUT_S = 60.0
#: Most bytes of a chunk of instance data. The contract allows no more.
CHUNK_BYTES = 1 << 20
# An explanation repeats a config's every query, with words; gRPC's own limit is as small as that of configs (4 MiB).
_MOST_RECEIVED_BYTES = 64 << 20

_METADATA = tuple[tuple[str, str], ...]


class Transport:
    """A channel to one server. Threads may share it."""

    def __init__(
        self,
        target: str,
        credentials: grpc.ChannelCredentials | None,
        token: str | Callable[[], str] | None,
        timeout_s: float,
    ) -> None:
        """Opens a channel; connecting itself waits for the first call.

        Args:
            target: HOST:PORT or any other gRPC target.
            credentials: TLS; None: plain text.
            token: bearer token sent with every call, or what to call for one, so that it can be renewed.
            timeout_s: most seconds for calls with one answer.
        """
        self._token = token
        self._timeout_s = timeout_s
        options = [("grpc.max_receive_message_length", _MOST_RECEIVED_BYTES)]
        if credentials:
            self.channel = grpc.secure_channel(target, credentials, options)
        else:
            self.channel = grpc.insecure_channel(target, options)
        self.operations = operations_pb2_grpc.OperationsStub(self.channel)

    def close(self) -> None:
        """Ends calls under way and the connection."""
        self.channel.close()

    def unary(self, method: Callable[..., Any], request: object, timeout_s: float | None = None) -> Any:
        """Calls a method with one request and one response.

        Raises:
            EffacerError: the call failed.
        """
        limit_s = self._timeout_s if timeout_s is None else min(timeout_s, self._timeout_s)
        try:
            return method(request, timeout=limit_s, metadata=self._metadata())
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None

    def send(self, method: Any, requests: Iterator[object]) -> Any:
        """Calls a method that takes a stream of requests; no deadline.

        Raises:
            EffacerError: the call failed.
        """
        call = method.future(requests, metadata=self._metadata())
        try:
            return call.result()
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        finally:
            call.cancel()  # for whatever else ends the wait, Ctrl-C say; nothing happens to a call that is over

    def receive(self, method: Callable[..., Any], request: object) -> Generator[Any, None, None]:
        """Calls a method that answers with a stream, with one request or a stream of them; no deadline.

        Closing the iterator cancels the call.

        Raises:
            EffacerError: the call failed, at the start or on the way.
        """
        call = method(request, metadata=self._metadata())
        try:
            yield from call
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        finally:
            call.cancel()

    def pages(self, method: Callable[..., Any], request: Any, items: str) -> Iterator[Any]:
        """Yields the items of all pages of a listing.

        Args:
            method: the listing's RPC.
            request: its request; its page token is written over.
            items: field of the response that holds the items.
        """
        while True:
            response = self.unary(method, request)
            yield from getattr(response, items)
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def operation(self, state: operations_pb2.Operation) -> Operation:
        """The operation of a state that the server just answered with, wired to this channel."""

        def get(timeout_s: float | None) -> operations_pb2.Operation:
            request = operations_pb2.GetOperationRequest(name=state.name)
            seen: operations_pb2.Operation = self.unary(self.operations.GetOperation, request, timeout_s)
            return seen

        def cancel() -> None:
            self.unary(self.operations.CancelOperation, operations_pb2.CancelOperationRequest(name=state.name))

        return Operation(state, get, cancel)

    def _metadata(self) -> _METADATA:
        token = self._token() if callable(self._token) else self._token
        return (("authorization", f"Bearer {token}"),) if token else ()
