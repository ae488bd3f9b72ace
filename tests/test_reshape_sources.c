/* Vocabularies of other kinds than tokenizer.json cut down, and GGUF files grown: what the files
   become to the byte, what is refused, hostile files, memory. tests/reshape_sources.py and
   tests/reshape_gguf.py hold real ones to the packages.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "failing.h"
#include "gguf_text.h"
#include "scratch.h"
#include "small_models.h"
#include "test.h"

static otx_error error;

static double row_value(size_t row, size_t column) { return (double)(row * 4 + column); }

/* A model of so many rows without a tokenizer. */
static void write_rows(size_t rows)
{
    static const char *const none[] = {"a"};
    static char config[128];
    model m;
    memset(&m, 0, sizeof m);
    m.tokens = none;
    m.token_count = 1;
    snprintf(config, sizeof config, "{\"hidden_size\": 3, \"tie_word_embeddings\": false, "
             "\"vocab_size\": %d}", (int)rows);
    m.config = config;
    add_tensor(&m, "model.embed_tokens.weight", OTX_F32, rows, 3, row_value, 0);
    add_tensor(&m, "lm_head.weight", OTX_F32, rows, 3, row_value, 0);
    scratch_remove_tree("out");
    write_model("base", &m);
    scratch_remove(path_of("base", "tokenizer.json"));
}

static otx_result trim_to(const otx_context *ctx, const char *base, const char *out,
                          const char *keep, otx_trim_summary *summary)
{
    otx_trim_options options;
    memset(&options, 0, sizeof options);
    options.tokens = &keep;
    options.token_count = keep != NULL;
    return otx_trim(ctx, at(base), at(out), &options, summary, &error);
}

static otx_result trim(const char *keep)
{
    scratch_remove_tree("out");
    return trim_to(NULL, "base", "out", keep, NULL);
}

/* Which old rows the new ones are; -1: none. */
static void check_rows(const int *old, size_t count, size_t rows)
{
    otx_checkpoint checkpoint;
    const otx_checkpoint_tensor *tensor;
    float row[3];
    size_t i;
    CHECK_INT(otx_checkpoint_open(NULL, at("out"), &checkpoint, &error), OTX_OK);
    tensor = otx_checkpoint_find(&checkpoint, "lm_head.weight");
    CHECK(tensor != NULL);
    if (tensor) CHECK_INT(tensor->tensor->shape[0], rows);
    for (i = 0; tensor && i < count; i++) {
        if (old[i] < 0) continue;
        CHECK_INT(otx_checkpoint_read(&checkpoint, tensor, i * 3, 3, row, &error), OTX_OK);
        CHECK(row[1] == (float)row_value((size_t)old[i], 1));
    }
    otx_checkpoint_close(NULL, &checkpoint);
}

/* ---- SentencePiece ---- */

/* A protobuf message that is being made; messages in it are made in others. */
typedef struct message {
    char bytes[2048];
    size_t size;
} message;

static void put_varint(message *to, uint64_t value)
{
    for (; value > 0x7f; value >>= 7) to->bytes[to->size++] = (char)(0x80 | (value & 0x7f));
    to->bytes[to->size++] = (char)value;
}

static void put_field(message *to, unsigned number, uint64_t value)
{
    put_varint(to, (uint64_t)number << 3);
    put_varint(to, value);
}

static void put_sized(message *to, unsigned number, const void *bytes, size_t size)
{
    put_varint(to, (uint64_t)number << 3 | 2);
    put_varint(to, size);
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

static void put_piece(message *to, const char *text, float score, unsigned type)
{
    message piece;
    unsigned char bytes[4];
    uint32_t bits;
    unsigned i;
    memset(&piece, 0, sizeof piece);
    memcpy(&bits, &score, sizeof bits);
    for (i = 0; i < 4; i++) bytes[i] = (unsigned char)(bits >> 8 * i & 0xff);
    put_sized(&piece, 1, text, strlen(text));
    put_varint(&piece, 2 << 3 | 5);
    memcpy(piece.bytes + piece.size, bytes, 4);
    piece.size += 4;
    if (type != 1) put_field(&piece, 3, type);
    put_sized(to, 1, piece.bytes, piece.size);
}

/* The trainer's message: "BPE" or Unigram, so many pieces, the unknown one's place, and where
   they are said those of bos and eos, which are else 1 and 2. */
static void put_trainer(message *to, unsigned kind, unsigned count, unsigned unk, int bos, int eos)
{
    message trainer;
    memset(&trainer, 0, sizeof trainer);
    put_field(&trainer, 3, kind);
    put_field(&trainer, 4, count);
    put_field(&trainer, 99, 1234567);
    put_field(&trainer, 40, unk);
    put_sized(&trainer, 98, "odd", 3);
    if (bos >= 0) put_field(&trainer, 41, (unsigned)bos);
    if (eos >= 0) put_field(&trainer, 42, (unsigned)eos);
    put_sized(to, 2, trainer.bytes, trainer.size);
}

static const struct {
    const char *text;
    unsigned type;
} pieces[] = {{"ab", 1}, {"<s>", 3}, {"</s>", 3}, {"<unk>", 2}, {"a", 1}, {"b", 1},
              {"abab", 1}, {"<mine>", 4}, {"\xe2\x96\x81", 1}, {"ba", 5}};

/* Those whose letter stands in `which`, A for the first; all with what stands around them. */
static message pieces_file(unsigned kind, const char *which, unsigned unk, int bos, int eos,
                           bool samples)
{
    message file;
    memset(&file, 0, sizeof file);
    put_sized(&file, 200, "strange", 7);
    for (; *which; which++) {
        const int i = *which - 'A';
        put_piece(&file, pieces[i].text, -(float)i, pieces[i].type);
        if (*which == 'D') put_trainer(&file, kind, kind == 2 ? 10 : 9, unk, bos, eos);
    }
    put_sized(&file, 3, "\x18\x01", 2);
    if (samples) put_sized(&file, 4, "\x0a\x08\x0a\x02" "ab\x12\x02" "ab", 10);
    put_field(&file, 201, 7);
    return file;
}

static void write_pieces(const message *file)
{
    scratch_write("base/tokenizer.model", file->bytes, file->size);
}

static void check_file(const char *name, const char *bytes, size_t size)
{
    size_t found = 0;
    char *file = scratch_read(name, &found);
    CHECK_INT(found, size);
    CHECK(file && found == size && memcmp(file, bytes, size) == 0);
    free(file);
}

/* The number of pieces as the trainer has it, which is said in one byte. */
static void set_count(message *file, unsigned from, unsigned to)
{
    size_t i;
    for (i = 0; i + 1 < file->size; i++)
        if (file->bytes[i] == 0x20 && file->bytes[i + 1] == (char)from)
            file->bytes[i + 1] = (char)to;
}

static void test_pieces(void)
{
    static const int old[] = {1, 2, 3, 4, 5, 7, 8, 9};
    message file = pieces_file(2, "ABCDEFGHIJ", 3, -1, -1, true);
    otx_trim_summary summary;
    write_rows(12);
    write_pieces(&file);
    CHECK_INT(trim_to(NULL, "base", "out", NULL, &summary), OTX_OK);
    CHECK_INT(summary.before, 10);
    CHECK_INT(summary.after, 8);
    check_rows(old, COUNT(old), 8);
    file = pieces_file(2, "BCDEFHIJ", 2, 0, 1, false);
    set_count(&file, 10, 8);
    check_file("out/tokenizer.model", file.bytes, file.size);
    /* abab is merged from ab twice: nothing is left to go, and samples stay. */
    file = pieces_file(2, "ABCDEFGHIJ", 3, -1, -1, true);
    CHECK_INT(trim("abab"), OTX_OK);
    check_file("out/tokenizer.model", file.bytes, file.size);
    CHECK_INT(scratch_count("out"), 1);
}

/* Unigram's pieces are made of none; the best and the worst scores stay. XLM-R's loader leaves out
   the first three, and puts four tokens of its own before the others and one behind. */
static void test_unigram(void)
{
    static const int old[] = {0, 1, 2, 3, 4, 5, 6, 8, 9};
    message file = pieces_file(1, "ABCDEFGHI", 3, 1, 2, false);
    write_rows(9);
    write_pieces(&file);
    CHECK_INT(trim(NULL), OTX_OK); /* all but abab stay */
    file = pieces_file(1, "ABCDEFHI", 3, 1, 2, false);
    set_count(&file, 9, 8);
    check_file("out/tokenizer.model", file.bytes, file.size);
    write_rows(10);
    file = pieces_file(1, "DBCAEFGI", 0, 1, 2, false);
    write_pieces(&file);
    write_file("base", "tokenizer_config.json", "{\"tokenizer_class\": \"XLMRobertaTokenizer\"}");
    CHECK_INT(trim(NULL), OTX_OK);
    check_rows(old, COUNT(old), 9);
    file = pieces_file(1, "DBCAEFI", 0, 1, 2, false);
    set_count(&file, 9, 7);
    check_file("out/tokenizer.model", file.bytes, file.size);
}

/* A model beside a tokenizer.json follows it, if it is its own. */
static void test_pieces_beside(void)
{
    static const char json[] =
        "{\"added_tokens\": [{\"id\": 1, \"content\": \"<s>\", \"special\": true}, {\"id\": 2, "
        "\"content\": \"</s>\", \"special\": true}, {\"id\": 3, \"content\": \"<unk>\", "
        "\"special\": true}], \"model\": {\"type\": \"BPE\", \"vocab\": {\"ab\": 0, \"<s>\": 1, "
        "\"</s>\": 2, \"<unk>\": 3, \"a\": 4, \"b\": %d, \"abab\": %d}, \"merges\": [\"a b\", "
        "\"ab ab\"]}}";
    static char text[1024];
    message file = pieces_file(2, "ABCDEFG", 3, 1, 2, false);
    write_rows(7);
    write_pieces(&file);
    snprintf(text, sizeof text, json, 5, 6);
    write_file("base", "tokenizer.json", text);
    CHECK_INT(trim("ab"), OTX_OK);
    CHECK_CONTAINS(read_file("out", "tokenizer.json"), "\"b\": 5\n");
    file = pieces_file(2, "ABCDEF", 3, 1, 2, false);
    set_count(&file, 10, 6);
    check_file("out/tokenizer.model", file.bytes, file.size);
    snprintf(text, sizeof text, json, 6, 5); /* ids that are not the pieces' */
    write_file("base", "tokenizer.json", text);
    CHECK_INT(trim("ab"), OTX_OK);
    CHECK(!has_file("out", "tokenizer.model"));
    write_file("base", "tokenizer.model", "no model at all");
    CHECK_INT(trim("ab"), OTX_OK);
    CHECK(!has_file("out", "tokenizer.model"));
}

/* ---- ranks ---- */

static const char *base64(const char *bytes, size_t size)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static char texts[4][16];
    static int next;
    char *text = texts[next++ % 4], *to = text;
    const unsigned char a = (unsigned char)bytes[0], b = size > 1 ? (unsigned char)bytes[1] : 0;
    const unsigned char c = size > 2 ? (unsigned char)bytes[2] : 0;
    *to++ = digits[a >> 2];
    *to++ = digits[(a & 3) << 4 | b >> 4];
    *to++ = (char)(size > 1 ? digits[(b & 15) << 2 | c >> 6] : '=');
    *to++ = (char)(size > 2 ? digits[c & 63] : '=');
    *to = 0;
    return text;
}

/* All bytes, and those words after them, in lines or as entries of tekken.json. */
static size_t put_ranks(char *to, size_t room, const char *const *words, size_t count, bool json)
{
    size_t used = 0, i;
    for (i = 0; i < 256 + count; i++) {
        const char byte = (char)(unsigned char)i;
        const char *text = i < 256 ? base64(&byte, 1)
                                   : base64(words[i - 256], strlen(words[i - 256]));
        used += (size_t)snprintf(to + used, room - used,
                                 json ? "%s{\"rank\": %d, \"token_bytes\": \"%s\"}"
                                      : "%s%d%s",
                                 json ? (i ? ",\n    " : "\n    ") : text,
                                 json ? (int)i : 0, json ? text : "");
        if (!json) used -= 1; /* the 0, which stands for nothing */
        if (!json) used += (size_t)snprintf(to + used, room - used, " %d\r\n", (int)i);
    }
    return used;
}

static const char *const words[] = {"ab", "abc", "ca"}, *const fewer[] = {"ca"};

#define ADDED "{\"auto_map\": {\"AutoTokenizer\": [\"tokenization_x.T\", null]}, " \
              "\"added_tokens_decoder\": {\"%d\": {\"content\": \"<|x|>\", \"special\": true}, " \
              "\"%d\": {\"content\": \"<|y|>\", \"special\": true}}}"

static void write_ranks(void)
{
    static char text[16384];
    write_rows(270);
    put_ranks(text, sizeof text, words, 3, false);
    write_file("base", "tiktoken.model", text);
    snprintf(text, sizeof text, ADDED, 259, 261);
    write_file("base", "tokenizer_config.json", text);
    write_file("base", "tokenization_x.py", "first = len(ranks) # 2590, 1259\n");
}

static void test_ranks(void)
{
    static char text[16384];
    static int old[260];
    otx_trim_summary summary;
    size_t i;
    for (i = 0; i < 256; i++) old[i] = (int)i;
    old[256] = 258;
    old[257] = 259;
    old[258] = -1; /* 260 is no token, and keeps its place */
    old[259] = 261;
    write_ranks();
    CHECK_INT(trim_to(NULL, "base", "out", "ca", &summary), OTX_OK);
    CHECK_INT(summary.before, 261);
    CHECK_INT(summary.after, 259);
    check_rows(old, COUNT(old), 268); /* with the 8 that were behind all ids */
    put_ranks(text, sizeof text, fewer, 1, false);
    CHECK_STRING(read_file("out", "tiktoken.model"), text);
    CHECK_CONTAINS(read_file("out", "tokenizer_config.json"), "\"257\": {\"content\": \"<|x|>\"");
    CHECK_CONTAINS(read_file("out", "tokenizer_config.json"), "\"259\": {\"content\": \"<|y|>\"");
    CHECK_CONTAINS(read_file("out", "config.json"), "\"vocab_size\": 268");
    CHECK(has_file("out", "tokenization_x.py"));
    CHECK_INT(scratch_count("out"), 1);
}

static void test_ranks_that_are_refused(void)
{
    static char text[512];
    write_ranks();
    write_file("base", "tokenization_x.py", "SPECIAL_START_ID = 259\n");
    CHECK_INT(trim("ca"), OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "base/tokenization_x.py: holds the number 259");
    scratch_remove(path_of("base", "tokenization_x.py"));
    snprintf(text, sizeof text, ADDED, 259, 261);
    write_file("base", "tokenizer_config.json", "{}");
    CHECK_INT(trim("ca"), OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "base: its special tokens stand in its loader's code alone");
    write_file("base", "tokenizer_config.json", text);
    write_file("base", "tiktoken.model", "YQ== 0\nYg== 2\n");
    CHECK_INT(trim("a"), OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "there is a token at 2 behind 1 others");
    CHECK_INT(scratch_count("out"), 0);
}

static void write_tekken(const char *const *list, size_t count, char *text, size_t room)
{
    size_t used = (size_t)snprintf(text, room, "{\"config\": {\"pattern\": \".\", "
                                   "\"num_vocab_tokens\": %d, \"default_vocab_size\": %d, "
                                   "\"default_num_special_tokens\": 3, \"version\": \"v11\"}, "
                                   "\"vocab\": [", (int)(256 + count), (int)(259 + count));
    used += put_ranks(text + used, room - used, list, count, true);
    snprintf(text + used, room - used, "\n  ], \"special_tokens\": [{\"rank\": 0, \"token_str\": "
             "\"<unk>\", \"is_control\": true}, {\"rank\": 1, \"token_str\": \"<s>\", "
             "\"is_control\": true}]}");
}

static void test_tekken(void)
{
    static char text[32768];
    write_rows(262);
    write_tekken(words, 3, text, sizeof text);
    write_file("base", "tekken.json", text);
    CHECK_INT(trim("ca"), OTX_OK);
    write_tekken(fewer, 1, text, sizeof text);
    CHECK_STRING(read_file("out", "tekken.json"), text);
    CHECK_CONTAINS(read_file("out", "config.json"), "\"vocab_size\": 260");
}

/* ---- GGUF ---- */

#define TOKENS "1 ab|3 <s>|3 </s>|2 <unk>|1 a|1 b|1 abab|4 two words|1 \xe2\x96\x81|5 [PAD9]"

/* Blocks of scale 1 whose numbers say of which row they are. */
static char byte_of(size_t i)
{
    return (char)(i % 34 == 0 ? 0 : i % 34 == 1 ? 0x3c : i / 34);
}

/* A file of llama's kind, which names neither bos nor eos, with rows of Q8_0. */
static void write_gguf(uint32_t start)
{
    char rows[10 * 34], norm[8] = {0};
    size_t i;
    gguf_begin("llama");
    gguf_u32("llama.vocab_size", 10);
    gguf_tokens(TOKENS);
    gguf_scores(10);
    gguf_strings("tokenizer.ggml.added_tokens", "two words|abab");
    gguf_array("tokenizer.ggml.suppress_tokens", 5, 2);
    gguf_put(0, 4), gguf_put(4, 4);
    gguf_u32("tokenizer.ggml.unknown_token_id", 3);
    gguf_text_key("tokenizer.huggingface.json", "{}");
    gguf_text_key("tokenizer.ggml.odd", "as it is");
    if (start) gguf_u32("llama.decoder_start_token_id", start);
    gguf_text_key("x.last", "as it is, too");
    for (i = 0; i < sizeof rows; i++) rows[i] = byte_of(i);
    gguf_add_tensor("token_embd.weight", 10, 32, 8, rows, sizeof rows);
    gguf_add_tensor("output_norm.weight", 0, 2, 0, norm, sizeof norm);
    gguf_end();
    scratch_write("base.gguf", gguf.file, gguf.size);
    scratch_shell("rm -rf out*");
}

static int64_t integer_of(const otx_gguf *file, const char *name, uint64_t i)
{
    int64_t value = -1000;
    (void)otx_gguf_integer(otx_gguf_find(file, name), i, &value);
    return value;
}

/* The strings of a key with | behind each. */
static const char *strings_of(const otx_gguf *file, const char *name)
{
    static char text[512];
    otx_gguf_strings string;
    size_t used = 0;
    memset(&string, 0, sizeof string);
    text[0] = 0;
    while (otx_gguf_next(otx_gguf_find(file, name), &string))
        used += (size_t)snprintf(text + used, sizeof text - used, "%.*s|", (int)string.size,
                                 string.bytes);
    return text;
}

static void open_out(otx_gguf *file)
{
    otx_source source;
    CHECK_INT(otx_source_open(NULL, at("out.gguf"), &source, &error), OTX_OK);
    CHECK_INT(otx_gguf_open(NULL, &source, "out.gguf", file, &error), OTX_OK);
    otx_source_close(NULL, &source);
}

/* The first number of row i, which says of which old one it is. */
static int row_of(const otx_gguf *file, size_t i)
{
    size_t size = 0;
    char *bytes = scratch_read("out.gguf", &size);
    const int row = bytes ? bytes[otx_gguf_tensor(file, "token_embd.weight")->begin + i * 34 + 2]
                          : -1;
    free(bytes);
    return row;
}

static void test_gguf(void)
{
    static const int old[] = {1, 2, 3, 4, 5, 7, 8};
    otx_trim_summary summary;
    otx_gguf file;
    double score = 0;
    size_t i;
    write_gguf(0);
    CHECK_INT(trim_to(NULL, "base.gguf", "out.gguf", NULL, &summary), OTX_OK);
    CHECK_INT(summary.before, 9);
    CHECK_INT(summary.after, 7);
    CHECK_INT(summary.matrices, 340);
    CHECK_INT(summary.trimmed, 7 * 34);
    open_out(&file);
    CHECK_STRING(strings_of(&file, "tokenizer.ggml.tokens"),
                 "<s>|</s>|<unk>|a|b|two words|\xe2\x96\x81|");
    for (i = 0; i < COUNT(old); i++) CHECK_INT(row_of(&file, i), old[i]);
    CHECK_INT(integer_of(&file, "tokenizer.ggml.token_type", 5), 4);
    CHECK(otx_gguf_number(otx_gguf_find(&file, "tokenizer.ggml.scores"), 5, &score));
    CHECK(score == -7.0);
    CHECK_STRING(strings_of(&file, "tokenizer.ggml.added_tokens"), "two words|");
    CHECK_INT(otx_gguf_find(&file, "tokenizer.ggml.suppress_tokens")->count, 1);
    CHECK_INT(integer_of(&file, "tokenizer.ggml.suppress_tokens", 0), 3);
    CHECK_INT(integer_of(&file, "tokenizer.ggml.unknown_token_id", 0), 2);
    CHECK_INT(integer_of(&file, "tokenizer.ggml.bos_token_id", 0), 0); /* 1 is taken for granted */
    CHECK_INT(integer_of(&file, "tokenizer.ggml.eos_token_id", 0), 1);
    CHECK_INT(integer_of(&file, "llama.vocab_size", 0), 7);
    CHECK_STRING(strings_of(&file, "tokenizer.ggml.odd"), "as it is|");
    CHECK_STRING(strings_of(&file, "x.last"), "as it is, too|");
    CHECK(!otx_gguf_find(&file, "tokenizer.huggingface.json"));
    otx_gguf_close(NULL, &file);
    CHECK_INT(scratch_count("out"), 1);
}

/* A token that a key of the model names stays, and what it is made of. */
static void test_gguf_named(void)
{
    otx_gguf file;
    write_gguf(6);
    CHECK_INT(trim_to(NULL, "base.gguf", "out.gguf", NULL, NULL), OTX_OK);
    open_out(&file);
    CHECK_STRING(strings_of(&file, "tokenizer.ggml.tokens"),
                 "ab|<s>|</s>|<unk>|a|b|abab|two words|\xe2\x96\x81|");
    CHECK_INT(integer_of(&file, "llama.decoder_start_token_id", 0), 6);
    CHECK(!otx_gguf_find(&file, "tokenizer.ggml.bos_token_id"));
    otx_gguf_close(NULL, &file);
}

/* Merges go with what they make; those of new tokens come last. */
static otx_result extend(const otx_context *ctx, const char *const *tokens, size_t count,
                         otx_extend_summary *summary)
{
    otx_extend_options options;
    memset(&options, 0, sizeof options);
    options.tokens = tokens;
    options.token_count = count;
    options.overwrite = true;
    return otx_extend(ctx, at("base.gguf"), at("out.gguf"), &options, summary, &error);
}

static void write_merges(void)
{
    char rows[7 * 34];
    size_t i;
    gguf_begin("gpt2");
    gguf_text_key("tokenizer.ggml.pre", "gpt-2");
    gguf_tokens("1 a|1 b|1 c|1 ab|1 abc|3 <s>|1 ca");
    gguf_merges("a b|ab c|c a");
    gguf_u32("tokenizer.ggml.bos_token_id", 5);
    for (i = 0; i < sizeof rows; i++) rows[i] = byte_of(i);
    gguf_add_tensor("token_embd.weight", 7, 32, 8, rows, sizeof rows);
    gguf_end();
    scratch_write("base.gguf", gguf.file, gguf.size);
    scratch_shell("rm -rf out*");
}

static void test_gguf_merges(void)
{
    static const char *const tokens[] = {"abca", "b c", "ab"};
    otx_extend_summary summary;
    otx_gguf file;
    write_merges();
    CHECK_INT(trim_to(NULL, "base.gguf", "out.gguf", "ab", NULL), OTX_OK);
    open_out(&file);
    CHECK_STRING(strings_of(&file, "tokenizer.ggml.tokens"), "a|b|c|ab|<s>|");
    CHECK_STRING(strings_of(&file, "tokenizer.ggml.merges"), "a b|");
    CHECK_INT(integer_of(&file, "tokenizer.ggml.bos_token_id", 0), 4);
    otx_gguf_close(NULL, &file);
    CHECK_INT(extend(NULL, tokens, 3, &summary), OTX_OK);
    CHECK_INT(summary.own, 1);
    CHECK_INT(summary.added, 1);
    CHECK_INT(summary.present, 1);
    open_out(&file);
    CHECK_STRING(strings_of(&file, "tokenizer.ggml.tokens"), "a|b|c|ab|abc|<s>|ca|abca|b c|");
    CHECK_STRING(strings_of(&file, "tokenizer.ggml.merges"), "a b|ab c|c a|abc a|");
    CHECK_INT(integer_of(&file, "tokenizer.ggml.token_type", 7), 1);
    CHECK_INT(integer_of(&file, "tokenizer.ggml.token_type", 8), 4);
    CHECK_INT(integer_of(&file, "tokenizer.ggml.bos_token_id", 0), 5);
    CHECK_INT(row_of(&file, 6), 6);
    otx_gguf_close(NULL, &file);
    CHECK_INT(scratch_count("out"), 1);
}

/* ---- every kind of GGUF ---- */

#define MARK "\xe2\x96\x81"
#define SPACE "\xc4\xa0"

static const struct {
    const char *kind, *tokens, *merges;
} kinds[] = {
    {"gpt2", "3 <s>|1 a|1 b|1 " SPACE "|1 ab|1 ba|1 aba|1 " SPACE "a|1 " SPACE "ab|1 abab|1 bb",
     "a b|b a|ab a|" SPACE " a|" SPACE "a b|ab ab|b b"},
    {"llama", "2 <unk>|3 <s>|3 </s>|1 ab|1 ba|1 aba|1 " MARK "a|1 " MARK "ab|1 abab|1 bb|1 "
              MARK "|1 a|1 b|4 two", NULL},
    {"gemma4", "3 <pad>|1 " MARK "|1 a|1 b|1 ab|1 ba|1 aba|1 " MARK "a|1 " MARK "ab|1 abab|1 bb",
     "a b|b a|ab a|" MARK " a|" MARK "a b|ab ab|b b"},
    {"bert", "3 [PAD]|3 [UNK]|3 [CLS]|3 [SEP]|1 " MARK "a|1 a|1 " MARK "b|1 b|1 " MARK "ab|1 ab|1 "
             MARK "ba|1 aba|1 " MARK "abab|1 bb", NULL},
    {"t5", "3 <pad>|3 </s>|2 <unk>|1 " MARK "|1 ab|1 ba|1 " MARK "a|1 aba|1 " MARK "ab|1 abab|"
           "1 bb|1 a|1 b", NULL},
    {"rwkv", "3 <s>|1 a|1 b|1 ab|1 ba|1 aba|1  a|1  ab|1 \\n|1  |1 abab|1 bb|1 \\x00\\xff", NULL},
};

static void write_kind(size_t which)
{
    char rows[16 * 34];
    size_t i;
    gguf_begin(kinds[which].kind);
    gguf_tokens(kinds[which].tokens);
    gguf_scores(gguf.tokens);
    if (kinds[which].merges) gguf_merges(kinds[which].merges);
    if (strcmp(kinds[which].kind, "bert") == 0) gguf_u32("tokenizer.ggml.unknown_token_id", 1);
    for (i = 0; i < sizeof rows; i++) rows[i] = byte_of(i);
    gguf_add_tensor("token_embd.weight", gguf.tokens, 32, 8, rows, gguf.tokens * 34);
    gguf_end();
    scratch_write("base.gguf", gguf.file, gguf.size);
}

static void open_rules(const char *name, otx_vocab *vocab)
{
    CHECK_INT(otx_vocab_open(NULL, at(name), vocab, &error), OTX_OK);
    CHECK_INT(otx_vocab_open_rules(NULL, at(name), vocab, &error), OTX_OK);
}

/* The id of the token with the same content, or UINT32_MAX. */
static uint32_t id_in(const otx_vocab *vocab, const otx_token *token)
{
    uint32_t i;
    for (i = 0; i < vocab->count; i++)
        if (vocab->tokens[i].content_size == token->content_size &&
            memcmp(vocab->tokens[i].content, token->content, token->content_size) == 0)
            return i;
    return UINT32_MAX;
}

/* Bytes that pieces stand for, and whether each is a piece of text. */
static size_t bytes_of(const otx_vocab *vocab, const uint32_t *ids, size_t count, bool *known)
{
    size_t size = 0, i;
    for (i = 0; i < count; i++) {
        size += vocab->tokens[ids[i]].size;
        *known = *known && vocab->tokens[ids[i]].kind == OTX_TOKEN_TEXT;
    }
    return size;
}

/* Whether a word is split as before if its tokens are there, and into as many bytes if not. */
static bool splits_alike(const otx_vocab *old, const otx_vocab *now, const char *word)
{
    uint32_t before[32], after[32], i;
    size_t count = 0, others = 0;
    bool kept = true, known = true, known_now = true;
    CHECK_INT(otx_vocab_split(NULL, old, word, strlen(word), before, 32, &count, &error), OTX_OK);
    CHECK_INT(otx_vocab_split(NULL, now, word, strlen(word), after, 32, &others, &error), OTX_OK);
    for (i = 0; i < count; i++) kept = kept && id_in(now, &old->tokens[before[i]]) != UINT32_MAX;
    if (!kept)
        return bytes_of(old, before, count, &known) == bytes_of(now, after, others, &known_now) &&
               known == known_now;
    for (i = 0; i < count; i++) kept = kept && id_in(now, &old->tokens[before[i]]) == after[i];
    return kept && count == others;
}

static void check_kind(size_t which, unsigned wanted)
{
    char texts[16][8];
    const char *list[16];
    otx_trim_options options;
    otx_vocab old, now;
    unsigned i, word, length;
    memset(&options, 0, sizeof options);
    options.tokens = list;
    options.overwrite = true;
    for (i = 0; i < 16 && i < gguf.tokens; i++) {
        if (!(wanted >> i & 1)) continue;
        snprintf(texts[i], sizeof texts[i], "#%u", i);
        list[options.token_count++] = texts[i];
    }
    CHECK_INT(otx_trim(NULL, at("base.gguf"), at("out.gguf"), &options, NULL, &error), OTX_OK);
    open_rules("base.gguf", &old);
    open_rules("out.gguf", &now);
    for (length = 1; length <= 6; length++)
        for (word = 0; word < 1u << length; word++) {
            char text[8];
            for (i = 0; i < length; i++) text[i] = word >> i & 1 ? 'b' : 'a';
            text[length] = 0;
            if (length > 1 && (word & 1)) text[0] = ' ';
            if (splits_alike(&old, &now, text)) continue;
            printf("  %s, tokens %x: \"%s\" is split otherwise\n", kinds[which].kind, wanted, text);
            CHECK(!"a word is split as before");
        }
    otx_vocab_close(NULL, &now);
    otx_vocab_close(NULL, &old);
}

static void test_gguf_kinds(void)
{
    size_t which;
    unsigned i;
    for (which = 0; which < COUNT(kinds); which++) {
        write_kind(which);
        for (i = 0; i < 24; i++) check_kind(which, i * 2654435761u >> 12 & 0xffff);
    }
}

/* Messages speak of the model, and of nothing that nobody knows of. */
static void test_words(void)
{
    write_gguf(0);
    CHECK_INT(trim_to(NULL, "base.gguf", "out", "a", NULL), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "out: the model is a GGUF file, and so is the output");
    CHECK_INT(trim_to(NULL, "base.gguf", "base.gguf", "a", NULL), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "base.gguf: the output must not be a file of the model");
    CHECK_INT(trim_to(NULL, "base.gguf", "out.gguf", "xy", NULL), OTX_ERROR_NOT_FOUND);
    CHECK_CONTAINS(error.message, "base.gguf has no such token");
    CHECK_INT(scratch_count("out"), 0);
}

/* ---- hostile files ---- */

/* A file that ends anywhere is trimmed or refused, and then nothing is written. */
static void check_cut(const char *name, const char *bytes, size_t size, const char *base,
                      const char *out)
{
    size_t cut;
    for (cut = 0; cut < size; cut++) {
        otx_result result;
        scratch_write(name, bytes, cut);
        scratch_remove_tree(out);
        result = trim_to(NULL, base, out, NULL, NULL);
        if (scratch_count("out") == (result == OTX_OK) && (!result || error.message[0]) &&
            !strchr(result ? error.message : "", '\n'))
            continue;
        printf("  cut at %d of %d: %s, \"%s\"\n", (int)cut, (int)size, otx_result_name(result),
               error.message);
        CHECK(!"a file that ends early is refused cleanly");
    }
}

static void test_hostile(void)
{
    const message file = pieces_file(2, "ABCDEFGHIJ", 3, 1, 2, true);
    write_rows(12);
    check_cut("base/tokenizer.model", file.bytes, file.size, "base", "out");
    write_gguf(6);
    check_cut("base.gguf", gguf.file, gguf.size, "base.gguf", "out.gguf");
}

/* ---- memory ---- */

enum { TRIM_PIECES, TRIM_RANKS, TRIM_TEKKEN, TRIM_GGUF, EXTEND_GGUF, WAYS };

static otx_result cut(const otx_context *ctx, int way)
{
    static const char *const tokens[] = {"abca", "b c"};
    scratch_shell("rm -rf out*");
    if (way == EXTEND_GGUF) return extend(ctx, tokens, 2, NULL);
    return way == TRIM_GGUF ? trim_to(ctx, "base.gguf", "out.gguf", "a", NULL)
                            : trim_to(ctx, "base", "out", "a", NULL);
}

static void set_up(int way)
{
    static char text[32768];
    message file = pieces_file(2, "ABCDEFGHIJ", 3, -1, -1, true);
    if (way == TRIM_RANKS) write_ranks();
    else if (way == TRIM_GGUF) write_gguf(6);
    else if (way == EXTEND_GGUF) write_merges();
    else write_rows(262);
    if (way == TRIM_PIECES) write_pieces(&file);
    if (way != TRIM_TEKKEN) return;
    write_tekken(words, 3, text, sizeof text);
    write_file("base", "tekken.json", text);
}

static void check_memory(int way)
{
    otx_context ctx;
    failing state;
    long total, i;
    set_up(way);
    memset(&ctx, 0, sizeof ctx);
    memset(&state, 0, sizeof state);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    ctx.threads = 1;
    CHECK_INT(cut(&ctx, way), OTX_OK);
    CHECK_INT(state.live, 0);
    CHECK(!state.wrong_size);
    total = state.requests;
    CHECK(total > 100);
    for (i = 1; i <= total; i++) {
        otx_result result;
        memset(&state, 0, sizeof state);
        state.fail_at = i;
        result = cut(&ctx, way);
        /* What is removed at the end is tried twice. */
        if ((result == OTX_ERROR_MEMORY || result == OTX_OK) && !state.live &&
            !state.wrong_size && scratch_count("out") == (result == OTX_OK))
            continue;
        printf("  way %d, request %ld of %ld: %s, \"%s\", %ld blocks live\n", way, i, total,
               otx_result_name(result), error.message, state.live);
        CHECK(!"a failed allocation ends it cleanly");
    }
}

static void test_memory(void)
{
    int way;
    for (way = 0; way < WAYS; way++) check_memory(way);
}

int main(void)
{
    scratch_open("reshape-sources");
    RUN(test_pieces);
    RUN(test_unigram);
    RUN(test_pieces_beside);
    RUN(test_ranks);
    RUN(test_ranks_that_are_refused);
    RUN(test_tekken);
    RUN(test_gguf);
    RUN(test_gguf_named);
    RUN(test_gguf_merges);
    RUN(test_gguf_kinds);
    RUN(test_words);
    RUN(test_hostile);
    RUN(test_memory);
    scratch_close();
    return test_end();
}
