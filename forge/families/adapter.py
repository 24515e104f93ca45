"""What a model family declares about itself.

A family is data: which stages it can be put through, and by which method. The declaration is what tier 1
checks; it needs neither torch nor the weights.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from forge.families.attention import AttentionLayout
from forge.families.layouts import ExpertLayout
from verifier.errors import RegistryError

_ARCHITECTURE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z")
_METHOD = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyAdapter:
    """One model architecture, as the dispatcher sees it.

    Attributes:
        architecture: the exact ``source.architecture`` string.
        methods: stage key -> method name, for every stage that needs family knowledge and that this
            family can do. A stage key is a stage type, or ``type/variant`` where the stage has variants.
            What is not declared here is refused; nothing is inherited from another family.
        layout: where routers and experts lie; None for a dense family.
        hybrid_attention: some layers carry linear attention instead of softmax heads, so a per-head
            operation has to leave them out.
        guarded: prefixes of tensor names (vision and audio towers, speech decoders) that no
            language-side stage may touch.
        guarded_tokens: keys of the configuration that name special token ids, as dotted paths from its root;
            the embedding rows of those tokens, and the keys themselves, stay as they are.
        guarded_config: further keys (dotted paths) that stay as they are, with all that is below them: the
            configurations of the guarded towers.
        attention: where attention heads lie; None if no head may be removed.
        text_config: keys that lead from the root of ``config.json`` to the language model's part of it;
            empty where that is the root.
        text_config_others: further places where checkpoints of the family keep that part.
        lora_targets: names of the modules that a low-rank adapter trains where the alloy names none.
        notes: what someone who adds a method has to know.
    """

    architecture: str
    methods: Mapping[str, str] = field(default_factory=dict)
    layout: ExpertLayout | None = None
    hybrid_attention: bool = False
    guarded: tuple[str, ...] = ()
    guarded_tokens: tuple[str, ...] = ()
    guarded_config: tuple[str, ...] = ()
    attention: AttentionLayout | None = None
    text_config: tuple[str, ...] = ()
    text_config_others: tuple[tuple[str, ...], ...] = ()
    lora_targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    notes: str = ""

    def __post_init__(self) -> None:
        """Refuse a malformed declaration at definition time, not in the middle of a dispatch.

        Raises:
            RegistryError: the architecture or a method name is malformed, or an expert method is
                declared without a layout.
        """
        if not _ARCHITECTURE.match(self.architecture):
            raise RegistryError(
                f"architecture: expected lower-case words joined by '_'; found {self.architecture!r}"
            )
        for key, method in self.methods.items():
            if not _METHOD.match(method):
                raise RegistryError(
                    f"{self.architecture}: method for {key!r}: expected an identifier; found {method!r}"
                )
            if key.startswith("expert-") and self.layout is None:
                raise RegistryError(
                    f"{self.architecture}: {key!r} declared: expected an expert layout beside it; found none",
                    remedy="give the adapter a layout= from forge/families/layouts.py",
                )

    @property
    def is_moe(self) -> bool:
        """The family routes tokens to experts."""
        return self.layout is not None

    @property
    def tensors_per_expert(self) -> int:
        """Tensors that one expert owns in one layer; 0 for dense families and fused layouts."""
        return self.layout.tensors_per_expert if self.layout else 0
