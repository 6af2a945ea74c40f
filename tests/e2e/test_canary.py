"""Tokens planted wherever an identity can hide must be nowhere but in the source store.

The test knows nothing of the code: it stores instances, runs operations that succeed and that fail, and then searches
every byte the server left or said: destination objects, rows, search answers, metadata, errors, logs.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import effacer
from bench.served import served
from tests import mixes
from tests.canary import Canaries, canaries, tokens_in
from tests.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Style
from tests.survivors import survivors

LOCATION = "projects/canary/locations/here"
SOURCE = f"{LOCATION}/datasets/source"
CLEAN = f"{LOCATION}/datasets/clean"
STORE = "/dicomStores/s"
SYNTAXES = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED)
SHORT = 8  # shorter tokens (ages) stand in any binary file by chance


@dataclass(frozen=True)
class Aftermath:
    """What is left after the operations, by where it was found; and the tokens."""

    planted: list[Canaries]
    found: dict[str, bytes]
    outputs: list[bytes]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    data = tmp_path_factory.mktemp("canary")
    planted = [canaries(seed, Style(syntax)) for seed, syntax in enumerate(SYNTAXES, 1)]
    said: list[object] = []
    with served(data, "--workers", "threads:2") as server, effacer.Client(server.target) as client:
        client.create_dataset(SOURCE).result()
        client.create_dicom_store(SOURCE + STORE)
        broken = [c.data[: len(c.data) * 2 // 3] for c in planted] + [b"CANARY is no DICOM", b""]
        results = list(client.store_instances(SOURCE + STORE, [c.data for c in planted] + broken))
        assert [result.error is None for result in results] == [True] * len(planted) + [False] * len(broken)
        said += [(result.error, result.error.metadata) for result in results if result.error]
        sources = {path.name for path in (data / "objects").iterdir()}
        done = client.deidentify_dataset(SOURCE, CLEAN, config={})
        done.result(timeout=120)
        assert done.metadata.counter.success == len(planted)
        failed = client.deidentify_dicom_store(
            SOURCE + STORE,
            CLEAN + STORE,  # where they are already
            config={},
        )
        failed.result(timeout=120)
        assert failed.metadata.counter.failure == len(planted)
        said += [done.metadata, failed.metadata]
        # An entry's resource name says which source instance it is about; what happened to it may say nothing more.
        said += [entry.error for entry in client.operation_errors(failed.name)]
        for query in ("PatientName", "PatientSex", "Nonsense"):
            bad = {"dicomTagConfig": {"actions": [{"queries": [query, query], "recurseTag": {}}]}}
            with pytest.raises(effacer.EffacerError) as caught:
                client.deidentify_dataset(SOURCE, CLEAN + "2", config=bad)
            said.append((caught.value, caught.value.metadata))
        outputs = [data for _, data in _retrieve_all(client, CLEAN + STORE)]
        said += [list(client.search_studies(CLEAN + STORE)), list(client.search_instances(CLEAN + STORE))]
        said += [list(client.retrieve_metadata(instance)) for instance, _ in _retrieve_all(client, CLEAN + STORE)]
    found = {"answers": "\n".join(map(str, said)).encode(), "log": (data / "server.log").read_bytes()}
    return Aftermath(planted, found | _left_on_disk(data, sources), outputs)


def _left_on_disk(data: Path, sources: set[str]) -> dict[str, bytes]:
    """Every object that is not of the source store, and the rows."""
    found = {}
    for path in (data / "objects").rglob("*"):
        if path.is_file() and not sources & set(path.parts):
            found[f"object {path.parent.name}/{path.name}"] = path.read_bytes()
    found["rows"] = "\n".join(_rows(data / "catalog.sqlite")).encode()
    return found


def _retrieve_all(client: effacer.Client, store: str) -> Iterator[tuple[str, bytes]]:
    for found in client.search_instances(store):
        uids = [found[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")]
        name = "{}/dicomWeb/studies/{}/series/{}/instances/{}".format(store, *uids)
        yield name, client.retrieve_bytes(name)


def _rows(catalog: Path) -> Iterator[str]:
    """Every row but those about the source store's instances."""
    with sqlite3.connect(catalog) as rows:
        tables = [name for (name,) in rows.execute("select name from sqlite_master where type = 'table'")]
        uid = rows.execute("select uid from dicom_stores where name = ?", (SOURCE + STORE,)).fetchone()[0]
        for table in tables:
            columns = [row[1] for row in rows.execute(f"pragma table_info({table})")]
            where = f" where store_uid != '{uid}'" if "store_uid" in columns else ""
            kept = [column for column in columns if column != "source"]  # names the refused source instance
            yield from map(str, rows.execute(f"select {', '.join(kept)} from {table}{where}"))
    rows.close()


def test_everything_arrived(aftermath: Aftermath) -> None:
    assert len(aftermath.outputs) == len(aftermath.planted)
    assert sum(name.startswith("object") for name in aftermath.found) == len(aftermath.planted)
    plain = [c for c, syntax in zip(aftermath.planted, SYNTAXES, strict=True) if syntax != DEFLATED]
    joined = b"".join(aftermath.outputs)
    assert all(token in joined for c in plain for token in c.kept), (
        "the tokens that may stay prove that the search works"
    )


def test_no_token_is_left(aftermath: Aftermath) -> None:
    tokens = {token for c in aftermath.planted for token in c.gone if len(token) >= SHORT}
    assert len(tokens) > 2000
    haystacks = {**aftermath.found, **{f"output {n}": data for n, data in enumerate(aftermath.outputs)}}
    haystacks |= {f"inflated {n}": _inflated(data) for n, data in enumerate(aftermath.outputs)}
    leaks = [(where, left) for where, hay in haystacks.items() if (left := tokens_in(tokens, hay))]
    assert not leaks


def test_with_options_only_what_the_tables_let_through_is_left(tmp_path: Path) -> None:
    """All options at once but UIDs and full dates: in objects, rows, answers and the log."""
    left_out = ("retainUids", mixes.FULL_DATES)
    options = tuple(option for option in mixes.OPTIONS if option not in left_out)
    planted = [canaries(seed, Style(syntax), "latest") for seed, syntax in enumerate((EXPLICIT, IMPLICIT), 7)]
    config = json.loads(mixes.config(options=options, edition="EDITION_LATEST"))
    with served(tmp_path, "--workers", "threads:2") as server, effacer.Client(server.target) as client:
        client.create_dataset(SOURCE).result()
        client.create_dicom_store(SOURCE + STORE)
        assert not [r.error for r in client.store_instances(SOURCE + STORE, [c.data for c in planted]) if r.error]
        sources = {path.name for path in (tmp_path / "objects").iterdir()}
        done = client.deidentify_dataset(SOURCE, CLEAN, config=config)
        done.result(timeout=120)
        assert done.metadata.counter.success == len(planted)
        outputs = [data for _, data in _retrieve_all(client, CLEAN + STORE)]
        said = [list(client.search_studies(CLEAN + STORE)), list(client.search_instances(CLEAN + STORE)), done.metadata]
    found = _left_on_disk(tmp_path, sources) | {"answers": str(said).encode()}
    found["log"] = (tmp_path / "server.log").read_bytes()
    through = set[bytes]().union(*(survivors(c, "latest", options) for c in planted))
    tokens = {token for c in planted for token in (*c.gone, *c.kept) if len(token) >= SHORT} - through
    assert len(tokens) > 10_000
    haystacks = found | {f"output {number}": data for number, data in enumerate(outputs)}
    leaks = [(where, left) for where, hay in haystacks.items() if (left := tokens_in(tokens, hay))]
    assert not leaks
    assert through == set(tokens_in(through, b"".join(outputs)))


def _inflated(data: bytes) -> bytes:
    """The whole instance with its data set inflated; the same bytes where it is not deflated."""
    from effacer_server.dicom import core

    source = core.Source(data)
    meta = core.read_meta(source)
    if not meta.deflated:
        return data
    inflated = core.inflate(source, meta, 1 << 28)
    return inflated.read(0, inflated.size)
