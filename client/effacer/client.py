"""The client: one method for each RPC, with arguments in place of request messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import grpc
from google.longrunning import operations_pb2
from google.protobuf import field_mask_pb2

from effacer import config as documents
from effacer import names
from effacer.config import Config
from effacer.deidentify import Deidentification
from effacer.errors import invalid
from effacer.instances import Instances
from effacer.operation import Operation
from effacer.transport import UNARY_TIMEOUT_S, Transport
from effacer.v1 import (
    dataset_pb2,
    dataset_pb2_grpc,
    deidentify_pb2,
    dicom_store_pb2,
    dicom_store_pb2_grpc,
    operation_metadata_pb2,
    operation_metadata_pb2_grpc,
)


class Client(Instances, Deidentification):
    """A connection to an Effacer server. Close it, or use it in a `with` statement; threads may share it.

    Names are full resource names: `projects/P/locations/L/datasets/D/dicomStores/S`. Every method raises an
    EffacerError of the kind the server answered with.
    """

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        *,
        credentials: grpc.ChannelCredentials | None = None,
        token: str | Callable[[], str] | None = None,
        timeout_s: float = UNARY_TIMEOUT_S,
    ) -> None:
        """Prepares a connection; it is made by the first call.

        Args:
            target: HOST:PORT, or any other target gRPC knows.
            credentials: TLS credentials; None: plain text, which a token should not cross a network in.
            token: bearer token for every call, or a function that returns one.
            timeout_s: most seconds for calls with one answer. Uploads, downloads and waiting for operations have no
                limit but what their own arguments say.
        """
        super().__init__(Transport(target, credentials, token, timeout_s))
        channel = self._transport.channel
        self._datasets = dataset_pb2_grpc.DatasetServiceStub(channel)
        self._stores = dicom_store_pb2_grpc.DicomStoreServiceStub(channel)
        self._logs = operation_metadata_pb2_grpc.OperationLogServiceStub(channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends calls under way and the connection. Operations go on."""
        self._transport.close()

    # Data sets

    def create_dataset(
        self, name: str, dataset_id: str | None = None, *, time_zone: str = "", encryption_key: str = ""
    ) -> Operation:
        """Starts to create a data set; the operation's result is the Dataset.

        Args:
            name: full name of the new data set; or, with `dataset_id`, the location `projects/P/locations/L`.
            dataset_id: last segment of its name.
            time_zone: IANA name for times without a zone; empty: UTC.
            encryption_key: name of the key its content is encrypted with; empty: the server's default.
        """
        parent, last = (name, dataset_id) if dataset_id is not None else names.split(name, "datasets")
        dataset = dataset_pb2.Dataset(time_zone=time_zone)
        if encryption_key:
            dataset.encryption_spec.kms_key_name = encryption_key
        request = dataset_pb2.CreateDatasetRequest(parent=parent, dataset_id=last, dataset=dataset)
        return self._start(self._datasets.CreateDataset, request)

    def get_dataset(self, name: str) -> dataset_pb2.Dataset:
        """Reads a data set."""
        response: dataset_pb2.Dataset = self._transport.unary(
            self._datasets.GetDataset, dataset_pb2.GetDatasetRequest(name=name)
        )
        return response

    def list_datasets(self, parent: str, *, page_size: int = 0) -> Iterator[dataset_pb2.Dataset]:
        """Yields all data sets of a location, ordered by name, `page_size` a call (0: 100)."""
        request = dataset_pb2.ListDatasetsRequest(parent=parent, page_size=page_size)
        return self._transport.pages(self._datasets.ListDatasets, request, "datasets")

    def update_dataset(self, name: str, *, time_zone: str | None = None) -> dataset_pb2.Dataset:
        """Changes what is given of a data set and returns it; None leaves a field as it is."""
        dataset = dataset_pb2.Dataset(name=name, time_zone=time_zone or "")
        mask = field_mask_pb2.FieldMask(paths=[] if time_zone is None else ["time_zone"])
        request = dataset_pb2.UpdateDatasetRequest(dataset=dataset, update_mask=mask)
        response: dataset_pb2.Dataset = self._transport.unary(self._datasets.UpdateDataset, request)
        return response

    def delete_dataset(self, name: str) -> None:
        """Deletes a data set with all its stores and instances. There is no way back."""
        self._transport.unary(self._datasets.DeleteDataset, dataset_pb2.DeleteDatasetRequest(name=name))

    # DICOM stores

    def create_dicom_store(
        self,
        name: str,
        store_id: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        notification_configs: Iterable[dicom_store_pb2.DicomNotificationConfig] = (),
        stream_configs: Iterable[dicom_store_pb2.StreamConfig] = (),
    ) -> dicom_store_pb2.DicomStore:
        """Creates an empty store.

        Args:
            name: full name of the new store; or, with `store_id`, the name of its data set.
            store_id: last segment of its name.
            labels: marks to find it by.
            notification_configs: where changes are announced.
            stream_configs: where rows about new instances go.
        """
        parent, last = (name, store_id) if store_id is not None else names.split(name, "dicomStores")
        store = dicom_store_pb2.DicomStore(
            labels=labels, notification_configs=notification_configs, stream_configs=stream_configs
        )
        request = dicom_store_pb2.CreateDicomStoreRequest(parent=parent, dicom_store_id=last, dicom_store=store)
        response: dicom_store_pb2.DicomStore = self._transport.unary(self._stores.CreateDicomStore, request)
        return response

    def get_dicom_store(self, name: str) -> dicom_store_pb2.DicomStore:
        """Reads a store."""
        response: dicom_store_pb2.DicomStore = self._transport.unary(
            self._stores.GetDicomStore, dicom_store_pb2.GetDicomStoreRequest(name=name)
        )
        return response

    def list_dicom_stores(
        self, parent: str, *, filter: str = "", page_size: int = 0
    ) -> Iterator[dicom_store_pb2.DicomStore]:
        """Yields all stores of a data set, ordered by name.

        Args:
            parent: name of the data set.
            filter: labels they must have: `labels.key=value`, joined by ` AND `; `labels.key:*` for any value.
            page_size: stores a call; 0: 100.
        """
        request = dicom_store_pb2.ListDicomStoresRequest(parent=parent, filter=filter, page_size=page_size)
        return self._transport.pages(self._stores.ListDicomStores, request, "dicom_stores")

    def update_dicom_store(
        self,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        notification_configs: Iterable[dicom_store_pb2.DicomNotificationConfig] | None = None,
        stream_configs: Iterable[dicom_store_pb2.StreamConfig] | None = None,
    ) -> dicom_store_pb2.DicomStore:
        """Replaces what is given of a store and returns it; None leaves a field as it is, empty empties it."""
        fields = {"labels": labels, "notification_configs": notification_configs, "stream_configs": stream_configs}
        store = dicom_store_pb2.DicomStore(
            name=name, labels=labels, notification_configs=notification_configs, stream_configs=stream_configs
        )
        mask = field_mask_pb2.FieldMask(paths=[field for field, value in fields.items() if value is not None])
        request = dicom_store_pb2.UpdateDicomStoreRequest(dicom_store=store, update_mask=mask)
        response: dicom_store_pb2.DicomStore = self._transport.unary(self._stores.UpdateDicomStore, request)
        return response

    def delete_dicom_store(self, name: str) -> None:
        """Deletes a store and every instance in it. There is no way back."""
        self._transport.unary(self._stores.DeleteDicomStore, dicom_store_pb2.DeleteDicomStoreRequest(name=name))

    def get_dicom_store_metrics(self, name: str) -> dicom_store_pb2.DicomStoreMetrics:
        """Counts what a store holds."""
        request = dicom_store_pb2.GetDicomStoreMetricsRequest(name=name)
        response: dicom_store_pb2.DicomStoreMetrics = self._transport.unary(self._stores.GetDicomStoreMetrics, request)
        return response

    def import_dicom_data(self, store: str, uri: str) -> Operation:
        """Starts to read DICOM files from an object store into a DICOM store.

        Args:
            store: name of the store.
            uri: one object or a pattern (`*` within a segment, `**` for any) that the server may read.
        """
        request = dicom_store_pb2.ImportDicomDataRequest(name=store, gcs_source=dicom_store_pb2.GcsSource(uri=uri))
        return self._start(self._stores.ImportDicomData, request)

    def export_dicom_data(
        self, store: str, uri_prefix: str, *, mime_type: str = "", filter: str | None = None
    ) -> Operation:
        """Starts to write the instances of a store to an object store.

        Args:
            store: name of the store.
            uri_prefix: the folder to write to.
            mime_type: what is written; empty: `application/dicom`.
            filter: URI of a filter file that the server may read; None: all instances.
        """
        request = dicom_store_pb2.ExportDicomDataRequest(
            name=store,
            gcs_destination=dicom_store_pb2.GcsDestination(uri_prefix=uri_prefix, mime_type=mime_type),
            filter_config=_filter_config(filter),
        )
        return self._start(self._stores.ExportDicomData, request)

    # De-identification

    def deidentify_dicom_store(
        self,
        source: str,
        destination: str,
        config: Config | None = None,
        *,
        filter: str | None = None,
        gcs_config_uri: str | None = None,
    ) -> Operation:
        """Starts to de-identify a store into another one, which is created when it does not exist.

        Args:
            source: name of the store to read.
            destination: name of the store to write into; its data set must exist.
            config: DeidentifyConfig, dict, JSON text or path of a JSON file; also the body of a whole request, whose
                `filterConfig` then holds unless `filter` says the same. None without a URI: the Basic Profile.
            filter: URI of a file of resource paths that the server may read (`gs://…`, `file:///…`); None: all.
            gcs_config_uri: URI the server reads the config from, in place of `config`.

        Returns:
            The operation; it runs on without this client.

        Raises:
            InvalidArgument: the config is wrong; `violations` holds the path of every wrong field. A fault of its form
                is found before anything is sent.
        """
        loaded = documents.either(config, gcs_config_uri)
        if filter is not None and loaded.filter_uri and filter != loaded.filter_uri:
            raise invalid("filter", "the config document names another filter in filterConfig")
        request = dicom_store_pb2.DeidentifyDicomStoreRequest(
            source_store=source,
            destination_store=destination,
            filter_config=_filter_config(filter if filter is not None else loaded.filter_uri or None),
            config=loaded.config,
            gcs_config_uri=loaded.config_uri or None,
        )
        return self._start(self._stores.DeidentifyDicomStore, request)

    def deidentify_dataset(
        self, source: str, destination: str, config: Config | None = None, *, gcs_config_uri: str | None = None
    ) -> Operation:
        """Starts to de-identify every store of a data set into stores of the same ids in a new data set.

        Args:
            source: name of the data set to read.
            destination: name of the data set to create.
            config: as in `deidentify_dicom_store`.
            gcs_config_uri: as in `deidentify_dicom_store`.

        Raises:
            InvalidArgument: as in `deidentify_dicom_store`; also a config document with a filter, which only a store
                can have.
        """
        loaded = documents.either(config, gcs_config_uri)
        if loaded.filter_uri:
            raise invalid("filterConfig", "a data set is de-identified whole; only a store can have a filter")
        request = dataset_pb2.DeidentifyDatasetRequest(
            source_dataset=source,
            destination_dataset=destination,
            config=loaded.config,
            gcs_config_uri=loaded.config_uri or None,
        )
        return self._start(self._datasets.DeidentifyDataset, request)

    # Operations

    def operation(self, name: str) -> Operation:
        """Picks up an operation by its name, whoever started it."""
        request = operations_pb2.GetOperationRequest(name=name)
        return self._start(self._transport.operations.GetOperation, request)

    def list_operations(self, parent: str, *, filter: str = "", page_size: int = 0) -> Iterator[Operation]:
        """Yields the operations of a data set.

        Args:
            parent: name of the data set.
            filter: as the server understands it; empty: all.
            page_size: operations a call; 0: 100.
        """
        request = operations_pb2.ListOperationsRequest(name=parent, filter=filter, page_size=page_size)
        for state in self._transport.pages(self._transport.operations.ListOperations, request, "operations"):
            yield self._transport.operation(state)

    def cancel_operation(self, name: str) -> None:
        """Asks the server to stop an operation."""
        request = operations_pb2.CancelOperationRequest(name=name)
        self._transport.unary(self._transport.operations.CancelOperation, request)

    def delete_operation(self, name: str) -> None:
        """Forgets an operation and its error log."""
        request = operations_pb2.DeleteOperationRequest(name=name)
        self._transport.unary(self._transport.operations.DeleteOperation, request)

    def operation_errors(
        self, name: str, *, reason: str = "", page_size: int = 0
    ) -> Iterator[operation_metadata_pb2.DeidentifyLogEntry]:
        """Yields the instances an operation refused, oldest first, each with a google.rpc.Status.

        Args:
            name: name of the operation.
            reason: only entries of this reason, for instance `TRUNCATED`; empty: all.
            page_size: entries a call; 0: 100.
        """
        request = operation_metadata_pb2.ListOperationErrorsRequest(
            parent=name, page_size=page_size, filter=f"reason={reason}" if reason else ""
        )
        return self._transport.pages(self._logs.ListOperationErrors, request, "entries")

    def _start(self, method: Callable[..., Any], request: object) -> Operation:
        return self._transport.operation(self._transport.unary(method, request))


def _filter_config(uri: str | None) -> deidentify_pb2.DicomFilterConfig | None:
    """The filter of a request. An empty URI is an error: it would stand for every instance."""
    return (
        None
        if uri is None
        else deidentify_pb2.DicomFilterConfig(resource_paths_gcs_uri=documents.require_uri("filter", uri))
    )
