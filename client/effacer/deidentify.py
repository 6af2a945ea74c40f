"""De-identification without a store: what a config means, what it would do, and instances through a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from effacer import config as documents
from effacer import names as resource_names
from effacer.config import Config
from effacer.download import Chunks, write_instance
from effacer.errors import AlreadyExists, DataLoss, EffacerError, from_status, invalid
from effacer.exchange import Exchange, with_config
from effacer.sending import AnyPath, Item, find_files, require_paths
from effacer.transport import Transport
from effacer.v1 import deidentify_service_pb2 as pb
from effacer.v1 import deidentify_service_pb2_grpc, instance_pb2

#: Names in one call of PreviewDeidentify. The contract allows no more.
_NAMES_PER_CALL = 100


@dataclass(frozen=True, slots=True)
class Deidentified:
    """What became of one instance of a stream.

    Attributes:
        index: place among all items given, from 0.
        item: the item as given.
        instance: new UIDs, encoding and size of the output; None when it was refused.
        refused: why there is no output, or None.
    """

    index: int
    item: Item
    instance: instance_pb2.Instance | None
    refused: EffacerError | None
    _chunks: Chunks | None = field(default=None, repr=False)

    def chunks(self) -> Iterator[bytes]:
        """The output in chunks of at most 1 MiB; to be taken once, before the next result. Empty when refused.

        Raises:
            DataLoss: it did not arrive whole.
            FailedPrecondition: TAKEN when it was taken already; PASSED_OVER when the stream has gone on, or ended, as
                it does when nobody holds the iterator that `deidentify_stream` returned.
        """
        return iter(()) if self._chunks is None else iter(self._chunks)

    def read(self) -> bytes:
        """The whole output in memory. As `chunks`; it is not kept, so that a second `read` raises TAKEN."""
        return b"" if self._chunks is None else self._chunks.read()


@dataclass(frozen=True, slots=True)
class DeidentifiedFile:
    """What became of one file.

    Attributes:
        source: the file.
        output: the file written; None when it was refused.
        refused: why nothing was written, or None.
    """

    source: Path
    output: Path | None
    refused: EffacerError | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of one instance.

    Attributes:
        index: place among all items or names given, from 0.
        item: the item, or the name, as given.
        instance: UIDs, encoding and size of what would be written; None when it would be refused.
        refused: why it would be, or None.
        elements: decisions in the order of the elements.
        plan_fingerprint: SHA-256 of the plan in hexadecimal.
    """

    index: int
    item: Item
    instance: instance_pb2.Instance | None
    refused: EffacerError | None
    elements: tuple[pb.ElementDecision, ...] = ()
    plan_fingerprint: str = ""


class Deidentification:
    """Explains configs, previews them, and de-identifies in a stream. `Client` is what people use."""

    _transport: Transport

    @property
    def _service(self) -> Any:
        return deidentify_service_pb2_grpc.DeidentifyServiceStub(self._transport.channel)

    def explain(self, config: Config | None = None, *, gcs_config_uri: str | None = None) -> pb.ExplainConfigResponse:
        """Says what a config means: every rule, in the order in which they decide, and why it is there.

        Args:
            config: as in `deidentify_dicom_store`; a filter in it plays no part here.
            gcs_config_uri: URI the server reads the config from, in place of `config`.

        Raises:
            InvalidArgument: the config is wrong; `violations` holds the path of every wrong field.
        """
        loaded = documents.either(config, gcs_config_uri)
        request = pb.ExplainConfigRequest(config=loaded.config, gcs_config_uri=loaded.config_uri or None)
        response: pb.ExplainConfigResponse = self._transport.unary(self._service.ExplainConfig, request)
        return response

    def preview(
        self,
        names: str | Iterable[str],
        config: Config | None = None,
        *,
        gcs_config_uri: str | None = None,
        include_kept: bool = False,
    ) -> Iterator[Preview]:
        """Yields what would become of each element of stored instances. Nothing is written.

        Args:
            names: of instances; of one store or of several.
            config: as in `explain`.
            gcs_config_uri: as in `explain`.
            include_kept: list elements that stay as they are, too.

        Raises:
            InvalidArgument: the config is wrong, or a name is none of an instance.
            NotFound: the store. An instance that is not there is found in the results.
        """
        loaded = documents.either(config, gcs_config_uri)
        listed = [names] if isinstance(names, str) else list(names)
        for number, name in enumerate(listed):
            resource_names.require(name, "instance", field=f"names[{number}]")
        stores = groupby(enumerate(listed), lambda each: each[1].partition("/dicomWeb/")[0])
        for store, group in stores:
            while batch := list(islice(group, _NAMES_PER_CALL)):
                request = pb.PreviewDeidentifyRequest(
                    parent=store,
                    names=[name for _, name in batch],
                    config=loaded.config,
                    gcs_config_uri=loaded.config_uri or None,
                    include_kept=include_kept,
                )
                with closing(self._transport.receive(self._service.PreviewDeidentify, request)) as answers:
                    for place, messages in groupby(answers, lambda message: int(message.index)):
                        yield _preview(*batch[place], messages)

    def preview_files(
        self,
        items: Item | Iterable[Item],
        config: Config | None = None,
        *,
        gcs_config_uri: str | None = None,
        include_kept: bool = False,
        show_values: bool = False,
    ) -> Iterator[Preview]:
        """Yields what would become of each element of the caller's own instances. Nothing is stored.

        Args:
            items: as in `store_instances`.
            config: as in `explain`.
            gcs_config_uri: as in `explain`.
            include_kept: as in `preview`.
            show_values: tell the values as they are now.

        Raises:
            InvalidArgument: the config is wrong, or an item is nothing that can be read.
        """
        loaded = documents.either(config, gcs_config_uri)
        first = pb.StreamPreviewRequest(include_kept=include_kept, show_values=show_values)
        exchange = Exchange(with_config(first, loaded), items, pb.StreamPreviewRequest)
        with closing(exchange.answers(self._transport, self._service.StreamPreview)) as answers:
            for _, messages in groupby(answers, lambda message: int(message.index)):
                index, item, unread = exchange.next_answered()
                for earlier, (unsent, error) in exchange.unread_before(index):
                    yield Preview(earlier, unsent, None, error)
                seen = _preview(index, item, messages)
                yield seen if unread is None else Preview(index, item, None, unread)
        for index, (item, error) in exchange.unread_before(None):
            yield Preview(index, item, None, error)

    def deidentify_stream(
        self,
        items: Item | Iterable[Item],
        config: Config | None = None,
        *,
        gcs_config_uri: str | None = None,
        accepted: Callable[[pb.ConfigAccepted], None] | None = None,
    ) -> Iterator[Deidentified]:
        """De-identifies instances on their way through the server, which keeps nothing of them.

        Yields one result for each item, in order; take its chunks before the next result. An instance that is refused
        does not stop the others. Memory holds a chunk of 1 MiB at a time.

        Args:
            items: as in `store_instances`.
            config: as in `deidentify_dicom_store`, without a filter.
            gcs_config_uri: as there.
            accepted: called with fingerprint and notes of the plan before the first result.

        Raises:
            InvalidArgument: the config is wrong, or an item is nothing that can be read.
            DataLoss: an instance did not arrive whole.
            EffacerError: the stream failed; the instances yielded before are good.
        """
        loaded = documents.either(config, gcs_config_uri)
        if loaded.filter_uri:
            raise invalid("filterConfig", "a stream is de-identified whole; only a store can have a filter")
        exchange = Exchange(with_config(pb.StreamDeidentifyRequest(), loaded), items, pb.StreamDeidentifyRequest)
        with closing(exchange.answers(self._transport, self._service.StreamDeidentify)) as answers:
            for message in answers:
                payload = message.WhichOneof("payload")
                if payload == "config_accepted":
                    if accepted is not None:
                        accepted(message.config_accepted)
                    continue
                index, item, unread = exchange.next_answered()
                for earlier, (unsent, error) in exchange.unread_before(index):
                    yield Deidentified(earlier, unsent, None, error)
                if payload == "instance_refused":
                    yield Deidentified(index, item, None, unread or from_status(message.instance_refused.status))
                elif payload == "instance_start":
                    start = message.instance_start.instance
                    with Chunks(start, answers) as chunks:
                        yield Deidentified(index, item, start, None, chunks)
                else:
                    raise DataLoss("the server sent data outside an instance", "BAD_STREAM")
        for index, (item, error) in exchange.unread_before(None):
            yield Deidentified(index, item, None, error)

    def deidentify_files(
        self,
        paths: AnyPath | Iterable[AnyPath],
        destination: AnyPath,
        config: Config | None = None,
        *,
        gcs_config_uri: str | None = None,
        accepted: Callable[[pb.ConfigAccepted], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Iterator[DeidentifiedFile]:
        """De-identifies files, and all files below folders, into `{study}/{series}/{instance}.dcm` by their new UIDs.

        Nothing happens until results are asked for. A file appears whole or not at all, and replaces that of an
        earlier run; of two sources that come to the same UIDs the second is refused.

        Args:
            paths: files and folders. Links to folders are followed where they are given, and refused below a folder.
            destination: folder to write to; made when it does not exist.
            config: as in `deidentify_stream`.
            gcs_config_uri: as there.
            accepted: as there.
            progress: called with how many files have their result, and how many there are: at first, and with each.

        Raises:
            InvalidArgument: one of the paths does not exist, or as in `deidentify_stream`.
            OSError: a file cannot be written.
        """
        # Listed first: what is written must not be read again where the destination lies inside a source.
        files = list(find_files(require_paths(paths)))
        written: set[Path] = set()
        if progress is not None:
            progress(0, len(files))
        for result in self.deidentify_stream(files, config, gcs_config_uri=gcs_config_uri, accepted=accepted):
            source = files[result.index]
            if progress is not None:
                progress(result.index + 1, len(files))
            if result.instance is None:
                yield DeidentifiedFile(source, None, result.refused)
                continue
            instance = result.instance
            path = Path(instance.study_instance_uid, instance.series_instance_uid, instance.sop_instance_uid)
            if path in written:
                taken = AlreadyExists("another file of this run came to the same UIDs", "UID_COLLISION")
                yield DeidentifiedFile(source, None, taken)
                continue
            output = write_instance(Path(destination), instance, result.chunks())
            written.add(path)
            yield DeidentifiedFile(source, output, None)


def _preview(index: int, item: Item, messages: Iterable[pb.PreviewDeidentifyResponse]) -> Preview:
    """One instance's messages as one."""
    elements: list[pb.ElementDecision] = []
    refused: EffacerError | None = None
    instance: instance_pb2.Instance | None = None
    fingerprint = ""
    for message in messages:
        elements += message.elements
        fingerprint = message.plan_fingerprint
        if message.status.code:
            refused = from_status(message.status)
        if message.HasField("instance"):
            instance = message.instance
    return Preview(index, item, instance, refused, tuple(elements), fingerprint)
