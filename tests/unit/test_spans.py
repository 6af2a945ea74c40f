"""Findings that overlap come to spans that do not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from effacer_server.engine.text.spans import Likelihood, Span, resolve

SPANS = st.lists(
    st.builds(
        lambda start, size, kind, likelihood: Span(start, start + size, kind, likelihood),
        st.integers(0, 60), st.integers(1, 20), st.sampled_from("ABC"), st.sampled_from(list(Likelihood)),
    ),
    max_size=30,
)  # fmt: skip


def covered(spans: list[Span]) -> set[int]:
    return {at for span in spans for at in range(span.start, span.end)}


@given(SPANS)
def test_nothing_found_is_left_and_nothing_stands_over_another(found: list[Span]) -> None:
    left = resolve(found)
    assert covered(left) == covered(found)
    assert sum(span.end - span.start for span in left) == len(covered(left))
    assert left == sorted(left)


def test_the_surer_one_stays_then_the_longer_then_the_first() -> None:
    sure, long = Likelihood.VERY_LIKELY, Likelihood.LIKELY
    assert resolve([Span(0, 10, "A", long), Span(3, 5, "B", sure)]) == [
        Span(0, 3, "A", long), Span(3, 5, "B", sure), Span(5, 10, "A", long)]  # fmt: skip
    assert resolve([Span(0, 3, "A"), Span(2, 8, "B")]) == [Span(0, 2, "A"), Span(2, 8, "B")]
    assert resolve([Span(0, 3, "A"), Span(0, 3, "B")]) == [Span(0, 3, "A")]


def test_many_findings() -> None:
    many = [Span(at, at + 2, "A") for at in range(200_000)]
    assert covered(resolve(many)) == covered(many)
