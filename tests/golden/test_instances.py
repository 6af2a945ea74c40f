"""The rich instance under every profile and option, against text somebody has read."""

from __future__ import annotations

import pytest

from tests import mixes
from tests.golden import instances
from tests.property.agreement import difference


@pytest.mark.parametrize("name", instances.configs())
def test_instance(name: str) -> None:
    golden = (instances.FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert instances.render(name) == golden, "if it is meant: python -m tests.golden.instances, and read the diff"


@pytest.mark.parametrize("name", instances.configs())
def test_the_oracle_agrees(name: str) -> None:
    assert not difference(instances.instance(), mixes.plan(instances.configs()[name]))


def test_every_file_has_its_config() -> None:
    assert {path.stem for path in instances.FOLDER.glob("*.txt")} == instances.configs().keys()
