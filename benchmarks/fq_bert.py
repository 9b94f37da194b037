"""The integer encoder of fq_bert against the float network: time on a processor, and size.

    python benchmarks/fq_bert.py

A user would otherwise run MiniLM in float32 in PyTorch. The integer encoder is a model of the chip
in NumPy: its products of integers have no fast library behind them, so it shows what the arithmetic
computes, not what hardware for it would cost. Beside it, PyTorch's own dynamic quantization of the
linear maps to 8 bits.
"""

import repro  # first: caps threads before torch loads

# isort: split
import torch
from torch import nn

from press.bench import Table, report, seconds
from repro.pretrained.minilm import encode, minilm

fq = repro.chapter("fq_bert")
TEXTS = ["The integer encoder of a small language model works on sentences of this length."] * 8


def dynamic(net):
    """The network with its linear maps in 8 bits, as PyTorch quantizes them."""
    return torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)


def bytes_of(stored):
    """Bytes that the integer layer keeps: 4-bit weights in nibbles, biases, tables, factors."""
    total = 0
    for part in stored.values():
        if isinstance(part, fq.Affine):
            total += part.w.size // 2 + 4 * part.b.size + 5
        elif isinstance(part, fq.Scaled):
            total += part.gamma.size + part.beta.size + 2 + 5
        elif hasattr(part, "size"):
            total += part.size
    return total


def by_tokens(counts=(1, 4, 8)):
    """Rows: seconds of the float encoder, and the others relative to it; and bytes of weights."""
    net = minilm()
    tokens, mask = encode(TEXTS)
    inputs = fq.embedded(net, tokens, mask)
    made = fq.calibrated(net.layers, nn.Identity(), fq.Spec(), inputs).double()
    s, stored = made.encoder.input.scale, []
    for layer in made.encoder.layers:
        stored.append(fq.integers(layer, s))
        s = layer.norm2.out.scale
    codes = fq.whole(fq.nearest(inputs[..., :-1].double() * made.encoder.input.scale))
    plain, eight = fq.Classifier(net.layers, nn.Identity(), fq.FLOAT), dynamic(minilm())

    def integers(n):
        x = codes[:n]
        for part in stored:
            x = fq.integer_layer(x, mask[:n].numpy(), part)

    rows = []
    for n in counts:
        base = seconds(lambda n=n: plain(inputs[:n]), 5)
        ways = (lambda n=n: eight(tokens[:n], mask[:n]), lambda n=n: integers(n))
        rows.append([n * tokens.shape[1], base, *(seconds(way, 3) / base for way in ways)])
    floats = sum(4 * p.numel() for p in net.layers.parameters())
    kept = sum(map(bytes_of, stored))
    return rows, [[floats, kept, floats / kept]]


def main():
    """Measure, print, write."""
    with torch.no_grad():
        times, sizes = by_tokens()
    report(
        "fq_bert",
        "Six layers of MiniLM on sentences, one thread: float32 in PyTorch, its dynamic 8-bit "
        "maps, and the encoder in integers alone in NumPy. Measured once. The "
        "book's caps on MKL and vector instructions slow float32, but not PyTorch's 8-bit maps: "
        "their ratio flatters them.",
        [
            Table(
                "Time relative to float32 (ratios), by number of tokens",
                ["tokens", "float32 (s)", "dynamic 8 bits", "integers in NumPy"],
                times,
            ),
            Table(
                "What the six layers store",
                ["float32 (bytes)", "integers, 4-bit weights (bytes)", "ratio"],
                sizes,
            ),
        ],
    )


if __name__ == "__main__":
    main()
