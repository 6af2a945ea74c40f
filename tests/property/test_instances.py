"""Random data sets under random plans: the engine and the oracle give the same bytes, or refuse alike."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from effacer_server.dicom import facts
from effacer_server.errors import Reason
from effacer_server.policy.plan import Keys, Plan, Rule, Verb
from tests import mixes, oracle
from tests.property import generate
from tests.property.agreement import KEYS, MD5, engine, judge, plain

KEEP_ALL = Plan((), Rule(Verb.KEEP, "test", 0, 0))
OTHER = Keys(bytes(range(1, 33)), "1.2.826.0.1.3680043.", bytes(range(2, 34)))
generators = st.integers(0, 2**64 - 1).map(random.Random)


# What the generator also makes and every plan refuses: sequences under another VR, SOP classes that are no UID.
ILL_FORMED = (Reason.VR_MISMATCH, Reason.BAD_SOP_CLASS)


@settings(max_examples=1500)
@given(generators)
def test_engine_and_oracle_agree(rng: random.Random) -> None:
    data, plan, keys = generate.instance(rng), generate.plan(rng), rng.choice([KEYS, KEYS, MD5, OTHER])
    assert plain(engine(data, plan, keys)) == plain(judge(data, plan, keys))


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
    calm = dict.fromkeys([Verb.REGEN_UID, Verb.RESET, Verb.SHIFT_DATE], Verb.KEEP)
    rules = tuple(replace(r, verb=calm.get(r.verb, r.verb), code="") for r in (*plan.rules, plan.default))
    content = tuple(replace(rule, verb=Verb.DELETE) for rule in plan.content)
    plan = replace(plan, rules=rules[:-1], default=rules[-1], content=content)
    once = engine(data, plan)
    # A creator may go and its block stay; an unknown sequence that was emptied no longer shows that it is one.
    if isinstance(once, bytes) and not any(rule.creator or rule.vr in ("SQ", "UN") for rule in rules):
        assert plain(engine(once, plan)) == plain(once)


def collect(elements: list[oracle.Element]) -> list[bytes]:
    """All UIDs of a data set, at every depth, as they stand; not group lengths, nor names of things of the standard."""
    found = []
    for element in elements:
        if element.read_items:
            found += [uid for item in element.read_items() for uid in collect(item.read_elements())]
        elif element.vr == "UI" and element.tag & 0xFFFF and facts.uid_role(element.tag) != "standard":
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
    """Both accept and agree, or both refuse; nothing crashes.

    To judge content the engine may have to read what the oracle can do without, and find the damage there.
    """
    data, plan = generate.damage(rng, generate.instance(rng)), generate.plan(rng)
    found, expected = engine(data, plan), judge(data, plan)
    if isinstance(expected, Reason) or not plan.content:
        assert isinstance(found, Reason) == isinstance(expected, Reason), (found, expected)
    if not isinstance(found, Reason):
        assert plain(found) == plain(expected)


@settings(max_examples=300)
@given(generators)
def test_the_key_decides(rng: random.Random) -> None:
    """The same key gives the same output, another one other UIDs and, mostly, other dates."""
    data, plan = generate.instance(rng), generate.plan(rng)
    found = engine(data, plan)
    assert engine(data, plan) == found
    elsewhere = engine(data, plan, Keys(bytes(range(1, 33))))
    assert isinstance(elsewhere, Reason) == isinstance(found, Reason)
    if isinstance(found, bytes) and isinstance(elsewhere, bytes):
        old = {uid for uid in collect(oracle.read(data).elements) if uid}
        mine, theirs = ({*collect(oracle.read(o).elements)} - old for o in (found, elsewhere))
        made = {uid for uid in mine if uid.startswith(b"2.25.")}
        assert made.isdisjoint(theirs)


@settings(max_examples=300)
@given(generators)
def test_outputs_can_be_deidentified_again(rng: random.Random) -> None:
    """With the same config, any number of times: what we wrote we read. Creators that went may leave others behind."""
    data, plan = generate.instance(rng), generate.plan(rng)
    once = engine(data, plan)
    assume(isinstance(once, bytes))
    assert isinstance(once, bytes)
    twice = engine(once, plan)
    assert isinstance(twice, bytes), twice


@settings(max_examples=200)
@given(generators)
def test_basic_leaves_no_token(rng: random.Random) -> None:
    """Names planted in a random data set under the identifying attributes of the table, at random places."""
    data, tokens = generate.planted(rng)
    edition = rng.choice(mixes.EDITIONS)
    found = engine(data, mixes.plan(mixes.config(edition=edition)))
    assume(isinstance(found, bytes))
    assert not [token for token in tokens if token in plain(found)]


@settings(max_examples=60)
@given(generators)
def test_references_between_instances_are_closed(rng: random.Random) -> None:
    """Every reference to an instance of a set points to what became of it; those outside follow the same mapping."""
    sources = generate.related(rng)
    plan = mixes.plan(rng.choice(CLOSED))
    found = [engine(data, plan) for data in sources]
    outputs = [oracle.read(output).elements for output in found if isinstance(output, bytes)]
    assert len(outputs) == len(sources)
    before = [oracle.read(data).elements for data in sources]
    pairs = list(zip(before, outputs, strict=True))
    new = {uid_of(old, tag): uid_of(out, tag) for old, out in pairs for tag in generate.PRIMARY}
    assert all(old != changed for old, changed in new.items())
    for old, out in pairs:
        left = references(old), references(out)
        assert all(uid not in new for uid in left[1]), "an old name of an instance is left"
        kept = [new.get(uid, uid) for uid in left[0]]
        assert {uid for uid in left[1] if uid in new.values()} <= {*kept}
    named = {uid for out in outputs for uid in references(out)}
    assert named & {*new.values()}, "no reference is left to judge"


CLOSED = [text for name, text in mixes.named() if "Uids" not in name and "minimal" not in name]


def uid_of(elements: list[oracle.Element], tag: int) -> bytes:
    return next(element.value.strip(b"\0 ") for element in elements if element.tag == tag)


def references(elements: list[oracle.Element]) -> list[bytes]:
    """UIDs in attributes that refer to a study, a series or an instance, or are one's own name."""
    found = []
    for element in elements:
        if element.read_items:
            found += [uid for item in element.read_items() for uid in references(item.read_elements())]
        elif facts.uid_role(element.tag) in ("primary", "reference"):
            found += [uid.strip(b"\0 ") for uid in element.value.split(b"\\")]
    return found
