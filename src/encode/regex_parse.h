/* ---- regex_parse: regular expressions, read -------------------------------------------- */

/* What Oniguruma takes a regular expression for in the tokenizers package, as far as the
   expressions of tokenizers go; tiktoken's differ where it says so. Groups are not kept: what
   refers to one is refused, as is whatever else is not here. */

/* Limits. Every recursion here goes down once for a level of nesting. */
#define OTX__PATTERN_BYTES 16384u
#define OTX__PATTERN_DEPTH 48u
#define OTX__PATTERN_SETS 512u
#define OTX__PATTERN_TIMES 100000u

#define OTX__NO_NODE UINT32_MAX
#define OTX__NO_END UINT32_MAX /* of a repetition */

typedef enum otx__pattern_kind {
    OTX__PATTERN_EMPTY,
    OTX__PATTERN_CHAR,        /* code */
    OTX__PATTERN_SET,         /* set */
    OTX__PATTERN_SEQUENCE,    /* children, one after the other */
    OTX__PATTERN_EITHER,      /* children, the first that leads to a match */
    OTX__PATTERN_REPEAT,      /* a child, min to max times */
    OTX__PATTERN_ATOMIC,      /* a child, of which nothing is tried again */
    OTX__PATTERN_AHEAD,       /* a child that matches here */
    OTX__PATTERN_NOT_AHEAD,
    OTX__PATTERN_BEHIND,      /* a child that matches up to here */
    OTX__PATTERN_NOT_BEHIND,
    OTX__PATTERN_LINE_START,
    OTX__PATTERN_LINE_END,
    OTX__PATTERN_TEXT_START,
    OTX__PATTERN_TEXT_END,
    OTX__PATTERN_LAST_LINE,   /* the end of the text, or before a newline there */
    OTX__PATTERN_BORDER,      /* of a word */
    OTX__PATTERN_NO_BORDER
} otx__pattern_kind;

typedef enum otx__repeat_how { OTX__GREEDY, OTX__LAZY, OTX__POSSESSIVE } otx__repeat_how;

typedef struct otx__pattern_node {
    otx__pattern_kind kind;
    otx__repeat_how how;
    uint32_t child, next;  /* or OTX__NO_NODE */
    uint32_t value;        /* code or set */
    uint32_t min, max;     /* max: or OTX__NO_END */
} otx__pattern_node;

/* Whose regular expressions. tiktoken's: ^ and $ are the text's borders, {2}+ takes nothing
   back, (?s) lets a dot match newlines. */
typedef enum otx__dialect { OTX__ONIGURUMA, OTX__TIKTOKEN } otx__dialect;

/* An expression being read: what it is made of, and its sets. */
typedef struct otx__parser {
    const otx_context *ctx;
    const char *name;             /* of the file, for errors */
    const unsigned char *text;
    size_t size, at;
    otx__dialect dialect;
    unsigned depth;
    bool fold, dot_all, spaced, lines; /* options: (?i), (?m) or (?s), (?x), ^ and $ of lines */
    otx__pattern_node *nodes;
    size_t count, capacity;
    otx__char_table *tables;      /* of sets, each once; they stand in the pool */
    size_t table_count, table_capacity;
    otx__pool *pool;
    otx_result result;            /* of the first failure, after which nothing is read */
    otx_error *error;
} otx__parser;

/* ---- failures ---- */

OTX__PRIVATE void otx__parser_fail_at(otx__parser *p, otx_result code, size_t at,
                                      const char *problem)
{
    char whole[OTX__QUOTED], rest[48];
    if (p->result) return;
    p->result = otx__fail(p->error, code, "%s: the regular expression \"%s\" cannot be used: %s, "
                          "at byte %" PRIu64 " (\"%s\")", p->name,
                          otx__quote(whole, sizeof whole, (const char *)p->text, p->size),
                          problem, (uint64_t)at,
                          otx__quote(rest, sizeof rest, (const char *)p->text + at,
                                     p->size - at));
}

OTX__PRIVATE void otx__parser_fail(otx__parser *p, const char *problem)
{
    otx__parser_fail_at(p, OTX_ERROR_UNSUPPORTED, otx__min(p->at, p->size), problem);
}

OTX__PRIVATE void otx__parser_fail_memory(otx__parser *p, size_t bytes)
{
    if (!p->result) p->result = otx__fail_memory(p->error, bytes);
}

/* ---- nodes ---- */

OTX__PRIVATE uint32_t otx__parser_node(otx__parser *p, otx__pattern_kind kind)
{
    void *items = p->nodes;
    otx__pattern_node *node;
    if (p->result) return OTX__NO_NODE;
    if (!otx__grow(p->ctx, &items, &p->capacity, p->count + 1, sizeof *p->nodes)) {
        otx__parser_fail_memory(p, (p->count + 1) * sizeof *p->nodes);
        return OTX__NO_NODE;
    }
    p->nodes = (otx__pattern_node *)items;
    node = &p->nodes[p->count];
    memset(node, 0, sizeof *node);
    node->kind = kind;
    node->child = node->next = OTX__NO_NODE;
    return (uint32_t)p->count++;
}

OTX__PRIVATE uint32_t otx__parser_parent(otx__parser *p, otx__pattern_kind kind, uint32_t child)
{
    const uint32_t node = otx__parser_node(p, kind);
    if (node != OTX__NO_NODE) p->nodes[node].child = child;
    return node;
}

OTX__PRIVATE uint32_t otx__parser_char(otx__parser *p, uint32_t code)
{
    const uint32_t node = otx__parser_node(p, OTX__PATTERN_CHAR);
    if (node != OTX__NO_NODE) p->nodes[node].value = code;
    return node;
}

/* The number of a settled set's table, made unless there is one. */
OTX__PRIVATE uint32_t otx__parser_table(otx__parser *p, const otx__char_set *set)
{
    void *items = p->tables;
    size_t i;
    if (set->failed) otx__parser_fail_memory(p, set->count * sizeof *set->items);
    for (i = 0; i < p->table_count && !p->result; i++)
        if (p->tables[i].count == set->count &&
            (set->count == 0 || memcmp(p->tables[i].items, set->items,
                                       set->count * sizeof *set->items) == 0))
            return (uint32_t)i;
    if (p->table_count == OTX__PATTERN_SETS)
        otx__parser_fail_at(p, OTX_ERROR_LIMIT, p->size, "it has too many different classes");
    if (p->result) return 0;
    if (!otx__grow(p->ctx, &items, &p->table_capacity, i + 1, sizeof *p->tables)) {
        otx__parser_fail_memory(p, (i + 1) * sizeof *p->tables);
        return 0;
    }
    p->tables = (otx__char_table *)items;
    if (!otx__char_table_make(p->pool, set, &p->tables[i]) && !p->result)
        p->result = otx__pool_fail(p->pool, p->error);
    else p->table_count++;
    return (uint32_t)i;
}

/* A node of any character of a set, which is closed. */
OTX__PRIVATE uint32_t otx__parser_set(otx__parser *p, otx__char_set *set)
{
    uint32_t node;
    if (set->count == 1 && set->items[0].first == set->items[0].last && !set->failed) {
        node = otx__parser_char(p, set->items[0].first);
    } else {
        node = otx__parser_node(p, OTX__PATTERN_SET);
        if (node != OTX__NO_NODE) p->nodes[node].value = otx__parser_table(p, set);
    }
    otx__char_set_close(set);
    return node;
}

/* ---- characters and escapes ---- */

OTX__PRIVATE bool otx__parser_more(const otx__parser *p)
{
    return p->at < p->size && !p->result;
}

/* Steps over a byte, if it stands here. */
OTX__PRIVATE bool otx__parser_take(otx__parser *p, char byte)
{
    if (!otx__parser_more(p) || p->text[p->at] != (unsigned char)byte) return false;
    p->at++;
    return true;
}

OTX__PRIVATE bool otx__parser_take_word(otx__parser *p, const char *word)
{
    const size_t size = strlen(word);
    if (p->result || p->size - p->at < size || memcmp(p->text + p->at, word, size) != 0)
        return false;
    p->at += size;
    return true;
}

OTX__PRIVATE uint32_t otx__parser_code(otx__parser *p)
{
    uint32_t code = 0;
    if (otx__parser_more(p)) p->at += otx__code_at(p->text + p->at, p->size - p->at, &code);
    return code;
}

/* Up to `most` digits to the base 8 or 16. */
OTX__PRIVATE uint32_t otx__parser_digits(otx__parser *p, unsigned base, size_t most)
{
    uint32_t code = 0;
    size_t count = 0;
    for (; count < most && otx__parser_more(p); count++, p->at++) {
        const int digit = otx__hex_digit((char)p->text[p->at]);
        if (digit < 0 || digit >= (int)base) break;
        code = code * base + (uint32_t)digit;
    }
    if (count == 0) otx__parser_fail(p, "a number is expected here");
    if (code > OTX__LAST_CODE || (code >= 0xd800 && code < 0xe000))
        otx__parser_fail(p, "there is no such character");
    return code;
}

/* The character of an escape behind its backslash, if it is one of a character. */
OTX__PRIVATE bool otx__parser_escaped(otx__parser *p, uint32_t *code)
{
    static const char letters[] = "tnrfvae", values[] = "\t\n\r\f\v\a\x1b";
    const char letter = (char)p->text[p->at];
    const char *at = (const char *)memchr(letters, letter, sizeof letters - 1);
    if (at) {
        p->at++;
        *code = (uint32_t)values[at - letters];
    } else if (letter == '0') {
        *code = otx__parser_digits(p, 8, 3);
    } else if (otx__parser_take_word(p, "x{")) {
        *code = otx__parser_digits(p, 16, 8);
        if (!otx__parser_take(p, '}')) otx__parser_fail(p, "\"}\" is expected here");
    } else if (otx__parser_take(p, 'x')) {
        *code = otx__parser_digits(p, 16, 2);
        if (*code >= 0x80) otx__parser_fail(p, "a byte of a character cannot be told apart");
    } else if (otx__parser_take(p, 'u')) {
        const size_t first = p->at;
        *code = otx__parser_digits(p, 16, 4);
        if (p->at - first != 4) otx__parser_fail(p, "four digits are expected here");
    } else if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
               otx__is_digit(letter)) {
        return false;
    } else {
        *code = otx__parser_code(p);
    }
    return true;
}

/* Adds what a name in \p{NAME}, or in [:NAME:], stands for. */
OTX__PRIVATE void otx__parser_named(otx__parser *p, const char *end, otx__char_set *set)
{
    const size_t first = p->at;
    char name[40];
    size_t size = 0;
    bool inverted = otx__parser_take(p, '^');
    for (; otx__parser_more(p) && size + 1 < sizeof name; p->at++) {
        const char byte = (char)p->text[p->at];
        if (byte == end[0]) break;
        if (byte == ' ' || byte == '_' || byte == '-') continue;
        name[size++] = (char)(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
    }
    name[size] = 0;
    if (!otx__parser_take_word(p, end) || size == 0 || !otx__char_set_named(name, set)) {
        p->at = first;
        otx__parser_fail(p, "no such property is known here");
    }
    if (inverted) otx__char_set_invert(set);
}

/* What \w is: of Oniguruma a little more where it stands alone than in a class. */
OTX__PRIVATE const char *otx__parser_word(const otx__parser *p, bool alone)
{
    if (p->dialect == OTX__TIKTOKEN) return "rustword";
    return alone ? "lonelyword" : "word";
}

/* The set of an escape behind its backslash, if it is one of a set. */
OTX__PRIVATE bool otx__parser_class_escape(otx__parser *p, otx__char_set *set, bool alone)
{
    static const char letters[] = "dshw";
    static const char *const names[] = {"digit", "space", "xdigit"};
    const char letter = (char)p->text[p->at];
    const char *at = (const char *)memchr(letters, letter | 0x20, sizeof letters - 1);
    bool inverted = letter < 'a';
    if ((letter | 0x20) == 'p') {
        p->at++;
        if (otx__parser_take(p, '{')) {
            otx__parser_named(p, "}", set);
        } else {
            char name[2] = {0, 0};
            const char byte = (char)(otx__parser_more(p) ? p->text[p->at++] : 0);
            name[0] = (char)(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
            if (p->dialect == OTX__ONIGURUMA || !name[0] || !otx__char_set_named(name, set)) {
                otx__parser_fail_at(p, OTX_ERROR_UNSUPPORTED, p->at - (byte != 0),
                                    "\"{\" is expected here");
            }
        }
    } else if (letter == 'N' || letter == 'O') {
        p->at++;
        if (letter == 'N') otx__char_set_add(set, '\n', '\n');
    } else if (at) {
        p->at++;
        (void)otx__char_set_named(*at == 'w' ? otx__parser_word(p, alone) : names[at - letters],
                                  set);
    } else {
        return false;
    }
    if (inverted) otx__char_set_invert(set);
    return true;
}
