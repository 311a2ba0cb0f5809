"""The template language: Mustache over plain data, compiled once per version, never HTML-escaped."""
