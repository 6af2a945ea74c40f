"""CPU and wall time of a command as its own child process."""

from __future__ import annotations

import mmap
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took, in seconds.

    Attributes:
        cpu_s: user and system time of the child and of the children it waited for.
        wall_s: from its start to its end.
    """

    cpu_s: float
    wall_s: float


class ContestantFailed(Exception):
    """A contestant ended with another exit code than 0; the message ends with its last words."""


def run_child(command: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> Cost:
    """Runs a command to its end and says what it took.

    Args:
        command: program and arguments.
        log: file that takes its standard output and error.
        environment: in place of this process's.

    Raises:
        ContestantFailed: exit code other than 0.
    """
    with log.open("wb") as out:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
        # wait4 rather than the sum over all children: what other children used must not be counted.
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        tail = log.read_text(errors="replace")[-800:]
        raise ContestantFailed(f"{command[0]} ended with {child.returncode}: {tail}")
    return Cost(usage.ru_utime + usage.ru_stime, wall)


#: One page of so many bytes stays taken. Hypervisors take back free memory in blocks of 2 MiB and more.
_KEPT_EVERY = 1 << 20


@contextmanager
def memory_at_hand(size_bytes: int) -> Iterator[None]:
    """Sees to it that so much free memory is the machine's own, and stays so.

    On a virtual machine the first touch of a page is the hypervisor's work and lands on whoever comes first: several
    times what the copy into that page costs. Touching it once does not help for long: where free pages are reported to
    the hypervisor (free page reporting, seconds after they were freed) it takes them back, and a contestant that runs
    longer than another pays for more of them. So memory is taken and touched, and given back but for a page here and
    there: the free blocks between those are too small to be reported, and the first to be handed out.
    """
    with mmap.mmap(-1, size_bytes) as memory:
        for at in range(0, size_bytes, mmap.PAGESIZE):
            memory[at] = 1
        for at in range(0, size_bytes, _KEPT_EVERY):
            length = min(_KEPT_EVERY, size_bytes - at) - mmap.PAGESIZE
            if length > 0:
                memory.madvise(mmap.MADV_DONTNEED, at + mmap.PAGESIZE, length)
        yield
