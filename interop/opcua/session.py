"""One session with one server: connecting with the right security, and services cut to the server's limits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias, TypeVar

from asyncua import Client, ua
from asyncua.client.ua_session import UaSession
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties

from dtdl.errors import InteropError, Untrusted
from interop.opcua.errors import translated
from interop.opcua.security import Own, Store, application_uri, first_certificate, read_certificate, verify_peer
from interop.opcua.settings import OpcUaSettings
from interop.opcua.values import status_name

_SESSION_TIMEOUT_MS: Final = 60_000
_CLOSE_S: Final = 1.0
_FOR_EVER_S: Final = 1e9
_UNLIMITED: Final = 1000
"""Operations per request when the server states no limit; larger requests block a loop for too long."""
_WHOLE_PATH: Final = 0xFFFFFFFF
_ELEMENTS: Final = ua.NodeId(ua.ObjectIds.HierarchicalReferences)

Step: TypeAlias = tuple[int, str]
"""Namespace index of this session, and browse name."""
_In = TypeVar("_In")
_Out = TypeVar("_Out")

_stack_log = logging.getLogger("asyncua")
if _stack_log.level == logging.NOTSET:
    # it logs what it survives with tracebacks; here that becomes LinkEvents and errors
    _stack_log.setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Limits:
    """OperationLimits of a server (OPC 10000-5, 6.3.11); never 0 here."""

    read: int = _UNLIMITED
    write: int = _UNLIMITED
    browse: int = _UNLIMITED
    translate: int = _UNLIMITED
    items: int = _UNLIMITED


_LIMITS: Final = MappingProxyType(
    {
        "read": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
        "write": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite,
        "browse": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
        "translate": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
        "items": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
    }
)


@dataclass(slots=True)
class Session:
    """An active session, and what is needed of the server for as long as it lives.

    Attributes:
        client: asyncua's client; its supervisor tells us when the transport is lost.
        lost: Set with the reason once the transport is lost.
        namespaces: Namespace URI → index in this session.
        limits: See Limits.
        started: When the server says it started, to tell a restart from a cut.
        alive: ``time.monotonic()`` of the last answer or notification.
    """

    client: Client
    lost: asyncio.Future[str]
    namespaces: Mapping[str, int] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    started: datetime | None = None
    alive: float = field(default_factory=time.monotonic)

    @property
    def raw(self) -> UaSession:
        """The raw services."""
        return self.client.uaclient.session

    def touch(self) -> None:
        """Notes a sign of life."""
        self.alive = time.monotonic()

    def lose(self, cause: str) -> None:
        """Ends the session's use, once."""
        if not self.lost.done():
            self.lost.set_result(cause)

    async def close(self) -> None:
        """Closes session, channel and socket; does not wait for a server that does not answer."""
        publishing = self.raw._publish_task  # noqa: SLF001 - asyncua leaves it running when the transport is gone
        if self.lost.done() and not self.client.uaclient.has_transport:
            self.client.uaclient.request_disconnect()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.client.disconnect(), _CLOSE_S)
        self.client.disconnect_socket()
        if publishing is not None and not publishing.done():
            publishing.cancel()
            await asyncio.wait([publishing])

    async def read(self, wanted: Sequence[tuple[ua.NodeId, ua.AttributeIds]]) -> list[ua.DataValue]:
        """Reads attributes, in the same order (OPC 10000-4, 5.11.2)."""

        async def some(part: Sequence[tuple[ua.NodeId, ua.AttributeIds]]) -> list[ua.DataValue]:
            nodes = [ua.ReadValueId(NodeId=node, AttributeId=attribute) for node, attribute in part]
            answers: list[ua.DataValue] = await self.raw.read(
                ua.ReadParameters(MaxAge=0, TimestampsToReturn=ua.TimestampsToReturn.Both, NodesToRead=nodes)
            )
            return answers

        return await self._in_parts(wanted, self.limits.read, some)

    async def translate(self, wanted: Sequence[tuple[ua.NodeId, Sequence[Step]]]) -> list[list[ua.NodeId]]:
        """Follows browse paths along hierarchical references (OPC 10000-4, 5.9.4); gives the targets of each."""

        async def some(part: Sequence[tuple[ua.NodeId, Sequence[Step]]]) -> list[list[ua.NodeId]]:
            answers = await self.raw.translate_browsepaths_to_nodeids(
                [ua.BrowsePath(StartingNode=start, RelativePath=_relative(steps)) for start, steps in part]
            )
            return [
                [
                    self.local(target.TargetId)
                    for target in answer.Targets or []
                    if answer.StatusCode.is_good() and target.RemainingPathIndex == _WHOLE_PATH
                ]
                for answer in answers
            ]

        return await self._in_parts(wanted, self.limits.translate, some)

    async def browse(
        self,
        nodes: Sequence[ua.NodeId],
        reference: ua.NodeId = _ELEMENTS,
        direction: ua.BrowseDirection = ua.BrowseDirection.Forward,
    ) -> list[list[ua.ReferenceDescription]]:
        """References of each node, continuation points followed (OPC 10000-4, 5.9.2 and 5.9.3)."""

        async def some(part: Sequence[ua.NodeId]) -> list[list[ua.ReferenceDescription]]:
            wanted = [
                ua.BrowseDescription(
                    NodeId=node, BrowseDirection=direction, ReferenceTypeId=reference, IncludeSubtypes=True,
                    NodeClassMask=ua.NodeClass.Unspecified, ResultMask=ua.BrowseResultMask.All,
                )
                for node in part
            ]  # fmt: skip
            answers = await self.raw.browse(
                ua.BrowseParameters(View=ua.ViewDescription(), RequestedMaxReferencesPerNode=0, NodesToBrowse=wanted)
            )
            return [await self._all_of(answer) for answer in answers]

        return await self._in_parts(nodes, self.limits.browse, some)

    async def _all_of(self, answer: ua.BrowseResult) -> list[ua.ReferenceDescription]:
        found = list(answer.References or [])
        while answer.ContinuationPoint:
            parameters = ua.BrowseNextParameters(
                ReleaseContinuationPoints=False, ContinuationPoints=[answer.ContinuationPoint]
            )
            answer = (await self.raw.browse_next(parameters))[0]
            found += answer.References or []
        return found

    async def write(self, node: ua.NodeId, value: ua.Variant) -> str:
        """Writes a value without status and times, which many servers refuse; gives the StatusCode's name."""
        data = ua.DataValue(value, StatusCode=None)
        item = ua.WriteValue(NodeId=node, AttributeId=ua.AttributeIds.Value, Value=data)
        answer = await self.raw.write(ua.WriteParameters(NodesToWrite=[item]))
        self.touch()
        return status_name(answer[0].value)

    async def call(self, parent: ua.NodeId, method: ua.NodeId, arguments: list[ua.Variant]) -> ua.CallMethodResult:
        """Calls a method (OPC 10000-4, 5.12.2)."""
        request = ua.CallMethodRequest(ObjectId=parent, MethodId=method, InputArguments=arguments)
        answer = await self.raw.call([request])
        self.touch()
        return answer[0]

    def local(self, node: ua.NodeId) -> ua.NodeId:
        """A node id with the index of this session in place of an ExpandedNodeId's URI."""
        uri = getattr(node, "NamespaceUri", None)
        index = self.namespaces.get(uri, node.NamespaceIndex) if uri else node.NamespaceIndex
        return ua.NodeId(node.Identifier, index, _full(node.NodeIdType))

    async def _in_parts(
        self, whole: Sequence[_In], size: int, request: Callable[[Sequence[_In]], Awaitable[list[_Out]]]
    ) -> list[_Out]:
        found: list[_Out] = []
        for part in parts(whole, size):
            found += await request(part)
            self.touch()
        return found

    async def learn(self) -> None:
        """Reads namespaces, limits and start time of the server."""
        keys = [ua.ObjectIds.Server_NamespaceArray, ua.ObjectIds.Server_ServerStatus_StartTime, *_LIMITS.values()]
        # one by one at first: the limit for one request is not known yet
        uris, started, *limits = [(await self.read([(ua.NodeId(key), ua.AttributeIds.Value)]))[0] for key in keys]
        self.namespaces = {uri: index for index, uri in enumerate(uris.Value.Value or [])}
        self.started = started.Value.Value if started.Value is not None else None
        given = {
            name: min(int(data.Value.Value), _UNLIMITED)
            for name, data in zip(_LIMITS, limits, strict=True)
            if data.Value is not None and data.Value.Value
        }
        self.limits = Limits(**given)


def parts(whole: Sequence[_In], size: int) -> Iterator[Sequence[_In]]:
    """Cuts a sequence."""
    return (whole[start : start + size] for start in range(0, len(whole), size))


def _full(kind: ua.NodeIdType) -> ua.NodeIdType:
    return ua.NodeIdType.Numeric if kind in (ua.NodeIdType.TwoByte, ua.NodeIdType.FourByte) else kind


def _relative(steps: Sequence[Step]) -> ua.RelativePath:
    return ua.RelativePath(
        [
            ua.RelativePathElement(
                ReferenceTypeId=_ELEMENTS, IsInverse=False, IncludeSubtypes=True,
                TargetName=ua.QualifiedName(name, index),
            )
            for index, name in steps
        ]
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opener:
    """Everything that connecting needs.

    Attributes:
        name: Name of the source.
        settings: Its settings.
        base: Folder of the file, for relative paths.
        store: Its certificates.
        timeout_s: How long one request may take while connecting.
    """

    name: str
    settings: OpcUaSettings
    base: Path
    store: Store
    timeout_s: float

    def own(self) -> Own:
        """Our certificate: the one that the file names, or the one made on the first start.

        Raises:
            InputUnreadable: The file names one that cannot be read.
        """
        security = self.settings.security
        if security.certificate is None or security.key is None:
            return self.store.own(self.name)
        certificate = self.base / security.certificate
        uri = application_uri(read_certificate(certificate))
        return Own(certificate, self.base / security.key, uri or "urn:megatwin")

    async def connect(self) -> Session:
        """Opens a session, its certificate checked first.

        Raises:
            Unreachable: Nothing answers.
            Untrusted: One side does not trust the other.
            InteropError: The server has no such endpoint, or answers what cannot be read.
        """
        url = self.settings.opcua
        with translated(f"connecting to {url}", connecting=True):
            client = self._client()
            await self._secure(client, await self._client().connect_and_get_server_endpoints())
            session = Session(client, asyncio.get_running_loop().create_future())

            async def tell(error: Exception) -> None:
                session.lose(f"the connection was lost: {str(error) or type(error).__name__}")

            client.connection_lost_callback = tell
            await client.connect()
            try:
                await session.learn()
            except BaseException:
                await session.close()
                raise
        return session

    def _client(self) -> Client:
        # the watchdog is ours: asyncua's disconnects itself from a server that is merely busy
        client = Client(self.settings.opcua, timeout=self.timeout_s, watchdog_intervall=_FOR_EVER_S)
        client.name = client.description = f"megatwin {self.name}"
        client.product_uri = "urn:megatwin"
        client.session_timeout = _SESSION_TIMEOUT_MS
        security = self.settings.security
        if security.user is not None:
            client.set_user(security.user)
            client.set_password(security.password.get_secret_value() if security.password else "")
        return client

    async def _secure(self, client: Client, endpoints: Iterable[ua.EndpointDescription]) -> None:
        security, url = self.settings.security, self.settings.opcua
        policy: type[security_policies.SecurityPolicy] = getattr(security_policies, f"SecurityPolicy{security.policy}")
        mode = ua.MessageSecurityMode.None_ if security.mode == "None" else ua.MessageSecurityMode[security.mode]
        offered = [end for end in endpoints if end.EndpointUrl.startswith(ua.OPC_TCP_SCHEME)]
        fitting = [end for end in offered if end.SecurityPolicyUri == policy.URI and end.SecurityMode == mode]
        if not fitting:
            raise Untrusted(
                f"{url} offers no endpoint with {_said(policy.URI, mode)}; it offers: "
                + (", ".join(sorted({_said(end.SecurityPolicyUri, end.SecurityMode) for end in offered})) or "none"),
                action="Set policy and mode under security to one that it offers; `security: none` is without any.",
            )
        if mode == ua.MessageSecurityMode.None_:
            return
        certificate = first_certificate(fitting[0].ServerCertificate or b"")
        if not certificate:
            raise InteropError(f"{url} shows no certificate", action="Give the plant's server a certificate.")
        pinned = self.base / security.server if security.server else None
        verify_peer(certificate, pinned=pinned, store=self.store, peer=url)
        own = self.own()
        client.application_uri = own.application_uri
        await client.set_security(
            policy, own.certificate, own.key, mode=mode, server_certificate=CertProperties(certificate, "der")
        )


def _said(uri: str, mode: ua.MessageSecurityMode) -> str:
    name = uri.rsplit("#", 1)[-1]
    return name if mode == ua.MessageSecurityMode.None_ else f"{name} {mode.name}"
