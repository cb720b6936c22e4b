"""A whole stack of its own for the fault tests, on every broker that is there, under the launcher's supervisor."""

from collections.abc import Iterator

import pytest

from tests.conftest import new_stack
from tests.faults.field import Field


@pytest.fixture(scope="package")
def field(broker_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Start everything; tests of this folder run on it one after another, each adding to what is there."""
    # Many rounds in a row would use up a person's week, and mails that rightly wait could not be told from lost ones.
    environment = {"INTERCLUSTER_NOTIFIER_SUGGESTION_MAILS_PER_WEEK": "1000"}
    stack = new_stack(broker_kind, tmp_path_factory.mktemp("faults"), environment=environment)
    stack.start()
    field = Field(stack)
    field.supervisor.start()
    yield field
    field.supervisor.stop()
    stack.stop()
