/* ---- looking at a finished model ----------------------------------------------------- */

/* What runs a draft model beside its target. Each asks something else of the pair; the rules
   were read from the sources in November 2026. */
typedef enum otx_engine {
    OTX_ENGINE_ALL,          /* each of them */
    OTX_ENGINE_LLAMA_CPP,    /* draft-simple (common/speculative.cpp at commit 001d906), of what
                                its converter writes (gguf-py 0.19.0): the same kind of
                                vocabulary; bos added to texts by both or neither, and if so
                                the same id; eos likewise; "vocab_size" at most 128 apart;
                                the same token at every id from 5 on that both have */
    OTX_ENGINE_VLLM,         /* draft_model (vllm/config/speculative.py, 0.27.0): equal
                                "vocab_size"; tokens are not looked at */
    OTX_ENGINE_SGLANG,       /* STANDALONE (srt/speculative/standalone_worker.py, since pull
                                request 23838): equal "vocab_size", and all tokens the same */
    OTX_ENGINE_TRANSFORMERS, /* assistant_model (generation/utils.py, 5.24.0): equal
                                "vocab_size"; tokens are not looked at. Of unequal ones
                                generate() wants both tokenizers, and translates */
    OTX_ENGINE_COUNT
} otx_engine;

/* "all", "llama.cpp", "vllm", "sglang", "transformers"; NULL if no engine. */
OTX_API const char *otx_engine_name(otx_engine engine);

typedef struct otx_verify_options {
    /* Called for every finding, in order, with one line of text: OTX_FAULT for what
       keeps the model from being loaded or makes it wrong, OTX_WARNING for what may
       surprise; OTX_NOTE for an engine that takes the model as a draft. */
    void (*finding)(void *context, otx_severity severity, const char *message);
    void *finding_context;
    const char *draft_for; /* a directory or GGUF file: the target of a draft model; or NULL */
    otx_engine engine;     /* the one that is to run them */
} otx_verify_options;

typedef struct otx_verify_summary {
    uint64_t faults, warnings;
} otx_verify_summary;

/* Checks that a model directory agrees with itself: tokenizer, matrices,
   config.json, generation_config.json and index. Row counts, ids within the rows,
   special ids that have a token and are the tokenizer's, tying; rows that are not
   finite (faults) and rows of zeros in an output head, which can be sampled
   (warnings). All values of the vocabulary's tensors are read, in blocks.

   Or a GGUF file, of a split one the first part, or a directory with no other weights: what
   ggml and llama.cpp ask of its header, its vocabulary and the shapes that go with it, by which
   they would not load it, or text could not be encoded (faults); what they put up with, but
   hardly anybody means (warnings: special ids of tokens that are none, an unknown
   pre-tokenizer, a chat template with names of no tokens); and values as above.

   Of a draft whose head has rows for a part of the tokens (otx_job_options.draft_vocab): that d2t
   is I64 and has an element for each row, all of ids below the embedding's rows, none twice;
   draft_vocab_size (faults); t2d, and whether eos has a row (warnings). A warning, or of an EAGLE-3
   or DFlash draft a note, says who reads such a head.

   draft_for names the model that this one is to draft for; its tokenizer and its
   config.json are read, or its keys. GGUF files are compared as they are, and a directory
   as it would be converted; if either is one, llama.cpp alone is asked for by
   OTX_ENGINE_ALL. One line for each engine that is asked for says whether it takes
   the pair, and if not why: an engine that refuses it is a fault; a warning, what it
   does not look at though it makes drafts of no use, or asks for besides.

   OTX_OK when it came to its end, whatever it found; a model that is not there,
   lack of memory and cancelling are errors. summary may be NULL. */
OTX_API otx_result otx_verify(const otx_context *ctx, const char *path,
                              const otx_verify_options *options, otx_verify_summary *summary,
                              otx_error *error);
