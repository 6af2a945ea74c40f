"""What the benches measure with: a server's CPU time, and contestants that come and go."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pydicom
import pytest

from bench import contestants, orthanc
from bench.measure import ContestantFailed, Cost
from tests import synth
from tests.validity import readers


def test_cpu_time_of_a_process_is_what_it_says_of_itself() -> None:
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    assert orthanc.cpu_s(os.getpid()) == pytest.approx(time.process_time(), abs=0.1)


def test_cpu_time_of_a_process_with_a_hostile_name(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 2 (b"
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([str(program), "30"])
    try:
        assert 0.0 <= orthanc.cpu_s(child.pid) < 1.0
    finally:
        child.kill()
        child.wait()


def test_a_peer_that_is_not_installed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orthanc, "program", lambda: None)
    found = {one.name: one for one in contestants.contestants(tmp_path)}
    assert "not installed" in found["Orthanc"].missing
    with pytest.raises(ContestantFailed, match="not installed"), orthanc.running(tmp_path / "server"):
        pass


def test_a_server_that_ends_at_once_is_no_contestant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orthanc, "program", lambda: "/bin/false")
    with pytest.raises(ContestantFailed, match="ended with 1"), orthanc.running(tmp_path):
        pass


def test_orthanc_anonymizes_every_file_and_is_gone_behind_it(tmp_path: Path) -> None:
    readers.need("Orthanc")
    source, out, scratch = tmp_path / "in", tmp_path / "out", tmp_path / "server"
    source.mkdir()
    assert orthanc.measure(source, out, scratch) == Cost(0.0, 0.0)
    for number in (1, 2, 3):
        (source / f"{number}.dcm").write_bytes(synth.ct(1, number=number, size=16))
    cost = orthanc.measure(source, out, scratch)
    assert cost.wall_s > 0.0
    assert cost.cpu_s >= 0.0
    name = pydicom.dcmread(source / "1.dcm").PatientName
    written = [pydicom.dcmread(path) for path in sorted(out.iterdir())]
    assert len({instance.SOPInstanceUID for instance in written}) == 3
    assert all(instance.PatientName != name for instance in written)
    assert not (scratch / "storage").exists()
    (source / "4.dcm").write_bytes(b"no DICOM")
    with pytest.raises(ContestantFailed, match="/instances: 400"):
        orthanc.measure(source, out, scratch)
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(scratch) not in running
