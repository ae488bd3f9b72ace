/* ---- looking at a finished directory ------------------------------------------------- */

typedef struct otx_verify_options {
    /* Called for every finding, in order, with one line of text: OTX_FAULT for what
       keeps the model from being loaded or makes it wrong, OTX_WARNING for what may
       surprise. */
    void (*finding)(void *context, otx_severity severity, const char *message);
    void *finding_context;
    const char *draft_for; /* a directory: the target of a draft model; or NULL */
} otx_verify_options;

typedef struct otx_verify_summary {
    uint64_t faults, warnings;
} otx_verify_summary;

/* Checks that a model directory agrees with itself: tokenizer, matrices,
   config.json, generation_config.json and index. Row counts, ids within the rows,
   special ids that have a token and are the tokenizer's, tying; rows that are not
   finite (faults) and rows of zeros in an output head, which can be sampled
   (warnings). All values of the vocabulary's tensors are read, in blocks.

   draft_for names the model that this one is to draft for; its tokenizer and its
   config.json are read. The rules are those of llama.cpp (same kind of vocabulary,
   same bos and eos, sizes at most 128 apart, the same token at every id from 5 on)
   and of vLLM (equal vocab_size).

   OTX_OK when it came to its end, whatever it found; a directory that is not there,
   lack of memory and cancelling are errors. summary may be NULL. */
OTX_API otx_result otx_verify(const otx_context *ctx, const char *path,
                              const otx_verify_options *options, otx_verify_summary *summary,
                              otx_error *error);
