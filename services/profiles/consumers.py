"""Events in: profiles owns its facts and listens to nobody."""

from services.profiles.after_restore import erase_again
from shared.messaging import Handlers

handlers = Handlers("profiles")
handlers.erase_again = erase_again
