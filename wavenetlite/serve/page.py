"""The page at /: its files, and the headers that keep it from doing anything else."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from wavenetlite.serve.packages import web

if TYPE_CHECKING:
    from aiohttp.web import Response

FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/stream.js": ("stream.js", "text/javascript"),
    "/spectrogram.js": ("spectrogram.js", "text/javascript"),
    "/microphone.js": ("microphone.js", "text/javascript"),
    "/worklet.js": ("worklet.js", "text/javascript"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def response(path: str) -> Response:
    """A file of the page."""
    name, kind = FILES[path]
    text = resources.files("wavenetlite.serve").joinpath("page_files", name).read_text(encoding="utf-8")
    made: Response = web.Response(text=text, content_type=kind, charset="utf-8", headers=HEADERS)
    return made
