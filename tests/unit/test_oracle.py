"""The judge is judged first: its reader against pydicom, its writer against the input's bytes."""

from __future__ import annotations

import io
import warnings
from functools import cache

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from effacer_server.errors import Reason
from effacer_server.policy.plan import Keys, Plan, Rule, Verb
from tests import corpus, oracle
from tests.encode import Part, Style, data_set, file
from tests.oracle import values

KEYS = Keys(bytes(range(32)))
KEEP_ALL = Plan((), Rule(Verb.KEEP, "test"))
CORPUS = dict(corpus.files())


@cache
def outcome(name: str) -> oracle.Instance | Reason:
    try:
        instance = oracle.read(CORPUS[name].read_bytes())
        oracle.rewrite_instance(instance, KEEP_ALL, KEYS)  # sequences are read when something asks for their items
        return instance
    except oracle.OracleRefused as refused:
        return refused.reason


def agrees(dataset: Dataset, elements: list[oracle.Element], where: str) -> int:
    """Compares every element with pydicom's and returns how many there were."""
    count = 0
    assert sorted(e.tag for e in elements) == sorted(int(tag) for tag in dataset.keys()), where  # noqa: SIM118 - not its elements
    for mine in elements:
        theirs = dataset.get_item(mine.tag)
        place = f"{where}/{mine.tag:08X}"
        count += 1
        if mine.vr == "SQ" or (mine.undefined and not mine.frames):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                items = dataset[mine.tag].value or []
            own = mine.read_items() if mine.read_items else []
            assert len(items) == len(own), place
            for number, (item, my_item) in enumerate(zip(items, own, strict=True)):
                count += agrees(item, my_item.read_elements(), f"{place}[{number}]")
        elif isinstance(theirs, RawDataElement):
            assert (theirs.value or b"") == mine.value, place
            if mine.written_vr:
                assert mine.written_vr == theirs.VR, place
    return count


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) > 200
    assert {name.split("/")[0] for name in CORPUS} == {"pydicom", "charset", "pydicom-data", "deid-data"}


def test_most_of_the_corpus_is_accepted() -> None:
    read = [name for name in CORPUS if not isinstance(outcome(name), Reason)]
    assert len(read) > 0.85 * len(CORPUS)


@pytest.mark.parametrize("name", CORPUS)
def test_reader_agrees_with_pydicom_and_writes_back(name: str) -> None:
    instance = outcome(name)
    data = CORPUS[name].read_bytes()
    if isinstance(instance, Reason):
        return
    assert oracle.rewrite(data, KEEP_ALL, KEYS) == instance.data[instance.start :]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(data))
        assert agrees(dataset, instance.elements, name) == count_of(instance.elements)


def count_of(elements: list[oracle.Element]) -> int:
    inside = [item for e in elements if e.vr == "SQ" or e.undefined for item in (e.read_items or list)()]
    return len(elements) + sum(count_of(item.read_elements()) for item in inside)


@pytest.mark.parametrize("name", CORPUS)
def test_rebuilt_sequences_have_the_same_lengths(name: str) -> None:
    """Every sequence taken apart and put together again, headers and delimiters included, gives the same bytes."""
    instance = outcome(name)
    if isinstance(instance, Reason):
        return
    rewriter = oracle.Rewriter(KEEP_ALL, KEYS)
    for element in instance.elements:
        if element.read_items:
            assert rewriter.sequence(element, oracle.Place((element.tag,))) == element.raw


@pytest.mark.parametrize(
    ("source", "new"),
    [
        (b"1.2.3", b"2.25.235153174557024093797895412215599142974"),
        (b"111", b"2.25.140302709094137852884202099990798014056"),
    ],
)
def test_the_unkeyed_derivation(source: bytes, new: bytes) -> None:
    """Vectors of the redactor whose mapping it is."""
    assert values.new_uid(Keys(b"any", derivation="md5"), source) == new


@pytest.mark.parametrize(
    ("vr", "value", "days", "expected"),
    [
        ("DA", b"20200228", 1, b"20200229"),
        ("DA", b"20200229", 365, b"20210228"),
        ("DA", b"2020.12.31", 1, b"2021.01.01"),
        ("DA", b"20200101\\20191231 ", -1, b"20191231\\20191230 "),
        ("DA", b"", 5, b""),
        ("DA", b"  ", 5, b""),
        ("DA", b"20200230", 5, b"19000101"),
        ("DA", b"20200101-20200301", 5, b"19000101"),
        ("DA", b"00010101", -1, b"19000101"),
        ("DA", b"99991231", 1, b"19000101"),
        ("DT", b"20200228235959.999999+0100", 1, b"20200229235959.999999+0100"),
        ("DT", b"202012", 31, b"202101"),
        ("DT", b"2020", -1, b"2019"),
        ("DT", b"2020-0500", 366, b"2021-0500 "),
        ("DT", b"20200101101", 1, b"19000101000000"),
        ("DT", b"2020010110:11", 1, b"19000101000000"),
        ("LO", b"20200101", 1, b"20200102"),
        ("LO", b"20200101 or so", 1, b"PLACEHOLDER "),
        ("US", b"\1\2", 1, b"\0\0"),
    ],
)
def test_dates_move(vr: str, value: bytes, days: int, expected: bytes) -> None:
    assert values.shift_dates(0x00080020, vr, value, days, KEYS) == expected


def test_shifts_are_whole_days_within_a_year_and_never_none() -> None:
    def days(patient: bytes, study: bytes = b"1.2") -> int | None:
        parts = [Part(0x00100020, "LO", patient), Part(0x0020000D, "UI", study)]
        return values.shift_days(KEYS, oracle.read(file(Style(), data_set(Style(), parts))).elements)

    found = [days(b"P%d" % number) for number in range(3000)]
    assert {abs(number) for number in found if number} == set(range(1, 366))
    assert 0 not in found
    assert days(b" P1\0 ") == days(b"P1")
    assert days(b"  ", b"1.2.3") == days(b"", b"1.2.3") != days(b"", b"1.2.4")
    assert days(b"P1", b"1.2.3") == days(b"P1", b"1.2.4")
    assert days(b"", b"") is None
