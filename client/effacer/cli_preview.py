"""`effacer explain`, `preview` and `stream`: de-identification that needs no store to write to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from effacer import names, tables, terminal
from effacer.command import EXIT_REFUSED, Command, Session, with_session
from effacer.deidentify import Preview
from effacer.sending import find_files, require_paths

_config = click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path),
    help="JSON file: a DeidentifyConfig, or the body of a whole request.",
)


@click.command(cls=Command)
@_config
@click.option("--text", is_flag=True, help="The plan as text, one rule a line, for comparing.")
@with_session
def explain(session: Session, config: Path, text: bool) -> None:
    """Says what a config means: every rule in the order in which they decide, and where it comes from.

    Whatever is wrong with the config is said with its path; then the exit code is 2.
    """
    answer = session.client.explain(config)
    if session.as_json:
        session.out.resource(answer)
    elif text:
        click.echo(answer.text, nl=False)
    else:
        tables.plan(answer)


@click.command(cls=Command)
@click.argument("what", metavar="FILE|INSTANCE...", nargs=-1, required=True)
@_config
@click.option("--kept", is_flag=True, help="List elements that stay as they are, too.")
@click.option("--show-values", is_flag=True, help="Show the values in your own files as they are now.")
@with_session
@click.pass_context
def preview(
    ctx: click.Context, session: Session, what: tuple[str, ...], config: Path, kept: bool, show_values: bool
) -> None:
    """Shows what would become of each element of files, or of stored instances given by their names.

    Nothing is written. The exit code is 3 when an instance would be refused.
    """
    if show_values and any(map(_is_name, what)):
        raise click.UsageError(
            "--show-values is for files: who may ask for a preview of stored instances need not be allowed to see what "
            "is in them."
        )
    require_paths([one for one in what if not _is_name(one)])
    refused = 0
    for result in _previews(session, what, config, kept, show_values):
        refused += result.refused is not None
        if session.as_json:
            session.out.previewed(result)
        else:
            tables.preview(result, show_values)
    if refused:
        ctx.exit(EXIT_REFUSED)


@click.command(cls=Command)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the outputs: STUDY/SERIES/INSTANCE.dcm by their new UIDs.",
)
@_config
@with_session
@click.pass_context
def stream(ctx: click.Context, session: Session, paths: tuple[Path, ...], out: Path, config: Path) -> None:
    """De-identifies files, and all files below folders, through the server, which keeps nothing of them.

    The exit code is 3 when files were refused; each is listed with its reason.
    """
    counts = {"de-identified": 0, "refused": 0}

    def accepted(plan: Any) -> None:
        for remark in plan.notes:
            terminal.note(remark)

    with terminal.file_bar() as progress:
        for result in session.client.deidentify_files(paths, out, config, accepted=accepted, progress=progress):
            counts["de-identified" if result.refused is None else "refused"] += 1
            session.out.deidentified(result)
    session.out.sentence(", ".join(f"{count} {what}" for what, count in counts.items()))
    if counts["refused"]:
        ctx.exit(EXIT_REFUSED)


def _previews(session: Session, what: Iterable[str], config: Path, kept: bool, show_values: bool) -> Iterator[Preview]:
    """Previews in the order they were asked for."""
    for stored, group in groupby(what, _is_name):
        if stored:
            yield from session.client.preview(list(group), config, include_kept=kept)
        else:
            files = find_files(group)
            yield from session.client.preview_files(files, config, include_kept=kept, show_values=show_values)


def _is_name(text: str) -> bool:
    return names.kind_of(text) == "instance"
