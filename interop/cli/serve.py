"""``megatwin serve``: an empty twin service; models and twins come over REST."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from interop.cli.live import Foreground, run_configuration

_DATA: Final = Path(".megatwin")


def _address(context: click.Context, parameter: click.Parameter, value: str) -> tuple[str, int]:  # noqa: ARG001
    try:
        found = urlsplit(f"//{value}")
        if found.hostname and found.port is not None and not found.path:
            return found.hostname, found.port
    except ValueError:
        pass
    raise click.BadParameter(f"{value!r} is not HOST:PORT, such as 127.0.0.1:8080.")


def _endpoints(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:  # noqa: ARG001
    found: dict[str, str] = {}
    for value in values:
        name, equals, target = value.partition("=")
        if not equals or not target or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name) is None:
            raise click.BadParameter(f"{value!r} is not NAME=URL or NAME=FILE.")
        if re.match(r"https?://[^/?#]", target) is None and "://" in target:
            raise click.BadParameter(f"{value!r} leads to no http or https URL.")
        found[name] = target
    return found


@click.command(name="serve")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=_DATA,
    show_default=True,
    help="Ledger and jobs.",
)
@click.option(
    "--http", "address", default="127.0.0.1:8080", show_default=True, callback=_address, metavar="HOST:PORT",
    help="Where to listen; a loopback address. Port 0: any free one.",
)  # fmt: skip
@click.option("--tls-dev", is_flag=True, help="Serve https with an own certificate; print what makes SDKs trust it.")
@click.option(
    "--endpoint", "endpoints", multiple=True, callback=_endpoints, metavar="NAME=URL|FILE",
    help="Where event routes may lead: a webhook, or a file that takes one event a line.",
)  # fmt: skip
@click.option("--for", "for_s", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after so many seconds.")
def command(
    data: Path, address: tuple[str, int], endpoints: dict[str, str], for_s: float | None, *, tls_dev: bool
) -> int:
    """Serve twins over REST, as Azure Digital Twins does, until Ctrl-C."""
    from interop.config.empty import empty  # noqa: PLC0415 - the compiler is loaded when something runs
    from interop.config.plan import Address  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    data = data.absolute()
    lines: list[str] = []
    tls = None
    if tls_dev:
        from interop.rest.tls import dev_tls  # noqa: PLC0415

        files = dev_tls(data / "tls")
        tls = files.certificate, files.key
        lines = [f"{name}={files.authority}" for name in ("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")]

    def ready() -> None:
        for line in lines:
            click.echo(line)

    configuration = empty(data, Address(*address), tls=tls, endpoints=endpoints)
    return run_configuration(configuration, Foreground(file=data, for_s=for_s, show_values=False), ready=ready)
