"""The one interface: a text in, the parts of it that identify out.

Patterns find what has a form, words what is a name or a place; phrases are those of one instance and come from outside.
What was found in a text is remembered, bounded in bytes: a series repeats itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from effacer_server.engine.text.misread import PIXELS, as_meant
from effacer_server.engine.text.names import Names
from effacer_server.engine.text.patterns import Patterns
from effacer_server.engine.text.phrases import Phrases
from effacer_server.engine.text.spans import Span, resolve

#: Bytes of texts whose findings are remembered.
CACHE_BYTES = 16 << 20
#: A longer text is found in anew each time.
_MOST_REMEMBERED = 4096
# What Python takes for an entry beyond the characters of its text, roughly.
_ENTRY_BYTES = 300


class Finder:
    """Finds infoTypes in texts; threads share it."""

    def __init__(self, info_types: frozenset[str], *, strict: bool = False, cache_bytes: int = CACHE_BYTES) -> None:
        """Prepares.

        Args:
            info_types: what is looked for.
            strict: in prose, words that nobody knows are names.
            cache_bytes: bound of what is remembered; 0 for nothing.
        """
        self._patterns = Patterns(info_types)
        self._names = Names(info_types, strict=strict)
        self._most = cache_bytes
        # Two generations: what was asked for since the elder one was given up survives.
        self._young: dict[tuple[str, str], Sequence[Span]] = {}
        self._old: dict[tuple[str, str], Sequence[Span]] = {}
        self._young_bytes = 0

    def find(self, text: str, vr: str, phrases: Phrases | None = None) -> list[Span]:
        """What identifies, ascending, none over another.

        Args:
            text: one value (of PN one component group).
            vr: of the element it comes from; misread.PIXELS for words read from an image.
            phrases: those of its instance; they win over everything else.
        """
        found = self._remembered(text, vr)
        context = phrases.candidates(text) if phrases is not None else []
        return resolve((*context, *found)) if context else list(found)

    def _candidates(self, text: str, vr: str) -> list[Span]:
        # Names are words of a description there, too.
        return [*self._patterns.candidates(text, vr), *self._names.candidates(text, "LO" if vr == PIXELS else vr)]

    def _remembered(self, text: str, vr: str) -> Sequence[Span]:
        key = (vr, text)
        found = self._young.get(key)
        if found is not None:
            return found
        found = self._old.get(key)
        if found is None:
            candidates = self._candidates(text, vr)
            if vr == PIXELS and (meant := as_meant(text)) != text:
                candidates += self._candidates(meant, vr)
            found = tuple(resolve(candidates))
        if len(text) <= _MOST_REMEMBERED and self._most:
            # Threads may lose an entry to one another, which costs finding it again and nothing else.
            self._young_bytes += _ENTRY_BYTES + 4 * len(text)
            if self._young_bytes > self._most // 2:
                self._old, self._young, self._young_bytes = self._young, {}, 0
            self._young[key] = found
        return found
