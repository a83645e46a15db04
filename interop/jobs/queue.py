"""The jobs of a service, one at a time, in the order in which they were asked for."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from dtdl.errors import InteropError, MegatwinError, RequestInvalid, TwinNotFound
from interop.jobs.deleting import delete_all
from interop.jobs.importing import Import
from interop.jobs.log import Log
from interop.jobs.records import Records, load, place, save
from interop.service import Caller, Job, TwinService
from interop.values import utc_now

_log = logging.getLogger("megatwin.jobs")
MAX_WAITING: Final = 10
"""Jobs that may wait or run."""
MAX_KEPT: Final = 1_000
_MISSING: Final = {"import": "ImportJobNotFound", "deletion": "DeleteJobNotFound"}

Kind = Literal["import", "deletion"]


def _say_bug(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("no job runs any more", exc_info=error)


class JobQueue:
    """Jobs, and the task that works on them; implements ``interop.service.Jobs``.

    Args:
        service: What they work on.
        data: The data folder; files of imports are in ``jobs`` in it.
    """

    def __init__(self, service: TwinService, data: Path) -> None:
        self._service = service
        self._folder = data / "jobs"
        self._file = data / "jobs.json"
        self._records: Records = {}
        self._waiting: deque[tuple[Kind, str, Caller]] = deque()
        self._wake = asyncio.Event()
        self._saving = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Reads the records, and begins to work."""
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        self._records = await asyncio.to_thread(load, self._file)
        self._task = asyncio.create_task(self._run(), name="jobs")
        self._task.add_done_callback(_say_bug)

    async def close(self) -> None:
        """Stops; a job that is under way is said to have failed at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    def known(self, kind: Kind) -> list[Job]:
        """Every job of a kind, in order of id."""
        return sorted((job for job in self._records.values() if job.kind == kind), key=lambda job: job.id)

    def get(self, kind: Kind, job_id: str) -> Job:
        """One job."""
        found = self._records.get((kind, job_id))
        if found is None:
            raise TwinNotFound(_MISSING[kind], f"there is no {kind} job {job_id!r}", action="List them.")
        return found

    async def start_import(self, job_id: str, source: str, output: str, caller: Caller) -> Job:
        """Begins to import a file."""
        if place(self._folder, source) == place(self._folder, output):
            raise RequestInvalid("ValidationFailed", "input and output are one file", action="Name two files.")
        return await self._start("import", job_id, caller, input=source, output=output)

    async def start_deletion(self, job_id: str, caller: Caller) -> Job:
        """Begins to delete everything that the file does not own."""
        return await self._start("deletion", job_id, caller)

    async def cancel(self, job_id: str) -> Job:
        """Stops an import; what it has done stays."""
        job = self.get("import", job_id)
        if job.finished_at is not None:
            raise RequestInvalid("ValidationFailed", f"the job {job_id} has ended", action="There is nothing to stop.")
        return await self._put(replace(job, status="cancelling", acted_at=utc_now()))

    async def forget(self, job_id: str) -> None:
        """Removes the record of an import that has ended."""
        if self.get("import", job_id).finished_at is None:
            raise RequestInvalid("ValidationFailed", f"the job {job_id} has not ended", action="Cancel it first.")
        del self._records["import", job_id]
        await self._save()

    async def _start(self, kind: Kind, job_id: str, caller: Caller, **more: Any) -> Job:
        if (kind, job_id) in self._records:
            raise RequestInvalid("ValidationFailed", f"there is a job {job_id!r} already", action="Use a new id.")
        if sum(job.finished_at is None for job in self._records.values()) >= MAX_WAITING:
            raise RequestInvalid("JobLimitReached", f"{MAX_WAITING} jobs wait", action="Wait until one has ended.")
        ended = sorted((job.finished_at, key) for key, job in self._records.items() if job.finished_at is not None)
        for _, key in ended[: max(len(self._records) - MAX_KEPT, 0)]:
            del self._records[key]
        now = utc_now()
        job = Job(kind=kind, id=job_id, status="notstarted", created_at=now, acted_at=now, **more)
        await self._put(job)
        self._waiting.append((kind, job_id, caller))
        self._wake.set()
        return job

    async def _run(self) -> None:
        while True:
            while self._waiting:
                kind, job_id, caller = self._waiting.popleft()
                try:
                    await self._work(kind, job_id, caller)
                except InteropError as error:  # its record cannot be written; the next job may be luckier
                    _log.error("%s job %s: %s", kind, job_id, error.message)
            self._wake.clear()
            await self._wake.wait()

    async def _work(self, kind: Kind, job_id: str, caller: Caller) -> None:
        key = (kind, job_id)
        if not self._is_cancelled(key):
            await self._put(replace(self._records[key], status="running", acted_at=utc_now()))
        code = message = ""
        try:
            if kind == "import":
                message = await self._import(self._records[key], caller)
                code = "PartialSuccess" if message else ""
            else:
                await delete_all(self._service, caller)
        except MegatwinError as error:
            code, message = getattr(error, "code", type(error).__name__), str(error)
        except OSError as error:
            code, message = "OutputFailed", f"the output cannot be written: {error.strerror or error}"
        now = utc_now()
        status: Any = "cancelled" if self._is_cancelled(key) else "failed" if code else "succeeded"
        ended = replace(
            self._records[key], status=status, acted_at=now, finished_at=now, code=code, message=message[:2000]
        )
        await self._put(ended)

    async def _import(self, job: Job, caller: Caller) -> str:
        """Runs an import; gives what could not be done, in one line."""
        key = (job.kind, job.id)
        output = Log(job.id)
        await asyncio.to_thread(output.open, place(self._folder, job.output or ""))
        try:
            output.info(status="Started")
            run = Import(self._service, caller, output, lambda: self._is_cancelled(key))
            await run.run(place(self._folder, job.input or ""))
            stopped = self._is_cancelled(key)
            output.info(status="Cancelled" if stopped else "PartialSuccess" if output.errors else "Succeeded")
        except MegatwinError as error:
            output.error("", 0, getattr(error, "code", type(error).__name__), str(error))
            output.info(status="Failed")
            raise
        finally:
            await asyncio.to_thread(output.close)
        return f"{output.errors} lines could not be imported; the output names them" if output.errors else ""

    def _is_cancelled(self, key: tuple[str, str]) -> bool:
        return self._records[key].status == "cancelling"

    async def _put(self, job: Job) -> Job:
        self._records[job.kind, job.id] = job
        await self._save()
        return job

    async def _save(self) -> None:
        async with self._saving:
            try:
                await asyncio.to_thread(save, self._file, dict(self._records))
            except OSError as error:
                raise InteropError(f"{self._file} cannot be written: {error.strerror or error}") from error
