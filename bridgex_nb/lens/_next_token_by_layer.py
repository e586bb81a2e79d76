"""What each layer's state says of the next token: the wanted columns of the vocabulary, the likeliest token and the entropy.

The states of all layers at the last token of a batch are one matrix. It meets the output layer one piece of the vocabulary
after the other, so that no tensor has all rows times the whole vocabulary.
"""

from typing import NamedTuple

import torch

from ..inference._next_token import Output, pieces


class NextToken(NamedTuple):
    """Of n states: log-probabilities [n, M] of M tokens, the likeliest token int64 [n], the entropy [n] in nats."""

    logprobs: torch.Tensor
    likeliest: torch.Tensor
    entropy: torch.Tensor


def next_token(norm: torch.nn.Module, output: Output, states: torch.Tensor, tokens: torch.Tensor) -> NextToken:
    """The next-token distribution that the output layer reads off each state.

    Parameters
    ----------
    norm : torch.nn.Module
        The final norm.
    output : tuple
        Of `output_layer`.
    states : torch.Tensor
        [n, d], as a layer puts them out.
    tokens : torch.Tensor
        int64 [M], in ascending order.
    """
    # A norm takes [batch, tokens, d]; where it has weights, they may be on another device than the layer.
    weight = next(norm.parameters(), states)
    normed = norm(states.to(weight.device)[None])[0]
    wanted, maxima, places, sums, products = [], [], [], [], []
    for start, logits in pieces(output, normed):
        first, end = torch.searchsorted(tokens, torch.tensor([start, start + logits.shape[1]])).tolist()
        wanted.append(logits[:, (tokens[first:end] - start).to(logits.device)])
        top = logits.max(dim=1)
        maxima.append(top.values)
        places.append(top.indices + start)
        below = logits.sub_(top.values[:, None])
        weights = below.exp()
        sums.append(weights.sum(dim=1))
        products.append(torch.linalg.vecdot(weights, below))
    of_pieces = torch.stack(maxima, dim=1)
    highest, piece = of_pieces.max(dim=1, keepdim=True)
    distance = of_pieces - highest
    total = (distance.exp() * torch.stack(sums, dim=1)).sum(dim=1)
    mean = (distance.exp() * (torch.stack(products, dim=1) + distance * torch.stack(sums, dim=1))).sum(dim=1) / total
    return NextToken(
        torch.cat(wanted, dim=1) - highest - total.log()[:, None],
        torch.stack(places, dim=1).gather(1, piece)[:, 0],
        total.log() - mean,
    )
