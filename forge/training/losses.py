"""Losses summed over the positions that count. A position counts if its next token's label does.

Sums, not means: a step may consist of several batches with different amounts of padding, and is divided once,
by all positions that count in it.
"""

from typing import Any

from forge.training.data import IGNORED


def counted(labels: Any) -> int:
    """How many positions predict a token that counts.

    Args:
        labels: shape (sequences, longest).
    """
    return int((labels[:, 1:] != IGNORED).sum())


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Negative log likelihood of every token that counts, in nats, summed in float32.

    Args:
        logits: shape (sequences, longest, vocabulary).
        labels: shape (sequences, longest); padding carries :data:`IGNORED`.
    """
    import torch

    return torch.nn.functional.cross_entropy(
        logits[:, :-1].float().reshape(-1, logits.shape[-1]),
        labels[:, 1:].reshape(-1),
        ignore_index=IGNORED,
        reduction="sum",
    )


def kl_logits(student: Any, teacher: Any, labels: Any, temperature: float) -> Any:
    """KL(teacher || student) of the next token's distribution at a temperature, times its square, summed.

    The square keeps gradients of one size whatever the temperature (Hinton, Vinyals and Dean, "Distilling the
    Knowledge in a Neural Network", 2015, section 2).

    Args:
        student, teacher: logits of shape (sequences, longest, vocabulary).
        labels: as above.
        temperature: above 0.
    """
    import torch

    keep = labels[:, 1:] != IGNORED
    log_student = torch.log_softmax(student[:, :-1][keep].float() / temperature, dim=-1)
    log_teacher = torch.log_softmax(teacher[:, :-1][keep].float() / temperature, dim=-1)
    divergence = torch.nn.functional.kl_div(log_student, log_teacher, reduction="sum", log_target=True)
    return divergence * temperature**2


def mse_hidden(student: Any, teacher: Any, labels: Any) -> Any:
    """Mean squared difference of the last hidden states, summed over positions: a known-bad ablation.

    It pulls the student back to the teacher's inner representation, which a pruned model cannot have, and
    says nothing about what it predicts.

    Args:
        student, teacher: shape (sequences, longest, hidden).
        labels: as above.
    """
    keep = labels[:, 1:] != IGNORED
    difference = student[:, :-1][keep].float() - teacher[:, :-1][keep].float()
    return difference.square().mean(-1).sum()
