"""What a reader of pixels confused, as it may have been meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from effacer_server.engine.text.finder import Finder
from effacer_server.engine.text.misread import PIXELS, as_meant
from effacer_server.policy.text import default_info_types


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("D0B: 2O11-O9-l2", "DOB: 2011-09-12"),
        ("l2/O3/2O11", "12/03/2011"),
        ("1OMAR20O8", "10MAR2008"),
        ("05-APR-l996", "05-APR-1996"),
        ("5M1TH^J0HN", "SMITH^JOHN"),
        ("MlCHELLE", "MICHELLE"),
        ("Wi1son, CIifford", "Wilson, Clifford"),
        ("8rown", "Brown"),
        ("Head T2 2011", "Head T2 2011"),
    ],
)
def test_what_was_meant(read: str, meant: str) -> None:
    assert as_meant(read) == meant


@given(st.text(max_size=80))
def test_offsets_stay(text: str) -> None:
    assert len(as_meant(text)) == len(text)


def test_what_was_misread_is_found_in_pixels_alone() -> None:
    finder = Finder(frozenset(default_info_types()))
    assert [(span.start, span.end) for span in finder.find("DOB O9/l2/l957", PIXELS)] == [(4, 14)]
    assert finder.find("Dr. 5MITH 10/Il/2O19", PIXELS)
    assert finder.find("T2 FLAIR AX 5MM", PIXELS) == []
