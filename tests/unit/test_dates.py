"""Dates moved by a patient's number of days: one value, one instance, all instances of a patient."""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effacer_server.dicom import facts
from effacer_server.dicom.core import Source
from effacer_server.engine import dates
from effacer_server.engine.instance import Deidentifier
from effacer_server.errors import Reason, Refused
from effacer_server.policy.plan import Keys, Plan, Rule, Verb
from tests import encode
from tests.encode import Part, Style

KEYS = Keys(bytes(range(32)))
SYNTAXES = (encode.EXPLICIT, encode.IMPLICIT, encode.BIG_ENDIAN, encode.DEFLATED)
STUDY, SERIES, INSTANCE, PATIENT, STUDY_DATE = 0x0020000D, 0x0020000E, 0x00080018, 0x00100020, 0x00080020
IDS = {STUDY: "2.25.11", SERIES: "2.25.12", INSTANCE: "2.25.13"}
SHIFT = Plan(
    (Rule(Verb.SHIFT_DATE, "test", 0, 0, "DA"), Rule(Verb.SHIFT_DATE, "test", 0, 0, "DT")), Rule(Verb.KEEP, "test")
)


def instance(parts: Sequence[Part], syntax: str = encode.EXPLICIT, patient: str | None = "P1") -> bytes:
    named = [Part(tag, "UI", uid) for tag, uid in IDS.items() if tag not in {part.tag for part in parts}]
    if patient is not None:
        named.append(Part(PATIENT, "LO", patient))
    style = Style(syntax)
    return encode.file(style, encode.data_set(style, sorted([*named, *parts], key=lambda part: part.tag)))


def run(data: bytes, plan: Plan = SHIFT, keys: Keys = KEYS) -> pydicom.Dataset:
    output = Deidentifier(plan, keys).deidentify(Source(data))
    parts = [p if isinstance(p, bytes) else output.source.read(*p) for p in output.segments]
    return pydicom.dcmread(io.BytesIO(b"".join(parts)))


def moved(parts: Sequence[Part], syntax: str = encode.EXPLICIT, patient: str | None = "P1") -> pydicom.Dataset:
    return run(instance(parts, syntax, patient))


def days(patient: str = "P1", keys: Keys = KEYS) -> int:
    """By the definition: n of 730 from the HMAC, without 0."""
    n = int.from_bytes(hmac.new(keys.date, patient.encode(), hashlib.sha256).digest()[:8], "big") % 730
    return n - 365 if n < 365 else n - 364


@given(st.binary(max_size=70))
def test_the_shift_is_a_year_at_most_and_never_nothing(patient: bytes) -> None:
    shift = dates.days_of(KEYS.date, patient)
    assert -365 <= shift <= 365
    assert shift != 0
    assert shift == dates.days_of(KEYS.date, b"  " + patient.strip(b" \0") + b" \0")


def test_every_shift_occurs() -> None:
    seen = {dates.days_of(KEYS.date, b"%d" % number) for number in range(12_000)}
    assert seen == set(range(-365, 366)) - {0}


@pytest.mark.parametrize(
    ("vr", "value", "expected"),
    [
        ("DA", b"20200229", b"20200301"),
        ("DA", b"20191231 ", b"20200101"),
        ("DA", b"2020.02.29", b"2020.03.01"),
        ("DA", b"20200101\\20200102", b"20200102\\20200103"),
        ("DA", b"20200101\\\\20200102 ", b"20200102\\\\20200103"),
        ("DA", b"", b""),
        ("DA", b"   ", b""),
        ("DA", b"00010101", b"00010102"),
        ("DT", b"20200229", b"20200301"),
        ("DT", b"20191231235959.123456+0130", b"20200101235959.123456+0130"),
        ("DT", b"2019123123", b"2020010123"),
        ("DT", b"201912312359-1200", b"202001012359-1200"),
        ("DT", b"20191231+0100", b"20200101+0100"),
        ("DT", b"202001", b"202001"),
        ("DT", b"2020", b"2020"),
        ("DT", b"2020+0100", b"2020+0100"),
        ("DT", b"20200101120000\\20200102", b"20200102120000\\20200103"),
    ],
)
def test_values_keep_their_written_form(vr: str, value: bytes, expected: bytes) -> None:
    assert dates.shift(value, vr, 1, b"X") == expected


@pytest.mark.parametrize(
    ("value", "shift", "expected"),
    [
        (b"202001", 31, b"202002"),
        (b"202001", 30, b"202001"),
        (b"202001", -1, b"201912"),
        (b"2020", 365, b"2020"),
        (b"2021", 365, b"2022"),
        (b"2020", -1, b"2019"),
        (b"202001-0500", -1, b"201912-0500"),
    ],
)
def test_what_is_cut_is_its_first_day_and_cut_again(value: bytes, shift: int, expected: bytes) -> None:
    assert dates.shift(value, "DT", shift, b"X") == expected


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("DA", b"2020"),
        ("DA", b"202001"),
        ("DA", b"20200230"),
        ("DA", b"20201301"),
        ("DA", b"2020.0229"),
        ("DA", b"2020-02-29"),
        ("DA", b"20200101-20200201"),
        ("DA", b"20200101120000"),
        ("DA", b"Mr Wall"),
        ("DA", b"2020010\xb2"),
        ("DA", b"20200101\n"),
        ("DA", b"00000101"),
        ("DA", b"99991231"),
        ("DT", b"20200229 Mr Wall"),
        ("DT", b"20200229120000.1234567"),
        ("DT", b"20200229120000."),
        ("DT", b"20200229120000+1"),
        ("DT", b"20200229120000\n"),
        ("DT", b"2020.02.29"),
        ("DT", b"202013"),
        ("DT", b"99991231235959"),
    ],
)
def test_what_is_no_date_or_leaves_the_calendar_is_replaced(vr: str, value: bytes) -> None:
    assert dates.shift(value, vr, 1, b"X") == b"X"
    assert dates.shift(b"20200101\\" + value, vr, 1, b"X") == b"20200102\\X"


def test_the_first_day_there_is() -> None:
    assert dates.shift(b"00010101", "DA", -1, b"X") == b"X"
    assert dates.shift(b"00010102", "DA", -1, b"X") == b"00010101"


@given(st.dates(), st.integers(-365, 365), st.sampled_from(["%04d%02d%02d", "%04d.%02d.%02d"]))
def test_dates_against_the_calendar(day: date, shift: int, form: str) -> None:
    written = (form % (day.year, day.month, day.day)).encode()
    try:
        new = day + timedelta(shift)
        expected = (form % (new.year, new.month, new.day)).encode()
    except OverflowError:
        expected = b"X"
    assert dates.shift(written, "DA", shift, b"X") == expected


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9997, 1, 1)), st.integers(-365, 365))
def test_times_stay_byte_for_byte(moment: datetime, shift: int) -> None:
    day = b"%04d%02d%02d" % (moment.year, moment.month, moment.day)
    rest = moment.strftime("%H%M%S.%f+0100").encode()
    found = dates.shift(day + rest, "DT", shift, b"X")
    assert found[8:] == rest
    assert found[:8] == dates.shift(day, "DA", shift, b"X")


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_dates_of_an_instance_at_every_depth(syntax: str) -> None:
    inner = [Part(0x00400244, "DA", "20200302"), Part(0x0040A120, "DT", "20200303101010.5")]
    parts = [
        Part(STUDY_DATE, "DA", "20200301"),
        Part(0x00080021, "DA", ""),
        Part(0x0008002A, "DT", "20200301235959"),
        Part(0x00080030, "TM", "101112"),
        Part(0x00100030, "DA", "1961.02.03"),
        Part(0x00181078, "DT", "202003\\2020"),
        Part(0x00400275, "SQ", [[Part(0x00400555, "SQ", [inner], undefined=True)]]),
        Part(0x0040A730, "SQ", [inner, inner]),
    ]
    found, by = moved(parts, syntax), timedelta(days())
    assert found.StudyDate == f"{date(2020, 3, 1) + by:%Y%m%d}"
    assert found.SeriesDate == ""
    assert found.AcquisitionDateTime == f"{date(2020, 3, 1) + by:%Y%m%d}235959"
    assert found.StudyTime == "101112"
    assert found[0x00100030].value == f"{date(1961, 2, 3) + by:%Y.%m.%d}"
    assert list(found[0x00181078].value) == [f"{date(2020, 3, 1) + by:%Y%m}", f"{date(2020, 1, 1) + by:%Y}"]
    for item in (found[0x00400275].value[0][0x00400555].value[0], *found[0x0040A730].value):
        assert item[0x00400244].value == f"{date(2020, 3, 2) + by:%Y%m%d}"
        assert item[0x0040A120].value == f"{date(2020, 3, 3) + by:%Y%m%d}101010.5"


def test_one_patient_moves_by_one_number_of_days_in_every_instance_and_run() -> None:
    """Whatever study, padding or encoding; in another run of another process the key is all that counts."""
    spans = set()
    for number, patient in enumerate(("P1", "P1 ", " P1", "P1  ")):
        for syntax in SYNTAXES:
            part = [Part(STUDY_DATE, "DA", "20200301"), Part(STUDY, "UI", f"2.25.7{number}")]
            spans.add(moved(part, syntax, patient=patient).StudyDate)
    assert spans == {f"{date(2020, 3, 1) + timedelta(days()):%Y%m%d}"}


def test_a_patient_is_the_same_in_every_character_set() -> None:
    def study_date(character_set: str, codec: str) -> str:
        parts = [Part(0x00080005, "CS", character_set), Part(STUDY_DATE, "DA", "20200301")]
        named = Part(PATIENT, "LO", "Müller1".encode(codec))
        return str(run(instance([*parts, named], patient=None)).StudyDate)

    same = {study_date(*one) for one in (("ISO_IR 100", "latin-1"), ("ISO_IR 192", "utf-8"), ("GB18030", "gb18030"))}
    assert same == {f"{date(2020, 3, 1) + timedelta(days('Müller1')):%Y%m%d}"}


def test_another_patient_or_another_key_moves_by_another_number() -> None:
    data = [instance([Part(STUDY_DATE, "DA", "20200301")], patient=f"P{number}") for number in range(40)]
    assert len({run(one).StudyDate for one in data}) > 30
    assert run(data[1]).StudyDate != run(data[1], keys=Keys(bytes(32))).StudyDate
    assert run(data[1]).StudyDate != run(data[1], keys=Keys(KEYS.uid, date=bytes(16))).StudyDate


def test_the_date_key_comes_from_the_uid_key_unless_it_is_given() -> None:
    assert KEYS.date == hmac.new(KEYS.uid, b"effacer dates", hashlib.sha256).digest()
    assert run(instance([Part(STUDY_DATE, "DA", "20200301")]), keys=Keys(bytes(9), date=KEYS.date)).StudyDate == (
        f"{date(2020, 3, 1) + timedelta(days()):%Y%m%d}"
    )


@pytest.mark.parametrize("patient", [None, "", "    "])
def test_without_a_patient_the_study_counts(patient: str | None) -> None:
    found = moved([Part(STUDY_DATE, "DA", "20200301")], patient=patient)
    assert found.StudyDate == f"{date(2020, 3, 1) + timedelta(days(IDS[STUDY])):%Y%m%d}"


def test_the_patient_is_the_source_s_and_the_root_s() -> None:
    """What the plan makes of PatientID does not matter, nor who else is named in a sequence."""
    other = [Part(PATIENT, "LO", "Other")]
    parts = [Part(STUDY_DATE, "DA", "20200301"), Part(0x00081110, "SQ", [other]), Part(0x00101002, "SQ", [other])]
    plan = Plan((Rule(Verb.RESET, "test", PATIENT), *SHIFT.rules), SHIFT.default)
    found = run(instance(parts), plan)
    assert found.PatientID == "PLACEHOLDER"
    assert found.StudyDate == f"{date(2020, 3, 1) + timedelta(days()):%Y%m%d}"


def test_a_patient_behind_higher_tags_counts_all_the_same() -> None:
    style = Style()
    parts = [Part(STUDY_DATE, "DA", "20200301"), *(Part(tag, "UI", uid) for tag, uid in IDS.items())]
    parts += [Part(0x00400244, "DA", "20200301"), Part(PATIENT, "LO", "P1")]
    found = run(encode.file(style, encode.data_set(style, parts)))
    assert found.StudyDate == f"{date(2020, 3, 1) + timedelta(days()):%Y%m%d}"


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("vr", sorted(facts.vrs() - {"SQ", "UI"}))
def test_a_date_under_another_vr_leaves_a_valid_placeholder(vr: str, syntax: str) -> None:
    """A rule may name the tag of a date that a file, or the dictionary, holds as something else."""
    tag = 0x00091001
    value: bytes | str = b"\1" * 16 if vr in encode.NUMBERS or vr in ("AT", "OB", "UN") else "Wall\\4711"
    plan = Plan((Rule(Verb.SHIFT_DATE, "test", tag),), Rule(Verb.KEEP, "test"))
    found = run(instance([Part(0x00090010, "LO", "TEST"), Part(tag, vr, value)], syntax), plan)
    text = str(found[tag].value)
    assert "Wall" not in text
    assert "4711" not in text
    assert b"\1" not in (found[tag].value if isinstance(found[tag].value, bytes) else b"")


def test_a_date_alone_under_a_vr_for_text_moves() -> None:
    plan = Plan((Rule(Verb.SHIFT_DATE, "test", 0x00181010),), Rule(Verb.KEEP, "test"))
    for value, expected in (
        ("20200301", f"{date(2020, 3, 1) + timedelta(days()):%Y%m%d}"),
        ("20200301\\20200302", "PLACEHOLDER"),
        ("on 20200301", "PLACEHOLDER"),
    ):
        assert run(instance([Part(0x00181010, "LO", value)]), plan)[0x00181010].value == expected


def test_a_uid_or_a_sequence_cannot_move() -> None:
    for part in (Part(0x00081155, "UI", "1.2.3"), Part(0x00081140, "SQ", [[Part(0x00081155, "UI", "1.2.3")]])):
        plan = Plan((Rule(Verb.SHIFT_DATE, "test", part.tag),), Rule(Verb.KEEP, "test"))
        with pytest.raises(Refused) as caught:
            run(instance([part]), plan)
        assert (caught.value.reason, caught.value.tag) == (Reason.VR_MISMATCH, part.tag)


def test_a_value_without_end_is_one_placeholder() -> None:
    endless = Part(0x00181010, "UT", "20200301\\" * 20_000)
    plan = Plan((Rule(Verb.SHIFT_DATE, "test", 0x00181010),), Rule(Verb.KEEP, "test"))
    assert run(instance([endless]), plan)[0x00181010].value == "PLACEHOLDER"


def test_no_message_holds_a_value() -> None:
    plan = Plan((Rule(Verb.SHIFT_DATE, "test", 0x00081155),), Rule(Verb.KEEP, "test"))
    with pytest.raises(Refused) as caught:
        run(instance([Part(0x00081155, "UI", "1.2.4711")]), plan)
    assert "4711" not in str(caught.value)
