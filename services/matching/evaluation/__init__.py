"""Runs the product's own encoder and scorers on benchmark files: ``intercluster evaluate partners|calls|cpv``."""
