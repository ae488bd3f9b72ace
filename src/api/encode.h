/* ---- encoding: text as token ids ---------------------------------------------------- */

/* A tokenizer, ready to encode whole texts as the tokenizers package does: added tokens are
   cut out, the rest is normalised, cut by the pre-tokenizer, and split by the model. */
typedef struct otx_encoder otx_encoder;

/* Opens an encoder from texts[OTX_VOCAB_FILES], as for otx_vocab_parse: from a tokenizer.json
   all of it, with the added tokens that other files name and what these say of them, as
   transformers 5 adds them; from a tekken.json the model and its
   pattern, in which no special tokens are looked for. Of other files and of steps that are not
   known the result is OTX_ERROR_UNSUPPORTED, with the word which file or step it is. Texts may
   go when this returns. Close with otx_encoder_close; NULL is fine there. */
OTX_API otx_result otx_encoder_parse(const otx_context *ctx, const otx_vocab_text *texts,
                                     const char *name, otx_encoder **out, otx_error *error);
OTX_API void otx_encoder_close(otx_encoder *encoder);

/* Its vocabulary, which goes with it. */
OTX_API const otx_vocab *otx_encoder_vocab(const otx_encoder *encoder);

/* Encodes a text without what a post-processor adds (such as a token at its beginning), and
   neither truncated nor padded. Writes the first `capacity` ids, and to *count how many there
   are. What is no UTF-8 counts as U+FFFD, as where Python decodes with errors="replace". Words
   that were met before are remembered, within bounds. Errors are memory, OTX_ERROR_LIMIT beyond
   2^26 bytes, and steps that take too long or make far more of a text; and OTX_ERROR_FORMAT for a
   text that wants an unknown token of a model that has none, of which the package makes an error
   too. One thread at a time may use an encoder. */
OTX_API otx_result otx_encode(otx_encoder *encoder, const char *text, size_t size, uint32_t *ids,
                              size_t capacity, size_t *count, otx_error *error);

/* How often each token occurs. */
typedef struct otx_token_counts {
    uint64_t *by_id; /* by id, as many as the vocabulary has; the caller's, zero at first */
    uint64_t bytes, tokens;
} otx_token_counts;

/* Adds up the tokens of a text that comes in parts: encodes what was given so far up to the end
   of a line that a letter, digit or mark comes after, once there is 1 MiB of it (or, of lines
   that are longer than 8 MiB, wherever a character ends), and keeps the rest for the next call;
   with `last` all of it. So each of these parts is a text of its own, and a tokenizer that puts
   something before texts puts it before each. Where there is a line without a space at its end,
   it is one of these, and of a line's CR LF the part ends before both: there the pre-tokenizers
   of GPT-2 and its kind cut anyway. A failure drops what was kept; its message says in
   which line of the text it is, or behind which one, where that is known. */
OTX_API otx_result otx_encoder_count(otx_encoder *encoder, const char *bytes, size_t size,
                                     bool last, otx_token_counts *counts, otx_error *error);

/* Writes which tokens occur, those that occur most often first: a line each of its count, its
   id and its content, with tabs between, as lists of tokens spell it (\xNN and \\ as escapes);
   or, as JSON, an object with the same, bytes, tokens and distinct ones. */
OTX_API otx_result otx_token_counts_write(const otx_context *ctx, const otx_vocab *vocab,
                                          const otx_token_counts *counts, bool json,
                                          const otx_sink *sink, otx_error *error);
