"""A plan as the contract prints it: every rule with its reason, and what it does in words."""

from __future__ import annotations

from effacer.v1 import deidentify_service_pb2 as pb
from effacer_server.dicom import facts
from effacer_server.policy.plan import EXACT, ContentRule, Plan, Rule, Stamp, Verb

_WORDS = {
    Verb.KEEP: "stays as it is",
    Verb.DELETE: "is deleted",
    Verb.REMOVE: "stays without a value",
    Verb.RESET: "gets a placeholder that is valid for its VR",
    Verb.REGEN_UID: "gets a new UID, the same one for the same source UID everywhere",
    Verb.CLEAN_TEXT: "is inspected, and sensitive text in it transformed",
    Verb.CLEAN_IMAGE: "is inspected, and text burned into it painted over",
    Verb.RECURSE: "stays, and the rules decide about every element in it",
    Verb.SHIFT_DATE: "is moved by the patient's number of days if it is a date, stays if it is a time, or goes",
}
# What the letters of a compound code do. Source: PS3.15 Table E.1-1a.
_CODE_WORDS = {"X": "is deleted", "Z": "stays without a value", "D": "gets a placeholder", "U*": "gets new UIDs"}
_CODE_WORDS |= {"U": "gets a new UID", "K": "stays as it is", "C": "is cleaned"}


def explain(plan: Plan) -> pb.ExplainConfigResponse:
    """The whole plan."""
    return pb.ExplainConfigResponse(
        plan_fingerprint=plan.fingerprint(),
        edition=plan.edition,
        rules=[_rule(rule) for rule in plan.rules],
        default_rule=_rule(plan.default),
        stamps=[_stamp(stamp) for stamp in plan.stamp],
        notes=plan.notes,
        text=plan.dump(),
        content_rules=[_content(rule) for rule in plan.content],
    )


def action_of(verb: Verb | None) -> str:
    """The contract's name for a verb; None stands for what the server writes itself."""
    return f"ELEMENT_ACTION_{'STAMP' if verb is None else verb.name}"


def _rule(rule: Rule) -> pb.PlanRule:
    return pb.PlanRule(
        selector=_selector(rule.tag, rule.mask),
        keyword=facts.keyword_of(rule.tag) if rule.mask == EXACT else "",
        vr=rule.vr,
        creator=rule.creator,
        action=action_of(rule.verb),
        code=rule.code,
        because=rule.because,
        words=_words(rule),
    )


def _words(rule: Rule) -> str:
    if not rule.code:
        return _WORDS[rule.verb]
    choices = ", ".join(f"{letter} {_CODE_WORDS[letter]}" for letter in rule.code.split("/"))
    return f"by its type in the SOP class: {choices}; where that is not known, it {_WORDS[rule.verb]}"


def _content(rule: ContentRule) -> pb.PlanContentRule:
    words = _WORDS[rule.verb]
    return pb.PlanContentRule(
        code=rule.code,
        scheme=rule.scheme,
        value_type=rule.value_type,
        action=action_of(rule.verb),
        because=rule.because,
        words=f"the item {words}, with all it holds" if rule.verb is Verb.DELETE else f"its value {words}",
    )


def _stamp(stamp: Stamp) -> pb.PlanRule:
    return pb.PlanRule(
        selector=_selector(stamp.tag, EXACT),
        keyword=facts.keyword_of(stamp.tag),
        vr=stamp.vr,
        action=action_of(None),
        because=stamp.because,
        words="is written by the server, whatever the instance had: " + _said(stamp),
    )


def _said(stamp: Stamp) -> str:
    """A stamp's value; of a sequence the last text of each item, which is the meaning of its code."""
    if isinstance(stamp.value, str):
        return stamp.value
    return "; ".join(_said(item[-1]) for item in stamp.value if item)


def _selector(tag: int, mask: int) -> str:
    if mask == 0:
        return "any"
    if tag == mask == 0x00010000:
        return "private"
    digits = "".join(f"{tag >> shift & 0xF:X}" if mask >> shift & 0xF == 0xF else "x" for shift in range(28, -4, -4))
    return f"({digits[:4]},{digits[4:]})"
