"""google.iam.v1.IAMPolicy: known, and not offered by this version."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc
from google.iam.v1 import iam_policy_pb2_grpc

from effacer_server.errors import Unsupported


class IamService(iam_policy_pb2_grpc.IAMPolicyServicer):  # type: ignore[misc]  # no types come with it
    """Answers UNIMPLEMENTED: a policy that is accepted and not enforced would be worse than none."""

    def SetIamPolicy(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        raise Unsupported("", "this version has no access policies")

    def GetIamPolicy(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        raise Unsupported("", "this version has no access policies")

    def TestIamPermissions(self, request: Any, context: grpc.ServicerContext) -> NoReturn:
        raise Unsupported("", "this version has no access policies")


def add_to(server: grpc.Server) -> None:
    """Registers the service."""
    iam_policy_pb2_grpc.add_IAMPolicyServicer_to_server(IamService(), server)
