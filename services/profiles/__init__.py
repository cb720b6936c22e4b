"""Profiles: organisations, people, roles, memberships and consents; import, search, export and erasure."""
