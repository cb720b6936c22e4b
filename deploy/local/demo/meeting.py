"""Second part of the story: two firms say yes, meet on an approved visit, and report on it."""

from datetime import timedelta

from rich.progress import Progress

from deploy.local.demo.mailbox_reader import AnswerLink
from deploy.local.demo.scene import Scene
from deploy.local.operator_client import Caller, ServiceError
from deploy.local.process import StartError
from shared.clock import today

VISIT_KIND = "business_exploratory"
WEEKS_BACK = 8
"""Visits may be entered up to 60 days after their start: the demo enters one that has just taken place."""


def both_accept(scene: Scene, progress: Progress) -> str:
    """Both sides open the link in their mail (which changes nothing) and press its button."""
    assert scene.operator is not None, "the operator signs in first"
    with Caller() as browser:
        for side in scene.sides:
            before = scene.operator.call("matching", "GET", f"/suggestions/{scene.suggestion['suggestion_id']}")
            browser.send("GET", side.yes.url)
            after = scene.operator.call("matching", "GET", f"/suggestions/{scene.suggestion['suggestion_id']}")
            if before["version"] != after["version"]:
                raise StartError("opening a link changed the suggestion")
            _press(browser, side.yes, scene)
    scene.suggestion = scene.operator.call("matching", "GET", f"/suggestions/{scene.suggestion['suggestion_id']}")
    if scene.suggestion["state"] != "connected":
        raise StartError(f"both said yes, but the suggestion is {scene.suggestion['state']}")
    countries = " and ".join(scene.organisation(side.organisation_id)["country"] for side in scene.sides)
    return f"{countries}; the reason both were given: {scene.suggestion['reason']}"


def contacts_by_mail(scene: Scene, progress: Progress) -> str:
    """Both sides get a mail with the other's contact, which no mail showed before."""
    visitor, host = scene.sides
    for side, other in ((visitor, host), (host, visitor)):
        scene.mailbox.wait_for(side.email, scene.first_mail_number, contains=other.email)
    query = {"organisation_id": visitor.organisation_id}
    scene.connections = len(scene.person(visitor.email).call("matching", "GET", "/connections", params=query)["items"])
    return f"{visitor.email} and {host.email} now know each other's address"


def visit_requested(scene: Scene, progress: Progress) -> str:
    """The visitor enters a business exploratory visit of a past week; both hubs belong to it."""
    visitor, host = scene.sides
    visitor_hub, host_hub = _hubs(scene)
    last_refusal: ServiceError | None = None
    for weeks in range(1, WEEKS_BACK):
        monday = today() - timedelta(days=today().weekday() + 7 * weeks)
        try:
            scene.visit = scene.person(visitor.email).call_patiently(
                "mobility",
                "POST",
                "/visits",
                json={
                    "kind": VISIT_KIND,
                    "connection_id": scene.suggestion["suggestion_id"],
                    "visitor_person_id": visitor.person_id,
                    "visitor_id": visitor.organisation_id,
                    "visitor_hub_id": visitor_hub[0],
                    "host_id": host.organisation_id,
                    "host_hub_id": host_hub[0],
                    "starts_on": monday.isoformat(),
                    "ends_on": (monday + timedelta(days=4)).isoformat(),
                },
            )
        except ServiceError as error:
            # The same person may have visited somebody in an earlier run.
            if error.rule != "one-visit-at-a-time":
                raise
            last_refusal = error
            continue
        return f"{scene.visit['starts_on']} to {scene.visit['ends_on']}, waiting for four signatures"
    raise StartError(f"no week was free: {last_refusal}")


def four_approvals(scene: Scene, progress: Progress) -> str:
    """Visitor, visitor's hub, host and host's hub sign, each with her own token."""
    visitor, host = scene.sides
    visitor_hub, host_hub = _hubs(scene)
    signing = {"visitor": visitor.email, "visitor_hub": visitor_hub[1], "host": host.email, "host_hub": host_hub[1]}
    bar = progress.add_task("signatures", total=len(signing))
    for party, email in signing.items():
        path = f"/visits/{scene.visit['visit_id']}/decisions"
        body = {"party": party, "decision": "approve"}
        scene.visit = scene.person(email).call_patiently("mobility", "POST", path, json=body)
        progress.advance(bar)
    progress.remove_task(bar)
    if scene.visit["state"] != "approved":
        raise StartError(f"four parties signed, but the visit is {scene.visit['state']}")
    return ", ".join(signing.values())


def report(scene: Scene, progress: Progress) -> str:
    """The visitor reports on the visit, with evidence."""
    visitor, _ = scene.sides
    body = {
        "text": "We saw the line at work, tested our samples on it and agreed on a first joint trial.",
        "evidence": [{"kind": "train ticket", "reference": "TKT-2026-0042"}, {"kind": "minutes", "reference": "M-1"}],
    }
    path = f"/visits/{scene.visit['visit_id']}/report"
    scene.visit = scene.person(visitor.email).call("mobility", "POST", path, json=body)
    return f"visit {scene.visit['state']}"


def _hubs(scene: Scene) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return (cluster id, manager's address) of both sides' hubs."""
    visitor_hub, host_hub = (scene.hub_of(side) for side in scene.sides)
    if visitor_hub is None or host_hub is None:
        raise StartError("the pair was chosen by its hubs, but one of them is gone")
    return visitor_hub, host_hub


def _press(browser: Caller, link: AnswerLink, scene: Scene) -> None:
    """Press the button of the page behind the link, as a browser does."""
    browser.send("POST", link.url, headers={"Origin": scene.urls["console"]})
