"""A DeidentifyConfig becomes a Plan, or an error that says where the config is wrong.

Precedence is settled here once: actions in the order of the request, then options, then the profile; in the plan the
first rule that matches decides. Everything wrong with a config surfaces here, before any work starts.

Paths in errors are written in JSON names (`config.dicomTagConfig.actions[2].queries[0]`), since that is what users
type; reasons in the plan are written in proto names (`options.primary_ids`), since that is what the contract prints.

The plan speaks of the data set. File meta (group 0002) is written anew for every output by the engine:
MediaStorageSOPInstanceUID always equals the output's SOPInstanceUID, so the rule that decides (0008,0018) decides
(0002,0003) too. An action can keep what else the source's file meta holds, SourceApplicationEntityTitle for instance;
other actions on file meta are accepted and touch nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from effacer.v1 import deidentify_pb2 as pb
from effacer_server.dicom import facts
from effacer_server.policy.checks import Problems, check_message, enum_name, kept_identity, unreadable, unstorable
from effacer_server.policy.options import (
    Option,
    content_rules,
    longitudinal_information,
    option_codes,
    option_notes,
    option_rules,
    other_dates,
)
from effacer_server.policy.plan import EXACT, Plan, Rule, Verb
from effacer_server.policy.profiles import (
    TEXT_VRS,
    PrimaryIds,
    Profile,
    edition_name,
    primary_id_rules,
    profile_default,
    profile_rules,
    profile_stamp,
)
from effacer_server.policy.queries import Query, parse_query
from effacer_server.policy.text import compile_text, default_info_types

_VERBS = {
    "keep_tag": Verb.KEEP,
    "remove_tag": Verb.REMOVE,
    "delete_tag": Verb.DELETE,
    "reset_tag": Verb.RESET,
    "clean_text_tag": Verb.CLEAN_TEXT,
    "clean_image_tag": Verb.KEEP,  # modes that paint are refused by checks; what is left leaves the pixels alone
    "recurse_tag": Verb.RECURSE,
    "regen_uid_tag": Verb.REGEN_UID,
}
# The VRs an action is for, where the contract limits it.
_VRS = {
    "clean_text_tag": frozenset(TEXT_VRS),
    "clean_image_tag": frozenset(("OB", "OW")),
    "recurse_tag": frozenset(("SQ",)),
    "regen_uid_tag": frozenset(("UI",)),
}
_PROFILES = {
    "PROFILE_TYPE_UNSPECIFIED": Profile.BASIC,
    "TAG_FILTER_PROFILE_UNSPECIFIED": Profile.KEEP_ALL,
    **{str(profile): profile for profile in Profile},
}
_EDITIONS: dict[str, facts.Edition] = {"EDITION_LATEST": "latest"}
# The native core numbers private creators in 16 bits; the safe private attributes need some of these numbers.
_MOST_CREATORS = 1000


# ImplementationVersionName: up to here the engine writes file meta itself (PS3.10 Table 7.1-1). What stands behind can
# only be kept, or go as it does without any action.
_LAST_OWN_FILE_META = 0x00020013


@dataclass
class _Draft:
    """What is known of the plan so far."""

    problems: Problems = field(default_factory=Problems)
    rules: list[Rule] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    file_meta: list[Rule] = field(default_factory=list)
    creators: set[str] = field(default_factory=set)


def compile_config(
    config: pb.DeidentifyConfig,
    *,
    path: str = "config",
    stamp: bool = True,
    info_types: Iterable[str] = (),
    strict_text: bool = False,
) -> Plan:
    """Compiles a config.

    Args:
        config: as it came in; neither kept nor changed. With neither `dicom` nor `dicom_tag_config` it means the
            Basic Profile.
        path: what error paths start with.
        stamp: whether outputs say that and how they were de-identified; a setting of the server.
        info_types: what is looked for in text unless the config says otherwise, none for the default ones; a setting of
            the server.
        strict_text: as in plan.TextPlan.strict; a setting of the server.

    Raises:
        InvalidConfig: something is wrong with it; `violations` lists all that was found.
        Unsupported: nothing is wrong, but this version does not do what it asks for.
    """
    draft = _Draft()
    check_message(config, path, draft.problems)
    _note_unused(config, draft)
    if config.HasField("dicom") and config.HasField("dicom_tag_config"):
        draft.problems.invalid(f"{path}.dicom", "may not stand with dicomTagConfig")
    if config.HasField("dicom"):
        plan = _compile_legacy(config.dicom, f"{path}.dicom", stamp, draft)
    else:
        plan = _compile_tag_config(config.dicom_tag_config, f"{path}.dicomTagConfig", stamp, draft)
    text = compile_text(
        config.text,
        f"{path}.text",
        draft.problems,
        context=config.dicom_tag_config.options.HasField("clean_descriptors"),
        looked_for=tuple(info_types) or default_info_types(),
        dates_move=config.dicom_tag_config.options.retain_longitudinal_modified_dates,
        strict=strict_text,
    )
    draft.problems.raise_first()
    if any(rule.verb is Verb.CLEAN_TEXT for rule in plan.rules):
        return replace(plan, text=text)
    if config.HasField("text"):
        note = "text: nothing in this config inspects text; this touches nothing"
        return replace(plan, notes=(*plan.notes, note))
    return plan


def _compile_tag_config(config: pb.DicomTagConfig, path: str, stamp: bool, draft: _Draft) -> Plan:
    profile = _profile(config, "profile_type", f"{path}.profileType", draft.problems)
    options = _options(config.options, f"{path}.options", draft.problems)
    edition = _EDITIONS.get(enum_name(config.options, "standard_edition"), "2018e")
    by_name = {"KEEP": PrimaryIds.KEEP, "REGEN": PrimaryIds.REGEN}
    primary_ids = by_name.get(enum_name(config.options, "primary_ids"), PrimaryIds.BY_PROFILE)
    _compile_actions(config.actions, f"{path}.actions", draft)
    for because, keywords in unstorable(draft.rules).items():
        draft.problems.invalid(
            f"{path}.{because}",
            f"leaves no {', '.join(keywords)}, without which nothing can be stored or read; "
            "actions hold at the root and inside sequences alike",
        )
    draft.notes += option_notes(options, profile, edition)
    if primary_ids is PrimaryIds.REGEN and Option.UIDS in options:
        draft.notes.append(
            f"{Option.UIDS.because}: options.primary_ids regenerates the UIDs of study, series and instance and what "
            "refers to them; the option keeps the others"
        )
    if because := unreadable(draft.rules):
        draft.notes.append(f"{because}: takes SpecificCharacterSet away; text that stays may be read wrongly")
    identifying = kept_identity(draft.rules, edition)
    if stamp and profile is not Profile.KEEP_ALL:
        for because, keyword in identifying:
            draft.notes.append(f"{because}: keeps {keyword}, so outputs say PatientIdentityRemoved NO")
    stamps = profile_stamp(
        profile,
        primary_ids,
        write_method=stamp,
        option_codes=option_codes(options),
        longitudinal=longitudinal_information(options),
        identity_removed=not identifying,
    )
    return Plan(
        rules=(
            *draft.rules,
            *primary_id_rules(profile, primary_ids, edition, retain_uids=Option.UIDS in options),
            *option_rules(options, profile, primary_ids, edition),
            *profile_rules(profile, edition),
            *other_dates(options, profile),
        ),
        default=profile_default(profile),
        stamp=stamps,
        edition=facts.e1_1(edition).edition if options else edition_name(profile, edition),
        notes=tuple(draft.notes),
        file_meta=tuple(sorted(draft.file_meta, key=lambda rule: rule.tag)),
        content=content_rules(options, primary_ids, edition),
    )


def _compile_legacy(config: pb.DicomConfig, path: str, stamp: bool, draft: _Draft) -> Plan:
    """The older DicomConfig.

    Both lists leave the primary ids to `skip_id_redaction`; references follow them where no list names them. Lists
    claim nothing about conformance to a profile, so they stamp nothing.
    """
    which = config.WhichOneof("tag_filter")
    profile = Profile.MINIMAL if which == "keep_list" else Profile.KEEP_ALL
    if which == "filter_profile":
        profile = _profile(config, "filter_profile", f"{path}.filterProfile", draft.problems)
    primary_ids = PrimaryIds.KEEP if config.skip_id_redaction else PrimaryIds.BY_PROFILE
    ids = primary_id_rules(profile, primary_ids)
    if config.skip_id_redaction:
        ids = tuple(replace(rule, because="dicom.skip_id_redaction") for rule in ids)
    own = tuple(rule for rule in ids if facts.uid_role(rule.tag) == "primary")
    references = tuple(rule for rule in ids if facts.uid_role(rule.tag) != "primary")
    default = profile_default(profile)
    if which in ("keep_list", "remove_list"):
        verb = Verb.KEEP if which == "keep_list" else Verb.REMOVE
        listed = config.keep_list if which == "keep_list" else config.remove_list
        at = f"{path}.keepList.tags" if which == "keep_list" else f"{path}.removeList.tags"
        _compile_list(listed.tags, at, verb, f"dicom.{which}", draft)
        default = replace(default, because=f"dicom.{which}")
        stamp = False
    return Plan(
        rules=(*own, *draft.rules, *references, *profile_rules(profile)),
        default=default,
        stamp=profile_stamp(profile, primary_ids, write_method=stamp),
        edition=edition_name(profile),
        notes=tuple(draft.notes),
        file_meta=tuple(sorted(draft.file_meta, key=lambda rule: rule.tag)),
    )


def _compile_actions(actions: Iterable[pb.DicomTagConfig.Action], path: str, draft: _Draft) -> None:
    problems = draft.problems
    seen: dict[Query, int] = {}
    for number, action in enumerate(actions):
        kind = action.WhichOneof("action")
        if kind is None:
            problems.invalid(f"{path}[{number}]", "names no action")
        if not action.queries:
            problems.invalid(f"{path}[{number}].queries", "is empty: an action without queries reaches nothing")
        for index, text in enumerate(action.queries):
            at = f"{path}[{number}].queries[{index}]"
            query = _parse(text, at, draft)
            if query is None:
                continue
            if query in seen:
                if seen[query] != number:
                    problems.invalid(at, f"is also a query of actions[{seen[query]}]")
                continue
            seen[query] = number
            if kind is not None:
                _add(_restrict(query, kind, at, problems), _VERBS[kind], f"actions[{number}].queries[{index}]", draft)


def _compile_list(tags: Iterable[str], path: str, verb: Verb, because: str, draft: _Draft) -> None:
    for index, text in enumerate(tags):
        query = _parse(text, f"{path}[{index}]", draft)
        if query is not None and query.vr:
            draft.problems.invalid(f"{path}[{index}]", "is a VR; this list takes tags and keywords")
        elif query is not None and query.mask == EXACT and facts.uid_role(query.tag) == "primary":
            keyword = facts.keyword_of(query.tag)
            draft.notes.append(f"{because}: {keyword} follows skip_id_redaction, whatever the list says")
        else:
            _add(query, verb, because, draft)


def _parse(text: str, path: str, draft: _Draft) -> Query | None:
    try:
        query = parse_query(text)
    except ValueError as error:
        draft.problems.invalid(path, str(error))
        return None
    if query.creator and query.creator not in draft.creators:
        draft.creators.add(query.creator)
        if len(draft.creators) == _MOST_CREATORS + 1:
            draft.problems.invalid(path, f"is one private creator too many: a config may name {_MOST_CREATORS}")
    return query


def _restrict(query: Query, kind: str, path: str, problems: Problems) -> Query | None:
    """The query as far as the action can serve it: an error where it names a tag of another VR, None where a VR."""
    allowed = _VRS.get(kind)
    if allowed is None:
        return query
    if kind == "clean_image_tag":
        pixel_data = Query(facts.tag_of("PixelData"))
        if query.vr:
            return replace(pixel_data, vr=query.vr) if query.vr in allowed else None
        if query != pixel_data:
            problems.invalid(path, "is not PixelData, which alone cleanImageTag is for")
        return query
    possible = query.possible_vrs()
    if query.vr:
        return query if query.vr in allowed else None
    if possible and allowed.isdisjoint(possible):
        action = pb.DicomTagConfig.Action.DESCRIPTOR.fields_by_name[kind].json_name
        problems.invalid(path, f"has VR {' or '.join(possible)}; {action} is for {' '.join(sorted(allowed))}")
    return query


def _add(query: Query | None, verb: Verb, because: str, draft: _Draft) -> None:
    """Adds the rules of one query.

    A private element that stays in some form keeps the element that names its creator: without it nobody could say
    what the element means. By creator, the native core sees to that, since only the file tells the block.
    """
    if query is None:
        return
    if query.mask >> 16 == 0xFFFF and query.tag >> 16 == 0x0002:
        if verb is Verb.KEEP and query.tag > _LAST_OWN_FILE_META and query.mask == EXACT and not query.vr:
            draft.file_meta.append(Rule(verb, because, query.tag))
        else:
            draft.notes.append(f"{because}: file meta is written anew for every output; this touches nothing")
        return
    draft.rules.append(Rule(verb, because, query.tag, query.mask, query.vr, query.creator))
    creator_tag = query.creator_tag()
    if creator_tag is not None and verb is not Verb.DELETE:
        draft.rules.append(Rule(Verb.KEEP, because, creator_tag))


def _profile(config: pb.DicomTagConfig | pb.DicomConfig, name: str, path: str, problems: Problems) -> Profile:
    """The profile an enum field names; any will do where it names none, since that is a problem already noted."""
    chosen = enum_name(config, name)
    return _PROFILES.get(chosen, Profile.BASIC)


def _options(options: pb.DicomTagConfig.Options, path: str, problems: Problems) -> frozenset[Option]:
    """The options of PS3.15 §E.3 that are set."""
    if options.retain_longitudinal_full_dates and options.retain_longitudinal_modified_dates:
        problems.invalid(f"{path}.retainLongitudinalModifiedDates", "may not stand with retainLongitudinalFullDates")
    chosen = {option for option in Option if option is not Option.DESCRIPTORS and getattr(options, option)}
    return frozenset(chosen | ({Option.DESCRIPTORS} if options.HasField("clean_descriptors") else set()))


def _note_unused(config: pb.DeidentifyConfig, draft: _Draft) -> None:
    for name in ("fhir", "fhir_field_config"):
        if config.HasField(name):
            draft.notes.append(f"{name}: datasets here hold DICOM stores only; this touches nothing")
