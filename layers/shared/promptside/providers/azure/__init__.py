"""What is Azure's own: addresses and authentication around OpenAI's format."""
