"""Which planted tokens an option lets through, told from the standard's tables alone, never from a plan.

Source: PS3.15 §E.3 and Table E.1-1a: where several options are set, C comes before K and K before the Basic code.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from effacer_server.dicom import facts
from tests.canary import CHAIN, VALUE_OF, Canaries, Token
from tests.mixes import COLUMNS, FULL_DATES, MODIFIED_DATES

UNFORMATTED = 0x00700006
# Sequences whose items are judged as content items: without the option all of them would go.
TREES = (0x0040A730, 0x00400555, 0x00400610, 0x0040B020)


@cache
def table(edition: facts.Edition) -> Mapping[int, facts.ProfileRow]:
    """By tag the rows for single attributes; of two for one tag both remove it, so either will do."""
    return {row.tag: row for row in facts.e1_1(edition).rows if row.mask == facts.EXACT}


@cache
def concepts(edition: facts.Edition) -> Mapping[tuple[str, str, str], facts.ContentCode]:
    return {(row.code, row.scheme, row.value_type): row for row in facts.content_codes(edition)}


@cache
def safe(edition: facts.Edition) -> frozenset[tuple[int, str, str]]:
    """(group and element without its block, creator, VR) of private attributes known to be safe."""
    return frozenset((row.tag, row.creator, vr) for row in facts.safe_private(edition) for vr in row.vrs)


def survivors(planted: Canaries, edition: facts.Edition, options: tuple[str, ...]) -> set[bytes]:
    """The tokens that must be found after the Basic Profile of an edition with these options."""
    return {token.text for token in planted.tokens if survives(token, edition, options)}


def survives(token: Token, edition: facts.Edition, options: tuple[str, ...]) -> bool:
    """Whether all sequences around it are entered and its own attribute stays."""
    if not all(_entered(tag, edition, options) for tag in token.around):
        return False
    if token.concepts:
        return _content(token, edition, options)
    if token.creator:
        number = token.tag & 0xFFFF00FF
        return "retainSafePrivate" in options and (number, token.creator, token.vr) in safe(edition)
    return _stays(token.tag, token.vr, edition, options) and not _undated(token, edition, options)


def _undated(token: Token, edition: facts.Edition, options: tuple[str, ...]) -> bool:
    """Whether it is a date or time that no row names, in a tree that the option opened."""
    inside = "cleanStructuredContent" in options and not set(token.around).isdisjoint(TREES)
    if not inside or token.vr not in ("DA", "DT", "TM") or token.tag in table(edition):
        return False
    return FULL_DATES not in options and not (MODIFIED_DATES in options and token.vr == "TM")


def _code(codes: Mapping[str, str], basic: str, options: tuple[str, ...]) -> tuple[str, str]:
    """(code, option) that decide a row."""
    for wanted in ("C", "K"):
        for option in options:
            if codes.get(COLUMNS[option]) == wanted:
                return wanted, option
    return basic, ""


def _entered(tag: int, edition: facts.Edition, options: tuple[str, ...]) -> bool:
    if tag in CHAIN:
        return True
    row = table(edition).get(tag)
    if row is None:
        return not tag >> 16 & 1
    code, option = _code(row.options, row.basic, options)
    # Sequences that hold UIDs alone are entered or not by their type; what is planted there goes in either case.
    return code == "K" or code.endswith("U*") or (code == "C" and option in ("cleanStructuredContent", "cleanGraphics"))


def _stays(tag: int, vr: str, edition: facts.Edition, options: tuple[str, ...]) -> bool:
    if tag >> 16 & 1 or tag >> 24 in (0x50, 0x60):
        return False
    if tag == UNFORMATTED and "cleanGraphics" in options:
        return False
    row = table(edition).get(tag)
    if row is None:
        return not (vr == "UI" and facts.uid_role(tag) in ("primary", "reference")) or "retainUids" in options
    code, option = _code(row.options, row.basic, options)
    if code == "C":
        return option == MODIFIED_DATES and vr == "TM"
    return code == "K" or ("retainUids" in options and facts.uid_role(tag) in ("primary", "reference"))


def _content(token: Token, edition: facts.Edition, options: tuple[str, ...]) -> bool:
    """Whether all items around it stay, and its value in the innermost one."""
    verdict = ""
    for concept in token.concepts:
        row = concepts(edition).get(concept)
        if row is None:  # perhaps the table has the concept with other value types
            rows = [known for known in concepts(edition).values() if (known.code, known.scheme) == concept[:2]]
            row = rows[0] if len(rows) == 1 else None
        verdict, option = _code(row.options, row.basic, options) if row else ("", "")
        if verdict == "C" and option == MODIFIED_DATES:
            verdict = "K" if token.vr == "TM" else "shifted"
        elif verdict == "C" and row:
            verdict = row.basic
        if verdict == "X":
            return False
    kind = token.concepts[-1][2]
    if kind in ("TEXT", "PNAME") and verdict != "K":
        return False
    if kind in ("IMAGE", "COMPOSITE", "WAVEFORM", "UIDREF") and token.tag != VALUE_OF["UIDREF"][0]:
        return _stays(token.tag, token.vr, edition, options)
    stays = _stays(token.tag, token.vr, edition, options) and not _undated(token, edition, options)
    return verdict == "K" or (not verdict and stays)
