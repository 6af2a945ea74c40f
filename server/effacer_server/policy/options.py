"""The options of PS3.15 §E.3 as rules: what they keep, clean or move, row by row of the edition's tables.

Where several options are set, each row is decided by the codes in their columns: C (clean) before K (keep), and where
no column has either, the Basic Profile's code stays. Source: PS3.15 §E.3, Table E.1-1a.

C is carried out where this version can: descriptions are inspected, dates moved, sequences of content and of graphic
items entered. Elsewhere no option rule is made, the profile's rule decides, which is the stricter one, and the plan
says so in a note. KEEP_ALL_PROFILE would let such a row through raw: there the options that clean or move take the
Basic code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache

from effacer_server.dicom import facts
from effacer_server.policy.plan import ANY_TAG, ContentRule, Rule, Verb
from effacer_server.policy.profiles import PrimaryIds, Profile, basic_rule, linked_uids


class Option(StrEnum):
    """The options a config can set, under their names in the API, in the order of the tables' columns."""

    SAFE_PRIVATE = "retain_safe_private"
    UIDS = "retain_uids"
    DEVICE_IDENTITY = "retain_device_identity"
    INSTITUTION_IDENTITY = "retain_institution_identity"
    PATIENT_CHARACTERISTICS = "retain_patient_characteristics"
    FULL_DATES = "retain_longitudinal_full_dates"
    MODIFIED_DATES = "retain_longitudinal_modified_dates"
    STRUCTURED_CONTENT = "clean_structured_content"
    GRAPHICS = "clean_graphics"
    DESCRIPTORS = "clean_descriptors"

    @property
    def because(self) -> str:
        """The reason of its rules in a plan."""
        return f"options.{self}"


# Column of Table E.1-1 and code of CID 7050 (PS3.16) of each option.
_COLUMNS = {
    Option.SAFE_PRIVATE: ("rtn_safe_priv", "113111"),
    Option.UIDS: ("rtn_uids", "113110"),
    Option.DEVICE_IDENTITY: ("rtn_dev_id", "113109"),
    Option.INSTITUTION_IDENTITY: ("rtn_inst_id", "113112"),
    Option.PATIENT_CHARACTERISTICS: ("rtn_pat_chars", "113108"),
    Option.FULL_DATES: ("rtn_long_full_dates", "113106"),
    Option.MODIFIED_DATES: ("rtn_long_modif_dates", "113107"),
    Option.STRUCTURED_CONTENT: ("clean_struct_cont", "113104"),
    Option.GRAPHICS: ("clean_graph", "113103"),
    Option.DESCRIPTORS: ("clean_desc", "113105"),
}
_TEXTS = ("LO", "LT", "SH", "ST", "UC", "UT")
# What code C becomes, by VR. Times are looked at only: dates move by whole days.
_CLEANED = {
    Option.MODIFIED_DATES: dict.fromkeys(("DA", "DT", "TM"), Verb.SHIFT_DATE),
    Option.STRUCTURED_CONTENT: {"SQ": Verb.RECURSE},
    Option.GRAPHICS: {"SQ": Verb.RECURSE},
    Option.DESCRIPTORS: dict.fromkeys(_TEXTS, Verb.CLEAN_TEXT),
}
_CLEANED_CONTENT = dict.fromkeys(("DATE", "DATETIME", "TIME"), Verb.SHIFT_DATE)
_DATE_VRS = ("DA", "DT", "TM")
# Value types whose value is or holds UIDs. Source: PS3.3 Table C.17.3-7.
_NAMING = ("UIDREF", "IMAGE", "COMPOSITE", "WAVEFORM")
# Of several rules for one concept the one that leaves least comes first.
_STRICTEST = (Verb.DELETE, Verb.RESET, Verb.REGEN_UID, Verb.SHIFT_DATE, Verb.KEEP)


@lru_cache(maxsize=64)
def option_rules(
    options: frozenset[Option],
    profile: Profile,
    primary_ids: PrimaryIds = PrimaryIds.BY_PROFILE,
    edition: facts.Edition = "2018e",
) -> tuple[Rule, ...]:
    """Rules of the options, to stand between those for primary ids and the profile's.

    Args:
        options: those that are set.
        profile: what decides the rest.
        primary_ids: REGEN also regenerates the UIDs in safe private attributes, since they may name a series.
        edition: of the tables.
    """
    rules = []
    for row in _rows(edition):
        decided = _decide(row.options, options)
        if decided is not None:
            rules += _row_rules(row, *decided, profile)
    if Option.GRAPHICS in options:
        # What the opened graphic annotations hold as text; PS3.3 §C.10.5.
        for keyword in ("UnformattedTextValue", "TickLabel"):
            rules.append(Rule(Verb.RESET, Option.GRAPHICS.because, facts.tag_of(keyword)))
    if Option.STRUCTURED_CONTENT in options:
        # §E.3.4 asks for every sequence of content items; 2018e has rows for some of them alone.
        named = {row.tag for row in _rows(edition)}
        column = _COLUMNS[Option.STRUCTURED_CONTENT][0]
        for row in _rows("latest"):
            if row.tag not in named and row.options.get(column) == "C" and facts.vr_of(row.tag) == "SQ":
                rules.append(Rule(Verb.RECURSE, Option.STRUCTURED_CONTENT.because, row.tag))
    if Option.UIDS in options:
        rules += [Rule(Verb.KEEP, Option.UIDS.because, tag) for tag in linked_uids(edition)]
    if Option.SAFE_PRIVATE in options:
        uids_stay = profile is Profile.KEEP_ALL or (Option.UIDS in options and primary_ids is not PrimaryIds.REGEN)
        moved = Option.MODIFIED_DATES in options
        rules += _safe_private_rules(edition, Verb.KEEP if uids_stay else Verb.REGEN_UID, moved)
    return tuple(rules)


@lru_cache(maxsize=64)
def content_rules(
    options: frozenset[Option], primary_ids: PrimaryIds = PrimaryIds.BY_PROFILE, edition: facts.Edition = "2018e"
) -> tuple[ContentRule, ...]:
    """Rules for content items by their concept; none unless structured content is cleaned. Source: PS3.15 §E.3.4.

    A value that is or refers to a UID goes the way of the UIDs around it (REGEN_UID) where the table would replace it.
    For one concept and several value types the strictest rule comes first.
    """
    if Option.STRUCTURED_CONTENT not in options:
        return ()
    rules = []
    for row in facts.content_codes(edition):
        decided = _decide(row.options, options)
        because = Option.STRUCTURED_CONTENT.because
        verb = Verb.DELETE if row.basic == "X" else Verb.REGEN_UID if row.value_type in _NAMING else Verb.RESET
        if decided is not None:
            code, option = decided
            kept = _CLEANED_CONTENT.get(row.value_type) if code == "C" else Verb.KEEP
            if kept is not None:
                verb, because = kept, option.because
            if option is Option.UIDS and primary_ids is PrimaryIds.REGEN:
                verb = Verb.REGEN_UID  # the table does not tell which of them name a study or a series
        rules.append(ContentRule(row.code, row.scheme, verb, because, row.value_type))
    return tuple(sorted(rules, key=lambda rule: (rule.scheme, rule.code, _STRICTEST.index(rule.verb))))


def other_dates(options: frozenset[Option], profile: Profile) -> tuple[Rule, ...]:
    """Dates and times that no row of the table names, to stand behind the profile's rules. The minimal keep list leaves
    none.

    One patient's dates move together: a single one that stayed, next to one that moved, would tell how far. Where full
    dates stay, these are said to stay because of the option, in trees that another option opens, too.
    """
    if profile is Profile.MINIMAL:
        return ()
    for option, verb in ((Option.MODIFIED_DATES, Verb.SHIFT_DATE), (Option.FULL_DATES, Verb.KEEP)):
        if option in options:
            return tuple(Rule(verb, option.because, ANY_TAG, 0, vr) for vr in _DATE_VRS)
    return ()


def option_codes(options: Iterable[Option]) -> tuple[str, ...]:
    """The codes (scheme DCM) of the options, ascending. Source: PS3.16 CID 7050."""
    return tuple(sorted(_COLUMNS[option][1] for option in options))


def longitudinal_information(options: frozenset[Option]) -> str:
    """Value of LongitudinalTemporalInformationModified. Source: PS3.3 §C.7.1.1.1 and PS3.15 §E.3.6."""
    if Option.FULL_DATES in options:
        return "UNMODIFIED"
    return "MODIFIED" if Option.MODIFIED_DATES in options else "REMOVED"


@lru_cache(maxsize=64)
def option_notes(options: frozenset[Option], profile: Profile, edition: facts.Edition = "2018e") -> tuple[str, ...]:
    """What people have to know about the options: at most two notes each, naming attributes by keyword.

    What was to be cleaned and cannot be yet; and under the minimal keep list, which sequences the option leaves as
    shells, because the list holds inside them too.
    """
    uncleaned: dict[Option, list[str]] = {}
    entered: dict[Option, list[str]] = {}
    for row in _rows(edition):
        decided = _decide(row.options, options)
        if decided is None:
            continue
        keyword = row.keyword or facts.keyword_of(row.tag)
        if decided[0] == "C" and _cleaned(row, decided[1]) is None:
            uncleaned.setdefault(decided[1], []).append(keyword)
        elif facts.vr_of(row.tag) == "SQ":
            entered.setdefault(decided[1], []).append(keyword)
    notes = []
    for option in Option:
        if option in uncleaned:
            whose = "Basic Profile" if _takes_basic_code(option, profile) else "profile"
            keywords = ", ".join(uncleaned[option])
            notes.append(f"{option.because}: this version cannot clean these, so the {whose} decides: {keywords}")
        if option in entered and profile is Profile.MINIMAL:
            keywords = ", ".join(entered[option])
            notes.append(
                f"{option.because}: inside these only the minimal keep list and the options leave anything: {keywords}"
            )
    return tuple(notes)


def _rows(edition: facts.Edition) -> list[facts.ProfileRow]:
    """The rows that options can decide: once each, without that for private attributes, which go by their own list."""
    rows = {(row.tag, row.mask): row for row in facts.e1_1(edition).rows if facts.in_data_set(row.tag)}
    return [row for row in rows.values() if row.mask != 0x00010000]


def _decide(codes: Mapping[str, str], options: frozenset[Option]) -> tuple[str, Option] | None:
    """The code that decides a row against its Basic code, and the option that brings it."""
    for code in ("C", "K"):
        found = [option for option in Option if option in options and codes.get(_COLUMNS[option][0]) == code]
        if found:  # of several that ask for cleaning the one that is there for texts
            return code, Option.DESCRIPTORS if Option.DESCRIPTORS in found else found[0]
    return None


def _row_rules(row: facts.ProfileRow, code: str, option: Option, profile: Profile) -> list[Rule]:
    vr = facts.vr_of(row.tag)
    if code == "C":
        verb = _cleaned(row, option)
        if verb is not None:
            return [Rule(verb, option.because, row.tag, row.mask)]
        return [basic_rule(row, option.because)] if _takes_basic_code(option, profile) else []
    # K leaves a sequence, but what is in it is cleaned. Source: PS3.15 Table E.1-1a.
    if vr == "SQ":
        return [Rule(Verb.RECURSE, option.because, row.tag, row.mask)]
    entered = [] if vr else [Rule(Verb.RECURSE, option.because, row.tag, row.mask, vr="SQ")]
    return [*entered, Rule(Verb.KEEP, option.because, row.tag, row.mask)]


def _cleaned(row: facts.ProfileRow, option: Option) -> Verb | None:
    """What code C becomes; None where that would need text inspection."""
    return _CLEANED.get(option, {}).get(facts.vr_of(row.tag)) if row.mask == facts.EXACT else None


def _takes_basic_code(option: Option, profile: Profile) -> bool:
    return profile is Profile.KEEP_ALL and option in _CLEANED


def _safe_private_rules(edition: facts.Edition, uids: Verb, moved: bool) -> list[Rule]:
    """By creator and VR; also for VR UN, which private elements have in implicit VR.

    Sequences are entered: what is in them is judged on its own. A file shows them as sequences under UN too.
    """
    rules = []
    for row in facts.safe_private(edition):
        verbs = {vr: Verb.RECURSE if vr == "SQ" else uids if vr == "UI" else Verb.KEEP for vr in row.vrs}
        if not row.vrs:
            # A name is safe under no creator.
            dates = dict.fromkeys(_DATE_VRS, Verb.SHIFT_DATE) if moved else {}
            verbs = {"SQ": Verb.RECURSE, "UI": uids, "PN": Verb.DELETE, **dates, "": Verb.KEEP}
        elif "SQ" not in row.vrs:
            verbs["UN"] = uids if "UI" in row.vrs else Verb.KEEP
        for vr, verb in verbs.items():
            rules.append(Rule(verb, Option.SAFE_PRIVATE.because, row.tag, row.mask, vr, row.creator))
    return rules
