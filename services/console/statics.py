"""The static files: our own style sheet and icon, and htmx from the installed package (never a copy of it)."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

OWN = Path(__file__).parent / "static"


@dataclass(frozen=True)
class StaticFile:
    """A file held in memory, with the hash that its address carries so that browsers may keep it for ever."""

    content: bytes
    media_type: str
    hash: str


def _htmx_folder() -> Path:
    """Return the folder of htmx inside django-htmx, whose Python code is never imported."""
    spec = find_spec("django_htmx")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("django-htmx is not installed (pip install --no-deps django-htmx)")
    return Path(next(iter(spec.submodule_search_locations))) / "static" / "django_htmx"


@lru_cache
def static_files() -> dict[str, StaticFile]:
    """Return all static files by name."""
    htmx = _htmx_folder()
    places = {
        "console.css": (OWN / "console.css", "text/css; charset=utf-8"),
        "icon.svg": (OWN / "icon.svg", "image/svg+xml"),
        "htmx.js": (htmx / "htmx-4.min.js", "text/javascript; charset=utf-8"),
        "sse.js": (htmx / "ext" / "hx-sse-4.min.js", "text/javascript; charset=utf-8"),
    }
    return {name: _read(path, media_type) for name, (path, media_type) in places.items()}


def _read(path: Path, media_type: str) -> StaticFile:
    content = path.read_bytes()
    return StaticFile(content, media_type, hashlib.sha256(content).hexdigest()[:12])


def static_path(name: str) -> str:
    """Return the address of a static file."""
    return f"/static/{static_files()[name].hash}/{name}"
