/* ---- known: what a model directory holds, and what is not read ------------- */

#define OTX__MODEL_FILE "model.safetensors"
#define OTX__INDEX_FILE "model.safetensors.index.json"

/* Most bytes of an index, and of a tokenizer's files. Real ones stay below
   20 MB and 50 MB. */
#define OTX__INDEX_LIMIT ((size_t)256 << 20)
#define OTX__TOKENIZER_LIMIT ((size_t)1 << 30)

/* Whether a name in a model directory belongs to its tokenizer: those of the
   base are left out of an output, and the donor's are copied. One stale file
   would do harm: converters take the first that they know. */
OTX__PRIVATE bool otx__is_tokenizer_file(const char *name)
{
    static const char *const names[] = {
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "tokenizer.model", "spiece.model", "spm.model",
        "sentencepiece.model", "sentencepiece.bpe.model", "tekken.json", "tiktoken.model",
        "vocab.json", "vocab.txt", "vocab.bpe", "merges.txt", "encoder.json", "bpe.codes",
        "chat_template.jinja", "chat_template.json", "additional_chat_templates"
    };
    size_t i;
    for (i = 0; i < OTX__COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) return true;
    return otx__has_prefix(name, "tokenizer.model.") || otx__has_suffix(name, ".tiktoken") ||
           otx__has_suffix(name, ".spm") ||
           (otx__has_prefix(name, "tokenization_") && otx__has_suffix(name, ".py"));
}

/* ---- what is not read ---- */

/* A kind of file that this library does not read, and what to do about it. Of several
   kinds in a directory the first in the table is reported. */
typedef struct otx__foreign {
    const char *prefix, *suffix, *advice;
} otx__foreign;

#define OTX__SAVE_WEIGHTS \
    "load it with transformers and save it with save_pretrained, which writes safetensors"

/* In the place of weights. */
static const otx__foreign otx__foreign_weights[] = {
    {"adapter_model.", "", "an adapter; merge it into its model first"}, /* of PEFT */
    {"model-", ".safetensors", "a shard; the index " OTX__INDEX_FILE " is missing"},
    {"consolidated", ".safetensors", /* of Mistral and Meta */
     "weights under the names of the original release; take the repository's files for "
     "transformers"},
    {"", ".safetensors", "if that is the model, give that file's path"},
    {"", ".bin.index.json", OTX__SAVE_WEIGHTS}, /* of PyTorch, in shards */
    {"", ".bin", OTX__SAVE_WEIGHTS},
    {"", ".pt", OTX__SAVE_WEIGHTS},
    {"", ".pth", OTX__SAVE_WEIGHTS},
    {"", ".h5", OTX__SAVE_WEIGHTS},      /* of TensorFlow */
    {"", ".msgpack", OTX__SAVE_WEIGHTS}, /* of Flax */
    {"", ".gguf", "GGUF is not read; take the safetensors it was made from"},
    {"snapshots", "", "a cache; give the directory within snapshots/"}, /* of the hub */
};

#define OTX__SAVE_TOKENIZER                                                           \
    "load it with transformers' AutoTokenizer and save it with save_pretrained, which " \
    "writes tokenizer.json"

/* In the place of a tokenizer. */
static const otx__foreign otx__foreign_tokenizers[] = {
    {"", ".model", OTX__SAVE_TOKENIZER}, /* SentencePiece under a name of its own */
    {"", ".spm", OTX__SAVE_TOKENIZER},   /* Marian's two */
    {"bpe.codes", "", OTX__SAVE_TOKENIZER}, /* of fastBPE */
    {"encoder.json", "",
     "OpenAI's names; rename it to vocab.json, and vocab.bpe to merges.txt"},
    {"", ".gguf", "GGUF is not read; take the tokenizer.json of the original model"},
    {"snapshots", "", "a cache; give the directory within snapshots/"}, /* of the hub */
};
