"""Settings and keys: where they come from, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from effacer_server.errors import InvalidConfig, PreconditionFailed
from effacer_server.jobs.keys import load_keys
from effacer_server.jobs.runners import open_runner
from effacer_server.settings import Settings, from_environment


def test_options_win_over_the_environment_and_that_over_defaults() -> None:
    environment = {"EFFACER_WORKERS": "threads:9", "EFFACER_GRPC_ADDRESS": "127.0.0.1:1", "OTHER": "x"}
    settings = from_environment({"grpc_address": "127.0.0.1:2", "catalog": None}, environment)
    assert (settings.workers, settings.grpc_address, settings.uid_root) == ("threads:9", "127.0.0.1:2", "2.25.")


def test_every_kind_of_setting_is_read_from_text() -> None:
    environment = {
        "EFFACER_DATA": "/d",
        "EFFACER_BUCKETS": "gs://a=file:///x,gs://b=file:///y",
        "EFFACER_ROOTS": "file:///r,file:///s",
        "EFFACER_DURABLE": "false",
        "EFFACER_LEASE_S": "2.5",
        "EFFACER_SHARD_INSTANCES": "7",
    }
    settings = from_environment({}, environment)
    assert settings.data == Path("/d")
    assert settings.buckets == {"gs://a": "file:///x", "gs://b": "file:///y"}
    assert settings.roots == ("file:///r", "file:///s")
    assert (settings.durable, settings.lease_s, settings.shard_instances) == (False, 2.5, 7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EFFACER_SHARD_INSTANCES", "many"),
        ("EFFACER_SHARD_INSTANCES", "0"),
        ("EFFACER_DURABLE", "perhaps"),
        ("EFFACER_BUCKETS", "gs://a"),
        ("EFFACER_UID_ROOT", "1.2.3"),
        ("EFFACER_UID_ROOT", "1." * 13),
        ("EFFACER_UID_ROOT", "1.x."),
        ("EFFACER_UID_KEY", "abc"),
        ("EFFACER_UID_KEY", "00" * 15),
        ("EFFACER_GRACE_S", "-1"),
        ("EFFACER_GRACE_S", "nan"),
        ("EFFACER_LEASE_S", "0"),
        ("EFFACER_ROOTS", "file://relative"),
        ("EFFACER_ROOTS", "file://relative/b"),
        ("EFFACER_ROOTS", "file://"),
        ("EFFACER_BUCKETS", "gs://a=file://relative"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        from_environment({}, {name: value})
    assert caught.value.violations[0][0] == name.removeprefix("EFFACER_").lower()


def test_roots_that_are_absolute_are_taken() -> None:
    roots = ("file:///srv/a", "file://localhost/srv/b", "gs://bucket", "s3://bucket/prefix/")
    assert Settings(roots=roots, grace_s=0).roots == roots


def test_a_secret_is_not_shown() -> None:
    assert "ab" * 16 not in repr(Settings(uid_key="ab" * 16))
    assert "ab" * 16 not in repr(load_keys(Settings(uid_key="ab" * 16)))


def test_one_key_is_made_however_many_start_together(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_keys(settings).uid, range(32)))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert settings.key_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in settings.key_file.parent.iterdir()] == ["uid.key"]


def test_a_key_that_others_can_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    load_keys(settings)
    settings.key_file.chmod(0o644)
    with pytest.raises(PreconditionFailed):
        load_keys(settings)
    settings.key_file.chmod(0o600)
    settings.key_file.write_text("not a key")
    with pytest.raises(PreconditionFailed) as caught:
        load_keys(settings)
    assert "not a key" not in str(caught.value)


@pytest.mark.parametrize("workers", ["", "threads", "threads:", "threads:0", "threads:x", "ray://x", "inline:2"])
def test_unknown_runners_are_refused(workers: str) -> None:
    with pytest.raises(InvalidConfig):
        open_runner(workers)


@pytest.mark.parametrize("workers", ["inline", "threads:2", "processes:2"])
def test_runners_run_and_hand_on_errors(workers: str) -> None:
    executor, width = open_runner(workers)
    with executor:
        assert [future.result() for future in [executor.submit(pow, 2, n) for n in range(5)]] == [1, 2, 4, 8, 16]
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result()
    assert width == (1 if workers == "inline" else 2)
