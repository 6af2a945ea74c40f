"""DatasetService: datasets by name, and the de-identification of whole ones."""

from __future__ import annotations

from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from effacer.v1 import dataset_pb2, dataset_pb2_grpc
from effacer_server.api import names, resources
from effacer_server.api.deidentify import Deidentification
from effacer_server.api.operations import OperationView, pack
from effacer_server.api.paging import page_size, page_token_errors
from effacer_server.jobs.manager import Manager
from effacer_server.jobs.record import Record
from effacer_server.store.catalog import Catalog

_SERVICE = "effacer.v1.DatasetService"


class DatasetService(dataset_pb2_grpc.DatasetServiceServicer):  # type: ignore[misc]  # generated without types
    """See protos/effacer/v1/dataset.proto."""

    def __init__(
        self, catalog: Catalog, manager: Manager, view: OperationView, deidentification: Deidentification
    ) -> None:
        self._catalog, self._manager, self._view, self._deidentification = catalog, manager, view, deidentification

    def CreateDataset(
        self, request: dataset_pb2.CreateDatasetRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        parent = names.parse_location(request.parent, "parent")
        name = f"{parent}/datasets/{names.check_id(request.dataset_id, 'datasetId')}"
        row = resources.dataset_row(name, request.dataset, "dataset")
        record = Record(result=pack(resources.dataset_proto(row)))
        operation = self._manager.submit(f"{_SERVICE}.CreateDataset", name, record, new_dataset=row)
        return self._view.proto(operation)

    def GetDataset(self, request: dataset_pb2.GetDatasetRequest, context: grpc.ServicerContext) -> dataset_pb2.Dataset:
        return resources.dataset_proto(self._catalog.get_dataset(names.parse_dataset(request.name, "name")))

    def ListDatasets(
        self, request: dataset_pb2.ListDatasetsRequest, context: grpc.ServicerContext
    ) -> dataset_pb2.ListDatasetsResponse:
        parent = names.parse_location(request.parent, "parent")
        with page_token_errors():
            page = self._catalog.list_datasets(parent, page_size(request.page_size), request.page_token)
        return dataset_pb2.ListDatasetsResponse(
            datasets=[resources.dataset_proto(row) for row in page.rows], next_page_token=page.next_page_token
        )

    def UpdateDataset(
        self, request: dataset_pb2.UpdateDatasetRequest, context: grpc.ServicerContext
    ) -> dataset_pb2.Dataset:
        name = names.parse_dataset(request.dataset.name, "dataset.name")
        fields = resources.masked_fields(request.update_mask, resources.DATASET_MUTABLE)
        dataset = resources.dataset_proto(self._catalog.get_dataset(name))
        resources.replace_fields(dataset, request.dataset, fields)
        body = resources.dataset_body(dataset, "dataset")
        return resources.dataset_proto(self._catalog.update_dataset(name, body))

    def DeleteDataset(self, request: dataset_pb2.DeleteDatasetRequest, context: grpc.ServicerContext) -> Empty:
        uids = self._catalog.delete_dataset(names.parse_dataset(request.name, "name"))
        self._manager.delete_objects(prefixes=uids)
        return Empty()

    def DeidentifyDataset(
        self, request: dataset_pb2.DeidentifyDatasetRequest, context: grpc.ServicerContext
    ) -> operations_pb2.Operation:
        return self._view.proto(self._deidentification.of_dataset(request, f"{_SERVICE}.DeidentifyDataset"))


def add_to(server: grpc.Server, *parts: Any) -> None:
    """Registers the service."""
    dataset_pb2_grpc.add_DatasetServiceServicer_to_server(DatasetService(*parts), server)
