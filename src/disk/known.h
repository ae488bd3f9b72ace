/* ---- known: what weights are called in a directory --------------------------- */

/* A new name is a new row; the comment says whose it is. Names of a tokenizer's files
   stand in vocab/known.h, of tensors and of keys in model/known.h. */

#define OTX__MODEL_FILE "model.safetensors"
#define OTX__INDEX_FILE "model.safetensors.index.json"

/* Most bytes of an index, and of a tokenizer's files. Real ones stay below
   20 MB and 50 MB. */
#define OTX__INDEX_LIMIT ((size_t)256 << 20)
#define OTX__TOKENIZER_LIMIT ((size_t)1 << 30)

/* ---- in their place ---- */

#define OTX__SAVE_WEIGHTS \
    "load it with transformers and save it with save_pretrained, which writes safetensors"

/* What is not read, and what to do about it. */
static const otx__known_advice otx__weight_advice[] = {
    {"adapter_model.*", "an adapter; merge it into its model first"}, /* PEFT */
    {"model-*.safetensors", "a shard; the index " OTX__INDEX_FILE " is missing"},
    {"consolidated*.safetensors", "weights under the names of the original release; take the "
                                  "repository's files for transformers"}, /* Mistral, Meta */
    {"*.safetensors", "if that is the model, give that file's path"},
    {"*.bin.index.json", OTX__SAVE_WEIGHTS}, /* PyTorch, in shards */
    {"*.bin", OTX__SAVE_WEIGHTS},
    {"*.pt", OTX__SAVE_WEIGHTS},
    {"*.pth", OTX__SAVE_WEIGHTS},
    {"*.h5", OTX__SAVE_WEIGHTS},      /* TensorFlow */
    {"*.msgpack", OTX__SAVE_WEIGHTS}, /* Flax */
    {"*.gguf", "GGUF is not read; take the safetensors it was made from"},
    {"snapshots*", "a cache; give the directory within snapshots/"}, /* huggingface_hub */
};
