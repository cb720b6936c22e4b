"""The story of the demo, played over public HTTP and the mailbox."""

from deploy.local.demo.story import Outcome, play

__all__ = ["Outcome", "play"]
