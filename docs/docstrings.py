"""Docstrings as the site shows them: the roles of Sphinx become plain code, prose after "Returns" stays prose."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:func|class|mod|meth|attr|exc|data):`~?([^`]+)`")
CYTHON = ("__doc__", "__pyx_vtable__", "__new__", "__reduce__", "__setstate__", "__reduce_cython__")


class Docstrings(griffe.Extension):
    """Applied to the package once it is loaded."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        mend(pkg, set())


def mend(found: griffe.Object, seen: set[int]) -> None:
    """The docstrings of an object and of all that is defined in it."""
    if id(found) in seen:
        return
    seen.add(id(found))
    if found.docstring is not None:
        found.docstring.value = ROLE.sub(r"`\1`", found.docstring.value)
        for section in found.docstring.parsed:
            if section.kind is griffe.DocstringSectionKind.returns:
                describe_returns(section.value)
    for member in found.members.values():
        if not member.is_alias:
            mend(member, seen)


def describe_returns(values: list[griffe.DocstringReturn]) -> None:
    """Our docstrings describe what is returned and leave its type to the annotation."""
    for one in values:
        if not one.description and isinstance(one.annotation, str | griffe.Expr):
            one.description, one.annotation = str(one.annotation), None
