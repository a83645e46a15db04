"""``megatwin opcua``: the certificates that the OPC UA links and the server trust."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from interop.opcua.security import Listed, Store

_STORE = click.option(
    "--store",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the source's or the server's certificates.",
)
_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print.")


@click.group()
def command() -> None:
    """Certificates and trust of OPC UA links."""


@command.group()
def trust() -> None:
    """The trust list on disk: which servers and clients are accepted."""


@trust.command("list")
@_STORE
@_FORMAT
def list_(folder: Path, form: str) -> None:
    """Show the certificates that are trusted, and those that were met and are not."""
    store = _store(folder)
    rows = [(True, entry) for entry in store.trusted()] + [(False, entry) for entry in store.rejected()]
    if form == "json":
        click.echo(json.dumps([_as_json(entry, trusted=trusted) for trusted, entry in rows]))
        return
    for trusted, entry in rows:
        click.echo(
            f"{'trusted ' if trusted else 'rejected'}  {entry.thumbprint}  {entry.expires:%Y-%m-%d}  {entry.subject}"
        )


@trust.command()
@_STORE
@_FORMAT
@click.argument("certificate", type=click.Path(path_type=Path))
def add(folder: Path, form: str, certificate: Path) -> None:
    """Trust a CERTIFICATE (a DER or PEM file)."""
    _say(_store(folder).trust(certificate), form, trusted=True)


@trust.command()
@_STORE
@_FORMAT
@click.argument("thumbprint")
def remove(folder: Path, form: str, thumbprint: str) -> None:
    """No longer trust the certificate whose THUMBPRINT, or its beginning, is given."""
    _say(_store(folder).distrust(thumbprint), form, trusted=False)


def _store(folder: Path) -> Store:
    from interop.opcua.security import Store  # noqa: PLC0415 - cryptography is imported when it is used

    return Store(folder)


def _as_json(entry: Listed, *, trusted: bool) -> dict[str, str | bool]:
    return {
        "trusted": trusted,
        "thumbprint": entry.thumbprint,
        "subject": entry.subject,
        "expires": entry.expires.isoformat(),
        "path": str(entry.path),
    }


def _say(entry: Listed, form: str, *, trusted: bool) -> None:
    if form == "json":
        click.echo(json.dumps(_as_json(entry, trusted=trusted)))
    else:
        click.echo(f"{'trusted' if trusted else 'no longer trusted'}: {entry.thumbprint}  {entry.subject}")
