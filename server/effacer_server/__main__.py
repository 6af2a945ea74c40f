"""`effacer-server`: serve, or de-identify a folder without any server."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from effacer_server.engine.instance import Deidentifier, Limits
from effacer_server.errors import EffacerError, InvalidConfig
from effacer_server.jobs.folder import FolderReport, FolderRun, list_files
from effacer_server.jobs.keys import Keyring, for_operation, load_keys
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.documents import parse_config
from effacer_server.policy.plan import Plan
from effacer_server.policy.text import check_info_types, text_keys
from effacer_server.settings import Settings, from_environment

Command = TypeVar("Command", bound=Callable[..., Any])

FAILED = 1
BAD_CONFIG = 2
SOME_REFUSED = 3

#: How `_report_json` begins.
_REPORT_BEGINS = b'{\n "succeeded":'


@click.group()
@click.version_option(package_name="effacer")
def main() -> None:
    """De-identification of DICOM: the service, and its engine over folders."""


def _settings(**given: object) -> Settings:
    try:
        return from_environment(given)
    except InvalidConfig as error:
        raise _wrong_setting(error) from None


def _wrong_setting(error: InvalidConfig) -> click.UsageError:
    """A setting that does not fit, under the names its user knows: the option, where there is one, and the variable."""
    name, what = error.violations[0]
    options = [option.opts[0] for option in click.get_current_context().command.params if option.name == name]
    return click.UsageError(f"{' or '.join([*options, f'EFFACER_{name.upper()}'])}: {what}")


def _shared(command: Command) -> Command:
    """Options that every command which changes instances has."""
    for option in (
        click.option("--data", type=click.Path(path_type=Path), help="Directory of catalog, objects and keys."),
        click.option("--uid-root", help="Root of new UIDs, with its closing dot (2.25.)."),
        click.option(
            "--uid-derivation", type=click.Choice(["hmac", "md5"]), help="New UIDs by key (hmac), or by none (md5)."
        ),
        click.option(
            "--write-method/--no-write-method", default=None, help="Say in each output that it was de-identified."
        ),
    ):
        command = option(command)
    return command


@main.command()
@_shared
@click.option("--grpc-address", help="HOST:PORT to serve gRPC on; port 0 picks a free one (127.0.0.1:50051).")
@click.option("--catalog", help="URL of the catalog (SQLite below --data).")
@click.option("--objects", help="URL of the object store (a folder below --data).")
@click.option("--workers", help="inline, threads:N or processes:N (threads:4).")
@click.option("--bucket", "buckets", multiple=True, metavar="URL=URL", help="A URL prefix that stands for another.")
@click.option("--root", "roots", multiple=True, metavar="URL", help="Where config and filter files may be read from.")
@click.option("--shard-instances", type=int, help="Most instances in one unit of work (64).")
def serve(buckets: tuple[str, ...], roots: tuple[str, ...], **given: object) -> None:
    """Serve the API until told to stop."""
    from effacer_server.app import serve as run  # imported here: folder runs need no transport

    for bucket in buckets:
        if "=" not in bucket:
            raise click.UsageError("--bucket takes URL=URL, for instance gs://my-bucket=file:///srv/my-bucket")
    mapped = dict(bucket.split("=", 1) for bucket in buckets) or None
    try:
        code = run(_settings(buckets=mapped, roots=roots or None, **given))
    except InvalidConfig as error:
        raise _wrong_setting(error) from None
    sys.exit(code)


@main.command()
@click.argument("in_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out_dir", type=click.Path(file_okay=False, path_type=Path))
@_shared
@click.option(
    "--config",
    "config_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="DeidentifyConfig as JSON.",
)
@click.option("--jobs", type=click.IntRange(1, 256), default=2, show_default=True, help="Files done at the same time.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write what became of each input, as JSON.",
)
def deidentify(
    in_dir: Path, out_dir: Path, config_file: Path, jobs: int, report_file: Path | None, **given: object
) -> None:
    """De-identify every file below IN_DIR into OUT_DIR, without a server.

    Exit code 0: all done; 3: some refused (each is listed); 2: bad config; 1: a folder or file cannot be used.
    """
    err = Console(stderr=True, soft_wrap=not sys.stderr.isatty())
    settings = _settings(**given)
    if out_dir.resolve() == in_dir.resolve() or in_dir.resolve() in out_dir.resolve().parents:
        raise click.UsageError("OUT_DIR must not be IN_DIR or lie inside it")
    try:
        if report_file:
            _require_place_for_report(report_file, in_dir, out_dir)
        check_info_types(settings.info_types)
        config = parse_config(config_file.read_bytes())
        plan = compile_config(
            config, stamp=settings.write_method, info_types=settings.info_types, strict_text=settings.strict_text
        )
        keys = for_operation(load_keys(settings), text_keys(config.text, Keyring(settings.keyring).unwrap))
    except EffacerError as error:
        _complain(err, error.message)
        sys.exit(BAD_CONFIG)
    except OSError as error:
        _complain(err, f"{error.filename}: {error.strerror}")
        sys.exit(FAILED)
    report = FolderReport()
    try:
        with report_file.open("w", encoding="utf-8") if report_file else nullcontext() as file:
            try:
                deidentifier = Deidentifier(plan, keys, Limits(settings.max_inflated_bytes))
                run = FolderRun(in_dir, out_dir, deidentifier, report, settings.max_instance_bytes)
                _run(run, list_files(in_dir), jobs, err)
            finally:  # what is done is told even where the rest is not
                if file:
                    file.write(_report_json(report, plan))
    except OSError as error:
        _complain(err, f"{error.filename}: {error.strerror}")
        sys.exit(FAILED)
    except EffacerError as error:
        _complain(err, f"{out_dir}: {error.message}")
        sys.exit(FAILED)
    for note in plan.notes:
        err.print(f"note: {note}", markup=False, highlight=False)
    _show(report, err)
    sys.exit(SOME_REFUSED if report.refused else 0)


def _require_place_for_report(report: Path, in_dir: Path, out_dir: Path) -> None:
    """Refuses a place where the report would take that of an input, an output, the config or any other file."""
    place = Path(os.path.realpath(report))  # Path.resolve raises where links go round in a circle
    if in_dir.resolve() in place.parents:
        raise click.UsageError("--report must not lie inside IN_DIR")
    if out_dir.resolve() in place.parents and place.suffix == ".dcm":
        raise click.UsageError("--report must not have the place of an instance in OUT_DIR")
    if place.is_file():
        with place.open("rb") as file:
            beginning = file.read(len(_REPORT_BEGINS))
        if beginning not in (b"", _REPORT_BEGINS):
            raise click.UsageError(f"--report would overwrite {report}, which is no report of an earlier run")


def _complain(err: Console, message: str) -> None:
    err.print(f"error: {message}", markup=False, highlight=False)


def _run(run: FolderRun, paths: list[str], jobs: int, err: Console) -> None:
    gc.freeze()  # what was imported stays; walking it again and again cost a tenth of the run
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task("de-identifying", total=len(paths))
        run.run(paths, jobs, lambda done: bar.advance(task, done))


def _report_json(report: FolderReport, plan: Plan) -> str:
    rows = []
    for result in report.results:
        row: dict[str, object] = {"input": result.input}
        if result.output:
            row["output"] = result.output
        else:
            row["reason"] = result.reason
            if result.tag is not None:
                row["tag"] = f"{result.tag:08X}"
            if result.vr:
                row["vr"] = result.vr
            if result.position is not None:
                row["position"] = result.position
        rows.append(row)
    body = {
        "succeeded": report.succeeded,
        "refused": dict(sorted(report.refused.items())),
        "planFingerprint": plan.fingerprint(),
        "notes": list(plan.notes),
        "instances": rows,
    }
    # ASCII: a file name that is no text still has a form in it.
    return json.dumps(body, indent=1) + "\n"


def _show(report: FolderReport, err: Console) -> None:
    refused = [result for result in report.results if result.reason]
    if refused:
        headings = ("refused", "reason", "element", "position")
        table = Table(*(Column(heading, overflow="fold") for heading in headings), box=None)
        for result in refused:
            tag = "" if result.tag is None else f"({result.tag >> 16:04X},{result.tag & 0xFFFF:04X}) {result.vr}"
            shown = Text(os.fsencode(result.input).decode("utf-8", "replace"))
            table.add_row(shown, result.reason, tag, "" if result.position is None else str(result.position))
        err.print(table)
    err.print(f"{report.succeeded} de-identified, {len(refused)} refused", highlight=False)


if __name__ == "__main__":
    main()
