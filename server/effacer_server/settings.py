"""The server's settings: one frozen value, read once; the only reader of the environment.

Every setting has a command-line option (`--uid-root`), an environment variable (`EFFACER_UID_ROOT`) and a default; the
option wins. docs/architecture.md says which room uses what.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import inf
from pathlib import Path
from urllib.parse import unquote, urlsplit

from effacer_server.errors import InvalidConfig

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server, worker or folder run is told from outside.

    Attributes:
        data: directory of the embedded default: catalog, objects and keys live below it.
        grpc_address: HOST:PORT; port 0 picks a free one.
        catalog: URL of the catalog; empty: SQLite below `data`.
        objects: URL of the object store; empty: a folder below `data`.
        workers: who runs shards: inline, threads:N or processes:N.
        rpc_threads: RPCs served at the same time.
        buckets: URL prefixes that stand for others, so that requests written for gs:// run unchanged:
            {"gs://my-bucket": "file:///srv/my-bucket"}.
        roots: URL prefixes that config and filter files may be read from; file:// anywhere else is refused.
        uid_key: secret of the UID mapping in hexadecimal (at least 32 digits); empty: the key file below `data`.
        uid_derivation: how new UIDs come from old ones: "hmac", keyed, or "md5", which anyone can repeat; see
            docs/keys.md.
        date_key: secret of the date shift, as uid_key; empty: made of the UID key.
        keyring: file of keys that open wrapped keys of configs, see jobs.keys.Keyring; empty: none is opened.
        info_types: infoTypes that are looked for in text where a config names none; empty: the default ones.
        strict_text: in prose, words that no vocabulary knows count as names.
        uid_root: root of new UIDs, at most 24 characters, with its closing dot. Source: PS3.5 §B.2.
        write_method: write the attributes that say an output was de-identified. Source: PS3.15 §E.1.1.
        durable: wait for the disk before a row refers to bytes; off only for scratch data.
        shard_instances, shard_bytes: most instances and bytes that one shard holds.
        lease_s: seconds after which a shard whose worker is silent is given to another.
        max_instance_bytes: larger instances are refused.
        max_inflated_bytes: larger data sets behind a deflated transfer syntax are refused.
        max_filter_bytes: larger config and filter files are refused.
        grace_s: seconds that running shards and RPCs get to finish when the server is told to stop.
    """

    data: Path = Path("effacer-data")
    grpc_address: str = "127.0.0.1:50051"
    catalog: str = ""
    objects: str = ""
    workers: str = "threads:4"
    rpc_threads: int = 32
    buckets: Mapping[str, str] = field(default_factory=dict)
    roots: tuple[str, ...] = ()
    uid_key: str = field(default="", repr=False)
    uid_derivation: str = "hmac"
    date_key: str = field(default="", repr=False)
    keyring: str = ""
    info_types: tuple[str, ...] = ()
    strict_text: bool = False
    uid_root: str = "2.25."
    write_method: bool = True
    durable: bool = True
    shard_instances: int = 64
    shard_bytes: int = 256 * MIB
    lease_s: float = 60.0
    max_instance_bytes: int = 16 << 30
    max_inflated_bytes: int = 512 * MIB
    max_filter_bytes: int = 256 * MIB
    grace_s: float = 10.0

    def __post_init__(self) -> None:
        root = self.uid_root
        if len(root) > 24 or not root.endswith(".") or not all(p.isdigit() for p in root[:-1].split(".")):
            raise InvalidConfig("uid_root", "must be digits and dots, end with a dot and have at most 24 characters")
        port = self.grpc_address.rpartition(":")[2]
        if not port.isdigit() or int(port) > 65535:
            raise InvalidConfig("grpc_address", "must be HOST:PORT with a port from 0 to 65535")
        for url in (*self.roots, *self.buckets, *self.buckets.values()):
            if not _is_url(url):
                raise InvalidConfig(
                    "roots" if url in self.roots else "buckets", "takes URLs such as file:///srv/filters"
                )
        for name in ("uid_key", "date_key"):
            try:
                if getattr(self, name) and len(bytes.fromhex(getattr(self, name))) < 16:
                    raise ValueError
            except ValueError:
                raise InvalidConfig(name, "must be at least 32 hexadecimal digits") from None
        if self.uid_derivation not in ("hmac", "md5"):
            raise InvalidConfig("uid_derivation", "must be hmac or md5")
        for name in ("rpc_threads", "shard_instances", "shard_bytes", "max_instance_bytes", "max_inflated_bytes"):
            if getattr(self, name) < 1:
                raise InvalidConfig(name, "must be at least 1")
        if not 0 <= self.grace_s < inf:
            raise InvalidConfig("grace_s", "must be a number of seconds, 0 or more")
        if not 0 < self.lease_s < inf:
            raise InvalidConfig("lease_s", "must be a number of seconds above 0")

    @property
    def catalog_url(self) -> str:
        """The catalog's URL with the default filled in."""
        return self.catalog or f"sqlite:///{self.data.absolute() / 'catalog.sqlite'}"

    @property
    def objects_url(self) -> str:
        """The object store's URL with the default filled in."""
        return self.objects or (self.data.absolute() / "objects").as_uri()

    @property
    def key_file(self) -> Path:
        """Where the UID key lives when none is given."""
        return self.data / "keys" / "uid.key"


def from_environment(
    given: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Settings from `EFFACER_…` variables, overridden by what was given (None values count as not given).

    Lists (`EFFACER_ROOTS`) are separated by commas, maps (`EFFACER_BUCKETS`) are `key=value` separated by commas.

    Raises:
        InvalidConfig: a value that does not fit, with the setting's name as its field.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, object] = {}
    for item in fields(Settings):
        text = environment.get(f"EFFACER_{item.name.upper()}")
        if text is not None:
            values[item.name] = text
    values.update({name: value for name, value in (given or {}).items() if value is not None})
    return Settings(**{name: _parse(name, value) for name, value in values.items()})  # type: ignore[arg-type]


def local_path(url: str) -> Path | None:
    """The path of a file:// URL; None for other schemes."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _is_url(text: str) -> bool:
    """Whether a text is one URL; behind file:// stands the host of this machine or none, and an absolute path."""
    if text.count("://") != 1 or any(mark in text for mark in (";", " ", "\n")):
        return False
    scheme, _, rest = text.partition("://")
    return scheme != "file" or rest.removeprefix("localhost").startswith("/")


def _parse(name: str, value: object) -> object:
    kinds = {item.name: str(item.type) for item in fields(Settings)}
    kind = kinds[name]
    try:
        if kind == "Path":
            return Path(str(value))
        if not isinstance(value, str):
            return value
        if kind == "int":
            return int(value)
        if kind == "float":
            return float(value)
        if kind == "bool":
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[value.lower()]
        if kind.startswith("tuple"):
            return tuple(part for part in value.split(",") if part)
        if kind.startswith("Mapping"):
            return dict(part.split("=", 1) for part in value.split(",") if part)
    except (ValueError, KeyError):
        raise InvalidConfig(name, f"is not a valid {kind}") from None
    return value
