"""Random data sets and plans from one seed: nested sequences, private blocks, UN, fragments, in every encoding.

Plain `random`, not nested strategies: a thousand instances a second instead of ten; hypothesis picks the seeds.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from effacer_server.policy.plan import EXACT, Plan, Rule, Stamp, Verb
from tests import oracle
from tests.encode import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG_BASELINE,
    UNDEFINED,
    Fragments,
    Style,
    file,
    header,
)

T = TypeVar("T")
PRIMARY = (0x00080018, 0x0020000D, 0x0020000E)
SEQUENCES = (0x00081140, 0x00081115, 0x00400275, 0x52009230, 0x0040A730, 0x00221003, 0x00091020)
LEAVES = (
    *(0x00080000, 0x00080005, 0x00080016, 0x00080020, 0x00080030, 0x0008002A, 0x00080050, 0x00080054, 0x00080064),
    *(0x00080120, 0x00081030, 0x00081155, 0x00081150, 0x00100000, 0x00100010, 0x00101010, 0x00101020, 0x00180050),
    *(0x00181063, 0x00189313, 0x00200013, 0x00200052, 0x00280010, 0x00280009, 0x00280106, 0x00283006, 0x00404041),
    *(0x0040A160, 0x00420011, 0x50000022, 0x50023000, 0x60003000, 0x60024000, 0x7FE00008, 0x7FE00010, 0xFFFCFFFC),
    *(0x00221005, 0x0008A001),
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
ITEM_TAG = b"\xfe\xff\x00\xe0"
ODD_VALUES = (b"", b"1\\2\\3", b"\\", b"\\\\", b"0", b"Name^First ", ITEM_TAG, b"ACME 1.1", b"  ", b"\0\0")
STAMPS = (
    Stamp(0x00080006, "SQ", ((Stamp(0x00080100, "SH", "1"), Stamp(0x00081140, "SQ", ((), ()))),)),
    Stamp(0x00081030, "LO", "stamped"),
    Stamp(0x00120062, "CS", "YES"),
    Stamp(0x00280303, "CS", "REMOVED"),
)


def some(rng: random.Random, pool: Sequence[T], most: int) -> list[T]:
    return rng.sample(pool, rng.randint(0, min(most, len(pool))))


def uid_value(rng: random.Random) -> bytes:
    return b"\\".join(rng.choices(UIDS, k=rng.randint(0, 4)))


def value(rng: random.Random) -> bytes:
    kind = rng.randrange(3)
    return rng.randbytes(rng.randint(0, 24)) if kind == 0 else uid_value(rng) if kind == 1 else rng.choice(ODD_VALUES)


def leaf(rng: random.Random, style: Style, tag: int) -> bytes:
    """One element: the dictionary's VR mostly, UN or any VR at times."""
    usual = oracle.dictionary_vr(tag)
    vr = usual if style.implicit else rng.choice([usual, usual, usual, "UN", rng.choice(VRS)])
    if tag == 0x00080016:
        vr = "UI"  # goes into the file meta, where it must be text
    if tag == 0x7FE00010 and vr in ("OB", "OW") and style.syntax == JPEG_BASELINE:
        frames = [
            tuple(rng.randbytes(rng.randint(1, 9)) for _ in range(rng.randint(1, 3))) for _ in range(rng.randint(0, 3))
        ]
        return header(style, tag, vr, UNDEFINED) + Fragments(tuple(frames), rng.random() < 0.5).encode()
    raw = uid_value(rng) if vr == "UI" else value(rng)
    if vr == "UN" and raw[:4] == ITEM_TAG:
        raw = b"no item"  # content that begins like one must be one
    if "SQ" in (vr, usual):
        raw = b""
    return header(style, tag, vr, len(raw)) + raw


def sequence(rng: random.Random, style: Style, tag: int, depth: int) -> bytes:
    """One sequence of any kind: defined, undefined, mixed; in explicit VR also as UN with implicit items."""
    as_un = not style.implicit and rng.random() < 0.2
    inner, body = (Style(IMPLICIT) if as_un else style), b""
    for _ in range(rng.randint(0, 3)):
        content, open_item = data_set(rng, inner, depth + 1), rng.random() < 0.5
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


def data_set(rng: random.Random, style: Style, depth: int = 0) -> bytes:
    """At the root with the three primary ids, so that something can come out of it."""
    parts = {tag: leaf(rng, style, tag) for tag in some(rng, LEAVES, 6)}
    if depth < 3:
        parts |= {tag: sequence(rng, style, tag, depth) for tag in some(rng, SEQUENCES, 2)}
    for group in PRIVATE_GROUPS:
        if rng.random() < 0.3:
            parts |= private_block(rng, style, group, depth)
    if depth == 0:
        for tag in PRIMARY:
            raw = rng.choice([b"1.2.3", b"1.2.3.4\0", b"2222222", b"1.2.3 "])
            parts[tag] = header(style, tag, "UI", len(raw)) + raw
    return b"".join(parts[tag] for tag in sorted(parts))


def instance(rng: random.Random) -> bytes:
    style = Style(rng.choice([EXPLICIT, EXPLICIT, IMPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED, JPEG_BASELINE]))
    return file(style, data_set(rng, style))


def rule(rng: random.Random) -> Rule:
    kind = rng.randrange(6)
    verbs = (Verb.KEEP, Verb.DELETE, Verb.REMOVE, Verb.RESET, Verb.REGEN_UID, Verb.RECURSE)
    verb, vr = rng.choice(verbs if kind <= 1 else verbs[:4]), rng.choice(["", "", "LO", "UI", "SQ", "UN"])
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
    ids = [Rule(rng.choice([Verb.KEEP, Verb.REGEN_UID, Verb.RESET]), "test", tag) for tag in PRIMARY]
    default = rng.choice([Verb.KEEP, Verb.KEEP, Verb.KEEP, Verb.DELETE, Verb.REMOVE, Verb.RESET])
    stamps = tuple(sorted(some(rng, STAMPS, 3), key=lambda stamp: stamp.tag))
    rules = (*ids, *(rule(rng) for _ in range(rng.randint(0, 6))))
    return Plan(rules, Rule(default, "test", 0, 0), stamps)


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
