"""Selection: which changes one reader of the stream wants to see."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import QueryParams

from dtdl.elements import Interface, Model
from dtdl.errors import RequestInvalid
from interop.graph.state import TwinState
from interop.rest import view
from interop.rest.routes import Parameter
from interop.service import Change, TwinService
from interop.values import Status, Value

PARAMETERS = (
    Parameter(name="twin", where="query", description="Only this twin; may be repeated."),
    Parameter(name="path", where="query", description="Only this value, or what is below it; may be repeated."),
    Parameter(name="model", where="query", description="Only twins of this model and of those that extend it; may be "
              "repeated."),
    Parameter(name="only", where="query", schema={"type": "string", "enum": ["changes"]},
              description="`changes`: a sample whose value and status are those of the one before is left out."),
)  # fmt: skip


class Selection:
    """The filters of one reader, and for ``only=changes`` what it saw last; each given filter must let a change pass.

    Args:
        service: Has the models and the twins.
        query: Of the request: ``twin``, ``path``, ``model``, ``only``.

    Raises:
        RequestInvalid: A path or a word that is none.
    """

    def __init__(self, service: TwinService, query: QueryParams) -> None:
        self.twins = frozenset(query.getlist("twin"))
        self._paths: Sequence[tuple[str, ...]] = [view.parse_path(text) for text in query.getlist("path")]
        self._models = frozenset(query.getlist("model"))
        only = query.get("only")
        if only not in (None, "changes"):
            raise RequestInvalid("InvalidArgument", f"only={only[:40]!r} is not known", action="Write only=changes.")
        self._seen: dict[tuple[str | None, tuple[str, ...]], tuple[Value, Status]] | None = {} if only else None
        self._service = service
        self._known: Model | None = None
        self._wanted: frozenset[str] = frozenset()

    def lets_pass(self, change: Change, state: TwinState | None = None) -> bool:
        """Whether the reader wants a change.

        Args:
            change: The change.
            state: Its twin right after it; None: as it is now.
        """
        return (
            (not self.twins or change.twin in self.twins)
            and self._is_on_path(change)
            and (not self._models or self._is_of_model(change, state))
            and (self._seen is None or self._is_new(change))
        )

    def _is_on_path(self, change: Change) -> bool:
        """Whether it is about a wanted path or something below or above it."""
        if not self._paths or not change.path:
            return not self._paths or change.kind in ("twin", "twin-deleted")
        return any(all(a == b for a, b in zip(path, change.path, strict=False)) for path in self._paths)

    def _is_of_model(self, change: Change, state: TwinState | None) -> bool:
        if change.twin is None:
            return False
        state = state or self._service.graph.twins.get(change.twin)
        model = state.model if state is not None else change.detail.get("model")
        if self._service.model is not self._known:  # definitions were added
            self._known = self._service.model
            interfaces = self._known.interfaces.values()
            self._wanted = self._models | {one.id for one in interfaces if self._models & _ancestors(one)}
        return model in self._wanted

    def _is_new(self, change: Change) -> bool:
        assert self._seen is not None
        if change.kind == "twin-deleted":
            self._seen = {key: last for key, last in self._seen.items() if key[0] != change.twin}
        if change.kind not in ("value", "telemetry") or change.cell is None:
            return True
        key, now = (change.twin, change.path), (change.cell.value, change.cell.status)
        if self._seen.get(key) == now:
            return False
        self._seen[key] = now
        return True


def _ancestors(interface: Interface) -> set[str]:
    found: set[str] = set()
    waiting = list(interface.extends)
    while waiting:
        one = waiting.pop()
        if one.id not in found:
            found.add(one.id)
            waiting += one.extends
    return found
