/* ---- slices: a text in pieces, and ways to cut it further ------------------------------ */

/* A part of the text of otx__slices, in bytes. */
typedef struct otx__slice {
    uint32_t start, end;
} otx__slice;

/* A text in pieces, in order; none is empty. What a pre-tokenizer removes is in none. */
typedef struct otx__slices {
    const otx_context *ctx;
    otx__text text, next_text;       /* what the pieces are parts of; room for the next */
    otx__slice *items, *next_items;
    size_t count, capacity, next_count, next_capacity;
    bool failed;                     /* out of memory */
} otx__slices;

OTX__PRIVATE void otx__slices_open(otx__slices *slices, const otx_context *ctx)
{
    memset(slices, 0, sizeof *slices);
    slices->ctx = ctx;
    otx__text_open(&slices->text, ctx);
    otx__text_open(&slices->next_text, ctx);
}

OTX__PRIVATE void otx__slices_close(otx__slices *slices)
{
    const otx_context *ctx = slices->ctx;
    otx__text_close(&slices->text);
    otx__text_close(&slices->next_text);
    if (slices->capacity)
        otx__free(ctx, slices->items, slices->capacity, sizeof *slices->items);
    if (slices->next_capacity)
        otx__free(ctx, slices->next_items, slices->next_capacity, sizeof *slices->next_items);
    otx__slices_open(slices, ctx);
}
