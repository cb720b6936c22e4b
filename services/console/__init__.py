"""The web UI for all kinds of people: server-rendered pages, sessions and sign-in."""
