/* ---- regex_make: how a program is made ------------------------------------------------- */

/* A program being made. */
typedef struct otx__maker {
    otx__parser *p;
    otx__instruction *code;
    size_t count, capacity;
    uint8_t (*leads)[32];
    size_t lead_count, lead_capacity;
    uint32_t registers;
} otx__maker;

/* ---- making ---- */

OTX__PRIVATE size_t otx__make(otx__maker *m, otx__operation op)
{
    void *items = m->code;
    if (m->p->result) return 0;
    if (m->count == OTX__PROGRAM_LIMIT) {
        otx__parser_fail_at(m->p, OTX_ERROR_LIMIT, m->p->size, "it is too large");
        return 0;
    }
    if (!otx__grow(m->p->ctx, &items, &m->capacity, m->count + 1, sizeof *m->code)) {
        otx__parser_fail_memory(m->p, (m->count + 1) * sizeof *m->code);
        return 0;
    }
    m->code = (otx__instruction *)items;
    memset(&m->code[m->count], 0, sizeof *m->code);
    m->code[m->count].op = (uint8_t)op;
    return m->count++;
}

OTX__PRIVATE void otx__make_with(otx__maker *m, otx__operation op, uint32_t value)
{
    const size_t at = otx__make(m, op);
    if (!m->p->result) m->code[at].value = value;
}

/* Lets an instruction go on behind the last one made. */
OTX__PRIVATE void otx__make_land(otx__maker *m, size_t at)
{
    if (!m->p->result) m->code[at].to = (uint32_t)m->count;
}

OTX__PRIVATE void otx__make_node(otx__maker *m, uint32_t index);

/* The table of a node of one character, or OTX__NO_NODE. */
OTX__PRIVATE uint32_t otx__make_table(otx__maker *m, uint32_t index)
{
    const otx__pattern_node *node = &m->p->nodes[index];
    otx__char_set set;
    uint32_t table;
    while (node->kind == OTX__PATTERN_SEQUENCE && node->child != OTX__NO_NODE &&
           m->p->nodes[node->child].next == OTX__NO_NODE)
        node = &m->p->nodes[node->child];
    if (node->kind == OTX__PATTERN_SET) return node->value;
    if (node->kind != OTX__PATTERN_CHAR) return OTX__NO_NODE;
    otx__char_set_open(&set, m->p->ctx);
    otx__char_set_add(&set, node->value, node->value);
    table = otx__parser_table(m->p, &set);
    otx__char_set_close(&set);
    return table;
}

OTX__PRIVATE void otx__make_run(otx__maker *m, const otx__pattern_node *repeat, uint32_t table)
{
    static const otx__operation ops[] = {OTX__OP_RUN, OTX__OP_RUN_LAZY, OTX__OP_RUN_ALL};
    const otx__repeat_how how = repeat->how;
    const uint32_t min = repeat->min, max = repeat->max;
    const size_t at = otx__make(m, ops[how]);
    if (m->p->result) return;
    m->code[at].value = table;
    m->code[at].min = min;
    m->code[at].max = max;
}

/* One round of a loop; one that takes nothing is the last. */
OTX__PRIVATE size_t otx__make_round(otx__maker *m, uint32_t child, size_t *progress)
{
    uint8_t leads[32];
    const bool empty = otx__lead_of(m->p, child, leads);
    const size_t first = m->count;
    const uint32_t kept = m->registers;
    *progress = 0;
    if (empty) {
        m->registers++;
        otx__make_with(m, OTX__OP_MARK, kept);
    }
    otx__make_node(m, child);
    if (empty) {
        *progress = otx__make(m, OTX__OP_PROGRESS);
        if (!m->p->result) m->code[*progress].value = kept;
    }
    return first;
}

/* Rounds without end, the first of them taken anyhow if `once`. */
OTX__PRIVATE void otx__make_loop(otx__maker *m, uint32_t child, bool once, bool lazy)
{
    const otx__operation leave = lazy ? OTX__OP_TRY_TO : OTX__OP_TRY;
    const otx__operation again = lazy ? OTX__OP_TRY : OTX__OP_TRY_TO;
    const size_t head = once ? 0 : otx__make(m, leave);
    size_t progress, first = otx__make_round(m, child, &progress), at;
    at = otx__make(m, once ? again : OTX__OP_JUMP);
    if (m->p->result) return;
    m->code[at].to = (uint32_t)(once ? first : head);
    if (!once) otx__make_land(m, head);
    if (progress) otx__make_land(m, progress);
}

/* Up to `times` rounds, each of which may be left out with all after it: the instructions that
   leave are chained by where they go to until that is known. */
OTX__PRIVATE void otx__make_optional(otx__maker *m, uint32_t child, uint32_t times, bool lazy)
{
    uint32_t chain = OTX__NO_NODE, i;
    for (i = 0; i < times && !m->p->result; i++) {
        const size_t at = otx__make(m, lazy ? OTX__OP_TRY_TO : OTX__OP_TRY);
        if (m->p->result) return;
        m->code[at].to = chain;
        chain = (uint32_t)at;
        otx__make_node(m, child);
        if (m->count == at + 1) break; /* nothing, as often as one likes */
    }
    while (chain != OTX__NO_NODE && !m->p->result) {
        const uint32_t next = m->code[chain].to;
        otx__make_land(m, chain);
        chain = next;
    }
}

OTX__PRIVATE void otx__make_repeat(otx__maker *m, uint32_t index)
{
    const otx__pattern_node repeat = m->p->nodes[index];
    const bool lazy = repeat.how == OTX__LAZY, endless = repeat.max == OTX__NO_END;
    const bool once = endless && repeat.min > 0;
    const uint32_t table =
        repeat.child == OTX__NO_NODE ? OTX__NO_NODE : otx__make_table(m, repeat.child);
    uint32_t kept = m->registers, i;
    if (m->p->result || repeat.child == OTX__NO_NODE || repeat.max == 0) return;
    if (table != OTX__NO_NODE) {
        otx__make_run(m, &repeat, table);
        return;
    }
    if (repeat.how == OTX__POSSESSIVE) {
        m->registers += 2;
        otx__make_with(m, OTX__OP_ENTER, kept);
    }
    for (i = once; i < repeat.min && !m->p->result; i++) {
        const size_t before = m->count;
        otx__make_node(m, repeat.child);
        if (m->count == before) break;
    }
    if (endless) otx__make_loop(m, repeat.child, once, lazy);
    else otx__make_optional(m, repeat.child, repeat.max - repeat.min, lazy);
    if (repeat.how == OTX__POSSESSIVE) otx__make_with(m, OTX__OP_LEAVE, kept);
}

/* Branches, each passed over where a byte stands that it cannot begin with. */
OTX__PRIVATE void otx__make_either(otx__maker *m, uint32_t child)
{
    uint32_t chain = OTX__NO_NODE;
    for (; child != OTX__NO_NODE && !m->p->result; child = m->p->nodes[child].next) {
        const bool last = m->p->nodes[child].next == OTX__NO_NODE;
        size_t branch = 0, jump;
        if (!last) {
            void *items = m->leads;
            uint8_t *leads;
            branch = otx__make(m, OTX__OP_BRANCH);
            if (m->p->result) return;
            if (!otx__grow(m->p->ctx, &items, &m->lead_capacity, m->lead_count + 1, 32)) {
                otx__parser_fail_memory(m->p, (m->lead_count + 1) * 32);
                return;
            }
            m->leads = (uint8_t(*)[32])items;
            leads = m->leads[m->lead_count];
            memset(leads, 0, 32);
            m->code[branch].value = (uint32_t)m->lead_count++;
            if (otx__lead_of(m->p, child, leads)) m->code[branch].op = OTX__OP_TRY;
        }
        otx__make_node(m, child);
        if (last) break;
        jump = otx__make(m, OTX__OP_JUMP);
        if (m->p->result) return;
        m->code[jump].to = chain;
        chain = (uint32_t)jump;
        otx__make_land(m, branch);
    }
    while (chain != OTX__NO_NODE && !m->p->result) {
        const uint32_t next = m->code[chain].to;
        otx__make_land(m, chain);
        chain = next;
    }
}

/* What stands before the place: branches may be of several lengths. */
OTX__PRIVATE void otx__make_behind(otx__maker *m, uint32_t index)
{
    const otx__pattern_node *nodes = m->p->nodes;
    uint32_t width;
    while (index != OTX__NO_NODE && nodes[index].kind == OTX__PATTERN_SEQUENCE &&
           nodes[index].child != OTX__NO_NODE && nodes[nodes[index].child].next == OTX__NO_NODE)
        index = nodes[index].child;
    width = otx__width_of(m->p, index);
    if (width != OTX__NO_END) {
        const size_t at = otx__make(m, OTX__OP_BACK);
        if (!m->p->result) m->code[at].min = width;
        otx__make_node(m, index);
    } else if (nodes[index].kind == OTX__PATTERN_EITHER) {
        uint32_t child, chain = OTX__NO_NODE;
        for (child = nodes[index].child; child != OTX__NO_NODE; child = nodes[child].next) {
            const bool last = nodes[child].next == OTX__NO_NODE;
            const size_t branch = last ? 0 : otx__make(m, OTX__OP_TRY);
            size_t jump;
            if (otx__width_of(m->p, child) == OTX__NO_END) break;
            otx__make_behind(m, child);
            jump = otx__make(m, OTX__OP_JUMP);
            if (m->p->result) return;
            m->code[jump].to = chain;
            chain = (uint32_t)jump;
            if (!last) otx__make_land(m, branch);
        }
        if (child != OTX__NO_NODE)
            otx__parser_fail(m->p, "what it looks back at has no fixed length");
        while (chain != OTX__NO_NODE && !m->p->result) {
            const uint32_t next = m->code[chain].to;
            otx__make_land(m, chain);
            chain = next;
        }
    } else {
        otx__parser_fail(m->p, "what it looks back at has no fixed length");
    }
}

/* What looks around, which takes nothing. */
OTX__PRIVATE void otx__make_look(otx__maker *m, otx__pattern_kind kind, uint32_t child)
{
    const bool behind = kind == OTX__PATTERN_BEHIND || kind == OTX__PATTERN_NOT_BEHIND;
    const bool not_so = kind == OTX__PATTERN_NOT_AHEAD || kind == OTX__PATTERN_NOT_BEHIND;
    const uint32_t kept = m->registers;
    const uint32_t table =
        behind || child == OTX__NO_NODE ? OTX__NO_NODE : otx__make_table(m, child);
    size_t refuse = 0;
    if (table != OTX__NO_NODE) {
        otx__make_with(m, not_so ? OTX__OP_PEEK_NOT : OTX__OP_PEEK, table);
        return;
    }
    m->registers += 2;
    otx__make_with(m, OTX__OP_ENTER, kept);
    if (not_so) refuse = otx__make(m, OTX__OP_TRY);
    if (behind) otx__make_behind(m, child);
    else otx__make_node(m, child);
    otx__make_with(m, not_so ? OTX__OP_REFUSE : OTX__OP_LEAVE_BACK, kept);
    if (not_so) otx__make_land(m, refuse);
}

OTX__PRIVATE void otx__make_node(otx__maker *m, uint32_t index)
{
    const otx__pattern_node *node;
    uint32_t child, kept;
    size_t at;
    if (m->p->result || index == OTX__NO_NODE) return;
    node = &m->p->nodes[index];
    switch (node->kind) {
    case OTX__PATTERN_EMPTY: return;
    case OTX__PATTERN_CHAR:
        at = otx__make(m, OTX__OP_CHAR);
        if (!m->p->result)
            m->code[at].size = (uint8_t)otx__utf8_put(m->code[at].bytes, node->value);
        return;
    case OTX__PATTERN_SET: otx__make_with(m, OTX__OP_SET, node->value); return;
    case OTX__PATTERN_SEQUENCE:
        for (child = node->child; child != OTX__NO_NODE; child = m->p->nodes[child].next)
            otx__make_node(m, child);
        return;
    case OTX__PATTERN_EITHER: otx__make_either(m, node->child); return;
    case OTX__PATTERN_REPEAT: otx__make_repeat(m, index); return;
    case OTX__PATTERN_ATOMIC:
        kept = m->registers;
        m->registers += 2;
        otx__make_with(m, OTX__OP_ENTER, kept);
        otx__make_node(m, node->child);
        otx__make_with(m, OTX__OP_LEAVE, kept);
        return;
    case OTX__PATTERN_AHEAD:
    case OTX__PATTERN_NOT_AHEAD:
    case OTX__PATTERN_BEHIND:
    case OTX__PATTERN_NOT_BEHIND: otx__make_look(m, node->kind, node->child); return;
    default:
        otx__make_with(m, OTX__OP_PLACE, node->value);
        if (!m->p->result) m->code[m->count - 1].min = (uint32_t)node->kind;
    }
}

/* ---- the whole ---- */

/* Keeps in the pool what has grown elsewhere. */
OTX__PRIVATE void *otx__pattern_keep(otx__pool *pool, const void *items, size_t count,
                                     size_t size)
{
    void *kept = otx__pool_take(pool, count, size);
    if (kept && count) memcpy(kept, items, count * size);
    return kept;
}

OTX__PRIVATE otx_result otx__pattern_make(otx__parser *p, uint32_t root, otx__pattern *pattern)
{
    otx__maker m;
    memset(&m, 0, sizeof m);
    m.p = p;
    otx__make_node(&m, root);
    (void)otx__make(&m, OTX__OP_MATCH);
    if (!p->result) {
        otx__pool *pool = p->pool;
        pattern->anywhere = otx__lead_of(p, root, pattern->first);
        pattern->count = m.count;
        pattern->registers = m.registers;
        pattern->lead_count = m.lead_count;
        pattern->code = (otx__instruction *)otx__pattern_keep(pool, m.code, m.count,
                                                              sizeof *m.code);
        pattern->leads = (uint8_t(*)[32])otx__pattern_keep(pool, m.leads, m.lead_count, 32);
        pattern->tables = (otx__char_table *)otx__pattern_keep(pool, p->tables, p->table_count,
                                                               sizeof *p->tables);
        if (pool->failed) p->result = otx__pool_fail(pool, p->error);
    }
    if (m.capacity) otx__free(p->ctx, m.code, m.capacity, sizeof *m.code);
    if (m.lead_capacity) otx__free(p->ctx, m.leads, m.lead_capacity, 32);
    return p->result;
}

/* Reads a regular expression (any bytes) and makes its program, in a pool; `name` and the text
   must last as long. */
OTX__PRIVATE otx_result otx__pattern_open(otx__pool *pool, otx__dialect dialect,
                                          const char *name, const char *text, size_t size,
                                          otx__pattern *pattern, otx_error *error)
{
    otx__parser p;
    uint32_t root;
    memset(pattern, 0, sizeof *pattern);
    memset(&p, 0, sizeof p);
    p.ctx = pool->ctx;
    p.pool = pool;
    p.name = pattern->name = name;
    pattern->text = text;
    p.text = (const unsigned char *)text;
    p.size = pattern->size = size;
    p.dialect = dialect;
    p.lines = dialect == OTX__ONIGURUMA;
    p.error = error;
    if (size > OTX__PATTERN_BYTES)
        otx__parser_fail_at(&p, OTX_ERROR_LIMIT, OTX__PATTERN_BYTES, "it is too long");
    else if (!otx__is_utf8(text, size))
        otx__parser_fail_at(&p, OTX_ERROR_FORMAT, 0, "it is not UTF-8");
    root = otx__parser_either(&p);
    if (p.at < p.size)
        otx__parser_fail_at(&p, OTX_ERROR_FORMAT, p.at, "\")\" is too many");
    if (!p.result) (void)otx__pattern_make(&p, root, pattern);
    if (p.capacity) otx__free(p.ctx, p.nodes, p.capacity, sizeof *p.nodes);
    if (p.table_capacity) otx__free(p.ctx, p.tables, p.table_capacity, sizeof *p.tables);
    return p.result;
}
