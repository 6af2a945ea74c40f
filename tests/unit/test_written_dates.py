"""Dates as people write them, moved and written the same way again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from effacer_server.engine.text.written_dates import months, move

ENGLISH = [name for name, number in sorted(months().items(), key=lambda item: item[1])]


@pytest.mark.parametrize(
    ("written", "moved"),
    [
        ("09SEP2011", "12OCT2011"),
        ("20110909", "20111012"),
        ("2011-09-09", "2011-10-12"),
        ("2011/09/09 10:11", "2011/10/12 10:11"),
        ("09/09/2011", "10/12/2011"),
        ("9/3/11", "10/6/11"),
        ("31/12/2011", "02/02/2012"),
        ("03.09.2011", "06.10.2011"),
        ("3.9.11", "6.10.11"),
        ("3 September 2011", "6 October 2011"),
        ("Sept 3rd, 2011", "Oct 6th, 2011"),
        ("1st of September 2011", "4th of October 2011"),
        ("SEP 2011", "OCT 2011"),
        ("12-SEP-11", "15-OCT-11"),
        ("2011-09", "2011-10"),
        ("09/2011", "10/2011"),
        ("Sep 3", "Oct 6"),
        ("20110909101112", "20111012101112"),
        ("3. März 2011", "5. April 2011"),
        ("3 de septiembre de 2011", "6 de octubre de 2011"),
        ("12 août 2012", "14 septembre 2012"),
    ],
)
def test_the_written_form_stays(written: str, moved: str) -> None:
    assert move(written, 33) == moved


@pytest.mark.parametrize("text", ["", "abc", "20110230", "99999999", "31/31/2011", "1.2.3.4", "2011", "0000-00-00"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert move(text, 33) is None


@given(st.dates(date(1900, 1, 1), date(2060, 1, 1)), st.integers(-365, 365).filter(bool))
def test_against_the_calendar(day: date, by: int) -> None:
    then = day + timedelta(by)
    for form in ("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%d%b%Y", "%d %B %Y", "%B %d, %Y"):
        assert move(day.strftime(form), by) == then.strftime(form)


@given(st.text(max_size=40), st.integers(-365, 365))
def test_any_text_is_moved_or_is_none(text: str, by: int) -> None:
    assert move(text, by) is None or isinstance(move(text, by), str)
