"""Folder to folder, without a server: the same engine, the same keys."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from effacer_server.engine.instance import Deidentifier, Output
from effacer_server.errors import EffacerError, Reason, Refused
from effacer_server.jobs.runners import open_runner
from effacer_server.jobs.work import source_of, write
from effacer_server.store.blobs import Blobs, Writer, open_blobs
from effacer_server.store.local import LocalReader

log = logging.getLogger(__name__)

#: Files per call of the executor: enough to hide its cost, few enough for a lively progress bar.
_BATCH = 32
#: Files open at the same time over all threads; systems allow a process 1024 by default, and each takes two.
_OPEN_FILES = 384
#: Outputs held in memory before they are written; only inflated data sets come near it.
_HELD_BYTES = 32 << 20


@dataclass(slots=True)
class FileResult:
    """What became of one input file.

    Attributes:
        input: its path below the input folder.
        output: path below the output folder; "" when refused.
        reason, tag, vr, position: why it was refused, as in errors.Refused.
    """

    input: str
    output: str = ""
    reason: str = ""
    tag: int | None = None
    vr: str = ""
    position: int | None = None


@dataclass(slots=True)
class FolderReport:
    """Results so far, and their numbers."""

    results: list[FileResult] = field(default_factory=list)

    @property
    def refused(self) -> Counter[str]:
        """Number of refused files by reason."""
        return Counter(result.reason for result in self.results if result.reason)

    @property
    def succeeded(self) -> int:
        """Number of files that were written."""
        return sum(1 for result in self.results if not result.reason)


def list_files(folder: Path) -> list[str]:
    """Paths of everything below a folder but the folders, relative to it, sorted.

    Links to folders are not followed and folders that cannot be read not entered: their own paths stand in the list,
    and end up refused there, so that nothing is left out without a word.

    Raises:
        OSError: the folder itself cannot be read.
    """
    found: list[str] = []
    below = [""]
    while below:
        at = below.pop()
        try:
            with os.scandir(folder / at) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        below.append(f"{at}{entry.name}/")
                    else:
                        found.append(f"{at}{entry.name}")
        except OSError:
            if not at:
                raise
            found.append(at)
    return sorted(found)


class FolderRun:
    """One run from a folder into another.

    Outputs are `{study}/{series}/{instance}.dcm` by their new UIDs, since an input's file name can hold a name. Two
    inputs that come to the same UIDs: the first one done is written, the other refused with UID_COLLISION.
    """

    def __init__(
        self,
        source: Path,
        destination: Path,
        deidentifier: Deidentifier,
        report: FolderReport,
        max_bytes: int = 1 << 40,
    ) -> None:
        """Prepares.

        Args:
            report: takes the results as they come.

        Raises:
            EffacerError: the destination cannot be used.
        """
        self._report = report
        self._source = source
        self._blobs: Blobs = open_blobs(destination.absolute().as_uri(), durable=False)
        self._deidentifier = deidentifier
        self._max_bytes = max_bytes
        self._taken: set[str] = set()
        self._lock = threading.Lock()

    def run(self, paths: list[str], jobs: int, progress: Callable[[int], None] = lambda done: None) -> None:
        """De-identifies the files, `jobs` at a time; `progress` hears how many more are done."""
        executor, width = open_runner("inline" if jobs == 1 else f"threads:{jobs}")
        results = self._report.results
        with executor:
            waiting: set[Future[list[FileResult]]] = set()
            for batch in _batches(paths, max(1, min(_BATCH, _OPEN_FILES // width))):
                waiting.add(executor.submit(self._batch, batch))
                if len(waiting) >= 2 * width:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        results += future.result()
                        progress(len(future.result()))
            for future in waiting:
                results += future.result()
                progress(len(future.result()))
        self._blobs.sweep()
        self._blobs.close()
        results.sort(key=lambda result: result.input)

    def _batch(self, paths: list[str]) -> list[FileResult]:
        """Some files, pass by pass: headers of all, then bodies of all, then their names.

        Between headers alone, code and tables stay in the processor's cache; a body of pixel data pushes them out.
        """
        results: list[FileResult] = []
        works: list[_Work] = []
        held = 0
        try:
            for path in paths:
                try:
                    works.append(self._prepare(path))
                except Exception as error:
                    results.append(_failure(path, error))
                    continue
                held += works[-1].held
                if held > _HELD_BYTES:
                    self._write_all(works, results)
                    held = 0
            self._write_all(works, results)
        finally:
            _let_go(works)
        return results

    def _prepare(self, path: str) -> _Work:
        """Reads and changes the header; nothing is written yet."""
        reader = _open(f"{self._source}/{path}")
        try:
            if reader.size > self._max_bytes:
                raise Refused(Reason.TOO_LARGE)
            output = self._deidentifier.deidentify(source_of(reader))
            key = f"{output.study}/{output.series}/{output.instance}.dcm"
            with self._lock:
                if key in self._taken:
                    raise Refused(Reason.UID_COLLISION)
                self._taken.add(key)
        except BaseException:
            reader.close()
            raise
        return _Work(path, reader, output, key)

    def _write_all(self, works: list[_Work], results: list[FileResult]) -> None:
        for work in works:
            try:
                work.writer = self._blobs.create(work.key)
                write(work.output, work.reader, work.writer)
                work.writer.flush()
            except Exception as error:
                results.append(_failure(work.path, error))
                work.failed = True
        for work in works:
            if work.failed or work.writer is None:
                continue
            try:
                work.writer.commit()
                results.append(FileResult(work.path, work.key))
            except Exception as error:
                results.append(_failure(work.path, error))
        _let_go(works)


def _failure(path: str, error: Exception) -> FileResult:
    """What a file's error leaves in the report."""
    if isinstance(error, Refused):
        return FileResult(path, "", str(error.reason), error.tag, error.vr, error.position)
    if isinstance(error, OSError | EffacerError):
        return FileResult(path, reason=str(Reason.IO))
    # The type says where to look; its text could hold a value.
    log.error("a file failed with %s", type(error).__name__)
    return FileResult(path, reason=str(Reason.INTERNAL))


@dataclass(slots=True)
class _Work:
    """One file between its passes."""

    path: str
    reader: LocalReader
    output: Output
    key: str
    writer: Writer | None = None
    failed: bool = False

    @property
    def held(self) -> int:
        """Bytes of the output that are in memory."""
        return sum(len(part) for part in self.output.segments if isinstance(part, bytes))


def _let_go(works: list[_Work]) -> None:
    for work in works:
        work.reader.close()
        if work.writer is not None:
            work.writer.abort()  # does nothing behind a commit
    works.clear()


def _open(path: str) -> LocalReader:
    # Opening a pipe would wait for somebody to write into it.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Refused(Reason.NOT_A_FILE)
    return LocalReader(descriptor, status.st_size)


def _batches(paths: list[str], size: int) -> Iterator[list[str]]:
    rest = iter(paths)
    while batch := list(islice(rest, size)):
        yield batch
