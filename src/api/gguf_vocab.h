/* ---- vocabularies in GGUF files ----------------------------------------------------- */

/* Reads the vocabulary that the keys of an open file hold: the kinds gpt2, llama, gemma4,
   bert, t5, rwkv and plamo2 of tokenizer.ggml.model; others are OTX_ERROR_UNSUPPORTED. Its
   tokens stand for what those of the tokenizer do that the file was converted from: ids that
   the converter filled up with "[PADid]" have no token; what it wrote out (user-defined
   tokens) is text as it stands; a token that it made special by its looks is a control token.
   Contents are as the file has them, any bytes, but for two: rwkv's are the bytes that the
   file writes as in Python; and bert's lack the mark of a word before a reserved name.
   Roles are those that the keys name, and for others the id that llama.cpp takes where it is
   a control token. otx_vocab.source is "GGUF", and its model that of the kind, "Trie" for
   rwkv. Close with otx_vocab_close. */
OTX_API otx_result otx_vocab_parse_gguf(const otx_context *ctx, const otx_gguf *file,
                                        const char *name, otx_vocab *out, otx_error *error);

/* Reads besides how text is split, as otx_vocab_parse_rules does, from the file that the
   vocabulary was parsed from: merges, scores, or the tokens alone. How plamo2 splits is not
   known here. */
OTX_API otx_result otx_vocab_parse_gguf_rules(const otx_context *ctx, const otx_gguf *file,
                                              const char *name, otx_vocab *vocab,
                                              otx_error *error);
