"""`cloudhand rotate-key`: another key for the secrets that a control plane keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cloudhand.cli.errors import ClientError
from cloudhand.server.rotation import rotate_key
from cloudhand.server.state import CannotUse

EPILOG = (
    "Exit codes: 0 sealed anew; 2 not understood; 3 it could not be, and everything is as it was."
)


def command(
    state: Annotated[Path, typer.Option(help="The state directory; no control plane may hold it.")],
) -> None:
    """Seal all secrets of a control plane under a fresh key, and forget the old one.

    The key is in STATE/secret.key. Where CLOUDHAND_SECRET_KEY gives keys, 32 bytes in base64 with
    commas between them, they are sealed under the first one; take the others out of it then.
    """
    try:
        count = rotate_key(state.absolute())
    except CannotUse as error:
        raise ClientError(str(error)) from error
    print(f"{count} secrets are sealed under another key.")
