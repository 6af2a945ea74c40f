"""Recognisers of what has a form: numbers, codes, addresses, dates.

A text is scanned once for all triggers together; only the recognisers whose trigger stands in it look closer. All
patterns run in RE2 and look at a bounded context of each candidate, so the work grows with the length of the text.
"""

from __future__ import annotations

from itertools import chain

import re2  # type: ignore[import-untyped]  # the wheel of google-re2 has neither stubs nor py.typed

from effacer_server.engine.text import (
    pattern_ages,
    pattern_codes,
    pattern_dates,
    pattern_labels,
    pattern_months,
    pattern_network,
    pattern_phones,
    pattern_streets,
)
from effacer_server.engine.text.pattern_forms import Form, fold, options
from effacer_server.engine.text.spans import Likelihood, Span

_RECOGNISERS = tuple(
    chain.from_iterable(
        module.RECOGNISERS
        for module in (
            pattern_network,
            pattern_codes,
            pattern_labels,
            pattern_months,
            pattern_phones,
            pattern_dates,
            pattern_months,
            pattern_ages,
            pattern_streets,
        )
    )
)

# Bytes for the automaton of all triggers; it is built as texts ask for it, and starts anew when it is full.
_SCAN_MEMORY = 64 << 20

# Source: PS3.5 Table 6.2-1; the forms of files older than 1993 (§6.2, notes to DA and TM) and ranges of queries, too.
_BY_VR = {
    "DA": ("DATE", Form(r"[0-9]{4}\.?[0-9]{2}\.?[0-9]{2}(?: ?- ?(?:[0-9]{4}\.?[0-9]{2}\.?[0-9]{2})?)?")),
    "DT": ("DATE", Form(r"[0-9]{4,14}(?:\.[0-9]{1,6})?(?:[+-][0-9]{4})?")),
    "TM": ("TIME", Form(r"[0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2}(?:\.[0-9]{1,6})?)?)?")),
    "AS": ("AGE", Form(r"[0-9]{1,3}[dwmy]")),
}


class Patterns:
    """Recognisers of what has a form: numbers, codes, addresses, dates."""

    def __init__(self, wanted: frozenset[str]) -> None:
        """Prepares the scan.

        Args:
            wanted: infoTypes looked for; those that have no form are somebody else's.
        """
        self._wanted = wanted
        self._recognisers = [one for one in _RECOGNISERS if one.info_types & wanted]
        chosen = options()
        chosen.max_mem = _SCAN_MEMORY
        self._scan = re2.Set.SearchSet(chosen)
        for one in self._recognisers:
            self._scan.Add(one.trigger.encode("ascii"))
        if self._recognisers:
            self._scan.Compile()

    def candidates(self, text: str, vr: str) -> list[Span]:
        """What may identify, in no order; candidates may overlap.

        Args:
            text: one value.
            vr: of the element it comes from: the whole of a DA, DT, TM or AS value is what its VR says.
        """
        if not text or not self._recognisers:
            return []
        data = fold(text)
        typed = _BY_VR.get(vr)
        if typed is not None:
            found = typed[1].first(data)
            trimmed = data.strip(b" \0")
            if found is not None and found.end() - found.start() == len(trimmed):
                info_type = typed[0]
                whole = Span(found.start(), found.end(), info_type, Likelihood.VERY_LIKELY)
                return [whole] if info_type in self._wanted else []
        spans: list[Span] = []
        for index in self._scan.Match(data) or ():
            spans += self._recognisers[index].find(data, self._wanted)
        return spans
