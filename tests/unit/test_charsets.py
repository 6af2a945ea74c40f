"""Text that is kept reads as before in every character set, and what is written instead is valid in all of them."""

from __future__ import annotations

import io
from functools import cache

import pydicom
import pytest

from effacer_server.dicom import facts
from effacer_server.dicom.core import Source
from effacer_server.engine.instance import Deidentifier
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.documents import parse_config
from effacer_server.policy.plan import ContentRule, Keys, Plan, Rule, Stamp, Verb
from tests import encode, oracle
from tests.encode import Part, Style

KEYS = Keys(bytes(range(32)))
SYNTAXES = (encode.EXPLICIT, encode.IMPLICIT, encode.BIG_ENDIAN)
CHARSET = 0x00080005
# Some texts are longer than their VR allows; that is no matter here.
pytestmark = pytest.mark.filterwarnings("ignore:The value length:UserWarning")


def jis(text: str) -> bytes:
    """ISO 2022 IR 87 and back to ASCII. Source: PS3.5 Annex H."""
    return text.encode("iso2022_jp")


def korean(text: str) -> bytes:
    """ISO 2022 IR 149 in G1, designated at the start of each group. Source: PS3.5 Annex I."""
    return b"=".join(b"\x1b$)C" + group.encode("euc_kr") for group in text.split("="))


def chinese(text: str) -> bytes:
    """ISO 2022 IR 58 in G1. Source: PS3.5 Annex K."""
    return b"=".join(b"\x1b$)A" + group.encode("gb2312") for group in text.split("="))


@cache
def with_backslash(codec: str, first: int, last: int) -> str:
    """Characters with 0x5C, the backslash of ASCII, among their bytes."""
    found = ""
    for number in range(0x4E00, 0x9FA5):
        try:
            raw = chr(number).encode(codec)
        except UnicodeEncodeError:
            continue
        if b"\\" in raw[first:last]:
            found += chr(number)
    return found[:8]


JIS_SLASH = with_backslash("iso2022_jp", 3, 5)
GB_SLASH = with_backslash("gb18030", 0, 2)

# Specific Character Set, and text in it. Source: PS3.3 §C.12.1.1.2, PS3.5 Annexes H to K.
TEXTS: dict[str, bytes] = {
    "": b"Smith^Ada",
    "ISO_IR 100": "Buc^Jérôme".encode("latin-1"),
    "ISO_IR 101": "Wałęsa^Żaneta".encode("iso8859-2"),
    "ISO_IR 109": "Ġużè^Ħamrun".encode("iso8859-3"),
    "ISO_IR 110": "Āboliņš^Jānis".encode("iso8859-4"),
    "ISO_IR 144": "Люксембург^Пётр".encode("iso8859-5"),
    "ISO_IR 127": "قباني^لنزار".encode("iso8859-6"),
    "ISO_IR 126": "Διονυσιος^Αδα".encode("iso8859-7"),
    "ISO_IR 138": "שרון^דבורה".encode("iso8859-8"),
    "ISO_IR 148": "Çavuşoğlu^Ümit".encode("iso8859-9"),
    "ISO_IR 166": "สมชาย^ใจดี".encode("tis_620"),
    "ISO_IR 13": "ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis") + b"=\\",
    "ISO_IR 192": "Wang^XiaoDong=王^小東=Zoë Ωmega".encode(),
    "GB18030": f"Wang^XiaoDong=王^小东{GB_SLASH}=𠀀".encode("gb18030"),
    "GBK": f"Wang^XiaoDong=王^小东{GB_SLASH}".encode("gbk"),
    "ISO 2022 IR 6\\ISO 2022 IR 87": b"=".join([b"Yamada^Tarou", jis("山田^太郎" + JIS_SLASH), jis("やまだ^たろう")]),
    "ISO 2022 IR 13\\ISO 2022 IR 87": b"=".join(
        ["ﾔﾏﾀﾞ^ﾀﾛｳ".encode("shift_jis"), b"\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J", b"\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J"]
    ),
    "\\ISO 2022 IR 87": b"Yamada^Tarou=" + jis("山田^太郎" + JIS_SLASH),
    "\\ISO 2022 IR 159": b"Yamada^Tarou=\x1b$(D\x30\x5c\x30\x21\x1b(B^\x1b$(D\x5c\x5c\x1b(B",
    "\\ISO 2022 IR 149": b"Hong^Gildong=" + korean("洪^吉洞=홍^길동"),
    "\\ISO 2022 IR 58": b"Zhang^XiaoDong=" + chinese("张^小东=汉"),
    "ISO 2022 IR 100\\ISO 2022 IR 144": "Buc^Jérôme".encode("latin-1") + b"=\x1b-L" + "Люк".encode("iso8859-5"),
}

KEPT = {0x00081030: "LO", 0x00081040: "LO", 0x00101001: "PN", 0x001021B0: "LT", 0x00204000: "LT", 0x00321032: "PN",
        0x00400280: "ST", 0x0040A160: "UT", 0x00081010: "SH", 0x00081070: "PN"}  # fmt: skip
RESET = {0x00100010: "PN", 0x00100020: "LO", 0x00080050: "SH", 0x00080081: "ST", 0x00104000: "LT", 0x00400275: "SQ"}
REMOVED = {0x00080080: "LO", 0x00081050: "PN"}
DELETED = {0x00081048: "PN", 0x00101000: "LO"}


def text_of(vr: str, raw: bytes) -> bytes:
    """The text as the VR can hold it: PN whole, others without the delimiters of names."""
    return raw if vr == "PN" else raw + b" / " + raw


def instance(charset: str, raw: bytes, syntax: str) -> bytes:
    """Text in the set at the root; in a sequence; in an item with a set of its own."""
    style = Style(syntax)
    named = {**KEPT, **RESET, **REMOVED, **DELETED}
    texts = [Part(tag, vr, text_of(vr, raw)) for tag, vr in named.items() if vr != "SQ"]
    inner = sorted([*texts[:6], Part(0x00400555, "SQ", [texts[:3]])], key=lambda part: part.tag)
    own = [
        Part(CHARSET, "CS", "ISO_IR 192"),
        Part(0x00081030, "LO", "Łódź 王".encode()),
        Part(0x00100010, "PN", "é^王"),
    ]
    parts = [
        *([Part(CHARSET, "CS", charset)] if charset else []),
        *texts,
        Part(0x00080018, "UI", "2.25.1"),
        Part(0x00080020, "DA", "20200229"),
        Part(0x0008002A, "DT", "20200229101112"),
        Part(0x0020000D, "UI", "2.25.2"),
        Part(0x0020000E, "UI", "2.25.3"),
        Part(0x00081110, "SQ", [inner, [*own[:2], Part(0x00100010, "PN", "é^王".encode())]]),
        Part(0x00400275, "SQ", [inner, [*own[:2], Part(0x00100010, "PN", "é^王".encode())]]),
        Part(0x00181164, "DS", "1\\2"),
    ]
    return encode.file(style, encode.data_set(style, sorted(parts, key=lambda part: part.tag)))


PLAN = Plan(
    (
        *(Rule(Verb.RESET, "test", tag) for tag in RESET),
        *(Rule(Verb.REMOVE, "test", tag) for tag in REMOVED),
        *(Rule(Verb.DELETE, "test", tag) for tag in DELETED),
        Rule(Verb.RESET, "test", 0x00181164),
        *(Rule(Verb.SHIFT_DATE, "test", 0, 0, vr) for vr in ("DA", "DT")),
        *(Rule(Verb.REGEN_UID, "test", 0, 0, "UI"),),
    ),
    Rule(Verb.KEEP, "test"),
    (Stamp(0x00120062, "CS", "YES"), Stamp(0x00120063, "LO", "Effacer"), Stamp(0x00280303, "CS", "MODIFIED")),
)


def run(data: bytes, plan: Plan = PLAN) -> bytes:
    output = Deidentifier(plan, KEYS).deidentify(Source(data))
    found = b"".join(part if isinstance(part, bytes) else output.source.read(*part) for part in output.segments)
    assert found == oracle.deidentify(data, plan, KEYS), "the oracle thinks otherwise"
    return found


def read(data: bytes) -> pydicom.Dataset:
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.decode()
    return dataset


def texts(dataset: pydicom.Dataset, tags: dict[int, str]) -> dict[int, str]:
    return {tag: str(dataset[tag].value) for tag in tags if tag in dataset}


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("charset", TEXTS)
def test_text_that_is_kept_reads_as_before(charset: str, syntax: str) -> None:
    data = instance(charset, TEXTS[charset], syntax)
    old, new = read(data), read(run(data))
    assert new.get("SpecificCharacterSet") == old.get("SpecificCharacterSet")
    assert texts(new, KEPT) == texts(old, KEPT) != {}
    for before, after in zip(old[0x00081110].value, new[0x00081110].value, strict=True):
        assert texts(after, KEPT) == texts(before, KEPT)
        if 0x00400555 in before:
            inner = before[0x00400555].value[0], after[0x00400555].value[0]
            assert texts(inner[1], KEPT) == texts(inner[0], KEPT) != {}
    names = old[0x00101001].value, new[0x00101001].value
    if isinstance(names[0], pydicom.valuerep.PersonName):
        parts = [[name.alphabetic, name.ideographic, name.phonetic] for name in names]
        assert parts[0] == parts[1]


@pytest.mark.parametrize("charset", TEXTS)
def test_what_is_written_is_read_in_every_set(charset: str) -> None:
    for syntax in SYNTAXES:
        data = instance(charset, TEXTS[charset], syntax)
        new = read(run(data))
        for tag, vr in RESET.items():
            if vr != "SQ":
                assert str(new[tag].value) == "PLACEHOLDER"
        assert [bool(new[tag].value) for tag in REMOVED] == [False, False]
        assert [tag in new for tag in DELETED] == [False, False]
        assert list(new[0x00181164].value) == [0, 0]
        assert (new[0x00120063].value, new[0x00280303].value) == ("Effacer", "MODIFIED")
        for item in new[0x00400275].value:
            assert {str(element.value) for element in item if element.VR in ("LO", "PN", "SH", "ST", "LT")} == {
                "PLACEHOLDER"
            }


def test_the_texts_are_what_they_are_meant_to_be() -> None:
    """Readable by pydicom, and dangerous where that is the point."""
    assert len(JIS_SLASH) == len(GB_SLASH) == 8
    for charset, raw in TEXTS.items():
        dataset = read(instance(charset, raw, encode.EXPLICIT))
        assert "�" not in str(dataset[0x001021B0].value), charset
        if charset and charset != "ISO_IR 13":
            assert any(ord(letter) > 127 for letter in str(dataset[0x001021B0].value)), charset
    assert b"\\" in TEXTS["ISO 2022 IR 6\\ISO 2022 IR 87"]
    assert b"\\" in TEXTS["GB18030"]


def test_values_of_ours_are_ascii() -> None:
    """ASCII is in every set of PS3.3 §C.12.1.1.2; ISO_IR 13 reads two of its characters otherwise: we use neither."""
    ours = [placeholder.value for placeholder in facts.placeholders().values()]
    plan = compile_config(parse_config('{"dicomTagConfig": {}}'))

    def stamped(stamp: Stamp) -> list[str]:
        if isinstance(stamp.value, str):
            return [stamp.value]
        return [text for item in stamp.value for inner in item for text in stamped(inner)]

    ours += [text for stamp in plan.stamp for text in stamped(stamp)]
    assert len(ours) > 30
    for text in ours:
        assert all(" " <= letter <= "}" and letter != "\\" for letter in text), text


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    "rule",
    [
        Rule(Verb.RESET, "actions[0].queries[0]", CHARSET),
        Rule(Verb.RESET, "actions[0].queries[0]", 0, 0, "CS"),
        Rule(Verb.RESET, "actions[0].queries[0]", 0x00081110),
    ],
    ids=["by tag", "by VR", "with the sequence around"],
)
@pytest.mark.parametrize("charset", ["ISO_IR 192", "GB18030", "\\ISO 2022 IR 87"])
def test_the_character_set_is_never_reset(charset: str, rule: Rule, syntax: str) -> None:
    """Another set would make what is kept unreadable, at the root and in items that have their own."""
    data = instance(charset, TEXTS[charset], syntax)
    plan = Plan((rule,), Rule(Verb.KEEP, "test"))
    old, new = read(data), read(run(data, plan))
    assert new.SpecificCharacterSet == old.SpecificCharacterSet
    assert new[0x00081110].value[1].SpecificCharacterSet == "ISO_IR 192"
    assert texts(new, KEPT) == texts(old, KEPT)


def test_a_config_may_delete_the_character_set() -> None:
    """That is an action on this very element; text beyond ASCII that it keeps is then nobody's to read."""
    data = instance("ISO_IR 192", TEXTS["ISO_IR 192"], encode.EXPLICIT)
    for verb, left in ((Verb.DELETE, None), (Verb.REMOVE, "")):
        plan = Plan((Rule(verb, "actions[0].queries[0]", CHARSET),), Rule(Verb.KEEP, "test"))
        found = pydicom.dcmread(io.BytesIO(run(data, plan)))
        assert found.get("SpecificCharacterSet", None) in (left, [] if left == "" else left)


def test_concepts_are_found_in_every_set() -> None:
    """Codes are ASCII whatever the set; the text behind them goes or stays whole."""
    rules = (
        ContentRule("1", "DCM", Verb.KEEP, "options.retain_device_identity", "TEXT"),
        ContentRule("2", "DCM", Verb.DELETE, "options.clean_structured_content", "TEXT"),
    )
    plan = Plan(
        (Rule(Verb.RECURSE, "options.clean_structured_content", 0x0040A730),), Rule(Verb.KEEP, "test"), content=rules
    )
    for charset, raw in TEXTS.items():
        items = []
        for number in ("1", "2", "3"):
            code = [Part(0x00080100, "SH", number), Part(0x00080102, "SH", "DCM"), Part(0x00080104, "LO", raw)]
            items.append([Part(0x0040A043, "SQ", [code]), Part(0x0040A160, "UT", raw)])
        parts = [Part(0x00080018, "UI", "2.25.1"), Part(0x0020000D, "UI", "2.25.2"), Part(0x0020000E, "UI", "2.25.3")]
        head = [Part(CHARSET, "CS", charset)] if charset else []
        data = encode.file(Style(), encode.data_set(Style(), [*head, *parts, Part(0x0040A730, "SQ", items)]))
        old, new = read(data)[0x0040A730].value, read(run(data, plan))[0x0040A730].value
        assert [one[0x0040A160].value for one in new] == [old[0][0x0040A160].value, "PLACEHOLDER"]
        assert [one[0x0040A043].value[0].CodeMeaning for one in new] == [
            old[n][0x0040A043].value[0].CodeMeaning for n in (0, 2)
        ]
