"""The tables of `migrations/`, as names for SQLAlchemy expressions; the migrations are the schema."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import Float, LargeBinary, TableClause, column, table

from effacer_server.store.catalog import QUERY_COLUMNS, Instance, Kind


def _table(name: str, columns: str) -> TableClause:
    types = {"request": LargeBinary, "result": LargeBinary, "create_time": Float, "end_time": Float}
    return table(name, *(column(c, types.get(c)) for c in columns.split()))


def folded(name: str) -> str:
    """The column that holds a name column's value without case."""
    return f"{name}_folded"


NAME_COLUMNS = tuple(name for name, kind in QUERY_COLUMNS.items() if kind is Kind.NAME)

DATASETS = _table("datasets", "name uid body create_time")
STORES = _table("dicom_stores", "name dataset uid body create_time")
LABELS = _table("dicom_store_labels", "store label value")
INSTANCES = _table("instances", " ".join([f.name for f in fields(Instance)] + [folded(name) for name in NAME_COLUMNS]))
DELETIONS = _table("deletions", "id key is_prefix")
OPERATIONS = _table(
    "operations",
    "name dataset kind request fingerprint notes state cancel_requested total result_code result_message result"
    " create_time end_time",
)
FILTERS = _table("operation_filters", "operation study series instance")
SHARDS = _table(
    "shards",
    "operation number source_store_uid destination_store_uid first_id last_id instances bytes state attempts"
    " lease_until worker success failure",
)
ERRORS = _table("operation_errors", "id operation source reason tag vr position time")

ALL_TABLES = (DATASETS, STORES, LABELS, INSTANCES, DELETIONS, OPERATIONS, FILTERS, SHARDS, ERRORS)
