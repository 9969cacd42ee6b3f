"""How far, and how long still: phases, weighted stages, progress, ETA and stall. Pure; time is an argument."""

from greenroom._lazy import lazy_names

__getattr__ = lazy_names(
    __name__,
    {
        "LoadHistory": "greenroom.readiness.history",
        "LoadRecord": "greenroom.readiness.history",
        "PhaseError": "greenroom.readiness.phases",
        "Readiness": "greenroom.readiness.readiness",
        "Sample": "greenroom.readiness.history",
        "StageRecord": "greenroom.readiness.history",
        "diagram": "greenroom.readiness.phases",
        "eta_error": "greenroom.readiness.history",
    },
)
