/* ---- regex_program: the program that they become --------------------------------------- */

/* Instructions, at most. */
#define OTX__PROGRAM_LIMIT 65536u

typedef enum otx__operation {
    OTX__OP_MATCH,      /* the end */
    OTX__OP_CHAR,       /* a character: its bytes */
    OTX__OP_SET,        /* one of a table */
    OTX__OP_RUN,        /* min to max of a table, as many as lead to a match */
    OTX__OP_RUN_LAZY,   /* as few */
    OTX__OP_RUN_ALL,    /* as many as there are */
    OTX__OP_TRY,        /* go on; if that fails, at `to` */
    OTX__OP_TRY_TO,     /* the other way round */
    OTX__OP_BRANCH,     /* as OTX__OP_TRY, but straight to `to` unless a byte of `leads` is here */
    OTX__OP_JUMP,       /* to `to` */
    OTX__OP_MARK,       /* keep the place in a register */
    OTX__OP_PROGRESS,   /* to `to` if the place is still that of the register */
    OTX__OP_ENTER,      /* what is tried from here on is forgotten at OTX__OP_LEAVE */
    OTX__OP_LEAVE,
    OTX__OP_LEAVE_BACK, /* and the place is again that of OTX__OP_ENTER */
    OTX__OP_REFUSE,     /* what was tried since OTX__OP_ENTER is forgotten, and that with it */
    OTX__OP_BACK,       /* `min` characters back */
    OTX__OP_PEEK,       /* one of a table stands here */
    OTX__OP_PEEK_NOT,
    OTX__OP_PLACE       /* an anchor: `min` is its otx__pattern_kind */
} otx__operation;

typedef struct otx__instruction {
    uint8_t op, size;   /* size: of a character's bytes */
    char bytes[4];
    uint32_t value;     /* table, register, or set of leading bytes */
    uint32_t to;
    uint32_t min, max;
} otx__instruction;

/* A regular expression ready to run. All of it stands in a pool. */
typedef struct otx__pattern {
    const char *name, *text; /* for errors */
    size_t size;
    otx__instruction *code;
    size_t count;
    const otx__char_table *tables;
    uint8_t (*leads)[32];    /* sets of bytes that a branch can begin with */
    size_t lead_count;
    uint8_t first[32];       /* bytes that a match can begin with */
    bool anywhere;           /* one can be empty: it begins with anything */
    uint32_t registers;
} otx__pattern;

/* ---- what a part can begin with ---- */

OTX__PRIVATE void otx__lead_add(uint8_t leads[32], uint32_t code)
{
    char bytes[4];
    unsigned first;
    (void)otx__utf8_put(bytes, code);
    first = (unsigned char)bytes[0];
    leads[first >> 3] |= (uint8_t)(1u << (first & 7));
}

/* A table's: of its characters beyond ASCII one a leading byte is enough. */
OTX__PRIVATE void otx__lead_table(uint8_t leads[32], const otx__char_table *table)
{
    size_t i;
    for (i = 0; i < 16; i++) leads[i] |= table->bits[i];
    for (i = 0; i < table->count; i++) {
        uint32_t code = table->items[i].first, last = table->items[i].last;
        if (code < 0x80) code = 0x80;
        while (code <= last) {
            const uint32_t step = code < 0x800 ? 0x40 : code < 0x10000 ? 0x1000 : 0x40000;
            otx__lead_add(leads, code);
            code = (code / step + 1) * step;
        }
    }
}

/* Bytes that are no UTF-8 count as OTX__NO_CODE. */
OTX__PRIVATE void otx__lead_broken(uint8_t leads[32], const otx__char_table *table)
{
    if (otx__char_table_has(table, OTX__NO_CODE)) memset(leads + 16, 0xff, 16);
}

/* Adds the bytes that a match of a node can begin with; whether one can be empty. */
OTX__PRIVATE bool otx__lead_of(const otx__parser *p, uint32_t index, uint8_t leads[32])
{
    const otx__pattern_node *node;
    uint32_t child;
    bool empty = true;
    if (index == OTX__NO_NODE) return true;
    node = &p->nodes[index];
    switch (node->kind) {
    case OTX__PATTERN_CHAR:
        otx__lead_add(leads, node->value);
        if (node->value == OTX__NO_CODE) memset(leads + 16, 0xff, 16);
        return false;
    case OTX__PATTERN_SET:
        otx__lead_table(leads, &p->tables[node->value]);
        otx__lead_broken(leads, &p->tables[node->value]);
        return false;
    case OTX__PATTERN_SEQUENCE:
        for (child = node->child; child != OTX__NO_NODE && empty; child = p->nodes[child].next)
            empty = otx__lead_of(p, child, leads);
        return empty;
    case OTX__PATTERN_EITHER:
        empty = false;
        for (child = node->child; child != OTX__NO_NODE; child = p->nodes[child].next)
            if (otx__lead_of(p, child, leads)) empty = true;
        return empty;
    case OTX__PATTERN_REPEAT:
        if (node->max == 0) return true;
        empty = otx__lead_of(p, node->child, leads);
        return empty || node->min == 0;
    case OTX__PATTERN_ATOMIC: return otx__lead_of(p, node->child, leads);
    default: return true; /* what takes nothing */
    }
}

/* Characters that every match of a node has, or OTX__NO_END. */
OTX__PRIVATE uint32_t otx__width_of(const otx__parser *p, uint32_t index)
{
    const otx__pattern_node *node;
    uint32_t child, width = 0;
    uint64_t sum = 0;
    if (index == OTX__NO_NODE) return 0;
    node = &p->nodes[index];
    switch (node->kind) {
    case OTX__PATTERN_CHAR:
    case OTX__PATTERN_SET: return 1;
    case OTX__PATTERN_SEQUENCE:
        for (child = node->child; child != OTX__NO_NODE; child = p->nodes[child].next) {
            width = otx__width_of(p, child);
            sum += width;
            if (width == OTX__NO_END) break;
        }
        return sum > OTX__PATTERN_TIMES ? OTX__NO_END : (uint32_t)sum;
    case OTX__PATTERN_EITHER:
        width = otx__width_of(p, node->child);
        for (child = p->nodes[node->child].next; child != OTX__NO_NODE;
             child = p->nodes[child].next)
            if (otx__width_of(p, child) != width) return OTX__NO_END;
        return width;
    case OTX__PATTERN_REPEAT:
        width = otx__width_of(p, node->child);
        sum = (uint64_t)width * node->min;
        if (node->min != node->max || width == OTX__NO_END) return OTX__NO_END;
        return sum > OTX__PATTERN_TIMES ? OTX__NO_END : (uint32_t)sum;
    case OTX__PATTERN_ATOMIC: return otx__width_of(p, node->child);
    default: return 0;
    }
}
