"""The deletion of every relationship, twin and model that the file does not own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from dtdl.errors import Conflict, MegatwinError, TwinNotFound
from interop.service import Caller, TwinService

_SLICE: Final = 200
_T = TypeVar("_T")


async def delete_all(service: TwinService, caller: Caller) -> None:
    """Deletes what can be deleted.

    Raises:
        Conflict: Something is left, since the file owns it.
    """
    left: list[str] = []

    async def each(items: Sequence[_T], act: Callable[[_T], Awaitable[None]]) -> None:
        for start in range(0, len(items), _SLICE):
            results = await asyncio.gather(
                *(act(item) for item in items[start : start + _SLICE]), return_exceptions=True
            )
            for result in results:
                if isinstance(result, MegatwinError):
                    if not isinstance(result, TwinNotFound):  # someone else was faster
                        left.append(result.message)
                elif isinstance(result, BaseException):
                    raise result

    graph = service.graph
    links = [(link.source, link.id) for twin in list(graph.twins) for link in graph.outgoing(twin)]
    await each(links, lambda link: service.delete_relationship(*link, caller))
    await each(list(graph.twins), lambda twin: service.delete_twin(twin, caller))
    used = {state.model for state in graph.twins.values()} & service.models.stored.keys()
    needed = service.models.dependencies(sorted(used))
    models = [one for one in service.models.stored.values() if one.id not in needed]
    mine = [one.id for one in models if one.actor != "file"]
    if mine:
        await service.models.delete(mine, caller)
    if left:
        raise Conflict("OwnedByFile", f"{len(left)} could not be deleted: {'; '.join(left[:3])}")
