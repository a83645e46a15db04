"""A writer thread that has died is said, and nobody waits for it for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dtdl.errors import InteropError
from interop.event import Draft
from interop.ledger.sqlite import SqliteLedger


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_after_the_writer_has_died_every_append_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await SqliteLedger.open(tmp_path)
    note = Draft(kind="note", twin=None, actor="test", body={"text": "x"})
    await ledger.append([note])

    def broken(_batches: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ledger._writer._store, "commit", broken)
    async with asyncio.timeout(10):
        with pytest.raises(InteropError, match="writer has stopped"):
            await ledger.append([note])
        with pytest.raises(InteropError, match="writer has stopped"):
            ledger.append([note])
        assert ledger.size == 1
        await ledger.close()
