"""Connections, transactions, errors and migrations: what every concern of the SQL catalog stands on.

SQLite: WAL, synchronous=FULL (a commit is on the disk), one writer at a time by a lock in this process and BEGIN
IMMEDIATE between processes, readers beside it. PostgreSQL: READ COMMITTED and explicit locks where a statement alone
is not enough. No error carries a parameter of a statement: those are values of elements.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from effacer_server.errors import EffacerError, InvalidConfig, ResourceExhausted, Unavailable

Clock = Callable[[], float]
Item = TypeVar("Item")

_MIGRATION = re.compile(r"(\d{4})_\w+\.sql\Z")
_TYPES = {
    "sqlite": {"{id}": "INTEGER PRIMARY KEY AUTOINCREMENT", "{text}": "TEXT", "{bytes}": "BLOB"},
    "postgresql": {
        "{id}": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "{text}": 'TEXT COLLATE "C"',
        "{bytes}": "BYTEA",
    },
}
_PRAGMAS = (
    "busy_timeout=30000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",  # deleted rows held patient data: overwrite them
)
#: RPC threads, workers, and some air; connections are opened as they are needed.
_POOL = {"pool_size": 16, "max_overflow": 64, "pool_timeout": 30}
#: Key of the advisory lock under which one process at a time migrates a PostgreSQL database.
_MIGRATION_LOCK = 0x0EFFACE0


class Database:
    """A database with the schema of `migrations/` applied. Threads share it.

    Args:
        url: sqlite:///path or postgresql+psycopg://….
        clock: seconds since the epoch.

    Raises:
        InvalidConfig: at field "url".
        EffacerError: "SCHEMA_TOO_NEW" when a newer program has migrated the database.
    """

    def __init__(self, url: str, clock: Clock = time.time) -> None:
        self._clock = clock
        self._engine = _open_engine(url)
        self._sqlite = self._engine.dialect.name == "sqlite"
        self._write_lock = threading.Lock() if self._sqlite else contextlib.nullcontext()
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._engine.dispose()

    @contextlib.contextmanager
    def _read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        with _errors(), self._engine.connect() as connection:
            if not self._sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def _write(self) -> Iterator[Connection]:
        """A transaction that is on the disk when the context is left, or undone when it is left by an error."""
        with _errors(), self._write_lock, self._engine.connect() as connection:
            connection.execution_options(effacer_write=True)
            with connection.begin():
                yield connection

    def _lock(self, connection: Connection, *names: str) -> None:
        """Keeps other writers that lock one of these names waiting until the transaction ends.

        Nothing to do on SQLite, where there is one writer. Names are taken in order, so that two callers with the
        same names do not wait for each other.
        """
        if not self._sqlite:
            for key in sorted(
                {int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True) for name in names}
            ):
                connection.execute(select(func.pg_advisory_xact_lock(key)))

    def _migrate(self) -> None:
        known = dict(_migrations())
        with self._write() as connection:
            if not self._sqlite:
                connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            connection.execute(
                text("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_time BIGINT)")
            )
            applied = connection.execute(text("SELECT coalesce(max(version), 0) FROM schema_version")).scalar_one()
            if applied > max(known):
                raise EffacerError(
                    "SCHEMA_TOO_NEW", f"the catalog has schema {applied}, this program knows {max(known)}"
                )
            for version in range(applied + 1, max(known) + 1):
                for statement in _statements(known[version], self._engine.dialect.name):
                    connection.exec_driver_sql(statement)
                connection.execute(
                    text("INSERT INTO schema_version VALUES (:version, :time)"),
                    {"version": version, "time": int(self._clock())},
                )


def _open_engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _open_sqlite(parsed)
        if parsed.get_backend_name() == "postgresql":
            return create_engine(parsed, hide_parameters=True, pool_pre_ping=True, **_POOL)
    except (ArgumentError, NoSuchModuleError):
        pass
    except ImportError as error:
        raise InvalidConfig("url", f"the database driver is not installed ({error.name})") from None
    raise InvalidConfig("url", "must be sqlite:///path or postgresql+psycopg://…")


def _open_sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise InvalidConfig("url", "a SQLite catalog is a file")
    # Made here because SQLite would make it readable for everybody; its -wal and -shm take over the mode.
    try:
        os.makedirs(os.path.dirname(os.path.abspath(url.database)), 0o700, exist_ok=True)
        os.close(os.open(url.database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise InvalidConfig("url", f"the catalog's file cannot be opened ({type(error).__name__})") from None
    engine = create_engine(url, hide_parameters=True, connect_args={"check_same_thread": False}, **_POOL)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver would begin transactions on its own, and DEFERRED ones
        connection.create_function("casefold", 1, lambda value: str(value).casefold(), deterministic=True)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("effacer_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Turns SQLAlchemy's errors into the server's; the cause is dropped because it may quote a row."""
    try:
        yield
    except PoolTimeout:
        raise Unavailable("CATALOG", "no database connection became free in time") from None
    except DBAPIError as error:
        kind = type(error.orig).__name__
        # The name of SQLite's result code; PostgreSQL's SQLSTATE.
        code = str(getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or "")
        if code in ("SQLITE_FULL", "53100"):
            raise ResourceExhausted("DISK_FULL", "no space left for the catalog") from None
        busy = code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) if code.startswith("SQLITE") else True
        if error.connection_invalidated or (isinstance(error, OperationalError) and busy):
            raise Unavailable("CATALOG", f"the catalog is not available ({kind})") from None
        raise EffacerError("CATALOG", f"the catalog failed ({kind} {code})", kind=kind, code=code or None) from None
    except (SQLAlchemyError, UnicodeError) as error:
        kind = type(error).__name__
        raise EffacerError("CATALOG", f"the catalog failed ({kind})", kind=kind) from None


def _migrations() -> Iterator[tuple[int, str]]:
    for file in (resources.files("effacer_server.store") / "migrations").iterdir():
        match = _MIGRATION.match(file.name)
        if match:
            yield int(match[1]), file.read_text("utf-8")


def _statements(script: str, dialect: str) -> Iterator[str]:
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    for statement in "\n".join(lines).split(";\n"):
        for name, replacement in _TYPES[dialect].items():
            statement = statement.replace(name, replacement)
        if statement.strip(" \n;"):
            yield statement.strip(" \n;")


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


# Page tokens: the position behind the last row, and a digest of it and of the listing, so that a token of another
# listing, or one that was cut, is noticed and not taken for a place in this one.


def write_token(position: str, *listing: object) -> str:
    """The token of the page that starts behind `position` in the listing described by `listing`."""
    digest = hashlib.sha256(json.dumps([position, *listing]).encode()).digest()[:8]
    return base64.urlsafe_b64encode(digest + position.encode()).decode().rstrip("=")


def read_token(token: str, *listing: object) -> str:
    """The position in a token; "" for the first page.

    Raises:
        InvalidConfig: at "page_token", when it was not made for this listing.
    """
    if not token:
        return ""
    with contextlib.suppress(binascii.Error, ValueError):
        position = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)[8:].decode()
        if token == write_token(position, *listing):
            return position
    raise InvalidConfig("page_token", "is not a token of this listing", reason="INVALID_PAGE_TOKEN")
