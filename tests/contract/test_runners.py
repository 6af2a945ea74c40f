"""Who runs the work, and when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

_PARENT = """
import os, time
from effacer_server.jobs.runners import open_runner
executor, _ = open_runner("processes:2")
executor.submit(time.sleep, 3600)
executor.submit(os.getpid).result()
print(*executor._processes, flush=True)
time.sleep(3600)
"""


def test_workers_end_with_a_killed_parent() -> None:
    """One busy, one waiting for work; nobody is left to tell them."""
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2
        parent.kill()
        try:
            # They share its stdout, which ends when the last of them does.
            parent.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            raise
