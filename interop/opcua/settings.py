"""What a user writes for an OPC UA source: its settings, and the address of one value. Imports no OPC UA stack."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from interop.config.quantities import ExistingFile, PositiveSeconds, Seconds, Secret, Text

Policy = Literal["None", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"]
Mode = Literal["None", "Sign", "SignAndEncrypt"]


def _hyphened(name: str) -> str:
    return name.replace("_", "-")


def _opc_tcp(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise PydanticCustomError("url_invalid", "{url}: {why}", {"url": url, "why": str(error)}) from error
    if parts.scheme != "opc.tcp" or not parts.hostname:
        raise PydanticCustomError(
            "url_invalid", "{url} is not an OPC UA address; write opc.tcp://HOST:PORT/PATH", {"url": url}
        )
    if parts.username or parts.password:
        raise PydanticCustomError(
            "secret_in_file", "the URL must not hold a user or a password; write them under security", {}
        )
    if port is None:
        return parts._replace(netloc=f"{parts.netloc}:4840").geturl()
    return url


Url = Annotated[str, AfterValidator(_opc_tcp)]
"""``opc.tcp://HOST[:PORT][/PATH]``; the port defaults to 4840."""


class Security(BaseModel):
    """How the channel is secured and who we are (OPC 10000-4, 7.41 and 7.43).

    Attributes:
        policy: Security policy by its short name.
        mode: Message security mode.
        server: Path of the plant's certificate (DER or PEM) to trust; otherwise the trust list decides.
        user: User name; anonymous without.
        password: Its password, as ``env:NAME``.
        certificate: Path of our own certificate; one is made on the first start when absent.
        key: Path of its private key (PEM).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    policy: Policy = "Basic256Sha256"
    mode: Mode = "SignAndEncrypt"
    server: ExistingFile | None = None
    user: Text | None = None
    password: Secret | None = None
    certificate: ExistingFile | None = None
    key: ExistingFile | None = None

    @model_validator(mode="before")
    @classmethod
    def _both_or_none(cls, given: Any) -> Any:
        """``policy: None`` and ``mode: None`` say the same; one of them is enough."""
        if isinstance(given, dict):
            if given.get("policy") == "None":
                return {"mode": "None"} | given
            if given.get("mode") == "None":
                return {"policy": "None"} | given
        return given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.policy == "None") != (self.mode == "None"):
            raise PydanticCustomError(
                "security_contradiction",
                "policy {policy} does not go with mode {mode}",
                {"policy": self.policy, "mode": self.mode},
            )
        if (self.certificate is None) != (self.key is None):
            raise PydanticCustomError("certificate_without_key", "certificate and key are given together", {})
        if self.password is not None and self.user is None:
            raise PydanticCustomError("password_without_user", "a password needs a user", {})
        return self


def _none(value: Any) -> Any:
    return {"policy": "None", "mode": "None"} if value in ("none", "None") else value


class Defaults(BaseModel):
    """Quality of the link, for every binding that does not say otherwise. Times are seconds.

    Attributes:
        publishing: Publishing interval of the subscription.
        sampling: Sampling interval of the monitored items.
        queue: Values that the plant keeps per item between two publishings.
        buffer: Values that we keep per subscriber; when full, the oldest go and are counted.
        stale_after: Without a sign of life for so long, the link is down.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=_hyphened, populate_by_name=True)
    publishing: PositiveSeconds = 0.5
    sampling: Seconds = 0.1
    queue: int = Field(default=100, ge=1, le=100_000)
    buffer: int = Field(default=100_000, ge=1, le=10_000_000)
    stale_after: PositiveSeconds = 5.0


class OpcUaSettings(BaseModel):
    """``sources.<name>`` of kind ``opcua``.

    Attributes:
        opcua: Address of the plant's server.
        security: How the channel is secured; ``none`` for a plant without security, which the file must say.
        namespaces: Prefix used in browse paths → namespace URI.
        defaults: Quality of the link.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    opcua: Url
    security: Annotated[Security, BeforeValidator(_none, json_schema_input_type=Literal["none"] | Security)] = (
        Security()
    )
    namespaces: dict[str, str] = Field(default_factory=dict)
    defaults: Defaults = Defaults()


class NodeAddress(BaseModel):
    """Where one value is.

    One of ``path``, ``node`` or ``auto`` is given.

    Attributes:
        at: Browse path (or node id) that ``path`` and ``auto`` start from.
        path: Browse path ``prefix:Name/prefix:Name``; absolute from the Root when it starts with ``/``.
        node: Node id with a namespace URI, ``nsu=URI;s=…`` (OPC 10000-6, 5.1.12).
        auto: DTDL names, matched to browse names of any namespace below ``at``.
        sampling: Sampling interval in seconds of this value.
        queue: Values that the plant keeps for this item.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    at: str | None = None
    path: str | None = None
    node: str | None = None
    auto: tuple[str, ...] | None = None
    sampling: Seconds | None = None
    queue: int | None = Field(default=None, ge=1, le=100_000)

    @model_validator(mode="before")
    @classmethod
    def _short_node_id(cls, given: Any) -> Any:
        """A node id may stand where the short form of a path stands."""
        if isinstance(given, dict) and isinstance(given.get("path"), str) and is_node_id(given["path"]):
            rest = {key: value for key, value in given.items() if key != "path"}
            return {"node": given["path"]} | rest
        return given


_NODE_ID: Final = re.compile(r"(?:nsu=(?P<uri>[^;]+);)?(?P<kind>[isgb])=(?P<id>.+)", re.DOTALL)
_BY_INDEX: Final = re.compile(r"ns=\d+;")
_SEGMENT: Final = re.compile(r"(?:&.|[^/&])+")


class AddressProblem(ValueError):
    """What is wrong with an address, and what to write instead."""

    def __init__(self, cause: str, action: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.action = action


def is_node_id(text: str) -> bool:
    """Whether a text is a node id, rightly written or not, and no browse path."""
    return bool(_BY_INDEX.match(text) or _NODE_ID.fullmatch(text))


def parse_node_id(text: str) -> tuple[str | None, str, str]:
    """Reads ``nsu=URI;s=text``; gives (URI or None for the standard namespace, kind, identifier text).

    Raises:
        AddressProblem: A namespace index, or not a node id.
    """
    if _BY_INDEX.match(text):
        raise AddressProblem(
            f"{text!r} names its namespace by an index, which changes from one start of a server to the next",
            "Write nsu=<namespace URI>;… instead.",
        )
    match = _NODE_ID.fullmatch(text)
    if match is None or (match["kind"] == "i" and not match["id"].isdigit()):
        raise AddressProblem(f"{text!r} is not a node id", "Write nsu=<namespace URI>;s=<identifier>.")
    return match["uri"], match["kind"], match["id"]


def parse_path(path: str, namespaces: dict[str, str]) -> tuple[tuple[str | None, str], ...]:
    """Reads a browse path; ``/`` separates, ``prefix:`` names the namespace, ``&`` escapes the next character.

    The escape is that of OPC 10000-4, A.2.

    Args:
        path: Without regard to a leading ``/``.
        namespaces: Prefix → URI.

    Returns:
        (namespace URI or None for the standard namespace, name) of each step.

    Raises:
        AddressProblem: An empty step, a namespace index, an unknown prefix.
    """
    steps, found = _read_path(path, namespaces)
    if found:
        raise found[0]
    return tuple(steps)


def _read_path(path: str, namespaces: dict[str, str]) -> tuple[list[tuple[str | None, str]], list[AddressProblem]]:
    """The steps that can be read, and what is wrong with the others."""
    body = path.removeprefix("/")
    texts = _SEGMENT.findall(body)
    if not body or "/".join(texts) != body:
        return [], [AddressProblem(f"{path!r} has an empty step", "Write prefix:Name/prefix:Name.")]
    steps: list[tuple[str | None, str]] = []
    found: list[AddressProblem] = []
    for text in texts:
        step = _step(text, path, namespaces)
        if isinstance(step, AddressProblem):
            found.append(step)
        else:
            steps.append(step)
    return steps, found


def _step(step: str, path: str, namespaces: dict[str, str]) -> tuple[str | None, str] | AddressProblem:
    found = re.match(r"((?:&.|[^:&])*):", step)
    prefix = found[1] if found else None
    name = re.sub(r"&(.)", r"\1", step[found.end() :] if found else step)
    if not name:
        return AddressProblem(f"{path!r}: the step {step!r} has no name", "Write prefix:Name.")
    if prefix is None:
        return None, name
    if prefix.isdigit():
        return AddressProblem(
            f"{path!r} names a namespace by its index {prefix}, which changes from one start of a server to the next",
            "Give the namespace a prefix under `namespaces:` with its URI, and write prefix:Name.",
        )
    if prefix not in namespaces:
        known = ", ".join(sorted(namespaces)) or "none is declared"
        return AddressProblem(
            f"{path!r}: the prefix {prefix!r} is not declared ({known})",
            f"Add `{prefix}: <namespace URI>` under `namespaces:` of the source.",
        )
    return namespaces[prefix], name


def problems(address: NodeAddress, namespaces: dict[str, str]) -> list[AddressProblem]:
    """Gives everything that can be said against an address before anything connects."""
    found: list[AddressProblem] = []
    ways = [name for name in ("path", "node", "auto") if getattr(address, name) is not None]
    if len(ways) != 1:
        said = " and ".join(ways) or "nothing"
        found.append(AddressProblem(f"the address says {said}", "Give exactly one of path, node and auto."))
    texts = [text for text in (address.at, address.path, address.node) if text is not None]
    for text in texts:
        if text == address.node or (text == address.at and is_node_id(text)):
            try:
                parse_node_id(text)
            except AddressProblem as problem:
                found.append(problem)
        else:
            found += _read_path(text, namespaces)[1]
    if address.at is None and (address.auto is not None or (address.path or "/")[0] != "/"):
        found.append(AddressProblem("it starts nowhere", "Give the group an `at:`, or begin the path with /Objects/…."))
    return found
