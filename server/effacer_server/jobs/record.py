"""What is written down with an operation, so that another process can go on with it."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass, field

from effacer_server.errors import EffacerError
from effacer_server.policy.plan import Keys


@dataclass(frozen=True, slots=True)
class Route:
    """From one store into another.

    Attributes:
        source: name of the store to read. Not its uid alone: the error log names instances.
        source_uid, destination_uid: uids of both stores.
        max_id: instances above this id came later and are not taken.
    """

    source: str
    source_uid: str
    destination_uid: str
    max_id: int


@dataclass(frozen=True, slots=True)
class Deletion:
    """A study or series to delete."""

    store_uid: str
    study: str
    series: str = ""

    def __repr__(self) -> str:
        return f"Deletion(store_uid={self.store_uid!r})"


@dataclass(frozen=True, slots=True)
class Record:
    """The work of an operation.

    Attributes:
        result: the serialised response it ends with.
        config: the serialised config; the plan is compiled from it again, and must come out the same.
        key_check: tells whether UIDs and dates would still come out the same, and nothing else about the keys.
        write_method: the setting the plan was compiled with.
        routes: stores to de-identify.
        deletion: what to delete instead.
    """

    result: bytes = field(default=b"", repr=False)
    config: bytes = field(default=b"", repr=False)
    key_check: str = ""
    write_method: bool = True
    routes: tuple[Route, ...] = ()
    deletion: Deletion | None = None

    def encode(self) -> bytes:
        """As bytes, for the catalog."""
        deletion = self.deletion
        document = {
            "result": base64.b64encode(self.result).decode(),
            "config": base64.b64encode(self.config).decode(),
            "keyCheck": self.key_check,
            "writeMethod": self.write_method,
            "routes": [[r.source, r.source_uid, r.destination_uid, r.max_id] for r in self.routes],
            "deletion": [deletion.store_uid, deletion.study, deletion.series] if deletion else None,
        }
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> Record:
        """The record in these bytes; raises EffacerError("RECORD") when there is none."""
        try:
            document = json.loads(data)
            return cls(
                result=base64.b64decode(document["result"]),
                config=base64.b64decode(document["config"]),
                key_check=document["keyCheck"],
                write_method=document["writeMethod"],
                routes=tuple(Route(*route) for route in document["routes"]),
                deletion=Deletion(*document["deletion"]) if document["deletion"] else None,
            )
        except (ValueError, KeyError, TypeError):
            raise EffacerError("RECORD", "the operation's record cannot be read") from None


def check_of(keys: Keys) -> str:
    """A value that is equal for equal keys, root and derivation, and says nothing about the keys."""
    dates = hmac.digest(keys.date, b"effacer date key check", "sha256")
    message = b" ".join((b"effacer key check", keys.derivation.encode(), keys.uid_root.encode(), dates))
    return hmac.digest(keys.uid, message, "sha256").hex()[:32]
