"""Content items judged by their concept, in every encoding, against the rules one by one and against the oracle."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from datetime import date, timedelta

import pydicom
import pytest

from effacer_server.dicom import core
from effacer_server.dicom.core import Source
from effacer_server.engine import dates
from effacer_server.engine.content import ContentRules
from effacer_server.engine.instance import Deidentifier, compile_matcher
from effacer_server.policy.plan import ContentRule, Keys, Plan, Rule, Verb
from tests import encode, oracle, synth
from tests.encode import Part, Style

KEYS = Keys(bytes(range(32)))
BY = timedelta(dates.days_of(KEYS.date, b"P1"))
OPENED_BY = "options.clean_structured_content"
CONTENT, CONTEXT, NAME, TYPE = 0x0040A730, 0x00400555, 0x0040A043, 0x0040A040
DATETIME, DATE, TIME, PERSON, UID = 0x0040A120, 0x0040A121, 0x0040A122, 0x0040A123, 0x0040A124
TEXT, WAVE_TEXT, CODE, MEASURED, NUMERIC = 0x0040A160, 0x00700006, 0x0040A168, 0x0040A300, 0x0040A30A
REFERENCES = 0x00081199
STYLES = [Style(syntax, undefined) for syntax in encode.SYNTAXES[:4] for undefined in (False, True)]

Item = list[Part]

CONCEPTS = (
    ContentRule("X", "DCM", Verb.DELETE, OPENED_BY, "TEXT"),
    ContentRule("D", "DCM", Verb.RESET, OPENED_BY, "TEXT"),
    ContentRule("U", "DCM", Verb.REGEN_UID, OPENED_BY, "UIDREF"),
    ContentRule("K", "DCM", Verb.KEEP, "options.retain_device_identity", "TEXT"),
    ContentRule("KT", "DCM", Verb.KEEP, "options.retain_longitudinal_modified_dates", "TIME"),
    ContentRule("KC", "DCM", Verb.KEEP, "options.retain_patient_characteristics", "CODE"),
    ContentRule("KN", "DCM", Verb.KEEP, "options.retain_patient_characteristics", "NUM"),
    ContentRule("KA", "DCM", Verb.KEEP, "options.retain_uids"),
    ContentRule("S", "DCM", Verb.SHIFT_DATE, "options.retain_longitudinal_modified_dates", "DATE"),
    ContentRule("ST", "DCM", Verb.SHIFT_DATE, "options.retain_longitudinal_modified_dates", "DATETIME"),
    ContentRule("2", "DCM", Verb.DELETE, OPENED_BY, "TEXT"),
    ContentRule("2", "DCM", Verb.KEEP, "options.retain_uids", "COMPOSITE"),
    ContentRule("2", "DCM", Verb.KEEP, "options.retain_device_identity", "PNAME"),
)
OPENERS = (Rule(Verb.RECURSE, OPENED_BY, CONTENT), Rule(Verb.RECURSE, OPENED_BY, CONTEXT))
REST = (
    Rule(Verb.REGEN_UID, "profile", 0x00081155),
    Rule(Verb.REGEN_UID, "profile", UID),
    Rule(Verb.RESET, "profile", PERSON),
    Rule(Verb.RESET, "profile", DATE),
    Rule(Verb.DELETE, "profile", 0x00010000, 0x00010000),
)
PLAN = Plan((*OPENERS, *REST), Rule(Verb.KEEP, "profile"), content=CONCEPTS)


def code(tag: int, value: str, scheme: str = "DCM", *, code_tag: int = 0x00080100) -> Part:
    vr = {0x00080100: "SH", 0x00080119: "UC", 0x00080120: "UR"}[code_tag]
    parts = [Part(0x00080102, "SH", scheme), Part(0x00080104, "LO", "meaning"), Part(code_tag, vr, value)]
    return Part(tag, "SQ", [sorted(parts, key=lambda part: part.tag)])


def item(name: str | Part | None, kind: str = "", *values: Part, children: Sequence[Item] = ()) -> Item:
    named = [code(NAME, name)] if isinstance(name, str) else [name] if name else []
    typed = [Part(TYPE, "CS", kind)] if kind else []
    nested = [Part(CONTENT, "SQ", children)] if children else []
    return sorted([*typed, *named, *values, *nested], key=lambda part: part.tag)


EVERYTHING = (
    Part(DATE, "DA", "20200301"),
    Part(DATETIME, "DT", "20200301101112"),
    Part(TIME, "TM", "101112"),
    Part(PERSON, "PN", "Wall^Ada"),
    Part(UID, "UI", "1.2.3"),
    Part(TEXT, "UT", "Wall was here"),
    Part(WAVE_TEXT, "ST", "Wall again"),
    code(CODE, "F-1"),
    Part(MEASURED, "SQ", [[code(0x004008EA, "mm", "UCUM"), Part(NUMERIC, "DS", "42")]]),
    Part(REFERENCES, "SQ", [[Part(0x00081150, "UI", synth.CT_CLASS), Part(0x00081155, "UI", "1.2.3")]]),
    Part(0x00091001, "UN", b"private!"),
)


def instance(
    tree: Sequence[Item], style: Style = STYLES[2], sequence: int = CONTENT, more: Sequence[Part] = ()
) -> bytes:
    parts = [
        Part(0x00080016, "UI", synth.SR_CLASS),
        Part(0x00080018, "UI", "2.25.1"),
        Part(0x00100020, "LO", "P1"),
        Part(0x0020000D, "UI", "2.25.2"),
        Part(0x0020000E, "UI", "2.25.3"),
        Part(sequence, "SQ", tree),
        *more,
    ]
    return encode.file(style, encode.data_set(style, sorted(parts, key=lambda part: part.tag)))


def run(data: bytes, plan: Plan = PLAN) -> pydicom.Dataset:
    output = Deidentifier(plan, KEYS).deidentify(Source(data))
    found = b"".join(part if isinstance(part, bytes) else output.source.read(*part) for part in output.segments)
    expected = oracle.deidentify(data, plan, KEYS)
    assert oracle.inflated(found) == oracle.inflated(expected), "the oracle thinks otherwise"
    return pydicom.dcmread(io.BytesIO(found))


def content_of(found: pydicom.Dataset) -> Sequence[pydicom.Dataset]:
    """Items of the content sequence, which goes with the last of them."""
    return found[CONTENT].value if CONTENT in found else []


def judged(name: str | Part | None, kind: str = "", style: Style = STYLES[2]) -> dict[str, object]:
    """What is left of an item that holds every kind of value, in short; {} when it is gone."""
    left = content_of(run(instance([item(name, kind, *EVERYTHING)], style)))
    if not left:
        return {}
    one = left[0]
    assert 0x00091001 not in one
    assert one[REFERENCES].value[0][0x00081155].value == core.map_uid(KEYS.uid, "2.25.", "1.2.3"), "the plan's matter"
    return {
        "date": one[DATE].value,
        "datetime": one[DATETIME].value,
        "time": one[TIME].value,
        "person": str(one[PERSON].value),
        "uid": one[UID].value,
        "text": (one[TEXT].value, one[WAVE_TEXT].value),
        "code": one[CODE].value[0].CodeValue,
        "num": (str(one[MEASURED].value[0][NUMERIC].value), one[MEASURED].value[0][0x004008EA].value[0].CodeValue),
    }


NEW_UID = core.map_uid(KEYS.uid, "2.25.", "1.2.3")
GONE = "PLACEHOLDER"
BY_PLAN = {
    "date": "19000101",
    "datetime": "19000101000000",
    "time": "000000",
    "person": GONE,
    "uid": NEW_UID,
    "text": (GONE, GONE),
    "code": "F-1",
    "num": ("42", "mm"),
}
RESET = {"date": "19000101", "datetime": "19000101000000", "time": "000000", "person": GONE, "uid": NEW_UID,
         "text": (GONE, GONE), "code": GONE, "num": ("0", GONE)}  # fmt: skip
KEPT = {"date": "20200301", "datetime": "20200301101112", "time": "101112", "person": "Wall^Ada", "uid": "1.2.3",
        "text": ("Wall was here", "Wall again"), "code": "F-1", "num": ("42", "mm")}  # fmt: skip
DAY = f"{date(2020, 3, 1) + BY:%Y%m%d}"
MOVED = {"date": DAY, "datetime": f"{DAY}101112", "time": "101112"}


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("X", "TEXT", {}),
        ("D", "TEXT", RESET),
        ("U", "UIDREF", RESET),
        ("K", "TEXT", BY_PLAN | {"text": KEPT["text"]}),
        ("KT", "TIME", BY_PLAN | {"time": "101112"}),
        ("KC", "CODE", BY_PLAN),
        ("KN", "NUM", BY_PLAN),
        ("KA", "", KEPT),
        ("S", "DATE", BY_PLAN | MOVED),
        ("ST", "DATETIME", BY_PLAN | MOVED),
        ("unknown", "TEXT", BY_PLAN),
        (None, "TEXT", BY_PLAN),
    ],
)
def test_every_verb(name: str | None, kind: str, expected: dict[str, object], style: Style) -> None:
    assert judged(name, kind, style) == expected


def test_what_a_rule_leaves_is_left_where_the_plan_would_not() -> None:
    """Keeping wins over the profile: times, codes and numbers, whatever the profile does with them."""
    rules = tuple(Rule(Verb.RESET, "profile", tag) for tag in (TIME, CODE, MEASURED, NUMERIC))
    plan = Plan((*OPENERS, *rules, *REST), PLAN.default, content=CONCEPTS)
    for name, kind, tag in (("KT", "TIME", TIME), ("KC", "CODE", CODE), ("KN", "NUM", MEASURED)):
        one = run(instance([item(name, kind, *EVERYTHING)]), plan)[CONTENT].value[0]
        kept = {TIME: one[TIME].value == "101112", CODE: one[CODE].value[0].CodeValue == "F-1",
                MEASURED: one[MEASURED].value[0][0x004008EA].value[0].CodeValue == "mm"}  # fmt: skip
        assert kept == {known: known == tag for known in kept}


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        (code(NAME, "X", code_tag=0x00080119), True),
        (code(NAME, "X", code_tag=0x00080120), True),
        (code(NAME, "X  ", "DCM "), True),
        (code(NAME, " X"), True),
        (code(NAME, "X", "SRT"), False),
        (code(NAME, "X", ""), False),
        (code(NAME, "x"), False),
        (code(NAME, "X" * 300, code_tag=0x00080119), False),
        (Part(NAME, "SQ", []), False),
        (Part(NAME, "SQ", [[]]), False),
    ],
)
def test_codes_compare_without_padding_with_their_scheme(name: Part, gone: bool) -> None:
    assert judged(name, "TEXT") == ({} if gone else BY_PLAN)


@pytest.mark.parametrize("style", STYLES)
def test_a_content_sequence_goes_with_its_last_item(style: Style) -> None:
    """It is of type 1C; acquisition context is of type 2."""
    gone = item("X", "TEXT", Part(TEXT, "UT", "Wall"))
    parent = item("K", "TEXT", Part(TEXT, "UT", "kept"))
    parent.append(Part(CONTENT, "SQ", [gone, gone]))
    found = run(instance([parent], style))
    assert [(one[TEXT].value, CONTENT in one) for one in found[CONTENT].value] == [("kept", False)]
    assert CONTENT not in run(instance([gone, gone], style))
    assert len(run(instance([gone], style, sequence=CONTEXT))[CONTEXT].value) == 0
    assert len(run(instance([gone, item("K", "TEXT", Part(TEXT, "UT", "x"))], style))[CONTENT].value) == 1


def test_of_several_concepts_only_what_takes_away_holds() -> None:
    def named(*codes: str) -> Part:
        return Part(NAME, "SQ", [code(NAME, one).value[0] for one in codes])  # type: ignore[index]

    assert judged(named("K", "X"), "TEXT") == {}
    assert judged(named("K", "D"), "TEXT") == RESET
    assert judged(named("KA", "K"), "TEXT") == BY_PLAN
    assert judged(named("S", "unknown"), "DATE") == BY_PLAN


def test_of_several_rules_for_a_concept_that_for_the_value_type_holds() -> None:
    assert judged("2", "TEXT") == {}
    assert judged("2", "COMPOSITE") == BY_PLAN
    assert judged("2", "PNAME") == BY_PLAN | {"person": "Wall^Ada"}
    assert judged("2", "IMAGE") == {}, "the strictest where none is for it"
    assert judged("2") == {}


def test_nested_items_are_judged_on_their_own() -> None:
    def text(name: str, children: Sequence[Item] = ()) -> Item:
        return item(name, "TEXT", Part(TEXT, "UT", f"Wall {name}"), children=children)

    tree = [
        text("K", [text("unknown", [text("K")]), text("X", [text("K")]), text("D", [text("K")])]),
        item(None, "CONTAINER", children=[text("K"), text("X"), item(None, "", children=[text("unknown")])]),
        text("X", [text("K")]),
    ]
    found = run(instance(tree))

    def shape(items: Sequence[pydicom.Dataset]) -> list[object]:
        return [(one.get(TEXT).value if TEXT in one else None, shape(one[CONTENT].value if CONTENT in one else []))
                for one in items]  # fmt: skip

    assert shape(found[CONTENT].value) == [
        ("Wall K", [(GONE, [("Wall K", [])]), (GONE, [("Wall K", [])])]),
        (None, [("Wall K", []), (None, [(GONE, [])])]),
    ]


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_below_other_sequences_and_in_acquisition_context(style: Style) -> None:
    """Any depth below an opened sequence, whatever is between; outside of one, the plan alone."""
    inner = Part(0x00081140, "SQ", [[Part(0x00400275, "SQ", [item("X", "TEXT", Part(TEXT, "UT", "Wall"))])]])
    outside = Part(0x00400275, "SQ", [item("X", "TEXT", Part(TEXT, "UT", "Hall"))])
    data = instance([item("K", "TEXT", Part(TEXT, "UT", "kept"), inner)], style, CONTEXT, [outside])
    found = run(data)
    one = found[CONTEXT].value[0]
    assert one[TEXT].value == "kept"
    assert len(one[0x00081140].value[0][0x00400275].value) == 0
    assert found[0x00400275].value[0][TEXT].value == "Hall"


def test_wrapped_in_un() -> None:
    """A tree stored as UN is implicit VR inside, and judged all the same. Source: PS3.5 §6.2.2, note 2."""
    tree = encode.element(Style(encode.IMPLICIT), Part(CONTENT, "SQ", [
        item("X", "TEXT", Part(TEXT, "UT", "Wall")), item("K", "TEXT", Part(TEXT, "UT", "kept")),
        item("unknown", "TEXT", Part(TEXT, "UT", "Hall")),
    ]))[8:]  # fmt: skip
    parts = [
        Part(0x00080016, "UI", synth.SR_CLASS), Part(0x00080018, "UI", "2.25.1"), Part(0x00100020, "LO", "P1"),
        Part(0x0020000D, "UI", "2.25.2"), Part(0x0020000E, "UI", "2.25.3"), Part(CONTENT, "UN", tree),
    ]  # fmt: skip
    found = run(encode.file(Style(), encode.data_set(Style(), parts)))
    assert [one[TEXT].value for one in found[CONTENT].value] == ["kept", GONE]


ACTION = "actions[0].queries[0]"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(Verb.KEEP, ACTION, TEXT), ("Wall D", "Wall K", "Wall unknown")),
        (Rule(Verb.DELETE, ACTION, TEXT), (None, None, None)),
        (Rule(Verb.REMOVE, ACTION, 0, 0, "UT"), ("", "", "")),
        (Rule(Verb.KEEP, "profile", TEXT), (GONE, "Wall K", GONE)),
    ],
)
def test_actions_come_first(rule: Rule, expected: tuple[str | None, ...]) -> None:
    plan = Plan((rule, *PLAN.rules), PLAN.default, content=CONCEPTS)
    tree = [item(name, "TEXT", Part(TEXT, "UT", f"Wall {name}")) for name in ("X", "D", "K", "unknown")]
    left = run(instance(tree), plan)[CONTENT].value
    assert tuple(one[TEXT].value if TEXT in one else None for one in left) == expected


@pytest.mark.parametrize(
    ("verb", "expected"), [(Verb.KEEP, ["Wall X", "Wall K"]), (Verb.REMOVE, []), (Verb.RESET, [GONE, GONE])]
)
def test_a_tree_that_an_action_decides_on_is_left_to_it(verb: Verb, expected: list[str]) -> None:
    plan = Plan((Rule(verb, ACTION, CONTENT), *PLAN.rules), PLAN.default, content=CONCEPTS)
    tree = [item(name, "TEXT", Part(TEXT, "UT", f"Wall {name}")) for name in ("X", "K")]
    assert [one[TEXT].value for one in run(instance(tree), plan)[CONTENT].value] == expected


@pytest.mark.parametrize("verb", [Verb.KEEP, Verb.REMOVE, Verb.DELETE, Verb.RESET])
def test_a_concept_counts_whatever_becomes_of_its_name(verb: Verb) -> None:
    plan = Plan((Rule(verb, ACTION, NAME), *PLAN.rules), PLAN.default, content=CONCEPTS)
    assert CONTENT not in run(instance([item("X", "TEXT", Part(TEXT, "UT", "Wall"))]), plan)


def test_a_sequence_that_an_action_enters_is_a_content_tree_all_the_same() -> None:
    """To enter it is to apply the whole config to what it holds; to do so names none of it."""
    recurse = Rule(Verb.RECURSE, ACTION, CONTEXT)
    plan = Plan((recurse, *PLAN.rules), PLAN.default, content=CONCEPTS)
    inner = item("D", "TEXT", Part(TEXT, "UT", "Hall"))
    first = [Part(0x00081110, "SQ", [[Part(CONTENT, "SQ", [item("D", "TEXT", Part(TEXT, "UT", "Wall"))])]])]
    then = Part(0x00400275, "SQ", [[Part(0x00081140, "SQ", [[Part(CONTEXT, "SQ", [inner])]])]])
    found = run(instance([], more=[*first, then]), plan)
    assert found[0x00081110].value[0][CONTENT].value[0][TEXT].value == GONE
    assert found[0x00400275].value[0][0x00081140].value[0][CONTEXT].value[0][TEXT].value == GONE
    everywhere = Plan((Rule(Verb.RECURSE, ACTION, 0, 0, "SQ"), *PLAN.rules), PLAN.default, content=CONCEPTS)
    values = [item(name, "CODE", code(CODE, "F-1")) for name in ("D", "KC")]
    left = run(instance([*values, item("X", "TEXT", Part(TEXT, "UT", "Wall"))]), everywhere)[CONTENT].value
    assert [one[CODE].value[0].CodeValue for one in left] == [GONE, "F-1"]


OBSERVED, PLACE, MEANING = 0x0040A032, 0x0040DB73, 0x00080104


def test_dates_that_no_rule_names_go_in_an_opened_tree_alone() -> None:
    dates_of = [Part(OBSERVED, "DT", "20200301"), Part(0x00080013, "TM", "1011"), Part(0x00080012, "DA", "20200301")]
    found = run(instance([item("K", "TEXT", *dates_of, Part(TEXT, "UT", "x"))], more=dates_of[:1]))
    one = found[CONTENT].value[0]
    assert (one[OBSERVED].value, one[0x00080013].value, one[0x00080012].value) == (
        "19000101000000", "000000", "19000101")  # fmt: skip
    assert found[OBSERVED].value == "20200301", "the profile's matter"
    keep = Plan((Rule(Verb.KEEP, ACTION, OBSERVED), *PLAN.rules), PLAN.default, content=CONCEPTS)
    assert run(instance([item("K", "TEXT", *dates_of)]), keep)[CONTENT].value[0][OBSERVED].value == "20200301"


@pytest.mark.parametrize("vr", ["LO", "PN", "LT", "SH", "UT"])
@pytest.mark.parametrize("tag", [DATETIME, TIME, OBSERVED])
def test_dates_in_a_tree_are_known_by_their_tag_too(tag: int, vr: str) -> None:
    """Without an option for dates, and where one keeps them by the concept."""
    found = run(instance([item("K", "TEXT", Part(tag, vr, "20200301 of Wall"))]))
    assert str(found[CONTENT].value[0][tag].value) == "PLACEHOLDER"


@pytest.mark.parametrize(("vr", "left"), [("PN", GONE), ("LO", GONE), ("DA", "20200301")])
def test_a_concept_keeps_the_kind_of_value_it_names(vr: str, left: str) -> None:
    dated = ContentRule("KD", "DCM", Verb.KEEP, "options.retain_longitudinal_full_dates", "DATE")
    plan = Plan(PLAN.rules, PLAN.default, content=(*CONCEPTS, dated))
    value = "20200301" if vr == "DA" else "Wall^Ada"
    found = run(instance([item("KD", "DATE", Part(DATE, vr, value))]), plan)
    assert str(found[CONTENT].value[0][DATE].value) == left


@pytest.mark.parametrize(
    ("scheme", "left"), [("99WALL", GONE), ("", GONE), (None, GONE), ("DCM", "of Wall"), ("9", "of Wall")]
)
def test_what_a_private_scheme_means_is_free_text(scheme: str | None, left: str) -> None:
    designator = [] if scheme is None else [Part(0x00080102, "SH", scheme)]
    value = Part(CODE, "SQ", [[Part(0x00080100, "SH", "W1"), *designator, Part(MEANING, "LO", "of Wall")]])
    found = run(instance([item("unknown", "CODE", value)], more=[Part(0x00081032, "SQ", value.value)]))
    assert found[CONTENT].value[0][CODE].value[0][MEANING].value == left
    assert found[0x00081032].value[0][MEANING].value == "of Wall", "the profile's matter"


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_items_that_are_referred_to_by_place_keep_their_places(style: Style) -> None:
    """Deleted, an item would let a reference point to its neighbour."""
    gone = item("X", "TEXT", Part(TEXT, "UT", "Wall"), Part(OBSERVED, "DT", "2020"),
                children=[item("K", "TEXT", Part(TEXT, "UT", "Wall, too"))])  # fmt: skip
    tree = [gone, item("K", "TEXT", Part(TEXT, "UT", "kept")), item(None, "", Part(PLACE, "UL", b"\1\0\0\0"))]
    left = run(instance(tree, style))[CONTENT].value
    assert [one.get(TYPE).value if TYPE in one else None for one in left] == ["TEXT", "TEXT", None]
    assert [one[TEXT].value for one in left[:2]] == [GONE, "kept"]
    assert left[0][NAME].value[0].CodeValue == "X"
    assert left[0][CONTENT].value[0][TEXT].value == GONE
    assert left[0][CONTENT].value[0][NAME].value[0].CodeValue == GONE
    assert left[0][OBSERVED].value == "19000101000000"
    assert PLACE in left[2]
    assert len(run(instance(tree[:2], style))[CONTENT].value) == 1, "nothing refers to it"


def test_names_behind_the_values_count() -> None:
    """Elements out of order, as files have them."""
    late = [Part(TEXT, "UT", "Wall"), Part(TYPE, "CS", "TEXT"), code(NAME, "X")]
    assert CONTENT not in run(instance([late]))


def test_reasons() -> None:
    data = instance([item("X", "TEXT"), item("S", "DATE", EVERYTHING[0]), item("no", "TEXT", Part(TEXT, "UT", "a"))])
    source = Source(data)
    meta = core.read_meta(source)
    matcher = compile_matcher(PLAN, KEYS, synth.SR_CLASS, meta.implicit, meta.big_endian)
    found = ContentRules(PLAN).overrides(source, meta, matcher)
    assert found == sorted(found)
    assert [(Verb(verb), PLAN.reason(rule)) for _, verb, rule in found] == [
        (Verb.DELETE, OPENED_BY),
        (Verb.SHIFT_DATE, "options.retain_longitudinal_modified_dates"),
        (Verb.RESET, OPENED_BY),
    ]


@pytest.mark.parametrize("style", STYLES, ids=str)
def test_reports_of_full_size_agree_with_the_oracle(style: Style) -> None:
    rules = tuple(
        ContentRule(
            f"1210{n:02}",
            "DCM",
            (Verb.DELETE, Verb.RESET, Verb.KEEP, Verb.SHIFT_DATE, Verb.REGEN_UID)[n % 5],
            "t",
            kind,
        )
        for n in range(80)
        for kind in (("TEXT", "PNAME", "DATE", "UIDREF", "IMAGE")[n % 5],)
    )
    plan = Plan(PLAN.rules, PLAN.default, content=rules)
    run(synth.sr(3, style, elements=2000), plan)


def test_the_work_grows_with_the_tree_and_no_faster() -> None:
    """Steps, not seconds: how often the source is read for n items and for 8 n."""

    def reads(count: int) -> int:
        data = instance([item("K", "TEXT", Part(TEXT, "UT", "a"), children=[item("S", "DATE", EVERYTHING[0])])] * count)
        calls = 0

        def read(at: int, size: int) -> bytes:
            nonlocal calls
            calls += 1
            return data[at : at + size]

        source = Source.reader(read, len(data), 1 << 20)
        meta = core.read_meta(source)
        ContentRules(PLAN).overrides(source, meta, compile_matcher(PLAN, KEYS, synth.SR_CLASS, meta.implicit, False))
        return calls

    few, many = reads(250), reads(2000)
    assert many < 8.2 * few
    started = time.process_time()
    reads(2000)
    print(f"{1000 * (time.process_time() - started):.0f} ms for 4,000 items")
