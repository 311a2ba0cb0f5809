"""The model providers: pure functions between OpenAI's JSON and each provider's own. No I/O happens here."""
