"""Who runs the work: the stdlib's Executor, by name."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

from effacer_server.errors import InvalidConfig


class InlineExecutor(Executor):
    """Runs each call at once in the caller's thread; for tests and for debugging."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


def _end_with_parent() -> None:
    """Has this worker process end when its parent is gone, killed ones included: nobody else would tell it.

    A thread waits for the end of a pipe whose other end the parent alone holds; multiprocessing makes one for each
    child. PR_SET_PDEATHSIG is Linux's alone, and tells of the thread that started the worker, not of its process.
    """
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            # At once, whatever is in hand: objects are visible whole or not at all.
            os._exit(1)

    threading.Thread(target=watch, name="effacer-parent", daemon=True).start()


def open_runner(workers: str) -> tuple[Executor, int]:
    """An executor and how many calls it runs at the same time.

    Args:
        workers: "inline", "threads:N" or "processes:N", N at least 1. Threads are enough for tags and bytes: the
            native core works without the interpreter's lock.

    Raises:
        InvalidConfig: anything else.
    """
    kind, _, number = workers.partition(":")
    if kind == "inline" and not number:
        return InlineExecutor(), 1
    if number.isdigit() and 1 <= int(number) <= 1024:
        count = int(number)
        if kind == "threads":
            return ThreadPoolExecutor(count, thread_name_prefix="effacer-worker"), count
        if kind == "processes":
            # A fork of a server with threads and gRPC inside is not safe to run in.
            context = multiprocessing.get_context("spawn")
            return ProcessPoolExecutor(count, mp_context=context, initializer=_end_with_parent), count
    raise InvalidConfig("workers", "must be inline, threads:N or processes:N")
