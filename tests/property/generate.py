"""Random data sets and plans from one seed: nested sequences, private blocks, UN, fragments, in every encoding.

Plain `random`, not nested strategies: a thousand instances a second instead of ten; hypothesis picks the seeds.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from effacer_server.dicom import facts
from effacer_server.policy.plan import EXACT, ContentRule, Plan, Rule, Stamp, Verb
from tests import mixes, oracle
from tests.encode import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG_BASELINE,
    UNDEFINED,
    Fragments,
    Part,
    Style,
    file,
    header,
)
from tests.encode import data_set as encode_parts

T = TypeVar("T")
PRIMARY = (0x00080018, 0x0020000D, 0x0020000E)
SEQUENCES = (0x00081140, 0x00081115, 0x00400275, 0x52009230, 0x0040A730, 0x00221003, 0x00091020, 0x00400555)
LEAVES = (
    *(0x00080000, 0x00080005, 0x00080016, 0x00080020, 0x00080030, 0x0008002A, 0x00080050, 0x00080054, 0x00080064),
    *(0x00080120, 0x00081030, 0x00081155, 0x00081150, 0x00100000, 0x00100010, 0x00101010, 0x00101020, 0x00180050),
    *(0x00181063, 0x00189313, 0x00200013, 0x00200052, 0x00280010, 0x00280009, 0x00280106, 0x00283006, 0x00404041),
    *(0x0040A160, 0x00420011, 0x50000022, 0x50023000, 0x60003000, 0x60024000, 0x7FE00008, 0x7FE00010, 0xFFFCFFFC),
    *(0x00221005, 0x0008A001, 0x00100020, 0x0008002A, 0x00080201, 0x00340007),
)
PRIVATE_GROUPS = (0x0009, 0x0019)
PRIVATE_ELEMENTS = (0x1001, 0x1002, 0x1101, 0xFF01, 0x0101, 0x1220)
CREATORS = (b"ACME 1.1", b"ACME 1.1 ", b"ACME ", b"OTHER", b"", b" ACME")
VRS = sorted({*oracle.SHORT_VRS, *oracle.LONG_VRS} - {"SQ"})
UIDS = (
    b"1.2.3",
    b"1.2.840.10008.1.2",
    b"2222222",
    b" 1.2.3 ",
    b"1.2.3\0",
    b"1.2.3\0\0",
    b"",
    b"1.2.840.10008.3.1.2.3.1",
)
CONTENT = (
    *(0x0040A120, 0x0040A121, 0x0040A122, 0x0040A123, 0x0040A124, 0x0040A160, 0x00700006, 0x0040A30A, 0x0040A040),
    *(0x0040A010, 0x0040A730, 0x0040A168, 0x0040A300, 0x00081199),
)
CONCEPTS = ((b"11", b"DCM"), (b"12 ", b"DCM "), (b"13", b"99X"), (b"", b""), (b"11", b"99X"))
VALUE_TYPES = (b"TEXT", b"DATE", b"TIME", b"DATETIME", b"UIDREF", b"PNAME", b"CODE", b"NUM", b"CONTAINER", b"")
DATES = (
    *(b"20200229", b"2020.02.28", b"00010101", b"99991231", b"20230229", b"20200101\\ 19991231 ", b"2020", b"202012"),
    *(b"20200101120000.5+0100", b"2020+0100", b"20200101CANARY", b"20200101-20201231", b"2020010199", b"\\20200101"),
)
ITEM_TAG = b"\xfe\xff\x00\xe0"
ODD_VALUES = (b"", b"1\\2\\3", b"\\", b"\\\\", b"0", b"Name^First ", ITEM_TAG, b"ACME 1.1", b"  ", b"\0\0")
STAMPS = (
    Stamp(0x00080006, "SQ", ((Stamp(0x00080100, "SH", "1"), Stamp(0x00081140, "SQ", ((), ()))),)),
    Stamp(0x00081030, "LO", "stamped"),
    Stamp(0x00120062, "CS", "YES"),
    Stamp(0x00280303, "CS", "REMOVED"),
)


CLASSES = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.481.5", "1.2.840.10008.5.1.4.1.1.88.33")
PLACES = [
    (path, row.tag)
    for row in facts.e1_1("latest").rows
    for sop_class in CLASSES
    if row.mask == EXACT and "/" in row.basic
    for path in facts.nested_types(sop_class, row.tag)
    if len(path) < 4
]


def some(rng: random.Random, pool: Sequence[T], most: int) -> list[T]:
    return rng.sample(pool, rng.randint(0, min(most, len(pool))))


def uid_value(rng: random.Random) -> bytes:
    return b"\\".join(rng.choices(UIDS, k=rng.randint(0, 4)))


def value(rng: random.Random) -> bytes:
    kind = rng.randrange(4)
    if kind == 3:
        return rng.choice(DATES)
    return rng.randbytes(rng.randint(0, 24)) if kind == 0 else uid_value(rng) if kind == 1 else rng.choice(ODD_VALUES)


def leaf(rng: random.Random, style: Style, tag: int) -> bytes:
    """One element: the dictionary's VR mostly, UN or any VR at times."""
    usual = oracle.dictionary_vr(tag)
    vr = usual if style.implicit else rng.choice([usual, usual, usual, "UN", rng.choice(VRS)])
    if tag == 0x00080016:
        vr = "UI"  # goes into the file meta, where it must be text
        if rng.random() < 0.5:
            known = rng.choice(CLASSES).encode()
            return header(style, tag, vr, len(known) + len(known) % 2) + known + b"\0" * (len(known) % 2)
    if tag == 0x7FE00010 and vr in ("OB", "OW") and style.syntax == JPEG_BASELINE:
        frames = [
            tuple(rng.randbytes(rng.randint(1, 9)) for _ in range(rng.randint(1, 3))) for _ in range(rng.randint(0, 3))
        ]
        return header(style, tag, vr, UNDEFINED) + Fragments(tuple(frames), rng.random() < 0.5).encode()
    raw = uid_value(rng) if vr == "UI" else value(rng)
    if usual in ("DA", "DT") and rng.random() < 0.7:
        raw = rng.choice(DATES)
    if tag == 0x0040A040:
        raw = rng.choice(VALUE_TYPES)
    if vr == "UN" and raw[:4] == ITEM_TAG:
        raw = b"no item"  # content that begins like one must be one
    if "SQ" in (vr, usual):
        raw = b""
    return header(style, tag, vr, len(raw)) + raw


def concept(rng: random.Random, style: Style) -> bytes:
    """What names the concept of a content item; now and then two of them, or another kind of code."""
    body = b""
    for _ in range(rng.choice([0, 1, 1, 1, 1, 1, 2])):
        code, scheme = rng.choice(CONCEPTS)
        content = b"".join(
            header(style, tag, vr, len(raw)) + raw
            for tag, vr, raw in ((0x00080100, "SH", code), (0x00080102, "SH", scheme), (0x00080119, "UC", b"12"))
            if tag != 0x00080119 or rng.random() < 0.1
        )
        body += header(style, 0xFFFEE000, "", len(content)) + content
    return header(style, 0x0040A043, "SQ", len(body)) + body


def content_item(rng: random.Random, style: Style, depth: int) -> bytes:
    parts = {0x0040A043: concept(rng, style)} if rng.random() < 0.9 else {}
    for tag in some(rng, CONTENT, 4):
        if oracle.dictionary_vr(tag) != "SQ":
            parts[tag] = leaf(rng, style, tag)
        elif depth < 3:
            parts[tag] = sequence(rng, style, tag, depth)
    return b"".join(parts[tag] for tag in sorted(parts))


def sequence(rng: random.Random, style: Style, tag: int, depth: int) -> bytes:
    """One sequence of any kind: defined, undefined, mixed; in explicit VR also as UN with implicit items."""
    as_un = not style.implicit and rng.random() < 0.2
    inner, body = (Style(IMPLICIT) if as_un else style), b""
    chance = 0.9 if tag in (0x0040A730, 0x00400555) else 0.1
    for _ in range(rng.randint(0, 3)):
        make = content_item if rng.random() < chance else data_set
        content, open_item = make(rng, inner, depth + 1), rng.random() < 0.5
        body += header(inner, 0xFFFEE000, "", UNDEFINED if open_item else len(content)) + content
        body += header(inner, 0xFFFEE00D, "", 0) if open_item else b""
    vr = "UN" if as_un else "SQ"
    if rng.random() < 0.5:
        return header(style, tag, vr, UNDEFINED) + body + header(inner, 0xFFFEE0DD, "", 0)
    return header(style, tag, vr, len(body)) + body


def private_block(rng: random.Random, style: Style, group: int, depth: int) -> dict[int, bytes]:
    """Private creators and elements of their blocks, some without a creator. Source: PS3.5 §7.8.1."""
    found = {}
    for block in some(rng, (0x10, 0x11, 0xFF), 2):
        creator = rng.choice(CREATORS)
        found[group << 16 | block] = header(style, group << 16 | block, "LO", len(creator)) + creator
    for element in some(rng, PRIVATE_ELEMENTS, 4):
        nested = depth < 3 and rng.random() < 0.2
        tag = group << 16 | element
        found[tag] = sequence(rng, style, tag, depth) if nested else leaf(rng, style, tag)
    return found


def placed(rng: random.Random, style: Style, path: tuple[int, ...], tag: int) -> bytes:
    """An attribute at a place where some IOD defines it."""
    body = leaf(rng, style, tag) if oracle.dictionary_vr(tag) != "SQ" else sequence(rng, style, tag, 3)
    for outer in reversed(path):
        item = header(style, 0xFFFEE000, "", len(body)) + body
        body = header(style, outer, "SQ", len(item)) + item
    return body


def data_set(rng: random.Random, style: Style, depth: int = 0) -> bytes:
    """At the root with the three primary ids, so that something can come out of it."""
    parts = {tag: leaf(rng, style, tag) for tag in some(rng, LEAVES, 6)}
    if depth < 3:
        parts |= {tag: sequence(rng, style, tag, depth) for tag in some(rng, SEQUENCES, 2)}
    for group in PRIVATE_GROUPS:
        if rng.random() < 0.3:
            parts |= private_block(rng, style, group, depth)
    if depth == 0:
        if rng.random() < 0.4:
            for path, tag in some(rng, PLACES, 3):
                parts[(*path, tag)[0]] = placed(rng, style, path, tag)
        for tag in PRIMARY:
            raw = rng.choice([b"1.2.3", b"1.2.3.4\0", b"2222222", b"1.2.3 "])
            parts[tag] = header(style, tag, "UI", len(raw)) + raw
    return b"".join(parts[tag] for tag in sorted(parts))


def instance(rng: random.Random) -> bytes:
    style = Style(rng.choice([EXPLICIT, EXPLICIT, IMPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG_BASELINE]))
    return file(style, data_set(rng, style))


def rule(rng: random.Random) -> Rule:
    kind = rng.randrange(6)
    verbs = (Verb.KEEP, Verb.DELETE, Verb.REMOVE, Verb.RESET, Verb.SHIFT_DATE, Verb.REGEN_UID, Verb.RECURSE)
    verb, vr = rng.choice(verbs if kind <= 1 else verbs[:5]), rng.choice(["", "", "LO", "UI", "SQ", "UN"])
    if kind <= 1:
        return Rule(verb, "test", rng.choice(LEAVES + SEQUENCES))
    if kind == 2:
        tag = rng.choice(PRIVATE_GROUPS) << 16 | rng.choice([0x01, 0x02, 0x20, 0x10])
        return Rule(verb, "test", tag, 0xFFFF00FF, vr, rng.choice(["ACME 1.1", "ACME", "OTHER"]))
    if kind == 3:
        masks = [(0x60003000, 0xFF01FFFF), (0x50000000, 0xFF010000), (0x00010000, 0x00010000)]
        return Rule(verb, "test", *rng.choice(masks), vr)
    if kind == 4:
        return Rule(verb, "test", 0, 0, rng.choice(["LO", "UI", "SQ", "UN", "US", "DS", "OB"]))
    return Rule(verb, "test", rng.choice([0x00090010, 0x00091001, 0x00190011]), EXACT, vr)


def plan(rng: random.Random) -> Plan:
    """Any rules, mostly; the rules of a profile with options at times."""
    if rng.random() < 0.25:
        return mixes.plan(rng.choice(CONFIGS))
    ids = [Rule(rng.choice([Verb.KEEP, Verb.REGEN_UID, Verb.RESET]), "test", tag) for tag in PRIMARY]
    default = rng.choice([Verb.KEEP, Verb.KEEP, Verb.KEEP, Verb.DELETE, Verb.REMOVE, Verb.RESET])
    stamps = tuple(sorted(some(rng, STAMPS, 3), key=lambda stamp: stamp.tag))
    rules = (*ids, *(rule(rng) for _ in range(rng.randint(0, 6))))
    content = ()
    if rng.random() < 0.4:
        openers = [Rule(Verb.RECURSE, OPENED, tag) for tag in some(rng, (0x0040A730, 0x00400555), 2)]
        acted = [Rule(rng.choice(KEEPING), "actions[0].queries[0]", tag) for tag in some(rng, CONTENT, 1)]
        rules = (*acted, *openers, *rules)
        content = tuple(content_rule(rng) for _ in range(rng.randint(1, 4)))
    return Plan(rules, Rule(default, "test", 0, 0), stamps, content=content)


CONFIGS = [text for _, text in (*mixes.named(), *mixes.sampled(40, 7))]
OPENED = "options.clean_structured_content"
KEEPING = (Verb.KEEP, Verb.REMOVE, Verb.RESET, Verb.DELETE)


def content_rule(rng: random.Random) -> ContentRule:
    verb = rng.choice([Verb.DELETE, Verb.KEEP, Verb.RESET, Verb.REGEN_UID, Verb.SHIFT_DATE])
    code, scheme = rng.choice(CONCEPTS)
    kind = rng.choice(VALUE_TYPES).decode()
    return ContentRule(code.decode().strip(), scheme.decode().strip(), verb, "test", kind)


def damage(rng: random.Random, data: bytes) -> bytes:
    """A few bytes of the data set changed, taken out or put in."""
    damaged, start = bytearray(data), 144 + int.from_bytes(data[140:144], "little")
    for _ in range(rng.randint(1, 3)):
        at, kind = rng.randrange(start, max(len(damaged), start + 1)), rng.randrange(4)
        if at >= len(damaged):
            break
        if kind == 0:
            damaged[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            damaged[at] = rng.choice([0, 1, 2, 8, 0x7F, 0x80, 0xFE, 0xFF])
        elif kind == 2:
            del damaged[at : at + rng.randint(1, 8)]
        else:
            pieces = (b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0")
            damaged[at:at] = rng.choice(pieces)
    return bytes(damaged)


def planted(rng: random.Random) -> tuple[bytes, list[bytes]]:
    """A random instance with tokens under identifying attributes, at the root and inside random sequences.

    Only attributes that both editions name, and sequences that neither does: what is in those is judged.
    """
    style = Style(rng.choice([EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED]))
    tokens: list[bytes] = []

    def level(depth: int) -> dict[int, bytes]:
        parts = {}
        for tag in some(rng, IDENTIFYING, 5):
            token = b"TOKEN%08d" % rng.randrange(10**8)
            tokens.append(token)
            vr = oracle.dictionary_vr(tag) if rng.random() < 0.8 or style.implicit else "UN"
            parts[tag] = header(style, tag, vr, len(token) + 1) + token + b" "
        if depth < 5:
            for tag in some(rng, UNNAMED, 2):
                inner = level(depth + 1)
                content = b"".join(inner[number] for number in sorted(inner))
                item = header(style, 0xFFFEE000, "", len(content)) + content
                parts[tag] = header(style, tag, "SQ", len(item)) + item
        return parts

    parts = level(0)
    for tag in PRIMARY:
        parts[tag] = header(style, tag, "UI", 6) + b"1.2.3\0"
    return file(style, b"".join(parts[tag] for tag in sorted(parts))), tokens


def related(rng: random.Random) -> list[bytes]:
    """Instances of one study that refer to one another and to others, from several kinds of sequences."""
    count, base = rng.randint(2, 4), rng.randrange(1000)
    names = [f"1.2.{base}.{number}" for number in range(count + 2)]  # two that are not among them
    found = []
    for number in range(count):
        style = Style(rng.choice([EXPLICIT, IMPLICIT, BIG_ENDIAN]), rng.random() < 0.5)
        refer = [
            Part(0x00081155, "UI", rng.choice(names)),
            Part(0x0020000D, "UI", f"1.2.{base}.100"),
            Part(0x0020000E, "UI", f"1.2.{base}.20{rng.randrange(count)}"),
        ]
        parts = [
            Part(0x00080016, "UI", CLASSES[0]),
            Part(0x00080018, "UI", names[number]),
            Part(0x0020000D, "UI", f"1.2.{base}.100"),
            Part(0x0020000E, "UI", f"1.2.{base}.20{number}"),
            *(Part(tag, "SQ", [refer, refer[:1]]) for tag in sorted(some(rng, REFERRING, 3))),
            Part(0x52009229, "SQ", [[Part(0x00189301, "SQ", [refer])]]),
        ]
        found.append(file(style, encode_parts(style, sorted(parts, key=lambda part: part.tag))))
    return found


REFERRING = (0x00081110, 0x00081115, 0x00081140, 0x00082112, 0x0040A375, 0x0040A525, 0x30060010, 0x00700001)
BOTH = {row.tag for row in facts.e1_1("2018e").rows} & {row.tag for row in facts.e1_1("latest").rows}
IDENTIFYING = sorted(tag for tag in BOTH if oracle.dictionary_vr(tag) in ("LO", "PN", "SH", "ST", "LT", "UT", "AE"))
NAMED = {row.tag for edition in ("2018e", "latest") for row in facts.e1_1(edition).rows}
UNNAMED = sorted({0x52009229, 0x52009230, 0x00189301, 0x00189346, 0x00180026, 0x00221003, 0x00540016} - NAMED)
