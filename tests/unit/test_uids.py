"""UIDs: both derivations, and every reference of whole instances that refer to each other."""

from __future__ import annotations

import hashlib
import io
import random
import uuid
from collections.abc import Iterator, Sequence
from functools import cache

import pydicom
import pytest
from pydicom.uid import UID_dictionary

from effacer_server.dicom import core, facts
from effacer_server.dicom.core import Matcher, Source
from effacer_server.engine.instance import Deidentifier, Output
from effacer_server.errors import InvalidConfig
from effacer_server.jobs.keys import load_keys
from effacer_server.jobs.record import check_of
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.documents import parse_config
from effacer_server.policy.plan import Derivation, Keys, Plan, Verb
from effacer_server.settings import Settings, from_environment
from tests import encode
from tests.encode import Part, Style

KEY = bytes(range(32))
KEYS = Keys(KEY)
STYLES = (Style(), Style(encode.IMPLICIT), Style(encode.BIG_ENDIAN), Style(undefined=True))

CT, RTSTRUCT, SEG = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.481.3", "1.2.840.10008.5.1.4.1.1.66.4"
SR, PR, KO = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.88.59"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
TALAIRACH = "1.2.840.10008.1.4.1.1"  # a frame of reference that the standard names
SCT_UID, CID_UID, MAPPING = "2.16.840.1.113883.6.96", "1.2.840.10008.6.1.308", "1.2.840.10008.8.1.1"

Item = list[Part]


# Derivations


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1.2.3", "2.25.235153174557024093797895412215599142974"),
        ("111", "2.25.140302709094137852884202099990798014056"),
    ],
)
def test_the_derivation_without_a_key(source: str, expected: str) -> None:
    assert core.map_uid(KEY, "2.25.", source, "md5") == expected
    assert core.map_uid(bytes(32), "2.25.", source, "md5") == expected
    assert core.map_uid(KEY, "2.25.", source) != expected


def test_the_derivation_without_a_key_against_the_library() -> None:
    """All lengths around the blocks of MD5, and random bytes."""
    rng = random.Random(5)
    texts = ["".join(rng.choices("0123456789.", k=length)) for length in [*range(1, 200), 255, 256, 511, 4000]]
    texts += ["".join(chr(rng.randrange(1, 0x800)) for _ in range(rng.randrange(1, 90))) for _ in range(500)]
    for text in texts:
        number = uuid.UUID(bytes=hashlib.md5(text.encode()).digest(), version=3).int
        assert core.map_uid(KEY, "2.25.", text, "md5") == f"2.25.{number}"


@pytest.mark.parametrize("derivation", ["hmac", "md5"])
def test_new_uids_are_valid(derivation: Derivation) -> None:
    """At most 64 characters, digits without leading zeros, whatever came. Source: PS3.5 §9.1."""
    root = "1.2.3456789012345678901."  # as long as one may be
    for number in range(2000):
        new = core.map_uid(KEY, root, f"{number}", derivation)
        assert len(new) <= 64
        assert all(part == "0" or (part.isdigit() and part[0] != "0") for part in new.split("."))
    assert len(root) == 24


@pytest.mark.parametrize("derivation", ["hmac", "md5"])
def test_a_scan_maps_as_map_uid_does(derivation: Derivation) -> None:
    old = ["1.2.3", "111", "2222222", "1.2.840.10008.1.2", "not a uid", ""]
    data = encode.file(Style(), encode.data_set(Style(), [Part(0x00081155, "UI", "\\".join(old))]))
    matcher = Matcher([(0x00081155, 0xFFFFFFFF, "", "", Verb.REGEN_UID, Verb.REGEN_UID)], Verb.KEEP, [], KEY, "2.25.",
                      (), derivation)  # fmt: skip
    source = Source(data)
    rows = core.scan(source, core.read_meta(source), matcher).rows()
    new = rows[0][8]
    assert new is not None
    expected = [u if u in UID_dictionary or not u else core.map_uid(KEY, "2.25.", u, derivation) for u in old]
    assert new.rstrip(b"\0").decode().split("\\") == expected


def test_the_derivation_is_a_setting() -> None:
    assert Settings().uid_derivation == "hmac"
    settings = from_environment({}, {"EFFACER_UID_DERIVATION": "md5", "EFFACER_UID_KEY": KEY.hex()})
    assert load_keys(settings) == Keys(KEY, derivation="md5")
    assert load_keys(Settings(uid_key=KEY.hex(), date_key="ab" * 32)).date == b"\xab" * 32
    for name, value in (
        ("EFFACER_UID_DERIVATION", "sha1"),
        ("EFFACER_DATE_KEY", "ab"),
        ("EFFACER_DATE_KEY", "zz" * 32),
    ):
        with pytest.raises(InvalidConfig) as caught:
            from_environment({}, {name: value})
        assert caught.value.violations[0][0] == name.removeprefix("EFFACER_").lower()
        assert value not in str(caught.value)


def test_operations_do_not_go_on_under_another_mapping() -> None:
    others = [Keys(bytes(32)), Keys(KEY, "1.2."), Keys(KEY, date=bytes(32)), Keys(KEY, derivation="md5")]
    checks = [check_of(keys) for keys in (KEYS, *others)]
    assert len(set(checks)) == len(checks)
    assert check_of(Keys(KEY)) == checks[0]
    assert check_of(Keys(KEY, date=KEYS.date)) == checks[0]


# Whole instances


def uid(name: str) -> str:
    """A made-up UID, the same for the same name."""
    return f"1.3.6.1.4.1.99999.{int.from_bytes(hashlib.sha256(name.encode()).digest()[:12], 'big')}"


def reference(sop_class: str, name: str, *more: Part) -> Item:
    return sorted([Part(0x00081150, "UI", sop_class), Part(0x00081155, "UI", uid(name)), *more], key=lambda p: p.tag)


def code(tag: int, value: str = "T-1", *more: Part) -> Part:
    """A code with all the UIDs that may stand by it: of the coding scheme, the context group, its mapping resource."""
    item = [Part(0x00080100, "SH", value), Part(0x00080102, "SH", "SCT"), Part(0x00080104, "LO", "thing")]
    item += [Part(0x00080117, "UI", CID_UID), Part(0x00080118, "UI", MAPPING), *more]
    return Part(tag, "SQ", [sorted(item, key=lambda p: p.tag)])


def series(name: str, *references: Item, sequence: int = 0x00081199) -> Item:
    return [Part(sequence, "SQ", list(references)), Part(0x0020000E, "UI", uid(name))]


def instance(sop_class: str, name: str, in_series: str, parts: Sequence[Part]) -> Item:
    scheme = [Part(0x00080102, "SH", "SCT"), Part(0x0008010C, "UI", SCT_UID), Part(0x00080115, "ST", "SCT")]
    head = [
        Part(0x00080016, "UI", sop_class),
        Part(0x00080018, "UI", uid(name)),
        Part(0x00080110, "SQ", [scheme]),
        Part(0x00081110, "SQ", [reference(STUDY_CLASS, "detached study")]),
        Part(0x00100020, "LO", "P1"),
        Part(0x0020000D, "UI", uid("study")),
        Part(0x0020000E, "UI", uid(in_series)),
    ]
    given = {part.tag for part in parts}
    return sorted([*(part for part in head if part.tag not in given), *parts], key=lambda part: part.tag)


def ct(name: str) -> Item:
    outside = reference(CT, "another job's", code(0x0040A170))
    return instance(CT, name, "ct series", [
        Part(0x00082112, "SQ", [outside]),
        Part(0x00083010, "UI", uid("irradiation")),
        Part(0x00200052, "UI", uid("frame")),
        Part(0x00200200, "UI", uid("synchronization")),
        Part(0x00081140, "SQ", [reference(CT, "ct 1"), reference(CT, "ct 2")]),
    ])  # fmt: skip


def rt_structure_set() -> Item:
    contour = [
        Part(0x30060016, "SQ", [reference(CT, "ct 1"), reference(CT, "ct 2")]),
        Part(0x30060042, "CS", "POINT"),
    ]
    rt_series = [Part(0x0020000E, "UI", uid("ct series")), contour[0]]
    rt_study = [*reference(STUDY_CLASS, "study"), Part(0x30060014, "SQ", [rt_series])]
    frame = [
        Part(0x00200052, "UI", uid("frame")),
        Part(0x300600C0, "SQ", [[Part(0x300600C2, "UI", uid("other frame"))]]),
        Part(0x30060012, "SQ", [rt_study]),
    ]
    roi = [Part(0x30060022, "IS", "1"), Part(0x30060024, "UI", uid("frame")), Part(0x30060026, "LO", "lung")]
    return instance(RTSTRUCT, "structures", "rt series", [
        Part(0x30060010, "SQ", [frame, [Part(0x00200052, "UI", TALAIRACH)]]),
        Part(0x30060020, "SQ", [roi]),
        Part(0x30060039, "SQ", [[Part(0x30060040, "SQ", [contour]), Part(0x30060084, "IS", "1")]]),
    ])  # fmt: skip


def segmentation() -> Item:
    source = reference(CT, "ct 1", code(0x0040A170))
    derivation = [code(0x00089215), Part(0x00082112, "SQ", [source])]
    per_frame = [Part(0x00089124, "SQ", [derivation]), Part(0x0062000A, "SQ", [[Part(0x0062000B, "US", (1,))]])]
    images = (reference(CT, "ct 1"), reference(CT, "ct 2"))
    indexes = [[Part(0x00209164, "UI", uid("dimensions")), Part(0x00209165, "AT", (0x0062000B,))]]
    return instance(SEG, "segments", "seg series", [
        Part(0x00081115, "SQ", [series("ct series", *images, sequence=0x0008114A)]),
        Part(0x00081200, "SQ", [[Part(0x0020000D, "UI", uid("prior study")),
                                 Part(0x00081115, "SQ", [series("prior series", reference(CT, "prior ct"))])]]),
        Part(0x00200052, "UI", uid("frame")),
        Part(0x00209221, "SQ", [[Part(0x00209164, "UI", uid("dimensions"))]]),
        Part(0x00209222, "SQ", indexes),
        Part(0x00620002, "SQ", [[Part(0x00620020, "UT", "T1"), Part(0x00620021, "UI", uid("tracking"))]]),
        Part(0x52009230, "SQ", [per_frame] * 3),
    ])  # fmt: skip


def report() -> Item:
    evidence = [Part(0x0020000D, "UI", uid("study")),
                Part(0x00081115, "SQ", [series("ct series", reference(CT, "ct 1")),
                                        series("seg series", reference(SEG, "segments"))])]  # fmt: skip
    evidence.sort(key=lambda part: part.tag)
    prior = sorted([Part(0x0020000D, "UI", uid("prior study")),
                    Part(0x00081115, "SQ", [series("prior series", reference(CT, "prior ct"))])],
                   key=lambda part: part.tag)  # fmt: skip
    return instance(SR, "report", "sr series", [
        Part(0x0040A375, "SQ", [evidence]),
        Part(0x0040A385, "SQ", [prior]),
        Part(0x0040A360, "SQ", [evidence]),
        Part(0x0040A525, "SQ", [evidence]),
        Part(0x0040A040, "CS", "CONTAINER"),
        Part(0x0040A171, "UI", uid("observation")),
    ])  # fmt: skip


def presentation() -> Item:
    layer = [Part(0x00081140, "SQ", [reference(CT, "ct 1")]), Part(0x00700002, "CS", "L1")]
    return instance(PR, "presentation", "pr series", [
        Part(0x00081115, "SQ", [series("ct series", reference(CT, "ct 1"), sequence=0x00081140)]),
        Part(0x00700001, "SQ", [layer]),
        Part(0x0070005A, "SQ", [[Part(0x00081140, "SQ", [reference(CT, "ct 2")])]]),
        Part(0x00281199, "UI", uid("palette")),
    ])  # fmt: skip


def key_object() -> Item:
    evidence = sorted([Part(0x0020000D, "UI", uid("study")),
                       Part(0x00081115, "SQ", [series("pr series", reference(PR, "presentation")),
                                               series("ct series", reference(CT, "ct 2"))])],
                      key=lambda part: part.tag)  # fmt: skip
    identical = [*evidence]
    return instance(KO, "keys", "ko series", [Part(0x0040A375, "SQ", [evidence]), Part(0x0040A525, "SQ", [identical])])


def enhanced() -> Item:
    image = reference("1.2.840.10008.5.1.4.1.1.4", "mr source", code(0x0040A170))
    per_frame = [
        Part(0x00081140, "SQ", [image]),
        Part(0x00089124, "SQ", [[Part(0x00082112, "SQ", [image])]]),
        Part(0x00189477, "SQ", [[Part(0x00083010, "UI", uid("irradiation"))]]),
    ]
    return instance(ENHANCED_MR, "enhanced", "mr series", [
        Part(0x00083010, "UI", f"{uid('irradiation')}\\{uid('irradiation 2')}"),
        Part(0x00081164, "SQ", [[Part(0x00081167, "UI", uid("multi source")), Part(0x00081161, "UL", (1,))]]),
        Part(0x00200052, "UI", uid("frame")),
        Part(0x00200242, "UI", uid("concatenation source")),
        Part(0x00209161, "UI", uid("concatenation")),
        Part(0x00209221, "SQ", [[Part(0x00209164, "UI", uid("dimensions"))]]),
        Part(0x00209222, "SQ", [[Part(0x00209164, "UI", uid("dimensions"))]]),
        Part(0x52009229, "SQ", [per_frame]),
        Part(0x52009230, "SQ", [per_frame] * 2),
    ])  # fmt: skip


@cache
def instances() -> dict[str, Item]:
    """A study of instances that refer to each other and to others outside."""
    return {
        "ct 1": ct("ct 1"),
        "ct 2": ct("ct 2"),
        "structures": rt_structure_set(),
        "segments": segmentation(),
        "report": report(),
        "presentation": presentation(),
        "keys": key_object(),
        "enhanced": enhanced(),
    }


def written(parts: Item, style: Style) -> bytes:
    meta = [Part(0x00020002, "UI", str(parts[0].value)), Part(0x00020003, "UI", "1.2.3.4.5.6.7.8")]
    return encode.file(style, encode.data_set(style, parts), meta)


def assembled(output: Output) -> bytes:
    return b"".join(part if isinstance(part, bytes) else output.source.read(*part) for part in output.segments)


def plan(config: str) -> Plan:
    return compile_config(parse_config(config), stamp=False)


PROFILE = '{"dicomTagConfig": {"profileType": "%s"%s}}'
BASIC = PROFILE % ("ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE", "")
KEEP_ALL = PROFILE % ("KEEP_ALL_PROFILE", "")
LATEST = PROFILE % ("ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE", ', "options": {"standardEdition": "EDITION_LATEST"}')


def uids_of(dataset: pydicom.Dataset, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], str]]:
    """(place, UID) of every UI value, items counted in the place."""
    for element in dataset:
        here = (*path, int(element.tag))
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from uids_of(item, (*here, number))
        elif element.VR == "UI" and element.value:
            values = [element.value] if isinstance(element.value, str) else list(element.value)
            yield from (((*here, number), str(value)) for number, value in enumerate(values))


@pytest.mark.parametrize("config", [BASIC, LATEST], ids=["2018e", "latest"])
@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("keys", [KEYS, Keys(KEY, derivation="md5")], ids=["hmac", "md5"])
def test_every_reference_follows(style: Style, config: str, keys: Keys) -> None:
    """Each UID of each instance, wherever it stands, becomes what the mapping says; registered ones stay."""
    deidentifier = Deidentifier(plan(config), keys)
    compared = 0
    for name, parts in instances().items():
        data = written(parts, style)
        output = deidentifier.deidentify(Source(data))
        old, new = pydicom.dcmread(io.BytesIO(data)), pydicom.dcmread(io.BytesIO(assembled(output)))
        before, after = dict(uids_of(old)), dict(uids_of(new))
        for place, value in after.items():
            stays = value_stays(before[place], place)
            expected = before[place] if stays else core.map_uid(KEY, "2.25.", before[place], keys.derivation)
            assert value == expected, (name, [hex(tag) for tag in place])
            compared += not stays
        assert output.instance == new.SOPInstanceUID == new.file_meta.MediaStorageSOPInstanceUID
        assert new.file_meta.MediaStorageSOPClassUID == old.SOPClassUID == new.SOPClassUID
        assert b"1.3.6.1.4.1.99999." not in assembled(output), "no UID of the source is left anywhere"
    assert compared > 80


def value_stays(value: str, place: tuple[int, ...]) -> bool:
    tag = next(part for part in reversed(place[:-1]) if part > 0xFFFF)
    return value in UID_dictionary or facts.uid_role(tag) == "standard"


@pytest.mark.parametrize("config", [BASIC, LATEST, KEEP_ALL], ids=["2018e", "latest", "keep all"])
def test_references_inside_the_set_are_closed(config: str) -> None:
    """Whatever the mapping is: a reference to an instance of the set names that instance's output."""
    deidentifier = Deidentifier(plan(config), KEYS)
    new_of, references = {}, []
    for parts in instances().values():
        data = written(parts, Style())
        output = deidentifier.deidentify(Source(data))
        before = dict(uids_of(pydicom.dcmread(io.BytesIO(data))))
        after = dict(uids_of(pydicom.dcmread(io.BytesIO(assembled(output)))))
        new_of[before[0x00080018, 0]] = output.instance
        new_of[before[0x0020000E, 0]] = output.series
        new_of[before[0x0020000D, 0]] = output.study
        references += [(old, after[place]) for place, old in before.items() if place in after]
    seen = [(old, new) for old, new in references if old in new_of]
    assert [pair for pair in seen if new_of[pair[0]] != pair[1]] == []
    assert len(seen) > 60


def test_what_every_instance_of_the_set_must_keep() -> None:
    """The check above compares what is there; these are the references that must not be lost on the way."""
    wanted = {
        "structures": [(0x30060010, 0x00200052), (0x30060010, 0x30060012, 0x30060014, 0x30060016, 0x00081155),
                       (0x30060010, 0x30060012, 0x00081155), (0x30060010, 0x30060012, 0x30060014, 0x0020000E),
                       (0x30060020, 0x30060024), (0x30060039, 0x30060040, 0x30060016, 0x00081155)],
        "segments": [(0x00081115, 0x0008114A, 0x00081155), (0x00209221, 0x00209164), (0x00209222, 0x00209164),
                     (0x00081200, 0x0020000D), (0x00081200, 0x00081115, 0x00081199, 0x00081155)],
        "report": [(0x0040A375, 0x00081115, 0x00081199, 0x00081155), (0x0040A385, 0x0020000D)],
        "presentation": [(0x00081115, 0x00081140, 0x00081155), (0x00700001, 0x00081140, 0x00081155)],
        "keys": [(0x0040A375, 0x00081115, 0x00081199, 0x00081155), (0x0040A525, 0x0020000D)],
        "enhanced": [(0x00209161,), (0x00209222, 0x00209164), (0x00081164, 0x00081167), (0x00200242,)],
    }  # fmt: skip
    deidentifier = Deidentifier(plan(BASIC), KEYS)
    for name, paths in wanted.items():
        data = written(instances()[name], Style())
        found = pydicom.dcmread(io.BytesIO(assembled(deidentifier.deidentify(Source(data)))))
        there = {tuple(part for part in place if part > 0xFFFF) for place, _ in uids_of(found)}
        assert [[hex(tag) for tag in path] for path in paths if path not in there] == [], name


# What never changes


def test_uids_of_the_standard_stay_at_every_depth() -> None:
    """Registered ones wherever they stand, and what attributes hold that name things of the standard."""
    for config in (BASIC, LATEST, KEEP_ALL):
        deidentifier = Deidentifier(plan(config), KEYS)
        seen: set[str] = set()
        for parts in instances().values():
            data = written(parts, Style())
            before = dict(uids_of(pydicom.dcmread(io.BytesIO(data))))
            after = dict(uids_of(pydicom.dcmread(io.BytesIO(assembled(deidentifier.deidentify(Source(data)))))))
            for place, value in before.items():
                if place in after and value_stays(value, place):
                    assert after[place] == value
                    seen.add(value)
        assert {CT, SCT_UID, CID_UID, MAPPING, TALAIRACH} <= seen


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_registered_uids_stay_in_every_attribute(style: Style) -> None:
    """Reset, regenerated, nested in a sequence that is reset: whatever the plan, and beside others in one value."""
    names = [TALAIRACH, CT, encode.EXPLICIT, "1.2.840.10008.1.4.3.1", MAPPING]
    value = "\\".join([*names, uid("other")])
    inner = [Part(0x00200052, "UI", value), Part(0x0040A124, "UI", value)]
    parts = instance(CT, "one", "series", [*inner[:1], Part(0x0040A730, "SQ", [[Part(0x0040A730, "SQ", [inner])]])])
    data = written(sorted([*parts, Part(0x0040A124, "UI", value)], key=lambda part: part.tag), style)
    for queries, verb in (('"UI"', "regenUidTag"), ('"FrameOfReferenceUID", "UID", "ContentSequence"', "resetTag")):
        action = f', "actions": [{{"queries": [{queries}], "{verb}": {{}}}}]'
        config = plan(PROFILE % ("KEEP_ALL_PROFILE", action))
        found = pydicom.dcmread(io.BytesIO(assembled(Deidentifier(config, KEYS).deidentify(Source(data)))))
        deep = found[0x0040A730].value[0][0x0040A730].value[0]
        for dataset in (found, deep):
            for tag in (0x00200052, 0x0040A124):
                assert list(dataset[tag].value) == [*names, core.map_uid(KEY, "2.25.", uid("other"))], verb


@pytest.mark.parametrize("queries", ['"UI"', '"SOPClassUID", "ContextUID", "MappingResourceUID", "CodingSchemeUID"'])
@pytest.mark.parametrize("verb", ["regenUidTag", "resetTag"])
def test_attributes_that_name_things_of_the_standard_stay(verb: str, queries: str) -> None:
    """Whether the value is registered or not: a SOP class of a maker's own, a context group, a coding scheme."""
    if (verb, queries) == ("resetTag", '"UI"'):
        queries = '"CodingSchemeIdentificationSequence", "SourceImageSequence", "SOPClassUID"'
    action = f', "actions": [{{"queries": [{queries}], "{verb}": {{}}}}]'
    config = plan(PROFILE % ("KEEP_ALL_PROFILE", action))
    own = "1.2.826.0.1.3680043.99.1"
    inner = reference(own, "source", code(0x0040A170))
    parts = instance(own, "one", "series", [Part(0x00082112, "SQ", [inner])])
    for style in STYLES:
        data = written(parts, style)
        found = pydicom.dcmread(io.BytesIO(assembled(Deidentifier(config, KEYS).deidentify(Source(data)))))
        source = found[0x00082112].value[0]
        purpose = source[0x0040A170].value[0]
        assert found.SOPClassUID == found.file_meta.MediaStorageSOPClassUID == source[0x00081150].value == own
        assert (purpose[0x00080117].value, purpose[0x00080118].value) == (CID_UID, MAPPING)
        assert found[0x00080110].value[0][0x0008010C].value == SCT_UID


def test_uids_in_private_elements_that_an_action_keeps_stay() -> None:
    """The action comes first: the user said so, and the element's meaning is the maker's."""
    private = [Part(0x00091001, "UI", uid("ct 1")), Part(0x00091002, "UI", f"{uid('ct 2')}\\{CT}")]
    block = [Part(0x00090010, "LO", "MAKER"), *private]
    parts = instance(CT, "ct 1", "ct series", [*block, Part(0x00400275, "SQ", [block])])
    action = ', "actions": [{"queries": ["(0009,\\"MAKER\\",01)", "(0009,\\"MAKER\\",02)"], "keepTag": {}}]'
    config = plan(PROFILE % ("ATTRIBUTE_CONFIDENTIALITY_BASIC_PROFILE", action))
    for style in (Style(), Style(encode.BIG_ENDIAN)):
        data = written(parts, style)
        found = pydicom.dcmread(io.BytesIO(assembled(Deidentifier(config, KEYS).deidentify(Source(data)))))
        for dataset in (found, found[0x00400275].value[0]) if 0x00400275 in found else (found,):
            assert dataset[0x00091001].value == uid("ct 1")
            assert list(dataset[0x00091002].value) == [uid("ct 2"), CT]
        assert found.SOPInstanceUID == core.map_uid(KEY, "2.25.", uid("ct 1"))


@pytest.mark.parametrize("source", ["2222222", "1.2.03.4", "1.2.abc", "9" * 64])
def test_sources_that_are_no_uids_become_valid_ones(source: str) -> None:
    for keys in (KEYS, Keys(KEY, derivation="md5")):
        parts = instance(CT, "x", "series", [Part(0x00080018, "UI", source)])
        output = Deidentifier(plan(BASIC), keys).deidentify(Source(written(parts, Style())))
        assert pydicom.uid.UID(output.instance).is_valid
        assert output.instance == core.map_uid(KEY, "2.25.", source, keys.derivation)
