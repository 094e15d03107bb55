"""URLs of files, as fsspec writes them: s3://, gs://, https://, memory://, several chained with "::".

What a URL says of an account, a user with a password or a signed query, belongs to nobody else: `shown` leaves it out.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

CHAIN = "::"
BEGINNING = re.compile(r"[A-Za-z][\w.+-]+(://|::)")
USER = re.compile(r"(?i)(?<=://)(?<!abfs://)(?<!abfss://)[^/\s'\"]*@")
"""Except in Azure's URLs, where a container stands before the "@"."""
QUERY_OF = re.compile(r"://[^\s?'\"]*\?([^\s?'\":]*)")
QUERY = re.compile(r"(://[^\s?'\"]*)\?[^\s?'\"]*=[^\s'\"]*")
SECRETS = re.compile(
    r"(?i)\b(authorization|bearer|signature|secret|token|password)(['\"]?\s*[=:]\s*|\s+)[^\s,;'\"]{8,}"
)


def is_url(text: str) -> bool:
    """Whether a source or a target is a URL and not a path; `file://` is one too."""
    return "://" in text and BEGINNING.match(text) is not None


def protocol(url: str) -> str:
    """That of the first file system of a chain.

    Examples
    --------
    >>> from wavenetlite.support.urls import protocol
    >>> protocol("s3://bucket/a.wav"), protocol("simplecache::s3://bucket/a.wav")
    ('s3', 'simplecache')
    """
    return re.split("://|::", url, maxsplit=1)[0].lower()


def shown(text: str) -> str:
    """A text without what its URLs say of an account.

    Examples
    --------
    >>> from wavenetlite.support.urls import shown
    >>> shown("403 of https://me:word@host/a.wav?X-Amz-Signature=1f2e")
    '403 of https://host/a.wav'
    """
    if "://" not in text:
        return text
    return SECRETS.sub(r"\1\2***", QUERY.sub(r"\1", USER.sub("", text)))


def without(text: str, url: str) -> str:
    """A text about a URL without what that URL says of an account, in whatever form the text repeats it.

    Examples
    --------
    >>> from wavenetlite.support.urls import without
    >>> without("invalid bucket me:word@bucket", "s3://me:word@bucket/a")
    'invalid bucket ***@bucket'
    """
    users = [user.rstrip("@") for user in USER.findall(url)]
    words = [word for user in users for word in user.split(":")[1:]]
    queries = [query for query in QUERY_OF.findall(url) if "=" in query]
    values = [value.partition("=")[2] for query in queries for value in query.split("&")]
    for secret in sorted(
        [*users, *words, *queries, *(value for value in values if len(value) > 5)], key=len, reverse=True
    ):
        for form in (secret, quote(secret), quote(secret, safe=""), unquote(secret)):
            text = text.replace(form, "***") if form else text
    return shown(text)


def divided(url: str) -> tuple[str, str, str]:
    """A URL as its beginning, the path of its first file system, and what follows: a query, or the rest of a chain."""
    first, chain, rest = url.partition(CHAIN)
    if "://" not in first:  # simplecache::s3://...
        begin, path, end = divided(rest)
        return first + chain + begin, path, end
    scheme, path = first.split("://", 1)
    query = ""
    if scheme.lower() in ("http", "https") or re.search(r"\?[^?]*=", path):
        path, mark, after = path.partition("?")
        query = mark + after
    return f"{scheme}://", path, query + chain + rest


def path_of(url: str) -> str:
    return divided(url)[1]


def join_url(url: str, name: str) -> str:
    """The URL of a file below another; `name` itself where it is a URL.

    Examples
    --------
    >>> from wavenetlite.support.urls import join_url
    >>> join_url("s3://bucket/data", "a/b.wav"), join_url("https://host/data?key=1", "b.wav")
    ('s3://bucket/data/a/b.wav', 'https://host/data/b.wav?key=1')
    """
    if is_url(name):
        return name
    begin, path, end = divided(url)
    whole = f"{path.rstrip('/')}/{name}" if path else name
    return begin + (posixpath.normpath(whole) if ".." in name else whole) + end  # a store does not know ".."


def parent_url(url: str) -> str:
    begin, path, end = divided(url)
    return begin + path.rstrip("/").rpartition("/")[0] + end


def name_of(url: str) -> str:
    """The last part of the path."""
    return PurePosixPath(path_of(url)).name
