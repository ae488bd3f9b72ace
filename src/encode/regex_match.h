/* ---- regex_match: the program run over a text ------------------------------------------ */

/* Backtracking, with a stack of its own. A text has a budget of steps, so that no expression
   takes longer than in proportion to the text, in however many parts it comes. */
#define OTX__MATCH_STEPS 4000000u      /* for a text of any length */
#define OTX__MATCH_STEPS_A_BYTE 256u   /* and for each byte of it; real expressions take ten */
#define OTX__MATCH_STACK ((size_t)1 << 22)

/* Where to go on when what is tried fails. */
typedef enum otx__pending_kind {
    OTX__CHOICE_PLACE,    /* at instruction `at`, place `a` */
    OTX__CHOICE_RUN,      /* behind the run `at`: from place `a` back to `b` */
    OTX__CHOICE_LAZY,     /* the same: on from place `a`, `b` times more */
    OTX__CHOICE_REGISTER  /* not yet: register `at` was `a` */
} otx__pending_kind;

typedef struct otx__pending {
    uint32_t kind, at, a, b;
} otx__pending;

/* A pattern over a text of less than 2^32 bytes. */
typedef struct otx__matcher {
    const otx_context *ctx;
    const otx__pattern *pattern;
    const unsigned char *text;
    size_t size;
    otx__pending *stack;
    size_t count, capacity;
    uint32_t *registers;
    size_t register_room;
    uint64_t steps;        /* left for the text; for one of any length to begin with */
    otx_result result;     /* of the last failure */
} otx__matcher;

OTX__PRIVATE void otx__matcher_open(otx__matcher *m, const otx_context *ctx)
{
    memset(m, 0, sizeof *m);
    m->ctx = ctx;
    m->steps = OTX__MATCH_STEPS;
}

OTX__PRIVATE void otx__matcher_close(otx__matcher *m)
{
    if (m->capacity) otx__free(m->ctx, m->stack, m->capacity, sizeof *m->stack);
    if (m->register_room)
        otx__free(m->ctx, m->registers, m->register_room, sizeof *m->registers);
    otx__matcher_open(m, m->ctx);
}

/* Allows the steps of a text of that many bytes, for all that is looked for in it. */
OTX__PRIVATE void otx__matcher_allow(otx__matcher *m, size_t size)
{
    m->steps = OTX__MATCH_STEPS + (uint64_t)OTX__MATCH_STEPS_A_BYTE * size;
    m->result = OTX_OK;
}

/* Allows what a part of the text adds to them. */
OTX__PRIVATE void otx__matcher_add(otx__matcher *m, size_t size)
{
    if (m->result) otx__matcher_allow(m, 0); /* a text anew */
    m->steps += (uint64_t)OTX__MATCH_STEPS_A_BYTE * size;
}

/* Sets a matcher to a pattern; false when out of memory. */
OTX__PRIVATE bool otx__matcher_set(otx__matcher *m, const otx__pattern *pattern)
{
    void *items = m->registers;
    m->pattern = pattern;
    if (!otx__grow(m->ctx, &items, &m->register_room, pattern->registers,
                   sizeof *m->registers)) {
        m->result = OTX_ERROR_MEMORY;
        return false;
    }
    m->registers = (uint32_t *)items;
    return true;
}

OTX__PRIVATE otx_result otx__matcher_fail(const otx__matcher *m, size_t at, otx_error *error)
{
    char text[OTX__QUOTED];
    if (m->result == OTX_ERROR_MEMORY)
        return otx__fail_memory(error, m->capacity * 2 * sizeof *m->stack);
    return otx__fail(error, m->result, "%s: the regular expression \"%s\" takes too many steps to "
                     "match at byte %" PRIu64 " of a text of %" PRIu64 " bytes",
                     m->pattern->name, otx__quote(text, sizeof text, m->pattern->text,
                                                  m->pattern->size), (uint64_t)at,
                     (uint64_t)m->size);
}

OTX__PRIVATE bool otx__matcher_push(otx__matcher *m, otx__pending_kind kind, size_t at, size_t a,
                                    size_t b)
{
    otx__pending *choice;
    if (m->count == m->capacity) {
        void *items = m->stack;
        if (m->count >= OTX__MATCH_STACK) m->result = OTX_ERROR_LIMIT;
        else if (!otx__grow(m->ctx, &items, &m->capacity, m->count + 1, sizeof *m->stack))
            m->result = OTX_ERROR_MEMORY;
        if (m->result) return false;
        m->stack = (otx__pending *)items;
    }
    choice = &m->stack[m->count++];
    choice->kind = (uint32_t)kind;
    choice->at = (uint32_t)at;
    choice->a = (uint32_t)a;
    choice->b = (uint32_t)b;
    return true;
}

/* ---- places ---- */

/* The place of the character before one. */
OTX__PRIVATE size_t otx__before_character(const unsigned char *text, size_t at)
{
    size_t first = at - 1;
    while (first > 0 && at - first < 4 && (text[first] & 0xc0) == 0x80) first--;
    return otx__utf8_length(text + first, at - first) == at - first ? first : at - 1;
}

OTX__PRIVATE bool otx__is_border(const otx__matcher *m, const otx__char_table *word, size_t at)
{
    const bool after = at < m->size &&
                       otx__char_table_step(word, m->text + at, m->size - at) > 0;
    size_t first;
    if (at == 0) return after;
    first = otx__before_character(m->text, at);
    return (otx__char_table_step(word, m->text + first, at - first) > 0) != after;
}

OTX__PRIVATE bool otx__is_place(const otx__matcher *m, const otx__instruction *code, size_t at)
{
    const bool newline = at < m->size && m->text[at] == '\n';
    switch ((otx__pattern_kind)code->min) {
    case OTX__PATTERN_LINE_START:
        return at == 0 || (m->text[at - 1] == '\n' && at < m->size);
    case OTX__PATTERN_LINE_END: return at == m->size || newline;
    case OTX__PATTERN_TEXT_START: return at == 0;
    case OTX__PATTERN_TEXT_END: return at == m->size;
    case OTX__PATTERN_LAST_LINE: return at == m->size || (newline && at + 1 == m->size);
    case OTX__PATTERN_BORDER:
        return otx__is_border(m, &m->pattern->tables[code->value], at);
    default: return !otx__is_border(m, &m->pattern->tables[code->value], at);
    }
}

/* ---- matching ---- */

/* How far a run goes from a place: up to `max` characters of its table. *taken: how many;
   *least: the place behind the first `min`. */
OTX__PRIVATE size_t otx__run_end(otx__matcher *m, const otx__instruction *code, size_t at,
                                 uint32_t max, uint32_t *taken, size_t *least)
{
    const otx__char_table *table = &m->pattern->tables[code->value];
    const uint8_t *bits = table->bits;
    const unsigned char *text = m->text;
    const size_t size = m->size;
    uint32_t count = 0;
    *least = at;
    while (count < max && at < size) {
        size_t step = 1;
        if (text[at] < 0x80) {
            if (!(bits[text[at] >> 3] >> (text[at] & 7) & 1)) break;
        } else {
            step = otx__char_table_step(table, text + at, size - at);
            if (step == 0) break;
        }
        at += step;
        if (++count == code->min) *least = at;
    }
    *taken = count;
    m->steps -= m->steps < count ? m->steps : count;
    return at;
}

/* The place behind a character, or 0 if another stands there. */
OTX__PRIVATE size_t otx__match_one(const otx__matcher *m, const otx__instruction *code,
                                   size_t at)
{
    size_t step;
    if (at >= m->size) return 0;
    if (code->op == OTX__OP_CHAR) {
        if (m->size - at < code->size || memcmp(m->text + at, code->bytes, code->size) != 0)
            return 0;
        return at + code->size;
    }
    step = otx__char_table_step(&m->pattern->tables[code->value], m->text + at, m->size - at);
    return step ? at + step : 0;
}

/* Takes a run, with what else it could take; false if it fails. */
OTX__PRIVATE bool otx__match_run(otx__matcher *m, size_t instruction, size_t *at)
{
    const otx__instruction *code = &m->pattern->code[instruction];
    const bool lazy = code->op == OTX__OP_RUN_LAZY;
    uint32_t taken;
    size_t least, end;
    end = otx__run_end(m, code, *at, lazy ? code->min : code->max, &taken, &least);
    if (taken < code->min) return false;
    *at = end;
    if (lazy && code->max > code->min)
        return otx__matcher_push(m, OTX__CHOICE_LAZY, instruction, end, code->max - code->min);
    if (code->op == OTX__OP_RUN && end > least)
        return otx__matcher_push(m, OTX__CHOICE_RUN, instruction, end, least);
    return true;
}

/* Goes back to the last choice: where to go on, or false if there is none. */
OTX__PRIVATE bool otx__match_again(otx__matcher *m, size_t *instruction, size_t *at)
{
    while (m->count > 0) {
        otx__pending *choice = &m->stack[m->count - 1];
        *instruction = choice->at;
        *at = choice->a;
        if (choice->kind == OTX__CHOICE_PLACE) {
            m->count--;
            return true;
        }
        if (choice->kind == OTX__CHOICE_REGISTER) {
            m->count--;
            m->registers[choice->at] = choice->a;
        } else if (choice->kind == OTX__CHOICE_RUN) {
            *at = otx__before_character(m->text, choice->a);
            choice->a = (uint32_t)*at;
            if (*at <= choice->b) m->count--;
            ++*instruction;
            return true;
        } else { /* one more of a lazy run */
            *at = otx__match_one(m, &m->pattern->code[choice->at], choice->a);
            choice->a = (uint32_t)*at;
            if (*at == 0 || (choice->b != OTX__NO_END && --choice->b == 0)) m->count--;
            ++*instruction;
            if (*at > 0) return true;
        }
    }
    return false;
}

/* Does what an instruction says that takes no text; false if it fails. */
OTX__PRIVATE bool otx__match_control(otx__matcher *m, size_t *instruction, size_t *at)
{
    const otx__instruction *code = &m->pattern->code[*instruction];
    const size_t kept = code->value;
    uint32_t i;
    const size_t next = *instruction + 1;
    *instruction = next;
    switch ((otx__operation)code->op) {
    case OTX__OP_TRY: return otx__matcher_push(m, OTX__CHOICE_PLACE, code->to, *at, 0);
    case OTX__OP_TRY_TO:
        *instruction = code->to;
        return otx__matcher_push(m, OTX__CHOICE_PLACE, next, *at, 0);
    case OTX__OP_MARK:
        if (!otx__matcher_push(m, OTX__CHOICE_REGISTER, kept, m->registers[kept], 0))
            return false;
        m->registers[kept] = (uint32_t)*at;
        return true;
    case OTX__OP_PROGRESS:
        if (m->registers[kept] == *at) *instruction = code->to;
        return true;
    case OTX__OP_ENTER:
        m->registers[kept] = (uint32_t)m->count;
        m->registers[kept + 1] = (uint32_t)*at;
        return true;
    case OTX__OP_LEAVE: m->count = m->registers[kept]; return true;
    case OTX__OP_LEAVE_BACK:
        m->count = m->registers[kept];
        *at = m->registers[kept + 1];
        return true;
    case OTX__OP_REFUSE: m->count = m->registers[kept]; return false;
    case OTX__OP_BACK:
        for (i = 0; i < code->min && *at > 0; i++) *at = otx__before_character(m->text, *at);
        m->steps -= m->steps < i ? m->steps : i;
        return i == code->min;
    case OTX__OP_PEEK:
    case OTX__OP_PEEK_NOT:
        return (*at < m->size && otx__char_table_step(&m->pattern->tables[code->value],
                                                      m->text + *at, m->size - *at) > 0) ==
               (code->op == OTX__OP_PEEK);
    default: return otx__is_place(m, code, *at);
    }
}

/* Matches at a place: the place behind, or SIZE_MAX. When m->result is set, it has failed. */
OTX__PRIVATE size_t otx__match_at(otx__matcher *m, size_t at)
{
    const otx__pattern *pattern = m->pattern;
    size_t instruction = 0;
    m->count = 0;
    for (;;) {
        const otx__instruction *code = &pattern->code[instruction];
        bool good = true;
        if (m->steps == 0) m->result = OTX_ERROR_LIMIT;
        if (m->result) return SIZE_MAX;
        m->steps--;
        switch ((otx__operation)code->op) {
        case OTX__OP_MATCH: return at;
        case OTX__OP_CHAR:
        case OTX__OP_SET: {
            const size_t next = otx__match_one(m, code, at);
            good = next > 0;
            if (good) at = next, instruction++;
            break;
        }
        case OTX__OP_RUN:
        case OTX__OP_RUN_LAZY:
        case OTX__OP_RUN_ALL:
            good = otx__match_run(m, instruction, &at);
            instruction++;
            break;
        case OTX__OP_BRANCH: {
            const uint8_t *leads = pattern->leads[code->value];
            if (at < m->size && (leads[m->text[at] >> 3] >> (m->text[at] & 7) & 1)) {
                good = otx__matcher_push(m, OTX__CHOICE_PLACE, code->to, at, 0);
                instruction++;
            } else {
                instruction = code->to;
            }
            break;
        }
        case OTX__OP_JUMP: instruction = code->to; break;
        default: good = otx__match_control(m, &instruction, &at);
        }
        if (!good && (m->result || !otx__match_again(m, &instruction, &at))) return SIZE_MAX;
    }
}

/* Where a match may begin next, if there is none here. Of an expression that begins with a run
   without end, whatever a later place of the run leads to was tried. */
OTX__PRIVATE size_t otx__pattern_skip(otx__matcher *m, size_t at)
{
    const otx__instruction *code = &m->pattern->code[0];
    const bool run = code->op == OTX__OP_RUN || code->op == OTX__OP_RUN_LAZY ||
                     code->op == OTX__OP_RUN_ALL;
    uint32_t taken;
    size_t least, end = at;
    if (run && code->max == OTX__NO_END)
        end = otx__run_end(m, code, at, code->max, &taken, &least);
    return end > at ? end : at + otx__split_step((const char *)m->text, at, m->size);
}

/* Finds the first match from a place on; false if there is none, or m->result is set. */
OTX__PRIVATE bool otx__pattern_find(otx__matcher *m, size_t from, size_t *start, size_t *end)
{
    const otx__pattern *pattern = m->pattern;
    size_t at = from;
    while (at <= m->size) {
        if (!pattern->anywhere) {
            while (at < m->size && !(pattern->first[m->text[at] >> 3] >> (m->text[at] & 7) & 1))
                at++;
            if (at == m->size) return false;
        }
        *end = otx__match_at(m, at);
        *start = at;
        if (m->result) return false;
        if (*end != SIZE_MAX) return true;
        if (at == m->size) break;
        at = otx__pattern_skip(m, at);
    }
    return false;
}

/* The matches of a text one by one, as Oniguruma's bindings give them: an empty one is none
   where the one before ends. */
typedef struct otx__pattern_walk {
    size_t next, last_end; /* last_end: or SIZE_MAX */
} otx__pattern_walk;

OTX__PRIVATE bool otx__pattern_next(otx__matcher *m, otx__pattern_walk *walk, size_t *start,
                                  size_t *end)
{
    while (walk->next <= m->size && otx__pattern_find(m, walk->next, start, end)) {
        const bool again = *start == *end && walk->last_end == *end;
        walk->next = *end;
        walk->last_end = *end;
        if (!again) return true;
        walk->next += *end < m->size ? otx__split_step((const char *)m->text, *end, m->size) : 1;
    }
    return false;
}
