"""`cloudhand version`"""

from __future__ import annotations

import cloudhand


def command() -> None:
    """Print the version."""
    print(cloudhand.__version__)
