"""All SQL of the matching service."""
