"""What the bundled server's process is given, and what is kept from it."""

from __future__ import annotations

from agent.bundled.options import RuntimeSettings, environment


def test_no_proxy_and_nothing_that_locks_us_out_reaches_the_server() -> None:
    given = {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "all_proxy": "socks5://127.0.0.1:9",
        "LLAMA_API_KEY": "the user's own",
        "LLAMA_ARG_HF_REPO": "somebody/something",
        "LLAMA_ARG_SSL_KEY_FILE": "key.pem",
        "LLAMA_ARG_N_GPU_LAYERS": "20",
    }
    made = environment(RuntimeSettings(), given)
    assert not {"HTTPS_PROXY", "all_proxy", "LLAMA_API_KEY", "LLAMA_ARG_HF_REPO", "LLAMA_ARG_SSL_KEY_FILE"} & set(made)
    assert (made["PATH"], made["LLAMA_ARG_N_GPU_LAYERS"]) == ("/bin", "20")
    assert (made["LLAMA_ARG_OFFLINE"], made["OMP_WAIT_POLICY"]) == ("1", "passive")
    assert "LLAMA_ARG_FLASH_ATTN" not in made


def test_the_users_size_of_the_prompt_cache_is_kept() -> None:
    assert environment(RuntimeSettings(), {"LLAMA_ARG_CACHE_RAM": "123"})["LLAMA_ARG_CACHE_RAM"] == "123"
    assert int(environment(RuntimeSettings(), {})["LLAMA_ARG_CACHE_RAM"]) > 0


def test_a_key_is_no_part_of_what_settings_print() -> None:
    assert "open-sesame" not in repr(RuntimeSettings(api_key="open-sesame"))
