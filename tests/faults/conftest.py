"""A whole stack of its own for the fault tests, on every broker that is there, under the launcher's supervisor."""

from collections.abc import Iterator

import pytest

from deploy.local.supervisor import Supervisor
from tests.conftest import new_stack
from tests.faults.field import Field


@pytest.fixture(scope="package")
def field(broker_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    """Start everything; tests of this folder run on it one after another, each adding to what is there."""
    stack = new_stack(broker_kind, tmp_path_factory.mktemp("faults"))
    stack.start()
    supervisor = Supervisor(stack, report=lambda words: None)
    supervisor.start()
    yield Field(stack)
    supervisor.stop()
    stack.stop()
