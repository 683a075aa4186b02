"""What tells one model from another: its layers' settings, less the names Keras numbers, and its weights."""

import json
from hashlib import blake2b
from typing import Any

import numpy as np

__all__ = ["model_fingerprint"]

FINGERPRINT_BYTES = 16
NAMES = {"name", "inbound_nodes", "input_layers", "output_layers"}


def model_fingerprint(model: Any) -> bytes:
    """Return 16 bytes, the same for a Keras model that is built the same way and has the same weights."""
    settings = json.dumps(_without_names(json.loads(model.to_json())), sort_keys=True)
    digest = blake2b(settings.encode(), digest_size=FINGERPRINT_BYTES)
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).data.cast("B") if weight.size else b"")
    return digest.digest()


def _without_names(config: Any) -> Any:
    if isinstance(config, list):
        return [_without_names(part) for part in config]
    if isinstance(config, dict):
        return {key: _without_names(part) for key, part in config.items() if key not in NAMES}
    return config
