"""Perplexity's two formats: the Agent API and Sonar."""
