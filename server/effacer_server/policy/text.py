"""TextConfig as data: which infoTypes are looked for in text, and what takes the place of each finding.

BASIC, which is also meant where nothing is said, moves dates and writes the name of the infoType in place of everything
else. Transformations of a config go before it; one that names no infoTypes is for all that no other names; excluded
infoTypes stay. The older list `transformations` means the same as `additional_transformations`: what it does not name
would otherwise stay in the text. A date shift without infoTypes is for all dates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from effacer.v1 import deidentify_pb2 as pb
from effacer_server.errors import InvalidConfig
from effacer_server.policy.checks import KEY_SIZES_BYTES, Problems, enum_name
from effacer_server.policy.plan import DATE_KEY, DATES, TextKeys, TextPlan, Transformation, Treatment

_TREATMENTS = {
    "redact_config": Treatment.REDACT,
    "character_mask_config": Treatment.MASK,
    "crypto_hash_config": Treatment.HASH,
    "date_shift_config": Treatment.SHIFT_DATE,
    "replace_with_info_type_config": Treatment.REPLACE,
}


@cache
def info_types() -> Mapping[str, bool]:
    """The infoTypes there are; whether each is looked for unless a config says otherwise."""
    text = (files(__package__) / "tables" / "infotypes.tsv").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")][1:]
    return {name: default == "yes" for name, default, _ in lines}


@cache
def default_info_types() -> tuple[str, ...]:
    """Those that are looked for unless a config says otherwise."""
    return tuple(name for name, default in info_types().items() if default)


def check_info_types(names: Iterable[str]) -> None:
    """Raises InvalidConfig at "info_types" for a name that is no infoType."""
    for name in names:
        if name not in info_types():
            raise InvalidConfig("info_types", f"{name} is no infoType; there are {', '.join(info_types())}")


def compile_text(
    config: pb.TextConfig,
    path: str,
    problems: Problems,
    *,
    context: bool,
    looked_for: Iterable[str],
    dates_move: bool = False,
    strict: bool = False,
) -> TextPlan:
    """The text plan of a config.

    Args:
        config: as it came in.
        path: of it, for errors.
        problems: takes what is wrong with it.
        context: whether what the instance says of its patient is looked for, too.
        looked_for: the infoTypes that a server looks for where a config names none.
        dates_move: whether an option moves the dates of elements; those in texts without a key of their own go along.
        strict: as in TextPlan.
    """
    given: dict[str, Transformation] = {}
    default: Transformation | None = None
    rest_of_dates: Transformation | None = None
    for field in ("additional_transformations", "transformations"):
        if field == "transformations" and config.additional_transformations:
            continue  # both together are a problem that is noted already
        name = config.DESCRIPTOR.fields_by_name[field].json_name
        for number, one in enumerate(getattr(config, field)):
            at = f"{path}.{name}[{number}]"
            made = _transformation(one, f"{field}[{number}]", DATE_KEY if dates_move else "")
            if made is None:
                continue
            if not one.info_types and made.treatment is Treatment.SHIFT_DATE:
                rest_of_dates = rest_of_dates or made  # it is for dates alone
            elif not one.info_types and default is not None:
                problems.invalid(at, "is a second transformation without infoTypes")
            elif not one.info_types:
                default = made
            for index, info_type in enumerate(one.info_types):
                where = f"{at}.infoTypes[{index}]"
                if _is_known(info_type, where, problems) and info_type in given:
                    problems.invalid(where, f"{info_type} has a transformation already")
                if made.treatment is Treatment.SHIFT_DATE and info_type not in DATES:
                    problems.invalid(where, f"is no date; dateShiftConfig is for {' and '.join(DATES)}")
                given.setdefault(info_type, made)
    excluded = set()
    for index, info_type in enumerate(config.exclude_info_types):
        if _is_known(info_type, f"{path}.excludeInfoTypes[{index}]", problems):
            excluded.add(info_type)
    if rest_of_dates is not None:
        for info_type in DATES:
            given.setdefault(info_type, rest_of_dates)
    profile = "EMPTY" if enum_name(config, "profile_type") == "EMPTY" else "BASIC"
    by_profile = f"text.profile_type {profile}"
    if default is None and profile == "BASIC":
        given.setdefault("DATE", Transformation(Treatment.SHIFT_DATE, by_profile, key=DATE_KEY if dates_move else ""))
    rest = default or Transformation(Treatment.REPLACE if profile == "BASIC" else Treatment.KEEP, by_profile)
    named = {name for name in given if name in info_types()}
    wanted = named | (set(looked_for) if rest.treatment is not Treatment.KEEP else set())
    return TextPlan(
        wanted=tuple(sorted(wanted - excluded)),
        by_type=tuple(sorted((name, how) for name, how in given.items() if name not in excluded)),
        default=rest,
        context=context,
        strict=strict,
    )


def text_keys(config: pb.TextConfig, unwrap: Callable[[str, bytes], bytes], path: str = "config.text") -> TextKeys:
    """Secrets that a text config carries, by the name its transformations call them.

    Args:
        config: one that compiles.
        unwrap: opens a wrapped key: (name of the key that opens it, wrapped key) -> key.
        path: of the config, for errors.

    Raises:
        InvalidConfig: an unwrapped key has a length that none has.
        Whatever `unwrap` raises.
    """
    found = []
    for field in ("additional_transformations", "transformations"):
        for number, one in enumerate(getattr(config, field)):
            how = _keyed(one)
            if how is None:
                continue
            key = how.crypto_key
            if how.HasField("kms_wrapped"):
                key = unwrap(how.kms_wrapped.crypto_key, how.kms_wrapped.wrapped_key)
                if len(key) not in KEY_SIZES_BYTES:
                    name = config.DESCRIPTOR.fields_by_name[field].json_name
                    raise InvalidConfig(
                        f"{path}.{name}[{number}]", f"opens to a key of {len(key)} bytes, which is none"
                    )
            found.append((f"{field}[{number}]", key))
    return tuple(found)


def _keyed(one: pb.InfoTypeTransformation) -> Any:
    """The transformation that brings a key, or None."""
    which = one.WhichOneof("transformation")
    how = getattr(one, which) if which in ("crypto_hash_config", "date_shift_config") else None
    return how if how is not None and (how.crypto_key or how.HasField("kms_wrapped")) else None


def _transformation(one: pb.InfoTypeTransformation, name: str, date_key: str) -> Transformation | None:
    which = one.WhichOneof("transformation")
    if which is None:
        return None  # a problem already noted
    treatment = _TREATMENTS[which]
    character = one.character_mask_config.masking_character or "*"
    key = name if _keyed(one) is not None else date_key if treatment is Treatment.SHIFT_DATE else ""
    return Transformation(treatment, f"text.{name}", character, key)


def _is_known(info_type: str, path: str, problems: Problems) -> bool:
    if info_type in info_types():
        return True
    problems.invalid(path, f"is no infoType; there are {', '.join(info_types())}")
    return False
