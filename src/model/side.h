/* ---- side: a model directory opened once --------------------------------- */

/* Most tensors of a model that the vocabulary sizes. */
#define OTX__MAX_PARTS 16

typedef struct otx__vocab_tensor {
    const otx_checkpoint_tensor *at;
    otx__part_kind kind;
    uint64_t rows;  /* its own: those of the model, or `extra` more */
    bool redundant; /* the head of a tied model, stored once more: not written */
} otx__vocab_tensor;

/* The tensors of a model that the vocabulary sizes: see otx__parts_find. */
typedef struct otx__parts {
    uint64_t rows;  /* of them */
    uint64_t extra; /* rows that some have beyond those, as the classes of a few models
                       add to what config.json calls the vocabulary's size */
    otx__vocab_tensor tensors[OTX__MAX_PARTS]; /* by name */
    size_t count;
    const otx_checkpoint_tensor *embedding; /* the main one; NULL: not looked for yet */
    const otx_checkpoint_tensor *head;      /* NULL if none is stored */
    bool tied;                              /* the head is the embedding */
    bool explained; /* config.json, or a key, gives the size of the vocabulary to something
                       else too */
} otx__parts;

/* A model directory. Every use opens what it needs of it, by the functions that stand
   beside each type; the rest stays absent: documents that are not present, a vocabulary
   without tokens, a checkpoint without files. */
typedef struct otx__side {
    char *path;
    char *weights; /* the file of weights or index that was given in its place, or NULL */
    bool gguf;     /* the path is that of a GGUF file, which has all of this in itself */
    bool donor; /* of its tensors only the embedding and the head matter */
    otx__document config;     /* config.json */
    otx__document generation; /* generation_config.json */
    otx__document tokenizer;  /* tokenizer_config.json */
    otx_checkpoint checkpoint;
    otx_vocab vocab;
    otx__parts parts;
    uint64_t draft_rows; /* of a draft that is only looked at, elements of its d2t; else 0 */
    otx__stamps read; /* the files beside the weights, as they were before they were read */
} otx__side;

/* A side of which nothing is open. Close it with otx__side_close in any case. */
OTX__PRIVATE otx_result otx__side_begin(const otx_context *ctx, const char *path, bool donor,
                                        otx__side *side, otx_error *error)
{
    memset(side, 0, sizeof *side);
    side->read.ctx = ctx;
    side->donor = donor;
    side->path = otx__path_copy(ctx, path, strlen(path));
    return side->path ? OTX_OK : otx__fail_memory(error, strlen(path) + 1);
}

OTX__PRIVATE void otx__side_close(const otx_context *ctx, otx__side *side)
{
    otx__stamps_close(&side->read);
    otx_vocab_close(ctx, &side->vocab);
    otx_checkpoint_close(ctx, &side->checkpoint);
    otx__document_close(ctx, &side->tokenizer);
    otx__document_close(ctx, &side->generation);
    otx__document_close(ctx, &side->config);
    otx__path_free(ctx, side->weights);
    otx__path_free(ctx, side->path);
    memset(side, 0, sizeof *side);
}

/* ---- looking at it ---- */

/* The token with an id, or NULL. */
OTX__PRIVATE const otx_token *otx__side_token(const otx__side *side, uint64_t id)
{
    const otx_token *token = id < side->vocab.count ? &side->vocab.tokens[id] : NULL;
    return token && token->kind != OTX_TOKEN_NONE ? token : NULL;
}

/* An index of the tokens of a side by content, the lowest id of each. Close it with
   otx__index_close. */
OTX__PRIVATE otx_result otx__side_contents(const otx_context *ctx, const otx__side *side,
                                           otx__token_index *index, otx_error *error)
{
    const otx_vocab *vocab = &side->vocab;
    otx_result result =
        otx__index_open(ctx, index, vocab->tokens, vocab->count, true, error);
    size_t id;
    for (id = vocab->count; !result && id-- > 0;) {
        const otx_token *token = &vocab->tokens[id];
        if (token->kind != OTX_TOKEN_NONE)
            *otx__index_slot(index, OTX_TOKEN_NONE, token->content, token->content_size) =
                (uint32_t)id + 1;
    }
    return result;
}

/* A token's content for a message, `none` where there is no token. */
OTX__PRIVATE const char *otx__side_content(char to[OTX__QUOTED], const otx__side *side,
                                           uint64_t id)
{
    const otx_token *token = otx__side_token(side, id);
    if (!token) return strcpy(to, "none");
    return otx__quote(to, OTX__QUOTED, token->content, token->content_size);
}

/* Room for a tensor's quoted name and shape. */
#define OTX__TENSOR_TEXT (OTX__QUOTED + 96)

/* `"lm_head.weight" [32000, 4096]`; returns `to`. */
OTX__PRIVATE const char *otx__tensor_text(char to[OTX__TENSOR_TEXT], const otx_tensor *tensor)
{
    char name[OTX__QUOTED], shape[OTX__TENSOR_TEXT - OTX__QUOTED - 8];
    otx__quote(name, sizeof name, tensor->name, tensor->name_size);
    otx__shape_text(shape, sizeof shape, tensor->shape, tensor->rank);
    otx__format(to, OTX__TENSOR_TEXT, "\"%s\" %s", name, shape);
    return to;
}

/* Refuses a tensor. */
OTX__PRIVATE otx_result otx__fail_tensor(const otx__side *side, const otx_tensor *tensor,
                                         const char *why, otx_error *error)
{
    char text[OTX__TENSOR_TEXT];
    return otx__fail(error, OTX_ERROR_UNSUPPORTED, "%s: tensor %s %s", side->path,
                     otx__tensor_text(text, tensor), why);
}
