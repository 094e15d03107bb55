"""Docstrings as the site shows them: the roles of Sphinx become plain code, prose after "Returns" stays prose."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:func|class|mod|meth|attr|exc|data):`~?([^`]+)`")
RETURNS = re.compile(r"(?<=^Returns\n-------\n)(?:\S.*\n?)+", flags=re.MULTILINE)


class Docstrings(griffe.Extension):
    """Applied to the package once it is loaded."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        mend(pkg)


def mend(found: griffe.Object) -> None:
    """The docstrings of an object and of all that is defined in it."""
    if found.docstring is not None:
        text = ROLE.sub(r"`\1`", found.docstring.value)
        found.docstring.value = RETURNS.sub(lambda prose: described(found, prose[0]), text)
    for member in found.members.values():
        if not member.is_alias:
            mend(member)


def described(function: griffe.Object, prose: str) -> str:
    """Our docstrings say what is returned and leave its type to the annotation; numpydoc wants the type first."""
    kind = getattr(function, "returns", None) or getattr(function, "annotation", None) or "Any"
    return f"{kind}\n" + "".join(f"    {line}\n" for line in prose.splitlines())
