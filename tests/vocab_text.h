/* Vocabularies as text, and what was logged of them. The suite has included the
   implementation before. */
#ifndef VOCAB_TEXT_H
#define VOCAB_TEXT_H

static char messages[8192]; /* all that was logged, a line each */

static void keep_log(void *context, otx_severity severity, const char *message)
{
    size_t used = strlen(messages);
    (void)context;
    (void)snprintf(messages + used, sizeof messages - used, "%c %s\n",
                   severity == OTX_WARNING ? 'W' : 'N', message);
}

static otx_context logging(void)
{
    otx_context ctx;
    memset(&ctx, 0, sizeof ctx);
    ctx.log = keep_log;
    messages[0] = 0;
    return ctx;
}

/* The table as text: "0:t:a 1:c:<s>+ ..." with the first letter of the kind, the
   bytes, and + for an added token. */
static const char *dump(const otx_vocab *vocab)
{
    static char text[4096];
    size_t used = 0, i;
    text[0] = 0;
    for (i = 0; i < vocab->count && used < sizeof text - 200; i++) {
        const otx_token *token = &vocab->tokens[i];
        char quoted[OTX__QUOTED];
        if (token->kind == OTX_TOKEN_NONE) continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%u:%c:%s%s",
                                 used ? " " : "", (unsigned)i,
                                 otx_token_kind_name(token->kind)[0],
                                 otx__quote(quoted, sizeof quoted, token->bytes, token->size),
                                 token->added ? "+" : "");
    }
    return text;
}

#endif
