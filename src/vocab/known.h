/* ---- known: what the world calls things in vocabularies ----------------------- */

/* Everything that was found in files rather than thought of here: names of files, of
   classes, of tokens. A new name is a new row; the comment says who needs it. */

/* ---- files ---- */

/* How XLM-RoBERTa, CamemBERT and their kin name a SentencePiece model. */
#define OTX__SENTENCEPIECE_BPE "sentencepiece.bpe.model"

/* What a name says of a file. */
typedef struct otx__known_file {
    const char *pattern; /* see otx__name_fits */
    otx_vocab_file file; /* what it is read as; OTX_VOCAB_FILES: it is not read */
} otx__known_file;

/* The files of a tokenizer in a model directory. Of two rows for the same kind of file
   the first is preferred, as by the loaders. */
static const otx__known_file otx__known_files[] = {
    {"tokenizer.json", OTX_VOCAB_TOKENIZER_JSON},
    {"tekken.json", OTX_VOCAB_TEKKEN},                /* Mistral: mistral-common */
    {"tokenizer.model", OTX_VOCAB_SENTENCEPIECE},     /* Llama 2, Gemma */
    {"spiece.model", OTX_VOCAB_SENTENCEPIECE},        /* T5, ALBERT, XLNet */
    {OTX__SENTENCEPIECE_BPE, OTX_VOCAB_SENTENCEPIECE},
    {"sentencepiece.model", OTX_VOCAB_SENTENCEPIECE}, /* RemBERT */
    {"spm.model", OTX_VOCAB_SENTENCEPIECE},           /* DeBERTa v2 and v3 */
    {"tokenizer.model.v*", OTX_VOCAB_SENTENCEPIECE},  /* Mistral; the last of several */
    {"tiktoken.model", OTX_VOCAB_TIKTOKEN},           /* Kimi */
    {"*.tiktoken", OTX_VOCAB_TIKTOKEN},               /* Qwen 1 */
    {"vocab.json", OTX_VOCAB_JSON},                   /* GPT-2, RoBERTa, Whisper */
    {"vocab.txt", OTX_VOCAB_TXT},                     /* BERT */
    {"merges.txt", OTX_VOCAB_MERGES},
    {"tokenizer_config.json", OTX_VOCAB_TOKENIZER_CONFIG},
    {"special_tokens_map.json", OTX_VOCAB_SPECIAL_TOKENS},
    {"added_tokens.json", OTX_VOCAB_ADDED_TOKENS},
    {"config.json", OTX_VOCAB_MODEL_CONFIG},          /* the model's, not the tokenizer's */
    {"tokenizer.model.*", OTX_VOCAB_FILES},           /* a SentencePiece model set aside */
    {"vocab.bpe", OTX_VOCAB_FILES},                   /* OpenAI's merges.txt */
    {"encoder.json", OTX_VOCAB_FILES},                /* OpenAI's vocab.json */
    {"bpe.codes", OTX_VOCAB_FILES},                   /* PhoBERT, BERTweet */
    {"*.spm", OTX_VOCAB_FILES},                       /* Marian: one for each side */
    {"chat_template.jinja", OTX_VOCAB_CHAT_TEMPLATE}, /* transformers */
    {"chat_template.json", OTX_VOCAB_CHAT_JSON},      /* its processors */
    {"processor_config.json", OTX_VOCAB_PROCESSOR},   /* the model's, as the next two */
    {"preprocessor_config.json", OTX_VOCAB_PREPROCESSOR},
    {"generation_config.json", OTX_VOCAB_GENERATION_CONFIG},
    {"additional_chat_templates", OTX_VOCAB_FILES},   /* a directory of more */
};

/* Those of them that hold chat templates, which a caller may want from elsewhere. */
static const char *const otx__template_files[] = {
    "chat_template.jinja", "chat_template.json", "additional_chat_templates",
};

/* Which of them are read with one source only; the others go with every one. */
static const struct {
    otx_vocab_file file, source;
} otx__known_pairs[] = {
    {OTX_VOCAB_MERGES, OTX_VOCAB_JSON},
    {OTX_VOCAB_MODEL_CONFIG, OTX_VOCAB_SENTENCEPIECE},
};

/* Code of a tokenizer that is loaded with it. Files of a model too may have such names:
   whose they are, auto_map says. */
static const char *const otx__known_code[] = {
    "tokenization_*.py", /* what save_pretrained writes for a tokenizer of one's own */
};

/* A file that is given by itself may have any name that ends as these do; the first
   that fits counts. */
static const otx__known_file otx__known_endings[] = {
    {"*vocab.json", OTX_VOCAB_FILES}, /* not enough by itself: merges.txt is missing */
    {"*tekken*.json", OTX_VOCAB_TEKKEN},
    {"*.json", OTX_VOCAB_TOKENIZER_JSON},
    {"tiktoken.model", OTX_VOCAB_TIKTOKEN},
    {"*.tiktoken", OTX_VOCAB_TIKTOKEN},
    {"*.model", OTX_VOCAB_SENTENCEPIECE},
    {"*.model.v*", OTX_VOCAB_SENTENCEPIECE},
    {"*vocab.txt", OTX_VOCAB_TXT},
};

/* What may stand in a directory in place of what is wanted, and what to do about it. */
typedef struct otx__known_advice {
    const char *pattern, *advice;
} otx__known_advice;

#define OTX__SAVE_AS_JSON "load it with transformers' AutoTokenizer and save it with " \
                          "save_pretrained, which writes tokenizer.json"

static const otx__known_advice otx__tokenizer_advice[] = {
    {"*.model", OTX__SAVE_AS_JSON}, /* by a name that no loader is known to look for */
    {"*.spm", OTX__SAVE_AS_JSON},
    {"bpe.codes*", OTX__SAVE_AS_JSON},
    {"encoder.json*", "OpenAI's names; rename it to vocab.json, and vocab.bpe to merges.txt"},
};

/* ---- keys of JSON files ---- */

/* The key of a role's token, in tokenizer_config.json and special_tokens_map.json. */
static const char *const otx__role_keys[OTX_ROLE_COUNT] = {
    "bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token",
};

/* Keys there of lists of tokens that are special besides. */
static const char *const otx__special_keys[] = {
    "additional_special_tokens", /* transformers, up to 4 */
    "extra_special_tokens",      /* transformers, from 5 on; before, an object of names */
};

/* ---- tokens ---- */

/* Names of reserved, never trained tokens; # stands for a number. Only whole names
   count: text that merely holds one is text. */
static const char *const otx__reserved_names[] = {
    "<unused#>",                      /* Gemma */
    "<unused_#>",
    "<unused_token_#>",
    "<|unused#|>",
    "<|unused_#|>",
    "[unused#]",                      /* BERT */
    "[UNUSED_TOKEN_#]",               /* InternLM */
    ">>UNUSED_#<<",                   /* Falcon */
    "<reserved_#>",                   /* Baichuan */
    "<reserved_token_#>",
    "<|reserved_#|>",                 /* gpt-oss */
    "<|reserved_token_#|>",           /* Kimi */
    "<|reserved_special_token_#|>",   /* Llama 3 */
    "<|text_post_train_reserved_special_token_#|>", /* Llama 4 */
    "<|vision_reserved_special_token_#|>",
    "<|reasoning_reserved_special_token_#|>",
    "<SPECIAL_#>",                    /* Mistral's tekken, Nemotron */
    "[control_#]",                    /* Mistral's SentencePiece, from v2 on */
    "<|EXTRA_#_TOKEN|>",              /* Cohere */
    "<|USER_#_TOKEN|>",               /* Cohere; without a number it is in use */
    "<|dummy_#|>",                    /* Phi */
    "<|placeholder#|>",
    "<|extra_#|>",                    /* Qwen 1 */
    "<[PLHD#_never_used]>",           /* Seed */
    "<\xef\xbd\x9cplace\xe2\x96\x81holder\xe2\x96\x81no\xe2\x96\x81#\xef\xbd\x9c>",
                                      /* DeepSeek V3 */
    "<|place_holder_mm_span_#|>",     /* and later ones */
};

/* The token that has a role, unless a file says otherwise. */
typedef struct otx__known_role {
    otx_role role;
    const char *content;
} otx__known_role;

static const otx__known_role otx__roles_sentencepiece[] = { /* if the trainer names none */
    {OTX_ROLE_BOS, "<s>"}, {OTX_ROLE_EOS, "</s>"}, {OTX_ROLE_PAD, "<pad>"},
};

static const otx__known_role otx__roles_tekken[] = { /* mistral-common */
    {OTX_ROLE_BOS, "<s>"}, {OTX_ROLE_EOS, "</s>"}, {OTX_ROLE_UNK, "<unk>"},
    {OTX_ROLE_PAD, "<pad>"},
};

static const otx__known_role otx__roles_vocab_txt[] = { /* BERT */
    {OTX_ROLE_PAD, "[PAD]"}, {OTX_ROLE_UNK, "[UNK]"}, {OTX_ROLE_CLS, "[CLS]"},
    {OTX_ROLE_SEP, "[SEP]"}, {OTX_ROLE_MASK, "[MASK]"},
};

static const otx__known_role otx__roles_roberta[] = { /* RoBERTa */
    {OTX_ROLE_BOS, "<s>"}, {OTX_ROLE_CLS, "<s>"}, {OTX_ROLE_EOS, "</s>"},
    {OTX_ROLE_SEP, "</s>"}, {OTX_ROLE_PAD, "<pad>"}, {OTX_ROLE_UNK, "<unk>"},
    {OTX_ROLE_MASK, "<mask>"},
};

static const otx__known_role otx__roles_gpt2[] = { /* GPT-2, Whisper */
    {OTX_ROLE_BOS, "<|endoftext|>"}, {OTX_ROLE_EOS, "<|endoftext|>"},
    {OTX_ROLE_UNK, "<|endoftext|>"},
};

/* The special tokens of a tekken.json that lists none, as the first ones did, and the last
   version of which a file may do so. Those after them are named by their ids. */
static const char *const otx__tekken_specials[] = {
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]",
    "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
};
#define OTX__TEKKEN_UNLISTED 7

/* ---- loaders of SentencePiece models ---- */

/* How a class of transformers numbers the pieces: first tokens of its own, then the
   pieces but for the first few, then more of its own. A class of which nothing but its
   name is known numbers them by other rules, and is refused. One that is not here takes
   the pieces as they are. */
typedef struct otx__piece_layout {
    const char *name;  /* the class, without "Fast" */
    const char *model; /* the model_type of config.json that has it; NULL: none alone */
    const char *before[6], *after[2];
    unsigned dropped;  /* pieces */
    unsigned extra;    /* then <extra_id_N> down to 0, so many unless extra_ids says else */
} otx__piece_layout;

static const otx__piece_layout otx__piece_layouts[] = {
    {"XLMRobertaTokenizer", "xlm-roberta", {"<s>", "<pad>", "</s>", "<unk>"}, {"<mask>"}, 3, 0},
    {"XLMRobertaTokenizer", "xlm-roberta-xl", {"<s>", "<pad>", "</s>", "<unk>"}, {"<mask>"},
     3, 0},
    {"LayoutXLMTokenizer", NULL, {"<s>", "<pad>", "</s>", "<unk>"}, {"<mask>"}, 3, 0},
    {"CamembertTokenizer", "camembert",
     {"<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED"}, {"<mask>"}, 1, 0},
    {"T5Tokenizer", "t5", {NULL}, {NULL}, 0, 100},
    {"T5Tokenizer", "mt5", {NULL}, {NULL}, 0, 100},
    {"MBartTokenizer", "mbart", {NULL}, {NULL}, 0, 0},
    {"MBart50Tokenizer", NULL, {NULL}, {NULL}, 0, 0},
    {"NllbTokenizer", "nllb-moe", {NULL}, {NULL}, 0, 0},
    {"M2M100Tokenizer", "m2m_100", {NULL}, {NULL}, 0, 0},
    {"SeamlessM4TTokenizer", "seamless_m4t", {NULL}, {NULL}, 0, 0},
    {"XGLMTokenizer", "xglm", {NULL}, {NULL}, 0, 0},
    {"PLBartTokenizer", "plbart", {NULL}, {NULL}, 0, 0},
    {"BarthezTokenizer", NULL, {NULL}, {NULL}, 0, 0},
    {"BartphoTokenizer", NULL, {NULL}, {NULL}, 0, 0},
    {"MLukeTokenizer", "mluke", {NULL}, {NULL}, 0, 0},
    {"PegasusTokenizer", "pegasus", {NULL}, {NULL}, 0, 0},
    {"PegasusTokenizer", "bigbird_pegasus", {NULL}, {NULL}, 0, 0},
    {"XLMProphetNetTokenizer", "xlm-prophetnet", {NULL}, {NULL}, 0, 0},
    {"Speech2TextTokenizer", "speech_to_text", {NULL}, {NULL}, 0, 0},
    {"MarianTokenizer", "marian", {NULL}, {NULL}, 0, 0},
    {"CpmTokenizer", NULL, {NULL}, {NULL}, 0, 0},
};

/* ---- looking things up ---- */

OTX__PRIVATE bool otx__is_tokenizer_code(const char *name)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__known_code); i++)
        if (otx__name_fits(name, otx__known_code[i])) return true;
    return false;
}

/* Whether a kind of file that is read with a tokenizer is the model's all the same. */
OTX__PRIVATE bool otx__is_of_model_side(otx_vocab_file file)
{
    return file == OTX_VOCAB_MODEL_CONFIG || file == OTX_VOCAB_PROCESSOR ||
           file == OTX_VOCAB_PREPROCESSOR || file == OTX_VOCAB_GENERATION_CONFIG;
}

/* Whether a name in a model directory belongs to its tokenizer: those of the base are
   left out of an output, and the donor's are copied. One stale file would do harm:
   converters take the first that they know. */
OTX__PRIVATE bool otx__is_of_tokenizer(const char *name)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__known_files); i++)
        if (!otx__is_of_model_side(otx__known_files[i].file) &&
            otx__name_fits(name, otx__known_files[i].pattern))
            return true;
    return otx__is_tokenizer_code(name);
}

/* Whether a name is that of a file with tokens other than tokenizer.json, or of one that goes
   with it. */
OTX__PRIVATE bool otx__is_other_source(const char *name)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__known_files); i++) {
        const otx_vocab_file file = otx__known_files[i].file;
        if (otx__name_fits(name, otx__known_files[i].pattern) && file != OTX_VOCAB_TOKENIZER_JSON)
            return file <= OTX_VOCAB_MERGES ||
                   (file == OTX_VOCAB_FILES &&
                    !otx__name_fits_any(name, otx__template_files,
                                        OTX__COUNT(otx__template_files)));
    }
    return false;
}

/* The name that a kind of file usually has. */
OTX__PRIVATE const char *otx__usual_name(otx_vocab_file file)
{
    size_t i = 0;
    while (otx__known_files[i].file != file) i++;
    return otx__known_files[i].pattern;
}

/* Whether a kind of file is read with that source. */
OTX__PRIVATE bool otx__goes_with(otx_vocab_file file, otx_vocab_file source)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__known_pairs); i++)
        if (otx__known_pairs[i].file == file) return otx__known_pairs[i].source == source;
    return true;
}

/* What a file that is given by itself holds, by its name; OTX_VOCAB_FILES if that is not
   known or is no vocabulary. */
OTX__PRIVATE otx_vocab_file otx__source_named(const char *name)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__known_endings); i++)
        if (otx__name_fits(name, otx__known_endings[i].pattern))
            return otx__known_endings[i].file;
    return OTX_VOCAB_FILES;
}

/* The first advice that one of the names in a directory calls for, and that name; NULL
   if there is none. */
OTX__PRIVATE const char *otx__find_advice(const otx__known_advice *rows, size_t count,
                                          const char *const *names, size_t name_count,
                                          const char **name)
{
    size_t i, j;
    for (i = 0; i < count; i++)
        for (j = 0; j < name_count; j++)
            if (otx__name_fits(names[j], rows[i].pattern)) {
                *name = names[j];
                return rows[i].advice;
            }
    return NULL;
}

/* The same for a directory in which no tokenizer was found. */
OTX__PRIVATE const char *otx__advise_on_tokenizer(const char *const *names, size_t name_count,
                                                  const char **name)
{
    return otx__find_advice(otx__tokenizer_advice, OTX__COUNT(otx__tokenizer_advice), names,
                            name_count, name);
}
