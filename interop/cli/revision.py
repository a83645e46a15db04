"""A path, or ``REVISION:PATH`` of a git repository, as files that can be read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dtdl.errors import InputUnreadable

_SUFFIXES: Final = (".json", ".jsonl")
_PATIENCE_S: Final = 60


def readable(given: str, folder: Path, *, marked: bool = True) -> Path:
    """Gives a path that can be read.

    Args:
        given: A path; or, when there is none of that name, ``REVISION:PATH``, the path as seen from the current folder.
        folder: Where the files of a revision are put, as one ``.jsonl`` that keeps their names.
        marked: Whether these names have the revision before them; programs that show findings want the bare ones.

    Raises:
        InputUnreadable: There is neither such a path nor such a revision.
    """
    path = Path(given)
    revision, mark, inside = given.partition(":")
    if path.exists() or not mark or not revision:
        return path
    where = inside.rstrip("/") or "."
    if where == "." or not where.endswith(_SUFFIXES):
        listed = _git("ls-tree", "-r", "-z", "--name-only", "--end-of-options", revision, "--", where).decode()
        names = sorted(name for name in listed.split("\0") if name.endswith(".json"))
    else:
        names = [where]
    if not names:
        raise InputUnreadable(f"{given} has no .json files", action="Correct the revision or the path.")
    rows: list[dict[str, str]] = []
    for name, data in zip(names, _contents(revision, names), strict=True):
        if name.endswith(".jsonl"):
            file = folder / f"{len(list(folder.iterdir()))}-{Path(name).name}"
            file.write_bytes(data)
            return file
        whole = f"{revision}:{name}"
        rows.append({"path": whole if marked else name, "text": _text(data, whole)})
    file = folder / f"{len(list(folder.iterdir()))}.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return file


def _contents(revision: str, names: Sequence[str]) -> list[bytes]:
    """Gives the bytes of files of a revision, by one process."""
    asked = "".join(f"{revision}:./{name}\n" for name in names).encode()
    answer = _git("cat-file", "--batch", stdin=asked)
    found: list[bytes] = []
    for name in names:
        head, _, rest = answer.partition(b"\n")
        words = head.split()
        if len(words) < len(("object", "type", "size")) or words[1] != b"blob":
            raise InputUnreadable(f"{revision}:{name} is no file", action="Correct the revision or the path.")
        size = int(words[2])
        found.append(rest[:size])
        answer = rest[size + 1 :]
    return found


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputUnreadable(f"{name} is not UTF-8", action="Save the file as UTF-8.") from error


def _git(*arguments: str, stdin: bytes = b"") -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - git reads here, and what the user gave stands behind --end-of-options
            ["git", *arguments],  # noqa: S607 - the git that the user has
            input=stdin,
            capture_output=True,
            check=True,
            timeout=_PATIENCE_S,
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise InputUnreadable(f"git cannot read it: {said}", action="Give a path, or REVISION:PATH.") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputUnreadable(
            f"git cannot be run: {error}", action="Install git, or give paths of files that are there."
        ) from error
    return done.stdout
