/* ---- known: what the world calls things --------------------------------- */

/* Everything that model and job know by name: tensors, keys of configs, types of models,
   files of a directory. Each row says who needs it. A model that calls something known by
   a name of its own is one row here; what has a rule of its own is a row and the rule,
   which stands where the table is used. Files and patterns of tokenizers are in
   vocab/known.h. */

/* ---- names of tensors ---- */

/* What stands before ".weight" at the end of an embedding's name; prefixes are free
   (model., transformer., language_model.model. and so on). In order of preference where
   several would do. */
static const char *const otx__embedding_names[] = {
    "embed_tokens",    /* Llama and most others */
    "tok_embeddings",  /* InternLM 2, the original Llama */
    "wte",             /* GPT-2, the first Qwen, Phi and OLMo */
    "word_embeddings", /* Falcon, BLOOM, BERT, ChatGLM */
    "embed_in",        /* GPT-NeoX */
    "shared",          /* T5, BART: of encoder and decoder */
    "embeddings",      /* Mamba, XLM */
    "word_embedding",  /* XLNet */
    "token_embedding", /* CLIP */
    "tokens_embed",    /* the first GPT */
    "input_embedding", /* CPM-Ant */
    "token_embd",      /* GGUF, whatever the model */
    "transformer.w",   /* CTRL */
    "embedding",       /* models outside transformers, and the three below */
    "embed",
    "emb",
};

/* The same of an output head, and before ".bias" of its bias. */
static const char *const otx__head_names[] = {
    "lm_head",           /* Llama and most others */
    "embed_out",         /* GPT-NeoX */
    "output",            /* InternLM 2, the original Llama */
    "output_layer",      /* ChatGLM */
    "vocab_projector",   /* DistilBERT */
    "decoder",           /* BERT, RoBERTa */
    "proj_out",          /* Whisper */
    "output_projection", /* XGLM */
    "generator_lm_head", /* ELECTRA */
    "lm_loss",           /* XLNet */
    "pred_layer.proj",   /* XLM */
    "linear",            /* the first Phi */
    "head",              /* copies for multi-token prediction: shared_head.head */
    "shared_head_head",  /* the same in GGUF: blk.N.nextn.shared_head_head */
    "unembed",           /* models outside transformers, and the one below */
    "cls",
};

/* Owners of biases that are no heads: a number per token beside a tied head. */
static const char *const otx__bias_names[] = {
    "predictions",       /* BERT */
    "embedding_decoder", /* Perceiver */
};

/* A number per token that has the whole of its last component for itself. */
static const char *const otx__logits_bias_names[] = {
    "final_logits_bias", /* BART, Marian, Pegasus */
};

/* Words by which a tensor of a numbered layer speaks of tokens all the same: there a
   dimension as large as the vocabulary is no coincidence. */
static const char *const otx__lexical_words[] = {
    "embed",       /* embed_tokens of a layer for multi-token prediction */
    "wte",         /* the same after GPT-2 */
    "vocab",       /* vocab_projector and the like */
    "lm_head",     /* heads within layers */
    "shared_head", /* DeepSeek's of multi-token prediction */
    "token",       /* token_embedding and the like */
};

/* Tensors that cannot be carried over to another vocabulary, whatever their shape. */
typedef struct otx__refused_name {
    const char *component; /* of the name */
    unsigned from_end;     /* how many components come after it */
    const char *why;
} otx__refused_name;

static const char otx__why_per_layer[] =
    "holds per-layer embeddings, which are no rows of one space and cannot be transplanted";
static const char otx__why_draft[] =
    "maps a draft vocabulary to the full one, which is true of its own head and tokenizer alone; "
    "give a model with a whole head";

static const char otx__why_experts[] =
    "is a table of experts by token id, which other ids would find other experts in";

static const char otx__why_markov[] =
    "is a table of what follows a token id, which other ids would find other rows in";

static const char otx__why_hashed[] =
    "is a table that is looked up by hashes of token ids, which other ids would find other rows "
    "in";

static const otx__refused_name otx__refused_names[] = {
    {"embed_tokens_per_layer", 1, otx__why_per_layer}, /* Gemma 3n, Gemma 4 */
    {"d2t", 0, otx__why_draft}, /* EAGLE-3: from the ids of the draft to the target's */
    {"t2d", 0, otx__why_draft}, /* and back */
    {"per_layer_token_embd", 1, otx__why_per_layer}, /* GGUF of Gemma 3n, Gemma 4 */
    {"d2t", 1, otx__why_draft},                      /* GGUF of EAGLE-3 and DFlash */
    {"ffn_gate_tid2eid", 1, otx__why_experts},       /* GGUF of DeepSeek V4 */
    {"dspark_markov_w1", 1, otx__why_markov},        /* GGUF of drafts */
    {"dspark_markov_w2", 1, otx__why_markov},
};

/* In a draft whose head has rows for a part of the tokens: see job/draft_map.h. */
#define OTX__D2T "d2t" /* which tokens they are */
#define OTX__T2D "t2d" /* and the reverse */

/* Of drafts, which read the former: architectures of GGUF, and parts of the names of classes. */
static const char *const otx__d2t_architectures[] = {"eagle3", "dflash"};
static const char *const otx__d2t_classes[] = {"Eagle3"};

/* Words in the architectures of GGUF whose models have no output head. */
static const char *const otx__headless_architectures[] = {
    "bert",      /* nomic-bert, jina-bert-v2, modern-bert and the like */
    "embed",     /* gemma-embedding, llama-embed */
    "t5encoder", "clip",
};

/* Words in the names of tables that are looked up by a hash of several token ids, or of
   their bytes: their size says nothing of the vocabulary, and other ids find other rows. */
static const char *const otx__hashed_words[] = {
    "ngram",  /* Qwen 3.8's ngram_embedding, LongCat's ngram_embeddings */
    "engram", /* DeepSeek's */
    "bigram", /* and the like */
    "trigram",
    "hash",   /* BLT's encoder_hash_tok_embedding */
};

/* Of such names, what the tables themselves are called. */
static const char *const otx__hashed_tables[] = {"embed", "table", "lookup", "memory"};

/* Rows that such a table has at least; ProphetNet's ngram_embeddings are two positions. */
#define OTX__HASHED_ROWS 16

/* Parts of the last component under which quantised matrices keep their codes, scales,
   zero points and shapes, or adapters their factors. */
static const char *const otx__packed_words[] = {
    "scale",      /* fp8: weight_scale, weight_scale_inv */
    "scales",     /* GPTQ, AWQ, MLX */
    "quant",      /* bitsandbytes: quant_state, quant_map */
    "pack",       /* compressed-tensors: weight_packed */
    "qweight",    /* GPTQ, AWQ */
    "qzeros",     /* GPTQ, AWQ */
    "absmax",     /* bitsandbytes */
    "zero_point", /* compressed-tensors */
    "weight_",    /* weight_shape, weight_integer and whatever else stands beside a weight */
    "g_idx",      /* GPTQ */
    "SCB",        /* bitsandbytes' int8 */
    "lora_",      /* adapters: lora_A, lora_B */
    "codebook",   /* AQLM and its like */
};

/* Owners of such components that are embeddings or heads. */
static const char *const otx__packed_owners[] = {
    "lm_head",         "embed_out",      "output_layer", "embed_tokens",
    "tok_embeddings",  "wte",            "word_embeddings", "embed_in",
    "output",          "embeddings",     "shared",       "lm_head.linear",
};

/* ---- keys of config.json ---- */

#define OTX__KEY_VOCAB_SIZE "vocab_size"
#define OTX__KEY_DRAFT_SIZE "draft_vocab_size" /* EAGLE-3: rows of a head with d2t */
#define OTX__KEY_TIE "tie_word_embeddings"
#define OTX__KEY_MODEL_TYPE "model_type"
#define OTX__KEY_CLASSES "architectures"
#define OTX__KEY_TOKENIZER_CLASS "tokenizer_class"
#define OTX__KEY_ADDED_DECODER "added_tokens_decoder"
#define OTX__KEY_AUTO_MAP "auto_map"             /* classes that a model brings as code */
#define OTX__KEY_AUTO_TOKENIZER "AutoTokenizer"  /* its entry for the tokenizer's */
#define OTX__KEY_CHAT "chat_template"            /* of tokenizer_config.json */
#define OTX__KEY_POSITIONS "max_position_embeddings"
#define OTX__KEY_LENGTH "model_max_length"       /* of tokenizer_config.json */

/* Within config.json, the objects that describe a language model of their own. */
static const char *const otx__nested_configs[] = {
    "text_config",     /* LLaVA and most others that see */
    "llm_config",      /* InternVL */
    "language_config", /* DeepSeek-VL */
    "thinker_config",  /* Qwen Omni */
    "vlm_config",      /* ColPali, ColQwen 2 */
    "decoder",         /* encoder-decoder, MusicGen */
    "encoder",         /* encoder-decoder */
};

/* A number under a key with one of these words is a size or an id of a vocabulary. */
static const char *const otx__vocabulary_words[] = {
    "vocab", /* vocab_size, decoder_vocab_size, text_vocab_size */
    "token", /* image_token_id, num_image_tokens */
};

/* Under these a config says how wide the embedding is. Some models factorise it, and its
   own width then stands somewhere too. */
static const char *const otx__width_keys[] = {
    "hidden_size",          /* Llama and most others */
    "n_embd",               /* GPT-2, GPT-J */
    "d_model",              /* T5, BART, Mamba */
    "embedding_size",       /* ELECTRA, ALBERT */
    "word_embed_proj_dim",  /* OPT */
    "input_embedding_size", /* RemBERT */
};

/* Heads of attention, and the base of rotary positions: for a method that takes rows to be
   turned by them. */
static const char *const otx__heads_keys[] = {
    "num_attention_heads", /* Llama and most others */
    "n_head",              /* GPT-2, Bloom */
    "n_heads",             /* MPT */
    "num_heads",           /* T5 */
};
static const char *const otx__rope_keys[] = {
    "rope_theta",      /* Llama and most others */
    "rotary_emb_base", /* GPT-NeoX */
};
#define OTX__KEY_ROPE "rope_parameters"     /* transformers 5 */
#define OTX__KEY_ROPE_FULL "full_attention" /* within, where types of layers differ */

/* The type that weights are in. */
static const char *const otx__dtype_keys[] = {
    "dtype",       /* transformers 5 */
    "torch_dtype", /* transformers 4 */
};
#define OTX__KEY_NEW_DTYPE "torch_dtype" /* the one that is added: both read it */

/* What config.json calls a type, as JSON. */
typedef struct otx__dtype_word {
    otx_dtype dtype;
    const char *word;
} otx__dtype_word;

static const otx__dtype_word otx__dtype_words[] = {
    {OTX_F32, "\"float32\""},
    {OTX_F16, "\"float16\""},
    {OTX_BF16, "\"bfloat16\""},
    {OTX_F64, "\"float64\""},
};

/* ---- types and classes of models ---- */

/* What is peculiar about a "model_type". */
typedef enum otx__model_rule {
    OTX__PAD_IS_POSITION, /* it counts its positions from pad_token_id on, as fairseq does:
                             there the id is a number of the architecture, and the masked
                             padding may as well be the tokenizer's own */
    OTX__CLASS_ADDS_ROWS  /* its class gives the embedding more rows than "vocab_size" */
} otx__model_rule;

typedef struct otx__model_type {
    const char *type;
    otx__model_rule rule;
    bool within; /* so does every type with this in its name */
} otx__model_type;

static const otx__model_type otx__model_types[] = {
    {"roberta", OTX__PAD_IS_POSITION, true}, /* and xlm-roberta, roberta-prelayernorm, ... */
    {"camembert", OTX__PAD_IS_POSITION, false},
    {"longformer", OTX__PAD_IS_POSITION, false},
    {"mpnet", OTX__PAD_IS_POSITION, false},
    {"xglm", OTX__PAD_IS_POSITION, false},
    {"m2m_100", OTX__PAD_IS_POSITION, false},
    {"nllb-moe", OTX__PAD_IS_POSITION, false},
    {"fsmt", OTX__PAD_IS_POSITION, false},
    {"esm", OTX__PAD_IS_POSITION, false},
    {"ibert", OTX__PAD_IS_POSITION, false},
    {"data2vec-text", OTX__PAD_IS_POSITION, false},
    {"xmod", OTX__PAD_IS_POSITION, false},
    {"lilt", OTX__PAD_IS_POSITION, false},
    {"luke", OTX__PAD_IS_POSITION, false},
    {"mluke", OTX__PAD_IS_POSITION, false},
    {"layoutlmv3", OTX__PAD_IS_POSITION, false},
    {"markuplm", OTX__PAD_IS_POSITION, false},
    {"prophetnet", OTX__PAD_IS_POSITION, false},
    {"xlm-prophetnet", OTX__PAD_IS_POSITION, false},
    {"seamless_m4t", OTX__PAD_IS_POSITION, false},
    {"seamless_m4t_v2", OTX__PAD_IS_POSITION, false},
    {"kosmos-2", OTX__PAD_IS_POSITION, false},
    {"kosmos-2.5", OTX__PAD_IS_POSITION, false},
    {"trocr", OTX__PAD_IS_POSITION, false},
    {"roc_bert", OTX__PAD_IS_POSITION, false},
    {"mllama", OTX__CLASS_ADDS_ROWS, false}, /* 8 */
    {"mllama_text_model", OTX__CLASS_ADDS_ROWS, false},
    {"moshi", OTX__CLASS_ADDS_ROWS, false}, /* 1 */
    {"cpmant", OTX__CLASS_ADDS_ROWS, false},
};

/* Parts of the names of classes that have an output head. */
static const char *const otx__head_classes[] = {
    "For", /* LlamaForCausalLM, BertForMaskedLM, T5ForConditionalGeneration */
    "LM",  /* GPT2LMHeadModel */
};

/* ---- files and directories beside the weights ---- */

/* Directories with copies of the weights in other formats or layouts, which would still
   hold the old vocabulary. */
static const char *const otx__stale_directories[] = {
    "original", /* Meta's own files */
    "onnx", "openvino", "coreml", "gguf", "metal", "mlx",
};

/* Files that are such copies. In patterns * is any text. */
static const char *const otx__stale_files[] = {
    "*.safetensors", "*.safetensors.index*.json", /* other layouts: consolidated, fp16 */
    "*.bin", "*.bin.index.json",                 /* PyTorch */
    "*.pt", "*.pth", "*.ckpt",                   /* PyTorch, Lightning */
    "*.gguf",                                    /* llama.cpp */
    "*.ggml",                                    /* what it read before */
    "*.h5",                                      /* TensorFlow */
    "*.tflite",                                  /* TensorFlow Lite */
    "*.msgpack", "*.msgpack.index.json",         /* Flax */
    "*.onnx", "*.onnx_data",                     /* ONNX Runtime */
    "*.ot",                                      /* rust-bert */
    "*.npz",                                     /* MLX, JAX */
    "*.nemo",                                    /* NeMo */
};

/* Sub-directories of models in training, each with the whole model; # is a number. */
static const char *const otx__training_directories[] = {
    "checkpoint-#", /* transformers' trainer */
    "global_step#", /* DeepSpeed */
};

/* What downloads and version control keep beside a model. */
static const char *const otx__bookkeeping[] = {
    ".git",         /* a clone */
    ".cache",       /* huggingface_hub: downloads into a directory */
    ".huggingface", /* the same, once */
};

/* Files that code of a tokenizer may name and that are the model's all the same. */
static const char *const otx__model_files[] = {
    "config.json", "generation_config.json",
    "preprocessor_config.json", "processor_config.json", /* of pictures and sound */
    "*.safetensors", "*.safetensors.index.json", "pytorch_model*",
};

/* Files that some loader may take in place of the weights that were checked, and one
   that only looks like it. */
static const char *const otx__rival_files[] = {
    "*.bin", "*.bin.index.json", /* transformers, where it is told to */
    "*.gguf",                    /* llama.cpp, Ollama */
    "*.safetensors",             /* vLLM: all that are there */
};
#define OTX__TRAINING_ARGUMENTS "training_args.bin" /* transformers' trainer */

/* ---- an index of shards ---- */

#define OTX__KEY_METADATA "metadata"            /* transformers does not load one without */
#define OTX__KEY_TOTAL_SIZE "total_size"        /* bytes of all tensors */
#define OTX__KEY_PARAMETERS "total_parameters"  /* elements; newer transformers */
#define OTX__KEY_WEIGHT_MAP "weight_map"

/* ---- draft models ---- */

/* llama.cpp compares tokens from this id on, and lets sizes differ by so much. */
#define OTX__DRAFT_FIRST 5
#define OTX__DRAFT_SLACK 128

/* Whether a tokenizer puts the tokens at both ends of a text. */
#define OTX__KEY_ADD_BOS "add_bos_token"
#define OTX__KEY_ADD_EOS "add_eos_token"
