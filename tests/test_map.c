/* Maps between vocabularies: the rows of small ones of every kind, the weights of pieces, what a
   method combines, both files, and allocations that fail. tests/map_clients.py holds them to the
   packages on real tokenizers.
   A suite of the public API: linked with the implementation. */
#include "omp_transplant.h"
#include "failing.h"
#include "scratch.h"
#include "small_models.h"
#include "test.h"

#define MARK "\xe2\x96\x81" /* U+2581 */

static otx_error error;

/* ---- maps as text ---- */

/* A vocabulary with its rules. ' stands for ". */
static otx_vocab vocab_in(otx_vocab_file file, const char *text)
{
    static char copy[4096];
    otx_vocab_text texts[OTX_VOCAB_FILES];
    otx_vocab vocab;
    char *at;
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (at = copy; *at; at++)
        if (*at == '\'') *at = '"';
    memset(texts, 0, sizeof texts);
    texts[file].bytes = copy;
    texts[file].size = strlen(copy);
    CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_OK);
    CHECK_INT(otx_vocab_parse_rules(NULL, texts, "T", &vocab, &error), OTX_OK);
    return vocab;
}

static otx_vocab vocab_of(const char *text) { return vocab_in(OTX_VOCAB_TOKENIZER_JSON, text); }

/* "same 3=1, split 0=0.5 4=0.5, none": row after row; pieces in brackets where there is more
   than one. */
static const char *dump(const otx_token_map *map)
{
    static char text[4096];
    size_t used = 0, row;
    int64_t i;
    text[0] = 0;
    for (row = 0; row < map->rows && used < sizeof text - 200; row++) {
        int64_t first = map->piece_indptr[row], end = map->piece_indptr[row + 1];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", row ? ", " : "",
                                 otx_counterpart_name((otx_counterpart)map->kinds[row]));
        for (i = map->indptr[row]; i < map->indptr[row + 1]; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, " %d=%.4g",
                                     (int)map->indices[i], (double)map->weights[i]);
        for (i = first; i < end && end - first > 1; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%d%s",
                                     i == first ? " [" : " ", (int)map->pieces[i],
                                     i + 1 == end ? "]" : "");
    }
    return text;
}

static const char *mapped(const otx_vocab *from, const otx_vocab *to,
                          const otx_token_map_options *options)
{
    otx_token_map map;
    const char *text;
    CHECK_INT(otx_token_map_open(NULL, from, to, options, &map, &error), OTX_OK);
    CHECK_INT(map.indptr[map.rows], (long long)map.entries);
    CHECK_INT(map.piece_indptr[map.rows], (long long)map.piece_count);
    text = dump(&map);
    otx_token_map_close(NULL, &map);
    CHECK(map.rows == 0 && !map.indptr);
    return text;
}

/* The same by the files' texts. */
static const char *mapped_texts(const char *from, otx_vocab_file file, const char *to)
{
    otx_vocab a = vocab_of(from), b = vocab_in(file, to);
    const char *text = mapped(&a, &b, NULL);
    otx_vocab_close(NULL, &a);
    otx_vocab_close(NULL, &b);
    return text;
}

/* ---- every kind ---- */

/* Words, two special tokens, a reserved one, a hole (5) and bytes that are no UTF-8. */
#define WORDS \
    "{'added_tokens':[{'id':6,'content':'<s>','special':true},{'id':7,'content':'<tool>'," \
    "'special':true},{'id':8,'content':'<unused1>','special':true},{'id':9,'content':'ab cd'," \
    "'special':false}],'decoder':{'type':'ByteLevel'},'model':{'type':'BPE','vocab':{'ab':0," \
    "'abab':1,'\xc4\xa0" "ab':2,'abz':3,'\xc4\xa7':4,'c':10},'merges':[]}}"

#define PIECES \
    "{'added_tokens':[{'id':8,'content':'<s>','special':true}],'decoder':{'type':'ByteLevel'}," \
    "'model':{'type':'BPE','vocab':{'a':0,'b':1,'c':2,'\xc4\xa0':3,'ab':4,'d':5,'\xc4\xa7':6," \
    "'\xc4\xa0" "a':7},'merges':['a b','\xc4\xa0 a']}}"

static void bytes_of_gpt_2(void)
{
    CHECK_STRING(mapped_texts(WORDS, OTX_VOCAB_TOKENIZER_JSON, PIECES),
                 "same 4=1, split 4=1 [4 4], split 3=0.5 4=0.5 [3 4], none, same 6=1, absent, "
                 "same 8=1, none, unused, split 2=0.25 3=0.25 4=0.25 5=0.25 [4 3 2 5], same 2=1");
}

static void bytes_for_what_is_no_token(void)
{
    CHECK_STRING(mapped_texts("{'decoder':{'type':'ByteLevel'},'model':{'type':'BPE','vocab':{"
                              "'\xc3\x83\xc2\xa9':0,'\xc3\x83':1,'\xc4\xa0" "a':2,'z':3,'az':4},"
                              "'merges':[]}}", OTX_VOCAB_TOKENIZER_JSON,
                              "{'decoder':{'type':'Sequence','decoders':[{'type':'Replace',"
                              "'pattern':{'String':'" MARK "'},'content':' '},"
                              "{'type':'ByteFallback'}]},'model':{'type':'BPE',"
                              "'byte_fallback':true,'unk_token':'<unk>','fuse_unk':true,'vocab':{"
                              "'<unk>':0,'" MARK "':1,'a':2,'<0xC3>':3,'<0xA9>':4},'merges':[]},"
                              "'added_tokens':[{'id':0,'content':'<unk>','special':true}]}"),
                 "split 3=0.5 4=0.5 [3 4], same 3=1, split 1=0.5 2=0.5 [1 2], none, none");
}

static void the_best_sum_of_scores(void)
{
    CHECK_STRING(mapped_texts("{'decoder':{'type':'ByteLevel'},'model':{'type':'BPE','vocab':{"
                              "'abc':0,'\xc4\xa0" "abc':1,'abz':2},'merges':[]}}",
                              OTX_VOCAB_TOKENIZER_JSON,
                              "{'decoder':{'type':'Metaspace','replacement':'" MARK "'},'model':{"
                              "'type':'Unigram','unk_id':0,'vocab':[['<unk>',0],['a',-1.5],"
                              "['b',-1.5],['c',-1.0],['" MARK "a',-0.5],['bc',-2.25]]}}"),
                 "split 1=0.5 5=0.5 [1 5], split 4=0.5 5=0.5 [4 5], none");
}

/* Spaces are nothing to WordPiece; a word with an unknown part is unknown. */
static void the_longest_token_that_fits(void)
{
    CHECK_STRING(mapped_texts("{'decoder':{'type':'ByteLevel'},'model':{'type':'BPE','vocab':{"
                              "'\xc4\xa0unab':0,'able':1,'\xc4\xa0unable':2,'\xc4\xa0ux':3,"
                              "'\xc4\xa0un\xc4\xa0" "able':4},'merges':[]}}", OTX_VOCAB_TXT,
                              "[UNK]\nun\n##able\n##ab\n##le\nable\n"),
                 "split 1=0.5 3=0.5 [1 3], same 2=1, split 1=0.5 2=0.5 [1 2], none, "
                 "split 1=0.5 5=0.5 [1 5]");
}

static void ranks_of_what_two_make(void)
{
    CHECK_STRING(mapped_texts(PIECES, OTX_VOCAB_TIKTOKEN,
                              "YQ== 0\nYg== 1\nYw== 2\nIA== 3\nZA== 4\n"),
                 "same 0=1, same 1=1, same 2=1, same 3=1, split 0=0.5 1=0.5 [0 1], same 4=1, "
                 "none, split 0=0.5 3=0.5 [3 0], none");
}

/* ---- weights ---- */

static void how_pieces_are_weighed(void)
{
    static const struct {
        otx_subword subword;
        bool input;
        const char *wanted;
    } cases[] = {
        {OTX_SUBWORD_MEAN, false, "split 2=0.5 4=0.25 7=0.25 [2 2 4 7]"},
        {OTX_SUBWORD_SUM, false, "split 2=0.5 4=0.25 7=0.25 [2 2 4 7]"},
        {OTX_SUBWORD_WEIGHTED_MEAN, false, "split 2=0.7 4=0.2 7=0.1 [2 2 4 7]"},
        {OTX_SUBWORD_WEIGHTED_MEAN, true, "split 2=0.3 4=0.3 7=0.4 [2 2 4 7]"},
        {OTX_SUBWORD_FIRST_LAST, false, "split 2=1 [2 2 4 7]"},
        {OTX_SUBWORD_FIRST_LAST, true, "split 7=1 [2 2 4 7]"},
        {OTX_SUBWORD_LAST, false, "split 2=0.8 4=0.1333 7=0.06667 [2 2 4 7]"},
        {OTX_SUBWORD_LAST, true, "split 7=1 [2 2 4 7]"},
        {OTX_SUBWORD_LENGTH, false, "split 2=0.3333 4=0.3333 7=0.3333 [2 2 4 7]"},
    };
    otx_vocab a = vocab_of("{'decoder':{'type':'ByteLevel'},'model':{'type':'BPE','vocab':{"
                           "'ccab\xc4\xa0" "a':0},'merges':[]}}");
    otx_vocab b = vocab_of(PIECES);
    otx_token_map_options options;
    otx_token_map map;
    size_t i;
    for (i = 0; i < COUNT(cases); i++) {
        options.subword = cases[i].subword;
        options.input = cases[i].input;
        CHECK_STRING(mapped(&a, &b, &options), cases[i].wanted);
    }
    options.subword = OTX_SUBWORD_COUNT;
    CHECK_INT(otx_token_map_open(NULL, &a, &b, &options, &map, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "subword 6 is unknown");
    CHECK(!map.indptr);
    otx_vocab_close(NULL, &a);
    otx_vocab_close(NULL, &b);
}

static void counts_and_sums(void)
{
    otx_vocab a = vocab_of(WORDS), b = vocab_of(PIECES);
    otx_token_map map;
    CHECK_INT(otx_token_map_open(NULL, &a, &b, NULL, &map, &error), OTX_OK);
    CHECK_INT(map.rows, 11);
    CHECK_INT(map.columns, 9);
    CHECK_INT(map.entries, 11);
    CHECK_INT(map.piece_count, 12);
    CHECK_INT(map.counts[OTX_COUNTERPART_SAME], 4);
    CHECK_INT(map.counts[OTX_COUNTERPART_SPLIT], 3);
    CHECK_INT(map.counts[OTX_COUNTERPART_NONE], 2);
    CHECK_INT(map.counts[OTX_COUNTERPART_UNUSED], 1);
    CHECK_INT(map.counts[OTX_COUNTERPART_ABSENT], 1);
    CHECK(map.least_sum == 1.0 && map.most_sum == 1.0);
    otx_token_map_close(NULL, &map);
    otx_vocab_close(NULL, &a);
    otx_vocab_close(NULL, &b);
    CHECK_STRING(otx_counterpart_name(OTX_COUNTERPART_NONE), "none");
    CHECK(otx_counterpart_name(OTX_COUNTERPART_COUNT) == NULL);
}

static void rules_are_needed(void)
{
    otx_vocab a = vocab_of(WORDS), b;
    otx_vocab_text texts[OTX_VOCAB_FILES];
    otx_token_map map;
    memset(texts, 0, sizeof texts);
    texts[OTX_VOCAB_TIKTOKEN].bytes = "YQ== 0\n";
    texts[OTX_VOCAB_TIKTOKEN].size = 7;
    CHECK_INT(otx_vocab_parse(NULL, texts, "T", &b, &error), OTX_OK);
    CHECK_INT(otx_token_map_open(NULL, &a, &b, NULL, &map, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "without its rules");
    CHECK(!map.indptr && map.rows == 0);
    otx_vocab_close(NULL, &a);
    otx_vocab_close(NULL, &b);
}

static bool stop_at_once(void *context, const otx_progress *progress)
{
    (void)context;
    return progress->stage != OTX_STAGE_SOLVE;
}

static void it_can_be_cancelled(void)
{
    otx_vocab a = vocab_of(WORDS), b = vocab_of(PIECES);
    otx_context ctx;
    otx_token_map map;
    memset(&ctx, 0, sizeof ctx);
    ctx.progress = stop_at_once;
    CHECK_INT(otx_token_map_open(&ctx, &a, &b, NULL, &map, &error), OTX_ERROR_CANCELLED);
    CHECK(!map.indptr);
    otx_vocab_close(NULL, &a);
    otx_vocab_close(NULL, &b);
}

/* ---- by a method ---- */

static otx_result fit(const otx_context *ctx, otx_method method, bool input, otx_token_map *map)
{
    otx_job_options options;
    memset(&options, 0, sizeof options);
    options.method = method;
    options.how.omp.k = 4;
    return otx_token_map_fit(ctx, at("donor"), at("base"), &options, input, map, &error);
}

static void write_models(void)
{
    model base, donor;
    base_model_of(&base, OTX_F32, true);
    donor_model_of(&donor, OTX_F32, true);
    write_model("base", &base);
    write_model("donor", &donor);
}

static void what_a_method_combines(void)
{
    otx_token_map map;
    write_models();
    CHECK_INT(fit(NULL, OTX_METHOD_OMP, false, &map), OTX_OK);
    CHECK_STRING(dump(&map), "same 4=1, same 2=1, same 5=1, same 3=1, same 6=1, same 0=1, "
                             "combined 2=0.5 4=1, combined 5=1, combined 6=-0.5, absent, unused, "
                             "role 1=1, combined 3=0.25");
    CHECK_INT(map.negative, 1);
    CHECK(map.least_sum == -0.5 && map.most_sum == 1.5);
    CHECK_INT(map.columns, 8);
    otx_token_map_close(NULL, &map);
    CHECK_INT(fit(NULL, OTX_METHOD_OMP, true, &map), OTX_OK);
    CHECK_STRING(dump(&map), "same 4=1, same 2=1, same 5=1, same 3=1, same 6=1, same 0=1, "
                             "combined 5=0.5 6=2, combined 2=1 3=-0.5, combined 4=0.5, absent, "
                             "unused, role 1=1, combined 5=-1");
    otx_token_map_close(NULL, &map);
    CHECK_INT(fit(NULL, OTX_METHOD_HULL, true, &map), OTX_OK);
    CHECK(map.least_sum > 0.999999 && map.most_sum < 1.000001);
    CHECK_INT(map.negative, 0);
    otx_token_map_close(NULL, &map);
}

static void methods_that_combine_nothing(void)
{
    static const otx_method methods[] = {OTX_METHOD_OMP_AFFINE, OTX_METHOD_MEAN, OTX_METHOD_STB,
                                         OTX_METHOD_CLP, OTX_METHOD_MP_ROPE, OTX_METHOD_SUBWORD,
                                         OTX_METHOD_COUNT};
    otx_token_map map;
    size_t i;
    for (i = 0; i < COUNT(methods); i++) {
        CHECK_INT(fit(NULL, methods[i], false, &map), OTX_ERROR_UNSUPPORTED);
        CHECK(!map.indptr);
        if (i == 0) CHECK_CONTAINS(error.message, "omp-affine makes rows");
    }
    scratch_remove_tree("donor");
    CHECK_INT(fit(NULL, OTX_METHOD_OMP, false, &map), OTX_ERROR_NOT_FOUND);
    write_models();
}

/* ---- files ---- */

static otx_result write_both(const otx_context *ctx, bool json, gathered *to)
{
    otx_vocab a = vocab_of(WORDS), b = vocab_of(PIECES);
    otx_token_map maps[2];
    otx_token_maps both;
    otx_sink sink;
    otx_result result;
    sink.write = gather;
    sink.context = to;
    to->size = 0;
    CHECK_INT(otx_token_map_open(NULL, &a, &b, NULL, &maps[0], &error), OTX_OK);
    CHECK_INT(otx_token_map_open(NULL, &b, &a, NULL, &maps[1], &error), OTX_OK);
    both.a = &a;
    both.b = &b;
    both.a_to_b = &maps[0];
    both.b_to_a = &maps[1];
    both.a_name = "A";
    both.b_name = NULL;
    both.method = "subword mean";
    result = json ? otx_token_maps_write_json(ctx, &both, &sink, &error)
                  : otx_token_maps_write(ctx, &both, &sink, &error);
    otx_token_map_close(NULL, &maps[0]);
    otx_token_map_close(NULL, &maps[1]);
    otx_vocab_close(NULL, &a);
    otx_vocab_close(NULL, &b);
    return result;
}

/* The element of a tensor of integers that stand little-endian. */
static long long element(const gathered *file, const otx_tensor *tensor, size_t i)
{
    unsigned long long value = 0;
    size_t byte = 8;
    while (byte-- > 0)
        value = value << 8 | (unsigned char)file->bytes[tensor->begin + 8 * i + byte];
    return (long long)value;
}

static void a_file_for_torch(void)
{
    static gathered file;
    otx_safetensors header;
    otx_source source;
    const otx_tensor *tensor;
    CHECK_INT(write_both(NULL, false, &file), OTX_OK);
    source = otx_source_memory(file.bytes, file.size);
    CHECK_INT(otx_safetensors_open(NULL, &source, "x", &header, &error), OTX_OK);
    CHECK_INT(header.tensor_count, 14);
    CHECK_INT(header.metadata_count, 3);
    tensor = otx_safetensors_find(&header, "a_to_b.indptr", 13);
    CHECK(tensor && tensor->dtype == OTX_I64 && tensor->shape[0] == 12);
    if (tensor) CHECK_INT(element(&file, tensor, 11), 11);
    tensor = otx_safetensors_find(&header, "b_to_a.shape", 12);
    if (tensor) CHECK_INT(element(&file, tensor, 0) * 100 + element(&file, tensor, 1), 911);
    tensor = otx_safetensors_find(&header, "a_to_b.indices", 14);
    if (tensor) CHECK_INT(element(&file, tensor, 2), 3);
    tensor = otx_safetensors_find(&header, "a_to_b.weights", 14);
    CHECK(tensor && tensor->dtype == OTX_F32 && tensor->shape[0] == 11);
    if (tensor) CHECK(!memcmp(file.bytes + tensor->begin + 8, "\0\0\0\x3f", 4)); /* 0.5 */
    tensor = otx_safetensors_find(&header, "a_to_b.kinds", 12);
    if (tensor) CHECK_INT(file.bytes[tensor->begin + 5], OTX_COUNTERPART_ABSENT);
    otx_safetensors_close(NULL, &header);
}

static void a_file_for_people(void)
{
    static gathered file;
    otx_json json;
    CHECK_INT(write_both(NULL, true, &file), OTX_OK);
    CHECK_INT(otx_json_parse(NULL, file.bytes, file.size, "x", NULL, &json, &error), OTX_OK);
    otx_json_close(NULL, &json);
    CHECK_CONTAINS(file.bytes, "\"a\": \"A\",\n  \"method\": \"subword mean\",\n  \"a_to_b\": {");
    CHECK_CONTAINS(file.bytes, "{\"id\": 1, \"token\": \"abab\", \"kind\": \"split\", \"to\": "
                               "[{\"id\": 4, \"token\": \"ab\", \"weight\": 1.0}], \"pieces\": "
                               "[\"ab\", \"ab\"]},\n");
    CHECK_CONTAINS(file.bytes, "{\"id\": 4, \"token\": \"\\\\x85\", \"kind\": \"same\"");
    CHECK_CONTAINS(file.bytes, "\"kind\": \"none\", \"to\": []}");
    CHECK(!strstr(file.bytes, "absent\", \"to"));
}

static bool fail_to_write(void *context, const void *bytes, size_t size)
{
    (void)context, (void)bytes, (void)size;
    return false;
}

static void what_cannot_be_written(void)
{
    otx_vocab a = vocab_of(WORDS), b = vocab_of(PIECES);
    otx_token_map map;
    otx_token_maps both;
    otx_sink sink = {fail_to_write, NULL};
    memset(&both, 0, sizeof both);
    CHECK_INT(otx_token_map_open(NULL, &a, &b, NULL, &map, &error), OTX_OK);
    both.a = &a;
    both.b = &b;
    both.a_to_b = both.b_to_a = &map;
    CHECK_INT(otx_token_maps_write(NULL, &both, &sink, &error), OTX_ERROR_IO);
    CHECK_INT(otx_token_maps_write_json(NULL, &both, &sink, &error), OTX_ERROR_ARGUMENT);
    CHECK_CONTAINS(error.message, "maps of 11 and 11 rows");
    otx_token_map_close(NULL, &map);
    otx_vocab_close(NULL, &a);
    otx_vocab_close(NULL, &b);
}

/* ---- allocations that fail ---- */

/* What is tried under an allocator that fails. */
static otx_result attempt(const otx_context *ctx, int which)
{
    static gathered file;
    otx_vocab a, b;
    otx_token_map map;
    otx_result result;
    if (which < 2) return write_both(ctx, which == 1, &file);
    if (which == 2) {
        result = fit(ctx, OTX_METHOD_OMP, false, &map);
    } else {
        a = vocab_of(WORDS);
        b = vocab_of(PIECES);
        result = otx_token_map_open(ctx, &a, &b, NULL, &map, &error);
        otx_vocab_close(NULL, &a);
        otx_vocab_close(NULL, &b);
    }
    if (result) CHECK(!map.indptr && map.rows == 0);
    otx_token_map_close(ctx, &map);
    return result;
}

static void every_allocation_can_fail(void)
{
    otx_context ctx;
    failing state;
    otx_result result;
    long fail_at, total;
    int which;
    memset(&ctx, 0, sizeof ctx);
    ctx.allocator.resize = failing_resize;
    ctx.allocator.context = &state;
    ctx.threads = 1;
    write_models();
    for (which = 0; which < 4; which++) {
        memset(&state, 0, sizeof state);
        CHECK_INT(attempt(&ctx, which), OTX_OK);
        total = state.requests;
        CHECK(total > 1);
        for (fail_at = 1; fail_at <= total; fail_at++) {
            memset(&state, 0, sizeof state);
            state.fail_at = fail_at;
            result = attempt(&ctx, which);
            /* A solver may do with less. */
            CHECK(result == OTX_ERROR_MEMORY || (result == OTX_OK && which == 2));
            CHECK_INT(state.live, 0);
            CHECK(!state.wrong_size);
        }
    }
}

int main(void)
{
    scratch_open("map");
    RUN(bytes_of_gpt_2);
    RUN(bytes_for_what_is_no_token);
    RUN(the_best_sum_of_scores);
    RUN(the_longest_token_that_fits);
    RUN(ranks_of_what_two_make);
    RUN(how_pieces_are_weighed);
    RUN(counts_and_sums);
    RUN(rules_are_needed);
    RUN(it_can_be_cancelled);
    RUN(what_a_method_combines);
    RUN(methods_that_combine_nothing);
    RUN(a_file_for_torch);
    RUN(a_file_for_people);
    RUN(what_cannot_be_written);
    RUN(every_allocation_can_fail);
    scratch_close();
    return test_end();
}
