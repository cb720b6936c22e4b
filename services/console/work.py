"""What the console does on its own: making its long-lived parts at the start, tidying up from time to time."""

import hashlib

from services.console.identity import Identity
from services.console.live import Live
from services.console.opaque import Pseudonyms
from services.console.web import identity_of, settings_of
from shared.context import Context
from shared.ids import new_id
from shared.service import Periodic


async def begin(context: Context) -> None:
    """Make the use cases of identity; the pseudonyms' key comes from the signing key, so there is no further secret."""
    key_file = context.settings.signing_key_file
    material = key_file.read_bytes() if key_file else new_id().bytes
    pseudonyms = Pseudonyms(hashlib.sha256(b"pseudonyms\0" + material).digest())
    context.state.identity = Identity(context, settings_of(context), pseudonyms)
    context.state.live = Live(context, settings_of(context).live_seconds)


async def end(context: Context) -> None:
    """Let the sign-in links that are being sent go out."""
    await identity_of(context).sent()


async def tidy(context: Context) -> None:
    """Delete ended sessions, used links and old counts."""
    await identity_of(context).purge()


PERIODIC = (Periodic("tidy", seconds=600.0, run=tidy, leader=True),)
