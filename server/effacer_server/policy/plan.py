"""What to do with every element, decided once: the compiler writes a Plan, everything after it reads only that.

A Plan is data: frozen, picklable, free of secrets and of element values, so that it can be logged, diffed and sent
to another process. Secrets travel apart from it, in Keys.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Literal


class Verb(IntEnum):
    """What happens to an element; the same numbers in C (core.h)."""

    KEEP = 0  # unchanged, a sequence with all it holds
    DELETE = 1  # absent from the output
    REMOVE = 2  # present with zero length (a sequence: no items)
    RESET = 3  # a placeholder valid for the VR (a sequence: every leaf inside is reset)
    REGEN_UID = 4  # keyed replacement of each UID in the value; UIDs registered in PS3.6 Annex A stay
    CLEAN_TEXT = 5  # inspected and transformed
    CLEAN_IMAGE = 6  # burned-in text painted over
    RECURSE = 7  # a sequence: the whole plan applied to every element of every item
    SHIFT_DATE = 8  # moved by the patient's number of days, in its written form; what is no date gets a placeholder


class Treatment(StrEnum):
    """What takes the place of a finding in a text."""

    KEEP = "keep"  # it stays
    REDACT = "redact"  # nothing
    MASK = "mask"  # a character for each of its own
    HASH = "hash"  # a keyed hash, in base64
    SHIFT_DATE = "shift date"  # a date moved by the patient's number of days
    REPLACE = "replace"  # the name of its infoType, in brackets


#: Secrets by the names that transformations call them.
TextKeys = tuple[tuple[str, bytes], ...]
#: Name of the installation's date key among them: dates in text move with those that an option moves.
DATE_KEY = "dates"

#: InfoTypes whose findings are dates, which alone can be moved.
DATES = ("DATE", "DATE_OF_BIRTH")

#: How new UIDs come from old ones.
Derivation = Literal["hmac", "md5"]

ANY_TAG = 0x00000000
EXACT = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the plan; the first rule that matches an element decides.

    An element matches when `element_tag & mask == tag` and, where given, its VR equals `vr` and its private creator
    equals `creator` (then the mask leaves out the block byte 0x0000FF00, which differs from file to file).

    Attributes:
        verb: what to do; for a compound code the choice that keeps any object valid (used for nested elements and for
            SOP classes the tables do not know).
        because: where the rule comes from: "actions[2].queries[0]", "PS3.15 2018e E.1-1", "options.primary_ids".
        tag: 0xGGGGEEEE already masked; ANY_TAG with mask 0 matches every element.
        mask: bits of the element's tag that must equal `tag`; EXACT for one tag, 0xFF01FFFF for repeating groups (even
            ones), 0x00010000 with tag 0x00010000 for every private element.
        vr: two letters, or "" for any VR.
        creator: private creator (exact, without trailing spaces), or "".
        code: compound code of table E.1-1 ("X/Z/D"), settled by the attribute's type in the SOP class; or "".
    """

    verb: Verb
    because: str
    tag: int = ANY_TAG
    mask: int = EXACT
    vr: str = ""
    creator: str = ""
    code: str = ""

    @property
    def as_attribute(self) -> bool:
        """Whether it keeps an attribute for what the standard says of it, not because the caller named it: text under
        that tag, where the attribute holds none, is something else and gets a placeholder.
        """
        named = self.because.startswith(("actions[", "dicom."))
        return self.verb is Verb.KEEP and self.mask == EXACT and not (named or self.vr or self.tag & 0x00010000)


@dataclass(frozen=True, slots=True)
class ContentRule:
    """What happens to content items of one concept, where a sequence of them is cleaned. Source: PS3.15 §E.3.4.

    Attributes:
        code, scheme: the concept's code value and coding scheme designator, without padding.
        verb: DELETE the item; KEEP, RESET, REGEN_UID or SHIFT_DATE its value.
        because: as in Rule.
        value_type: the table's value type ("TEXT", "PNAME"); for people.
    """

    code: str
    scheme: str
    verb: Verb
    because: str
    value_type: str = ""


@dataclass(frozen=True, slots=True)
class Stamp:
    """An element every output carries at its root, replacing what the instance had under that tag.

    Attributes:
        tag: 0xGGGGEEEE.
        vr: two letters.
        value: text for text VRs (one value); for SQ a tuple of items, each a tuple of Stamp.
        because: as in Rule.
    """

    tag: int
    vr: str
    value: str | tuple[tuple[Stamp, ...], ...]
    because: str = "PS3.15 E.1.1"


@dataclass(frozen=True, slots=True, order=True)
class Transformation:
    """What happens to findings of some infoTypes.

    Attributes:
        treatment: what takes their place.
        because: as in Rule.
        character: MASK writes it.
        key: name of the secret in Keys.text that HASH and SHIFT_DATE use; "" is the operation's own.
    """

    treatment: Treatment
    because: str
    character: str = "*"
    key: str = ""


@dataclass(frozen=True, slots=True)
class TextPlan:
    """What CLEAN_TEXT does.

    Attributes:
        wanted: infoTypes that are looked for, ascending.
        by_type: (infoType, what happens to its findings), ascending.
        default: what happens to those of other infoTypes.
        context: what the instance's identifying elements say is looked for too, and becomes [CTX].
        strict: in prose, words that no vocabulary knows count as names.
    """

    wanted: tuple[str, ...]
    by_type: tuple[tuple[str, Transformation], ...]
    default: Transformation
    context: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The compiled config.

    Attributes:
        rules: first match wins.
        default: verb and reason for what no rule names. A sequence that only the default KEEP reaches is recursed
            into: the rules hold at every nesting depth (PS3.15 E.1.1).
        stamp: elements written into every output, ascending by tag; empty when the config does not de-identify.
        edition: edition of PS3.15 the profile's rows come from ("2018e"), or "".
        notes: remarks for people (for instance that FHIR settings touch nothing here).
        content: rules for content items by their concept; empty when content trees follow `rules` alone.
        file_meta: elements of the source's file meta that stay; the rest of it is written anew for every output.
        text: what CLEAN_TEXT does; None where no rule asks for it.
    """

    rules: tuple[Rule, ...]
    default: Rule
    stamp: tuple[Stamp, ...] = ()
    edition: str = ""
    notes: tuple[str, ...] = field(default=())
    content: tuple[ContentRule, ...] = ()
    file_meta: tuple[Rule, ...] = ()
    text: TextPlan | None = None

    def reason(self, index: int) -> str:
        """Where a decision comes from, by the rule index the native core and the content rules give.

        Args:
            index: of `rules`; from len(rules) up of `content`; -1 the default, -2 what every output carries; any other
                number stands for the structure of the data set (lengths, group lengths).
        """
        if 0 <= index < len(self.rules):
            return self.rules[index].because
        if len(self.rules) <= index < len(self.rules) + len(self.content):
            return self.content[index - len(self.rules)].because
        return {-1: self.default.because, -2: "stamp"}.get(index, "structure")

    def dump(self) -> str:
        """The plan as text, one rule a line; golden files hold it. Never contains a secret or an element value."""
        lines = [f"edition {self.edition or '-'}"]
        lines += [_line(rule) for rule in self.rules]
        lines.append("default " + _line(self.default))
        lines += [
            f"content {rule.code} {rule.scheme} {rule.value_type or '-'} {rule.verb.name}  # {rule.because}"
            for rule in self.content
        ]
        lines += ["file meta " + _line(rule) for rule in self.file_meta]
        lines += [f"stamp ({s.tag >> 16:04X},{s.tag & 0xFFFF:04X}) {s.vr}" for s in self.stamp]
        if self.text is not None:
            wanted = [*self.text.wanted, *(["CTX"] if self.text.context else [])]
            strict = ", strictly" if self.text.strict else ""
            lines.append(f"text looks for {' '.join(wanted) or 'nothing'}{strict}")
            lines += [f"text {name} {_treatment(how)}" for name, how in self.text.by_type]
            lines.append(f"text others {_treatment(self.text.default)}")
        lines += [f"note {note}" for note in self.notes]
        return "\n".join(lines) + "\n"

    def fingerprint(self) -> str:
        """SHA-256 over everything that decides an output, in hex; the same for equal plans in every process."""
        return hashlib.sha256(json.dumps([self.dump(), repr(self.stamp)]).encode()).hexdigest()


def _line(rule: Rule) -> str:
    where = f"({rule.tag >> 16:04X},{rule.tag & 0xFFFF:04X})"
    if rule.mask not in (EXACT, 0):
        where += f"/{rule.mask:08X}"
    if rule.mask == 0:
        where = "any"
    parts = [where, rule.vr or "--", rule.code or rule.verb.name]
    if rule.code:
        parts.append(f"else {rule.verb.name}")
    if rule.creator:
        parts.append(f"creator={rule.creator!r}")
    return " ".join(parts) + f"  # {rule.because}"


def _treatment(how: Transformation) -> str:
    mask = f" {how.character!r}" if how.treatment is Treatment.MASK else ""
    return f"{how.treatment}{mask}{f' key={how.key}' if how.key else ''}  # {how.because}"


@dataclass(frozen=True, slots=True)
class Keys:
    """Secrets of one run, apart from the plan. Never logged, never in metadata.

    Attributes:
        uid: key of the UID mapping, 32 bytes. Same source UID and same key give the same new UID, for ever.
        uid_root: root of new UIDs, at most 24 characters, ends with a dot. Source: PS3.5 §B.2 ("2.25.").
        date: key of the date shift; derived from `uid` when it is not given.
        derivation: "hmac", or "md5" for the unkeyed mapping that an earlier open-source redactor used.
        operation: secret of one operation, for transformations of text that name no key. Empty where no text is.
        text: secrets that the config gives for transformations of text, by name.
    """

    uid: bytes = field(repr=False)
    uid_root: str = "2.25."
    date: bytes = field(default=b"", repr=False)
    derivation: Derivation = "hmac"
    operation: bytes = field(default=b"", repr=False)
    text: TextKeys = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not self.date:
            object.__setattr__(self, "date", hmac.digest(self.uid, b"effacer dates", "sha256"))
