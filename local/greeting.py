"""What the user sees: one prompt running, and what to paste next."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cli.prompt_files import PromptFile
from local.environment import EnvironmentSecretStore, variable
from promptside.providers.registry import MODULES, get_provider

_EXAMPLE_SECONDS = 60


def say(text: str = "") -> None:
    """Print a line at once, also into a pipe."""
    print(text, flush=True)


def show_providers(secrets: EnvironmentSecretStore) -> None:
    """Say which providers answer themselves and which the demo stands in for."""
    live = secrets.live()
    if live:
        say(f"Live:  {', '.join(live)}")
    demo = [f"{name} ({_hint(name)})" for name in sorted(MODULES) if name not in live]
    if demo:
        say(f"Demo:  {', '.join(demo)}")
        say("       The demo provider answers in their place, and says so, until you set the variable and start again.")


def show_events(store_url: str, inbox: Path) -> None:
    """Say where runs without a caller come from."""
    say(f"Events: SQS, EventBridge and S3 on {store_url}   Batches: files in {inbox}/PROMPT/   (docs/events.md)")


def run_example(base_url: str, api_key: str, prompt: PromptFile) -> None:
    """Run the prompt as a stream over HTTP and print the tokens as they come. Trouble is told, not raised."""
    say(f"\nPOST {base_url}/prompts/{prompt.slug}/completions  (stream)\n")
    try:
        for text in _stream(base_url, api_key, prompt):
            sys.stdout.write(text)
            sys.stdout.flush()
        say()
    except (OSError, http.client.HTTPException, ValueError) as error:
        say(f"The example did not come to its end: {error}")


def show_next_steps(base_url: str, api_key: str, prompt: PromptFile) -> None:
    """Print what to paste: curl, Python, Node."""
    values = json.dumps(prompt.variables)
    body = json.dumps({"variables": prompt.variables, "stream": True}).replace("'", "'\\''")
    say(f"""
Try it:

  curl -N {base_url}/prompts/{prompt.slug}/completions \\
    -H 'x-portkey-api-key: {api_key}' -H 'content-type: application/json' \\
    -d '{body}'

Python (pip install portkey-ai):

  from portkey_ai import Portkey
  client = Portkey(base_url="{base_url}", api_key="{api_key}")
  answer = client.prompts.completions.create(prompt_id="{prompt.slug}", variables={values})
  print(answer.choices[0].message.content)

Node (npm install portkey-ai):

  import {{ Portkey }} from "portkey-ai";
  const client = new Portkey({{ baseURL: "{base_url}", apiKey: "{api_key}" }});
  const answer = await client.prompts.completions.create({{ promptID: "{prompt.slug}", variables: {values} }});
  console.log(answer.choices[0].message.content);
""")


def _hint(name: str) -> str:
    if name == "bedrock":
        return "AWS credentials"
    return variable(get_provider(name)) or "a stored secret"


def _stream(base_url: str, api_key: str, prompt: PromptFile) -> Iterator[str]:
    address = urlsplit(base_url)
    connection = http.client.HTTPConnection(address.netloc, timeout=_EXAMPLE_SECONDS)
    try:
        connection.request(
            "POST",
            f"{address.path}/prompts/{prompt.slug}/completions",
            json.dumps({"variables": prompt.variables, "stream": True}),
            {"x-portkey-api-key": api_key, "content-type": "application/json"},
        )
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError(json.loads(answer.read())["message"])
        for line in answer:
            if line.startswith(b"data: {"):
                yield _text(json.loads(line[6:]))
    finally:
        connection.close()


def _text(chunk: dict[str, Any]) -> str:
    if "error" in chunk:
        raise ValueError(chunk["error"]["message"])
    return "".join(
        (choice.get("delta") or {}).get("content") or choice.get("text") or "" for choice in chunk["choices"]
    )
