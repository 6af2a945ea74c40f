"""Engine against oracle on one instance: the same bytes, or both refuse for the same reason."""

from __future__ import annotations

from effacer_server.dicom.core import Source
from effacer_server.engine.instance import Deidentifier
from effacer_server.errors import Reason, Refused
from effacer_server.policy.plan import Keys, Plan
from tests import oracle

KEYS = Keys(bytes(range(32)))
MD5 = Keys(bytes(range(32)), derivation="md5")


def engine(data: bytes, plan: Plan, keys: Keys = KEYS) -> bytes | Reason:
    """The engine's whole output, or why it refused."""
    return output(data, Deidentifier(plan, keys))


def output(data: bytes, deidentifier: Deidentifier) -> bytes | Reason:
    """The same of one that is compiled already."""
    try:
        made = deidentifier.deidentify(Source(data))
    except Refused as refused:
        return Reason(refused.reason)
    return b"".join(p if isinstance(p, bytes) else made.source.read(*p) for p in made.segments)


def judge(data: bytes, plan: Plan, keys: Keys = KEYS) -> bytes | Reason:
    """The oracle's whole output, or why it refused."""
    try:
        return oracle.deidentify(data, plan, keys)
    except oracle.OracleRefused as refused:
        return refused.reason


def plain(outcome: bytes | Reason) -> bytes | Reason:
    """Two correct deflaters may differ in bytes."""
    return outcome if isinstance(outcome, Reason) else oracle.inflated(outcome)


def difference(data: bytes, plan: Plan, keys: Keys = KEYS, deidentifier: Deidentifier | None = None) -> str:
    """How the two disagree, in a line without values; "" when they agree."""
    found = plain(output(data, deidentifier or Deidentifier(plan, keys)))
    expected = plain(judge(data, plan, keys))
    if found == expected:
        return ""
    if isinstance(found, Reason) or isinstance(expected, Reason):
        return f"engine {_word(found)}, oracle {_word(expected)}"
    mine, theirs = oracle.read(expected), oracle.read(found)
    for a, b in zip(mine.elements, theirs.elements, strict=False):
        if (a.tag, a.raw) != (b.tag, b.raw):
            return f"engine {b.tag:08X} {b.vr} of {len(b.raw)} bytes, oracle {a.tag:08X} {a.vr} of {len(a.raw)} bytes"
    return f"engine {len(found)} bytes, oracle {len(expected)} bytes"


def _word(outcome: bytes | Reason) -> str:
    return str(outcome) if isinstance(outcome, Reason) else "accepts"
