"""How the front reaches hosts, wherever they run: the `Engine` seam, and the engine for this machine."""

from greenroom._lazy import lazy_names

__getattr__ = lazy_names(
    __name__,
    {
        "Engine": "greenroom.engine.seam",
        "Host": "greenroom.engine.seam",
        "LocalEngine": "greenroom.engine.local",
    },
)
