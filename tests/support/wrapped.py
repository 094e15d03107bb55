"""An object around another, of which single methods are replaced: compiled classes cannot be patched."""


class Wrapped:
    """Has everything that `inner` has; subclasses override some of it."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)


def wrap(monkeypatch, owner, method, wrapper):
    """Make what ``owner.method(...)`` returns a `wrapper`, a subclass of `Wrapped`."""
    make = getattr(owner, method)
    monkeypatch.setattr(owner, method, lambda self, *given, **options: wrapper(make(self, *given, **options)))
