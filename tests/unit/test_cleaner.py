"""Texts of an instance inspected and transformed, through the engine: values stay values of their VR."""

from __future__ import annotations

import base64
import hmac
import io
import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from effacer_server.dicom.core import Source
from effacer_server.engine import dates
from effacer_server.engine.instance import Deidentifier
from effacer_server.engine.preview import decisions
from effacer_server.errors import InvalidConfig, PreconditionFailed, Reason, Refused
from effacer_server.jobs.keys import Keyring, for_operation
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.documents import parse_config
from effacer_server.policy.plan import Keys
from effacer_server.policy.text import text_keys
from tests import encode
from tests.encode import Part, Style

KEYS = Keys(bytes(range(32)))
COMMENT, HISTORY, NAME, DESCRIPTION, STUDY_DATE = 0x00104000, 0x001021B0, 0x00100010, 0x00081030, 0x00080020
OPERATION = "projects/p/locations/l/datasets/d/operations/1"


def instance(*parts: Part, syntax: str = encode.EXPLICIT) -> bytes:
    named = [Part(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"), Part(0x00080018, "UI", "2.25.1")]
    named += [Part(0x00100020, "LO", "P1"), Part(0x0020000D, "UI", "2.25.2"), Part(0x0020000E, "UI", "2.25.3")]
    given_tags = {part.tag for part in parts}
    style = Style(syntax)
    every = [*(part for part in named if part.tag not in given_tags), *parts]
    return encode.file(style, encode.data_set(style, sorted(every, key=lambda part: part.tag)))


def deidentifier(text: dict[str, Any] | None = None, operation: str = OPERATION, **tags: Any) -> Deidentifier:
    tags = tags or {"profileType": "DEIDENTIFY_TAG_CONTENTS"}
    config = parse_config(json.dumps({"dicomTagConfig": tags} | ({} if text is None else {"text": text})))
    brought = text_keys(config.text, Keyring("").unwrap)
    return Deidentifier(compile_config(config), for_operation(KEYS, brought, operation))


def run(data: bytes, made: Deidentifier | None = None) -> pydicom.Dataset:
    output = (made or deidentifier()).deidentify(Source(data))
    found = b"".join(part if isinstance(part, bytes) else output.source.read(*part) for part in output.segments)
    return pydicom.dcmread(io.BytesIO(found))


def only(how: dict[str, Any], *info_types: str) -> dict[str, Any]:
    return {"profileType": "EMPTY", "additionalTransformations": [{"infoTypes": list(info_types), **how}]}


def test_basic_names_what_was_found_and_moves_dates() -> None:
    data = instance(Part(COMMENT, "LT", "Mail: ada@example.org, seen 09SEP2011"), Part(STUDY_DATE, "DA", "20110909"))
    found = run(data)
    days = dates.days_of(for_operation(KEYS, (), OPERATION).operation, b"P1")
    day = date(2011, 9, 9) + timedelta(days)
    assert str(found[COMMENT].value) == f"Mail: [EMAIL_ADDRESS], seen {day:%d%b%Y}".replace(
        f"{day:%b}", f"{day:%b}".upper()
    )
    assert found.StudyDate == f"{day:%Y%m%d}", "dates in texts and dates of elements go together"


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ({"redactConfig": {}}, "write to  now"),
        ({"characterMaskConfig": {}}, "write to *************** now"),
        ({"characterMaskConfig": {"maskingCharacter": "#"}}, "write to ############### now"),
        ({"replaceWithInfoTypeConfig": {}}, "write to [EMAIL_ADDRESS] now"),
    ],
)
def test_every_transformation(how: dict[str, Any], left: str) -> None:
    data = instance(Part(COMMENT, "LT", "write to ada@example.org now"))
    assert str(run(data, deidentifier(only(how, "EMAIL_ADDRESS")))[COMMENT].value) == left


def test_hashes_are_keyed() -> None:
    data = instance(Part(COMMENT, "LT", "ada@example.org"))
    key = bytes(range(16))
    given_key = only({"cryptoHashConfig": {"cryptoKey": base64.b64encode(key).decode()}}, "EMAIL_ADDRESS")
    expected = base64.b64encode(hmac.digest(key, b"ada@example.org", "sha256")).decode()
    assert str(run(data, deidentifier(given_key))[COMMENT].value) == expected
    none_given = only({"cryptoHashConfig": {}}, "EMAIL_ADDRESS")
    first, again, other = (
        str(run(data, deidentifier(none_given, operation))[COMMENT].value) for operation in ("1", "1", "2")
    )
    assert first == again != other, "a key of each operation's own"


def test_what_is_too_long_is_cut_to_what_its_vr_holds() -> None:
    hashed = only({"cryptoHashConfig": {}}, "EMAIL_ADDRESS")
    found = run(instance(Part(0x00081010, "SH", "a@example.org")), deidentifier(hashed))
    assert re.fullmatch("[A-Za-z0-9+/]{16}", str(found.StationName))


@pytest.mark.parametrize(("tag", "vr", "value", "left"), [
    (STUDY_DATE, "DA", "20110909", "19000101"),
    (0x0008002A, "DT", "20110909101112", "19000101000000"),
    (0x00101010, "AS", "065Y", "000Y"),
])  # fmt: skip
def test_what_is_no_value_of_its_vr_any_more_gets_a_placeholder(tag: int, vr: str, value: str, left: str) -> None:
    replaced = {"additionalTransformations": [{"replaceWithInfoTypeConfig": {}}], "profileType": "EMPTY"}
    assert str(run(instance(Part(tag, vr, value)), deidentifier(replaced))[tag].value) == left


def test_names_go_by_component_group_and_values_one_by_one() -> None:
    found = run(
        instance(
            Part(0x00080005, "CS", "ISO_IR 192"), Part(0x00081070, "PN", "Wang^XiaoDong=王^小东\\Ray^Man".encode())
        )
    )
    assert [str(name) for name in found.OperatorsName] == ["[PERSON_NAME]=[PERSON_NAME]", "[PERSON_NAME]"]
    found = run(instance(Part(0x00081030, "LO", "Head\\a@example.org\\Neck")))
    assert list(found.StudyDescription) == ["Head", "[EMAIL_ADDRESS]", "Neck"]


@pytest.mark.parametrize(
    ("character_set", "codec"),
    [("ISO_IR 100", "latin-1"), ("ISO_IR 192", "utf-8"), ("GB18030", "gb18030"), ("ISO_IR 144", "iso8859-5")],
)
def test_what_stays_of_a_text_stays_in_its_character_set(character_set: str, codec: str) -> None:
    text = "обзор" if codec == "iso8859-5" else "Übersicht" if codec == "latin-1" else "概述 Übersicht"
    value = f"{text}: a@example.org".encode(codec)
    nested = Part(
        0x00081140,
        "SQ",
        [[Part(0x00080005, "CS", "ISO_IR 192"), Part(COMMENT, "LT", f"{text}: b@example.org".encode())]],
    )
    found = run(instance(Part(0x00080005, "CS", character_set), Part(COMMENT, "LT", value), nested))
    assert found[COMMENT].value == f"{text}: [EMAIL_ADDRESS]"
    assert found[0x00081140].value[0][COMMENT].value == f"{text}: [EMAIL_ADDRESS]"


@pytest.mark.parametrize("syntax", [encode.EXPLICIT, encode.IMPLICIT, encode.BIG_ENDIAN])
def test_private_text_of_no_known_vr_is_inspected_and_binary_stays(syntax: str) -> None:
    parts = [
        Part(0x00090010, "LO", "MAKER"),
        Part(0x00091001, "UN", b"to a@example.org"),
        Part(0x00091002, "UN", b"a@example.org\x01\x02\x00"),
    ]
    found = run(instance(*parts, syntax=syntax))
    assert bytes(found[0x00091001].value) == b"to [EMAIL_ADDRESS]"
    assert bytes(found[0x00091002].value).startswith(b"a@example.org\x01")


def test_the_wall_example_both_ways() -> None:
    """A patient called Wall, and one who is not."""
    tags = {"options": {"cleanDescriptors": {}}, "actions": [{"queries": ["StudyDescription"], "cleanTextTag": {}}]}

    def description(name: str) -> str:
        parts = (Part(NAME, "PN", name), Part(DESCRIPTION, "LO", "Wall motion of WALL, ADA"))
        return str(run(instance(*parts), deidentifier(None, **tags)).StudyDescription)

    assert description("Wall^Ada") == "[CTX] motion of [CTX]"
    assert description("Field^Ida").startswith("Wall motion of ")


def test_phrases_come_from_every_depth() -> None:
    tags = {"options": {"cleanDescriptors": {}}, "actions": [{"queries": ["PatientComments"], "cleanTextTag": {}}]}
    nested = Part(0x00081140, "SQ", [[Part(0x00081050, "PN", "Quillfeather^Q")]])
    found = run(instance(nested, Part(COMMENT, "LT", "by quillfeather herself")), deidentifier(None, **tags))
    assert found[COMMENT].value == "by [CTX] herself"


def test_a_vr_that_holds_no_text_is_refused() -> None:
    action = {"queries": ['(0009,"MAKER",01)'], "cleanTextTag": {}}
    data = instance(Part(0x00090010, "LO", "MAKER"), Part(0x00091001, "OB", b"a@example.org"))
    with pytest.raises(Refused) as caught:
        run(data, deidentifier(None, actions=[action]))
    assert caught.value.reason == Reason.VR_MISMATCH


def test_previews_say_what_was_found_and_no_word_of_it() -> None:
    data = instance(Part(COMMENT, "LT", "Kindly write to ada@example.org"))
    made = deidentifier()
    config = parse_config('{"dicomTagConfig": {"profileType": "DEIDENTIFY_TAG_CONTENTS"}}')
    plan = compile_config(config)
    (told,) = (one for one in decisions(made.examine(Source(data)), plan) if one.tag == COMMENT)
    assert told.because == "profile DEIDENTIFY_TAG_CONTENTS: EMAIL_ADDRESS 16-31"
    assert (told.new, told.old) == ("", "")
    (shown,) = (one for one in decisions(made.examine(Source(data)), plan, values=True) if one.tag == COMMENT)
    assert shown.new == "Kindly write to [EMAIL_ADDRESS]"


def test_wrapped_keys(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    opener, name = bytes(range(16)), "projects/p/locations/l/keyRings/r/cryptoKeys/k"
    ring = tmp_path / "keys.json"
    ring.write_text(json.dumps({name: base64.b64encode(opener).decode()}))

    def opened(secret: bytes, by: str = name, keyring: str = str(ring), tamper: bytes = b"") -> Any:
        wrapped = bytes(12) + AESGCM(opener).encrypt(bytes(12), secret, None) + tamper
        how = {"kmsWrapped": {"cryptoKey": by, "wrappedKey": base64.b64encode(wrapped).decode()}}
        text = only({"cryptoHashConfig": how}, "URL")
        config = parse_config(json.dumps({"text": text}))
        return text_keys(config.text, Keyring(keyring).unwrap)

    assert opened(bytes(24)) == (("additional_transformations[0]", bytes(24)),)
    for wrong in ({"by": "projects/other"}, {"keyring": ""}, {"keyring": str(tmp_path / "none")}):
        with pytest.raises(PreconditionFailed):
            opened(bytes(24), **wrong)
    for length, tamper in ((24, b"x"), (23, b"")):
        with pytest.raises(InvalidConfig):
            opened(bytes(length), tamper=tamper)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\\\0"), min_size=1, max_size=200)


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["LT", "LO", "SH", "PN", "UT", "ST"]))
def test_any_text_comes_out_as_a_value(text: str, vr: str) -> None:
    tag = {"LT": COMMENT, "LO": DESCRIPTION, "SH": 0x00081010, "PN": NAME, "UT": 0x0040A160, "ST": 0x00080081}[vr]
    data = instance(Part(0x00080005, "CS", "ISO_IR 192"), Part(tag, vr, text.encode()))
    made = _MADE.setdefault("all", deidentifier(None))
    output = made.deidentify(Source(data))
    found = b"".join(part if isinstance(part, bytes) else output.source.read(*part) for part in output.segments)
    assert tag in pydicom.dcmread(io.BytesIO(found), specific_tags=[tag])


_MADE: dict[str, Deidentifier] = {}
