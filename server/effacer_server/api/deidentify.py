"""A de-identification from its request to its operation: every check is made here, before anything exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import grpc

from effacer.v1 import (
    dataset_pb2,
    deidentify_pb2,
    deidentify_service_pb2,
    deidentify_service_pb2_grpc,
    dicom_store_pb2,
)
from effacer_server.api import names, resources
from effacer_server.api.operations import pack
from effacer_server.api.uris import read_lines, read_text
from effacer_server.dicom import facts
from effacer_server.errors import AlreadyExists, InvalidConfig, NotFound, Unsupported
from effacer_server.jobs.manager import Manager
from effacer_server.jobs.record import Record, Route
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.documents import parse_config
from effacer_server.policy.plan import EXACT, Plan, Rule, Stamp
from effacer_server.policy.selectors import parse_filter
from effacer_server.settings import Settings
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

    def compiled(self, request: Any) -> tuple[deidentify_pb2.DeidentifyConfig, Plan]:
        """Config and plan of any request with a config_source.

        Raises:
            InvalidConfig, Unsupported: with paths into the request, or into the file it names.
            PermissionDenied, NotFound: the file.
        """
        path = "config"
        if request.WhichOneof("config_source") == "gcs_config_uri":
            path = "gcsConfigUri"
            config = parse_config(read_text(request.gcs_config_uri, self._settings, path), path)
        else:
            config = request.config
        return config, compile_config(config, path=path, stamp=self._settings.write_method)

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


def compile_record(record: Record) -> Plan:
    """The plan of an operation that was written down before, possibly by another version of this program."""
    config = deidentify_pb2.DeidentifyConfig.FromString(record.config)
    return compile_config(config, stamp=record.write_method)


class DeidentifyService(deidentify_service_pb2_grpc.DeidentifyServiceServicer):  # type: ignore[misc]  # generated without types
    """See protos/effacer/v1/deidentify_service.proto."""

    def __init__(self, deidentification: Deidentification) -> None:
        self._deidentification = deidentification

    def ExplainConfig(
        self, request: deidentify_service_pb2.ExplainConfigRequest, context: grpc.ServicerContext
    ) -> deidentify_service_pb2.ExplainConfigResponse:
        plan = self._deidentification.compiled(request)[1]
        return deidentify_service_pb2.ExplainConfigResponse(
            plan_fingerprint=plan.fingerprint(),
            edition=plan.edition,
            rules=[_rule(rule) for rule in plan.rules],
            default_rule=_rule(plan.default),
            stamps=[_stamp(stamp) for stamp in plan.stamp],
            notes=plan.notes,
            text=plan.dump(),
        )

    def StreamDeidentify(self, requests: Any, context: grpc.ServicerContext) -> NoReturn:
        raise Unsupported("", "this version does not de-identify streams; use DeidentifyDicomStore")

    def PreviewDeidentify(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        raise Unsupported("", "this version does not preview; ExplainConfig tells what a config means")


def _rule(rule: Rule) -> deidentify_service_pb2.PlanRule:
    return deidentify_service_pb2.PlanRule(
        selector=_selector(rule.tag, rule.mask),
        keyword=facts.keyword_of(rule.tag) if rule.mask == EXACT else "",
        vr=rule.vr,
        creator=rule.creator,
        action=f"ELEMENT_ACTION_{rule.verb.name}",
        code=rule.code,
        because=rule.because,
    )


def _stamp(stamp: Stamp) -> deidentify_service_pb2.PlanRule:
    return deidentify_service_pb2.PlanRule(
        selector=_selector(stamp.tag, EXACT),
        keyword=facts.keyword_of(stamp.tag),
        vr=stamp.vr,
        action=deidentify_service_pb2.ELEMENT_ACTION_STAMP,
        because=stamp.because,
    )


def _selector(tag: int, mask: int) -> str:
    if mask == 0:
        return "any"
    if tag == mask == 0x00010000:
        return "private"
    digits = "".join(f"{tag >> shift & 0xF:X}" if mask >> shift & 0xF == 0xF else "x" for shift in range(28, -4, -4))
    return f"({digits[:4]},{digits[4:]})"


def add_to(server: grpc.Server, deidentification: Deidentification) -> None:
    """Registers the service."""
    deidentify_service_pb2_grpc.add_DeidentifyServiceServicer_to_server(DeidentifyService(deidentification), server)
