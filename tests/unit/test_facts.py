"""The tables and the functions that read them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.datadict import DicomDictionary, RepeatersDictionary, tag_for_keyword

from effacer_server.dicom import facts
from tools import tables


def test_tables_are_what_the_facts_say() -> None:
    assert tables.differing() == []


def test_check_fails_on_a_changed_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in tables.TABLES.glob("*.tsv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(tables, "TABLES", tmp_path)
    assert tables.main(["--check"]) == 0
    changed = tmp_path / "e1_1_2018e.tsv"
    changed.write_text(changed.read_text().replace("00100010\tPatientName\tZ", "00100010\tPatientName\tK"))
    (tmp_path / "stray.tsv").write_text(f"# about\n{tables.GENERATED}\n")
    (tmp_path / "by_hand.tsv").write_text("# about\n")
    assert tables.differing() == ["e1_1_2018e", "stray"]
    assert tables.main(["--check"]) == 1


def test_every_table_says_where_it_comes_from() -> None:
    assert set(tables.generated()) == set(tables.BUILDERS)
    for name in tables.generated():
        head = (tables.TABLES / f"{name}.tsv").read_text().split("\n")[:5]
        assert [line.partition(": ")[0] for line in head[1:4]] == ["# edition", "# source", "# sha256 of input"], name
        assert re.fullmatch(r"# sha256 of input: [0-9a-f]{64}", head[3]), name


def test_importing_facts_needs_no_pydicom() -> None:
    code = "import sys; from effacer_server.dicom import facts; facts.element(0); sys.exit('pydicom' in sys.modules)"
    root = Path(facts.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(root)}, check=False).returncode == 0


def test_dictionary_agrees_with_pydicom() -> None:
    for tag, (vr, vm, _name, _retired, keyword) in DicomDictionary.items():
        if vr == "NONE":
            assert facts.element(tag) is None
            continue
        found = facts.element(tag)
        assert found is not None
        assert (" or ".join(found.vrs), found.vm, found.keyword, found.mask) == (vr, vm, keyword, facts.EXACT)
        assert found.vr in found.vrs
        if keyword:
            assert facts.element_by_keyword(keyword) == found
    assert len(facts.repeating()) == len(RepeatersDictionary)


@pytest.mark.parametrize(
    ("tag", "keyword", "vr"),
    [
        (0x60003000, "OverlayData", "OW"),
        (0x601E3000, "OverlayData", "OW"),
        (0x60014000, "", ""),  # an odd group is private, whatever its number looks like
        (0x7FE00010, "PixelData", "OW"),
        (0x7F020010, "VariablePixelData", "OW"),
        (0x00280106, "SmallestImagePixelValue", "US"),
        (0x002831AB, "", ""),
        (0x002031AB, "SourceImageIDs", "CS"),
        (0x00191010, "", ""),
        (0x00190010, "", "LO"),
        (0x00080000, "", "UL"),
        (0x00100099, "", ""),
        (0x00100011, "PersonNamesToUseSequence", "SQ"),  # newer than pydicom's dictionary
    ],
)
def test_tag_lookup(tag: int, keyword: str, vr: str) -> None:
    assert (facts.keyword_of(tag), facts.vr_of(tag)) == (keyword, vr)


def test_keyword_lookup_is_exact() -> None:
    assert facts.tag_of("PatientName") == 0x00100010
    assert facts.element_by_keyword("patientname") is None
    with pytest.raises(KeyError):
        facts.tag_of("OverlayData")


def test_parse_pattern_leaves_odd_groups_out() -> None:
    assert facts.parse_pattern("60xx3000") == (0x60003000, 0xFF01FFFF)
    assert facts.parse_pattern("002831Xx") == (0x00283100, 0xFFFFFF00)
    for wrong in ("0010001", "001000100", "0010001g", "-0100010"):
        with pytest.raises(ValueError, match="not a tag"):
            facts.parse_pattern(wrong)


@pytest.mark.parametrize(("edition", "name", "rows"), [("2018e", "2018e", 305), ("latest", "2026c", 656)])
def test_profile_table(edition: facts.Edition, name: str, rows: int) -> None:
    table = facts.e1_1(edition)
    assert (table.edition, len(table.rows)) == (name, rows)
    by_tag = {row.tag: row for row in table.rows}
    assert by_tag[0x00100010].basic == "Z"
    assert by_tag[0x00080018].options == {"rtn_uids": "K"}
    assert (by_tag[0x00010000].mask, by_tag[0x00010000].basic) == (0x00010000, "X")
    assert (by_tag[0x50000000].mask, by_tag[0x50000000].basic) == (0xFF010000, "X")
    assert by_tag[0xFFFCFFFC].basic == "X"
    for row in table.rows:
        assert row.tag & row.mask == row.tag
        if row.keyword:
            dictionary = facts.element(row.tag)
            assert dictionary is not None or row.keyword == "CurveData"


def test_attribute_types() -> None:
    ct, enhanced_ct = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"
    assert facts.attribute_type(ct, 0x00080023) == "2C"
    assert facts.attribute_type(enhanced_ct, 0x00080023) == "1"
    assert facts.attribute_type(enhanced_ct, 0x00181000) == "1"  # 1 in one module, 3 in another: the strictest
    assert facts.attribute_type(ct, 0x00080082) is None
    assert facts.attribute_type("1.2.3", 0x00080023) is None
    assert facts.knows_types(ct, 0x00080023)
    assert not facts.knows_types("1.2.3", 0x00080023)
    assert not facts.knows_types(ct, 0x00100010)
    assert tables.strictest(["3", "2C"]) == "2C"
    assert tables.strictest(["1C", "3"]) == "1C"


@pytest.mark.parametrize(("edition", "rows", "creators"), [("2018e", 130, 16), ("latest", 479, 20)])
def test_safe_private(edition: facts.Edition, rows: int, creators: int) -> None:
    table = facts.safe_private(edition)
    assert len(table) == rows
    assert len({row.creator for row in table}) == creators
    assert len({(row.tag, row.creator) for row in table}) == rows
    for row in table:
        assert row.mask == 0xFFFF00FF
        assert row.tag & row.mask == row.tag
        assert row.tag & 0x00010000, "in a private group"
        assert row.creator == row.creator.strip()
        assert set(row.vrs) <= facts.vrs()
    b_value = facts.SafePrivate(0x0019000C, 0xFFFF00FF, "SIEMENS MR HEADER", ("IS",))
    assert b_value in table
    assert facts.SafePrivate(0x7E010001, 0xFFFF00FF, "HOLOGIC, Inc.", ("LO",)) in table


def test_safe_private_of_the_latest_edition_gives_a_choice_of_vrs() -> None:
    pixels = next(row for row in facts.safe_private("latest") if row.tag == 0x200100FF)
    assert pixels.vrs == ("OW", "OB")


@pytest.mark.parametrize(("edition", "rows"), [("2018e", 206), ("latest", 209)])
def test_content_codes(edition: facts.Edition, rows: int) -> None:
    table = facts.content_codes(edition)
    assert len({(row.code, row.scheme, row.value_type) for row in table}) == len(table) == rows
    assert {row.basic for row in table} == {"X", "D", "X/D"}
    assert {column for row in table for column in row.options} == set(tables.CONTENT_OPTION_COLUMNS)
    for row in table:
        assert (row.code, row.scheme) == (row.code.strip(), row.scheme.strip())
        assert 0 < len(row.code) <= 16, "VR SH"
        assert 0 < len(row.scheme) <= 16, "VR SH"
        assert row.options.get("rtn_long_modif_dates", "C") == "C"
    observer = next(row for row in table if row.code == "121008")
    assert observer == facts.ContentCode("121008", "DCM", "PNAME", "D", {}, "Person Observer Name")


def test_content_codes_have_the_columns_of_the_table_for_attributes() -> None:
    assert tables.CONTENT_OPTION_COLUMNS == (
        "rtn_uids", "rtn_dev_id", "rtn_inst_id", "rtn_pat_chars", "rtn_long_full_dates", "rtn_long_modif_dates",
        "clean_desc",
    )  # fmt: skip


def test_minimal_keep_list() -> None:
    kept = dict(facts.minimal_keep())
    assert len(kept) == 33
    assert all(tag_for_keyword(keyword) == tag for tag, keyword in kept.items())
    assert {0x00080016, 0x00080005, 0x7FE00010, 0x0020000D} <= set(kept)


def test_uids() -> None:
    assert facts.registered_uids()["1.2.840.10008.1.2.1"].name == "Explicit VR Little Endian"
    assert facts.registered_uids()["1.2.840.10008.1.4.1.1"].kind == "Well-known frame of reference"
    assert "2.25.1" not in facts.registered_uids()


def test_uid_roles_cover_the_dictionary_and_never_contradict_the_profile() -> None:
    roles = facts.uid_roles()
    assert set(roles) == {tag for tag, row in DicomDictionary.items() if row[0] == "UI"}
    assert {facts.keyword_of(tag) for tag, role in roles.items() if role == "primary"} == {
        "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "MediaStorageSOPInstanceUID",
    }  # fmt: skip
    for edition in ("2018e", "latest"):
        for row in facts.e1_1(edition).rows:
            if row.basic == "U" and row.mask == facts.EXACT:
                assert facts.uid_role(row.tag) != "standard", row.keyword
    for keyword in ("SOPClassUID", "ReferencedSOPClassUID", "TransferSyntaxUID", "CodingSchemeUID"):
        assert facts.uid_role(facts.tag_of(keyword)) == "standard"
    for keyword in ("ReferencedSOPInstanceUID", "FailedSOPInstanceUIDList", "ReferencedSOPInstanceUIDInFile"):
        assert facts.uid_role(facts.tag_of(keyword)) == "reference"
    assert facts.uid_role(facts.tag_of("FrameOfReferenceUID")) == "other"
    assert facts.uid_role(0x00191010) == "other"


def test_placeholders_cover_every_vr() -> None:
    dictionary_vrs = {vr for row in DicomDictionary.values() if row[0] != "NONE" for vr in row[0].split(" or ")}
    assert dictionary_vrs <= set(facts.placeholders())
    assert facts.vrs() == set(facts.placeholders())
    assert facts.placeholders()["PN"] == facts.Placeholder("PN", "text", "PLACEHOLDER")
    assert facts.placeholders()["DS"].kind == "repeat"
    assert facts.placeholders()["UI"].kind == "uid"
    for placeholder in facts.placeholders().values():
        assert bool(placeholder.value) == (placeholder.kind in ("text", "repeat"))


def test_methods() -> None:
    methods = facts.deidentification_methods()
    assert sorted(methods) == [str(code) for code in range(113100, 113113)]
    assert methods["113110"] == "Retain UIDs Option"
    assert all(len(meaning) <= 64 for meaning in methods.values())  # VR LO


def test_exact_vrs_are_for_the_core() -> None:
    rows = facts.exact_vrs()
    assert rows == sorted(rows)
    assert all(re.fullmatch("[A-Z]{2}", vr) for _, vr in rows)
    assert dict(rows)[0x7FE00010] == "OW"
