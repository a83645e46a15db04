"""A configuration without a file: nothing but a twin service, whose models and twins come over REST."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dtdl.compiler.build import compile as compile_model
from dtdl.elements import Model
from interop.config.plan import Address, Configuration, EndpointPlan, Serve


def empty(
    data: Path, http: Address, *, tls: tuple[Path, Path] | None = None, endpoints: Mapping[str, str] | None = None
) -> Configuration:
    """Gives the configuration of an empty service.

    Args:
        data: Folder of the ledger; made when it is missing.
        http: Where REST is served.
        tls: Certificate chain and private key (PEM); None: plain HTTP.
        endpoints: Where event routes may lead: by name, the URL of a webhook or the path of a file.
    """
    plans = {name: _endpoint(data, name, target) for name, target in (endpoints or {}).items()}
    model = Model({})
    return Configuration(
        file=data, base=data, name="megatwin", data=data, model=model, model_texts={}, types=compile_model(model),
        sources={}, twins={}, endpoints=plans, serve=Serve(http=http, tls=tls),
    )  # fmt: skip


def _endpoint(data: Path, name: str, target: str) -> EndpointPlan:
    letters = data / "dead-letters" / f"{name}.ndjson"
    if target.startswith(("http://", "https://")):
        return EndpointPlan(name=name, kind="webhook", target=target, dead_letters=letters)
    return EndpointPlan(name=name, kind="file", target=str(Path(target).absolute()), dead_letters=letters)
