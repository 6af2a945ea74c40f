"""Who takes part in `bench.tags`, and how each is called."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import orthanc
from bench.measure import Cost, run_child

OURS, LEAN, COPY = "effacer", "lean pydicom", "cp -r"
ANONYMIZER, GDCMANON, ORTHANC = "dicom-anonymizer", "gdcmanon -e", "Orthanc"


@dataclass(frozen=True, slots=True)
class Contestant:
    """One program, called folder to folder.

    Attributes:
        name: for the table.
        command: program and arguments; {in} and {out} stand for the folders.
        slow: takes the short set.
        makes_out: the output folder must exist before.
        copies: does not de-identify, so that its outputs are counted only.
        same: must come to the very bytes effacer comes to.
        missing: why it cannot run here; "" when it can.
        measure: called with both folders in place of the command, where a child's own CPU time is not what counts.
    """

    name: str
    command: tuple[str, ...] = ()
    slow: bool = False
    makes_out: bool = False
    copies: bool = False
    same: bool = False
    missing: str = ""
    measure: Callable[[Path, Path], Cost] | None = None

    def call(self, source: Path, destination: Path) -> list[str]:
        """The command line for these folders."""
        names = {"in": str(source), "out": str(destination)}
        return [part.format_map(names) for part in self.command]


def contestants(scratch: Path) -> list[Contestant]:
    """All of them; config, keys and certificate are made in `scratch`."""
    config, data = scratch / "basic.json", scratch / "data"
    profile = {"dicomTagConfig": {"profileType": "ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE"}}
    config.write_text(json.dumps(profile), encoding="utf-8")
    server = (sys.executable, "-m", "effacer_server", "deidentify", "{in}", "{out}")
    report = str(scratch / "report.json")
    lean = (sys.executable, "-m", "bench.lean_pydicom", "{in}", "{out}", str(config), str(data))
    return [
        Contestant(COPY, ("cp", "-r", "{in}", "{out}"), copies=True),
        Contestant(OURS, (*server, "--config", str(config), "--data", str(data), "--jobs", "1", "--report", report)),
        Contestant(LEAN, lean, slow=True, same=True),
        _dicom_anonymizer(),
        _gdcmanon(scratch),
        _orthanc(scratch),
    ]


def _dicom_anonymizer() -> Contestant:
    name = ANONYMIZER
    if importlib.util.find_spec("dicomanonymizer") is None:
        return Contestant(name, missing="not installed (make bench-tags installs it)")
    code = "from dicomanonymizer.anonymizer import main; main()"
    return Contestant(name, (sys.executable, "-c", code, "{in}", "{out}"), slow=True, makes_out=True)


def _gdcmanon(scratch: Path) -> Contestant:
    """gdcmanon de-identifies with `-e`, which wants a certificate: the originals are encrypted into each output."""
    name = GDCMANON
    for program, package in (("gdcmanon", "libgdcm-tools"), ("openssl", "openssl")):
        if shutil.which(program) is None:
            return Contestant(name, missing=f"{program} is not on PATH (apt-get install {package})")
    certificate = scratch / "certificate.pem"
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bench")
    run_child([*request, "-keyout", str(scratch / "key.pem"), "-out", str(certificate)], scratch / "openssl.log")
    command = ("gdcmanon", "-e", "-c", str(certificate), "-r", "-i", "{in}", "-o", "{out}")
    return Contestant(name, command, slow=True, makes_out=True)


def _orthanc(scratch: Path) -> Contestant:
    """A server: what counts is its CPU time over the anonymize calls, see bench.orthanc."""
    name = ORTHANC
    if orthanc.program() is None:
        return Contestant(name, missing="Orthanc is not installed (apt-get install orthanc)")
    return Contestant(name, slow=True, measure=partial(orthanc.measure, scratch=scratch / "orthanc"))
