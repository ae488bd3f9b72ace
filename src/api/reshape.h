/* ---- a model's own vocabulary, smaller or larger -------------------------------------------- */

/* Which tokens stay. A token is named by its content as the tokenizer's file spells it, else by
   the bytes it stands for, with \xNN and \\ as escapes; or it is #ID; or "COUNT\tID\tTOKEN", as
   otx_token_counts_write writes it, which does not stay if it is counted 0 times. */
typedef struct otx_trim_options {
    const char *const *tokens;
    size_t token_count;
    bool drop;          /* those named go, and all others stay; else those named stay, and all
                           others go */
    uint64_t first;     /* ids below this one stay besides, unless they are named to go */
    const char *const *texts; /* files of text, encoded before and after: otx_encoder_count_file */
    size_t text_count;
    uint64_t min_count; /* tokens that occur so often in them stay besides; 0: none for that */
    uint64_t multiple;  /* rows of the new matrices: the tokens that stay, up to a multiple of
                           this; 0: 1 */
    bool bytes;         /* nothing but bytes and special tokens stays, whatever is named; a
                           tokenizer that lacks some byte becomes byte-level BPE without merges */
    bool overwrite;     /* replace an existing output */
} otx_trim_options;

typedef struct otx_trim_summary {
    uint64_t before, after; /* tokens */
    uint64_t wanted;        /* that stay because the caller says so; and besides them */
    uint64_t always;        /* special ones, bytes and single characters, those that a chat
                               template or a config names */
    uint64_t parts;         /* those that others which stay are made of */
    uint64_t made;          /* bytes that were no tokens, and are now */
    uint64_t matrices;      /* bytes of the vocabulary's matrices before, */
    uint64_t trimmed;       /* and after */
    uint64_t text_bytes;    /* bytes of the texts, */
    uint64_t text_before, text_after; /* and tokens */
} otx_trim_summary;

/* Marks in keep[vocab->count] what has to stay so that all text is still encoded, and text of
   tokens that stay as before: special, reserved and added tokens in use, bytes, single
   characters where no bytes stand in for them, pieces of Unigram and WordPiece with characters
   that are no tokens then, and whatever tokens that stay are merged from.
   The vocabulary must have its rules (otx_vocab_parse_rules). Adds to always and parts of the
   summary, which may be NULL. Errors are memory. */
OTX_API otx_result otx_vocab_close_under_merges(const otx_context *ctx, const otx_vocab *vocab,
                                                bool *keep, otx_trim_summary *summary,
                                                otx_error *error);

/* Writes to `out` the model `model`, a directory or a GGUF file, with the vocabulary cut down:
   what no token that stays depends on is taken out of the tokenizer's files, ids are numbered
   anew in their order, and matrices, biases, configs and generation_config.json follow: every id
   there is that of the same token again, and the tokenizer is of the class that it was. Text of
   tokens that stay is encoded to the same tokens, and the model gives the same logits for them,
   bit for bit; all other text is still encoded, in smaller pieces, but for that of a WordLevel
   model, which has none and where it is unknown. Tokens that are named and not there are
   OTX_ERROR_NOT_FOUND.

   The files are tokenizer.json and what stands beside it, SentencePiece models, tiktoken's
   ranks, tekken.json, vocab.json and vocab.txt. Of a SentencePiece model pieces that stay and
   fields that are not known remain byte for byte, the trainer's ids and size are made true, and
   samples of a self-test go; one beside a tokenizer.json follows it if it is of the same
   tokens, and is left out if not. Ranks are numbered through again, and special tokens keep
   their places behind them, with unlisted ones between and behind, as loaders count from the
   ranks; where these are listed in the loader's code alone, or that holds their number, it is
   OTX_ERROR_UNSUPPORTED. Of a GGUF file, which `out` then is too, all tensors and keys that are
   not the vocabulary's remain byte for byte, rows are copied as blocks, and roles that
   llama.cpp takes for granted are named where their ids are others. As for otx_job_run, nothing
   stands at `out` before it is complete; the new tokenizer stands beside it for that time, as
   `out`.otx-tokenizer-N.

   With options.bytes, where the model has a token for every byte, as byte-level BPE and byte
   fallback have, that is the same as to keep nothing. Where it lacks one (WordPiece, Unigram,
   SentencePiece without fallback) the tokenizer becomes one of bytes, which leaves every text as
   it is; special tokens and other added ones stay. A byte that is a token of the model's own
   keeps its row. Any other takes the mean of the rows of the single characters, with the space
   before them or without, in whose UTF-8 it is; if there are none, of all tokens of text that it
   is in; and one that is in none the mean of all rows of tokens. */
OTX_API otx_result otx_trim(const otx_context *ctx, const char *model, const char *out,
                            const otx_trim_options *options, otx_trim_summary *summary,
                            otx_error *error);

/* What is to be added to a vocabulary. */
typedef struct otx_extend_options {
    const char *const *tokens; /* texts, a space before a word with it; escapes as above */
    size_t token_count;
    const char *tokens_of; /* a tokenizer, as for otx_vocab_open, whose tokens are offered after
                            those; NULL: the donor's if `tokens` is NULL, else none */
    uint64_t first;      /* of an offered tokenizer, ids below this one; 0: all */
    uint64_t most;       /* offer on until so many tokens are new; 0: all */
    const char *donor;   /* a model, as for otx_job_open, whose rows are used; or NULL */
    otx_method method;   /* how rows are made: by one that needs a donor's rows those of tokens
                            that the donor has, and by subword all others; by any other all */
    otx_method_options how; /* of both; of subword, how.subword */
    uint64_t multiple;   /* as above */
    bool overwrite;      /* replace an existing output */
} otx_extend_options;

typedef struct otx_extend_summary {
    uint64_t before, after; /* tokens */
    uint64_t present;       /* of the list, tokens already; of an offered one, texts that are */
    uint64_t left;          /* of an offered one, texts that cannot be the model's own */
    uint64_t own;           /* that are the model's own now: met where the text is a word; */
    uint64_t parts;         /* those besides that merges go through on the way to them; */
    uint64_t added;         /* added tokens: cut out of any text before all else */
    uint64_t solved;        /* new rows that are made from the donor's; by the pieces are the
                               others of these three */
} otx_extend_summary;

/* Writes to `out` the model `model`, with a tokenizer.json or a GGUF file, with more tokens. A
   text that the model's pre-tokenizer certainly leaves whole becomes a token of its own: under
   BPE by merges after all others, so that a text without it is split as before but for these;
   under Unigram by a score just above that of its best pieces; under WordPiece as it is. Any
   other text, and one that holds a token which texts are cut at, becomes an added token, that
   is neither special nor normalised. In GGUF only tokens of lists of merges and of Unigram's
   grow by the model's own; added ones are user-defined there, and in Unigram's of ASCII alone.
   New rows are made from those of the pieces; all others, and biases, configs and
   generation_config.json, are as for otx_trim, with the same errors. A text of nothing, or one
   that has to be an added token and is no UTF-8, is OTX_ERROR_ARGUMENT; one that has to be, and
   is what a byte-level tokenizer calls another text's token, OTX_ERROR_UNSUPPORTED.

   Of an offered tokenizer only what stands for text is taken, in the order of ids: its added
   tokens as added ones, all others as the model's own or not at all, as a text is cut at an added
   token even within a word. Special and reserved tokens stay the model's.

   A donor's row is used for a new token of the same (kind, bytes), a merge's part among them, for
   an added one also that of a special token of its content. The anchors are those of a transplant
   of the model to the donor's tokenizer, and so are the rows, bit for bit, where nothing goes by
   the other tokens that are wanted: omp-affine and affine choose by them how they map, and noise
   goes by places. A donor's row that holds nothing counts as none. */
OTX_API otx_result otx_extend(const otx_context *ctx, const char *model, const char *out,
                              const otx_extend_options *options, otx_extend_summary *summary,
                              otx_error *error);
