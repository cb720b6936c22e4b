"""Small state aid: ceilings per undertaking and granting country, declarations, headroom, register and letters."""
