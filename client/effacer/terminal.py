"""What the command shows: results on stdout for people or as JSON, progress and remarks on stderr."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from google.longrunning import operations_pb2
from google.protobuf import json_format
from google.protobuf.message import Message
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from effacer.deidentify import DeidentifiedFile, Preview
from effacer.errors import EffacerError, from_status
from effacer.operation import Operation
from effacer.upload import StoreResult, UploadProgress
from effacer.v1 import instance_pb2, operation_metadata_pb2

_TOTAL_UNKNOWN = None


class Output:
    """Results, on stdout."""

    def __init__(self, as_json: bool) -> None:
        """`as_json`: one JSON document a line and nothing else."""
        self._json = as_json

    def resource(self, message: Message) -> None:
        """A resource: its JSON; for people one field a line."""
        document = json_format.MessageToDict(message)
        if self._json:
            _print_json(document)
        else:
            for line in _lines(document):
                click.echo(line)

    def names(self, messages: Iterable[Any]) -> None:
        """Resources of a listing; for people their names."""
        for message in messages:
            if self._json:
                _print_json(json_format.MessageToDict(message))
            else:
                click.echo(message.name)

    def operation_name(self, name: str) -> None:
        """The name of an operation that runs on."""
        _print_json({"name": name}) if self._json else click.echo(name)

    def operations(self, operations: Iterable[Operation]) -> None:
        """Operations of a listing, each with its state and counters."""
        for operation in operations:
            if self._json:
                _print_json(json_format.MessageToDict(operation.proto))
            else:
                click.echo(f"{operation.name}  {_state(operation.proto)}  {_counts(operation.metadata.counter)}")

    def log(self, entries: Iterable[operation_metadata_pb2.DeidentifyLogEntry]) -> None:
        """Entries of an error log."""
        for entry in entries:
            if self._json:
                _print_json(json_format.MessageToDict(entry))
            else:
                click.echo(f"{entry.resource_name}  {describe(from_status(entry.error))}")

    def stored(self, result: StoreResult) -> None:
        """What became of one file; for people only when it was refused."""
        path, error = os.fspath(result.item), result.error  # type: ignore[arg-type]
        if self._json:
            document: dict[str, Any] = {"path": path}
            if result.instance is not None:
                document["instance"] = json_format.MessageToDict(result.instance)
            if error is not None:
                document["error"] = error_document(error)
            _print_json(document)
        elif error is not None:
            click.echo(f"refused {path}: {describe(error)}")

    def deidentified(self, result: DeidentifiedFile) -> None:
        """What became of one file of a stream; for people only when it was refused."""
        if self._json:
            document: dict[str, Any] = {"path": str(result.source)}
            if result.refused is not None:
                document["error"] = error_document(result.refused)
            else:
                document["output"] = str(result.output)
            _print_json(document)
        elif result.refused is not None:
            click.echo(f"refused {result.source}: {describe(result.refused)}")

    def previewed(self, result: Preview) -> None:
        """What would become of one instance, as JSON."""
        document: dict[str, Any] = {"item": os.fspath(result.item)}  # type: ignore[arg-type]
        if result.refused is not None:
            document["error"] = error_document(result.refused)
        if result.instance is not None:
            document["instance"] = json_format.MessageToDict(result.instance)
            document["planFingerprint"] = result.plan_fingerprint
            document["elements"] = [json_format.MessageToDict(element) for element in result.elements]
        _print_json(document)

    def written(self, path: Path) -> None:
        """A file that a download wrote; for people the count alone is enough."""
        if self._json:
            _print_json({"path": str(path)})

    def sentence(self, text: str) -> None:
        """A closing line for people."""
        if not self._json:
            click.echo(text)

    def ended(self, operation: Operation) -> None:
        """An operation that ended well; for people its counters, and the refused ones by reason."""
        if self._json:
            _print_json(json_format.MessageToDict(operation.proto))
            return
        metadata = operation.metadata
        click.echo(f"{metadata.counter.success} de-identified, {metadata.counter.failure} refused")
        for reason, count in sorted(metadata.failure_reasons.items(), key=lambda item: (-item[1], item[0])):
            click.echo(f"  {reason}: {count}")
        for remark in metadata.notes:
            note(remark)
        if not metadata.counter.success and not metadata.counter.failure:
            note("there was nothing to de-identify: the source is empty, or the filter names nothing that is in it")
        if metadata.counter.failure:
            note(f"effacer operations errors {operation.name}")


def error_document(error: EffacerError) -> dict[str, Any]:
    """An error for scripts."""
    document: dict[str, Any] = {
        "code": error.code, "message": error.message, "reason": error.reason, "metadata": error.metadata
    }  # fmt: skip
    if error.violations:
        document["violations"] = [{"field": path, "description": what} for path, what in error.violations]
    return document


def describe(error: EffacerError) -> str:
    """An error in one line: the wrong fields by path, or the message, with the reason where it says more."""
    if error.violations:
        return "; ".join(f"{path}: {what}" if path else what for path, what in error.violations)
    text = " ".join(str(error).split())
    return text if not error.reason or error.reason in text else f"{text} ({error.reason})"


def note(text: str) -> None:
    """A remark for people, on stderr."""
    click.echo(text, err=True)


@contextlib.contextmanager
def upload_bar(files: Sequence[Path]) -> Iterator[Callable[[UploadProgress], None] | None]:
    """Bytes and counts of an upload."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TextColumn("{task.fields[counts]}"))
    with _bar(*columns) as bar:
        if bar is None:
            yield None
            return
        task = bar.add_task("", total=sum(map(_size, files)), counts="")

        def show(now: UploadProgress) -> None:
            counts = f"{now.instances}/{len(files)} sent, {now.refused} refused"
            bar.update(task, completed=now.bytes, counts=counts)

        yield show


@contextlib.contextmanager
def download_bar() -> Iterator[Callable[[instance_pb2.Instance, Path], None] | None]:
    """Bytes and counts of a download, whose size is not known beforehand."""
    columns = (SpinnerColumn(), DownloadColumn(), TransferSpeedColumn(), TextColumn("{task.fields[count]} written"))
    with _bar(*columns) as bar:
        if bar is None:
            yield None
            return
        task = bar.add_task("", total=_TOTAL_UNKNOWN, count=0)

        def show(instance: instance_pb2.Instance, path: Path) -> None:
            count = bar.tasks[0].fields["count"] + 1
            bar.update(task, advance=_size(path), count=count)

        yield show


@contextlib.contextmanager
def file_bar() -> Iterator[Callable[[int, int], None] | None]:
    """Number of files that are done, and of all."""
    with _bar(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()) as bar:
        if bar is None:
            yield None
            return
        task = bar.add_task("", total=_TOTAL_UNKNOWN)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextlib.contextmanager
def operation_bar() -> Iterator[Callable[[operation_metadata_pb2.OperationMetadata], None]]:
    """Counters of an operation."""
    with _bar(BarColumn(), TextColumn("{task.fields[counts]}"), TimeElapsedColumn()) as bar:
        if bar is None:
            yield lambda metadata: None
            return
        task = bar.add_task("", total=_TOTAL_UNKNOWN, counts="")

        def show(metadata: operation_metadata_pb2.OperationMetadata) -> None:
            counter = metadata.counter
            ended = counter.success + counter.failure
            bar.update(task, completed=ended, total=ended + counter.pending or None, counts=_counts(counter))

        yield show


@contextlib.contextmanager
def _bar(*columns: ProgressColumn) -> Iterator[Progress | None]:
    """A progress bar on stderr; None when that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with Progress(*columns, console=console, transient=True) as progress:
        yield progress


def _counts(counter: operation_metadata_pb2.ProgressCounter) -> str:
    return f"{counter.success} done, {counter.failure} refused, {counter.pending} pending"


def _state(operation: operations_pb2.Operation) -> str:
    if not operation.done:
        return "running"
    return from_status(operation.error).code if operation.HasField("error") else "done"


def _size(path: Path) -> int:
    """Length of a file in bytes; 0 for one that cannot be looked at, which is reported when it is read."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, ensure_ascii=False))


def _lines(document: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """`path: value` for every leaf of a JSON document."""
    for key, value in document.items():
        if isinstance(value, dict):
            yield from _lines(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}: {json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value}"
