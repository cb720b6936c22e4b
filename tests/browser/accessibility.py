"""What axe finds wrong with a page."""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page


async def faults_of(page: Page) -> list[str]:
    """Return the rules of accessibility that the page breaks, each with the first place."""
    found = await Axe().run(page)
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found.response["violations"]]
