"""The scorecard: its key asks what it should, its checks can fail, and the server passes them."""

from __future__ import annotations

import datetime
import io
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from bench import scorecard
from bench.answer_key import CHECKS, Instance, instances, read_rows
from bench.scorecard import FLOOR, Score, score, shift

Edit = Callable[[Instance, pydicom.Dataset], None]


@pytest.fixture(scope="module")
def made() -> list[Instance]:
    return list(instances(2, 1))


def written(folder: Path, made: list[Instance], edit: Edit = lambda instance, dataset: None) -> dict[str, Path]:
    """The inputs as outputs, after an edit."""
    paths = {}
    for number, instance in enumerate(made):
        dataset = pydicom.dcmread(io.BytesIO(instance.data))
        edit(instance, dataset)
        paths[instance.name] = folder / f"{number}.dcm"
        dataset.save_as(paths[instance.name])
    return paths


def failed(result: Score, check: str) -> set[tuple[str, str]]:
    return {(failure.file, failure.where) for failure in result.failures if failure.check == check}


def by_check(result: Score) -> Counter[str]:
    return Counter(failure.check for failure in result.failures)


def new_uids(instance: Instance, dataset: pydicom.Dataset) -> None:
    """Other UIDs for all that names no class."""
    for element in [*dataset.file_meta, *dataset.iterall()]:
        if element.VR == "UI" and str(element.value).startswith("2.25."):
            element.value = f"{element.value}7"


def later(days: int) -> Edit:
    """Moves every date by some days."""

    def edit(instance: Instance, dataset: pydicom.Dataset) -> None:
        for element in dataset.iterall():
            if element.VR in ("DA", "DT"):
                old = str(element.value)
                day = datetime.datetime.strptime(old[:8], "%Y%m%d") + datetime.timedelta(days)
                element.value = f"{day:%Y%m%d}" + old[8:]

    return edit


def test_the_full_key_asks_two_thousand_checks_of_every_config() -> None:
    asked: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for instance in instances(6, 2):
        kinds[instance.name.rpartition("/")[2].rstrip("0123456789.dcm")] += 1
        for question in instance.questions:
            for config, checks in question.checks.items():
                asked[config] += len(checks)
    assert min(asked[config] for config in scorecard.CONFIGS) >= 2000
    assert len(kinds) >= 7


def test_every_check_is_asked_and_the_same_seed_gives_the_same_bytes(made: list[Instance]) -> None:
    assert {check for row in read_rows() for checks in row.checks.values() for check in checks} == set(CHECKS)
    assert [instance.data for instance in instances(2, 1)] == [instance.data for instance in made]
    assert len({instance.data for instance in made}) == len(made)


def test_a_row_that_names_nothing_is_an_error(tmp_path: Path) -> None:
    head = "kinds\telement\tvr\tvalue\tbasic\toptions\tlatest\twhy\n"
    for row in ("xx\tRows\tUS\t1\t\t\t\t-", "ct\tNoSuch\tUS\t1\t\t\t\t-", "ct\tRows\tUS\t1\ttag_kept\t\t\t-"):
        (tmp_path / "key.tsv").write_text(head + row + "\n")
        with pytest.raises(ValueError):
            read_rows(tmp_path / "key.tsv")


@pytest.mark.parametrize("config", list(scorecard.CONFIGS))
def test_inputs_handed_back_fail_whatever_asks_for_a_change(config: str, made: list[Instance], tmp_path: Path) -> None:
    result = score(made, {config: written(tmp_path, made)})
    wrong = by_check(result)
    for check in ("text_removed", "uid_changed", "date_shifted", "patid_consistent"):
        assert wrong[check] == result.asked[config, check]
    assert wrong["text_retained"] == wrong["pixels_retained"] == wrong["uid_consistent"] == 0
    assert result.share(config) < FLOOR


@pytest.mark.parametrize("broken", ["missing", "unreadable"])
def test_a_missing_file_fails_every_check_about_it(broken: str, made: list[Instance], tmp_path: Path) -> None:
    paths = written(tmp_path, made)
    whole = score(made, {"basic": paths})
    lost = made[3].name
    if broken == "missing":
        paths[lost].unlink()
    else:
        paths[lost].write_bytes(paths[lost].read_bytes()[:-700])
    result = score(made, {"basic": paths})
    asked = sum(len(question.checks["basic"]) for question in made[3].questions)
    assert asked > 100
    assert sum(1 for failure in result.failures if failure.file == lost) == asked
    assert {f for f in result.failures if f.file != lost} == {f for f in whole.failures if f.file != lost}
    assert result.asked == whole.asked


def test_one_uid_that_differs_is_found_where_it_stands(made: list[Instance], tmp_path: Path) -> None:
    odd = made[-1].name

    def edit(instance: Instance, dataset: pydicom.Dataset) -> None:
        new_uids(instance, dataset)
        if instance.name == odd:
            dataset.StudyInstanceUID += "1"

    result = score(made, {"basic": written(tmp_path, made, edit)})
    assert failed(result, "uid_consistent") == {(odd, "StudyInstanceUID")}
    assert failed(result, "uid_changed") == set()


def test_two_old_uids_must_not_become_one(made: list[Instance], tmp_path: Path) -> None:
    def edit(instance: Instance, dataset: pydicom.Dataset) -> None:
        new_uids(instance, dataset)
        dataset.InstanceCreatorUID = "2.25.1"

    result = score(made, {"basic": written(tmp_path, made, edit)})
    assert failed(result, "uid_consistent") == {(instance.name, "InstanceCreatorUID") for instance in made}


def test_a_uid_that_is_none_does_not_count_as_changed(made: list[Instance], tmp_path: Path) -> None:
    def edit(instance: Instance, dataset: pydicom.Dataset) -> None:
        new_uids(instance, dataset)
        if instance.name == made[0].name:
            dataset.SeriesInstanceUID = "2.25.007"

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom says so, too, where it is told to look
        result = score(made, {"basic": written(tmp_path, made, edit)})
    assert failed(result, "uid_changed") == {(made[0].name, "SeriesInstanceUID")}


def test_one_date_of_a_patient_that_moves_otherwise_is_found(made: list[Instance], tmp_path: Path) -> None:
    def edit(instance: Instance, dataset: pydicom.Dataset) -> None:
        later(-17)(instance, dataset)
        if instance.name == made[0].name:
            later(17)(instance, dataset)
            later(-18)(instance, dataset)

    result = score(made, {"options": written(tmp_path, made, edit)})
    dates = {q.where for q in made[0].questions if "date_shifted" in q.checks["options"]}
    assert len(dates) > 5
    assert failed(result, "date_shifted") == {(made[0].name, where) for where in dates}


def test_a_patient_id_that_is_not_the_same_everywhere_is_found(made: list[Instance], tmp_path: Path) -> None:
    def edit(instance: Instance, dataset: pydicom.Dataset) -> None:
        dataset.PatientID = "PLACEHOLDER" if instance.name == made[0].name else ""

    result = score(made, {"basic": written(tmp_path, made, edit)})
    assert failed(result, "patid_consistent") == {(made[0].name, "PatientID")}


def test_a_name_that_left_its_element_but_not_the_file_is_found(made: list[Instance], tmp_path: Path) -> None:
    def edit(instance: Instance, dataset: pydicom.Dataset) -> None:
        name = str(dataset.PatientName)
        dataset.PatientName = ""
        if instance.name == made[0].name:
            dataset.ContrastBolusAgent = name

    result = score(made, {"basic": written(tmp_path, made, edit)})
    assert (made[0].name, "PatientName") in failed(result, "text_removed")


def test_pixels_that_changed_are_found(made: list[Instance], tmp_path: Path) -> None:
    def edit(instance: Instance, dataset: pydicom.Dataset) -> None:
        if instance.name == made[0].name:
            dataset.PixelData = dataset.PixelData[:-1] + bytes([dataset.PixelData[-1] ^ 1])

    result = score(made, {"basic": written(tmp_path, made, edit)})
    assert failed(result, "pixels_retained") == {(made[0].name, "PixelData")}


@pytest.mark.parametrize(
    ("old", "new", "days"),
    [
        ("20200228", "20200301", 2),
        ("20200301", "20190301", -366),
        ("20200228101112.5+0100", "20200227101112.5+0100", -1),
        ("20200228101112.5+0100", "20200227101112.5", None),
        ("20200228", "20201345", None),
        ("20200228", "", None),
        ("20200228", "2020", None),
    ],
)
def test_shift(old: str, new: str, days: int | None) -> None:
    assert shift(old, new) == days


@pytest.mark.parametrize("config", list(scorecard.CONFIGS))
def test_the_server_passes(config: str, tmp_path: Path) -> None:
    made = scorecard.write(tmp_path, 2, 1, 5)
    outputs, refused = scorecard.deidentify(tmp_path, config, jobs=1)
    result = score(made, {config: outputs})
    assert refused == {}
    assert not result.failures, result.failures[:20]
    assert result.total(config)[1] >= 2000
