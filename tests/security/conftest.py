"""The console's fixtures, for the tests of who may open its pages."""

from tests.console.conftest import console, public_base_url

__all__ = ["console", "public_base_url"]
