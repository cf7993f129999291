"""The product that these operations belong to."""

from __future__ import annotations

from cloudhand.api.operation import Product

OOS = Product(name="oos", version="2019-06-01")
