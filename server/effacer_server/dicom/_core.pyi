from collections.abc import Callable, Sequence
from tempfile import SpooledTemporaryFile

class Source:
    size: int
    def __init__(self, data: bytes | bytearray | memoryview | None = None) -> None: ...
    @staticmethod
    def file(fd: int, size: int, ahead: int = 16384) -> Source: ...
    @staticmethod
    def spooled(spool: SpooledTemporaryFile[bytes], size: int) -> Source: ...
    @staticmethod
    def reader(read: Callable[[int, int], bytes], size: int, ahead: int = 65536) -> Source: ...
    @property
    def fd(self) -> int | None: ...
    def read(self, at: int, size: int) -> bytes: ...
    def rest(self) -> None: ...

class Facts:
    def __init__(
        self,
        dictionary: Sequence[tuple[int, str]],
        masked: Sequence[tuple[int, int, str]],
        uids: Sequence[str],
        standard: Sequence[int],
        placeholders: Sequence[tuple[str, int, str]],
    ) -> None: ...

class Matcher:
    def __new__(
        cls,
        facts: Facts,
        rules: Sequence[tuple[int, int, str, str, int, int]],
        default_verb: int,
        inserts: Sequence[tuple[int, bytes]],
        watch: Sequence[int],
        uid_key: bytes,
        uid_root: str,
        nested: Sequence[tuple[Sequence[int], int, int]],
        derivation: str,
        attributes: Sequence[int],
    ) -> Matcher: ...

class Edits:
    @property
    def count(self) -> int: ...
    def final(self, tag: int) -> bytes | None: ...
    def rows(self) -> list[tuple[int, str, int, int, int, int, int, str, bytes | None]]: ...
    def decisions(self, below: Sequence[int] = ()) -> list[tuple[int, str, int, int, int, int, int, int]]: ...
    def pending(self) -> list[tuple[int, int, str, int, int, int, int, int]]: ...

def read_meta(source: Source) -> tuple[int, bytes, bytes]: ...
def scan(
    source: Source,
    start: int,
    implicit: bool,
    big_endian: bool,
    matcher: Matcher,
    overrides: Sequence[tuple[int, int, int]],
    trace: bool,
) -> Edits: ...
def elements(
    source: Source, start: int, implicit: bool, big_endian: bool, facts: Facts
) -> list[tuple[int, str, int, int, int, int]]: ...
def splice(source: Source, edits: Edits, values: dict[int, bytes]) -> list[bytes | tuple[int, int]]: ...
def rewrite(
    source: Source,
    start: int,
    implicit: bool,
    big_endian: bool,
    matcher: Matcher,
    overrides: Sequence[tuple[int, int, int]],
) -> tuple[list[bytes | tuple[int, int]], int, list[bytes | None]] | None: ...
def capture(
    source: Source, start: int, implicit: bool, big_endian: bool, facts: Facts, tags: tuple[int, ...]
) -> list[tuple[int, str, bytes]]: ...
def map_uid(key: bytes, root: str, uid: bytes, derivation: str) -> bytes: ...
def hmac_sha256(key: bytes, message: bytes) -> bytes: ...
