/* ---- gguf_vocab: the keys of a vocabulary in a GGUF file ------------------------ */

/* To come here:

   Appends the keys that llama.cpp's converter writes for the tokenizer of a model directory:
   `tokenizer.*` and nothing else, none of them twice; not ARCH.vocab_size and not
   tokenizer.ggml.token_type_count, which stay with the base. There are `rows` tokens, which
   must be at least donor->vocab.count; ids without one are "[PADid]". `pre` is the name of
   the rule that llama.cpp splits text by, or NULL: then it is found by the tokenizer's own,
   or refused with the names that are known. `chat` is the template, an empty text for none, or
   NULL for all that the donor has. On failure the list is to be closed.

   OTX__PRIVATE otx_result otx__gguf_vocab_keys(const otx_context *ctx, const otx__side *donor,
                                                uint64_t rows, const char *pre,
                                                const otx__text *chat, otx__gguf_list *list,
                                                otx_error *error); */
