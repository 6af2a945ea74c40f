"""Tokens in every identifying element, at depth 0 to 5, in every encoding: after the Basic Profile exactly those are
left that the tables let through, for each option alone and for mixes, in both editions.

Both directions: what is left too many is a leak, what is missing a loss.
"""

from __future__ import annotations

import random
from functools import cache

import pytest

from effacer_server.dicom import facts
from tests import mixes, oracle
from tests.canary import Canaries, all_in, canaries
from tests.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Style
from tests.property.agreement import engine
from tests.survivors import survivors

EDITIONS: dict[facts.Edition, str] = {"2018e": "EDITION_2018E", "latest": "EDITION_LATEST"}
# (encoding, root elements under VR UN): between them every transfer syntax and several character sets.
WAYS = {
    "explicit": (Style(EXPLICIT, codec="utf-8"), False),
    "implicit": (Style(IMPLICIT, undefined=True, codec="cyrillic"), False),
    "big endian": (Style(BIG_ENDIAN), False),
    "deflated": (Style(DEFLATED, codec="shift_jis"), False),
    "UN": (Style(EXPLICIT, codec="gb18030"), True),
    "right to left": (Style(EXPLICIT, undefined=True, codec="iso8859_8"), False),
}


@cache
def planted(way: str, edition: facts.Edition) -> Canaries:
    style, wrap = WAYS[way]
    return canaries(len(way), style, edition, wrap=wrap)


def left(way: str, edition: facts.Edition, config: str) -> set[bytes]:
    """The tokens found after a config."""
    source = planted(way, edition)
    found = engine(source.data, mixes.plan(config))
    assert isinstance(found, bytes), found
    return all_in(oracle.inflated(found)) & {*source.gone, *source.kept}


def check(way: str, edition: facts.Edition, options: tuple[str, ...]) -> None:
    source = planted(way, edition)
    found = left(way, edition, mixes.config(options=options, edition=EDITIONS[edition]))
    expected = survivors(source, edition, options)
    where = {
        token.text: f"{token.tag:08X} {token.vr} in {[f'{t:08X}' for t in token.around]}" for token in source.tokens
    }
    leaks = {where.get(text, "file meta or preamble") for text in found - expected}
    assert not leaks, f"{options}: left"
    assert not {where[text] for text in expected - found}, f"{options}: lost"


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("way", WAYS)
def test_everything_is_planted(way: str, edition: facts.Edition) -> None:
    """Where nothing is done the tokens are found: the search works."""
    source = planted(way, edition)
    there = all_in(oracle.inflated(source.data))
    assert there.issuperset([*source.gone, *source.kept])
    assert len(source.tokens) > (4000 if edition == "2018e" else 8000)
    named = {row.tag for row in facts.e1_1(edition).rows if row.mask == facts.EXACT and facts.vr_of(row.tag) != "SQ"}
    numbers = {tag for tag in named if facts.vr_of(tag) in ("US", "UL", "SS", "SL", "FD", "FL", "AT")}
    outside = {tag for tag in named if tag >> 16 in (0, 2, 4, 0xFFFC, 0xFFFA)}
    assert named - numbers - outside <= {token.tag for token in source.tokens}


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("way", WAYS)
def test_basic(way: str, edition: facts.Edition) -> None:
    check(way, edition, ())


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("way", ["explicit", "implicit", "UN"])
def test_each_option(way: str, edition: facts.Edition) -> None:
    for option in mixes.OPTIONS:
        check(way, edition, (option,))


@pytest.mark.parametrize("edition", EDITIONS)
def test_mixes(edition: facts.Edition) -> None:
    rng = random.Random(11)
    for _ in range(20):
        options = [option for option in mixes.OPTIONS if rng.random() < 0.45]
        if mixes.FULL_DATES in options and mixes.MODIFIED_DATES in options:
            options.remove(rng.choice([mixes.FULL_DATES, mixes.MODIFIED_DATES]))
        check("explicit", edition, tuple(options))


@pytest.mark.parametrize("way", WAYS)
def test_minimal(way: str) -> None:
    """Nothing of it is on the list."""
    for edition in EDITIONS:
        assert not left(way, edition, mixes.config(mixes.MINIMAL))


@pytest.mark.parametrize("edition", EDITIONS)
def test_minimal_with_options_leaves_no_more_than_basic(edition: facts.Edition) -> None:
    for option in mixes.OPTIONS:
        found = left("explicit", edition, mixes.config(mixes.MINIMAL, (option,), EDITIONS[edition]))
        assert found <= survivors(planted("explicit", edition), edition, (option,)), option


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("way", ["explicit", "implicit", "UN"])
def test_no_original_day_under_modified_dates(way: str, edition: facts.Edition) -> None:
    """Also none in a DT whose time stays."""
    source = planted(way, edition)
    found = engine(source.data, mixes.plan(mixes.config(options=(mixes.MODIFIED_DATES,), edition=EDITIONS[edition])))
    assert isinstance(found, bytes)
    assert b"17770102" in source.data
    assert b"17770102" not in found


def test_keep_all_regenerates_the_primary_ids() -> None:
    source = planted("explicit", "2018e")
    found = left("explicit", "2018e", mixes.config(mixes.KEEP_ALL))
    gone = {token.tag for token in source.tokens if token.text not in found}
    roles = facts.uid_roles()
    assert {0x00080018, 0x0020000D, 0x0020000E, 0x00081155} <= gone
    assert {roles[tag] for tag in gone} == {"primary", "reference"}
