"""The typed client of the twin service, asynchronous and synchronous, on httpx.

Requests are built and replies are read by plain functions in ``interop.rest.asks``; the two clients only send.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Generic, ParamSpec, Self, TypeVar, overload

import httpx
from pydantic import BaseModel

from dtdl.errors import RequestInvalid, Unreachable
from interop.rest import asks, messages
from interop.rest.asks import Ask
from interop.rest.problem import error_of

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Streamed = messages.Change | messages.Lost | messages.Opened

TIMEOUT_S: Final = 30.0
_RETRY_S: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Waits between attempts of a stream to come back; the last one repeats."""


class _Operation(Generic[P, T]):
    """One operation of both clients: on the synchronous one it gives its result, on the other a coroutine of it."""

    def __init__(self, build: Callable[P, Ask[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Self: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, Coroutine[None, None, T]]: ...
    def __get__(self, client: Client | AsyncClient | None, owner: type) -> object:
        if client is None:
            return self

        def operation(*args: P.args, **kwargs: P.kwargs) -> object:
            return client.send(self._build(*args, **kwargs))

        operation.__doc__ = self.__doc__
        return operation


class _Operations:
    """What both clients can do; errors are those of dtdl.errors that the service raised, or Unreachable."""

    about = _Operation(asks.about)
    list = _Operation(asks.list_twins)
    put = _Operation(asks.put)
    patch = _Operation(asks.patch)
    set = _Operation(asks.set_value)
    delete = _Operation(asks.delete)
    relationships = _Operation(asks.relationships)
    put_relationship = _Operation(asks.put_relationship)
    delete_relationship = _Operation(asks.delete_relationship)
    call = _Operation(asks.call)
    history = _Operation(asks.history)
    query = _Operation(asks.query)
    health = _Operation(asks.health)


class AsyncClient(_Operations):
    """The asynchronous client; ``async with connect(url) as twins``.

    Args:
        url: Where the service listens, such as ``http://127.0.0.1:8080``.
        timeout_s: How long one request may take.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._http = httpx.AsyncClient(base_url=_base(url), timeout=timeout_s, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.aclose()

    async def send(self, ask: Ask[T]) -> T:
        """Sends a request and its following pages, and reads what comes back."""
        with _translated(self._url):
            content = _checked(await self._http.request(**_arguments(ask)))
            found = ask.read(content)
            while (following := ask.follow(content)) is not None:
                content = _checked(await self._http.request(**_arguments(following)))
                found = ask.join(found, ask.read(content))
        return found

    @overload
    async def get(self, twin: str) -> dict[str, Any]: ...
    @overload
    async def get(self, twin: str, model: type[M]) -> M: ...
    async def get(self, twin: str, model: type[M] | None = None) -> M | dict[str, Any]:
        """Gives a twin in the Azure form, or as an instance of a compiled class.

        Raises:
            TwinNotFound: There is no such twin.
        """
        found = await self.send(asks.get(twin))
        return found if model is None else model.model_validate(found)

    async def stream(
        self, twins: Sequence[str] = (), paths: Sequence[str] = (), *, since: int | None = None, resume: bool = True
    ) -> AsyncGenerator[Streamed, None]:
        """Gives changes as they happen.

        Each connection begins with ``Opened``. A connection that is lost is resumed, and what a slow reader lost is
        read again from the ledger: nothing is missed, and some changes may come twice.

        Args:
            twins: Only these; empty: all.
            paths: Only these values and what is below them; empty: all.
            since: Begin after this sequence number.
            resume: Whether to connect again, for ever, after a loss; the first connection is tried once.
        """
        reader = asks.StreamReader(since)
        attempt = -1  # until the first connection stands
        while True:
            try:
                with _translated(self._url):
                    request = _arguments(asks.stream(twins, paths, reader.last_seq))
                    async with self._http.stream(**request, timeout=_STREAM_TIMEOUT) as reply:
                        if reply.status_code != httpx.codes.OK:
                            await reply.aread()
                            _checked(reply)
                        attempt = 0
                        async for line in reply.aiter_lines():
                            found = reader.feed(line)
                            if found is not None:
                                yield found
                            if resume and isinstance(found, messages.Lost):
                                reader = asks.StreamReader(found.after)  # the ledger has what was lost
                                break
            except Unreachable:
                if attempt < 0 or not resume:
                    raise
            if not resume:
                return
            await asyncio.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
            attempt += 1


class Client(_Operations):
    """The synchronous client; ``with Client(url) as twins``.

    Args:
        url: Where the service listens, such as ``http://127.0.0.1:8080``.
        timeout_s: How long one request may take.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._http = httpx.Client(base_url=_base(url), timeout=timeout_s, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def send(self, ask: Ask[T]) -> T:
        """Sends a request and its following pages, and reads what comes back."""
        with _translated(self._url):
            content = _checked(self._http.request(**_arguments(ask)))
            found = ask.read(content)
            while (following := ask.follow(content)) is not None:
                content = _checked(self._http.request(**_arguments(following)))
                found = ask.join(found, ask.read(content))
        return found

    @overload
    def get(self, twin: str) -> dict[str, Any]: ...
    @overload
    def get(self, twin: str, model: type[M]) -> M: ...
    def get(self, twin: str, model: type[M] | None = None) -> M | dict[str, Any]:
        """Gives a twin in the Azure form, or as an instance of a compiled class.

        Raises:
            TwinNotFound: There is no such twin.
        """
        found = self.send(asks.get(twin))
        return found if model is None else model.model_validate(found)

    def stream(
        self, twins: Sequence[str] = (), paths: Sequence[str] = (), *, since: int | None = None, resume: bool = True
    ) -> Generator[Streamed, None, None]:
        """Gives changes as they happen, as ``AsyncClient.stream`` does."""
        reader = asks.StreamReader(since)
        attempt = -1
        while True:
            try:
                with _translated(self._url):
                    request = _arguments(asks.stream(twins, paths, reader.last_seq))
                    with self._http.stream(**request, timeout=_STREAM_TIMEOUT) as reply:
                        if reply.status_code != httpx.codes.OK:
                            reply.read()
                            _checked(reply)
                        attempt = 0
                        for line in reply.iter_lines():
                            found = reader.feed(line)
                            if found is not None:
                                yield found
                            if resume and isinstance(found, messages.Lost):
                                reader = asks.StreamReader(found.after)  # the ledger has what was lost
                                break
            except Unreachable:
                if attempt < 0 or not resume:
                    raise
            if not resume:
                return
            time.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
            attempt += 1


def connect(url: str, *, timeout_s: float = TIMEOUT_S) -> AsyncClient:
    """Gives the asynchronous client.

    ``async with connect(url) as twins: site = await twins.get("site-42", Site)``
    """
    return AsyncClient(url, timeout_s=timeout_s)


# A heartbeat comes every ten seconds; three that are missing are a loss.
_STREAM_TIMEOUT: Final = httpx.Timeout(10.0, read=30.0)


def _base(url: str) -> httpx.URL:
    try:
        base = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise _not_a_url(url) from error
    if base.scheme not in ("http", "https") or not base.host:
        raise _not_a_url(url)
    return base


def _not_a_url(url: str) -> RequestInvalid:
    return RequestInvalid(
        "InvalidArgument", f"{url!r} is not the address of a service", action="Write http://127.0.0.1:8080."
    )


def _arguments(ask: Ask[Any]) -> dict[str, Any]:
    headers = dict(ask.headers)
    if ask.body is not None:
        headers.setdefault("content-type", "application/json")
    if ask.method not in ("GET", "HEAD"):
        # One id a request, so that whoever repeats it (a proxy, a caller that sets it) has it act once.
        headers.setdefault("x-ms-client-request-id", str(uuid.uuid4()))
    # A link to a next page has its own query, which an empty one here would remove.
    return {
        "method": ask.method, "url": ask.path, "params": list(ask.query) or None, "headers": headers,
        "content": ask.body,
    }  # fmt: skip


def _checked(reply: httpx.Response) -> bytes:
    if reply.is_success:
        return reply.content
    raise error_of(reply.status_code, asks.json_or_none(reply.content), reply.headers.get("retry-after"))


@contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise Unreachable(
            f"{url} did not answer in time", action="Is it busy? Try again, or look at its log."
        ) from error
    except httpx.TransportError as error:
        raise Unreachable(
            f"{url} cannot be reached: {error}", action="Is it running? Start it with: megatwin up"
        ) from error
