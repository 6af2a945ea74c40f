"""`make demo`: real files through a real server, in one minute.

Starts a server, stores pydicom's bundled files and the drawn sample, de-identifies the whole dataset with request 03
(Basic Profile, PatientName kept), reads everything back, shows what became of the sample's tags and writes pictures.
Ends with 1 when anything is not as the documents promise.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pydicom
from PIL import Image
from pydicom.data import get_testdata_file
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import effacer
from bench.served import served
from effacer.v1 import operation_metadata_pb2
from tests.samples import GOLDEN, sample_instance
from tools.demo_picture import Row, draw_comparison

REQUEST = GOLDEN / "requests" / "03_keep_tag.json"
LOCATION = "projects/demo/locations/here"
SOURCE, DESTINATION = f"{LOCATION}/datasets/identified", f"{LOCATION}/datasets/deidentified"
STORE = "clinic"
SAMPLE = "sample (drawn X-ray)"

#: Bundled with pydicom: (file, what it shows). The last two are there to be refused.
FILES = (
    ("CT_small.dcm", "CT, private blocks"),
    ("MR_small_implicit.dcm", "MR, implicit VR"),
    ("examples_ybr_color.dcm", "US loop, 30 JPEG frames"),
    ("rtplan.dcm", "RT plan, nested sequences"),
    ("rtdose_rle.dcm", "RT dose, 15 RLE frames"),
    ("test-SR.dcm", "structured report"),
    ("waveform_ecg.dcm", "12-lead ECG"),
    ("image_dfl.dcm", "deflated data set"),
    ("JPEG2000.dcm", "JPEG 2000"),
    ("SC_rgb_small_odd_big_endian.dcm", "big endian"),
    ("MR_truncated.dcm", "cut off inside its pixels"),
    ("no_meta.dcm", "no preamble, no file meta"),
)

_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_STYLES = {
    "kept": "green",
    "new UID": "cyan",
    "emptied": "yellow",
    "deleted": "red",
    "added": "blue",
    "changed": "magenta",
}


@dataclass(slots=True)
class Checks:
    """What was promised, and whether it held."""

    console: Console
    failed: int = 0

    def expect(self, holds: bool, what: str) -> None:
        """Prints one line; counts it when it does not hold."""
        self.console.print(f"  {'[green]✓' if holds else '[red]✗'}[/] {what}", highlight=False)
        self.failed += not holds


def main() -> int:
    """Runs the demo; 0 when all is as expected."""
    parser = argparse.ArgumentParser(prog="tools.demo", description="The main job, end to end, on real files.")
    parser.add_argument("--out", type=Path, default=Path("demo-out"), help="where pictures go")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if sys.stdout.isatty() else 130)
    with tempfile.TemporaryDirectory(prefix="effacer-demo-") as folder:
        scratch = Path(folder)
        with served(scratch / "data") as server, effacer.Client(server.target) as client:
            console.rule(f"server on {server.target}")
            failed = run(client, scratch, given.out, console)
        console.rule("server stopped")
    console.print("[red]not as expected" if failed else "[green]all as expected")
    return 1 if failed else 0


def run(client: effacer.Client, scratch: Path, out: Path, console: Console) -> int:
    """The demo against a running server; returns the number of checks that failed."""
    checks = Checks(console)
    sample = sample_instance()
    stored, not_stored = store(client, sample, console)
    checks.expect(
        not_stored == {"MR_truncated.dcm": "TRUNCATED", "no_meta.dcm": "NOT_DICOM"},
        "the broken file and the one that is no DICOM file were refused with their reasons, the rest stored",
    )

    console.rule(f"de-identify the dataset: {REQUEST.name}")
    operation = client.deidentify_dataset(SOURCE, DESTINATION, config=REQUEST)
    wait(operation, stored, console)
    operation.result(timeout=60)
    counter = operation.metadata.counter
    show_counters(operation, client, console)
    checks.expect(
        counter.success + counter.failure == stored and not counter.pending, "every stored instance is accounted for"
    )

    paths = client.retrieve(f"{DESTINATION}/dicomStores/{STORE}", scratch / "out")
    checks.expect(len(paths) == counter.success, "the destination holds the successes and nothing else")
    outputs = [pydicom.dcmread(path) for path in paths]
    checks.expect(
        all(instance[keyword].value.startswith("2.25.") for instance in outputs for keyword in _UIDS),
        "study, series and instance UIDs of every output are new",
    )
    before = pydicom.dcmread(io.BytesIO(sample))
    found = [instance for instance in outputs if str(instance.get("PatientName", "")) == str(before.PatientName)]
    checks.expect(len(found) == 1, "the sample came back under its kept PatientName")
    if found:
        compare(before, found[0], out, console, checks)
    return checks.failed


def store(client: effacer.Client, sample: bytes, console: Console) -> tuple[int, dict[str, str]]:
    """Stores all files and shows what became of each: (number stored, reason by name of those refused)."""
    client.create_dataset(SOURCE).result(timeout=30)
    name = client.create_dicom_store(f"{SOURCE}/dicomStores/{STORE}").name
    labels = [(SAMPLE, "secondary capture, JPEG, burned-in text"), *FILES]
    items: list[Path | bytes] = [sample, *(bundled(file) for file, _ in FILES)]
    table = Table(
        "file",
        "what it is",
        "transfer syntax",
        "bytes",
        "stored",
        title=f"StoreInstances into {name}",
        title_justify="left",
    )
    refused = {}
    for (label, what), result in zip(labels, client.store_instances(name, items), strict=True):
        if result.error is not None:
            refused[label] = result.error.reason
            table.add_row(label, what, "", "", f"[red]refused: {result.error.reason}")
            continue
        assert result.instance is not None
        syntax = pydicom.uid.UID(result.instance.transfer_syntax_uid).name
        table.add_row(label, what, syntax, f"{result.instance.size_bytes:,}", "[green]yes")
    console.print(table)
    return len(items) - len(refused), refused


def bundled(file: str) -> Path:
    """A file of pydicom's own wheel; nothing is downloaded."""
    path = get_testdata_file(file, download=False)
    if path is None:
        raise RuntimeError(f"pydicom's bundled files lack {file}")
    return Path(str(path))


def wait(operation: effacer.Operation, total: int, console: Console) -> None:
    """A progress bar fed by the operation's counters."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(operation.name.rpartition("/")[2], total=total)
        for metadata in operation:
            bar.update(task, completed=metadata.counter.success + metadata.counter.failure)


def show_counters(operation: effacer.Operation, client: effacer.Client, console: Console) -> None:
    """The operation's counters, and what it refused and why."""
    metadata: operation_metadata_pb2.OperationMetadata = operation.metadata
    counter = metadata.counter
    console.print(operation.name, highlight=False)
    table = Table("success", "failure", "pending", "plan")
    table.add_row(str(counter.success), str(counter.failure), str(counter.pending), metadata.plan_fingerprint[:16])
    console.print(table)
    entries = list(client.operation_errors(operation.name))
    if entries:
        refused = Table("refused instance", "why", title="error log", title_justify="left")
        for entry in entries:
            refused.add_row("…/" + "/".join(entry.resource_name.split("/")[-2:]), entry.error.message)
        console.print(refused)


def compare(before: pydicom.Dataset, after: pydicom.Dataset, out: Path, console: Console, checks: Checks) -> None:
    """The sample before and after: table, checks, pictures."""
    rows = tag_rows(before, after)
    table = Table("tag", "attribute", "before", "after", "", title=f"{SAMPLE}, tag by tag", title_justify="left")
    for row in rows:
        table.add_row(row.tag, row.name, row.before, row.after, f"[{_STYLES[row.change]}]{row.change}")
    console.print(table)

    checks.expect(after.get("PatientName") == before.PatientName, "PatientName is kept (the request's action)")
    checks.expect("PatientID" in after and not after.PatientID, "PatientID is there and empty (Basic Profile)")
    checks.expect("PatientBirthDate" in after and not after.PatientBirthDate, "PatientBirthDate is there and empty")
    checks.expect(
        all(after[keyword].value != before[keyword].value for keyword in _UIDS),
        "study, series and instance UIDs are new",
    )
    checks.expect(
        after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID, "the file meta names the new instance"
    )
    checks.expect("DeidentificationMethod" in after, "the output says how it was de-identified")
    checks.expect(after.PatientIdentityRemoved == "NO", "and says that the name it keeps is not gone")
    checks.expect(after.PixelData == before.PixelData, "pixel data is the same, byte for byte")

    shown_before, shown_after = picture(before), picture(after)
    pictures = {"before.png": shown_before, "after.png": shown_after}
    pictures["comparison.png"] = draw_comparison(
        shown_after,
        rows,
        title="Request 03: Basic Profile, PatientName kept",
        caption="Tags only: the pixels are untouched, so the text burned into the picture is still there.",
    )
    for name, image in pictures.items():
        image.save(out / name)
        console.print(f"picture: {out / name}", highlight=False)


def tag_rows(before: pydicom.Dataset, after: pydicom.Dataset) -> list[Row]:
    """One row for each root element of either, by tag; pixel data is compared elsewhere."""
    rows = []
    for tag in sorted(set(before.keys()) | set(after.keys())):
        if tag == 0x7FE00010:
            continue
        old, new = (instance.get(tag) for instance in (before, after))
        one = old if old is not None else new
        assert one is not None
        rows.append(
            Row(
                f"({tag.group:04X},{tag.element:04X})",
                one.keyword or one.name,
                _shown(old),
                _shown(new),
                _change(old, new),
            )
        )
    return rows


def _shown(element: pydicom.DataElement | None) -> str:
    if element is None:
        return "(absent)"
    if element.VR == "SQ":
        codes = [str(item.get("CodeValue", "…")) for item in element.value]
        return f"{len(codes)} item{'s' * (len(codes) != 1)}: {', '.join(codes)}"
    if element.is_empty:
        return "(empty)"
    return str(element.value)


def _change(old: pydicom.DataElement | None, new: pydicom.DataElement | None) -> str:
    if old is None:
        return "added"
    if new is None:
        return "deleted"
    if old.value == new.value:
        return "kept"
    if new.is_empty:
        return "emptied"
    return "new UID" if new.VR == "UI" else "changed"


def picture(instance: pydicom.Dataset) -> Image.Image:
    """The sample's one JPEG frame."""
    frame = pydicom.encaps.get_frame(instance.PixelData, 0, number_of_frames=1)
    return Image.open(io.BytesIO(frame)).convert("RGB")


if __name__ == "__main__":
    sys.exit(main())
