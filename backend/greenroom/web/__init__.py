"""The house's doors: hub, guard, mount, endpoints, OpenAPI and AsyncAPI."""

from greenroom._lazy import lazy_names

__getattr__ = lazy_names(
    __name__,
    {
        "endpoint": "greenroom.web.endpoint",
        "json_answer": "greenroom.web.bodies",
        "mount": "greenroom.web.mount",
        "read_json": "greenroom.web.bodies",
        "require_admin": "greenroom.web.admin",
        "require_models_ready": "greenroom.web.guard",
    },
)
