"""One control plane for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.clients import hang_up
from tests.api.cloud import Cloud, cloud


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running
        hang_up()
