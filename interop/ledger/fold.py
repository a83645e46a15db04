"""What a twin's puts and patches come to, without its samples: the base that a reading as of a time starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from interop.event import Event
from interop.graph.patch import replay_patch
from interop.graph.transition import bare, patched_model, value_at, written_paths
from interop.ledger.layout import micros
from interop.values import Value

FOLD_EVERY: Final = 32
"""A fold is stored when so many versions came after the last one, so no more are ever replayed for one twin."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Contents as clients wrote them, after one event.

    Attributes:
        model: DTMI of the Interface.
        base: The seq from which samples count: creation, or the last put with another model.
        seq: The event.
        recorded: When it was recorded, in microseconds since 1970.
        contents: Properties and components.
        updated: Path → when it was written, in microseconds since 1970.
        written: Path → seq of its last write since ``base``; a sample counts only when it is later than that.
    """

    model: str
    base: int
    seq: int
    recorded: int
    contents: Mapping[str, Value]
    updated: Mapping[Path, int]
    written: Mapping[Path, int]

    def encode(self) -> bytes:
        """As it is stored in ``version.fold``."""
        return orjson.dumps(
            [
                self.model, self.base, self.seq, self.recorded, self.contents, list(self.updated.items()),
                list(self.written.items()),
            ]
        )  # fmt: skip

    @classmethod
    def decode(cls, stored: bytes) -> Fold:
        """Reads what ``encode`` gave."""
        model, base, seq, recorded, contents, updated, written = orjson.loads(stored)
        return cls(
            model, base, seq, recorded, contents, {tuple(path): at for path, at in updated},
            {tuple(path): at for path, at in written},
        )  # fmt: skip


def put(before: Fold | None, event: Event, base: int) -> Fold:
    """Gives the fold after a ``twin-put``; ``before`` is None when it makes the twin or changes its model."""
    contents = event.body["contents"]
    recorded = micros(event.recorded_at)
    paths = written_paths(contents)
    written = {**(before.written if before is not None else {}), **dict.fromkeys(paths, event.seq)}
    return Fold(event.body["model"], base, event.seq, recorded, bare(contents), dict.fromkeys(paths, recorded), written)


def patch(before: Fold, event: Event) -> Fold:
    """Gives the fold after a ``patch``."""
    recorded = micros(event.recorded_at)
    patched = replay_patch(before.contents, event.body["ops"])
    updated = dict(before.updated)
    for path in patched.paths:
        updated = {other: at for other, at in updated.items() if other[: len(path)] != path}
        if value_at(patched.contents, path)[0]:
            updated[path] = recorded
    written = {**before.written, **dict.fromkeys(patched.paths, event.seq)}
    model = patched_model(event.body) or before.model
    return Fold(model, before.base, event.seq, recorded, patched.contents, updated, written)


def fold_versions(versions: Iterable[tuple[int, int, bytes | None]], load: Callable[[int], Event]) -> Fold | None:
    """Folds a twin's versions.

    Args:
        versions: seq, base and stored fold of its versions, the newest first; no more are taken than needed.
        load: Gives the event of a seq.
    """
    chain: list[tuple[int, int]] = []
    fold: Fold | None = None
    for seq, base, stored in versions:
        if stored is not None:
            fold = Fold.decode(stored)
            break
        chain.append((seq, base))
        if seq == base:
            break
    for seq, base in reversed(chain):
        event = load(seq)
        if event.kind == "twin-put":
            fold = put(fold if seq != base else None, event, base)
        elif fold is not None:
            fold = patch(fold, event)
    return fold
