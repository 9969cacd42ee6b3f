"""Where model files come from: each source finds a version's files and proves that they are the promised ones."""

from greenroom._lazy import lazy_names

__getattr__ = lazy_names(
    __name__,
    {
        "Fetcher": "greenroom.sources.seam",
        "Found": "greenroom.sources.seam",
        "Want": "greenroom.sources.seam",
        "ProcessFetcher": "greenroom.sources.fetcher",
        "InlineFetcher": "greenroom.sources.inline",
        "Progress": "greenroom.sources.seam",
        "Source": "greenroom.sources.plan",
        "SOURCES": "greenroom.sources.table",
        "split": "greenroom.sources.table",
    },
)
