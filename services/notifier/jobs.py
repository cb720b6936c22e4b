"""The notifier's durable queue: the registry that use cases enqueue into and ``work`` fills with handlers."""

from shared.messaging import Jobs

SEND = "send-mail"
SEND_NOW = "send-mail-now"
"""Mails other than suggestions have workers of their own: a digest of hundreds does not delay a sign-in link."""

jobs = Jobs()
