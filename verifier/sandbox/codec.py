"""Plain values as bytes: the only language that a sandboxed candidate may speak.

``encode`` runs inside the candidate's process and may be tampered with by it at will; ``decode`` runs
outside. The format has no way to name code, so whatever bytes arrive, they decode to a value of a closed
set of built-in types, to :class:`Iterated` or :class:`Opaque` (which equal nothing), or are refused.

A value of a class of its own never gets to say what it equals: subclasses of built-in types travel as their
base value, read through the base class's methods, and anything else as an :class:`Opaque`.

Limits are checked before anything is allocated. Crafted hash collisions are refused too, because building
a set of a hundred thousand equal hashes takes minutes.

Inside the sandbox, where nothing else of this project belongs, this module and its parts ``writing``,
``packing``, ``reading`` and ``plain`` import the standard library alone, and NumPy only where values of NumPy
types have to be written (then it is loaded already) or read.

Layout: one magic byte, then one value: a tag byte and its payload. Counts and lengths are unsigned LEB128.
"""

from verifier.sandbox.plain import LIMITS, WIDE, CodecError, Iterated, Limits, Opaque, bounded_set
from verifier.sandbox.reading import decode
from verifier.sandbox.writing import encode

__all__ = ["LIMITS", "WIDE", "CodecError", "Iterated", "Limits", "Opaque", "bounded_set", "decode", "encode"]
