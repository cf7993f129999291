from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.official.host import Host
from tests.official.lab import Lab


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
async def lab(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> AsyncIterator[Lab]:
    async with Lab(tmp_path, rsa_key) as lab:
        yield lab


@pytest.fixture
async def host(lab: Lab) -> Host:
    return await lab.join()
