"""Random data sets under random plans: the engine and the oracle give the same bytes, or refuse alike."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from effacer_server.dicom.core import Source
from effacer_server.engine.instance import Deidentifier
from effacer_server.errors import Reason, Refused
from effacer_server.policy.plan import Keys, Plan, Rule, Verb
from tests import oracle
from tests.property import generate

KEYS = Keys(bytes(range(32)))
KEEP_ALL = Plan((), Rule(Verb.KEEP, "test", 0, 0))
generators = st.integers(0, 2**64 - 1).map(random.Random)


def engine(data: bytes, plan: Plan) -> bytes | Reason:
    try:
        output = Deidentifier(plan, KEYS).deidentify(Source(data))
    except Refused as refused:
        return Reason(refused.reason)
    return b"".join(p if isinstance(p, bytes) else output.source.read(*p) for p in output.segments)


def judge(data: bytes, plan: Plan) -> bytes | Reason:
    try:
        return oracle.deidentify(data, plan, KEYS)
    except oracle.OracleRefused as refused:
        return refused.reason


def plain(outcome: bytes | Reason) -> bytes | Reason:
    """Two correct deflaters may differ in bytes."""
    return outcome if isinstance(outcome, Reason) else oracle.inflated(outcome)


# What the generator also makes and every plan refuses: sequences under another VR, SOP classes that are no UID.
ILL_FORMED = (Reason.VR_MISMATCH, Reason.BAD_SOP_CLASS)


@settings(max_examples=1500)
@given(generators)
def test_engine_and_oracle_agree(rng: random.Random) -> None:
    data, plan = generate.instance(rng), generate.plan(rng)
    assert plain(engine(data, plan)) == plain(judge(data, plan))


@settings(max_examples=300)
@given(generators)
def test_no_edits_no_change(rng: random.Random) -> None:
    data = generate.instance(rng)
    found = engine(data, KEEP_ALL)
    assume(found not in ILL_FORMED)
    assert isinstance(found, bytes)
    old, new = oracle.read(data), oracle.read(found)
    assert old.data[old.start :] == new.data[new.start :]


@settings(max_examples=300)
@given(generators)
def test_twice_is_once(rng: random.Random) -> None:
    """A de-identified instance is a fixed point of a plan that maps no UIDs and resets nothing."""
    data, plan = generate.instance(rng), generate.plan(rng)
    calm = {Verb.REGEN_UID: Verb.KEEP, Verb.RESET: Verb.KEEP}
    rules = tuple(replace(rule, verb=calm.get(rule.verb, rule.verb)) for rule in (*plan.rules, plan.default))
    plan = replace(plan, rules=rules[:-1], default=rules[-1])
    once = engine(data, plan)
    # A creator may go and its block stay; an unknown sequence that was emptied no longer shows that it is one.
    if isinstance(once, bytes) and not any(rule.creator or rule.vr in ("SQ", "UN") for rule in rules):
        assert plain(engine(once, plan)) == plain(once)


def collect(elements: list[oracle.Element]) -> list[bytes]:
    """All UIDs of a data set, at every depth, in the order they stand."""
    found = []
    for element in elements:
        if element.read_items:
            found += [uid for item in element.read_items() for uid in collect(item.read_elements())]
        elif element.vr == "UI" and element.tag & 0xFFFF:  # group lengths go
            found += [uid.strip(b"\0 ") for uid in element.value.split(b"\\")]
    return found


@settings(max_examples=300)
@given(generators)
def test_references_are_closed(rng: random.Random) -> None:
    """One source UID becomes one new UID wherever it stands; what the standard registers and what is empty stays."""
    data = generate.instance(rng)
    found = engine(data, Plan((Rule(Verb.REGEN_UID, "test", 0, 0, "UI"),), KEEP_ALL.default))
    assume(found not in ILL_FORMED)
    assert isinstance(found, bytes)
    old, new = collect(oracle.read(data).elements), collect(oracle.read(found).elements)
    mapping = dict(zip(old, new, strict=True))
    assert [mapping[uid] for uid in old] == new
    assert all(uid == mapping[uid] for uid in old if not uid or uid.startswith(b"1.2.840.10008."))
    changed = {uid for uid in old if uid != mapping[uid]}
    assert all(mapping[uid].startswith(b"2.25.") and len(mapping[uid]) <= 64 for uid in changed)
    assert len({mapping[uid] for uid in changed}) == len(changed)


@settings(max_examples=1500)
@given(generators)
def test_damaged_bytes_are_judged_alike(rng: random.Random) -> None:
    """Both accept and agree, or both refuse; nothing crashes."""
    data, plan = generate.damage(rng, generate.instance(rng)), generate.plan(rng)
    found, expected = engine(data, plan), judge(data, plan)
    assert isinstance(found, Reason) == isinstance(expected, Reason), (found, expected)
    if not isinstance(found, Reason):
        assert plain(found) == plain(expected)
