"""Perplexity against token-by-token likelihoods, without windows side by side and without padding."""

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forge import perplexity as module
from forge.perplexity import perplexity, windows
from forge.training import data
from tests.unit.forge import tiny_models as tiny
from tests.unit.forge.tiny_models import torch, transformers
from verifier.errors import DocumentError, EvidenceMismatchError, EvidenceMissingError, UsageError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("m") / "llama", "llama")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return tiny.corpus(tmp_path_factory.mktemp("c") / "text.jsonl", tiny.texts(7, longest=50))


def by_hand(folder, corpus, stride, length):
    """For every token: the window that first holds it, cut off before it, alone; its last logits decide."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    encoder = tiny.tokenizer()
    total, count = [], 0
    for line in corpus.read_text().splitlines():
        ids = encoder(json.loads(line)["text"])["input_ids"]
        for position in range(1, len(ids)):
            start = next(s for s in range(0, len(ids), stride) if s + length > position)
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([ids[start:position]])).logits[0, -1].double()
            total.append(float(torch.logsumexp(logits, 0) - logits[ids[position]]))
            count += 1
    return math.fsum(total) / count, count


@pytest.mark.parametrize(("stride", "length"), [(1, 4), (5, 8), (7, 8), (16, 64)])
def test_every_token_counts_once_in_its_window(folder, corpus, stride, length):
    found = perplexity(folder, corpus, stride=stride, max_length=length, batch_size=3)
    nll, count = by_hand(folder, corpus, stride, length)
    assert found["tokens"] == count
    assert found["nll"] == pytest.approx(nll, rel=1e-6)
    assert found["perplexity"] == pytest.approx(math.exp(nll), rel=1e-6)


def test_batch_size_does_not_matter(folder, corpus):
    found = [perplexity(folder, corpus, stride=8, max_length=16, batch_size=b) for b in (1, 2, 5, 64)]
    assert len({f["tokens"] for f in found}) == 1
    assert all(f["nll"] == pytest.approx(found[0]["nll"], rel=1e-6) for f in found)


def test_padding_not_masked_is_noticed(folder, corpus, monkeypatch):
    """Planted fault: pad positions get labels. Tokens and likelihood then differ from the oracle."""
    real = data.collate

    def unmasked(sequences, pad, counted_from=None):
        batch = real(sequences, pad, counted_from)
        return data.Batch(ids=batch.ids, mask=torch.ones_like(batch.mask), labels=batch.ids.clone())

    monkeypatch.setattr(data, "collate", unmasked)
    found = perplexity(folder, corpus, stride=16, max_length=64, batch_size=7)
    nll, count = by_hand(folder, corpus, 16, 64)
    assert found["tokens"] > count
    assert abs(found["nll"] - nll) > 1e-3


def test_a_pad_token_inside_a_text_counts(folder, tmp_path):
    """What is padding is told by position, not by id."""
    corpus = tiny.corpus(tmp_path / "c.jsonl", ["the <pad> cat", "a dog runs in the house"])
    found = perplexity(folder, corpus, stride=4, max_length=8, batch_size=2)
    assert found["tokens"] == 2 + 5


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 200), st.integers(2, 40), st.data())
def test_windows_count_each_position_once(size, length, more):
    stride = more.draw(st.integers(1, length - 1))
    ids = tuple(random.Random(0).choices(range(50), k=size))
    counted, start_of = [], 0
    for window in windows(ids, stride=stride, max_length=length):
        assert 1 <= window.counted_from < len(window.ids) <= length
        start_of = next(
            s for s in range(start_of, size) if ids[s : s + len(window.ids)] == window.ids and s % stride == 0
        )
        counted += [start_of + i for i in range(window.counted_from, len(window.ids))]
    if len(set(ids)) > 1 or size == 1:
        assert len(counted) == size - 1
    assert (
        sum(len(w.ids) - w.counted_from for w in windows(ids, stride=stride, max_length=length)) == size - 1
    )


@pytest.mark.parametrize(("stride", "length"), [(0, 8), (8, 8), (9, 8), (-1, 8), (1, 1)])
def test_strides_that_miss_tokens_are_refused(folder, corpus, stride, length):
    with pytest.raises(UsageError, match=r"perplexity: (stride|max_length)"):
        perplexity(folder, corpus, stride=stride, max_length=length)


def test_windows_beyond_the_model_are_refused(folder, corpus):
    with pytest.raises(UsageError, match="at most the model's 256"):
        perplexity(folder, corpus, stride=8, max_length=257)


def test_bad_corpora_are_errors(folder, tmp_path):
    with pytest.raises(EvidenceMissingError):
        perplexity(folder, tmp_path / "none.jsonl", stride=1, max_length=2)
    one = tiny.corpus(tmp_path / "one.jsonl", ["cat"])
    with pytest.raises(DocumentError, match="at least two tokens"):
        perplexity(folder, one, stride=1, max_length=2)
    with pytest.raises(EvidenceMismatchError):
        perplexity(folder, one, stride=1, max_length=2, expected_sha256="ab" * 32)


def test_nothing_is_left_to_the_order_of_sums(folder, corpus):
    found = [module.perplexity(folder, corpus, stride=3, max_length=9) for _ in range(2)]
    assert found[0] == found[1]
