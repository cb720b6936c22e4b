"""How likely a pair is a good one: an additive model, what it looks at, how it is learned and when it is replaced."""
