/* Ids and sizes in config.json and generation_config.json: which are the vocabulary's that
   is changed, under whatever key and in whatever object, and which are another's.
   A suite of the public API: linked with the implementation. */
#include <time.h>

#include "small_models.h"

/* Of the base, 10 rows: <s> 0, </s> 1, a 2, b 3, c 4, " d" 5, e 6, only-base 7. Of the
   donor, 14: c 0, a 1, " d" 2, b 3, e 4, <s> 5, and 11 ends its texts. */

/* What the rest of an object gets that has no bos_token_id and eos_token_id. */
#define ENDS "\"bos_token_id\": 5, \"eos_token_id\": 11"

/* Said of types that would otherwise have a head of their own. */
#define TIED "\"tie_word_embeddings\": true"

typedef struct edit {
    const char *before, *after;
} edit;

/* Each config.json of the base and what it becomes; with `generation`, beside
   a generation_config.json that becomes another. */
static void check_edits(const edit *edits, size_t count, const edit *generation)
{
    model base, donor;
    size_t i;
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    write_model("donor", &donor);
    for (i = 0; i < count; i++) {
        base.config = edits[i].before;
        base.generation = generation ? generation->before : NULL;
        write_model("base", &base);
        CHECK_RUN(NULL, NULL);
        CHECK_STRING(read_file("out", "config.json"), edits[i].after);
        if (generation)
            CHECK_STRING(read_file("out", "generation_config.json"), generation->after);
    }
}

/* A document of many members between two texts; # stands for the number of each. Valid until
   the next. */
static const char *many_members(const char *before, const char *member, size_t count,
                                const char *after)
{
    static char text[1 << 20];
    size_t size = (size_t)snprintf(text, sizeof text, "%s", before), i;
    for (i = 0; i < count; i++) {
        const char *number = strchr(member, '#');
        const int head = (int)(number ? (size_t)(number - member) : strlen(member));
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%.*s", i ? ", " : "", head,
                                 member);
        if (number)
            size += (size_t)snprintf(text + size, sizeof text - size, "%u%s", (unsigned)i,
                                     number + 1);
    }
    CHECK((size_t)snprintf(text + size, sizeof text - size, "%s", after) < sizeof text - size);
    return text;
}

/* Ids are of the vocabulary whose size their object names, or the one around it. */
static void whose_ids(void)
{
    static const edit edits[] = {
        /* Under any name, as deep as it lies. */
        {"{\"any\": {\"other\": [{\"text\": {\"vocab_size\": 10, \"eos_token_id\": [1, 0]}}]}}",
         "{\"any\": {\"other\": [{\"text\": {\"vocab_size\": 14, \"eos_token_id\": 11}}]}, "
         "\"bos_token_id\": 5}"},
        {"{\"vocab_size\": 10, \"more\": {\"eos_token_id\": 1, \"bos_token_id\": null}, " ENDS "}",
         "{\"vocab_size\": 14, \"more\": {\"eos_token_id\": 11, \"bos_token_id\": null}, " ENDS
         "}"},
        /* Other sizes, and objects that are known to be about something else. */
        {"{\"vocab_size\": 10, " ENDS ", \"talker_config\": {\"vocab_size\": 8, "
         "\"eos_token_id\": 6, \"audio_token_id\": 2, \"suppress_tokens\": [2], "
         "\"speech_end_token_id\": 3, \"inner\": {\"pad_token_id\": 3}}}",
         "{\"vocab_size\": 14, " ENDS ", \"talker_config\": {\"vocab_size\": 8, "
         "\"eos_token_id\": 6, \"audio_token_id\": 1, \"suppress_tokens\": [2], "
         "\"speech_end_token_id\": 3, \"inner\": {\"pad_token_id\": 3}}}"},
        {"{\"vocab_size\": 10, " ENDS ", \"codec_config\": {\"pad_token_id\": 0}, "
         "\"audio_encoder\": {\"eos_token_id\": 3, \"vocab_size\": 10}}",
         "{\"vocab_size\": 14, " ENDS ", \"codec_config\": {\"pad_token_id\": 0}, "
         "\"audio_encoder\": {\"eos_token_id\": 11, \"vocab_size\": 14}}"},
        {"{\"vocab_size\": 10, " ENDS ", \"talker_config\": {\"vocab_size\": 4, "
         "\"thinker_end_token_id\": 6, \"stop_token_ids\": [2]}, \"stop_token_ids\": [1, 2]}",
         "{\"vocab_size\": 14, " ENDS ", \"talker_config\": {\"vocab_size\": 4, "
         "\"thinker_end_token_id\": 4, \"stop_token_ids\": [2]}, \"stop_token_ids\": [11, 1]}"},
        /* Both sides of a model that hears text and speaks in codes. */
        {"{\"model_type\": \"musicgen\", \"pad_token_id\": 6, \"text_encoder\": "
         "{\"vocab_size\": 10, \"eos_token_id\": 1}, \"decoder\": {\"vocab_size\": 8, "
         "\"bos_token_id\": 7}}",
         "{\"model_type\": \"musicgen\", \"pad_token_id\": 6, \"text_encoder\": "
         "{\"vocab_size\": 14, \"eos_token_id\": 11}, \"decoder\": {\"vocab_size\": 8, "
         "\"bos_token_id\": 7}}"},
        {"{\"model_type\": \"csm\", \"vocab_size\": 9, \"text_vocab_size\": 10, "
         "\"codebook_eos_token_id\": 2, \"audio_token_id\": 2, " ENDS "}",
         "{\"model_type\": \"csm\", \"vocab_size\": 9, \"text_vocab_size\": 14, "
         "\"codebook_eos_token_id\": 2, \"audio_token_id\": 1, " ENDS "}"},
        {"{\"model_type\": \"glm_image\", \"image_end_token_id\": 2, \"image_token_id\": 2, "
         "\"text_config\": {\"model_type\": \"glm_image_text\", \"vocab_size\": 10, "
         "\"bos_token_id\": 0, " TIED "}, " TIED "}",
         "{\"model_type\": \"glm_image\", \"image_end_token_id\": 2, \"image_token_id\": 1, "
         "\"text_config\": {\"model_type\": \"glm_image_text\", \"vocab_size\": 14, "
         "\"bos_token_id\": 5, " TIED "}, " TIED "}"},
    };
    static const edit codes = {"{\"eos_token_id\": 6, \"decoder_start_token_id\": 5}",
                               "{\"eos_token_id\": 6, \"decoder_start_token_id\": 5}"};
    check_edits(edits, COUNT(edits), NULL);
    check_edits(&edits[5], 1, &codes);
}

/* Names that say by themselves what their ids are of. */
static void names_of_ids(void)
{
    static const edit edits[] = {
        {"{\"vocab_size\": 10, " ENDS ", \"t\": {\"codec_eos_token_id\": 2, \"codec_bos_id\": 3, "
         "\"tts_codec_pad_token_id\": 2, \"t2u_pad_token_id\": 2, \"blank_token_id\": 5, "
         "\"audio_stream_bos_id\": 2, \"tts_text_pad_token_id\": 2, \"user_token_id\": 4}}",
         "{\"vocab_size\": 14, " ENDS ", \"t\": {\"codec_eos_token_id\": 2, \"codec_bos_id\": 3, "
         "\"tts_codec_pad_token_id\": 2, \"t2u_pad_token_id\": 2, \"blank_token_id\": 5, "
         "\"audio_stream_bos_id\": 2, \"tts_text_pad_token_id\": 1, \"user_token_id\": 0}}"},
        {"{\"vocab_size\": 10, " ENDS ", \"im_start_id\": 2, \"im_newline_id\": -1, "
         "\"image_end_id\": 4, \"slice_start_id\": 5, \"newline_id\": 6, \"image_patch_id\": 2, "
         "\"speaker_id\": {\"b\": 3}, \"lang_id\": 2}",
         "{\"vocab_size\": 14, " ENDS ", \"im_start_id\": 1, \"im_newline_id\": -1, "
         "\"image_end_id\": 0, \"slice_start_id\": 2, \"newline_id\": 4, \"image_patch_id\": 1, "
         "\"speaker_id\": {\"b\": 3}, \"lang_id\": 2}"},
        {"{\"model_type\": \"kyutai_speech_to_text\", \"vocab_size\": 10, " ENDS
         ", \"audio_bos_token_id\": 2, \"audio_pad_token_id\": 3, " TIED "}",
         "{\"model_type\": \"kyutai_speech_to_text\", \"vocab_size\": 14, " ENDS
         ", \"audio_bos_token_id\": 2, \"audio_pad_token_id\": 3, " TIED "}"},
    };
    check_edits(edits, COUNT(edits), NULL);
}

/* Old names win over the new ones: they are changed, and no new one is put beside them. */
static void old_names(void)
{
    static const edit edits[] = {
        {"{\"n_words\": 10, \"bos_index\": 0, \"eos_index\": 1, \"pad_index\": 1, "
         "\"unk_index\": 2, \"mask_index\": 7}",
         "{\"n_words\": 14, \"bos_index\": 5, \"eos_index\": 11, \"pad_index\": 11, "
         "\"unk_index\": 1, \"mask_index\": null}"},
        {"{\"n_token\": 10, \"vocab_size\": 10, " ENDS "}",
         "{\"n_token\": 14, \"vocab_size\": 14, " ENDS "}"},
        {"{\"org_vocab_size\": 10, \"pad_id\": 1, \"pad_token_id\": 1, " ENDS "}",
         "{\"org_vocab_size\": 14, \"pad_id\": 11, \"pad_token_id\": 11, " ENDS "}"},
    };
    otx_verify_summary summary;
    otx_error error;
    model out;
    check_edits(edits, COUNT(edits), NULL);
    /* One that was left as it was is found. */
    base_model_of(&out, OTX_F32, false);
    out.config = "{\"n_words\": 9, \"vocab_size\": 10, \"bos_index\": 0, \"eos_index\": 12}";
    write_model("base", &out);
    CHECK_INT(otx_verify(NULL, at("base"), NULL, &summary, &error), OTX_OK);
    CHECK_INT(summary.warnings, 2); /* n_words, and the end of texts is not the tokenizer's */
    CHECK_INT(summary.faults, 1);   /* eos_index is beyond the rows */
}

static void sizes(void)
{
    static const edit edits[] = {
        {"{\"vocab_size\": 10, \"unpadded_vocab_size\": 8, \"output_vocab_size\": 10, "
         "\"decoder_vocab_size\": 10, \"type_vocab_size\": 2, \"vision_vocab_size\": 9, "
         "\"codebook_size\": 10, " ENDS "}",
         "{\"vocab_size\": 14, \"unpadded_vocab_size\": 14, \"output_vocab_size\": 14, "
         "\"decoder_vocab_size\": 14, \"type_vocab_size\": 2, \"vision_vocab_size\": 9, "
         "\"codebook_size\": 10, " ENDS "}"},
        {"{\"vocab_size\": 10, " ENDS ", \"depth_decoder_config\": {\"vocab_size\": 10, "
         "\"eos_token_id\": 2}, \"additional_vocab_size\": 0}",
         "{\"vocab_size\": 14, " ENDS ", \"depth_decoder_config\": {\"vocab_size\": 14, "
         "\"eos_token_id\": 2}, \"additional_vocab_size\": 0}"},
        /* Rounded up by the class: as many rows as the size says from now on. */
        {"{\"vocab_size\": 8, \"pad_vocab_size_multiple\": 5, " ENDS "}",
         "{\"vocab_size\": 14, \"pad_vocab_size_multiple\": 1, " ENDS "}"},
        {"{\"vocab_size\": 10, \"make_vocab_size_divisible_by\": 10, " ENDS "}",
         "{\"vocab_size\": 14, \"make_vocab_size_divisible_by\": 1, " ENDS "}"},
    };
    check_edits(edits, COUNT(edits), NULL);
    check_matrix("out", "model.embed_tokens.weight", 14, false, base_embedding);
}

static void dictionaries(void)
{
    static const edit edits[] = {
        {"{\"vocab_size\": 10, " ENDS ", \"vocabulary_map\": {\"a\": 2, \"\\u0063\": 4}}",
         "{\"vocab_size\": 14, " ENDS ", \"vocabulary_map\": {\"a\": 1, \"\\u0063\": 0}}"},
    };
    static const edit generation = {
        "{\"lang_to_id\": {\"a\": 2, \"only-base\": 7}, \"task_to_id\": {\"x\": 7}, "
        "\"id_to_text\": {\"4\": \"\\u0063\", \"7\": \"o\"}, \"t2u_lang_code_to_id\": "
        "{\"a\": 2}, " ENDS "}",
        "{\"lang_to_id\": {\"a\": 1}, \"task_to_id\": null, "
        "\"id_to_text\": {\"0\": \"\\u0063\"}, \"t2u_lang_code_to_id\": "
        "{\"a\": 2}, " ENDS "}"};
    check_edits(edits, COUNT(edits), &generation);
    CHECK_CONTAINS(logged, "1 of the ids in \"lang_to_id\" have no counterpart");
}

/* Ids of codes that follow each other in the donor's vocabulary too. */
static void ranges(void)
{
    static const char *const tokens[] = {"!<s>", "!<end>", "x", "y", "z",
                                         "a",    "b",      "c", "\304\240d", "e"};
    model base, donor;
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    base.token_count--; /* without only-base, the last */
    base.config = "{\"vocab_size\": 10, \"image_token_offset\": 2, \"audio_token_offset\": 4}";
    donor.tokens = tokens;
    donor.token_count = COUNT(tokens);
    donor.config = "{\"vocab_size\": 14}";
    write_model("base", &base);
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    CHECK_CONTAINS(read_file("out", "config.json"),
                   "\"image_token_offset\": 5, \"audio_token_offset\": 7,");
    base.config = many_members("{\"vocab_size\": 10, \"list\": [", "{\"vocab_offset\": 2}", 17,
                               "]}");
    write_model("base", &base);
    check_fails(NULL, OTX_ERROR_LIMIT, "more than 16 ranges of codes, the next one by "
                                       "\"vocab_offset\"");
}

/* What is more than a change of ids. */
static void refused(void)
{
    static const struct {
        const char *config, *message;
    } cases[] = {
        {"{\"vocab_size\": 10, \"vocabulary_map\": {\"a\": 2, \"o\": 7}}",
         "\"vocabulary_map\" is 7, the token \"only-base\""},
        {"{\"vocab_size\": 10, \"additional_vocab_size\": 2}",
         "\"additional_vocab_size\" counts rows of a second matrix"},
        {"{\"vocab_size\": 10, \"t\": {\"encoder_hash_byte_group_vocab\": 50}}",
         "\"encoder_hash_byte_group_vocab\""},
        {"{\"vocab_size\": 10, \"use_ordered_embeddings\": true}", "\"use_ordered_embeddings\""},
        {"{\"vocab_size\": 10, \"image_token_offset\": 2, \"audio_token_offset\": 4}",
         "\"image_token_offset\" on, 2, are codes"},
        {"{\"vocab_size\": 10, \"t\": {\"vocab_offset\": 9}}", "\"vocab_offset\" on, 9"},
        {"{\"vocab_size\": 10, \"t\": {\"im_start_id\": 7}}",
         "\"im_start_id\" is 7, the token \"only-base\""},
        {"{\"vocab_size\": 10, \"id_to_text\": {\"7\": \"x\"}}",
         "\"id_to_text\" is 7, the token \"only-base\""},
        {"{\"vocab_size\": 10, \"image_token_ids\": [2, -1]}",
         "\"image_token_ids\" holds \"-1\", which is no id of a token"},
        {"{\"vocab_size\": 10, \"lang_to_id\": {\"a\": \"b\"}}",
         "\"lang_to_id\" holds \"b\", which is no id of a token"},
    };
    model base, donor;
    size_t i;
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    write_model("donor", &donor);
    for (i = 0; i < COUNT(cases); i++) {
        base.config = cases[i].config;
        write_model("base", &base);
        check_fails(NULL, OTX_ERROR_UNSUPPORTED, cases[i].message);
    }
}

/* The time that a config takes grows as its members do, whatever they ask of the object that
   they stand in. */
static void in_time(void)
{
    const size_t count = 20000;
    const clock_t start = clock();
    model base, donor;
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    write_model("donor", &donor);
    base.config = many_members("{\"vocab_size\": 10, ", "\"a#_vocab_size\": 5", count, "}");
    write_model("base", &base);
    CHECK_RUN(NULL, NULL);
    base.config = many_members("{\"vocab_size\": 10, \"t\": {\"vocab_size\": 8, ",
                               "\"a#_token_id\": 3", count, "}}");
    write_model("base", &base);
    CHECK_RUN(NULL, NULL);
    base.config = "{\"vocab_size\": 10}";
    base.tokenizer_config = donor.tokenizer_config =
        many_members("{", "\"a#_token\": \"b\"", 2 * count, "}");
    write_model("base", &base);
    write_file("base", "processor_config.json", "{}");
    write_model("donor", &donor);
    CHECK_RUN(NULL, NULL);
    CHECK(!strstr(logged, "for a processor to ask for"));
    scratch_remove_tree("base");
    CHECK(clock() - start < 20 * CLOCKS_PER_SEC);
}

/* Ids that config.json names beyond all rows may be mapped to; one that is not is none's. */
static void ids_without_rows(void)
{
    static const char *const map[] = {"#12=#30", "#10=#25"};
    otx_job_options options;
    model base, donor;
    memset(&options, 0, sizeof options);
    base_model_of(&base, OTX_F32, false);
    donor_model_of(&donor, OTX_F32, false);
    base.config = "{\"vocab_size\": 10, \"im_start_id\": 25, \"image_end_id\": 30}";
    write_model("base", &base);
    write_model("donor", &donor);
    options.map = map;
    options.map_count = 1;
    check_fails(&options, OTX_ERROR_UNSUPPORTED, "\"im_start_id\" is 25, an id without a token; "
                                                 "give it one with --map 'DONOR=#25'");
    options.map_count = 2;
    CHECK_RUN(&options, NULL);
    CHECK_CONTAINS(read_file("out", "config.json"), "\"im_start_id\": 10, \"image_end_id\": 12,");
    CHECK_CONTAINS(logged, "id 25 has no row: the donor's token 10, which is mapped to it");
    /* A token that the donor has, but the output no row for. */
    base.config = "{\"vocab_size\": 10, \"eos_token_id\": 1}";
    write_model("base", &base);
    memset(&options, 0, sizeof options);
    options.rows = OTX_ROWS_EXACT;
    options.rows_exact = 10;
    CHECK_RUN(&options, NULL);
    CHECK_CONTAINS(read_file("out", "config.json"), "\"eos_token_id\": null");
    CHECK_CONTAINS(logged, "\"eos_token_id\" is set to null: the donor's eos, id 11, lies beyond "
                           "the 10 rows");
}

int main(void)
{
    scratch_open("job_keys");
    RUN(whose_ids);
    RUN(names_of_ids);
    RUN(old_names);
    RUN(sizes);
    RUN(dictionaries);
    RUN(ranges);
    RUN(refused);
    RUN(in_time);
    RUN(ids_without_rows);
    scratch_close();
    return test_end();
}
