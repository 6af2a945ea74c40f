"""Phrases of one instance, found again in its texts."""

from __future__ import annotations

import pytest

from effacer_server.engine.text.phrases import Phrases, fold


def found(text: str, *values: tuple[str, str], terms: tuple[str, ...] = ("hospital", "general", "chest")) -> list[str]:
    spans = Phrases(values, lambda word: word in terms).candidates(text)
    return sorted(text[span.start : span.end] for span in spans)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("Wall^Ada", "Wall seen, motion good", ["Wall"]),
        ("Smith^Ada", "wall motion", []),
        ("Smith^Adam", "ADAM SMITH and Smith, Adam", ["ADAM SMITH", "SMITH", "Smith, Adam", "Adam"]),
        ("Müller^Jörg", "MULLER, JORG", ["JORG", "MULLER, JORG"]),
        ("Li^An", "Li An and linear", ["Li An"]),
        ("Yamada^Tarou=山田^太郎子丑", "by 太郎子丑", ["太郎子丑"]),
        ("Wall^Ada", "Wallace, wallpaper, drywall", []),
    ],
)
def test_names(name: str, text: str, expected: list[str]) -> None:
    assert found(text, ("PN", name)) == sorted(expected)


def test_values_whole_and_their_words_that_nobody_else_uses() -> None:
    value = ("LO", "Kirkbride General Hospital")
    assert found("sent by Kirkbride General Hospital", value) == ["Kirkbride General Hospital"]
    assert found("Kirkbride: general remarks of the hospital", value) == ["Kirkbride"]
    assert found("ID 00123 and 001234", ("LO", "00123")) == ["00123"]


def test_short_values_are_no_phrases() -> None:
    assert found("the cat is F", ("PN", "F"), ("LO", "cat"), ("LO", "")) == []


def test_folding_keeps_every_place() -> None:
    for text in ("Çavuşoğlu", "İstanbul", "straße", "김희중", "ﾔﾏﾀﾞ", "e\u0301a", "\uff21\uff44"):
        assert len(fold(text)) == len(text)
    assert fold("ÀÉÎõü") == "aeiou"
    assert fold("김") != fold("기"), "syllables stay apart"


def test_many_values_are_bounded() -> None:
    many = [("LO", f"{n}xyz") for n in range(10000)]
    assert found("5xyz and 9999xyz", *many) == ["5xyz"]
