/* ---- SentencePiece: tokenizer.model, spiece.model, sentencepiece.bpe.model ------ */

/* The file is a protobuf message, ModelProto, of which these fields count. A field
   that is not known, or not written as its type is, is stepped over. */
enum {
    OTX__MODEL_PIECES = 1, OTX__MODEL_TRAINER = 2,
    OTX__PIECE_TEXT = 1, OTX__PIECE_SCORE = 2, OTX__PIECE_TYPE = 3,
    OTX__TRAINER_MODEL = 3, OTX__TRAINER_FALLBACK = 35, OTX__TRAINER_BOS = 46,
    OTX__TRAINER_EOS = 47, OTX__TRAINER_PAD = 48
};

/* The types of a piece. */
enum {
    OTX__PIECE_NORMAL = 1, OTX__PIECE_UNKNOWN, OTX__PIECE_CONTROL, OTX__PIECE_USER,
    OTX__PIECE_UNUSED, OTX__PIECE_BYTE
};

typedef struct otx__piece {
    const char *text;
    size_t size;
    uint64_t type;
    float score;
} otx__piece;

typedef struct otx__trainer {
    uint64_t model;
    bool byte_fallback;
} otx__trainer;

/* ---- ids of the loader ---- */

/* How many of T5's own tokens a configuration may ask for. */
#define OTX__EXTRA_IDS 65536

/* Whether a class is the one named, or its "Fast" kin. */
OTX__PRIVATE bool otx__is_class(const otx_json *json, uint32_t node, const char *name)
{
    char fast[40];
    otx__format(fast, sizeof fast, "%sFast", name);
    return otx_json_equals(json, node, name) || otx_json_equals(json, node, fast);
}

/* Finds the layout of the loader's class, if it has one: the class that
   tokenizer_config.json names, or config.json, or that goes with the type of model.
   Sets *known if any of them says anything. */
OTX__PRIVATE otx_result otx__find_layout(otx__tokenizer *t, bool *known)
{
    const otx_json *json = &t->config;
    uint32_t node = otx_json_find(json, 0, "tokenizer_class");
    bool named = true;
    otx_json model;
    otx_result result = OTX_OK;
    size_t i;
    memset(&model, 0, sizeof model);
    if (otx_json_type_of(json, node) != OTX_JSON_STRING) {
        result = otx__open_beside(t, OTX_VOCAB_MODEL_CONFIG, &model);
        json = &model;
        node = otx_json_find(json, 0, "tokenizer_class");
    }
    if (otx_json_type_of(json, node) != OTX_JSON_STRING) {
        named = false;
        node = otx_json_find(json, 0, "model_type");
    }
    *known = otx_json_type_of(json, node) == OTX_JSON_STRING;
    for (i = 0; i < OTX__COUNT(otx__piece_layouts) && !t->layout && !result; i++) {
        const otx__piece_layout *layout = &otx__piece_layouts[i];
        if (named ? otx__is_class(json, node, layout->name)
                  : layout->model && otx_json_equals(json, node, layout->model))
            t->layout = layout;
    }
    otx_json_close(t->ctx, &model);
    return result;
}

/* Settles how ids are numbered. */
OTX__PRIVATE otx_result otx__read_layout(otx__tokenizer *t)
{
    const uint32_t node = otx_json_find(&t->config, 0, "extra_ids");
    bool known = false;
    otx_result result = otx__find_layout(t, &known);
    if (!result && !known && otx__has_suffix(t->name, OTX__SENTENCEPIECE_BPE))
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED,
                         "%s: how a file of this name numbers its pieces depends on the "
                         "loader, and neither tokenizer_config.json nor config.json names one "
                         "(\"tokenizer_class\"); put one beside it and give the directory",
                         t->name);
    if (result || !t->layout || t->layout->dropped > 0) return result;
    if (t->layout->extra == 0)
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED,
                         "%s: %s numbers the pieces by rules of its own; load it with "
                         "transformers' AutoTokenizer and save it with save_pretrained, which "
                         "writes tokenizer.json", t->name, t->layout->name);
    t->extra_ids = t->layout->extra;
    if (node == OTX_JSON_NONE) return OTX_OK;
    if (otx_json_uint(&t->config, node, &t->extra_ids) && t->extra_ids <= OTX__EXTRA_IDS)
        return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT,
                     "%s: extra_ids of tokenizer_config.json is not a whole number from 0 to "
                     "%d", t->name, OTX__EXTRA_IDS);
}

/* ---- the message ---- */

OTX__PRIVATE const char *otx__read_piece(otx__proto proto, otx__piece *piece)
{
    otx__field field;
    bool more = true;
    memset(piece, 0, sizeof *piece);
    piece->type = OTX__PIECE_NORMAL;
    for (;;) {
        const char *problem = otx__proto_next(&proto, &field, &more);
        if (problem || !more) return problem;
        if (field.number == OTX__PIECE_TEXT && field.wire == OTX__WIRE_BYTES) {
            piece->text = (const char *)field.bytes.at;
            piece->size = otx__proto_left(&field.bytes);
        } else if (field.number == OTX__PIECE_TYPE && field.wire == OTX__WIRE_VARINT) {
            piece->type = field.value;
        } else if (field.number == OTX__PIECE_SCORE && field.wire == OTX__WIRE_32) {
            const unsigned char *at = field.bytes.at;
            const uint32_t bits = (uint32_t)at[0] | (uint32_t)at[1] << 8 |
                                  (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
            memcpy(&piece->score, &bits, sizeof bits);
        }
    }
}

OTX__PRIVATE void otx__name_role(otx__tokenizer *t, otx_role role, const char *name,
                                 size_t size)
{
    t->role_names[role] = otx__span_of(name, size);
}

OTX__PRIVATE const char *otx__read_trainer(otx__tokenizer *t, otx__proto proto,
                                           otx__trainer *trainer)
{
    otx__field field;
    bool more = true;
    for (;;) {
        const char *problem = otx__proto_next(&proto, &field, &more);
        if (problem || !more) return problem;
        if (field.wire == OTX__WIRE_VARINT) {
            if (field.number == OTX__TRAINER_MODEL) trainer->model = field.value;
            if (field.number == OTX__TRAINER_FALLBACK)
                trainer->byte_fallback = field.value != 0;
        } else if (field.wire == OTX__WIRE_BYTES) {
            const char *name = (const char *)field.bytes.at;
            const size_t size = otx__proto_left(&field.bytes);
            if (field.number == OTX__TRAINER_BOS) otx__name_role(t, OTX_ROLE_BOS, name, size);
            if (field.number == OTX__TRAINER_EOS) otx__name_role(t, OTX_ROLE_EOS, name, size);
            if (field.number == OTX__TRAINER_PAD) otx__name_role(t, OTX_ROLE_PAD, name, size);
        }
    }
}

/* Whether a piece is <0xNN>, in capitals. */
OTX__PRIVATE bool otx__is_byte_piece(const otx__piece *piece)
{
    const int byte = otx__fallback_byte(piece->text, piece->size);
    char name[16];
    if (byte < 0) return false;
    otx__format(name, sizeof name, "<0x%02X>", (unsigned)byte);
    return memcmp(name, piece->text, 6) == 0;
}

/* The rules of SentencePiece's own loader for one piece. */
OTX__PRIVATE otx_result otx__check_piece(otx__tokenizer *t, const otx__piece *piece,
                                         uint64_t position)
{
    char quoted[OTX__QUOTED];
    const char *problem = NULL;
    if (piece->size == 0) problem = "is empty";
    else if (!otx__is_utf8(piece->text, piece->size)) problem = "is not UTF-8";
    else if (memchr(piece->text, 0, piece->size)) problem = "holds a zero byte";
    else if (piece->type < OTX__PIECE_NORMAL || piece->type > OTX__PIECE_BYTE)
        problem = "is of no known type";
    else if (!(piece->score >= -FLT_MAX && piece->score <= FLT_MAX))
        problem = "has a score that is no number";
    else if (piece->type == OTX__PIECE_BYTE && !otx__is_byte_piece(piece))
        problem = "stands for a byte, but is not <0xNN>";
    if (!problem) return OTX_OK;
    return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: piece %" PRIu64 ", \"%s\", %s", t->name,
                     position, otx__quote(quoted, sizeof quoted, piece->text, piece->size),
                     problem);
}

/* How many pieces there are of each type, and which bytes. */
typedef struct otx__piece_census {
    uint64_t counts[OTX__PIECE_BYTE + 1], total;
    bool bytes[256];
} otx__piece_census;

/* Reads the whole message once and checks it. */
OTX__PRIVATE otx_result otx__scan_pieces(otx__tokenizer *t, otx__trainer *trainer,
                                         otx__piece_census *census)
{
    otx__proto proto = otx__proto_open(t->text.bytes, t->text.size);
    bool more = true;
    memset(census, 0, sizeof *census);
    for (;;) {
        otx__field field;
        otx__piece piece;
        const uint64_t offset = (uint64_t)(proto.at - (const unsigned char *)t->text.bytes);
        const char *problem = otx__proto_next(&proto, &field, &more);
        otx_result result = OTX_OK;
        if (!problem && !more) return OTX_OK;
        memset(&piece, 0, sizeof piece);
        if (!problem && field.wire == OTX__WIRE_BYTES && field.number == OTX__MODEL_TRAINER)
            problem = otx__read_trainer(t, field.bytes, trainer);
        if (!problem && field.wire == OTX__WIRE_BYTES && field.number == OTX__MODEL_PIECES) {
            problem = otx__read_piece(field.bytes, &piece);
            if (!problem) result = otx__check_piece(t, &piece, census->total);
            if (!problem && !result) {
                census->counts[piece.type]++;
                census->total++;
                if (piece.type == OTX__PIECE_BYTE)
                    census->bytes[otx__fallback_byte(piece.text, piece.size)] = true;
            }
        }
        if (problem)
            return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: is no SentencePiece model: %s in "
                             "the field at byte %" PRIu64, t->name, problem, offset);
        if (result) return result;
    }
}

OTX__PRIVATE otx_result otx__sentencepiece_open(otx__tokenizer *t)
{
    static const char *const models[] = {"Unigram", "BPE", "Word", "Char"};
    otx__trainer trainer = {1, false};
    otx__piece_census census;
    otx_result result;
    size_t i, bytes = 0;
    for (i = 0; i < OTX__COUNT(otx__roles_sentencepiece); i++) {
        const otx__known_role *known = &otx__roles_sentencepiece[i];
        otx__name_role(t, known->role, known->content, strlen(known->content));
    }
    result = otx__scan_pieces(t, &trainer, &census);
    if (result) return result;
    for (i = 0; i < 256; i++) bytes += census.bytes[i];
    if (census.counts[OTX__PIECE_UNKNOWN] != 1 &&
        (census.counts[OTX__PIECE_UNKNOWN] > 1 || !trainer.byte_fallback))
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: is no SentencePiece model: %" PRIu64
                         " of %" PRIu64 " pieces stand for what is unknown, expected one",
                         t->name, census.counts[OTX__PIECE_UNKNOWN], census.total);
    if (trainer.byte_fallback ? bytes != 256 : bytes != 0)
        return otx__fail(t->error, OTX_ERROR_FORMAT, "%s: byte_fallback is %s, but there are "
                         "pieces for %u of the 256 bytes", t->name,
                         trainer.byte_fallback ? "set" : "not set", (unsigned)bytes);
    if (trainer.model == 1 && census.total == census.counts[OTX__PIECE_UNKNOWN] +
                                                  census.counts[OTX__PIECE_CONTROL] + bytes)
        return otx__fail(t->error, OTX_ERROR_FORMAT,
                         "%s: is a Unigram model without a piece of text", t->name);
    if (trainer.model < 1 || trainer.model > OTX__COUNT(models))
        return otx__fail(t->error, OTX_ERROR_UNSUPPORTED, "%s: the type of the model, %" PRIu64
                         ", is not known", t->name, trainer.model);
    t->type = models[trainer.model - 1];
    t->repeat = trainer.model == 2 ? OTX__REPEAT_REFUSED : OTX__REPEAT_APART;
    t->spelling.family = OTX_FAMILY_METASPACE;
    t->spelling.mark_size = 3;
    memcpy(t->spelling.mark, "\xe2\x96\x81", 3);
    return otx__read_layout(t);
}

/* ---- the tokens ---- */

/* A token that the loader has of its own. */
OTX__PRIVATE void otx__own_piece(otx__given *word, const char *content)
{
    word->content = content;
    word->size = strlen(content);
    word->kind = OTX_TOKEN_CONTROL;
    word->added = true;
}

/* The token of its own that the loader puts at this place, counted from 0 after the
   pieces; false after the last. */
OTX__PRIVATE bool otx__piece_after(otx__tokenizer *t, uint64_t place, otx__given *word,
                                   otx_result *result)
{
    if (t->extra_ids == 0) {
        const char *own = t->layout && place < 2 ? t->layout->after[place] : NULL;
        if (own) otx__own_piece(word, own);
        return own != NULL;
    }
    if (place >= t->extra_ids) return false;
    *result = otx__tokenizer_scratch(t, 40);
    if (*result) return true;
    otx__format(t->scratch, 40, "<extra_id_%" PRIu64 ">", t->extra_ids - 1 - place);
    otx__own_piece(word, t->scratch);
    return true;
}

/* The next piece, at t->offset; false after the last. The file has been checked. */
OTX__PRIVATE bool otx__next_piece(otx__tokenizer *t, otx__piece *piece)
{
    otx__proto proto = otx__proto_open(t->text.bytes, t->text.size);
    otx__field field;
    bool more = true;
    proto.at += t->offset;
    while (!otx__proto_next(&proto, &field, &more) && more) {
        t->offset = t->text.size - otx__proto_left(&proto);
        if (field.wire == OTX__WIRE_BYTES && field.number == OTX__MODEL_PIECES)
            return !otx__read_piece(field.bytes, piece);
    }
    t->offset = t->text.size;
    return false;
}

OTX__PRIVATE otx_result otx__sentencepiece_next(otx__tokenizer *t, otx__given *word, bool *more)
{
    static const otx_token_kind kinds[] = {
        OTX_TOKEN_NONE, OTX_TOKEN_TEXT, OTX_TOKEN_CONTROL, OTX_TOKEN_CONTROL, OTX_TOKEN_TEXT,
        OTX_TOKEN_UNUSED, OTX_TOKEN_BYTE
    };
    const otx__piece_layout *layout = t->layout;
    otx_result result = OTX_OK;
    otx__piece piece;
    const bool first = t->offset == 0;
    bool found;
    unsigned i;
    word->id = t->position++;
    *more = true;
    if (layout && word->id < OTX__COUNT(layout->before) && layout->before[word->id]) {
        otx__own_piece(word, layout->before[word->id]);
        return OTX_OK;
    }
    found = otx__next_piece(t, &piece);
    if (layout && first)
        for (i = 0; i < layout->dropped && found; i++) found = otx__next_piece(t, &piece);
    if (found) {
        word->content = piece.text;
        word->size = piece.size;
        word->kind = kinds[piece.type];
        word->score = (double)piece.score;
        word->added = word->kind == OTX_TOKEN_CONTROL || piece.type == OTX__PIECE_USER;
        if (piece.type == OTX__PIECE_UNKNOWN) t->fallback[OTX_ROLE_UNK] = (int64_t)word->id;
        return OTX_OK;
    }
    *more = otx__piece_after(t, t->past++, word, &result);
    return result;
}

/* Roles go by the names of pieces, which must be control pieces. */
OTX__PRIVATE otx_result otx__sentencepiece_roles(otx__tokenizer *t)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__roles_sentencepiece); i++) {
        const otx_role role = otx__roles_sentencepiece[i].role;
        const otx__span name = t->role_names[role];
        const int64_t id =
            otx__index_find(&t->contents, OTX_TOKEN_NONE, name.bytes, name.size);
        if (id >= 0 && id != t->fallback[OTX_ROLE_UNK] &&
            t->vocab->tokens[id].kind == OTX_TOKEN_CONTROL)
            t->fallback[role] = id;
    }
    if (t->layout && t->layout->dropped > 0) {
        t->fallback[OTX_ROLE_UNK] = otx__find_text(t, "<unk>");
        t->fallback[OTX_ROLE_MASK] = otx__find_text(t, "<mask>");
        t->fallback[OTX_ROLE_CLS] = t->fallback[OTX_ROLE_BOS];
        t->fallback[OTX_ROLE_SEP] = t->fallback[OTX_ROLE_EOS];
    }
    return OTX_OK;
}
