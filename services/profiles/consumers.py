"""Events in: profiles owns its facts and listens to nobody."""

from shared.messaging import Handlers

handlers = Handlers("profiles")
