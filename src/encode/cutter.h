/* ---- cutter: texts cut by the steps of a pre-tokenizer --------------------------------- */

typedef struct otx__cutter {
    otx__pool pool;
} otx__cutter;

/* Opens the cutter of a pre-tokenizer, the value `node` of a tokenizer.json (OTX_JSON_NONE and
   null: texts stay whole). `name` stands in errors. On failure nothing is left open. */
OTX__PRIVATE otx_result otx__cutter_open(const otx_context *ctx, const otx_json *json,
                                         uint32_t node, const char *name, otx__cutter *cutter,
                                         otx_error *error)
{
    (void)json;
    (void)node;
    (void)name;
    (void)error;
    otx__pool_open(&cutter->pool, ctx);
    return OTX_OK;
}

/* Opens one that finds all matches of a regular expression, as tiktoken does; the pieces are
   bytes of the text as they are. */
OTX__PRIVATE otx_result otx__cutter_open_pattern(const otx_context *ctx, const char *pattern,
                                                 size_t size, const char *name,
                                                 otx__cutter *cutter, otx_error *error)
{
    (void)pattern;
    (void)size;
    (void)name;
    (void)error;
    otx__pool_open(&cutter->pool, ctx);
    return OTX_OK;
}

OTX__PRIVATE void otx__cutter_close(otx__cutter *cutter)
{
    otx__pool_close(&cutter->pool);
}

/* Cuts a text (UTF-8, what a normaliser made of it). `first`: it stands at the beginning of what
   the user gave, not behind an added token. `slices` is open, and used again from text to text;
   what is in it lasts until the next call. */
OTX__PRIVATE otx_result otx__cutter_run(const otx__cutter *cutter, const char *text, size_t size,
                                        bool first, otx__slices *slices, otx_error *error)
{
    (void)cutter;
    (void)text;
    (void)size;
    (void)first;
    (void)slices;
    (void)error;
    return OTX_OK;
}
