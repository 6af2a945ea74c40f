"""Ways around the rules that hostile or sloppy files take, and that must end in a clean output or a refusal."""

from __future__ import annotations

import io
import json

import pydicom
import pytest

from effacer.v1 import deidentify_pb2
from effacer_server.dicom import facts
from effacer_server.dicom.core import Source
from effacer_server.engine.instance import Deidentifier
from effacer_server.errors import Reason, Refused
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.documents import parse_config
from effacer_server.policy.plan import Keys
from tests.encode import EXPLICIT, IMPLICIT, Part, Style, data_set, file

KEYS = Keys(bytes(32))
BASIC = compile_config(deidentify_pb2.DeidentifyConfig())
CANARY = "CANARY^JOHN"
CT = "1.2.840.10008.5.1.4.1.1.2"


def instance(*parts: Part, syntax: str = EXPLICIT, sop_class: str = CT, meta: tuple[Part, ...] = ()) -> bytes:
    own = [
        *([Part(0x00080016, "UI", sop_class)] if sop_class else []),
        Part(0x00080018, "UI", "1.2.3"),
        Part(0x0020000D, "UI", "1.2.4"),
        Part(0x0020000E, "UI", "1.2.5"),
    ]
    style = Style(syntax)
    return file(style, data_set(style, sorted([*own, *parts], key=lambda part: part.tag)), meta)


def run(data: bytes, config: str = "{}") -> bytes | Reason:
    try:
        output = Deidentifier(compile_config(parse_config(config)), KEYS).deidentify(Source(data))
    except Refused as refused:
        return Reason(refused.reason)
    return b"".join(part if isinstance(part, bytes) else output.source.read(*part) for part in output.segments)


@pytest.mark.parametrize("vr", ["OB", "OW", "UT", "LT", "LO", "ST"])
def test_a_sequence_under_another_vr_is_refused(vr: str) -> None:
    items = data_set(Style(EXPLICIT), [Part(0x00089215, "SQ", [[Part(0x00100010, "PN", CANARY)]])])[12:]
    assert run(instance(Part(0x00089215, vr, items))) == Reason.VR_MISMATCH


def test_an_explicit_data_set_declared_implicit_is_refused() -> None:
    """The core would read one long value, other readers the elements inside it."""
    hidden = data_set(Style(EXPLICIT), [Part(0x00100010, "PN", CANARY)])
    length = 0x544C  # "LT" and a length of zero, to those who expect explicit VR
    body = b"\x08\x00\x08\x00" + length.to_bytes(4, "little") + hidden.ljust(length, b" ")
    rest = data_set(Style(IMPLICIT), [Part(0x00080018, "UI", "1.2.3"), Part(0x0020000D, "UI", "1.2.4")])
    rest += data_set(Style(IMPLICIT), [Part(0x0020000E, "UI", "1.2.5")])
    assert run(file(Style(IMPLICIT), body + rest)) == Reason.BAD_VR


@pytest.mark.parametrize("tag", [0x00000010, 0x00000600, 0x00010010, 0x00020016, 0x00020102])
def test_command_and_meta_elements_in_the_data_set_go(tag: int) -> None:
    nested = Part(0x00089215, "SQ", [[Part(tag, "LO", CANARY)]])
    found = run(instance(Part(0x00080005, "CS", "ISO_IR 100"), nested))
    assert isinstance(found, bytes)
    assert b"CANARY" not in found
    style = Style(EXPLICIT)
    late = data_set(style, [Part(tag, "LO", CANARY)])  # out of order, at the root: the file meta ends before it
    found = run(instance() + late)
    assert isinstance(found, bytes)
    assert b"CANARY" not in found


@pytest.mark.parametrize("where", ["meta", "data set"])
def test_a_sop_class_that_is_no_uid_is_refused(where: str) -> None:
    if where == "meta":
        data = instance(sop_class="", meta=(Part(0x00020002, "UI", CANARY),))
    else:
        data = instance(sop_class=CANARY)
    assert run(data) == Reason.BAD_SOP_CLASS


def test_delete_sq_reaches_private_sequences_in_implicit_vr() -> None:
    config = (
        '{"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE", "actions": [{"queries": ["SQ"], "deleteTag": {}}]}}'
    )
    for undefined in (False, True):
        private = Part(0x00091001, "SQ", [[Part(0x00100010, "PN", CANARY)]], undefined=undefined)
        found = run(instance(Part(0x00090010, "LO", "MAKER"), private, syntax=IMPLICIT), config)
        assert isinstance(found, bytes)
        assert b"CANARY" not in found


def test_the_data_sets_own_sop_class_decides() -> None:
    """ContentDate is type 2C in a CT, type 3 elsewhere: emptied by the one, reset where nothing is known."""
    date = Part(0x00080023, "DA", "20240101")
    lying = instance(date, meta=(Part(0x00020002, "UI", "1.2.9.9"),))
    found, honest = run(lying), run(instance(date, meta=(Part(0x00020002, "UI", CT),)))
    assert found == honest
    assert isinstance(found, bytes)
    assert pydicom.dcmread(io.BytesIO(found)).file_meta.MediaStorageSOPClassUID == CT


def test_a_value_of_endless_uids_is_refused() -> None:
    assert run(instance(Part(0x00081155, "UI", "1\\" * 40_000 + "1"), syntax=IMPLICIT)) == Reason.VALUE_TOO_LONG


def test_creators_by_the_hundred_thousand_are_looked_up_fast() -> None:
    """Finishes within the suite's time-out; a linear search took minutes."""
    parts = []
    for group in range(0x0011, 0x0811, 2):
        parts += [Part(group << 16 | block, "LO", "X") for block in range(0x10, 0x60)]
        parts += [Part(group << 16 | 0x1000 + n, "LO", "v") for n in range(80)]
    config = '{"dicomTagConfig": {"actions": [{"queries": ["(0009,\\"X\\",01)"], "keepTag": {}}]}}'
    assert isinstance(run(instance(*parts), config), bytes)


CLEANED = '{"dicomTagConfig": {"options": {"cleanStructuredContent": true}}}'
SHIFTED = '{"dicomTagConfig": {"options": {"retainLongitudinalModifiedDates": true}}}'
CONTENT, CONCEPT, TEXT, NUMBER, CODE = 0x0040A730, 0x0040A043, 0x0040A160, 0x0040A300, 0x0040A168


def concept(code: str, scheme: str = "DCM", *more: Part) -> Part:
    return Part(CONCEPT, "SQ", [[Part(0x00080100, "SH", code), Part(0x00080102, "SH", scheme), *more]])


def content(*parts: Part) -> Part:
    return Part(CONTENT, "SQ", [list(parts)])


HIDDEN = {
    "no concept": content(Part(TEXT, "UT", CANARY)),
    "an empty concept": content(Part(CONCEPT, "SQ", []), Part(TEXT, "UT", CANARY)),
    "a concept nobody knows": content(concept("1", "99X"), Part(TEXT, "UT", CANARY)),
    "a concept under VR UN": content(Part(CONCEPT, "UN", b""), Part(TEXT, "UN", CANARY.encode())),
    "two concepts, one of which is kept": content(
        Part(
            CONCEPT,
            "SQ",
            [
                [Part(0x00080100, "SH", "121012"), Part(0x00080102, "SH", "DCM")],
                [Part(0x00080100, "SH", "121008"), Part(0x00080102, "SH", "DCM")],
            ],
        ),
        Part(0x0040A123, "PN", CANARY),
    ),
    "text under the concept of a number": content(concept("111526"), Part(TEXT, "UT", CANARY)),
    "inside a measured value": content(concept("1", "99X"), Part(NUMBER, "SQ", [[Part(TEXT, "UT", CANARY)]])),
    "inside a code": content(concept("1", "99X"), Part(CODE, "SQ", [[Part(0x0040A123, "PN", CANARY)]])),
    "a deleted item inside a measured value": content(
        concept("1", "99X"), Part(NUMBER, "SQ", [[content(concept("121022"), Part(0x0040A121, "LO", CANARY))]])
    ),
    "a long code beside the code": content(
        concept("121022", "DCM", Part(0x00080119, "UC", "x")), Part(0x0040A30A, "LO", CANARY)
    ),
    "padding around code and scheme": content(concept(" 121022 ", " DCM  "), Part(0x0040A30A, "LO", CANARY)),
    "a late concept": content(Part(TEXT, "UT", CANARY), concept("1", "99X")),
    "inside a kept sequence of the tree": content(
        concept("121071"), content(concept("2", "99X"), content(Part(0x0040A123, "PN", CANARY)))
    ),
    "an annotation without a concept": Part(0x00400555, "SQ", [[Part(0x00700006, "ST", CANARY)]]),
}


# In implicit VR nothing stands under VR UN.
CONTENT_CASES = [
    (name, syntax) for name in HIDDEN for syntax in (EXPLICIT, IMPLICIT) if syntax == EXPLICIT or "UN" not in name
]


@pytest.mark.parametrize(("hidden", "syntax"), CONTENT_CASES)
def test_text_in_content_trees_goes(hidden: str, syntax: str) -> None:
    found = run(instance(HIDDEN[hidden], syntax=syntax), CLEANED)
    assert isinstance(found, bytes)
    assert b"CANARY" not in found


@pytest.mark.parametrize(
    "value",
    ["20200101CANARY", "2020 CANARY", "CANARY", "20200101-CANARY", "20200101\\CANARY", "20200101 CANARY", "2020.01.0C"],
)
@pytest.mark.parametrize(
    ("tag", "vr"), [(0x00080020, "DA"), (0x0008002A, "DT"), (0x00080020, "LO"), (0x00080020, "UN")]
)
def test_what_is_no_date_does_not_move_on(tag: int, vr: str, value: str) -> None:
    part = Part(tag, vr, value.encode() if vr == "UN" else value)
    found = run(instance(Part(0x00100020, "LO", "P1"), part), SHIFTED)
    assert isinstance(found, bytes)
    assert b"CANARY" not in found
    assert b"20200101" not in found


KEEP_ALL_BUT_NAMES = (
    '{"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE", "options": {"primaryIds": "KEEP"},'
    ' "actions": [{"queries": ["PatientName", "LO"], "deleteTag": {}}]}}'
)


@pytest.mark.parametrize(
    "part",
    [
        Part(0x00320000, "SQ", [[Part(0x00100010, "PN", CANARY)]]),
        Part(0x00320000, "LO", CANARY),
        Part(0x00320000, "UL", (1, 2)),
        Part(0x00330000, "UN", CANARY.encode() + b" "),
    ],
)
def test_what_is_no_group_length_cannot_pass_as_one(part: Part) -> None:
    assert run(instance(part), KEEP_ALL_BUT_NAMES) == Reason.VR_MISMATCH
    good = run(instance(Part(0x00320000, "UL", (8,)), Part(0x00324000, "LT", "text")), KEEP_ALL_BUT_NAMES)
    assert isinstance(good, bytes)
    assert b"text" in good


def test_uids_that_others_name_follow_them() -> None:
    """The table replaces FrameOfReferenceUID and FiducialUID; attributes it forgets name the same ones."""
    uid = "1.2.826.0.1.3680043.8.498.77"
    parts = [Part(tag, "UI", uid) for tag in (0x00200052, 0x00209312, 0x00209313, 0x00640003)]
    out = run(instance(*parts))
    assert isinstance(out, bytes)
    found = pydicom.dcmread(io.BytesIO(out))
    assert uid.encode() not in out
    assert len({found[part.tag].value for part in parts}) == 1
    kept = run(instance(*parts), '{"dicomTagConfig": {"options": {"retainUids": true}}}')
    assert isinstance(kept, bytes)
    assert kept.count(uid.encode()) == len(parts)


@pytest.mark.parametrize(
    ("tag", "options"),
    [
        (0x00101010, {"retainPatientCharacteristics": True}),  # PatientAge
        (0x00080030, {"retainLongitudinalModifiedDates": True}),  # StudyTime
        (0x00081010, {"retainDeviceIdentity": True}),  # StationName
        (0x00200052, {"retainUids": True}),  # FrameOfReferenceUID
        (0x00081155, {"primaryIds": "KEEP"}),  # ReferencedSOPInstanceUID
    ],
)
def test_a_sequence_under_a_kept_tag_takes_nothing_along(tag: int, options: dict[str, object]) -> None:
    data = instance(Part(tag, "SQ", [[Part(0x00100010, "PN", CANARY)]]))
    assert run(data, json.dumps({"dicomTagConfig": {"options": options}})) == Reason.VR_MISMATCH


def test_no_date_stays_next_to_one_that_moved() -> None:
    """2018e does not name InstanceCreationDate, nor the dates in content trees."""
    tree = Part(0x0040A730, "SQ", [[Part(0x0040A121, "DA", "20190304"), Part(0x0040A120, "DT", "201903041011")]])
    parts = [Part(0x00080012, "DA", "20190304"), Part(0x00080020, "DA", "20190304"), tree]
    options = {"cleanStructuredContent": True, "retainLongitudinalModifiedDates": True}
    out = run(instance(*parts), json.dumps({"dicomTagConfig": {"options": options}}))
    assert isinstance(out, bytes)
    assert b"20190304" not in out
    found = pydicom.dcmread(io.BytesIO(out))
    assert found.InstanceCreationDate == found.StudyDate == found.ContentSequence[0].Date
    # Without an option for dates they go, from content trees as well.
    out = run(instance(*parts), '{"dicomTagConfig": {"options": {"cleanStructuredContent": true}}}')
    assert isinstance(out, bytes)
    assert pydicom.dcmread(io.BytesIO(out)).ContentSequence[0].Date == "19000101"


MODIFIED = '{"dicomTagConfig": {"options": {"retainLongitudinalModifiedDates": true}}}'


@pytest.mark.parametrize(
    ("vr", "value", "left"),
    [
        ("TM", "20190304101112", "000000"),
        ("TM", CANARY, "000000"),
        ("TM", "101112.5", "101112.5"),
        ("TM", "10:11:12", "10:11:12"),
        ("TM", "251112", "000000"),
        ("LO", CANARY, "PLACEHOLDER"),
        ("PN", CANARY, "PLACEHOLDER"),
        ("LO", "101112", "PLACEHOLDER"),
    ],
)
def test_a_time_that_is_none_goes_where_dates_move(vr: str, value: str, left: str) -> None:
    """It may be a date, and tell how far the others moved; or anything."""
    out = run(instance(Part(0x00080030, vr, value), Part(0x00080013, vr, value)), MODIFIED)
    assert isinstance(out, bytes)
    found = pydicom.dcmread(io.BytesIO(out))
    assert str(found.StudyTime) == left
    if vr == "TM":
        assert str(found.InstanceCreationTime) == left, "no row of the table names it"


@pytest.mark.parametrize(
    ("tag", "vr", "config"),
    [
        (0x00080020, "PN", {"options": {"retainLongitudinalFullDates": True}}),
        (0x00080030, "UT", {"options": {"retainLongitudinalFullDates": True}}),
        (0x00101010, "PN", {"options": {"retainPatientCharacteristics": True}}),
        (0x00081010, "PN", {"options": {"retainDeviceIdentity": True}}),
        (0x00280010, "UT", {"profileType": "MINIMAL_KEEP_LIST_PROFILE"}),
    ],
)
def test_text_under_a_kept_tag_that_is_none_gets_a_placeholder(tag: int, vr: str, config: dict[str, object]) -> None:
    out = run(instance(Part(tag, vr, CANARY)), json.dumps({"dicomTagConfig": config}))
    assert isinstance(out, bytes)
    assert b"CANARY" not in out
    assert str(pydicom.dcmread(io.BytesIO(out))[tag].value) == "PLACEHOLDER"


def test_what_an_action_keeps_it_keeps_as_it_is() -> None:
    config = '{"dicomTagConfig": {"actions": [{"queries": ["Rows"], "keepTag": {}}]}}'
    out = run(instance(Part(0x00280010, "UT", CANARY)), config)
    assert isinstance(out, bytes)
    assert CANARY.encode() in out


def test_a_name_is_safe_under_no_creator_and_dates_move_under_all() -> None:
    """A row of the safe private attributes that tells no VR."""
    row = next(row for row in facts.safe_private("2018e") if not row.vrs)
    creator, tag = Part((row.tag & 0xFFFF0000) | 0x10, "LO", row.creator), (row.tag & 0xFFFF00FF) | 0x1000
    options = {"retainSafePrivate": True, "retainLongitudinalModifiedDates": True}
    config = json.dumps({"dicomTagConfig": {"options": options}})
    for vr, value in (("PN", CANARY), ("DA", "20190304"), ("DT", "20190304101112"), ("TM", "20190304")):
        out = run(instance(creator, Part(tag, vr, value)), config)
        assert isinstance(out, bytes)
        assert value.encode() not in out
    out = run(instance(creator, Part(tag, "FD", (2.5,))), config)
    assert isinstance(out, bytes)
    assert pydicom.dcmread(io.BytesIO(out))[tag].value == 2.5


@pytest.mark.parametrize("creator", ["MAKER" + " " * 295, "MAKER\r\n", " MAKER", "MAKER\t", "MAKER\0"])
def test_a_private_creator_counts_whatever_is_around_it(creator: str) -> None:
    action = {"queries": ['(0019,"MAKER",0C)'], "deleteTag": {}}
    config = json.dumps({"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE", "actions": [action]}})
    out = run(instance(Part(0x00190010, "LO", creator), Part(0x0019100C, "LO", CANARY)), config)
    assert isinstance(out, bytes)
    assert b"CANARY" not in out


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("value", ["MUELLER^GERTRUD^ANNA", "ÄÖÜ^ÄÖÜ^ÄÖÜ^ÄÖÜ"])
@pytest.mark.parametrize("by", [2, 4, 6, 8])
def test_a_refusal_tells_nothing_of_a_value(syntax: str, value: str, by: int) -> None:
    """A length that is too short: the rest of the value is read as an element."""
    data = instance(Part(0x00100010, "PN", value.encode("latin-1")), syntax=syntax)
    head = value.encode("latin-1")
    at = data.index(head) - (2 if syntax == EXPLICIT else 4)
    short = bytearray(data)
    short[at] = by
    with pytest.raises(Refused) as caught:
        Deidentifier(BASIC, KEYS).deidentify(Source(bytes(short)))
    refused = caught.value
    assert refused.position is not None
    assert refused.tag in (None, 0x00100010)
    assert refused.vr in ("", *facts.placeholders(), "SQ")
