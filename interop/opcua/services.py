"""Mends of asyncua's server, by subclassing; each names the defect and the version it was seen in.

- A write reaches the address space directly, and a call does not know its user (2.1.0, by design): writes and calls are
  taken by ``TwinAttributes`` and ``TwinSession`` instead.
- A session over an unsecured channel is accepted by a server whose only endpoint is encrypted (2.1.0):
  ``unsecured`` and ``AccessCheck`` refuse it.
- One session takes over the subscriptions of another that is not the same user's (2.1.0): ``TwinSession``.
- A Method that is named by its type's declaration is not found (2.1.0): ``TwinSession`` (OPC 10000-4, 5.12.2.2).
- Any client certificate is accepted, and the one that is checked is not the channel's (2.1.0): ``AccessCheck`` checks
  the channel's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import PermissionRuleset, SimpleRoleRuleset, User, UserRole
from asyncua.crypto.security_policies import SecurityPolicyFactory, SecurityPolicyNone
from asyncua.server.address_space import AttributeService
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.user_managers import UserManager
from cryptography import x509
from cryptography.x509.oid import NameOID

from interop.opcua.security import Store, first_certificate, thumbprint

ANONYMOUS: Final = "anonymous"
caller: ContextVar[str] = ContextVar("megatwin_opcua_caller", default=ANONYMOUS)
"""Name of the user whose request is being served."""

Write = Callable[[ua.NodeId, ua.DataValue], Awaitable[ua.StatusCode]]


@dataclass
class Visitor(User):
    """A user who came with a certificate."""

    thumbprint: str = ""


class AccessCheck(UserManager):
    """Who may have a session.

    Args:
        store: The trust list of client certificates.
        insecure: Whether anybody may come over an unsecured channel.
    """

    def __init__(self, store: Store, *, insecure: bool) -> None:
        self._store = store
        self._insecure = insecure

    def get_user(
        self,
        iserver: InternalServer,  # noqa: ARG002 - asyncua's signature
        username: str | None = None,
        password: str | None = None,  # noqa: ARG002
        certificate: Any = None,
    ) -> User:
        """Gives the user of a session that is being activated; ``certificate`` is the channel's.

        Raises:
            ServiceError: Not trusted; the certificate is kept under ``rejected/`` for people to look at.
        """
        if username is not None:
            raise ServiceError(ua.StatusCodes.BadIdentityTokenRejected)
        if not certificate:
            if not self._insecure:
                raise ServiceError(ua.StatusCodes.BadSecurityPolicyRejected)
            return User(role=UserRole.User, name=ANONYMOUS)
        leaf = first_certificate(certificate)
        if not self._store.trusts(leaf):
            self._store.reject(leaf)
            raise ServiceError(ua.StatusCodes.BadSecurityChecksFailed)
        return Visitor(role=UserRole.User, name=_common_name(leaf), thumbprint=thumbprint(leaf))


def _common_name(certificate: bytes) -> str:
    names = x509.load_der_x509_certificate(certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else "unnamed"


class _Nothing(PermissionRuleset):
    """Allows no service but those that need no session."""

    def check_validity(self, user: User, action_type: ua.NodeId, body: Any) -> bool:  # noqa: ARG002 - asyncua's
        return False


class _Unsecured(SecurityPolicyFactory):
    """An unsecured channel; a certificate that it shows proves nothing and is dropped."""

    def create(self, peer_certificate: bytes | None) -> SecurityPolicyNone:  # noqa: ARG002 - asyncua's signature
        return super().create(None)


def unsecured(*, insecure: bool) -> SecurityPolicyFactory:
    """The unsecured channel: for users when ``insecure``, else for discovery only (OPC 10000-4, 5.5)."""
    rules = SimpleRoleRuleset() if insecure else _Nothing()
    return _Unsecured(SecurityPolicyNone, ua.MessageSecurityMode.None_, permission_ruleset=rules)


class TwinAttributes(AttributeService):
    """Writes to values of twins take the path of every change; all other writes are refused.

    Args:
        aspace: asyncua's address space.
        owned: Whether a node is the value of a twin.
        write: Takes such a write.
    """

    def __init__(self, aspace: Any, owned: Callable[[ua.NodeId], bool], write: Write) -> None:
        super().__init__(aspace)
        self._owned = owned
        self._take = write

    async def write(self, params: ua.WriteParameters, user: User | None = None) -> list[ua.StatusCode]:
        """Answers each value (OPC 10000-4, 5.11.4); our own writes to the standard nodes pass."""
        if user is None or user.role == UserRole.Admin:
            own: list[ua.StatusCode] = await super().write(params, user or User(role=UserRole.Admin))
            return own
        token = caller.set(user.name or ANONYMOUS)
        try:
            return [await self._one(item) for item in params.NodesToWrite]
        finally:
            caller.reset(token)

    async def _one(self, item: ua.WriteValue) -> ua.StatusCode:
        known = self._aspace.read_attribute_value(item.NodeId, item.AttributeId).StatusCode
        if known is not None and known.value in (
            ua.StatusCodes.BadNodeIdUnknown,
            ua.StatusCodes.BadAttributeIdInvalid,
        ):
            return known
        if item.AttributeId != ua.AttributeIds.Value or not self._owned(item.NodeId):
            return ua.StatusCode(ua.StatusCodes.BadNotWritable)
        if item.IndexRange:
            return ua.StatusCode(ua.StatusCodes.BadWriteNotSupported)
        access = self._aspace.read_attribute_value(item.NodeId, ua.AttributeIds.AccessLevel)
        if not access.Value.Value & 1 << ua.AccessLevel.CurrentWrite:
            return ua.StatusCode(ua.StatusCodes.BadNotWritable)
        return await self._take(item.NodeId, item.Value)


class TwinSession(InternalSession):
    """A client's session; its calls know their user, and its subscriptions are its user's own."""

    async def transfer_subscriptions(
        self, params: ua.TransferSubscriptionsParameters, callback: Callable[..., Any]
    ) -> list[ua.TransferResult]:
        """Takes over subscriptions of the same user's sessions only (OPC 10000-4, 5.14.7)."""
        wanted = list(params.SubscriptionIds or [])
        allowed = [number for number in wanted if self._may_take(number)]
        taken = iter(
            await super().transfer_subscriptions(
                ua.TransferSubscriptionsParameters(SubscriptionIds=allowed, SendInitialValues=params.SendInitialValues),
                callback,
            )
        )
        refused = ua.TransferResult(StatusCode=ua.StatusCode(ua.StatusCodes.BadUserAccessDenied))
        return [next(taken) if number in allowed else refused for number in wanted]

    def _may_take(self, number: int) -> bool:
        subscription = self.subscription_service.subscriptions.get(number)
        if subscription is None or subscription.session_id == self.session_id:
            return True  # asyncua answers for what is not there
        mark = getattr(self.user, "thumbprint", "")
        sessions = self.iserver._external_sessions.values()  # noqa: SLF001 - asyncua has no way to list them
        return bool(mark) and any(
            session.session_id == subscription.session_id and getattr(session.user, "thumbprint", "") == mark
            for session in sessions
        )

    def _of_object(self, request: ua.CallMethodRequest) -> ua.CallMethodRequest:
        """The request with the object's own Method in place of its type's declaration."""
        method, owner = self.aspace.get(request.MethodId), self.aspace.get(request.ObjectId)
        if method is None or owner is None or method.call is not None:
            return request
        name = method.attributes[ua.AttributeIds.BrowseName].value.Value.Value
        for ref in owner.references:
            if ref.IsForward and ref.NodeClass == ua.NodeClass.Method and ref.BrowseName == name:
                return ua.CallMethodRequest(
                    ObjectId=request.ObjectId, MethodId=ref.NodeId, InputArguments=request.InputArguments
                )
        return request

    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        """Calls methods for the session's user."""
        params = [self._of_object(request) for request in params]
        token = caller.set(getattr(self.user, "name", None) or ANONYMOUS)
        try:
            results: list[ua.CallMethodResult] = await super().call(params)
            return results
        finally:
            caller.reset(token)


class TwinInternalServer(InternalServer):
    """Makes TwinSessions."""

    def create_session(self, name: str, user: User | None = None, external: bool = False) -> InternalSession:  # noqa: FBT001, FBT002 - asyncua's signature
        """Makes a session."""
        return TwinSession(
            self,
            self.aspace,
            self.subscription_service,
            name,
            user=user or User(role=UserRole.Anonymous),
            external=external,
        )
