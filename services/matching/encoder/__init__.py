"""From texts to vectors: which model reads a text, how its cosine becomes a similarity, and where the models come from.

Nothing here knows the web, the broker or the database. torch is imported only where a model is really loaded.
"""
