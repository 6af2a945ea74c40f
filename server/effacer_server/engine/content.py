"""Content trees: what becomes of each item by the concept it states. Source: PS3.15 §E.3.4.

A plan with content rules opens some sequences (of content items, of acquisition context) instead of emptying them.
Below those, an item names its concept in ConceptNameCodeSequence, and the rule for that concept decides on the item or
on its own value; nested content items are judged on their own. Where no rule knows the concept, free text and names go
and the plan's rules decide on everything else; of what no rule names, dates and times go too, and the meanings of codes
of private schemes ("99…", or none), since those are the sender's free text. Without the option all of it would be gone.

Items are referred to by their place in the tree. In a tree where that happens an item that would go stays as an empty
place, or the reference would point to another one. Source: PS3.3 §C.17.3.2.5.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from effacer_server.dicom import core
from effacer_server.dicom.core import Matcher, Meta, Source
from effacer_server.dicom.facts import tag_of, vr_of
from effacer_server.policy.plan import ContentRule, Plan, Verb

#: The reason of the rules that open sequences of content items.
OPENED_BY = "options.clean_structured_content"

Override = tuple[int, int, int]
_Row = tuple[
    int, str, int, int, int, int, int, int
]  # tag, VR, depth, first byte, value's first byte, bytes, verb, rule

_ITEM = 0xFFFEE000
_NAME = tag_of("ConceptNameCodeSequence")
_CONTENT = tag_of("ContentSequence")
_CODES = tuple(map(tag_of, ("CodeValue", "LongCodeValue", "URNCodeValue")))
_SCHEME = tag_of("CodingSchemeDesignator")
_TYPE = tag_of("ValueType")
_MEANING = tag_of("CodeMeaning")
_BY_PLACE = tag_of("ReferencedContentItemIdentifier")
# What an empty place keeps: the reference needs an item there, and readers the form of one.
_FORM = frozenset(map(tag_of, ("RelationshipType", "ValueType", "ConceptNameCodeSequence", "ContinuityOfContent")))
_TIMES = frozenset(("DA", "DT", "TM"))
# VRs in which anybody's words may stand. Source: PS3.5 Table 6.2-1.
_TEXTS = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))
# Coding scheme designators that begin so are private. Source: PS3.3 §8.2.
_PRIVATE_SCHEME = "99"
_RECURSE, _RESET, _KEEP = (
    int(Verb.RECURSE),
    int(Verb.RESET),
    int(Verb.KEEP),
)  # looked at for every element: plain numbers are faster
# A longer code or designator is none of the table's.
_MOST_BYTES = 256

# Where an item holds its value, by its value type. Source: PS3.3 §C.17.3, §C.18, §C.7.6.14 (NumericValue). References
# to instances (0008,1199) are no value here: UIDs follow the plan's rules everywhere, or they would dangle.
_VALUES = {
    "TEXT": ("TextValue", "UnformattedTextValue"),
    "PNAME": ("PersonName",),
    "DATE": ("Date",),
    "TIME": ("Time",),
    "DATETIME": ("DateTime",),
    "UIDREF": ("UID",),
    "CODE": ("ConceptCodeSequence",),
    "NUM": ("MeasuredValueSequence", "NumericValue"),
}
_TYPE_BY_TAG = {tag_of(keyword): kind for kind, keywords in _VALUES.items() for keyword in keywords}
_READ = frozenset((*_TYPE_BY_TAG, *_CODES, _SCHEME, _TYPE, _MEANING, _BY_PLACE))
_SEQUENCES = frozenset(tag for tag in _TYPE_BY_TAG if vr_of(tag) == "SQ")

# Of several rules for one concept the first of these holds.
_STRICTEST = (Verb.DELETE, Verb.RESET, Verb.REGEN_UID, Verb.SHIFT_DATE, Verb.KEEP)


@dataclass(slots=True)
class _Item:
    """An item below a sequence that content rules open.

    Attributes:
        at, end: its first byte, and where its content ends.
        opener: index of the rule that opened the sequence.
        sequence: first byte of the content sequence it is an item of; 0 where it is another one.
        names: scheme and code values of each item of its ConceptNameCodeSequence; a code may stand in three attributes.
        value_type: what the item says it is, or "".
        values: the elements that hold its value: (tag, VR, first byte).
        depth: of its elements.
    """

    at: int
    end: int
    opener: int
    sequence: int
    depth: int
    names: list[list[str]] = field(default_factory=list)
    value_type: str = ""
    values: list[tuple[int, str, int]] = field(default_factory=list)


class ContentRules:
    """The content rules of a plan, ready to be applied; threads share them."""

    def __init__(self, plan: Plan) -> None:
        self._concepts: dict[tuple[str, str], list[tuple[int, ContentRule]]] = {}
        for index, rule in enumerate(plan.content, len(plan.rules)):
            self._concepts.setdefault((rule.code, rule.scheme), []).append((index, rule))
        # An action that enters a sequence names nothing in it.
        self._actions = frozenset(
            at
            for at, rule in enumerate(plan.rules)
            if rule.because.startswith("actions[") and rule.verb is not Verb.RECURSE
        )
        openers = [(rule.tag, at) for at, rule in enumerate(plan.rules) if rule.because == OPENED_BY]
        self._openers = {tag: at for tag, at in reversed(openers) if plan.rules[at].verb is Verb.RECURSE}
        self._opened = sorted(self._openers)

    def overrides(self, source: Source, meta: Meta, matcher: Matcher) -> list[Override]:
        """What they decide, for `core.scan`: (offset, verb, rule index), ascending.

        Actions of the config come first, here as everywhere: what they name is left to them, and so is all that a kept,
        emptied, reset or deleted sequence holds. Indexes go on behind those of the plan's other rules.

        Args:
            source, meta: the instance.
            matcher: the plan, compiled for it.

        Raises:
            Refused: as core.scan.
        """
        if not self._opened:
            return []
        # What the walk with the plan alone decides on the sequences to open and in them.
        rows = core.scan(source, meta, matcher, trace=True).decisions(self._opened)
        if not rows:
            return []
        if any(row[0] == _NAME and _is_hidden(row) for row in rows):
            rows = _with_all_names(source, meta, rows)
        found: list[Override] = []
        going: dict[int, list[Override]] = {}  # by first byte of a content sequence: its items that go
        items, others, by_place = self._items(source, rows)
        starts = [row[3] for row in rows]
        for item in items.values():
            decided = list(_judge(item, self._rule_for(item)))
            if decided and decided[0][0] == item.at and by_place:
                inside = rows[bisect_right(starts, item.at) : bisect_left(starts, item.end)]
                found += _emptied(item, decided[0][2], inside)
            elif item.sequence and decided and decided[0][0] == item.at:
                going.setdefault(item.sequence, []).extend(decided)
            else:
                found += decided
        there = Counter(item.sequence for item in items.values())
        for sequence, decided in going.items():
            # Without items there may be no content sequence either: it is of type 1C. Source: PS3.3 §C.17.3.1.
            all_go = len(decided) == there[sequence]
            found += [(sequence, int(Verb.DELETE), decided[0][2])] if all_go else decided
        # Of two decisions the one about the item comes first.
        return sorted({override[0]: override for override in (*others, *found)}.values())

    def _items(self, source: Source, rows: list[_Row]) -> tuple[dict[int, _Item], list[Override], bool]:
        """Every item that the rules reach, by its first byte and in the order of the file; what is decided about other
        elements in them; whether items are referred to by their place.
        """
        read, text_of, openers = source.read, core.text_of, self._openers
        items: dict[int, _Item] = {}
        names: dict[int, list[str]] = {}  # items of ConceptNameCodeSequence, by first byte
        schemes: dict[int, str] = {}  # of items that hold a code, by first byte
        item_at: dict[int, int] = {}  # by depth: first byte of the item around
        element_at: dict[int, _Row] = {}  # by depth: the sequence before
        others: list[Override] = []
        by_place = False
        for row in rows:
            tag, vr, depth, at, value_at, size, verb, rule = row
            if tag == _ITEM:
                item_at[depth] = at
                sequence, _, _, sequence_at, *_, sequence_verb, _ = element_at[depth - 1]
                around = items.get(item_at.get(depth - 1, -1))
                if around and at >= around.end:
                    around = None  # the item around this one is not among the rows
                if around and sequence == _NAME:
                    names[at] = [""]
                    around.names.append(names[at])
                opener = around.opener if around else openers.get(sequence, -1)
                if opener >= 0 and verb == _RECURSE and sequence_verb != _RESET:
                    items[at] = _Item(at, value_at + size, opener, sequence_at if sequence == _CONTENT else 0, depth)
                continue
            if vr == "SQ":
                element_at[depth] = row
            here = item_at.get(depth, -1)
            if (
                rule == -1
                and verb == _KEEP
                and here in items
                and (vr in _TIMES or (vr != "SQ" and vr_of(tag) in _TIMES))
            ):
                others.append((at, _RESET, items[here].opener))
            if tag not in _READ:
                continue
            if tag in _TYPE_BY_TAG:
                if here in items and rule not in self._actions:
                    items[here].values.append((tag, vr, at))
            elif tag == _BY_PLACE:
                by_place |= here in items
            elif tag == _MEANING:
                scheme = schemes.get(here, "")
                if here in items and rule == -1 and verb == _KEEP and (not scheme or scheme[:2] == _PRIVATE_SCHEME):
                    others.append((at, _RESET, items[here].opener))
            elif size > _MOST_BYTES:
                continue
            elif tag == _TYPE:
                if here in items:
                    items[here].value_type = text_of(read(value_at, size))
            elif tag == _SCHEME or here in names:
                text = text_of(read(value_at, size))
                if tag == _SCHEME:
                    schemes[here] = text
                if tag == _SCHEME and here in names:
                    names[here][0] = text
                elif text and here in names:
                    names[here].append(text)
        return items, others, by_place

    def _rule_for(self, item: _Item) -> tuple[int, ContentRule] | None:
        pairs = [(code, scheme) for scheme, *codes in item.names for code in codes]
        known = [rule for pair in pairs for rule in self._concepts.get(pair, ())]
        if max(len(item.names), len(pairs)) > 1:  # nobody knows which one is meant: only rules that take away hold
            known = [rule for rule in known if rule[1].verb in (Verb.DELETE, Verb.RESET)]
        if not known:
            return None
        typed = [rule for rule in known if rule[1].value_type == item.value_type]
        return min(typed or known, key=lambda rule: _STRICTEST.index(rule[1].verb))


def _is_hidden(row: _Row) -> bool:
    """Whether the walk does not enter this sequence."""
    return row[6] in (Verb.DELETE, Verb.REMOVE) or (row[6] == Verb.KEEP and row[7] >= 0)


def _with_all_names(source: Source, meta: Meta, rows: list[_Row]) -> list[_Row]:
    """Names count whatever becomes of them: with what is in those that an action keeps, empties or deletes."""
    decided = {row[3]: row[6:] for row in rows}
    out: list[_Row] = []
    hidden = -1  # depth of a name that is not in the rows with its items
    for row in core.elements(source, meta):
        if row[2] <= hidden:
            hidden = -1
        if row[3] in decided:
            out.append((*row, *decided[row[3]]))
            if row[0] == _NAME and _is_hidden(out[-1]):
                hidden = row[2]
        elif hidden >= 0:
            out.append((*row, int(Verb.DELETE), -1))
    return out


def _emptied(item: _Item, index: int, inside: list[_Row]) -> Iterable[Override]:
    """What makes an item an empty place: all it holds is reset but its form. `inside`: the rows of what it holds."""
    for tag, _, depth, at, _, _, verb, _ in inside:
        if depth == item.depth and tag not in _FORM and verb != Verb.DELETE:
            yield at, _RESET, index


def _judge(item: _Item, chosen: tuple[int, ContentRule] | None) -> Iterable[Override]:
    index, rule = chosen or (item.opener, None)
    if rule is not None and rule.verb is Verb.DELETE:
        yield item.at, Verb.DELETE, index
        return
    for tag, vr, at in item.values:
        verb = _verb(_TYPE_BY_TAG[tag], rule)
        if verb is Verb.KEEP and tag in _SEQUENCES:
            verb = Verb.RECURSE  # K leaves a sequence, but what is in it is cleaned. Source: PS3.15 Table E.1-1a
        elif verb is Verb.KEEP and _is_other_text(tag, vr):
            verb = Verb.RESET
        if verb is not None:
            yield at, verb, index


def _is_other_text(tag: int, vr: str) -> bool:
    """Text, or a name, under a tag that is for something else: as for rules that keep an attribute (plan.Rule)."""
    known = vr_of(tag)
    return vr in _TEXTS and vr != known and (vr == "PN" or known not in _TEXTS)


def _verb(kind: str, rule: ContentRule | None) -> Verb | None:
    """What happens to a value of this kind; None: the plan's rules say."""
    if rule is not None:
        if rule.verb is Verb.RESET:
            return Verb.RESET
        if rule.verb is Verb.REGEN_UID:
            return Verb.REGEN_UID if kind == "UIDREF" else Verb.RESET
        if rule.verb is Verb.SHIFT_DATE and kind in ("DATE", "DATETIME", "TIME"):
            return Verb.SHIFT_DATE
        # A rule that leaves something leaves what its value type names: text under the concept of a time is not meant.
        if rule.value_type in ("", kind):
            return Verb.KEEP if rule.verb is Verb.KEEP else Verb.RESET
    return Verb.RESET if kind in ("TEXT", "PNAME") else None
