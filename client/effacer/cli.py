"""The `effacer` command: what the client does, from a terminal or a script.

Exit codes: 0 all went well; 1 an error; 2 a wrong config or argument; 3 some instances were refused; 130 interrupted.
Results go to stdout, with `--json` as one JSON document a line; progress and errors go to stderr, with `--json` an
error as `{"error": …}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from effacer import __version__, cli_preview, names, terminal
from effacer.client import Client
from effacer.command import EXIT_INTERRUPTED, EXIT_REFUSED, Commands, Session, with_session
from effacer.errors import EffacerError
from effacer.operation import Operation
from effacer.sending import find_files


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--server",
    envvar="EFFACER_SERVER",
    default="127.0.0.1:50051",
    show_default=True,
    help="HOST:PORT of the server. Also EFFACER_SERVER.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one document a line, errors too.")
@click.version_option(__version__)
@click.pass_context
def main(ctx: click.Context, server: str, as_json: bool) -> None:
    """De-identifies DICOM on an Effacer server.

    Names are full resource names: projects/P/locations/L/datasets/D, and with /dicomStores/S behind it for a store.
    """
    ctx.obj = Session(ctx.with_resource(Client(server)), as_json)


@main.group()
def datasets() -> None:
    """Data sets."""


@datasets.command("create")
@click.argument("name")
@click.option("--time-zone", default="", help="IANA name for times without a zone.")
@with_session
def create_dataset(session: Session, name: str, time_zone: str) -> None:
    """Creates the data set NAME."""
    names.require(name, "dataset", field="NAME")
    session.out.resource(session.client.create_dataset(name, time_zone=time_zone).result())


@datasets.command("get")
@click.argument("name")
@with_session
def get_dataset(session: Session, name: str) -> None:
    """Shows the data set NAME."""
    session.out.resource(session.client.get_dataset(name))


@datasets.command("list")
@click.argument("parent", metavar="LOCATION")
@with_session
def list_datasets(session: Session, parent: str) -> None:
    """Lists the data sets of a LOCATION (projects/P/locations/L)."""
    session.out.names(session.client.list_datasets(parent))


@datasets.command("delete")
@click.argument("name")
@with_session
def delete_dataset(session: Session, name: str) -> None:
    """Deletes the data set NAME with all its stores. There is no way back."""
    names.require(name, "dataset", field="NAME")
    session.client.delete_dataset(name)


@main.group()
def stores() -> None:
    """DICOM stores."""


@stores.command("create")
@click.argument("name")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="A mark to find it by; may be repeated.")
@with_session
def create_store(session: Session, name: str, labels: tuple[str, ...]) -> None:
    """Creates the empty store NAME."""
    names.require(name, "store", field="NAME")
    session.out.resource(session.client.create_dicom_store(name, labels=_labels(labels)))


@stores.command("get")
@click.argument("name")
@with_session
def get_store(session: Session, name: str) -> None:
    """Shows the store NAME."""
    session.out.resource(session.client.get_dicom_store(name))


@stores.command("metrics")
@click.argument("name")
@with_session
def store_metrics(session: Session, name: str) -> None:
    """Counts what the store NAME holds."""
    session.out.resource(session.client.get_dicom_store_metrics(name))


@stores.command("list")
@click.argument("parent", metavar="DATASET")
@click.option("--label", "labels", multiple=True, metavar="KEY[=VALUE]", help="Only stores with it; may be repeated.")
@with_session
def list_stores(session: Session, parent: str, labels: tuple[str, ...]) -> None:
    """Lists the stores of a DATASET."""
    conditions = [f"labels.{label}" if "=" in label else f"labels.{label}:*" for label in labels]
    session.out.names(session.client.list_dicom_stores(parent, filter=" AND ".join(conditions)))


@stores.command("delete")
@click.argument("name")
@with_session
def delete_store(session: Session, name: str) -> None:
    """Deletes the store NAME with all its instances. There is no way back."""
    names.require(name, "store", field="NAME")
    session.client.delete_dicom_store(name)


@main.command()
@click.argument("store", metavar="STORE")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@with_session
@click.pass_context
def store(ctx: click.Context, session: Session, store: str, paths: tuple[Path, ...]) -> None:
    """Uploads files, and all files below folders, to a STORE.

    What the server refuses is listed with the reason, files that are no DICOM among them; then the exit code is 3.
    """
    names.require(store, "store", "study", field="STORE")
    files = list(find_files(paths))
    counts = {"stored": 0, "refused": 0}
    with terminal.upload_bar(files) as progress:
        for result in session.client.store_instances(store, files, progress=progress):
            counts["stored" if result.error is None else "refused"] += 1
            session.out.stored(result)
    session.out.sentence(f"{counts['stored']} stored, {counts['refused']} refused")
    if counts["refused"]:
        ctx.exit(EXIT_REFUSED)


@main.command()
@click.argument("name", metavar="NAME...", nargs=-1, required=True)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@with_session
def retrieve(session: Session, name: tuple[str, ...], directory: Path) -> None:
    """Writes instances to DIRECTORY as STUDY/SERIES/INSTANCE.dcm.

    NAME is a store, a study, a series or an instance; several may be given.
    """
    for one in name:
        names.require(one, "store", "study", "series", "instance", field="NAME")
    count = 0
    with terminal.download_bar() as written:
        for one in name:
            for path in session.client.retrieve(one, directory, progress=written):
                count += 1
                session.out.written(path)
    session.out.sentence(f"{count} written to {directory}")


@main.command()
@click.argument("source", metavar="SOURCE")
@click.argument("destination", metavar="DEST")
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path),
    help="JSON file: a DeidentifyConfig, or the body of a whole request.",
)
@click.option(
    "--filter",
    "filter_file",
    metavar="URI|FILE",
    help="File of resource paths, one a line: only these. The server reads it, a local one too, and must be let.",
)
@click.option("--no-wait", is_flag=True, help="Only start it, and print the operation's name.")
@with_session
@click.pass_context
def deidentify(
    ctx: click.Context,
    session: Session,
    source: str,
    destination: str,
    config: Path,
    filter_file: str | None,
    no_wait: bool,
) -> None:
    """De-identifies SOURCE into DEST: two stores, or two data sets.

    Waits for the end. Ctrl-C stops only the waiting; the operation goes on. The exit code is 3 when instances were
    refused, which `effacer operations errors` lists, and 2 when the config is wrong.
    """
    kind = names.require(source, "dataset", "store", field="SOURCE")
    if names.kind_of(destination) != kind:
        raise click.UsageError("SOURCE and DEST must be the names of two stores or of two data sets.")
    if kind == "dataset" and filter_file is not None:
        raise click.UsageError("--filter works on stores only; a data set is de-identified whole.")
    if kind == "dataset":
        operation = session.client.deidentify_dataset(source, destination, config)
    else:
        uri = None if filter_file is None else _filter_uri(filter_file)
        operation = session.client.deidentify_dicom_store(source, destination, config, filter=uri)
    if no_wait:
        session.out.operation_name(operation.name)
        return
    _wait(ctx, session, operation)


for command in (cli_preview.explain, cli_preview.preview, cli_preview.stream):
    main.add_command(command)


@main.group()
def operations() -> None:
    """Long-running operations."""


@operations.command("list")
@click.argument("parent", metavar="DATASET")
@with_session
def list_operations(session: Session, parent: str) -> None:
    """Lists the operations of a DATASET."""
    session.out.operations(session.client.list_operations(parent))


@operations.command("get")
@click.argument("name")
@with_session
def get_operation(session: Session, name: str) -> None:
    """Shows the operation NAME."""
    session.out.resource(session.client.operation(name).proto)


@operations.command("cancel")
@click.argument("name")
@with_session
def cancel_operation(session: Session, name: str) -> None:
    """Asks the server to stop the operation NAME."""
    session.client.cancel_operation(name)


@operations.command("errors")
@click.argument("name")
@click.option("--reason", default="", help="Only this reason, for instance TRUNCATED.")
@with_session
def operation_errors(session: Session, name: str, reason: str) -> None:
    """Lists the instances the operation NAME refused, and why."""
    session.out.log(session.client.operation_errors(name, reason=reason))


def _wait(ctx: click.Context, session: Session, operation: Operation) -> None:
    """Shows progress until the operation ends, then how it ended."""
    try:
        with terminal.operation_bar() as show:
            for metadata in operation:
                show(metadata)
            operation.result()
    except KeyboardInterrupt:
        session.out.operation_name(operation.name)
        terminal.note("the operation goes on; effacer operations get shows it, cancel stops it")
        ctx.exit(EXIT_INTERRUPTED)
    except EffacerError:
        terminal.note(f"operation {operation.name}")
        raise
    session.out.ended(operation)
    if operation.metadata.counter.failure:
        ctx.exit(EXIT_REFUSED)


def _labels(pairs: Iterable[str]) -> dict[str, str]:
    labels = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.BadParameter("must be KEY=VALUE", param_hint="--label")
        labels[key] = value
    return labels


def _filter_uri(text: str) -> str:
    """A URI as it is; the path of a local file as its file:// URI."""
    if "://" in text:
        return text
    path = Path(text)
    if not path.is_file():
        raise click.BadParameter(f"there is no file {text}", param_hint="--filter")
    return path.resolve().as_uri()
