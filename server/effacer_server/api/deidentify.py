"""A de-identification from its request to its operation: every check is made here, before anything exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc

from effacer.v1 import (
    dataset_pb2,
    deidentify_pb2,
    deidentify_service_pb2,
    deidentify_service_pb2_grpc,
    dicom_store_pb2,
)
from effacer_server.api import names, resources
from effacer_server.api.explain import explain
from effacer_server.api.incoming import Gate
from effacer_server.api.operations import pack
from effacer_server.api.preview import Previewer, parse_names
from effacer_server.api.stream import deidentify_stream, first_message
from effacer_server.api.uris import read_lines, read_text
from effacer_server.engine.instance import Deidentifier, Limits
from effacer_server.errors import AlreadyExists, InvalidConfig, NotFound
from effacer_server.jobs.keys import Keyring, for_operation
from effacer_server.jobs.manager import Manager
from effacer_server.jobs.record import Record, Route
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.documents import parse_config
from effacer_server.policy.plan import Keys, Plan, TextKeys
from effacer_server.policy.selectors import parse_filter
from effacer_server.policy.text import text_keys
from effacer_server.settings import Settings
from effacer_server.store.blobs import Blobs
from effacer_server.store.catalog import Catalog, Dataset, DicomStore, Operation, Selection

_FILTER_FIELD = "filterConfig.resourcePathsGcsUri"


class Deidentification:
    """Starts de-identifications."""

    def __init__(self, catalog: Catalog, manager: Manager, settings: Settings) -> None:
        self._catalog, self._manager, self._settings = catalog, manager, settings

    def of_dataset(self, request: dataset_pb2.DeidentifyDatasetRequest, kind: str) -> Operation:
        """Every store of a dataset into stores of the same ids in a new one.

        Raises:
            InvalidConfig, Unsupported: the config, the names; nothing exists then.
            NotFound: the source.
            AlreadyExists: the destination.
        """
        source = names.parse_dataset(request.source_dataset, "sourceDataset")
        destination = names.parse_dataset(request.destination_dataset, "destinationDataset")
        if source == destination:
            raise InvalidConfig("destinationDataset", "must be another dataset than the source")
        if names.location_of(source) != names.location_of(destination):
            raise InvalidConfig("destinationDataset", "must be in the location of the source")
        config, plan = self.compiled(request)
        body = self._catalog.get_dataset(source).body
        stores, routes = [], []
        for store in self._stores(source):
            name = f"{destination}/dicomStores/{store.name.rsplit('/', 1)[1]}"
            stores.append(DicomStore(name, destination, resources.new_uid(), store.body, store.labels))
            routes.append(self._route(store, stores[-1]))
        return self._manager.submit(
            kind,
            source,
            self._record(config, deidentify_pb2.DeidentifySummary(), routes),
            plan,
            new_dataset=Dataset(destination, resources.new_uid(), body),
            new_stores=stores,
        )

    def of_store(self, request: dicom_store_pb2.DeidentifyDicomStoreRequest, kind: str) -> Operation:
        """A store, or what a filter file names of it, into another store, which is created when there is none.

        Raises:
            InvalidConfig, Unsupported, PermissionDenied: the config, the names, the files; nothing exists then.
            NotFound: the source, the destination's dataset, a file.
        """
        source = names.parse_store(request.source_store, "sourceStore")
        destination = names.parse_store(request.destination_store, "destinationStore")
        if source == destination:
            raise InvalidConfig("destinationStore", "must be another store than the source")
        config, plan = self.compiled(request)
        store = self._catalog.get_store(source)
        dataset = names.dataset_of(destination)
        self._catalog.get_dataset(dataset)
        filter_uri = request.filter_config.resource_paths_gcs_uri
        if request.HasField("filter_config"):
            # Once through, so that a wrong line is found before anything exists.
            for _ in self._selections(filter_uri):
                pass
        for last in (False, True):
            there = self._existing(destination)
            target = there or DicomStore(destination, dataset, resources.new_uid(), "{}")
            record = self._record(config, deidentify_pb2.DeidentifyDicomStoreSummary(), [self._route(store, target)])
            try:
                return self._manager.submit(
                    kind,
                    names.dataset_of(source),
                    record,
                    plan,
                    new_stores=() if there else (target,),
                    selections=self._selections(filter_uri) if request.HasField("filter_config") else (),
                )
            except AlreadyExists:
                if last:
                    raise  # created by somebody else between two looks, and deleted, and created
        raise AssertionError("unreachable")

    def compiled(self, request: Any, oneof: str = "config_source") -> tuple[deidentify_pb2.DeidentifyConfig, Plan]:
        """Config and plan of any request that holds `config` or `gcs_config_uri`, of which `oneof` allows one.

        Raises:
            InvalidConfig, Unsupported: with paths into the request, or into the file it names.
            PermissionDenied, NotFound: the file.
        """
        path = "config"
        if request.WhichOneof(oneof) == "gcs_config_uri":
            path = "gcsConfigUri"
            config = parse_config(read_text(request.gcs_config_uri, self._settings, path), path)
        else:
            config = request.config
        settings = self._settings
        plan = compile_config(
            config,
            path=path,
            stamp=settings.write_method,
            info_types=settings.info_types,
            strict_text=settings.strict_text,
        )
        text_keys(
            config.text, Keyring(settings.keyring).unwrap, f"{path}.text"
        )  # an error of the call, not of the work
        return config, plan

    def _record(self, config: deidentify_pb2.DeidentifyConfig, summary: Any, routes: list[Route]) -> Record:
        return Record(
            result=pack(summary),
            config=config.SerializeToString(deterministic=True),
            key_check=self._manager.key_check,
            write_method=self._settings.write_method,
            routes=tuple(routes),
        )

    def _route(self, source: DicomStore, destination: DicomStore) -> Route:
        return Route(source.name, source.uid, destination.uid, self._catalog.max_instance_id(source.uid))

    def _stores(self, dataset: str) -> Iterator[DicomStore]:
        token = ""
        while True:
            page = self._catalog.list_stores(dataset, 1000, token)
            yield from page.rows
            token = page.next_page_token
            if not token:
                return

    def _existing(self, name: str) -> DicomStore | None:
        try:
            return self._catalog.get_store(name)
        except NotFound:
            return None

    def _selections(self, uri: str) -> Iterator[Selection]:
        empty = True
        for study, series, instance in parse_filter(read_lines(uri, self._settings, _FILTER_FIELD), path=_FILTER_FIELD):
            empty = False
            yield Selection(study, series, instance)
        if empty:  # to the catalog no selection means everything
            raise InvalidConfig(_FILTER_FIELD, "names a file without any resource path", "EMPTY_FILTER")


class Recorded:
    """Operations that were written down before, possibly by another version of this program or under other settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def plan(self, record: Record) -> Plan:
        """The plan of its config."""
        return compile_config(
            deidentify_pb2.DeidentifyConfig.FromString(record.config),
            stamp=record.write_method,
            info_types=self._settings.info_types,
            strict_text=self._settings.strict_text,
        )

    def text_keys(self, record: Record) -> TextKeys:
        """The secrets that its config brings for texts."""
        config = deidentify_pb2.DeidentifyConfig.FromString(record.config)
        return text_keys(config.text, Keyring(self._settings.keyring).unwrap)


class DeidentifyService(deidentify_service_pb2_grpc.DeidentifyServiceServicer):  # type: ignore[misc]  # generated without types
    """See protos/effacer/v1/deidentify_service.proto."""

    def __init__(
        self,
        deidentification: Deidentification,
        catalog: Catalog,
        blobs: Blobs,
        settings: Settings,
        keys: Keys,
        gate: Gate,
    ) -> None:
        self._deidentification, self._catalog, self._blobs = deidentification, catalog, blobs
        self._settings, self._keys, self._gate = settings, keys, gate

    def ExplainConfig(
        self, request: deidentify_service_pb2.ExplainConfigRequest, context: grpc.ServicerContext
    ) -> deidentify_service_pb2.ExplainConfigResponse:
        return explain(self._deidentification.compiled(request)[1])

    def StreamDeidentify(
        self, requests: Iterator[deidentify_service_pb2.StreamDeidentifyRequest], context: grpc.ServicerContext
    ) -> Iterator[deidentify_service_pb2.StreamDeidentifyResponse]:
        with self._gate.stream():
            config, plan = self._deidentification.compiled(first_message(requests), "payload")
            deidentifier = self._deidentifier(config, plan)
            yield from deidentify_stream(requests, plan, deidentifier, self._settings, context.is_active)

    def PreviewDeidentify(
        self, request: deidentify_service_pb2.PreviewDeidentifyRequest, context: grpc.ServicerContext
    ) -> Iterator[deidentify_service_pb2.PreviewDeidentifyResponse]:
        with self._gate.stream():
            store, paths = parse_names(request)
            previewer = self._previewer(*self._deidentification.compiled(request), request.include_kept, False)
            yield from previewer.stored(self._catalog, self._blobs, store, paths, request.names)

    def StreamPreview(
        self, requests: Iterator[deidentify_service_pb2.StreamPreviewRequest], context: grpc.ServicerContext
    ) -> Iterator[deidentify_service_pb2.PreviewDeidentifyResponse]:
        with self._gate.stream():
            first = first_message(requests)
            compiled = self._deidentification.compiled(first, "payload")
            previewer = self._previewer(*compiled, first.include_kept, first.show_values)
            yield from previewer.streamed(requests, context.is_active)

    def _deidentifier(self, config: deidentify_pb2.DeidentifyConfig, plan: Plan) -> Deidentifier:
        keys = for_operation(self._keys, text_keys(config.text, Keyring(self._settings.keyring).unwrap))
        return Deidentifier(plan, keys, Limits(self._settings.max_inflated_bytes))

    def _previewer(self, config: deidentify_pb2.DeidentifyConfig, plan: Plan, kept: bool, values: bool) -> Previewer:
        return Previewer(plan, self._deidentifier(config, plan), self._settings, kept=kept, values=values)


def add_to(server: grpc.Server, *parts: Any) -> None:
    """Registers the service."""
    deidentify_service_pb2_grpc.add_DeidentifyServiceServicer_to_server(DeidentifyService(*parts), server)
