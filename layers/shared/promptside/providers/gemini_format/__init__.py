"""Gemini's generateContent format, as Google and Vertex AI speak it."""
