"""The secrets of UIDs and dates: given by setting, or made once and kept in a file that only its owner may read.

The same key gives the same new UID and the same shift of a patient's dates for ever; whoever loses it can no longer
add instances to studies that were de-identified before, whoever leaks it lets others confirm a guessed UID and move
dates back. docs/keys.md says how to keep and how to change it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from effacer_server.errors import PreconditionFailed
from effacer_server.policy.plan import Derivation, Keys
from effacer_server.settings import Settings

KEY_BYTES = 32


def load_keys(settings: Settings) -> Keys:
    """The keys of this installation; on the first start a new one is made.

    Raises:
        PreconditionFailed: KEY_FILE when the file is readable by others or does not hold a key.
    """
    uid = bytes.fromhex(settings.uid_key) if settings.uid_key else _load_or_make(settings.key_file)
    derivation: Derivation = "md5" if settings.uid_derivation == "md5" else "hmac"
    return Keys(uid, settings.uid_root, bytes.fromhex(settings.date_key), derivation)


def _load_or_make(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        # Written aside and linked: of two servers that start together one wins, and nobody reads half a key.
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    if path.stat().st_mode & 0o077:
        raise PreconditionFailed("KEY_FILE", "the UID key file must be readable by its owner alone (chmod 600)")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) < 16:
        raise PreconditionFailed("KEY_FILE", "the UID key file does not hold a key of at least 32 hexadecimal digits")
    return key
