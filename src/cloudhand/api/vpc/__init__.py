"""The operations of the product that keeps networks."""
