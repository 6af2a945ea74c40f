"""Ways around the rules that hostile or sloppy files take, and that must end in a clean output or a refusal."""

from __future__ import annotations

import io

import pydicom
import pytest

from effacer.v1 import deidentify_pb2
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
