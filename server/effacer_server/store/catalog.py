"""The catalog's port: what may be asked of the rows. Its implementation is `sql.py`; the rows are in `rows.py`.

The catalog keeps names, states and where the bytes are; it never looks into a `body`, a `request` or a blob. Every
method is one transaction (`plan_shards` is several), may be called from any thread, and raises

- `NotFound`, `AlreadyExists`, `PreconditionFailed`, `InvalidConfig("page_token", …)` where its docstring says so,
- `Unavailable("CATALOG")` when the database is busy or unreachable: the same call may succeed later,
- `ResourceExhausted("DISK_FULL")` and `EffacerError("CATALOG")` for the rest.

Page sizes are positive; defaults and caps are the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from effacer_server.store.rows import (
    QUERY_COLUMNS,
    Completion,
    Counters,
    Dataset,
    Deletion,
    DicomStore,
    Instance,
    InstanceError,
    Kind,
    Metrics,
    Operation,
    OperationState,
    Outcome,
    Page,
    Selection,
    SeriesRow,
    Shard,
    ShardState,
    SourceInstance,
    StudyRow,
    Written,
)

__all__ = [
    "QUERY_COLUMNS",
    "Catalog",
    "Completion",
    "Counters",
    "Dataset",
    "Deletion",
    "DicomStore",
    "Instance",
    "InstanceError",
    "Kind",
    "Metrics",
    "Operation",
    "OperationState",
    "Outcome",
    "Page",
    "Selection",
    "SeriesRow",
    "Shard",
    "ShardState",
    "SourceInstance",
    "StudyRow",
    "Written",
]


class Catalog(Protocol):
    """Rows by name."""

    def close(self) -> None:
        """Lets go of all connections; what was committed stays."""
        ...

    # Datasets and DICOM stores

    def create_dataset(self, dataset: Dataset) -> Dataset:
        """Adds it. Raises AlreadyExists."""
        ...

    def get_dataset(self, name: str) -> Dataset:
        """Raises NotFound."""
        ...

    def list_datasets(self, parent: str, page_size: int, page_token: str = "") -> Page[Dataset]:
        """Datasets of projects/{p}/locations/{l}, by name. Raises InvalidConfig on a token of another listing."""
        ...

    def update_dataset(self, name: str, body: str) -> Dataset:
        """Raises NotFound."""
        ...

    def delete_dataset(self, name: str) -> list[str]:
        """Deletes it with its stores, their instances and its operations.

        Returns:
            The uids of its stores: the caller deletes the objects below these prefixes, then calls
            `confirm_deletions`; a crash in between is made good through `list_deletions`.

        Raises:
            NotFound: there is none of that name.
        """
        ...

    def create_store(self, store: DicomStore) -> DicomStore:
        """Adds it. Raises AlreadyExists, or NotFound when its dataset is not there."""
        ...

    def get_store(self, name: str) -> DicomStore:
        """Raises NotFound."""
        ...

    def list_stores(
        self, dataset: str, page_size: int, page_token: str = "", labels: Mapping[str, str] | None = None
    ) -> Page[DicomStore]:
        """Stores of a dataset that carry every one of `labels` (exact pairs), by name. Raises InvalidConfig."""
        ...

    def update_store(self, name: str, body: str, labels: Mapping[str, str]) -> DicomStore:
        """Replaces body and labels. Raises NotFound."""
        ...

    def delete_store(self, name: str) -> list[str]:
        """Deletes it with its instances; returns its uid as delete_dataset does. Raises NotFound."""
        ...

    def metrics(self, store_uid: str) -> Metrics:
        """What the store holds; zeros for an unknown uid."""
        ...

    # Instances

    def insert_instances(self, rows: Sequence[Instance]) -> list[Outcome]:
        """Adds rows in one transaction; their objects must be durable. One outcome per row, in order.

        Raises:
            NotFound: a store of these rows is gone; none was added.
        """
        ...

    def get_instance(self, store_uid: str, study: str, series: str, instance: str) -> Instance:
        """Raises NotFound."""
        ...

    def iterate_instances(self, store_uid: str, study: str = "", series: str = "") -> Iterator[Instance]:
        """Instances by (study, series, instance) UID, read in batches; "" stands for all."""
        ...

    def search_studies(
        self, store_uid: str, matching: Mapping[str, str], limit: int, offset: int = 0, fuzzy: bool = False
    ) -> list[StudyRow]:
        """Studies with an instance that matches, by Study Instance UID.

        Args:
            store_uid: where to look.
            matching: value by query column (QUERY_COLUMNS), by "modalities_in_study", or by the tag of an attribute
                in the header ("00081010", or with its VR "00080021:DA"). Compared as `Kind` says; an empty value
                and a lone "*" match everything. `*` and `?` are the wildcards; `%`, `_` and `[` are themselves.
            limit: at most so many. offset: skip so many.
            fuzzy: each word of a name need only start some word of the stored name.

        Raises:
            InvalidConfig: `matching` names no column and no tag.
        """
        ...

    def search_series(
        self, store_uid: str, matching: Mapping[str, str], limit: int, offset: int = 0, fuzzy: bool = False
    ) -> list[SeriesRow]:
        """Series with an instance that matches, by (study, series) UID; otherwise as search_studies."""
        ...

    def search_instances(
        self, store_uid: str, matching: Mapping[str, str], limit: int, offset: int = 0, fuzzy: bool = False
    ) -> list[Instance]:
        """Instances that match, by (study, series, instance) UID; otherwise as search_studies."""
        ...

    def delete_instances(self, store_uid: str, study: str, series: str = "", instance: str = "") -> list[str]:
        """Deletes a study, series or instance.

        Returns:
            Keys of the objects, which the caller deletes and then confirms (see delete_dataset). Empty: nothing
            was there.
        """
        ...

    def list_deletions(self, limit: int = 1000) -> list[Deletion]:
        """Objects whose rows are gone and that nobody confirmed as deleted; for a server that starts."""
        ...

    def confirm_deletions(self, keys: Iterable[str]) -> None:
        """The objects with these keys, or below these prefixes, are gone."""
        ...

    def max_instance_id(self, store_uid: str) -> int:
        """Highest id in the store, 0 when empty. No row with a smaller id appears there after this call."""
        ...

    # Operations

    def create_operation(
        self,
        operation: Operation,
        *,
        dataset: Dataset | None = None,
        stores: Sequence[DicomStore] = (),
        selections: Iterable[Selection] = (),
        sources: Sequence[tuple[str, int]] = (),
    ) -> Operation:
        """Adds an operation, its filter, and the destination it writes into, all or nothing.

        Args:
            operation: state, total and times are set by the catalog.
            dataset: new destination dataset. stores: new destination stores.
            selections: filter lines, consumed in batches; none selects everything.
            sources: (store uid, highest id) of each source; the selected instances there are counted into `total`.

        Raises:
            AlreadyExists: the operation, the dataset or a store is there.
            NotFound: its dataset, or the dataset of a store, is not.
        """
        ...

    def get_operation(self, name: str) -> Operation:
        """Raises NotFound."""
        ...

    def list_operations(
        self, dataset: str, page_size: int, page_token: str = "", done: bool | None = None
    ) -> Page[Operation]:
        """Operations of a dataset by name; all, or only those that are done or are not. Raises InvalidConfig."""
        ...

    def unfinished_operations(self) -> list[Operation]:
        """Every operation that is not done, oldest first; for a server that starts."""
        ...

    def delete_operation(self, name: str) -> None:
        """Raises NotFound, or PreconditionFailed("OPERATION_RUNNING") when it is not done."""
        ...

    def request_cancel(self, name: str) -> Operation:
        """Marks it: no more shards of it are handed out. Nothing happens to one that is done. Raises NotFound."""
        ...

    def start_operation(self, name: str) -> Operation:
        """PLANNING -> RUNNING, when all shards are planned. Raises NotFound."""
        ...

    def finish_operation(
        self, name: str, code: int = 0, message: str = "", result: bytes = b"", notes: Sequence[str] | None = None
    ) -> Operation:
        """Sets result, end_time and DONE; one that is done already stays as it is. Raises NotFound.

        `notes`, when given, replace the operation's.
        """
        ...

    def counters(self, operation: str) -> Counters:
        """Exact at all times: sums over shards; while it is PLANNING, pending is `total` minus what is done."""
        ...

    def list_errors(
        self, operation: str, page_size: int, page_token: str = "", reason: str = ""
    ) -> Page[InstanceError]:
        """The error log in the order it was written, all of it or one reason. Raises InvalidConfig."""
        ...

    def count_errors(self, operation: str) -> dict[str, int]:
        """Number of errors by reason."""
        ...

    # Shards

    def plan_shards(
        self,
        operation: str,
        source_store_uid: str,
        destination_store_uid: str,
        max_id: int,
        target_instances: int = 64,
        target_bytes: int = 256 << 20,
    ) -> int:
        """Writes the shards for the selected instances of one source store with id <= max_id, in batches.

        Called again after a crash it goes on behind the last shard it wrote; called again after its end it adds none.

        Returns:
            The number of shards added.

        Raises:
            NotFound: no such operation.
        """
        ...

    def claim_shard(self, operation: str, worker: str, lease_s: float) -> Shard | None:
        """Takes a pending shard, or else one whose lease ran out; None when there is none now.

        None too for an operation that is done, gone or to be cancelled. No two callers get the same shard while the
        lease lasts. `worker` must differ between threads.
        """
        ...

    def renew_shard(self, shard: Shard, lease_s: float) -> bool:
        """Extends the lease; False when the shard is no longer the caller's."""
        ...

    def held_shards(self, operation: str) -> list[Shard]:
        """Shards that are claimed under a lease that has not run out, by number."""
        ...

    def release_shard(self, shard: Shard) -> bool:
        """Hands a claimed shard back unfinished, uncounted as an attempt; False when it was not the caller's."""
        ...

    def shard_instances(self, shard: Shard) -> list[SourceInstance]:
        """The selected instances of a shard that are still there, by id."""
        ...

    def complete_shard(self, shard: Shard, rows: Sequence[Written], errors: Sequence[InstanceError]) -> Completion:
        """Adds destination rows and errors, sets the counters and DONE, in one transaction.

        A row that is there with the same key counts as success (a retry). A row whose UIDs are taken by another key
        becomes an error UID_COLLISION. Done twice, the second call changes nothing; nor does a call for an operation
        that is done, whose counters no longer move.

        Raises:
            NotFound: the operation or the destination store is gone; nothing was changed.
        """
        ...

    def list_shards(self, operation: str) -> list[Shard]:
        """All shards by number."""
        ...
