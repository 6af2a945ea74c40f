"""Addresses on networks: mailboxes, the web, IP and MAC."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from effacer_server.engine.text import validators
from effacer_server.engine.text.pattern_forms import (
    Form,
    Left,
    Recogniser,
    alternation,
    apart,
    before,
    in_number,
    rows,
    span,
    words,
)
from effacer_server.engine.text.spans import Likelihood, Span

# Source: RFC 5321 §4.1.2 (local part as a dot-string), RFC 1035 §2.3.1 (labels); looser where mistyped ones occur.
_LOCAL = r"[a-z0-9!#$%&'*+/=^`{|}~_.-]"
_EMAIL = Form(
    rf"({_LOCAL}+|\"[^\"@]{{1,64}}\")@((?:[a-z0-9][a-z0-9-]*\.)+[a-z]{{2,24}}"
    rf"|\[?[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}\]?)"
)
_SPELT_EMAIL = Form(
    r"[a-z0-9_.+-]+ ?(?:[\[({] ?at ?[\])}]) ?[a-z0-9-]+(?:(?:\.| ?[\[({] ?dot ?[\])}] ?)[a-z0-9-]+)*"
    r"(?:\.| ?[\[({] ?dot ?[\])}] ?)[a-z]{2,24}"
)
_URL = Form(
    rf"(?:(?:{words('scheme')})://[^\s<>\"|\\^`]+"
    rf"|www[0-9]?\.[a-z0-9][a-z0-9.-]*\.[a-z]{{2,24}}(?:[:/?#][^\s<>\"|\\^`]*)?)"
)
_HOST = Form(
    r"([a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)\.("
    + alternation(tld for tld, _ in rows("tlds"))
    + r")(:[0-9]{2,5})?([/?][^\s<>\"|\\^`]*)?"
)
_CLOSERS = b".,;:!?'\")]}>*"

_IP_V4 = Form(r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})")
_IP_LEFT = Left(r"(?:^|[^a-z])(?:" + words("ip") + r")[ .:=#@\[(/-]{0,3}(?:(?:is|no|number)[ :]{1,2})?\z")
_IP_NEAR = Form(r"\b(?:ip|ipv4|ipv6|host|server|gateway|subnet|netmask|dns)\b")
_VERSION_LEFT = Left(r"(?:^|[^a-z])(?:" + words("version") + r")[ .:=#\[(-]{0,3}(?:[a-z]{1,12}[ .:=#(-]{1,2})?\z")
_BEHIND_IP = Form(r":[0-9]{2,5}\b|/(?:[0-9]|[12][0-9]|3[0-2])\b")
_IP_V6 = Form(r"[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3})?(?:%[a-z0-9]+)?")
_MAC = Form(
    r"[0-9a-f]{2}(?::[0-9a-f]{2}){5,7}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5,7}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}"
    r"|[0-9a-f]{2}(?: [0-9a-f]{2}){5}|[0-9a-f]{12}"
)
_MAC_LEFT = Left(r"(?:^|[^a-z])(?:" + words("mac") + r")[ .:=#(-]{0,3}(?:is )?\z")


@cache
def _tlds() -> dict[str, str]:
    return {row[0]: row[1] for row in rows("tlds")}


def emails(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Mailboxes, and those written with (at) and (dot)."""
    for found in _EMAIL.each(data):
        start, end = found.span()
        while data[start : start + 1] in b"'.*/=#|-{" and start < found.end(1) - 1:
            start += 1
        if data[end : end + 1].isalnum():
            continue
        yield Span(start, end, "EMAIL_ADDRESS", Likelihood.VERY_LIKELY)
    for found in _SPELT_EMAIL.each(data):
        yield span(found, "EMAIL_ADDRESS")


def urls(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """What has a scheme or begins with www, and hosts under well-known domains."""
    for found in _URL.each(data):
        start, end = found.span()
        if start and data[start - 1 : start].isalnum():
            continue
        end = _closed(data, start, end)
        if end - start > 6:
            yield Span(start, end, "URL", Likelihood.VERY_LIKELY)
    for found in _HOST.each(data):
        start, end = found.span()
        if not apart(data, start, found.end(2), b"@_\\/") and found.start(4) != found.end(2):
            continue
        host, tld = found[1] or b"", (found[2] or b"").decode().lower()
        use = _tlds().get(tld, "")
        if data[end : end + 1] == b"." and data[end + 1 : end + 2].isalnum():
            continue
        if data[end : end + 1].isalnum() or data[start - 1 : start] == b"@" or not any(sign >= 65 for sign in host):
            continue
        lower = not any(65 <= sign <= 90 for sign in data[start : found.end(2)])
        deep = host.count(b".") >= 1 and min(map(len, host.split(b"."))) > 1
        path = found.start(4) >= 0 and found.end(4) - found.start(4) > 1
        if (use == "any" and len(host) > 1) or (lower and (deep or path or (use == "plain" and len(host) > 2))):
            yield Span(start, _closed(data, start, end), "URL")


def _closed(data: bytes, start: int, end: int) -> int:
    """End without the punctuation of the sentence; a bracket stays where it was opened inside."""
    while end > start and data[end - 1 : end] in _CLOSERS:
        if data[end - 1 : end] == b")" and data.count(b"(", start, end) >= data.count(b")", start, end):
            break
        end -= 1
    return end


def ip_addresses(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Version 4 with a context that makes it no version and no UID, and version 6."""
    for found in _IP_V4.each(data):
        start, end = found.span()
        if in_number(data, start, end) or not _ends_alone(data, start, end):
            continue
        octets = [int(found[group] or 0) for group in range(1, 5)]
        if max(octets) < 256 and _address(data, start, end, octets):
            yield Span(start, end, "IP_ADDRESS")
    for found in _IP_V6.each(data):
        start, end = found.span()
        text = (found[0] or b"").decode().partition("%")[0]
        if text.endswith(":") and not text.endswith("::"):
            text, end = text[:-1], end - 1
        if text.startswith(":") and not text.startswith("::"):
            text, start = text[1:], start + 1
        if not apart(data, start, end, b":") or not validators.ip_v6(text):
            continue
        groups = [group for group in text.split(":") if group]
        if len(groups) == 8 and all(len(group) == 2 for group in groups):
            continue  # an EUI-64, as network cards have it
        telling = len(groups) > 2 or (len(groups) == 2 and max(map(len, groups)) > 2 and any(map(str.isdigit, text)))
        if telling or _IP_LEFT.inside(before(data, start)):
            yield Span(start, end, "IP_ADDRESS")


def _ends_alone(data: bytes, start: int, end: int) -> bool:
    left, right = data[start - 1 : start] if start else b"", data[end : end + 1]
    return not (left.isalpha() or right.isalpha() or right == b"%" or (left and left in b".*"))


def _address(data: bytes, start: int, end: int, octets: list[int]) -> bool:
    """Whether four numbers are an address: said so beside it, or not said to be a version and unlike one."""
    context = before(data, start)
    first, second = octets[:2]
    if _IP_LEFT.inside(context):
        return True
    if _VERSION_LEFT.inside(context):
        return False
    # Roots of UIDs and the arcs below: 1.2.840, 1.3.12.2, 1.3.6.1, 2.16.840.
    if (first, second) in ((1, 2), (1, 3), (2, 16), (2, 25), (0, 0)) and not _IP_NEAR.inside(context):
        return False
    private = first == 10 or (first, second) == (192, 168) or (first == 172 and 16 <= second < 32) or first == 127
    if private and (first != 10 or max(octets[1:]) >= 10):
        return True
    if _BEHIND_IP.at(data, end) is not None or _IP_NEAR.inside(context):
        return True
    high = sum(octet >= 100 for octet in octets)
    if first == 10:
        return octets[1:3] == [0, 0] or not context.strip()
    return (first >= 20 and (high >= 1 or sum(octet >= 10 for octet in octets) >= 3)) or high >= 2


def mac_addresses(data: bytes, wanted: frozenset[str]) -> Iterator[Span]:
    """Six or eight pairs of hexadecimal digits; without signs between them only behind a label."""
    for found in _MAC.each(data):
        start, end = found.span()
        if not apart(data, start, end, b":-."):
            right = data[end : end + 2]  # may be a sign of the sentence
            if right[:1] not in (b".", b":", b"-") or right[1:].isalnum() or not apart(data, start, end):
                continue
        text = found[0] or b""
        dotted = text[4:5] == b"." and any(sign >= 65 for sign in text)
        if text[2:3] in (b":", b"-") or dotted or _MAC_LEFT.inside(before(data, start)):
            yield Span(start, end, "MAC_ADDRESS", Likelihood.VERY_LIKELY)


RECOGNISERS = (
    Recogniser(frozenset({"EMAIL_ADDRESS"}), r"[^\s]@[^\s]|[\[({] ?at ?[\])}]", emails),
    Recogniser(
        frozenset({"URL"}),
        r"://|www[0-9]?\.|[a-z0-9]\.(?:" + alternation(t for t, _ in rows("tlds")) + r")(?:[^a-z0-9]|\z)",
        urls,
    ),
    Recogniser(
        frozenset({"IP_ADDRESS"}), r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|[0-9a-f]{0,4}:[0-9a-f]{0,4}:", ip_addresses
    ),
    Recogniser(
        frozenset({"MAC_ADDRESS"}),
        r"[0-9a-f]{2}[-: ][0-9a-f]{2}[-: ][0-9a-f]{2}[-: ][0-9a-f]{2}|[0-9a-f]{4}\.[0-9a-f]{4}\.|[0-9a-f]{12}",
        mac_addresses,
    ),
)
