/* ---- categories: Unicode's categories, scripts and case, as sets ----------------------- */

/* In the order of the packed table. */
static const char *const otx__category_names[] = {
    "cn", "lu", "ll", "lt", "lm", "lo", "mn", "mc", "me", "nd", "nl", "no", "pc", "pd", "ps",
    "pe", "pi", "pf", "po", "sm", "sc", "sk", "so", "zs", "zl", "zp", "cc", "cf", "co", "cs",
};

/* Other names of sets: categories, named sets, or characters in ranges. */
static const struct {
    const char *name, *categories;
    uint32_t first, last; /* and these characters, unless 0 */
} otx__category_aliases[] = {
    {"any", "c l m n p s z", 0, 0},
    {"c", "cn cc cf co cs", 0, 0},
    {"l", "lu ll lt lm lo", 0, 0},
    {"lc", "lu ll lt", 0, 0},
    {"m", "mn mc me", 0, 0},
    {"n", "nd nl no", 0, 0},
    {"p", "pc pd ps pe pi pf po", 0, 0},
    {"s", "sm sc sk so", 0, 0},
    {"z", "zs zl zp", 0, 0},
    {"other", "c", 0, 0},
    {"control", "cc", 0, 0},
    {"format", "cf", 0, 0},
    {"unassigned", "cn", 0, 0},
    {"privateuse", "co", 0, 0},
    {"letter", "l", 0, 0},
    {"casedletter", "lc", 0, 0},
    {"uppercaseletter", "lu", 0, 0},
    {"lowercaseletter", "ll", 0, 0},
    {"titlecaseletter", "lt", 0, 0},
    {"modifierletter", "lm", 0, 0},
    {"otherletter", "lo", 0, 0},
    {"mark", "m", 0, 0},
    {"combiningmark", "m", 0, 0},
    {"nonspacingmark", "mn", 0, 0},
    {"spacingmark", "mc", 0, 0},
    {"enclosingmark", "me", 0, 0},
    {"number", "n", 0, 0},
    {"decimalnumber", "nd", 0, 0},
    {"letternumber", "nl", 0, 0},
    {"othernumber", "no", 0, 0},
    {"punctuation", "p", 0, 0},
    {"connectorpunctuation", "pc", 0, 0},
    {"dashpunctuation", "pd", 0, 0},
    {"openpunctuation", "ps", 0, 0},
    {"closepunctuation", "pe", 0, 0},
    {"initialpunctuation", "pi", 0, 0},
    {"finalpunctuation", "pf", 0, 0},
    {"otherpunctuation", "po", 0, 0},
    {"symbol", "s", 0, 0},
    {"mathsymbol", "sm", 0, 0},
    {"currencysymbol", "sc", 0, 0},
    {"modifiersymbol", "sk", 0, 0},
    {"othersymbol", "so", 0, 0},
    {"separator", "z", 0, 0},
    {"spaceseparator", "zs", 0, 0},
    {"lineseparator", "zl", 0, 0},
    {"paragraphseparator", "zp", 0, 0},
    {"alphabetic", "alpha", 0, 0},
    {"lowercase", "lower", 0, 0},
    {"uppercase", "upper", 0, 0},
    {"alnum", "alpha nd", 0, 0},
    {"digit", "nd", 0, 0},
    {"cntrl", "cc", 0, 0},
    {"punct", "p", 0, 0},
    {"space", "z whitecontrols", 0x85, 0x85},
    {"whitespace", "space", 0, 0},
    {"whitecontrols", "", '\t', '\r'},
    {"blank", "zs", '\t', '\t'},
    {"ascii", "", 0x01, 0x7f},
    {"lonelyword", "word superscripts fractions", 0xb9, 0xb9}, /* \w outside a class */
    {"superscripts", "", 0xb2, 0xb3},
    {"fractions", "", 0xbc, 0xbe},
    {"rustword", "word", 0x200c, 0x200d},
    {"xdigit", "digits09 hexlower", 'A', 'F'},
    {"digits09", "", '0', '9'},
    {"hexlower", "", 'a', 'f'},
};

/* ---- the packed tables ---- */

/* The value of a digit of theirs. */
OTX__PRIVATE unsigned otx__packed_digit(char digit)
{
    const unsigned code = (unsigned char)digit;
    return code - 0x21 - (code > 0x22) - (code > 0x3f) - (code > 0x5c);
}

/* A number there; its last digit is 44 higher. */
OTX__PRIVATE uint32_t otx__packed_number(const char **at)
{
    uint32_t value = 0;
    unsigned digit;
    do {
        digit = otx__packed_digit(*(*at)++);
        value = value * 44 + digit % 44;
    } while (digit < 44);
    return value;
}

/* Adds the ranges of a set that is packed as such: how far each begins from the end of the one
   before it, and its length less 1. `next` goes from line to line. */
OTX__PRIVATE void otx__packed_ranges(const char *at, uint32_t *next, otx__char_set *set)
{
    while (*at) {
        const uint32_t first = *next + otx__packed_number(&at);
        *next = first + otx__packed_number(&at) + 1;
        otx__char_set_add(set, first, *next - 1);
    }
}

/* A step through the runs of one category; no run goes on from line to line. */
typedef struct otx__category_walk {
    const char *at;
    size_t lines;           /* begun */
    uint32_t first, count;  /* of the run */
    unsigned category;      /* or the number of them: Lu and Ll by turns */
} otx__category_walk;

OTX__PRIVATE bool otx__category_next(otx__category_walk *walk)
{
    const unsigned names = (unsigned)OTX__COUNT(otx__category_names);
    unsigned digit;
    while (!walk->at || !*walk->at) {
        if (walk->lines == OTX__COUNT(otx__category_runs)) return false;
        walk->at = otx__category_runs[walk->lines++];
    }
    walk->first += walk->count;
    digit = otx__packed_digit(*walk->at++);
    walk->category = digit < 3 * names ? digit % names : names;
    walk->count = digit / names + 1;
    if (digit >= 2 * names) walk->count = otx__packed_number(&walk->at);
    if (walk->category == names) walk->count *= 2;
    return true;
}

/* Adds the characters of categories to a set: a bit for each, by its place in the list. */
OTX__PRIVATE void otx__add_categories(uint32_t mask, otx__char_set *set)
{
    otx__category_walk walk;
    uint32_t i;
    memset(&walk, 0, sizeof walk);
    while (mask && otx__category_next(&walk)) {
        const uint32_t last = walk.first + walk.count - 1;
        if (walk.category == OTX__COUNT(otx__category_names)) {
            for (i = walk.first; i <= last; i++) /* Lu, Ll, Lu, Ll ... */
                if (mask >> (1 + (i - walk.first) % 2) & 1) otx__char_set_add(set, i, i);
        } else if (mask >> walk.category & 1) {
            otx__char_set_add(set, walk.first, last);
        }
    }
}

/* ---- sets by name ---- */

/* Names within names, at most: "any" is the categories' sums, which are categories. */
#define OTX__NAME_DEPTH 5

/* Gathers what a name stands for: categories as bits, all else in a set. False if it is
   none. */
OTX__PRIVATE bool otx__gather_name(otx__span name, unsigned depth, uint32_t *mask,
                                   otx__char_set *set);

/* The same of names with a space between them. */
OTX__PRIVATE bool otx__gather_names(const char *names, unsigned depth, uint32_t *mask,
                                    otx__char_set *set)
{
    bool known = true;
    while (*names && known) {
        const size_t size = strcspn(names, " ");
        known = otx__gather_name(otx__span_of(names, size), depth, mask, set);
        names += size + (names[size] == ' ');
    }
    return known;
}

OTX__PRIVATE bool otx__gather_name(otx__span name, unsigned depth, uint32_t *mask,
                                   otx__char_set *set)
{
    uint32_t next = 0;
    size_t i;
    if (depth == 0) return false;
    for (i = 0; i < OTX__COUNT(otx__category_names); i++) {
        if (!otx__span_is(name, otx__category_names[i])) continue;
        *mask |= (uint32_t)1 << i;
        return true;
    }
    for (i = 0; i < OTX__COUNT(otx__named_sets); i++) {
        if (!otx__span_is(name, otx__named_sets[i].name)) continue;
        otx__packed_ranges(otx__named_sets[i].ranges, &next, set);
        return otx__gather_names(otx__named_sets[i].categories, depth - 1, mask, set);
    }
    for (i = 0; i < OTX__COUNT(otx__category_aliases); i++) {
        if (!otx__span_is(name, otx__category_aliases[i].name)) continue;
        if (otx__category_aliases[i].last)
            otx__char_set_add(set, otx__category_aliases[i].first, otx__category_aliases[i].last);
        return otx__gather_names(otx__category_aliases[i].categories, depth - 1, mask, set);
    }
    return false;
}

/* Makes an open set that of the characters that Unicode or POSIX call so: "l", "nd", "han",
   "space", "word" ..., in small letters, without spaces, hyphens and underscores; several with
   a space between them. False if there is none of that name. */
OTX__PRIVATE bool otx__char_set_named(const char *names, otx__char_set *set)
{
    uint32_t mask = 0;
    const bool known = otx__gather_names(names, OTX__NAME_DEPTH, &mask, set);
    otx__add_categories(mask, set);
    otx__char_set_settle(set);
    return known;
}

/* ---- case ---- */

/* Runs of characters that differ by case alone from an earlier one, and that one. */
typedef struct otx__fold_walk {
    uint32_t code, earlier;          /* of the last step */
    uint32_t left, stride, start;    /* of its run */
} otx__fold_walk;

OTX__PRIVATE bool otx__fold_next(const char **at, otx__fold_walk *walk)
{
    if (walk->left > 0) {
        walk->left--;
        walk->code += walk->stride;
        walk->earlier += walk->stride;
        return true;
    }
    if (!**at) return false;
    walk->start += otx__packed_number(at);
    walk->left = otx__packed_number(at);
    walk->stride = otx__packed_number(at) + 1;
    walk->code = walk->start;
    walk->earlier = walk->code - otx__packed_number(at);
    return true;
}

/* Adds to a set what differs from something in it by case alone. */
OTX__PRIVATE void otx__char_set_fold(otx__char_set *set)
{
    unsigned pass;
    for (pass = 0; pass < 2; pass++) { /* to the first of those alike, and from there */
        otx__char_set more;
        size_t line;
        otx__fold_walk walk;
        otx__char_set_open(&more, set->ctx);
        memset(&walk, 0, sizeof walk);
        for (line = 0; line < OTX__COUNT(otx__fold_runs); line++) {
            const char *at = otx__fold_runs[line];
            while (otx__fold_next(&at, &walk)) {
                const uint32_t from = pass ? walk.earlier : walk.code;
                const uint32_t to = pass ? walk.code : walk.earlier;
                if (otx__char_set_has(set, from)) otx__char_set_add(&more, to, to);
            }
        }
        otx__char_set_join(set, &more);
        otx__char_set_close(&more);
    }
}

/* ---- what the libraries of Rust call so ---- */

/* char::is_numeric, which is newer than the rest. */
OTX__PRIVATE void otx__char_set_numeric(otx__char_set *set)
{
    (void)otx__char_set_named("n", set);
    otx__char_set_add(set, 0x11de0, 0x11de9);
    otx__char_set_add(set, 0x16ff4, 0x16ff6);
    otx__char_set_settle(set);
}

/* Punctuation of unicode_categories, which is older, and of ASCII. */
OTX__PRIVATE void otx__char_set_punctuation(otx__char_set *set)
{
    otx__char_set changes, ours;
    uint32_t next = 0;
    size_t i;
    otx__char_set_open(&changes, set->ctx);
    otx__char_set_open(&ours, set->ctx);
    (void)otx__char_set_named("p", set);
    otx__char_set_add(set, 0x21, 0x2f);
    otx__char_set_add(set, 0x3a, 0x40);
    otx__char_set_add(set, 0x5b, 0x60);
    otx__char_set_add(set, 0x7b, 0x7e);
    otx__char_set_settle(set);
    for (i = 0; i < OTX__COUNT(otx__punctuation_changes); i++)
        otx__packed_ranges(otx__punctuation_changes[i], &next, &changes);
    otx__char_set_settle(&changes);
    otx__char_set_join(&ours, set);
    otx__char_set_meet(&ours, &changes); /* ours alone */
    otx__char_set_join(set, &changes);
    otx__char_set_invert(&ours);
    otx__char_set_meet(set, &ours);
    otx__char_set_close(&changes);
    otx__char_set_close(&ours);
}
