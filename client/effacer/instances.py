"""Instances in and out of a store: the DICOMweb half of the client."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from effacer import names
from effacer.download import split_instances, write_instance
from effacer.errors import DataLoss
from effacer.operation import Operation
from effacer.sending import AnyPath, Item, find_files, require_paths
from effacer.transport import Transport
from effacer.upload import StoreResult, Upload, UploadProgress
from effacer.v1 import dicom_web_pb2, dicom_web_pb2_grpc, instance_pb2

# Results asked for at a time. The server returns fewer where they would not fit one message.
_SEARCH_PAGE = 1000
# Study Instance UID (0020,000D) as the DICOM JSON model writes tags. Source: PS3.18 §F.2.2.
_STUDY_INSTANCE_UID = "0020000D"


class Instances:
    """Stores, retrieves, searches and deletes instances. `Client` is what people use."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._web = dicom_web_pb2_grpc.DicomWebServiceStub(transport.channel)

    def store_instances(
        self,
        store: str,
        items: Item | Iterable[Item],
        *,
        progress: Callable[[UploadProgress], None] | None = None,
    ) -> Iterator[StoreResult]:
        """Uploads instances and yields what became of each, in order. Nothing is sent until results are asked for.

        Memory holds a chunk of 1 MiB at a time. Results come in groups, when a stream ends (at the latest after 256
        instances). An instance that fails does not stop the others.

        Args:
            store: name of a store, or of a study in it to which all instances must belong.
            items: a path, bytes or a file open for reading bytes, or any iterable of these; taken one by one.
            progress: called after every chunk, from another thread.

        Raises:
            InvalidArgument: an item is of another kind.
            EffacerError: a stream failed as a whole, for instance NotFound for the store.
        """

        def send(requests: Iterator[dicom_web_pb2.StoreInstancesRequest]) -> dicom_web_pb2.StoreInstancesResponse:
            response: dicom_web_pb2.StoreInstancesResponse = self._transport.send(self._web.StoreInstances, requests)
            return response

        return Upload(store, items, send, progress).run()

    def store(
        self,
        store: str,
        *paths: AnyPath | Iterable[AnyPath],
        progress: Callable[[UploadProgress], None] | None = None,
    ) -> list[StoreResult]:
        """Uploads files, and all files below folders, and returns what became of each (`item` is its path).

        Args:
            store: as in `store_instances`.
            paths: files and folders, one by one or in iterables. Links to folders are followed where they are given,
                and refused below a folder. What is no DICOM is refused by the server and found among the results.
            progress: as in `store_instances`.

        Raises:
            InvalidArgument: one of the paths does not exist, or is none; nothing is sent then.
            EffacerError: as in `store_instances`.
        """
        return list(self.store_instances(store, find_files(require_paths(*paths)), progress=progress))

    def retrieve_instances(
        self, name: str, *, transfer_syntax_uid: str = ""
    ) -> Iterator[tuple[instance_pb2.Instance, Iterator[bytes]]]:
        """Yields each instance with its bytes in chunks of at most 1 MiB; take them once, before the next instance.

        Args:
            name: name of a store, study, series or instance.
            transfer_syntax_uid: Transfer Syntax UID to return; empty: as stored, byte for byte.

        Raises:
            InvalidArgument: the name is of another kind.
            DataLoss: an instance did not arrive whole.
            FailedPrecondition: from chunks, when the next instance was asked for or they were taken already.
            EffacerError: the call failed, for instance NotFound.
        """
        kind = names.require(name, "store", "study", "series", "instance")
        if kind == "store":
            for found in self.search_studies(name):
                study = f"{name}/dicomWeb/studies/{found[_STUDY_INSTANCE_UID]['Value'][0]}"
                yield from self.retrieve_instances(study, transfer_syntax_uid=transfer_syntax_uid)
            return
        method, request_type = {
            "study": (self._web.RetrieveStudy, dicom_web_pb2.RetrieveStudyRequest),
            "series": (self._web.RetrieveSeries, dicom_web_pb2.RetrieveSeriesRequest),
            "instance": (self._web.RetrieveInstance, dicom_web_pb2.RetrieveInstanceRequest),
        }[kind]
        request = request_type(name=name, transfer_syntax_uid=transfer_syntax_uid)
        yield from split_instances(self._transport.receive(method, request))

    def retrieve(
        self,
        name: str,
        directory: str | os.PathLike[str],
        *,
        transfer_syntax_uid: str = "",
        progress: Callable[[instance_pb2.Instance, Path], None] | None = None,
    ) -> list[Path]:
        """Writes instances as `{study}/{series}/{instance}.dcm` below a directory and returns the files' paths.

        A file appears whole or not at all, and replaces one of the same name.

        Args:
            name: name of a store, study, series or instance.
            directory: made when it does not exist.
            transfer_syntax_uid: as in `retrieve_instances`.
            progress: called after every file.

        Raises:
            EffacerError: as in `retrieve_instances`.
            OSError: a file could not be written.
        """
        paths = []
        for instance, chunks in self.retrieve_instances(name, transfer_syntax_uid=transfer_syntax_uid):
            paths.append(write_instance(Path(directory), instance, chunks))
            if progress is not None:
                progress(instance, paths[-1])
        return paths

    def retrieve_bytes(self, name: str, *, transfer_syntax_uid: str = "") -> bytes:
        """One instance, whole in memory.

        Args:
            name: name of an instance.
            transfer_syntax_uid: as in `retrieve_instances`.

        Raises:
            EffacerError: as in `retrieve_instances`.
        """
        names.require(name, "instance")
        for _, chunks in self.retrieve_instances(name, transfer_syntax_uid=transfer_syntax_uid):
            return b"".join(chunks)
        raise DataLoss("the server sent no instance", "BAD_STREAM")

    def retrieve_metadata(self, name: str) -> Iterator[dict[str, Any]]:
        """Yields the attributes of each instance of a study or series, or of one instance, without bulk data.

        The form is the DICOM JSON model. Source: PS3.18 Annex F.
        """
        request = dicom_web_pb2.RetrieveMetadataRequest(name=name)
        for response in self._transport.receive(self._web.RetrieveMetadata, request):
            yield json_format.MessageToDict(response.metadata)

    def retrieve_frames(
        self, name: str, frames: Sequence[int], *, transfer_syntax_uid: str = ""
    ) -> Iterator[tuple[dicom_web_pb2.FrameStart, bytes]]:
        """Yields frames of one instance in the order asked for, each whole in memory.

        Args:
            name: name of the instance.
            frames: frame numbers, from 1.
            transfer_syntax_uid: Transfer Syntax UID to return; empty: as stored.

        Raises:
            DataLoss: a frame did not arrive whole.
            EffacerError: the call failed.
        """
        request = dicom_web_pb2.RetrieveFramesRequest(name=name, frames=frames, transfer_syntax_uid=transfer_syntax_uid)
        start, chunks = None, list[bytes]()
        for response in self._transport.receive(self._web.RetrieveFrames, request):
            if response.WhichOneof("payload") == "frame_start":
                if start is not None:
                    yield start, _whole_frame(start, chunks)
                start, chunks = response.frame_start, []
            else:
                chunks.append(response.chunk)
        if start is not None:
            yield start, _whole_frame(start, chunks)

    def retrieve_rendered(self, name: str, *, media_type: str = "", viewport: str = "") -> tuple[str, bytes]:
        """A picture of an instance or frame: (media type, bytes).

        Args:
            name: name of an instance, or of one of its frames.
            media_type: `image/jpeg` (the default) or `image/png`.
            viewport: largest width and height in pixels, `640,480`; empty: the size of the frame.
        """
        request = dicom_web_pb2.RetrieveRenderedRequest(name=name, media_type=media_type, viewport=viewport)
        answers = list(self._transport.receive(self._web.RetrieveRendered, request))
        return (answers[0].content_type if answers else ""), b"".join(answer.data for answer in answers)

    def search_studies(
        self,
        parent: str,
        matches: Mapping[str, str] | None = None,
        *,
        include_fields: Iterable[str] = (),
        fuzzy: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> Iterator[dict[str, Any]]:
        """Yields the studies of a store that match, in the DICOM JSON model. Source: PS3.18 §10.6.

        Args:
            parent: name of the store.
            matches: value by tag or keyword: exact, with `*` and `?`, a range of dates, or UIDs joined by commas.
            include_fields: further attributes to return, by tag or keyword; `all` for every one kept.
            fuzzy: names match by words.
            limit: most results; None: all, asked for page by page.
            offset: how many results to skip.

        Raises:
            EffacerError: the call failed.
        """
        request = dicom_web_pb2.SearchForStudiesRequest(parent=parent, fuzzy_matching=fuzzy, offset=offset)
        return self._search(self._web.SearchForStudies, request, matches, include_fields, limit)

    def search_series(
        self,
        parent: str,
        matches: Mapping[str, str] | None = None,
        *,
        include_fields: Iterable[str] = (),
        fuzzy: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> Iterator[dict[str, Any]]:
        """As `search_studies`, for the series of a store or study."""
        request = dicom_web_pb2.SearchForSeriesRequest(parent=parent, fuzzy_matching=fuzzy, offset=offset)
        return self._search(self._web.SearchForSeries, request, matches, include_fields, limit)

    def search_instances(
        self,
        parent: str,
        matches: Mapping[str, str] | None = None,
        *,
        include_fields: Iterable[str] = (),
        fuzzy: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> Iterator[dict[str, Any]]:
        """As `search_studies`, for the instances of a store, study or series."""
        request = dicom_web_pb2.SearchForInstancesRequest(parent=parent, fuzzy_matching=fuzzy, offset=offset)
        return self._search(self._web.SearchForInstances, request, matches, include_fields, limit)

    def delete_study(self, name: str) -> Operation:
        """Starts to delete every instance of a study."""
        request = dicom_web_pb2.DeleteStudyRequest(name=name)
        return self._transport.operation(self._transport.unary(self._web.DeleteStudy, request))

    def delete_series(self, name: str) -> Operation:
        """Starts to delete every instance of a series."""
        request = dicom_web_pb2.DeleteSeriesRequest(name=name)
        return self._transport.operation(self._transport.unary(self._web.DeleteSeries, request))

    def delete_instance(self, name: str) -> None:
        """Deletes one instance."""
        self._transport.unary(self._web.DeleteInstance, dicom_web_pb2.DeleteInstanceRequest(name=name))

    def _search(
        self,
        method: Callable[..., Any],
        request: Any,
        matches: Mapping[str, str] | None,
        include_fields: Iterable[str],
        limit: int | None,
    ) -> Iterator[dict[str, Any]]:
        for attribute, value in (matches or {}).items():
            request.matches.add(attribute=attribute, value=value)
        request.include_fields.extend([include_fields] if isinstance(include_fields, str) else include_fields)
        left = limit
        while left is None or left > 0:
            request.limit = _SEARCH_PAGE if left is None else min(left, _SEARCH_PAGE)
            response = self._transport.unary(method, request)
            for result in response.results:
                yield json_format.MessageToDict(result)
            count = len(response.results)
            if not response.has_more or not count:
                return
            request.offset += count
            left = None if left is None else left - count


def _whole_frame(start: dicom_web_pb2.FrameStart, chunks: list[bytes]) -> bytes:
    data = b"".join(chunks)
    if start.size_bytes and len(data) != start.size_bytes:
        raise DataLoss(f"frame {start.frame} of {start.size_bytes} bytes arrived with {len(data)}", "BAD_STREAM")
    return data
