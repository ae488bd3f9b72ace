/* ---- reader: what the readers of all sources share ---------------------------- */

/* One token as the file of a model gives it. */
typedef struct otx__given {
    uint64_t id;
    const char *content; /* until the next one is asked for */
    size_t size;
    otx_token_kind kind; /* never NONE */
    bool added;          /* not of the text that the model was trained on */
    double score;        /* of a piece; 0 where there are none */
} otx__given;

/* What it means that a file gives one content to two ids. */
typedef enum otx__repeat {
    OTX__REPEAT_REPLACES, /* only the last counts: the first id has no token */
    OTX__REPEAT_STAYS,    /* both are tokens, and the content means the last */
    OTX__REPEAT_APART,    /* a fault, but between control tokens or bytes and others;
                             the content then means the former */
    OTX__REPEAT_REFUSED   /* a fault */
} otx__repeat;

/* The id of an added token that the model lacks. */
typedef enum otx__numbering {
    OTX__NUMBERED_ON,      /* the next one, whatever is declared: as the tokenizers
                              package has it */
    OTX__NUMBERED_IN_PLACE, /* that of the token it is declared to replace, or the next */
    OTX__NUMBERED_AS_SAID  /* the declared one */
} otx__numbering;

struct otx__tokenizer;
struct otx__rules;
struct otx__gguf_words;

/* A kind of file with tokens. */
typedef struct otx__vocab_reader {
    const char *source; /* see otx_vocab */
    otx__numbering numbering;
    bool complete;      /* it lists the added tokens itself; other files should add none */
    /* Checks the file and sets what it knows of the tokenizer. */
    otx_result (*open)(struct otx__tokenizer *t);
    /* The next token, or *more = false after the last. Runs twice over the file:
       otx__rewind_words goes before each time. */
    otx_result (*next)(struct otx__tokenizer *t, otx__given *word, bool *more);
    /* Sets t->fallback, when all tokens are known; and the bytes of tokens that stand for
       others than the spelling makes of them. */
    otx_result (*roles)(struct otx__tokenizer *t);
    /* Completes the rules, whose tokens are there; NULL: as otx__rules_read_kind does. */
    otx_result (*rules)(struct otx__tokenizer *t, struct otx__rules *rules);
} otx__vocab_reader;

/* What is at hand while a vocabulary is read. JSON documents that are absent are
   empty, so that looking things up in them finds nothing. */
typedef struct otx__tokenizer {
    const otx_context *ctx;
    const otx__vocab_reader *reader;
    const otx_vocab_text *texts;
    const char *name;
    otx_error *error;
    otx_json config, special_map, added;
    bool legacy; /* tokenizer_config.json lists no added tokens */

    /* What a reader knows, and where it is. */
    otx_vocab_text text;      /* its file */
    otx_json json;            /* the same, if it is JSON */
    const char *type;         /* of the model: a literal */
    otx__spelling spelling;
    otx__normaliser normal;       /* tokenizer.json: what its normaliser makes of spaces */
    otx__repeat repeat;
    uint32_t model, words;    /* nodes: the object that describes the tokens, and they */
    bool ids_by_position;     /* Unigram: a list instead of an object */
    uint32_t specials;        /* tekken.json: the node of the special tokens, ... */
    uint64_t special_count;   /* ... how many ids are theirs, ... */
    uint64_t word_count;      /* ... and how many entries of the list count */
    const struct otx__piece_layout *layout; /* SentencePiece: how ids are numbered */
    uint64_t extra_ids;       /* ... and T5's count of <extra_id_N> */
    otx__span role_names[OTX_ROLE_COUNT]; /* ... and its control pieces */
    uint64_t past;            /* ... and tokens given after the last piece */
    struct otx__gguf_words *gguf; /* GGUF: the keys with the tokens */
    uint64_t position;        /* of the next token */
    size_t offset;            /* in the text: of the next line or field */
    otx_json_iter entries;    /* of `words` or `specials`; set at their first */
    int64_t fallback[OTX_ROLE_COUNT]; /* ids for roles that no file names, or -1 */

    otx_vocab *vocab;
    otx__token_index contents; /* the id of each content */
    size_t model_size;         /* tokens of the model */
    int64_t last_added;        /* highest id of an added token, or -1 */
    char *scratch;             /* the string decoded last */
    size_t scratch_capacity;
} otx__tokenizer;

/* ---- small tools ---- */

/* For a message about many tokens: how many there are, and the first of them. */
typedef struct otx__example {
    char quoted[OTX__QUOTED];
    uint64_t count, id, declared;
} otx__example;

OTX__PRIVATE void otx__example_add(otx__example *example, const char *bytes, size_t size,
                                   uint64_t id, uint64_t declared)
{
    if (example->count++) return;
    (void)otx__quote(example->quoted, sizeof example->quoted, bytes, size);
    example->id = id;
    example->declared = declared;
}

/* Room for `need` bytes at t->scratch, whose contents are lost. */
OTX__PRIVATE otx_result otx__tokenizer_scratch(otx__tokenizer *t, size_t need)
{
    void *items = t->scratch;
    if (!otx__grow(t->ctx, &items, &t->scratch_capacity, need, 1))
        return otx__fail_memory(t->error, need);
    t->scratch = (char *)items;
    return OTX_OK;
}

/* Decodes a string node to t->scratch, which the next call overwrites. */
OTX__PRIVATE otx_result otx__tokenizer_string(otx__tokenizer *t, const otx_json *json,
                                              uint32_t node, size_t *size)
{
    const size_t need = otx__json_span(json, node).size + 1;
    otx_result result = otx__tokenizer_scratch(t, need);
    if (!result) *size = otx_json_string(json, node, t->scratch);
    return result;
}

/* A string given as such or as {"content": "..."}; or OTX_JSON_NONE. */
OTX__PRIVATE uint32_t otx__content_node(const otx_json *json, uint32_t node)
{
    if (otx_json_type_of(json, node) == OTX_JSON_OBJECT)
        node = otx_json_find(json, node, "content");
    return otx_json_type_of(json, node) == OTX_JSON_STRING ? node : OTX_JSON_NONE;
}

/* The id of the token with that content, or -1. */
OTX__PRIVATE otx_result otx__find_content(otx__tokenizer *t, const otx_json *json,
                                          uint32_t node, int64_t *id)
{
    size_t size = 0;
    otx_result result = otx__tokenizer_string(t, json, node, &size);
    if (!result) *id = otx__index_find(&t->contents, OTX_TOKEN_NONE, t->scratch, size);
    return result;
}

OTX__PRIVATE int64_t otx__find_text(const otx__tokenizer *t, const char *text)
{
    return otx__index_find(&t->contents, OTX_TOKEN_NONE, text, strlen(text));
}

/* Sets the tokens of roles that no file names, by their contents. */
OTX__PRIVATE void otx__fall_back_on(otx__tokenizer *t, const otx__known_role *roles,
                                    size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        t->fallback[roles[i].role] = otx__find_text(t, roles[i].content);
}

/* The next line of the reader's text, without its end ("\n" or "\r\n"). */
OTX__PRIVATE bool otx__next_line(otx__tokenizer *t, const char **line, size_t *size)
{
    const char *start, *end;
    if (t->offset >= t->text.size) return false;
    start = t->text.bytes + t->offset;
    end = (const char *)memchr(start, '\n', t->text.size - t->offset);
    *line = start;
    *size = end ? (size_t)(end - start) : t->text.size - t->offset;
    t->offset += *size + (end ? 1 : 0);
    if (end && *size > 0 && start[*size - 1] == '\r') --*size;
    return true;
}

/* ---- JSON files ---- */

/* Parses a file that goes with the one that t->name names, in the same directory.
   Python reads and writes these. */
OTX__PRIVATE otx_result otx__open_beside(otx__tokenizer *t, otx_vocab_file file,
                                         otx_json *json)
{
    const otx_vocab_text *text = &t->texts[file];
    const char *other = otx__usual_name(file);
    const char *slash = strrchr(t->name, '/');
    char name[512];
    otx_json_options options;
    otx_result result;
    if (!text->bytes) return OTX_OK;
    memset(&options, 0, sizeof options);
    options.allow_nonfinite = true;
    if (slash && slash - t->name < 400)
        otx__format(name, sizeof name, "%.*s/%s", (int)(slash - t->name), t->name, other);
    else
        otx__format(name, sizeof name, "%.*s: %s", (int)otx__utf8_cut(t->name, 400), t->name,
                    other);
    result = otx_json_parse(t->ctx, text->bytes, text->size, name, &options, json, t->error);
    if (!result && otx_json_type_of(json, 0) != OTX_JSON_OBJECT)
        result = otx__fail(t->error, OTX_ERROR_FORMAT, "%s: expected a JSON object", name);
    return result;
}

/* Parses the reader's own file, which must hold an object. */
OTX__PRIVATE otx_result otx__open_own(otx__tokenizer *t)
{
    otx_result result = otx_json_parse(t->ctx, t->text.bytes, t->text.size, t->name, NULL,
                                       &t->json, t->error);
    if (!result && otx_json_type_of(&t->json, 0) != OTX_JSON_OBJECT)
        result = otx__fail(t->error, OTX_ERROR_FORMAT, "%s: expected a JSON object", t->name);
    return result;
}

/* The next member of the object t->words, {"content": id}. */
OTX__PRIVATE otx_result otx__next_member(otx__tokenizer *t, otx__given *word, bool *more)
{
    const otx_json *json = &t->json;
    char quoted[OTX__QUOTED], number[OTX__QUOTED];
    otx_result result;
    if (t->position++ == 0) t->entries = otx_json_iter_of(json, t->words);
    *more = otx_json_iter_next(&t->entries);
    if (!*more) return OTX_OK;
    if (!otx_json_uint(json, t->entries.value, &word->id) || word->id > UINT32_MAX)
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: token \"%s\" has the id %s, expected a whole number from 0 to "
                         "%" PRIu32, t->name, otx__quote_node(quoted, json, t->entries.key),
                         otx__quote_node(number, json, t->entries.value), UINT32_MAX);
    result = otx__tokenizer_string(t, json, t->entries.key, &word->size);
    word->content = t->scratch;
    word->kind = OTX_TOKEN_TEXT;
    return result;
}

/* ---- the model's tokens ---- */

/* What a table of the model's tokens takes. */
typedef struct otx__census {
    uint64_t count, ids, bytes; /* ids: the highest + 1 */
} otx__census;

/* The ids that a vocabulary of so many tokens may have: they may have holes, but the
   memory must stay in proportion to the file. */
OTX__PRIVATE uint64_t otx__id_limit(uint64_t count) { return 16 * count + 65536; }

OTX__PRIVATE void otx__rewind_words(otx__tokenizer *t)
{
    t->position = 0;
    t->offset = 0;
    t->past = 0;
}

/* Reports the first token whose id is beyond the limit. */
OTX__PRIVATE otx_result otx__fail_id(otx__tokenizer *t, uint64_t count)
{
    const uint64_t limit = otx__id_limit(count);
    char quoted[OTX__QUOTED];
    otx__given word;
    bool more = true;
    otx_result result;
    memset(&word, 0, sizeof word);
    otx__rewind_words(t);
    do result = t->reader->next(t, &word, &more);
    while (!result && more && word.id < limit);
    if (result) return result;
    return otx__fail(t->error, OTX_ERROR_LIMIT,
                     "%s: token \"%s\" has the id %" PRIu64 ", and a vocabulary of %" PRIu64
                     " tokens may have ids below %" PRIu64, t->name,
                     otx__quote(quoted, sizeof quoted, word.content, word.size), word.id, count,
                     limit);
}

OTX__PRIVATE otx_result otx__count_words(otx__tokenizer *t, otx__census *census)
{
    otx__given word;
    bool more;
    memset(census, 0, sizeof *census);
    memset(&word, 0, sizeof word);
    otx__rewind_words(t);
    for (;;) {
        otx_result result = t->reader->next(t, &word, &more);
        if (result) return result;
        if (!more) break;
        census->count++;
        census->bytes += otx__string_room(word.size);
        if (word.id >= census->ids) census->ids = word.id + 1;
    }
    if (census->count == 0 && !t->reader->complete)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: holds no token", t->name);
    if (census->ids > otx__id_limit(census->count)) return otx__fail_id(t, census->count);
    return OTX_OK;
}

/* What becomes of a content that an earlier token has, which `slot` names. Sets
   *stays if the content goes on meaning that one. */
OTX__PRIVATE otx_result otx__repeat_word(otx__tokenizer *t, const otx__given *word,
                                         uint32_t slot, bool *stays)
{
    otx_token *earlier = &t->vocab->tokens[slot - 1];
    char quoted[OTX__QUOTED];
    bool control = word->kind == OTX_TOKEN_CONTROL || word->kind == OTX_TOKEN_BYTE;
    if (t->repeat == OTX__REPEAT_REPLACES) {
        memset(earlier, 0, sizeof *earlier);
        t->vocab->token_count--;
    }
    if (t->repeat < OTX__REPEAT_APART) return OTX_OK;
    *stays = earlier->kind == OTX_TOKEN_CONTROL || earlier->kind == OTX_TOKEN_BYTE;
    if (t->repeat == OTX__REPEAT_APART && *stays != control) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: token \"%s\" is given twice, as ids "
                     "%" PRIu32 " and %" PRIu64, t->name,
                     otx__quote(quoted, sizeof quoted, word->content, word->size), slot - 1,
                     word->id);
}

/* Gives the token an id. */
OTX__PRIVATE otx_result otx__put_token(otx__tokenizer *t, const otx__given *word)
{
    otx_token *token = &t->vocab->tokens[word->id];
    uint32_t *slot = otx__index_slot(&t->contents, OTX_TOKEN_NONE, word->content, word->size);
    bool stays = false;
    char *content;
    if (*slot) {
        otx_result result = otx__repeat_word(t, word, *slot, &stays);
        if (result) return result;
    }
    if (token->kind != OTX_TOKEN_NONE) {
        char first[OTX__QUOTED], second[OTX__QUOTED];
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: tokens \"%s\" and \"%s\" both have the id %" PRIu64
                         ", and a model has one row for it", t->name,
                         otx__quote(first, sizeof first, token->content, token->content_size),
                         otx__quote(second, sizeof second, word->content, word->size),
                         word->id);
    }
    content = otx__vocab_keep(t->vocab, word->size);
    if (word->size) memcpy(content, word->content, word->size);
    token->content = content;
    token->content_size = (uint32_t)word->size;
    token->kind = word->kind;
    token->added = word->added;
    if (!stays) *slot = (uint32_t)word->id + 1;
    t->vocab->token_count++;
    return OTX_OK;
}

OTX__PRIVATE otx_result otx__read_model(otx__tokenizer *t)
{
    otx__given word;
    bool more = true;
    memset(&word, 0, sizeof word);
    otx__rewind_words(t);
    while (more) {
        otx_result result = t->reader->next(t, &word, &more);
        if (!result && more) result = otx__put_token(t, &word);
        if (result) return result;
    }
    t->model_size = t->vocab->token_count;
    return OTX_OK;
}
