#!/usr/bin/env python3
"""Which keys of which configuration hold token ids or sizes of a vocabulary, and what the
tool does with them.

    tests/config_keys.py               print the table, as tests/config_keys.txt has it
    tests/config_keys.py TOOL [TYPE]...

All configuration classes that `transformers` has are gone through. Every key that looks
like an id or a size is judged by the rules below, which were made by reading the classes; a
key that no rule knows is a failure. With TOOL each type gets a base with the configuration
that its class makes by default, ids of tokens put where ids of the text's vocabulary
belong, and is transplanted to a vocabulary where every token has another id: ids of the
text change with it, those of other vocabularies stay, and what cannot be carried over is
refused by its key, before anything is solved. The last line is `N passed, N failed, N
skipped`.
"""
import collections
import inspect
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="critical",
                  TRANSFORMERS_NO_ADVISORY_WARNINGS="1")
warnings.filterwarnings("ignore")
try:
    import dataclasses
    import importlib
    import pkgutil
    import numpy as np
    import transformers
    from safetensors.numpy import save_file
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
except ImportError as error:
    print(f"skipped config_keys: {error}")
    sys.exit(77)
logging.disable(logging.CRITICAL)
Base = getattr(transformers, "PreTrainedConfig", None) or transformers.PretrainedConfig

# ---- what a key is --------------------------------------------------------------

ID, SIZE, MAP, FIRST, OTHER, NONE = "id", "size", "map", "first id", "other", "none"
REFUSED = "refused"
# id: of the text's vocabulary, or a list of them; size: how many tokens that has; map: text
# to ids; first id: where a range of ids begins, refused here, where its order is another;
# other: an id or a size of another vocabulary; refused: more than a change of ids; none:
# neither.

# What looks like an id or a size, and is worth a judgement.
LOOKS = re.compile(r"(_token_id|_token_ids|_token_index|_id|_ids|_index|_idx|_offset|_lang_id"
                   r"|vocab\w*|n_words|n_token|codebook\w*|vocabulary_map|suppress_tokens"
                   r"|divisible_by|multiple_of|pad_vocab\w*|use_ordered_embeddings)$")

# By name alone; the first that fits is taken. (pattern of the key, what it is, why)
NAMES = [
    (r"vocab_size|n_words|n_token|org_vocab_size|padded_vocab_size", SIZE, "the vocabulary"),
    (r"text_vocab_size", SIZE, "Csm, whose vocab_size is its codebook's"),
    (r"decoder_vocab_size", SIZE, "Marian, of one vocabulary if it is the same"),
    (r"(src|tgt)_vocab_size", SIZE, "FSMT, two vocabularies"),
    (r"unpadded_vocab_size", SIZE, "Inkling: logits beyond it are dropped"),
    (r"output_vocab_size", SIZE, "Apertus 1.5: rows of its head; Bark's are codes"),
    (r"vocab_size_per_layer_input", SIZE, "Gemma 3n and 4: per-layer embeddings"),
    (r"additional_vocab_size", REFUSED, "Idefics, Molmo 2: rows of a second matrix, whose ids "
                                        "follow the vocabulary's"),
    (r"ngram_vocab_size_base|make_ngram_vocab_size_divisible_by", OTHER,
     "hashes of ids, in tables that are refused by their names"),
    (r"encoder_hash_byte_group_vocab", REFUSED, "hashes of bytes"),
    (r"use_ordered_embeddings", REFUSED, "Gemma 4's assistant: tokens in an order of their own"),
    (r"(codebook|audio|mel|t2u|vision|entity|shape|pronunciation|char|unit_hifi_gan|composer"
     r"|modality_type|task_type|type|num_speakers|text_encoder|music|lyric)_vocab_sizes?"
     r"|codebook_vocab_size|codebook_size|input_vocab_size", OTHER, "a vocabulary of its own"),
    (r"codec_\w+_id|codebook_\w+_id|audio_stream_\w+_id|tts_codec_\w+_id|t2u_\w+_id", OTHER,
     "codes of a codec"),
    (r"blank_token_id", OTHER, "the class after the last token, of speech recognition"),
    (r"default_prompt_id", OTHER, "a row of prompts"),
    (r"speaker_id", MAP, "Qwen 3 Omni: names to codes of its codec"),
    (r"lang_id", NONE, "a language"),
    (r"tag_pad_id|subs_pad_id", OTHER, "MarkupLM: tags and subscripts of XPath"),
    (r"vocab_offset|(image|audio)_token_offset", FIRST, "a range of ids"),
    (r"vocabulary_map", MAP, "Chameleon, Emu 3: all tokens of images"),
    (r"vocab_list", REFUSED, "ESM: the tokens in order"),
    (r"visual_indicator_token_ids|suppress_tokens|begin_suppress_tokens", ID, "lists"),
    (r"(bos|eos|pad|unk|mask)_index", ID, "XLM, FlauBERT: older names that win"),
    (r"im_(start|end|newline)_id|pad_id", ID, "HunYuan-VL"),
    (r"(image|slice)_(start|end)_id|newline_id", ID, "MiniCPM-V"),
    (r"image_patch_id", ID, "Molmo 2"),
    (r"\w+_token_ids?|\w+_token_index", ID, "by its ending"),
    (r"\w*(layer|block|hook)_(ids|id|index)|\w*_layer_ids|attn_uses_sequence_id|use_task_id"
     r"|\w*(altup_active|eval|full_attn|global_attn|fullatt_block|visual|summary)_?idx\w*"
     r"|\w*ignore_index|head_in_index|merge_index|decode_index|no_aggregation_label_index"
     r"|reset_position_index_per_cell|loop_layer_index_\w+|moe_layer_\w+_index"
     r"|\w*scale_attn_by_inverse_layer_idx|ffn_round_up_to_multiple_of|block_multiple_of"
     r"|pad_head_dim_to_multiple_of|depth_divisible_by|global_attn_indexes"
     r"|deepstack_visual_indexes|fullatt_block_indexes|intermediate_hook_ids|layer_norm_idx",
     NONE, "layers, labels, widths"),
    (r"(num|n|init)_codebooks?|codebook_(dim|loss_weight)|tie_codebooks_embeddings"
     r"|image_codebook_config|(attn|expert)_layer_offset|time_sampling_offset|vocoder_offset",
     NONE, "how many, how wide, where"),
]

# By the class that has the key, before the name: (class, key, what it is, why).
CLASSES = [
    (r"KyutaiSpeechToText", r"audio_(bos|pad)_token_id", OTHER, "of its codebooks"),
    (r"GlmImage", r"image_(start|end)_token_id", OTHER, "of its vocabulary of images"),
    (r"GlmImageText", r"eos_token_id", OTHER, "of its vocabulary of images"),
    (r"(Csm|CsmDepthDecoder)", r"vocab_size|codebook_size", OTHER, "its codebook"),
    (r"MoshiDepth", r"vocab_size", SIZE, "the text's: the first of its codes is a token"),
    (r"Qwen2_5OmniTalker", r"(bos|eos|pad)_token_id|vocab_size", OTHER, "its codec"),
    # Configurations that are all about another vocabulary.
    (r"CsmDepthDecoder|MoshiDepth|Musicgen(Melody)?Decoder|DiaDecoder|Dia|ClvpDecoder|ClvpEncoder"
     r"|Bark\w*|Qwen3OmniMoeTalker(Text|CodePredictor)|Qwen3OmniMoeCode2Wav"
     r"|PPDocLayoutV2ReadingOrder|ImageGPT|Pop2Piano|JukeboxPrior|Flava(Image|ImageCodebook)"
     r"|Beit|Data2VecVision|Ovis2Vision|DecisionTransformer|\w*VQVAE|Apertus1p5VisionTokenizer"
     r"|Encodec|Mimi\w*|Dac|Xcodec2?|Higgs\w*Tokenizer|WavTokenizer\w*|NeuCodec"
     r"|Voxtral(Realtime)?Encoder|DeepseekOcr2VisionEncoder|UnlimitedOcrVisionEncoder"
     r"|\w*QFormer|Blip2QFormer|Gemma3n(Audio|Vision)|SaProt|GraniteSpeech5Encoder"
     r"|Nemotron3_5TranscribeWordTimestamp|BltPatcher|EsmFold\w*",
     r".*", OTHER, "a configuration of another vocabulary"),
]


# Objects within a configuration that are about another vocabulary, whatever their class, or
# carry along a size that nothing reads.
OBJECTS = (r"semantic_model_config|acoustic_model_config|audio_encoder\w*|codec_config|vq_config"
           r"|vision_config|audio_config|qformer_config|token2wav_config|code2wav_config"
           r"|code_predictor_config|patcher_config|reading_order_config|dit_config")


def judge(cls, key, path=()):
    """(what it is, why) of a key of a class named without "Config"; None if nobody knows."""
    if any(re.fullmatch(OBJECTS, part) for part in path) and \
            re.fullmatch(r"(bos|eos|pad|unk|sep|cls|mask|decoder_start|forced_\w+)_token_id"
                         r"|vocab_size", key):
        return OTHER, "an object about another vocabulary"
    for classes, keys, what, why in CLASSES:
        if re.fullmatch(classes, cls) and re.fullmatch(keys, key) \
                and not (keys == ".*" and fits(key) in (FIRST, NONE)):
            return what, why
    for keys, what, why in NAMES:
        if re.fullmatch(keys, key):
            return what, why
    return None


def fits(key):
    return next((what for keys, what, _ in NAMES if re.fullmatch(keys, key)), None)


# ---- all classes ------------------------------------------------------------------

def classes():
    """Every configuration class, by name."""
    out = {}
    for module in pkgutil.walk_packages(transformers.models.__path__, "transformers.models."):
        if ".configuration_" not in module.name:
            continue
        module = importlib.import_module(module.name)
        for name, cls in vars(module).items():
            if inspect.isclass(cls) and issubclass(cls, Base) and cls.__module__ == module.__name__:
                out[cls.__name__.removesuffix("Config")] = cls
    return out


def keys_of(cls):
    """The keys that a class declares, with those that its attribute_map takes for them."""
    found = set(dict(inspect.signature(cls.__init__).parameters))
    if dataclasses.is_dataclass(cls):
        found |= {f.name for f in dataclasses.fields(cls)}
    for old, new in (cls.attribute_map or {}).items():
        if new in found:
            found.add(old)
    return sorted(k for k in found if LOOKS.search(k))


def table():
    rows, unknown = collections.defaultdict(list), []
    aliases = collections.defaultdict(set)
    for name, cls in sorted(classes().items()):
        for key in keys_of(cls):
            verdict = judge(name, key)
            if not verdict:
                unknown.append(f"{name}.{key}")
            elif verdict[0] != NONE:
                rows[verdict[0], key].append(name)
        for old, new in (cls.attribute_map or {}).items():
            if LOOKS.search(old) and (judge(name, old) or (NONE,))[0] != NONE:
                aliases[(old, new)].add(name)
    lines = [f"# transformers {transformers.__version__}: ids and sizes of vocabularies in "
             "configurations.", "# what, key, how many classes and some of them"]
    for (what, key), names in sorted(rows.items()):
        shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        lines.append(f"{what:9} {key:28} {len(names):3} {shown}")
    lines += ["", "# a name that is read, and the one that it is read as"]
    for (old, new), names in sorted(aliases.items()):
        shown = ", ".join(sorted(names)[:4]) + (", ..." if len(names) > 4 else "")
        lines.append(f"{old:16} -> {new:20} {shown}")
    return "\n".join(lines) + "\n", unknown


# ---- a base of each type -----------------------------------------------------------

WIDTH = 8
SPECIAL = ["<s>", "</s>", "<pad>", "<unk>", "<mask>", "<cls>", "<sep>"]
ROLES = dict(zip(["bos", "eos", "pad", "unk", "mask", "cls", "sep"], SPECIAL))
TOKENS = SPECIAL + [f"<|t{i}|>" for i in range(60)]
SIZES = 331  # rows of the base: a number that no configuration has


def vocabulary(reverse):
    letters = list(map(chr, list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
                       + list(range(256, 324))))
    order = letters[::-1] + TOKENS[::-1] if reverse else letters + TOKENS
    return {t: i for i, t in enumerate(order)}


OLD, NEW = vocabulary(False), vocabulary(True)
TEXT = [OLD[t] for t in TOKENS[len(SPECIAL):]]


def write(directory, ids, config, rows):
    directory.mkdir(parents=True)
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
             "use_regex": True}
    (directory / "tokenizer.json").write_text(json.dumps(
        {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [
            {"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True} for t, i in ids.items() if t in TOKENS],
         "normalizer": None, "pre_tokenizer": level, "post_processor": None, "decoder": level,
         "model": {"type": "BPE", "dropout": None, "unk_token": None,
                   "continuing_subword_prefix": None, "end_of_word_suffix": None,
                   "fuse_unk": False, "byte_fallback": False, "merges": [],
                   "vocab": {t: i for t, i in ids.items()}}}))
    (directory / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast",
         **{f"{role}_token": token for role, token in ROLES.items()}}))
    random = np.random.default_rng(len(str(config)))
    save_file({"model.embed_tokens.weight": random.standard_normal((rows, WIDTH)).astype("f4"),
               "lm_head.weight": random.standard_normal((rows, WIDTH)).astype("f4"),
               "model.norm.weight": np.ones(WIDTH, "f4")},
              directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "config.json").write_text(json.dumps(config))


def rename(config, read):
    """Puts the names that attribute_map reads in place of those it reads them as; how many."""
    count = 0
    for key in list(read):
        inner = getattr(config, key, None) if isinstance(read[key], dict) else None
        if isinstance(inner, Base):
            count += rename(inner, read[key])
    name = type(config).__name__.removesuffix("Config")
    for old, new in (type(config).attribute_map or {}).items():
        if new in read and old not in read and (judge(name, new) or (NONE,))[0] in (ID, SIZE) \
                and LOOKS.search(old):
            read[old] = read.pop(new)
            count += 1
    return count


def walk(config, read, path=()):
    """(path, key, class) of all that looks like an id or a size in a nested configuration."""
    cls = type(config).__name__.removesuffix("Config")
    for key in list(read):
        inner = getattr(config, key, None) if isinstance(read[key], dict) else None
        if isinstance(inner, Base):
            yield from walk(inner, read[key], path + (key,))
        elif LOOKS.search(key):
            yield path, key, cls


def at(read, path):
    for part in path:
        read = read[part]
    return read


# Types that count positions from pad_token_id on, where it stays as it is.
PAD_IS_POSITION = ("seamless_m4t", "seamless_m4t_v2", "kosmos-2", "kosmos-2.5", "roberta",
                   "xlm-roberta", "xlm-roberta-xl", "roberta-prelayernorm", "camembert",
                   "longformer", "mpnet", "xglm", "m2m_100", "nllb-moe", "fsmt", "esm", "ibert",
                   "data2vec-text", "xmod", "lilt", "luke", "mluke", "layoutlmv3", "markuplm",
                   "prophetnet", "xlm-prophetnet", "trocr", "roc_bert")
WIDTHS = re.compile(r"^(hidden_size|n_embd|d_model|embedding_size|word_embed_proj_dim|emb_dim"
                    r"|input_embedding_size|dim|embed_dim)$")


def narrow(read):
    """Makes a configuration as narrow as the matrices are."""
    for key, value in read.items():
        if isinstance(value, dict):
            narrow(value)
        elif WIDTHS.match(key) and isinstance(value, int):
            read[key] = WIDTH


def prepare(model_type, old_names):
    """A type's configuration with ids put in, and what is to become of each of them. With
    `old_names` keys stand under the other names that their class reads them by."""
    config = CONFIG_MAPPING[model_type]()
    read = json.loads(json.dumps(config.to_dict()))
    read["tie_word_embeddings"] = False
    narrow(read)
    expected, next_text = {}, iter(TEXT)
    if old_names and not rename(config, read):
        raise LookupError("no other names")
    found = list(walk(config, read))
    for path, key, cls in found:
        verdict = judge(cls, key, path)
        what = verdict[0] if verdict else NONE
        place = at(read, path)
        if what == NONE or (what in (FIRST, REFUSED) and not place[key]):
            continue
        role = ROLES.get(re.sub("(_token)?_id$|_index$", "", key))
        if what == SIZE:
            if place[key] is None:
                continue
            place[key] = SIZES if key != "unpadded_vocab_size" else SIZES - 7
        elif what == MAP:
            place[key] = {f"<|t{i}|>": OLD[f"<|t{i}|>"] for i in range(3)}
        elif what == ID:
            if key == "pad_token_id" and model_type in PAD_IS_POSITION:
                continue
            many = key.endswith(("_ids", "suppress_tokens")) and not role
            token = OLD[role] if role else next(next_text)
            place[key] = [token, next(next_text)] if many else token
        elif what == OTHER and re.search("_ids?$|_index$", key):
            place[key] = TEXT[-1]  # an id that is a token's, were it the text's
        expected[path + (key,)] = what
    return read, expected, {path + (key,): place for path, key, place in
                            ((p, k, at(read, p)[k]) for p, k, _ in found)}


def moved(value):
    by_id = {i: t for t, i in OLD.items()}
    if isinstance(value, list):
        return [moved(v) for v in value]
    return NEW[by_id[value]]


def transplant(tool, scratch, config):
    """Writes a base with that configuration and transplants it; what the tool refuses it for."""
    base, out = scratch / "base", scratch / "out"
    for directory in (base, out):
        shutil.rmtree(directory, ignore_errors=True)
    write(base, OLD, config, SIZES)
    run = subprocess.run([tool, base, scratch / "donor", out, "-q", "-a", "mean"],
                         capture_output=True, text=True)
    return run.stderr.strip().split("\n")[-1] if run.returncode else ""


def try_type(tool, scratch, model_type, old_names):
    """[(key with its path, what it is, what happened)] of a type, or why there is none."""
    try:
        config, expected, before = prepare(model_type, old_names)
    except LookupError:
        return "no text"
    except Exception as error:
        return f"no configuration: {type(error).__name__}"
    if SIZE not in expected.values():
        return "no text"
    results = []
    refusals = {path: what for path, what in expected.items() if what in (FIRST, REFUSED)}
    for path, what in refusals.items():
        others = {other: at(config, other[:-1]).pop(other[-1])
                  for other in refusals if other != path}
        error = transplant(tool, scratch, config)
        if f'"{path[-1]}"' not in error:
            results.append((".".join(path), what, "not refused: " + error))
        for other, value in others.items():
            at(config, other[:-1])[other[-1]] = value
    for path in refusals:
        at(config, path[:-1])[path[-1]] = None
        del expected[path]
    error = transplant(tool, scratch, config)
    if error:
        return "refused: " + error[:200]
    after = json.loads((scratch / "out" / "config.json").read_text())
    for path, what in expected.items():
        old, new = before[path], at(after, path)
        if what == ID:
            wanted = moved(old)
        elif what == SIZE:
            wanted = len(NEW)
        elif what == MAP and path[-1] == "vocabulary_map":
            wanted = {token: NEW[token] for token in old}
        else:
            wanted = old
        if new == wanted:
            continue
        how = "missed" if new == old else "wrongly changed" if what == OTHER else "wrong"
        results.append((".".join(path), what, f"{how}: {old} became {new}, not {wanted}"))
    return results


# Keys of classes that do not come with the package: the embedding has vocab_size rows,
# rounded up to a multiple (mamba_ssm, flash-attn's models, HyenaDNA; StripedHyena).
ROUNDINGS = ["pad_vocab_size_multiple", "make_vocab_size_divisible_by"]


def try_rounding(tool, scratch, key):
    error = transplant(tool, scratch, {"model_type": "mystery", "vocab_size": SIZES - 9,
                                       key: SIZES, "tie_word_embeddings": False})
    if error:
        return "refused: " + error
    after = json.loads((scratch / "out" / "config.json").read_text())
    size, multiple = after["vocab_size"], after.get(key, 1)
    rows = -(-size // multiple) * multiple
    return "" if rows == len(NEW) else f"{size} tokens, rounded up to {multiple}: {rows} rows, " \
                                       f"not {len(NEW)}"


def run(tool, types):
    passed = failed = skipped = 0
    wrong, notes = collections.defaultdict(list), collections.defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="config-keys-") as scratch:
        scratch = Path(scratch)
        write(scratch / "donor", NEW, {
            "model_type": "llama", "hidden_size": WIDTH, "vocab_size": len(NEW),
            "tie_word_embeddings": False,
            **{f"{role}_token_id": NEW[token] for role, token in ROLES.items()}}, len(NEW))
        for model_type in types or list(CONFIG_MAPPING_NAMES):
            for old_names in (False, True):
                results = try_type(tool, scratch, model_type, old_names)
                if isinstance(results, str):
                    notes[results].append(model_type)
                    failed += results.startswith("refused")
                    skipped += results.startswith("no configuration")
                    continue
                passed += not results
                failed += bool(results)
                for key, what, problem in results:
                    wrong[(key, what, problem.split(":")[0])].append(model_type)
        for key in [] if types else ROUNDINGS:
            problem = try_rounding(tool, scratch, key)
            passed += not problem
            failed += bool(problem)
            if problem:
                print(f"FAILED {key} (rounding) {problem}")
    for (key, what, problem), types in sorted(wrong.items()):
        print(f"FAILED {key} ({what}) {problem}\n    {', '.join(dict.fromkeys(types))}")
    for note, types in sorted(notes.items()):
        if note != "no text":
            word = "FAILED" if note.startswith("refused") else "note:"
            print(f"{word} {note}: {', '.join(dict.fromkeys(types))}")
    return passed, failed, skipped


def main():
    text, unknown = table()
    if len(sys.argv) < 2:
        print(text, end="")
        for key in unknown:
            print("FAILED nobody knows", key)
        return 1 if unknown else 0
    passed, failed, skipped = run(sys.argv[1], sys.argv[2:])
    for key in unknown:
        failed += 1
        print("FAILED nobody knows", key)
    if not sys.argv[2:]:
        if Path(__file__).with_suffix(".txt").read_text() == text:
            passed += 1
        else:
            failed += 1
            print(f"FAILED config_keys.txt is not what transformers {transformers.__version__} "
                  "has")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
