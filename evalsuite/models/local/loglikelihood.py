"""Log-likelihood scoring with transformers: the continuations of a context, which is read only once.

The context is one forward pass, whose keys and values are cached; the continuations follow it as one prefix tree, in
which each token attends to the context and its own ancestors, so that words that options share are read once too
(tree attention, as in speculative decoding). Logits are computed only where a continuation's token is predicted: over
a large vocabulary they cost more than all layers of a small model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from evalsuite.models.local.continuation_tree import ContinuationRequest, TokenTree
from evalsuite.models.optional_packages import import_optional

_CPU_LOGITS, _GPU_LOGITS = 1 << 24, 1 << 28
"""Maximum number of logits per forward pass."""
_CPU_TOKENS, _GPU_TOKENS = 1 << 10, 1 << 15
"""Maximum number of context tokens per forward pass, unless one is longer; on a CPU, what its caches can hold."""
_CPU_NORMALISED = 1 << 19
"""Logits that a CPU normalises at once: more would need new pages of memory each time."""
_PROBE = ((3, 5, 4, 6, 7, 3), ((8, 9, 4), (8, 3), (5,)))
"""A context and continuations, with a shared prefix, on which the two methods are compared."""
_TOLERANCES = {"float32": 1e-3}
_HALF_PRECISION_TOLERANCE = 0.1

Pair = tuple[Sequence[int], Sequence[Sequence[int]]]
"""A context and its continuations, as token ids."""


class LoglikelihoodScorer:
    """One model that computes the log-probabilities of continuations, one batch of requests at a time."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._torch = import_optional("torch", "hf")
        self._vocabulary = int(model.get_output_embeddings().weight.shape[0])
        cpu = model.device.type == "cpu"
        self._max_logits, self._max_tokens = (_CPU_LOGITS, _CPU_TOKENS) if cpu else (_GPU_LOGITS, _GPU_TOKENS)
        self._rows_normalised = max(1, (_CPU_NORMALISED if cpu else _GPU_LOGITS) // self._vocabulary)
        self.shares_context = self._can_share_context()
        """Whether a context is read once for all its continuations, or once for each."""

    def batches(self, requests: Sequence[ContinuationRequest], size: int) -> Iterator[list[ContinuationRequest]]:
        """Yield batches of at most `size` requests of similar length, the longest first."""
        batch: list[ContinuationRequest] = []
        logits = 0
        for request in sorted(requests, key=lambda request: -len(request.context)):
            more_logits = self._vocabulary * sum(map(len, request.continuations))
            full = len(batch) == size or logits + more_logits > self._max_logits
            # The first context of a batch is its longest, to which all others are padded.
            if batch and (full or (len(batch) + 1) * len(batch[0].context) > self._max_tokens):
                yield batch
                batch, logits = [], 0
            batch.append(request)
            logits += more_logits
        if batch:
            yield batch

    def logprobs(self, batch: Sequence[ContinuationRequest]) -> list[list[float]]:
        """Return the natural log-probability of each continuation of each request. Raises torch's OutOfMemoryError."""
        pairs = [(request.context, request.continuations) for request in batch]
        with self._torch.inference_mode():
            return self._with_shared_context(pairs) if self.shares_context else self._with_repeated_context(pairs)

    def _with_shared_context(self, pairs: Sequence[Pair]) -> list[list[float]]:
        torch, trees = self._torch, [TokenTree(continuations) for _, continuations in pairs]
        lengths = torch.tensor([len(context) for context, _ in pairs], device=self._model.device)
        pair_numbers = torch.arange(len(pairs), device=self._model.device)
        ids = self._padded([context for context, _ in pairs])
        branching = any(tree.nodes for tree in trees)  # False if every continuation is one token, as labels are
        # Right padding needs no mask in this pass: causal attention never looks ahead to it.
        with self._logits_at(pair_numbers, lengths - 1):
            first = self._model(input_ids=ids, use_cache=branching)
        logits = [first.logits[0]]
        if branching:
            logits.append(self._tree_logits(trees, lengths, ids.shape[1], first.past_key_values))
        # Rows of all logits: first one per context, then the nodes of each tree in turn.
        starts = np.cumsum([0, *(len(tree.nodes) for tree in trees)]) + len(pairs)
        rows = [
            number if row == 0 else starts[number] + row - 1 for number, tree in enumerate(trees) for row in tree.rows
        ]
        values = self._token_logprobs(logits, rows, [token for tree in trees for token in tree.tokens])
        return _sums(values, [tree.owners for tree in trees], [len(continuations) for _, continuations in pairs])

    def _tree_logits(self, trees: Sequence[TokenTree], lengths: Any, width: int, cache: Any) -> Any:
        """Return the logits behind all nodes of all trees, shape (nodes, vocabulary)."""
        torch, device = self._torch, self._model.device
        ids = self._padded([tree.nodes for tree in trees])
        depths = self._padded([tree.depths for tree in trees])
        # Columns of the mask: the cached context, padded to `width`, and then the tree's own nodes.
        visible = np.zeros((len(trees), ids.shape[1], width + ids.shape[1]), dtype=np.bool_)
        for rows, tree, length in zip(visible, trees, lengths.tolist(), strict=True):
            rows[:, :length] = True  # padding nodes too: softmax over a row without any visible column is NaN
            rows[: len(tree.nodes), width : width + len(tree.nodes)] = _ancestors(tree)
        mask = torch.zeros(visible.shape, dtype=self._model.dtype, device=device)
        mask.masked_fill_(torch.from_numpy(~visible).to(device), torch.finfo(self._model.dtype).min)
        tree_numbers = [number for number, tree in enumerate(trees) for _ in tree.nodes]
        node_numbers = [node for tree in trees for node in range(len(tree.nodes))]
        with self._logits_at(torch.tensor(tree_numbers, device=device), torch.tensor(node_numbers, device=device)):
            output = self._model(
                input_ids=ids,
                # Siblings are at the same position, so it is the depth that counts and not the place in the input.
                position_ids=lengths[:, None] + depths,
                attention_mask=mask[:, None],
                past_key_values=cache,
                use_cache=True,
            )
        return output.logits[0]

    def _with_repeated_context(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """Read the context again for each continuation: for models that can't share it (sliding windows, SSMs)."""
        torch, device = self._torch, self._model.device
        sequences = [(context, each) for context, continuations in pairs for each in continuations]
        ids = self._padded([[*context, *each[:-1]] for context, each in sequences])
        rows = [row for row, (_, each) in enumerate(sequences) for _ in each]
        # The logits at a position predict the next token, hence the last token of the context comes first.
        columns = [len(context) - 1 + offset for context, each in sequences for offset in range(len(each))]
        with self._logits_at(torch.tensor(rows, device=device), torch.tensor(columns, device=device)):
            logits = self._model(input_ids=ids, use_cache=False).logits[0]
        tokens = [token for _, each in sequences for token in each]
        values = self._token_logprobs([logits], range(len(rows)), tokens)
        owners = [[owner for owner, each in enumerate(continuations) for _ in each] for _, continuations in pairs]
        return _sums(values, owners, [len(continuations) for _, continuations in pairs])

    @contextmanager
    def _logits_at(self, rows: Any, columns: Any) -> Iterator[None]:
        """Within the context, the model computes logits only at these positions, as one row of a batch of one.

        The output layer's input is cut by a hook, so that whatever the model does with its logits afterwards (a soft
        cap, a scale) is still done by its own code.
        """
        head = self._model.get_output_embeddings()
        hook = head.register_forward_pre_hook(lambda _, inputs: (inputs[0][rows, columns][None], *inputs[1:]))
        try:
            yield
        finally:
            hook.remove()

    def _token_logprobs(self, logits: Sequence[Any], rows: Sequence[int], tokens: Sequence[int]) -> Any:
        """Return log p of `tokens[i]` by row `rows[i]` of the one or two logit matrices, which are seen as stacked.

        float32 whatever the model's type is: a log-sum-exp in bfloat16 would be off by several percent. The matrices
        are not concatenated, since a copy of them would double the memory that they need.
        """
        torch, device = self._torch, self._model.device
        totals = torch.cat(
            [part.float().logsumexp(-1) for matrix in logits for part in matrix.split(self._rows_normalised)]
        )
        row_ids, token_ids = torch.tensor(rows, device=device), torch.tensor(tokens, device=device)
        first_rows = logits[0].shape[0]
        chosen = logits[0][row_ids.clamp(max=first_rows - 1), token_ids].float()
        if len(logits) > 1:
            second = logits[1][(row_ids - first_rows).clamp(min=0), token_ids].float()
            chosen = torch.where(row_ids < first_rows, chosen, second)
        return (chosen - totals[row_ids]).double().cpu().numpy()

    def _padded(self, rows: Sequence[Sequence[int]]) -> Any:
        width = max(map(len, rows))
        padded = [[*row, *[0] * (width - len(row))] for row in rows]
        return self._torch.tensor(padded, device=self._model.device)

    def _can_share_context(self) -> bool:
        """Return whether this model gives the same results with a shared as with a repeated context.

        Some architectures ignore a mask or position ids that are passed to them, without any error, so that only a
        comparison on a small example shows it. A sliding window would not show in so short a context, hence the
        check of the config.
        """
        config = self._model.config.get_text_config()
        layer_types = getattr(config, "layer_types", None) or ["full_attention"]
        windowed = getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True)
        if set(layer_types) != {"full_attention"} or windowed:
            return False
        shorter = (_PROBE[0][:4], _PROBE[1][:2])  # a second pair of another length, so that padding is tested too
        with self._torch.inference_mode():
            try:
                shared = self._with_shared_context([_PROBE, shorter])
                repeated = self._with_repeated_context([_PROBE, shorter])
            except (RuntimeError, TypeError, ValueError, AttributeError, NotImplementedError):
                return False
        tolerance = _TOLERANCES.get(str(self._model.dtype).removeprefix("torch."), _HALF_PRECISION_TOLERANCE)
        return bool(np.allclose(np.concatenate(shared), np.concatenate(repeated), rtol=tolerance, atol=tolerance))


def _ancestors(tree: TokenTree) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Return which nodes each node attends to: itself and its ancestors, shape (nodes, nodes)."""
    mask = np.eye(len(tree.nodes), dtype=np.bool_)
    for node, parent in enumerate(tree.parents):
        if parent >= 0:
            mask[node] |= mask[parent]  # a parent comes before its children, so its row is complete
    return mask


def _sums(values: Any, owners: Sequence[Sequence[int]], counts: Sequence[int]) -> list[list[float]]:
    """Sum the log-probabilities of each continuation; `owners` and `counts` have one entry per request."""
    sums, start = [], 0
    for request_owners, count in zip(owners, counts, strict=True):
        part = values[start : start + len(request_owners)]
        sums.append(np.bincount(request_owners, weights=part, minlength=count).tolist())
        start += len(request_owners)
    return sums
