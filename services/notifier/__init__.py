"""The notifier: from events to mails.

An event becomes an *occasion* (``consumers``, ``audience``). Occasions and people are brought together into *notices*,
one per occasion and recipient, under a permanent business key (``occasions``). Notices that are due become
*deliveries* (``composing``: consent, settling, weekly cap, one mail for all suggestions of a person), and deliveries
are sent from the durable queue (``sending``), rendered from what is known at that moment (``pages``, ``views``,
``rendering``). Addresses stand in the contact card alone (``people``): no queue, event, trail or log holds one.

Who is told when she joins late: open suggestions without limit of age, of each visit or voucher the newest step, and
nothing older than the setting ``late_days``.
"""
