"""Writes down the types that modules of PS3.3 give to the attributes with a compound code in table E.1-1.

    pip install --no-deps --target build/highdicom highdicom==0.28.2
    python tools/attribute_types.py build/highdicom

Needed only when table E.1-1 names new compound codes or the modules changed: what it writes is committed, and neither
`tools/tables.py` nor the server asks for highdicom. Of that package only three JSON files are read, which hold the
IODs of PS3.3 Annex A with their modules and the modules of Annex C with macros (functional groups too) expanded:

    tools/facts/iod_modules.csv    SOP class -> IOD -> modules with their usage; only modules that matter below
    tools/facts/module_types.csv   module -> path of sequences -> attribute -> type
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from tools.tables import FACTS, TYPES, compound_attributes  # noqa: E402

# Written as files of a medium, never as instances of a composite SOP class. Source: PS3.3 Annex F.
NOT_COMPOSITE = {"basic-directory"}


def module_types(modules: dict[str, list[dict[str, Any]]], used: set[str]) -> list[tuple[str, str, str, str]]:
    """(module, keywords of the enclosing sequences joined by ">", keyword, type) of every compound attribute.

    Args:
        modules: attributes by module.
        used: modules of composite IODs; those of normalized ones have usages instead of types.

    Raises:
        ValueError: an attribute without one of the types of PS3.5 §7.4, or an attribute that no module holds.
    """
    wanted = compound_attributes()
    rows = {
        (module, ">".join(entry["path"]), entry["keyword"], entry["type"])
        for module in used & set(modules)
        for entry in modules[module]
        if entry["keyword"] in wanted
    }
    odd = [row for row in rows if row[3] not in TYPES]
    if odd or wanted != {row[2] for row in rows}:
        raise ValueError(f"untyped: {odd}; in no module: {wanted - {row[2] for row in rows}}")
    return sorted(rows)


def iod_modules(
    classes: dict[str, str], iods: dict[str, list[dict[str, str]]], described: Iterable[str], useful: set[str]
) -> list[tuple[str, str, str, str]]:
    """(IOD, its SOP classes, its useful modules with usage, its modules that are not described), by IOD.

    Args:
        classes: IOD by SOP class UID.
        iods: modules by IOD.
        described: modules whose attributes are known.
        useful: modules that hold an attribute of interest.
    """
    by_iod: dict[str, list[str]] = defaultdict(list)
    for uid, iod in classes.items():
        by_iod[iod].append(uid)
    known = set(described)
    return [
        (
            iod,
            " ".join(sorted(uids)),
            " ".join(f"{entry['key']}:{entry['usage']}" for entry in iods[iod] if entry["key"] in useful),
            " ".join(entry["key"] for entry in iods[iod] if entry["key"] not in known),
        )
        for iod, uids in sorted(by_iod.items())
    ]


def write(path: Path, source: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """One CSV of facts with the comments `read_facts` asks for."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("# edition: not recorded; attributes are those with a compound code in PS3.15 2018e or 2026c\n")
        file.write(f"# source: {source}\n# written by: tools/attribute_types.py\n")
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes both files; returns the exit code."""
    parser = argparse.ArgumentParser(description="highdicom's tables of PS3.3 -> tools/facts")
    parser.add_argument("folder", type=Path, help="where highdicom was installed (pip install --no-deps --target)")
    package = parser.parse_args(arguments).folder / "highdicom"
    found = re.search(r"'([0-9.]+)'", (package / "version.py").read_text(encoding="utf-8"))
    version = found[1] if found else "of unknown version"

    def load(name: str) -> Any:
        return json.loads((package / "_standard" / f"{name}.json").read_text(encoding="utf-8"))

    modules = load("module_attribute_map")
    classes = {uid: iod for uid, iod in load("sop_class_iod_map").items() if iod not in NOT_COMPOSITE}
    iods = load("iod_module_map")
    types = module_types(modules, {entry["key"] for iod in classes.values() for entry in iods[iod]})
    write(
        FACTS / "iod_modules.csv",
        f"PS3.3 Annex A module tables (M, C, U) as carried by highdicom {version}",
        ("iod", "sop_classes", "modules", "undescribed"),
        iod_modules(classes, iods, modules, {row[0] for row in types}),
    )
    write(
        FACTS / "module_types.csv",
        f"PS3.3 Annex C with macros expanded, as carried by highdicom {version}",
        ("module", "path", "keyword", "type"),
        types,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
