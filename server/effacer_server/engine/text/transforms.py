"""What takes the place of a finding: nothing, a mask, a keyed hash, a moved date, or the name of its infoType.

A text is transformed from its end to its beginning, so that offsets stay right. Whatever a transformation cannot do
(move a date that is none) becomes the name of the infoType: a finding never stays because of that.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence

from effacer_server.engine.text.spans import Span
from effacer_server.engine.text.written_dates import move
from effacer_server.policy.plan import DATES, Transformation, Treatment


class Transformer:
    """The transformations of a plan with their secrets, for the texts of one instance."""

    def __init__(
        self,
        by_type: Mapping[str, Transformation],
        default: Transformation,
        keys: Mapping[str, bytes],
        days: Mapping[str, int],
    ) -> None:
        """Prepares.

        Args:
            by_type: by infoType.
            default: for infoTypes that are not among them.
            keys: secrets for hashes, by name.
            days: by which the dates of this instance's patient move, by name of the secret.
        """
        self._by_type, self._default = by_type, default
        self._keys, self._days = keys, days

    def apply(self, text: str, spans: Sequence[Span]) -> str:
        """The text with its findings transformed.

        Args:
            text: as it is.
            spans: findings in it, ascending, none over another.
        """
        parts = []
        at = len(text)
        for span in reversed(spans):
            parts += [text[span.end : at], self._instead(text[span.start : span.end], span.info_type)]
            at = span.start
        parts.append(text[:at])
        return "".join(reversed(parts))

    def _instead(self, found: str, info_type: str) -> str:
        how = self._by_type.get(info_type, self._default)
        match how.treatment:
            case Treatment.KEEP:
                return found
            case Treatment.REDACT:
                return ""
            case Treatment.MASK:
                return how.character * len(found)
            case Treatment.HASH:
                digest = hmac.digest(self._keys[how.key], found.encode("utf-8", "surrogatepass"), "sha256")
                return base64.b64encode(digest).decode("ascii")
            case Treatment.SHIFT_DATE if info_type in DATES:
                moved = move(found, self._days[how.key])
                return f"[{info_type}]" if moved is None else moved
        return f"[{info_type}]"
