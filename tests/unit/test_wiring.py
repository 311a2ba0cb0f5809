"""What the composition root decides about clients."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

LAYER = Path(__file__).parents[2] / "layers" / "shared"
PRINT_LINK = """
import sys
from promptside.batches.objects import Objects
from promptside.config import Settings
from promptside.wiring import shared_clients

settings = Settings(table="t", secrets_prefix="/p", region=sys.argv[1], store_endpoint=sys.argv[2] or None)
objects = Objects(shared_clients(settings)("s3"), bucket="my-bucket")
print(objects.link("files/a", seconds=300, content_type="text/plain", disposition="attachment"))
"""


@pytest.mark.parametrize(
    ("region", "endpoint", "host", "path"),
    [
        ("us-east-1", "", "my-bucket.s3.amazonaws.com", "/files/a"),
        ("eu-central-1", "", "my-bucket.s3.eu-central-1.amazonaws.com", "/files/a"),
        ("eu-central-1", "http://localhost:8788", "localhost:8788", "/my-bucket/files/a"),
    ],
)
def test_links_name_the_host_that_has_the_object(region: str, endpoint: str, host: str, path: str) -> None:
    # A process of its own: the session would keep these credentials for all other tests.
    environment = {"PYTHONPATH": str(LAYER), "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    done = subprocess.run(
        [sys.executable, "-c", PRINT_LINK, region, endpoint],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    link = urlsplit(done.stdout.strip())
    assert (link.netloc, link.path) == (host, path)
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link.query
    assert f"{region}%2Fs3%2Faws4_request" in link.query


USE_VECTORS = """
import sys
from promptside.config import Settings
from promptside.wiring import build_services

settings = Settings(table="t", secrets_prefix="/p", run_table="r", region="us-east-1", store_endpoint="http://localhost:1")
services = build_services(settings)
late = {"promptside.store.vectors", "promptside.providers.embeddings", "promptside.attempts.similar"}
print(sorted(late & set(sys.modules)), services.vectors() is services.vectors())
"""


def test_the_store_of_vectors_is_made_when_it_is_asked_for_and_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", USE_VECTORS],
        env={"PYTHONPATH": str(LAYER)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[] True"
