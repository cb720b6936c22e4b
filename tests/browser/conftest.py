"""Headless Chromium on the console's pages."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, async_playwright, expect

from tests.console.conftest import Console, Person, console  # noqa: F401 - the fixture that the stage stands on
from tests.console.town import Town, inhabit, populate

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=20_000)
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser; without Chromium on the machine it cannot run."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not Path(CHROMIUM).exists():
                item.add_marker(pytest.mark.skip(reason="Chromium is not installed (apt-get install chromium)"))


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """A headless Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def port() -> int:
    """A free port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def public_base_url(port: int) -> str:
    """Where the browser reaches the console."""
    return f"http://127.0.0.1:{port}"


@dataclass
class Stage:
    """The console on a port, with the town played by the sisters, and one person of each kind."""

    url: str
    console: Console
    town: Town
    people: dict[str, Person]

    async def sign_in(self, context: BrowserContext, who: str) -> None:
        """Sign a person in by her link, with the button, as people do."""
        page = await context.new_page()
        await page.goto(await self.console.link_for(self.people[who], "/account"))
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{self.url}/account")
        await page.close()


@pytest.fixture
async def stage(console: Console, port: int, public_base_url: str) -> AsyncIterator[Stage]:  # noqa: F811
    """Serve the console for a browser."""
    town = Town()
    inhabit(console, town)
    await populate(console, town)
    everything = ("sme_contact", "hub_manager", "voucher_administrator", "auditor")
    roles: dict[str, list[tuple[str, UUID | None]]] = {
        "sme": [("sme_contact", town.firm)],
        "hub": [("hub_manager", town.hub)],
        "administrator": [("voucher_administrator", town.funder)],
        "auditor": [("auditor", town.funder)],
        "operator": [("operator", None)],
        "everything": [*((role, town.hub) for role in everything), ("operator", None)],
    }
    people = {who: console.person(*held, name=f"{who.title()} Muster") for who, held in roles.items()}
    config = uvicorn.Config(console.app, port=port, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield Stage(public_base_url, console, town, people)
    server.should_exit = True
    await serving


def screenshots() -> Path | None:
    """Where to leave screenshots, if somebody wants to look at them."""
    wanted = os.environ.get("SCREENSHOTS")
    if not wanted:
        return None
    Path(wanted).mkdir(parents=True, exist_ok=True)
    return Path(wanted)
