"""uvicorn's connections as we want them: bounded in what they hold, in how long they are waited for, and in number.

uvicorn gives a connection all the time it likes to send the head of a request, takes heads of any size and any number
of them, and keeps a socket whose client reads nothing until that client leaves. The classes here add limits only; HTTP
and WebSocket themselves stay with uvicorn, httptools and websockets.
"""

from greenroom.connections.http_connection import HttpConnection
from greenroom.connections.places import Places
from greenroom.connections.push_socket import PushSocket

__all__ = ["HttpConnection", "Places", "PushSocket"]
