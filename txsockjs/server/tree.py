"""Finds the router's resource that a path of a site leads to, unless something is in the way.

Rules: the search follows a tree of resources only by the names in a path. It ends at a resource
that reads the request to choose a child, such as a guard that asks for credentials or a virtual
host, and at one that renders in its own way. So a resource wrapped around a router's sees every
request.

A router's resource defines `serves` beside `render`. A resource whose `render` only passes requests
on to others, as `root.Root` does, defines `forwards` and `behind` beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from twisted.web.resource import Resource


class RouterResource(Protocol):
    """The resource of a router, recognized because its class defines `serves` and `render`."""

    @property
    def serves(self) -> Any:
        """The router."""

    def find(self, path: bytes) -> Any | None:
        """Return what serves a path below this resource; None if the router does not know it."""


class Found(NamedTuple):
    """The resource of a router, and the segments of the path that led to it.

    ``is_fixed`` is whether that path always leads there, as long as no child is put elsewhere: no
    resource on the way chooses its children by code of its own, which may choose another next time.
    """

    resource: RouterResource
    path: Sequence[bytes]
    is_fixed: bool


class _Nobody:
    """The stand-in for a request while its path is followed; it knows nothing."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked = False

    def __getattr__(self, name: str) -> Any:
        # Noted as well, because the code that asks may handle the error itself.
        self.asked = True
        raise AttributeError(name)


def follow(resource: Any, path: Sequence[bytes], more: bool = False) -> Found | None:
    """Return the router's resource that a path of decoded segments leads to, or None.

    With ``more``, the one for every path that begins with this one.
    """
    nobody = _Nobody()
    at, is_fixed = 0, True
    try:
        while True:
            if _renders_as(resource, "serves"):
                return Found(resource, path[at:], is_fixed)
            if _renders_as(resource, "forwards"):
                resource = resource.forwards(path[at:], more)
            elif resource is None or resource.isLeaf or at == len(path):
                return None
            else:
                is_fixed = is_fixed and _has_child(resource, path[at])
                resource = resource.getChildWithDefault(path[at], nobody)
                at += 1
                if nobody.asked:
                    return None
    except Exception:  # noqa: BLE001  # of a child's own code; a request will show it
        return None


def resources_in(resource: Any) -> Iterator[Any]:
    """Return the resources of routers that are in a tree under fixed names."""
    left, seen = [resource], set()
    while left:
        resource = left.pop()
        if id(resource) in seen:
            continue
        seen.add(id(resource))
        if _renders_as(resource, "serves"):
            yield resource
        elif _renders_as(resource, "forwards"):
            left += resource.behind()
        elif not getattr(resource, "isLeaf", True):
            left += getattr(resource, "children", {}).values()


def _has_child(resource: Any, name: bytes) -> bool:
    """Return whether a child of this name was put there, and is found as Twisted finds it."""
    return (
        type(resource).getChildWithDefault is Resource.getChildWithDefault
        and "getChildWithDefault" not in vars(resource)
        and name in resource.children
    )


def _renders_as(resource: object, mark: str) -> bool:
    """Return whether a resource's ``render`` is from the class that defines ``mark``.

    A subclass that renders in its own way may refuse requests, so it is treated as a guard.
    """
    for each in type(resource).__mro__:
        if mark in vars(each):
            return "render" in vars(each) and "render" not in getattr(resource, "__dict__", ())
        if "render" in vars(each):
            return False
    return False
