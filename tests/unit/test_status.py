"""Errors on their way out."""

from __future__ import annotations

import logging

import pytest

from effacer.v1 import dataset_pb2, deidentify_pb2, dicom_store_pb2
from effacer_server.api.status import describe, refusal, to_status
from effacer_server.api.unknown_fields import check_known
from effacer_server.errors import AlreadyExists, InvalidConfig, NotFound, Reason, Refused, Unavailable, Unsupported
from tests.service import failure


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("DATASET", name="n"), "NOT_FOUND"),
        (AlreadyExists("DATASET"), "ALREADY_EXISTS"),
        (Unavailable("CATALOG"), "UNAVAILABLE"),
        (Unsupported("f", "later"), "UNIMPLEMENTED"),
        (InvalidConfig("f", "wrong"), "INVALID_ARGUMENT"),
        (Refused(Reason.TRUNCATED), "INVALID_ARGUMENT"),
        (Refused(Reason.INTERNAL), "INTERNAL"),
    ],
)
def test_codes(error: Exception, code: str) -> None:
    found = failure(describe(error))
    assert (found.code, found.reason) == (code, error.reason)  # type: ignore[attr-defined]


def test_metadata_and_fields() -> None:
    assert failure(describe(NotFound("DATASET", name="n"))).metadata == {"name": "n"}
    error = InvalidConfig("config.a", "wrong")
    error.violations.append(("config.b", "wrong too"))
    assert failure(to_status(error)).fields == ["config.a", "config.b"]


def test_a_refusal_tells_where_and_nothing_else() -> None:
    found = failure(refusal("BAD_VR", 0x00100010, "PN", 512))
    assert found.metadata == {"tag": "00100010", "vr": "PN", "position": "512"}
    assert found.message == "BAD_VR tag=(0010,0010) vr=PN position=512"


def test_many_violations_fit_a_trailer() -> None:
    error = InvalidConfig("f", "d")
    error.violations = [(f"config.dicomTagConfig.actions[{n}].queries[0]", "is wrong " * 5) for n in range(1000)]
    status = to_status(error)
    assert status.ByteSize() < 6000
    assert failure(status).fields[0] == "config.dicomTagConfig.actions[0].queries[0]"


def test_an_unexpected_exception_says_nothing_and_logs_no_text(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise KeyError("CANARY")

    with caplog.at_level(logging.DEBUG):
        try:
            fail()
        except KeyError as error:
            found = failure(describe(error))
    assert (found.code, found.reason) == ("INTERNAL", "INTERNAL")
    assert "CANARY" not in found.message + caplog.text
    assert found.metadata["correlationId"] in caplog.text
    assert "KeyError" in caplog.text
    assert "in fail" in caplog.text or " fail" in caplog.text


def test_unknown_fields_are_found_anywhere() -> None:
    # Field 15 at the top, in an action, in a map's value, and an enum number without a name.
    request = dataset_pb2.DeidentifyDatasetRequest()
    action = request.config.dicom_tag_config.actions.add()
    action.keep_tag.SetInParent()
    check_known(request)
    action.MergeFromString(b"\x7a\x01x")
    request.config.dicom_tag_config.profile_type = 99  # type: ignore[assignment]
    with pytest.raises(InvalidConfig) as caught:
        check_known(request)
    assert caught.value.reason == "UNKNOWN_FIELD"
    assert caught.value.violations == [
        ("config.dicomTagConfig.actions[0]", "has a field of number 15, which is unknown"),
        ("config.dicomTagConfig.profileType", "is 99, which is no value of ProfileType"),
    ]
    request = dataset_pb2.DeidentifyDatasetRequest.FromString(b"\xfa\x01\x01x")
    with pytest.raises(InvalidConfig):
        check_known(request)


def test_maps_and_scalars_are_known() -> None:
    check_known(dicom_store_pb2.DicomStore(labels={"a": "b"}))
    check_known(deidentify_pb2.ImageConfig(additional_info_types=["X"], text_redaction_mode=1))
