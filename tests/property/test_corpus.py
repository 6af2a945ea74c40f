"""Real files under mixes of profiles, editions, options and actions: engine and oracle agree.

Every file meets the Basic Profile and some of the mixes; all files under all configs are `make proof`.
"""

from __future__ import annotations

from effacer_server.engine.instance import Deidentifier
from effacer_server.errors import Reason
from tests import corpus, mixes, synth
from tests.canary import canaries
from tests.encode import BIG_ENDIAN, IMPLICIT, Style
from tests.property.agreement import KEYS, MD5, difference, judge

CONFIGS = [*mixes.named(), *mixes.sampled(60)]
EACH = 6  # configs for a file, next ones for the next
SMALL = 1 << 20


def test_every_file_agrees() -> None:
    compiled = {name: Deidentifier(mixes.plan(text), KEYS) for name, text in CONFIGS}
    differences, used = [], set()
    for number, (file, data) in enumerate(corpus.instances(SMALL)):
        for step in range(EACH):
            name, text = CONFIGS[(number * EACH + step) % len(CONFIGS)]
            used.add(name)
            if found := difference(data, mixes.plan(text), deidentifier=compiled[name]):
                differences.append(f"{file}: {found}: {name}")
    assert not differences, "\n".join(differences)
    assert len(used) == len(CONFIGS)


def test_synthetic_instances_agree() -> None:
    """Every kind, and tokens in everything the tables name, under every config."""
    made = {
        "ct": synth.ct(1, Style(undefined=True), size=16),
        "sr": synth.sr(2, Style(IMPLICIT), elements=300),
        "enhanced": synth.enhanced_ct(1, Style(BIG_ENDIAN), frames=4, size=8),
        "canaries 2018e": synth.canaries(1).data,
        "canaries latest": canaries(1, Style(IMPLICIT), "latest").data,
    }
    for number, (name, text) in enumerate(CONFIGS):
        for turn, (kind, data) in enumerate(made.items()):
            if turn < 3 or (number + turn) % 12 == 0:  # the last two take the oracle a second
                assert not difference(data, mixes.plan(text)), f"{kind}: {name}"


def test_the_other_derivation_agrees() -> None:
    plan = mixes.plan(mixes.config())
    deidentifier = Deidentifier(plan, MD5)
    for number, (file, data) in enumerate(corpus.instances(SMALL)):
        if number % 4 == 0:
            assert not difference(data, plan, MD5, deidentifier), file


def test_most_files_are_accepted() -> None:
    plan = mixes.plan(mixes.config())
    outcomes = [judge(data, plan) for _, data in corpus.instances(SMALL)]
    accepted = sum(not isinstance(outcome, Reason) for outcome in outcomes)
    assert accepted > 0.6 * len(outcomes), "what is refused proves little"
