"""The contract of the catalog: SQLite always, PostgreSQL where EFFACER_TEST_POSTGRES_URL names a scratch database."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from effacer_server.errors import (
    AlreadyExists,
    EffacerError,
    InvalidConfig,
    NotFound,
    PreconditionFailed,
    Unavailable,
)
from effacer_server.store.catalog import (
    Catalog,
    Counters,
    Dataset,
    DicomStore,
    Instance,
    InstanceError,
    Metrics,
    Operation,
    OperationState,
    Outcome,
    Page,
    Selection,
    Shard,
    ShardState,
    Written,
)
from effacer_server.store.sql import open_catalog
from effacer_server.store.sql_tables import ALL_TABLES

POSTGRES_URL = os.environ.get("EFFACER_TEST_POSTGRES_URL")
LOCATION = "projects/p/locations/l"
DATASET = f"{LOCATION}/datasets/d"
SOURCE = "a1" * 16
TARGET = "b2" * 16


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", *(["postgresql"] if POSTGRES_URL else [])])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/catalog/catalog.db"
        return
    assert POSTGRES_URL is not None
    schema = f"test_{uuid.uuid4().hex}"
    engine = sqlalchemy.create_engine(POSTGRES_URL)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"CREATE SCHEMA {schema}"))
    yield f"{POSTGRES_URL}?options=-csearch_path%3D{schema}"
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def catalog(url: str, clock: Clock) -> Iterator[Catalog]:
    catalog = open_catalog(url, clock)
    yield catalog
    catalog.close()


@pytest.fixture
def stores(catalog: Catalog) -> None:
    """A dataset with a source and a target store."""
    catalog.create_dataset(Dataset(DATASET, "d1", "{}"))
    catalog.create_store(DicomStore(f"{DATASET}/dicomStores/source", DATASET, SOURCE, "{}"))
    catalog.create_store(DicomStore(f"{DATASET}/dicomStores/target", DATASET, TARGET, "{}"))


def instance(number: int, **values: Any) -> Instance:
    """Instance `number` of study number // 4, series number // 2, 100 bytes."""
    defaults: dict[str, Any] = {
        "store_uid": SOURCE,
        "study": f"1.{number // 4}",
        "series": f"1.{number // 4}.{number // 2}",
        "instance": f"1.9.{number}",
        "size": 100,
        "sop_class": "1.2.840.10008.5.1.4.1.1.2",
        "transfer_syntax": "1.2.840.10008.1.2.1",
    }
    merged = {**defaults, **values}
    return Instance(**{"key": f"{merged['store_uid']}/{number}", **merged})


def operation(name: str = "1", **values: Any) -> Operation:
    defaults: dict[str, Any] = {"dataset": DATASET, "kind": "DeidentifyDicomStore"}
    return Operation(name=f"{DATASET}/operations/{name}", **{**defaults, **values})


def planned(catalog: Catalog, count: int, per_shard: int = 2, selections: tuple[Selection, ...] = ()) -> Operation:
    """An operation from SOURCE to TARGET over `count` instances, planned and running."""
    catalog.insert_instances([instance(number) for number in range(count)])
    last = catalog.max_instance_id(SOURCE)
    made = catalog.create_operation(operation(), selections=selections, sources=[(SOURCE, last)])
    catalog.plan_shards(made.name, SOURCE, TARGET, last, target_instances=per_shard)
    return catalog.start_operation(made.name)


def outputs(catalog: Catalog, shard: Shard) -> list[Written]:
    """What a worker makes of a shard: the same UIDs below .8, in the target store."""
    return [
        Written(
            f"{DATASET}/dicomStores/source/dicomWeb/studies/{source.study}/…/{source.instance}",
            instance(source.id, store_uid=TARGET, study=f"{source.study}.8", operation=shard.operation),
        )
        for source in catalog.shard_instances(shard)
    ]


def claim(catalog: Catalog, name: str, worker: str = "w", lease_s: float = 60) -> Shard:
    shard = catalog.claim_shard(name, worker, lease_s)
    assert shard is not None
    return shard


def in_threads(count: int, work: Callable[[int], None]) -> list[BaseException]:
    """Runs work(0), work(1), … at the same time; the errors they raised."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(count)

    def run(index: int) -> None:
        try:
            barrier.wait()
            work(index)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def pages(fetch: Callable[[str], Page[Any]]) -> list[list[Any]]:
    result, token = [], ""
    while True:
        page = fetch(token)
        result.append(list(page.rows))
        token = page.next_page_token
        if not token:
            return result


# Schema --------------------------------------------------------------------------------------------------------------


def test_the_tables_are_those_of_the_migrations(catalog: Catalog, url: str) -> None:
    engine = sqlalchemy.create_engine(url)
    inspector = sqlalchemy.inspect(engine)
    for table in ALL_TABLES:
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        assert {column.name for column in table.c} == columns, table.name
    assert set(inspector.get_table_names()) == {table.name for table in ALL_TABLES} | {"schema_version"}
    engine.dispose()


def test_a_newer_schema_is_refused(catalog: Catalog, url: str) -> None:
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO schema_version VALUES (9999, 0)"))
    engine.dispose()
    with pytest.raises(EffacerError) as caught:
        open_catalog(url)
    assert caught.value.reason == "SCHEMA_TOO_NEW"


def test_opening_at_the_same_time(url: str) -> None:
    def work(_: int) -> None:
        catalog = open_catalog(url)
        catalog.list_datasets(LOCATION, 1)
        catalog.close()

    assert in_threads(4, work) == []


@pytest.mark.parametrize("bad", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://h/d", "oracle://h/d"])
def test_bad_urls(bad: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        open_catalog(bad)
    assert caught.value.violations[0][0] == "url"


def test_the_sqlite_files_are_private(tmp_path: Path) -> None:
    catalog = open_catalog(f"sqlite:///{tmp_path}/new/catalog.db")
    catalog.create_dataset(Dataset(DATASET, "d1", "{}"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    catalog.close()
    assert modes["catalog.db"] == 0o600
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_reopened_after_close_it_has_everything(url: str, clock: Clock) -> None:
    first = open_catalog(url, clock)
    dataset = first.create_dataset(Dataset(DATASET, "d1", '{"name":"d"}'))
    store = first.create_store(DicomStore(f"{DATASET}/dicomStores/s", DATASET, SOURCE, "{}", {"a": "1"}))
    first.create_store(DicomStore(f"{DATASET}/dicomStores/t", DATASET, TARGET, "{}"))
    made = planned(first, 5)
    shard = claim(first, made.name)
    first.complete_shard(shard, outputs(first, shard), [])
    shards = first.list_shards(made.name)
    first.close()

    second = open_catalog(url, clock)
    assert second.get_dataset(DATASET) == dataset
    assert second.get_store(store.name) == store
    assert second.get_operation(made.name) == made
    assert second.unfinished_operations() == [made]
    assert second.list_shards(made.name) == shards
    assert second.counters(made.name) == Counters(2, 0, 3)
    assert len(list(second.iterate_instances(SOURCE))) == 5
    assert second.metrics(TARGET).instances == 2
    assert second.insert_instances([instance(0)]) == [Outcome.SAME]
    second.close()


def test_errors_carry_no_values(catalog: Catalog, stores: None) -> None:
    surrogate = instance(0, patient_name="Canary", study="Canary\ud800")
    with pytest.raises(Exception) as caught:
        catalog.insert_instances([surrogate])
    assert isinstance(caught.value, EffacerError)
    assert "Canary" not in str(caught.value) + str(caught.value.metadata)
    assert caught.value.__suppress_context__
    assert "Canary" not in repr(surrogate)
    assert "Canary" not in repr(Written("Canary", surrogate))
    assert list(catalog.iterate_instances(SOURCE)) == []


def test_a_locked_database_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("effacer_server.store.sql_database._PRAGMAS", ("busy_timeout=0", "journal_mode=WAL"))
    first = open_catalog(f"sqlite:///{tmp_path}/catalog.db")
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/catalog.db")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            first.create_dataset(Dataset(DATASET, "d1", "{}"))
    engine.dispose()
    assert first.create_dataset(Dataset(DATASET, "d1", "{}")).name == DATASET
    first.close()


# Datasets and stores -------------------------------------------------------------------------------------------------


def test_datasets(catalog: Catalog, clock: Clock) -> None:
    made = catalog.create_dataset(Dataset(DATASET, "d1", '{"timeZone":"UTC"}'))
    assert made == Dataset(DATASET, "d1", '{"timeZone":"UTC"}', clock.now)
    assert catalog.get_dataset(DATASET) == made
    with pytest.raises(AlreadyExists):
        catalog.create_dataset(Dataset(DATASET, "d2", "{}"))
    assert catalog.get_dataset(DATASET) == made
    clock.now += 5
    assert catalog.update_dataset(DATASET, '{"x":1}') == dataclasses.replace(made, body='{"x":1}')
    assert catalog.delete_dataset(DATASET) == []
    for act in (catalog.get_dataset, catalog.delete_dataset, lambda name: catalog.update_dataset(name, "{}")):
        with pytest.raises(NotFound):
            act(DATASET)


def test_stores(catalog: Catalog, clock: Clock) -> None:
    store = DicomStore(f"{DATASET}/dicomStores/s", DATASET, SOURCE, "{}", {"b": "2", "a": ""})
    with pytest.raises(NotFound):
        catalog.create_store(store)
    catalog.create_dataset(Dataset(DATASET, "d1", "{}"))
    made = catalog.create_store(store)
    assert made == dataclasses.replace(store, create_time=clock.now)
    assert catalog.get_store(store.name) == made
    with pytest.raises(AlreadyExists):
        catalog.create_store(dataclasses.replace(store, uid=TARGET, labels={"c": "3"}))
    assert catalog.get_store(store.name) == made
    assert catalog.update_store(store.name, "[]", {"b": "3"}).labels == {"b": "3"}
    assert catalog.get_store(store.name).body == "[]"
    assert catalog.delete_store(store.name) == [SOURCE]
    for act in (catalog.get_store, catalog.delete_store, lambda name: catalog.update_store(name, "{}", {})):
        with pytest.raises(NotFound):
            act(store.name)


def test_paging_through_250_datasets(catalog: Catalog) -> None:
    names = sorted(
        f"{LOCATION}/datasets/{prefix}{number}" for prefix in ("d", "D", "é", "d_", "d%") for number in range(50)
    )
    for index, name in enumerate(names):
        catalog.create_dataset(Dataset(name, f"u{index}", "{}"))
    others = [f"{LOCATION}x/datasets/z", f"{LOCATION}/datasetsz/z", "projects/p_/locations/l/datasets/z", "projects/q"]
    for index, name in enumerate(others):
        catalog.create_dataset(Dataset(name, f"o{index}", "{}"))
    found = pages(lambda token: catalog.list_datasets(LOCATION, 100, token))
    assert [len(page) for page in found] == [100, 100, 50]
    assert [dataset.name for page in found for dataset in page] == names
    assert len(pages(lambda token: catalog.list_datasets(LOCATION, 250, token))) == 1
    assert len(pages(lambda token: catalog.list_datasets(LOCATION, 125, token))) == 2
    assert catalog.list_datasets("projects/p/locations/none", 10) == Page(())


def test_paging_goes_on_when_the_last_row_is_gone(catalog: Catalog) -> None:
    for number in range(4):
        catalog.create_dataset(Dataset(f"{LOCATION}/datasets/{number}", f"u{number}", "{}"))
    first = catalog.list_datasets(LOCATION, 2)
    catalog.delete_dataset(first.rows[-1].name)
    second = catalog.list_datasets(LOCATION, 2, first.next_page_token)
    assert [row.name[-1] for row in second.rows] == ["2", "3"]


@pytest.mark.parametrize("token", ["x", "!!!", "é", "AAAA", "AAAAAAAAAAAAAAAA", "====", " "])
def test_tokens_that_are_none(catalog: Catalog, stores: None, token: str) -> None:
    listings: list[Callable[[], object]] = [
        lambda: catalog.list_datasets(LOCATION, 10, token),
        lambda: catalog.list_stores(DATASET, 10, token),
        lambda: catalog.list_operations(DATASET, 10, token),
        lambda: catalog.list_errors("o", 10, token),
    ]
    for listing in listings:
        with pytest.raises(InvalidConfig) as caught:
            listing()
        assert caught.value.violations[0][0] == "page_token"


def test_tokens_of_other_listings(catalog: Catalog, stores: None) -> None:
    catalog.create_dataset(Dataset(f"{LOCATION}/datasets/e", "e", "{}"))
    token = catalog.list_datasets(LOCATION, 1).next_page_token
    of_stores = catalog.list_stores(DATASET, 1).next_page_token
    assert token
    assert of_stores
    listings: list[Callable[[], object]] = [
        lambda: catalog.list_datasets("projects/p/locations/other", 1, token),
        lambda: catalog.list_stores(DATASET, 1, token),
        lambda: catalog.list_stores(DATASET, 1, of_stores, {"a": "1"}),
        lambda: catalog.list_datasets(LOCATION, 1, token[:-1]),
        lambda: catalog.list_datasets(LOCATION, 1, token[:-2]),
        *(
            lambda more=more: catalog.list_datasets(LOCATION, 1, token + more)
            for more in ("A", "AA", "=", "==", " ", "\n")
        ),
        lambda: catalog.list_datasets(LOCATION, 1, token[:-1] + ("B" if token[-1] == "A" else "A")),
    ]
    assert catalog.list_datasets(LOCATION, 1, token).rows
    for listing in listings:
        with pytest.raises(InvalidConfig):
            listing()


def test_label_filters(catalog: Catalog) -> None:
    catalog.create_dataset(Dataset(DATASET, "d1", "{}"))
    labels: dict[str, dict[str, str]] = {
        "a": {"env": "prod", "tier": "1"},
        "b": {"env": "prod", "tier": "2"},
        "c": {"env": "prod_", "tier": "1"},
        "d": {"tier": "prod"},
        "e": {},
        "f": {"env": ""},
    }
    for name, pairs in labels.items():
        catalog.create_store(DicomStore(f"{DATASET}/dicomStores/{name}", DATASET, f"u{name}", "{}", pairs))

    def found(pairs: Mapping[str, str], size: int = 100) -> str:
        listed = pages(lambda token: catalog.list_stores(DATASET, size, token, pairs))
        for page in listed:
            for store in page:
                assert store.labels == labels[store.name[-1]]
        return "".join(store.name[-1] for page in listed for store in page)

    assert found({}) == found({}, 1) == "abcdef"
    assert found({"env": "prod"}) == found({"env": "prod"}, 1) == "ab"
    assert found({"env": "prod", "tier": "1"}) == "a"
    assert found({"env": ""}) == "f"
    assert found({"env": "%"}) == found({"ENV": "prod"}) == found({"tier": "3"}) == ""


# Instances -----------------------------------------------------------------------------------------------------------


def test_insertion_says_what_became_of_each_row(catalog: Catalog, stores: None, clock: Clock) -> None:
    rows = [instance(0), instance(1), instance(2)]
    assert catalog.insert_instances([]) == []
    assert catalog.insert_instances(rows) == [Outcome.INSERTED] * 3
    assert catalog.insert_instances(rows) == [Outcome.SAME] * 3
    again = [
        instance(0),
        instance(1, key="other"),  # the UIDs are taken
        instance(3, key=rows[2].key),  # the key is taken
        instance(4),
        instance(4),  # by the row before
        instance(4, key="another"),
        instance(5, key=f"{SOURCE}/4"),
        instance(0, store_uid=TARGET),
    ]
    expected = ["SAME", "CONFLICT", "CONFLICT", "INSERTED", "CONFLICT", "CONFLICT", "CONFLICT", "INSERTED"]
    assert catalog.insert_instances(again) == expected
    stored = catalog.get_instance(SOURCE, rows[1].study, rows[1].series, rows[1].instance)
    assert stored == dataclasses.replace(rows[1], create_time=clock.now, id=stored.id)
    assert catalog.metrics(SOURCE) == Metrics(studies=2, series=3, instances=4, size_bytes=400)
    assert catalog.metrics(TARGET).instances == 1


def test_every_field_of_an_instance_is_kept(catalog: Catalog, stores: None, clock: Clock) -> None:
    texts = [field.name for field in dataclasses.fields(Instance) if field.type == "str" and field.name != "store_uid"]
    assert len(texts) > 20
    values: dict[str, Any] = {name: f"{name} é" for name in texts}
    row = Instance(store_uid=SOURCE, size=1 << 40, **values)
    catalog.insert_instances([row])
    stored = catalog.get_instance(SOURCE, row.study, row.series, row.instance)
    assert stored == dataclasses.replace(row, id=stored.id, create_time=clock.now)
    assert catalog.metrics(SOURCE).size_bytes == 1 << 40


def test_damaged_texts_do_no_harm(catalog: Catalog, stores: None) -> None:
    """What no database stores is left out; whole surrogate pairs, escaped or not, survive."""
    damaged = {"00081030": {"vr": "LO", "Value": ["a\x00b", "x\ud800y", "😀", "back\\u0000slash"]}}
    rows = [
        instance(0, patient_name="Doe\x00^\udcffJane", header=json.dumps(damaged)),
        instance(1, patient_name="Doe^John", header=json.dumps(damaged, ensure_ascii=False)),
    ]
    assert catalog.insert_instances(rows) == [Outcome.INSERTED] * 2
    found = catalog.search_instances(SOURCE, {"00081030": "ab"}, 10)
    assert [row.patient_name for row in found] == ["Doe^?Jane", "Doe^John"]
    for row in found:
        assert json.loads(row.header)["00081030"]["Value"] == ["ab", "x?y", "😀", "back\\u0000slash"]


def test_absent_instances(catalog: Catalog, stores: None) -> None:
    catalog.insert_instances([instance(0)])
    row = instance(0)
    for name in [
        (TARGET, row.study, row.series, row.instance),
        (SOURCE, row.study, row.series, "1"),
        (SOURCE, "", row.series, row.instance),
    ]:
        with pytest.raises(NotFound):
            catalog.get_instance(*name)
    with pytest.raises(NotFound):
        catalog.insert_instances([instance(1), instance(2, store_uid="gone")])
    assert catalog.metrics(SOURCE).instances == 1
    assert catalog.metrics("gone") == Metrics(0, 0, 0, 0)


def test_metrics_count_series_within_studies(catalog: Catalog, stores: None) -> None:
    catalog.insert_instances([instance(0, study="1", series="5"), instance(1, study="2", series="5")])
    assert catalog.metrics(SOURCE) == Metrics(studies=2, series=2, instances=2, size_bytes=200)


def test_iteration_is_ordered_and_in_batches(catalog: Catalog, stores: None) -> None:
    rows = [instance(number, study=f"1.{number % 3}", series=f"2.{number % 6}") for number in range(1203)]
    catalog.insert_instances(rows)
    everything = [(row.study, row.series, row.instance) for row in catalog.iterate_instances(SOURCE)]
    assert everything == sorted((row.study, row.series, row.instance) for row in rows)
    assert [row.series for row in catalog.iterate_instances(SOURCE, "1.1", "2.4")] == ["2.4"] * len(
        [row for row in rows if row.series == "2.4"]
    )
    assert len(list(catalog.iterate_instances(SOURCE, "1.0"))) == 401
    assert list(catalog.iterate_instances(SOURCE, "1.0", "2.1")) == []
    assert list(catalog.iterate_instances(TARGET)) == []


def test_concurrent_insertion(catalog: Catalog, stores: None) -> None:
    """Each instance gets in once, ids never repeat, and what max_instance_id has seen does not grow."""
    outcomes: list[Outcome] = []
    seen: list[tuple[int, int]] = []

    def work(worker: int) -> None:
        for start in range(0, 40, 10):
            rows = [instance(number, key=f"{worker}/{number}") for number in range(start, start + 10)]
            outcomes.extend(catalog.insert_instances(rows))
            last = catalog.max_instance_id(SOURCE)
            seen.append((last, sum(row.id <= last for row in catalog.iterate_instances(SOURCE))))

    assert in_threads(6, work) == []
    assert sorted(outcomes) == ["CONFLICT"] * 200 + ["INSERTED"] * 40
    rows = list(catalog.iterate_instances(SOURCE))
    assert len({row.id for row in rows}) == 40
    for last, count in seen:
        assert count == sum(row.id <= last for row in rows)


def test_ids_are_not_used_again(catalog: Catalog, stores: None) -> None:
    catalog.insert_instances([instance(0), instance(1)])
    last = catalog.max_instance_id(SOURCE)
    catalog.delete_instances(SOURCE, instance(0).study)
    assert catalog.max_instance_id(SOURCE) == 0
    catalog.insert_instances([instance(0)])
    assert catalog.max_instance_id(SOURCE) > last


def test_deletion_at_three_levels(catalog: Catalog, stores: None) -> None:
    rows = [instance(number) for number in range(12)]
    catalog.insert_instances([*rows, instance(0, store_uid=TARGET)])
    one = rows[0]
    assert catalog.delete_instances(SOURCE, one.study, one.series, one.instance) == [one.key]
    assert catalog.delete_instances(SOURCE, one.study, one.series, one.instance) == []
    assert catalog.delete_instances(SOURCE, one.study, rows[2].series) == [rows[2].key, rows[3].key]
    assert catalog.delete_instances(SOURCE, rows[4].study) == [row.key for row in rows[4:8]]
    assert catalog.delete_instances(SOURCE, "1") == []
    assert [row.key for row in catalog.iterate_instances(SOURCE)] == [f"{SOURCE}/{n}" for n in (1, 8, 9, 10, 11)]
    assert catalog.metrics(TARGET).instances == 1


def test_deletions_are_remembered_until_confirmed(catalog: Catalog, stores: None) -> None:
    rows = [instance(number) for number in range(4)]
    catalog.insert_instances(rows)
    assert catalog.list_deletions() == []
    keys = catalog.delete_instances(SOURCE, rows[0].study)
    noted = catalog.list_deletions()
    assert [deletion.key for deletion in noted] == keys == [row.key for row in rows]
    assert not any(deletion.prefix for deletion in noted)
    assert len(catalog.list_deletions(3)) == 3
    catalog.insert_instances([rows[1]])  # in use again: must not be deleted any more
    assert {deletion.key for deletion in catalog.list_deletions()} == {rows[0].key, rows[2].key, rows[3].key}
    catalog.confirm_deletions([rows[0].key, rows[2].key])
    assert [deletion.key for deletion in catalog.list_deletions()] == [rows[3].key]
    catalog.delete_store(f"{DATASET}/dicomStores/source")
    assert [(deletion.key, deletion.prefix) for deletion in catalog.list_deletions()] == [
        (rows[3].key, False),
        (SOURCE, True),
    ]
    catalog.confirm_deletions([SOURCE, rows[3].key])
    assert catalog.list_deletions() == []


def test_deleting_a_dataset_takes_everything_below(catalog: Catalog, stores: None) -> None:
    made = planned(catalog, 4, selections=(Selection("1.0"),))
    shard = claim(catalog, made.name)
    catalog.complete_shard(shard, outputs(catalog, shard), [InstanceError(source="s", reason="TRUNCATED")])
    catalog.create_dataset(Dataset(f"{DATASET}2", "d2", "{}"))
    catalog.create_store(DicomStore(f"{DATASET}2/dicomStores/s", f"{DATASET}2", "c3", "{}", {"a": "1"}))
    catalog.insert_instances([instance(0, store_uid="c3")])

    assert catalog.delete_dataset(DATASET) == [SOURCE, TARGET]
    for act in (
        lambda: catalog.get_store(f"{DATASET}/dicomStores/source"),
        lambda: catalog.get_operation(made.name),
        lambda: catalog.counters(made.name),
        lambda: catalog.complete_shard(shard, [], []),
        lambda: catalog.plan_shards(made.name, SOURCE, TARGET, 10),
    ):
        with pytest.raises(NotFound):
            act()
    assert catalog.claim_shard(made.name, "w", 1) is None
    assert catalog.metrics(SOURCE).instances == catalog.metrics(TARGET).instances == 0
    assert catalog.list_shards(made.name) == []
    assert catalog.list_errors(made.name, 10).rows == ()
    assert {(deletion.key, deletion.prefix) for deletion in catalog.list_deletions()} == {
        (SOURCE, True),
        (TARGET, True),
    }
    assert catalog.metrics("c3").instances == 1
    assert catalog.get_store(f"{DATASET}2/dicomStores/s").labels == {"a": "1"}


# Search --------------------------------------------------------------------------------------------------------------


PEOPLE = [
    ("1.1", "Doe^Jane", "P1", "20200105", "093000", "CT"),
    ("1.2", "DOE^John", "P2", "20200131", "101500.25", "MR"),
    ("1.3", "d_e^ann", "P_3", "20200201", "1030", "CT"),
    ("1.4", "Müller^Zoë", "50%", "20211231", "235959", "US"),
    ("1.5", "[a]^b", "P[1]", "", "", ""),
    ("1.6", "Van Helsing^Abraham=山田", "a\\b", "2019", "10", "XA"),
]


@pytest.fixture
def people(catalog: Catalog, stores: None) -> None:
    rows = []
    for number, (study, name, patient, date, time, modality) in enumerate(PEOPLE):
        header = {
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": name}]},
            "00081030": {"vr": "LO", "Value": [f"Study {number}"]},
            "00080021": {"vr": "DA", "Value": [date]} if date else {"vr": "DA"},
            "00080090": {"vr": "PN", "Value": [{"Ideographic": "x"}, {"Alphabetic": f"Ref^{name}"}]},
            "00280010": {"vr": "US", "Value": [512 + number]},
            "00080008": {"vr": "CS", "Value": ["ORIGINAL", f"A_{number}"]},
        }
        rows.append(
            instance(
                number, study=study, patient_name=name, patient_id=patient, study_date=date, study_time=time,
                modality=modality, header=json.dumps(header),
            )
        )  # fmt: skip
    catalog.insert_instances(rows)


def found_studies(catalog: Catalog, fuzzy: bool = False, **matching: str) -> str:
    rows = catalog.search_studies(SOURCE, matching, 100, fuzzy=fuzzy)
    assert [row.study for row in rows] == [
        row.study for row in catalog.search_instances(SOURCE, matching, 100, fuzzy=fuzzy)
    ]
    assert [row.study for row in rows] == [
        row.study for row in catalog.search_series(SOURCE, matching, 100, fuzzy=fuzzy)
    ]
    return "".join(row.study[-1] for row in rows)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("patient_id", "P1", "1"),
        ("patient_id", "p1", ""),
        ("patient_id", "P*", "1235"),
        ("patient_id", "p*", ""),
        ("patient_id", "P?", "12"),
        ("patient_id", "P_3", "3"),
        ("patient_id", "P_*", "3"),
        ("patient_id", "?_*", "3"),
        ("patient_id", "%*", ""),
        ("patient_id", "*%", "4"),
        ("patient_id", "*%*", "4"),
        ("patient_id", "P[1]", "5"),
        ("patient_id", "P[*", "5"),
        ("patient_id", "P[1]*", "5"),
        ("patient_id", "*]", "5"),
        ("patient_id", "a\\b", "6"),
        ("patient_id", "a\\*", "6"),
        ("patient_id", "*\\b", "6"),
        ("patient_id", "?", ""),
        ("patient_id", "*", "123456"),
        ("patient_id", "**", "123456"),
        ("patient_id", "", "123456"),
        ("patient_name", "doe^jane", "1"),
        ("patient_name", "DOE*", "12"),
        ("patient_name", "d_e*", "3"),
        ("patient_name", "D?E*", "123"),
        ("patient_name", "MÜLLER^ZOË", "4"),
        ("patient_name", "müll*", "4"),
        ("patient_name", "[A]*", "5"),
        ("patient_name", "*山田", "6"),
        ("study_date", "20200105", "1"),
        ("study_date", "20200101-20200131", "12"),
        ("study_date", "20200131-20200131", "2"),
        ("study_date", "20200131-", "234"),
        ("study_date", "-20200131", "126"),
        ("study_date", "20210101-20210102", ""),
        ("study_time", "1015-1030", "23"),
        ("study_time", "10", "236"),
        ("study_time", "101500.25", "2"),
        ("study_time", "-1015", "126"),
        ("study_time", "2359-", "4"),
        ("modality", "CT", "13"),
        ("modalities_in_study", "CT", "13"),
        ("modality", "?R", "2"),
        ("study", "1.1", "1"),
        ("study", "1.1\\1.3\\9", "13"),
        ("study", "1.2,1.4", "24"),
        ("study", ",", ""),
        ("instance", "1.9.4", "5"),
        ("sop_class", "1.2.840.10008.5.1.4.1.1.2", "123456"),
        ("accession_number", "x", ""),
        ("00081030", "Study 3", "4"),
        ("00081030:LO", "Study*", "123456"),
        ("00081030", "study 3", ""),
        ("00081030", "Study_3", ""),
        ("00080021:DA", "20200101-20200131", "12"),
        ("00080021", "20200105", "1"),
        ("00080090:PN", "ref^doe*", "12"),
        ("00080090:PN", "REF^MÜLLER*", "4"),
        ("00080090", "Ref^Doe*", "1"),
        ("00280010", "514", "3"),
        ("00080008", "A_2", "3"),
        ("00080008", "ORIGINAL", "123456"),
        ("00080008", "A?2", "3"),
        ("00080008", "AX2", ""),
        ("00189999", "x", ""),
        ("00189999", "*", "123456"),
    ],
)
def test_matching(catalog: Catalog, people: None, column: str, value: str, expected: str) -> None:
    assert found_studies(catalog, **{column: value}) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("jan", "1"),
        ("JO do", "2"),
        ("do jo", "2"),
        ("hel ab", "6"),
        ("elsing", ""),
        ("van^abr", "6"),
        ("d_", "3"),
        ("*", "123456"),
        ("山", "6"),
        ("^", "123456"),
    ],
)
def test_fuzzy_names(catalog: Catalog, people: None, value: str, expected: str) -> None:
    assert found_studies(catalog, fuzzy=True, patient_name=value) == expected


def test_conditions_are_combined(catalog: Catalog, people: None) -> None:
    assert found_studies(catalog, patient_name="doe*", modality="MR") == "2"
    assert found_studies(catalog, patient_name="doe*", study_date="2020-2020", **{"00280010": "512"}) == "1"


@pytest.mark.parametrize(
    "name", ["patient", "header", "key", "id", "0008103", "0008103G", "PatientName", "store_uid", ""]
)
def test_unknown_attributes_are_refused(catalog: Catalog, people: None, name: str) -> None:
    for search in (catalog.search_studies, catalog.search_series, catalog.search_instances):
        with pytest.raises(InvalidConfig):
            search(SOURCE, {name: "x"}, 10)


def test_studies_and_series_are_summed_up_whole(catalog: Catalog, stores: None) -> None:
    """Over all their instances, not over those that matched."""
    modalities = ["SR", "CT", "CT", ""]
    rows = [instance(number, modality=modalities[number % 4], header=f'{{"n":{number}}}') for number in range(8)]
    catalog.insert_instances([rows[1], rows[0], *rows[2:], instance(0, store_uid=TARGET, modality="US")])
    (study, other) = catalog.search_studies(SOURCE, {}, 10)
    assert (study.study, study.header, study.modalities, study.series, study.instances) == (
        "1.0", '{"n":1}', ("CT", "SR"), 2, 4,
    )  # fmt: skip
    assert other.study == "1.1"
    assert catalog.search_studies(SOURCE, {"modality": "SR", "study": "1.0"}, 10) == [study]
    series = catalog.search_series(SOURCE, {"study": "1.0"}, 10)
    assert [(row.study, row.series, row.header, row.instances) for row in series] == [
        ("1.0", "1.0.0", '{"n":1}', 2),
        ("1.0", "1.0.1", '{"n":2}', 2),
    ]
    in_study = catalog.search_series(SOURCE, {"modalities_in_study": "SR", "study": "1.0"}, 10)
    assert [row.series for row in in_study] == ["1.0.0", "1.0.1"]
    assert [row.series for row in catalog.search_series(SOURCE, {"modality": "SR", "study": "1.0"}, 10)] == ["1.0.0"]


def test_limit_and_offset(catalog: Catalog, stores: None) -> None:
    catalog.insert_instances([instance(number) for number in range(24)])
    everything = [row.study for row in catalog.search_studies(SOURCE, {}, 100)]
    assert everything == [f"1.{number}" for number in range(6)]
    assert [row.study for row in catalog.search_studies(SOURCE, {}, 4)] == everything[:4]
    assert [row.study for row in catalog.search_studies(SOURCE, {}, 4, 4)] == everything[4:]
    assert catalog.search_studies(SOURCE, {}, 4, 6) == []
    assert catalog.search_studies(SOURCE, {}, 0) == []
    assert [row.series for row in catalog.search_series(SOURCE, {}, 2, 3)] == ["1.1.3", "1.2.4"]
    assert len(catalog.search_instances(SOURCE, {}, 5, 21)) == 3


def test_searches_of_more_than_one_batch(catalog: Catalog, stores: None) -> None:
    catalog.insert_instances([instance(number, study=f"1.{number:04}", series=f"2.{number}") for number in range(1100)])
    assert [row.study for row in catalog.search_studies(SOURCE, {}, 5000)] == [
        f"1.{number:04}" for number in range(1100)
    ]
    assert [row.study for row in catalog.search_series(SOURCE, {}, 5000)] == [
        f"1.{number:04}" for number in range(1100)
    ]


# Operations ----------------------------------------------------------------------------------------------------------


def test_an_operation_from_beginning_to_end(catalog: Catalog, stores: None, clock: Clock) -> None:
    asked = operation(request=b"\x00\xff", fingerprint="f", notes=("a", "b"))
    made = catalog.create_operation(asked)
    assert made == dataclasses.replace(asked, create_time=clock.now)
    assert made.state is OperationState.PLANNING
    assert catalog.get_operation(made.name) == made
    with pytest.raises(AlreadyExists):
        catalog.create_operation(operation())
    started = catalog.start_operation(made.name)
    assert started.state is OperationState.RUNNING
    assert catalog.request_cancel(made.name) == dataclasses.replace(started, cancel_requested=True)
    with pytest.raises(PreconditionFailed):
        catalog.delete_operation(made.name)
    clock.now += 10
    done = catalog.finish_operation(made.name, 1, "cancelled", b"r", ["c"])
    assert done.done
    assert done == dataclasses.replace(
        made, state=OperationState.DONE, cancel_requested=True, result_code=1, result_message="cancelled", result=b"r",
        notes=("c",), end_time=clock.now,
    )  # fmt: skip
    clock.now += 10
    assert catalog.finish_operation(made.name, 0, "again") == done
    assert catalog.request_cancel(made.name) == catalog.start_operation(made.name) == done
    assert catalog.unfinished_operations() == []
    catalog.delete_operation(made.name)
    for act in (
        catalog.get_operation,
        catalog.delete_operation,
        catalog.request_cancel,
        catalog.start_operation,
        catalog.finish_operation,
        catalog.counters,
    ):
        with pytest.raises(NotFound):
            act(made.name)


def test_cancelling_a_finished_operation_leaves_no_mark(catalog: Catalog, stores: None) -> None:
    made = catalog.create_operation(operation())
    catalog.finish_operation(made.name)
    assert not catalog.request_cancel(made.name).cancel_requested


def test_an_operation_brings_its_destination(catalog: Catalog, stores: None) -> None:
    target = Dataset(f"{LOCATION}/datasets/t", "t1", "{}")
    store = DicomStore(f"{target.name}/dicomStores/s", target.name, "c3", "{}", {"a": "1"})
    made = catalog.create_operation(operation(), dataset=target, stores=[store])
    assert catalog.get_dataset(target.name).uid == "t1"
    assert catalog.get_store(store.name).labels == {"a": "1"}
    other = Dataset(f"{LOCATION}/datasets/u", "u1", "{}")
    for failing in (
        lambda: catalog.create_operation(operation("2"), dataset=target),
        lambda: catalog.create_operation(operation("2"), dataset=other, stores=[store]),
        lambda: catalog.create_operation(operation("1"), dataset=other),
    ):
        with pytest.raises(AlreadyExists):
            failing()
    gone = dataclasses.replace(store, name="x/dicomStores/s", dataset="x", uid="x")
    for missing in (
        lambda: catalog.create_operation(operation("2"), dataset=other, stores=[gone]),
        lambda: catalog.create_operation(operation("2", dataset="x"), dataset=other),
    ):
        with pytest.raises(NotFound):
            missing()
    with pytest.raises(NotFound):
        catalog.get_dataset(other.name)
    assert catalog.unfinished_operations() == [made]


def test_a_failing_filter_undoes_the_operation(catalog: Catalog, stores: None) -> None:
    def lines() -> Iterator[Selection]:
        yield from (Selection(f"1.{number}") for number in range(2500))
        raise InvalidConfig("filter", "line 2501")

    with pytest.raises(InvalidConfig):
        catalog.create_operation(operation(), selections=lines())
    with pytest.raises(NotFound):
        catalog.get_operation(operation().name)
    assert catalog.create_operation(operation(), sources=[(SOURCE, 1 << 40)]).total == 0


def test_listing_operations(catalog: Catalog, stores: None) -> None:
    for number in range(7):
        made = catalog.create_operation(operation(str(number)))
        if number % 2:
            catalog.finish_operation(made.name)
    catalog.create_dataset(Dataset(f"{DATASET}2", "d2", "{}"))
    catalog.create_operation(dataclasses.replace(operation(), name=f"{DATASET}2/operations/x", dataset=f"{DATASET}2"))

    def found(done: bool | None, size: int) -> str:
        listed = pages(lambda token: catalog.list_operations(DATASET, size, token, done))
        return "".join(row.name[-1] for page in listed for row in page)

    assert found(None, 2) == found(None, 100) == "0123456"
    assert found(True, 2) == "135"
    assert found(False, 2) == "0246"
    token = catalog.list_operations(DATASET, 1, done=True).next_page_token
    with pytest.raises(InvalidConfig):
        catalog.list_operations(DATASET, 1, token)


def test_unfinished_operations_are_oldest_first(catalog: Catalog, stores: None, clock: Clock) -> None:
    for number in (3, 1, 2):
        clock.now += 1
        catalog.create_operation(operation(str(number)))
    catalog.finish_operation(operation("1").name)
    assert [row.name[-1] for row in catalog.unfinished_operations()] == ["3", "2"]


def test_the_error_log(catalog: Catalog, stores: None, clock: Clock) -> None:
    made = planned(catalog, 8, per_shard=4)
    logged = [
        InstanceError(source=f"s{number}", reason=reason, tag=tag, vr=vr, position=position)
        for number, (reason, tag, vr, position) in enumerate(
            [
                ("TRUNCATED", 0xFFFEE000, "SQ", 1 << 33),
                ("NOT_DICOM", None, "", None),
                ("TRUNCATED", 0x00080005, "CS", 0),
            ]
        )
    ]
    shard = claim(catalog, made.name)
    catalog.complete_shard(shard, [], logged)
    late = InstanceError(source="s3", reason="IO", time=5.0)
    catalog.complete_shard(claim(catalog, made.name), [], [late])
    expected = [*(dataclasses.replace(error, time=clock.now) for error in logged), late]
    assert [row for page in pages(lambda t: catalog.list_errors(made.name, 3, t)) for row in page] == expected
    assert list(catalog.list_errors(made.name, 4).rows) == expected
    filtered = pages(lambda t: catalog.list_errors(made.name, 1, t, "TRUNCATED"))
    assert filtered == [[expected[0]], [expected[2]]]
    assert catalog.list_errors(made.name, 10, reason="TOO_DEEP") == Page(())
    assert catalog.count_errors(made.name) == {"IO": 1, "NOT_DICOM": 1, "TRUNCATED": 2}


# Shards --------------------------------------------------------------------------------------------------------------


def test_planning_covers_each_instance_once(catalog: Catalog, stores: None) -> None:
    catalog.insert_instances([instance(number, store_uid=(SOURCE, TARGET)[number % 2]) for number in range(50)])
    last = catalog.max_instance_id(SOURCE)
    catalog.insert_instances([instance(number) for number in range(50, 60)])  # too late
    made = catalog.create_operation(operation(), sources=[(SOURCE, last)])
    assert made.total == 25
    assert catalog.counters(made.name) == Counters(0, 0, 25)
    assert catalog.plan_shards(made.name, SOURCE, TARGET, last, target_instances=10) == 3
    assert catalog.counters(made.name) == Counters(0, 0, 25)
    shards = catalog.list_shards(made.name)
    assert [(shard.number, shard.instances, shard.bytes, shard.state) for shard in shards] == [
        (0, 10, 1000, ShardState.PENDING),
        (1, 10, 1000, ShardState.PENDING),
        (2, 5, 500, ShardState.PENDING),
    ]
    covered = [source for shard in shards for source in catalog.shard_instances(shard)]
    expected = sorted((row for row in catalog.iterate_instances(SOURCE) if row.id <= last), key=lambda row: row.id)
    assert [(row.id, row.study, row.series, row.instance, row.key, row.size) for row in covered] == [
        (row.id, row.study, row.series, row.instance, row.key, row.size) for row in expected
    ]
    assert catalog.plan_shards(made.name, SOURCE, TARGET, last, target_instances=10) == 0
    assert catalog.list_shards(made.name) == shards


def test_planning_heeds_bytes(catalog: Catalog, stores: None) -> None:
    sizes = [10, 10, 500, 10, 90, 10, 100]
    catalog.insert_instances([instance(number, size=size) for number, size in enumerate(sizes)])
    made = catalog.create_operation(operation())
    catalog.plan_shards(made.name, SOURCE, TARGET, catalog.max_instance_id(SOURCE), target_bytes=100)
    assert [(shard.instances, shard.bytes) for shard in catalog.list_shards(made.name)] == [
        (2, 20), (1, 500), (2, 100), (1, 10), (1, 100),
    ]  # fmt: skip


def test_planning_goes_on_after_a_crash(catalog: Catalog, stores: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches of its own, the plan is the same whether it was made at once or interrupted after each batch."""
    catalog.insert_instances([instance(number) for number in range(100)])
    last = catalog.max_instance_id(SOURCE)
    made = catalog.create_operation(operation())
    monkeypatch.setattr("effacer_server.store.sql_shards._PLAN_BATCH", 20)
    calls = 0
    lookup = type(catalog)._selected  # type: ignore[attr-defined]

    def crash(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise ZeroDivisionError
        return lookup(*args)

    monkeypatch.setattr(type(catalog), "_selected", crash)
    crashes = 0
    while True:
        try:
            catalog.plan_shards(made.name, SOURCE, TARGET, last, target_instances=7)
            break
        except ZeroDivisionError:
            crashes += 1
    assert crashes > 3
    monkeypatch.setattr(type(catalog), "_selected", lookup)
    shards = catalog.list_shards(made.name)
    assert [shard.number for shard in shards] == list(range(15))
    assert [shard.instances for shard in shards] == [7] * 14 + [2]
    assert len({source.id for shard in shards for source in catalog.shard_instances(shard)}) == 100


def test_planning_several_stores(catalog: Catalog, stores: None) -> None:
    catalog.insert_instances([instance(number) for number in range(5)])
    catalog.insert_instances([instance(number, store_uid=TARGET) for number in range(3)])
    sources = [(uid, catalog.max_instance_id(uid)) for uid in (SOURCE, TARGET)]
    made = catalog.create_operation(operation(), sources=sources)
    assert made.total == 8
    for uid, last in sources:
        catalog.plan_shards(made.name, uid, f"{uid}-new", last, target_instances=2)
    assert [(shard.number, shard.source_store_uid, shard.instances) for shard in catalog.list_shards(made.name)] == [
        (0, SOURCE, 2), (1, SOURCE, 2), (2, SOURCE, 1), (3, TARGET, 2), (4, TARGET, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("selections", "expected"),
    [
        ([], set(range(16))),
        ([("1.0", "", "")], {0, 1, 2, 3}),
        ([("1.0", "1.0.1", "")], {2, 3}),
        ([("1.0", "1.0.1", "1.9.3")], {3}),
        ([("1.0", "1.0.1", "1.9.3"), ("1.0", "1.0.1", ""), ("1.0", "1.0.1", "")], {2, 3}),
        ([("1.3", "", ""), ("1.1", "1.1.2", "1.9.4")], {4, 12, 13, 14, 15}),
        ([("9", "", "")], set()),
        ([("1.0", "1.1.2", "")], set()),
        ([("1.%", "", ""), ("1", "", "")], set()),
    ],
)
def test_filters(catalog: Catalog, stores: None, selections: list[tuple[str, str, str]], expected: set[int]) -> None:
    made = planned(catalog, 16, per_shard=3, selections=tuple(Selection(*line) for line in selections))
    assert made.total == len(expected)
    assert catalog.counters(made.name) == Counters(0, 0, len(expected))
    found = [source for shard in catalog.list_shards(made.name) for source in catalog.shard_instances(shard)]
    assert sorted(int(source.instance.rsplit(".")[-1]) for source in found) == sorted(expected)


def test_a_filter_belongs_to_its_operation(catalog: Catalog, stores: None) -> None:
    planned(catalog, 8, selections=(Selection("1.0"),))
    other = catalog.create_operation(operation("2"), sources=[(SOURCE, catalog.max_instance_id(SOURCE))])
    assert other.total == 8


def test_claiming(catalog: Catalog, stores: None, clock: Clock) -> None:
    made = planned(catalog, 4)
    first = claim(catalog, made.name, "w1", 30)
    assert first == dataclasses.replace(
        catalog.list_shards(made.name)[0], state=ShardState.RUNNING, worker="w1", attempts=1, lease_until=clock.now + 30
    )
    second = claim(catalog, made.name, "w2", 60)
    assert second.number == 1
    assert catalog.claim_shard(made.name, "w3", 30) is None
    assert catalog.claim_shard("absent", "w3", 30) is None
    assert catalog.counters(made.name) == Counters(0, 0, 4)

    clock.now += 29
    assert catalog.renew_shard(first, 30)
    clock.now += 2
    assert catalog.claim_shard(made.name, "w3", 30) is None
    clock.now += 28
    again = claim(catalog, made.name, "w3", 30)
    assert (again.number, again.worker, again.attempts) == (0, "w3", 2)
    assert not catalog.renew_shard(first, 30)
    assert not catalog.release_shard(first)
    assert catalog.renew_shard(again, 30)

    assert catalog.release_shard(again)
    assert not catalog.release_shard(again)
    released = catalog.list_shards(made.name)[0]
    assert (released.state, released.worker, released.attempts) == (ShardState.PENDING, "", 1)
    assert claim(catalog, made.name, "w4").number == 0


def test_pending_shards_come_before_expired_ones(catalog: Catalog, stores: None, clock: Clock) -> None:
    made = planned(catalog, 4)
    claim(catalog, made.name, "w1", 10)
    clock.now += 100
    assert [claim(catalog, made.name, "w2", 10).number for _ in range(2)] == [1, 0]


def test_no_shards_of_cancelled_or_finished_operations(catalog: Catalog, stores: None) -> None:
    made = planned(catalog, 6)
    shard = claim(catalog, made.name)
    catalog.request_cancel(made.name)
    assert catalog.claim_shard(made.name, "w", 1) is None
    assert catalog.renew_shard(shard, 10)
    catalog.complete_shard(shard, outputs(catalog, shard), [])
    catalog.finish_operation(made.name, 1)
    assert catalog.claim_shard(made.name, "w", 1) is None
    assert catalog.counters(made.name) == Counters(2, 0, 4)


def test_eight_threads_never_get_the_same_shard(catalog: Catalog, stores: None) -> None:
    made = planned(catalog, 60, per_shard=1)
    claimed: list[int] = []

    def work(worker: int) -> None:
        while (shard := catalog.claim_shard(made.name, f"w{worker}", 60)) is not None:
            claimed.append(shard.number)
            if shard.number % 3 == 0:
                catalog.complete_shard(shard, outputs(catalog, shard), [])

    assert in_threads(8, work) == []
    assert sorted(claimed) == list(range(60))
    assert catalog.counters(made.name) == Counters(20, 0, 40)


def test_one_expired_shard_goes_to_one_of_eight(catalog: Catalog, stores: None, clock: Clock) -> None:
    made = planned(catalog, 1)
    claim(catalog, made.name, "dead", 10)
    clock.now += 11
    claimed: list[Shard] = []

    def work(worker: int) -> None:
        shard = catalog.claim_shard(made.name, f"w{worker}", 10)
        if shard is not None:
            claimed.append(shard)

    assert in_threads(8, work) == []
    assert [shard.attempts for shard in claimed] == [2]


def test_completion(catalog: Catalog, stores: None, clock: Clock) -> None:
    made = planned(catalog, 8, per_shard=4)
    shard = claim(catalog, made.name)
    rows = outputs(catalog, shard)
    result = catalog.complete_shard(shard, rows[:3], [InstanceError(source=rows[3].source, reason="TRUNCATED")])
    assert (result.success, result.failure, result.orphans, result.repeated) == (3, 1, (), False)
    assert catalog.counters(made.name) == Counters(3, 1, 4)
    stored = list(catalog.iterate_instances(TARGET))
    assert [row.key for row in stored] == [written.row.key for written in rows[:3]]
    assert {row.operation for row in stored} == {made.name}
    done = catalog.list_shards(made.name)[0]
    assert (done.state, done.success, done.failure) == (ShardState.DONE, 3, 1)
    assert not catalog.renew_shard(shard, 10)
    assert not catalog.release_shard(shard)
    assert claim(catalog, made.name).number == 1


def test_completion_twice_changes_nothing(catalog: Catalog, stores: None) -> None:
    """A worker whose server died behind the commit does it all again."""
    made = planned(catalog, 4, per_shard=4)
    shard = claim(catalog, made.name)
    rows = outputs(catalog, shard)
    errors = [InstanceError(source=rows[3].source, reason="TRUNCATED")]
    catalog.complete_shard(shard, rows[:3], errors)
    before = (list(catalog.iterate_instances(TARGET)), catalog.list_errors(made.name, 10), catalog.counters(made.name))
    again = catalog.complete_shard(shard, rows[:3], errors)
    assert (again.success, again.failure, again.orphans, again.repeated) == (3, 1, (), True)
    assert before == (
        list(catalog.iterate_instances(TARGET)), catalog.list_errors(made.name, 10), catalog.counters(made.name),
    )  # fmt: skip
    # One that lost its lease and got on with an instance that the other could not read has an object too many.
    more = catalog.complete_shard(shard, rows, [])
    assert (more.success, more.failure, more.orphans, more.repeated) == (3, 1, (rows[3].row.key,), True)
    assert catalog.metrics(TARGET).instances == 3


def test_completion_after_a_lost_lease(catalog: Catalog, stores: None, clock: Clock) -> None:
    """Bytes are written before rows: both workers wrote the same keys, the first to finish counts."""
    made = planned(catalog, 2)
    slow = claim(catalog, made.name, "slow", 10)
    clock.now += 11
    fast = claim(catalog, made.name, "fast", 10)
    assert not catalog.complete_shard(slow, outputs(catalog, slow), []).repeated
    assert catalog.complete_shard(fast, outputs(catalog, fast), []).repeated
    assert catalog.counters(made.name) == Counters(2, 0, 0)
    assert catalog.metrics(TARGET).instances == 2


def test_completion_after_the_operation_ended_changes_nothing(catalog: Catalog, stores: None) -> None:
    """Another server ended it: its counters are final, and what was written since belongs to nobody."""
    made = planned(catalog, 4)
    catalog.complete_shard(first := claim(catalog, made.name), outputs(catalog, first), [])
    late = claim(catalog, made.name)
    catalog.finish_operation(made.name, 1)
    rows = outputs(catalog, late)
    again = catalog.complete_shard(late, rows, [InstanceError(source="s", reason="IO")])
    assert (again.orphans, again.repeated) == (tuple(written.row.key for written in rows), True)
    assert catalog.counters(made.name) == Counters(2, 0, 2)
    assert catalog.metrics(TARGET).instances == 2
    assert catalog.list_errors(made.name, 10).rows == ()


def test_held_shards(catalog: Catalog, stores: None, clock: Clock) -> None:
    made = planned(catalog, 8)
    assert catalog.held_shards(made.name) == []
    shards = [claim(catalog, made.name, f"w{lease}", lease) for lease in (10, 20, 30)]
    assert catalog.held_shards(made.name) == shards
    clock.now += 10
    assert catalog.held_shards(made.name) == shards[1:]
    catalog.complete_shard(shards[1], [], [])
    assert catalog.renew_shard(shards[2], 0.0)
    assert catalog.held_shards(made.name) == catalog.held_shards("absent") == []


def test_completions_and_the_end_of_an_operation_at_once(catalog: Catalog, stores: None) -> None:
    """What the counters say when it ends is what they say for ever, and what the store holds."""
    made = planned(catalog, 40)
    shards = [claim(catalog, made.name) for _ in range(20)]
    seen: list[Counters] = []

    def work(worker: int) -> None:
        if worker == 4:
            catalog.finish_operation(made.name, 1)
            seen.append(catalog.counters(made.name))
            return
        for shard in shards[worker::4]:
            catalog.complete_shard(shard, outputs(catalog, shard), [])

    assert in_threads(5, work) == []
    assert seen == [catalog.counters(made.name)]
    assert catalog.metrics(TARGET).instances == seen[0].success


def test_rows_that_are_there_already_count_as_success(catalog: Catalog, stores: None) -> None:
    made = planned(catalog, 2)
    shard = claim(catalog, made.name)
    rows = outputs(catalog, shard)
    catalog.insert_instances([rows[0].row])
    result = catalog.complete_shard(shard, rows, [])
    assert (result.success, result.failure, result.orphans) == (2, 0, ())
    assert catalog.metrics(TARGET).instances == 2


def test_collisions_are_failures(catalog: Catalog, stores: None) -> None:
    made = planned(catalog, 3, per_shard=3)
    shard = claim(catalog, made.name)
    rows = outputs(catalog, shard)
    there = dataclasses.replace(rows[1].row, key="there")
    catalog.insert_instances([there])
    result = catalog.complete_shard(shard, rows, [])
    assert (result.success, result.failure, result.orphans) == (2, 1, (rows[1].row.key,))
    assert catalog.get_instance(TARGET, there.study, there.series, there.instance).key == "there"
    (error,) = catalog.list_errors(made.name, 10).rows
    assert (error.source, error.reason) == (rows[1].source, "UID_COLLISION")
    assert catalog.counters(made.name) == Counters(2, 1, 0)


def test_a_key_in_use_is_no_orphan(catalog: Catalog, stores: None) -> None:
    """Two instances under one key: the second is a collision, and its key holds the first one's bytes."""
    made = planned(catalog, 3, per_shard=3)
    shard = claim(catalog, made.name)
    first, second, third = outputs(catalog, shard)
    same_key = Written(second.source, dataclasses.replace(second.row, key=first.row.key))
    same_row = Written(third.source, first.row)
    result = catalog.complete_shard(shard, [first, same_key, same_row], [])
    assert (result.success, result.failure, result.orphans) == (1, 2, ())
    assert [error.source for error in catalog.list_errors(made.name, 10).rows] == [second.source, third.source]


def test_completion_into_a_deleted_store_changes_nothing(catalog: Catalog, stores: None) -> None:
    made = planned(catalog, 2)
    shard = claim(catalog, made.name)
    rows = outputs(catalog, shard)
    catalog.delete_store(f"{DATASET}/dicomStores/target")
    with pytest.raises(NotFound):
        catalog.complete_shard(shard, rows, [InstanceError(source="s", reason="IO")])
    assert catalog.list_shards(made.name)[0].state is ShardState.RUNNING
    assert catalog.list_errors(made.name, 10).rows == ()
    assert catalog.complete_shard(shard, [], [InstanceError(source="s", reason="IO")]).failure == 1


def test_instances_deleted_meanwhile_are_not_handed_out(catalog: Catalog, stores: None) -> None:
    made = planned(catalog, 8, per_shard=8)
    catalog.delete_instances(SOURCE, "1.0")
    shard = claim(catalog, made.name)
    assert [source.study for source in catalog.shard_instances(shard)] == ["1.1"] * 4


def test_counters_add_up_while_threads_work(catalog: Catalog, stores: None) -> None:
    made = planned(catalog, 40)
    sums: list[int] = []

    def work(worker: int) -> None:
        while (shard := catalog.claim_shard(made.name, f"w{worker}", 60)) is not None:
            rows = outputs(catalog, shard)
            catalog.complete_shard(shard, rows[1:], [InstanceError(source=rows[0].source, reason="IO")])
            counters = catalog.counters(made.name)
            sums.append(counters.success + counters.failure + counters.pending)

    assert in_threads(4, work) == []
    assert set(sums) == {40}
    assert catalog.counters(made.name) == Counters(20, 20, 0)
    assert catalog.metrics(TARGET).instances == 20
