"""Who runs the work: the stdlib's Executor, by name."""

from __future__ import annotations

import multiprocessing
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
            return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")), count
    raise InvalidConfig("workers", "must be inline, threads:N or processes:N")
