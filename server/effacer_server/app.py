"""The composition root: one server, put together from its rooms, started and stopped."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from effacer.v1 import (
    dataset_pb2,
    deidentify_service_pb2,
    dicom_store_pb2,
    dicom_web_pb2,
    operation_metadata_pb2,
)
from effacer_server.api import datasets, deidentify, dicom_stores, dicom_web, iam, operations
from effacer_server.api.incoming import Gate
from effacer_server.api.status import StatusInterceptor
from effacer_server.errors import EffacerError, InvalidConfig, Unavailable
from effacer_server.jobs.keys import load_keys
from effacer_server.jobs.manager import Manager
from effacer_server.policy.plan import Keys
from effacer_server.policy.text import check_info_types
from effacer_server.settings import Settings
from effacer_server.store.blobs import open_blobs
from effacer_server.store.sql import open_catalog

log = logging.getLogger(__name__)

#: What a peer may send in one message: chunks are at most 1 MiB, configs far below.
MAX_RECEIVE_BYTES = 4 << 20

_SERVICES = (
    *(
        file.DESCRIPTOR.services_by_name[name].full_name
        for file, name in (
            (dataset_pb2, "DatasetService"),
            (dicom_store_pb2, "DicomStoreService"),
            (dicom_web_pb2, "DicomWebService"),
            (deidentify_service_pb2, "DeidentifyService"),
            (operation_metadata_pb2, "OperationLogService"),
        )
    ),
    "google.longrunning.Operations",
    "google.iam.v1.IAMPolicy",
)


class Server:
    """A server with its catalog, objects, operations and services.

    Raises:
        EffacerError: settings that do not fit, or a catalog, an object store or a key file that cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        check_info_types(settings.info_types)
        keys = load_keys(settings)
        with _setting("objects" if settings.objects else "data"):
            self._blobs = open_blobs(settings.objects_url, durable=settings.durable)
        with _setting("catalog" if settings.catalog else "data"):
            self._catalog = open_catalog(settings.catalog_url)
        try:
            recorded = deidentify.Recorded(settings)
            self._manager = Manager(self._catalog, self._blobs, settings, keys, recorded.plan, recorded.text_keys)
            self._health = health.HealthServicer()
            self._grpc = grpc.server(
                ThreadPoolExecutor(settings.rpc_threads, thread_name_prefix="effacer-rpc"),
                interceptors=[StatusInterceptor()],
                options=[
                    ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
                    ("grpc.so_reuseport", 0),  # a second server on the same port must fail, not share it
                ],
            )
            self._add_services(keys)
        except BaseException:
            self._catalog.close()
            raise

    def start(self) -> str:
        """Binds, goes on with what an earlier server left, and serves.

        Returns:
            The address served on, HOST:PORT.

        Raises:
            Unavailable: the address cannot be bound.
        """
        address = self._settings.grpc_address
        try:
            port = self._grpc.add_insecure_port(address)
        except RuntimeError:
            port = 0
        if not port:
            self._catalog.close()
            raise Unavailable("ADDRESS", f"cannot listen on {address}: in use, or not an address of this machine")
        self._manager.start()
        self._grpc.start()
        for name in ("", *_SERVICES):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return f"{address.rpartition(':')[0]}:{port}"

    def stop(self, grace_s: float | None = None) -> None:
        """Stops cleanly: no new calls, running calls and shards get the grace, then everything is closed."""
        grace = self._settings.grace_s if grace_s is None else grace_s
        deadline = time.monotonic() + grace
        self._health.enter_graceful_shutdown()
        stopped = self._grpc.stop(grace)
        self._manager.stop(grace)
        stopped.wait(max(deadline - time.monotonic(), 0) + 1)
        self._catalog.close()

    def _add_services(self, keys: Keys) -> None:
        catalog, blobs, settings, manager = self._catalog, self._blobs, self._settings, self._manager
        view = operations.OperationView(catalog)
        deidentification = deidentify.Deidentification(catalog, manager, settings)
        datasets.add_to(self._grpc, catalog, manager, view, deidentification)
        dicom_stores.add_to(self._grpc, catalog, manager, view, deidentification)
        gate = Gate(settings.rpc_threads)
        dicom_web.add_to(self._grpc, catalog, blobs, settings, manager, view, gate)
        deidentify.add_to(self._grpc, deidentification, catalog, blobs, settings, keys, gate)
        operations.add_to(self._grpc, catalog, manager, view, waiters=settings.rpc_threads // 4)
        iam.add_to(self._grpc)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        _add_reflection(self._grpc)


def serve(settings: Settings) -> int:
    """Serves until SIGTERM or SIGINT; prints one line to stdout once it serves.

    Returns:
        The process's exit code: 0 after a clean stop, 1 when it could not start.

    Raises:
        InvalidConfig: a setting that does not fit, by its name.
    """
    _set_up_logging()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = Server(settings)
        address = server.start()
    except InvalidConfig:
        raise
    except EffacerError as error:
        print(f"effacer-server: {error.message}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"effacer-server: the data directory cannot be used ({error.strerror})", file=sys.stderr)
        return 1
    print(f"effacer ready grpc={address}", flush=True)
    stop.wait()
    log.info("stopping")
    server.stop()
    return 0


@contextmanager
def _setting(name: str) -> Iterator[None]:
    """Names the setting where what it says cannot be used."""
    try:
        yield
    except InvalidConfig as error:
        raise InvalidConfig(name, error.violations[0][1]) from None


def _set_up_logging() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Both quote values of elements in what they say.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"pydicom(\..*)?")


def _add_reflection(server: grpc.Server) -> None:
    """Reflection under both of its names; the messages of v1 are those of v1alpha, byte for byte."""
    names = (*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME, "grpc.reflection.v1.ServerReflection")
    reflection.enable_server_reflection(names, server)
    servicer: Any = reflection.ReflectionServicer(names)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "grpc.reflection.v1.ServerReflection", {"ServerReflectionInfo": handler}
            ),
        )
    )
