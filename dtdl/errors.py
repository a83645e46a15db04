"""The tree of every error that megatwin raises on purpose, and the exit code each one maps to.

::

    MegatwinError                      exit 3 unless a subclass says otherwise
    ├── DtdlError
    │   ├── InputUnreadable            2  a path that is missing, a directory where a file is meant, no permission
    │   ├── ModelInvalid               1  definitions with findings; carries every Diagnostic
    │   ├── ModelNotFound              1  a DTMI that no loaded document defines
    │   ├── ValueInvalid               1  a value that its DTDL schema refuses; carries every Diagnostic
    │   ├── DtmiInvalid                1  a text that is not a DTMI
    │   ├── LimitExceeded              1  input larger, deeper or more numerous than the bound
    │   └── UnitError                  1
    │       ├── UnitUnknown
    │       └── UnitMismatch           units of different dimensions
    ├── FmuError                       5
    │   ├── ArchiveUnsafe              1  an archive that unpacking refuses
    │   ├── DescriptionInvalid         1  a modelDescription.xml with findings
    │   ├── SystemInvalid              1  a coupled system with findings
    │   ├── PlatformMissing            2  no binary of the FMU for this platform
    │   ├── BuildFailed                5  the C compiler refused the sources
    │   └── StepFailed                 5  the FMU reported an error, crashed, or missed its deadline
    ├── InteropError
    │   ├── ConfigInvalid              1  a megatwin.yaml with findings; carries every Diagnostic
    │   ├── NodeSetInvalid             1  a NodeSet2 document with findings; carries every Diagnostic
    │   ├── Unreachable                4  an endpoint that does not answer
    │   ├── Untrusted                  4  a certificate that is not trusted, here or there
    │   ├── PortInUse                  2
    │   ├── DataLocked                 2  another process owns the data folder
    │   ├── DataCorrupt                1  the ledger contradicts its own hashes
    │   ├── Refused                    1  the plant said no; carries its status code
    │   ├── LinkDown                   4  nothing was sent, since the link is down
    │   ├── Expired                    6  sent, but not verified in time
    │   ├── Overloaded                 4  a bounded queue is full
    │   ├── RequestInvalid             1  a request that the twin service refuses
    │   │   ├── TwinNotFound
    │   │   ├── PreconditionFailed
    │   │   └── Conflict
    │   └── NotReady                   6  not ready within the time asked for
    └── ExtraMissing                   2  an optional dependency; also an ImportError
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from dtdl.diagnostic import Diagnostic


class MegatwinError(Exception):
    """The root: what happened, and what to do about it.

    Args:
        message: What happened, where, in one sentence.
        action: What the user can do; shown on a line of its own.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, action: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.action = action

    def __str__(self) -> str:
        return f"{self.message}\n  {self.action}" if self.action else self.message


class _WithDiagnostics(MegatwinError):
    """An error that carries all findings, not the first."""

    exit_code = 1

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(str(found) for found in self.diagnostics))


class DtdlError(MegatwinError):
    """Anything about definitions, values and units."""


class InputUnreadable(DtdlError):
    """A path that is missing, is a directory where a file is meant, or may not be read."""

    exit_code = 2


class ModelInvalid(_WithDiagnostics, DtdlError):
    """Definitions with findings."""


class ModelNotFound(DtdlError):
    """A DTMI that no loaded document defines."""

    exit_code = 1


class ValueInvalid(_WithDiagnostics, DtdlError):
    """A value that its DTDL schema refuses."""


class DtmiInvalid(DtdlError, ValueError):
    """A text that is not a digital twin model identifier."""

    exit_code = 1


class LimitExceeded(DtdlError):
    """Input larger, deeper or more numerous than the bound that protects the process."""

    exit_code = 1


class UnitError(DtdlError, ValueError):
    """A unit that cannot be used as asked."""

    exit_code = 1


class UnitUnknown(UnitError):
    """A unit name or symbol that no table knows."""


class UnitMismatch(UnitError):
    """Two units of different dimensions."""


class FmuError(MegatwinError):
    """Anything about functional mock-up units."""

    exit_code = 5


class ArchiveUnsafe(FmuError):
    """An archive that unpacking refuses: size, ratio, count, names or links."""

    exit_code = 1


class DescriptionInvalid(_WithDiagnostics, FmuError):
    """A modelDescription.xml with findings."""

    exit_code = 1


class SystemInvalid(_WithDiagnostics, FmuError):
    """A coupled system with findings."""


class PlatformMissing(FmuError):
    """The FMU has no binary for this platform."""

    exit_code = 2


class BuildFailed(FmuError):
    """The C compiler refused the sources, or there is none."""


class StepFailed(FmuError):
    """The FMU reported an error, crashed, or missed its deadline.

    Args:
        message: What happened.
        instance: Name of the FMU instance.
        call: Name of the FMI function that was running.
        time_s: Simulation time of that call in seconds.
        action: What the user can do.
    """

    def __init__(
        self, message: str, *, instance: str = "", call: str = "", time_s: float = 0.0, action: str = ""
    ) -> None:
        super().__init__(message, action=action)
        self.instance = instance
        self.call = call
        self.time_s = time_s


class InteropError(MegatwinError):
    """Anything about twins that live: links, ledger, requests."""


class ConfigInvalid(_WithDiagnostics, InteropError):
    """A megatwin.yaml with findings."""


class NodeSetInvalid(_WithDiagnostics, InteropError):
    """A NodeSet2 document with findings; nothing of it was taken."""


class Unreachable(InteropError):
    """An endpoint that does not answer."""

    exit_code = 4


class Untrusted(InteropError):
    """A certificate that is not trusted, by us or by the peer."""

    exit_code = 4


class PortInUse(InteropError):
    """An address that another process listens on."""

    exit_code = 2


class DataLocked(InteropError):
    """Another process owns the data folder."""

    exit_code = 2


class DataCorrupt(InteropError):
    """The ledger contradicts its own hashes or counts."""

    exit_code = 1


class Refused(InteropError):
    """The plant said no.

    Args:
        code: Name of the OPC UA StatusCode, such as ``BadOutOfRange``.
        message: What was refused.
        action: What the user can do.
        results: Outcome of each value of the same request, by point text.
    """

    exit_code = 1

    def __init__(self, code: str, message: str, *, action: str = "", results: Mapping[str, str] | None = None) -> None:
        super().__init__(message, action=action)
        self.code = code
        self.results = dict(results or {})


class LinkDown(InteropError):
    """Nothing was sent, since the link to the plant is down.

    Args:
        message: Which link, and why it is down.
        retry_after_s: When it is worth trying again, in seconds.
        action: What the user can do.
    """

    exit_code = 4

    def __init__(self, message: str, *, retry_after_s: float = 1.0, action: str = "") -> None:
        super().__init__(message, action=action)
        self.retry_after_s = retry_after_s


class Expired(InteropError):
    """Sent, but not verified within the deadline; the outcome is unknown."""

    exit_code = 6


class Overloaded(InteropError):
    """A bounded queue is full; nothing was accepted."""

    exit_code = 4


class RequestInvalid(InteropError):
    """A request that the twin service refuses.

    Args:
        code: The error code of the Azure Digital Twins data plane, such as ``ValidationFailed``.
        message: What was refused, with the path of the value.
        action: What the user can do.
    """

    exit_code = 1

    def __init__(self, code: str, message: str, *, action: str = "") -> None:
        super().__init__(message, action=action)
        self.code = code


class TwinNotFound(RequestInvalid):
    """A twin, relationship, component or model that does not exist."""


class PreconditionFailed(RequestInvalid):
    """``If-Match`` or ``If-None-Match`` did not hold."""


class Conflict(RequestInvalid):
    """The request contradicts the file or the state, and would have to be refused again."""


class NotReady(InteropError):
    """Not ready within the time asked for."""

    exit_code = 6


class ExtraMissing(MegatwinError, ImportError):
    """An optional dependency is not installed.

    Args:
        extra: Name of the extra, such as ``ai``.
        needed_for: What needs it.
    """

    exit_code = 2

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs the extra [{extra}]", action=f"Run: pip install 'megatwin[{extra}]'")
