"""How properties are tested: without a stop-watch, since machines are noisy; in CI the same examples every time,
so that a red run there is about the change (people's own runs look for new examples)."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("people", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "people")
