#!/usr/bin/env python3
"""Transplants a tokenizer into every architecture that `transformers` can make small.

    tests/architectures.py TOOL [MODEL_TYPE...]

For each class of a language model that the package knows: a random model of a few
thousand parameters is saved, TOOL gives it another tokenizer (all of its tokens in
another order, and new ones), and what comes out is loaded by the package, with no key
missing, unexpected or resized, and run. Its logits for the shared tokens must be those
of the model before. Prints a table of all of them; the last line is `N passed, N failed,
N skipped`.
"""
import collections
import inspect
import json
import logging
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="critical",
                  TOKENIZERS_PARALLELISM="false", TRANSFORMERS_NO_ADVISORY_WARNINGS="1",
                  HF_HUB_DISABLE_PROGRESS_BARS="1")
warnings.filterwarnings("ignore")
try:
    import torch
    import transformers
    from safetensors.torch import save_file
    from transformers import AutoConfig, CONFIG_MAPPING, PreTrainedConfig
    from transformers.models.auto import modeling_auto
except ImportError as error:
    print(f"skipped architectures: {error}")
    sys.exit(77)

torch.set_num_threads(1)
logging.disable(logging.CRITICAL)

# ---- the two vocabularies ------------------------------------------------------

SPECIAL = ["<s>", "</s>", "<pad>", "<unk>", "<mask>"] + [f"<|extra{i}|>" for i in range(60)]
WORDS = [f"Ġ{a}{b}" for a in "bcdfghjkl" for b in "aeiou"]
NEW = [f"new{i}" for i in range(17)]
BOS, EOS, PAD, UNK, MASK = range(5)
OLD_TOKENS = SPECIAL + WORDS
NEW_TOKENS = WORDS[::-1] + NEW + SPECIAL[5:] + SPECIAL[:5]
ROWS, NEW_ROWS = len(OLD_TOKENS) + 3, len(NEW_TOKENS) + 4
assert ROWS == 113, "a prime, so that nothing else in a model is as large"
NEW_ID = {token: i for i, token in enumerate(NEW_TOKENS)}
MOVED = [NEW_ID[token] for token in OLD_TOKENS]


def write_tokenizer(directory, tokens):
    added = [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True}
             for i, token in enumerate(tokens) if token in SPECIAL]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
             "use_regex": True}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
             "vocab": {token: i for i, token in enumerate(tokens)}, "merges": []}
    (directory / "tokenizer.json").write_text(json.dumps(
        {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
         "normalizer": None, "pre_tokenizer": level, "post_processor": None, "decoder": level,
         "model": model}))
    (directory / "tokenizer_config.json").write_text(json.dumps(
        {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>",
         "mask_token": "<mask>", "tokenizer_class": "PreTrainedTokenizerFast"}))


def write_donor(directory):
    directory.mkdir()
    write_tokenizer(directory, NEW_TOKENS)
    torch.manual_seed(1)
    save_file({"model.embed_tokens.weight": torch.randn(NEW_ROWS, 24),
               "lm_head.weight": torch.randn(NEW_ROWS, 24)},
              directory / "model.safetensors", metadata={"format": "pt"})
    roles = {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    (directory / "config.json").write_text(json.dumps(
        {"model_type": "llama", "hidden_size": 24, "vocab_size": NEW_ROWS,
         "tie_word_embeddings": False,
         **{f"{role}_token_id": NEW_ID[token] for role, token in roles.items()}}))


# ---- small configurations ------------------------------------------------------

# What makes a model small, wherever a configuration has such a number.
SMALL = dict(
    # widths
    hidden_size=32, n_embd=32, d_model=32, dim=32, emb_dim=32, embed_dim=32, hidden_dim=48,
    embedding_size=16, input_embedding_size=16, output_embedding_size=16, width=32,
    intermediate_size=48, ffn_dim=48, d_ff=48, dff=48, dim_ff=48, encoder_ffn_dim=48,
    decoder_ffn_dim=48, n_inner=48, ffn_hidden_size=48, d_inner=48, feed_forward_size=48,
    out_hidden_size=32, text_hidden_size=32, projection_dim=16, projector_hidden_size=32,
    projection_intermediate_size=32, alignment_intermediate_size=32, projector_intermediate_size=32,
    output_dim=32, hidden_size_per_layer_input=8, entity_emb_size=8, audio_hidden_size=32,
    pronunciation_embed_dim=8, shape_embed_dim=8, downsample_hidden_size=8, d_latents=16,
    # depths
    num_hidden_layers=2, n_layer=2, n_layers=2, num_layers=2, layers=2, depth=2,
    encoder_layers=2, decoder_layers=2, num_decoder_layers=2, num_encoder_layers=2,
    # heads
    num_attention_heads=4, n_head=4, n_heads=4, num_heads=4, encoder_attention_heads=4,
    decoder_attention_heads=4, attention_heads=4, num_key_value_heads=2, head_dim=8, d_kv=8,
    global_head_dim=8, kv_lora_rank=8, q_lora_rank=8, qk_rope_head_dim=8, qk_nope_head_dim=8,
    v_head_dim=8, rotary_dim=4, linear_num_key_heads=2, linear_num_value_heads=4,
    linear_key_head_dim=8, linear_value_head_dim=8, num_global_key_value_heads=2,
    # state space
    state_size=8, mamba_d_state=8, mamba_n_heads=4, mamba_d_head=16, mamba_num_heads=4,
    mamba_head_dim=16, ssm_state_size=8, attention_hidden_size=32, lru_width=32,
    # experts
    num_local_experts=2, num_experts=2, n_routed_experts=2, n_shared_experts=1,
    num_experts_per_tok=1, moe_intermediate_size=16, shared_expert_intermediate_size=16,
    moe_shared_expert_intermediate_size=16, expert_ffn_hidden_size=16, zero_expert_num=2,
    n_group=1, topk_group=1, first_k_dense_replace=1,
    # lengths and pictures
    max_position_embeddings=64, n_positions=64, n_ctx=64, max_seq_len=64, image_size=28,
    patch_size=14, num_mel_bins=16, num_latents=4, encoder_hash_byte_group_vocab=50,
    # vocabularies that are not the text's
    entity_vocab_size=37, pronunciation_vocab_size=37, shape_vocab_size=37,
)
TEXT_SIZES = {"vocab_size", "decoder_vocab_size", "padded_vocab_size", "vocab_size_per_layer_input",
              "src_vocab_size", "tgt_vocab_size"}
TEXT_CONFIGS = {"text_config", "llm_config", "language_config", "thinker_config", "decoder",
                "encoder", "vlm_config"}
# What some need besides.
OWN = {
    "gpt_neo": {"attention_types": [[["global"], 2]]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "deepseek_v2": {"num_experts_per_tok": 1, "num_key_value_heads": 4},
    "dots1": {"n_routed_experts": 2, "num_experts_per_tok": 1, "n_shared_experts": 1},
    "nemotron": {"head_dim": 8, "num_key_value_heads": 2},
    "nemotron_h": {"n_groups": 1},
    "falcon_h1": {"mamba_d_ssm": 64, "mamba_n_groups": 1},
    "esm": {"vocab_size": ROWS, "mask_token_id": MASK, "position_embedding_type": "rotary"},
    "gemma3n_text": {"num_kv_shared_layers": 0, "layer_types": ["full_attention"] * 2,
                     "laurel_rank": 8, "intermediate_size": [48, 48],
                     "activation_sparsity_pattern": [0.0, 0.0]},
    "ministral": {"head_dim": 8}, "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "gemma4_text": {"num_kv_shared_layers": 0},
}
# What is tried in turn until a model can be made and runs.
VARIANTS = [
    {}, {"num_key_value_heads": 4}, {"num_hidden_layers": 4, "num_key_value_heads": 4},
    {"embedding_size": 32, "num_key_value_heads": 4}, {"layer_types": None},
    {"num_experts": None, "num_local_experts": None}, {"head_dim": 16, "num_heads": 4},
    {"is_decoder": True, "axial_pos_embds_dim": [8, 24], "axial_pos_shape": [8, 8]},
    {"block_sizes": [1, 1, 1]}, {"hidden_size_per_layer_input": 0},
    {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}},
    {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 0]}},
    {"languages": ["en_XX"], "default_language": "en_XX"},
    {"head_dim": 16, "num_heads": 4, "n_groups": 1},
    {"head_dim": 4, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "num_key_value_heads": 4,
     "moe_topk": 1},
    {"layer_types": ["linear_attention", "full_attention"]},
]
# What gives a class the tables by token id that it lacks by default: it is tried once more
# with them, and what the refusal must say.
TABLES = {
    "Qwen4ExpForCausalLM": (dict(ple_layer_ids=[1], ple_embed_dim=16, heads_per_ngram=2,
                                 ngram_vocab_size_base=50, make_ngram_vocab_size_divisible_by=8,
                                 split_ngram_parts=2), "ngram_embedding"),
}


def is_number(value):
    return isinstance(value, int) and not isinstance(value, bool)


def small_ids(said):
    """Special tokens' ids under every key that names a token."""
    ids, others = {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD}, range(5, 60)
    roles = {"mask_token_id": MASK, "unk_token_id": UNK, "decoder_start_token_id": PAD}
    others = iter(others)
    for key, value in said.items():
        if key in roles and is_number(value):
            ids[key] = roles[key]
        elif key not in ids and re.search("_token_(id|index|ids)$", key):
            if is_number(value) and value >= 0:
                ids[key] = next(others)
            elif isinstance(value, list) and all(map(is_number, value)):
                ids[key] = [next(others) for _ in value]
    return ids


def small(config_class, variant, tables, text=True):
    """A small configuration of the class; every token id in it is that of a special token."""
    default = config_class()
    said = default.to_dict()
    choice = {**SMALL, **{k: v for k, v in variant.items() if v is not None}}
    settings = {key: value for key, value in choice.items()
                if is_number(said.get(key)) or (key in said and key not in SMALL)}
    if "rope_parameters" in settings:
        settings["rope_parameters"] = dict(settings["rope_parameters"])  # a class writes to it
        if not text:
            del settings["rope_parameters"]
    for key in variant:
        if variant[key] is None:
            settings.pop(key, None)
            if key in said and not is_number(said[key]):
                settings[key] = None
    for key, value in said.items():
        if is_number(value) and key in TEXT_SIZES:
            settings[key] = ROWS if text else 37
        if isinstance(value, dict) and "mrope_section" in value:
            settings[key] = {**value, "mrope_section": [1, 1, 2]}
    if text:
        settings.update(small_ids(said))
    settings.update(OWN.get(config_class.model_type, {}))
    settings.update({key: value for key, value in tables.items() if key in said})
    for name in getattr(config_class, "sub_configs", {}):
        inner = getattr(default, name, None)
        if isinstance(inner, PreTrainedConfig):
            settings[name] = small(type(inner), variant, tables, name in TEXT_CONFIGS).to_dict()
    return config_class(**settings)


# ---- one architecture ---------------------------------------------------------

MOST_PARAMETERS = 1_500_000
WORDS_IDS = torch.tensor([[70, 71, 72, 90, 91, 100]])  # ordinary words, in the old numbering


class LeftOut(Exception):
    """The package makes no small model of this class, or none that runs on text alone."""


def run(model, ids):
    accepted = inspect.signature(model.forward).parameters
    inputs = {"input_ids": ids}
    if getattr(model.config, "is_encoder_decoder", False) or "decoder_input_ids" in accepted:
        inputs["decoder_input_ids"] = ids
    if "use_cache" in accepted:
        inputs["use_cache"] = False
    with torch.no_grad():
        output = model(**inputs)
    logits = getattr(output, "logits", None)
    return (output[0] if logits is None else logits).float()


def load(model_class, directory):
    """The model in `directory`, and what the package says of keys that do not fit."""
    model, said = model_class.from_pretrained(directory, output_loading_info=True)
    return model.eval(), {key: sorted(map(str, value)) for key, value in said.items() if value}


def save(model_class, config, directory):
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    torch.manual_seed(0)
    model_class(config).save_pretrained(directory)
    model, said = load(model_class, directory)
    return said, model


def make(model_class, kind, directory, tables):
    """Saves a small random model; returns what loading it says, and its logits or None."""
    why = built = None
    for variant in VARIANTS:
        try:
            config = small(getattr(model_class, "config_class", None) or CONFIG_MAPPING[kind],
                           variant, tables)
            with torch.device("meta"):
                made = model_class(config)
            count = sum(p.numel() for p in made.parameters())
            if count > MOST_PARAMETERS:
                what = max(made.named_parameters(), key=lambda item: item[1].numel())
                raise LeftOut(f"{count} parameters, {what[0]} {list(what[1].shape)}")
            said, model = save(model_class, config, directory)
            built = built or config
            return said, run(model, WORDS_IDS), None
        except Exception as error:
            why = error if built is None or built is config else why
    if built is None:
        raise LeftOut(f"not made: {why}")
    return save(model_class, built, directory)[0], None, why


def transplant(tool, base, donor, out):
    write_tokenizer(base, OLD_TOKENS)
    shutil.rmtree(out, ignore_errors=True)
    done = subprocess.run([tool, base, donor, out, "-q", "-k", "4"], capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else None


def check_ids(base, out):
    """Every token id in the configuration is the same token's as before; those of speech
    (SeamlessM4T's t2u_) are of another vocabulary."""
    if isinstance(base, dict):
        for key, value in base.items():
            if re.search("_token_(id|index)$", key) and is_number(value) and value >= 0:
                if key.startswith("t2u_"):
                    assert out[key] == value, f"{key} {value} became {out[key]}"
                elif value < len(MOVED) and key != "pad_token_id":
                    assert out[key] == MOVED[value], f"{key} {value} became {out[key]}"
            elif isinstance(value, dict) and key in TEXT_CONFIGS:
                check_ids(value, out[key])


def check(tool, model_class, kind, work, tables):
    """Returns the words for the table; raises what is wrong."""
    base, out = work / "base", work / "out"
    said, old, why = make(model_class, kind, base, tables)
    refusal = transplant(tool, base, work / "donor", out)
    if refusal:
        return "refused", refusal.splitlines()[-1].replace(str(base) + ": ", "")
    model, now = load(model_class, out)
    assert now == said, f"keys {now}, not {said}"
    check_ids(*(json.loads((d / "config.json").read_text()) for d in (base, out)))
    if old is None:
        return "loaded", f"runs on no text alone: {type(why).__name__}: {why}"
    new = run(model, torch.tensor(MOVED)[WORDS_IDS])
    if old.shape[-1] in (ROWS, ROWS + 1):
        assert new.shape[-1] == old.shape[-1] - ROWS + NEW_ROWS, f"logits {list(new.shape)}"
        old, new = old[..., :len(OLD_TOKENS)], new[..., MOVED]
    assert torch.isfinite(new).all() or not torch.isfinite(old).all(), "not finite"
    apart = (new - old).abs().max().item()
    assert apart < 1e-4, f"the shared tokens' outputs are {apart:.1e} apart"
    return "passed", f"outputs at most {apart:.0e} apart"


# ---- all of them ----------------------------------------------------------------

# The refusals, by model type: what the message must say. No other is accepted.
REFUSED = {
    "gemma3n_text": "embed_tokens_per_layer.*holds per-layer embeddings",
    "gemma4": "embed_tokens_per_layer.*holds per-layer embeddings",
    "gemma4_text": "embed_tokens_per_layer.*holds per-layer embeddings",
    "ibert": "weight_integer.*packed or scaled",
    "dory": "logit_scale.*packed or scaled",
    "deepseek_v4": "tid2eid.*table of integers by token",
    # A second embedding of every token, added to attention values.
    "neomme": "value_embeddings.*what it is for is not known",
    # A head in two parts, of which one stands on its side.
    "mobilebert": "cls.predictions.dense.*what it is for is not known",
    # An embedding in two parts.
    "molmo2_text": "no tensor is known as the input embedding",
    # No text goes in: codes of audio, bytes.
    "musicgen": "no tensor is known as the input embedding",
    "musicgen_melody": "no tensor is known as the input embedding",
    "blt": "another number of rows",
}
# Those that must pass, whatever else the package offers.
REQUIRED = {
    "LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "Qwen2ForCausalLM",
    "Qwen3ForCausalLM", "Qwen3MoeForCausalLM", "GemmaForCausalLM", "Gemma2ForCausalLM",
    "Gemma3ForCausalLM", "Gemma3ForConditionalGeneration", "PhiForCausalLM", "Phi3ForCausalLM",
    "GPT2LMHeadModel", "GPTNeoXForCausalLM", "FalconForCausalLM", "MambaForCausalLM",
    "Olmo2ForCausalLM", "CohereForCausalLM", "StableLmForCausalLM", "Starcoder2ForCausalLM",
    "GraniteForCausalLM", "BloomForCausalLM", "OPTForCausalLM", "T5ForConditionalGeneration",
    "BertForMaskedLM", "RobertaForMaskedLM", "DeepseekV3ForCausalLM",
}

def classes():
    """(name of the class, model type, tables it is given, what a refusal must say)"""
    found = {}
    for task in ("CAUSAL_LM", "MASKED_LM", "SEQ_TO_SEQ_CAUSAL_LM", "IMAGE_TEXT_TO_TEXT",
                 "MULTIMODAL_LM", "TEXT_ENCODING"):
        mapping = getattr(modeling_auto, f"MODEL_FOR_{task}_MAPPING_NAMES", {})
        for kind, name in mapping.items():
            found.setdefault(name, kind)
    once_more = [(name, found[name], *tables) for name, tables in TABLES.items() if name in found]
    return sorted([(name, kind, {}, REFUSED.get(kind, "$^")) for name, kind in found.items()] +
                  once_more, key=lambda item: (item[1], item[0]))


def main():
    tool, only = os.path.abspath(sys.argv[1]), sys.argv[2:]
    counts, passed, refused, wrong = collections.Counter(), set(), set(), []
    with tempfile.TemporaryDirectory(prefix="otx-architectures-") as work:
        work = Path(work)
        write_donor(work / "donor")
        for name, kind, tables, refusal in classes():
            if only and kind not in only and name not in only:
                continue
            try:
                result, words = check(tool, getattr(transformers, name), kind, work, tables)
            except LeftOut as error:
                result, words = "left out", str(error)
            except Exception as error:  # whatever a package raises is a failure of ours
                result, words = "FAILED", f"{type(error).__name__}: {error}"
            if (result == "refused" and not re.search(refusal, words)) or \
                    (tables and result != "refused"):
                result = "FAILED"
            counts[result] += 1
            passed.update([name] if result == "passed" else [])
            refused.update([kind] if result == "refused" else [])
            kind += ", tables" if tables else ""
            print(f"{result:8}  {kind:24}  {name:44}  {' '.join(words.split())[:160]}", flush=True)
    if not only:
        wrong += [f"FAILED {name} is not among those that passed" for name in REQUIRED - passed]
        wrong += [f"FAILED {kind} was to be refused" for kind in REFUSED.keys() - refused]
    print("\n" + ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    print(*wrong, sep="\n", end="\n" if wrong else "")
    failed = counts["FAILED"] + len(wrong)
    passed = sum(counts.values()) - counts["FAILED"] - counts["left out"]
    print(f"{passed} passed, {failed} failed, {counts['left out']} skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
