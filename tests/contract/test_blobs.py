"""The contract of objects by key: on files and memory, and below EFFACER_TEST_BLOBS_URL (s3://…) where it is set."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from effacer_server.errors import EffacerError, InvalidConfig, NotFound, ResourceExhausted
from effacer_server.store.blobs import Blobs, open_blobs
from effacer_server.store.local import LocalBlobs

Opener = Callable[[], Blobs]


REMOTE_URL = os.environ.get("EFFACER_TEST_BLOBS_URL")


@pytest.fixture(params=["file", "file-fast", "memory", *(["remote"] if REMOTE_URL else [])])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same place each time it is called."""
    memory = f"memory://{uuid.uuid4().hex}"
    root = f"file://{tmp_path}/objects"
    return {
        "file": lambda: open_blobs(root),
        "file-fast": lambda: open_blobs(root, durable=False),
        "memory": lambda: open_blobs(memory),
        "remote": lambda: open_blobs(f"{REMOTE_URL}/{memory.removeprefix('memory://')}"),
    }[str(request.param)]


@pytest.fixture
def blobs(opener: Opener) -> Blobs:
    return opener()


def put(blobs: Blobs, key: str, data: bytes) -> None:
    with blobs.create(key) as writer:
        writer.write(data)
        writer.commit()


def get(blobs: Blobs, key: str) -> bytes:
    with blobs.open(key) as reader:
        return reader.read(0, reader.size)


def keys(blobs: Blobs, prefix: str = "") -> list[str]:
    return sorted(key for key, _ in blobs.list(prefix))


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def pattern(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.mark.parametrize("size", [0, 1, 1000, 300_000, 9 << 20])
def test_what_is_written_is_read(opener: Opener, size: int) -> None:
    data = pattern(size)
    put(opener(), "s/1.2/3", data)
    again = opener()
    assert get(again, "s/1.2/3") == data
    assert list(again.list()) == [("s/1.2/3", size)]


def test_pieces_of_every_kind_are_joined_in_order(blobs: Blobs) -> None:
    pieces: list[bytes | bytearray | memoryview] = [
        b"abc", bytearray(b"de"), memoryview(pattern(600_000)), b"", b"f", memoryview(b"ghij")[1:3], pattern(300_000),
    ]  # fmt: skip
    with blobs.create("k") as writer:
        for piece in pieces:
            writer.write(piece)
        writer.commit()
    assert get(blobs, "k") == b"".join(bytes(piece) for piece in pieces)


def test_a_buffer_may_be_reused_after_write(blobs: Blobs) -> None:
    buffer = bytearray(b"first")
    with blobs.create("k") as writer:
        writer.write(buffer)
        buffer[:] = b"other"
        writer.commit()
    assert get(blobs, "k") == b"first"


def test_reads_are_ranges(blobs: Blobs) -> None:
    data = pattern(3 << 20)
    put(blobs, "k", data)
    with blobs.open("k") as reader:
        assert reader.size == len(data)
        for at, size in [(0, 10), (5, 20), (65_530, 20), (1 << 20, 2 << 20), (100, 65_536), (0, 1), (3_000_000, 7)]:
            assert reader.read(at, size) == data[at : at + size]
        assert reader.read(len(data) - 5, 100) == data[-5:]
        assert reader.read(len(data), 1) == b""
        assert reader.read(len(data) + 10, 1) == b""


def test_one_reader_serves_threads(blobs: Blobs) -> None:
    data = pattern(1 << 20)
    put(blobs, "k", data)
    wrong: list[int] = []

    def read(reader_start: int) -> None:
        for at in range(reader_start, len(data) - 64, 7919):
            if reader.read(at, 64) != data[at : at + 64]:
                wrong.append(at)

    with blobs.open("k") as reader:
        threads = [threading.Thread(target=read, args=(start,)) for start in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_nothing_is_visible_before_commit(blobs: Blobs) -> None:
    with blobs.create("a/k") as writer:
        writer.write(pattern(400_000))
        assert keys(blobs) == []
        with pytest.raises(NotFound):
            blobs.open("a/k")
        writer.commit()
        assert keys(blobs) == ["a/k"]
    assert keys(blobs) == ["a/k"]


def test_leaving_without_commit_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    def fail() -> None:
        with blobs.create("a/k") as writer:
            writer.write(pattern(20 << 20))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with blobs.create("a/k") as writer:
        writer.write(b"x")
    assert keys(blobs) == []
    assert files_below(tmp_path) == []


def test_abort_keeps_what_was_there(blobs: Blobs) -> None:
    put(blobs, "k", b"old")
    with blobs.create("k") as writer:
        writer.write(b"new")
    assert get(blobs, "k") == b"old"


def test_commit_replaces(blobs: Blobs) -> None:
    put(blobs, "k", b"a longer old object")
    put(blobs, "k", b"new")
    assert get(blobs, "k") == b"new"


def test_a_closed_writer_refuses(blobs: Blobs) -> None:
    with blobs.create("k") as writer:
        writer.commit()
        with pytest.raises(EffacerError):
            writer.write(pattern(400_000))
        with pytest.raises(EffacerError):
            writer.commit()
    assert get(blobs, "k") == b""


@pytest.mark.parametrize("other", ["same", "memory", "file"])
def test_copy_between_objects(blobs: Blobs, tmp_path: Path, other: str) -> None:
    data = pattern(5 << 20)
    source = {
        "same": blobs,
        "memory": open_blobs(f"memory://{uuid.uuid4().hex}"),
        "file": open_blobs(f"file://{tmp_path}/elsewhere"),
    }[other]
    put(source, "in", data)
    ranges = [(0, 100), (100, 3 << 20), (50, 0), (4 << 20, 40_000), (len(data) - 1, 1)]
    with source.open("in") as reader, blobs.create("out") as writer:
        writer.write(b"head")
        for at, size in ranges:
            writer.copy(reader, at, size)
        writer.write(b"tail")
        writer.commit()
    assert get(blobs, "out") == b"head" + b"".join(data[at : at + size] for at, size in ranges) + b"tail"


@pytest.mark.parametrize(("at", "size"), [(0, 100_001), (100_000, 1), (50_000, 90_000), (-1, 5), (5, -1)])
def test_copy_beyond_the_end_is_an_error(blobs: Blobs, at: int, size: int) -> None:
    put(blobs, "in", pattern(100_000))
    with blobs.open("in") as reader, blobs.create("out") as writer, pytest.raises(EffacerError) as caught:
        writer.copy(reader, at, size)
    assert caught.value.reason == "IO"
    assert keys(blobs) == ["in"]


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "..", "a/../b", ".", "./a", "a/.hidden", "a b", "ä", "a\\b", "a\n", "a\x00", "a*"]
)
def test_bad_keys_are_refused(blobs: Blobs, key: str) -> None:
    for act in (blobs.create, blobs.open, blobs.delete):
        with pytest.raises(InvalidConfig):
            act(key)


@pytest.mark.parametrize("prefix", ["..", "a/../..", "/", "/etc"])
def test_bad_prefixes_are_refused(blobs: Blobs, prefix: str) -> None:
    put(blobs, "k", b"x")
    with pytest.raises(InvalidConfig):
        blobs.delete_prefix(prefix)
    with pytest.raises(InvalidConfig):
        list(blobs.list(prefix))
    assert keys(blobs) == ["k"]


def test_absent_objects(blobs: Blobs) -> None:
    put(blobs, "a/b", b"x")
    for key in ("a", "a/c", "a/b/c", "z"):
        with pytest.raises(NotFound):
            blobs.open(key)
        blobs.delete(key)
    assert keys(blobs) == ["a/b"]


def test_delete(blobs: Blobs, tmp_path: Path) -> None:
    put(blobs, "a/b/c", b"x")
    put(blobs, "a/d", b"x")
    blobs.delete("a/b/c")
    blobs.delete("a/b/c")
    assert keys(blobs) == ["a/d"]
    put(blobs, "a/b/c", b"again")
    assert get(blobs, "a/b/c") == b"again"


def test_prefixes_end_at_slashes(blobs: Blobs) -> None:
    for key in ("s1/a", "s1/b/c", "s12/a", "s1.x", "t/s1/a"):
        put(blobs, key, key.encode())
    assert keys(blobs, "s1") == keys(blobs, "s1/") == ["s1/a", "s1/b/c"]
    assert keys(blobs, "s1/b") == ["s1/b/c"]
    assert keys(blobs, "s1/a") == []
    blobs.delete_prefix("s1/a")
    blobs.delete_prefix("absent")
    assert len(keys(blobs)) == 5
    blobs.delete_prefix("s1")
    assert keys(blobs) == ["s1.x", "s12/a", "t/s1/a"]
    blobs.delete_prefix("")
    assert keys(blobs) == []
    put(blobs, "s1/a", b"again")
    assert keys(blobs) == ["s1/a"]


def test_many_objects_are_listed_and_deleted(opener: Opener) -> None:
    blobs = opener()
    if isinstance(blobs, LocalBlobs):
        blobs.durable = False
    expected = sorted(f"p/{i % 7}/{i}" for i in range(2300))
    for key in expected:
        put(blobs, key, b"")
    assert keys(blobs, "p") == expected
    blobs.delete_prefix("p")
    assert keys(blobs) == []


def test_writers_and_deleters_do_not_trip_each_other(blobs: Blobs) -> None:
    """A writer's directory may vanish between its making and its use, because it was empty."""
    failures: list[BaseException] = []

    def churn(worker: int) -> None:
        try:
            for i in range(40):
                key = f"same/directory/{worker}-{i}"
                put(blobs, key, b"x")
                assert get(blobs, key) == b"x"
                blobs.delete(key)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=churn, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert keys(blobs) == []


def test_sweep_spares_living_writers(opener: Opener) -> None:
    blobs, other = opener(), opener()
    with blobs.create("k") as writer:
        writer.write(pattern(400_000))
        assert other.sweep() == 0
        writer.commit()
    assert blobs.sweep() == 0
    assert keys(blobs) == ["k"]


def test_memory_is_shared_by_name() -> None:
    name = uuid.uuid4().hex
    put(open_blobs(f"memory://{name}"), "k", b"x")
    assert get(open_blobs(f"memory://{name}"), "k") == b"x"
    assert keys(open_blobs(f"memory://{name}-other")) == []


@pytest.mark.parametrize("url", ["", "relative", "http://host/x", "file://host/x", "file:relative", "s3://"])
def test_bad_urls(url: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        open_blobs(url)
    assert caught.value.violations[0][0] == "url"


# Local files only ----------------------------------------------------------------------------------------------------


@pytest.fixture
def local(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(str(tmp_path / "deep" / "objects"))


def test_modes_are_private(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        local = LocalBlobs(str(tmp_path / "deep" / "objects"))
        with local.create("a/b/c") as writer:
            writer.write(pattern(400_000))
            modes = [stat.S_IMODE(path.stat().st_mode) for path in files_below(tmp_path)]
            assert modes == [0o600]
            writer.commit()
    finally:
        os.umask(previous)
    for path in (tmp_path / "deep").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path.name
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700


def test_local_readers_have_a_descriptor_and_others_do_not(local: LocalBlobs) -> None:
    put(local, "k", b"abc")
    with local.open("k") as reader:
        assert reader.fd is not None
        assert os.pread(reader.fd, 3, 0) == b"abc"
    memory = open_blobs(f"memory://{uuid.uuid4().hex}")
    put(memory, "k", b"abc")
    with memory.open("k") as reader:
        assert reader.fd is None


def test_a_url_names_a_directory_with_any_characters(tmp_path: Path) -> None:
    blobs = open_blobs((tmp_path / "a b%c").as_uri())
    put(blobs, "k", b"x")
    assert (tmp_path / "a b%c" / "k").read_bytes() == b"x"


@pytest.mark.parametrize("piece", [1, 4096, 100_000])
def test_short_reads_are_continued(local: LocalBlobs, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    """The range is copied whole although the system hands out less than was asked for."""
    data = pattern(3 << 20)
    put(local, "in", data)
    real = os.preadv
    size = min(2 << 20, 2000 * piece)
    monkeypatch.setattr(local, "take_pipe", lambda: None)
    monkeypatch.setattr(os, "preadv", lambda fd, views, at: real(fd, [views[0][:piece]], at))
    with local.open("in") as reader, local.create("out") as writer:
        writer.write(b"head")
        writer.copy(reader, 7, size)
        writer.write(b"tail")
        writer.commit()
    assert get(local, "out") == b"head" + data[7 : 7 + size] + b"tail"


def test_large_objects_are_written_in_whole_pages(local: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the pieces fall, every write but the last starts and ends on a page."""
    put(local, "in", pattern(5 << 20))
    real, sizes = os.write, []
    monkeypatch.setattr(local, "take_pipe", lambda: None)
    monkeypatch.setattr(os, "write", lambda fd, data: sizes.append(len(data)) or real(fd, data))
    with local.open("in") as reader, local.create("out") as writer:
        writer.write(b"head")
        writer.copy(reader, 333, 4 << 20)
        writer.commit()
    assert len(sizes) > 1
    assert all(size % 4096 == 0 for size in sizes[:-1])


@pytest.mark.parametrize("head", [0, 7, 4096, 600_000])
@pytest.mark.parametrize("at", [0, 7, 4096])
def test_bodies_are_spliced(local: LocalBlobs, monkeypatch: pytest.MonkeyPatch, head: int, at: int) -> None:
    """Through the pipe, over its capacity several times, whatever stands before and behind."""
    data = pattern(5 << 20)
    put(local, "in", data)
    real, moved = os.splice, []

    def count(source: int, target: int, size: int, **options: int) -> int:
        moved.append(real(source, target, size, **options))
        return moved[-1]

    monkeypatch.setattr(os, "splice", count)
    for name in ("one", "two"):  # the second takes the pipe the first gave back
        with local.open("in") as reader, local.create(name) as writer:
            writer.write(data[:head])
            writer.copy(reader, at, 4 << 20)
            writer.write(b"tail")
            writer.copy(reader, 1, 100_000)
            writer.commit()
        assert get(local, name) == data[:head] + data[at : at + (4 << 20)] + b"tail" + data[1:100_001]
    assert sum(moved) >= 4 * (4 << 20)


@pytest.mark.parametrize("refusal", [errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP])
def test_without_splice_the_buffer_does(local: LocalBlobs, monkeypatch: pytest.MonkeyPatch, refusal: int) -> None:
    data = pattern(3 << 20)
    put(local, "in", data)
    real = os.splice

    def refuse(source: int, target: int, size: int, **options: int) -> int:
        if "offset_src" in options:
            raise OSError(refusal, "refused")
        return real(source, target, size)

    monkeypatch.setattr(os, "splice", refuse)
    with local.open("in") as reader, local.create("out") as writer:
        writer.write(b"head")
        writer.copy(reader, 7, 2 << 20)
        writer.write(b"tail")
        writer.commit()
    assert get(local, "out") == b"head" + data[7 : 7 + (2 << 20)] + b"tail"


def test_a_pipe_that_broke_off_is_not_used_again(local: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pattern(3 << 20)
    put(local, "in", data)
    real = os.splice

    def fail(source: int, target: int, size: int, **options: int) -> int:
        if "offset_src" not in options:
            raise OSError(errno.ENOSPC, "full")
        return real(source, target, size, **options)

    monkeypatch.setattr(os, "splice", fail)
    with local.open("in") as reader, local.create("out") as writer, pytest.raises(ResourceExhausted):
        writer.copy(reader, 0, 2 << 20)
    monkeypatch.setattr(os, "splice", real)
    with local.open("in") as reader, local.create("out") as writer:
        writer.copy(reader, 3, 2 << 20)
        writer.commit()
    assert get(local, "out") == data[3 : 3 + (2 << 20)]


def test_a_shrunken_source_is_an_error(local: LocalBlobs, tmp_path: Path) -> None:
    put(local, "in", pattern(3 << 20))
    with local.open("in") as reader:
        os.truncate(tmp_path / "deep" / "objects" / "in", 1 << 20)
        with pytest.raises(EffacerError) as caught:
            reader.read(0, 2 << 20)
        assert caught.value.reason == "IO"
        with local.create("out") as writer, pytest.raises(EffacerError) as caught:
            writer.copy(reader, 0, 2 << 20)
        assert caught.value.reason == "IO"
    assert keys(local) == ["in"]


@pytest.mark.parametrize("call", ["write", "fdatasync"])
@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, ResourceExhausted), (errno.EIO, EffacerError)])
def test_disk_errors(
    local: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, kind: type[EffacerError]
) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, "no", "/a/path/with/a/name")

    put(local, "k", b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(EffacerError) as caught:
            put(local, "k", pattern(400_000))
    assert type(caught.value) is kind
    assert caught.value.reason == ("DISK_FULL" if number == errno.ENOSPC else "IO")
    assert "name" not in str(caught.value) + str(caught.value.metadata)
    assert caught.value.__suppress_context__
    assert [path.name for path in files_below(tmp_path)] == ["k"]
    assert get(local, "k") == b"old"


def test_bytes_are_durable_before_they_are_visible(local: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    for name in ("fdatasync", "rename", "fsync"):
        real = getattr(os, name)

        def record(*args: object, _name: str = name, _real: Callable[..., object] = real) -> object:
            result = _real(*args)
            events.append(_name)
            return result

        monkeypatch.setattr(os, name, record)
    put(local, "a/b", b"x")
    assert events[:2] == ["fdatasync", "rename"]
    assert set(events[2:]) == {"fsync"}
    assert events.count("fsync") == 2  # a, whose entry is new, and the root, whose entry a is new
    events.clear()
    put(local, "a/c", b"x")
    assert events == ["fdatasync", "rename", "fsync"]
    events.clear()
    local.durable = False
    put(local, "a/d", b"x")
    assert events == ["rename"]


def test_a_key_below_an_object_cannot_be_written(local: LocalBlobs) -> None:
    put(local, "a", b"x")
    with pytest.raises(EffacerError) as caught:
        put(local, "a/b", b"x")
    assert caught.value.reason == "IO"
    put(local, "d/e", b"x")
    with pytest.raises(EffacerError) as caught:
        put(local, "d", b"x")
    assert caught.value.reason == "IO"
    assert keys(local) == ["a", "d/e"]


def test_sweep_removes_what_a_killed_process_left(local: LocalBlobs, tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from effacer_server.store.blobs import open_blobs\n"
        "writer = open_blobs(sys.argv[1]).create('k')\n"
        "writer.write(bytes(1 << 20))\n"
        "os._exit(9)\n"
    )
    url = (tmp_path / "deep" / "objects").as_uri()
    ended = subprocess.run([sys.executable, "-c", program, url], env={**os.environ, "PYTHONPATH": _import_path()})
    assert ended.returncode == 9
    assert len(files_below(tmp_path)) == 1
    assert keys(local) == []
    with local.create("k") as writer:
        writer.write(b"alive")
        assert local.sweep() == 1
        writer.commit()
    assert keys(local) == ["k"]
    assert len(files_below(tmp_path)) == 1


def test_a_writer_that_met_a_sweep_starts_again(
    local: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the making of its hidden directory and the lock on it, a sweep takes it for a crashed process's."""
    real, swept = fcntl.flock, []

    def flock(fd: int, operation: int) -> None:
        if not swept and not operation & fcntl.LOCK_NB:
            swept.append(os.listdir(tmp_path / "deep/objects/.writing"))
            local.sweep()
            swept.append(os.listdir(tmp_path / "deep/objects/.writing"))
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    put(local, "k", b"whole")
    assert (len(swept[0]), swept[1]) == (1, [])
    assert get(local, "k") == b"whole"


def test_a_closed_store_leaves_nothing_hidden_and_writes_again(local: LocalBlobs, tmp_path: Path) -> None:
    put(local, "k", b"one")
    local.close()
    assert not (tmp_path / "deep/objects/.writing").exists()
    assert local.sweep() == 0
    put(local, "l", b"two")
    assert keys(local) == ["k", "l"]


def _import_path() -> str:
    import effacer_server

    return str(Path(effacer_server.__path__[0]).parent)


def test_sweep_removes_the_hidden_files_of_an_earlier_layout(local: LocalBlobs, tmp_path: Path) -> None:
    (tmp_path / "deep/objects/.writing/0123.0").write_bytes(b"half")
    assert local.sweep() == 1
    assert local.sweep() == 0
