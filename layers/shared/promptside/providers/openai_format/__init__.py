"""OpenAI's wire formats (chat completions, completions, responses) and how hosts that speak them differ."""
