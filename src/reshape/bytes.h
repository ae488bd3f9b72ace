/* ---- bytes: a tokenizer of bytes in the place of one that lacks some ------------------- */

/* Where a model's tokenizer has no token for every byte, and so cannot do with bytes alone, it
   becomes another: byte-level BPE without merges, which leaves text as it is. Special tokens,
   and others that are cut out of texts, stay as they are. */

typedef struct otx__bytes {
    const otx__reshaping *t;
    otx__growth growth;       /* the bytes that have no token */
    unsigned char bytes[256]; /* which they are, in that order */
} otx__bytes;

OTX__PRIVATE void otx__bytes_close(otx__bytes *b)
{
    if (b->t) otx__growth_close(&b->growth);
}

/* The token that stands for one byte and nothing else, or -1. */
OTX__PRIVATE int64_t otx__bytes_find(const otx__reshaping *t, unsigned byte)
{
    const char text = (char)byte;
    return otx__index_find(&t->stand_for, OTX_TOKEN_TEXT, &text, 1);
}

/* Whether the tokenizer can spell any text in bytes as it is. */
OTX__PRIVATE bool otx__bytes_are_there(const otx__reshaping *t)
{
    const otx__rules *rules = (const otx__rules *)t->vocab.rules;
    unsigned byte;
    if (otx__needed_has_bytes(rules)) return true;
    if (rules->how != OTX__SPLIT_MERGES && rules->how != OTX__SPLIT_WEIGHTS) return false;
    for (byte = 0; byte < 256; byte++)
        if (otx__bytes_find(t, byte) < 0) return false;
    return true;
}

/* ---- which tokens there are ---- */

/* Keeps the token of a byte that is spelled so already, or adds one. */
OTX__PRIVATE otx_result otx__bytes_take(otx__bytes *b, otx__reshaping *t, unsigned byte,
                                        otx_error *error)
{
    char spelled[4], quoted[OTX__QUOTED], path[OTX__PATH_TEXT];
    const size_t size = otx__spell_byte(spelled, (char)byte);
    const int64_t same = otx__index_find(&t->contents, OTX_TOKEN_NONE, spelled, size);
    uint32_t id;
    if (same >= 0 && t->own[same] && t->vocab.tokens[same].kind == OTX_TOKEN_TEXT &&
        t->vocab.tokens[same].size == 1 &&
        (unsigned char)t->vocab.tokens[same].bytes[0] == byte) {
        t->keep[same] = true;
        return OTX_OK;
    }
    if (same >= 0 && t->keep[same])
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: token \"%s\" has to stay, and is what "
                         "a tokenizer of bytes calls the byte 0x%02x",
                         otx__path_text(path, t->model),
                         otx__quote(quoted, sizeof quoted, spelled, size), byte);
    b->bytes[b->growth.token_count] = (unsigned char)byte;
    return otx__growth_add(&b->growth, spelled, size, &id);
}

/* Whether a token stays that is no byte: special, or cut out of texts. */
OTX__PRIVATE bool otx__bytes_keep(const otx_token *token)
{
    return token->kind == OTX_TOKEN_CONTROL || (token->in_use && token->kind != OTX_TOKEN_NONE) ||
           (token->added && token->kind == OTX_TOKEN_TEXT);
}

/* Marks what stays besides what is marked, and adds the bytes that are missing. Close it in any
   case. */
OTX__PRIVATE otx_result otx__bytes_choose(otx__bytes *b, otx__reshaping *t,
                                          otx_trim_summary *summary, otx_error *error)
{
    char path[OTX__PATH_TEXT];
    otx_result result = OTX_OK;
    unsigned byte;
    size_t i;
    if (t->gguf)
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: is a GGUF file; only a tokenizer.json "
                         "becomes one of bytes: give the directory that it was converted from",
                         otx__path_text(path, t->model));
    if (!otx__reshape_reads(t, "tokenizer.json"))
        return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: its tokenizer is read from %s; only a "
                         "tokenizer.json becomes one of bytes: " OTX__SAVE_AS_JSON,
                         otx__path_text(path, t->model), otx__word(t->vocab.source));
    b->t = t;
    b->growth.ctx = t->ctx;
    b->growth.vocab = &t->vocab;
    b->growth.rules = (const otx__rules *)t->vocab.rules;
    b->growth.known = &t->contents;
    b->growth.error = error;
    otx__text_open(&b->growth.contents, t->ctx);
    for (i = 0; i < OTX_ROLE_COUNT; i++)
        if (t->vocab.roles[i] >= 0 && (uint64_t)t->vocab.roles[i] < t->vocab.count)
            t->keep[t->vocab.roles[i]] = true;
    for (i = 0; i < t->vocab.count; i++)
        if (otx__bytes_keep(&t->vocab.tokens[i])) t->keep[i] = true;
    for (byte = 0; byte < 256 && !result; byte++) result = otx__bytes_take(b, t, byte, error);
    t->growth = &b->growth;
    summary->always = 0;
    for (i = 0; i < t->vocab.count; i++) summary->always += t->keep[i];
    summary->made = b->growth.token_count;
    return result;
}

/* ---- the files ---- */

/* Sets a member of the file. */
OTX__PRIVATE void otx__bytes_set(otx__new_file *f, const char *key, const char *value)
{
    if (!f->result)
        f->result = otx_json_edit_set(f->t->ctx, f->edit, 0, key, value, f->error);
}

/* The model: every token of its own, and no merges. */
OTX__PRIVATE void otx__bytes_model(otx__new_file *f)
{
    const otx__reshaping *t = f->t;
    size_t i;
    otx__text_close(&f->value);
    f->count = 0;
    otx__text_string(&f->value, "{\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
                     "\"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, "
                     "\"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": false, "
                     "\"vocab\": {");
    for (i = 0; i < t->vocab.count; i++) {
        const otx_token *token = &t->vocab.tokens[i];
        if (!t->own[i] || t->ids[i] == OTX__GONE) continue;
        otx__new_next(f);
        otx__text_json_string(&f->value, token->content, token->content_size);
        otx__text_format(&f->value, ": %" PRIu32, t->ids[i]);
    }
    otx__append_members(f, false);
    otx__new_end(f, "\n  }, \"merges\": []}");
    otx__bytes_set(f, "model", f->value.bytes);
}

OTX__PRIVATE void otx__bytes_tokenizer_json(otx__new_file *f)
{
    static const char level[] = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                                "\"trim_offsets\": true, \"use_regex\": false}";
    otx__new_part(f, otx_json_find(f->json, 0, "added_tokens"), otx__new_added);
    otx__bytes_set(f, "normalizer", "null");
    otx__bytes_set(f, "pre_tokenizer", level);
    otx__bytes_set(f, "decoder", level);
    otx__bytes_model(f);
    otx__new_named_around(f, otx__new_put_id);
}

/* The class takes tokenizer.json as it stands, and nothing is done to texts beside it. */
OTX__PRIVATE void otx__bytes_tokenizer_config(otx__new_file *f)
{
    static const char *const undone[] = {"add_prefix_space", "clean_up_tokenization_spaces",
                                         "do_lower_case"};
    size_t i;
    otx__new_tokenizer_config(f);
    otx__bytes_set(f, OTX__KEY_TOKENIZER_CLASS, "\"" OTX__AS_IS_4 "\"");
    if (otx_json_find(f->json, 0, OTX__KEY_AUTO_MAP) != OTX_JSON_NONE)
        otx__bytes_set(f, OTX__KEY_AUTO_MAP, "{}"); /* loaders look into it */
    for (i = 0; i < OTX__COUNT(undone); i++)
        if (otx_json_find(f->json, 0, undone[i]) != OTX_JSON_NONE)
            otx__bytes_set(f, undone[i], "false");
}

/* Writes what becomes of one entry of the model's directory, if it is of the tokenizer. */
OTX__PRIVATE otx_result otx__bytes_write(otx__reshaping *t, const char *name,
                                         const char *directory, otx_error *error)
{
    static const otx__new_kind kinds[] = {
        {"tokenizer.json", otx__bytes_tokenizer_json},
        {"tokenizer_config.json", otx__bytes_tokenizer_config},
        {"added_tokens.json", otx__new_added_tokens_json},
    };
    size_t i;
    for (i = 0; i < OTX__COUNT(kinds); i++)
        if (strcmp(name, kinds[i].name) == 0)
            return otx__new_write_json(t, &kinds[i], directory, error);
    if (strcmp(name, "merges.txt") == 0 || otx__is_other_source(name)) {
        otx__new_tell_left(t, name);
        return OTX_OK;
    }
    return otx__is_of_tokenizer(name) ? otx__new_copy_file(t, name, directory, error) : OTX_OK;
}

OTX__PRIVATE otx_result otx__bytes_write_all(otx__reshaping *t, const char *directory,
                                             otx_error *error)
{
    otx__listing listing;
    size_t i;
    otx_result result = otx__listing_open(t->ctx, t->model, &listing, error);
    if (result) return result;
    for (i = 0; i < listing.count && !result; i++)
        result = otx__bytes_write(t, listing.names[i], directory, error);
    otx__listing_close(&listing);
    return result;
}

/* ---- rows of the bytes ---- */

/* Whether a token is one character, with the space before it or without. */
OTX__PRIVATE bool otx__bytes_is_character(const otx_token *token)
{
    const size_t space = token->size > 1 && token->bytes[0] == ' ';
    const size_t size = token->size - space;
    return size > 0 &&
           otx__utf8_length((const unsigned char *)token->bytes + space, size) == size;
}

/* Whether a byte is in what a token stands for, but for the space before a character. */
OTX__PRIVATE bool otx__bytes_is_in(const otx_token *token, bool character, unsigned byte)
{
    const size_t space = character && token->size > 1 && token->bytes[0] == ' ';
    return memchr(token->bytes + space, (int)byte, token->size - space) != NULL;
}

/* Flags the rows that a byte's is the mean of: of single characters with it, or else of all
   texts with it. Returns how many there are. */
OTX__PRIVATE size_t otx__bytes_flag(const otx__bytes *b, otx__rebuild *r, unsigned byte)
{
    const otx_vocab *vocab = &b->t->vocab;
    const size_t rows = otx__min(r->old.rows, vocab->count);
    size_t count = 0, i;
    int pass;
    for (pass = 0; pass < 2 && count == 0; pass++) {
        memset(r->flags, 0, r->flag_count);
        for (i = 0; i < rows; i++) {
            const otx_token *token = &vocab->tokens[i];
            const bool character = pass == 0;
            if (token->kind != OTX_TOKEN_TEXT || token->added ||
                (character && !otx__bytes_is_character(token)) ||
                !otx__bytes_is_in(token, character, byte))
                continue;
            r->flags[i] = 1;
            count++;
        }
    }
    return count;
}

/* Gives rows to the bytes that were no tokens; that of one which is in no token stays the mean
   of all. */
OTX__PRIVATE otx_result otx__bytes_give(void *context, otx__rebuild *r, otx_error *error)
{
    const otx__bytes *b = (const otx__bytes *)context;
    double *row = (double *)otx__alloc(&r->job->ctx, r->made.columns, sizeof *row);
    otx_result result = OTX_OK;
    size_t i;
    if (!row) return otx__fail_array(error, r->made.columns, sizeof *row);
    for (i = 0; i < b->growth.token_count && !result; i++) {
        const size_t id = b->t->new_ids[i];
        if (otx__rebuild_action(r, id) != OTX_ACTION_APPROXIMATE ||
            otx__bytes_flag(b, r, b->bytes[i]) == 0)
            continue;
        result = otx__rows_average(r->job, &r->old, r->flags, row, error);
        if (!result && !otx__rebuild_store(r, id, row)) result = otx__fail_range(r, id, error);
    }
    otx__free(&r->job->ctx, row, r->made.columns, sizeof *row);
    return result;
}
