"""Marks that end a part of our own prompts, or that a chat template gives a meaning: broken up in text from elsewhere.

A server may read such a mark in a message as if it had written it. A space behind its first character makes it text,
and it stays readable.
"""

from __future__ import annotations

import re

OWN_TAGS = ("issue", "notes", "comment", "comments")
"""Tags that prompts wrap text from elsewhere in."""
_NAMED = (
    # turns: Gemma, Llama 2, Mistral, Granite, GLM and others
    "start_of_turn", "end_of_turn", "start_of_image", "end_of_utterance", "start_of_role", "end_of_role",
    "bos", "eos", "pad", "unk", "s", "sop", "eop", "eod", "eot",
    # fill in the middle
    "fim_prefix", "fim_middle", "fim_suffix", "fim_pad", "repo_name", "file_sep", "reponame",
    # thoughts and calls
    "think", "thinking", "seed:think", "tool_call", "tool_calls", "tool_response", "tool_result", "tool_results",
    "toolcall", "function_call", "function_calls", "function_response", "function_results", "arg_key", "arg_value",
    "available_tools", "minimax:tool_call", "seed:tool_call", "system-reminder",
)  # fmt: skip
_INSTRUCTIONS = (
    "INST|SYS|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|SYSTEM_PROMPT|TOOL_CONTENT|CALL_ID|ARGS|THINK|IMG"
    "|PREFIX|SUFFIX|MIDDLE|gMASK|sMASK"
)
_BAR = "[|\uff5c\u2223\u2758\u01c0\u2502]"
_TOKENS = re.compile(
    # <|im_end|>, <|eot_id|>, and the wide bars of DeepSeek; a token with one bar at either end, as in some templates
    rf"<(?=\s?{_BAR}[^<>\n]{{0,80}}>)|<(?=[^<>\n|\uff5c]{{1,80}}{_BAR}\s?>)"
    rf"|<(?=\s*/?\s*(?:{'|'.join(map(re.escape, (*OWN_TAGS, *_NAMED)))})\b[^<>\n]{{0,200}}/?\s*>)"
    rf"|<(?=\s*/\s*(?:{'|'.join(OWN_TAGS)})\b)"
    r"|<(?=/?(?:start|end)_\w{1,40}>|ctrl\d+>|extra_id_\d+>|unused\d+>|reserved_\w{1,30}>|<SYS>>|</SYS>>|0x[0-9A-F]{2}>)"
    rf"|\[(?=\s?/?(?:{_INSTRUCTIONS})\])",
    re.IGNORECASE,
)


def break_control_tokens(text: str) -> tuple[str, int]:
    """The text with a space behind the first character of each such mark, and how many there were."""
    return _TOKENS.subn(lambda found: f"{found[0]} ", text)
