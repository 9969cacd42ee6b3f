"""Which version serves, and one request's way to it: keepers, the board, and the `Greenroom` they make up."""

from greenroom._lazy import lazy_names

__getattr__ = lazy_names(
    __name__,
    {
        "Board": "greenroom.serving.board",
        "Embedded": "greenroom.serving.greenroom",
        "Greenroom": "greenroom.serving.greenroom",
    },
)
