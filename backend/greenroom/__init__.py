"""Greenroom: a server for AI models that answers at once and tells every waiting person the truth."""

from greenroom._lazy import lazy_names as _lazy_names

__version__ = "0.1.0"
