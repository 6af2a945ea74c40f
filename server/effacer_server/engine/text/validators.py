"""Whether a number can be what its form says: check digits, ranges, lengths and calendar.

All functions take what was written without separators, in upper case, and are pure.
"""

from __future__ import annotations

from calendar import monthrange
from functools import cache
from ipaddress import AddressValueError, IPv6Address

from effacer_server.engine.text.pattern_forms import rows

# Source: 49 CFR 565.15 (c): values of letters and weights of positions; I, O and Q are not used.
_VIN_VALUES = {
    **{str(digit): digit for digit in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    **dict(zip("PR", (7, 9), strict=True)),
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)

# Source: IRS Publication 1915: groups of an individual taxpayer identification number.
_ITIN_GROUPS = frozenset([*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)])


def luhn(digits: str) -> bool:
    """Source: ISO/IEC 7812-1 Annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def card(digits: str) -> bool:
    """Number of a payment card: of a known issuer, as long as that issuer's are, and with its check digit."""
    return any(digits.startswith(prefix) for prefix in _issuers().get(len(digits), ())) and luhn(digits)


@cache
def _issuers() -> dict[int, tuple[str, ...]]:
    found: dict[int, set[str]] = {}
    for first, last, lengths, _ in rows("card_issuers"):
        for length in lengths.split(","):
            found.setdefault(int(length), set()).update(map(str, range(int(first), int(last) + 1)))
    return {length: tuple(prefixes) for length, prefixes in found.items()}


@cache
def iban_lengths() -> dict[str, int]:
    """By country code, how many characters an IBAN has."""
    return {country: int(length) for country, length, *_ in rows("iban_lengths")}


def iban(code: str) -> bool:
    """Source: ISO 13616-1, check digits by ISO/IEC 7064 MOD 97-10."""
    if iban_lengths().get(code[:2]) != len(code):
        return False
    return int("".join(str(int(sign, 36)) for sign in code[4:] + code[:4])) % 97 == 1


def vin(code: str) -> bool:
    """Source: ISO 3779; check digit by 49 CFR 565.15."""
    if len(code) != 17 or not set(code) <= _VIN_VALUES.keys():
        return False
    rest = sum(_VIN_VALUES[sign] * weight for sign, weight in zip(code, _VIN_WEIGHTS, strict=True)) % 11
    return code[8] == ("X" if rest == 10 else str(rest))


def ssn(digits: str) -> bool:
    """Source: 20 CFR 422.103 and SSA's notes on numbers never assigned."""
    return (
        len(digits) == 9
        and digits[:3] not in ("000", "666")
        and digits[0] != "9"
        and digits[3:5] != "00"
        and digits[5:] != "0000"
    )


def itin(digits: str) -> bool:
    """Source: IRS Publication 1915."""
    return len(digits) == 9 and digits[0] == "9" and int(digits[3:5]) in _ITIN_GROUPS


def npi(digits: str) -> bool:
    """Source: CMS, check digit of the NPI: Luhn over the number behind 80840; the first digit is 1 or 2."""
    return len(digits) == 10 and digits[0] in "12" and luhn("80840" + digits)


@cache
def countries() -> frozenset[str]:
    """Country codes that stand in a BIC."""
    return frozenset(code for (code,) in rows("countries"))


@cache
def _banks() -> frozenset[str]:
    return frozenset(code + country for code, country, _ in rows("banks"))


def bic(code: str) -> bool:
    """Has the form of a business identifier code. Source: ISO 9362."""
    return len(code) in (8, 11) and code[:4].isalpha() and code[4:6] in countries() and code[6:].isalnum()


def known_bic(code: str) -> bool:
    """Is a code that needs no word beside it: of a well-known bank at home, or of a head office written in full."""
    return bic(code) and (code[:6] in _banks() or (len(code) == 11 and code.endswith("XXX")))


def ip_v6(text: str) -> bool:
    """Source: RFC 4291 §2.2."""
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def day(year: int, month: int, day: int) -> bool:
    """A day of the calendar."""
    return 1 <= month <= 12 and 1 <= year <= 9999 and 1 <= day <= monthrange(year, month)[1]


def plausible_year(year: int) -> bool:
    """A year that dates in records of living people and their images have."""
    return 1875 <= year <= 2099


def clock(hour: int, minute: int, second: int = 0) -> bool:
    """A time of day; 60 is a leap second. Source: PS3.5 §6.2, TM."""
    return hour < 24 and minute < 60 and second <= 60
