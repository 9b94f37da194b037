"""MiniLM: its files, its arithmetic against torch's own encoder, and what it understands."""

import math
import shutil

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repro.data.packages import packaged
from repro.pretrained import minilm as pretrained
from repro.pretrained.minilm import (
    MiniLM,
    SelfAttention,
    encode,
    minilm,
    sentence_vectors,
    tokenizer,
)


@pytest.fixture(scope="module")
def network():
    return minilm()


@pytest.fixture(scope="module")
def splitter():
    return tokenizer()


def test_it_has_the_published_number_of_weights(network):
    """22,713,216 with the pooler of 384 x 384 weights and 384 biases."""
    count = sum(p.numel() for p in network.parameters())
    assert count == 22_713_216 - 384 * 385 == 22_565_376
    assert not network.training


def test_words_are_split_as_bert_does(splitter):
    assert splitter.encode("Unaffable, naïve!").tokens == [
        *("[CLS]", "una", "##ffa", "##ble", ",", "naive", "!", "[SEP]")
    ]
    assert splitter.encode("a " * 600).ids.count(1037) == 600


def test_sentences_of_like_meaning_are_alike(network, splitter):
    """Each sentence is closest to its own paraphrase, whatever words they share."""
    pairs = [
        ("A man is eating food.", "Someone has a meal."),
        ("The bank raised its interest rates.", "Borrowing money has become more expensive."),
        ("A plane lands on the runway.", "The aircraft touches down at the airport."),
        ("How do I reset my password?", "I forgot the secret word of my account."),
    ]
    first, second = (
        sentence_vectors(network, *encode(texts, splitter=splitter))
        for texts in zip(*pairs, strict=True)
    )
    assert torch.allclose(first.norm(dim=1), torch.ones(4))
    assert (first @ second.T).argmax(dim=1).tolist() == [0, 1, 2, 3]
    assert (first @ second.T).argmax(dim=0).tolist() == [0, 1, 2, 3]


def test_published_similarities(network, splitter):
    """The model card's kind of example: 'That is a happy person' against three others."""
    texts = ["That is a happy person", "That is a happy dog", "That is a very happy person",
             "Today is a sunny day"]  # fmt: skip
    vectors = sentence_vectors(network, *encode(texts, splitter=splitter))
    dog, very, day = (vectors[:1] @ vectors[1:].T)[0].tolist()
    assert very > dog > day
    assert [very, dog, day] == pytest.approx([0.943, 0.695, 0.257], abs=1e-3)


def test_a_layer_is_that_of_torch(network):
    """torch's encoder layer, given the same weights, computes the same."""
    ours, theirs = (
        network.layers[2],
        nn.TransformerEncoderLayer(
            384, 12, 1536, dropout=0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
        ).eval(),
    )
    a = ours.attention
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(
            torch.cat([a.query.weight, a.key.weight, a.value.weight])
        )
        theirs.self_attn.in_proj_bias.copy_(torch.cat([a.query.bias, a.key.bias, a.value.bias]))
        for target, source in (
            (theirs.self_attn.out_proj, a.output),
            (theirs.linear1, ours.inner),
            (theirs.linear2, ours.outer),
            (theirs.norm1, ours.norm1),
            (theirs.norm2, ours.norm2),
        ):
            target.load_state_dict(source.state_dict())
        x = torch.randn(2, 9, 384, generator=torch.Generator().manual_seed(0))
        mask = torch.arange(9) < torch.tensor([[9], [5]])
        expected = theirs(x, src_key_padding_mask=~mask)
        assert torch.allclose(ours(x, mask)[mask], expected[mask], atol=2e-5)


def test_attention_is_that_of_a_slow_loop():
    torch.manual_seed(0)
    attention, x = SelfAttention(6, 2).double(), torch.randn(1, 5, 6).double()
    mask, maps = torch.tensor([[True, True, False, True, True]]), []
    got = attention(x, mask, maps)
    q, k, v = (part(x)[0] for part in (attention.query, attention.key, attention.value))
    rows = torch.zeros(5, 6).double()
    for head in range(2):
        part = slice(3 * head, 3 * head + 3)
        for i in range(5):
            e = [math.exp(q[i, part] @ k[j, part] / math.sqrt(3)) * mask[0, j] for j in range(5)]
            for j in range(5):
                assert maps[0][0, head, i, j].item() == pytest.approx((e[j] / sum(e)).item())
                rows[i, part] += e[j] / sum(e) * v[j, part]
    assert torch.allclose(got[0], attention.output(rows))


def test_maps_are_given_on_request_layer_by_layer(network, splitter):
    tokens, mask = encode(["One short sentence."], splitter=splitter)
    maps = []
    with torch.no_grad():
        with_maps = network(tokens, mask, maps)
        assert torch.equal(with_maps, network(tokens))
    assert [tuple(m.shape) for m in maps] == [(1, 12, 6, 6)] * 6
    assert all(torch.allclose(m.sum(dim=-1), torch.ones(1, 12, 6)) for m in maps)


def test_padding_changes_nothing(network, splitter):
    texts = ["Short.", "A sentence that is a good deal longer than the other one."]
    tokens, mask = encode(texts, splitter=splitter)
    assert tokens.shape == mask.shape and mask.sum(dim=1).tolist() == [4, 15]
    alone = torch.cat(
        [sentence_vectors(network, *encode([text], splitter=splitter)) for text in texts]
    )
    assert torch.allclose(sentence_vectors(network, tokens, mask), alone, atol=1e-5)
    maps = []
    with torch.no_grad():
        network(tokens, mask, maps)
    assert maps[0][0, :, :, 4:].abs().max() == 0


def test_order_and_kind_of_tokens_count(network, splitter):
    first, second = (
        sentence_vectors(network, *encode([text], splitter=splitter))
        for text in ("the dog bit the man", "the man bit the dog")
    )
    assert 0.5 < (first @ second.T).item() < 0.9999
    with torch.no_grad():
        x = network.word(torch.tensor([[101]])) + network.position.weight[0]
        expected = F.layer_norm(
            x + network.kind.weight[0], (384,), network.norm.weight, network.norm.bias, 1e-12
        )
        seen = []
        hook = network.layers[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        network(torch.tensor([[101]]))
        hook.remove()
    assert torch.allclose(seen[0], expected)


def test_it_is_deterministic_and_two_networks_share_nothing(network, splitter):
    tokens, mask = encode(["The same words again."], splitter=splitter)
    other = minilm()
    assert torch.equal(
        sentence_vectors(network, tokens, mask), sentence_vectors(other, tokens, mask)
    )
    with torch.no_grad():
        other.word.weight.zero_()
    assert network.word.weight.abs().sum() > 0


@pytest.mark.parametrize("length", [3, 5, 512])
def test_long_texts_are_cut_and_keep_their_ends(splitter, length):
    tokens, mask = encode(["word " * 700, "word"], length, splitter)
    assert tokens.shape == (2, length) and mask.sum(dim=1).tolist() == [length, 3]
    assert tokens[0, 0] == 101 and tokens[0, -1] == 102
    assert (tokens[0, 1:-1] == splitter.token_to_id("word")).all()
    assert tokens[1].tolist() == [101, splitter.token_to_id("word"), 102] + [0] * (length - 3)


def test_an_empty_text_has_its_two_marks():
    tokens, mask = encode([""])
    assert tokens.tolist() == [[101, 102]] and mask.all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([],), ValueError, "one text or more"),
        ((["a"], 2), ValueError, "a length of 3 to 512, got 1 texts and length 2"),
        ((["a"], 513), ValueError, "length 513"),
        (("a text",), TypeError, r"got one string; write \[text\]"),
    ],
)
def test_texts_that_cannot_be_encoded(arguments, error, message):
    with pytest.raises(error, match=message):
        encode(*arguments)


@pytest.mark.parametrize(
    ("tokens", "mask", "message"),
    [
        (torch.zeros(1, 3), None, r"int64 \(N, L\).*got torch.float32 \(1, 3\)"),
        (torch.zeros(3, dtype=torch.int64), None, r"got torch.int64 \(3,\)"),
        (torch.zeros(0, 3, dtype=torch.int64), None, r"N 1 or more"),
        (torch.zeros(1, 0, dtype=torch.int64), None, r"L 1 to 512"),
        (torch.zeros(1, 513, dtype=torch.int64), None, r"L 1 to 512, got torch.int64 \(1, 513\)"),
        (torch.full((1, 2), 30522), None, "0 to 30521, got 30522 to 30522"),
        (torch.full((1, 2), -1), None, "got -1 to -1"),
        (torch.ones(1, 2, dtype=torch.int64), torch.ones(1, 2), r"bool mask .*torch.float32"),
        (torch.ones(1, 2, dtype=torch.int64), torch.ones(1, 3) > 0, r"bool mask \(1, 2\)"),
        (torch.ones(1, 2, dtype=torch.int64), torch.zeros(1, 2) > 0, "a True in every row"),
    ],
)
def test_tokens_that_are_none_are_refused(tokens, mask, message):
    with pytest.raises(ValueError, match=message):
        MiniLM()(tokens, mask)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package")
    for load in (minilm, tokenizer):
        with pytest.raises(FileNotFoundError, match="no_such_package, which is not installed"):
            load()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*leave path out"):
        minilm(tmp_path / "none.safetensors")


@pytest.mark.parametrize("damage", ["one bit", "truncated", "empty"])
@pytest.mark.parametrize("load", [minilm, tokenizer])
def test_a_damaged_file_is_refused_before_it_is_read(tmp_path, monkeypatch, load, damage):
    path = tmp_path / "file"
    shutil.copy(packaged(pretrained.PACKAGE, pretrained.TOKENIZER), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes({"truncated": data[:1000], "one bit": data, "empty": b""}[damage])
    monkeypatch.setattr(pretrained, "load_file", lambda _: pytest.fail("the file was read"))
    with pytest.raises(ValueError, match=r"is not the pinned file of all-MiniLM.*Reinstall: pip"):
        load(path)


def test_an_entry_of_another_network_is_named():
    with pytest.raises(ValueError, match=r"unknown entry 'decoder.weight'"):
        pretrained._renamed("decoder.weight")
