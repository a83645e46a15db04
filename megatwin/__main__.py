"""``python -m megatwin`` and the console script."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    from interop.cli import main as run  # noqa: PLC0415 - keeps `import megatwin` free of click

    sys.exit(run())


if __name__ == "__main__":
    main()
