"""Composition root: ``python -m services.matching [migrate] [--role all|http|worker]``, ``… prepare-models
[--directory DIR]``, ``… evaluate partners|calls|cpv --data DIR --queries FILE [--json]``,
``… learn [--dry-run] [--json] [--svg FILE]``, ``… index-vectors``.
"""

import sys
from collections.abc import Sequence

from services.matching.calls.parsing import MAX_FILE_BYTES
from services.matching.consumers import handlers
from services.matching.endpoints import routers
from services.matching.engine import shut_down, warm_up
from services.matching.settings import Settings
from services.matching.work import PERIODIC, jobs
from shared.service import Service

service = Service(
    name="matching",
    settings=Settings,
    routers=routers,
    handlers=handlers,
    jobs=jobs,
    periodic=PERIODIC,
    start=(warm_up,),
    stop=(shut_down,),
    body_limits={"/calls/imports": MAX_FILE_BYTES + 1_000_000},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service, prepare its models, index its vectors or have a ranker learned; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["prepare-models"]:
        from services.matching.prepare_models import prepare

        return prepare(given[1:])
    if given[:1] == ["evaluate"]:
        from services.matching.evaluation.command import evaluate

        return evaluate(given[1:])
    if given[:1] == ["learn"]:
        from services.matching.learn import learn

        return learn(given[1:])
    if given[:1] == ["index-vectors"]:
        from services.matching.index_vectors import index_vectors

        return index_vectors()
    service.main(given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
