/* ---- vocabularies ------------------------------------------------------------- */

/* A token is (kind, bytes). Bytes are what the token stands for in text, with
   every tokenizer's spelling undone: a leading space is 0x20, not U+2581 or
   U+0120. An added token that the model itself lacks stands for the text that it is
   cut out of, whatever a decoder makes of it: its content, letter by letter; with the
   space before it if it is `normalized` and the normaliser of tokenizer.json puts one
   before every text, as Llama 2's does. */
typedef enum otx_token_kind {
    OTX_TOKEN_NONE,    /* no token has this id */
    OTX_TOKEN_TEXT,
    OTX_TOKEN_BYTE,    /* one byte, as <0xNN> of a byte-fallback tokenizer */
    OTX_TOKEN_CONTROL, /* special: stands for its content, not for text */
    OTX_TOKEN_UNUSED,  /* reserved, never trained: <unused7> and the like */
    OTX_TOKEN_KIND_COUNT
} otx_token_kind;

/* "none", "text", "byte", "control", "unused"; NULL if no kind. */
OTX_API const char *otx_token_kind_name(otx_token_kind kind);

typedef enum otx_role {
    OTX_ROLE_BOS, OTX_ROLE_EOS, OTX_ROLE_PAD, OTX_ROLE_UNK, OTX_ROLE_SEP, OTX_ROLE_CLS,
    OTX_ROLE_MASK, OTX_ROLE_COUNT
} otx_role;

/* "bos", "eos", ...; NULL if no role. */
OTX_API const char *otx_role_name(otx_role role);

typedef struct otx_token {
    const char *bytes;   /* any bytes, NUL and invalid UTF-8 included */
    const char *content; /* as the tokenizer's file spells it, UTF-8; from tekken.json
                            and tiktoken files the bytes themselves; from GGUF see
                            otx_vocab_parse_gguf */
    uint32_t size, content_size;
    otx_token_kind kind;
    bool added;          /* from added_tokens rather than the model's vocabulary */
    bool in_use;         /* it has a role, or a chat template, a processor or a generation
                            config names it */
} otx_token;

/* How a tokenizer spells its tokens. */
typedef enum otx_family {
    OTX_FAMILY_PLAIN,       /* as they are */
    OTX_FAMILY_BYTE_LEVEL,  /* the GPT-2 byte alphabet */
    OTX_FAMILY_METASPACE,   /* U+2581 (or another mark) for the space; SentencePiece */
    OTX_FAMILY_WORDPIECE,   /* ## continues a word */
    OTX_FAMILY_WORD_SUFFIX, /* </w> ends a word */
    OTX_FAMILY_COUNT
} otx_family;

/* "plain", "byte-level", "metaspace", "wordpiece", "word-suffix"; or NULL. */
OTX_API const char *otx_family_name(otx_family family);

typedef struct otx_vocab {
    otx_token *tokens;   /* by id; ids without a token are OTX_TOKEN_NONE */
    size_t count;        /* the highest id + 1 */
    size_t token_count;  /* ids that have a token */
    int64_t roles[OTX_ROLE_COUNT]; /* ids, or -1 */
    otx_family family;
    const char *model;   /* "BPE", "Unigram", "WordPiece", "WordLevel", "Word", "Char", "Trie" */
    const char *source;  /* what it was read from: "tokenizer.json", "SentencePiece",
                            "tekken.json", "tiktoken", "vocab.json", "vocab.txt", "GGUF" */
    size_t digits;       /* the most ASCII digits in one token of a text: 1 where numbers are
                            read digit by digit; 0 if no token is made of digits */
    void *memory;        /* private: what tokens and strings stand in */
    void *rules;         /* private: see otx_vocab_parse_rules; NULL unless asked for */
} otx_vocab;

/* The files of a tokenizer. */
typedef enum otx_vocab_file {
    /* Those that hold the tokens, in the order in which loaders prefer them. */
    OTX_VOCAB_TOKENIZER_JSON, /* tokenizer.json: all four model types */
    OTX_VOCAB_TEKKEN,         /* tekken.json */
    OTX_VOCAB_SENTENCEPIECE,  /* tokenizer.model, spiece.model, sentencepiece.bpe.model;
                                 a tokenizer.model may be a tiktoken file as well */
    OTX_VOCAB_TIKTOKEN,       /* *.tiktoken, tiktoken.model */
    OTX_VOCAB_JSON,           /* vocab.json; OTX_VOCAB_MERGES is needed as well */
    OTX_VOCAB_TXT,            /* vocab.txt: WordPiece, a token a line */
    OTX_VOCAB_SOURCES,
    /* Those that go with one of them. */
    OTX_VOCAB_MERGES = OTX_VOCAB_SOURCES, /* merges.txt */
    OTX_VOCAB_TOKENIZER_CONFIG, /* tokenizer_config.json: roles, added_tokens_decoder */
    OTX_VOCAB_SPECIAL_TOKENS,   /* special_tokens_map.json: roles */
    OTX_VOCAB_ADDED_TOKENS,     /* added_tokens.json */
    OTX_VOCAB_MODEL_CONFIG,     /* config.json: which loader numbers the pieces of a
                                   SentencePiece model, where tokenizer_config.json
                                   does not tell */
    /* Those that tell which tokens are in use although they are named as reserved ones. */
    OTX_VOCAB_CHAT_TEMPLATE,     /* chat_template.jinja; tokenizer_config.json's counts too */
    OTX_VOCAB_CHAT_JSON,         /* chat_template.json */
    OTX_VOCAB_PROCESSOR,         /* processor_config.json */
    OTX_VOCAB_PREPROCESSOR,      /* preprocessor_config.json */
    OTX_VOCAB_GENERATION_CONFIG, /* generation_config.json: ids */
    OTX_VOCAB_FILES
} otx_vocab_file;

/* The bytes of one file; NULL if it is absent. */
typedef struct otx_vocab_text {
    const char *bytes;
    size_t size;
} otx_vocab_text;

/* Reads a vocabulary from texts[OTX_VOCAB_FILES]: the first of the files with tokens
   that is given, and those that go with it, merged as transformers merges them. Ids
   are those that the loader gives at run time; a declared id that differs is reported
   to ctx->log. A token that a file merely names, without being in any list, is
   reported and not added. Where the loader numbers tokens by rules in its own code
   that are not known here, the result is OTX_ERROR_UNSUPPORTED. `name` stands in
   errors for the file with the tokens. Close with otx_vocab_close. */
OTX_API otx_result otx_vocab_parse(const otx_context *ctx, const otx_vocab_text *texts,
                                   const char *name, otx_vocab *out, otx_error *error);
OTX_API void otx_vocab_close(const otx_context *ctx, otx_vocab *vocab);

/* Reads besides how the tokenizer splits text, from the texts that the vocabulary was parsed
   from: merges, ranks or scores, which take 24 bytes a token and 16 a merge and go with the
   vocabulary. On failure it is what it was. */
OTX_API otx_result otx_vocab_parse_rules(const otx_context *ctx, const otx_vocab_text *texts,
                                         const char *name, otx_vocab *vocab, otx_error *error);

/* Splits text as the tokenizer's model does: BPE by its merges, or by ranks (tiktoken,
   tekken.json) or scores (SentencePiece); Unigram by the best sum of scores; WordPiece by the
   longest token that fits; of other models, the token that the text is. The text is bytes as in
   otx_token, any of them, UTF-8 or not. It is taken as one piece, without the normaliser and
   the pre-tokenizer, which may cut it further ("don't" into "don" and "'t", "123" into digits),
   and without looking for added tokens in it; where spaces end words (WordPiece, </w>), it is
   cut at them, and what no space comes before continues a word. Pieces are tokens of the
   model: no control, reserved or added tokens. What none stands for becomes byte tokens where
   the vocabulary has them, else its unknown token if it has one, else nothing.

   Writes the first `capacity` ids, and to *count how many there are. The vocabulary must have
   its rules. Errors are memory, and OTX_ERROR_LIMIT beyond 2^28 bytes. Thread-safe, if the
   hooks of ctx are. */
OTX_API otx_result otx_vocab_split(const otx_context *ctx, const otx_vocab *vocab,
                                   const char *bytes, size_t size, uint32_t *ids,
                                   size_t capacity, size_t *count, otx_error *error);
