"""The product that these operations belong to."""

from __future__ import annotations

from cloudhand.api.operation import Product

LOCATION = Product(name="Location", version="2015-06-12")
