"""``megatwin init``: a new project that runs: models, megatwin.yaml, a mock plant."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(folder: Path) -> int:
    """Make a project in DIR, which must be new or empty.

    Exit code 0: made. 2: DIR is not empty or cannot be written.
    """
    from dtdl.errors import InputUnreadable  # noqa: PLC0415 - --help needs none of these

    try:
        made = make_project(folder)
    except OSError as error:
        where = error.filename or folder
        raise InputUnreadable(f"{where}: {error.strerror}", action="Choose another folder.") from error
    click.echo("\n".join(f"made {path}" for path in made))
    click.echo(f"\nNext:\n  cd {folder}\n  python plant.py &\n  megatwin up megatwin.yaml", err=True)
    return 0


def make_project(folder: Path) -> list[Path]:
    """Copies the starter project and the schema that editors use.

    Args:
        folder: New or empty.

    Returns:
        The files that were made.

    Raises:
        InputUnreadable: The folder is not empty, or is a file.
        OSError: It cannot be written.
    """
    from dtdl.errors import InputUnreadable  # noqa: PLC0415 - --help needs none of these
    from dtdl.resources import data_dir  # noqa: PLC0415
    from interop.config.schema import SCHEMA_NAME  # noqa: PLC0415

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputUnreadable(f"{folder} exists and is not an empty folder", action="Name a new folder.")
    template = data_dir("examples") / "starter"
    pairs = [
        (path, folder / path.relative_to(template))
        for path in sorted(template.rglob("*"))
        if path.is_file() and path.suffix != ".pyc" and path.name != SCHEMA_NAME
    ]
    pairs.append((data_dir("schemas") / SCHEMA_NAME, folder / SCHEMA_NAME))
    for source, target in pairs:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    return [target for _, target in pairs]
