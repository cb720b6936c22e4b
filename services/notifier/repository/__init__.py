"""All SQL of the notifier, by table."""
