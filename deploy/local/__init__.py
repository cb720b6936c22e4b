"""The one-machine launcher: embedded PostgreSQL, broker and mailbox, and the five services under one supervisor."""
