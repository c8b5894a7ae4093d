"""Fixtures of the contracts."""

from support.embedded_model import embedded_model

__all__ = ["embedded_model"]
