/* otx_verify on GGUF files: a good one, and one spoiled for each thing that it looks for; and
   pairs of a draft and a target.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "gguf_text.h"
#include "failing.h"
#include "scratch.h"
#include "test.h"

static otx_error error;
static char findings[8192]; /* a line each: E, W or N, a space, the message */

/* ---- a good file, and what a test may change of it ---- */

enum { BYTES = 256, AB = 256, BOS, EOS, END, TOKENS };

static struct {
    const char *kind, *pre; /* pre NULL: no such key */
    const char *texts[300];
    int types[300];
    size_t count, type_count, scores; /* scores 0: no such key */
    const char *merges;               /* likewise NULL */
    const char *template_text;
    int bos, eos, pad, unk;           /* ids; -1: no such key */
    int add_bos, add_eos;             /* likewise */
    int suppressed;                   /* an id */
    uint32_t vocab_size;
    uint64_t rows, head_rows;         /* 0: no such tensor */
    uint64_t d2t;                     /* elements; likewise */
    float first, zero_row;            /* of the embedding; whether the head's last row is zeros */
} w;

/* The characters of GPT-2's alphabet, and <0xNN>. */
static char alphabet[BYTES][4], hex_names[BYTES][8];

static void make_alphabet(void)
{
    unsigned byte, next = 0x100;
    for (byte = 0; byte < BYTES; byte++) {
        unsigned code = byte;
        if (byte <= 0x20 || (byte >= 0x7f && byte <= 0xa0) || byte == 0xad) code = next++;
        if (code < 0x80) alphabet[byte][0] = (char)code;
        else {
            alphabet[byte][0] = (char)(0xc0 | code >> 6);
            alphabet[byte][1] = (char)(0x80 | (code & 0x3f));
        }
        (void)snprintf(hex_names[byte], sizeof hex_names[byte], "<0x%02X>", byte);
    }
}

static void good(void)
{
    size_t i;
    memset(&w, 0, sizeof w);
    w.kind = "gpt2";
    w.pre = "gpt-2";
    for (i = 0; i < TOKENS; i++) w.types[i] = i <= AB ? 1 : 3;
    for (i = 0; i < BYTES; i++) w.texts[i] = alphabet[i];
    w.texts[AB] = "ab";
    w.texts[BOS] = "<s>";
    w.texts[EOS] = "</s>";
    w.texts[END] = "<|end|>";
    w.count = w.type_count = w.vocab_size = TOKENS;
    w.rows = w.head_rows = TOKENS;
    w.merges = "a b";
    w.template_text = "{{ '<|end|>' }}{% for m in messages %}<|{{ m['role'] }}|>{% endfor %}";
    w.bos = BOS;
    w.eos = EOS;
    w.pad = w.unk = w.add_bos = w.add_eos = -1;
    w.first = 1.0f;
}

/* The same as SentencePiece has it. */
static void good_pieces(void)
{
    size_t i;
    good();
    w.kind = "llama";
    w.pre = w.merges = NULL;
    for (i = 0; i < BYTES; i++) {
        w.texts[i] = hex_names[i];
        w.types[i] = 6;
    }
    w.scores = TOKENS;
}

static void put_id(const char *name, int id)
{
    if (id >= 0) gguf_u32(name, (uint32_t)id);
}

/* What d2t holds. */
static int64_t targets[300];

static void put_tensors(void)
{
    enum { COLUMNS = 4 };
    static float rows[300 * COLUMNS];
    size_t i;
    for (i = 0; i < COUNT(rows); i++) rows[i] = 1.0f;
    rows[0] = w.first;
    if (w.rows)
        gguf_add_tensor("token_embd.weight", w.rows, COLUMNS, 0, rows,
                        (size_t)w.rows * COLUMNS * sizeof *rows);
    rows[0] = 2.0f;
    for (i = 0; w.zero_row > 0 && i < COLUMNS; i++)
        rows[((size_t)w.head_rows - 1) * COLUMNS + i] = 0.0f;
    if (w.head_rows)
        gguf_add_tensor("output.weight", w.head_rows, COLUMNS, 0, rows,
                        (size_t)w.head_rows * COLUMNS * sizeof *rows);
    if (w.d2t) gguf_add_tensor("d2t", 0, w.d2t, 27, targets, (size_t)w.d2t * sizeof *targets);
}

static void make(const char *path)
{
    gguf_begin(w.kind);
    if (w.pre) gguf_text_key("tokenizer.ggml.pre", w.pre);
    gguf_token_table(w.texts, w.types, w.count, w.type_count);
    if (w.scores) gguf_scores(w.scores);
    if (w.merges) gguf_merges(w.merges);
    put_id("tokenizer.ggml.bos_token_id", w.bos);
    put_id("tokenizer.ggml.eos_token_id", w.eos);
    put_id("tokenizer.ggml.padding_token_id", w.pad);
    put_id("tokenizer.ggml.unknown_token_id", w.unk);
    if (w.add_bos >= 0) gguf_bool("tokenizer.ggml.add_bos_token", w.add_bos);
    if (w.add_eos >= 0) gguf_bool("tokenizer.ggml.add_eos_token", w.add_eos);
    gguf_array("tokenizer.ggml.suppress_tokens", 5, 1);
    gguf_put((uint32_t)w.suppressed, 4);
    gguf_text_key("tokenizer.chat_template", w.template_text);
    gguf_u32("llama.vocab_size", w.vocab_size);
    put_tensors();
    gguf_end();
    scratch_write(path, gguf.file, gguf.size);
}

/* ---- findings ---- */

static void keep(void *context, otx_severity severity, const char *message)
{
    size_t used = strlen(findings);
    (void)context;
    (void)snprintf(findings + used, sizeof findings - used, "%c %s\n",
                   severity == OTX_FAULT ? 'E' : severity == OTX_WARNING ? 'W' : 'N', message);
}

static const char *verify(const char *path, const char *target, otx_engine engine)
{
    otx_verify_options options;
    memset(&options, 0, sizeof options);
    findings[0] = 0;
    options.finding = keep;
    options.draft_for = target;
    options.engine = engine;
    if (otx_verify(NULL, path, &options, NULL, &error)) return error.message;
    return findings;
}

/* Checks that the file has one finding and no more, of that kind, with that in it. */
static void one(char severity, const char *part)
{
    const char *seen;
    make("file.gguf");
    seen = verify(at("file.gguf"), NULL, OTX_ENGINE_ALL);
    CHECK(*seen == severity);
    CHECK_CONTAINS(seen, part);
    CHECK_STRING(strchr(seen, '\n') ? strchr(seen, '\n') + 1 : "no line", "");
}

static void nothing(void)
{
    make("file.gguf");
    CHECK_STRING(verify(at("file.gguf"), NULL, OTX_ENGINE_ALL), "");
}

static void good_files(void)
{
    good();
    nothing();
    w.head_rows = 0; /* tied */
    nothing();
    good_pieces();
    nothing();
    good();
    w.types[END] = 4;
    w.texts[w.count] = "[PAD260]";
    w.types[w.count++] = 5;
    w.rows = w.head_rows = w.type_count = w.count;
    w.vocab_size = (uint32_t)w.count;
    nothing();
    scratch_directory("d");
    make("d/model.gguf");
    CHECK_STRING(verify(at("d"), NULL, OTX_ENGINE_ALL), "");
    CHECK_CONTAINS(verify(at("no"), NULL, OTX_ENGINE_ALL), "cannot be opened");
    scratch_text("text", "text");
    CHECK_CONTAINS(verify(at("text"), NULL, OTX_ENGINE_ALL), "neither a directory nor a GGUF");
}

/* ---- one by one ---- */

static void rows(void)
{
    good();
    w.rows = w.head_rows = TOKENS - 1;
    make("file.gguf");
    CHECK_CONTAINS(verify(at("file.gguf"), NULL, OTX_ENGINE_ALL),
                   "tensor \"token_embd.weight\" [259, 4] has 259 rows for 260 tokens");
    CHECK_CONTAINS(findings, "tensor \"output.weight\" [259, 4] has 259 rows for 260 tokens");
    good();
    w.rows = 0;
    w.head_rows = 0;
    one('W', "holds no tensors, a vocabulary alone");
    w.head_rows = TOKENS;
    make("file.gguf");
    CHECK_CONTAINS(verify(at("file.gguf"), NULL, OTX_ENGINE_ALL),
                   "file.gguf: has no tensor \"token_embd.weight\"");
    good();
    w.vocab_size = 300;
    one('W', "key llama.vocab_size is 300; there are 260 tokens");
}

static void strings(void)
{
    good();
    w.texts[END] = "</s>";
    w.template_text = "";
    one('E', "1 tokens have the string of another, the first \"</s>\", of the ids 258 and 259");
    good();
    w.texts[AB] = "";
    w.merges = "";
    one('W', "1 tokens are empty, the first of the id 256");
}

/* Types that are floats are told once, and no number is made up for them. */
static void types_of_floats(void)
{
    static const char name[] = "tokenizer.ggml.token_type";
    size_t i = 0;
    good();
    make("file.gguf");
    while (memcmp(gguf.file + i, name, sizeof name - 1) != 0) i++;
    gguf.file[i + sizeof name - 1 + 4] = 6; /* behind the type of the key */
    scratch_write("file.gguf", gguf.file, gguf.size);
    CHECK_CONTAINS(verify(at("file.gguf"), NULL, OTX_ENGINE_ALL), name);
    CHECK(!strstr(findings, "are of no type"));
}

static void types(void)
{
    good();
    w.types[AB] = 0;
    one('E', "1 tokens are of no type from 1 to 6, the first of the id 256 (type 0)");
    w.types[AB] = 7;
    one('E', "(type 7)");
    good();
    w.type_count = TOKENS - 1;
    make("file.gguf");
    CHECK_CONTAINS(verify(at("file.gguf"), NULL, OTX_ENGINE_ALL),
                   "/file.gguf: key tokenizer.ggml.token_type has 259 elements for 260 tokens");
    w.type_count = 0;
    make("file.gguf");
    CHECK_CONTAINS(verify(at("file.gguf"), NULL, OTX_ENGINE_ALL),
                   "file.gguf: there is no key tokenizer.ggml.token_type: all tokens are taken for "
                   "text, special ones too");
    types_of_floats();
}

static void scores_and_merges(void)
{
    good_pieces();
    w.scores = 0;
    one('E', "there is no key tokenizer.ggml.scores");
    good();
    w.merges = NULL;
    one('E', "there is no key tokenizer.ggml.merges");
    w.pre = "kimi-k2";
    nothing();
    good();
    w.merges = "a b|a c";
    one('E', "of 1 merges a part, or what they make, is no token, the first 1, \"a c\"");
    w.merges = "ax b";
    one('E', "the first 0, \"ax b\"");
    w.merges = "a xb";
    one('E', "the first 0, \"a xb\"");
    w.merges = "ab";
    one('E', "the first 0, \"ab\"");
    good_pieces(); /* merges are of U+2581, where the converter wrote spaces out */
    w.kind = "gemma4";
    w.texts[w.count] = " ";
    w.texts[w.count + 1] = "a";
    w.texts[w.count + 2] = " a";
    w.count += 3;
    w.types[w.count - 3] = w.types[w.count - 2] = w.types[w.count - 1] = 1;
    w.rows = w.head_rows = w.type_count = w.count;
    w.scores = w.count;
    w.vocab_size = (uint32_t)w.count;
    w.merges = "\xe2\x96\x81 a";
    make("file.gguf");
    CHECK(!strstr(verify(at("file.gguf"), NULL, OTX_ENGINE_ALL), "merges"));
    w.merges = "\xe2\x96\x81 b";
    make("file.gguf");
    CHECK_CONTAINS(verify(at("file.gguf"), NULL, OTX_ENGINE_ALL), "of 1 merges a part");
}

static void ids(void)
{
    good();
    w.pad = TOKENS;
    one('E', "key tokenizer.ggml.padding_token_id is 260; there are 260 tokens");
    w.pad = AB;
    one('W', "key tokenizer.ggml.padding_token_id is 256 (token \"ab\"), which is of type 1, not");
    good();
    w.bos = 44; /* a comma: what llama.cpp takes where no key tells */
    one('W', "key tokenizer.ggml.bos_token_id is 44");
    good();
    w.suppressed = -5;
    one('W', "key tokenizer.ggml.suppress_tokens has 1 ids without a token, the first -5");
    good();
    w.bos = -1;
    nothing();
    w.add_bos = 1;
    one('W', "texts are to get bos, and there is no key tokenizer.ggml.bos_token_id: llama.cpp "
             "takes 11");
    w.pre = "glm4";
    one('W', "texts are to get bos, and no key says which token that is");
}

static void all_bytes(void)
{
    good();
    w.texts[4] = "x4";
    one('W', "no token stands for 1 of the bytes of UTF-8, the first 0x04");
    good();
    w.texts[0xff] = "xff"; /* no byte of UTF-8 */
    nothing();
    good_pieces();
    w.texts[9] = "x9";
    w.types[9] = 1;
    one('E', "no token stands for 1 of the bytes of UTF-8, the first 0x09");
}

static void pre_tokenizers(void)
{
    good();
    w.pre = NULL;
    one('W', "there is no key tokenizer.ggml.pre");
    w.pre = "gpt-9";
    one('W', "tokenizer.ggml.pre is \"gpt-9\", which llama.cpp of August 2026 does not know");
}

static void templates(void)
{
    good();
    w.template_text = "<|end|><|begin|>[INST]<|begin|>";
    one('W', "key tokenizer.chat_template names 2 times what looks like a token and is none, first "
             "\"<|begin|>\"");
}

static void values(void)
{
    const uint32_t bits = 0x7f800000;
    good();
    memcpy(&w.first, &bits, sizeof bits);
    one('E', "tensor \"token_embd.weight\" [260, 4]: 1 rows hold a NaN, an infinity");
    good();
    w.zero_row = 1;
    one('W', "tensor \"output.weight\" [260, 4]: 1 rows are zeros, the first 259 (token "
             "\"<|end|>\")");
}

static void headers(void)
{
    good();
    make("file.gguf");
    gguf.tensors[1].begin += 32;
    gguf_end();
    scratch_write("file.gguf", gguf.file, gguf.size);
    CHECK(*verify(at("file.gguf"), NULL, OTX_ENGINE_ALL) == 'E');
    CHECK_CONTAINS(findings, "output.weight");
    good();
    w.kind = "none";
    make("file.gguf");
    CHECK_CONTAINS(verify(at("file.gguf"), NULL, OTX_ENGINE_ALL), "holds no vocabulary");
}

/* A head of a draft has rows for some tokens of the target. */
static void trimmed_heads(void)
{
    size_t i;
    good();
    for (i = 0; i < 18; i++) targets[i] = (int64_t)i * 2 + (i > 15 ? EOS - 32 : 0);
    w.head_rows = w.d2t = 17;
    one('W', "rows for 17 of");
    CHECK_CONTAINS(findings, "llama.cpp reads of EAGLE-3 and DFlash drafts; this one is \"llama\"");
    targets[1] = targets[0];
    make("file.gguf");
    CHECK_CONTAINS(verify(at("file.gguf"), NULL, OTX_ENGINE_ALL),
                   "rows before them are of, the first 1");
    CHECK_CONTAINS(findings, "; in GGUF it holds the id itself");
    targets[1] = -1;
    targets[2] = TOKENS;
    targets[3] = INT64_MAX;
    make("file.gguf");
    CHECK_CONTAINS(verify(at("file.gguf"), NULL, OTX_ENGINE_ALL),
                   "3 rows are of no id below");
    CHECK_CONTAINS(findings, "the first 1 by -1");
    for (i = 0; i < 18; i++) targets[i] = (int64_t)i;
    w.d2t = 18;
    make("file.gguf");
    CHECK_CONTAINS(verify(at("file.gguf"), NULL, OTX_ENGINE_ALL),
                   "has 17 rows for 18 elements of d2t");
}

/* ---- drafts ---- */

/* What is said of the file as a draft for target.gguf. */
static const char *draft(otx_engine engine)
{
    const char *line;
    make("draft.gguf");
    line = strstr(verify(at("draft.gguf"), at("target.gguf"), engine), "draft: ");
    return line ? line - 2 : findings;
}

static void pairs(void)
{
    good();
    make("target.gguf");
    CHECK_STRING(draft(OTX_ENGINE_ALL), "N draft: llama.cpp takes the pair\n");
    w.add_bos = 1;
    CHECK_STRING(draft(OTX_ENGINE_ALL), "E draft: llama.cpp refuses the pair: the tokenizer adds "
                 "bos to its texts and the target's does not\n");
    good();
    w.bos = EOS; /* not added: does not matter */
    CHECK_STRING(draft(OTX_ENGINE_ALL), "N draft: llama.cpp takes the pair\n");
    good();
    w.texts[3] = "w3"; /* below 5: does not matter */
    w.texts[AB] = "cd";
    w.merges = "c d";
    CHECK_STRING(draft(OTX_ENGINE_LLAMA_CPP), "E draft: llama.cpp refuses the pair: 1 ids from 5 "
                 "on stand for other tokens than the target's, the first 256: \"cd\", the "
                 "target's \"ab\"\n");
    good();
    w.count = w.type_count = w.rows = w.head_rows = TOKENS - 129;
    w.merges = w.template_text = "";
    w.bos = w.eos = 0;
    CHECK_CONTAINS(draft(OTX_ENGINE_ALL), "is 131, the target's 260, and at most 128");
    good();
    CHECK_STRING(draft(OTX_ENGINE_VLLM), "N draft: vllm takes the pair\n");
}

static void flags_of_pairs(void)
{
    good();
    w.add_eos = w.add_bos = 1;
    make("target.gguf");
    CHECK_STRING(draft(OTX_ENGINE_ALL), "N draft: llama.cpp takes the pair\n");
    w.bos = EOS;
    CHECK_CONTAINS(draft(OTX_ENGINE_ALL), "bos is 258, the target's is 257");
    w.bos = BOS;
    w.eos = END;
    CHECK_CONTAINS(draft(OTX_ENGINE_ALL), "eos is 259, the target's is 258");
    w.eos = EOS;
    w.add_eos = -1;
    CHECK_CONTAINS(draft(OTX_ENGINE_ALL), "does not add eos to its texts and the target's does");
    good();
    w.pre = "llama-bpe"; /* adds bos unless a key forbids it */
    make("target.gguf");
    w.pre = "gpt-2";
    CHECK_CONTAINS(draft(OTX_ENGINE_ALL), "does not add bos to its texts and the target's does");
    good_pieces();
    CHECK_CONTAINS(draft(OTX_ENGINE_ALL), "the vocabulary is SPM (metaspace BPE), the target's "
                   "BPE");
}

/* A target with the directory's tokens, to which more may be put before it ends. */
static void begin_target(const char *architecture)
{
    gguf_begin(architecture);
    gguf_tokens("1 a|3 <s>|4   |1 c|1 d|6 <0x41>|4  x");
}

static void end_target(void)
{
    gguf_bool("tokenizer.ggml.add_bos_token", 0);
    gguf_end();
    scratch_write("target.gguf", gguf.file, gguf.size);
}

/* A directory beside a GGUF file: its tokens are compared by what they stand for. */
static void pairs_with_directories(void)
{
    const char *json =
        "{\"added_tokens\":[{\"id\":2,\"content\":\"  \",\"special\":false}],"
        "\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\"},"
        "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"<s>\":1,\"c\":3,\"d\":4,"
        "\"\xe2\x96\x81\xe2\x96\x81\":2,\"<0x41>\":5,\"\xe2\x96\x81x\":6},\"merges\":[]}}";
    scratch_directory("model");
    scratch_text("model/tokenizer.json", json);
    scratch_text("model/config.json", "{\"vocab_size\":7}");
    scratch_text("model/tokenizer_config.json", "{\"add_bos_token\":false}");
    begin_target("llama");
    gguf_scores(7);
    end_target();
    CHECK_CONTAINS(verify(at("model"), at("target.gguf"), OTX_ENGINE_ALL),
                   "N draft: llama.cpp takes the pair");
    CHECK(!strstr(findings, "vllm"));
    CHECK_CONTAINS(verify(at("target.gguf"), at("model"), OTX_ENGINE_ALL),
                   "N draft: llama.cpp takes the pair");
    /* What a directory becomes may be another kind of the same model: gemma4 begins texts. */
    begin_target("gemma4");
    gguf_merges("a c");
    end_target();
    CHECK_CONTAINS(verify(at("model"), at("target.gguf"), OTX_ENGINE_ALL),
                   "the tokenizer does not add bos to its texts and the target's does\n");
    CHECK(!strstr(findings, "the vocabulary is"));
    begin_target("bert");
    end_target();
    CHECK_CONTAINS(verify(at("model"), at("target.gguf"), OTX_ENGINE_ALL),
                   "the vocabulary is SPM (metaspace BPE), the target's WPM (wordpiece WordPiece)");
}

/* Each allocation fails in turn. */
static void out_of_memory(void)
{
    otx_context ctx;
    failing state;
    otx_result result;
    long i;
    good();
    make("file.gguf");
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    for (i = 1;; i++) {
        memset(&state, 0, sizeof state);
        state.fail_at = i;
        result = otx_verify(&ctx, at("file.gguf"), NULL, NULL, &error);
        CHECK_INT(state.live, 0);
        CHECK_INT(state.wrong_size, 0);
        if (result != OTX_ERROR_MEMORY) break;
    }
    CHECK_INT(result, OTX_OK);
    CHECK(i > 20 && state.requests < i);
}

int main(void)
{
    scratch_open("verify-gguf");
    make_alphabet();
    RUN(good_files);
    RUN(rows);
    RUN(strings);
    RUN(types);
    RUN(scores_and_merges);
    RUN(ids);
    RUN(all_bytes);
    RUN(pre_tokenizers);
    RUN(templates);
    RUN(values);
    RUN(headers);
    RUN(trimmed_heads);
    RUN(pairs);
    RUN(flags_of_pairs);
    RUN(pairs_with_directories);
    RUN(out_of_memory);
    scratch_close();
    return test_end();
}
