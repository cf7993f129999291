"""The product that these operations belong to."""

from __future__ import annotations

from cloudhand.api.operation import Product

ECS = Product(name="Ecs", version="2014-05-26")
