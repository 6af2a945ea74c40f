"""Generates the Python stubs of the contract: `protos/effacer/v1` -> `client/effacer/v1`.

    python tools/stubs.py            write the stubs
    python tools/stubs.py --check    write nothing; exit 1 and list the files that differ from a fresh run

The output depends on the protos and the version of grpcio-tools alone (pinned in pyproject.toml), so that a run
without a change of the protos leaves no diff.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
IMPORTED = ROOT / "third_party"
CLIENT = ROOT / "client"
PACKAGE = Path("effacer") / "v1"
SIGN = '"""Generated stubs of the contract (`protos/effacer/v1`). Never edited: `make gen` writes them."""\n'


class ProtocFailed(Exception):
    """protoc refused the protos; it has said why on stderr."""


def generate(out: Path) -> None:
    """Writes `*_pb2.py`, `*_pb2.pyi`, `*_pb2_grpc.py` and `__init__.py` to `out/effacer/v1`.

    Args:
        out: folder that stands for `client/`; made when it does not exist.

    Raises:
        ProtocFailed: the protos do not compile.
    """
    (out / PACKAGE).mkdir(parents=True, exist_ok=True)
    sources = sorted(path.relative_to(PROTOS).as_posix() for path in (PROTOS / PACKAGE).glob("*.proto"))
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={PROTOS}",
            f"--proto_path={IMPORTED}",
            f"--proto_path={resources.files('grpc_tools') / '_proto'}",
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            *sources,
        ]
    )
    if status != 0:
        raise ProtocFailed(f"protoc ended with {status}")
    # A file without services still gets a _pb2_grpc.py that holds nothing.
    for source in sources:
        text = (PROTOS / source).read_text(encoding="utf-8")
        if not any(line.startswith("service ") for line in text.splitlines()):
            (out / source).with_name(Path(source).stem + "_pb2_grpc.py").unlink()
    (out / PACKAGE / "__init__.py").write_text(SIGN, encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    """The generated files of a folder by name; caches and other leftovers of the interpreter are not among them."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".py", ".pyi")}


def differences() -> list[str]:
    """Names of committed stubs that a fresh run would write differently, add or no longer write; sorted."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh = contents(Path(scratch) / PACKAGE)
    committed = contents(CLIENT / PACKAGE)
    return sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))


def main(argv: list[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(description="Generate the Python stubs of the contract.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the stubs are not up to date")
    args = parser.parse_args(argv)
    try:
        if args.check:
            stale = differences()
            for name in stale:
                print(f"differs: {(Path('client') / PACKAGE / name).as_posix()}", file=sys.stderr)
            return 1 if stale else 0
        # Written to a scratch folder first: a proto that does not compile must not leave half a set behind.
        with tempfile.TemporaryDirectory() as scratch:
            generate(Path(scratch))
            fresh = contents(Path(scratch) / PACKAGE)
        target = CLIENT / PACKAGE
        target.mkdir(parents=True, exist_ok=True)
        for name in contents(target).keys() - fresh.keys():
            (target / name).unlink()
        for name, content in fresh.items():
            (target / name).write_bytes(content)
    except ProtocFailed as error:
        print(f"stubs: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
