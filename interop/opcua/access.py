"""AccessCheck: who may have a session of our server; mends of asyncua's checks, by subclassing.

- A session over an unsecured channel is accepted by a server whose only endpoint is encrypted (2.1.0):
  ``unsecured`` and ``AccessCheck`` refuse it.
- Any client certificate is accepted, and the one that is checked is not the channel's (2.1.0): ``AccessCheck`` checks
  the channel's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import PermissionRuleset, SimpleRoleRuleset, User, UserRole
from asyncua.crypto.security_policies import SecurityPolicyFactory, SecurityPolicyNone
from asyncua.server.internal_server import InternalServer
from asyncua.server.user_managers import UserManager
from cryptography import x509
from cryptography.x509.oid import NameOID

from interop.opcua.security import Store, first_certificate, thumbprint

ANONYMOUS: Final = "anonymous"


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
