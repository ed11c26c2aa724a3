"""Modules that a library imports at once and mostly never uses, loaded when they are first used.

`import paho.mqtt.client` brings in ssl (4 MB), urllib.request with http, email and tempfile (2 MB) and
hashlib (0.6 MB): a quarter of the agent, of which a connection without TLS, proxy and WebSocket needs
nothing. Looking up the broker's name brings in the tables of all of Unicode (0.6 MB), for names outside
ASCII. The library keeps a stand-in under its own name; everybody else imports the module as ever.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

# What is asked for on every turn of a connection, and can't have been raised before ssl is loaded:
# `except ():` catches nothing.
_UNRAISED: Final = {"ssl": frozenset({"SSLWantReadError", "SSLWantWriteError"})}
# Imported by name, and used as a module in turn.
_NESTED: Final = {"unicodedata": frozenset({"ucd_3_2_0"})}


class _StandIn(ModuleType):
    """Becomes the module of its name with the first attribute that is asked for."""

    def __getattr__(self, attribute: str) -> Any:
        name = self.__name__
        if attribute.startswith("__"):  # the import itself looks at __path__
            raise AttributeError(attribute)
        if sys.modules.get(name) is self:
            del sys.modules[name]
        if attribute in _UNRAISED.get(name, ()) and name not in sys.modules:
            return ()
        if attribute in _NESTED.get(name, ()):
            return _Nested(name, attribute)
        return getattr(importlib.import_module(name), attribute)


class _Nested:
    """Becomes an object in a module in the same way."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(getattr(importlib.import_module(self._module), self._name), attribute)


@contextmanager
def late(*names: str) -> Iterator[None]:
    """Have what is imported inside take stand-ins for these modules, unless they are loaded already."""
    stand_ins = {name: _StandIn(name) for name in names if name not in sys.modules}
    for name, stand_in in stand_ins.items():
        package, _, leaf = name.rpartition(".")
        if package:
            setattr(importlib.import_module(package), leaf, stand_in)
        sys.modules[name] = stand_in
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]
