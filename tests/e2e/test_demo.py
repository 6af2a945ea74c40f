"""The demo, run as a person would, and looked at from outside."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Demo:
    """One run of the demo: how it ended, what it printed, where its pictures are."""

    code: int
    printed: str
    pictures: Path

    def row(self, first: str) -> str:
        """The table row whose first cell is that."""
        rows = [
            line for line in self.printed.splitlines() if line.startswith("│") and line.split("│")[1].strip() == first
        ]
        assert len(rows) == 1, f"{first}: {len(rows)} rows"
        return rows[0]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    out = tmp_path_factory.mktemp("demo") / "pictures"
    command = [sys.executable, "-m", "tools.demo", "--out", str(out)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    return Demo(ended.returncode, ended.stdout + ended.stderr, out)


def test_all_is_as_expected(demo: Demo) -> None:
    assert demo.code == 0, demo.printed[-4000:]
    assert "all as expected" in demo.printed
    assert demo.printed.count("✓") >= 10
    assert "✗" not in demo.printed


def test_broken_files_are_refused_with_a_reason(demo: Demo) -> None:
    assert "refused: NOT_DICOM" in demo.row("no_meta.dcm")
    assert "refused: TRUNCATED" in demo.row("MR_truncated.dcm")


@pytest.mark.parametrize(
    ("tag", "shown"),
    [
        ("(0010,0010)", ("Ann Johnson", "kept")),
        ("(0010,0020)", ("S1214223-1", "emptied")),
        ("(0008,0018)", ("2.25.", "new UID")),
        ("(0012,0063)", ("Effacer", "added")),
    ],
)
def test_table_says_what_became_of_a_tag(demo: Demo, tag: str, shown: tuple[str, ...]) -> None:
    assert all(part in demo.row(tag) for part in shown)


def test_pictures_are_written(demo: Demo) -> None:
    for name in ("before.png", "after.png", "comparison.png"):
        assert f"picture: {demo.pictures / name}" in demo.printed.replace("\n", "")
    for name in ("before.png", "after.png"):
        with Image.open(demo.pictures / name) as picture:
            assert picture.size == (1024, 1024)
    # Tags only: the picture itself is the same.
    assert (demo.pictures / "before.png").read_bytes() == (demo.pictures / "after.png").read_bytes()
    with Image.open(demo.pictures / "comparison.png") as picture:
        assert picture.width > 1024
        assert len(picture.getcolors(maxcolors=1 << 20) or ()) > 100
