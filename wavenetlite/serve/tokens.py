"""Bearer tokens from a file, compared without saying how much of one was right."""

from __future__ import annotations

import hmac
from pathlib import Path

from wavenetlite.serve.limits import RequestError
from wavenetlite.support.errors import ParameterError

SUBPROTOCOL = "bearer."
"""What a browser gives as a WebSocket's subprotocol, before the token: it cannot set headers."""
LEAST_LENGTH = 16


class Tokens:
    """Who may use the server.

    Parameters
    ----------
    file
        ``TOKEN`` or ``NAME TOKEN`` in each line; lines with # are comments. None: everybody may.
    """

    def __init__(self, file: str | None) -> None:
        self._names = None if file is None else read_tokens(Path(file))

    def owner(self, authorization: str, subprotocols: str = "") -> str:
        """The name of a request's token; "" if none are needed. `RequestError` if it has none of ours."""
        if self._names is None:
            return ""
        scheme, _, given = authorization.strip().partition(" ")
        if scheme.lower() != "bearer":
            offered = [one.strip() for one in subprotocols.split(",")]
            given = next((one[len(SUBPROTOCOL) :] for one in offered if one.startswith(SUBPROTOCOL)), "")
        found = None
        for token, name in self._names.items():  # all of them, whichever it is
            if hmac.compare_digest(token.encode(), given.strip().encode(errors="replace")):
                found = name
        if found is None:
            raise RequestError(401, "the request has no valid token; send Authorization: Bearer TOKEN")
        return found


def read_tokens(file: Path) -> dict[str, str]:
    """Names by token."""
    names: dict[str, str] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        token = words[-1]
        if len(words) > 2 or not token.isascii() or not token.isprintable():
            raise ParameterError(f"token_file={str(file)!r}: line {number} must be TOKEN or NAME TOKEN, in ASCII")
        if len(token) < LEAST_LENGTH:
            raise ParameterError(
                f"token_file={str(file)!r}: the token of line {number} has {len(token)} characters; it must have at"
                f" least {LEAST_LENGTH}"
            )
        names[token] = words[0] if len(words) == 2 else f"line {number}"
    if not names:
        raise ParameterError(f"token_file={str(file)!r} has no token; it must have one in a line")
    return names
