/* ---- known_gguf: what llama.cpp calls vocabularies, and takes for granted of them --- */

/* Read in src/llama-vocab.cpp of August 2026. A new name is a new row. */

/* Types of a token. */
enum {
    OTX__GGUF_UNDEFINED, OTX__GGUF_NORMAL, OTX__GGUF_UNKNOWN, OTX__GGUF_CONTROL,
    OTX__GGUF_USER, OTX__GGUF_UNUSED, OTX__GGUF_BYTE, OTX__GGUF_TOKEN_TYPES
};

#define OTX__GGUF_MODEL "tokenizer.ggml.model"
#define OTX__GGUF_PRE "tokenizer.ggml.pre"
#define OTX__GGUF_TOKENS "tokenizer.ggml.tokens"
#define OTX__GGUF_TYPES "tokenizer.ggml.token_type"
#define OTX__GGUF_SCORES "tokenizer.ggml.scores"
#define OTX__GGUF_MERGES "tokenizer.ggml.merges"
#define OTX__GGUF_TEMPLATE "tokenizer.chat_template"
#define OTX__GGUF_ADD_BOS "tokenizer.ggml.add_bos_token"
#define OTX__GGUF_ADD_EOS "tokenizer.ggml.add_eos_token"

/* The keys of the roles' ids. */
static const char *const otx__gguf_role_keys[OTX_ROLE_COUNT] = {
    "tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
    "tokenizer.ggml.padding_token_id", "tokenizer.ggml.unknown_token_id",
    "tokenizer.ggml.seperator_token_id", /* so spelled */
    "tokenizer.ggml.cls_token_id", "tokenizer.ggml.mask_token_id",
};

/* A kind of vocabulary, by tokenizer.ggml.model. */
typedef struct otx__vocab_kind {
    const char *name;
    const char *type;     /* what llama.cpp makes of it: only alike ones make a pair of a draft
                             and a target */
    const char *model;    /* see otx_vocab */
    otx_family family;
    bool merges, scores;  /* what it cannot do without */
    bool adds[2];         /* bos, eos: whether texts get it, where no key tells */
    int roles[OTX_ROLE_COUNT]; /* ids where no key names one; -1: none */
} otx__vocab_kind;

static const otx__vocab_kind otx__vocab_kinds[] = {
    {"gpt2", "BPE", "BPE", OTX_FAMILY_BYTE_LEVEL, true, false, {false, false},
     {11, 11, -1, -1, -1, -1, -1}},
    {"llama", "SPM", "BPE", OTX_FAMILY_METASPACE, false, true, {true, false},
     {1, 2, -1, 0, -1, -1, -1}},
    {"gemma4", "BPE", "BPE", OTX_FAMILY_METASPACE, true, false, {true, false},
     {-1, -1, -1, -1, -1, -1, -1}},
    {"bert", "WPM", "WordPiece", OTX_FAMILY_WORDPIECE, false, false, {true, false},
     {101, -1, 0, 100, 102, 101, 103}},
    {"t5", "UGM", "Unigram", OTX_FAMILY_METASPACE, false, true, {false, true},
     {-1, 1, 0, 2, -1, -1, -1}},
    {"rwkv", "RWKV", "Trie", OTX_FAMILY_PLAIN, false, false, {false, false},
     {-1, -1, -1, -1, -1, -1, -1}},
    {"plamo2", "PLaMo2", "Unigram", OTX_FAMILY_PLAIN, false, true, {false, false},
     {1, 2, 3, 0, -1, -1, -1}},
};

/* Pre-tokenizers of byte-level vocabularies, by tokenizer.ggml.pre. */
typedef struct otx__gguf_pre {
    const char *name;
    size_t digits;    /* the most digits that it leaves together; 0: any */
    bool whole_first; /* a word that is a token is that one, whatever the merges */
    bool adds_bos;    /* where no key tells */
} otx__gguf_pre;

static const otx__gguf_pre otx__gguf_pres[] = {
    {"default", 3, false, false},
    {"llama3", 3, true, true}, {"llama-v3", 3, true, true}, {"llama-bpe", 3, true, true},
    {"falcon3", 3, true, true}, {"falcon-h1", 3, true, true}, {"pixtral", 3, true, true},
    {"midm-2.0", 3, true, true}, {"lfm2", 3, true, true}, {"jina-v5-nano", 3, true, true},
    {"minicpm5", 0, true, false},
    {"deepseek-llm", 0, false, false}, {"deepseek-coder", 1, false, false},
    {"deepseek-v3", 3, false, false}, {"hunyuan-dense", 3, false, false},
    {"joyai-llm", 3, false, false}, {"hy_v4", 3, false, false}, {"spark2_5", 1, false, false},
    {"youtu", 1, true, false},
    {"falcon", 3, false, false},
    {"mpt", 0, false, false}, {"gpt-2", 0, false, false}, {"phi-2", 0, false, false},
    {"jina-es", 0, false, false}, {"jina-de", 0, false, false}, {"jina-v2-es", 0, false, false},
    {"jina-v2-de", 0, false, false}, {"jina-v1-en", 0, false, false},
    {"jina-v2-code", 0, false, false}, {"roberta-bpe", 0, false, false},
    {"gigachat", 0, false, false}, {"a.x-4.0", 0, false, false}, {"mellum", 0, false, false},
    {"modern-bert", 0, false, false}, {"exaone4", 0, false, false}, {"olmo", 0, false, false},
    {"jais", 0, false, false}, {"trillion", 0, false, false},
    {"granite-docling", 0, false, false},
    {"starcoder", 1, false, false}, {"refact", 1, false, false}, {"command-r", 1, false, false},
    {"smollm", 1, false, false}, {"codeshell", 1, false, false}, {"exaone", 1, false, false},
    {"minerva-7b", 1, false, false}, {"mellum2", 1, false, false},
    {"stablelm2", 1, false, false}, {"qwen2", 1, false, false},
    {"deepseek-r1-qwen", 1, false, false}, {"kormo", 1, false, false},
    {"f2llmv2", 1, false, false}, {"megrez", 1, false, false}, {"hunyuan", 1, false, false},
    {"solar-open", 1, false, false}, {"qwen35", 1, false, false}, {"ufakzeka", 1, false, false},
    {"poro-chat", 0, false, false}, {"bloom", 0, false, false}, {"gpt3-finnish", 0, false, false},
    {"viking", 1, false, false},
    {"jais-2", 3, false, false}, {"dbrx", 3, false, false}, {"smaug-bpe", 3, false, false},
    {"glm4", 3, false, false}, {"chatglm-bpe", 3, false, false},
    {"tekken", 1, true, true},
    {"chameleon", 1, false, true},
    {"gpt-4o", 3, false, false}, {"llama4", 3, false, false}, {"kanana2", 3, false, false},
    {"talkie", 3, false, false}, {"minimax-m2", 3, false, false},
    {"granite-embed-multi-97m", 3, true, false},
    {"tiny_aya", 3, false, false}, {"cohere2moe", 3, false, false},
    {"kimi-k2", 3, true, false}, /* ranks in place of merges */
    {"superbpe", 3, false, false},
    {"bailingmoe", 1, false, false}, {"bailingmoe2", 1, false, false},
    {"llada-moe", 1, false, false},
    {"seed-coder", 1, false, false}, {"grok-2", 1, false, false},
    {"afmoe", 3, false, false}, {"laguna", 1, false, false}, {"exaone-moe", 1, false, false},
    {"whitespace", 0, false, false},
};

#define OTX__PRE_KIMI "kimi-k2"

/* Those under which a vocabulary is spelled as SentencePiece does, spaces as U+2581, though
   it is named gpt2: read as gemma4. */
static const char *const otx__gguf_spaced_pres[] = {
    "gemma4", "sarvam-moe", "granite-embed-multi-311m",
};

/* Those for which the kind's own bos does not count. */
static const char *const otx__gguf_pres_without_bos[] = {"glm4", "chatglm-bpe"};

/* ---- looking things up ---- */

/* The text of a key with one string; empty if there is none. */
OTX__PRIVATE otx__span otx__gguf_word_of(const otx_gguf *file, const char *name)
{
    const otx_gguf_key *key = otx_gguf_find(file, name);
    otx_gguf_strings strings;
    memset(&strings, 0, sizeof strings);
    if (!key || key->array || !otx_gguf_next(key, &strings)) return otx__span_of("", 0);
    return otx__span_of(strings.bytes, strings.size);
}

OTX__PRIVATE bool otx__span_is_any(otx__span text, const char *const *names, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        if (otx__span_is(text, names[i])) return true;
    return false;
}

/* The kind of a file's vocabulary, or NULL. */
OTX__PRIVATE const otx__vocab_kind *otx__vocab_kind_of(const otx_gguf *file)
{
    otx__span name = otx__gguf_word_of(file, OTX__GGUF_MODEL);
    const bool spaced = otx__span_is_any(otx__gguf_word_of(file, OTX__GGUF_PRE),
                                         otx__gguf_spaced_pres,
                                         OTX__COUNT(otx__gguf_spaced_pres));
    size_t i;
    if (spaced && otx__span_is(name, "gpt2")) name = otx__span_of("gemma4", 6);
    for (i = 0; i < OTX__COUNT(otx__vocab_kinds); i++)
        if (otx__span_is(name, otx__vocab_kinds[i].name)) return &otx__vocab_kinds[i];
    return NULL;
}

/* The pre-tokenizer of byte-level vocabularies of that name, or NULL. */
OTX__PRIVATE const otx__gguf_pre *otx__gguf_pre_named(otx__span name)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__gguf_pres); i++)
        if (otx__span_is(name, otx__gguf_pres[i].name)) return &otx__gguf_pres[i];
    return NULL;
}

/* Whether there is a pre-tokenizer of that name. */
OTX__PRIVATE bool otx__gguf_is_pre(otx__span name)
{
    return otx__gguf_pre_named(name) ||
           otx__span_is_any(name, otx__gguf_spaced_pres, OTX__COUNT(otx__gguf_spaced_pres));
}

/* The pre-tokenizer of a byte-level vocabulary, or NULL. */
OTX__PRIVATE const otx__gguf_pre *otx__gguf_pre_of(const otx_gguf *file)
{
    const otx__vocab_kind *kind = otx__vocab_kind_of(file);
    const otx__span name = otx__gguf_word_of(file, OTX__GGUF_PRE);
    if (!kind || kind->family != OTX_FAMILY_BYTE_LEVEL) return NULL;
    return otx__gguf_pre_named(name.size ? name : otx__span_of("default", 7));
}

/* The id that a role has where no key names one, or -1. */
OTX__PRIVATE int64_t otx__gguf_usual_role(const otx_gguf *file, otx_role role)
{
    const otx__vocab_kind *kind = otx__vocab_kind_of(file);
    if (!kind) return -1;
    if (role == OTX_ROLE_BOS && otx__span_is_any(otx__gguf_word_of(file, OTX__GGUF_PRE),
                                                 otx__gguf_pres_without_bos,
                                                 OTX__COUNT(otx__gguf_pres_without_bos)))
        return -1;
    return kind->roles[role];
}
