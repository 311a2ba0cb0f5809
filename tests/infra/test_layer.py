"""What the built layer holds; `make test` builds it first."""

from __future__ import annotations

import filecmp
import re
import tomllib
from pathlib import Path

import pytest

from tests.infra.stack import BUILD_HINT, BUILT_LAYER, HOST_LAYER, ROOT

PACKAGES = {
    "annotated_doc",
    "annotated_types",
    "anyio",
    "attr",
    "attrs",
    "aws_lambda_powertools",
    "boto3",
    "botocore",
    "cffi",
    "cryptography",
    "dateutil",
    "fastapi",
    "google",
    "idna",
    "jmespath",
    "jsonschema",
    "jsonschema_specifications",
    "mangum",
    "opentelemetry",
    "promptside",
    "pyasn1",
    "pyasn1_modules",
    "pycparser",
    "pydantic",
    "pydantic_core",
    "referencing",
    "rpds",
    "s3transfer",
    "six",
    "starlette",
    "typing_extensions",
    "typing_inspection",
    "urllib3",
}
SERVICES = {"dynamodb", "events", "s3", "sqs", "ssm", "sts"}
LARGEST_BYTES = 60 * 1000 * 1000


@pytest.fixture(params=[BUILT_LAYER, HOST_LAYER], ids=["target", "host"])
def layer(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    if not (path / "python").is_dir():
        pytest.fail(f"{path.relative_to(ROOT)} is missing. {BUILD_HINT}")
    return path


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_layer_holds_the_wrapper_and_the_packages_and_nothing_else(layer: Path) -> None:
    assert {path.name for path in layer.iterdir()} - {"built"} == {"promptside-streaming", "python"}
    assert (layer / "promptside-streaming").stat().st_mode & 0o111
    tops = {path.name for path in (layer / "python").iterdir() if not path.name.endswith((".dist-info", ".so"))}
    assert {name.removesuffix(".py") for name in tops} - {"__pycache__"} == PACKAGES


def test_nothing_in_the_layer_runs_at_start_or_belongs_to_tests(layer: Path) -> None:
    folders = {"tests", "sboms", "bin"}
    unwanted = [path for path in files_below(layer) if path.suffix in {".pth", ".pyi"} or folders & set(path.parts)]

    assert [path for path in unwanted if "promptside" not in path.parts] == []


def test_botocore_knows_the_services_in_use_and_where_all_endpoints_are(layer: Path) -> None:
    data = layer / "python" / "botocore" / "data"

    assert {path.name for path in data.iterdir() if path.is_dir()} == SERVICES
    assert {path.name for path in data.iterdir() if path.is_file()} >= {
        "endpoints.json",
        "partitions.json",
        "sdk-default-configuration.json",
    }


def test_the_layer_stays_under_sixty_megabytes(layer: Path) -> None:
    assert sum(path.stat().st_size for path in files_below(layer) if "__pycache__" not in path.parts) < LARGEST_BYTES


def test_the_target_layer_with_its_bytecode_stays_under_sixty_megabytes() -> None:
    assert sum(path.stat().st_size for path in files_below(BUILT_LAYER)) < LARGEST_BYTES


def test_the_layer_ships_the_sources_as_they_are(layer: Path) -> None:
    source = ROOT / "layers" / "shared" / "promptside"
    names = sorted(path.relative_to(source).as_posix() for path in source.rglob("*.py"))

    different = [
        name
        for name in names
        if not (layer / "python" / "promptside" / name).is_file()
        or not filecmp.cmp(source / name, layer / "python" / "promptside" / name, shallow=False)
    ]

    assert different == [], BUILD_HINT


def test_native_wheels_are_for_the_runtime_of_the_functions() -> None:
    libraries = {path.name for path in BUILT_LAYER.rglob("*.so") if "cpython" in path.name}

    assert libraries
    assert all("cpython-313-" in name for name in libraries)


def test_every_requirement_is_pinned_with_hashes() -> None:
    entries = requirements()

    assert len(entries) > 20
    assert [name for name, _, hashes in entries if not hashes] == []


def test_requirements_agree_with_the_lock_file() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    locked = {package["name"]: package["version"] for package in lock["package"] if "version" in package}

    assert {name: version for name, version, _ in requirements()} == {
        name: locked[name] for name, _, _ in requirements()
    }


def requirements() -> list[tuple[str, str, int]]:
    """Return name, version and number of hashes of every requirement."""
    text = (ROOT / "layers" / "shared" / "requirements.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = [re.match(r"([a-z0-9.-]+)==([^ ;]+)", line) for line in lines]
    assert all(found), lines
    return [
        (match[1], match[2], line.count("--hash=sha256:")) for match, line in zip(found, lines, strict=True) if match
    ]
