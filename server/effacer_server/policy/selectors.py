"""A filter file as a selection: which studies, series and instances a run takes; nothing else is touched.

One resource path a line: `/studies/{uid}`, `/studies/{uid}/series/{uid}` or
`/studies/{uid}/series/{uid}/instances/{uid}`. Lines end with LF or CRLF; blank lines and repetitions do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from effacer_server.errors import InvalidConfig

# Longer than any path of three UIDs of 64 characters; what is longer is not a path and is not looked at any further.
_LONGEST_LINE = 512

# Digits and dots, at most 64, starting with a digit: PS3.5 §9.1 less its rules on roots and leading zeros, because
# stores hold instances whose UIDs break them ("3333333").
_UID = r"([0-9][0-9.]{0,63})"
_PATH = re.compile(rf"/studies/{_UID}(?:/series/{_UID}(?:/instances/{_UID})?)?", re.ASCII)


def parse_filter(lines: Iterable[bytes | str], *, path: str = "filterConfig") -> Iterator[tuple[str, str, str]]:
    """Yields (study, series, instance) per line, "" for a level the line does not name, in the file's order.

    Reads one line at a time, so that a file of any length passes through in constant memory.

    Args:
        lines: the file's lines, with or without their ends; bytes are ASCII.
        path: field that named the file, for the error.

    Raises:
        InvalidConfig: a line is no such path. It names the line by number and never quotes it: UIDs in the file may
            identify patients.
    """
    for number, raw in enumerate(lines, start=1):
        if len(raw) > _LONGEST_LINE:
            raise _malformed(path, number)
        line = raw.decode("ascii", "replace") if isinstance(raw, bytes) else raw
        if number == 1:
            line = line.removeprefix("\ufeff").removeprefix("\ufffd\ufffd\ufffd")  # byte order mark of UTF-8
        line = line.strip(" \t\r\n")
        if not line:
            continue
        match = _PATH.fullmatch(line)
        if match is None:
            raise _malformed(path, number)
        yield match[1], match[2] or "", match[3] or ""


def _malformed(path: str, number: int) -> InvalidConfig:
    return InvalidConfig(
        path,
        f"line {number} is not /studies/{{uid}}[/series/{{uid}}[/instances/{{uid}}]]",
        "MALFORMED_FILTER",
        line=number,
    )
