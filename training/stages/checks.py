"""What rows are looked at for before they are trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalsuite.errors import DataError, UsageError
from evalsuite.models.local.template import Chat
from evalsuite.reward import StrictReward
from training.stages.job import Job

if TYPE_CHECKING:
    import datasets


def refuse_wrong_traces(job: Job, rows: datasets.Dataset, tokenizer: Any) -> None:
    """Raise a `DataError` where a trace, read as the benchmark reads it, doesn't end in its item's gold label."""
    chat, reward = Chat(tokenizer, None, "auto", str(job.start)), StrictReward()
    wrong = []
    for row in rows:
        opens = chat.rendered(row["prompt"])[1]
        try:
            paid = reward.pay(row["completion"], row["gold"], row["labels"], None, row["format"], opens)
        except UsageError as error:
            raise DataError(f"{job.rows}: item {row['item']}: {error}") from None
        if paid != 1.0:
            wrong.append(row)
    if wrong:
        said = wrong[0]["completion"][-1]["content"]
        raise DataError(
            f"{job.rows}: {len(wrong)} of {len(rows)} traces don't end in their gold label by the strict reading, such "
            f"as item {wrong[0]['item']} (gold {wrong[0]['gold']}), which ends {said[-80:]!r}: take them out"
        )


def refuse_long_rows(job: Job, rows: datasets.Dataset, tokenizer: Any, length: int) -> None:
    """Raise a `DataError` where a row has more tokens than a sequence: what is cut off is the answer."""
    lengths = [len(_tokens(row, tokenizer)) for row in rows]
    over = sum(tokens > length for tokens in lengths)
    if over:
        raise DataError(
            f"{job.rows}: {over} of {len(rows)} rows have more than batch.length = {length} tokens, the longest "
            f"{max(lengths)}: their ends would be cut off; raise batch.length, or take them out"
        )


def _tokens(row: dict[str, Any], tokenizer: Any) -> list[int]:
    if isinstance(row["prompt"], str):
        return list(tokenizer(row["prompt"] + row["completion"] + tokenizer.eos_token)["input_ids"])
    text = tokenizer.apply_chat_template(row["prompt"] + row["completion"], tokenize=False)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
