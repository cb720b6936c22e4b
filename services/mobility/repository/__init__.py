"""All SQL of the mobility service, one module per table family."""
