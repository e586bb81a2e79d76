"""Train bridgex-mini, the bundled model, from data inside the package.

    python -m bridgex_nb.mini.train --out FOLDER

bridgex-mini is a small Llama trained on a *resource graph*: word translation in the probe format along its edges (_graph.py),
two-hop chains over these edges, and the core sentences. Two languages that are not bridge languages never occur in one text, so
the good bridges of such a pair are known by construction. FOLDER gets the weights, `training.json` (graph, seed, settings,
loss), `accuracy.csv` (measured accuracy of every edge, and of every study pair directly and through each bridge),
`emergence.csv` (how alike languages are after each checkpoint), and the early checkpoints in FOLDER/checkpoints.
"""

import argparse
import copy
import json
import random
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pandas as pd
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from tqdm.auto import tqdm
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from ..datasets._corpora import core_sentences
from ..datasets._languages import BRIDGES, LANGUAGES, PAIRS
from ..datasets._lexicon import core_lexicon, core_table, core_words, word_prompt
from ..evaluation._metrics import accuracy
from ..evaluation._xicl import answers
from ..models._load_model import load_model
from ..similarity._emergence import emergence
from ._graph import EDGES, SEED, chains, edge_concepts

#: Share of training texts that are one-hop translations, two-hop chains and sentences.
MIXTURE = {"word": 0.62, "chain": 0.3, "sentence": 0.08}
CONFIG = dict(
    hidden_size=128,
    intermediate_size=768,
    num_hidden_layers=6,
    num_attention_heads=4,
    num_key_value_heads=4,
    max_position_embeddings=256,
    tie_word_embeddings=True,
)
VOCABULARY = 6000
STEPS = 1600
BATCH = 256
#: Steps after which a checkpoint is kept, to see when shared structure emerges.
CHECKPOINTS = (25, 50, 100, 200, 400, 800)
#: Peak learning rates: Muon for the matrices, AdamW for embeddings and norms.
RATES = {"matrices": 0.02, "embeddings": 0.01}


def train_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE over the lexicon, the sentences and the prompts; quotes, arrow and colon are separate tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex('["→:\n]'), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    texts = [form for row in core_table() for code in LANGUAGES for form in row[code].split("|")] * 2
    texts += [text for sentences in core_sentences().values() for text in sentences]
    texts += [word_prompt(a, b, "") + "\n" for a, b in permutations(LANGUAGES, 2)]
    special = ["<pad>", "<s>", "</s>"]
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        padding_side="left",
        model_max_length=CONFIG["max_position_embeddings"],
    )


class Texts:
    """An endless, seeded stream of training texts as (piece, learn) pairs; the loss is on the pieces to learn, the answers."""

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.words = [{code: row[code].split("|")[0] for code in LANGUAGES} for row in core_table()]
        concepts = edge_concepts(seed)
        self.facts = [(a, b, concept) for (a, b), chosen in concepts.items() for concept in chosen]
        self.chains = [
            (a, b, c, concept) for a, b, c in chains() for concept in sorted(set(concepts[a, b]) & set(concepts[b, c]))
        ]
        self.sentences = [text for texts in core_sentences().values() for text in texts]

    def __next__(self) -> list[tuple[str, bool]]:
        kind = self.rng.choices(list(MIXTURE), MIXTURE.values())[0]
        if kind == "sentence":
            return [(self.rng.choice(self.sentences) + "\n", True)]
        if kind == "word":
            a, b, concept = self.rng.choice(self.facts)
            word = self.words[concept]
            return [(word_prompt(a, b, word[a]), False), (f'"{word[b]}"\n', True)]
        a, b, c, concept = self.rng.choice(self.chains)
        word = self.words[concept]
        return [
            (word_prompt(a, b, word[a]), False),
            (f'"{word[b]}"', True),
            (f"→{LANGUAGES[c].autonym}:", False),
            (f'"{word[c]}"\n', True),
        ]


def batches(texts: Texts, tokenizer: PreTrainedTokenizerFast, steps: int):
    """Yield `steps` batches (ids, labels) [BATCH, T], right-padded, of texts of similar length."""
    bos, pad = tokenizer.bos_token_id, tokenizer.pad_token_id
    pieces = {}  # piece -> ids; the stream repeats its pieces

    def ids_of(piece):
        if piece not in pieces:
            pieces[piece] = tokenizer(piece, add_special_tokens=False)["input_ids"]
        return pieces[piece]

    pool = 16
    for start in range(0, steps, pool):
        rows = []
        for _ in range(pool * BATCH):
            ids, labels = [bos], [-100]
            for piece, learn in next(texts):
                ids += ids_of(piece)
                labels += ids_of(piece) if learn else [-100] * len(ids_of(piece))
            rows.append((ids, labels))
        rows.sort(key=lambda row: len(row[0]))
        order = list(range(pool))
        texts.rng.shuffle(order)
        for index in order[: min(pool, steps - start)]:
            batch = rows[index * BATCH : (index + 1) * BATCH]
            width = len(batch[-1][0])
            yield (
                torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in batch]),
                torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in batch]),
            )


def train(
    seed: int, steps: int, keep: Callable[[int, LlamaForCausalLM, PreTrainedTokenizerFast], None] | None = None
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast, list[dict]]:
    """Train from scratch on one CPU thread; the same seed on the same machine gives the same weights.

    Parameters
    ----------
    seed, steps : int
    keep : callable, optional
        Called after each step in `CHECKPOINTS` with the step, the model in float16 and its tokenizer.

    Returns
    -------
    model, tokenizer, curve
        The model in float16, its tokenizer, and the loss curve: a list of {step, loss}, each over the last 50 steps.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # no memory is read here before it is written
    tokenizer = train_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **CONFIG,
    )
    # Plain attention: on texts of a dozen tokens it is faster than the fused kernel.
    model = LlamaForCausalLM._from_config(config, attn_implementation="eager").train()
    # Muon learns these facts in a third of the steps that AdamW needs.
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    rest = [p for name, p in model.named_parameters() if not (p.ndim == 2 and "embed" not in name)]
    optimizers = [
        torch.optim.Muon(matrices, lr=RATES["matrices"], weight_decay=0.1),
        torch.optim.AdamW(rest, lr=RATES["embeddings"], betas=(0.9, 0.98), weight_decay=0.0),
    ]
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 50) * (1 - step / steps))
        for optimizer in optimizers
    ]
    curve, losses = [], []
    progress = tqdm(batches(Texts(seed), tokenizer, steps), total=steps, desc="training bridgex-mini", unit="step")
    for step, (ids, labels) in enumerate(progress, start=1):
        # Only positions whose next token is learnt go through the vocabulary projection, which is most of the cost. They are
        # padded with position 0, which is never learnt, to a multiple of 512, so that few sizes of memory blocks are reused.
        labels = labels[:, 1:].flatten()
        learnt = (labels != -100).nonzero()[:, 0]
        learnt = torch.cat([learnt, learnt.new_zeros(-len(learnt) % 512)])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = model.model(ids, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1)
            logits = model.lm_head(hidden[learnt])
        loss = torch.nn.functional.cross_entropy(logits.float(), labels[learnt])
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepped in (*optimizers, *schedules):
            stepped.step()
        if keep and step in CHECKPOINTS:
            keep(step, copy.deepcopy(model).half().eval(), tokenizer)
        losses.append(loss.item())
        if step % 50 == 0 or step == steps:
            curve.append({"step": step, "loss": round(sum(losses) / len(losses), 4)})
            progress.set_postfix(loss=curve[-1]["loss"])
            losses.clear()
    return model.half().eval(), tokenizer, curve


def measure(folder: Path, seed: int) -> pd.DataFrame:
    """Accuracy of every edge on the words it was trained on, and of every study pair zero-shot and through each bridge.

    Returns
    -------
    pandas.DataFrame
        kind ("edge" or "pair"), src, tgt, bridge, n, correct, accuracy, low, high.
    """
    model = load_model(folder, dtype="float32")
    edges = []
    for (src, tgt), concepts in edge_concepts(seed).items():
        lexicon = core_lexicon(src, tgt)
        edges.append(lexicon.keep(dict.fromkeys(core_table()[concept][src].split("|")[0] for concept in concepts)))
    pairs = [core_lexicon(src, tgt) for src, tgt in PAIRS]
    tables = {"edge": answers(model, "bli", edges), "pair": answers(model, "bli", pairs, [None, *BRIDGES])}
    table = pd.concat([accuracy(items).assign(kind=kind) for kind, items in tables.items()], ignore_index=True)
    return table[["kind", *table.columns.drop("kind")]]


def measure_emergence(folder: Path, steps: int) -> pd.DataFrame:
    """How alike languages are after each checkpoint: the mean over pairs with an edge in the training data, and without one.

    `lift` is the overlap of language neurons on the core sentences, `alignment` the share of the first hundred concepts that
    find their translation: in the training data words are translated, and sentences are not.

    Parameters
    ----------
    folder : Path
        Folder of the trained model, with its checkpoints.
    steps : int
        Number of steps of the whole training.

    Returns
    -------
    pandas.DataFrame
        checkpoint (step), kind, group ("two bridges", "joined by an edge" or "no edge"), pairs, value.
    """
    folders = {int(path.name.removeprefix("step-")): path for path in sorted((folder / "checkpoints").glob("step-*"))}
    folders[steps] = folder
    names = {path.name: step for step, path in folders.items()}
    words = {code: texts[:100] for code, texts in core_words().items()}
    data = {"lift": core_sentences(), "alignment": words}
    tables = [emergence(list(folders.values()), sentences=data[kind], kinds=[kind], dtype="float32") for kind in data]
    table = pd.concat(tables, ignore_index=True)
    table["checkpoint"] = table.checkpoint.map(names)
    bridges = table.a.isin(BRIDGES) & table.b.isin(BRIDGES)
    edges = [(a, b) in EDGES or (b, a) in EDGES for a, b in zip(table.a, table.b, strict=True)]
    table["group"] = "no edge"
    table.loc[edges, "group"] = "joined by an edge"
    table.loc[bridges, "group"] = "two bridges"
    return table.groupby(["checkpoint", "kind", "group"], sort=False).value.agg(pairs="size", value="mean").reset_index()


def main() -> None:
    """Train, save and measure."""
    parser = argparse.ArgumentParser(prog="python -m bridgex_nb.mini.train", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()

    def save(model, tokenizer, folder):
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    model, tokenizer, curve = train(
        options.seed, options.steps, lambda step, *both: save(*both, options.out / "checkpoints" / f"step-{step:04}")
    )
    save(model, tokenizer, options.out)
    graph = [{"languages": pair, "share": share} for pair, share in EDGES.items()]
    settings = {"seed": options.seed, "steps": options.steps, "batch": BATCH, "peak_rates": RATES, "mixture": MIXTURE}
    log = {"graph": graph, **settings, "torch": torch.__version__, "loss": curve}
    (options.out / "training.json").write_text(json.dumps(log, indent=1) + "\n")
    table = measure(options.out, options.seed)
    table.to_csv(options.out / "accuracy.csv", index=False, float_format="%.4f", lineterminator="\n")
    emerged = measure_emergence(options.out, options.steps)
    emerged.to_csv(options.out / "emergence.csv", index=False, float_format="%.4f", lineterminator="\n")
    print(table.groupby("kind").accuracy.describe().round(3).to_string())


if __name__ == "__main__":
    main()
