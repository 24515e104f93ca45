"""Which check decides which kind of claim. An explicit table: nobody registers by being imported."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from verifier.claims.model import Claim
from verifier.tiers import (
    arithmetic,
    bytes,
    calibration,
    criteria,
    deltas,
    ends,
    recipe,
    reforge,
    scores,
)
from verifier.tiers.context import Context
from verifier.verdicts import Outcome

Check = Callable[[Claim, Context], Outcome]

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        # tier 1
        "architecture": recipe.check_architecture,
        "dispatch": recipe.check_dispatch,
        "parameters": recipe.check_parameters,
        "positive": recipe.check_positive,
        "hash-form": recipe.check_hash_form,
        "equal": recipe.check_equal,
        "at-most": recipe.check_at_most,
        "within-tolerance": recipe.check_within,
        "receipt-hash": recipe.check_receipt,
        "verify-url": recipe.check_verify_url,
        "publication": recipe.check_publication,
        "not-before": recipe.check_not_before,
        "quant-output": recipe.check_quant_output,
        "nothing-claimed": recipe.check_nothing_claimed,
        "reachable": arithmetic.check_reachable,
        "size-gb": arithmetic.check_size,
        "router-layers": arithmetic.check_router_layers,
        **dict.fromkeys(arithmetic.RULES, arithmetic.check_derived),
        **dict.fromkeys(arithmetic.COUNTS, arithmetic.check_count),
        # tier 2
        "reforge": reforge.check_reforge,
        # tier 3
        "alloy-digest": bytes.check_alloy_digest,
        "file-digest": bytes.check_file,
        "model-hash": bytes.check_model_hash,
        "samples-digest": bytes.check_samples,
        "card-digest": bytes.check_card,
        "selection-digest": bytes.check_selection,
        "external-digest": bytes.check_external,
        "dataset-digest": bytes.check_dataset,
        "corpus-digest": bytes.check_corpus,
        "parent-hash": bytes.check_parent,
        # tier 4
        "score": scores.check_score,
        "anchor-score": ends.check_anchor_score,
        "anchor": calibration.check_anchor,
        "delta": deltas.check_delta,
        "criterion": criteria.check_criterion,
        "criteria-met": criteria.check_met,
        "perplexity": scores.check_perplexity,
        "pending": scores.check_pending,
        "cited": scores.check_cited,
        "device-run": scores.check_device,
    }
)
