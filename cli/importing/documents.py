"""Reads the files of an export: what a source takes out of a folder, and JSON with its mistakes named."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from cli.importing.base import BadExport, Document, Importer


def read_documents(paths: Iterable[Path], importer: Importer) -> list[Document]:
    """Return the documents in files, and in folders those that end as the source's do. Raises BadExport."""
    return [_document(path) for given in paths for path in _files(given, importer)]


def _files(path: Path, importer: Importer) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix in importer.suffixes and file.is_file())
    if not found:
        raise BadExport(f"{path}: there is no file that ends in {' or '.join(importer.suffixes)}")
    return found


def _document(path: Path) -> Document:
    try:
        # Line ends stay as they are: they are part of the prompt.
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as exc:
        raise BadExport(f"{path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise BadExport(f"{path}: this is not UTF-8 text") from exc
    if path.suffix != ".json":
        return Document(str(path), text)
    try:
        return Document(str(path), json.loads(text, parse_constant=_refuse))
    except json.JSONDecodeError as exc:
        raise BadExport(f"{path}:{exc.lineno}:{exc.colno}: this is not JSON: {exc.msg}") from exc
    except (ValueError, RecursionError) as exc:
        raise BadExport(f"{path}: this is not JSON that can be read") from exc


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
