"""Greenroom: a server for AI models that answers at once and tells every waiting person the truth."""

from typing import TYPE_CHECKING

from greenroom._lazy import lazy_names as _lazy_names

if TYPE_CHECKING:
    from greenroom.app import create_app as create_app
    from greenroom.app import mount as mount
    from greenroom.protocol.base import Message as Message
    from greenroom.serving.greenroom import Embedded as Embedded
    from greenroom.serving.greenroom import Greenroom as Greenroom
    from greenroom.serving.greenroom import Predicted as Predicted
    from greenroom.settings import Settings as Settings
    from greenroom.settings import load_settings as load_settings
    from greenroom.web.admin import require_admin as require_admin
    from greenroom.web.bodies import json_answer as json_answer
    from greenroom.web.bodies import read_json as read_json
    from greenroom.web.endpoint import Operation as Operation
    from greenroom.web.endpoint import endpoint as endpoint
    from greenroom.web.guard import require_models_ready as require_models_ready
    from greenroom.web.guard import run_until_disconnect as run_until_disconnect
    from greenroom.words import GreenroomError as GreenroomError
    from greenroom.words import InvalidInputError as InvalidInputError
    from greenroom.words import NotReadyError as NotReadyError

__version__ = "0.1.0"

__getattr__ = _lazy_names(
    __name__,
    {
        "create_app": "greenroom.app",
        "mount": "greenroom.app",
        "Message": "greenroom.protocol.base",
        "Embedded": "greenroom.serving.greenroom",
        "Greenroom": "greenroom.serving.greenroom",
        "Predicted": "greenroom.serving.greenroom",
        "Settings": "greenroom.settings",
        "load_settings": "greenroom.settings",
        "require_admin": "greenroom.web.admin",
        "json_answer": "greenroom.web.bodies",
        "read_json": "greenroom.web.bodies",
        "Operation": "greenroom.web.endpoint",
        "endpoint": "greenroom.web.endpoint",
        "require_models_ready": "greenroom.web.guard",
        "run_until_disconnect": "greenroom.web.guard",
        "GreenroomError": "greenroom.words",
        "InvalidInputError": "greenroom.words",
        "NotReadyError": "greenroom.words",
    },
)
