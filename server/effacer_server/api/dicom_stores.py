"""DicomStoreService: stores by name, what they hold in numbers, and their de-identification."""

from __future__ import annotations

import re
from typing import Any, NoReturn

import grpc
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from effacer.v1 import dicom_store_pb2, dicom_store_pb2_grpc
from effacer_server.api import names, resources
from effacer_server.api.deidentify import Deidentification
from effacer_server.api.operations import OperationView
from effacer_server.api.paging import page_size, page_token_errors
from effacer_server.errors import InvalidConfig, Unsupported
from effacer_server.jobs.manager import Manager
from effacer_server.store.catalog import Catalog

_SERVICE = "effacer.v1.DicomStoreService"
_CONDITION = re.compile(r'labels\.([^\s=:"]+)\s*(=|:)\s*("[^"]*"|[^\s"]*)')


class DicomStoreService(dicom_store_pb2_grpc.DicomStoreServiceServicer):  # type: ignore[misc]  # generated without types
    """See protos/effacer/v1/dicom_store.proto."""

    def __init__(
        self, catalog: Catalog, manager: Manager, view: OperationView, deidentification: Deidentification
    ) -> None:
        self._catalog, self._manager, self._view, self._deidentification = catalog, manager, view, deidentification

    def CreateDicomStore(
        self, request: dicom_store_pb2.CreateDicomStoreRequest, context: grpc.ServicerContext
    ) -> dicom_store_pb2.DicomStore:
        parent = names.parse_dataset(request.parent, "parent")
        name = f"{parent}/dicomStores/{names.check_id(request.dicom_store_id, 'dicomStoreId')}"
        row = resources.store_row(name, request.dicom_store, "dicomStore")
        return resources.store_proto(self._catalog.create_store(row))

    def GetDicomStore(
        self, request: dicom_store_pb2.GetDicomStoreRequest, context: grpc.ServicerContext
    ) -> dicom_store_pb2.DicomStore:
        return resources.store_proto(self._catalog.get_store(names.parse_store(request.name, "name")))

    def ListDicomStores(
        self, request: dicom_store_pb2.ListDicomStoresRequest, context: grpc.ServicerContext
    ) -> dicom_store_pb2.ListDicomStoresResponse:
        parent = names.parse_dataset(request.parent, "parent")
        self._catalog.get_dataset(parent)
        pairs, keys = parse_label_filter(request.filter)
        with page_token_errors():
            page = self._catalog.list_stores(parent, page_size(request.page_size), request.page_token, pairs)
        # A condition on a key alone may leave a page shorter than asked for; the token tells whether more follow.
        rows = [row for row in page.rows if all(key in row.labels for key in keys)]
        return dicom_store_pb2.ListDicomStoresResponse(
            dicom_stores=[resources.store_proto(row) for row in rows], next_page_token=page.next_page_token
        )

    def UpdateDicomStore(
        self, request: dicom_store_pb2.UpdateDicomStoreRequest, context: grpc.ServicerContext
    ) -> dicom_store_pb2.DicomStore:
        name = names.parse_store(request.dicom_store.name, "dicomStore.name")
        fields = resources.masked_fields(request.update_mask, resources.STORE_MUTABLE)
        store = resources.store_proto(self._catalog.get_store(name))
        resources.replace_fields(store, request.dicom_store, fields)
        body = resources.store_body(store, "dicomStore")
        return resources.store_proto(self._catalog.update_store(name, body, dict(store.labels)))

    def DeleteDicomStore(
        self, request: dicom_store_pb2.DeleteDicomStoreRequest, context: grpc.ServicerContext
    ) -> Empty:
        uids = self._catalog.delete_store(names.parse_store(request.name, "name"))
        self._manager.delete_objects(prefixes=uids)
        return Empty()

    def GetDicomStoreMetrics(
        self, request: dicom_store_pb2.GetDicomStoreMetricsRequest, context: grpc.ServicerContext
    ) -> dicom_store_pb2.DicomStoreMetrics:
        store = self._catalog.get_store(names.parse_store(request.name, "name"))
        metrics = self._catalog.metrics(store.uid)
        return dicom_store_pb2.DicomStoreMetrics(
            name=store.name,
            study_count=metrics.studies,
            series_count=metrics.series,
            instance_count=metrics.instances,
            blob_storage_size_bytes=metrics.size_bytes,
        )

    def DeidentifyDicomStore(
        self, request: dicom_store_pb2.DeidentifyDicomStoreRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        return self._view.proto(self._deidentification.of_store(request, f"{_SERVICE}.DeidentifyDicomStore"))

    def ImportDicomData(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        raise Unsupported("", "this version does not import; store instances with StoreInstances")

    def ExportDicomData(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        raise Unsupported("", "this version does not export; read instances with RetrieveStudy")


def parse_label_filter(text: str) -> tuple[dict[str, str], list[str]]:
    """A listing's filter: pairs that must be there, and keys that must, whatever their value.

    Raises:
        InvalidConfig: anything but `labels.key=value` and `labels.key:*`, joined by ` AND `.
    """
    pairs: dict[str, str] = {}
    keys: list[str] = []
    for condition in re.split(r"\s+AND\s+", text.strip()) if text.strip() else []:
        match = _CONDITION.fullmatch(condition.strip())
        if match is None or (match[2] == ":" and match[3] != "*"):
            raise InvalidConfig("filter", "must be labels.key=value or labels.key:*, several joined by AND")
        value = match[3].strip('"')
        names.check_label(match[1], "" if match[2] == ":" else value, "filter")
        if match[2] == ":":
            keys.append(match[1])
        elif pairs.setdefault(match[1], value) != value:
            raise InvalidConfig("filter", "asks for two values of one label")
    return pairs, keys


def add_to(server: grpc.Server, *parts: Any) -> None:
    """Registers the service."""
    dicom_store_pb2_grpc.add_DicomStoreServiceServicer_to_server(DicomStoreService(*parts), server)
