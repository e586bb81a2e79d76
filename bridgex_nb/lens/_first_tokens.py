"""With which token a word begins behind its prompt, and which of these tokens belong to one language alone."""

from collections.abc import Sequence

import torch

from ..inference._tokens import token_rows
from ..models._neuron_model import NeuronModel


def first_tokens(
    model: NeuronModel,
    prompts: Sequence[str],
    rows: Sequence[list[int]],
    forms: Sequence[Sequence[Sequence[str]]],
    *,
    chat: bool,
) -> torch.Tensor:
    """The different tokens with which the forms of each word begin, behind its prompt and before a closing quote.

    Prompt and form are tokenised together. Where a tokenizer joins the end of a prompt with the beginning of a form, no token
    that follows the prompt stands for the form, and there is none.

    Parameters
    ----------
    model : NeuronModel
    prompts : sequence of str
        S prompts, as the model reads them.
    rows : sequence of list of int
        Their token ids.
    forms : sequence
        [K][S] lists of forms.
    chat : bool
        Whether a chat template wrote the prompts, special tokens included.

    Returns
    -------
    torch.Tensor
        int64 [K, S, F], -1 where there are fewer than F.
    """
    places = [(k, s) for k, of_language in enumerate(forms) for s, given in enumerate(of_language) for _ in given]
    texts = [prompts[s] + f'{form}"' for of_language in forms for s, given in enumerate(of_language) for form in given]
    found: dict[tuple[int, int], dict[int, None]] = {}
    for (k, s), row in zip(places, token_rows(model, texts, chat=chat), strict=True):
        before = rows[s]
        if len(row) > len(before) and row[: len(before)] == before:
            found.setdefault((k, s), {})[row[len(before)]] = None
    tokens = torch.full((len(forms), len(prompts), max(map(len, found.values()), default=1)), -1)
    for (k, s), these in found.items():
        tokens[k, s, : len(these)] = torch.tensor(list(these))
    return tokens


def of_one_language(tokens: torch.Tensor) -> torch.Tensor:
    """Which first tokens, [K, S, F], begin a form of the concept in no other language; bool of the same shape."""
    alone = tokens >= 0
    for k in range(len(tokens)):
        others = torch.cat([tokens[:k], tokens[k + 1 :]]).permute(1, 0, 2).flatten(1)  # [S, (K - 1) F]
        alone[k] &= ~(tokens[k][:, :, None] == others[:, None]).any(dim=2)
    return alone


def other_concepts(tokens: torch.Tensor, alone: torch.Tensor) -> torch.Tensor:
    """For each language and word, how many other words of the language the null is a mean over.

    A word counts if it has an unambiguous first token with which no form of the concept in question begins, in any language.

    Parameters
    ----------
    tokens, alone : torch.Tensor
        int64 and bool [K, S, F], of `first_tokens` and `of_one_language`.

    Returns
    -------
    torch.Tensor
        int64 [K, S].
    """
    counts = alone.any(dim=2).sum(dim=1, keepdim=True).repeat(1, tokens.shape[1])
    concepts = [set(of_word) for of_word in tokens.transpose(0, 1).flatten(1).tolist()]
    for k, (rows, masks) in enumerate(zip(tokens.tolist(), alone.tolist(), strict=True)):
        of_words = [{token for token, mine in zip(*both, strict=True) if mine} for both in zip(rows, masks, strict=True)]
        words_of: dict[int, list[int]] = {}
        for word, begins in enumerate(of_words):
            for token in begins:
                words_of.setdefault(token, []).append(word)
        confused = []
        for concept in concepts:
            near = {word for token in concept for word in words_of.get(token, ())}
            confused.append(sum(of_words[word] <= concept for word in near))
        counts[k] -= torch.tensor(confused)
    return counts
