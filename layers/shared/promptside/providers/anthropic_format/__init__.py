"""Anthropic's Messages format, as Anthropic and Vertex AI speak it."""
