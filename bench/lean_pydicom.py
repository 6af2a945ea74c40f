"""The same de-identification written over pydicom, as lean as an honest pass can be: the yardstick of `bench.tags`.

It takes the rules from the same compiled plan as the engine (table E.1-1 at every nesting depth, private elements
deleted, UIDs by keyed HMAC, the stamps) and comes to the same data set, which the bench checks. What makes it lean:

- elements stay as the raw bytes pydicom read (`Dataset.get_item`); only sequences, which have to be walked, are ever
  converted;
- the verb of a tag is one look-up in a dict, resolved once per SOP class;
- each UID is hashed once per run; garbage collection is off; reading and writing are not validated;
- pixel data is carried as the bytes it was read as and handed back unchanged.

It keeps to what pydicom documents and ends with `save_as`. Reaching past that, into `Dataset._dict` and
`write_dataset`, was tried and gains a few per cent.

What it leaves out, in its own favour: no check of lengths and VRs beyond pydicom's, no refusal report, no atomic
publishing of outputs, no private-creator or VR rules, no big-endian or deflated input.

Usage: python -m bench.lean_pydicom IN_DIR OUT_DIR CONFIG_FILE DATA_DIR
"""

from __future__ import annotations

import gc
import hashlib
import hmac
import os
import sys
from pathlib import Path
from typing import Any

import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from effacer_server.dicom import facts
from effacer_server.engine.instance import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, encode
from effacer_server.jobs.keys import load_keys
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.documents import parse_config
from effacer_server.policy.plan import EXACT, Keys, Plan, Stamp, Verb
from effacer_server.policy.profiles import verb_for
from effacer_server.settings import from_environment

Verbs = dict[int, Verb]

_SIZES_OF_ZEROS = frozenset(vr for vr, row in facts.placeholders().items() if row.kind == "zeros")


class Pass:
    """One plan, applied to files through pydicom."""

    def __init__(self, plan: Plan, keys: Keys) -> None:
        self._plan = plan
        self._keys = keys
        self._exact = {rule.tag: rule for rule in reversed(plan.rules) if rule.mask == EXACT}
        self._masked = [rule for rule in plan.rules if rule.mask != EXACT and not rule.tag & 0x10000]
        self._nested: Verbs = {tag: rule.verb for tag, rule in self._exact.items()}
        self._root: dict[str, Verbs] = {}
        self._uids: dict[bytes, bytes] = {uid.encode(): uid.encode() for uid in facts.registered_uids()}
        self._standard = {tag for tag, role in facts.uid_roles().items() if role == "standard"}
        self._text = {row.vr: _pad(row.value.encode()) for row in facts.placeholders().values() if row.kind == "text"}
        self._stamps = {implicit: [_element(s, implicit) for s in plan.stamp] for implicit in (False, True)}

    def file(self, source: str, destination: Path) -> None:
        """De-identifies one file into `destination`/study/series/instance.dcm."""
        instance = pydicom.dcmread(source)
        sop_class = instance.file_meta.MediaStorageSOPClassUID
        verbs = self._root.get(sop_class)
        if verbs is None:
            verbs = {tag: verb_for(rule, sop_class) for tag, rule in self._exact.items()}
            self._root[sop_class] = verbs
        self._walk(instance, verbs)
        for stamp in self._stamps[instance.original_encoding[0]]:
            instance[stamp.tag] = stamp
        study, series, name = (
            instance.get_item(tag).value.rstrip(b"\0").decode() for tag in (0x0020000D, 0x0020000E, 0x00080018)
        )
        folder = destination / study / series
        folder.mkdir(parents=True, exist_ok=True)
        self._save(instance, name, folder / f"{name}.dcm")

    @staticmethod
    def _save(instance: pydicom.FileDataset, name: str, path: Path) -> None:
        old = instance.file_meta
        meta = pydicom.dataset.FileMetaDataset()
        meta.FileMetaInformationGroupLength = 0  # filled in by pydicom
        meta.FileMetaInformationVersion = b"\0\1"
        meta.MediaStorageSOPClassUID = old.MediaStorageSOPClassUID
        meta.MediaStorageSOPInstanceUID = name
        meta.TransferSyntaxUID = old.TransferSyntaxUID
        meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
        meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
        instance.file_meta = meta
        instance.preamble = bytes(128)
        instance.save_as(path)

    def _walk(self, data_set: pydicom.Dataset, verbs: Verbs) -> None:
        raw = data_set.get_item
        for tag in list(data_set.keys()):
            if tag & 0x10000:
                del data_set[tag]
                continue
            verb = verbs.get(tag)
            if verb is None:
                verb = self._masked_verb(tag) if tag >> 24 in (0x50, 0x60) else None
                if verb is None:
                    if _vr(raw(tag)) == "SQ":
                        self._descend(data_set, tag)
                    continue
            if verb is Verb.DELETE:
                del data_set[tag]
            elif verb is Verb.REMOVE:
                self._replace(data_set, tag, raw(tag), b"")
            elif verb is Verb.REGEN_UID:
                self._replace(data_set, tag, raw(tag), self._map(raw(tag).value or b""))
            elif verb is Verb.RESET:
                self._reset(data_set, tag, raw(tag))
            elif verb is Verb.RECURSE:
                self._descend(data_set, tag)

    def _masked_verb(self, tag: int) -> Verb | None:
        return next((rule.verb for rule in self._masked if tag & rule.mask == rule.tag), None)

    def _descend(self, data_set: pydicom.Dataset, tag: BaseTag) -> None:
        for item in data_set[tag].value:
            self._walk(item, self._nested)

    def _reset(self, data_set: pydicom.Dataset, tag: BaseTag, old: Any) -> None:
        vr = _vr(old)
        if vr == "SQ":
            for item in data_set[tag].value:
                for inner in list(item.keys()):
                    if inner & 0x10000:
                        del item[inner]
                    else:
                        self._reset(item, inner, item.get_item(inner))
            return
        value = old.value or b""
        text = self._text.get(vr)
        if text is not None:
            value = text
        elif vr == "UI":
            value = value if tag in self._standard else self._map(value)
        elif vr in ("DS", "IS"):
            value = _pad(b"\\".join([b"0"] * (value.count(b"\\") + 1)))
        else:
            value = bytes(len(value)) if vr in _SIZES_OF_ZEROS else b""
        self._replace(data_set, tag, old, value)

    @staticmethod
    def _replace(data_set: pydicom.Dataset, tag: BaseTag, old: Any, value: bytes) -> None:
        data_set[tag] = RawDataElement(
            tag, _vr(old), len(value), value, 0, old.is_implicit_VR if old.is_raw else False, True
        )

    def _map(self, value: bytes) -> bytes:
        if b"\\" in value:
            return _pad(b"\\".join(self._map_one(part.strip(b"\0 ")) for part in value.split(b"\\")), b"\0")
        return _pad(self._map_one(value.rstrip(b"\0 ")), b"\0")

    def _map_one(self, uid: bytes) -> bytes:
        found = self._uids.get(uid)
        if found is None:
            digest = hmac.digest(self._keys.uid, uid, hashlib.sha256) if uid else b""
            number = int.from_bytes(digest[:16], "big")
            found = self._keys.uid_root.encode() + str(number).encode() if uid else b""
            self._uids[uid] = found
        return found


def _vr(element: Any) -> str:
    """VR as written, or the dictionary's where the encoding is implicit."""
    return str(element.VR or dictionary_VR(element.tag))


def _pad(value: bytes, pad: bytes = b" ") -> bytes:
    return value + pad if len(value) % 2 else value


def _element(stamp: Stamp, implicit: bool) -> RawDataElement:
    """The encoded stamp as pydicom's raw element: its value behind tag, VR and length."""
    encoded = encode(stamp, implicit, big_endian=False)
    header = 8 if implicit or stamp.vr != "SQ" else 12
    value = encoded[header:]
    return RawDataElement(BaseTag(stamp.tag), stamp.vr, len(value), value, 0, implicit, True)


def main(source: str, destination: str, config: str, data: str) -> None:
    """Folder to folder."""
    gc.disable()
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    plan = compile_config(parse_config(Path(config).read_bytes()))
    run = Pass(plan, load_keys(from_environment({"data": Path(data)})))
    for directory, _, names in os.walk(source):
        for name in names:
            run.file(os.path.join(directory, name), Path(destination))


if __name__ == "__main__":
    main(*sys.argv[1:])
