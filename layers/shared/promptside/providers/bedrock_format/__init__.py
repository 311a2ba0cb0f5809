"""Bedrock's Converse format."""
