"""The graph's records as messages of ``/v1``: what a twin is, its values, its changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from dtdl.elements import Command, Component, Content, Interface, Property, Telemetry, unit_of
from dtdl.errors import TwinNotFound
from interop.graph.state import Cell, TwinState
from interop.rest import messages
from interop.service import About, Change, Health, HistoryRow, TwinService, Window
from interop.service import Pillar as PillarRecord
from interop.values import BAD_NO_DATA, GOOD, Point, Status, worst

Path = tuple[str, ...]


def path_text(path: Path) -> str:
    """Gives the text of a path, escaped as in a Point."""
    return str(Point("", path)).removeprefix("/")


def parse_path(text: str) -> Path:
    """Reads the text of a path.

    Raises:
        RequestInvalid: An empty segment, or a ``~`` that is not followed by 0 or 1.
    """
    return Point.parse(f"-/{text}").path


def contents(interface: Interface) -> Iterator[tuple[Path, Content]]:
    """Gives every Property, Telemetry and Command of an Interface and of its components, in model order."""
    for name, content in interface.contents.items():
        if isinstance(content, Component):
            for path, inner in contents(content.schema):
                yield (name, *path), inner
        elif isinstance(content, (Property, Telemetry, Command)):
            yield (name,), content


def state_of(service: TwinService, twin: str) -> TwinState:
    """Gives the committed state of a twin.

    Raises:
        TwinNotFound: There is none.
    """
    state = service.graph.twins.get(twin)
    if state is None:
        raise TwinNotFound(
            "DigitalTwinNotFound", f"there is no twin {twin!r}", action="List the twins that there are: megatwin ls"
        )
    return state


def value(state: TwinState, path: Path, unit: str | None, absent: tuple[Status, str]) -> messages.Value:
    """Gives one value.

    Args:
        state: The twin.
        path: Which value.
        unit: Of its model.
        absent: Status and reason if there is none.
    """
    cell = state.cells.get(path)
    if cell is not None:
        return sample(cell, unit)
    found = state.value(path)
    changed = state.updated.get(path)
    status, reason = (GOOD, None) if found is not None else absent
    return messages.Value(
        value=found, unit=unit, status=str(status), source_time=changed, server_time=changed, source=None, reason=reason
    )


def sample(cell: Cell, unit: str | None) -> messages.Value:
    """Gives the newest sample of a source or a derivation."""
    return messages.Value(
        value=cell.value, unit=unit, status=str(cell.status), source_time=cell.source_time,
        server_time=cell.server_time, source=cell.source or None, reason=cell.reason or None,
    )  # fmt: skip


def twin(service: TwinService, twin_id: str) -> messages.Twin:
    """Gives what a twin is now, and every value that it has.

    Raises:
        TwinNotFound: There is no such twin.
    """
    state = state_of(service, twin_id)
    about = service.about(twin_id)
    links = [messages.Link(id=link.id, name=link.name, target=link.target) for link in service.graph.outgoing(twin_id)]
    found = _twin(service, state, lambda path: service.absent(Point(twin_id, path)))
    return found.model_copy(update=_about(about) | {"relationships": links})


async def twin_as_of(
    service: TwinService, twin_id: str, at: datetime, known_at: datetime | None = None
) -> messages.Twin:
    """Gives a twin as it was true at an instant.

    Raises:
        TwinNotFound: It did not exist then.
    """
    state = await service.as_of(twin_id, at, known_at=known_at)
    found = _twin(service, state, lambda _: (BAD_NO_DATA, "no value then"))
    return found.model_copy(update={"at": at, "known_at": known_at})


def summary(service: TwinService, state: TwinState) -> messages.TwinSummary:
    """Gives one line of the list of twins; a value that is only not set does not make its twin bad."""
    about = service.about(state.id)
    statuses = [cell.status for cell in state.cells.values()]
    for path in units(service, state.model):
        if path not in state.cells and state.value(path) is None:
            status, _ = service.absent(Point(state.id, path))
            if status != BAD_NO_DATA:
                statuses.append(status)
    return messages.TwinSummary(
        twin=state.id, kind=about.kind, model=state.model, status=str(worst(statuses)), degraded=dict(about.degraded)
    )


def history_row(row: HistoryRow, units: Mapping[Path, str | None]) -> messages.HistoryRow:
    """Gives one past sample."""
    return messages.HistoryRow(
        path=path_text(row.point.path), value=row.value, unit=units.get(row.point.path), status=str(row.status),
        source_time=row.source_time, server_time=row.server_time, recorded_at=row.recorded_at, seq=row.seq,
        source=row.source,
    )  # fmt: skip


def window(row: Window, units: Mapping[Path, str | None]) -> messages.Window:
    """Gives the samples of one interval."""
    return messages.Window(
        path=path_text(row.point.path), start=row.start, unit=units.get(row.point.path), count=row.count, bad=row.bad,
        first=row.first, last=row.last, min=row.least, max=row.most, sum=row.total, mean=row.mean,
    )  # fmt: skip


def change(service: TwinService, record: Change, state: TwinState | None = None) -> messages.Change:
    """Gives one change; a value that a client wrote is looked up in the state.

    Args:
        service: Has the models, and the committed state.
        record: The change.
        state: The twin right after the change; None: as it is now.
    """
    found: messages.Value | None = None
    if record.twin is not None and record.path and record.kind in ("value", "twin", "telemetry"):
        state = state or service.graph.twins.get(record.twin)
        unit = units(service, state.model).get(record.path) if state else None
        if record.cell is not None:
            found = sample(record.cell, unit)
        elif state is not None:
            found = value(state, record.path, unit, service.absent(Point(state.id, record.path)))
    return messages.Change(
        seq=record.seq, kind=record.kind, twin=record.twin, path=path_text(record.path) if record.path else None,
        sample=found, detail=dict(record.detail) or None,
    )  # fmt: skip


def health(record: Health) -> messages.Health:
    """Gives how the whole is."""
    return messages.Health(
        ready=record.ready, seq=record.seq, root=record.root, problems=list(record.problems),
        sources=[
            messages.SourceHealth(
                name=source.name, kind=source.kind, state=source.state, since=source.since, cause=source.cause,
                bound=source.bound, unmatched=list(source.unmatched), overflowed=source.overflowed,
                restarts=source.restarts,
            )
            for source in record.sources
        ],
    )  # fmt: skip


def units(service: TwinService, model: str) -> dict[Path, str | None]:
    """Gives the unit of every value of a model, by path; Commands have none."""
    interface = service.model.get(model)
    if not isinstance(interface, Interface):
        return {}
    return {path: unit_of(content) for path, content in contents(interface) if not isinstance(content, Command)}


def _twin(service: TwinService, state: TwinState, absent: Callable[[Path], tuple[Status, str]]) -> messages.Twin:
    interface = service.model.get(state.model)
    values: dict[str, messages.Value] = {}
    commands: list[str] = []
    seen: set[Path] = set()
    for path, content in contents(interface) if isinstance(interface, Interface) else ():
        seen.add(path)
        if isinstance(content, Command):
            commands.append(path_text(path))
        else:
            values[path_text(path)] = value(state, path, unit_of(content), absent(path))
    for path, cell in state.cells.items():  # members of objects that a source gives one by one
        if path not in seen:
            values[path_text(path)] = sample(cell, _unit_of_member(service, Point(state.id, path)))
    return messages.Twin(
        twin=state.id, model=state.model, seq=state.seq, etag=state.etag, changed_at=state.changed_at,
        commands=commands, values=values,
    )  # fmt: skip


def _unit_of_member(service: TwinService, point: Point) -> str | None:
    try:
        return service.point_type(point).unit
    except TwinNotFound:  # the twin of a reading of the past may be gone
        return None


def _about(about: About) -> dict[str, object]:
    return {
        "kind": about.kind,
        "pillars": messages.Pillars(
            physical=_pillar(about.physical), digital=_pillar(about.digital), connection=_pillar(about.connection)
        ),
        "sources": dict(about.sources),
        "parts": list(about.parts),
        "degraded": dict(about.degraded),
    }


def _pillar(record: PillarRecord) -> messages.Pillar:
    return messages.Pillar(present=record.present, state=record.state, detail=record.detail)
