"""The stages that records move through: HubSpot keeps them in pipelines, and names none among a property's options."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.apps.hubspot.calls import path, read_json, rows
from shared.apps.hubspot.objects import Kind
from shared.apps.kit.calls import get
from shared.contract.calls import Exchange, Session
from shared.model.fields import FieldInfo, Option


def with_stages(session: Session, kind: Kind, fields: Sequence[FieldInfo]) -> Exchange[Sequence[FieldInfo]]:
    """Complete the fields of an object type with its pipelines and stages, by one call where it has some.

    Where HubSpot does not show them to this app, their options stay unknown; the fields are known all the same.
    """
    names = kind.stages
    if names is None:
        return fields
    request = get(path(session, "pipelines_path", kind.path))
    response = yield request
    if response.status == 403:
        hidden = f"HubSpot does not show this app the pipelines: grant it crm.objects.{kind.path}.read"
        return [_with(info, options_hidden=hidden) if info.name in names else info for info in fields]
    pipelines = _in_order(rows(read_json(request, response)))
    options = {names.pipeline: tuple(_option(row) for row in pipelines), names.stage: _stages(pipelines)}
    return [_with(info, options=options[info.name]) if info.name in options else info for info in fields]


def _stages(pipelines: Sequence[Mapping[str, Any]]) -> tuple[Option, ...]:
    """List the stages; of several pipelines, each with the name of its own, for stages are often called the same."""
    several = len(pipelines) > 1
    return tuple(
        _option(stage, f"{pipeline.get('label')}: " if several else "")
        for pipeline in pipelines
        for stage in _in_order(rows(pipeline, "stages"))
    )


def _in_order(found: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    living = [row for row in found if not row.get("archived")]
    return sorted(living, key=lambda row: (int(row.get("displayOrder") or 0), str(row.get("label"))))


def _option(row: Mapping[str, Any], prefix: str = "") -> Option:
    return Option(value=str(row.get("id")), label=f"{prefix}{row.get('label') or row.get('id')}")


def _with(info: FieldInfo, **told: object) -> FieldInfo:
    return info.model_copy(update=told)
