"""Strings as they stand in DICOM headers, with the truth about each; the same seed gives the same strings.

What is for tuning and what is for reporting share no template, no name and no other word that identifies somebody.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.text import templates
from bench.text.identities import accession, digits, mrn
from bench.text.slots import Filled, Slots, Truth
from bench.text.templates import Origin, Template, any_origin

COUNT = 3000
DESCRIPTORS = 240
#: What the templates write for the VR of words read from pixels.
PIXELS = "OW"

ELEMENT, PROSE, OCR, NEGATIVE = "element", "prose", "ocr", "negative"
#: Share of all strings by kind.
_SHARES = {NEGATIVE: 0.27, PROSE: 0.10, OCR: 0.10, ELEMENT: 0.53}
#: How often a group of templates is drawn; 1 where it is not here.
_WEIGHTS = {
    "name": 8, "PN": 3, "DATE": 3, "AGE": 2, "LOC": 2, "PHONE": 2, "MRN": 2, "mixed": 2,
    "series": 3, "body": 2, "descriptor": 4,
}  # fmt: skip
#: Each character that a reader takes for another one, and for which.
CONFUSED = {
    "0": "O", "O": "0", "1": "lI", "l": "1I", "I": "1l", "5": "S", "S": "5", "8": "B", "B": "8",
}  # fmt: skip
_CONFUSED_SHARE = 0.25
#: A template with few words to fill in comes to its end: so many draws that give nothing new are enough.
_MOST_DRAWS = 60
_LEAST_LETTERS = 5
#: Most characters of a value. Source: PS3.5 Table 6.2-1.
_LONGEST = {"AE": 16, "AS": 4, "DA": 8, "DT": 26, "LO": 64, "SH": 16, "ST": 1024, "TM": 14}


@dataclass(frozen=True, slots=True)
class Sample:
    """One string.

    Attributes:
        vr: of the element it stands in; PIXELS where it was read from pixels.
        kind: ELEMENT, PROSE, OCR, or NEGATIVE, which identifies nobody.
        spans: what identifies, ascending.
        either: what may be found or not.
        foreign: its names are not English ones.
        keys: templates it was made of.
        names: names in it.
    """

    text: str
    vr: str
    kind: str
    spans: tuple[Truth, ...]
    either: tuple[tuple[int, int], ...] = ()
    foreign: bool = False
    keys: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A text and the identifying values of its instance.

    Attributes:
        values: (VR, value).
        spans: (start, end) of what the values make identify; all else must stay.
    """

    text: str
    vr: str
    values: tuple[tuple[str, str], ...]
    spans: tuple[tuple[int, int], ...]
    keys: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()


class _Generator:
    def __init__(self, split: str, seed: int) -> None:
        self.rng = random.Random(f"{seed}/{split}")
        self.split = split
        self.slots = Slots(self.rng, split)
        self.seen: set[str] = set()

    def samples(self, kind: str, count: int) -> list[Sample]:
        """So many different strings of a kind; fewer when the templates come to their end."""
        made: list[Sample] = []
        drawn = self._groups(kind)
        misses = 0
        while len(made) < count and misses < _MOST_DRAWS:
            sample = self._draw(kind, drawn())
            if sample is None or sample.text in self.seen:
                misses += 1
                continue
            misses = 0
            self.seen.add(sample.text)
            made.append(sample)
        return made

    def _groups(self, kind: str) -> Callable[[], Template]:
        """Draws templates: groups by weight, in each the templates in turn."""
        file = {NEGATIVE: "negatives", PROSE: "sentences"}.get(kind, "templates")
        groups = defaultdict[str, list[Template]](list)
        for template in templates.templates(file, self.split):
            if (template.group == "ocr") == (kind == OCR):
                groups[template.group].append(template)
        names = [name for name in groups for _ in range(_WEIGHTS.get(name, 1))]
        turns, at = Counter[str](), Counter[str]()

        def draw() -> Template:
            name = names[turns["all"] % len(names)]
            turns["all"] += 1
            at[name] += 1
            return groups[name][at[name] % len(groups[name])]

        return draw

    def _draw(self, kind: str, template: Template) -> Sample | None:
        origin = any_origin(self.rng, self.split)
        if kind == PROSE:
            return self._report(origin)
        filled = self.slots.fill(template.text, origin)
        vr = self.rng.choice(template.vrs)
        if len(filled.text) > _LONGEST.get(vr, len(filled.text)):
            return None
        if vr == "PN":
            # All of a name element's value is the name: prefix, suffix and what is between.
            filled.spans = [Truth(0, len(filled.text), "PERSON_NAME")]
        if kind == OCR and not self._misread(filled):
            return None
        return self._sample(filled, vr, kind, origin, (template.key,))

    def _report(self, origin: Origin) -> Sample:
        """Sentences: plain ones, and among them one to three that identify somebody."""
        sentences = templates.templates("sentences", self.split)
        plain = [one for one in sentences if one.group == "plain"]
        telling = [one for one in sentences if one.group == "who"], [one for one in sentences if one.group == "what"]
        chosen = [self.rng.choice(telling[0])]
        chosen += self.rng.sample(telling[1], self.rng.randint(0, 2)) + self.rng.sample(plain, self.rng.randint(2, 3))
        self.rng.shuffle(chosen)
        filled = Filled()
        for at, template in enumerate(chosen):
            filled.add(self.rng.choice((" ", " ", "\r\n")) if at else "")
            filled.append(self.slots.fill(template.text, origin))
        return self._sample(filled, self.rng.choice(("LT", "ST", "UT")), PROSE, origin, tuple(t.key for t in chosen))

    def _sample(self, filled: Filled, vr: str, kind: str, origin: Origin, keys: tuple[str, ...]) -> Sample:
        foreign = origin.kind != "english" and bool(filled.names)
        # Other scripts come with a slot of their own, whatever language was drawn for the string.
        foreign |= any(ord(sign) > 0x24F for name in filled.names for sign in name)
        spans, either = tuple(sorted(filled.spans)), tuple(sorted(filled.either))
        return Sample(filled.text, vr, kind, spans, either, foreign, keys, frozenset(filled.names))

    def _misread(self, filled: Filled) -> bool:
        """Confuses characters; False when none of what identifies has one that can be confused."""
        at = [at for at, sign in enumerate(filled.text) if sign in CONFUSED]
        within = [one for one in at if any(span.start <= one < span.end for span in filled.spans)]
        if not within:
            return False
        wrong = {one for one in at if self.rng.random() < _CONFUSED_SHARE} | {self.rng.choice(within)}
        filled.text = "".join(
            self.rng.choice(CONFUSED[sign]) if one in wrong else sign for one, sign in enumerate(filled.text)
        )
        filled.spans = [s._replace(noisy=any(s.start <= one < s.end for one in wrong)) for s in filled.spans]
        return True

    def descriptor(self, template: Template) -> Descriptor:
        """A text with the values of its instance, which are the same person in both."""
        rng = self.rng
        # Names of three letters are too short to be looked for, unless with the other half of the name.
        latin = [*templates.origins(self.split, "english"), *templates.origins(self.split, "foreign")]
        first = rng.choice([name for origin in latin for name in origin.given if len(name) >= _LEAST_LETTERS])
        last = rng.choice([name for origin in latin for name in origin.family if len(name) >= _LEAST_LETTERS])
        number = rng.choice((mrn(rng), "P" + digits(rng, 6), f"{digits(rng, 3)}-{digits(rng, 4)}"))
        person = {
            "First": first, "FIRST": first.upper(), "first": first.lower(),
            "Last": last, "LAST": last.upper(), "last": last.lower(),
            "pid": number, "acc": accession(rng),
        }  # fmt: skip

        def of_person(text: str) -> str:
            return re.sub(r"\{(\w+)\}", lambda slot: person.get(slot[1], slot[0]), text)

        values = []
        for value in template.vrs:
            vr, _, text = of_person(value).partition(":")
            values.append((vr, text))
        text, spans = self.slots.fill(of_person(template.text)).text, []
        while (opened := text.find("[")) >= 0:
            closed = text.index("]", opened)
            spans.append((opened, closed - 1))
            text = text[:opened] + text[opened + 1 : closed] + text[closed + 1 :]
        used = {name for name in (first, last) if any(name.casefold() in value.casefold() for _, value in values)}
        return Descriptor(text, template.group, tuple(values), tuple(spans), (template.key,), frozenset(used))


def samples(split: str, seed: int = 0, count: int = COUNT) -> list[Sample]:
    """About `count` different strings, shuffled.

    Args:
        split: "tune" or "report".
        seed: another one gives other strings.
    """
    generator = _Generator(split, seed)
    made = [one for kind, share in _SHARES.items() for one in generator.samples(kind, round(count * share))]
    generator.rng.shuffle(made)
    return made


def descriptors(split: str, seed: int = 0, count: int = DESCRIPTORS) -> list[Descriptor]:
    """So many texts with the identifying values of their instance."""
    generator = _Generator(split, seed)
    listed: Sequence[Template] = templates.templates("descriptors", split)
    return [generator.descriptor(listed[at % len(listed)]) for at in range(count)]
