"""Identities in prose, captions, caret forms and other scripts, through a real server: none leaves it, and nothing it
says holds one.
"""

from __future__ import annotations

import io
from pathlib import Path

import pydicom

import effacer
from bench.served import served
from tests.encode import EXPLICIT, Part, Style, data_set, file

SOURCE = "projects/text/locations/here/datasets/source"
CLEAN = "projects/text/locations/here/datasets/clean"
STORE = "/dicomStores/s"
CONFIG = {
    "dicomTagConfig": {"profileType": "DEIDENTIFY_TAG_CONTENTS", "options": {"cleanDescriptors": {}}},
    "text": {"additionalTransformations": [{"infoTypes": ["EMAIL_ADDRESS"], "cryptoHashConfig": {}}]},
}
# What must not come out, and where it stands.
TEXTS = {
    0x00081030: ("LO", "Check of QUILLFEATHER", ["QUILLFEATHER"]),
    0x00104000: (
        "LT",
        "Seen by Dr. Zorvath on 03/04/2011. Write to ada.lovelace@example.org or call 555-123-4567, MRN 0012345.",
        ["Zorvath", "03/04/2011", "ada.lovelace@example.org", "555-123-4567", "0012345"],
    ),
    0x001021B0: (
        "LT",
        "Quillfeather, Gertrud lives at 12 Main Street, Springfield",
        ["Quillfeather", "Gertrud", "12 Main"],
    ),
    0x00081070: ("PN", "Lovelace^Ada=王^小东", ["Lovelace", "Ada", "王", "小东"]),
    0x00081048: ("PN", "Люксембург^Пётр", ["Люксембург", "Пётр"]),
    0x00091001: ("LO", "SSN 536-22-8726", ["536-22-8726"]),
}
KEPT = ("Check of", "lives at")


def instance() -> bytes:
    parts = [
        Part(0x00080005, "CS", "ISO_IR 192"),
        Part(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"),
        Part(0x00080018, "UI", "1.2.3.4"),
        Part(0x00090010, "LO", "MAKER"),
        Part(0x00100010, "PN", "Quillfeather^Gertrud"),
        Part(0x00100020, "LO", "ID-8842-77"),
        Part(0x0020000D, "UI", "1.2.3.5"),
        Part(0x0020000E, "UI", "1.2.3.6"),
        *(Part(tag, vr, text.encode()) for tag, (vr, text, _) in TEXTS.items()),
    ]
    nested = Part(0x00081140, "SQ", [[Part(0x00104000, "LT", b"Gertrud Quillfeather again")]])
    style = Style(EXPLICIT)
    return file(style, data_set(style, sorted([*parts, nested], key=lambda part: part.tag)))


def test_no_identity_leaves(tmp_path: Path) -> None:
    identities = ["Quillfeather", "Gertrud", "ID-8842-77", *(name for *_, names in TEXTS.values() for name in names)]
    with served(tmp_path / "data") as server, effacer.Client(server.target) as client:
        client.create_dataset(SOURCE).result()
        client.create_dicom_store(SOURCE + STORE)
        objects = tmp_path / "data" / "objects"
        assert [result.error for result in client.store_instances(SOURCE + STORE, [instance()])] == [None]
        sources = set(objects.rglob("*"))
        operation = client.deidentify_dataset(SOURCE, CLEAN, config=CONFIG)
        operation.result(timeout=120)
        assert operation.metadata.counter.success == 1
        said = repr(operation.metadata)
        stored = f"{SOURCE}{STORE}/dicomWeb/studies/1.2.3.5/series/1.2.3.6/instances/1.2.3.4"
        said += repr(list(client.preview([stored], config=CONFIG)))
        (row,) = client.search_instances(CLEAN + STORE)
        uids = [row[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")]
        found = client.retrieve_bytes("{}/dicomWeb/studies/{}/series/{}/instances/{}".format(CLEAN + STORE, *uids))
        said += repr(row)
    said += (tmp_path / "data" / "server.log").read_text(encoding="utf-8", errors="replace")
    assert found in (written := [path.read_bytes() for path in set(objects.rglob("*")) - sources if path.is_file()])
    for name in identities:
        assert not any(name.encode() in data for data in written), "no temporary file either"
    left = found.decode("utf-8", "replace").casefold()
    assert [name for name in identities if name.casefold() in left] == []
    assert [name for name in identities if name.casefold() in said.casefold()] == []
    dataset = pydicom.dcmread(io.BytesIO(found))
    assert dataset.PatientIdentityRemoved == "YES"
    assert dataset.StudyDescription == "Check of [CTX]"
    assert all(text in found.decode("utf-8", "replace") for text in KEPT)
