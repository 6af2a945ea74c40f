"""Explain, preview and stream against a real server process; then its log and what it said are searched for tokens."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

import effacer
from bench.served import served
from tests import hostile, synth
from tests.canary import canaries, tokens_in
from tests.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Style

REAL = ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm", "rtplan.dcm", "reportsi.dcm")
STORE = "projects/p/locations/l/datasets/d/dicomStores/s"
BASIC = '{"dicomTagConfig": {"actions": [{"queries": ["PatientSex"], "keepTag": {}}]}}'


@dataclass
class Place:
    """A server, its data, and everything that was said in this module."""

    address: str
    pid: int
    data: Path
    said: list[bytes] = field(default_factory=list)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    data = tmp_path_factory.mktemp("server") / "data"
    with served(data) as server:
        yield Place(server.target, server.pid, data)


@pytest.fixture
def client(place: Place) -> Iterator[effacer.Client]:
    with effacer.Client(place.address) as client:
        yield client


def run(place: Place, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from effacer.cli import main; main()", "--server", place.address]
    result = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=240)
    assert "Traceback" not in result.stderr
    place.said += [result.stdout.encode(), result.stderr.encode()]
    return result


def real() -> dict[str, Path]:
    found = {}
    for name in REAL:
        path = get_testdata_file(name)
        assert isinstance(path, str)
        found[name] = Path(path)
    return found


def test_the_command_de_identifies_through_a_stream(place: Place, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(BASIC)
    (tmp_path / "in").mkdir()
    for name, path in real().items():
        (tmp_path / "in" / name).write_bytes(path.read_bytes())
    (tmp_path / "in" / "notes.txt").write_text("no DICOM")
    out = tmp_path / "out"
    result = run(place, "--json", "stream", tmp_path / "in", "--out", out, "--config", tmp_path / "config.json")
    assert result.returncode == 3
    documents = {Path(line["path"]).name: line for line in map(json.loads, result.stdout.splitlines())}
    assert documents.pop("notes.txt")["error"]["reason"] == "NOT_DICOM"
    assert documents.keys() == real().keys()
    for name, document in documents.items():
        before, after = pydicom.dcmread(real()[name]), pydicom.dcmread(document["output"])
        assert after.PatientName == ""
        assert after.get("PatientSex") == before.get("PatientSex")
        assert after.SOPInstanceUID != before.SOPInstanceUID
        assert Path(document["output"]) == out.joinpath(
            after.StudyInstanceUID, after.SeriesInstanceUID, f"{after.SOPInstanceUID}.dcm"
        )
        assert after.get("PixelData") == before.get("PixelData")
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"dicomTagConfig": {"actions": [{"queries": ["PatientSexx"], "keepTag": {}}]}}')
    for command in (["stream", tmp_path / "in", "--out", out], ["explain"], ["preview", tmp_path / "in"]):
        failed = run(place, *command, "--config", wrong)
        assert (failed.returncode, failed.stdout) == (2, "")
        assert failed.stderr.startswith("effacer: config.dicomTagConfig.actions[0].queries[0]: ")


def test_the_command_explains_and_previews(place: Place, client: effacer.Client, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(BASIC)
    explained = run(place, "explain", "--config", tmp_path / "config.json")
    assert explained.returncode == 0
    assert explained.stdout.splitlines()[1].split()[:4] == ["(0010,0040)", "PatientSex", "stays", "as"]
    text = run(place, "explain", "--text", "--config", tmp_path / "config.json").stdout
    assert text == client.explain(BASIC).text

    file = real()["CT_small.dcm"]
    original = pydicom.dcmread(file)
    preview = run(place, "preview", file, "--config", tmp_path / "config.json")
    shown = run(place, "preview", file, "--config", tmp_path / "config.json", "--show-values")
    assert (preview.returncode, shown.returncode) == (0, 0)
    assert str(original.PatientName) not in preview.stdout
    assert str(original.PatientName) in shown.stdout

    client.create_dataset(STORE.rpartition("/dicomStores/")[0]).result(timeout=60)
    client.create_dicom_store(STORE)
    [stored] = client.store(STORE, file)
    assert stored.instance is not None
    by_name = run(place, "preview", stored.instance.name, "--config", tmp_path / "config.json")
    assert by_name.stdout.splitlines()[1:] == preview.stdout.splitlines()[1:]
    refused = run(place, "preview", stored.instance.name, "--show-values", "--config", tmp_path / "config.json")
    assert (refused.returncode, refused.stdout) == (2, "")


def test_a_preview_is_what_the_stream_does(client: effacer.Client) -> None:
    items = [synth.ct(1, size=16), synth.sr(1, elements=100), *real().values()]
    previews = list(client.preview_files(items, BASIC))
    outputs = list(client.deidentify_stream(items, BASIC))
    assert [preview.instance for preview in previews] == [output.instance for output in outputs]
    assert all(preview.instance for preview in previews)


def peak_kib(pid: int) -> int:
    """Most memory the process ever held."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def test_a_stream_of_large_instances_fits_into_little_memory(place: Place, client: effacer.Client) -> None:
    data = synth.ct(1, size=8000)
    assert len(data) > 120 << 20
    list(client.deidentify_stream([synth.ct(1, size=16)], BASIC))  # what is imported and compiled once
    before = peak_kib(place.pid)
    sizes = [sum(len(chunk) for chunk in result.chunks()) for result in client.deidentify_stream([data, data], BASIC)]
    assert min(sizes) > 120 << 20
    # 8 MiB of an instance may stay in memory, and be copied on their way to the file; the connection has its windows.
    assert peak_kib(place.pid) - before < 64 << 10


def test_a_server_outlives_callers_who_leave(place: Place, client: effacer.Client) -> None:
    data = synth.ct(1, size=512)
    for _ in range(30):
        results = client.deidentify_stream((data for _ in range(50)), BASIC)
        assert next(results).instance
        results.close()  # type: ignore[attr-defined]
    with contextlib.suppress(effacer.ResourceExhausted):  # places of those who left come free in a moment
        list(client.deidentify_stream([data], BASIC))
    descriptors = os.listdir(f"/proc/{place.pid}/fd")
    assert len(descriptors) < 100


def test_neither_answers_nor_the_log_hold_what_was_planted(place: Place, client: effacer.Client) -> None:
    planted = [
        canaries(seed, Style(syntax)) for seed, syntax in enumerate((EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED), 21)
    ]
    items = [c.data for c in planted] + [c.data[: len(c.data) * 2 // 3] for c in planted] + [b"CANARY is no DICOM"]
    said: list[bytes] = []
    refused = 0
    for result in client.deidentify_stream(items, {}):
        said += [
            str((result.instance, result.refused, result.refused and result.refused.metadata)).encode(),
            result.read(),
        ]
        refused += result.refused is not None
    assert refused == len(planted) + 1
    for preview in client.preview_files(items, {}, include_kept=True):
        said.append(str((preview.instance, preview.refused)).encode())
        said += [element.SerializeToString() for element in preview.elements]
    for name, data, _ in hostile.hostile():
        if "CANARY" in name:
            said += [str(result.refused).encode() for result in client.deidentify_stream([data], {})]
    log = (place.data / "server.log").read_bytes()
    tokens = {token for c in planted for token in c.gone if len(token) >= 8}
    assert not tokens_in(tokens, b"\n".join([*said, *place.said]))
    kept = {token for c in planted for token in c.kept}
    assert not tokens_in(tokens | kept, log)
    assert b"CANARY" not in log
    assert b"Traceback" not in log
    plain = b"".join(said)
    assert all(token in plain for c in planted[:3] for token in c.kept), "the search works"
