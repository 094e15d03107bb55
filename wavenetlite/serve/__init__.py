"""A server for classifiers: WebSocket, HTTP and Wyoming, with streams that outlive connections and processes."""

from wavenetlite.serve.server import Server, run
from wavenetlite.serve.settings import Settings, settings_of

__all__ = ["Server", "Settings", "run", "settings_of"]
