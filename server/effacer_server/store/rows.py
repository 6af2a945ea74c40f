"""The catalog's rows, as its port `catalog.py` takes and gives them.

Times are seconds since 1970-01-01 UTC. Rows that hold values of elements show none of them in their `repr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

Row_co = TypeVar("Row_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row_co]):
    """One page of a listing; an empty `next_page_token` says that it was the last."""

    rows: tuple[Row_co, ...]
    next_page_token: str = ""


# Resources -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset.

    Attributes:
        name: projects/{p}/locations/{l}/datasets/{d}.
        uid: random hex given by the creator; another dataset of the same name, later, has another uid.
        body: the proto as JSON text, never read here.
        create_time: set by the catalog.
    """

    name: str
    uid: str
    body: str
    create_time: float = 0.0


@dataclass(frozen=True, slots=True)
class DicomStore:
    """A DICOM store.

    Attributes:
        name: {dataset}/dicomStores/{s}.
        dataset: name of its dataset.
        uid: random hex given by the creator; the keys of its objects start with it.
        body: the proto as JSON text, never read here.
        labels: the proto's labels again, so that a listing can filter on them.
        create_time: set by the catalog.
    """

    name: str
    dataset: str
    uid: str
    body: str
    labels: Mapping[str, str] = field(default_factory=dict)
    create_time: float = 0.0


@dataclass(frozen=True, slots=True)
class Metrics:
    """How much one DICOM store holds; `size_bytes` is the sum over its instances' files."""

    studies: int
    series: int
    instances: int
    size_bytes: int


# Instances -----------------------------------------------------------------------------------------------------------


class Kind(StrEnum):
    """How a query value is compared. Source: PS3.4 §C.2.2.2."""

    TEXT = "TEXT"  # exact, or with * and ?
    NAME = "NAME"  # the same, regardless of case
    DATE = "DATE"  # exact, or a range a-b, a-, -b
    TIME = "TIME"  # the same; "1030" stands for the whole minute
    UID = "UID"  # one, or a list separated by backslash or comma


#: Query columns of an instance, by the keyword of their attribute in snake case. The attributes every QIDO-RS server
#: matches, and the usual extras. Source: PS3.18 §10.6.1.2.3 (tables 10.6.1-5 and following).
QUERY_COLUMNS: Mapping[str, Kind] = {
    "study": Kind.UID,
    "series": Kind.UID,
    "instance": Kind.UID,
    "sop_class": Kind.UID,
    "patient_id": Kind.TEXT,
    "patient_name": Kind.NAME,
    "patient_birth_date": Kind.DATE,
    "study_date": Kind.DATE,
    "study_time": Kind.TIME,
    "accession_number": Kind.TEXT,
    "study_id": Kind.TEXT,
    "study_description": Kind.TEXT,
    "referring_physician_name": Kind.NAME,
    "modality": Kind.TEXT,
    "series_number": Kind.TEXT,
    "series_date": Kind.DATE,
    "series_time": Kind.TIME,
    "series_description": Kind.TEXT,
    "performed_procedure_step_start_date": Kind.DATE,
    "performed_procedure_step_start_time": Kind.TIME,
    "instance_number": Kind.TEXT,
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Instance:
    """A stored instance: where its bytes are, and what can be asked about it.

    Attributes:
        store_uid: uid of its DICOM store.
        study: Study Instance UID.
        series: Series Instance UID.
        instance: SOP Instance UID.
        key: key of its object; no two rows share one.
        size: bytes of the object.
        sop_class: SOP Class UID.
        transfer_syntax: transfer syntax UID of the object as stored.
        header: DICOM JSON object of the attributes that answers to queries show.
        operation: name of the operation that wrote it, or "".
        create_time: set by the catalog.
        id: set by the catalog; grows in the order in which the instances of one store became visible.

    The others are query columns (see QUERY_COLUMNS): the attribute's first value as text, "" when absent.
    """

    store_uid: str
    study: str
    series: str
    instance: str
    key: str
    size: int
    sop_class: str
    transfer_syntax: str
    header: str = "{}"
    operation: str = ""
    patient_id: str = ""
    patient_name: str = ""
    patient_birth_date: str = ""
    study_date: str = ""
    study_time: str = ""
    accession_number: str = ""
    study_id: str = ""
    study_description: str = ""
    referring_physician_name: str = ""
    modality: str = ""
    series_number: str = ""
    series_date: str = ""
    series_time: str = ""
    series_description: str = ""
    performed_procedure_step_start_date: str = ""
    performed_procedure_step_start_time: str = ""
    instance_number: str = ""
    create_time: float = 0.0
    id: int = 0

    def __repr__(self) -> str:
        return f"Instance(id={self.id}, store_uid={self.store_uid!r}, size={self.size})"


class Outcome(StrEnum):
    """What became of one row of an insertion."""

    INSERTED = "INSERTED"
    SAME = "SAME"  # the row was there already with the same key: a retry
    CONFLICT = "CONFLICT"  # the UIDs are taken by an object under another key, or the key by other UIDs


@dataclass(frozen=True, slots=True, repr=False)
class StudyRow:
    """A study found by a search.

    Attributes:
        study: Study Instance UID.
        header: DICOM JSON of the study's oldest instance.
        modalities: ModalitiesInStudy, ascending, without empty ones.
        series: NumberOfStudyRelatedSeries.
        instances: NumberOfStudyRelatedInstances.
    """

    study: str
    header: str
    modalities: tuple[str, ...]
    series: int
    instances: int

    def __repr__(self) -> str:
        return f"StudyRow(series={self.series}, instances={self.instances})"


@dataclass(frozen=True, slots=True, repr=False)
class SeriesRow:
    """A series found by a search.

    Attributes:
        study: Study Instance UID.
        series: Series Instance UID.
        header: DICOM JSON of the series' oldest instance.
        instances: NumberOfSeriesRelatedInstances.
    """

    study: str
    series: str
    header: str
    instances: int

    def __repr__(self) -> str:
        return f"SeriesRow(instances={self.instances})"


@dataclass(frozen=True, slots=True)
class Deletion:
    """Objects whose rows are gone and whose bytes are still to be deleted: one key, or all below a prefix."""

    id: int
    key: str
    prefix: bool


# Operations ----------------------------------------------------------------------------------------------------------


class OperationState(StrEnum):
    """Life of an operation; it only moves forward."""

    PLANNING = "PLANNING"  # shards are being written
    RUNNING = "RUNNING"  # all shards exist
    DONE = "DONE"


class ShardState(StrEnum):
    """Life of a shard: PENDING <-> RUNNING -> DONE."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A long-running operation.

    Attributes:
        name: projects/*/locations/*/datasets/*/operations/{id}.
        dataset: name of the dataset it belongs to.
        kind: the method's name.
        request: whatever is needed to run it again; never read here. Not in the repr: it may hold keys.
        fingerprint: of the plan, or "".
        notes: remarks for people.
        total: instances selected when it was created; set by the catalog.
        result_code: google.rpc.Code; 0 is success.
        result_message: the status message. result: the serialised response.
        create_time, end_time: set by the catalog; end_time is None until it is done.
    """

    name: str
    dataset: str
    kind: str
    request: bytes = field(default=b"", repr=False)
    fingerprint: str = ""
    notes: tuple[str, ...] = ()
    state: OperationState = OperationState.PLANNING
    cancel_requested: bool = False
    total: int = 0
    result_code: int = 0
    result_message: str = ""
    result: bytes = field(default=b"", repr=False)
    create_time: float = 0.0
    end_time: float | None = None

    @property
    def done(self) -> bool:
        return self.state == OperationState.DONE


@dataclass(frozen=True, slots=True, repr=False)
class Selection:
    """One line of an operation's filter: a study, a series of it or an instance of that; "" stands for all below."""

    study: str
    series: str = ""
    instance: str = ""

    def __repr__(self) -> str:
        return "Selection(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A run of one source store's instances, by id, that one worker handles at a time.

    Attributes:
        first_id: id of its first instance. last_id: of its last, inclusive.
        instances: selected instances at planning time. bytes: the sum of their sizes.
        attempts: how often it has been claimed and not handed back.
        lease_until: until when `worker` holds it.
        success, failure: instances; set once, when it is done.
    """

    operation: str
    number: int
    source_store_uid: str
    destination_store_uid: str
    first_id: int
    last_id: int
    instances: int
    bytes: int
    state: ShardState = ShardState.PENDING
    attempts: int = 0
    lease_until: float = 0.0
    worker: str = ""
    success: int = 0
    failure: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class SourceInstance:
    """What a worker needs of an instance in order to read it."""

    id: int
    study: str
    series: str
    instance: str
    key: str
    size: int

    def __repr__(self) -> str:
        return f"SourceInstance(id={self.id}, size={self.size})"


@dataclass(frozen=True, slots=True, repr=False)
class Written:
    """A de-identified instance whose bytes are durable, and the resource name of what it was made from."""

    source: str
    row: Instance

    def __repr__(self) -> str:
        return f"Written({self.row!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceError:
    """An instance that was not written.

    Attributes:
        source: its full resource name.
        reason: name of an errors.Reason.
        tag: 0xGGGGEEEE or None. vr: two letters or "". position: byte offset in the file or None.
        time: 0 is replaced by the time of the insertion.
    """

    source: str = field(repr=False)
    reason: str
    tag: int | None = None
    vr: str = ""
    position: int | None = None
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class Completion:
    """What `complete_shard` did.

    Attributes:
        success: instances of the shard that are in the destination. failure: that are not.
        orphans: keys of objects that no row refers to because their UIDs were taken: the caller deletes them.
        repeated: the shard was done already; nothing was changed.
    """

    success: int
    failure: int
    orphans: tuple[str, ...] = ()
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Counters:
    """Progress of an operation, in instances."""

    success: int
    failure: int
    pending: int
