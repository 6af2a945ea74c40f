"""The catalog in SQL: SQLite by default, PostgreSQL to share, one text for both.

One file for each concern: `sql_database` (connections, transactions, migrations), `sql_tables`, `sql_resources`,
`sql_instances`, `sql_search`, `sql_operations`, `sql_shards`.
"""

from __future__ import annotations

import time

from effacer_server.store.catalog import Catalog
from effacer_server.store.sql_database import Clock
from effacer_server.store.sql_search import Search
from effacer_server.store.sql_shards import Shards


class SqlCatalog(Search, Shards):
    """`Catalog` on SQLAlchemy Core."""


def open_catalog(url: str, clock: Clock = time.time) -> Catalog:
    """Opens a catalog and brings its schema up to date.

    Args:
        url: sqlite:///path (the file and its directory are made when absent) or postgresql+psycopg://….
        clock: seconds since the epoch; decides create times and leases.

    Raises:
        InvalidConfig: at field "url".
        EffacerError: "SCHEMA_TOO_NEW" when a newer program has migrated the database.
        Unavailable: the database cannot be reached.
    """
    return SqlCatalog(url, clock)
