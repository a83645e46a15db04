"""Errors on the wire: dtdl.errors ↔ the Azure Digital Twins error form and RFC 9457, for server and client alike."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Final

from dtdl.diagnostic import Diagnostic
from dtdl.errors import (
    Conflict,
    DtmiInvalid,
    Expired,
    InteropError,
    LimitExceeded,
    LinkDown,
    MegatwinError,
    ModelInvalid,
    ModelNotFound,
    NotReady,
    Overloaded,
    PreconditionFailed,
    Refused,
    RequestInvalid,
    TwinNotFound,
    UnitError,
    ValueInvalid,
)
from interop.rest.messages import Finding, Problem

TYPE_PREFIX: Final = "urn:megatwin:problem:"

STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "AuthorizationFailed": 403,
    "RouteNotFound": 404,
    "ComponentNotFound": 404,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    "PayloadTooLarge": 413,
    "UnsupportedMediaType": 415,
}
"""RequestInvalid codes that have a status of their own; all others are 400."""

_KINDS: Final[tuple[tuple[type[MegatwinError], int, str], ...]] = (
    (TwinNotFound, 404, ""),
    (PreconditionFailed, 412, ""),
    (Conflict, 409, ""),
    (RequestInvalid, 400, ""),
    (ValueInvalid, 400, "ValidationFailed"),
    (ModelInvalid, 400, "DTDLParserError"),
    (ModelNotFound, 400, "ValidationFailed"),
    (UnitError, 400, "InvalidArgument"),
    (DtmiInvalid, 400, "InvalidArgument"),
    (LimitExceeded, 400, "LimitExceeded"),
    (Refused, 400, ""),
    (LinkDown, 503, "LinkDown"),
    (Overloaded, 503, "Overloaded"),
    (NotReady, 503, "NotReady"),
    (Expired, 504, "Expired"),
)
"""Error → status and code, the most specific first; an empty code is the error's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error as it goes over the wire, in whichever of the two forms.

    Attributes:
        kind: What happened, in kebab case; the end of RFC 9457's ``type``.
        status: HTTP status.
        code: Error code of the Azure data plane, or an OPC UA StatusCode.
        message: What happened and where.
        action: What to do.
        retry_after_s: For 503: whole seconds, at least 1.
        allow: For 405: the methods that there are.
        results: Point → outcome.
        findings: One for each value that is wrong.
        instance: Names this one occurrence, for an error that is logged.
    """

    kind: str
    status: int
    code: str
    message: str
    action: str = ""
    retry_after_s: int | None = None
    allow: str = ""
    results: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    instance: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Headers that go with it in both forms."""
        headers = {"x-ms-error-code": self.code}
        if self.retry_after_s is not None:
            headers["retry-after"] = str(self.retry_after_s)
        if self.allow:
            headers["allow"] = self.allow
        return headers

    def problem(self) -> Problem:
        """The form of ``/v1`` (RFC 9457)."""
        return Problem(
            type=TYPE_PREFIX + self.kind,
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.message,
            code=self.code,
            instance=self.instance,
            action=self.action or None,
            results=dict(self.results) or None,
            findings=list(self.findings) or None,
        )

    def azure(self) -> dict[str, Any]:
        """The form of the Azure Digital Twins data plane."""
        details: list[dict[str, Any]] = [
            {"code": outcome.rsplit(" ", 1)[-1], "message": f"{point}: {outcome}", "target": point}
            for point, outcome in self.results.items()
        ]
        details += [
            {"code": found.rule, "message": found.cause, "target": found.path, "innererror": {"action": found.action}}
            for found in self.findings
        ]
        inner = {"type": TYPE_PREFIX + self.kind, "action": self.action, "instance": self.instance}
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "details": details,
                "innererror": {key: value for key, value in inner.items() if value},
            }
        }


def failure_of(error: MegatwinError) -> Failure:
    """Gives what an error comes to on the wire; what is not meant for clients becomes a 500 with an instance."""
    known = next((kind for kind in _KINDS if isinstance(error, kind[0])), None)
    if known is None:
        return unexpected()
    cls, status, code = known
    message = error.message
    findings: tuple[Finding, ...] = ()
    if isinstance(error, (ValueInvalid, ModelInvalid)):
        findings = tuple(
            Finding(rule=found.rule, path=found.property_name, cause=found.cause, action=found.action)
            for found in error.diagnostics
        )
        message = "; ".join(found.cause for found in error.diagnostics[:5])
    failure = Failure(
        kind=_slug(cls), status=status, code=code or getattr(error, "code", "") or cls.__name__,
        message=message, action=error.action, findings=findings,
    )  # fmt: skip
    if type(error) is RequestInvalid:
        allow = error.action if failure.code == "MethodNotAllowed" else ""
        return replace(failure, status=STATUS_OF_CODE.get(failure.code, 400), allow=allow)
    if isinstance(error, Refused):
        return replace(failure, results=error.results)
    if isinstance(error, LinkDown):
        return replace(failure, retry_after_s=max(1, math.ceil(error.retry_after_s)))
    if failure.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return replace(failure, retry_after_s=1)
    return failure


def unexpected() -> Failure:
    """A bug of ours: nothing of it is shown but a name under which it is logged."""
    return Failure(
        kind="unexpected",
        status=500,
        code="InternalServerError",
        message="the service met a condition that it did not expect",
        action="Report it with the log lines that name this instance.",
        instance=f"urn:uuid:{uuid.uuid4()}",
    )


def error_of(status: int, body: Any, retry_after: str | None = None) -> MegatwinError:
    """Gives the error that a reply stands for: the inverse of ``failure_of``, in either form or in neither.

    Args:
        status: HTTP status, 400 or above.
        body: The decoded JSON, or None when it is none.
        retry_after: The header of that name.
    """
    failure = _read(status, body)
    kinds = {_slug(cls): cls for cls, _, _ in _KINDS}
    cls = kinds.get(failure.kind) or _BY_STATUS.get(status, InteropError)
    if issubclass(cls, RequestInvalid):
        return cls(failure.code, failure.message, action=failure.action)
    if cls is Refused:
        return Refused(failure.code, failure.message, action=failure.action, results=failure.results)
    if cls is LinkDown:
        seconds = float(retry_after) if retry_after and retry_after.isdigit() else 1.0
        return LinkDown(failure.message, retry_after_s=seconds, action=failure.action)
    if cls is ValueInvalid or cls is ModelInvalid:
        findings = failure.findings or (Finding(rule=failure.code, cause=failure.message, action=failure.action),)
        return cls(
            [
                Diagnostic(rule=found.rule, cause=found.cause, action=found.action, property_name=found.path)
                for found in findings
            ]
        )
    message = failure.message if cls is not InteropError else f"the service failed with {status}: {failure.message}"
    return cls(message, action=failure.action)


_BY_STATUS: Final[Mapping[int, type[MegatwinError]]] = {
    400: RequestInvalid, 401: RequestInvalid, 403: RequestInvalid, 404: TwinNotFound, 405: RequestInvalid,
    406: RequestInvalid, 409: Conflict, 412: PreconditionFailed, 413: RequestInvalid, 415: RequestInvalid,
    429: Overloaded, 503: Overloaded, 504: Expired,
}  # fmt: skip


def _read(status: int, body: Any) -> Failure:
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        return _read_azure(status, body["error"])
    if isinstance(body, dict) and isinstance(body.get("type"), str):
        problem = Problem.model_validate({"title": "", "status": status, "detail": "", "code": "", **body})
        return Failure(
            kind=problem.type.removeprefix(TYPE_PREFIX), status=status, code=problem.code, message=problem.detail,
            action=problem.action or "", results=problem.results or {}, findings=tuple(problem.findings or ()),
            instance=problem.instance,
        )  # fmt: skip
    return Failure(kind="", status=status, code=str(status), message=f"HTTP status {status} without an explanation")


def _read_azure(status: int, error: Mapping[str, Any]) -> Failure:
    inner = error.get("innererror") or {}
    kind = str(inner.get("type", "")).removeprefix(TYPE_PREFIX)
    details = [detail for detail in error.get("details") or [] if isinstance(detail, dict)]
    refused = kind == _slug(Refused)
    return Failure(
        kind=kind,
        status=status,
        code=str(error.get("code", status)),
        message=str(error.get("message", "")),
        action=str(inner.get("action", "")),
        results=dict(map(_outcome, details)) if refused else {},
        findings=()
        if refused
        else tuple(
            Finding(
                rule=str(detail.get("code", "")),
                path=detail.get("target"),
                cause=str(detail.get("message", "")),
                action=str((detail.get("innererror") or {}).get("action", "")),
            )
            for detail in details
        ),
        instance=inner.get("instance"),
    )


def _outcome(detail: Mapping[str, Any]) -> tuple[str, str]:
    point = str(detail.get("target"))
    return point, str(detail.get("message", "")).removeprefix(f"{point}: ")


def _slug(cls: type[MegatwinError]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
