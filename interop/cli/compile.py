"""megatwin compile: DTDL to typed Python, JSON Schema, RDF, a repository or NodeSet2, written to a file or folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from dtdl.resolver import Resolver


@click.command("compile")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write (.py, .json, .ttl, .xml), or a folder that becomes a package.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the output is not current.")
@click.option(
    "--target",
    type=click.Choice(["pydantic", "jsonschema", "rdf", "repository", "nodeset2"]),
    default="pydantic",
    show_default=True,
    help="What to make.",
)
@click.option(
    "--resolve",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of definitions that those given only refer to; may be repeated.",
)
def command(paths: tuple[Path, ...], output: Path, *, check: bool, target: str, resolve: tuple[Path, ...]) -> int:
    """Compile DTDL PATHS (files, folders, .jsonl) to typed Python.

    Exit code 1: the definitions have findings, or --check found that the output is not current.
    """
    from dtdl.errors import InputUnreadable, ModelInvalid  # noqa: PLC0415 - only when it is used
    from dtdl.resolver import below  # noqa: PLC0415
    from interop.cli.render import render, summary  # noqa: PLC0415

    try:
        wanted = _outputs(list(paths), output, target, below(*resolve) if resolve else None)
    except ModelInvalid as error:
        click.echo(render(error.diagnostics, "text", color=False), nl=False)
        click.echo(f"nothing was written: {summary(error.diagnostics)}", err=True)
        return 1
    if check:
        stale = [path for path, text in wanted.items() if _read(path) != text]
        for path in stale:
            click.echo(f"{path}: not current. Run megatwin compile without --check.")
        return 1 if stale else 0
    for path, text in wanted.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise InputUnreadable(
                f"{path} cannot be written: {error.strerror}", action="Give another place with -o."
            ) from error
        click.echo(f"wrote {path}", err=True)
    return 0


def _outputs(paths: list[Path], output: Path, target: str, resolver: Resolver | None) -> dict[Path, str]:
    if target == "nodeset2":
        from interop.opcua.types.files import nodeset_outputs  # noqa: PLC0415 - only when it is used

        return nodeset_outputs(paths, output, resolver=resolver)
    from dtdl.compiler import targets  # noqa: PLC0415 - --help of other commands does not pay for pydantic

    return targets.outputs(list(paths), output, target, resolver=resolver)


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
