import json
from pathlib import Path

from local.containers import write_container_environment


def test_containers_call_this_machine_by_its_name_for_them(tmp_path: Path) -> None:
    path = write_container_environment(
        tmp_path,
        {"PROMPTSIDE_TABLE": "promptside", "PROMPTSIDE_STORE_ENDPOINT": "http://127.0.0.1:8788"},
    )

    assert path == tmp_path / "sam-local.json"
    assert json.loads(path.read_text()) == {
        "Parameters": {
            "PROMPTSIDE_TABLE": "promptside",
            "PROMPTSIDE_STORE_ENDPOINT": "http://host.docker.internal:8788",
        }
    }
