"""Run stored prompts: templates, versions, thirteen providers, one OpenAI-shaped answer."""

__version__ = "0.1.0"
