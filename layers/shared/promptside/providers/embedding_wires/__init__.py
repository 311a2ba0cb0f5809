"""How each family of providers is asked for the vector of a text; `promptside.providers.embeddings` chooses."""
