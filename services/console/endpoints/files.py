"""The static files, each under an address that changes with its content."""

from fastapi import APIRouter, Response

from services.console.statics import static_files
from services.console.web import Page
from shared.problems import not_found

FOR_EVER = "public, max-age=31536000, immutable"
A_DAY = "public, max-age=86400"

router = APIRouter(route_class=Page, include_in_schema=False)


@router.get("/static/{content_hash}/{name}")
async def static_file(content_hash: str, name: str) -> Response:
    """Return a static file; an outdated address still works but is not kept."""
    found = static_files().get(name)
    if found is None:
        raise not_found("file", name)
    caching = FOR_EVER if content_hash == found.hash else "no-store"
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": caching})


@router.get("/favicon.ico")
async def icon() -> Response:
    """Return the icon for browsers that ask without being told."""
    found = static_files()["icon.svg"]
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": A_DAY})


@router.get("/robots.txt")
async def robots() -> Response:
    """Nothing here is for search engines."""
    return Response("User-agent: *\nDisallow: /\n", media_type="text/plain", headers={"Cache-Control": A_DAY})
