/* ---- verify: whether a finished directory agrees with itself ------------------ */

typedef struct otx__verifier {
    otx_context ctx;   /* the caller's, but warnings of what is opened are findings */
    otx_context quiet; /* the same without a log: for what is told here in other words */
    const otx_verify_options *options;
    otx_verify_summary summary;
    const char *path;
    otx__document config, generation, tokenizer;
    otx_vocab vocab;           /* no tokens if it could not be opened */
    otx_checkpoint checkpoint; /* no files if it could not be opened */
    otx__model model;          /* no embedding if it was not found */
    otx_result failure;        /* what ends the whole: lack of memory, cancelling */
    otx_error *error;
} otx__verifier;

/* ---- findings ---- */

OTX__PRIVATE void otx__found(otx__verifier *v, otx_severity severity, const char *format, ...)
    OTX__PRINTF(3, 4);
OTX__PRIVATE void otx__found(otx__verifier *v, otx_severity severity, const char *format, ...)
{
    char message[OTX__MESSAGE];
    va_list arguments;
    if (severity == OTX_FAULT) v->summary.faults++;
    else if (severity == OTX_WARNING) v->summary.warnings++;
    if (!v->options->finding) return;
    va_start(arguments, format);
    otx__message(message, format, arguments);
    va_end(arguments);
    v->options->finding(v->options->finding_context, severity, message);
}

/* The log of what is opened: its warnings are findings, its notes stay notes. */
OTX__PRIVATE void otx__verify_log(void *context, otx_severity severity, const char *message)
{
    otx__verifier *v = (otx__verifier *)context;
    if (severity != OTX_NOTE) otx__found(v, severity, "%s", message);
    else if (v->quiet.log) v->quiet.log(v->quiet.log_context, severity, message);
}

/* Makes a fault of an error, unless it is one of the run rather than of the files.
   True if there was none. */
OTX__PRIVATE bool otx__verify_take(otx__verifier *v, otx_result result, const otx_error *error)
{
    if (!result) return true;
    if (result == OTX_ERROR_MEMORY || result == OTX_ERROR_CANCELLED) {
        v->failure = otx__fail(v->error, result, "%s", error->message);
        return false;
    }
    otx__found(v, OTX_FAULT, "%s", error->message);
    return false;
}

/* A token for a message, `none` where there is none. */
OTX__PRIVATE const char *otx__content_text(char to[OTX__QUOTED], const otx_vocab *vocab,
                                         uint64_t id)
{
    const otx_token *token = id < vocab->count ? &vocab->tokens[id] : NULL;
    if (!token || token->kind == OTX_TOKEN_NONE) return strcpy(to, "none");
    return otx__quote(to, OTX__QUOTED, token->content, token->content_size);
}

OTX__PRIVATE bool otx__vocab_has(const otx_vocab *vocab, uint64_t id)
{
    return id < vocab->count && vocab->tokens[id].kind != OTX_TOKEN_NONE;
}

/* ---- opening ---- */

OTX__PRIVATE void otx__verify_document(otx__verifier *v, const char *name, bool needed,
                                       otx__document *out)
{
    otx_error error;
    if (v->failure) return;
    if (!otx__verify_take(v, otx__document_open(&v->ctx, v->path, name, out, &error), &error))
        return;
    if (needed && !out->present) otx__found(v, OTX_FAULT, "%s/%s: is missing", v->path, name);
}

OTX__PRIVATE void otx__verify_open(otx__verifier *v)
{
    otx_error error;
    otx__verify_document(v, "config.json", true, &v->config);
    otx__verify_document(v, "generation_config.json", false, &v->generation);
    otx__verify_document(v, "tokenizer_config.json", false, &v->tokenizer);
    if (!v->failure)
        otx__verify_take(v, otx_vocab_open(&v->ctx, v->path, &v->vocab, &error), &error);
    if (!v->failure)
        otx__verify_take(v, otx_checkpoint_open(&v->ctx, v->path, &v->checkpoint, &error),
                         &error);
    if (v->failure || !v->vocab.tokens || !v->checkpoint.files) return;
    if (!otx__verify_take(v, otx__model_open(&v->quiet, &v->checkpoint, &v->config, &v->vocab,
                                             false, &v->model, &error), &error))
        v->model.embedding = NULL;
}

/* ---- files ---- */

/* What transformers and others read of an index beyond its map, which
   otx_checkpoint_open has compared with the shards. */
OTX__PRIVATE void otx__verify_index(otx__verifier *v)
{
    otx__document index;
    uint64_t total = 0, said;
    uint32_t metadata;
    size_t i;
    memset(&index, 0, sizeof index);
    if (v->failure || !v->checkpoint.sharded) return;
    otx__verify_document(v, OTX__INDEX_FILE, true, &index);
    for (i = 0; i < v->checkpoint.tensor_count; i++) {
        const otx_tensor *tensor = v->checkpoint.tensors[i].tensor;
        total += tensor->end - tensor->begin;
    }
    metadata = otx_json_find(&index.json, otx__document_root(&index), "metadata");
    if (index.present && otx_json_type_of(&index.json, metadata) != OTX_JSON_OBJECT)
        otx__found(v, OTX_FAULT, "%s/" OTX__INDEX_FILE ": has no \"metadata\", without which "
                   "transformers does not load it", v->path);
    else if (otx_json_uint(&index.json, otx_json_find(&index.json, metadata, "total_size"),
                           &said) && said != total)
        otx__found(v, OTX_WARNING, "%s/" OTX__INDEX_FILE ": says \"total_size\": %" PRIu64
                   ", the tensors have %" PRIu64 " bytes", v->path, said, total);
    otx__document_close(&v->ctx, &index);
}

/* Weights that some loader might take instead of those that were checked. */
OTX__PRIVATE void otx__verify_listing(otx__verifier *v)
{
    static const char *const ends[] = {".bin", ".bin.index.json", ".gguf", ".safetensors"};
    char quoted[OTX__QUOTED];
    otx__listing listing;
    otx_error error;
    size_t i, j;
    if (v->failure ||
        !otx__verify_take(v, otx__listing_open(&v->ctx, v->path, &listing, &error), &error))
        return;
    for (i = 0; i < listing.count && v->checkpoint.files; i++) {
        const char *name = listing.names[i];
        bool other = false;
        for (j = 0; j < OTX__COUNT(ends); j++) other |= otx__has_suffix(name, ends[j]);
        for (j = 0; j < v->checkpoint.file_count; j++)
            if (strcmp(name, v->checkpoint.files[j].name) == 0) other = false;
        if (other && strcmp(name, "training_args.bin") != 0)
            otx__found(v, OTX_WARNING, "%s: \"%s\" stands beside the weights that were checked",
                       v->path, otx__quote(quoted, sizeof quoted, name, strlen(name)));
    }
    otx__listing_close(&listing);
}

/* ---- sizes ---- */

/* Whether the model's class gives the embedding more rows than "vocab_size". */
OTX__PRIVATE bool otx__class_adds_rows(const otx__document *config)
{
    static const char *const types[] = {"mllama", "mllama_text_model", "moshi", "cpmant"};
    uint32_t node = otx_json_find(&config->json, otx__document_root(config), "model_type");
    size_t i;
    for (i = 0; i < OTX__COUNT(types); i++)
        if (otx_json_type_of(&config->json, node) == OTX_JSON_STRING &&
            otx_json_equals(&config->json, node, types[i]))
            return true;
    return false;
}

OTX__PRIVATE void otx__verify_rows(otx__verifier *v)
{
    const otx__model *model = &v->model;
    char tensor[OTX__TENSOR_TEXT], token[OTX__QUOTED];
    uint64_t rows, said = 0;
    size_t i, beyond = 0, first = 0;
    if (v->failure || !model->embedding) return;
    rows = model->embedding->tensor->shape[0];
    otx__tensor_text(tensor, model->embedding->tensor);
    if (!otx__config_says(&v->config, "vocab_size", rows, &said) &&
        !otx__config_says(&v->config, "padded_vocab_size", rows, &said) && said != 0 &&
        !(rows > said && otx__class_adds_rows(&v->config)))
        otx__found(v, OTX_FAULT, "%s/config.json: says \"vocab_size\": %" PRIu64
                   ", but tensor %s has %" PRIu64 " rows", v->path, said, tensor, rows);
    else if (v->config.present && said == 0 &&
             !otx__config_says(&v->config, "vocab_size", rows, &said))
        otx__found(v, OTX_WARNING, "%s/config.json: names no \"vocab_size\"; the class's own "
                   "default must be %" PRIu64, v->path, rows);
    for (i = v->vocab.count; i-- > 0 && i >= rows;)
        if (otx__vocab_has(&v->vocab, i)) {
            beyond++;
            first = i;
        }
    if (beyond)
        otx__found(v, OTX_FAULT, "%s: %" PRIu64 " of the tokenizer's ids, the first %" PRIu64
                   " (token \"%s\"), lie beyond the %" PRIu64 " rows of tensor %s", v->path,
                   (uint64_t)beyond, (uint64_t)first,
                   otx__content_text(token, &v->vocab, first), rows, tensor);
}

/* ---- ids ---- */

/* Checks one id that stands under `key`; of a list, one of its items. */
OTX__PRIVATE void otx__verify_id(otx__verifier *v, const char *file, const char *key,
                                 size_t key_size, uint64_t id)
{
    uint64_t rows = v->model.embedding ? v->model.embedding->tensor->shape[0] : UINT64_MAX;
    bool pad = key_size == 12 && memcmp(key, "pad_token_id", 12) == 0;
    char name[OTX__QUOTED];
    otx__quote(name, sizeof name, key, key_size);
    if (id >= rows)
        otx__found(v, OTX_FAULT, "%s/%s: \"%s\" is %" PRIu64 "; there are %" PRIu64 " rows",
                   v->path, file, name, id, rows);
    else if (v->vocab.tokens && !otx__vocab_has(&v->vocab, id) &&
             !(pad && otx__config_pad_is_position(&v->config)))
        otx__found(v, OTX_WARNING, "%s/%s: \"%s\" is %" PRIu64 ", an id without a token",
                   v->path, file, name, id);
}

/* Whether a key holds ids, or lists of them, or lists of those. */
OTX__PRIVATE bool otx__verify_holds_ids(const char *key, size_t size)
{
    static const char *const lists[] = {"suppress_tokens", "begin_suppress_tokens",
                                        "bad_words_ids", "force_words_ids"};
    size_t i;
    for (i = 0; i < OTX__COUNT(lists); i++)
        if (otx__same_bytes(key, size, lists[i], strlen(lists[i]))) return true;
    for (i = 0; i < OTX__COUNT(otx__specials); i++)
        if (otx__same_bytes(key, size, otx__specials[i].key, strlen(otx__specials[i].key)))
            return true;
    return otx__config_names_ids(key, size);
}

/* Every number within the value of such a key. */
OTX__PRIVATE void otx__verify_value(otx__verifier *v, const otx_json *json, const char *file,
                                    uint32_t key)
{
    const otx_json_node *name = &json->nodes[key];
    uint32_t node;
    uint64_t id;
    for (node = key + 1; node < json->nodes[key + 1].next; node++)
        if (otx_json_uint(json, node, &id))
            otx__verify_id(v, file, json->text + name->start, name->end - name->start, id);
}

/* The ids of one object. */
OTX__PRIVATE void otx__verify_object(otx__verifier *v, const otx_json *json, const char *file,
                                     uint32_t object)
{
    uint32_t key = object + 1, i;
    for (i = 0; i < json->nodes[object].count; i++) {
        const otx_json_node *name = &json->nodes[key];
        if (otx__verify_holds_ids(json->text + name->start, name->end - name->start))
            otx__verify_value(v, json, file, key);
        key = json->nodes[key + 1].next;
    }
}

/* Whether a list or a number holds an id. */
OTX__PRIVATE bool otx__node_has_id(const otx_json *json, uint32_t node, uint64_t id)
{
    uint32_t at;
    uint64_t value;
    if (node == OTX_JSON_NONE) return false;
    for (at = node; at < json->nodes[node].next; at++)
        if (otx_json_uint(json, at, &value) && value == id) return true;
    return false;
}

/* Whether the tokenizer's token in a role is the one that the two files name. Said of
   eos also where none is named: the model would not end its texts. */
OTX__PRIVATE void otx__verify_role(otx__verifier *v, otx_role role, const char *key)
{
    otx__levels levels = otx__vocabulary_levels(&v->config, v->model.rows);
    int64_t id = v->vocab.roles[role];
    char token[OTX__QUOTED];
    const otx_json *generation = &v->generation.json;
    uint32_t node = otx_json_find(generation, otx__document_root(&v->generation), key);
    bool named = otx_json_type_of(generation, node) != OTX_JSON_NULL, agree;
    size_t i;
    if (id < 0) return;
    agree = otx__node_has_id(generation, node, (uint64_t)id);
    for (i = 0; i < levels.count; i++) {
        node = otx_json_find(&v->config.json, levels.nodes[i], key);
        named |= otx_json_type_of(&v->config.json, node) != OTX_JSON_NULL;
        agree |= otx__node_has_id(&v->config.json, node, (uint64_t)id);
    }
    if (agree || (!named && role != OTX_ROLE_EOS)) return;
    otx__found(v, OTX_WARNING, "%s: the tokenizer's %s is %" PRId64 " (token \"%s\"), which "
               "\"%s\" of config.json and generation_config.json %s", v->path,
               otx_role_name(role), id, otx__content_text(token, &v->vocab, (uint64_t)id), key,
               named ? "is not" : "does not name");
}

OTX__PRIVATE void otx__verify_ids(otx__verifier *v)
{
    otx__levels levels = otx__vocabulary_levels(&v->config, v->model.rows);
    size_t i;
    if (v->failure) return;
    for (i = 0; i < levels.count; i++)
        otx__verify_object(v, &v->config.json, "config.json", levels.nodes[i]);
    if (v->generation.present)
        otx__verify_object(v, &v->generation.json, "generation_config.json", 0);
    if (!v->vocab.tokens || !v->config.present) return;
    otx__verify_role(v, OTX_ROLE_BOS, "bos_token_id");
    otx__verify_role(v, OTX_ROLE_EOS, "eos_token_id");
    if (!otx__config_pad_is_position(&v->config))
        otx__verify_role(v, OTX_ROLE_PAD, "pad_token_id");
}

/* ---- tying ---- */

/* Whether the model has an output head at all: by its class, if config.json names it. */
OTX__PRIVATE bool otx__class_has_head(const otx__document *config)
{
    const otx_json *json = &config->json;
    uint32_t node = otx_json_find(json, otx__document_root(config), "architectures");
    const otx_json_node *name;
    if (otx_json_type_of(json, node) != OTX_JSON_ARRAY || json->nodes[node].count == 0 ||
        otx_json_type_of(json, node + 1) != OTX_JSON_STRING)
        return true;
    name = &json->nodes[node + 1];
    return otx__span_has(json->text + name->start, name->end - name->start, "For") ||
           otx__span_has(json->text + name->start, name->end - name->start, "LM");
}

OTX__PRIVATE void otx__verify_tie(otx__verifier *v)
{
    const otx__model *model = &v->model;
    otx__tie_flag flag = otx__config_tie_flag(&v->config);
    char tensor[OTX__TENSOR_TEXT];
    if (v->failure || !model->embedding) return;
    if (flag.said_true && flag.said_false)
        otx__found(v, OTX_WARNING, "%s/config.json: says \"tie_word_embeddings\" both true and "
                   "false, on two levels", v->path);
    else if (flag.said_false && !model->head && otx__class_has_head(&v->config))
        otx__found(v, OTX_FAULT, "%s/config.json: says \"tie_word_embeddings\": false, but "
                   "there is no output head", v->path);
    if (flag.said_true && model->head && !model->tied &&
        !otx__name_ends(model->head->tensor, "decoder", "weight"))
        otx__found(v, OTX_FAULT, "%s/config.json: says \"tie_word_embeddings\": true, but "
                   "tensor %s differs from the embedding", v->path,
                   otx__tensor_text(tensor, model->head->tensor));
}

/* ---- values ---- */

/* What is told of the rows of one tensor. */
typedef struct otx__row_count {
    uint64_t bad, first_bad;   /* not finite */
    uint64_t zero, first_zero; /* zeros only */
} otx__row_count;

/* Looks at one row. */
OTX__PRIVATE void otx__row_count_add(otx__row_count *count, uint64_t row, const char *data,
                                     otx_dtype dtype, size_t columns)
{
    const size_t size = otx_dtype_bits(dtype) / 8;
    float values[256];
    bool zero = true;
    size_t i, j;
    if (!otx__row_is_finite(data, dtype, columns)) {
        if (count->bad++ == 0) count->first_bad = row;
        return;
    }
    for (i = 0; i < columns && zero; i += OTX__COUNT(values)) {
        size_t part = otx__min(columns - i, OTX__COUNT(values));
        otx_to_float(values, data + i * size, dtype, part);
        for (j = 0; j < part && zero; j++) zero = values[j] == 0;
    }
    if (zero && count->zero++ == 0) count->first_zero = row;
}

/* Reads a tensor in blocks of rows; a bias is one element a row. */
OTX__PRIVATE otx_result otx__verify_read(otx__verifier *v, const otx__model_tensor *what,
                                         otx__row_count *count, otx_error *error)
{
    const otx_tensor *tensor = what->at->tensor;
    const size_t columns = what->part == OTX__PART_BIAS ? 1 : (size_t)tensor->shape[1];
    const uint64_t rows = what->rows;
    size_t row_size, step, i, some;
    otx_result result = OTX_OK;
    uint64_t row;
    char *data;
    if (!otx__mul(columns, otx_dtype_bits(tensor->dtype) / 8, &row_size))
        return otx__fail_memory(error, UINT64_MAX);
    step = otx__max(OTX__READ_BLOCK / row_size, 1);
    if (step > rows) step = (size_t)rows;
    data = (char *)otx__alloc(&v->ctx, step, row_size);
    if (!data) return otx__fail_memory(error, (uint64_t)step * row_size);
    for (row = 0; row < rows && !result; row += some) {
        some = rows - row < step ? (size_t)(rows - row) : step;
        result = otx_checkpoint_read(&v->checkpoint, what->at, row * columns, some * columns,
                                     data, error);
        for (i = 0; i < some && !result; i++)
            otx__row_count_add(count, row + i, data + i * row_size, tensor->dtype, columns);
        if (!result)
            result = otx__poll(&v->ctx, OTX_STAGE_READ, tensor->name,
                               (row + some) * row_size, rows * row_size, error);
    }
    otx__free(&v->ctx, data, step, row_size);
    return result;
}

OTX__PRIVATE void otx__verify_tensor(otx__verifier *v, const otx__model_tensor *what)
{
    const otx__model *model = &v->model;
    bool sampled = what->part == OTX__PART_HEAD ||
                   (what->at == model->embedding && model->tied &&
                    otx__class_has_head(&v->config));
    char tensor[OTX__TENSOR_TEXT], token[OTX__QUOTED];
    otx__row_count count;
    otx_error error;
    memset(&count, 0, sizeof count);
    if (!otx__verify_take(v, otx__verify_read(v, what, &count, &error), &error)) return;
    otx__tensor_text(tensor, what->at->tensor);
    if (count.bad)
        otx__found(v, OTX_FAULT, "%s: tensor %s: %" PRIu64 " rows hold a NaN, an infinity or a "
                   "value beyond 32-bit float, the first %" PRIu64 " (token \"%s\")", v->path,
                   tensor, count.bad, count.first_bad,
                   otx__content_text(token, &v->vocab, count.first_bad));
    if (count.zero && sampled)
        otx__found(v, OTX_WARNING, "%s: tensor %s: %" PRIu64 " rows are zeros, the first "
                   "%" PRIu64 " (token \"%s\"): they score 0, which may be the most, and can "
                   "be sampled", v->path, tensor, count.zero, count.first_zero,
                   otx__content_text(token, &v->vocab, count.first_zero));
}

/* ---- as a draft model for another ---- */

/* What is read of the model to draft for. */
typedef struct otx__target {
    otx_vocab vocab;
    otx__document config, tokenizer;
    uint64_t rows; /* what config.json says */
} otx__target;

/* A flag of tokenizer_config.json; where it is silent, what llama.cpp takes for a
   SentencePiece vocabulary (bos yes) and others (no). */
OTX__PRIVATE bool otx__adds(const otx__document *tokenizer, const otx_vocab *vocab,
                            const char *key, bool silent)
{
    uint32_t node = otx_json_find(&tokenizer->json, otx__document_root(tokenizer), key);
    otx_json_type type = otx_json_type_of(&tokenizer->json, node);
    if (type == OTX_JSON_TRUE || type == OTX_JSON_FALSE) return type == OTX_JSON_TRUE;
    return silent && vocab->family == OTX_FAMILY_METASPACE;
}

/* The tokens at both ends of a text. */
OTX__PRIVATE void otx__verify_draft_end(otx__verifier *v, const otx__target *target,
                                        otx_role role, const char *key)
{
    bool silent = role == OTX_ROLE_BOS;
    bool ours = otx__adds(&v->tokenizer, &v->vocab, key, silent);
    bool theirs = otx__adds(&target->tokenizer, &target->vocab, key, silent);
    int64_t id = v->vocab.roles[role], other = target->vocab.roles[role];
    if (ours != theirs)
        otx__found(v, OTX_FAULT, "draft: the tokenizer %s %s to its texts and the target's %s; "
                   "llama.cpp refuses the pair", ours ? "adds" : "does not add",
                   otx_role_name(role), theirs ? "does" : "does not");
    else if (id != other)
        otx__found(v, ours ? OTX_FAULT : OTX_WARNING, "draft: %s is %" PRId64
                   ", the target's is %" PRId64 "%s", otx_role_name(role), id, other,
                   ours ? "; llama.cpp refuses the pair" : "");
}

/* llama.cpp compares tokens from this id on, and lets sizes differ by so much. */
#define OTX__DRAFT_FIRST 5
#define OTX__DRAFT_SLACK 128

/* Compares the tokens of some ids. */
OTX__PRIVATE void otx__verify_draft_tokens(otx__verifier *v, const otx__target *target,
                                           size_t begin, size_t end, otx_severity severity)
{
    const otx_vocab *ours = &v->vocab, *theirs = &target->vocab;
    char token[OTX__QUOTED], other[OTX__QUOTED];
    size_t i, different = 0, first = 0;
    for (i = end; i-- > begin;) {
        bool here = otx__vocab_has(ours, i), there = otx__vocab_has(theirs, i);
        if (here == there &&
            (!here || otx__same_bytes(ours->tokens[i].content, ours->tokens[i].content_size,
                                      theirs->tokens[i].content,
                                      theirs->tokens[i].content_size)))
            continue;
        first = i;
        different++;
    }
    if (different)
        otx__found(v, severity, "draft: %" PRIu64 " ids from %" PRIu64 " on stand for other "
                   "tokens than the target's, the first %" PRIu64 ": \"%s\", the target's "
                   "\"%s\"", (uint64_t)different, (uint64_t)begin, (uint64_t)first,
                   otx__content_text(token, ours, first),
                   otx__content_text(other, theirs, first));
}

OTX__PRIVATE void otx__verify_draft_pair(otx__verifier *v, const otx__target *target)
{
    uint64_t rows = v->model.embedding ? v->model.rows : 0, apart;
    size_t count = otx__max(v->vocab.count, target->vocab.count);
    if (v->vocab.family != target->vocab.family ||
        strcmp(otx__word(v->vocab.model), otx__word(target->vocab.model)) != 0)
        otx__found(v, OTX_FAULT, "draft: the vocabulary is %s %s, the target's %s %s; "
                   "llama.cpp refuses the pair", otx_family_name(v->vocab.family),
                   otx__word(v->vocab.model), otx_family_name(target->vocab.family),
                   otx__word(target->vocab.model));
    otx__verify_draft_end(v, target, OTX_ROLE_BOS, "add_bos_token");
    otx__verify_draft_end(v, target, OTX_ROLE_EOS, "add_eos_token");
    otx__verify_draft_tokens(v, target, 0, otx__min(count, OTX__DRAFT_FIRST), OTX_WARNING);
    otx__verify_draft_tokens(v, target, OTX__DRAFT_FIRST, count, OTX_FAULT);
    if (rows == 0 || target->rows == 0 || rows == target->rows) return;
    apart = rows > target->rows ? rows - target->rows : target->rows - rows;
    otx__found(v, OTX_FAULT, "draft: \"vocab_size\" is %" PRIu64 ", the target's %" PRIu64
               "; vLLM wants them equal%s", rows, target->rows,
               apart > OTX__DRAFT_SLACK ? ", llama.cpp at most 128 apart" : "");
}

OTX__PRIVATE void otx__verify_draft(otx__verifier *v)
{
    const char *path = v->options->draft_for;
    otx__target target;
    otx_error error;
    otx_result result;
    if (v->failure || !path || !v->vocab.tokens) return;
    memset(&target, 0, sizeof target);
    result = otx_vocab_open(&v->ctx, path, &target.vocab, &error);
    if (!result)
        result = otx__document_open(&v->ctx, path, "config.json", &target.config, &error);
    if (!result)
        result = otx__document_open(&v->ctx, path, "tokenizer_config.json", &target.tokenizer,
                                    &error);
    if (otx__verify_take(v, result, &error)) {
        (void)otx__config_says(&target.config, "vocab_size", UINT64_MAX, &target.rows);
        otx__verify_draft_pair(v, &target);
    }
    otx__document_close(&v->ctx, &target.tokenizer);
    otx__document_close(&v->ctx, &target.config);
    otx_vocab_close(&v->ctx, &target.vocab);
}

/* ---- the whole ---- */

OTX__PRIVATE void otx__verify_close(otx__verifier *v)
{
    otx_checkpoint_close(&v->ctx, &v->checkpoint);
    otx_vocab_close(&v->ctx, &v->vocab);
    otx__document_close(&v->ctx, &v->tokenizer);
    otx__document_close(&v->ctx, &v->generation);
    otx__document_close(&v->ctx, &v->config);
}

OTX_API otx_result otx_verify(const otx_context *ctx, const char *path,
                              const otx_verify_options *options, otx_verify_summary *summary,
                              otx_error *error)
{
    otx_verify_options none;
    otx__verifier v;
    otx__status status;
    otx_result result = otx__model_status(path, &status, error);
    char name[OTX__PATH_TEXT];
    size_t i;
    if (result) return result;
    if (!status.directory)
        return otx__fail(error, OTX_ERROR_ARGUMENT, "%s: is not a directory",
                         otx__path_text(name, path));
    memset(&none, 0, sizeof none);
    memset(&v, 0, sizeof v);
    if (ctx) v.quiet = *ctx;
    v.ctx = v.quiet;
    v.ctx.log = otx__verify_log;
    v.ctx.log_context = &v;
    v.options = options ? options : &none;
    v.path = path;
    v.error = error;
    otx__verify_open(&v);
    otx__verify_index(&v);
    otx__verify_listing(&v);
    otx__verify_rows(&v);
    otx__verify_ids(&v);
    otx__verify_tie(&v);
    for (i = 0; v.model.embedding && i < v.model.tensor_count && !v.failure; i++)
        otx__verify_tensor(&v, &v.model.tensors[i]);
    otx__verify_draft(&v);
    otx__verify_close(&v);
    if (summary && !v.failure) *summary = v.summary;
    return v.failure;
}
