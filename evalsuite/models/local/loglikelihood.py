"""How likely a model of transformers finds each of several continuations of one context, which is read once.

The context is one forward pass, whose keys and values stay; the continuations follow it as one tree, in which each
token sees the context and its own ancestors, so that words that options share are read once too. Logits are made only
where a continuation's token is predicted: over a large vocabulary they cost more than all layers of a small model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from evalsuite.models.local.continuation_tree import ContinuationRequest, TokenTree
from evalsuite.models.optional_packages import import_optional

_CPU_CELLS, _GPU_CELLS = 1 << 24, 1 << 28
"""Most logits that one pass makes."""
_CPU_TOKENS, _GPU_TOKENS = 1 << 10, 1 << 15
"""Tokens of contexts that one pass reads, a longer one alone: on a CPU what stays in its caches."""
_CACHED = 1 << 19
"""Logits that a CPU normalises at once: more would need new pages of memory each time."""
_PROBE = ((3, 5, 4, 6, 7, 3), ((8, 9, 4), (8, 3), (5,)))
_FAR = {"float32": 1e-3}


class LoglikelihoodScorer:
    """Weighs choices, a batch at a time, with one model."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._torch = import_optional("torch", "hf")
        self._vocabulary = int(model.get_output_embeddings().weight.shape[0])
        cpu = model.device.type == "cpu"
        self._cells, self._tokens = (_CPU_CELLS, _CPU_TOKENS) if cpu else (_GPU_CELLS, _GPU_TOKENS)
        self._rows = max(1, (_CACHED if cpu else _GPU_CELLS) // self._vocabulary)
        self.shares = self._can_share()
        """Whether a context is read once for all its continuations; else once for each."""

    def batches(self, choices: Sequence[ContinuationRequest], size: int) -> Iterator[list[ContinuationRequest]]:
        """Cut choices into batches of similar length, the longest first, of at most `size`."""
        batch: list[ContinuationRequest] = []
        cells = 0
        for choice in sorted(choices, key=lambda choice: -len(choice.context)):
            own = self._vocabulary * sum(map(len, choice.continuations))
            full = len(batch) == size or cells + own > self._cells
            if batch and (full or (len(batch) + 1) * len(batch[0].context) > self._tokens):
                yield batch
                batch, cells = [], 0
            batch.append(choice)
            cells += own
        if batch:
            yield batch

    def sums(self, batch: Sequence[ContinuationRequest]) -> list[list[float]]:
        """Natural log-probabilities of every continuation of every choice. Raises torch's OutOfMemoryError."""
        pairs = [(choice.context, choice.continuations) for choice in batch]
        with self._torch.inference_mode():
            return self._shared(pairs) if self.shares else self._apart(pairs)

    def _shared(self, pairs: Sequence[tuple[Sequence[int], Sequence[Sequence[int]]]]) -> list[list[float]]:
        torch, trees = self._torch, [TokenTree(continuations) for _, continuations in pairs]
        lengths = torch.tensor([len(context) for context, _ in pairs], device=self._model.device)
        rows = torch.arange(len(pairs), device=self._model.device)
        ids = self._padded([context for context, _ in pairs])
        branching = any(tree.nodes for tree in trees)
        with self._only(rows, lengths - 1):
            first = self._model(input_ids=ids, use_cache=branching)
        found = [first.logits[0]]
        if branching:
            found.append(self._branches(trees, lengths, ids.shape[1], first.past_key_values))
        starts = np.cumsum([0, *(len(tree.nodes) for tree in trees)]) + len(pairs)
        places = [
            [number if row == 0 else starts[number] + row - 1 for row in tree.rows] for number, tree in enumerate(trees)
        ]
        logs = self._logs(found, [p for own in places for p in own], [t for tree in trees for t in tree.tokens])
        return _summed(logs, [tree.owners for tree in trees], [len(each) for _, each in pairs])

    def _branches(self, trees: Sequence[TokenTree], lengths: Any, width: int, cache: Any) -> Any:
        """Logits behind all nodes of all trees, shape (nodes, vocabulary)."""
        torch, device = self._torch, self._model.device
        ids = self._padded([tree.nodes for tree in trees])
        depths = self._padded([tree.depths for tree in trees])
        sees = np.zeros((len(trees), ids.shape[1], width + ids.shape[1]), dtype=np.bool_)
        for own, tree, length in zip(sees, trees, lengths.tolist(), strict=True):
            own[:, :length] = True  # a padding node too: a row that sees nothing is not a number
            own[: len(tree.nodes), width : width + len(tree.nodes)] = _seen(tree)
        mask = torch.zeros(sees.shape, dtype=self._model.dtype, device=device)
        mask.masked_fill_(torch.from_numpy(~sees).to(device), torch.finfo(self._model.dtype).min)
        rows = [row for row, tree in enumerate(trees) for _ in tree.nodes]
        columns = [column for tree in trees for column in range(len(tree.nodes))]
        with self._only(torch.tensor(rows, device=device), torch.tensor(columns, device=device)):
            output = self._model(
                input_ids=ids,
                position_ids=lengths[:, None] + depths,
                attention_mask=mask[:, None],
                past_key_values=cache,
                use_cache=True,
            )
        return output.logits[0]

    def _apart(self, pairs: Sequence[tuple[Sequence[int], Sequence[Sequence[int]]]]) -> list[list[float]]:
        """Each continuation behind a copy of its context: for models that can't share one."""
        torch, device = self._torch, self._model.device
        flat = [(context, each) for context, continuations in pairs for each in continuations]
        ids = self._padded([[*context, *each[:-1]] for context, each in flat])
        rows = [row for row, (_, each) in enumerate(flat) for _ in each]
        columns = [len(context) - 1 + place for context, each in flat for place in range(len(each))]
        with self._only(torch.tensor(rows, device=device), torch.tensor(columns, device=device)):
            logits = self._model(input_ids=ids, use_cache=False).logits[0]
        logs = self._logs([logits], range(len(rows)), [token for _, each in flat for token in each])
        owners = [[owner for owner, each in enumerate(own) for _ in each] for _, own in pairs]
        return _summed(logs, owners, [len(own) for _, own in pairs])

    @contextmanager
    def _only(self, rows: Any, columns: Any) -> Iterator[None]:
        """Within: the model makes logits only at these places, as one row; what it does with them stays its own."""
        head = self._model.get_output_embeddings()
        hook = head.register_forward_pre_hook(lambda _, given: (given[0][rows, columns][None], *given[1:]))
        try:
            yield
        finally:
            hook.remove()

    def _logs(self, found: Sequence[Any], places: Sequence[int], tokens: Sequence[int]) -> Any:
        """log p of `tokens[i]` by row `places[i]` of the logits, in float32 whatever the model computes in."""
        torch, device = self._torch, self._model.device
        totals = torch.cat([part.float().logsumexp(-1) for logits in found for part in logits.split(self._rows)])
        at, wanted = torch.tensor(places, device=device), torch.tensor(tokens, device=device)
        first = found[0].shape[0]
        chosen = found[0][at.clamp(max=first - 1), wanted].float()
        if len(found) > 1:
            chosen = torch.where(at < first, chosen, found[1][(at - first).clamp(min=0), wanted].float())
        return (chosen - totals[at]).double().cpu().numpy()

    def _padded(self, rows: Sequence[Sequence[int]]) -> Any:
        width = max(map(len, rows))
        padded = [[*row, *[0] * (width - len(row))] for row in rows]
        return self._torch.tensor(padded, device=self._model.device)

    def _can_share(self) -> bool:
        """Ask the model: a mask of our own must mean the same to it as reading every continuation apart."""
        config = self._model.config.get_text_config()
        kinds = getattr(config, "layer_types", None) or ["full_attention"]
        windowed = getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True)
        if set(kinds) != {"full_attention"} or windowed:
            return False
        short = (_PROBE[0][:4], _PROBE[1][:2])
        with self._torch.inference_mode():
            try:
                shared, apart = self._shared([_PROBE, short]), self._apart([_PROBE, short])
            except (RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError):
                return False
        far = _FAR.get(str(self._model.dtype).removeprefix("torch."), 0.1)
        return bool(np.allclose(np.concatenate(shared), np.concatenate(apart), rtol=far, atol=far))


def _seen(tree: TokenTree) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which nodes each node sees: its ancestors and itself, shape (nodes, nodes)."""
    seen = np.eye(len(tree.nodes), dtype=np.bool_)
    for node, parent in enumerate(tree.parents):
        if parent >= 0:
            seen[node] |= seen[parent]
    return seen


def _summed(logs: Any, owners: Sequence[Sequence[int]], counts: Sequence[int]) -> list[list[float]]:
    sums, start = [], 0
    for own, count in zip(owners, counts, strict=True):
        sums.append(np.bincount(own, weights=logs[start : start + len(own)], minlength=count).tolist())
        start += len(own)
    return sums
