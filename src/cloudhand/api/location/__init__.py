"""The service that tells where products are served."""
