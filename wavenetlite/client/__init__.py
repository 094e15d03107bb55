"""A client of ``wavenetlite serve`` whose stream survives lost connections and servers that restart."""

from wavenetlite.client.client import Client, ClientError, Result, StreamEvent

__all__ = ["Client", "ClientError", "Result", "StreamEvent"]
