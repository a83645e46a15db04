"""The one place where asyncua's exceptions become ours."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from asyncua.common.utils import NotEnoughData
from asyncua.ua.uaerrors import UaError, UaStatusCodeError, UaStructParsingError
from cryptography.exceptions import InvalidSignature

from dtdl.errors import InteropError, LinkDown, Refused, Unreachable, Untrusted
from interop.opcua.values import status_name

_TRUST: Final = frozenset(
    {
        "BadCertificateChainIncomplete", "BadCertificateHostNameInvalid", "BadCertificateInvalid",
        "BadCertificateIssuerRevoked", "BadCertificateIssuerTimeInvalid", "BadCertificatePolicyCheckFailed",
        "BadCertificateRevocationUnknown", "BadCertificateRevoked", "BadCertificateTimeInvalid",
        "BadCertificateUntrusted", "BadCertificateUriInvalid", "BadCertificateUseNotAllowed",
        "BadSecurityChecksFailed", "BadSecurityModeRejected", "BadSecurityPolicyRejected",
    }
)  # fmt: skip
_IDENTITY: Final = frozenset({"BadIdentityTokenInvalid", "BadIdentityTokenRejected", "BadUserAccessDenied"})
_LINK: Final = frozenset(
    {
        "BadConnectionClosed", "BadCommunicationError", "BadNotConnected", "BadNoCommunication",
        "BadSecureChannelClosed", "BadSecureChannelIdInvalid", "BadServerHalted", "BadServerNotConnected",
        "BadSessionClosed", "BadSessionIdInvalid", "BadSessionNotActivated", "BadShutdown", "BadTimeout",
        "BadRequestTimeout",
    }
)  # fmt: skip


@contextmanager
def translated(what: str, *, connecting: bool = False) -> Iterator[None]:
    """Raises our errors for asyncua's, most specific first, the cause kept.

    Args:
        what: What was being done, such as ``writing north/tilt``; begins the message.
        connecting: Whether no session existed yet: then nothing answered, and no link was lost.

    Raises:
        Untrusted: A certificate or a security setting was refused, here or there.
        Refused: The server answered with a bad StatusCode, which is in ``code``.
        Unreachable: Nothing answered while connecting.
        LinkDown: The session is gone.
        InteropError: The server's answer cannot be read.
    """
    try:
        yield
    except UaStatusCodeError as error:
        raise _of_status(what, status_name(error.code), connecting=connecting) from error
    except TimeoutError as error:
        kind = Unreachable if connecting else LinkDown
        raise kind(f"{what}: no answer in time", action="Check that the plant runs and is reachable.") from error
    except (OSError, UaStructParsingError, struct.error, NotEnoughData) as error:
        kind = Unreachable if connecting else LinkDown
        raise kind(
            f"{what}: {str(error) or type(error).__name__}", action="Check that the plant runs and is reachable."
        ) from error
    except InvalidSignature as error:
        raise Untrusted(
            f"{what}: the server cannot prove that the certificate it shows is its own",
            action="Do not trust it; find out what answers at that address.",
        ) from error
    except (UaError, ValueError) as error:
        raise InteropError(
            f"{what}: {error}", action="Compare the settings of the source with what the plant offers."
        ) from error


def _of_status(what: str, code: str, *, connecting: bool) -> InteropError:
    if code in _TRUST:
        return Untrusted(
            f"{what}: the server refused our certificate or security settings with {code}",
            action="Trust our certificate on the server, and compare policy and mode with what it offers.",
        )
    if code in _IDENTITY and connecting:
        return Untrusted(
            f"{what}: the server refused our user with {code}", action="Correct user and password under security."
        )
    if code in _LINK:
        kind = Unreachable if connecting else LinkDown
        return kind(f"{what}: {code}", action="Check that the plant runs and is reachable.")
    return Refused(code, f"{what}: the server answered {code}")
