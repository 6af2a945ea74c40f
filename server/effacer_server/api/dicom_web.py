"""DicomWebService: instances in, out, searched and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import grpc
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from effacer.v1 import dicom_web_pb2, dicom_web_pb2_grpc, instance_pb2
from effacer_server.api import names, resources
from effacer_server.api.incoming import Gate
from effacer_server.api.names import DicomPath
from effacer_server.api.operations import OperationView, pack
from effacer_server.api.search import search, to_struct
from effacer_server.api.uploads import open_upload
from effacer_server.dicom.metadata import read_metadata
from effacer_server.errors import NotFound, Unsupported
from effacer_server.jobs.manager import Manager
from effacer_server.jobs.record import Deletion, Record
from effacer_server.jobs.results import instance_name
from effacer_server.jobs.work import source_of
from effacer_server.settings import Settings
from effacer_server.store.blobs import CHUNK_BYTES, Blobs
from effacer_server.store.catalog import Catalog, Instance

_SERVICE = "effacer.v1.DicomWebService"
_STUDY, _SERIES, _INSTANCE = 1, 2, 3


class DicomWebService(dicom_web_pb2_grpc.DicomWebServiceServicer):  # type: ignore[misc]  # generated without types
    """See protos/effacer/v1/dicom_web.proto."""

    def __init__(
        self, catalog: Catalog, blobs: Blobs, settings: Settings, manager: Manager, view: OperationView, gate: Gate
    ) -> None:
        self._catalog, self._blobs, self._settings = catalog, blobs, settings
        self._manager, self._view, self._gate = manager, view, gate

    def StoreInstances(
        self, request_iterator: Iterator[dicom_web_pb2.StoreInstancesRequest], context: grpc.ServicerContext
    ) -> dicom_web_pb2.StoreInstancesResponse:
        with self._gate.stream():
            return open_upload(self._catalog, self._blobs, self._settings, request_iterator, context.is_active)

    def RetrieveInstance(
        self, request: dicom_web_pb2.RetrieveInstanceRequest, context: grpc.ServicerContext
    ) -> Iterator[dicom_web_pb2.RetrieveResponse]:
        return self._retrieve(request, _INSTANCE)

    def RetrieveSeries(
        self, request: dicom_web_pb2.RetrieveSeriesRequest, context: grpc.ServicerContext
    ) -> Iterator[dicom_web_pb2.RetrieveResponse]:
        return self._retrieve(request, _SERIES)

    def RetrieveStudy(
        self, request: dicom_web_pb2.RetrieveStudyRequest, context: grpc.ServicerContext
    ) -> Iterator[dicom_web_pb2.RetrieveResponse]:
        return self._retrieve(request, _STUDY)

    def RetrieveMetadata(
        self, request: dicom_web_pb2.RetrieveMetadataRequest, context: grpc.ServicerContext
    ) -> Iterator[dicom_web_pb2.RetrieveMetadataResponse]:
        path = names.parse_dicom_path(request.name, "name", _STUDY, _SERIES, _INSTANCE)
        with self._gate.stream():
            for row in self._instances(path):
                with self._blobs.open(row.key) as reader:
                    model = read_metadata(source_of(reader), self._settings.max_inflated_bytes)
                yield dicom_web_pb2.RetrieveMetadataResponse(
                    name=instance_name(path.store, row.study, row.series, row.instance), metadata=to_struct(model)
                )

    def RetrieveFrames(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        raise Unsupported("", "this version does not retrieve frames; use RetrieveInstance")

    def RetrieveRendered(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        raise Unsupported("", "this version does not render; use RetrieveInstance")

    def SearchForStudies(
        self, request: dicom_web_pb2.SearchForStudiesRequest, context: grpc.ServicerContext
    ) -> dicom_web_pb2.SearchResponse:
        return search(self._catalog, request, "study")

    def SearchForSeries(
        self, request: dicom_web_pb2.SearchForSeriesRequest, context: grpc.ServicerContext
    ) -> dicom_web_pb2.SearchResponse:
        return search(self._catalog, request, "series")

    def SearchForInstances(
        self, request: dicom_web_pb2.SearchForInstancesRequest, context: grpc.ServicerContext
    ) -> dicom_web_pb2.SearchResponse:
        return search(self._catalog, request, "instance")

    def DeleteStudy(
        self, request: dicom_web_pb2.DeleteStudyRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        return self._delete(names.parse_dicom_path(request.name, "name", _STUDY), "DeleteStudy")

    def DeleteSeries(
        self, request: dicom_web_pb2.DeleteSeriesRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        return self._delete(names.parse_dicom_path(request.name, "name", _SERIES), "DeleteSeries")

    def DeleteInstance(self, request: dicom_web_pb2.DeleteInstanceRequest, context: grpc.ServicerContext) -> Empty:
        path = names.parse_dicom_path(request.name, "name", _INSTANCE)
        store = self._catalog.get_store(path.store)
        keys = self._catalog.delete_instances(store.uid, path.study, path.series, path.instance)
        if not keys:
            raise NotFound("INSTANCE", "no such instance")
        self._manager.delete_objects(keys=keys)
        return Empty()

    def _retrieve(self, request: Any, level: int) -> Iterator[dicom_web_pb2.RetrieveResponse]:
        path = names.parse_dicom_path(request.name, "name", level)
        with self._gate.stream():
            for row in self._instances(path):
                if request.transfer_syntax_uid not in ("", "*", row.transfer_syntax):
                    raise Unsupported(
                        "transferSyntaxUid", "this version returns instances as they are stored; ask for * or nothing"
                    )
                yield dicom_web_pb2.RetrieveResponse(instance_start=resources.instance_proto(row, path.store))
                with self._blobs.open(row.key) as reader:
                    for at in range(0, reader.size, CHUNK_BYTES):
                        chunk = reader.read(at, min(CHUNK_BYTES, reader.size - at))
                        yield dicom_web_pb2.RetrieveResponse(chunk=chunk)
                yield dicom_web_pb2.RetrieveResponse(instance_end=instance_pb2.InstanceEnd())

    def _instances(self, path: DicomPath) -> Iterator[Instance]:
        """What a path names, at least one instance. Raises NotFound."""
        store = self._catalog.get_store(path.store)
        if path.instance:
            yield self._catalog.get_instance(store.uid, path.study, path.series, path.instance)
            return
        empty = True
        for row in self._catalog.iterate_instances(store.uid, path.study, path.series):
            empty = False
            yield row
        if empty:
            raise NotFound("SERIES" if path.series else "STUDY", f"no such {'series' if path.series else 'study'}")

    def _delete(self, path: DicomPath, method: str) -> operations_pb2.Operation:
        next(self._instances(path))
        store = self._catalog.get_store(path.store)
        record = Record(result=pack(Empty()), deletion=Deletion(store.uid, path.study, path.series))
        return self._view.proto(self._manager.submit(f"{_SERVICE}.{method}", names.dataset_of(path.store), record))


def add_to(server: grpc.Server, *parts: Any) -> None:
    """Registers the service."""
    dicom_web_pb2_grpc.add_DicomWebServiceServicer_to_server(DicomWebService(*parts), server)
