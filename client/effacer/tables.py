"""Plans and previews as tables for people, on stdout."""

from __future__ import annotations

import os
from collections.abc import Iterable

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from effacer.deidentify import Preview
from effacer.terminal import describe
from effacer.v1 import deidentify_service_pb2 as pb

# Where nobody's terminal says how wide it is, lines are as long as they need to be.
_UNBOUNDED = 1 << 15
_WIDEST_CELL = 200


def plan(answer: pb.ExplainConfigResponse) -> None:
    """A plan: its rules in the order in which they decide."""
    console = _console()
    rules = _table("element", "keyword", "only", "what happens", "because")
    for rule in (*answer.rules, answer.default_rule):
        only = " ".join(filter(None, (rule.vr, f'"{rule.creator}"' if rule.creator else "")))
        selector = "everything else" if rule is answer.default_rule or rule.selector == "any" else rule.selector
        _row(rules, selector, rule.keyword, only, rule.words, rule.because)
    console.print(rules)
    if answer.content_rules:
        content = _table("content item", "type", "what happens", "because")
        for item in answer.content_rules:
            _row(content, f"{item.code} {item.scheme}", item.value_type, item.words, item.because)
        console.print(content)
    if answer.stamps:
        stamps = _table("element", "keyword", "what happens", "because")
        for stamp in answer.stamps:
            _row(stamps, stamp.selector, stamp.keyword, stamp.words, stamp.because)
        console.print(stamps)
    _lines(console, (f"note: {note}" for note in answer.notes))
    edition = f"PS3.15 {answer.edition}, " if answer.edition else ""
    _lines(console, [f"{edition}plan {answer.plan_fingerprint}"])


def preview(result: Preview, show_values: bool) -> None:
    """What would become of one instance."""
    console = _console()
    what = result.item if isinstance(result.item, (str, os.PathLike)) else f"item {result.index}"
    if result.refused is not None:
        _lines(console, [f"{os.fspath(what)}: would be refused: {describe(result.refused)}"])
        return
    _lines(console, [os.fspath(what)])
    table = _table("element", "keyword", "is now", "action", "becomes", "because")
    for element in result.elements:
        action = pb.ElementAction.Name(element.action).removeprefix("ELEMENT_ACTION_").lower().replace("_", " ")
        now = f"{element.old_kind}: {element.old_value}" if show_values and element.old_value else element.old_kind
        _row(table, element.path, element.keyword, now, action, element.new_value, element.because)
    console.print(table)


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_UNBOUNDED)


def _table(*columns: str) -> Table:
    # What does not fit goes on in the next line: of a path or a UID that is cut nobody knows which one it is.
    folding = (Column(name, overflow="fold", max_width=_WIDEST_CELL) for name in columns)
    return Table(*folding, box=None, pad_edge=False)


def _row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(_plain(cell)) for cell in cells))


def _lines(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(Text(_plain(line)), soft_wrap=True)


def _plain(text: str) -> str:
    """A text without anything that could steer a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
