"""The product that these operations belong to."""

from __future__ import annotations

from cloudhand.api.operation import Product

VPC = Product(name="Vpc", version="2016-04-28")
