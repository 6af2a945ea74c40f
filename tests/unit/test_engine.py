"""The engine against the oracle: every corpus file, every verb, hostile bytes, from memory and from a descriptor."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache

import pydicom
import pytest

from effacer_server.dicom.core import Source
from effacer_server.engine.instance import Deidentifier, Output
from effacer_server.errors import Reason, Refused
from effacer_server.policy.plan import Keys, Plan, Rule, Stamp, Verb
from effacer_server.policy.profiles import (
    PrimaryIds,
    Profile,
    edition_name,
    primary_id_rules,
    profile_default,
    profile_rules,
    profile_stamp,
)
from tests import corpus, encode, hostile, oracle, synth
from tests.encode import SYNTAXES, Style

KEYS = Keys(bytes(range(32)))
PRIMARY = (0x00080018, 0x0020000D, 0x0020000E)
# The id elements are kept, so that a plan which resets or deletes everything still leaves an instance with a name.
KEEP_IDS = tuple(Rule(Verb.KEEP, "test ids", tag) for tag in PRIMARY)


def profile_plan(profile: Profile, ids: PrimaryIds = PrimaryIds.BY_PROFILE) -> Plan:
    rules = primary_id_rules(profile, ids) + profile_rules(profile)
    return Plan(rules, profile_default(profile), profile_stamp(profile, ids), edition_name(profile))


def by_vr(verb: Verb, *vrs: str) -> tuple[Rule, ...]:
    return tuple(Rule(verb, "test", 0, 0, vr) for vr in vrs)


NESTED_STAMP = Stamp(0x00120064, "SQ", ((Stamp(0x00080100, "SH", "113100"), Stamp(0x00080104, "LO", "odd")), ()))
PLANS: dict[str, Plan] = {
    "basic": profile_plan(Profile.BASIC),
    "basic keeping ids": profile_plan(Profile.BASIC, PrimaryIds.KEEP),
    "minimal": profile_plan(Profile.MINIMAL),
    "keep all": profile_plan(Profile.KEEP_ALL),
    "nothing": Plan((), Rule(Verb.KEEP, "test")),
    "delete all": Plan(KEEP_IDS, Rule(Verb.DELETE, "test")),
    "remove all": Plan(KEEP_IDS, Rule(Verb.REMOVE, "test")),
    "reset all": Plan((), Rule(Verb.RESET, "test")),
    "reset sequences": Plan(by_vr(Verb.RESET, "SQ"), Rule(Verb.KEEP, "test")),
    "reset leaves": Plan(KEEP_IDS + by_vr(Verb.RECURSE, "SQ"), Rule(Verb.RESET, "test")),
    "delete names": Plan(by_vr(Verb.DELETE, "LO", "SH", "PN"), Rule(Verb.KEEP, "test")),
    "remove nested": Plan(by_vr(Verb.REMOVE, "SQ"), Rule(Verb.KEEP, "test")),
    "delete sequences": Plan(by_vr(Verb.DELETE, "SQ"), Rule(Verb.KEEP, "test")),
    "keep sequences": Plan(by_vr(Verb.KEEP, "SQ") + by_vr(Verb.REGEN_UID, "UI"), Rule(Verb.KEEP, "test")),
    "uids": Plan(by_vr(Verb.REGEN_UID, "UI"), Rule(Verb.KEEP, "test")),
    "private goes": Plan((Rule(Verb.DELETE, "test", 0x00010000, 0x00010000),), Rule(Verb.KEEP, "test")),
    "private goes, reset around": Plan(
        (Rule(Verb.DELETE, "test", 0x00010000, 0x00010000), *by_vr(Verb.RESET, "SQ")), Rule(Verb.KEEP, "test")
    ),
    "safe private": Plan(
        (
            Rule(Verb.KEEP, "test", 0x00190008, 0xFFFF00FF, creator="SIEMENS CSA HEADER"),
            Rule(Verb.KEEP, "test", 0x00290010, 0xFFFF00FF, creator="SIEMENS CSA HEADER"),
            Rule(Verb.RESET, "test", 0x00090001, 0xFFFF00FF, creator="GEMS_IDEN_01"),
            Rule(Verb.REMOVE, "test", 0x00090004, 0xFFFF00FF, creator="GEMS_IDEN_01"),
            Rule(Verb.DELETE, "test", 0x00190002, 0xFFFF00FF, creator="GEMS_ACQU_01"),
            Rule(Verb.DELETE, "test", 0x00010000, 0x00010000),
        ),
        Rule(Verb.KEEP, "test"),
    ),
    "stamped": Plan(
        (),
        Rule(Verb.KEEP, "test"),
        (Stamp(0x00080000 + 5, "CS", "ISO_IR 100"), Stamp(0x00120062, "CS", "YES"), NESTED_STAMP),
    ),
}


def assemble(output: Output) -> bytes:
    parts = [p if isinstance(p, bytes) else output.source.read(*p) for p in output.segments]
    data = b"".join(parts)
    assert len(data) == output.size
    return data


def engine(source: Source, plan: Plan) -> bytes | Refused:
    try:
        return assemble(Deidentifier(plan, KEYS).deidentify(source))
    except Refused as refused:
        return refused


def judge(data: bytes, plan: Plan) -> bytes | Reason:
    try:
        return oracle.deidentify(data, plan, KEYS)
    except oracle.OracleRefused as refused:
        return refused.reason


def same(data: bytes, plan: Plan, source: Source | None = None) -> None:
    """Both refuse, or both give the same file (of a deflated one the same once inflated)."""
    expected, found = judge(data, plan), engine(source or Source(data), plan)
    if isinstance(expected, Reason):
        assert isinstance(found, Refused), f"the oracle refuses: {expected}"
        return
    assert not isinstance(found, Refused), f"the engine refuses: {found}"
    if expected != found:
        assert oracle.inflated(found) == oracle.inflated(expected)


@pytest.fixture
def descriptor() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


def put(descriptor: int, data: bytes, ahead: int) -> Source:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)
    return Source.file(descriptor, len(data), ahead=ahead)


def disagreements(
    plan: Plan, cases: Iterable[tuple[str, bytes]], wrap: Callable[[bytes], Source] = Source
) -> list[str]:
    """What is wrong, by name, for every case."""
    found = []
    for name, data in cases:
        try:
            same(data, plan, wrap(data))
        except AssertionError as error:
            found.append(f"{name}: {str(error)[:200]}")
    return found


@pytest.mark.parametrize("plan", PLANS)
def test_corpus(plan: str) -> None:
    assert not disagreements(PLANS[plan], corpus.instances())


@pytest.mark.parametrize("plan", ["basic", "minimal", "keep all", "nothing"])
def test_corpus_is_not_refused(plan: str) -> None:
    outcomes = [engine(Source(data), PLANS[plan]) for _, data in corpus.instances()]
    assert sum(isinstance(outcome, bytes) for outcome in outcomes) > 0.85 * len(outcomes)


@pytest.mark.parametrize("ahead", [1, 13, 64, 4096])
@pytest.mark.parametrize("plan", ["basic", "nothing", "reset all"])
def test_corpus_from_a_descriptor(plan: str, ahead: int, descriptor: int) -> None:
    small = [(name, data) for name, data in corpus.instances() if len(data) < 200_000]
    assert not disagreements(PLANS[plan], small, lambda data: put(descriptor, data, ahead))
    assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0, "positional reads only"


STYLES = [Style(syntax, undefined) for syntax in SYNTAXES for undefined in (False, True)] + [
    Style(codec="utf-8"),
    Style(codec="gb18030"),
    Style(codec="cyrillic"),
]


@pytest.mark.parametrize("plan", PLANS)
def test_synthetic_instances(plan: str) -> None:
    """Four kinds in all encodings; small ones, so that the slow judge keeps up."""
    cases = [(f"{style}", synth.ct(1, style, size=16)) for style in STYLES]
    cases += [(f"{style}", synth.sr(1, style, elements=150)) for style in STYLES]
    cases += [(f"{style}", synth.enhanced_ct(1, style, frames=5, size=8)) for style in STYLES]
    for fragments in (1, 3):
        cases += [("cine", synth.us_cine(1, None, frames=3, fragments=fragments, offsets=o)) for o in (False, True)]
    assert not disagreements(PLANS[plan], cases)


def test_synthetic_instances_of_full_size() -> None:
    """As benches use them; segments, not copies, carry the pixels."""
    for kind, make in synth.KINDS.items():
        data = make(3)
        same(data, PLANS["basic"])
        output = Deidentifier(PLANS["basic"], KEYS).deidentify(Source(data))
        if kind in ("ct", "enhanced"):
            assert any(isinstance(part, tuple) and part[1] > 500_000 for part in output.segments)


@pytest.mark.parametrize("style", STYLES[:8], ids=str)
def test_canaries(style: Style) -> None:
    """Nothing identifying is left anywhere in the bytes; knows nothing of the code."""
    planted = synth.canaries(5, style)
    found = engine(Source(planted.data), PLANS["basic"])
    assert isinstance(found, bytes)
    plain, before = oracle.inflated(found), oracle.inflated(planted.data)
    assert [token for token in planted.gone + planted.kept if token not in before] == []
    assert [token for token in planted.gone if token in plain] == []
    assert [token for token in planted.kept if token not in plain] == []
    same(planted.data, PLANS["basic"])


def test_canaries_are_found_where_nothing_is_done() -> None:
    planted = synth.canaries(5)
    found = engine(Source(planted.data), PLANS["nothing"])
    assert isinstance(found, bytes)
    missing = [token for token in planted.gone + planted.kept if token not in found]
    assert len(missing) < 15, "only the preamble and the file meta are always replaced"


@cache
def hostile_cases() -> list[hostile.Case]:
    """All of them once: some are large."""
    return list(synth.hostile())


@pytest.mark.parametrize("ahead", [0, 1, 64])
def test_hostile_bytes_are_refused(ahead: int, descriptor: int) -> None:
    wrong = []
    for name, data, reasons in hostile_cases():
        found = engine(put(descriptor, data, ahead) if ahead else Source(data), PLANS["nothing"])
        if not isinstance(found, Refused):
            wrong.append(f"{name}: accepted")
        elif found.reason not in reasons:
            wrong.append(f"{name}: {found.reason}, not one of {sorted(reasons)}")
        elif found.position is None and found.reason not in (
            Reason.MISSING_UID,
            Reason.BAD_UID,
            Reason.TRANSFER_SYNTAX,
        ):
            wrong.append(f"{name}: no position")
        elif found.position is not None and found.position > max(len(data), 1 << 30):
            wrong.append(f"{name}: position {found.position} of {len(data)} bytes")
    assert not wrong


@pytest.mark.parametrize("plan", [name for name in PLANS if name != "nothing"])
def test_hostile_bytes_under_other_plans(plan: str) -> None:
    """What a plan empties or deletes may be damaged inside; then, and only then, something may come out."""
    for name, data, _ in hostile_cases():
        if name != "deflated: bomb":
            same(data, PLANS[plan])


def test_the_oracle_refuses_hostile_bytes_too() -> None:
    for name, data, reasons in hostile_cases():
        if name != "deflated: bomb":  # the oracle has no limit
            assert judge(data, PLANS["nothing"]) in reasons, name


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("style", [hostile.PLAIN, hostile.LITTLE], ids=["explicit", "implicit"])
def test_the_deepest_nesting_allowed(style: Style, undefined: bool) -> None:
    data = hostile.around(style, hostile.nested(style, 64, undefined))
    for plan in PLANS.values():
        assert isinstance(judge(data, plan), bytes)
        same(data, plan)


def test_a_rule_that_cannot_apply_is_a_mismatch() -> None:
    data = synth.ct(1, size=8)
    for tag, verb in ((0x00081140, Verb.REGEN_UID), (0x00100010, Verb.RECURSE), (0x7FE00010, Verb.RECURSE)):
        plan = Plan((Rule(verb, "test", tag),), Rule(Verb.KEEP, "test"))
        assert judge(data, plan) is Reason.VR_MISMATCH
        found = engine(Source(data), plan)
        assert isinstance(found, Refused)
        assert (found.reason, found.tag) == (Reason.VR_MISMATCH, tag)
        assert found.position == data.index(tag.to_bytes(4, "big")[1::-1] + tag.to_bytes(4, "big")[:1:-1])


def test_uids_that_outgrow_their_length_field_are_refused() -> None:
    many = encode.Part(0x00081155, "UI", "\\".join(["1.2"] * 2000))
    parts = sorted([*hostile.HEAD, *hostile.UIDS, *hostile.TRAIL, many], key=lambda part: part.tag)
    data = encode.file(hostile.PLAIN, encode.data_set(hostile.PLAIN, parts))
    assert judge(data, PLANS["uids"]) is Reason.VALUE_TOO_LONG
    found = engine(Source(data), PLANS["uids"])
    assert isinstance(found, Refused)
    assert found.reason == Reason.VALUE_TOO_LONG


def test_messages_hold_no_value() -> None:
    for name, data, _ in hostile_cases():
        found = engine(Source(data), PLANS["nothing"])
        assert isinstance(found, Refused)
        assert "Nobody" not in str(found), name


def test_output_names_the_new_uids() -> None:
    output = Deidentifier(PLANS["keep all"], KEYS).deidentify(Source(synth.ct(1, size=8)))
    dataset = pydicom.dcmread(io.BytesIO(assemble(output)))
    assert (output.study, output.series) == (dataset.StudyInstanceUID, dataset.SeriesInstanceUID)
    assert output.instance == dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID
    assert output.sop_class == dataset.SOPClassUID == dataset.file_meta.MediaStorageSOPClassUID
    assert output.transfer_syntax == dataset.file_meta.TransferSyntaxUID
    assert dataset.preamble == bytes(128)


def test_another_key_gives_other_uids_and_the_same_key_the_same() -> None:
    source, plan = Source(synth.ct(1, size=8)), PLANS["keep all"]
    one, again = (Deidentifier(plan, KEYS).deidentify(source) for _ in range(2))
    other = Deidentifier(plan, Keys(bytes(32))).deidentify(source)
    assert one.instance == again.instance != other.instance
    assert one.study.startswith("2.25.")
    assert len(one.study) <= 64


@pytest.mark.parametrize("style", [encode.Style(), encode.Style(encode.BIG_ENDIAN), encode.Style(encode.DEFLATED)])
def test_file_meta_that_an_action_names_stays(style: Style) -> None:
    meta = [
        encode.Part(0x00020016, "AE", "SCANNER7"),
        encode.Part(0x00020017, "AE", "SENDER"),
        encode.Part(0x00020100, "UI", "1.2.3.4"),
        encode.Part(0x00020102, "OB", b"even"),
    ]
    body = encode.data_set(style, [encode.Part(tag, "UI", f"1.2.{tag}") for tag in (0x00080016, *PRIMARY)])
    data = encode.file(style, body, meta)
    keep = tuple(Rule(Verb.KEEP, "actions[0].queries[0]", tag) for tag in (0x00020016, 0x00020102))
    plan = replace(PLANS["basic"], file_meta=keep)
    output = Deidentifier(plan, KEYS).deidentify(Source(data))
    found = pydicom.dcmread(io.BytesIO(assemble(output))).file_meta
    assert found.SourceApplicationEntityTitle == "SCANNER7"
    assert found.PrivateInformation == b"even"
    assert "SendingApplicationEntityTitle" not in found
    assert "PrivateInformationCreatorUID" not in found
    assert found.MediaStorageSOPInstanceUID == output.instance
