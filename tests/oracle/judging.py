"""The oracle's decisions: which rule holds for an element, what a compound code comes to, what a content item is."""

from __future__ import annotations

from effacer_server.dicom import facts
from effacer_server.policy.plan import ContentRule, Plan, Rule, Verb
from tests.oracle.reading import Element

CLEAN_CONTENT = "options.clean_structured_content"
CONCEPT_NAME, VALUE_TYPE, SCHEME = 0x0040A043, 0x0040A040, 0x00080102
CODE_VALUES = (0x00080100, 0x00080119, 0x00080120)
# What holds the value of a content item, by value type; references to instances (0008,1199) are the plan's matter.
# Source: PS3.3 Table C.17-5, Table C.18.1-1; §10.2 (acquisition context); §C.10.10 (waveform annotation).
VALUES = {
    0x0040A120: "DATETIME",
    0x0040A121: "DATE",
    0x0040A122: "TIME",
    0x0040A123: "PNAME",
    0x0040A124: "UIDREF",
    0x0040A160: "TEXT",
    0x00700006: "TEXT",
    0x0040A168: "CODE",
    0x0040A300: "NUM",
    0x0040A30A: "NUM",
}
TEXTS = ("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")
CODE_MEANING, BY_PLACE = 0x00080104, 0x0040DB73
# What an item keeps whose place alone is needed: RelationshipType, ValueType, its concept's name, ContinuityOfContent.
FORM = (0x0040A010, VALUE_TYPE, CONCEPT_NAME, 0x0040A050)
# Of several rules for one concept and value type the first of these holds.
STRICT = (Verb.DELETE, Verb.RESET, Verb.REGEN_UID, Verb.SHIFT_DATE, Verb.KEEP)
# What the choices of a code leave: nothing, the bare element, a value. Source: PS3.15 Table E.1-1a.
# Around a private creator nothing counts that shows nothing.
BLANKS = "".join(map(chr, range(0x21)))
LEAVES = {"X": 0, "Z": 1, "D": 2, "U": 2, "U*": 2}
NEEDS = {"1": 2, "1C": 2, "2": 1, "2C": 1, "3": 0}


def private_creators(elements: list[Element]) -> dict[int, str]:
    """(group << 16 | block) -> creator, of one data set. Source: PS3.5 §7.8.1."""
    return {
        (e.tag & 0xFFFF0000) | (e.tag & 0xFF): e.value.decode("latin-1").strip(BLANKS)
        for e in elements
        if e.tag >> 16 & 1 and 0x0010 <= e.tag & 0xFFFF <= 0x00FF and not e.read_items
    }


def creator_of(tag: int, creators: dict[int, str]) -> tuple[str | None, str | None]:
    """(the creator that the element names, the one whose block it stands in), where it does."""
    private, number = bool(tag >> 16 & 1), tag & 0xFFFF
    own = creators.get(tag) if private and 0x0010 <= number <= 0x00FF else None
    return own, creators.get((tag & 0xFFFF0000) | (number >> 8)) if private and number >= 0x1000 else None


def decide(plan: Plan, tag: int, vr: str, own: str | None, block: str | None) -> Rule:
    """The rule that decides one element, in the words of plan.Rule; its verb already that of a kept creator."""
    for rule in plan.rules:
        if not rule.creator:
            if tag & rule.mask == rule.tag and rule.vr in ("", vr):
                return rule
        elif own is not None:
            if rule.creator == own and rule.verb != Verb.DELETE and tag >> 16 == rule.tag >> 16:
                return Rule(Verb.KEEP, rule.because)
        elif block == rule.creator and tag & rule.mask & 0xFFFF00FF == rule.tag & 0xFFFF00FF and rule.vr in ("", vr):
            return rule
    return plan.default


def settle(rule: Rule, sop_class: str, path: tuple[int, ...]) -> Verb:
    """The verb of a rule for an element right below the sequences of `path`.

    A compound code is the weakest of its choices that leaves what the attribute's type there asks for, else its
    strongest one; below the root, references that must not go stay with new UIDs. At the root of a known IOD, what no
    module holds is an extension of type 3 (PS3.2 §3.11). Where the tables cannot tell, the rule's own verb.
    """
    if not rule.code:
        return rule.verb
    kind = facts.attribute_type(sop_class, rule.tag, path)
    if kind is None:
        if path or not facts.knows_types(sop_class, rule.tag):
            return rule.verb
        kind = "3"
    choices = sorted(rule.code.split("/"), key=LEAVES.__getitem__)
    code = next((choice for choice in choices if LEAVES[choice] >= NEEDS[kind]), choices[-1])
    if path and code == "Z" and "U*" in choices:
        code = "U*"
    if code in ("U", "U*"):
        return Verb.RECURSE if facts.vr_of(rule.tag) == "SQ" else Verb.REGEN_UID
    return {"X": Verb.DELETE, "Z": Verb.REMOVE, "D": Verb.RESET}[code]


def opened(plan: Plan) -> set[int]:
    """Tags of the sequences whose items the content rules judge."""
    return {rule.tag for rule in plan.rules if rule.because == CLEAN_CONTENT and rule.verb == Verb.RECURSE}


def judge_item(plan: Plan, elements: list[Element]) -> dict[int, Verb] | None:
    """Verbs for the value elements of an item below a sequence open to the content rules; None: the item goes whole.

    They come before every rule but an action's. Elements without one follow the plan.
    """
    concept = next((e for e in elements if e.tag == CONCEPT_NAME and e.read_items), None)
    items = [item.read_elements() for item in concept.read_items()] if concept and concept.read_items else []
    names = [name for item in items for name in _codes(item)]
    sure = max(len(items), len(names)) <= 1
    rule = _rule_for(plan, names, sure, next((_text(e) for e in elements if e.tag == VALUE_TYPE), ""))
    free_text: dict[int, Verb] = {tag: Verb.RESET for tag, kind in VALUES.items() if kind in ("TEXT", "PNAME")}
    if rule is None:
        return free_text
    if rule.verb == Verb.DELETE:
        return None
    if rule.verb == Verb.KEEP:
        kept = {tag for tag, kind in VALUES.items() if rule.value_type in ("", kind)}
        # Keeping a sequence means cleaning what is in it. Source: PS3.15 Table E.1-1a.
        return free_text | {tag: Verb.RECURSE if tag in (0x0040A168, 0x0040A300) else Verb.KEEP for tag in kept}
    if rule.verb == Verb.SHIFT_DATE:
        verbs = free_text
        for tag, kind in VALUES.items():
            if kind in ("DATE", "DATETIME", "TIME"):
                verbs[tag] = Verb.SHIFT_DATE
            elif rule.value_type in ("", kind):
                verbs[tag] = Verb.RESET
        return verbs
    uids = Verb.REGEN_UID if rule.verb == Verb.REGEN_UID else Verb.RESET
    return {tag: uids if kind == "UIDREF" else Verb.RESET for tag, kind in VALUES.items()}


def _rule_for(plan: Plan, names: list[tuple[str, str]], sure: bool, value_type: str) -> ContentRule | None:
    """The strictest rule for the concept, those for the item's own value type before others."""
    known = [rule for rule in plan.content if (rule.code, rule.scheme) in names]
    if not sure:
        known = [rule for rule in known if rule.verb in (Verb.DELETE, Verb.RESET)]
    typed = [rule for rule in known if rule.value_type == value_type]
    return min(typed or known, key=lambda rule: STRICT.index(rule.verb), default=None)


def _codes(elements: list[Element]) -> list[tuple[str, str]]:
    values = {e.tag: _text(e) for e in elements}
    return [(values[tag], values.get(SCHEME, "")) for tag in CODE_VALUES if values.get(tag)]


def _text(element: Element) -> str:
    return element.value.rstrip(b"\0 ").lstrip(b" ").decode("ascii", "replace")


def is_action(rule: Rule) -> bool:
    """Whether the caller asked for it by name: that comes before options and the profile. Entering names nothing."""
    return rule.because.startswith("actions[") and rule.verb != Verb.RECURSE


def nobody_vouches(elements: list[Element], element: Element) -> bool:
    """Whether an element that no rule names goes all the same in a tree that content rules opened: dates and times, and
    what the sender says of codes of its own.
    """
    if element.tag == CODE_MEANING:
        scheme = next((_text(e) for e in elements if e.tag == SCHEME and len(e.value) <= 256), "")
        return scheme == "" or scheme.startswith("99")
    return not {element.vr, facts.vr_of(element.tag)}.isdisjoint(("DA", "DT", "TM")) and not element.read_items


def keeps_attribute(rule: Rule) -> bool:
    """Whether a rule keeps an attribute for what it is."""
    named = rule.because.startswith(("actions[", "dicom."))
    return not (named or rule.mask != 0xFFFFFFFF or rule.vr or rule.tag >> 16 & 1)


def is_other_text(tag: int, vr: str) -> bool:
    """Whether this is text in the place of something else."""
    known = facts.vr_of(tag)
    return vr in TEXTS and known not in ("", "UN", vr) and (vr == "PN" or known not in TEXTS)
