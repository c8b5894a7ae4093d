"""The embedded model, for the tests that go the whole way on it."""

from support.embedded_model import embedded_model

__all__ = ["embedded_model"]
