"""The text bench: what its generator promises about strings and splits, and that its scorer counts right."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from bench.text import contest, hostile, ours, peer, report, score
from bench.text.generate import CONFUSED, ELEMENT, NEGATIVE, OCR, PIXELS, PROSE, Sample, descriptors, samples
from bench.text.identities import luhn
from bench.text.score import Found
from bench.text.slots import Truth
from bench.text.templates import REPORT, SPLITS, TUNE, half_of, words

#: Drawing three thousand strings takes a second.
_samples = cache(samples)
_ASKED = frozenset({"PERSON_NAME", "DATE", "AGE"})


class _Stub:
    """Finds numbers of four digits and more, and nothing else."""

    def find(self, text: str, vr: str) -> list[Found]:
        return [Found(found.start(), found.end(), "DATE") for found in re.finditer(r"[0-9]{4,}", text)]


def _sample(text: str, *spans: Truth, kind: str = ELEMENT, either: tuple[tuple[int, int], ...] = ()) -> Sample:
    return Sample(text, "LO", kind, spans, either)


# The generator --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("split", SPLITS)
def test_a_seed_decides_the_strings(split: str) -> None:
    first, again, other = samples(split, 1, 600), samples(split, 1, 600), samples(split, 2, 600)
    assert first == again
    shared = {one.text for one in first} & {one.text for one in other}
    # Two seeds share what has nothing to fill in ("Dose Report") or little ("wall motion"), of element values few.
    assert len(shared) < 60
    assert descriptors(split, 1) == descriptors(split, 1) != descriptors(split, 2)


@pytest.mark.parametrize("split", SPLITS)
def test_there_are_as_many_strings_as_promised(split: str) -> None:
    made = _samples(split)
    kinds = Counter(one.kind for one in made)
    assert len(made) >= 2000
    assert kinds[NEGATIVE] >= 600
    assert min(kinds[PROSE], kinds[OCR]) >= 200
    assert len({one.text for one in made}) == len(made)
    found = Counter(span.info_type for one in made for span in one.spans)
    assert set(found) == ours.info_types(default_only=False)
    assert min(found.values()) >= 30
    assert sum(one.foreign for one in made) >= 300
    assert {"SH", "LO", "ST", "LT", "UT", "PN", "AE", "DA", "DT", "TM", "AS", PIXELS} <= {one.vr for one in made}


@pytest.mark.parametrize("split", SPLITS)
def test_spans_are_in_range_and_do_not_overlap(split: str) -> None:
    for one in _samples(split):
        assert (one.kind == NEGATIVE) == (not one.spans)
        assert all(0 <= span.start < span.end <= len(one.text) for span in one.spans)
        assert all(before.end <= after.start for before, after in pairwise(one.spans))
        assert all(one.text[span.start : span.end].strip() == one.text[span.start : span.end] for span in one.spans)
        assert "{" not in one.text
        assert "~" not in one.text


def test_spans_hold_what_they_say() -> None:
    forms = {
        "EMAIL_ADDRESS": r"[\w.]+@[\w.-]+", "US_SOCIAL_SECURITY_NUMBER": r"[0-9]{3}-?[0-9]{2}-?[0-9]{4}",
        "US_VEHICLE_IDENTIFICATION_NUMBER": r"[0-9A-HJ-NPR-Z]{17}", "MAC_ADDRESS": r"[0-9a-fA-F:.-]{14,17}",
        "CREDIT_CARD_NUMBER": r"[0-9 -]{15,19}", "URL": r"(https?://|www\.)\S+", "AGE": r"[0-9]{1,3}[YM]?",
        "IBAN_CODE": r"[A-Z]{2}[0-9]{2}[A-Z0-9 ]+", "US_HEALTHCARE_NPI": r"[12][0-9]{9}",
    }  # fmt: skip
    for one in _samples(REPORT):
        for span in one.spans if one.kind != OCR else ():
            if span.info_type in forms:
                assert re.fullmatch(forms[span.info_type], one.text[span.start : span.end]), one


def test_names_in_the_truth_are_the_names_that_were_drawn() -> None:
    for one in _samples(TUNE):
        if one.kind == ELEMENT and one.vr not in ("PN", "AE") and len(one.names) == 2:
            held = " ".join(one.text[span.start : span.end] for span in one.spans).casefold()
            mails = any(span.info_type == "EMAIL_ADDRESS" for span in one.spans)
            assert mails or any(name.casefold() in held for name in one.names), one


def test_misread_strings_have_characters_that_were_confused() -> None:
    wrong = {sign for signs in CONFUSED.values() for sign in signs}
    for one in _samples(REPORT):
        if one.kind == OCR:
            noisy = [span for span in one.spans if span.noisy]
            assert noisy
            assert all(wrong & set(one.text[span.start : span.end]) for span in noisy)


def test_the_splits_share_no_template_and_no_name() -> None:
    keys, names = [], []
    for split in SPLITS:
        made, phrased = _samples(split), descriptors(split)
        keys.append({key for one in made for key in one.keys} | {key for one in phrased for key in one.keys})
        told = [name for one in made for name in one.names] + [name for one in phrased for name in one.names]
        names.append({name.casefold() for name in told})
    assert keys[0].isdisjoint(keys[1])
    assert names[0].isdisjoint(names[1])
    assert min(map(len, [*keys, *names])) > 100
    listed = [{word for each in words(split).values() if each.info_type for word in each.words} for split in SPLITS]
    assert {word for word in listed[0] & listed[1] if len(word) > 1} == {
        "male",
        "female",
        "Male",
        "Female",
        "MALE",
        "FEMALE",
    }
    assert half_of("Müller") == half_of("MÜLLER")


def test_descriptors_say_what_their_instance_says() -> None:
    for one in [*descriptors(TUNE), *descriptors(REPORT)]:
        # Upper case of a dotless i is I, as people write it.
        values = re.split(r"[\^\s]+", " ".join(value for _, value in one.values).casefold().replace("\u0131", "i"))
        assert "[" not in one.text
        assert "{" not in one.text
        for start, end in one.spans:
            found = one.text[start:end].casefold().replace("\u0131", "i")
            assert all(part in values for part in re.split(r"[\^\s,]+", found)), one


def test_check_digits_are_right() -> None:
    # Sources: the examples of ISO/IEC 7812-1 and of the NPI's description by the US government.
    assert luhn("7992739871") == "3"
    assert luhn("80840123456789") == "3"


# The scorer -----------------------------------------------------------------------------------------------------------
def test_a_span_counts_when_every_identifying_character_is_covered() -> None:
    sample = _sample("SMITH, JOHN knee", Truth(0, 11, "PERSON_NAME"))
    split = [Found(0, 5, "PERSON_NAME"), Found(7, 11, "LOCATION")]
    short = [Found(0, 10, "PERSON_NAME")]
    for found, masked in ((split, 1.0), (short, 0.0), ([], 0.0)):
        scores = score.score([sample], [found], _ASKED)
        assert scores.row(score.TOTAL).masked.value == masked
        assert scores.row("PERSON_NAME").masked.value == masked
    assert score.score([sample], [split], _ASKED).missed == []
    assert score.score([sample], [short], _ASKED).missed == [(0, 0, 11, "PERSON_NAME")]


def test_precision_and_over_redaction() -> None:
    sample = _sample("Dr Berg knee pain", Truth(3, 7, "PERSON_NAME"))
    scores = score.score([sample], [[Found(0, 7, "PERSON_NAME"), Found(8, 12, "LOCATION")]], _ASKED)
    assert scores.row(score.TOTAL).precision.value == 0.5
    assert scores.row("PERSON_NAME").precision.value == 1.0
    assert scores.row("LOCATION").precision.value == 0.0
    # Of D, r, k, n, e, e, p, a, i, n all but the last four are covered.
    assert scores.over.value == 6 / 10
    assert scores.tight.value == 4 / 10
    assert scores.wrong == [(0, 8, 12, "LOCATION")]


def test_findings_on_hard_negatives_are_counted_by_string() -> None:
    made = [
        _sample("Wall motion", kind=NEGATIVE),
        _sample("1.2.3", kind=NEGATIVE),
        _sample("Ann", Truth(0, 3, "PERSON_NAME")),
    ]
    found = [[Found(0, 4, "PERSON_NAME"), Found(5, 11, "PERSON_NAME")], [], [Found(0, 3, "PERSON_NAME")]]
    assert score.score(made, found, _ASKED).negatives.value == 0.5


def test_what_was_not_asked_for_is_neither_right_nor_wrong() -> None:
    sample = _sample("56 years F", Truth(0, 2, "AGE"), Truth(9, 10, "GENDER"), either=((3, 8),))
    scores = score.score([sample], [[Found(0, 8, "AGE"), Found(9, 10, "GENDER")]], _ASKED)
    assert "GENDER" not in scores.rows
    assert scores.row(score.TOTAL).precision.asked == 1
    assert (scores.over.held, scores.over.asked) == (0, 0)
    asked = score.score([sample], [[Found(0, 2, "AGE")]], _ASKED | {"GENDER"})
    assert asked.row("GENDER").masked.value == 0.0


def test_classes_and_names() -> None:
    made = [
        Sample("Ökvist", "LO", ELEMENT, (Truth(0, 6, "PERSON_NAME"),), foreign=True),
        Sample("Seen by Ann.", "LT", PROSE, (Truth(8, 11, "PERSON_NAME"),)),
        Sample("8ERG", PIXELS, OCR, (Truth(0, 4, "PERSON_NAME", noisy=True),)),
    ]
    scores = score.score(made, [[Found(0, 6, "LOCATION")], [], [Found(0, 4, "PERSON_NAME")]], _ASKED)
    assert scores.row(score.FOREIGN).masked.value == 1.0
    assert scores.row(score.IN_PROSE).masked.value == 0.0
    assert scores.row(score.MISREAD).masked.value == 1.0
    assert scores.row("PERSON_NAME").masked.asked == 1
    assert scores.row("PERSON_NAME").named.value == 0.0
    assert scores.row(score.TOTAL).masked.value == 2 / 3


def test_marks_of_a_script_identify() -> None:
    assert score.identifying("हि ^", 0, 4) == {0, 1}


def test_context_must_cover_what_the_values_say_and_nothing_else() -> None:
    one = next(each for each in descriptors(REPORT) if each.spans)
    exact = [Found(start, end, "CTX") for start, end in one.spans]
    good = score.score_context([one, one], [exact, []])
    assert (good.recall.value, good.wrong) == (0.5, 0)
    assert len(good.missed) == len(one.spans)
    assert score.score_context([one], [[Found(0, len(one.text), "CTX")]]).wrong == 1


# The contest ----------------------------------------------------------------------------------------------------------
def test_rounds_cover_every_string_once() -> None:
    made = samples(REPORT, 0, 100)
    found = contest.run(made, _Stub(), _Stub(), None, 7)
    assert found.ours == [ours.find(_Stub(), one.text, one.vr) for one in made]
    assert sum(found.strings) == len(made)
    assert found.peers == []
    assert found.ratio(0, 1) > 0


def test_names_are_asked_for_group_by_group() -> None:
    assert ours.find(_Stub(), "2011=x=1234", "PN") == [Found(0, 4, "DATE"), Found(7, 11, "DATE")]


def test_a_report_has_a_line_for_every_info_type_and_says_what_is_missed() -> None:
    made = samples(REPORT, 0, 400)
    found = [ours.find(_Stub(), one.text, one.vr) for one in made]
    default, everything = ours.info_types(default_only=True), ours.info_types(default_only=False)
    scores = {
        report.OURS: score.score(made, found, default),
        report.EVERYTHING: score.score(made, found, everything),
        report.STRICT: score.score(made, found, default),
    }
    assert everything <= set(report.rows(scores))
    assert report.table(scores, "").row_count == len(report.rows(scores))
    kept = report.floors(scores, score.score_context([], []), hostile.measure(_Stub(), 64, tries=1))
    assert "total masked" in {floor.what for floor in kept if not floor.held}
    assert not [floor for floor in kept if floor.what.startswith("hostile") and not floor.held]


def test_a_finder_that_takes_too_long_is_seen() -> None:
    assert not hostile.Hostile("a.", 51.0, 60.0).held
    assert not hostile.Hostile("a.", 10.0, 27.0).held
    assert hostile.Hostile("a.", 0.1, 0.9).held


def test_a_finder_that_raises_is_seen() -> None:
    class Broken:
        def find(self, text: str, vr: str) -> list[Found]:
            raise RecursionError

    assert not any(one.held for one in hostile.measure(Broken(), 64, tries=1))


def test_a_peer_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EFFACER_BENCH_PRESIDIO", str(tmp_path / "python"))
    with pytest.raises(peer.PeerMissing, match="not installed"):
        peer.Presidio()


def test_a_peer_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho broken >&2\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("EFFACER_BENCH_PRESIDIO", str(python))
    with pytest.raises(peer.PeerMissing, match="does not start: broken"):
        peer.Presidio()


def test_a_peer_answers_string_by_string(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    answer = '{"cpu_s": 0.5, "found": [[[0, 3, "PERSON"]], []]}'
    script = f"#!/bin/sh\necho '{{\"version\": \"1\"}}'\nread line\necho '{answer}'\n"
    python.write_text(script, encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("EFFACER_BENCH_PRESIDIO", str(python))
    with peer.Presidio() as presidio:
        assert presidio.find(["Ann", "knee"]) == ([[Found(0, 3, "PERSON_NAME")], []], 0.5)
        with pytest.raises(peer.PeerMissing, match="ended"):
            presidio.find(["more"])
