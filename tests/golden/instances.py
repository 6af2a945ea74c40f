"""One rich instance, before and after each profile and option, as text to read and to compare.

    python -m tests.golden.instances        writes tests/golden/instances/*.txt anew

A line is an element: tag, VR, keyword, what it was, what became of it. `=` stayed, `-` is absent, `()` is empty.
"""

from __future__ import annotations

import difflib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from effacer_server.policy.profiles import product_version
from tests import mixes
from tests.encode import EXPLICIT, Part, Style, data_set, file
from tests.property.agreement import engine

FOLDER = Path(__file__).parent / "instances"
CT = "1.2.840.10008.5.1.4.1.1.2"
CODES = 0x0040A043


def code(tag: int, value: str, scheme: str, meaning: str) -> Part:
    item = [Part(0x00080100, "SH", value), Part(0x00080102, "SH", scheme), Part(0x00080104, "LO", meaning)]
    return Part(tag, "SQ", [item])


def content(concept: tuple[str, str, str], kind: str, *value: Part) -> list[Part]:
    """A content item."""
    parts = [Part(0x0040A010, "CS", "CONTAINS"), Part(0x0040A040, "CS", kind), code(CODES, *concept), *value]
    return sorted(parts, key=lambda part: part.tag)


def references(tag: int, uid: str) -> Part:
    return Part(tag, "SQ", [[Part(0x00081150, "UI", CT), Part(0x00081155, "UI", uid)]])


def tree() -> Part:
    """A report in little, with concepts that the tables delete, replace, keep and do not know."""
    inner = [
        content(("121022", "DCM", "Accession Number"), "TEXT", Part(0x0040A160, "UT", "ACC-4711")),
        content(("424242", "99TEST", "A remark"), "TEXT", Part(0x0040A160, "UT", "Erika was here")),
    ]
    return Part(
        0x0040A730,
        "SQ",
        [
            content(("121008", "DCM", "Person Observer Name"), "PNAME", Part(0x0040A123, "PN", "Reader^Rosa")),
            content(("121012", "DCM", "Device Observer UID"), "UIDREF", Part(0x0040A124, "UI", "1.2.3.77")),
            content(("111526", "DCM", "DateTime Started"), "DATETIME", Part(0x0040A120, "DT", "20200229101112.5+0100")),
            content(("111060", "DCM", "Study Date"), "DATE", Part(0x0040A121, "DA", "20200229")),
            content(("111061", "DCM", "Study Time"), "TIME", Part(0x0040A122, "TM", "101112")),
            content(("121113", "DCM", "Source image"), "IMAGE", references(0x00081199, "1.2.3.78")),
            content(("121071", "DCM", "Finding"), "CONTAINER", Part(0x0040A730, "SQ", inner)),
            content(
                ("424243", "99TEST", "Size"),
                "NUM",
                Part(0x0040A300, "SQ", [[code(0x004008EA, "mm", "UCUM", "millimetre"), Part(0x0040A30A, "DS", "4.2")]]),
            ),
        ],
    )


def instance() -> bytes:
    """Somebody who does not exist, in a CT with more than a CT has."""
    modality = [
        [Part(0x00400001, "AE", "CT7"), Part(0x00400002, "DA", "20200228"), Part(0x00400007, "LO", "Chest for Erika")]
    ]
    annotation = [[Part(0x00700002, "CS", "L1"), Part(0x00700008, "SQ", [[Part(0x00700006, "ST", "Erika, left")]])]]
    functional = [
        [
            Part(0x00081140, "SQ", [[Part(0x00081150, "UI", CT), Part(0x00081155, "UI", "1.2.3.5")]]),
            Part(0x00189074, "DT", "20200229101500"),
            Part(0x00209158, "LT", "Erika moved"),
        ]
    ]
    elements = [
        Part(0x00080005, "CS", "ISO_IR 192"),
        Part(0x00080008, "CS", "ORIGINAL\\PRIMARY"),
        Part(0x00080012, "DA", "20200301"),
        Part(0x00080016, "UI", CT),
        Part(0x00080018, "UI", "1.2.3.4"),
        *[Part(0x00080020 + n, "DA", "20200229") for n in range(4)],
        Part(0x0008002A, "DT", "202002291011"),
        *[Part(0x00080030 + n, "TM", "101112") for n in range(4)],
        Part(0x00080050, "SH", "ACC-4711"),
        Part(0x00080060, "CS", "CT"),
        Part(0x00080070, "LO", "Synthetic Devices"),
        Part(0x00080080, "LO", "Klinik am Nirgendwo"),
        Part(0x00080081, "ST", "Nirgendweg 1"),
        Part(0x00080090, "PN", "Zuweiser^Zoë"),
        Part(0x00080201, "SH", "+0100"),
        Part(0x00081010, "SH", "CT7"),
        Part(0x00081030, "LO", "Chest of Erika"),
        Part(0x00081090, "LO", "Model 9"),
        references(0x00081140, "1.2.3.5"),
        code(0x00082218, "T-D3000", "SRT", "Chest"),
        Part(0x00100010, "PN", "Musterfrau^Erika"),
        Part(0x00100020, "LO", "PAT-001"),
        Part(0x00100030, "DA", "19640812"),
        Part(0x00100040, "CS", "F"),
        Part(0x00101010, "AS", "055Y"),
        Part(0x00101030, "DS", "61.5"),
        Part(0x001021C0, "US", (4,)),
        Part(0x00104000, "LT", "A friend of Max"),
        Part(0x00181000, "LO", "SN-00042"),
        Part(0x00181200, "DA", "20200101\\20200201"),
        Part(0x00181400, "LO", "CHEST ERIKA"),
        Part(0x00190010, "LO", "SIEMENS MR HEADER"),
        Part(0x00190011, "LO", "SOMEBODY ELSE"),
        Part(0x0019100C, "IS", "1000"),
        Part(0x001910FE, "LO", "Erika again"),
        Part(0x0019110C, "IS", "1001"),
        Part(0x0020000D, "UI", "1.2.3"),
        Part(0x0020000E, "UI", "1.2.3.1"),
        Part(0x00200010, "SH", "S-1"),
        Part(0x00200013, "IS", "1"),
        Part(0x00200052, "UI", "1.2.3.9"),
        Part(0x00204000, "LT", "Erika's image"),
        Part(0x00280010, "US", (1,)),
        Part(0x00280011, "US", (1,)),
        Part(0x00321032, "PN", "Anforderer^Arne"),
        Part(0x00400244, "DA", "20200229"),
        Part(0x00400275, "SQ", modality),
        Part(0x00400555, "SQ", [content(("424244", "99TEST", "Mood"), "TEXT", Part(0x0040A160, "UT", "fine"))]),
        tree(),
        Part(0x00700001, "SQ", annotation),
        Part(0x52009230, "SQ", functional),
        Part(0x60000010, "US", (1,)),
        Part(0x60000011, "US", (1,)),
        Part(0x60003000, "OW", b"\1\0"),
        Part(0x60004000, "LT", "Erika's overlay"),
        Part(0x7FE00010, "OW", b"\1\0"),
    ]
    style = Style(EXPLICIT, codec="utf-8")
    meta = [Part(0x00020002, "UI", CT), Part(0x00020003, "UI", "1.2.3.4"), Part(0x00020016, "AE", "CT7")]
    return file(style, data_set(style, elements), meta)


def configs() -> dict[str, str]:
    """Name of the golden file -> config."""
    found = {name.replace(" ", "_"): text for name, text in mixes.named()}
    for edition in mixes.EDITIONS:
        options = tuple(option for option in mixes.OPTIONS if option != mixes.FULL_DATES)
        short = edition.removeprefix("EDITION_").lower()
        found[f"basic_{short}_all_options"] = mixes.config(options=options, edition=edition)
    found["keep_all_primary_ids_keep"] = mixes.config(mixes.KEEP_ALL, primary_ids="KEEP")
    found["minimal_retain_device_identity"] = mixes.config(mixes.MINIMAL, ("retainDeviceIdentity",))
    for name, legacy in (
        ("legacy_default", {}),
        ("legacy_keep_list", {"keepList": {"tags": ["PatientID", "StudyDate"]}}),
        ("legacy_remove_list", {"removeList": {"tags": ["PatientName", "ContentSequence"]}}),
        ("legacy_skip_id_redaction", {"filterProfile": mixes.BASIC, "skipIdRedaction": True}),
    ):
        found[name] = json.dumps({"dicom": legacy})
    return found


def word(element: DataElement | None) -> str:
    """A value on one line."""
    if element is None:
        return "-"
    if element.VR == "SQ":
        return f"{len(element.value)} item{'s' if len(element.value) != 1 else ''}"
    value = element.value
    if isinstance(value, bytes):
        return value.hex() or "()"
    text = "\\".join(map(str, value)) if isinstance(value, (list, pydicom.multival.MultiValue)) else str(value)
    return text if text and value is not None else "()"


def compare(before: Dataset, after: Dataset, indent: str = "") -> Iterator[str]:
    """Lines of two data sets, every element of either at its place."""
    for tag in sorted({*before.keys(), *after.keys()}):
        old, new = before.get(tag), after.get(tag)
        shown = old if old is not None else new
        was, now = word(old), word(new)
        same = old is not None and new is not None and old.VR != "SQ" and was == now
        head = f"{indent}{tag} {shown.VR} {shown.keyword or '?'}"
        yield f"{head:<52} {was}" + (" =" if same else f"  ->  {now}" if was != now else "")
        if shown.VR == "SQ":
            pairs = align(list(old.value) if old is not None else [], list(new.value) if new is not None else [])
            for number, (item, became) in enumerate(pairs, 1):
                fate = "" if item is not None and became is not None else "  ->  -" if became is None else "  new"
                yield f"{indent}  [{number}]{fate}"
                if became is not None or old is None:
                    yield from compare(item if item is not None else Dataset(), became or Dataset(), indent + "    ")


def align(old: list[Dataset], new: list[Dataset]) -> Iterator[tuple[Dataset | None, Dataset | None]]:
    """Items before with what they became: some may be gone; the concept they name tells which."""

    def names(items: list[Dataset]) -> list[str]:
        concepts = [item.get("ConceptNameCodeSequence") or [Dataset()] for item in items]
        return [str(codes[0].get("CodeValue", "")) for codes in concepts]

    if len(old) == len(new):
        yield from zip(old, new, strict=True)
        return
    for kind, a, b, c, d in difflib.SequenceMatcher(None, names(old), names(new), autojunk=False).get_opcodes():
        if kind == "equal":
            yield from zip(old[a:b], new[c:d], strict=True)
        else:
            yield from ((item, None) for item in old[a:b])
            yield from ((None, item) for item in new[c:d])


def render(name: str) -> str:
    """The golden file of one config."""
    config, source = configs()[name], instance()
    after = engine(source, mixes.plan(config))
    assert isinstance(after, bytes), after
    old, new = pydicom.dcmread(io.BytesIO(source)), pydicom.dcmread(io.BytesIO(after))
    lines = [f"# {config}", "# before  ->  after;  = stays;  - absent;  () empty", *compare(old, new)]
    text = "\n".join(line.rstrip() for line in lines) + "\n"
    return text.replace(f"Effacer {product_version()} ", "Effacer VERSION ")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.txt"):
        path.unlink()
    for name in configs():
        (FOLDER / f"{name}.txt").write_text(render(name), encoding="utf-8")


if __name__ == "__main__":
    main()
