/* ---- files_pieces: a SentencePiece model, written anew ------------------------------- */

/* Fields of the message besides those that are read. */
enum {
    OTX__MODEL_SELF_TEST = 4, OTX__TRAINER_SIZE = 4, OTX__TRAINER_UNK_ID = 40,
    OTX__TRAINER_IDS = 4 /* unk, bos, eos and pad, one after the other */
};

/* What those ids are where the file says nothing. */
static const int32_t otx__trainer_ids[OTX__TRAINER_IDS] = {0, 1, 2, -1};

/* A model while it is written. Its pieces are counted from 0: places. */
typedef struct otx__new_pieces {
    const otx__reshaping *t;
    uint64_t before, dropped; /* ids that the loader puts before them; pieces without an id */
    uint64_t count, kept;     /* pieces, and those that stay */
    uint64_t trainers;        /* messages that together are the trainer's */
    int64_t old_ids[OTX__TRAINER_IDS], new_ids[OTX__TRAINER_IDS];
    bool said[OTX__TRAINER_IDS];
    bool agrees;              /* every piece is the token of its id, before and after */
} otx__new_pieces;

OTX__PRIVATE void otx__text_varint(otx__text *to, uint64_t value)
{
    char byte;
    for (; value > 0x7f; value >>= 7) {
        byte = (char)(unsigned char)(0x80 | (value & 0x7f));
        otx__text_bytes(to, &byte, 1);
    }
    byte = (char)value;
    otx__text_bytes(to, &byte, 1);
}

OTX__PRIVATE void otx__text_varint_field(otx__text *to, uint32_t number, uint64_t value)
{
    otx__text_varint(to, (uint64_t)number << 3 | OTX__WIRE_VARINT);
    otx__text_varint(to, value);
}

/* The next field, with the bytes that it takes; false behind the last. The file has been
   checked. */
OTX__PRIVATE bool otx__next_field(otx__proto *proto, otx__field *field, otx__span *bytes)
{
    const unsigned char *start = proto->at;
    bool more = true;
    if (otx__proto_next(proto, field, &more) || !more) return false;
    *bytes = otx__span_of((const char *)start, (size_t)(proto->at - start));
    return true;
}

/* ---- what stays ---- */

/* Counts a piece, and looks whether it stays. */
OTX__PRIVATE bool otx__piece_stays(otx__new_pieces *p, otx__proto bytes)
{
    const otx_vocab *vocab = &p->t->vocab;
    const uint64_t place = p->count++;
    const uint64_t id = place - p->dropped + p->before;
    otx__piece piece;
    if (place < p->dropped) {
        p->kept++;
        return true;
    }
    if (otx__read_piece(bytes, &piece) || id >= vocab->count ||
        !otx__same_bytes(vocab->tokens[id].content, vocab->tokens[id].content_size, piece.text,
                         piece.size)) {
        p->agrees = false;
        return false;
    }
    if (p->t->ids[id] == OTX__GONE) return false;
    if (p->t->ids[id] != p->kept - p->dropped + p->before) p->agrees = false;
    p->kept++;
    return true;
}

/* Reads the ids that the trainer names; of several the last counts. */
OTX__PRIVATE void otx__new_pieces_trainer(otx__new_pieces *p, otx__proto trainer)
{
    otx__field field;
    otx__span bytes;
    p->trainers++;
    while (otx__next_field(&trainer, &field, &bytes)) {
        const uint32_t which = field.number - OTX__TRAINER_UNK_ID;
        if (field.wire != OTX__WIRE_VARINT || which >= OTX__TRAINER_IDS) continue;
        p->old_ids[which] = (int32_t)(uint32_t)field.value;
        p->said[which] = true;
    }
}

/* Goes through the file once, to know what is to be written. */
OTX__PRIVATE void otx__new_pieces_look(otx__new_pieces *p, otx__span text)
{
    otx__proto proto = otx__proto_open(text.bytes, text.size);
    otx__field field;
    otx__span bytes;
    size_t i;
    for (i = 0; i < OTX__TRAINER_IDS; i++) p->old_ids[i] = otx__trainer_ids[i];
    while (otx__next_field(&proto, &field, &bytes))
        if (field.wire == OTX__WIRE_BYTES && field.number == OTX__MODEL_TRAINER)
            otx__new_pieces_trainer(p, field.bytes);
    memcpy(p->new_ids, p->old_ids, sizeof p->new_ids);
    proto = otx__proto_open(text.bytes, text.size);
    while (otx__next_field(&proto, &field, &bytes)) {
        const uint64_t place = p->count, now = p->kept;
        bool stays;
        if (field.wire != OTX__WIRE_BYTES || field.number != OTX__MODEL_PIECES) continue;
        stays = otx__piece_stays(p, field.bytes);
        for (i = 0; i < OTX__TRAINER_IDS; i++)
            if (p->old_ids[i] == (int64_t)place) p->new_ids[i] = stays ? (int64_t)now : -1;
    }
}

/* ---- writing ---- */

/* The trainer's message: its ids and the number of pieces made true, all else as it is. The
   last of several says what none has said. */
OTX__PRIVATE void otx__new_pieces_put_trainer(const otx__new_pieces *p, otx__proto trainer,
                                              bool last, otx__text *to)
{
    const uint64_t tag = OTX__MODEL_TRAINER << 3 | OTX__WIRE_BYTES;
    otx__text own;
    otx__field field;
    otx__span bytes;
    uint32_t i;
    otx__text_open(&own, to->ctx);
    while (otx__next_field(&trainer, &field, &bytes)) {
        const uint32_t which = field.number - OTX__TRAINER_UNK_ID;
        if (field.wire == OTX__WIRE_VARINT && which < OTX__TRAINER_IDS)
            otx__text_varint_field(&own, field.number, (uint64_t)p->new_ids[which]);
        else if (field.wire == OTX__WIRE_VARINT && field.number == OTX__TRAINER_SIZE)
            otx__text_varint_field(&own, field.number, p->kept);
        else otx__text_bytes(&own, bytes.bytes, bytes.size);
    }
    for (i = 0; i < OTX__TRAINER_IDS && last; i++)
        if (!p->said[i] && p->new_ids[i] != otx__trainer_ids[i])
            otx__text_varint_field(&own, OTX__TRAINER_UNK_ID + i, (uint64_t)p->new_ids[i]);
    otx__text_varint(to, tag);
    otx__text_varint(to, own.size);
    otx__text_bytes(to, own.bytes, own.size);
    to->failed = to->failed || own.failed;
    otx__text_close(&own);
}

/* Writes the file: pieces that stay and fields that are not known byte for byte. Samples of a
   self-test, of pieces that may have gone, are left out: a loader refuses a file that fails
   its own. */
OTX__PRIVATE void otx__new_pieces_put(otx__new_pieces *p, otx__span text, otx__text *to)
{
    otx__proto proto = otx__proto_open(text.bytes, text.size);
    const bool whole = p->kept == p->count;
    otx__new_pieces again = *p;
    uint64_t trainers = 0;
    otx__field field;
    otx__span bytes;
    again.count = again.kept = 0;
    while (otx__next_field(&proto, &field, &bytes)) {
        const bool message = field.wire == OTX__WIRE_BYTES;
        if (message && field.number == OTX__MODEL_TRAINER) {
            trainers++;
            otx__new_pieces_put_trainer(p, field.bytes, trainers == p->trainers, to);
            continue;
        }
        if (message && field.number == OTX__MODEL_SELF_TEST && !whole) continue;
        if (message && field.number == OTX__MODEL_PIECES &&
            !otx__piece_stays(&again, field.bytes))
            continue;
        otx__text_bytes(to, bytes.bytes, bytes.size);
    }
    if (p->trainers == 0) otx__new_pieces_put_trainer(p, otx__proto_open("", 0), true, to);
}

/* Makes a SentencePiece model anew, whose reader has been at it. *agrees is false where it is
   not of the tokenizer that was read: then nothing is written. */
OTX__PRIVATE otx_result otx__new_pieces_make(const otx__reshaping *t, const otx__tokenizer *at,
                                             otx__text *to, bool *agrees, otx_error *error)
{
    otx__new_pieces p;
    memset(&p, 0, sizeof p);
    p.t = t;
    p.agrees = true;
    if (at->layout) p.dropped = at->layout->dropped;
    while (at->layout && p.before < OTX__COUNT(at->layout->before) &&
           at->layout->before[p.before])
        p.before++;
    otx__new_pieces_look(&p, otx__span_of(at->text.bytes, at->text.size));
    *agrees = p.agrees;
    if (p.agrees)
        otx__new_pieces_put(&p, otx__span_of(at->text.bytes, at->text.size), to);
    return to->failed ? otx__fail_memory(error, to->size) : OTX_OK;
}

/* ---- what has to stay ---- */

/* Pieces that no text is made of but that merges go through, and the piece of Unigram with the
   best score, by which those of the user are scored. */
OTX__PRIVATE void otx__keep_pieces(otx__reshaping *t, uint64_t *named)
{
    const otx__rules *rules = (const otx__rules *)t->vocab.rules;
    uint32_t best = OTX__GONE;
    size_t i;
    for (i = 0; i < t->vocab.count; i++) {
        const otx_token *token = &t->vocab.tokens[i];
        if (token->kind != OTX_TOKEN_UNUSED ||
            otx__is_reserved(token->content, token->content_size))
            continue;
        *named += !t->keep[i];
        t->keep[i] = true;
    }
    for (i = 0; i < rules->token_count && rules->how == OTX__SPLIT_VITERBI; i++) {
        const uint32_t id = rules->tokens[i].id;
        if (!t->vocab.tokens[id].added &&
            (best == OTX__GONE || rules->weights[id] > rules->weights[best]))
            best = id;
    }
    if (best == OTX__GONE || t->keep[best]) return;
    t->keep[best] = true;
    ++*named;
}
