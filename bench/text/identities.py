"""Numbers and addresses that identify: drawn at random, with check digits that are right."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

_AREAS = (
    212, 213, 303, 305, 312, 313, 404, 415, 503, 512, 602, 612, 614, 615, 617, 702, 704, 713, 718, 720, 801, 808, 816,
    858, 901, 904, 919, 972,
)  # fmt: skip
_BANKS = (
    "DEUTDEFF", "COBADEFF", "BNPAFRPP", "SOGEFRPP", "BARCGB22", "MIDLGB22", "CHASUS33", "CITIUS33", "UBSWCHZH",
    "UNCRITMM", "BSCHESMM", "INGBNL2A",
)  # fmt: skip
#: Letters and digits without I, O and Q.
_VIN_SIGNS = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
_VIN_VALUES = dict(zip(_VIN_SIGNS, (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def digits(rng: random.Random, count: int) -> str:
    """So many digits, the first not 0."""
    return str(rng.randint(10 ** (count - 1), 10**count - 1))


def some(rng: random.Random, alphabet: str, count: int) -> str:
    """So many characters of an alphabet."""
    return "".join(rng.choice(alphabet) for _ in range(count))


def luhn(number: str) -> str:
    """The digit that makes a number pass the Luhn check. Source: ISO/IEC 7812-1 annex B."""
    doubled = [int(digit) * (2 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(number))]
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def card(rng: random.Random) -> str:
    """A card number of one of four brands."""
    brands = ("4", 16), (str(rng.randint(51, 55)), 16), (rng.choice(("34", "37")), 15), ("6011", 16)
    prefix, length = rng.choice(brands)
    body = prefix + some(rng, string.digits, length - 1 - len(prefix))
    return body + luhn(body)


def card_grouped(rng: random.Random) -> str:
    """A card number as it is printed on the card."""
    number, between = card(rng), rng.choice(" -")
    parts = (4, 6, 5) if len(number) == 15 else (4, 4, 4, 4)
    ends = [sum(parts[: at + 1]) for at in range(len(parts))]
    return between.join(number[end - part : end] for part, end in zip(parts, ends, strict=True))


def iban(rng: random.Random) -> str:
    """Of countries whose account numbers have no check digits of their own. Source: ISO 13616-1."""
    country, letters, count = rng.choice((("DE", 0, 18), ("GB", 4, 14), ("NL", 4, 10), ("AT", 0, 16), ("DK", 0, 14)))
    account = some(rng, string.ascii_uppercase, letters) + digits(rng, count)
    as_number = int("".join(str(int(sign, 36)) for sign in f"{account}{country}00"))
    return f"{country}{98 - as_number % 97:02d}{account}"


def iban_grouped(rng: random.Random) -> str:
    """In blocks of four."""
    number = iban(rng)
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def vin(rng: random.Random) -> str:
    """Of 17 characters with a check digit. Source: 49 CFR 565.15."""
    head = rng.choice(("1HG", "1FT", "2T1", "3VW", "5YJ", "WBA", "WVW", "JTD", "KMH", "YV1")) + some(rng, _VIN_SIGNS, 5)
    number = head + "0" + rng.choice("ABCDEFGHJKLMNPR") + some(rng, _VIN_SIGNS, 1) + digits(rng, 6)
    check = sum(_VIN_VALUES[sign] * weight for sign, weight in zip(number, _VIN_WEIGHTS, strict=True)) % 11
    return f"{number[:8]}{'X' if check == 10 else check}{number[9:]}"


def ssn(rng: random.Random) -> str:
    """In a range that is given out."""
    area = rng.choice([number for number in range(1, 772) if number != 666])
    return f"{area:03d}-{rng.randint(1, 99):02d}-{rng.randint(1, 9999):04d}"


def itin(rng: random.Random) -> str:
    """Starts with 9; its middle is in a range of its own."""
    middle = rng.choice([*range(70, 89), *range(90, 93), *range(94, 100)])
    return f"9{rng.randint(0, 99):02d}-{middle}-{rng.randint(1, 9999):04d}"


def npi(rng: random.Random) -> str:
    """Passes the Luhn check behind 80840. Source: 45 CFR 162.406."""
    body = rng.choice("12") + some(rng, string.digits, 8)
    return body + luhn("80840" + body)


def swift(rng: random.Random) -> str:
    """Bank, country, place and sometimes a branch; every other one of a bank there is. Source: ISO 9362."""
    if rng.random() < 0.5:
        return rng.choice(_BANKS) + rng.choice(("", "XXX"))
    bank = some(rng, string.ascii_uppercase, 4) + rng.choice(("DE", "FR", "GB", "US", "CH", "IT", "ES", "NL"))
    place = rng.choice(string.ascii_uppercase) + rng.choice(string.ascii_uppercase + "23456789")
    return bank + place + rng.choice(("", "XXX", digits(rng, 3)))


def drivers_license(rng: random.Random) -> str:
    """In the form of one of several states."""
    letter = rng.choice(string.ascii_uppercase)
    florida = f"{letter}{digits(rng, 3)}-{digits(rng, 3)}-{digits(rng, 2)}-{digits(rng, 3)}-{rng.randint(0, 9)}"
    return rng.choice((letter + digits(rng, 7), letter + digits(rng, 12), digits(rng, 8), digits(rng, 9), florida))


def passport(rng: random.Random) -> str:
    """Nine digits, or letters and digits as several countries write them."""
    german = rng.choice("CFGHJK") + some(rng, "CFGHJKLMNPRTVWXYZ0123456789", 7) + rng.choice(string.digits)
    letters = some(rng, string.ascii_uppercase, 2)
    return rng.choice((digits(rng, 9), rng.choice("AZ") + digits(rng, 8), german, letters + digits(rng, 7)))


def ip4(rng: random.Random) -> str:
    """Private or public."""
    head = rng.choice(("10.{}", "192.168", "172.16", "172.29", "84.{}", "130.{}", "203.{}")).format(rng.randint(1, 254))
    return f"{head}.{rng.randint(1, 254)}.{rng.randint(1, 254)}"


def ip6(rng: random.Random) -> str:
    """In full or with its zeros left out."""
    parts = [f"{rng.randint(1, 0xFFFF):x}" for _ in range(8)]
    return rng.choice((":".join(["2001", "db8", *parts[:6]]), f"fe80::{':'.join(parts[:4])}", f"2001:db8::{parts[0]}"))


def mac(rng: random.Random) -> str:
    """With colons, hyphens, or in three groups."""
    plain = "".join(f"{rng.randint(0, 255):02x}" for _ in range(6))
    size, between = rng.choice(((2, ":"), (2, "-"), (4, ".")))
    written = between.join(plain[at : at + size] for at in range(0, 12, size))
    return rng.choice((written, written.upper()))


def phone_us(rng: random.Random, forms: str = "({}) {}-{}|{}-{}-{}|{}.{}.{}|+1 {} {} {}|1-{}-{}-{}") -> str:
    """In one of the forms."""
    exchange = rng.choice([number for number in range(220, 990) if number % 100 != 11 and number != 555])
    return rng.choice(forms.split("|")).format(rng.choice(_AREAS), exchange, f"{rng.randint(0, 9999):04d}")


def phone_intl(rng: random.Random) -> str:
    """With the code of a country."""
    form = rng.choice((
        "+49 89 4400 #####", "+49 (0)30 450 ######", "+44 20 7### ####", "+33 1 4# ## ## ##", "+34 91 336 ####",
        "+39 06 4997 ####", "+41 44 255 ## ##", "+31 20 566 ####", "+81 3 3815 ####", "+91 22 2417 ####",
        "+47 22 11 ## ##",
    ))  # fmt: skip
    return filled(rng, form)


def phone_de(rng: random.Random) -> str:
    """As dialled inside Germany."""
    return filled(
        rng, rng.choice(("089 4400-7####", "0731/500-4####", "030 450 5#####", "040 7410 5####", "(0221) 478-####"))
    )


def filled(rng: random.Random, form: str) -> str:
    """A form with a digit for each #."""
    return "".join(str(rng.randint(1, 9)) if sign == "#" else sign for sign in form)


def uid(rng: random.Random) -> str:
    """Of a study or series."""
    root = rng.choice(("1.2.840.113619.2", "1.3.12.2.1107.5.1.4", "1.2.826.0.1.3680043.9", "1.2.392.200036.9116.2"))
    return ".".join((root, *(str(rng.randint(1, 10 ** rng.randint(1, 9))) for _ in range(rng.randint(2, 5)))))[
        :64
    ].rstrip(".")


def accession(rng: random.Random) -> str:
    """As different systems number orders."""
    return rng.choice(
        ("A" + digits(rng, 7), f"20{rng.randint(10, 24)}-{digits(rng, 6)}", "RAD" + digits(rng, 7), digits(rng, 8))
    )


def mrn(rng: random.Random) -> str:
    """Six to ten digits, zeros ahead or not."""
    return rng.choice(("", "0", "00")) + digits(rng, rng.randint(6, 8))


#: Slots by name: infoType and what draws the text.
NUMBERS: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "cc": ("CREDIT_CARD_NUMBER", card),
    "cc_grouped": ("CREDIT_CARD_NUMBER", card_grouped),
    "iban": ("IBAN_CODE", iban),
    "iban_grouped": ("IBAN_CODE", iban_grouped),
    "vin": ("US_VEHICLE_IDENTIFICATION_NUMBER", vin),
    "ssn": ("US_SOCIAL_SECURITY_NUMBER", ssn),
    "ssn_plain": ("US_SOCIAL_SECURITY_NUMBER", lambda rng: ssn(rng).replace("-", "")),
    "itin": ("US_INDIVIDUAL_TAXPAYER_IDENTIFICATION_NUMBER", itin),
    "npi": ("US_HEALTHCARE_NPI", npi),
    "swift": ("SWIFT_CODE", swift),
    "dl": ("US_DRIVERS_LICENSE_NUMBER", drivers_license),
    "passport": ("PASSPORT", passport),
    "ip4": ("IP_ADDRESS", ip4),
    "ip6": ("IP_ADDRESS", ip6),
    "mac": ("MAC_ADDRESS", mac),
    "phone_us": ("PHONE_NUMBER", phone_us),
    "phone_us_dash": ("PHONE_NUMBER", lambda rng: phone_us(rng, "{}-{}-{}")),
    "phone_intl": ("PHONE_NUMBER", phone_intl),
    "phone_de": ("PHONE_NUMBER", phone_de),
    "accession": ("ACCESSION_NUMBER", accession),
    "mrn": ("MEDICAL_RECORD_NUMBER", mrn),
    "mrn_dash": ("MEDICAL_RECORD_NUMBER", lambda rng: rng.choice((filled(rng, "##-#####"), filled(rng, "###.###.##")))),
    "mrn_letter": ("MEDICAL_RECORD_NUMBER", lambda rng: rng.choice(string.ascii_uppercase) + digits(rng, 7)),
    "uid": ("", uid),
    "initial": ("PERSON_NAME", lambda rng: rng.choice(string.ascii_uppercase)),
}
