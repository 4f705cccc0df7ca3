"""The published schema is the one that files are held to."""

import json
from pathlib import Path

import pytest

from cnnfilter.networks.schema import LAYER_KINDS, json_schema

ROOT = Path(__file__).parents[2]


def test_the_published_schema_is_current():
    published = json.loads((ROOT / "docs" / "network.schema.json").read_text())
    assert published == json.loads(json.dumps(json_schema())), (
        "write it again with cnnfilter.networks.schema.write_schema"
    )


def test_the_schema_knows_every_kind_of_layer():
    mapping = json_schema()["$defs"]
    kinds = {one["properties"]["kind"]["enum"][0] for one in mapping.values() if "kind" in one.get("properties", {})}
    assert kinds == set(LAYER_KINDS)


def test_the_samples_fit_the_schema():
    jsonschema = pytest.importorskip("jsonschema")
    yaml = pytest.importorskip("yaml")
    for path in ("digits/digits.yaml", "cat-dog-elephant.yaml", "squeeze.yaml", "upscale.yaml"):
        jsonschema.validate(yaml.safe_load((ROOT / "samples" / path).read_text()), json_schema())
