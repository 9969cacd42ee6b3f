"""What tests need: a scripted engine, a clock that stands still, a server in a process of its own, a pytest plugin."""

from typing import TYPE_CHECKING

from greenroom._lazy import lazy_names as _lazy_names

if TYPE_CHECKING:
    from greenroom.sources.inline import InlineFetcher as InlineFetcher
    from greenroom.testing.client import Control as Control
    from greenroom.testing.client import ControlError as ControlError
    from greenroom.testing.clock import StandingClock as StandingClock
    from greenroom.testing.control import control_routes as control_routes
    from greenroom.testing.fetcher import ScriptedFetcher as ScriptedFetcher
    from greenroom.testing.overlay import OverlayPage as OverlayPage
    from greenroom.testing.scripted import ScriptedEngine as ScriptedEngine
    from greenroom.testing.scripted import ScriptedModel as ScriptedModel
    from greenroom.testing.server import GreenroomServer as GreenroomServer
    from greenroom.testing.server import GreenroomWorker as GreenroomWorker
    from greenroom.testing.vectors import bag_of_words as bag_of_words

__getattr__ = _lazy_names(
    __name__,
    {
        "InlineFetcher": "greenroom.sources.inline",
        "Control": "greenroom.testing.client",
        "ControlError": "greenroom.testing.client",
        "StandingClock": "greenroom.testing.clock",
        "control_routes": "greenroom.testing.control",
        "ScriptedFetcher": "greenroom.testing.fetcher",
        "OverlayPage": "greenroom.testing.overlay",
        "ScriptedEngine": "greenroom.testing.scripted",
        "ScriptedModel": "greenroom.testing.scripted",
        "GreenroomServer": "greenroom.testing.server",
        "GreenroomWorker": "greenroom.testing.server",
        "bag_of_words": "greenroom.testing.vectors",
    },
)
