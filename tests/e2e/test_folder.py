"""`effacer-server deidentify`: folder to folder, as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from tests import synth
from tests.samples import sample_instance

BASIC: dict[str, object] = {}
KEEP_NAME = {"dicomTagConfig": {"actions": [{"keepTag": {}, "queries": ["PatientName"]}]}}


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Three good instances in two folders, their file names telling what they must not."""
    folder = tmp_path / "scans"
    (folder / "Johnson^Ann").mkdir(parents=True)
    (folder / "Johnson^Ann" / "ann johnson.dcm").write_bytes(sample_instance())
    (folder / "a.dcm").write_bytes(synth.ct(1, size=16))
    (folder / "b.dcm").write_bytes(synth.ct(1, number=2, size=16))
    return folder


def run(scans: Path, out: Path, config: object, *options: str) -> subprocess.CompletedProcess[str]:
    folder = scans.parent
    file = folder / "config.json"
    file.write_text(config if isinstance(config, str) else json.dumps(config))
    report, data = folder / "report.json", folder / "data"
    command = [sys.executable, "-m", "effacer_server", "deidentify", str(scans), str(out), "--config", str(file)]
    return subprocess.run(
        [*command, "--report", str(report), "--data", str(data), *options], capture_output=True, text=True, timeout=120
    )


def report_of(out: Path) -> dict[str, dict[str, object]]:
    return {row["input"]: row for row in json.loads((out.parent / "report.json").read_text())["instances"]}


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_outputs_are_laid_out_by_their_new_uids(scans: Path, tmp_path: Path, jobs: str) -> None:
    out = tmp_path / "clean"
    ended = run(scans, out, KEEP_NAME, "--jobs", jobs)
    assert ended.returncode == 0, ended.stderr
    rows = report_of(out)
    assert set(rows) == {"Johnson^Ann/ann johnson.dcm", "a.dcm", "b.dcm"}
    for row in rows.values():
        instance = pydicom.dcmread(out / str(row["output"]))
        uids = instance.StudyInstanceUID, instance.SeriesInstanceUID, instance.SOPInstanceUID
        assert row["output"] == "{}/{}/{}.dcm".format(*uids)
    assert str(pydicom.dcmread(out / str(rows["Johnson^Ann/ann johnson.dcm"]["output"])).PatientName) == "Ann Johnson"
    written = [path for path in out.rglob("*") if path.is_file()]
    assert len(written) == 3, "nothing but the outputs is left"
    assert not any("nn" in str(path.relative_to(out)) for path in written)


def test_two_runs_map_a_uid_alike_and_the_key_is_private(scans: Path, tmp_path: Path) -> None:
    assert run(scans, tmp_path / "one", BASIC).returncode == 0
    first = report_of(tmp_path / "one")
    assert run(scans, tmp_path / "two", BASIC, "--jobs", "2").returncode == 0
    assert report_of(tmp_path / "two") == first
    assert (tmp_path / "data" / "keys" / "uid.key").stat().st_mode & 0o777 == 0o600
    other = run(scans, tmp_path / "three", BASIC, "--data", str(tmp_path / "elsewhere"))
    assert other.returncode == 0
    assert report_of(tmp_path / "three")["a.dcm"] != first["a.dcm"], "another key, another mapping"


def test_refused_files_are_listed_and_absent(scans: Path, tmp_path: Path) -> None:
    good = synth.ct(1, number=3, size=16)
    (scans / "cut.dcm").write_bytes(good[: len(good) // 2])
    (scans / "notes.txt").write_text("CANARY77 is no DICOM")
    (scans / "empty").write_bytes(b"")
    (scans / "twin.dcm").write_bytes((scans / "a.dcm").read_bytes())
    out = tmp_path / "clean"
    ended = run(scans, out, BASIC)
    assert ended.returncode == 3
    rows = report_of(out)
    assert rows["cut.dcm"]["reason"] == "TRUNCATED"
    assert isinstance(rows["cut.dcm"]["position"], int)
    assert rows["notes.txt"]["reason"] == rows["empty"]["reason"] == "NOT_DICOM"
    assert sorted(str(rows[name].get("reason")) for name in ("a.dcm", "twin.dcm")) == ["None", "UID_COLLISION"]
    for name in ("cut.dcm", "notes.txt", "empty"):
        assert name in ended.stderr
    assert sum(path.is_file() for path in out.rglob("*")) == 3
    assert "CANARY77" not in ended.stdout + ended.stderr + (tmp_path / "report.json").read_text()


def actions(**action: object) -> dict[str, object]:
    return {"dicomTagConfig": {"actions": [{"keepTag": {}, **action}]}}


def test_nothing_is_left_out_without_a_word(scans: Path, tmp_path: Path) -> None:
    (scans / "link.dcm").symlink_to(scans / "a.dcm")
    (scans / "folder-link").symlink_to(tmp_path)
    (scans / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(scans / "pipe")
    ended = run(scans, tmp_path / "clean", BASIC)
    assert ended.returncode == 3
    rows = report_of(tmp_path / "clean")
    assert {name: rows[name].get("reason") for name in ("folder-link", "dangling", "pipe")} == {
        "folder-link": "NOT_A_FILE",
        "dangling": "IO",
        "pipe": "NOT_A_FILE",
    }
    assert sorted(str(rows[name].get("reason")) for name in ("a.dcm", "link.dcm")) == ["None", "UID_COLLISION"]


def test_file_names_that_are_markup_or_no_text(scans: Path, tmp_path: Path) -> None:
    (scans / "[").mkdir()
    (scans / "[" / "x].dcm").write_text("no DICOM")
    with open(os.fsencode(scans) + b"/\xff.dcm", "wb") as file:
        file.write(b"no DICOM")
    ended = run(scans, tmp_path / "clean", BASIC)
    assert ended.returncode == 3
    assert "[/x].dcm" in ended.stderr
    rows = report_of(tmp_path / "clean")
    assert len(rows) == 5
    assert rows["\udcff.dcm"]["reason"] == "NOT_DICOM"


@pytest.mark.parametrize("what", ["report", "out"])
def test_places_that_cannot_be_written_are_named(scans: Path, tmp_path: Path, what: str) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    out, options = tmp_path / "clean", ["--report", str(blocker / "report.json")]
    if what == "out":
        out, options = blocker / "clean", []
    ended = run(scans, out, BASIC, *options)
    assert ended.returncode == 1, ended.stderr
    assert str(blocker) in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "clean").exists()


@pytest.mark.parametrize(
    ("config", "path"),
    [
        (actions(queriez=["PN"]), "config.dicomTagConfig.actions[0].queriez"),
        (actions(queries=["Nope"]), "config.dicomTagConfig.actions[0].queries[0]"),
        ({"image": {"textRedactionMode": "REDACT_ALL_TEXT"}}, "config.image.textRedactionMode"),
        ({"text": {"excludeInfoTypes": ["NOPE"]}}, "config.text.excludeInfoTypes[0]"),
        ("{", "config: is not JSON"),
    ],
)
def test_a_bad_config_ends_with_2_before_anything_is_written(
    scans: Path, tmp_path: Path, config: object, path: str
) -> None:
    ended = run(scans, tmp_path / "clean", config)
    assert ended.returncode == 2
    assert path in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "clean").exists()


def test_a_report_takes_the_place_of_nothing_but_an_earlier_report(scans: Path, tmp_path: Path) -> None:
    (tmp_path / "other.dcm").write_bytes((scans / "a.dcm").read_bytes())
    (tmp_path / "link.json").symlink_to(scans / "a.dcm")
    out = tmp_path / "clean"
    inside = [scans / "a.dcm", scans / "Johnson^Ann" / "new.json", tmp_path / "link.json"]
    places = [*inside, tmp_path / "config.json", tmp_path / "other.dcm", out / "1.2" / "3" / "4.dcm"]
    before = {path: path.read_bytes() for path in (*scans.rglob("*.dcm"), tmp_path / "other.dcm")}
    for place in places:
        ended = run(scans, out, BASIC, "--report", str(place))
        assert (ended.returncode, "--report" in ended.stderr) == (2, True), place
        assert "Traceback" not in ended.stderr
    assert (tmp_path / "config.json").read_text() == "{}"
    assert {path: path.read_bytes() for path in (*scans.rglob("*.dcm"), tmp_path / "other.dcm")} == before
    assert not out.exists()
    assert not (tmp_path / "data").exists(), "nothing has begun"
    out.mkdir()
    (out / "report.json").touch()
    for _ in range(2):
        assert run(scans, out, BASIC, "--report", str(out / "report.json")).returncode == 0
    assert json.loads((out / "report.json").read_text())["succeeded"] == 3


def test_the_input_folder_is_never_written_into(scans: Path) -> None:
    for out in (scans, scans / "inside"):
        ended = run(scans, out, BASIC)
        assert ended.returncode == 2
        assert "OUT_DIR" in ended.stderr
