"""The product that these operations belong to."""

from __future__ import annotations

from cloudhand.api.operation import Product

RAM = Product(name="Ram", version="2015-05-01")
