"""Lazy public names for a package's `__init__` (PEP 562): a name's module is imported when the name is first used.

Neither the front nor a host may pay for the other's imports, so no `__init__` here imports anything by itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(package: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """A module `__getattr__` for `package` that finds each key of `names` in the module it maps to."""

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(names[name]), name)

    return __getattr__
