"""The log on standard error: a line of JSON, or of text, for each entry."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from wavenetlite.serve.packages import aiohttp_errors


class JsonFormatter(logging.Formatter):
    """One object in a line: time, level, logger, message, and the traceback of an error."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def is_ours(record: logging.LogRecord) -> bool:
    """Not what aiohttp says of clients that have gone, and of requests that are none.

    A client could fill the disk with that, and the records have the bytes that it sent.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, (ConnectionError, aiohttp_errors.HttpProcessingError))


def start_logging(form: str) -> None:
    """Send what this process logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else text)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").addFilter(is_ours)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
