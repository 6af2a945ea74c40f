"""The reference's worked examples 03-06 and 08-10: request bodies as they are, instances before and after."""

from __future__ import annotations

import copy
import io
import json
from functools import cache
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from effacer_server.dicom.core import Source
from effacer_server.engine.instance import Deidentifier
from effacer_server.jobs.keys import for_operation
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.documents import parse_config
from effacer_server.policy.plan import Keys
from tests.samples import nested_instance, sample_instance

REQUESTS = Path(__file__).parent / "requests"
KEYS = Keys(bytes(range(32)))
IDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
# What the Basic Profile (2018e) leaves of the sample, next to ids and stamps.
UNCHANGED = ("SOPClassUID", "ConversionType", "Manufacturer", "ManufacturerModelName", "Rows", "Columns", "PixelData")


@cache
def run(request: str, nested: bool = False) -> tuple[Dataset, Dataset]:
    """(before, after) of a sample under a request's config."""
    data = nested_instance() if nested else sample_instance()
    body = json.loads((REQUESTS / request).read_text())
    plan = compile_config(parse_config(json.dumps(body["config"])))
    output = Deidentifier(plan, for_operation(KEYS, ())).deidentify(Source(data))
    after = b"".join(part if isinstance(part, bytes) else data[part[0] : part[0] + part[1]] for part in output.segments)
    return pydicom.dcmread(io.BytesIO(data)), pydicom.dcmread(io.BytesIO(after))


def assert_basic(before: Dataset, after: Dataset, but: tuple[str, ...] = ("PatientName",)) -> None:
    """The rest of the sample went by the Basic Profile."""
    empty = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName", "StudyDate")
    for keyword in set(empty) - set(but):
        assert keyword in after, keyword
        assert not after[keyword].value, keyword
    for keyword in UNCHANGED:
        assert after[keyword].value == before[keyword].value, keyword
    for keyword in IDS:
        assert after[keyword].value != before[keyword].value
        assert after[keyword].value.startswith("2.25.")
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    assert after.DeidentificationMethodCodeSequence[0].CodeValue == "113100"


def test_03_keep() -> None:
    before, after = run("03_keep_tag.json")
    assert str(after.PatientName) == "Ann Johnson"
    assert after.PatientIdentityRemoved == "NO"
    assert_basic(before, after)


def test_04_remove() -> None:
    before, after = run("04_remove_tag.json")
    assert "PatientName" in after
    assert not after.PatientName
    assert after.PatientIdentityRemoved == "YES"
    assert_basic(before, after)


def test_05_delete() -> None:
    before, after = run("05_delete_tag.json")
    assert "PatientName" not in after
    assert after.PatientIdentityRemoved == "YES"
    assert_basic(before, after)


def test_06_reset() -> None:
    before, after = run("06_reset_tag.json")
    assert after["PatientName"].to_json_dict(None, 0) == {"vr": "PN", "Value": [{"Alphabetic": "PLACEHOLDER"}]}
    assert_basic(before, after)


def test_07_clean_text() -> None:
    before, after = run("07_clean_text_tag.json")
    assert after["PatientName"].to_json_dict(None, 0) == {"vr": "PN", "Value": [{"Alphabetic": "[PERSON_NAME]"}]}
    assert_basic(before, after)


def test_08_regenerate_one_uid_and_nothing_else() -> None:
    before, after = copy.deepcopy(run("08_regen_uid_tag.json"))
    assert after.SOPInstanceUID != before.SOPInstanceUID
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    after.SOPInstanceUID = before.SOPInstanceUID
    assert after == before


def test_09_recurse() -> None:
    before, after = run("09_recurse_tag.json", nested=True)
    codes = [item.PersonIdentificationCodeSequence[0] for item in after.PhysiciansReadingStudyIdentificationSequence]
    assert [(code.CodeValue, code.CodingSchemeDesignator) for code in codes] == [("PLACEHOLDER", "PLACEHOLDER")] * 2
    for keyword in IDS:
        assert after[keyword].value != before[keyword].value
        assert after[keyword].value.startswith("2.25.")
    assert after.SOPClassUID == before.SOPClassUID


def test_10_store_level_is_the_same_config() -> None:
    assert run("10_store_level_keep_tag.json")[1] == run("03_keep_tag.json")[1]


@pytest.mark.parametrize("request_name", [f"{n:02}" for n in (3, 4, 5, 6, 7, 8, 10)])
def test_the_same_source_uid_gives_the_same_new_uid(request_name: str) -> None:
    after = run(next(REQUESTS.glob(f"{request_name}_*")).name)[1]
    assert after.SOPInstanceUID == run("03_keep_tag.json")[1].SOPInstanceUID


def test_pixel_data_is_kept_byte_for_byte() -> None:
    before, after = run("03_keep_tag.json")
    assert after.PixelData == before.PixelData
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
