"""The product that these operations belong to."""

from __future__ import annotations

from cloudhand.api.operation import Product

STS = Product(name="Sts", version="2015-04-01")
