"""``megatwin opcua``: types and mocks of plants, and the certificates that links and the server trust."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dtdl.diagnostic import Diagnostic
    from interop.config.plan import Address
    from interop.opcua.nodeset.model import NodeSet
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
    """Types of plants, mocks of plants, and trust of OPC UA links."""


@command.command("import")
@click.argument("sources", nargs=-1, required=True, metavar="X.NodeSet2.xml...|opc.tcp://...")
@click.option(
    "-o", "--output", "folder", required=True, type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write the definitions to, one file an Interface.",
)  # fmt: skip
@click.option(
    "--format", "how", type=click.Choice(["text", "concise", "json"]), default="concise", show_default=True,
    help="How to print what DTDL cannot say.",
)  # fmt: skip
@click.option(
    "--store", type=click.Path(path_type=Path, file_okay=False), default=Path("pki"), show_default=True,
    help="Folder of our certificate and of trusted ones, for a server.",
)  # fmt: skip
@click.option("--insecure", is_flag=True, help="Ask a server without signature and encryption.")
def import_(sources: tuple[str, ...], folder: Path, how: str, store: Path, *, insecure: bool) -> int:
    """Turn the types of NodeSet2 files, or of a live server, into DTDL.

    Files that need each other are given together. Standard output lists what DTDL cannot say; the comment of the
    element keeps it. Nothing is written when a file is broken. Exit code 1: a file has findings.
    """
    from dtdl.errors import ModelInvalid, NodeSetInvalid  # noqa: PLC0415 - only when it is used
    from interop.cli.render import render, summary  # noqa: PLC0415
    from interop.opcua.types.files import dtdl_outputs, read_nodesets  # noqa: PLC0415

    found: list[Diagnostic] = []
    try:
        if sources[0].startswith("opc.tcp://"):
            nodesets = [_browse(sources, store, insecure=insecure)]
        else:
            nodesets, found = read_nodesets(sources)
        wanted, kept = dtdl_outputs(nodesets, folder)
    except (NodeSetInvalid, ModelInvalid) as error:
        click.echo(render(error.diagnostics, how, color=False), nl=False)
        click.echo(f"nothing was written: {summary(error.diagnostics)}", err=True)
        return 1
    write_files(wanted)
    click.echo(render([*found, *kept], how, color=False), nl=False)
    click.echo(f"wrote {len(wanted)} Interfaces to {folder}", err=True)
    return 0


@command.command()
@click.argument("files", nargs=-1, required=True, metavar="X.NodeSet2.xml...", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; there is no security.")
@click.option("--port", type=click.IntRange(0, 65535), default=4840, show_default=True, help="0 takes a free one.")
@click.option("--interval", "interval_s", type=click.FloatRange(min=0.01), default=1.0, show_default=True,
              help="Seconds between two values.")  # fmt: skip
@click.option("--for", "for_s", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after so many seconds.")
def mock(files: tuple[Path, ...], host: str, port: int, interval_s: float, for_s: float | None) -> int:
    """Serve NodeSet2 files as a plant whose values move, until Ctrl-C.

    Files that need each other are given together. Where they have types only, one instance of each is served. The
    address is printed on standard output. Values that a client may write keep what was written.
    """
    import asyncio  # noqa: PLC0415 - only when it is used

    from dtdl.errors import NodeSetInvalid  # noqa: PLC0415
    from interop.cli.render import render  # noqa: PLC0415
    from interop.config.plan import Address  # noqa: PLC0415
    from interop.opcua.types.files import read_nodesets  # noqa: PLC0415

    try:
        nodesets, _ = read_nodesets(files)
    except NodeSetInvalid as error:
        click.echo(render(error.diagnostics, "text", color=False), nl=False)
        return 1
    return asyncio.run(_mock(nodesets, Address(host, port), interval_s, for_s))


async def _mock(nodesets: list[NodeSet], address: Address, interval_s: float, for_s: float | None) -> int:
    import asyncio  # noqa: PLC0415 - only when it is used
    import logging  # noqa: PLC0415
    import signal  # noqa: PLC0415

    from interop.opcua.mock import serving  # noqa: PLC0415

    logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # it warns of the missing security, which is meant here
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not stop.done():
            stop.set_result(code)

    loop.add_signal_handler(signal.SIGINT, end, 130)
    loop.add_signal_handler(signal.SIGTERM, end, 0)
    async with serving(nodesets, address) as plant:
        click.echo(plant.url)
        click.echo(f"{len(plant)} values move every {interval_s:g} s", err=True)
        moving = asyncio.create_task(plant.run(interval_s))
        both: set[asyncio.Future[Any]] = {stop, moving}
        done, _ = await asyncio.wait(both, timeout=for_s, return_when=asyncio.FIRST_COMPLETED)
        if moving in done:
            await moving
        moving.cancel()
        await asyncio.wait({moving})
    return stop.result() if stop.done() else 0


def _browse(sources: tuple[str, ...], store: Path, *, insecure: bool) -> NodeSet:
    import asyncio  # noqa: PLC0415 - only when a server is asked

    from interop.opcua.nodeset.live import browse  # noqa: PLC0415
    from interop.opcua.security import Store  # noqa: PLC0415
    from interop.opcua.session import Opener  # noqa: PLC0415
    from interop.opcua.settings import OpcUaSettings  # noqa: PLC0415

    if len(sources) > 1:
        raise click.UsageError("Give one server, or files.")
    given = {"opcua": sources[0], **({"security": "none"} if insecure else {})}
    opener = Opener("import", OpcUaSettings.model_validate(given), Path(), Store(store), timeout_s=10.0)
    return asyncio.run(browse(opener))


def write_files(wanted: Mapping[Path, str]) -> None:
    """Writes files, and the folders that they are in."""
    from dtdl.errors import InputUnreadable  # noqa: PLC0415 - only when it is used

    for path, text in wanted.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise InputUnreadable(
                f"{path} cannot be written: {error.strerror}", action="Give another place with -o."
            ) from error


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
