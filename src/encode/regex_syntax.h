/* ---- regex_syntax: classes, repetitions, groups ---------------------------------------- */

/* ---- classes ---- */

/* Whether a class of POSIX begins here, [:alpha:]; another bracket opens a class within. */
OTX__PRIVATE bool otx__parser_posix(otx__parser *p, otx__char_set *set)
{
    size_t at = p->at + 1;
    if (p->size - p->at < 2 || memcmp(p->text + p->at, "[:", 2) != 0) return false;
    for (at++; at < p->size && (p->text[at] == '^' || (p->text[at] | 0x20u) - 'a' < 26u); at++) {}
    if (p->size - at < 2 || memcmp(p->text + at, ":]", 2) != 0) return false;
    p->at += 2;
    if (otx__parser_take_word(p, "punct:]")) (void)otx__char_set_named("p s", set);
    else if (otx__parser_take_word(p, "^punct:]")) {
        (void)otx__char_set_named("p s", set);
        otx__char_set_invert(set);
    } else otx__parser_named(p, ":]", set);
    return true;
}

OTX__PRIVATE void otx__parser_class(otx__parser *p, otx__char_set *set);

/* One item of a class: a set, which is added to an open one, or a character. */
OTX__PRIVATE bool otx__parser_class_item(otx__parser *p, otx__char_set *set, uint32_t *code)
{
    if (otx__parser_posix(p, set)) return true;
    if (otx__parser_take(p, '[')) {
        otx__parser_class(p, set);
        return true;
    }
    if (!otx__parser_take(p, '\\')) {
        *code = otx__parser_code(p);
        return false;
    }
    if (!otx__parser_more(p)) {
        otx__parser_fail(p, "a backslash ends it");
    } else if (otx__parser_take(p, 'b')) {
        *code = '\b';
    } else if (otx__parser_class_escape(p, set, false)) {
        return true;
    } else if (!otx__parser_escaped(p, code)) {
        otx__parser_fail(p, "this escape is not known here");
    }
    return false;
}

/* Whether a hyphen here makes a range. */
OTX__PRIVATE bool otx__parser_range_follows(const otx__parser *p)
{
    return p->size - p->at >= 2 && p->text[p->at] == '-' && p->text[p->at + 1] != ']';
}

/* Items up to "]" or "&&", added to an open set. */
OTX__PRIVATE void otx__parser_class_items(otx__parser *p, otx__char_set *set, bool first)
{
    while (otx__parser_more(p) && (first || p->text[p->at] != ']')) {
        otx__char_set item;
        uint32_t code = 0, last;
        size_t start = p->at;
        bool many;
        if (p->size - p->at >= 2 && memcmp(p->text + p->at, "&&", 2) == 0) break;
        first = false;
        otx__char_set_open(&item, p->ctx);
        many = otx__parser_class_item(p, &item, &code);
        if (many) {
            otx__char_set_join(set, &item);
        } else {
            last = code;
            if (otx__parser_range_follows(p)) {
                p->at++;
                if (otx__parser_class_item(p, &item, &last))
                    otx__parser_fail_at(p, OTX_ERROR_UNSUPPORTED, start,
                                        "a range ends with a character");
            }
            if (last < code)
                otx__parser_fail_at(p, OTX_ERROR_FORMAT, start, "a range is empty");
            else otx__char_set_add(set, code, last);
        }
        otx__char_set_close(&item);
        if (set->failed) otx__parser_fail_memory(p, set->count * sizeof *set->items);
    }
    otx__char_set_settle(set);
    if (p->fold) otx__char_set_fold(set);
}

/* What follows "[" up to its "]", in an open set. */
OTX__PRIVATE void otx__parser_class(otx__parser *p, otx__char_set *set)
{
    const bool inverted = otx__parser_take(p, '^');
    bool first = true;
    if (++p->depth > OTX__PATTERN_DEPTH)
        otx__parser_fail_at(p, OTX_ERROR_LIMIT, p->at, "it is nested too deeply");
    while (!p->result) {
        otx__char_set part;
        otx__char_set_open(&part, p->ctx);
        otx__parser_class_items(p, &part, first);
        if (first) otx__char_set_join(set, &part);
        else otx__char_set_meet(set, &part);
        otx__char_set_close(&part);
        first = false;
        if (!otx__parser_take_word(p, "&&")) break;
    }
    p->depth--;
    if (!otx__parser_take(p, ']')) otx__parser_fail(p, "\"]\" is missing");
    if (inverted) otx__char_set_invert(set);
}

/* ---- repetitions ---- */

/* A number before which nothing stands, up to the limit; false if there is none. */
OTX__PRIVATE bool otx__parser_times(otx__parser *p, uint32_t *times)
{
    const size_t first = p->at;
    uint32_t value = 0;
    for (; otx__parser_more(p) && otx__is_digit((char)p->text[p->at]); p->at++)
        if (value <= OTX__PATTERN_TIMES) value = value * 10 + (uint32_t)(p->text[p->at] - '0');
    if (p->at == first) return false;
    *times = value;
    return true;
}

/* {N}, {N,}, {,N} or {N,M}; anything else is text, and nothing is read. */
OTX__PRIVATE bool otx__parser_interval(otx__parser *p, otx__pattern_node *repeat)
{
    const size_t first = p->at;
    bool from, to = true;
    if (!otx__parser_take(p, '{')) return false;
    repeat->min = 0;
    from = otx__parser_times(p, &repeat->min);
    repeat->max = repeat->min;
    if (otx__parser_take(p, ',')) {
        to = otx__parser_times(p, &repeat->max);
        if (!to) repeat->max = OTX__NO_END;
    }
    if ((!from && !to) || (!from && repeat->max == repeat->min) || !otx__parser_take(p, '}')) {
        p->at = first;
        return false;
    }
    if (repeat->min > OTX__PATTERN_TIMES ||
        (repeat->max > OTX__PATTERN_TIMES && repeat->max != OTX__NO_END))
        otx__parser_fail_at(p, OTX_ERROR_LIMIT, first, "it repeats too often");
    if (repeat->max < repeat->min)
        otx__parser_fail_at(p, OTX_ERROR_UNSUPPORTED, first, "it repeats from more to less");
    return true;
}

/* Reads one repetition behind an item, if there is one. */
OTX__PRIVATE bool otx__parser_repetition(otx__parser *p, otx__pattern_node *repeat)
{
    const bool interval = otx__parser_interval(p, repeat);
    const bool fixed = interval && repeat->min == repeat->max;
    if (!interval) {
        repeat->min = 0;
        repeat->max = OTX__NO_END;
        if (otx__parser_take(p, '?')) repeat->max = 1;
        else if (otx__parser_take(p, '+')) repeat->min = 1;
        else if (!otx__parser_take(p, '*')) return false;
    }
    repeat->how = OTX__GREEDY;
    /* Of Oniguruma, {2}? is what may be left out, and {2,3}+ is what may come again. */
    if ((!fixed || p->dialect == OTX__TIKTOKEN) && otx__parser_take(p, '?'))
        repeat->how = OTX__LAZY;
    else if ((!interval || p->dialect == OTX__TIKTOKEN) && otx__parser_take(p, '+'))
        repeat->how = OTX__POSSESSIVE;
    return true;
}

/* Repetitions of one item in a row, at most. */
#define OTX__PATTERN_ROW 4

/* Reads the repetitions behind an item. */
OTX__PRIVATE uint32_t otx__parser_repeated(otx__parser *p, uint32_t node, bool can)
{
    unsigned row = 0;
    size_t at = p->at;
    otx__pattern_node repeat;
    memset(&repeat, 0, sizeof repeat);
    while (otx__parser_more(p) && otx__parser_repetition(p, &repeat)) {
        const uint32_t parent = otx__parser_parent(p, OTX__PATTERN_REPEAT, node);
        if (!can)
            otx__parser_fail_at(p, OTX_ERROR_UNSUPPORTED, at, "there is nothing to repeat");
        if (++row > OTX__PATTERN_ROW)
            otx__parser_fail_at(p, OTX_ERROR_LIMIT, at, "it repeats a repetition too often");
        if (parent == OTX__NO_NODE) break;
        p->nodes[parent].how = repeat.how;
        p->nodes[parent].min = repeat.min;
        p->nodes[parent].max = repeat.max;
        node = parent;
        at = p->at;
    }
    return node;
}

/* ---- groups ---- */

OTX__PRIVATE uint32_t otx__parser_either(otx__parser *p);

/* Options: letters, after a hyphen those that are off. */
OTX__PRIVATE void otx__parser_options(otx__parser *p)
{
    bool on = true;
    while (otx__parser_more(p) && p->text[p->at] != ')' && p->text[p->at] != ':') {
        const bool theirs = p->dialect == OTX__TIKTOKEN;
        if (otx__parser_take(p, '-') && on) on = false;
        else if (otx__parser_take(p, 'i')) p->fold = on;
        else if (otx__parser_take(p, 'x')) p->spaced = on;
        else if (theirs && otx__parser_take(p, 'm')) p->lines = on;
        else if (otx__parser_take(p, theirs ? 's' : 'm')) p->dot_all = on;
        else otx__parser_fail(p, "this kind of group is not known here");
    }
    if (!otx__parser_more(p)) otx__parser_fail(p, "\")\" is missing");
}

/* The kind of a group behind "(?", or OTX__PATTERN_SEQUENCE of one that only groups. */
OTX__PRIVATE otx__pattern_kind otx__parser_group_kind(otx__parser *p)
{
    char end = 0;
    if (otx__parser_take(p, ':')) return OTX__PATTERN_SEQUENCE;
    if (otx__parser_take(p, '=')) return OTX__PATTERN_AHEAD;
    if (otx__parser_take(p, '!')) return OTX__PATTERN_NOT_AHEAD;
    if (otx__parser_take(p, '>')) return OTX__PATTERN_ATOMIC;
    if (otx__parser_take_word(p, "<=")) return OTX__PATTERN_BEHIND;
    if (otx__parser_take_word(p, "<!")) return OTX__PATTERN_NOT_BEHIND;
    if (otx__parser_take(p, '<')) end = '>';
    else if (p->dialect == OTX__TIKTOKEN && otx__parser_take_word(p, "P<")) end = '>';
    else if (otx__parser_take(p, '\'')) end = '\'';
    while (end && otx__parser_more(p) && p->text[p->at] != (unsigned char)end) p->at++;
    if (end && !otx__parser_take(p, end)) otx__parser_fail(p, "the name of a group has no end");
    return OTX__PATTERN_SEQUENCE;
}

/* A group behind its "(", up to its ")". (?i) without a colon holds to the end of the group
   that it stands in, branches and all. */
OTX__PRIVATE uint32_t otx__parser_group(otx__parser *p, bool *can_repeat)
{
    const bool fold = p->fold, dot_all = p->dot_all, spaced = p->spaced, lines = p->lines;
    otx__pattern_kind kind = OTX__PATTERN_SEQUENCE;
    const size_t first = p->at - 1;
    bool closed = true;
    uint32_t node;
    if (otx__parser_take_word(p, "?#")) {
        while (otx__parser_more(p) && p->text[p->at] != ')') p->at++;
        if (!otx__parser_take(p, ')')) otx__parser_fail(p, "\")\" is missing");
        *can_repeat = false;
        return otx__parser_node(p, OTX__PATTERN_EMPTY);
    }
    if (++p->depth > OTX__PATTERN_DEPTH)
        otx__parser_fail_at(p, OTX_ERROR_LIMIT, first, "it is nested too deeply");
    if (otx__parser_take(p, '?')) {
        const size_t at = p->at;
        kind = otx__parser_group_kind(p);
        if (p->at == at) {
            otx__parser_options(p);
            closed = !otx__parser_take(p, ')');
            if (closed) (void)otx__parser_take(p, ':');
        }
    }
    node = p->result ? OTX__NO_NODE : otx__parser_either(p);
    if (closed && !otx__parser_take(p, ')'))
        otx__parser_fail_at(p, OTX_ERROR_FORMAT, first, "\")\" is missing");
    if (kind != OTX__PATTERN_SEQUENCE) node = otx__parser_parent(p, kind, node);
    *can_repeat = kind == OTX__PATTERN_SEQUENCE || kind == OTX__PATTERN_ATOMIC;
    p->depth--;
    p->fold = fold;
    p->dot_all = dot_all;
    p->spaced = spaced;
    p->lines = lines;
    return node;
}

/* ---- items ---- */

/* A character as the options have it. To Oniguruma ss is U+00DF in another case; not here. */
OTX__PRIVATE uint32_t otx__parser_letter(otx__parser *p, uint32_t code)
{
    otx__char_set set;
    if (!p->fold) return otx__parser_char(p, code);
    otx__char_set_open(&set, p->ctx);
    otx__char_set_add(&set, code, code);
    otx__char_set_fold(&set);
    return otx__parser_set(p, &set);
}

/* What stands behind a backslash outside a class. */
OTX__PRIVATE uint32_t otx__parser_escape(otx__parser *p, bool *can_repeat)
{
    static const char letters[] = "AzZbB";
    static const otx__pattern_kind kinds[] = {OTX__PATTERN_TEXT_START, OTX__PATTERN_TEXT_END,
                                              OTX__PATTERN_LAST_LINE, OTX__PATTERN_BORDER,
                                              OTX__PATTERN_NO_BORDER};
    otx__char_set set;
    const char *at;
    uint32_t code = 0, node;
    if (!otx__parser_more(p)) {
        otx__parser_fail(p, "a backslash ends it");
        return OTX__NO_NODE;
    }
    at = (const char *)memchr(letters, p->text[p->at], sizeof letters - 1);
    if (at) {
        p->at++;
        *can_repeat = false;
        node = otx__parser_node(p, kinds[at - letters]);
        if (node == OTX__NO_NODE || (*at != 'b' && *at != 'B')) return node;
        otx__char_set_open(&set, p->ctx);
        (void)otx__char_set_named(otx__parser_word(p, true), &set);
        p->nodes[node].value = otx__parser_table(p, &set);
        otx__char_set_close(&set);
        return node;
    }
    otx__char_set_open(&set, p->ctx);
    if (otx__parser_class_escape(p, &set, true)) return otx__parser_set(p, &set);
    otx__char_set_close(&set);
    if (!otx__parser_escaped(p, &code)) otx__parser_fail(p, "this escape is not known here");
    return otx__parser_letter(p, code);
}

/* A character that is more than itself, a group, a class, or a character. */
OTX__PRIVATE uint32_t otx__parser_item(otx__parser *p, bool *can_repeat)
{
    const unsigned char byte = p->text[p->at];
    otx__char_set set;
    *can_repeat = true;
    otx__char_set_open(&set, p->ctx);
    if (byte == '*' || byte == '+' || byte == '?') {
        otx__parser_fail(p, "there is nothing to repeat");
    } else if (otx__parser_take(p, '(')) {
        return otx__parser_group(p, can_repeat);
    } else if (otx__parser_take(p, '[')) {
        otx__parser_class(p, &set);
        return otx__parser_set(p, &set);
    } else if (otx__parser_take(p, '\\')) {
        return otx__parser_escape(p, can_repeat);
    } else if (otx__parser_take(p, '.')) {
        if (!p->dot_all) otx__char_set_add(&set, '\n', '\n');
        otx__char_set_invert(&set);
        return otx__parser_set(p, &set);
    } else if (otx__parser_take(p, '^')) {
        *can_repeat = false;
        return otx__parser_node(p, p->lines ? OTX__PATTERN_LINE_START : OTX__PATTERN_TEXT_START);
    } else if (otx__parser_take(p, '$')) {
        *can_repeat = false;
        return otx__parser_node(p, p->lines ? OTX__PATTERN_LINE_END : OTX__PATTERN_TEXT_END);
    }
    return otx__parser_letter(p, otx__parser_code(p));
}

/* White space and comments, where (?x) makes them mean nothing. */
OTX__PRIVATE bool otx__parser_skip(otx__parser *p)
{
    const size_t first = p->at;
    while (p->spaced && otx__parser_more(p)) {
        const unsigned char byte = p->text[p->at];
        if (byte == '#') {
            while (otx__parser_more(p) && p->text[p->at] != '\n') p->at++;
        } else if (byte != ' ' && (byte < '\t' || byte > '\r')) {
            break;
        } else {
            p->at++;
        }
    }
    return p->at > first;
}

/* Items up to "|", ")" or the end. */
OTX__PRIVATE uint32_t otx__parser_sequence(otx__parser *p)
{
    const uint32_t node = otx__parser_node(p, OTX__PATTERN_SEQUENCE);
    uint32_t last = OTX__NO_NODE;
    while (otx__parser_more(p) && p->text[p->at] != '|' && p->text[p->at] != ')') {
        bool can_repeat;
        uint32_t item;
        if (otx__parser_skip(p)) continue;
        item = otx__parser_item(p, &can_repeat);
        (void)otx__parser_skip(p);
        item = otx__parser_repeated(p, item, can_repeat);
        if (item == OTX__NO_NODE || p->result) break;
        if (last == OTX__NO_NODE) p->nodes[node].child = item;
        else p->nodes[last].next = item;
        last = item;
    }
    return node;
}

/* Sequences with "|" between them. */
OTX__PRIVATE uint32_t otx__parser_either(otx__parser *p)
{
    const uint32_t first = otx__parser_sequence(p);
    uint32_t node, last = first;
    if (!otx__parser_more(p) || p->text[p->at] != '|') return first;
    node = otx__parser_parent(p, OTX__PATTERN_EITHER, first);
    while (otx__parser_take(p, '|')) {
        const uint32_t next = otx__parser_sequence(p);
        if (next == OTX__NO_NODE) break;
        p->nodes[last].next = next;
        last = next;
    }
    return node;
}
