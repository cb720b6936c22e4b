"""What all routes of profiles share."""

from typing import Annotated

from fastapi import Depends

from shared.auth import Principal
from shared.http import Caller
from shared.problems import forbidden


async def signed_in(caller: Caller) -> Principal:
    """Return the caller unless her token is a mail link's: that is good for its one action only, which is not here."""
    if caller.actions:
        raise forbidden("This link is good for its one action only; sign in for more.")
    return caller


SignedIn = Annotated[Principal, Depends(signed_in)]


def etag(version: object) -> str:
    """Return a version as an entity tag."""
    return f'"{version}"'
