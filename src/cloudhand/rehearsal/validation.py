"""Whether a text is a template, for those who have no control plane at hand."""

from __future__ import annotations

from cloudhand.orchestration.checking import checked
from cloudhand.orchestration.model import Catalogue, Template
from cloudhand.programs.pool import Pool


async def validated(text: str, catalogue: Catalogue) -> Template:
    """TemplateInvalid, with all that is wrong."""
    programs = Pool()
    try:
        return await checked(text, catalogue, programs)
    finally:
        await programs.close()
