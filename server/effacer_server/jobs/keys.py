"""The secrets of UIDs and dates: given by setting, or made once and kept in a file that only its owner may read.

The same key gives the same new UID and the same shift of a patient's dates for ever; whoever loses it can no longer
add instances to studies that were de-identified before, whoever leaks it lets others confirm a guessed UID and move
dates back. docs/keys.md says how to keep and how to change it.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from dataclasses import replace
from pathlib import Path

from effacer_server.errors import InvalidConfig, PreconditionFailed
from effacer_server.policy.plan import Derivation, Keys, TextKeys
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


class Keyring:
    """Opens keys that a config brings wrapped: the local stand-in for a key service.

    A file holds the keys that open others, as JSON: {"projects/…/cryptoKeys/name": "base64 of 16, 24 or 32 bytes"}. A
    wrapped key is a nonce of 12 bytes and what AES-GCM makes of the key under it, tag last. Source: NIST SP 800-38D.
    """

    def __init__(self, path: str) -> None:
        """Args: path: of the file; "" for none."""
        self._path = path

    def unwrap(self, name: str, wrapped: bytes) -> bytes:
        """The key that was wrapped.

        Args:
            name: of the key that opens it.
            wrapped: as above.

        Raises:
            PreconditionFailed: KEYRING where none is set, it cannot be read or does not know the name.
            InvalidConfig: the key does not open what was wrapped.
        """
        if not self._path:
            raise PreconditionFailed(
                "KEYRING", "this server has no keyring to open wrapped keys with (EFFACER_KEYRING)"
            )
        try:
            known = json.loads(Path(self._path).read_text(encoding="utf-8"))
            key = base64.b64decode(known[name], validate=True)
        except (OSError, ValueError, TypeError):
            raise PreconditionFailed("KEYRING", "the server's keyring cannot be read") from None
        except KeyError:
            raise PreconditionFailed(
                "KEYRING", "the server's keyring has no key of the name in kmsWrapped.cryptoKey"
            ) from None
        from cryptography.exceptions import InvalidTag  # imported here: hardly any config has wrapped keys
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(key).decrypt(wrapped[:12], wrapped[12:], None)
        except (InvalidTag, ValueError):
            raise InvalidConfig("kmsWrapped.wrappedKey", "is not opened by the key it names") from None


def for_operation(keys: Keys, text: TextKeys, operation: str = "") -> Keys:
    """The keys with those that texts are transformed by.

    Args:
        keys: of this installation.
        text: what the config brings.
        operation: its name, so that it goes on under the same secret after a restart; "" for a secret of this run.
    """
    own = hmac.digest(keys.uid, b"effacer operation " + operation.encode(), "sha256") if operation else None
    return replace(keys, operation=own or secrets.token_bytes(KEY_BYTES), text=text)


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
