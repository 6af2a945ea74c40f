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
    assert {name.split("/")[0] for name in CORPUS} == {"pydicom", "charset", "pydicom-data"}


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
    rewriter = oracle.Rewriter(KEEP_ALL, KEYS, lambda rule: rule.verb)
    for element in instance.elements:
        if element.read_items:
            assert rewriter.sequence(element, False, 0) == element.raw
