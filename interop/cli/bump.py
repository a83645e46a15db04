"""``megatwin bump``: raises versions of Interfaces and every reference to them; files keep their formatting."""

from __future__ import annotations

import difflib
import io
from pathlib import Path

import click


@click.command("bump")
@click.argument("words", nargs=-1, required=True, metavar="PATHS... DTMI...")
@click.option("--major", "level", flag_value="major", default="major", help="Raise the major version (the default).")
@click.option("--minor", "level", flag_value="minor", help="Raise the minor version; DTDL v2 has none.")
@click.option("--write", is_flag=True, help="Change the files, instead of showing what would change.")
def command(words: tuple[str, ...], level: str, *, write: bool) -> int:
    """Raise the version of each DTMI, and every reference to it in PATHS.

    Without --write the changes are printed as a unified diff.

    Exit code 0: done. 1: the result would have findings, and nothing was changed. 2: a path cannot be read or written.
    """
    from dtdl.bump import bump  # noqa: PLC0415 - --help needs none of these
    from dtdl.change import Bump  # noqa: PLC0415
    from dtdl.errors import InputUnreadable, ModelInvalid  # noqa: PLC0415
    from interop.cli.render import render, summary  # noqa: PLC0415

    dtmis = [word for word in words if word.startswith("dtmi:")]
    paths = [Path(word) for word in words if not word.startswith("dtmi:")]
    if not dtmis or not paths:
        raise click.UsageError("Give at least one path and one DTMI.")
    try:
        done = bump(paths, dtmis, Bump[level.upper()])
    except ModelInvalid as error:
        click.echo(render(error.diagnostics, "concise"), nl=False)
        click.echo(f"nothing was changed: {summary(error.diagnostics)}", err=True)
        return 1
    for edit in done.edits:
        if not write:
            click.echo(_difference(edit.path, edit.old, edit.new), nl=False)
            continue
        try:
            edit.path.write_bytes(edit.new.encode())
        except OSError as error:
            raise InputUnreadable(
                f"{edit.path} cannot be written: {error.strerror}", action="Correct its permissions."
            ) from error
        click.echo(f"changed {edit.path}", err=True)
    for old, new in done.raised.items():
        click.echo(f"{old} → {new}", err=True)
    for dtmi in done.dependents:
        click.echo(f"{dtmi} refers to another version now: raise its version too", err=True)
    return 0


def _difference(path: Path, old: str, new: str) -> str:
    names = (str(path), str(path)) if path.is_absolute() else (f"a/{path.as_posix()}", f"b/{path.as_posix()}")
    before, after = (list(io.StringIO(text, newline="\n")) for text in (old, new))
    lines = difflib.unified_diff(before, after, names[0], names[1])
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
