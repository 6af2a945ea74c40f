"""The oracle's writer: a plan applied to the tree, and the file around the result."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from effacer_server.dicom import facts
from effacer_server.errors import Reason
from effacer_server.policy.plan import Keys, Plan, Rule, Stamp, Verb
from tests.oracle.judging import (
    BY_PLACE,
    FORM,
    creator_of,
    decide,
    is_action,
    is_other_text,
    judge_item,
    keeps_attribute,
    nobody_vouches,
    opened,
    private_creators,
    settle,
)
from tests.oracle.reading import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    SERIES,
    SOP_CLASS,
    SOP_INSTANCE,
    STUDY,
    UNDEFINED,
    Element,
    Encoding,
    Instance,
    OracleRefused,
    Reader,
    dictionary_vr,
    read,
)
from tests.oracle.values import map_uids, pad, placeholder, shift_dates, shift_days

CONTENT_SEQUENCE = 0x0040A730
PLACE: dict[int, Verb] = {-1: Verb.RESET}  # in the place of an item's judgement: it stays, empty


def new_header(element: Element, length: int) -> bytes:
    """The element's header with another length."""
    head = element.encoding.header(element.tag, element.written_vr, length)
    return head[:6] + element.raw[6:8] + head[8:] if len(head) == 12 else head


@dataclass(frozen=True, slots=True)
class Place:
    """Where a data set stands.

    Attributes:
        path: tags of the sequences around it.
        reset: every leaf in it is reset.
        open: its items are content items if they name a concept.
    """

    path: tuple[int, ...] = ()
    reset: bool = False
    open: bool = False


class Rewriter:
    """Applies one plan to the elements of one instance."""

    def __init__(self, plan: Plan, keys: Keys, sop_class: str = "", days: int | None = None) -> None:
        self.plan = plan
        self.keys = keys
        self.sop_class = sop_class
        self.days = days
        self.stamped = {stamp.tag for stamp in plan.stamp}
        self.drop_group_lengths = False
        self.opened = opened(plan) if plan.content else set()
        self.by_place = False  # content items are referred to by their place
        self.decided: dict[tuple[int, str, str | None, str | None], Rule] = {}

    def decide(self, tag: int, vr: str, creators: dict[int, str]) -> Rule:
        """As judging.decide, remembered: plans have a thousand rules, and files as many elements of one tag."""
        key = (tag, vr, *creator_of(tag, creators))
        if key not in self.decided:
            self.decided[key] = decide(self.plan, *key)
        return self.decided[key]

    def data_set(
        self, elements: list[Element], place: Place, judged: dict[int, Verb] | None = None
    ) -> Iterator[tuple[int, bytes]]:
        """(tag, new bytes) of each element, deleted ones with none; `judged`: verbs for elements of a content item."""
        creators = private_creators(elements)
        named = {rule.creator for rule in self.plan.rules if rule.creator}
        highest = 0
        for element in elements:
            late, highest = element.tag < highest, max(highest, element.tag)
            if not element.read_items and element.value and dictionary_vr(element.tag) == "SQ":
                raise OracleRefused(Reason.VR_MISMATCH, element.tag, element.at)
            if element.tag & 0xFFFF == 0:
                if element.read_items or element.vr != "UL" or len(element.value) != 4:
                    raise OracleRefused(Reason.VR_MISMATCH, element.tag, element.at)
                yield element.tag, b"" if self.drop_group_lengths else element.raw
                continue
            if not place.path and element.tag in self.stamped:
                yield element.tag, b""
                continue
            if late and element.tag & 0xFFFF < 0x1000 and creators.get(element.tag, "") in named:
                raise OracleRefused(Reason.ELEMENT_ORDER, element.tag, element.at)
            # What holds items is a sequence to the rules, also where neither file nor dictionary says so.
            rule = self.decide(element.tag, "SQ" if element.read_items else element.vr, creators)
            verb = settle(rule, self.sop_class, place.path)
            opens = place.open or (element.tag in self.opened and verb == Verb.RECURSE and not place.reset)
            opens = opens and verb != Verb.RESET
            if place.reset:
                verb = Verb.DELETE if verb == Verb.DELETE and element.tag >> 16 & 1 else Verb.RESET
            elif judged is PLACE:
                verb = verb if verb == Verb.DELETE or element.tag in FORM else Verb.RESET
            elif judged and element.tag in judged and not is_action(rule):
                verb = judged[element.tag]
            elif place.open and verb == Verb.KEEP and rule is self.plan.default and nobody_vouches(elements, element):
                verb = Verb.RESET
            elif verb == Verb.KEEP and rule is self.plan.default and element.read_items:
                verb = Verb.RECURSE
            kept = keeps_attribute(rule) or (judged and element.tag in judged and not is_action(rule))
            if verb == Verb.KEEP and kept and is_other_text(element.tag, element.vr) and not element.read_items:
                verb = Verb.RESET
            filled = element.read_items and (element.value or element.undefined)
            if verb == Verb.KEEP and filled and dictionary_vr(element.tag) not in ("SQ", "UN"):
                raise OracleRefused(Reason.VR_MISMATCH, element.tag, element.at)
            inside = Place((*place.path, element.tag), verb == Verb.RESET, opens)
            yield element.tag, b"" if verb == Verb.DELETE else self.element(element, verb, inside)

    def refers(self, elements: list[Element], place: Place) -> bool:
        """Whether content items are referred to by their place, as far as the rules enter."""
        creators = private_creators(elements)
        for element in elements:
            if not place.path and element.tag in self.stamped:
                continue
            if place.open and element.tag == BY_PLACE:
                return True
            rule = self.decide(element.tag, "SQ" if element.read_items else element.vr, creators)
            verb = settle(rule, self.sop_class, place.path)
            entered = verb == Verb.RECURSE or (verb == Verb.KEEP and rule is self.plan.default)
            if not element.read_items or not entered:
                continue
            opens = place.open or (element.tag in self.opened and verb == Verb.RECURSE)
            inside = Place((*place.path, element.tag), open=opens)
            if any(self.refers(item.read_elements(), inside) for item in element.read_items()):
                return True
        return False

    def element(self, element: Element, verb: Verb, inside: Place) -> bytes:
        leaf = not element.read_items and not element.frames and element.vr != "SQ"
        if verb == Verb.KEEP:
            return element.raw
        if verb == Verb.REMOVE:
            return self.leaf(element, b"")
        if verb == Verb.RESET and not element.read_items:
            return self.leaf(element, placeholder(element.tag, element.vr, element.value, self.keys))
        if verb == Verb.REGEN_UID and leaf:
            if element.value and element.vr not in ("UI", "UN", "LO", "LT", "SH", "ST", "UC", "UT"):
                raise OracleRefused(Reason.VR_MISMATCH, element.tag, element.at)
            stays = element.vr == "UI" and facts.uid_role(element.tag) == "standard"
            return element.raw if stays else self.leaf(element, map_uids(self.keys, element.value))
        if verb == Verb.SHIFT_DATE and not element.value and leaf:
            return element.raw
        if verb == Verb.SHIFT_DATE and leaf and element.vr != "UI":
            if self.days is None:
                raise OracleRefused(Reason.MISSING_UID, STUDY)
            return self.leaf(element, shift_dates(element.tag, element.vr, element.value, self.days, self.keys))
        if verb in (Verb.RESET, Verb.RECURSE) and element.read_items:
            return self.sequence(element, inside)
        if verb in (Verb.CLEAN_TEXT, Verb.CLEAN_IMAGE):
            raise NotImplementedError(f"the oracle does not judge {verb.name}")
        if verb == Verb.RECURSE and not element.value and not element.undefined:
            return element.raw
        raise OracleRefused(Reason.VR_MISMATCH, element.tag, element.at)

    @staticmethod
    def leaf(element: Element, value: bytes) -> bytes:
        if value == element.value and not element.undefined:
            return element.raw
        return new_header(element, len(value)) + value

    def sequence(self, element: Element, inside: Place) -> bytes:
        assert element.read_items is not None
        inner, body = element.inner, b""
        gone = left = 0
        for item in element.read_items():
            elements = item.read_elements()
            judged = judge_item(self.plan, elements) if inside.open else {}
            if judged is None and self.by_place:
                judged = PLACE
            if judged is None:
                gone += 1
                continue
            left += 1
            content = b"".join(raw for _, raw in self.data_set(elements, inside, judged))
            length = UNDEFINED if item.undefined else len(content)
            body += inner.tag(ITEM) + inner.pack(4, length) + content
            if item.undefined:
                body += inner.tag(ITEM_END) + bytes(4)
        if gone and not left and element.tag == CONTENT_SEQUENCE:
            return b""  # of type 1C: there with items or not at all (PS3.3 §C.17.3.1)
        length = UNDEFINED if element.undefined else len(body)
        return new_header(element, length) + body + (inner.tag(SEQUENCE_END) + bytes(4) if element.undefined else b"")


def encode_stamp(stamp: Stamp, enc: Encoding) -> bytes:
    """One stamped element in the data set's own encoding, sequences and items with defined lengths."""
    if isinstance(stamp.value, str):
        value = pad(stamp.value.encode(), stamp.vr)
    else:
        items = [b"".join(encode_stamp(inner, enc) for inner in item) for item in stamp.value]
        value = b"".join(enc.tag(ITEM) + enc.pack(4, len(item)) + item for item in items)
    return enc.header(stamp.tag, stamp.vr, len(value)) + value


def insert_stamps(plan: Plan, elements: list[tuple[int, bytes]], enc: Encoding) -> list[tuple[int, bytes]]:
    """Each stamp before the first element with a greater tag, deleted ones too."""
    waiting = [(stamp.tag, encode_stamp(stamp, enc)) for stamp in sorted(plan.stamp, key=lambda s: s.tag)]
    out: list[tuple[int, bytes]] = []
    for tag, raw in elements:
        while waiting and waiting[0][0] <= tag:
            out.append(waiting.pop(0))
        out.append((tag, raw))
    return out + waiting


def own_sop_class(instance: Instance) -> str:
    """The data set's own word where it stands in order, else the file meta's."""
    for element in instance.elements:
        if element.tag == SOP_CLASS:
            return element.value.rstrip(b"\0 ").lstrip(b" ").decode("ascii", "replace") or instance.sop_class
        if element.tag > SOP_CLASS:
            break
    return instance.sop_class


def rewrite_instance(instance: Instance, plan: Plan, keys: Keys) -> list[tuple[int, bytes]]:
    """(tag, encoded element) of the new root data set."""
    known = (keys, own_sop_class(instance), shift_days(keys, instance.elements))
    if plan.content:  # what the rules alone refuse is refused, whatever the content rules say
        list(Rewriter(replace(plan, content=()), *known).data_set(instance.elements, Place()))
    rewriter = Rewriter(plan, *known)
    rewriter.by_place = bool(plan.content) and rewriter.refers(instance.elements, Place())
    out: list[tuple[int, bytes]] = []
    for drop in (False, True):
        rewriter.drop_group_lengths = drop
        out = insert_stamps(plan, list(rewriter.data_set(instance.elements, Place())), instance.encoding)
        if not drop and b"".join(raw for _, raw in out) == instance.data[instance.start :]:
            break
    return out


def rewrite(data: bytes, plan: Plan, keys: Keys) -> bytes:
    """The new data set of one file, without preamble and meta; inflated where the file is deflated."""
    return b"".join(raw for _, raw in rewrite_instance(read(data), plan, keys))


def deidentify(data: bytes, plan: Plan, keys: Keys) -> bytes:
    """The whole new file, its data set deflated where the input's is. Raises OracleRefused."""
    from effacer_server.engine.instance import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

    instance = read(data)
    elements = rewrite_instance(instance, plan, keys)
    body = b"".join(raw for _, raw in elements)
    enc, values = instance.encoding, {}
    for element in Reader(body).whole(0, len(body), enc, 0):
        if element.tag in (SOP_CLASS, SOP_INSTANCE, STUDY, SERIES):
            values[element.tag] = element.value.rstrip(b"\0 ").lstrip(b" ").decode("latin-1")
    for tag in (STUDY, SERIES, SOP_INSTANCE):
        if not re.fullmatch("(?=.*[0-9A-Za-z])[0-9A-Za-z.]{1,64}", values.get(tag, "")):
            raise OracleRefused(Reason.BAD_UID if values.get(tag) else Reason.MISSING_UID, tag)
    sop_class = values.get(SOP_CLASS, "") or own_sop_class(instance)
    if not re.fullmatch("[0-9.]{0,64}", sop_class):
        raise OracleRefused(Reason.BAD_SOP_CLASS, SOP_CLASS)
    own = [
        (0x00020002, "UI", sop_class.encode("latin-1")),
        (0x00020003, "UI", values[SOP_INSTANCE].encode("latin-1")),
        (0x00020010, "UI", instance.transfer_syntax.encode("latin-1")),
        (0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode()),
        (0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode()),
    ]
    named = {rule.tag for rule in plan.file_meta}
    meta = file_meta([*own, *((e.tag, e.written_vr, e.value) for e in instance.meta if e.tag in named)])
    if instance.deflated:
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = deflate.compress(body) + deflate.flush()
    return meta + body


def file_meta(elements: list[tuple[int, str, bytes]]) -> bytes:
    """Preamble, DICM and file meta of these elements. Source: PS3.10 §7.1, Table 7.1-1."""
    enc = Encoding()
    group = enc.header(0x00020001, "OB", 2) + b"\0\1"
    for tag, vr, value in sorted(elements):
        value += (b"\0" if vr in ("UI", "OB", "UN") else b" ") * (len(value) % 2)
        group += enc.header(tag, vr, len(value)) + value
    return bytes(128) + b"DICM" + enc.header(0x00020000, "UL", 4) + struct.pack("<I", len(group)) + group


def inflated(file: bytes) -> bytes:
    """The same file with a deflated data set inflated: two correct deflaters may differ in bytes."""
    instance = read(file)
    return instance.data
