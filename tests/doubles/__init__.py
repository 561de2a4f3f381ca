"""Test doubles of model servers: real HTTP on loopback, in the shapes of the servers they stand for.

A double stands for the model and its runtime only: replies are scripted, prompt tokens counted by one fixed rule
(`base.tokens_in`), windows and caches as told.
"""

from __future__ import annotations

from doubles.base import Double, Seen, rendered, tokens_in
from doubles.generic import GenericDouble
from doubles.llama_cpp import LlamaCppDouble
from doubles.lm_studio import LmStudioDouble
from doubles.ollama import OllamaDouble
from doubles.openai import OpenAIDouble
from doubles.sglang import SglangDouble
from doubles.vllm import VllmDouble

__all__ = [
    "Double",
    "GenericDouble",
    "LlamaCppDouble",
    "LmStudioDouble",
    "OllamaDouble",
    "OpenAIDouble",
    "Seen",
    "SglangDouble",
    "VllmDouble",
    "rendered",
    "tokens_in",
]
