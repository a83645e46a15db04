"""What all tests share: how hypothesis runs."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("megatwin", parent=settings.get_profile(settings.get_current_profile_name()), deadline=None)
settings.load_profile("megatwin")
