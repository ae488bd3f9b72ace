/* ---- wording: messages of a transplant that is none ----------------------------------- */

/* The model is both base and donor of a job, and its new tokenizer stands in a directory of
   which nobody knows. What the job says is told in words of those who asked. */
typedef struct otx__rewording {
    const otx_context *outer; /* whose hooks hear it */
    const char *stage;        /* the path of the new tokenizer, */
    const char *model;        /* in whose place the model's is named */
} otx__rewording;

/* Whether a word of a message ends here: a path that has the same words in it goes on. */
OTX__PRIVATE bool otx__ends_word(char next)
{
    return next == 0 || strchr(" ,;:.'", next) != NULL;
}

/* What stands in the place of the new tokenizer's path: the model's, or where a message that is
   copied so far speaks of the model already, what is not the model. */
OTX__PRIVATE const char *otx__stage_word(const otx__rewording *r, const char *so_far, char next)
{
    const bool again = otx__ends_word(next) && strstr(so_far, r->model) != NULL;
    return again ? "its new tokenizer" : r->model;
}

/* Copies a message, with other words for some, and without options of a transplant. */
OTX__PRIVATE void otx__reword(const otx__rewording *r, const char *from,
                              char to[OTX__MESSAGE])
{
    const char *const words[][2] = {
        {r->stage, NULL}, {" the base", " the model"},
        {" the donor's tokenizer", " the new tokenizer"}, {" the donor", " the new tokenizer"},
        {"; --split-digits keeps single digits", ""},
    };
    size_t used = 0, i;
    while (*from && used + 1 < OTX__MESSAGE) {
        const char *word;
        size_t size = 0;
        for (i = 0; i < OTX__COUNT(words) && !size; i++) {
            const size_t length = strlen(words[i][0]);
            if (strncmp(from, words[i][0], length) == 0 &&
                (i == 0 || otx__ends_word(from[length])))
                size = length;
        }
        if (!size) {
            to[used++] = *from++;
            continue;
        }
        to[used] = 0;
        word = i == 1 ? otx__stage_word(r, to, from[size]) : words[i - 1][1];
        used += otx__format(to + used, OTX__MESSAGE - used, "%s", word);
        from += size;
    }
    to[otx__min(used, OTX__MESSAGE - 1)] = 0;
}

OTX__PRIVATE void otx__reworded_log(void *context, otx_severity severity, const char *message)
{
    const otx__rewording *r = (const otx__rewording *)context;
    char text[OTX__MESSAGE];
    otx__reword(r, message, text);
    otx__log(r->outer, severity, "%s", text); /* which may end within a character */
}

OTX__PRIVATE bool otx__reworded_progress(void *context, const otx_progress *progress)
{
    const otx__rewording *r = (const otx__rewording *)context;
    otx_progress told = *progress;
    if (told.subject && strcmp(told.subject, r->stage) == 0) told.subject = r->model;
    return r->outer->progress(r->outer->progress_context, &told);
}

/* The context of a job whose messages are to be reworded. */
OTX__PRIVATE otx_context otx__reworded(otx__rewording *r)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    if (r->outer) ctx = *r->outer;
    if (ctx.log) {
        ctx.log = otx__reworded_log;
        ctx.log_context = r;
    }
    if (ctx.progress) {
        ctx.progress = otx__reworded_progress;
        ctx.progress_context = r;
    }
    return ctx;
}

/* The same for why it failed. */
OTX__PRIVATE otx_result otx__reword_error(const otx__rewording *r, otx_result result,
                                          const otx_error *from, otx_error *error)
{
    char text[OTX__MESSAGE];
    if (!result) return OTX_OK;
    otx__reword(r, from->message, text);
    return otx__fail(error, result, "%s", text);
}
