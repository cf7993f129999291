# mypy: allow-untyped-defs, allow-untyped-calls, disallow-any-generics=False
"""Start-up hook of the child's Pythons; copied as ``sitecustomize.py`` into a directory of the run.

Clients that ask nobody but ``certifi.where()`` then trust the authority of the run, too. It is
read by every Python from 2.7 on, so it uses what all of them know; it imports nothing that the
program has not asked for, and then runs the ``sitecustomize`` that it stands in front of.
"""

import os
import sys

_BUNDLE = os.environ.get("CLOUDHAND_CA_BUNDLE", "")
_HERE = os.path.dirname(os.path.abspath(__file__))


def _trust(module):
    """Make ``where`` of this certifi, and ``contents`` with it, name the bundle of the run."""
    original_where, original_contents = module.where, module.contents

    def where():
        # The program may outlive the run.
        return _BUNDLE if os.path.exists(_BUNDLE) else original_where()

    def contents():
        if not os.path.exists(_BUNDLE):
            return original_contents()
        with open(_BUNDLE, "rb") as file:
            return file.read().decode("utf-8")

    for owner in (module, sys.modules.get(module.__name__ + ".core")):
        if owner is not None:
            owner.where, owner.contents = where, contents


class _Loader(object):
    """Stands before the real loader for one import."""

    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        _trust(module)

    def load_module(self, name):
        module = self._loader.load_module(name)
        _trust(module)
        return module


class _Finder(object):
    """Lets the others find certifi, and looks over their shoulder."""

    def find_spec(self, name, path=None, target=None):
        if name != "certifi":
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec = find and find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader)
                return spec
        return None

    def find_module(self, name, path=None):
        """Only the old Python 2 asks this."""
        if name != "certifi" or sys.version_info[0] > 2:
            return None
        import pkgutil

        sys.meta_path.remove(self)
        try:
            loader = pkgutil.find_loader(name)
        finally:
            sys.meta_path.insert(0, self)
        return loader and _Loader(loader)


def _chain():
    """Run the sitecustomize that Python would have run without us, under its own name."""
    ours = sys.modules.pop("sitecustomize")
    # Whoever leaves the table of modules may lose its globals.
    sys.modules["_cloudhand_start_up_hook"] = ours
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _HERE]
    try:
        __import__("sitecustomize")
    except ImportError as error:
        sys.modules.setdefault("sitecustomize", ours)
        if getattr(error, "name", None) != "sitecustomize" and "sitecustomize" not in str(error):
            raise


if __name__ == "sitecustomize":
    if "certifi" in sys.modules and _BUNDLE:
        # A .pth file has been faster.
        _trust(sys.modules["certifi"])
    elif _BUNDLE:
        sys.meta_path.insert(0, _Finder())
    _chain()
