"""Effacer: de-identification of DICOM, as a client of an Effacer server.

Example:
    import effacer

    here = "projects/p/locations/l/datasets/trial"
    with effacer.Client("127.0.0.1:50051") as client:
        client.create_dataset(here).result()
        client.create_dicom_store(f"{here}/dicomStores/raw")
        client.store(f"{here}/dicomStores/raw", "scans/")
        operation = client.deidentify_dicom_store(
            f"{here}/dicomStores/raw", f"{here}/dicomStores/clean", config={"dicomTagConfig": {}}
        )
        for metadata in operation:
            print(metadata.counter.success, metadata.counter.failure, metadata.counter.pending)
        operation.result()
        client.retrieve(f"{here}/dicomStores/clean", "clean/")
"""

from importlib.metadata import PackageNotFoundError, version

from effacer.client import Client
from effacer.deidentify import Deidentified, DeidentifiedFile, Preview
from effacer.errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    DataLoss,
    DeadlineExceeded,
    EffacerError,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
)
from effacer.operation import Operation
from effacer.upload import StoreResult, UploadProgress

try:
    __version__ = version("effacer")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0"

__all__ = [
    "Aborted",
    "AlreadyExists",
    "Cancelled",
    "Client",
    "DataLoss",
    "DeadlineExceeded",
    "Deidentified",
    "DeidentifiedFile",
    "EffacerError",
    "FailedPrecondition",
    "Internal",
    "InvalidArgument",
    "NotFound",
    "Operation",
    "OutOfRange",
    "PermissionDenied",
    "Preview",
    "ResourceExhausted",
    "StoreResult",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "UploadProgress",
    "__version__",
]
