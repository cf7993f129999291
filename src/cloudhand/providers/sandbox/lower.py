"""Directories of the machine as an instance's lower layers: to read, and no more than others may.

All paths are in the instance's directory, which is the working directory: ``mnt/low`` has it all,
``mnt/seen`` the same without what others may not read.
"""

from __future__ import annotations

import os

from cloudhand.providers.sandbox import kernel


def show(source: str, name: str, owner: int | None) -> str:
    """Mount a directory under this name, and say where to look at it.

    Its ids are those of the user namespace ``owner``, if there is one.
    """
    _attach(source, f"mnt/low/{name}", owner)
    _mount_as_nobody(name)
    return f"mnt/seen/{name}"


def _attach(source: str, target: str, owner: int | None) -> None:
    tree = kernel.tree(source)
    kernel.restrict(tree, kernel.RDONLY | kernel.NODEV, owner=owner)
    point = os.open(target, os.O_PATH)
    kernel.attach(tree, point, source)
    os.close(point)
    os.close(tree)


def _mount_as_nobody(name: str) -> None:
    """Show ``mnt/low`` in ``mnt/seen``.

    An overlay looks into its layers as the one who mounted it. Whoever that is owns no file of
    ``low`` and may not pass over permissions, so neither can anybody who looks through it, now
    or later, whatever he may do elsewhere.
    """
    os.chdir("mnt")  # the directory above is closed to nobody, too
    try:
        with kernel.as_nobody():
            # An overlay that nobody writes to has two layers at least.
            layers = f"lowerdir=low/{name}:empty"
            kernel.mount("overlay", f"seen/{name}", flags=kernel.NODEV, options=layers)
    finally:
        os.chdir("..")
