"""Every action on every VR of PS3.5 Table 6.2-1, in every encoding: what comes out is read by pydicom and valid."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import pydicom
import pytest
from pydicom import config as pydicom_config
from pydicom.valuerep import validate_value

from effacer_server.dicom import facts
from effacer_server.dicom.core import Source, map_uid
from effacer_server.engine.instance import Deidentifier
from effacer_server.errors import Reason, Refused
from effacer_server.policy.plan import Keys, Plan, Rule, Verb
from tests import encode, oracle
from tests.encode import Fragments, Part, Style

KEYS = Keys(bytes(range(32)))
STYLES = [Style(), Style(encode.IMPLICIT), Style(encode.BIG_ENDIAN), Style(encode.IMPLICIT, undefined=True)]
CREATOR, SEQUENCE, INNER = 0x00090010, 0x00400275, 0x00400555
ALL = Rule(Verb.KEEP, "test")

# Values a file may have, several where the VR can hold several. Source: PS3.5 Table 6.2-1, §6.4.
VALUES: dict[str, Part] = {
    part.vr: part
    for part in (
        Part(0x0072005E, "AE", "SCANNER1\\SCANNER2"),
        Part(0x0072005F, "AS", "034Y\\011M"),
        Part(0x00720060, "AT", (0x00100010, 0x00100020, 0x7FE00010)),
        Part(0x00720062, "CS", "WALL\\HALL"),
        Part(0x00720061, "DA", "20200229\\20200301"),
        Part(0x00720072, "DS", "1.5\\-2\\3E4"),
        Part(0x00720063, "DT", "20200229101112\\20200301"),
        Part(0x00720074, "FD", (1.5, -2.5)),
        Part(0x00720076, "FL", (1.5, -2.5, 3.5)),
        Part(0x00720064, "IS", "1\\-2\\+3\\4"),
        Part(0x00720066, "LO", "Wall\\Hall"),
        Part(0x00720068, "LT", "Wall\\Hall"),
        Part(0x00720065, "OB", b"Wall"),
        Part(0x00720073, "OD", (1.5, 2.5)),
        Part(0x00720067, "OF", (1.5, 2.5)),
        Part(0x00720075, "OL", (1, 2)),
        Part(0x00720081, "OV", (1, 2)),
        Part(0x00720069, "OW", (1, 2)),
        Part(0x0072006A, "PN", "Wall^Ada=W=a\\Hall"),
        Part(0x0072006C, "SH", "Wall\\Hall"),
        Part(0x0072007C, "SL", (-1, 2)),
        Part(0x00720080, "SQ", [[Part(0x0072006A, "PN", "Wall"), Part(0x00720076, "FL", (1.5,))], []]),
        Part(0x0072007E, "SS", (-1, 2, 3)),
        Part(0x0072006E, "ST", "Wall"),
        Part(0x00720082, "SV", (-1, 2)),
        Part(0x0072006B, "TM", "101112\\13"),
        Part(0x0072006F, "UC", "Wall\\Hall"),
        Part(0x0072007F, "UI", "1.2.3\\1.2.840.10008.1.2\\1.2.4"),
        Part(0x00720078, "UL", (1, 2)),
        Part(0x0072006D, "UN", b"Wall"),
        Part(0x00720071, "UR", "http://wall"),
        Part(0x0072007A, "US", (1, 2)),
        Part(0x00720070, "UT", "Wall\\Hall"),
        Part(0x00720083, "UV", (1, 2)),
    )
}
ONCE = {vr: p.value for vr, p in facts.placeholders().items() if p.kind == "text"}
NUMBERS = ("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV", "AT")
BINARY = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")


def uid(source: str) -> str:
    return map_uid(KEYS.uid, "2.25.", source)


def instance(style: Style, parts: Sequence[Part]) -> bytes:
    ids = [Part(0x00080018, "UI", "2.25.1"), Part(0x0020000D, "UI", "2.25.2"), Part(0x0020000E, "UI", "2.25.3")]
    return encode.file(style, encode.data_set(style, sorted([*ids, *parts], key=lambda part: part.tag)))


def run(data: bytes, *rules: Rule) -> pydicom.Dataset:
    plan = Plan(rules, ALL)
    output = Deidentifier(plan, KEYS).deidentify(Source(data))
    found = b"".join(part if isinstance(part, bytes) else output.source.read(*part) for part in output.segments)
    assert oracle.inflated(found) == oracle.inflated(oracle.deidentify(data, plan, KEYS)), "the oracle thinks otherwise"
    dataset = pydicom.dcmread(io.BytesIO(found))
    dataset.decode()
    return dataset


def places(style: Style, part: Part) -> list[tuple[bytes, tuple[int, ...]]]:
    """The element at the root, three sequences deep, and there beside others in several items."""
    nested = Part(SEQUENCE, "SQ", [[Part(INNER, "SQ", [[Part(SEQUENCE, "SQ", [[], [part]])]])]])
    return [(instance(style, [part]), ()), (instance(style, [nested]), (SEQUENCE, 0, INNER, 0, SEQUENCE, 1))]


def at(dataset: pydicom.Dataset, path: tuple[int, ...]) -> pydicom.Dataset:
    for sequence, number in zip(path[::2], path[1::2], strict=True):
        dataset = dataset[sequence].value[number]
    return dataset


def raw_length(data: pydicom.Dataset, tag: int) -> int:
    value = data[tag].value
    return 0 if value is None else len(value)


def test_every_vr_is_here() -> None:
    assert set(VALUES) == facts.vrs()
    assert len(VALUES) == 34
    for vr, part in VALUES.items():
        assert vr == "UN" or facts.vr_of(part.tag) == vr


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("vr", VALUES)
def test_reset(vr: str, style: Style) -> None:
    part = VALUES[vr]
    for data, path in places(style, part):
        for rules in ((Rule(Verb.RESET, "test", part.tag),), (Rule(Verb.RESET, "test", 0, 0, vr),)):
            if vr == "SQ" and not rules[0].tag:
                rules = (Rule(Verb.RESET, "test", part.tag),)
            if vr == "UI" and not rules[0].tag:
                rules = (*(Rule(Verb.KEEP, "ids", tag) for tag in (0x00080018, 0x0020000D, 0x0020000E)), *rules)
            check_reset(vr, part, at(run(data, *rules), path))


def check_reset(vr: str, part: Part, dataset: pydicom.Dataset) -> None:
    """A placeholder valid for the VR, of the multiplicity that the VR's placeholder has."""
    element = dataset[part.tag]
    if vr == "SQ":
        assert [len(item) for item in element.value] == [2, 0]
        assert str(element.value[0][0x0072006A].value) == "PLACEHOLDER"
        assert element.value[0][0x00720076].value == 0.0
        return
    assert vr == element.VR
    if vr in ONCE:
        assert str(element.value) == ONCE[vr]
        validate_value(vr, ONCE[vr], pydicom_config.RAISE)
    elif vr in ("IS", "DS"):
        assert [int(value) for value in element.value] == [0] * (str(part.value).count("\\") + 1)
    elif vr in NUMBERS:
        assert isinstance(part.value, tuple)
        assert [float(value) for value in element.value] == [0.0] * len(part.value)
    elif vr == "UI":
        assert list(element.value) == [uid("1.2.3"), "1.2.840.10008.1.2", uid("1.2.4")]
    else:
        assert vr in BINARY
        assert raw_length(dataset, part.tag) == 0


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("vr", VALUES)
def test_remove_delete_keep(vr: str, style: Style) -> None:
    part = VALUES[vr]
    for data, path in places(style, part):
        old = at(pydicom.dcmread(io.BytesIO(data)), path)
        removed = at(run(data, Rule(Verb.REMOVE, "test", part.tag)), path)
        assert part.tag in removed
        assert vr == removed[part.tag].VR
        assert not removed[part.tag].value
        assert part.tag not in at(run(data, Rule(Verb.DELETE, "test", part.tag)), path)
        kept = at(run(data, Rule(Verb.KEEP, "test", part.tag), Rule(Verb.RESET, "test", 0x0072006A)), path)
        assert kept[part.tag] == old[part.tag]


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("vr", VALUES)
def test_recurse_is_for_sequences_alone(vr: str, style: Style) -> None:
    part = VALUES[vr]
    for data, path in places(style, part):
        rules = (Rule(Verb.RECURSE, "test", part.tag), Rule(Verb.RESET, "test", 0x00720076))
        if vr != "SQ":
            with pytest.raises(Refused) as caught:
                run(data, *rules)
            assert (caught.value.reason, caught.value.tag) == (Reason.VR_MISMATCH, part.tag)
            continue
        inner = at(run(data, *rules), path)[part.tag].value[0]
        assert (str(inner[0x0072006A].value), inner[0x00720076].value) == ("Wall", 0.0)


@pytest.mark.parametrize("verb", [Verb.RESET, Verb.REMOVE, Verb.KEEP, Verb.RECURSE, Verb.REGEN_UID])
@pytest.mark.parametrize("vr", VALUES)
def test_empty_values_stay_as_they_are_or_get_a_placeholder(vr: str, verb: Verb) -> None:
    for style in STYLES:
        part = Part(VALUES[vr].tag, vr, b"" if vr != "SQ" else [])
        for data, path in places(style, part):
            if verb is Verb.REGEN_UID and vr == "SQ":
                continue
            found = at(run(data, Rule(verb, "test", part.tag)), path)[part.tag]
            if verb is Verb.RESET and vr in ONCE:
                assert str(found.value) == ONCE[vr]
            elif verb is Verb.RESET and vr in ("IS", "DS"):
                assert int(found.value) == 0
            else:
                assert not found.value


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("vr", VALUES)
def test_private_elements(vr: str, style: Style) -> None:
    """Of the VR the file says; in implicit VR nobody knows it: what could be anything goes empty."""
    part = Part(0x00091001, vr, VALUES[vr].value)
    data = instance(style, [Part(CREATOR, "LO", "MAKER"), part])
    seen = "UN" if style.implicit and vr != "SQ" else vr
    found = run(data, Rule(Verb.RESET, "test", part.tag))
    assert found[CREATOR].value == "MAKER"
    if seen == "UN":
        assert found[part.tag].VR == "UN"
        assert raw_length(found, part.tag) == 0
    elif isinstance(found[part.tag].value, bytes):  # a sequence all the same, though pydicom does not see it
        assert b"PLACEHOLDER" in found[part.tag].value
        assert b"Wall" not in found[part.tag].value
    else:
        check_reset(vr, part, found)
    assert not run(data, Rule(Verb.REMOVE, "test", part.tag))[part.tag].value
    assert part.tag not in run(data, Rule(Verb.DELETE, "test", part.tag))
    old = pydicom.dcmread(io.BytesIO(data))
    assert run(data, Rule(Verb.KEEP, "test", part.tag))[part.tag] == old[part.tag]
    whole = run(data, Rule(Verb.DELETE, "test", 0x00010000, 0x00010000))
    assert part.tag not in whole
    assert CREATOR not in whole


def implicit(parts: Sequence[Part], undefined: bool = False) -> bytes:
    """The items of a sequence as implicit VR little endian, without the sequence's own header."""
    return encode.element(Style(encode.IMPLICIT, undefined), Part(SEQUENCE, "SQ", [parts]))[8:]


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("tag", [SEQUENCE, 0x00091001], ids=["known", "private"])
@pytest.mark.parametrize("style", [Style(), Style(encode.BIG_ENDIAN)], ids=str)
def test_un_with_implicit_data_inside(style: Style, tag: int, undefined: bool) -> None:
    """Whatever is around it, UN holds implicit VR little endian. Source: PS3.5 §6.2.2, note 2."""
    inner = [Part(0x00100010, "PN", "Wall^Ada"), Part(0x00720076, "FL", (1.5, 2.5)), Part(0x0072007F, "UI", "1.2.3")]
    private = [Part(CREATOR, "LO", "MAKER")] if tag == 0x00091001 else []
    body = implicit(inner, undefined)
    order = style.order
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF) + b"UN\0\0"
    length = 0xFFFFFFFF if undefined else len(body)
    element = head + struct.pack(order + "I", length) + body
    ids = [Part(0x00080018, "UI", "2.25.1"), Part(0x0020000D, "UI", "2.25.2"), Part(0x0020000E, "UI", "2.25.3")]
    before = [part for part in [*ids, *private] if part.tag < tag]
    behind = [part for part in ids if part.tag > tag]
    encoded = encode.data_set(style, sorted(before, key=lambda part: part.tag)) + element
    data = encode.file(style, encoded + encode.data_set(style, behind))

    def inside(*rules: Rule) -> bytes:
        plan = Plan(rules, ALL)
        output = Deidentifier(plan, KEYS).deidentify(Source(data))
        found = b"".join(part if isinstance(part, bytes) else output.source.read(*part) for part in output.segments)
        assert found == oracle.deidentify(data, plan, KEYS)
        if not (undefined and style.order == ">"):  # pydicom takes that for big endian, in the source as well
            assert pydicom.dcmread(io.BytesIO(found)).SOPInstanceUID == "2.25.1"
        return found

    reset = inside(Rule(Verb.RESET, "test", tag))
    assert b"Wall" not in reset
    assert b"PLACEHOLDER" in reset
    assert struct.pack("<ff", 1.5, 2.5) not in reset
    assert uid("1.2.3").encode() in reset
    names = inside(Rule(Verb.DELETE, "test", 0x00100010))
    assert b"Wall" not in names
    assert struct.pack("<ff", 1.5, 2.5) in names
    assert b"Wall" not in inside(Rule(Verb.REMOVE, "test", tag))
    assert b"Wall" not in inside(Rule(Verb.DELETE, "test", tag))
    assert inside(Rule(Verb.KEEP, "test", tag), Rule(Verb.DELETE, "test", 0x00100010)).endswith(data[-len(body) :])


@pytest.mark.parametrize("verb", [Verb.RESET, Verb.REMOVE, Verb.DELETE])
def test_encapsulated_pixel_data(verb: Verb) -> None:
    style = Style(encode.JPEG_BASELINE)
    data = instance(style, [Part(0x7FE00010, "OB", Fragments(((b"Wall", b"Hall"), (b"Ball",))))])
    found = run(data, Rule(verb, "test", 0x7FE00010))
    assert (0x7FE00010 in found) is (verb is not Verb.DELETE)
    assert not found.get("PixelData")


@pytest.mark.parametrize("vr", [vr for vr in VALUES if vr not in ("SQ", "UI")])
def test_regenerating_what_is_no_uid(vr: str) -> None:
    """A rule by tag meets a value under another VR: it becomes a UID where the VR can hold one, else it is refused."""
    data = instance(Style(), [Part(CREATOR, "LO", "MAKER"), Part(0x00091001, vr, VALUES[vr].value)])
    plan = Plan((Rule(Verb.REGEN_UID, "test", 0x00091001),), ALL)
    deidentifier = Deidentifier(plan, KEYS)
    if vr not in ("UN", "LO", "LT", "SH", "ST", "UC", "UT"):
        with pytest.raises(Refused) as refused:
            deidentifier.deidentify(Source(data))
        assert (refused.value.reason, refused.value.vr) == (Reason.VR_MISMATCH, vr)
        return
    output = deidentifier.deidentify(Source(data))
    found = b"".join(part if isinstance(part, bytes) else output.source.read(*part) for part in output.segments)
    assert b"Wall" not in found
    assert b"2.25." in found
