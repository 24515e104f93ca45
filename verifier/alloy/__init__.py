"""The document: models, parsing with limits, hashing."""

from verifier.alloy.parse import Alloy, load, parse, parse_json, serialise

__all__ = ["Alloy", "load", "parse", "parse_json", "serialise"]
