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
from effacer_server.api.incoming import Incoming, Receiver
from effacer_server.api.status import describe
from effacer_server.dicom.headers import Header, read_header
from effacer_server.dicom.metadata import check_structure
from effacer_server.errors import AlreadyExists, InvalidConfig, Unavailable
from effacer_server.jobs.results import instance_row
from effacer_server.jobs.work import source_of
from effacer_server.settings import Settings
from effacer_server.store.blobs import Blobs, Writer
from effacer_server.store.catalog import Catalog, DicomStore, Instance, Outcome

log = logging.getLogger(__name__)

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
        self._receiver = Receiver(self._make_sink, settings.max_instance_bytes, start_needed=False)
        self._keepers = ThreadPoolExecutor(_KEEPERS, thread_name_prefix="effacer-upload")
        self._kept: list[tuple[dicom_web_pb2.StoreInstanceResult, Future[Instance]]] = []

    def take(self, requests: Iterable[dicom_web_pb2.StoreInstancesRequest]) -> dicom_web_pb2.StoreInstancesResponse:
        """Stores what the stream holds.

        Raises:
            InvalidConfig: a chunk above 1 MiB, or messages out of order; instances that were whole before stay.
        """
        with self._keepers:
            try:
                for request in requests:
                    self._closed(self._receiver.take(request))
                if self._receiver.open is not None and not self._alive():
                    raise Unavailable("BROKEN_OFF", "the caller has gone")
                self._closed(self._receiver.close())
            finally:
                self._receiver.abort()
                self._add_rows()
        return dicom_web_pb2.StoreInstancesResponse(results=self._results)

    def _make_sink(self) -> _Upload:
        # A key of its own for every upload: two of the same instance never touch each other's bytes.
        name = uuid.uuid4().hex
        return _Upload(self._blobs, f"{self._store.uid}/uploads/{name[:2]}/{name[2:]}")

    def _closed(self, incoming: Incoming[_Upload] | None) -> None:
        if incoming is None:
            return
        result = dicom_web_pb2.StoreInstanceResult(index=len(self._results), label=incoming.label)
        self._results.append(result)
        self._kept.append((result, self._keepers.submit(self._keep, incoming, result.instance)))
        if len(self._kept) >= _BATCH:
            self._add_rows()

    def _keep(self, incoming: Incoming[_Upload], seen: instance_pb2.Instance) -> Instance:
        """Makes an instance durable and reads it; `seen` takes what could be read of one that is refused."""
        try:
            upload = incoming.finish()
            try:
                upload.commit()
                with self._blobs.open(upload.key) as reader:
                    source = source_of(reader)
                    check_structure(source, self._settings.max_inflated_bytes)
                    header = read_header(source, self._settings.max_inflated_bytes)
                    _show(header, incoming.size, seen)
                if self._study and header.study != self._study:
                    raise InvalidConfig("parent", "names a study this instance does not belong to", "OTHER_STUDY")
                return instance_row(header, self._store.uid, upload.key, incoming.size)
            except BaseException:
                self._blobs.delete(upload.key)
                raise
        finally:
            incoming.abort()

    def _add_rows(self) -> None:
        """Makes the instances kept so far part of the store, those of them that can be."""
        kept, self._kept = self._kept, []
        rows: list[tuple[dicom_web_pb2.StoreInstanceResult, Instance]] = []
        for result, future in kept:
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


class _Upload:
    """An object that is being written."""

    def __init__(self, blobs: Blobs, key: str) -> None:
        self.key = key
        self._writer: Writer = blobs.create(key)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def commit(self) -> None:
        """Makes it durable under its key."""
        self._writer.commit()

    def abort(self) -> None:
        self._writer.abort()


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
