"""Filter files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from effacer_server.errors import InvalidConfig
from effacer_server.policy.selectors import parse_filter


def test_three_levels_both_line_ends_blank_lines_and_repetitions() -> None:
    lines = [
        b"/studies/1.2\r\n",
        b"\n",
        b"/studies/1.2/series/3\n",
        b"  /studies/1.2/series/3/instances/4.5  \r\n",
        b"\r\n",
        b"/studies/1.2\r\n",
        b"/studies/3333333/series/4444444/instances/2222222",
    ]
    assert list(parse_filter(lines)) == [
        ("1.2", "", ""),
        ("1.2", "3", ""),
        ("1.2", "3", "4.5"),
        ("1.2", "", ""),
        ("3333333", "4444444", "2222222"),
    ]


def test_text_and_byte_order_mark() -> None:
    assert list(parse_filter(["/studies/1\n"])) == [("1", "", "")]
    assert list(parse_filter(["\ufeff/studies/1\n"])) == [("1", "", "")]
    assert list(parse_filter([b"\xef\xbb\xbf/studies/1\n"])) == [("1", "", "")]


def test_uids_up_to_64_characters() -> None:
    uid = "1." + "2" * 62
    assert list(parse_filter([f"/studies/{uid}"])) == [(uid, "", "")]
    with pytest.raises(InvalidConfig):
        list(parse_filter([f"/studies/{uid}0"]))


@pytest.mark.parametrize(
    "line",
    [
        "studies/1.2",
        "/studies/",
        "/studies/1.2/",
        "/studies/1.2/series",
        "/studies/1.2/series/",
        "/studies/1.2/instances/3",
        "/studies/1.2/series/3/instances/4/frames/1",
        "/studies/1.2 /series/3",
        "/studies/WALL^ANNA",
        "/studies/.1",
        "/studies/1.2,3",
        "/studies/\u0661",  # a digit, but none of ASCII
        "/studies/" + "1" * 600,
        "# comment",
    ],
)
def test_malformed_line_is_named_by_number_and_never_quoted(line: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        list(parse_filter(["/studies/1.2\n", "\n", line + "\n"], path="filterConfig.resourcePathsGcsUri"))
    error = caught.value
    assert error.violations[0][0] == "filterConfig.resourcePathsGcsUri"
    assert "line 3 " in error.message
    assert error.violations[0][1] == "line 3 is not /studies/{uid}[/series/{uid}[/instances/{uid}]]"
    assert error.metadata == {"line": "3"}


def test_non_ascii_bytes_are_malformed() -> None:
    with pytest.raises(InvalidConfig):
        list(parse_filter([b"/studies/1\xff\n"]))


def test_reads_no_further_than_asked() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"/studies/1\n"

    assert list(islice(parse_filter(endless()), 2)) == [("1", "", "")] * 2
