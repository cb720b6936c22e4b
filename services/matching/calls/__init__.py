"""Open calls and challenges: what they say, whom they fit, and how they come in."""
