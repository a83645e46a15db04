"""A configuration without a file: nothing but a twin service, whose models and twins come over REST."""

from __future__ import annotations

from pathlib import Path

from dtdl.compiler.build import compile as compile_model
from dtdl.elements import Model
from interop.config.plan import Address, Configuration, Serve


def empty(data: Path, http: Address, *, tls: tuple[Path, Path] | None = None) -> Configuration:
    """Gives the configuration of an empty service.

    Args:
        data: Folder of the ledger; made when it is missing.
        http: Where REST is served.
        tls: Certificate chain and private key (PEM); None: plain HTTP.
    """
    model = Model({})
    return Configuration(
        file=data, base=data, name="megatwin", data=data, model=model, model_texts={}, types=compile_model(model),
        sources={}, twins={}, serve=Serve(http=http, tls=tls),
    )  # fmt: skip
