"""``megatwin ledger``: verify the ledger of every state."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.group()
def command() -> None:
    """Verify the ledger of every state."""


@command.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--format", "how", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
@click.option("--quick", is_flag=True, help="Check events and hashes only, and no index.")
def verify(data: Path, how: str, *, quick: bool) -> int:
    """Check every stored byte of the ledger in folder DATA against its hash, and every index against the events.

    It may be in use. Exit code 0: all is well. 1: problems, the first bad event first. 2: there is no ledger.
    """
    from interop.ledger.verify import verify_file  # noqa: PLC0415 - the graph is needed only here

    found = verify_file(data, indexes=not quick)
    if how == "json":
        import json  # noqa: PLC0415

        line = {"data": str(data), "events": found.size, "root": found.root, "problems": found.problems}
        click.echo(json.dumps(line, ensure_ascii=False))
    else:
        for problem in found.problems:
            click.echo(problem)
        click.echo(f"{found.size} events, root {found.root}")
        verdict = f"{len(found.problems)} problems" if found.problems else "all is well"
        click.echo(f"{data}: {verdict}", file=sys.stderr)
    return 1 if found.problems else 0
