"""PreviewDeidentify and StreamPreview: what would become of stored instances, and of the caller's own.

An answer never tells what a stored instance holds, only of what kind it is. A caller who sends the instances has their
values already, and may ask to see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from effacer.v1 import deidentify_service_pb2 as pb
from effacer_server.api import names
from effacer_server.api.explain import action_of
from effacer_server.api.incoming import Incoming, Spool
from effacer_server.api.names import DicomPath
from effacer_server.api.status import describe
from effacer_server.api.stream import instance_of, instances
from effacer_server.dicom.core import Source
from effacer_server.engine.instance import Deidentifier
from effacer_server.engine.preview import Decision, decisions, keyword
from effacer_server.errors import InvalidConfig, Reason, Refused
from effacer_server.jobs.work import source_of
from effacer_server.policy.plan import Plan
from effacer_server.settings import Settings
from effacer_server.store.blobs import Blobs
from effacer_server.store.catalog import Catalog

_MOST_NAMES = 100
# Of one message: decisions, and the bytes they are about to have, far below what peers accept (4 MiB).
_MOST_ELEMENTS = 1000
_MESSAGE_BYTES = 1 << 19


def parse_names(request: pb.PreviewDeidentifyRequest) -> tuple[str, list[DicomPath]]:
    """Store and instances of a request.

    Raises:
        InvalidConfig: not 1 to 100 names, or one that is no instance of the store.
    """
    parent = names.parse_store(request.parent, "parent")
    if not 1 <= len(request.names) <= _MOST_NAMES:
        raise InvalidConfig("names", f"must be 1 to {_MOST_NAMES} names of instances")
    paths = [names.parse_dicom_path(name, f"names[{index}]", 3) for index, name in enumerate(request.names)]
    for index, path in enumerate(paths):
        if path.store != parent:
            raise InvalidConfig(f"names[{index}]", "must be an instance of the store that parent names")
    return parent, paths


class Previewer:
    """A plan, shown on instances."""

    def __init__(self, plan: Plan, deidentifier: Deidentifier, settings: Settings, *, kept: bool, values: bool) -> None:
        """Prepares.

        Args:
            kept: list what stays as it is, too.
            values: tell values as they are now.
        """
        self._plan, self._deidentifier, self._settings = plan, deidentifier, settings
        self._kept, self._values = kept, values
        self._fingerprint = plan.fingerprint()

    def stored(
        self, catalog: Catalog, blobs: Blobs, store: str, paths: Iterable[DicomPath], asked: Iterable[str]
    ) -> Iterator[pb.PreviewDeidentifyResponse]:
        """Answers for instances of a store.

        Args:
            store: its name.
            paths: the instances.
            asked: their names as the caller wrote them.

        Raises:
            NotFound: the store.
        """
        uid = catalog.get_store(store).uid
        for index, (path, name) in enumerate(zip(paths, asked, strict=True)):
            about = pb.PreviewDeidentifyResponse(name=name, index=index)
            try:
                row = catalog.get_instance(uid, path.study, path.series, path.instance)
                if row.size > self._settings.max_instance_bytes:
                    raise Refused(Reason.TOO_LARGE)
                reader = blobs.open(row.key)
            except Exception as error:
                about.status.CopyFrom(describe(error))
                yield about
                continue
            with reader:
                yield from self._one(about, partial(source_of, reader))

    def streamed(
        self, requests: Iterator[pb.StreamPreviewRequest], alive: Callable[[], bool]
    ) -> Iterator[pb.PreviewDeidentifyResponse]:
        """Answers a stream behind its first message.

        Raises:
            InvalidConfig: messages out of order.
        """
        for index, incoming in enumerate(instances(requests, self._settings.max_instance_bytes, alive)):
            about = pb.PreviewDeidentifyResponse(index=index, label=incoming.label)
            try:
                yield from self._one(about, partial(_sent, incoming))
            finally:
                incoming.abort()

    def _one(
        self, about: pb.PreviewDeidentifyResponse, source: Callable[[], Source]
    ) -> Iterator[pb.PreviewDeidentifyResponse]:
        """One instance, in messages of bounded size; of one that would be refused, why.

        Raises:
            Refused: IO, when an instance breaks off while its decisions are told: half of them must not look like all.
        """
        about.plan_fingerprint = self._fingerprint
        try:
            examined = self._deidentifier.examine(source())
            found = decisions(examined, self._plan, kept=self._kept, values=self._values)
        except Exception as error:
            about.status.CopyFrom(describe(error))
            yield about
            return
        message, size = pb.PreviewDeidentifyResponse(), 0
        message.CopyFrom(about)
        message.instance.CopyFrom(instance_of(examined.output))
        for decision in found:
            element = _element(decision)
            if message.elements and (len(message.elements) == _MOST_ELEMENTS or size > _MESSAGE_BYTES):
                yield message
                message, size = pb.PreviewDeidentifyResponse(), 0
                message.CopyFrom(about)
            message.elements.append(element)
            size += element.ByteSize()
        yield message


def _sent(incoming: Incoming[Spool]) -> Source:
    return incoming.finish().source()


def _element(decision: Decision) -> pb.ElementDecision:
    return pb.ElementDecision(
        path=decision.path,
        keyword=keyword(decision.tag),
        vr=decision.vr,
        action=action_of(decision.verb),
        new_value=decision.new,
        because=decision.because,
        old_kind=decision.old_kind,
        old_value=decision.old,
    )
