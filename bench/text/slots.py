"""What the {slots} of templates stand for, and where in the filled text stands what.

Names: {full} "Anna Berg", {FULL}, {last}, {LAST}, {first}, {FIRST}, {last_first} "Berg, Anna", {LAST_FIRST},
{LASTFIRST} "BERG ANNA", {caret} "Berg^Anna", {CARET}, {init} "A. Berg", {native} and {native_caret} in another script,
{groups} a name in two component groups, {LAST_EN} an English one. All Latin names of a string are of one language.
{n:a-b} is a number; the others are in identities.py, moments.py and words.tsv.
"""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.text import templates
from bench.text.identities import NUMBERS
from bench.text.moments import MOMENTS


class Truth(NamedTuple):
    """What identifies in a string: offsets in code points, the infoType, and whether something in it was misread."""

    start: int
    end: int
    info_type: str
    noisy: bool = False


@dataclass(slots=True)
class Filled:
    """A filled template.

    Attributes:
        spans: what identifies.
        either: what may be found or not: "years old" behind an age.
        names: the names in it, as they stand in the lists.
    """

    text: str = ""
    spans: list[Truth] = field(default_factory=list)
    either: list[tuple[int, int]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def add(self, text: str, info_type: str = "") -> None:
        """Text behind what is there."""
        if info_type:
            self.spans.append(Truth(len(self.text), len(self.text) + len(text), info_type))
        self.text += text

    def append(self, other: Filled) -> None:
        """Another filled template behind this one."""
        at = len(self.text)
        self.text += other.text
        self.spans += [one._replace(start=one.start + at, end=one.end + at) for one in other.spans]
        self.either += [(start + at, end + at) for start, end in other.either]
        self.names |= other.names


_PART = re.compile(r"\{([^}]+)\}|~([^~]+)~")
_MACROS = {"mrn_labelled": ("MRN {mrn}", "MRN:{mrn}", "ID {mrn}", "PID {mrn}")}
_ENDINGS = ("com", "org", "net", "de", "fr", "it", "co.uk", "edu", "health")
_URLS = (
    "https://{host}/viewer?study={n}", "http://www.{host}/pacs/{n}", "www.{host}", "https://portal.{host}/p/{n}/images",
    "http://pacs.{host}:8080/wado",
)  # fmt: skip


class Slots:
    """Fills templates of one split."""

    def __init__(self, rng: random.Random, split: str) -> None:
        self._rng, self._split = rng, split
        self._words = templates.words(split)

    def fill(self, template: str, origin: templates.Origin | None = None) -> Filled:
        """Fills a template; names are of `origin`, or of one that is drawn."""
        origin = origin or templates.any_origin(self._rng, self._split)
        filled, at = Filled(), 0
        for part in _PART.finditer(template):
            filled.add(template[at : part.start()])
            at = part.end()
            if part[2]:
                filled.either.append((len(filled.text), len(filled.text) + len(part[2])))
                filled.add(part[2])
            else:
                self._slot(part[1], origin, filled)
        filled.add(template[at:])
        return filled

    def _slot(self, name: str, origin: templates.Origin, filled: Filled) -> None:
        rng = self._rng
        if name in _MACROS:
            filled.append(self.fill(rng.choice(_MACROS[name]), origin))
        elif name.startswith("n:"):
            low, high = name[2:].split("-")
            filled.add(str(rng.randint(int(low), int(high))))
        elif name in NUMBERS or name in MOMENTS:
            info_type, draw = NUMBERS.get(name) or MOMENTS[name]
            filled.add(draw(rng), info_type)
        elif name in self._words:
            words = self._words[name]
            filled.add(rng.choice(words.words), words.info_type)
        elif name.startswith("addr_"):
            filled.add(self._address(name), "STREET_ADDRESS")
        elif name in ("email", "url"):
            self._web(name, origin, filled)
        else:
            self._name(name, origin, filled)

    def _name(self, slot: str, origin: templates.Origin, filled: Filled) -> None:
        rng = self._rng
        if slot.startswith("native") or slot == "groups":
            origin = rng.choice(templates.origins(self._split, "script"))
        elif slot.endswith("_EN"):
            origin = templates.origins(self._split, "english")[0]
        first, last = rng.choice(origin.given), rng.choice(origin.family)
        if origin.kind == "script" and origin.name in ("zh", "ja", "ko"):
            native = last + first
        else:
            native = f"{first} {last}"
        key = slot.removesuffix("_EN")
        forms = {
            "full": f"{first} {last}", "last": last, "first": first, "last_first": f"{last}, {first}",
            "lastfirst": f"{last} {first}", "caret": f"{last}^{first}", "init": f"{first[0]}. {last}",
            "native": native, "native_caret": f"{last}^{first}",
        }  # fmt: skip
        filled.names |= {first} if key.lower() == "first" else {last} if key.lower() == "last" else {first, last}
        if slot == "groups":
            latin = templates.any_origin(rng, self._split)
            romanised = rng.choice(latin.family), rng.choice(latin.given)
            filled.names |= set(romanised)
            filled.add(f"{'^'.join(romanised)}={last}^{first}", "PERSON_NAME")
            return
        text = forms[key.lower()]
        filled.add(text.upper() if key.isupper() else text, "PERSON_NAME")

    def _address(self, slot: str) -> str:
        rng, number = self._rng, self._rng.randint(1, 240)
        street = rng.choice(self._words[{"us": "street", "de": "strasse", "fr": "rue", "it": "via"}[slot[-2:]]].words)
        if slot == "addr_us":
            return f"{rng.randint(10, 9999)} {street}{rng.choice(('', '', f' Apt {rng.randint(1, 40)}'))}"
        return f"{number} {street}" if slot == "addr_fr" else f"{street} {number}"

    def _web(self, slot: str, origin: templates.Origin, filled: Filled) -> None:
        rng = self._rng
        host = f"{rng.choice(self._words['domain'].words)}.{rng.choice(_ENDINGS)}"
        if slot == "url":
            filled.add(rng.choice(_URLS).format(host=host, n=rng.randint(100, 99999)), "URL")
            return
        first, last = rng.choice(origin.given), rng.choice(origin.family)
        filled.names |= {first, last}
        first, last = (re.sub("[^a-z]", "", _ascii(name)) for name in (first, last))
        local = rng.choice((f"{first}.{last}", f"{first[:1]}{last}", f"{last}{rng.randint(1, 99)}", f"{last}_{first}"))
        filled.add(f"{local}@{host}", "EMAIL_ADDRESS")


def _ascii(name: str) -> str:
    """A Latin name as it stands in mail addresses."""
    return unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
