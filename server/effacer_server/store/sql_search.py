"""Searches at the three levels.

Source: PS3.4 §C.2.2.2 (how values match), PS3.18 §10.6 (the levels and what they return).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, case, cast, exists, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB

from effacer_server.errors import InvalidConfig
from effacer_server.store.catalog import QUERY_COLUMNS, Instance, Kind, SeriesRow, StudyRow
from effacer_server.store.sql_instances import Instances, read_instance
from effacer_server.store.sql_tables import INSTANCES, folded

_TAG = re.compile(r"([0-9A-Fa-f]{8})(?::([A-Z]{2}))?\Z")
_KIND_OF_VR = {"DA": Kind.DATE, "TM": Kind.TIME, "UI": Kind.UID, "PN": Kind.NAME}
#: What separates the words of a name: components, component groups, spaces. Source: PS3.5 §6.2.1.
_BETWEEN_WORDS = " ^=,"
#: Query columns that begin an index of their own, behind the store.
_INDEXED = frozenset({"instance", "patient_id", "patient_name", "study_date", "accession_number"})

_C = INSTANCES.c


class Search(Instances):
    """The part of the catalog that answers queries."""

    def search_studies(
        self, store_uid: str, matching: Mapping[str, str], limit: int, offset: int = 0, fuzzy: bool = False
    ) -> list[StudyRow]:
        found = select(_C.study).where(*self._conditions(store_uid, matching, fuzzy)).distinct().order_by(_C.study)
        within = and_(_C.store_uid == store_uid, _C.study.in_(found.limit(limit).offset(offset).correlate(None)))
        names = select(_C.study, _C.modality).where(within, _C.modality != "")
        modalities: dict[str, list[str]] = {}
        with self._read() as connection:
            for row in connection.execute(names.distinct().order_by(_C.modality)):
                modalities.setdefault(row.study, []).append(row.modality)
            rows = connection.execute(_sums(within, _C.study)).all()
        return [
            StudyRow(row.study, row.header, tuple(modalities.get(row.study, ())), row.series_count, row.instances)
            for row in rows
        ]

    def search_series(
        self, store_uid: str, matching: Mapping[str, str], limit: int, offset: int = 0, fuzzy: bool = False
    ) -> list[SeriesRow]:
        conditions = self._conditions(store_uid, matching, fuzzy)
        found = select(_C.study, _C.series).where(*conditions).distinct().order_by(_C.study, _C.series)
        chosen = found.limit(limit).offset(offset).correlate(None)
        within = and_(_C.store_uid == store_uid, tuple_(_C.study, _C.series).in_(chosen))
        with self._read() as connection:
            rows = connection.execute(_sums(within, _C.study, _C.series)).all()
        return [SeriesRow(row.study, row.series, row.header, row.instances) for row in rows]

    def search_instances(
        self, store_uid: str, matching: Mapping[str, str], limit: int, offset: int = 0, fuzzy: bool = False
    ) -> list[Instance]:
        conditions = self._conditions(store_uid, matching, fuzzy)
        found = select(INSTANCES).where(*conditions).order_by(_C.study, _C.series, _C.instance)
        with self._read() as connection:
            return [read_instance(row) for row in connection.execute(found.limit(limit).offset(offset))]

    def _conditions(self, store_uid: str, matching: Mapping[str, str], fuzzy: bool) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = [_C.store_uid == store_uid]
        narrow = False
        for name, value in matching.items():
            tag = _TAG.match(name)
            if name != "modalities_in_study" and name not in QUERY_COLUMNS and not tag:
                raise InvalidConfig(name, "is not an attribute that can be searched for")
            if value.strip("*") == "":
                continue  # universal matching
            narrow = narrow or (name in _INDEXED and value[0] not in "*?")
            if name == "modalities_in_study":
                conditions.append(self._any_modality(store_uid, value))
            elif tag:
                conditions.append(
                    self._any_value(tag[1].upper(), _KIND_OF_VR.get(tag[2] or "", Kind.TEXT), value, fuzzy)
                )
            else:
                kind = QUERY_COLUMNS[name]
                if kind is Kind.NAME:
                    conditions.append(self._matches(_C[folded(name)], kind, value.casefold(), fuzzy))
                else:
                    conditions.append(self._matches(_C[name], kind, value))
        if narrow:
            # Before anything else: SQLite would rather walk the whole store in the order of the answer.
            return [_C.id.in_(select(_C.id).where(*conditions).correlate(None))]
        return conditions

    def _any_modality(self, store_uid: str, value: str) -> ColumnElement[bool]:
        """Studies with an instance of that modality, whatever the instance in question has."""
        other = INSTANCES.alias("other")
        matches = self._matches(other.c.modality, Kind.TEXT, value)
        return _C.study.in_(select(other.c.study).where(other.c.store_uid == store_uid, matches))

    def _any_value(self, tag: str, kind: Kind, value: str, fuzzy: bool) -> ColumnElement[bool]:
        """Instances whose header has a value under the tag that matches; of a name its alphabetic group."""
        element: Any
        if self._sqlite:
            values: Any = func.json_each(_C.header, f'$."{tag}".Value').table_valued("value", "type", name="v")
            name = func.json_extract(values.c.value, "$.Alphabetic")
            element = case((values.c.type == "object", name), else_=cast(values.c.value, String))
            element = func.casefold(element) if kind is Kind.NAME else element
            value = value.casefold() if kind is Kind.NAME else value
        else:
            array = cast(_C.header, JSONB)[(tag, "Value")]
            values = func.jsonb_array_elements(array).table_valued("value", name="v")
            item = cast(values.c.value, JSONB)
            element = func.coalesce(item["Alphabetic"].astext, item[()].astext)
            element = func.lower(element) if kind is Kind.NAME else element
            element = element.collate("C")
            value = value.lower() if kind is Kind.NAME else value
        return exists(select(1).select_from(values).where(self._matches(element, kind, value, fuzzy)))

    def _matches(self, column: ColumnElement[str], kind: Kind, value: str, fuzzy: bool = False) -> ColumnElement[bool]:
        if kind is Kind.UID:
            uids = [uid for uid in re.split(r"[\\,]", value) if uid]
            return column == uids[0] if len(uids) == 1 else column.in_(uids)
        if kind in (Kind.DATE, Kind.TIME):
            first, dash, last = value.partition("-")
            return _between(column, first, last if dash else first)
        if kind is Kind.NAME and fuzzy:
            words = [word for word in re.split(rf"[{re.escape(_BETWEEN_WORDS)}*?]+", value) if word]
            return and_(True, *(self._starts_a_word(column, word) for word in words))
        return self._like(column, value)

    def _starts_a_word(self, column: ColumnElement[str], word: str) -> ColumnElement[bool]:
        starts = [f"{word}*"] + [f"*{between}{word}*" for between in _BETWEEN_WORDS]
        return or_(*(self._like(column, start) for start in starts))

    def _like(self, column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
        """Matches with * and ? as the only characters of a special meaning."""
        if "*" not in pattern and "?" not in pattern:
            return column == pattern
        if self._sqlite:  # LIKE ignores the case of ASCII there
            return column.op("GLOB", is_comparison=True)(pattern.replace("[", "[[]"))
        escaped = re.sub(r"([\\%_])", r"\\\1", pattern).replace("*", "%").replace("?", "_")
        return column.like(escaped, escape="\\")


def _between(column: ColumnElement[str], first: str, last: str) -> ColumnElement[bool]:
    """Dates or times from `first` to `last`, each as coarse as given: up to "1030" includes 10:30:59.

    ":" stands behind the digits and the point, so that everything that starts with `last` is below `last` + ":".
    """
    conditions = [column >= first, column != ""]
    if last:
        conditions.append(column < last + ":")
    return and_(*conditions)


def _sums(within: ColumnElement[bool], *group: ColumnElement[str]) -> Select[Any]:
    """Rows (group…, header of the oldest instance, instances, series_count) in the order of the group."""
    oldest, instances = func.min(_C.id).label("oldest"), func.count().label("instances")
    series = func.count(_C.series.distinct()).label("series_count")
    sums = select(*group, oldest, instances, series).where(within).group_by(*group).subquery("sums")
    shown = [sums.c[column.name] for column in group]
    joined = sums.join(INSTANCES, _C.id == sums.c.oldest)
    return select(*shown, _C.header, sums.c.instances, sums.c.series_count).select_from(joined).order_by(*shown)
