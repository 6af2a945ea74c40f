"""The `effacer` command: what it prints, where, and how it exits."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import effacer
from effacer import cli, tables
from effacer.v1 import dataset_pb2, deidentify_service_pb2, dicom_store_pb2, operation_metadata_pb2
from tests.fake_server import (
    DATASET,
    LOCATION,
    OPERATION,
    STORE,
    STUDY,
    Fake,
    ended,
    finished,
    instance_messages,
    serve,
    state,
    status,
)

OTHER = f"{DATASET}/dicomStores/other"
Run = Callable[..., Result]


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def address(fake: Fake) -> Iterator[str]:
    server, address = serve(fake)
    yield address
    server.stop(None).wait()


@pytest.fixture
def run(address: str) -> Run:
    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(cli.main, ["--server", address, *map(str, arguments)])
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text('{"dicomTagConfig": {"actions": [{"queries": ["PatientName"], "keepTag": {}}]}}')
    return path


def documents(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_datasets(run: Run, fake: Fake) -> None:
    created = run("datasets", "create", DATASET, "--time-zone", "Asia/Tokyo")
    assert (created.exit_code, created.stdout) == (0, f"name: {DATASET}\ntimeZone: Asia/Tokyo\n")
    assert run("datasets", "get", DATASET).stdout == f"name: {DATASET}\ntimeZone: Europe/Paris\n"
    assert run("datasets", "list", LOCATION).stdout.split() == [f"{LOCATION}/datasets/{n}" for n in range(5)]
    deleted = run("datasets", "delete", DATASET)
    assert (deleted.exit_code, deleted.output) == (0, "")
    assert fake.requests[-1] == dataset_pb2.DeleteDatasetRequest(name=DATASET)


def test_stores(run: Run, fake: Fake) -> None:
    created = run("--json", "stores", "create", STORE, "--label", "site=a", "--label", "empty=")
    assert documents(created) == [{"name": STORE, "labels": {"site": "a", "empty": ""}}]
    assert run("stores", "get", STORE).stdout == f"name: {STORE}\nlabels.site: a\n"
    assert documents(run("--json", "stores", "metrics", STORE)) == [{"name": STORE, "instanceCount": "7"}]
    listed = run("--json", "stores", "list", DATASET, "--label", "site=a", "--label", "arm")
    assert [document["name"][-1] for document in documents(listed)] == ["0", "1", "2"]
    filters = {request.filter for request in fake.received(dicom_store_pb2.ListDicomStoresRequest)}
    assert filters == {"labels.site=a AND labels.arm:*"}
    assert run("stores", "delete", STORE).exit_code == 0
    assert run("stores", "create", STORE, "--label", "site").exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["datasets", "create", "d"],
        ["datasets", "delete", STORE],
        ["stores", "create", DATASET],
        ["store", "s", "."],
        ["retrieve", "1.2.3", "out"],
        ["deidentify", STORE, DATASET, "--config", "c.json"],
        ["deidentify", "s", "t", "--config", "c.json"],
        ["deidentify", STORE, OTHER],
        ["deidentify", STORE, OTHER, "--config", "none.json"],
        ["deidentify", DATASET, f"{DATASET}2", "--config", "c.json", "--filter", "gs://b/f"],
        ["deidentify", STORE, OTHER, "--config", "c.json", "--filter", "none.txt"],
        ["explain"],
        ["explain", "--config", "none.json"],
        ["preview", "--config", "c.json"],
        ["preview", "none.dcm", "--config", "c.json"],
        ["preview", f"{STUDY}/series/3/instances/4", "--config", "c.json", "--show-values"],
        ["stream", "none.dcm", "--out", "out", "--config", "c.json"],
        ["stream", ".", "--config", "c.json"],
        ["unknown"],
    ],
)
def test_wrong_arguments_exit_with_2_and_send_nothing(run: Run, fake: Fake, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr
    assert fake.requests == []


def test_errors_are_one_line_on_stderr(run: Run, fake: Fake) -> None:
    fake.failures["GetDataset"] = status("NOT_FOUND", f"{DATASET}\ndoes not exist", "NO_SUCH_DATASET")
    result = run("datasets", "get", DATASET)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"effacer: {DATASET} does not exist (NO_SUCH_DATASET)\n"


def test_errors_are_json_with_json(run: Run, fake: Fake, config: Path, tmp_path: Path) -> None:
    fake.failures["GetDataset"] = status("NOT_FOUND", "gone", "NO_SUCH_DATASET", kind="dataset")
    gone = run("--json", "datasets", "get", DATASET)
    assert (gone.exit_code, gone.stdout) == (1, "")
    assert json.loads(gone.stderr) == {
        "error": {"code": "NOT_FOUND", "message": "gone", "reason": "NO_SUCH_DATASET", "metadata": {"kind": "dataset"}}
    }
    assert run("datasets", "get", DATASET, "--json").stderr == gone.stderr
    (tmp_path / "bad.json").write_text('{"dicomTagConfig": {"nonsense": 1}}')
    bad = run("--json", "deidentify", STORE, OTHER, "--config", tmp_path / "bad.json")
    assert bad.exit_code == 2
    [violation] = json.loads(bad.stderr)["error"]["violations"]
    assert violation["field"] == "config.dicomTagConfig.nonsense"
    usage = run("--json", "deidentify", STORE, "--config", config)
    assert (usage.exit_code, json.loads(usage.stderr)["error"]["reason"]) == (2, "USAGE")
    fake.download = instance_messages("1.2.3.4", b"data")
    blocked = run("--json", "retrieve", STUDY, config / "below")
    assert (blocked.exit_code, json.loads(blocked.stderr)["error"]["reason"]) == (1, "OS")


def test_no_server_is_one_line_that_says_so() -> None:
    result = CliRunner().invoke(cli.main, ["datasets", "get", DATASET], env={"EFFACER_SERVER": "127.0.0.1:1"})
    assert result.exit_code == 1
    assert result.stderr.startswith("effacer: no answer from 127.0.0.1:1: ")
    assert result.stderr.count("\n") == 1


def test_store_counts_and_lists_the_refused(run: Run, fake: Fake, tmp_path: Path) -> None:
    for name, data in {"a/1.dcm": b"one", "a/notes.txt": b"BAD", "2.dcm": b"two"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    result = run("store", STORE, tmp_path)
    assert result.exit_code == 3
    assert result.stdout == f"refused {tmp_path}/a/notes.txt: NOT_DICOM\n2 stored, 1 refused\n"
    assert result.stderr == ""  # no progress where there is no terminal
    good = run("--json", "store", STORE, tmp_path / "2.dcm", tmp_path / "a" / "1.dcm")
    assert good.exit_code == 0
    assert [document["path"] for document in documents(good)] == [f"{tmp_path}/2.dcm", f"{tmp_path}/a/1.dcm"]
    assert documents(good)[0]["instance"]["sizeBytes"] == "3"
    [bad] = documents(run("--json", "store", STORE, tmp_path / "a" / "notes.txt"))
    assert bad["error"] == {
        "code": "INVALID_ARGUMENT", "message": "NOT_DICOM", "reason": "NOT_DICOM", "metadata": {"position": "0"}
    }  # fmt: skip


def test_retrieve(run: Run, fake: Fake, tmp_path: Path) -> None:
    fake.studies = ["1.2"]
    fake.download = instance_messages("1.2.3.4", b"data")
    out = tmp_path / "out"
    result = run("retrieve", STORE, f"{STUDY}/series/1", out)
    assert (result.exit_code, result.stdout) == (0, f"2 written to {out}\n")
    assert (out / "1.2" / "1.2.3" / "1.2.3.4.dcm").read_bytes() == b"data"
    [document] = documents(run("--json", "retrieve", STUDY, out))
    assert document == {"path": f"{out}/1.2/1.2.3/1.2.3.4.dcm"}
    (tmp_path / "file").write_text("")
    blocked = run("retrieve", STUDY, tmp_path / "file" / "below")
    assert (blocked.exit_code, blocked.stderr) == (1, f"effacer: {tmp_path}/file/below/1.2/1.2.3: Not a directory\n")


def test_deidentify_waits_and_exits_with_0(run: Run, fake: Fake, config: Path) -> None:
    fake.operations[OPERATION] = [state(pending=2), finished(2, 0)]
    result = run("deidentify", STORE, OTHER, "--config", config)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "2 de-identified, 0 refused\n", "")
    [request] = fake.received(dicom_store_pb2.DeidentifyDicomStoreRequest)
    assert list(request.config.dicom_tag_config.actions[0].queries) == ["PatientName"]
    assert not request.HasField("filter_config")


def test_a_filter_that_matches_nothing_is_told(run: Run, fake: Fake, config: Path) -> None:
    fake.operations[OPERATION] = [finished(0, 0)]
    result = run("deidentify", STORE, OTHER, "--config", config, "--filter", "gs://b/f.txt")
    assert (result.exit_code, result.stdout) == (0, "0 de-identified, 0 refused\n")
    assert result.stderr.startswith("there was nothing to de-identify")


def test_deidentify_exits_with_3_and_sums_up_by_reason(run: Run, fake: Fake, config: Path) -> None:
    fake.operations[OPERATION] = [finished(5, 4, TRUNCATED=1, NOT_DICOM=3)]
    result = run("deidentify", DATASET, f"{DATASET}2", "--config", config)
    assert result.exit_code == 3
    assert result.stdout == "5 de-identified, 4 refused\n  NOT_DICOM: 3\n  TRUNCATED: 1\n"
    assert result.stderr == f"effacer operations errors {OPERATION}\n"
    [document] = documents(run("--json", "deidentify", STORE, OTHER, "--config", config))
    assert (document["name"], document["done"]) == (OPERATION, True)
    assert document["metadata"]["failureReasons"] == {"NOT_DICOM": "3", "TRUNCATED": "1"}


def test_deidentify_that_fails_exits_with_1_and_names_the_operation(run: Run, fake: Fake, config: Path) -> None:
    fake.operations[OPERATION] = [ended(state(), status("CANCELLED", "cancelled by a caller"))]
    result = run("deidentify", STORE, OTHER, "--config", config)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"operation {OPERATION}\neffacer: cancelled by a caller\n"


def test_no_wait_prints_the_name_alone(run: Run, fake: Fake, config: Path) -> None:
    assert run("deidentify", STORE, OTHER, "--config", config, "--no-wait").output == f"{OPERATION}\n"
    assert documents(run("--json", "deidentify", STORE, OTHER, "--config", config, "--no-wait")) == [
        {"name": OPERATION}
    ]


def test_a_local_filter_becomes_a_uri(run: Run, fake: Fake, config: Path, tmp_path: Path) -> None:
    (tmp_path / "my filter.txt").write_text("/studies/1.2\n")
    for given in (tmp_path / "my filter.txt", "gs://b/f.txt"):
        assert run("deidentify", STORE, OTHER, "--config", config, "--no-wait", "--filter", given).exit_code == 0
    uris = [
        request.filter_config.resource_paths_gcs_uri
        for request in fake.received(dicom_store_pb2.DeidentifyDicomStoreRequest)
    ]
    assert uris == [f"file://{tmp_path}/my%20filter.txt", "gs://b/f.txt"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"dicomTagConfig": {"actions": [{"queriez": []}]}}', "config.dicomTagConfig.actions[0].queriez: "),
        ('{"dicomTagConfig": ', "config: is not JSON"),
    ],
)
def test_a_bad_config_exits_with_2_and_names_the_path(
    run: Run, fake: Fake, tmp_path: Path, text: str, path: str
) -> None:
    (tmp_path / "bad.json").write_text(text)
    result = run("deidentify", STORE, OTHER, "--config", tmp_path / "bad.json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"effacer: {path}")
    assert result.stderr.count("\n") == 1
    assert fake.requests == []


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "UNIMPLEMENTED"])
def test_a_config_the_server_refuses_exits_with_2_and_names_every_path(
    run: Run, fake: Fake, config: Path, code: str
) -> None:
    faults = [("config.a", "is odd"), ("config.b", "is odd too")]
    fake.failures["DeidentifyDicomStore"] = status(code, "wrong", "INVALID_FIELD", faults)
    result = run("deidentify", STORE, OTHER, "--config", config)
    assert (result.exit_code, result.stderr) == (2, "effacer: config.a: is odd; config.b: is odd too\n")


def test_explain(run: Run, fake: Fake, config: Path) -> None:
    result = run("explain", "--config", config)
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines == [
        "element keyword only what happens because",
        "(0010,0010) PatientName stays actions[0]",
        "everything else goes p",
        "content item type what happens because",
        "121022 DCM goes too options.x",
        "element keyword what happens because",
        "(0010,0010) PatientName stays actions[0]",
        "note: a note",
        "PS3.15 2018e, plan f00",
    ]
    assert run("explain", "--config", config, "--text").stdout == "edition 2018e\nplan\n"
    for arguments in (["--json", "explain", "--config", config], ["explain", "--config", config, "--json"]):
        [document] = documents(run(*arguments))
        assert document["rules"][0]["because"] == "actions[0]"
    fake.failures["ExplainConfig"] = status("UNIMPLEMENTED", "no", "NOT_IMPLEMENTED", [("config.x", "not yet")])
    refused = run("explain", "--config", config)
    assert (refused.exit_code, refused.stderr) == (2, "effacer: config.x: not yet\n")


def test_preview(run: Run, fake: Fake, config: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.dcm").write_bytes(b"one")
    (tmp_path / "in" / "2.dcm").write_bytes(b"BAD")
    name = f"{STUDY}/series/3/instances/4"
    result = run("preview", tmp_path / "in", name, "--config", config)
    assert result.exit_code == 3
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    table = [
        "element keyword is now action becomes because",
        "(0010,0010) PatientName PN, 1 value, 8 bytes reset PLACEHOLDER actions[0]",
        "(0012,0062) PatientIdentityRemoved stamp",
    ]
    refused = f"{tmp_path}/in/2.dcm: would be refused: NOT_DICOM position=0"
    assert lines == [f"{tmp_path}/in/1.dcm", *table, refused, name, *table]
    shown = run("preview", tmp_path / "in" / "1.dcm", "--config", config, "--show-values", "--kept")
    assert shown.exit_code == 0
    assert "PN, 1 value, 8 bytes: Old\N{REPLACEMENT CHARACTER}[1mName" in shown.stdout, "nothing steers the terminal"
    assert [request.show_values for request in fake.received(deidentify_service_pb2.StreamPreviewRequest)] == [
        False,
        True,
    ]
    first, second = documents(run("preview", tmp_path / "in", "--config", config, "--json"))
    assert (first["item"], first["elements"][0]["path"]) == (f"{tmp_path}/in/1.dcm", "(0010,0010)")
    assert first["planFingerprint"] == "f00"
    assert second["error"]["reason"] == "NOT_DICOM"
    stored = run("preview", name, "--config", config, "--show-values")
    assert "--show-values is for files" in stored.stderr


def test_stream(run: Run, fake: Fake, config: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.dcm").write_bytes(b"one")
    (tmp_path / "in" / "2.dcm").write_bytes(b"BAD")
    result = run("stream", tmp_path / "in", "--out", tmp_path / "out", "--config", config)
    assert (result.exit_code, result.stderr) == (3, "a note\n")
    refused = f"refused {tmp_path}/in/2.dcm: NOT_DICOM position=0\n"
    assert result.stdout == f"{refused}1 de-identified, 1 refused\n"
    assert (tmp_path / "out" / "1.2" / "1.2.3" / "1.2.3.0.dcm").read_bytes() == b"ONE"
    good = run("stream", tmp_path / "in" / "1.dcm", "--out", tmp_path / "out", "--config", config, "--json")
    assert good.exit_code == 0
    assert documents(good) == [
        {"path": f"{tmp_path}/in/1.dcm", "output": f"{tmp_path}/out/1.2/1.2.3/1.2.3.0.dcm"},
    ]


def test_links_to_folders_are_refused_by_every_command(run: Run, fake: Fake, config: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "1.dcm").write_bytes(b"one")
    (tmp_path / "in" / "up").symlink_to(tmp_path / "in", target_is_directory=True)
    for arguments in (
        ["store", STORE, tmp_path / "in"],
        ["stream", tmp_path / "in", "--out", tmp_path / "out", "--config", config],
        ["preview", tmp_path / "in", "--config", config],
    ):
        result = run(*arguments, "--json")
        assert result.exit_code == 3
        reasons = {document.get("path") or document["item"]: document.get("error") for document in documents(result)}
        assert reasons.keys() == {f"{tmp_path}/in/a/1.dcm", f"{tmp_path}/in/up"}
        assert reasons[f"{tmp_path}/in/a/1.dcm"] is None
        assert reasons[f"{tmp_path}/in/up"]["reason"] == "UNREADABLE"
    named = run("stream", tmp_path / "in" / "up", "--out", tmp_path / "out", "--config", config, "--json")
    assert [document["path"] for document in documents(named)] == [f"{tmp_path}/in/up/up", f"{tmp_path}/in/up/a/1.dcm"]


def test_operations(run: Run, fake: Fake) -> None:
    fake.operations[OPERATION] = [state(success=1, failure=2, pending=3)]
    last = f"{DATASET}/operations/2"
    fake.operations[last] = [ended(state(last), status("CANCELLED", "cancelled"))]
    assert run("operations", "list", DATASET).stdout.splitlines() == [
        f"{OPERATION}  running  1 done, 2 refused, 3 pending",
        f"{last}  CANCELLED  0 done, 0 refused, 0 pending",
    ]
    [document] = documents(run("--json", "operations", "get", OPERATION))
    assert document["metadata"]["counter"] == {"success": "1", "failure": "2", "pending": "3"}
    assert "metadata.counter.pending: 3\n" in run("operations", "get", OPERATION).stdout
    assert run("operations", "cancel", OPERATION).exit_code == 0
    assert fake.operations[OPERATION][0].error.message == "cancelled"


def test_operation_errors(run: Run, fake: Fake) -> None:
    entry = operation_metadata_pb2.DeidentifyLogEntry(resource_name=f"{STUDY}/series/3/instances/4")
    entry.error.CopyFrom(status("INVALID_ARGUMENT", "TRUNCATED position=9", "TRUNCATED", position="9"))
    fake.log = [entry]
    result = run("operations", "errors", OPERATION, "--reason", "TRUNCATED")
    assert result.stdout == f"{STUDY}/series/3/instances/4  TRUNCATED position=9\n"
    assert fake.requests[-1].filter == "reason=TRUNCATED"
    [document] = documents(run("--json", "operations", "errors", OPERATION))
    assert document["error"]["details"][0]["reason"] == "TRUNCATED"


def test_interrupting_the_wait_leaves_the_operation_and_prints_its_name(address: str, fake: Fake, config: Path) -> None:
    class Endless(list[Any]):
        """Says when the command has begun to wait; the operation never ends."""

        def __init__(self) -> None:
            super().__init__([state(pending=1)])
            self.process: subprocess.Popen[str] | None = None

        def __bool__(self) -> bool:
            if self.process is not None:
                self.process.send_signal(signal.SIGINT)
                self.process = None
            return True

    states = Endless()
    fake.operations[OPERATION] = states
    # A shell that runs the tests in the background lets them, and what they start, ignore the signal.
    handled = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{handled}; from effacer.cli import main; main()"
    arguments = ["--server", address, "deidentify", STORE, OTHER, "--config", str(config)]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    states.process = process
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, f"{OPERATION}\n")
    assert err.startswith("the operation goes on")
    assert "Traceback" not in err
    assert fake.received(dicom_store_pb2.DeidentifyDicomStoreRequest)
    assert not fake.operations[OPERATION][0].done


def test_progress_on_a_terminal_goes_to_stderr(
    run: Run, fake: Fake, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes stderr for a terminal
    (tmp_path / "1.dcm").write_bytes(b"one")
    fake.operations[OPERATION] = [state(pending=2), finished(2, 0)]
    fake.download = instance_messages("1.2.3.4", b"data")
    stored = run("store", STORE, tmp_path / "1.dcm")
    assert (stored.stdout, "1/1 sent" in stored.stderr) == ("1 stored, 0 refused\n", True)
    deidentified = run("deidentify", STORE, OTHER, "--config", config)
    assert (deidentified.stdout, "2 done" in deidentified.stderr) == ("2 de-identified, 0 refused\n", True)
    retrieved = run("retrieve", STUDY, tmp_path / "out")
    assert "1 written" in retrieved.stderr


def test_a_narrow_terminal_folds_and_cuts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes stdout for a terminal
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    path, keyword = "(300A,00B0)[1].(0008,0082)[0].(0040,1101)[2]", "PersonIdentificationCodeSequence"
    value, because = "2.25.139145082312345678901234567890123456", "config.dicomTagConfig.actions[0].queries[12]"

    def columns(show: Callable[[], None], heading: int) -> list[str]:
        """What stands below each heading, joined; parts of a folded cell stand below one another."""
        with StringIO() as shown, redirect_stdout(shown):
            show()
            lines = shown.getvalue().splitlines()[heading:]
        assert max(map(len, lines)) <= 80
        starts = [match.start() for match in re.finditer(r"\S+(?: \S+)*", lines[0])]
        return ["".join(line[at:end].strip() for line in lines) for at, end in pairwise([*starts, 80])]

    element = deidentify_service_pb2.ElementDecision(
        path=path, keyword=keyword, old_kind="LT", old_value="x" * 1000, action="ELEMENT_ACTION_RESET",
        new_value=value, because=because,
    )  # fmt: skip
    preview = effacer.Preview(0, "a.dcm", None, None, (element,))
    assert columns(lambda: tables.preview(preview, show_values=True), heading=1) == [
        f"element{path}", f"keyword{keyword}", f"is nowLT:{'x' * 1000}", "actionreset", f"becomes{value}",
        f"because{because}",
    ]  # fmt: skip
    rule = deidentify_service_pb2.PlanRule(selector=path, keyword=keyword, words=value, because=because)
    plan = deidentify_service_pb2.ExplainConfigResponse(rules=[rule])
    shown = columns(lambda: tables.plan(plan), heading=0)
    expected = [f"element{path}", f"keyword{keyword}", "only", f"what happens{value}", f"because{because}"]
    assert all(column.startswith(text) for column, text in zip(shown, expected, strict=True))


def test_help_and_version() -> None:
    for arguments in (["--help"], ["deidentify", "--help"], ["preview", "--help"], ["--version"]):
        assert CliRunner().invoke(cli.main, arguments).exit_code == 0
    assert "must be let" in " ".join(CliRunner().invoke(cli.main, ["deidentify", "--help"]).stdout.split())
