"""What every file of the contract keeps: annotations, generated stubs that are up to date, samples that parse."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from google.api import annotations_pb2, field_behavior_pb2, resource_pb2
from google.longrunning import operations_pb2
from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor

from effacer.v1 import dataset_pb2, deidentify_pb2, dicom_store_pb2

ROOT = Path(__file__).resolve().parents[2]
PROTOS = ROOT / "protos" / "effacer" / "v1"
REQUESTS = ROOT / "tests" / "golden" / "requests"


def load(name: str) -> FileDescriptor:
    return importlib.import_module(f"effacer.v1.{name}_pb2").DESCRIPTOR


FILES = {path.stem: load(path.stem) for path in sorted(PROTOS.glob("*.proto"))}
METHODS = {
    f"{service.name}.{method.name}": method
    for file in FILES.values()
    for service in file.services_by_name.values()
    for method in service.methods
}


def messages(descriptors: Any) -> Iterator[Descriptor]:
    for descriptor in descriptors:
        if not descriptor.GetOptions().map_entry:
            yield descriptor
            yield from messages(descriptor.nested_types)


MESSAGES = {d.full_name: d for file in FILES.values() for d in messages(file.message_types_by_name.values())}

# The methods of the contract; docs and clients rely on each of them.
SERVICES = {
    "DatasetService": "CreateDataset GetDataset ListDatasets UpdateDataset DeleteDataset DeidentifyDataset",
    "DicomStoreService": "CreateDicomStore GetDicomStore ListDicomStores UpdateDicomStore DeleteDicomStore "
    "GetDicomStoreMetrics DeidentifyDicomStore ImportDicomData ExportDicomData",
    "DicomWebService": "StoreInstances RetrieveInstance RetrieveSeries RetrieveStudy RetrieveMetadata RetrieveFrames "
    "RetrieveRendered SearchForStudies SearchForSeries SearchForInstances DeleteStudy DeleteSeries DeleteInstance",
    "DeidentifyService": "StreamDeidentify PreviewDeidentify StreamPreview ExplainConfig",
    "OperationLogService": "ListOperationErrors",
}


def test_services_hold_the_methods_of_the_contract() -> None:
    found = {
        service.name: {method.name for method in service.methods}
        for file in FILES.values()
        for service in file.services_by_name.values()
    }
    assert found == {name: set(methods.split()) for name, methods in SERVICES.items()}


def test_streams_run_the_way_the_contract_says() -> None:
    found = {name: (m.client_streaming, m.server_streaming) for name, m in METHODS.items()}
    streaming = {name: ways for name, ways in found.items() if any(ways)}
    assert streaming == {
        "DicomWebService.StoreInstances": (True, False),
        "DicomWebService.RetrieveInstance": (False, True),
        "DicomWebService.RetrieveSeries": (False, True),
        "DicomWebService.RetrieveStudy": (False, True),
        "DicomWebService.RetrieveMetadata": (False, True),
        "DicomWebService.RetrieveFrames": (False, True),
        "DicomWebService.RetrieveRendered": (False, True),
        "DeidentifyService.StreamDeidentify": (True, True),
        "DeidentifyService.PreviewDeidentify": (False, True),
        "DeidentifyService.StreamPreview": (True, True),
    }


def paths(method: MethodDescriptor) -> list[tuple[str, str, str]]:
    """(verb, path, body) of each http rule."""
    first = method.GetOptions().Extensions[annotations_pb2.http]
    return [
        (kind, getattr(rule, kind), rule.body)
        for rule in (first, *first.additional_bindings)
        if (kind := rule.WhichOneof("pattern"))
    ]


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_has_http_rules_in_both_versions(name: str) -> None:
    found = paths(METHODS[name])
    beta = {(verb, path.removeprefix("/v1beta1/"), body) for verb, path, body in found if path.startswith("/v1beta1/")}
    stable = {(verb, path.removeprefix("/v1/"), body) for verb, path, body in found if path.startswith("/v1/")}
    assert beta
    assert beta == stable
    assert len(found) == len(beta) + len(stable)
    assert found[0][1].startswith("/v1beta1/")


@pytest.mark.parametrize("name", sorted(METHODS))
def test_http_rules_name_fields_that_exist(name: str) -> None:
    for _, path, body in paths(METHODS[name]):
        for variable in re.findall(r"\{([\w.]+)=", path):
            descriptor: Descriptor = METHODS[name].input_type
            for part in variable.split("."):
                field = descriptor.fields_by_name[part]
                descriptor = field.message_type
            assert field.type == field.TYPE_STRING
            assert not field.is_repeated
        if body not in ("", "*"):
            assert body in METHODS[name].input_type.fields_by_name


def test_no_two_methods_share_a_path() -> None:
    seen: dict[tuple[str, str], str] = {}
    for name, method in METHODS.items():
        for verb, path, _ in paths(method):
            key = (verb, re.sub(r"\{[\w.]+=([^}]*)\}", r"\1", path))
            assert seen.setdefault(key, name) == name, key


@pytest.mark.parametrize("name", sorted(METHODS))
def test_long_running_methods_say_what_they_return(name: str) -> None:
    method = METHODS[name]
    info = method.GetOptions().Extensions[operations_pb2.operation_info]
    if method.output_type.full_name != "google.longrunning.Operation":
        assert not info.response_type
        return
    assert info.metadata_type == "OperationMetadata"
    pool = descriptor_pool.Default()
    for kind in (info.response_type, info.metadata_type):
        full_name = kind if "." in kind else f"effacer.v1.{kind}"
        assert pool.FindMessageTypeByName(full_name).full_name == full_name


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_every_field_has_a_behavior(name: str) -> None:
    bare = [f.name for f in MESSAGES[name].fields if not f.GetOptions().Extensions[field_behavior_pb2.field_behavior]]
    assert bare == []


def test_every_resource_reference_is_defined() -> None:
    defined = {
        definition.type
        for file in FILES.values()
        for definition in file.GetOptions().Extensions[resource_pb2.resource_definition]
    }
    defined |= {
        d.GetOptions().Extensions[resource_pb2.resource].type
        for d in MESSAGES.values()
        if d.GetOptions().HasExtension(resource_pb2.resource)
    }
    used = {
        field.GetOptions().Extensions[resource_pb2.resource_reference].type
        for d in MESSAGES.values()
        for field in d.fields
        if field.GetOptions().HasExtension(resource_pb2.resource_reference)
    }
    assert {"effacer/Dataset", "effacer/DicomStore", "effacer/Instance"} <= used
    assert used <= defined


def test_nothing_of_google_is_redefined() -> None:
    assert {file.package for file in FILES.values()} == {"effacer.v1"}
    names = {d.name for d in MESSAGES.values()}
    assert not names & {"Operation", "Status", "Policy", "HttpBody", "Empty", "Timestamp", "FieldMask"}


@pytest.mark.parametrize("name", ["CryptoHashConfig.crypto_key", "DateShiftConfig.crypto_key"])
def test_keys_are_marked_secret(name: str) -> None:
    message, field = name.split(".")
    assert MESSAGES[f"effacer.v1.{message}"].fields_by_name[field].GetOptions().debug_redact


@pytest.fixture
def stubs() -> ModuleType:
    """tools/stubs.py; it needs grpcio-tools, which only the dev install has."""
    spec = importlib.util.spec_from_file_location("effacer_tools_stubs", ROOT / "tools" / "stubs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stubs_are_up_to_date(stubs: ModuleType) -> None:
    assert stubs.differences() == []


def test_a_stale_stub_is_noticed(
    stubs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stubs.generate(tmp_path)
    monkeypatch.setattr(stubs, "CLIENT", tmp_path)
    assert stubs.main(["--check"]) == 0
    folder = tmp_path / stubs.PACKAGE
    (folder / "dataset_pb2.py").write_text("# edited by hand\n", encoding="utf-8")
    (folder / "instance_pb2.pyi").unlink()
    (folder / "gone_pb2.py").write_text("# of a proto that is no more\n", encoding="utf-8")
    assert stubs.main(["--check"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "differs: client/effacer/v1/dataset_pb2.py",
        "differs: client/effacer/v1/gone_pb2.py",
        "differs: client/effacer/v1/instance_pb2.pyi",
    ]
    assert stubs.main([]) == 0
    assert stubs.main(["--check"]) == 0
    assert not (folder / "gone_pb2.py").exists()


def test_stubs_name_no_folder_of_the_machine(stubs: ModuleType) -> None:
    for name, content in stubs.contents(stubs.CLIENT / stubs.PACKAGE).items():
        assert str(ROOT).encode() not in content, name


# Samples 01 to 09 go to DeidentifyDataset, 10 and 11 to DeidentifyDicomStore.
DATASET_SAMPLES = sorted(path.name for path in REQUESTS.glob("0*.json"))


def body(name: str) -> dict[str, Any]:
    return json.loads((REQUESTS / name).read_text(encoding="utf-8"))


def test_there_are_eleven_samples() -> None:
    assert len(list(REQUESTS.glob("*.json"))) == 11
    assert len(DATASET_SAMPLES) == 9


@pytest.mark.parametrize("name", DATASET_SAMPLES)
def test_dataset_sample_survives_the_contract(name: str) -> None:
    message = json_format.ParseDict(body(name), dataset_pb2.DeidentifyDatasetRequest())
    assert message.config.HasField("dicom_tag_config")
    assert json_format.MessageToDict(message) == body(name)


def test_store_sample_survives_the_contract() -> None:
    name = "10_store_level_keep_tag.json"
    message = json_format.ParseDict(body(name), dicom_store_pb2.DeidentifyDicomStoreRequest())
    assert message.config.dicom_tag_config.actions[0].WhichOneof("action") == "keep_tag"
    assert json_format.MessageToDict(message) == body(name)


def test_filter_sample_parses_once_its_spelling_is_mended() -> None:
    """The reference's sample prints `resourcePathGcsUri`; the transcoder takes that alias, the contract does not."""
    sample = body("11_store_level_filter_v1.json")
    with pytest.raises(json_format.ParseError, match="resourcePathGcsUri"):
        json_format.ParseDict(sample, dicom_store_pb2.DeidentifyDicomStoreRequest())
    sample["filterConfig"]["resourcePathsGcsUri"] = sample["filterConfig"].pop("resourcePathGcsUri")
    message = json_format.ParseDict(sample, dicom_store_pb2.DeidentifyDicomStoreRequest())
    assert message.filter_config.resource_paths_gcs_uri == "gs://BUCKET/PATH/TO/FILE"
    assert message.config.dicom.filter_profile == deidentify_pb2.DicomConfig.DEIDENTIFY_TAG_CONTENTS
    assert message.config.image.text_redaction_mode == deidentify_pb2.ImageConfig.REDACT_ALL_TEXT
    assert json_format.MessageToDict(message) == sample


@pytest.mark.parametrize(
    "config",
    [
        {"dicomTagConfig": {"actions": [{"queries": ["PN"], "keepTags": {}}]}},
        {"dicomTagConfig": {"actions": [{"queries": ["PN"], "keepTag": {}, "deleteTag": {}}]}},
        {"dicomTagConfig": {"profileType": "NO_SUCH_PROFILE"}},
    ],
    ids=["unknown field", "two actions in one", "unknown enum value"],
)
def test_a_faulty_config_does_not_parse(config: dict[str, Any]) -> None:
    with pytest.raises(json_format.ParseError):
        json_format.ParseDict({"config": config}, dataset_pb2.DeidentifyDatasetRequest())


def test_config_and_uri_exclude_each_other() -> None:
    for request in (dataset_pb2.DeidentifyDatasetRequest(), dicom_store_pb2.DeidentifyDicomStoreRequest()):
        with pytest.raises(json_format.ParseError):
            json_format.ParseDict({"config": {}, "gcsConfigUri": "gs://bucket/config.json"}, request)
