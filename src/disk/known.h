/* ---- known: what weights are called in a directory --------------------------- */

/* A new name is a new row; the comment says whose it is. Names of a tokenizer's files
   stand in vocab/known.h, of tensors and of keys in model/known.h. */

#define OTX__MODEL_FILE "model.safetensors"
#define OTX__INDEX_FILE "model.safetensors.index.json"

/* Most bytes of an index, and of a tokenizer's files. Real ones stay below
   20 MB and 50 MB. */
#define OTX__INDEX_LIMIT ((size_t)256 << 20)
#define OTX__TOKENIZER_LIMIT ((size_t)1 << 30)

/* Most bytes of a reference in a cache: a commit's name. */
#define OTX__REFERENCE_LIMIT 256

/* Under what other names an index may stand; a file ends in .safetensors anyhow. */
static const char *const otx__index_variants[] = {
    "*.safetensors.index.json",   /* diffusers */
    "*.safetensors.index.*.json", /* transformers, with a variant: fp16 */
};

/* How PEFT names an adapter and what it is for. */
#define OTX__ADAPTER "adapter_model*"
#define OTX__ADAPTER_CONFIG "adapter_config.json"
#define OTX__KEY_ADAPTER_BASE "base_model_name_or_path"

/* Files of safetensors that are no whole model, or not as transformers names it. */
static const char *const otx__partial_weights[] = {
    OTX__ADAPTER,
    "consolidated*", /* Mistral, Meta */
};

/* GGUF files that are no language model. */
static const char *const otx__side_ggufs[] = {
    "mmproj*", "*.mmproj*", "*-mmproj*", /* llama.cpp: what turns images into rows */
    "imatrix*", "*.imatrix.gguf", "*-imatrix.gguf", /* llama-imatrix */
    "ggml-vocab-*", /* llama.cpp's tests: a vocabulary alone */
};

/* Keys of the parts of a split GGUF file: llama.cpp's gguf-split. */
#define OTX__KEY_SPLIT_NO "split.no"
#define OTX__KEY_SPLIT_COUNT "split.count"
#define OTX__KEY_SPLIT_TENSORS "split.tensors.count"

/* ---- in their place ---- */

/* In Python, D being the directory. */
#define OTX__SAVE_WEIGHTS \
    "in Python, D being its directory: from transformers import AutoModelForCausalLM as M; " \
    "M.from_pretrained(D, torch_dtype='auto').save_pretrained(D), which writes safetensors there"
#define OTX__SAVE_FOREIGN \
    "load it with the transformers 4 that reads it (from_tf=True, from_flax=True) and save it " \
    "with save_pretrained into its directory, which writes safetensors"
#define OTX__MERGE_ADAPTER \
    "from peft import AutoPeftModelForCausalLM as M; from transformers import AutoTokenizer as " \
    "T; M.from_pretrained(D).merge_and_unload().save_pretrained(NEW); " \
    "T.from_pretrained(D).save_pretrained(NEW);"

/* What is not read, and what to do about it. */
static const otx__known_advice otx__weight_advice[] = {
    {"model*-of-*.safetensors", "a shard; put the index " OTX__INDEX_FILE " beside it, which is "
                                "part of the model"},
    {"consolidated*.safetensors", "weights under the names of the original release; take the "
                                  "repository's files for transformers, config.json and "
                                  OTX__MODEL_FILE " or its shards"}, /* Mistral, Meta */
    {"consolidated*.pth", "weights under the names of the original release; take the "
                          "repository's files for transformers, config.json and "
                          OTX__MODEL_FILE " or its shards"}, /* Meta */
    {"*.bin.index.json", OTX__SAVE_WEIGHTS}, /* PyTorch, in shards */
    {"*.bin", OTX__SAVE_WEIGHTS},
    {"*.pt", OTX__SAVE_WEIGHTS},
    {"*.pth", OTX__SAVE_WEIGHTS},
    {"*.h5", OTX__SAVE_FOREIGN},      /* TensorFlow */
    {"*.msgpack", OTX__SAVE_FOREIGN}, /* Flax */
    {"*-of-*.gguf", "a part of a split GGUF file; put the first one beside it, "
                    "NAME-00001-of-0000N.gguf"},
    {"*.gguf", "GGUF, but by its name no language model"},
};

/* Files of weights by the bytes that they begin with. */
typedef struct otx__known_magic {
    const char *bytes;
    size_t size;
    const char *what, *advice;
} otx__known_magic;

static const otx__known_magic otx__known_magics[] = {
    {"PK\3\4", 4, "a PyTorch file", OTX__SAVE_WEIGHTS},
    {"\x80\2", 2, "a PyTorch file", OTX__SAVE_WEIGHTS}, /* before 1.6, and pickles */
    {"\x89HDF", 4, "a TensorFlow file", OTX__SAVE_FOREIGN},
};
