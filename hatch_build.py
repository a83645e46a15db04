"""Build hook of hatchling: a wheel has the library's FMUs built for its platform, and is a platform wheel."""

from __future__ import annotations

import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FmuBuildHook(BuildHookInterface):  # type: ignore[type-arg,misc]  # hatchling is untyped here
    """Puts ``fmu/library/<Name>.fmu`` of every shipped FMU, and the compiled loop, into ``dtdl/_data/fmu/``.

    That takes a C compiler and FMPy's headers; where one is missing, the wheel has the sources only.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the FMUs before the wheel is put together; an editable install builds them on first use.

        Args:
            version: ``standard`` or ``editable``.
            build_data: What hatchling reads back.
        """
        if self.target_name != "wheel" or version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root))
        try:
            from dtdl.errors import BuildFailed  # noqa: PLC0415 - the source tree is on the path only now
            from fmu.build import build  # noqa: PLC0415
            from fmu.kernel import library  # noqa: PLC0415
        finally:
            sys.path.remove(str(root))
        self._built = Path(tempfile.mkdtemp(prefix="megatwin-wheel-"))
        included: dict[str, str] = {}
        try:
            for description in sorted((root / "fmu" / "library").glob("*/modelDescription.xml")):
                name = description.parent.name
                target = build(description.parent, self._built / f"{name}.fmu")
                included[str(target)] = f"dtdl/_data/fmu/library/{name}.fmu"
            loop = library.build(self._built / library.wheel_name())
            included[str(loop)] = f"dtdl/_data/fmu/kernel/{loop.name}"
        except BuildFailed as error:
            # still a working wheel: its FMUs are built from their sources on first use
            self.app.display_warning(f"this wheel has no built FMUs and is not for one platform: {error}")
            return
        build_data["force_include"].update(included)
        build_data["pure_python"] = False
        # the FMUs are data for any Python 3; only the platform matters
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Removes what was built beside."""
        del version, build_data, artifact_path
        if built := getattr(self, "_built", None):
            shutil.rmtree(built, ignore_errors=True)
