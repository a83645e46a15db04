"""``megatwin ledger``: check, sign, prove and carry the ledger of every state."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

_DATA = click.argument("data", type=click.Path(path_type=Path))
_HOW = click.option(
    "--format", "how", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
_KEYS = click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="A public key, or a file of them; default: those of the folder."
)


@click.group()
def command() -> None:
    """Check, sign, prove and carry the ledger of every state."""


@command.command()
@_DATA
@_HOW
@click.option("--quick", is_flag=True, help="Check events and hashes only, and no index.")
@click.option(
    "--checkpoint", "checkpoints", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Signed checkpoints that were kept elsewhere; may be repeated.",
)  # fmt: skip
@_KEYS
def verify(data: Path, how: str, *, quick: bool, checkpoints: tuple[Path, ...], keys: tuple[str, ...]) -> int:
    """Check every stored byte of the ledger in folder DATA against its hash, and every index against the events.

    It may be in use. Exit code 0: all is well. 1: problems, the first bad event first. 2: there is no ledger.
    """
    from interop.ledger.verify import verify_file  # noqa: PLC0415 - the graph is needed only here

    found = verify_file(data, indexes=not quick, checkpoints=checkpoints, keys=keys)
    if how == "json":
        _print_json(
            {
                "data": str(data), "events": found.size, "root": found.root, "problems": found.problems,
                "firstBad": found.first_bad,
            }
        )  # fmt: skip
    else:
        for problem in found.problems:
            click.echo(problem)
        click.echo(f"{found.size} events, root {found.root}")
        first = "" if found.first_bad is None else f", the first bad event is {found.first_bad}"
        verdict = f"{len(found.problems)} problems{first}" if found.problems else "all is well"
        click.echo(f"{data}: {verdict}", file=sys.stderr)
    return 1 if found.problems else 0


@command.command()
@_DATA
@_HOW
def root(data: Path, how: str) -> None:
    """Print how many events the ledger in folder DATA has, and the root of the hash tree over them.

    It may be in use; the root is that of RFC 9162, section 2.1.
    """
    from interop.ledger.proof import tree_head  # noqa: PLC0415

    size, found = tree_head(data)
    if how == "json":
        _print_json({"events": size, "root": found.hex()})
    else:
        click.echo(f"{size} {found.hex()}")


@command.command()
@_DATA
@click.option(
    "--append", type=click.Path(path_type=Path), metavar="FILE", help="Append it to a file, instead of printing it."
)
def checkpoint(data: Path, append: Path | None) -> None:
    """Sign how many events the ledger in folder DATA has now and the root over them.

    It may be in use. Keep what is printed elsewhere: ``verify --checkpoint`` then finds out when the history before it
    was changed, even by someone who can write the whole folder.
    """
    from interop.ledger.proof import make_checkpoint  # noqa: PLC0415

    note = make_checkpoint(data)
    if append is None:
        click.echo(note, nl=False)
        return
    from dtdl.errors import InputUnreadable  # noqa: PLC0415

    try:
        with append.open("a", encoding="utf-8", newline="") as file:
            file.write(note)
    except OSError as error:
        raise InputUnreadable(f"{append} cannot be written: {error.strerror}", action="Give another file.") from error


@command.command()
@_DATA
def key(data: Path) -> None:
    """Print the public keys that sign the checkpoints of the ledger in folder DATA, one a line."""
    from interop.ledger.checkpoint import known_to  # noqa: PLC0415

    for verifier in known_to(data):
        click.echo(verifier.text())


@command.command()
@_DATA
@click.argument("seq", type=click.IntRange(min=1), required=False)
@click.option(
    "--since", type=click.Path(path_type=Path), metavar="FILE",
    help="Instead: that the ledger goes on from the last checkpoint of this file.",
)  # fmt: skip
def proof(data: Path, seq: int | None, since: Path | None) -> None:
    """Print a proof that event SEQ is in the ledger in folder DATA, with a checkpoint that it leads to.

    It may be in use. ``megatwin ledger check`` checks proofs with the public key alone.
    """
    from interop.ledger.checkpoint import check, known_to, read_notes  # noqa: PLC0415
    from interop.ledger.proof import prove_event, prove_growth  # noqa: PLC0415

    if (seq is None) == (since is None):
        raise click.UsageError("give a SEQ, or --since FILE")
    if seq is not None:
        click.echo(prove_event(data, seq))
    elif since is not None:
        from interop.ledger.checkpoint import NoteInvalid  # noqa: PLC0415

        try:
            old = check(read_notes(since)[-1], known_to(data))
        except NoteInvalid as error:
            raise click.UsageError(f"{since} holds no checkpoint of {data}: {error}") from error
        click.echo(prove_growth(data, old))


@command.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="PROOF")
@click.option("--key", "keys", multiple=True, required=True, metavar="KEY", help="A public key, or a file of them.")
def check(file: Path, keys: tuple[str, ...]) -> int:
    """Check the proof in file PROOF with nothing but public keys.

    Exit code 0: it holds; what it shows is printed. 1: it shows nothing.
    """
    from interop.ledger.checkpoint import known_to  # noqa: PLC0415
    from interop.ledger.proof import ProofInvalid, check_proof, read_proof  # noqa: PLC0415

    try:
        proved = check_proof(read_proof(file), known_to(Path(), keys))
    except ProofInvalid as error:
        click.echo(f"{file}: {error}")
        return 1
    over = f"{proved.checkpoint.size} events of {proved.checkpoint.origin}"
    what = f"event {proved.seq} is among the" if proved.since is None else f"the first {proved.since} are those of the"
    click.echo(f"{what} {over}")
    return 0


@command.command("export")
@_DATA
@click.argument("file", type=click.Path(path_type=Path))
def export(data: Path, file: Path) -> None:
    """Write every event of the ledger in folder DATA to FILE: ``.ndjson``, or ``.parquet`` with the extra.

    It may be in use. The bytes that were hashed are kept, so that roots, proofs and checkpoints hold for what is
    imported.
    """
    from interop.ledger.transfer import export_ledger  # noqa: PLC0415

    size, found = export_ledger(data, file)
    click.echo(f"{size} {found}")


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@_DATA
def import_(file: Path, data: Path) -> None:
    """Make a ledger in folder DATA, which has none, from an exported FILE."""
    from interop.ledger.transfer import import_ledger  # noqa: PLC0415

    size, found = import_ledger(file, data)
    click.echo(f"{size} {found}")


def _print_json(line: dict[str, Any]) -> None:
    import json  # noqa: PLC0415

    click.echo(json.dumps(line, ensure_ascii=False))
