"""The template language, and what to do next."""
