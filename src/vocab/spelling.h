/* ---- spelling: from a token as it is written to the bytes it stands for ---- */

/* How this tokenizer writes text as tokens. */
typedef struct otx__spelling {
    otx_family family;
    bool byte_fallback; /* <0xNN> is a byte */
    bool silent;        /* the suffix that ends a word stands for nothing, not for a space */
    char mark[32];      /* METASPACE: the space; WORDPIECE: the prefix that continues a
                           word; WORD_SUFFIX, and BYTE_LEVEL where there is one: the suffix
                           that ends one */
    size_t mark_size;
} otx__spelling;

/* What a normaliser makes of spaces. Added tokens that are `normalized` are looked for in
   what comes out of it, after the same was done to their contents. */
typedef struct otx__normaliser {
    otx__spelling spaces;   /* METASPACE or PLAIN */
    char before[32];        /* what it puts before every text */
    size_t before_size;
} otx__normaliser;

/* The byte that a character of the GPT-2 alphabet stands for, or -1. Printable
   bytes stand for themselves; the other 68 are U+0100 and on, in order. */
OTX__PRIVATE int otx__byte_of_character(unsigned code)
{
    if ((code >= 0x21 && code <= 0x7e) || (code >= 0xa1 && code <= 0xff && code != 0xad))
        return (int)code;
    if (code < 0x100 || code > 0x143) return -1;
    code -= 0x100;
    if (code <= 0x20) return (int)code;
    if (code == 0x21) return 0x7f;
    return code == 0x43 ? 0xad : (int)(0x80 + (code - 0x22));
}

/* The other way round. */
OTX__PRIVATE unsigned otx__character_of_byte(unsigned char byte)
{
    if (otx__byte_of_character(byte) == (int)byte) return byte;
    if (byte <= 0x20) return 0x100u + byte;
    if (byte == 0x7f) return 0x121;
    return byte == 0xad ? 0x143u : 0x122u + (byte - 0x80u);
}

/* A byte in GPT-2's alphabet: one or two bytes, whose number is returned. */
OTX__PRIVATE size_t otx__spell_byte(char *to, char byte)
{
    return otx__utf8_put(to, otx__character_of_byte((unsigned char)byte));
}

/* Undoes the GPT-2 alphabet; a token with any other character stands for itself,
   as in the decoder of the tokenizers package. */
OTX__PRIVATE size_t otx__spell_byte_level(const char *content, size_t size, char *to)
{
    size_t at = 0, length = 0;
    while (at < size) {
        const unsigned char lead = (unsigned char)content[at];
        unsigned code = lead;
        int byte;
        if (lead >= 0xc0 && lead < 0xe0)
            code = (lead & 0x1fu) << 6 | ((unsigned char)content[at + 1] & 0x3fu);
        byte = lead < 0xe0 ? otx__byte_of_character(code) : -1;
        if (byte < 0) {
            memcpy(to, content, size);
            return size;
        }
        to[length++] = (char)byte;
        at += lead < 0x80 ? 1 : 2;
    }
    return length;
}

/* Replaces every mark by a space, or by nothing. `to` may be `content`. */
OTX__PRIVATE size_t otx__spell_spaces(const otx__spelling *spelling, const char *content,
                                      size_t size, char *to)
{
    const size_t mark = spelling->mark_size;
    size_t at = 0, length = 0;
    while (at < size) {
        if (size - at >= mark && memcmp(content + at, spelling->mark, mark) == 0) {
            if (!spelling->silent) to[length++] = ' ';
            at += mark;
        } else {
            to[length++] = content[at++];
        }
    }
    return length;
}

/* The same of bytes in the GPT-2 alphabet that end with the mark. */
OTX__PRIVATE size_t otx__spell_byte_word(const otx__spelling *spelling, const char *content,
                                         size_t size, char *to)
{
    const size_t mark = spelling->mark_size, rest = size - mark;
    size_t length;
    if (mark == 0 || size < mark || memcmp(content + rest, spelling->mark, mark) != 0)
        return otx__spell_byte_level(content, size, to);
    length = otx__spell_byte_level(content, rest, to);
    if (!spelling->silent) to[length++] = ' ';
    return length;
}

/* Writes the bytes that a token stands for to `to`, which has room for one more
   than `size`, and returns how many there are. */
OTX__PRIVATE size_t otx__spell(const otx__spelling *spelling, const char *content, size_t size,
                               char *to)
{
    const size_t mark = spelling->mark_size;
    switch (spelling->family) {
    case OTX_FAMILY_BYTE_LEVEL:
        return otx__spell_byte_word(spelling, content, size, to);
    case OTX_FAMILY_METASPACE:
    case OTX_FAMILY_WORD_SUFFIX:
        return otx__spell_spaces(spelling, content, size, to);
    case OTX_FAMILY_WORDPIECE: /* what continues no word begins one, after a space */
        if (size >= mark && memcmp(content, spelling->mark, mark) == 0) {
            memcpy(to, content + mark, size - mark);
            return size - mark;
        }
        to[0] = ' ';
        memcpy(to + 1, content, size);
        return size + 1;
    default:
        memcpy(to, content, size);
        return size;
    }
}

/* The byte of a token that is exactly <0xNN>, or -1. */
OTX__PRIVATE int otx__fallback_byte(const char *content, size_t size)
{
    int high, low;
    if (size != 6 || memcmp(content, "<0x", 3) != 0 || content[5] != '>') return -1;
    high = otx__hex_digit(content[3]);
    low = otx__hex_digit(content[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* What a string of `size` bytes takes in the table at most: its content, and its
   bytes, which a word mark may make longer by one. */
OTX__PRIVATE uint64_t otx__string_room(uint64_t size) { return 2 * size + 1; }

/* Settles the bytes of a token that only a list of added tokens has: the text that the
   tokenizer cuts it out of, whatever the decoder would make of its content. That is the
   content; of one that is `normalized` by `normal`, with what the normaliser puts before
   every text, since it is found only where that stands. The bytes are written where the
   next string goes, and kept only if they differ from the content. */
OTX__PRIVATE void otx__spell_added(otx_vocab *vocab, const otx__normaliser *normal,
                                   otx_token *token)
{
    char *to = ((otx__vocab_memory *)vocab->memory)->next;
    size_t size;
    token->bytes = token->content;
    token->size = token->content_size;
    if (!normal) return;
    size = normal->before_size + token->content_size;
    memcpy(to, normal->before, normal->before_size);
    memcpy(to + normal->before_size, token->content, token->content_size);
    if (normal->spaces.mark_size) size = otx__spell_spaces(&normal->spaces, to, size, to);
    token->size = (uint32_t)size;
    if (!otx__same_bytes(to, token->size, token->content, token->content_size))
        token->bytes = otx__vocab_keep(vocab, token->size);
}

/* Settles kind and bytes of a token whose content and kind are known: TEXT, CONTROL
   or UNUSED, and BYTE only where the content is <0xNN>. The bytes are written where
   the next string goes (otx__string_room has seen to the room), and kept only if they
   differ from the content. A token of the model that is added as well goes on standing for
   what the model makes it of, unless that is no text: then only the content leads to it. */
OTX__PRIVATE void otx__finish_token(otx_vocab *vocab, const otx__spelling *spelling,
                                    otx_token *token)
{
    otx__vocab_memory *memory = (otx__vocab_memory *)vocab->memory;
    bool text, settled = token->bytes != NULL;
    int byte = -1;
    if (otx__is_reserved(token->content, token->content_size)) token->kind = OTX_TOKEN_UNUSED;
    text = token->kind == OTX_TOKEN_TEXT || token->kind == OTX_TOKEN_BYTE;
    if (settled && text) return;
    token->bytes = token->content;
    token->size = token->content_size;
    if (!text) return;
    if (spelling->byte_fallback || token->kind == OTX_TOKEN_BYTE)
        byte = otx__fallback_byte(token->content, token->content_size);
    if (byte >= 0) {
        token->kind = OTX_TOKEN_BYTE;
        memory->next[0] = (char)byte;
        token->size = 1;
    } else {
        const size_t size =
            otx__spell(spelling, token->content, token->content_size, memory->next);
        if (token->added && !otx__is_utf8(memory->next, size)) return;
        token->size = (uint32_t)size;
    }
    if (!otx__same_bytes(memory->next, token->size, token->content, token->content_size))
        token->bytes = otx__vocab_keep(vocab, token->size);
}
