/* ---- from_gguf: the vocabulary of a GGUF file -------------------------------------- */

/* What a reader looks at. */
typedef struct otx__gguf_words {
    const otx_gguf *file;
    const otx__vocab_kind *kind;
    const otx__gguf_pre *pre; /* NULL: none, or one that is not known */
    const otx_gguf_key *tokens, *types, *scores, *merges;
    otx_gguf_strings at;      /* in tokens */
} otx__gguf_words;

#define OTX__WORD_MARK "\xe2\x96\x81" /* U+2581 */

/* ---- the keys ---- */

/* A list, if it is there: of such elements, or of the other ones, and at least `least`. */
OTX__PRIVATE otx_result otx__gguf_array(const otx__tokenizer *t, const char *name,
                                       otx_gguf_type type, otx_gguf_type other, uint64_t least,
                                       const otx_gguf_key **out)
{
    const otx_gguf_key *key = otx_gguf_find(t->gguf->file, name);
    *out = key;
    if (!key) return OTX_OK;
    if (!key->array || (key->type != type && key->type != other))
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: key %s is not an array of %s", t->name,
                         name, type == OTX_GGUF_STRING ? "strings"
                               : type == OTX_GGUF_I32  ? "numbers of type i32"
                                                       : "numbers of type f32 or i32");
    if (key->count >= least) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: key %s has %" PRIu64 " elements for %"
                     PRIu64 " tokens", t->name, name, key->count, least);
}

/* Refuses a file without a vocabulary, or with one of a kind that is not read here. */
OTX__PRIVATE otx_result otx__gguf_refuse_kind(const otx__tokenizer *t)
{
    const otx__span model = otx__gguf_word_of(t->gguf->file, OTX__GGUF_MODEL);
    char name[OTX__QUOTED];
    if (model.size == 0 || otx__span_is(model, "none") || otx__span_is(model, "no_vocab"))
        return otx__fail(t->error, OTX_ERROR_NOT_FOUND, "%s: holds no vocabulary: key "
                         OTX__GGUF_MODEL " is %s", t->name,
                         model.size ? "none" : "not there, or no string");
    return otx__fail(t->error, OTX_ERROR_UNSUPPORTED, "%s: its vocabulary is of the kind \"%s\" "
                     "(" OTX__GGUF_MODEL "), and read here are gpt2, llama, gemma4, bert, t5, "
                     "rwkv and plamo2", t->name,
                     otx__quote(name, sizeof name, model.bytes, model.size));
}

OTX__PRIVATE otx_result otx__gguf_open_words(otx__tokenizer *t)
{
    otx__gguf_words *g = t->gguf;
    otx_result result;
    g->kind = otx__vocab_kind_of(g->file);
    if (!g->kind) return otx__gguf_refuse_kind(t);
    g->pre = otx__gguf_pre_of(g->file);
    result = otx__gguf_array(t, OTX__GGUF_TOKENS, OTX_GGUF_STRING, OTX_GGUF_STRING, 0,
                            &g->tokens);
    if (!result && !g->tokens)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: there is no key " OTX__GGUF_TOKENS,
                         t->name);
    if (!result)
        result = otx__gguf_array(t, OTX__GGUF_TYPES, OTX_GGUF_I32, OTX_GGUF_I32,
                                g->tokens->count, &g->types);
    if (!result)
        result = otx__gguf_array(t, OTX__GGUF_SCORES, OTX_GGUF_F32, OTX_GGUF_I32,
                                g->tokens->count, &g->scores);
    if (!result)
        result = otx__gguf_array(t, OTX__GGUF_MERGES, OTX_GGUF_STRING, OTX_GGUF_STRING, 0,
                                &g->merges);
    if (result) return result;
    t->type = g->kind->model;
    t->repeat = OTX__REPEAT_STAYS;
    t->spelling.family = g->kind->family;
    t->spelling.byte_fallback = g->kind->merges && g->kind->family == OTX_FAMILY_METASPACE;
    if (g->kind->family == OTX_FAMILY_METASPACE) {
        t->spelling.mark_size = 3;
        memcpy(t->spelling.mark, OTX__WORD_MARK, 3);
    }
    return OTX_OK;
}

/* ---- tokens ---- */

/* The type of a token; one that is not known is like none. */
OTX__PRIVATE int otx__gguf_type_at(const otx__gguf_words *g, uint64_t id)
{
    int64_t type;
    if (!g->types) return OTX__GGUF_NORMAL;
    if (!otx_gguf_integer(g->types, id, &type) || type < 0 || type >= OTX__GGUF_TOKEN_TYPES)
        return OTX__GGUF_UNDEFINED;
    return (int)type;
}

/* Whether a string is what converters fill an id up with that has no token: [PADid], unused;
   those of 2024 made it user-defined. */
OTX__PRIVATE bool otx__gguf_is_filler(const char *content, size_t size, uint64_t id, int type)
{
    char own[32];
    if (type == OTX__GGUF_UNUSED) return otx__has_shape(content, size, "[PAD#]");
    if (type != OTX__GGUF_USER) return false;
    return otx__same_bytes(content, size, own,
                           otx__format(own, sizeof own, "[PAD%" PRIu64 "]", id));
}

/* Undoes the escapes of Python in t->scratch. */
OTX__PRIVATE size_t otx__gguf_unescape(char *text, size_t size)
{
    size_t at = 0, length = 0;
    while (at < size) {
        char letter = text[at++];
        int high = -1, low = -1;
        if (letter != '\\' || at == size) {
            text[length++] = letter;
            continue;
        }
        letter = text[at++];
        if (letter == 'x' && size - at >= 2) {
            high = otx__hex_digit(text[at]);
            low = otx__hex_digit(text[at + 1]);
        }
        if (high >= 0 && low >= 0) {
            text[length++] = (char)(high * 16 + low);
            at += 2;
        } else {
            text[length++] = letter == 'n' ? '\n' : letter == 'r' ? '\r'
                             : letter == 't' ? '\t' : letter;
        }
    }
    return length;
}

OTX__PRIVATE bool otx__gguf_starts_word(const char *content, size_t size)
{
    return size >= 3 && memcmp(content, OTX__WORD_MARK, 3) == 0;
}

/* Settles the content of a token, given as the file has it. */
OTX__PRIVATE otx_result otx__gguf_content(otx__tokenizer *t, otx__given *word, int type)
{
    const otx__gguf_words *g = t->gguf;
    otx_result result = OTX_OK;
    if (g->kind->family == OTX_FAMILY_WORDPIECE &&
        otx__gguf_starts_word(word->content, word->size) &&
        (otx__is_reserved(word->content + 3, word->size - 3) ||
         otx__gguf_is_filler(word->content + 3, word->size - 3, word->id, type))) {
        word->content += 3;
        word->size -= 3;
    }
    if (strcmp(g->kind->name, "rwkv") == 0 && type <= OTX__GGUF_NORMAL) {
        result = otx__tokenizer_scratch(t, word->size + 1);
        if (result) return result;
        if (word->size) memcpy(t->scratch, word->content, word->size);
        word->content = t->scratch;
        word->size = otx__gguf_unescape(t->scratch, word->size);
    }
    return OTX_OK;
}

/* Whether an ordinary token is one that was added: gguf-py's reader of tokenizer.json, which
   gemma4's are from, tells only those of them that have a role. They look like <this>, and hardly
   a piece that is made of text does. */
OTX__PRIVATE bool otx__gguf_looks_added(const otx__gguf_words *g, const otx__given *word)
{
    return strcmp(g->kind->name, "gemma4") == 0 && word->size > 2 && word->content[0] == '<' &&
           word->content[word->size - 1] == '>' &&
           otx__fallback_byte(word->content, word->size) < 0;
}

/* Settles all of a token. Its kind stays NONE if it only fills its id up. */
OTX__PRIVATE otx_result otx__gguf_word(otx__tokenizer *t, otx__given *word)
{
    static const otx_token_kind kinds[OTX__GGUF_TOKEN_TYPES] = {
        OTX_TOKEN_TEXT, OTX_TOKEN_TEXT, OTX_TOKEN_CONTROL, OTX_TOKEN_CONTROL, OTX_TOKEN_TEXT,
        OTX_TOKEN_UNUSED, OTX_TOKEN_BYTE
    };
    const int type = otx__gguf_type_at(t->gguf, word->id);
    char quoted[OTX__QUOTED];
    otx_result result = otx__gguf_content(t, word, type);
    word->kind = OTX_TOKEN_NONE;
    if (result || otx__gguf_is_filler(word->content, word->size, word->id, type)) return result;
    word->kind = kinds[type];
    word->added = type == OTX__GGUF_UNKNOWN || type == OTX__GGUF_CONTROL ||
                  type == OTX__GGUF_USER ||
                  (word->kind == OTX_TOKEN_TEXT && otx__gguf_looks_added(t->gguf, word));
    if (type != OTX__GGUF_BYTE || word->size == 1 ||
        otx__fallback_byte(word->content, word->size) >= 0)
        return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: token %" PRIu64 ", \"%s\", stands for a "
                     "byte (type 6), but is not <0xNN>", t->name, word->id,
                     otx__quote(quoted, sizeof quoted, word->content, word->size));
}

OTX__PRIVATE otx_result otx__gguf_next_word(otx__tokenizer *t, otx__given *word, bool *more)
{
    otx__gguf_words *g = t->gguf;
    otx_result result = OTX_OK;
    if (t->position == 0) memset(&g->at, 0, sizeof g->at);
    do {
        *more = otx_gguf_next(g->tokens, &g->at);
        if (!*more) return OTX_OK;
        word->id = t->position++;
        word->content = g->at.bytes;
        word->size = g->at.size;
        word->score = 0.0;
        (void)otx_gguf_number(g->scores, word->id, &word->score);
        result = otx__gguf_word(t, word);
    } while (!result && word->kind == OTX_TOKEN_NONE);
    return result;
}

/* ---- what else tokens are ---- */

/* Ids that the table has room for: those behind the last token are fillers. */
OTX__PRIVATE uint64_t otx__gguf_room(const otx__tokenizer *t)
{
    return ((const otx__vocab_memory *)t->vocab->memory)->token_limit;
}

/* Settles the bytes of tokens that the spelling would get wrong: user-defined ones, which the
   converter has written out; words of WordPiece, of which those that start one are marked;
   and what is no UTF-8, which the alphabet of bytes cannot be. */
OTX__PRIVATE void otx__gguf_settle(otx__tokenizer *t)
{
    const otx__gguf_words *g = t->gguf;
    const otx_family family = g->kind->family;
    size_t id;
    for (id = 0; id < otx__gguf_room(t); id++) {
        otx_token *token = &t->vocab->tokens[id];
        const bool words = family == OTX_FAMILY_WORDPIECE;
        const bool whole = otx__gguf_type_at(g, id) == OTX__GGUF_USER ||
                           (family == OTX_FAMILY_BYTE_LEVEL &&
                            !otx__is_utf8(token->content, token->content_size));
        char *bytes;
        if (token->kind != OTX_TOKEN_TEXT || !(whole || words)) continue;
        token->bytes = token->content;
        token->size = token->content_size;
        if (whole || !otx__gguf_starts_word(token->content, token->content_size)) continue;
        token->size -= 2;
        bytes = otx__vocab_keep(t->vocab, token->size);
        bytes[0] = ' ';
        memcpy(bytes + 1, token->content + 3, token->size - 1u);
        token->bytes = bytes;
    }
}

/* The id of a role that no key names: of the unknown token the one that is of this type; else
   the client's own, if it is a control token. An ordinary one is there by chance: 11 is GPT-2's
   comma. */
OTX__PRIVATE int64_t otx__gguf_unnamed_role(const otx__tokenizer *t, otx_role role)
{
    const otx__gguf_words *g = t->gguf;
    const uint64_t room = otx__gguf_room(t);
    const int64_t usual = otx__gguf_usual_role(g->file, role);
    uint64_t id;
    for (id = 0; role == OTX_ROLE_UNK && id < room; id++)
        if (otx__gguf_type_at(g, id) == OTX__GGUF_UNKNOWN) return (int64_t)id;
    if (usual < 0 || (uint64_t)usual >= room ||
        t->vocab->tokens[usual].kind == OTX_TOKEN_NONE ||
        otx__gguf_type_at(g, (uint64_t)usual) != OTX__GGUF_CONTROL)
        return -1;
    return usual;
}

/* The ids that the keys name; BERT's first token is bos in them, and cls elsewhere. */
OTX__PRIVATE otx_result otx__gguf_find_roles(otx__tokenizer *t)
{
    const otx__gguf_words *g = t->gguf;
    const bool words = g->kind->family == OTX_FAMILY_WORDPIECE;
    int role;
    for (role = 0; role < OTX_ROLE_COUNT; role++) {
        const char *name = otx__gguf_role_keys[role];
        int64_t *to = &t->fallback[role];
        const bool said = otx_gguf_integer(otx_gguf_find(g->file, name), 0, to);
        if (said && *to >= 0 && (uint64_t)*to < otx__gguf_room(t) &&
            t->vocab->tokens[*to].kind != OTX_TOKEN_NONE)
            continue;
        if (said)
            otx__log(t->ctx, OTX_WARNING, "%s: key %s is %" PRId64 ", an id without a token",
                     t->name, name, *to);
        *to = otx__gguf_unnamed_role(t, (otx_role)role);
        if (role == OTX_ROLE_CLS && words) *to = t->fallback[OTX_ROLE_BOS];
    }
    otx__gguf_settle(t);
    return OTX_OK;
}

/* Tokens that a chat template names, or a key of an id, are in use. */
OTX__PRIVATE void otx__gguf_find_in_use(otx__tokenizer *t)
{
    const otx_gguf *file = t->gguf->file;
    const size_t prefix = strlen(OTX__GGUF_TEMPLATE);
    size_t i;
    for (i = 0; i < file->key_count; i++) {
        const otx_gguf_key *key = &file->keys[i];
        otx_gguf_strings text;
        int64_t id;
        memset(&text, 0, sizeof text);
        if (key->name_size >= prefix && memcmp(key->name, OTX__GGUF_TEMPLATE, prefix) == 0 &&
            !key->array && otx_gguf_next(key, &text))
            otx__use_marks(t, otx__span_of(text.bytes, text.size));
        if (key->name_size > 24 && memcmp(key->name, "tokenizer.ggml.", 15) == 0 &&
            memcmp(key->name + key->name_size - 9, "_token_id", 9) == 0 && !key->array &&
            otx_gguf_integer(key, 0, &id))
            otx__use_token(t->vocab, id);
    }
}
