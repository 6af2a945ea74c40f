"""The door to the native core, call by call, as docs/architecture.md has it."""

from __future__ import annotations

import hashlib
import hmac
import os
import tempfile
import threading

import pytest
from pydicom.datadict import DicomDictionary

from effacer_server.dicom import core, facts
from effacer_server.dicom.core import Matcher, Source
from effacer_server.errors import Reason, Refused
from effacer_server.policy.plan import EXACT, Keys, Plan, Rule, Verb
from tests import corpus, encode, hostile, oracle, synth
from tests.encode import Part

KEY = bytes(range(32))
NAME, COMMENT, REFERENCES = 0x00100010, 0x001021B0, 0x00081140

Rows = list[tuple[int, int, str, str, int, int]]


def matcher(rules: Rows, default: Verb = Verb.KEEP, inserts: list[tuple[int, bytes]] | None = None) -> Matcher:
    return Matcher(rules, default, inserts or [], KEY, "2.25.")


def on(
    tag: int, verb: Verb, nested: Verb | None = None, mask: int = EXACT, vr: str = ""
) -> tuple[int, int, str, str, int, int]:
    return (tag, mask, vr, "", verb, verb if nested is None else nested)


def joined(source: Source, segments: list[bytes | tuple[int, int]]) -> bytes:
    return b"".join(part if isinstance(part, bytes) else source.read(*part) for part in segments)


def opened(data: bytes) -> tuple[Source, core.Meta]:
    source = Source(data)
    meta = core.read_meta(source)
    return (core.inflate(source, meta, 1 << 28), meta) if meta.deflated else (source, meta)


def accepted() -> list[tuple[str, bytes]]:
    """Corpus files whose data set the oracle can walk."""
    found = []
    for name, data in corpus.instances():
        try:
            oracle.rewrite(data, Plan((), Rule(Verb.KEEP, "test")), Keys(KEY))
        except oracle.OracleRefused:
            continue
        found.append((name, data))
    return found


def test_no_edits_is_one_range_of_the_input() -> None:
    nothing = matcher([])
    for name, data in accepted():
        source, meta = opened(data)
        edits = core.scan(source, meta, nothing)
        assert (edits.count, edits.rows(), edits.pending()) == (0, [], []), name
        segments = core.splice(source, edits, {})
        assert segments == [(meta.start, source.size - meta.start)], name


def test_meta_agrees_with_the_oracle() -> None:
    for name, data in accepted():
        expected, (_, meta) = oracle.read(data), opened(data)
        assert (meta.start, meta.transfer_syntax) == (expected.start, expected.transfer_syntax), name
        assert (meta.implicit, meta.big_endian) == (expected.encoding.implicit, expected.encoding.big_endian), name
        assert (meta.deflated, meta.sop_class) == (expected.deflated, expected.sop_class), name


@pytest.mark.parametrize("verb", [Verb.DELETE, Verb.REMOVE, Verb.RESET, Verb.REGEN_UID])
def test_scan_and_splice_agree_with_the_oracle(verb: Verb) -> None:
    vrs = ["UI"] if verb == Verb.REGEN_UID else ["LO", "PN", "UI", "DS", "US", "OB", "UN"]
    made = matcher([on(0, verb, mask=0, vr=vr) for vr in vrs])
    plan = Plan(tuple(Rule(verb, "test", 0, 0, vr) for vr in vrs), Rule(Verb.KEEP, "test"))
    for name, data in accepted():
        source, meta = opened(data)
        found = joined(source, core.splice(source, core.scan(source, meta, made), {}))
        assert found == oracle.rewrite(data, plan, Keys(KEY)), name


def test_verbs_at_the_root_and_nested_may_differ() -> None:
    parts = [Part(REFERENCES, "SQ", [[Part(NAME, "PN", "inner")]]), Part(NAME, "PN", "outer")]
    data = encode.file(hostile.PLAIN, encode.data_set(hostile.PLAIN, parts))
    source, meta = opened(data)
    edits = core.scan(source, meta, matcher([on(NAME, Verb.DELETE, nested=Verb.REMOVE)]))
    expected = [Part(REFERENCES, "SQ", [[Part(NAME, "PN", "")]])]
    assert joined(source, core.splice(source, edits, {})) == encode.data_set(hostile.PLAIN, expected)
    assert [(row[0], row[2], row[3]) for row in edits.rows()] == [(NAME, Verb.REMOVE, 1), (NAME, Verb.DELETE, 0)]


def test_rows_say_where_each_value_is() -> None:
    data = synth.ct(1, size=8)
    source, meta = opened(data)
    edits = core.scan(source, meta, matcher([on(COMMENT, Verb.RESET), on(NAME, Verb.REMOVE)]))
    rows = edits.rows()
    assert [row[:5] for row in rows] == [(NAME, "PN", Verb.REMOVE, 0, 1), (COMMENT, "LT", Verb.RESET, 0, 0)]
    assert [row[7:] for row in rows] == [("set", b""), ("set", b"PLACEHOLDER ")]
    there = {at: data[value_at : value_at + size] for _, _, _, at, value_at, size in core.elements(source, meta)}
    assert [there[row[5]] for row in rows] == [b"Birkenau^Edna ", b"Edna was here before. "]
    assert [row[6] for row in rows] == [14, 22]
    assert edits.count >= 2


def test_the_first_matching_rule_decides() -> None:
    source, meta = opened(synth.ct(1, size=8))
    edits = core.scan(source, meta, matcher([on(NAME, Verb.KEEP), on(0, Verb.DELETE, mask=0, vr="PN")]))
    names = [row[0] for row in edits.rows()]
    assert names
    assert NAME not in names


def test_final_values() -> None:
    source, meta = opened(synth.ct(1, size=8))
    plain = core.scan(source, meta, matcher([]))
    uid = plain.final(core.STUDY_INSTANCE_UID)
    assert uid is not None
    mapped = core.scan(source, meta, matcher([on(0, Verb.REGEN_UID, mask=0, vr="UI")])).final(core.STUDY_INSTANCE_UID)
    assert mapped is not None
    assert mapped.rstrip(b"\0").decode() == core.map_uid(KEY, "2.25.", core.text_of(uid))
    assert (
        core.scan(source, meta, matcher([on(core.STUDY_INSTANCE_UID, Verb.DELETE)])).final(core.STUDY_INSTANCE_UID)
        is None
    )
    assert not core.scan(source, meta, matcher([on(core.STUDY_INSTANCE_UID, Verb.REMOVE)])).final(
        core.STUDY_INSTANCE_UID
    )


def test_values_given_from_outside_are_padded_and_lengths_repaired() -> None:
    inner = [Part(0x00081155, "UI", "1.2.3"), Part(COMMENT, "LT", "nested comment")]
    parts = [Part(REFERENCES, "SQ", [inner]), Part(COMMENT, "LT", "comment")]
    for style in (hostile.PLAIN, hostile.LITTLE, encode.Style(encode.BIG_ENDIAN), encode.Style(undefined=True)):
        source, meta = opened(encode.file(style, encode.data_set(style, parts)))
        edits = core.scan(source, meta, matcher([on(COMMENT, Verb.CLEAN_TEXT)]))
        pending = edits.pending()
        assert [row[1:4] for row in pending] == [(COMMENT, "LT", Verb.CLEAN_TEXT)] * 2
        assert [source.read(at, size) for *_, at, size, _, _ in pending] == [b"nested comment", b"comment "]
        values = {index: text for (index, *_), text in zip(pending, (b"odd", b"a longer even text"), strict=True)}
        new = [
            Part(REFERENCES, "SQ", [[inner[0], Part(COMMENT, "LT", "odd")]]),
            Part(COMMENT, "LT", "a longer even text"),
        ]
        assert joined(source, core.splice(source, edits, values)) == encode.data_set(style, new)


@pytest.mark.parametrize("style", [hostile.PLAIN, hostile.LITTLE, encode.Style(undefined=True)])
def test_elements_are_all_there_is(style: encode.Style) -> None:
    inner = [Part(0x00081155, "UI", "1.2.3"), Part(REFERENCES, "SQ", [[Part(COMMENT, "LT", "deep")], []])]
    parts = [Part(REFERENCES, "SQ", [inner, [Part(0x00081155, "UI", "")]]), Part(COMMENT, "LT", "comment")]
    source, meta = opened(encode.file(style, encode.data_set(style, parts)))
    item = 0xFFFEE000
    rows = core.elements(source, meta)
    assert [(tag, vr, depth) for tag, vr, depth, *_ in rows] == [
        (REFERENCES, "SQ", 0), (item, "", 1), (0x00081155, "UI", 1), (REFERENCES, "SQ", 1), (item, "", 2),
        (COMMENT, "LT", 2), (item, "", 2), (item, "", 1), (0x00081155, "UI", 1), (COMMENT, "LT", 0),
    ]  # fmt: skip
    values = [source.read(value_at, size) for tag, vr, _, _, value_at, size in rows if vr in ("UI", "LT")]
    assert values == [b"1.2.3\0", b"deep", b"", b"comment "]
    # What encloses something spans it whole, delimiters left out.
    sequence, end = rows[0], rows[-1][3]
    delimiter = 8 if style.undefined else 0
    assert sequence[4] + sequence[5] + delimiter == end
    first, second = rows[1], rows[7]
    assert first[4] + first[5] + delimiter == second[3]


@pytest.mark.parametrize("style", [hostile.PLAIN, hostile.LITTLE, encode.Style(undefined=True)])
def test_overrides_win_over_rules_and_can_delete_items(style: encode.Style) -> None:
    def sample(items: list[list[Part]]) -> list[Part]:
        return [Part(REFERENCES, "SQ", items), Part(COMMENT, "LT", "comment")]

    one, two = (
        [Part(COMMENT, "LT", "one")],
        [Part(NAME, "PN", "two"), Part(REFERENCES, "SQ", [[Part(NAME, "PN", "x")]])],
    )
    source, meta = opened(encode.file(style, encode.data_set(style, sample([one, two, one]))))
    rows = core.elements(source, meta)
    items = [row[3] for row in rows if row[0] == 0xFFFEE000 and row[2] == 1]
    comments = [row[3] for row in rows if row[0] == COMMENT]
    rules = [on(COMMENT, Verb.DELETE), on(NAME, Verb.REMOVE)]
    overrides = [(comments[0], Verb.KEEP, 7), (items[1], Verb.DELETE, 8), (comments[2], Verb.RESET, 9)]
    edits = core.scan(source, meta, matcher(rules), overrides, trace=True)
    new = [Part(REFERENCES, "SQ", [one, []]), Part(COMMENT, "LT", "PLACEHOLDER")]
    assert joined(source, core.splice(source, edits, {})) == encode.data_set(style, new)
    decisions = {row[3]: (row[6], row[7]) for row in edits.decisions()}
    assert decisions[comments[0]] == (Verb.KEEP, 7)
    assert decisions[items[1]] == (Verb.DELETE, 8)
    assert decisions[comments[1]] == (Verb.DELETE, 0)
    inside = [row for row in rows if items[1] < row[3] < items[2]]
    assert inside
    assert not any(row[3] in decisions for row in inside)
    with pytest.raises(ValueError, match="ascend"):
        core.scan(source, meta, matcher(rules), overrides[::-1])


def test_a_rule_may_do_something_else_at_a_path() -> None:
    parts = [
        Part(REFERENCES, "SQ", [[Part(NAME, "PN", "A"), Part(REFERENCES, "SQ", [[Part(NAME, "PN", "B")]])]]),
        Part(NAME, "PN", "C"),
    ]
    source, meta = opened(encode.file(hostile.PLAIN, encode.data_set(hostile.PLAIN, parts)))
    nested = [((REFERENCES, REFERENCES), 1, Verb.RESET), ((0x00081199,), 1, Verb.KEEP)]
    rules = [on(COMMENT, Verb.DELETE), on(NAME, Verb.DELETE, nested=Verb.REMOVE)]
    plan = core.Matcher(rules, Verb.KEEP, [], KEY, "2.25.", nested)
    edits = core.scan(source, meta, plan)
    assert [(row[2], row[3], row[8]) for row in edits.rows()] == [
        (Verb.REMOVE, 1, b""), (Verb.RESET, 2, b"PLACEHOLDER "), (Verb.DELETE, 0, None),
    ]  # fmt: skip


def test_dates_wait_for_their_value() -> None:
    parts = [Part(0x00080020, "DA", "20200102"), Part(0x00080030, "TM", ""), Part(REFERENCES, "SQ", [[]])]
    source, meta = opened(encode.file(hostile.PLAIN, encode.data_set(hostile.PLAIN, parts)))
    rules = [on(0x00080020, Verb.SHIFT_DATE), on(0x00080030, Verb.SHIFT_DATE)]
    edits = core.scan(source, meta, matcher(rules))
    assert [row[1:4] for row in edits.pending()] == [(0x00080020, "DA", Verb.SHIFT_DATE)]
    with pytest.raises(Refused) as refused:
        core.scan(source, meta, matcher([on(REFERENCES, Verb.SHIFT_DATE)]))
    assert refused.value.reason == Reason.VR_MISMATCH


def test_inserts_stand_in_tag_order_and_replace() -> None:
    parts = [
        Part(0x00080005, "CS", "ISO_IR 100"),
        Part(NAME, "PN", "A"),
        Part(0x00120062, "CS", "NO"),
        Part(COMMENT, "LT", ""),
    ]
    parts.sort(key=lambda part: part.tag)
    new = [Part(0x00080001, "UL", (7,)), Part(0x00120062, "CS", "YES"), Part(0xFFFCFFFC, "OB", b"end!")]
    for style in (hostile.PLAIN, hostile.LITTLE):
        source, meta = opened(encode.file(style, encode.data_set(style, parts)))
        inserts = [(part.tag, encode.element(style, part)) for part in new]
        edits = core.scan(source, meta, matcher([], inserts=inserts))
        expected = sorted([*(part for part in parts if part.tag != 0x00120062), *new], key=lambda part: part.tag)
        assert joined(source, core.splice(source, edits, {})) == encode.data_set(style, expected)


@pytest.mark.parametrize("default", [Verb.KEEP, Verb.RESET, Verb.DELETE, Verb.REMOVE])
def test_one_walk_comes_to_what_scan_and_splice_come_to(default: Verb) -> None:
    rules = [on(0x00080018, Verb.KEEP), on(0, Verb.REGEN_UID, mask=0, vr="UI"), on(REFERENCES, Verb.RECURSE)]
    compared = 0
    for name, data in accepted():
        source, meta = opened(data)
        made = matcher(rules, default)
        try:
            edits = core.scan(source, meta, made)
        except Refused as refused:
            expected = (refused.reason, refused.position)
            with pytest.raises(Refused) as caught:
                core.rewrite(source, meta, made)
            reason = (caught.value.reason, caught.value.position)
            assert reason == expected, name
            continue
        once = core.rewrite(source, meta, made)
        if once is None:  # a group length in front of the first change
            continue
        compared += 1
        assert joined(source, once.segments) == joined(source, core.splice(source, edits, {})), name
        assert once.changes == edits.count, name
        finals = (once.sop_class, once.instance, once.study, once.series)
        assert [value or b"" for value in finals] == [edits.final(tag) or b"" for tag in core.WATCHED], name
    assert compared > 100


def test_one_walk_leaves_what_waits_to_scan_and_splice() -> None:
    source, meta = opened(synth.ct(1, size=16))
    assert core.rewrite(source, meta, matcher([on(0x00080020, Verb.SHIFT_DATE)])) is None
    assert core.rewrite(source, meta, matcher([on(0x00080020, Verb.KEEP, Verb.CLEAN_TEXT)])) is None


def test_group_lengths_go_only_when_something_else_does() -> None:
    parts = [
        Part(0x00080000, "UL", (99,)),
        Part(0x00080005, "CS", ""),
        Part(0x00100000, "UL", (1,)),
        Part(NAME, "PN", "A"),
    ]
    body = encode.data_set(hostile.PLAIN, parts)
    source, meta = opened(encode.file(hostile.PLAIN, body))
    assert joined(source, core.splice(source, core.scan(source, meta, matcher([])), {})) == body
    edits = core.scan(source, meta, matcher([on(NAME, Verb.DELETE)]))
    assert joined(source, core.splice(source, edits, {})) == encode.element(hostile.PLAIN, parts[1])


def test_capture_gives_raw_values_at_the_root() -> None:
    data = synth.ct(2, size=8)
    source, meta = opened(data)
    tags = (0x00080018, 0x00081155, NAME, 0x00280010, 0x7FE00010)
    expected = {e.tag: (e.written_vr, e.value) for e in oracle.read(data).elements if e.tag in tags}
    assert core.capture(source, meta, tags) == expected
    assert 0x00081155 not in expected, "stands in items only"
    broken = Source(data[:-200])  # behind the last tag asked for nothing is read
    assert core.capture(broken, meta, (NAME,)) == {NAME: expected[NAME]}


def test_pixels_are_ranges_of_the_input() -> None:
    data = synth.ct(1)
    source, meta = opened(data)
    segments = core.splice(source, core.scan(source, meta, matcher([on(NAME, Verb.DELETE)])), {})
    ranges = [part for part in segments if isinstance(part, tuple)]
    assert sum(size for _, size in ranges) > 512 * 512 * 2 - 70_000


def test_uid_mapping() -> None:
    number = int.from_bytes(hmac.new(KEY, b"1.2.3", hashlib.sha256).digest()[:16], "big")
    assert core.map_uid(KEY, "2.25.", "1.2.3") == f"2.25.{number}"
    for length in range(0, 200, 7):  # every block length of the hash
        number = int.from_bytes(hmac.new(KEY, b"9" * length, hashlib.sha256).digest()[:16], "big")
        assert core.map_uid(KEY, "1.2.", "9" * length) == f"1.2.{number}"
    long_key = bytes(200)  # longer than a block: hashed first (FIPS 198-1)
    number = int.from_bytes(hmac.new(long_key, b"1", hashlib.sha256).digest()[:16], "big")
    assert core.map_uid(long_key, "2.25.", "1") == f"2.25.{number}"


def test_inflate_is_bounded() -> None:
    data = synth.ct(1, encode.Style(encode.DEFLATED), size=64)
    source = Source(data)
    meta = core.read_meta(source)
    whole = core.inflate(source, meta, 1 << 20)
    assert whole.read(0, meta.start) == data[: meta.start]
    assert whole.read(0, whole.size) == oracle.read(data).data
    core.inflate(source, meta, whole.size - meta.start)
    with pytest.raises(Refused) as refused:
        core.inflate(source, meta, whole.size - meta.start - 1)
    assert refused.value.reason == Reason.INFLATE


def test_a_descriptor_is_neither_moved_nor_closed() -> None:
    data = synth.sr(1, elements=200)
    rules = [on(0, Verb.REGEN_UID, mask=0, vr="UI"), on(0, Verb.RESET, mask=0, vr="PN")]
    source, meta = opened(data)
    expected = joined(source, core.splice(source, core.scan(source, meta, matcher(rules)), {}))
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        os.lseek(file.fileno(), 5, os.SEEK_SET)
        disk = Source.file(file.fileno(), len(data))
        assert (disk.size, disk.fd, Source(data).fd) == (len(data), file.fileno(), None)
        assert joined(disk, core.splice(disk, core.scan(disk, core.read_meta(disk), matcher(rules)), {})) == expected
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 5
        del disk
        os.fstat(file.fileno())


def test_a_file_shorter_than_it_says_is_an_io_refusal() -> None:
    data = synth.ct(1, size=64)
    with tempfile.TemporaryFile() as file:
        file.write(data[:1000])
        file.flush()
        source = Source.file(file.fileno(), len(data), ahead=64)
        with pytest.raises(Refused) as refused:
            core.scan(source, core.read_meta(source), matcher([]))
    assert refused.value.reason == Reason.IO


def test_reads_outside_the_source_are_refused() -> None:
    source = Source(b"0123456789")
    assert source.read(2, 3) == b"234"
    for at, size in ((8, 3), (11, 1), (2**40, 1)):
        with pytest.raises((Refused, ValueError, EOFError)):
            source.read(at, size)


def test_a_matcher_is_shared_by_threads() -> None:
    made = matcher([on(0, Verb.REGEN_UID, mask=0, vr="UI"), on(0, Verb.RESET, mask=0, vr="LO")])
    cases = [opened(synth.sr(seed, elements=300)) for seed in range(4)]
    expected = [joined(source, core.splice(source, core.scan(source, meta, made), {})) for source, meta in cases]
    found: list[list[bytes]] = []

    def work() -> None:
        found.append([joined(s, core.splice(s, core.scan(s, m, made), {})) for _ in range(10) for s, m in cases])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected * 10] * 4


def test_the_dictionary_is_the_standards() -> None:
    """VRs that implicit VR relies on, against pydicom's dictionary, element by element."""
    for tag, (vr, *_) in DicomDictionary.items():
        if tag >> 16 != 0xFFFE and vr != "NONE":
            assert facts.vr_of(tag) == oracle.dictionary_vr(tag), f"{tag:08X}"


def test_a_callable_is_read_like_a_buffer() -> None:
    data = synth.sr(3)
    source = Source.reader(lambda at, size: data[at : at + size], len(data), ahead=64)
    plain, meta = opened(data)
    plan = matcher([on(NAME, Verb.REMOVE), on(COMMENT, Verb.RESET)], Verb.KEEP)
    edits = core.scan(source, core.read_meta(source), plan)
    assert joined(source, core.splice(source, edits, {})) == joined(
        plain, core.splice(plain, core.scan(plain, meta, plan), {})
    )


def test_what_a_callable_raises_reaches_the_caller() -> None:
    data = synth.ct(3, size=16)

    def read(at: int, size: int) -> bytes:
        if at:
            raise Refused(Reason.IO, position=at)
        return data[:size]

    source = Source.reader(read, len(data), ahead=256)
    with pytest.raises(Refused) as caught:
        core.scan(source, core.read_meta(source), matcher([]))
    assert caught.value.reason == Reason.IO
    short = Source.reader(lambda at, size: data[at : at + size - 1], len(data))
    with pytest.raises(Refused) as caught:
        core.read_meta(short)
    assert caught.value.reason == Reason.IO


@pytest.mark.parametrize("late", [False, True])
def test_a_private_creator_behind_its_block_is_refused(late: bool) -> None:
    """Elements of the block would have passed under another rule before the creator is known."""
    style = encode.Style(encode.EXPLICIT)
    block = [Part(0x00190010, "LO", "MINE"), Part(0x00191001, "LO", "value")]
    data = encode.file(style, encode.data_set(style, reversed(block) if late else block))
    source, meta = opened(data)
    plan = matcher([(0x00190001, 0xFFFF00FF, "", "MINE", Verb.DELETE, Verb.DELETE)])
    if not late:
        assert b"value" not in joined(source, core.splice(source, core.scan(source, meta, plan), {}))
        return
    with pytest.raises(Refused) as caught:
        core.scan(source, meta, plan)
    assert (caught.value.reason, caught.value.tag) == (Reason.ELEMENT_ORDER, 0x00190010)
    core.scan(source, meta, matcher([]))  # a plan without that creator takes the order as it is
