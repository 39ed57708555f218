"""How families of models mark their reasoning, their response and the end of their turn: the one table of it.

Every backend, import, reward and integration uses these rows through `final_segment`; a changed row changes what is
graded, so it raises the parser's VERSION. A row holds for whatever text has its marks: models are fine-tuned, renamed
and served under aliases, so the marks in the text decide, not the model's name.
"""

from typing import NamedTuple


class ReasoningDialect(NamedTuple):
    """One family's marks."""

    name: str
    models: str
    source: str
    """Where the marks were read, with the version of it."""
    openings: tuple[str, ...]
    """What opens reasoning, wherever it occurs behind the last closing mark."""
    closings: tuple[str, ...]
    """What ends reasoning; the opening may be missing, because many chat templates write it into the prompt."""
    leading: tuple[str, ...] = ()
    """Plain words that open reasoning only at the very start of a response: elsewhere they are prose."""
    ceremony: tuple[str, ...] = ()
    """What a model writes around its reasoning that is neither reasoning nor answer."""
    wrappers: tuple[tuple[str, str], ...] = ()
    """What encloses the response itself; removed where it encloses the whole final segment."""
    end_of_turn: tuple[str, ...] = ()
    """What may follow the answer, because a server that keeps special tokens returns it."""
    token: str | None = None
    """A vocabulary entry that only this family's tokenizers use for reasoning; None where it can't be determined."""
    stripped: str = ""
    """What is left where a server drops special tokens; empty: the marks are plain text and stay."""


THINK = ReasoningDialect(
    name="think",
    models="DeepSeek-R1, Qwen3, QwQ, GLM-4.5, EXAONE 4, Olmo 3, MiniMax-M2, Nemotron 3, Step3, Granite 4, Pangu",
    source="vLLM 0.11 deepseek_r1 and qwen3 parsers; since Qwen3.5 the opening is part of the prompt",
    openings=("<think>",),
    closings=("</think>",),
    end_of_turn=(
        "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "</s>", "<eos>",
        "<end_of_turn>", "<｜end▁of▁sentence｜>", "[|endofturn|]", "<|end_of_turn|>", "<|user|>", "<|observation|>",
        "[e~[",
    ),
)  # fmt: skip
HARMONY = ReasoningDialect(
    name="harmony",
    models="gpt-oss",
    source="openai-harmony 0.0.4, the format's documentation",
    openings=("<|channel|>analysis<|message|>", "<|channel|>commentary", "<|channel|>analysis"),
    closings=(
        "<|channel|>final<|message|>",
        "<|channel|>final <|constrain|>json<|message|>",
        "<|channel|>final<|constrain|>json<|message|>",
        "<|channel|>final json<|message|>",
        "assistantfinal",
    ),
    leading=("analysis", "commentary"),
    ceremony=("<|end|><|start|>assistant", "<|start|>assistant"),
    end_of_turn=("<|return|>", "<|end|>", "<|call|>"),
    token="<|channel|>",
    stripped="analysis...assistantfinal...: the channels' names, with no space behind them",
)
_MORE = (
    ReasoningDialect(
        name="gemma4",
        models="Gemma 4",
        source="vLLM 0.19 gemma4 parser",
        openings=("<|channel>thought",),
        closings=("<channel|>",),
        leading=("thought\n",),
        end_of_turn=("<turn|>",),
        token="<|channel>",
        stripped="a first line `thought`; where the reasoning ends can't be determined, so there is no answer",
    ),
    ReasoningDialect(
        name="medgemma",
        models="MedGemma 1 and 1.5; Gemma 3 has the tokens and never uses them",
        source="MedGemma's model card, 1.5",
        openings=("<unused94>thought", "<unused94>"),
        closings=("<unused95>",),
        token="<unused94>",
    ),
    ReasoningDialect(
        name="magistral",
        models="Magistral, Ministral 3 Reasoning",
        source="mistral-common 1.8",
        openings=("[THINK]",),
        closings=("[/THINK]",),
        token="[THINK]",
        stripped="nothing: reasoning can't be distinguished from the answer; have the server keep special tokens",
    ),
    ReasoningDialect(
        name="seed-oss",
        models="Seed-OSS",
        source="vLLM 0.11 seed_oss parser",
        openings=("<seed:think>",),
        closings=("</seed:think>",),
        end_of_turn=("<seed:eos>",),
        token="<seed:think>",
    ),
    ReasoningDialect(
        name="minimax-m3",
        models="MiniMax-M3",
        source="vLLM's minimax_m3 parser",
        openings=("<mm:think>",),
        closings=("</mm:think>",),
        token="<mm:think>",
    ),
    ReasoningDialect(
        name="huatuo",
        models="HuatuoGPT-o1",
        source="the model card of HuatuoGPT-o1-8B",
        openings=(),
        closings=("## Final Response",),
        leading=("## Thinking",),
    ),
    ReasoningDialect(
        name="exaone-deep",
        models="EXAONE Deep",
        source="the model card of EXAONE-Deep-32B",
        openings=("<thought>",),
        closings=("</thought>",),
    ),
    ReasoningDialect(
        name="kimi-vl",
        models="Kimi-VL-Thinking, Kimi k1.5",
        source="the model card of Kimi-VL-A3B-Thinking",
        openings=("◁think▷",),
        closings=("◁/think▷",),
        token="◁think▷",
    ),
    ReasoningDialect(
        name="kimi-k3",
        models="Kimi K3",
        source="vLLM's kimi_k3 parser",
        openings=("<|open|>think<|sep|>",),
        closings=("<|close|>think<|sep|>",),
        wrappers=(("<|open|>response<|sep|>", "<|close|>response<|sep|>"),),
        token="<|open|>",
        stripped="nothing that can be distinguished from prose",
    ),
    ReasoningDialect(
        name="granite-3.2",
        models="Granite 3.2",
        source="vLLM 0.11 granite parser",
        openings=(),
        closings=("Here is my response:", "Here's my response:"),
        leading=("Here is my thought process:", "Here's my thought process:"),
    ),
    ReasoningDialect(
        name="response-wrapper",
        models="ERNIE-4.5-Thinking, Granite 3.3",
        source="vLLM 0.11 ernie45 parser; the chat template of granite-3.3-8b-instruct",
        openings=("<think>",),
        closings=("</think>",),
        wrappers=(("<response>", "</response>"),),
    ),
    ReasoningDialect(
        name="cohere",
        models="Command A Reasoning, Command A Plus",
        source="vLLM's cohere_command3 and cohere_command4 parsers",
        openings=("<|START_THINKING|>",),
        closings=("<|END_THINKING|>",),
        wrappers=(("<|START_RESPONSE|>", "<|END_RESPONSE|>"), ("<|START_TEXT|>", "<|END_TEXT|>")),
        end_of_turn=("<|END_OF_TURN_TOKEN|>",),
        token="<|START_THINKING|>",
        stripped="nothing: reasoning can't be distinguished from the answer; have the server keep special tokens",
    ),
    ReasoningDialect(
        name="apertus",
        models="Apertus",
        source="vLLM's apertus parser",
        openings=("<|inner_prefix|>",),
        closings=("<|inner_suffix|>",),
        end_of_turn=("<|assistant_end|>",),
        token="<|inner_prefix|>",
        stripped="nothing that can be distinguished from prose",
    ),
    ReasoningDialect(
        name="plamo",
        models="PLaMo 3",
        source="vLLM's plamo3 parser",
        openings=("<|plamo:begin_think:plamo|>",),
        closings=("<|plamo:end_think:plamo|>",),
        end_of_turn=("<|plamo:tag|>",),
    ),
    ReasoningDialect(
        name="k2-horizon",
        models="K2-Horizon",
        source="vLLM's k2_horizon parser",
        openings=("<ifm|think>", "<ifm|think_fast>", "<ifm|think_faster>"),
        closings=("</ifm|think>", "</ifm|think_fast>", "</ifm|think_faster>"),
        end_of_turn=("<|ifm|im_end|>",),
        token="<ifm|think>",
    ),
    ReasoningDialect(
        name="inkling",
        models="Inkling",
        source="SGLang's and vLLM's inkling parsers",
        openings=("<|content_thinking|>",),
        closings=("<|content_text|>",),
        ceremony=("<|end_message|><|message_model|>",),
        end_of_turn=("<|content_model_end_sampling|>", "<|end_message|>"),
        token="<|content_thinking|>",
        stripped="nothing that can be distinguished from prose",
    ),
    ReasoningDialect(
        name="solar",
        models="Solar Open",
        source="vLLM's solar_open parser",
        openings=("<|think|>",),
        closings=("<|content|>",),
        ceremony=("<|end|><|begin|>assistant",),
        stripped="nothing that can be distinguished from prose",
    ),
    ReasoningDialect(
        name="solar-2",
        models="Solar Open 2",
        source="vLLM's solar_open2 parser",
        openings=("<|think:start|>",),
        closings=("<|think:end|>",),
        token="<|think:start|>",
        stripped="nothing that can be distinguished from prose",
    ),
    ReasoningDialect(
        name="pangu",
        models="openPangu before it had <think>",
        source="vLLM's pangu parser",
        openings=("[unused16]",),
        closings=("[unused17]",),
        end_of_turn=("[unused10]",),
    ),
    ReasoningDialect(
        name="thinking",
        models="models that were prompted or trained to write XML",
        source="common system prompts of GRPO recipes",
        openings=("<thinking>", "<reasoning>"),
        closings=("</thinking>", "</reasoning>"),
    ),
    ReasoningDialect(
        name="glm-box",
        models="GLM-4.1V and later vision models",
        source="the model card of GLM-4.5V",
        openings=("<think>",),
        closings=("</think>",),
        wrappers=(("<|begin_of_box|>", "<|end_of_box|>"),),
    ),
    # The wrapper collides with our own answer tag: under that format it *is* the answer element, and only what is
    # inside decides. Ask such a model for another format.
    ReasoningDialect(
        name="hunyuan",
        models="Hunyuan-A13B and the dense Hunyuan models",
        source="vLLM 0.11 hunyuan_a13b parser",
        openings=("<think>",),
        closings=("</think>",),
        wrappers=(("<answer>", "</answer>"),),
    ),
)
DIALECTS = (THINK, HARMONY, *_MORE)
