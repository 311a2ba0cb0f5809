"""Experiments on prompts: several labels share the calls that ask for no version."""

from __future__ import annotations

from dataclasses import dataclass

from promptside.schema.prompt import JsonObject


@dataclass(frozen=True, slots=True)
class Experiment:
    """Labels with their weights, and the metadata field by whose value a call gets one of them, always the same."""

    by: str
    shares: tuple[tuple[str, float], ...]


def experiment_view(experiment: Experiment) -> JsonObject:
    """Return `{"by": "user_id", "labels": [{"label": "production", "weight": 95}]}`."""
    labels = [{"label": label, "weight": weight} for label, weight in experiment.shares]
    return {"by": experiment.by, "labels": labels}


def experiment_of(view: JsonObject) -> Experiment:
    """Return the experiment in its view, which was checked when it was stored."""
    return Experiment(view["by"], tuple((share["label"], share["weight"]) for share in view["labels"]))
