"""A webhook: CloudEvents 1.0 over HTTP POST, in the structured mode, one event a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import httpx

from dtdl.errors import Refused, Unreachable

TIMEOUT_S: Final = 10.0
MEDIA: Final = "application/cloudevents+json; charset=utf-8"
_LATER: Final = frozenset({408, 425, 429})


class WebhookSink:
    """Posts events to a URL; implements ``interop.events.delivery.Sink``.

    Args:
        url: Where to.
        headers: Sent with each event, such as Authorization.
    """

    batch = 1

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._client = httpx.AsyncClient(headers=dict(headers), timeout=TIMEOUT_S, trust_env=False)

    async def send(self, events: Sequence[bytes]) -> int:
        """Posts the first of them."""
        try:
            reply = await self._client.post(self._url, content=events[0], headers={"content-type": MEDIA})
        except httpx.HTTPError as error:
            raise Unreachable(f"{type(error).__name__}: {error}", action="Is the receiver up?") from error
        if reply.is_success:
            return 1
        if reply.status_code in _LATER or reply.status_code >= 500:  # noqa: PLR2004 - RFC 9110, 15.6
            raise Unreachable(f"it answered {reply.status_code}")
        raise Refused("WebhookRefused", f"it answered {reply.status_code}")

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.aclose()
