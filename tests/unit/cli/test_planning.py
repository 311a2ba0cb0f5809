import subprocess
from pathlib import Path
from typing import Any

import pytest

from cli.content import Name, Stored, digest
from cli.errors import CommandFailed
from cli.folder import Written, in_order, read_folder
from cli.lock import FILE, Lock, plain_description, pushed_description
from cli.planning import Step, plan_push
from cli.pulling import carry_out, plan_pull

URL = "http://127.0.0.1:1/v1"
NAME = Name("prompt", "greeting")
TEXT = "name: Greeting\nvirtual_key: openai\nmodel: m\ntext: {}\n"


def content(text: str, name: str = "Greeting") -> dict[str, Any]:
    return {"name": name, "virtual_key": "openai", "model": "m", "text": text}


def stored(text: str, *, version: int = 1, published: bool = True, description: str | None = None) -> Stored:
    return Stored(NAME, content(text), version, f"v{version}", published, description)


class Checkout:
    """A folder with one prompt, and what it has seen of a stack."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "greeting.yaml"
        self.write("mine")

    def write(self, text: str) -> None:
        self.path.write_text(TEXT.format(text))

    @property
    def lock(self) -> Lock:
        return Lock(self.root / FILE, URL)

    @property
    def written(self) -> Written:
        return read_folder(self.root)[0]

    def step(self, there: Stored | None, *, publish: bool = False) -> Step:
        known = {} if there is None else {NAME: there}
        return plan_push([self.written], known, self.lock, publish=publish).steps[0]

    def commit(self) -> None:
        who = ("-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "init", "-q"], cwd=self.root, check=True)
        subprocess.run(["git", "add", "greeting.yaml"], cwd=self.root, check=True)
        subprocess.run(["git", *who, "commit", "-q", "-m", "x"], cwd=self.root, check=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize(
    ("there", "publish", "expected"),
    [
        (None, False, ("create", False)),
        (None, True, ("create", False)),
        (stored("mine"), False, ("none", False)),
        (stored("mine"), True, ("none", False)),
        (stored("mine", published=False), False, ("none", False)),
        (stored("mine", published=False), True, ("none", True)),
        (stored("other"), False, ("update", False)),
        (stored("other"), True, ("update", True)),
        (Stored(NAME, content("mine", "Other"), 1, "v1", published=True), False, ("rename", False)),
        (Stored(NAME, content("mine", "Other"), 1, "v1", published=False), True, ("rename", True)),
    ],
)
def test_a_step_does_what_is_needed_and_no_more(
    checkout: Checkout, there: Stored | None, publish: bool, expected: tuple[str, bool]
) -> None:
    step = checkout.step(there, publish=publish)

    assert (step.action, step.publish) == expected


def test_what_this_checkout_saw_last_may_be_replaced_and_nothing_else(checkout: Checkout) -> None:
    checkout.lock.note(stored("seen"))

    assert not checkout.step(stored("seen")).conflict
    assert checkout.step(stored("new", version=2)).conflict
    assert checkout.step(stored("new", version=2, description=pushed_description("theirs"))).conflict


@pytest.mark.parametrize(
    ("description", "conflict"),
    [(None, True), ("by hand", True), (pushed_description(None), False), (pushed_description("x"), False),
     ("Example file greeting.yaml, state 1", False)],
)  # fmt: skip
def test_without_a_note_only_what_came_from_files_may_be_replaced(
    checkout: Checkout, description: str | None, conflict: bool
) -> None:
    assert checkout.step(stored("other", description=description)).conflict == conflict


def test_what_an_earlier_commit_says_may_be_replaced(checkout: Checkout) -> None:
    checkout.lock.note(stored("old"))
    checkout.write("committed")
    checkout.commit()
    checkout.write("mine")

    assert not checkout.step(stored("committed", version=7)).conflict
    assert checkout.step(stored("never seen", version=7)).conflict


def test_a_damaged_lock_says_what_to_do(checkout: Checkout) -> None:
    (checkout.root / FILE).write_text("{")

    with pytest.raises(CommandFailed, match="delete it"):
        checkout.lock.base(NAME)


def test_a_description_comes_back_as_it_was_written() -> None:
    assert plain_description(stored("a", description=pushed_description("why"))) == "why"
    assert plain_description(stored("a", description=pushed_description(None))) is None
    assert plain_description(stored("a", description="Example file a.yaml, state 1")) is None


@pytest.mark.parametrize(
    ("base", "there", "outcome", "text"),
    [
        ("mine", "theirs", "changed", "theirs"),
        ("theirs", "theirs", "kept", "mine"),
        ("base", "theirs", "conflict", "mine"),
        (None, "theirs", "conflict", "mine"),
        (None, "mine", "same", "mine"),
    ],
)
def test_a_pull_never_loses_what_only_the_file_has(
    checkout: Checkout, *, base: str | None, there: str, outcome: str, text: str
) -> None:
    if base is not None:
        checkout.lock.note(stored(base))

    pulled = plan_pull(stored(there, version=2), checkout.written, checkout.root, checkout.lock, force=False)
    carry_out(pulled, checkout.lock)

    assert (pulled.outcome, checkout.path.read_text()) == (outcome, TEXT.format(text))


def test_a_forced_pull_takes_the_stacks(checkout: Checkout) -> None:
    pulled = plan_pull(stored("theirs"), checkout.written, checkout.root, checkout.lock, force=True)
    carry_out(pulled, checkout.lock)

    assert checkout.path.read_text() == TEXT.format("theirs")
    assert checkout.lock.base(NAME) == digest(content("theirs"))


def test_partials_come_before_what_includes_them() -> None:
    def partial(slug: str, *includes: str) -> Written:
        return Written(Name("partial", slug), Path(slug), {}, includes)

    order = in_order(
        [Written(NAME, Path("p"), {}, ("a",)), partial("a", "b", "elsewhere"), partial("b", "c"), partial("c")]
    )

    assert [str(item.name) for item in order] == ["partials/c", "partials/b", "partials/a", "greeting"]
    with pytest.raises(CommandFailed, match="in a circle: partials/"):
        in_order([partial("a", "b"), partial("b", "a")])
