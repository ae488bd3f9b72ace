/* ---- verify: the tokens of a GGUF file -------------------------------------------- */

/* What llama.cpp asks of a file's vocabulary (src/llama-vocab.cpp, August 2026), and what text
   needs that is to be split by it. */

/* A string of the list of tokens. */
typedef struct otx__gguf_string {
    otx__span text;
    uint32_t id;
} otx__gguf_string;

typedef struct otx__gguf_verify {
    otx__verifier *v;
    const char *path;
    const otx_gguf *file;
    const otx__vocab_kind *kind;  /* NULL: not known */
    const otx_gguf_key *types;   /* NULL: none, or too few */
    otx__gguf_string *strings;   /* by text, of equal ones by id */
    size_t count;
    char *scratch;               /* room for the longest merge */
    size_t scratch_size;
} otx__gguf_verify;

/* ---- strings ---- */

OTX__PRIVATE int otx__compare_gguf_strings(const void *a, const void *b)
{
    const otx__gguf_string *x = (const otx__gguf_string *)a, *y = (const otx__gguf_string *)b;
    int order = otx__compare_bytes(x->text.bytes, x->text.size, y->text.bytes, y->text.size);
    return order ? order : x->id < y->id ? -1 : x->id > y->id;
}

OTX__PRIVATE int otx__span_to_gguf_string(const void *key, const void *item)
{
    const otx__span *span = (const otx__span *)key;
    const otx__gguf_string *string = (const otx__gguf_string *)item;
    return otx__compare_bytes(span->bytes, span->size, string->text.bytes, string->text.size);
}

OTX__PRIVATE bool otx__gguf_has_string(const otx__gguf_verify *c, const char *bytes, size_t size)
{
    const otx__span span = otx__span_of(bytes, size);
    return otx__sorted_find(c->strings, c->count, sizeof *c->strings, &span,
                            otx__span_to_gguf_string) != NULL;
}

/* Takes what there is of the lists; false if there is no list of tokens to check. */
OTX__PRIVATE bool otx__gguf_verify_open(otx__gguf_verify *c, otx__verifier *v,
                                       const otx_gguf *file)
{
    const otx_gguf_key *tokens = otx_gguf_find(file, OTX__GGUF_TOKENS);
    otx_gguf_strings at;
    size_t i = 0;
    memset(c, 0, sizeof *c);
    memset(&at, 0, sizeof at);
    c->v = v;
    c->path = v->side.path;
    c->file = file;
    c->kind = otx__vocab_kind_of(file);
    if (!tokens || !tokens->array || tokens->type != OTX_GGUF_STRING || tokens->count == 0)
        return false;
    c->types = otx_gguf_find(file, OTX__GGUF_TYPES);
    if (c->types && (!c->types->array || c->types->type != OTX_GGUF_I32 ||
                     c->types->count < tokens->count))
        c->types = NULL; /* which the vocabulary's reader has told */
    c->count = (size_t)tokens->count;
    c->strings = (otx__gguf_string *)otx__alloc(&v->ctx, c->count, sizeof *c->strings);
    if (!c->strings) {
        v->failure = otx__fail_array(v->error, c->count, sizeof *c->strings);
        return false;
    }
    for (; i < c->count && otx_gguf_next(tokens, &at); i++) {
        c->strings[i].text = otx__span_of(at.bytes, at.size);
        c->strings[i].id = (uint32_t)i;
    }
    otx__sort(c->strings, c->count, sizeof *c->strings, otx__compare_gguf_strings);
    return true;
}

OTX__PRIVATE void otx__gguf_verify_close(otx__gguf_verify *c)
{
    otx__free(&c->v->ctx, c->strings, c->count, sizeof *c->strings);
    otx__free(&c->v->ctx, c->scratch, c->scratch_size, 1);
}

/* Two tokens of one string, and tokens of none. */
OTX__PRIVATE void otx__verify_gguf_strings(otx__gguf_verify *c)
{
    char quoted[OTX__QUOTED];
    size_t i, same = 0, first = 0, empty = 0;
    for (i = 0; i < c->count && c->strings[i].text.size == 0; i++) empty++;
    for (i = empty + 1; i < c->count; i++) {
        const otx__gguf_string *a = &c->strings[i - 1], *b = &c->strings[i];
        if (!otx__same_bytes(a->text.bytes, a->text.size, b->text.bytes, b->text.size)) continue;
        if (same++ == 0) first = i;
    }
    if (same)
        otx__found(c->v, OTX_FAULT, "%s: %" PRIu64 " tokens have the string of another, the "
                   "first \"%s\", of the ids %" PRIu32 " and %" PRIu32 ": llama.cpp refuses "
                   "such a file", c->path, (uint64_t)same,
                   otx__quote(quoted, sizeof quoted, c->strings[first].text.bytes,
                              c->strings[first].text.size), c->strings[first - 1].id,
                   c->strings[first].id);
    if (empty)
        otx__found(c->v, OTX_WARNING, "%s: %" PRIu64 " tokens are empty, the first of the id %"
                   PRIu32 "; llama.cpp makes [EMPTY_id] of them", c->path, (uint64_t)empty,
                   c->strings[0].id);
}

/* ---- lists beside them ---- */

OTX__PRIVATE void otx__verify_gguf_types(otx__gguf_verify *c)
{
    size_t i, bad = 0, first = 0;
    int64_t type = 0, wrong = 0;
    if (!otx_gguf_find(c->file, OTX__GGUF_TYPES))
        otx__found(c->v, OTX_WARNING, "%s: there is no key " OTX__GGUF_TYPES ": all tokens are "
                   "taken for text, special ones too", c->path);
    for (i = 0; c->types && i < c->count; i++) {
        if (otx_gguf_integer(c->types, i, &type) && type > OTX__GGUF_UNDEFINED &&
            type < OTX__GGUF_TOKEN_TYPES)
            continue;
        if (bad++ == 0) {
            first = i;
            wrong = type;
        }
    }
    if (bad)
        otx__found(c->v, OTX_FAULT, "%s: %" PRIu64 " tokens are of no type from 1 to 6, the "
                   "first of the id %" PRIu64 " (type %" PRId64 "): llama.cpp writes nothing for "
                   "them", c->path, (uint64_t)bad, (uint64_t)first, wrong);
}

OTX__PRIVATE void otx__verify_gguf_lists(otx__gguf_verify *c)
{
    const bool ranks = otx__span_is(otx__gguf_word_of(c->file, OTX__GGUF_PRE), OTX__PRE_KIMI);
    if (!c->kind) return;
    if (c->kind->scores && !otx_gguf_find(c->file, OTX__GGUF_SCORES))
        otx__found(c->v, OTX_FAULT, "%s: there is no key " OTX__GGUF_SCORES ", by which a "
                   "vocabulary of the kind %s splits text", c->path, c->kind->name);
    if (c->kind->merges && !ranks && !otx_gguf_find(c->file, OTX__GGUF_MERGES))
        otx__found(c->v, OTX_FAULT, "%s: there is no key " OTX__GGUF_MERGES ", without which "
                   "llama.cpp does not load a vocabulary of the kind %s", c->path, c->kind->name);
}

/* ---- merges ---- */

/* Whether a part of a merge, or what it makes, is a token: in a vocabulary with spaces as
   U+2581 also one that the converter has written out. */
OTX__PRIVATE bool otx__gguf_merges_to(const otx__gguf_verify *c, char *bytes, size_t size)
{
    otx__spelling spelling;
    if (otx__gguf_has_string(c, bytes, size)) return true;
    if (!c->kind || c->kind->family != OTX_FAMILY_METASPACE) return false;
    memset(&spelling, 0, sizeof spelling);
    spelling.mark_size = 3;
    memcpy(spelling.mark, OTX__WORD_MARK, 3);
    size = otx__spell_spaces(&spelling, bytes, size, bytes);
    return otx__gguf_has_string(c, bytes, size);
}

OTX__PRIVATE bool otx__gguf_merge_is_good(const otx__gguf_verify *c, const char *text, size_t size)
{
    const char *space = size > 1 ? (const char *)memchr(text + 1, ' ', size - 1) : NULL;
    const size_t left = space ? (size_t)(space - text) : 0, right = space ? size - left - 1 : 0;
    if (!space) return false;
    memcpy(c->scratch, text, left);
    if (!otx__gguf_merges_to(c, c->scratch, left)) return false;
    memcpy(c->scratch, space + 1, right);
    if (!otx__gguf_merges_to(c, c->scratch, right)) return false;
    memcpy(c->scratch, text, left);
    memcpy(c->scratch + left, space + 1, right);
    return otx__gguf_merges_to(c, c->scratch, left + right);
}

OTX__PRIVATE void otx__verify_gguf_merges(otx__gguf_verify *c)
{
    const otx_gguf_key *merges = otx_gguf_find(c->file, OTX__GGUF_MERGES);
    char quoted[OTX__QUOTED];
    otx_gguf_strings at;
    uint64_t bad = 0, rank = 0, first = 0;
    memset(&at, 0, sizeof at);
    if (!c->kind || !c->kind->merges || !merges) return;
    while (otx_gguf_next(merges, &at)) c->scratch_size = otx__max(c->scratch_size, at.size);
    c->scratch = (char *)otx__alloc(&c->v->ctx, c->scratch_size, 1);
    if (!c->scratch) {
        c->v->failure = otx__fail_memory(c->v->error, c->scratch_size);
        return;
    }
    quoted[0] = 0;
    memset(&at, 0, sizeof at);
    for (; otx_gguf_next(merges, &at); rank++) {
        if (otx__gguf_merge_is_good(c, at.bytes, at.size) || bad++ > 0) continue;
        first = rank;
        otx__quote(quoted, sizeof quoted, at.bytes, at.size);
    }
    if (bad)
        otx__found(c->v, OTX_FAULT, "%s: of %" PRIu64 " merges a part, or what they make, is no "
                   "token, the first %" PRIu64 ", \"%s\"", c->path, bad, first, quoted);
}

/* ---- bytes ---- */

/* Whether a byte can stand in UTF-8. */
OTX__PRIVATE bool otx__is_byte_of_utf8(unsigned byte)
{
    return byte != 0xc0 && byte != 0xc1 && byte < 0xf5;
}

/* The byte that a token stands for, or -1: also of one that is text, but has a role. */
OTX__PRIVATE int otx__gguf_byte_of(const otx__gguf_verify *c, const otx_token *token, size_t id)
{
    int64_t type = OTX__GGUF_NORMAL;
    char bytes[4];
    if (token->size == 1 && otx__stands_for_text(token)) return (unsigned char)token->bytes[0];
    (void)otx_gguf_integer(c->types, id, &type);
    if (token->kind != OTX_TOKEN_CONTROL || type > OTX__GGUF_NORMAL || token->content_size > 2 ||
        !otx__is_utf8(token->content, token->content_size) ||
        otx__spell_byte_level(token->content, token->content_size, bytes) != 1)
        return -1;
    return (unsigned char)bytes[0];
}

/* Whether any text can be made of tokens: by words alone, or with an unknown one, it need
   not. Real byte-level vocabularies lack control characters (SmolLM2's does), which
   llama.cpp leaves out then; where it wants <0xNN> it fails. */
OTX__PRIVATE void otx__verify_gguf_bytes(otx__gguf_verify *c)
{
    const otx_vocab *vocab = &c->v->side.vocab;
    bool seen[256];
    unsigned byte, missing = 0, first = 0;
    size_t i;
    if (!c->kind || !vocab->tokens || c->kind->family == OTX_FAMILY_WORDPIECE ||
        (strcmp(c->kind->name, "t5") == 0 && vocab->roles[OTX_ROLE_UNK] >= 0))
        return;
    memset(seen, 0, sizeof seen);
    for (i = 0; i < vocab->count; i++) {
        const int found = otx__gguf_byte_of(c, &vocab->tokens[i], i);
        if (found >= 0) seen[found] = true;
    }
    for (byte = 256; byte-- > 0;)
        if (!seen[byte] && otx__is_byte_of_utf8(byte)) {
            missing++;
            first = byte;
        }
    if (missing)
        otx__found(c->v, c->kind->family == OTX_FAMILY_BYTE_LEVEL ? OTX_WARNING : OTX_FAULT,
                   "%s: no token stands for %u of the bytes of UTF-8, the first 0x%02x: text with "
                   "them cannot be encoded", c->path, missing, first);
}
