"""What all commands have in common: exit codes, errors in one line or as JSON, and the client they work with."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from effacer import terminal
from effacer.client import Client
from effacer.errors import EffacerError, InvalidArgument, Unavailable, Unimplemented

EXIT_ERROR, EXIT_ARGUMENT, EXIT_REFUSED, EXIT_INTERRUPTED = 1, 2, 3, 130


class Failure(click.ClickException):
    """An error as one line on stderr."""

    exit_code = EXIT_ERROR

    def __init__(self, message: str, document: dict[str, Any] | None = None) -> None:
        """`document`: printed as JSON in place of the message."""
        super().__init__(message)
        self._document = document

    def show(self, file: Any = None) -> None:
        if self._document is not None:
            click.echo(json.dumps({"error": self._document}, ensure_ascii=False), file=file, err=True)
        else:
            click.echo(f"effacer: {self.message}", file=file, err=True)


class WrongArgument(Failure):
    """As Failure, for what the caller has to mend."""

    exit_code = EXIT_ARGUMENT


class Session:
    """What the options of the command itself say, and the client they ask for."""

    def __init__(self, client: Client, as_json: bool) -> None:
        self.client = client
        self.as_json = as_json

    @property
    def out(self) -> terminal.Output:
        """Where results go."""
        return terminal.Output(self.as_json)


with_session: Callable[..., Any] = click.make_pass_decorator(Session)


class Command(click.Command):
    """A command that takes `--json` behind its name as well."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--json"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_set_json,
                help="As effacer --json.",
            )
        )


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


class Commands(Group):
    """The outermost group: turns what commands raise into messages and exit codes."""

    group_class = Group

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EffacerError as error:
            # Config fields this server does not offer are the caller's to mend as well.
            mend = isinstance(error, InvalidArgument) or (isinstance(error, Unimplemented) and error.violations)
            message = terminal.describe(error)
            if isinstance(error, Unavailable):
                message = f"no answer from {ctx.params['server']}: {message}"
            raise (WrongArgument if mend else Failure)(message, _document(ctx, error)) from None
        except click.UsageError as error:
            if not _wants_json(ctx):
                raise
            message = error.format_message()
            raise WrongArgument(message, _document(ctx, InvalidArgument(message, "USAGE"))) from None
        except BrokenPipeError:
            raise  # click ends quietly when nobody reads on
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            message = f"{where}{error.strerror or error}"
            raise Failure(message, _document(ctx, EffacerError(message, "OS"))) from None


def _document(ctx: click.Context, error: EffacerError) -> dict[str, Any] | None:
    """The error for scripts, where JSON is wanted."""
    return terminal.error_document(error) if _wants_json(ctx) else None


def _set_json(ctx: click.Context, option: click.Parameter, value: bool) -> None:
    session = ctx.find_object(Session)
    if value and session is not None:
        session.as_json = True


def _wants_json(ctx: click.Context) -> bool:
    session = ctx.find_object(Session)
    return bool(ctx.params.get("as_json")) if session is None else session.as_json
