"""ExplainConfig, PreviewDeidentify and StreamPreview on a server in this process; they say no more than asked."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from effacer.v1 import deidentify_service_pb2 as pb
from effacer_server.api import explain, preview
from effacer_server.app import Server
from effacer_server.dicom import facts
from effacer_server.policy.compiler import compile_config
from effacer_server.policy.plan import ContentRule, Plan, Rule, Verb
from effacer_server.settings import Settings
from tests import synth
from tests.canary import Canaries, canaries, tokens_in
from tests.encode import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, Style
from tests.service import Api, failing, failure
from tests.streams import config, messages, start

SYNTAXES = (EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED)
LIMIT = 2 << 20
ACTIONS = {"dicomTagConfig": {"actions": [
    {"queries": ["PatientName"], "resetTag": {}}, {"queries": ["PatientSex"], "keepTag": {}}
]}}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("preview")


@pytest.fixture(scope="module")
def api(folder: Path) -> Iterator[Api]:
    settings = Settings(
        data=folder / "data",
        grpc_address="127.0.0.1:0",
        workers="inline",
        durable=False,
        max_instance_bytes=LIMIT,
        roots=(folder.as_uri(),),
    )
    server = Server(settings)
    api = Api(server.start())
    yield api
    api.close()
    server.stop(5)


@pytest.fixture(scope="module")
def store(api: Api) -> str:
    return api.store(api.dataset("d"), "s")


@pytest.fixture(scope="module")
def names(api: Api, store: str) -> list[str]:
    """Names of two CTs and an enhanced CT of many elements."""
    files = [synth.ct(1, number=1, size=16), synth.ct(1, number=2, size=16), synth.enhanced_ct(5, frames=100, size=8)]
    return [result.instance.name for result in api.upload(store, [("", data) for data in files])]


def stored(
    api: Api, store: str, names: list[str], text: Any = None, **options: Any
) -> list[pb.PreviewDeidentifyResponse]:
    request = pb.PreviewDeidentifyRequest(parent=store, names=names, config=config(text), **options)
    return list(api.deidentify.PreviewDeidentify(request))


def sent(api: Api, files: list[bytes], text: Any = None, **options: Any) -> list[pb.PreviewDeidentifyResponse]:
    requests = messages(
        pb.StreamPreviewRequest, [(f"label {n}", data) for n, data in enumerate(files)], text, **options
    )
    return list(api.deidentify.StreamPreview(requests))


def elements(answers: list[pb.PreviewDeidentifyResponse]) -> dict[str, pb.ElementDecision]:
    """Decisions of one instance by path."""
    return {element.path: element for answer in answers for element in answer.elements}


# Explanations


def test_every_rule_has_words(api: Api) -> None:
    for text in ({}, ACTIONS, {"dicomTagConfig": {"options": {"standardEdition": "EDITION_LATEST"}}}):
        answer = api.deidentify.ExplainConfig(pb.ExplainConfigRequest(config=config(text)))
        for rule in (*answer.rules, answer.default_rule, *answer.stamps):
            assert rule.words, rule
        assert answer.text == compile_config(config(text)).dump()
    by_code = {rule.code: rule.words for rule in answer.rules}
    assert by_code["X/Z/D"] == (
        "by its type in the SOP class: X is deleted, Z stays without a value, D gets a placeholder; "
        "where that is not known, it gets a placeholder that is valid for its VR"
    )
    assert answer.stamps[0].words.endswith(": YES")


def test_every_code_of_both_tables_has_words() -> None:
    codes = {row.basic for edition in ("2018e", "latest") for row in facts.e1_1(edition).rows}  # type: ignore[arg-type]
    rules = tuple(Rule(Verb.RESET, "table", tag, code=code) for tag, code in enumerate(sorted(codes)))
    answer = explain.explain(Plan(rules, Rule(Verb.KEEP, "profile", 0, 0)))
    assert len(answer.rules) == len(codes)
    assert all(" " in rule.words for rule in answer.rules)


def test_content_rules_are_told() -> None:
    content = tuple(ContentRule(str(n), "DCM", verb, "options.x", "PNAME") for n, verb in enumerate(Verb))
    answer = explain.explain(Plan((), Rule(Verb.DELETE, "profile", 0, 0), content=content))
    assert [rule.code for rule in answer.content_rules] == [str(n) for n in range(len(Verb))]
    assert answer.content_rules[Verb.DELETE].words == "the item is deleted, with all it holds"
    assert answer.content_rules[Verb.RESET].words.startswith("its value gets")
    assert answer.content_rules[Verb.SHIFT_DATE].action == pb.ELEMENT_ACTION_SHIFT_DATE
    assert answer.default_rule.selector == "any"


# Previews of stored instances


def test_stored_instances_answer_in_order_and_nothing_is_written(
    api: Api, store: str, names: list[str], folder: Path
) -> None:
    before = sorted(path for path in (folder / "data" / "objects").rglob("*") if path.is_file())
    answers = stored(api, store, [names[1], names[0]], ACTIONS)
    assert [answer.name for answer in answers] == [names[1], names[0]]
    assert [answer.index for answer in answers] == [0, 1]
    explained = api.deidentify.ExplainConfig(pb.ExplainConfigRequest(config=config(ACTIONS)))
    assert {answer.plan_fingerprint for answer in answers} == {explained.plan_fingerprint}
    found = elements(answers[:1])
    name = found["(0010,0010)"]
    assert (name.keyword, name.vr, name.action) == ("PatientName", "PN", pb.ELEMENT_ACTION_RESET)
    assert (name.new_value, name.because) == ("PLACEHOLDER", "actions[0].queries[0]")
    assert name.old_kind.startswith("PN, 1 value, ")
    assert found["(0012,0062)"].action == pb.ELEMENT_ACTION_STAMP
    assert found["(0012,0062)"].new_value == "YES"
    assert found["(0008,0018)"].new_value == answers[0].instance.sop_instance_uid
    assert found["(0020,000D)"].action == pb.ELEMENT_ACTION_REGEN_UID
    assert "(0010,0040)" not in found, "what is kept is not listed unless asked for"
    assert not [path for path in found if path.startswith("(0040,0275)[")], "what a deleted sequence held goes with it"
    assert found["(0040,0275)"].old_kind.startswith("SQ, 1 item, ")
    kept = elements(stored(api, store, [names[1]], ACTIONS, include_kept=True))
    assert kept["(0010,0040)"].action == pb.ELEMENT_ACTION_KEEP
    assert kept["(0010,0040)"].because == "actions[1].queries[0]"
    assert kept["(0010,0040)"].new_value == ""
    assert set(found) < set(kept)
    after = sorted(path for path in (folder / "data" / "objects").rglob("*") if path.is_file())
    assert before == after
    assert len(api.retrieve(store)) == len(names)


def test_the_preview_says_what_the_operation_does(api: Api, store: str, names: list[str]) -> None:
    """The same output as a stream of the same bytes."""
    (data,) = [data for name, data in api.retrieve(store).items() if name == names[0]]
    requests = messages(pb.StreamDeidentifyRequest, [("", data)])
    (opened,) = [m.instance_start for m in api.deidentify.StreamDeidentify(requests) if m.HasField("instance_start")]
    (answer,) = stored(api, store, names[:1])
    assert answer.instance == opened.instance


def test_many_elements_come_in_bounded_messages(api: Api, store: str, names: list[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(preview, "_MOST_ELEMENTS", 200)
    answers = stored(api, store, names[2:], include_kept=True)
    assert len(answers) > 5
    assert [len(answer.elements) for answer in answers[:-1]] == [200] * (len(answers) - 1)
    assert [answer.HasField("instance") for answer in answers] == [True] + [False] * (len(answers) - 1)
    assert {(answer.name, answer.index) for answer in answers} == {(names[2], 0)}
    assert len(elements(answers)) == sum(len(answer.elements) for answer in answers)
    monkeypatch.setattr(preview, "_MOST_ELEMENTS", 100_000)
    monkeypatch.setattr(preview, "_MESSAGE_BYTES", 2000)
    small = stored(api, store, names[2:], include_kept=True)
    assert max(answer.ByteSize() for answer in small) < 4000
    assert elements(small) == elements(answers)


def test_an_instance_that_is_not_there_answers_so_and_the_next_one_follows(
    api: Api, store: str, names: list[str]
) -> None:
    missing = f"{store}/dicomWeb/studies/1.2/series/1.3/instances/1.4"
    answers = stored(api, store, [missing, names[0]])
    assert [answer.name for answer in answers] == [missing, names[0]]
    assert failure(answers[0].status).code == "NOT_FOUND"
    assert (answers[0].elements, answers[1].status.code) == ([], 0)


def test_instances_that_would_be_refused_answer_why(api: Api, folder: Path) -> None:
    other = api.store(api.dataset("broken"), "s")
    good, bad = [
        result.instance.name for result in api.upload(other, [("", synth.ct(1, size=16)), ("", synth.ct(2, size=16))])
    ]
    # A plan that finds a creator behind elements of its block, say, refuses; a damaged object does too.
    for path in (folder / "data" / "objects").rglob("*"):
        if path.is_file() and path.read_bytes() == synth.ct(2, size=16):
            path.chmod(0o600)
            path.write_bytes(path.read_bytes()[:-7])
    answers = stored(api, other, [bad, good])
    assert failure(answers[0].status).reason == "TRUNCATED"
    assert failure(answers[0].status).metadata["tag"] == "7FE00010"
    assert not answers[0].elements
    assert answers[1].elements


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"parent": "x"}, "parent"),
        ({"names": []}, "names"),
        ({"names": 101}, "names"),
        ({"names": ["x"]}, "names[0]"),
        ({"names": ["{store}"]}, "names[0]"),
        ({"names": ["{first}", "{store}/dicomWeb/studies/1.2"]}, "names[1]"),
        ({"names": ["{store}2/dicomWeb/studies/1.2/series/1.3/instances/1.4"]}, "names[0]"),
        ({"gcs_config_uri": "http://a/b"}, "gcsConfigUri"),
    ],
)
def test_wrong_requests_name_the_field(
    api: Api, store: str, names: list[str], change: dict[str, Any], field: str
) -> None:
    given = change.get("names", [names[0]])
    listed = [names[0]] * given if isinstance(given, int) else [n.format(store=store, first=names[0]) for n in given]
    request = pb.PreviewDeidentifyRequest(parent=change.get("parent", store), names=listed)
    if "gcs_config_uri" in change:
        request.gcs_config_uri = change["gcs_config_uri"]
    found = failing(lambda: api.deidentify.PreviewDeidentify(request))
    assert (found.code, found.fields) == ("INVALID_ARGUMENT", [field])


def test_a_store_that_is_not_there(api: Api, store: str) -> None:
    name = f"{store}x/dicomWeb/studies/1.2/series/1.3/instances/1.4"
    request = pb.PreviewDeidentifyRequest(parent=f"{store}x", names=[name])
    assert failing(lambda: api.deidentify.PreviewDeidentify(request)).code == "NOT_FOUND"


# Previews of the caller's own


def test_own_instances_and_their_values(api: Api) -> None:
    files = [synth.ct(1, size=16), b"no DICOM", synth.sr(1, elements=60)]
    answers = sent(api, files, ACTIONS)
    assert [(index, len(list(group)) > 0) for index, group in groupby(answers, lambda a: a.index)] == [
        (0, True), (1, True), (2, True)
    ]  # fmt: skip
    assert {answer.label for answer in answers} == {"label 0", "label 1", "label 2"}
    assert {answer.name for answer in answers} == {""}
    assert failure(answers[1].status).reason == "NOT_DICOM"
    assert not any(element.old_value for answer in answers for element in answer.elements)
    shown = elements(sent(api, files[:1], ACTIONS, show_values=True))
    assert shown["(0010,0010)"].old_value == "Birkenau^Edna"
    assert shown["(0010,0010)"].new_value == "PLACEHOLDER"
    assert shown["(0008,0020)"].old_kind == "DA, 1 value, 8 bytes"
    kept = elements(sent(api, files[:1], ACTIONS, show_values=True, include_kept=True))
    assert kept["(0028,0010)"].old_value == "16"


Request = pb.StreamPreviewRequest


@pytest.mark.parametrize(
    ("requests", "field"),
    [
        ([], "config"),
        ([Request(show_values=True)], "config"),
        ([Request(config=config()), Request(chunk=b"x")], "chunk"),
        ([Request(config=config()), start(Request), Request(chunk=b"x", show_values=True)], "showValues"),
        ([Request(config=config()), Request(include_kept=True)], "includeKept"),
        ([Request(config=config()), Request(config=config())], "config"),
    ],
)
def test_wrong_streams_name_the_field(api: Api, requests: list[Any], field: str) -> None:
    found = failing(lambda: api.deidentify.StreamPreview(iter(requests)))
    assert (found.code, found.fields) == ("INVALID_ARGUMENT", [field])


def test_too_large_is_told_and_the_stream_goes_on(api: Api) -> None:
    answers = sent(api, [bytes(LIMIT + 1), synth.ct(1, size=16)])
    assert failure(answers[0].status).reason == "TOO_LARGE"
    assert answers[1].elements


# What previews must not say


@pytest.fixture(scope="module")
def planted() -> list[Canaries]:
    return [canaries(seed, Style(syntax)) for seed, syntax in enumerate(SYNTAXES, 11)]


@pytest.mark.parametrize("text", [{}, ACTIONS, {"dicomTagConfig": {"profileType": "KEEP_ALL_PROFILE"}}])
def test_no_value_of_a_stored_instance_is_told(api: Api, planted: list[Canaries], text: Any) -> None:
    store = api.store(api.dataset(f"canary{len(str(text))}"), "s")
    names = [result.instance.name for result in api.upload(store, [("", c.data) for c in planted])]
    assert all(names)
    answers = stored(api, store, names, text, include_kept=True)
    assert {answer.status.code for answer in answers} == {0}
    for answer in answers:
        answer.name = ""  # the caller's own words
    said = b"".join(answer.SerializeToString() for answer in answers)
    tokens = [token for c in planted for token in (*c.gone, *c.kept) if len(token) >= 8]
    assert not tokens_in(tokens, said)


def test_values_are_told_of_own_instances_alone_and_only_when_asked_for(api: Api, planted: list[Canaries]) -> None:
    files = [planted[0].data, planted[0].data[: len(planted[0].data) // 2], b"CANARY no DICOM"]
    tokens = [token for token in (*planted[0].gone, *planted[0].kept) if len(token) >= 8]
    silent = b"".join(answer.SerializeToString() for answer in sent(api, files, include_kept=True))
    assert not tokens_in(tokens, silent)
    assert b"CANARY" not in silent
    shown = b"".join(answer.SerializeToString() for answer in sent(api, files, include_kept=True, show_values=True))
    assert len(tokens_in(tokens, shown)) > 100, "the search works"
