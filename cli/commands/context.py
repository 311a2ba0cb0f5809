"""What all commands share: where the files are, which stack it is, and the options that several have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cli.client import Client
from cli.content import Family, Name, Stored
from cli.display import progress
from cli.errors import CommandFailed
from cli.folder import Written, path_of, read_folder
from cli.lock import FILE, Lock
from cli.project import Choice, Project, Target, find_project
from cli.stack import Stack


@dataclass(frozen=True)
class Context:
    """One call of the command line."""

    directory: Path
    choice: Choice
    environment: Mapping[str, str]

    @cached_property
    def project(self) -> Project:
        """The nearest promptside.yaml."""
        return find_project(self.directory)

    @cached_property
    def folder(self) -> Path:
        """The folder with the files; as people would write it, when it is below where they are."""
        folder, here = self.project.folder, Path.cwd()
        return folder.relative_to(here) if folder.is_relative_to(here) else folder

    @cached_property
    def target(self) -> Target:
        """The stack to talk to."""
        return self.project.target(self.choice, self.environment)

    @cached_property
    def client(self) -> Client:
        """HTTP to that stack."""
        return Client(self.target)

    @cached_property
    def stack(self) -> Stack:
        """Its prompts."""
        return Stack(self.client)

    @cached_property
    def lock(self) -> Lock:
        """What this checkout has seen of it."""
        return Lock(self.project.root / FILE, self.target.url)

    def written(self) -> list[Written]:
        """Read the files. Raises CommandFailed when there is no folder, or a mistake in it."""
        if not self.folder.is_dir():
            raise CommandFailed(f"There is no folder {self.folder}: 'promptside init' makes one")
        return read_folder(self.folder)

    def chosen(self, written: list[Written], slugs: tuple[str, ...]) -> list[Written]:
        """Return the files that the arguments name, all without arguments."""
        if not slugs:
            return written
        wanted = [self.name(slug) for slug in slugs]
        known = {item.name for item in written}
        for name in wanted:
            if name not in known:
                raise CommandFailed(f"There is no file {path_of(self.folder, name)}")
        return [item for item in written if item.name in wanted]

    def stored(self, names: list[Name]) -> dict[Name, Stored]:
        """Read the latest versions of these from the stack, with a progress bar."""
        with progress(len(names), f"Reading {self.target.url}") as advance:
            return {stored.name: stored for stored in self.stack.latest(names, lambda: advance(""))}

    @staticmethod
    def name(text: str) -> Name:
        """Return what an argument names: `welcome`, `partials/tone`, or the path of a file."""
        parts = Path(text.removesuffix(".yaml").removesuffix(".yml")).parts
        family: Family = "partial" if "partials" in parts[:-1] else "prompt"
        return Name(family, parts[-1] if parts else text)
