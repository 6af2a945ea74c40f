"""One upload stream, instance by instance: straight into the object store, then walked, then a row.

Nothing is kept in memory but the chunks in hand. What is refused, or broken off by the caller, leaves nothing behind.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from google.rpc import status_pb2

from effacer.v1 import dicom_web_pb2, instance_pb2
from effacer_server.api import names, resources
from effacer_server.api.status import describe
from effacer_server.dicom.headers import Header, read_header
from effacer_server.dicom.metadata import check_structure
from effacer_server.errors import AlreadyExists, EffacerError, InvalidConfig, Reason, Refused, Unavailable
from effacer_server.jobs.results import instance_row
from effacer_server.jobs.work import source_of
from effacer_server.settings import Settings
from effacer_server.store.blobs import CHUNK_BYTES, Blobs, Writer
from effacer_server.store.catalog import Catalog, DicomStore, Instance, Outcome

log = logging.getLogger(__name__)

_LONGEST_LABEL = 256
#: Instances of one stream that are made durable at the same time: file systems sync several almost as fast as one.
_KEEPERS = 4
#: Rows added in one transaction.
_BATCH = 32


class Upload:
    """The instances of one stream, on their way into one store.

    Waiting for the disk is what an upload costs, so instances are made durable several at a time while the next ones
    come in, and their rows are added in batches.
    """

    def __init__(
        self,
        catalog: Catalog,
        blobs: Blobs,
        settings: Settings,
        store: DicomStore,
        study: str,
        alive: Callable[[], bool],
    ) -> None:
        """Prepares.

        Args:
            study: the study every instance must belong to; "" for any.
            alive: whether the caller is still there; one who left half an instance behind must not have it stored.
        """
        self._catalog, self._blobs, self._settings = catalog, blobs, settings
        self._store, self._study, self._alive = store, study, alive
        self._results: list[dicom_web_pb2.StoreInstanceResult] = []
        self._open: _Incoming | None = None
        self._keepers = ThreadPoolExecutor(_KEEPERS, thread_name_prefix="effacer-upload")
        self._kept: list[tuple[dicom_web_pb2.StoreInstanceResult, _Incoming, Future[Instance]]] = []

    def take(self, requests: Iterable[dicom_web_pb2.StoreInstancesRequest]) -> dicom_web_pb2.StoreInstancesResponse:
        """Stores what the stream holds.

        Raises:
            InvalidConfig: a chunk above 1 MiB, or messages out of order; instances that were whole before stay.
        """
        with self._keepers:
            try:
                for request in requests:
                    self._message(request)
                if self._open is not None and not self._alive():
                    raise Unavailable("BROKEN_OFF", "the caller has gone")
                self._close()
            finally:
                if self._open is not None:
                    self._open.abort()
                self._add_rows()
        return dicom_web_pb2.StoreInstancesResponse(results=self._results)

    def _message(self, request: dicom_web_pb2.StoreInstancesRequest) -> None:
        payload = request.WhichOneof("payload")
        if payload == "instance_start":
            if self._open is not None:
                raise InvalidConfig("instanceStart", "comes while an instance is open; close it with instanceEnd")
            start = request.instance_start
            if len(start.label) > _LONGEST_LABEL:
                raise InvalidConfig("instanceStart.label", f"is longer than {_LONGEST_LABEL} characters")
            if start.size_bytes < 0:
                raise InvalidConfig("instanceStart.sizeBytes", "must not be negative")
            self._begin(start.label, start.size_bytes)
        elif payload == "chunk":
            if len(request.chunk) > CHUNK_BYTES:
                raise InvalidConfig("chunk", f"is longer than {CHUNK_BYTES} bytes")
            if self._open is None:
                self._begin("", 0)
            assert self._open is not None
            self._open.write(request.chunk)
        elif payload == "instance_end":
            if self._open is None:
                raise InvalidConfig("instanceEnd", "comes without an open instance")
            self._close()

    def _begin(self, label: str, size_bytes: int) -> None:
        # A key of its own for every upload: two of the same instance never touch each other's bytes.
        name = uuid.uuid4().hex
        key = f"{self._store.uid}/uploads/{name[:2]}/{name[2:]}"
        self._open = _Incoming(self._blobs, key, label, size_bytes, self._settings.max_instance_bytes)

    def _close(self) -> None:
        incoming, self._open = self._open, None
        if incoming is None:
            return
        result = dicom_web_pb2.StoreInstanceResult(index=len(self._results), label=incoming.label)
        self._results.append(result)
        self._kept.append((result, incoming, self._keepers.submit(self._keep, incoming, result.instance)))
        if len(self._kept) >= _BATCH:
            self._add_rows()

    def _keep(self, incoming: _Incoming, seen: instance_pb2.Instance) -> Instance:
        """Makes an instance durable and reads it; `seen` takes what could be read of one that is refused."""
        try:
            incoming.commit()
            with self._blobs.open(incoming.key) as reader:
                source = source_of(reader)
                check_structure(source, self._settings.max_inflated_bytes)
                header = read_header(source, self._settings.max_inflated_bytes)
                _show(header, incoming.size, seen)
            if self._study and header.study != self._study:
                raise InvalidConfig("parent", "names a study this instance does not belong to", "OTHER_STUDY")
            return instance_row(header, self._store.uid, incoming.key, incoming.size)
        except BaseException:
            self._blobs.delete(incoming.key)
            raise
        finally:
            incoming.abort()

    def _add_rows(self) -> None:
        """Makes the instances kept so far part of the store, those of them that can be."""
        kept, self._kept = self._kept, []
        rows: list[tuple[dicom_web_pb2.StoreInstanceResult, Instance]] = []
        for result, _, future in kept:
            try:
                rows.append((result, future.result()))
            except Exception as error:
                result.status.CopyFrom(describe(error))
        try:
            outcomes = self._catalog.insert_instances([row for _, row in rows]) if rows else []
        except Exception as error:
            for result, row in rows:
                self._blobs.delete(row.key)
                result.status.CopyFrom(describe(error))
            return
        for (result, row), outcome in zip(rows, outcomes, strict=True):
            if outcome is Outcome.INSERTED:
                result.instance.CopyFrom(resources.instance_proto(row, self._store.name))
                result.status.CopyFrom(status_pb2.Status())
            else:
                self._blobs.delete(row.key)
                taken = AlreadyExists("INSTANCE", "the store holds this instance already and never overwrites one")
                result.status.CopyFrom(describe(taken))


class _Incoming:
    """An instance that is being received."""

    def __init__(self, blobs: Blobs, key: str, label: str, expected: int, limit: int) -> None:
        self.key, self.label, self.size = key, label, 0
        self._expected, self._limit = expected, limit
        self._error: EffacerError | None = None
        self._writer: Writer | None = blobs.create(key)

    def write(self, data: bytes) -> None:
        """Appends; once something went wrong the rest is only counted, so that the stream can go on behind it."""
        self.size += len(data)
        if self._writer is None:
            return
        if max(self.size, self._expected) > self._limit:
            self._fail(Refused(Reason.TOO_LARGE, position=self._limit))
            return
        if self._expected and self.size > self._expected:
            self._fail(_wrong_size())
            return
        try:
            self._writer.write(data)
        except EffacerError as error:
            self._fail(error)

    def commit(self) -> None:
        """Makes it durable under its key. Raises what went wrong before."""
        if self._error is not None:
            raise self._error
        if self._expected and self.size != self._expected:
            raise _wrong_size()
        assert self._writer is not None
        self._writer.commit()

    def abort(self) -> None:
        """Lets go; what was not committed is gone."""
        if self._writer is not None:
            self._writer.abort()

    def _fail(self, error: EffacerError) -> None:
        self._error = error
        self.abort()
        self._writer = None


def _wrong_size() -> InvalidConfig:
    return InvalidConfig("instanceStart.sizeBytes", "is not the number of bytes that came", "SIZE_MISMATCH")


def _show(header: Header, size: int, seen: instance_pb2.Instance) -> None:
    seen.study_instance_uid, seen.series_instance_uid = header.study, header.series
    seen.sop_instance_uid, seen.sop_class_uid = header.instance, header.sop_class
    seen.transfer_syntax_uid, seen.size_bytes = header.transfer_syntax, size


def open_upload(
    catalog: Catalog,
    blobs: Blobs,
    settings: Settings,
    requests: Iterable[dicom_web_pb2.StoreInstancesRequest],
    alive: Callable[[], bool],
) -> dicom_web_pb2.StoreInstancesResponse:
    """Serves one StoreInstances stream.

    Raises:
        InvalidConfig: no parent in the first message, another one later, messages out of order.
        NotFound: the store.
    """
    stream = iter(requests)
    first = next(stream, None)
    if first is None:
        raise InvalidConfig("parent", "must be in the first message")
    path = names.parse_dicom_path(first.parent, "parent", 0, 1)
    store = catalog.get_store(path.store)

    def checked() -> Iterable[dicom_web_pb2.StoreInstancesRequest]:
        yield first
        for request in stream:
            if request.parent not in ("", first.parent):
                raise InvalidConfig("parent", "must stay the same throughout the stream")
            yield request

    return Upload(catalog, blobs, settings, store, path.study, alive).take(checked())
