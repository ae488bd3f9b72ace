/* Vocabularies from other files than tokenizer.json, in memory: SentencePiece models,
   tekken.json, tiktoken files, vocab.json with merges.txt, vocab.txt. What the packages make
   of the same files, tests/vocab_sources.py compares.
   A suite of the public API: linked with the implementation. */
#include "failing.h"
#include "source_files.h"

/* ---- SentencePiece ---- */

#define PIECES "0:c:<unk>+ 1:c:<s>+ 2:c:</s>+ 3:t: a 4:t:x y 5:t:  + 6:u:<unused7> 7:u:z"

static void sentencepiece(void)
{
    otx_vocab vocab;
    put_pieces();
    give_model();
    expect("SentencePiece", PIECES, "1 2 -1 0");
    CHECK_STRING(messages, "");
    put_trainer(2, 0);
    give_model();
    expect("SentencePiece", PIECES, "1 2 -1 0");
    CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_OK);
    CHECK_STRING(vocab.model, "BPE");
    CHECK_STRING(otx_family_name(vocab.family), "metaspace");
    CHECK_INT(vocab.tokens[3].content_size, 4);
    otx_vocab_close(NULL, &vocab);
}

/* Fields that are not known are stepped over, however they are written. */
static void unknown_fields(void)
{
    model_size = 0;
    put_number(99, UINT64_MAX);
    put_text(3, "\x18\x01", 2);             /* the normalizer */
    put(7 << 3 | 1), model_size += 8;       /* eight bytes */
    put(7 << 3 | 5), model_size += 4;       /* four */
    put(9 << 3 | 3), put_number(1, 5);      /* a group, ... */
    put(10 << 3 | 3), put(10 << 3 | 4);     /* ... one within, ... */
    put(9 << 3 | 4);                        /* ... and its end */
    put(1 << 3), put(5);                    /* pieces, but as a number */
    put(10), put(13);                       /* a piece with an unknown field in it */
    put_text(1, "<unk>", 5), put_number(3, 2), put_number(9, 1), put(0x98), put(0);
    model_size -= 2;
    model[model_size++] = 0x50, put(1);
    give_model();
    refuse(OTX_ERROR_FORMAT, "T: is a Unigram model without a piece of text");
    put_piece("a", 0);
    give_model();
    expect("SentencePiece", "0:c:<unk>+ 1:t:a", "-1 -1 -1 0");
}

static void byte_pieces(void)
{
    char name[16];
    unsigned byte;
    put_pieces();
    put_trainer(1, 1);
    for (byte = 0; byte < 255; byte++) {
        (void)snprintf(name, sizeof name, "<0x%02X>", byte);
        put_piece(name, 6);
    }
    give_model();
    refuse(OTX_ERROR_FORMAT, "T: byte_fallback is set, but there are pieces for 255 of the");
    put_piece("<0xff>", 6);
    give_model();
    refuse(OTX_ERROR_FORMAT, "T: piece 263, \"<0xff>\", stands for a byte, but is not <0xNN>");
    model_size -= 17;
    put_piece("<0xFF>", 6);
    put_piece("<0xfe>", 1);
    give_model();
    {
        otx_vocab vocab;
        CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_OK);
        for (byte = 0; byte < 256 && vocab.count == 265; byte++) {
            CHECK_INT(vocab.tokens[8 + byte].kind, OTX_TOKEN_BYTE);
            CHECK_INT(vocab.tokens[8 + byte].size, 1);
            CHECK_INT((unsigned char)vocab.tokens[8 + byte].bytes[0], byte);
        }
        CHECK_INT(vocab.count, 265);
        if (vocab.count == 265) CHECK_INT(vocab.tokens[264].kind, OTX_TOKEN_TEXT);
        otx_vocab_close(NULL, &vocab);
    }
    put_pieces();
    put_piece("<0x41>", 6);
    give_model();
    refuse(OTX_ERROR_FORMAT, "T: byte_fallback is not set, but there are pieces for 1 of");
}

static void broken_models(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *part;
    } cases[] = {
        {"", 0, "0 of 0 pieces stand for what is unknown, expected one"},
        {"\x0a", 1, "a number is cut off in the field at byte 0"},
        {"\x0a\x05" "abc", 5, "a field is longer than what holds it in the field at byte 0"},
        {"\x0a\x80", 2, "a number is cut off"},
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "a field is longer than"},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11, "more than 64 bits"},
        {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12, "more than 64 bits"},
        {"\x02\x00", 2, "a field has no valid number"},
        {"\xff\xff\xff\xff\x7f", 5, "a field has no valid number"},
        {"\x0e", 1, "a field is of no known wire type"},
        {"\x0f", 1, "a field is of no known wire type"},
        {"\x09\x01\x02", 3, "a field is longer than"},
        {"\x0d\x01\x02\x03", 4, "a field is longer than"},
        {"\x0c", 1, "a group ends that is not open"},
        {"\x0b\x14", 2, "a group ends that is not open"},
        {"\x0b\x08\x01", 3, "a number is cut off"},
        {"\x0a\x03\x0a\x05x", 5, "a field is longer than"},
        {"\x12\x02\x18\x80", 4, "a number is cut off"},
        {"\x0a\x02\x18\x01", 4, "T: piece 0, \"\", is empty"},
        {"\x0a\x03\x0a\x01\xff", 5, "T: piece 0, \"\\xff\", is not UTF-8"},
        {"\x0a\x04\x0a\x02" "a\0", 6, "T: piece 0, \"a\\x00\", holds a zero byte"},
        {"\x0a\x05\x0a\x01x\x18\x07", 7, "T: piece 0, \"x\", is of no known type"},
        {"\x0a\x05\x0a\x01x\x18\x00", 7, "is of no known type"},
        {"\x0a\x05\x0a\x01x\x18\x06", 7, "stands for a byte, but is not <0xNN>"},
    };
    size_t i;
    unsigned depth;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        give_bytes(OTX_VOCAB_SENTENCEPIECE, cases[i].bytes, cases[i].size);
        refuse(OTX_ERROR_FORMAT, cases[i].part);
    }
    for (model_size = 0, depth = 0; depth < 101; depth++) put(0x0b);
    give_model();
    refuse(OTX_ERROR_FORMAT, "groups are nested too deep");
    put_pieces();
    put_piece("<unk>", 2);
    give_model();
    refuse(OTX_ERROR_FORMAT, "2 of 9 pieces stand for what is unknown");
    put_pieces();
    put_trainer(5, 0);
    give_model();
    refuse(OTX_ERROR_UNSUPPORTED, "T: the type of the model, 5, is not known");
}

/* Control pieces and others may have one name, but not in BPE. */
static void repeated_pieces(void)
{
    put_pieces();
    put_piece("<s>", 1);
    give_model();
    expect("SentencePiece", PIECES " 8:t:<s>", "1 2 -1 0");
    put_trainer(2, 0);
    give_model();
    refuse(OTX_ERROR_FORMAT, "T: token \"<s>\" is given twice, as ids 1 and 8");
    put_pieces();
    put_piece("z", 4);
    give_model();
    refuse(OTX_ERROR_FORMAT, "T: token \"z\" is given twice, as ids 7 and 8");
}

/* The names of the roles are the trainer's. */
static void roles_of_pieces(void)
{
    put_pieces();
    put(18), put_varint(7 + 6 + 6);
    put_text(46, "</s>", 4), put_text(47, "<s>", 3), put_text(48, "<q>", 3);
    give_model();
    expect("SentencePiece", PIECES, "2 1 -1 0");
    give(OTX_VOCAB_TOKENIZER_CONFIG, "{\"eos_token\":\"</s>\",\"bos_token\":null}");
    expect("SentencePiece", PIECES, "-1 2 -1 0");
    CHECK_STRING(messages, "");
}

/* transformers' own numbering. */
static void layouts(void)
{
    put_pieces();
    give_model();
    give(OTX_VOCAB_TOKENIZER_CONFIG, "{\"tokenizer_class\":\"XLMRobertaTokenizerFast\"}");
    expect("SentencePiece", "0:c:<s>+ 1:c:<pad>+ 2:c:</s>+ 3:c:<unk>+ 4:t: a 5:t:x y 6:t:  + "
           "7:u:<unused7> 8:u:z 9:c:<mask>+", "0 2 1 3");
    give(OTX_VOCAB_TOKENIZER_CONFIG, "{\"tokenizer_class\":\"LlamaTokenizer\"}");
    give(OTX_VOCAB_MODEL_CONFIG, "{\"model_type\":\"camembert\"}");
    expect("SentencePiece", PIECES, "1 2 -1 0");
    give_model();
    give(OTX_VOCAB_MODEL_CONFIG, "{\"model_type\":\"camembert\"}");
    expect("SentencePiece", "0:c:<s>NOTUSED+ 1:c:<pad>+ 2:c:</s>NOTUSED+ 3:c:<unk>+ "
           "4:c:<unk>NOTUSED+ 5:c:<s>+ 6:c:</s>+ 7:t: a 8:t:x y 9:t:  + 10:u:<unused7> 11:u:z "
           "12:c:<mask>+",
           "5 6 1 3");
    give_model();
    give(OTX_VOCAB_TOKENIZER_CONFIG, "{\"tokenizer_class\":\"T5Tokenizer\",\"extra_ids\":2}");
    expect("SentencePiece", PIECES " 8:c:<extra_id_1>+ 9:c:<extra_id_0>+", "1 2 -1 0");
    give(OTX_VOCAB_TOKENIZER_CONFIG, "{\"tokenizer_class\":\"T5Tokenizer\",\"extra_ids\":1e9}");
    refuse(OTX_ERROR_FORMAT, "extra_ids of tokenizer_config.json is not a whole number from 0");
    give(OTX_VOCAB_TOKENIZER_CONFIG, "{\"tokenizer_class\":\"NllbTokenizer\"}");
    refuse(OTX_ERROR_UNSUPPORTED, "T: NllbTokenizer numbers the pieces by rules of its own");
}

static void layout_of_a_name(void)
{
    otx_vocab vocab;
    put_pieces();
    give_model();
    CHECK_INT(otx_vocab_parse(NULL, texts, "a/sentencepiece.bpe.model", &vocab, &error),
              OTX_ERROR_UNSUPPORTED);
    CHECK_CONTAINS(error.message, "a/sentencepiece.bpe.model: how a file of this name numbers");
    give(OTX_VOCAB_MODEL_CONFIG, "{");
    CHECK_INT(otx_vocab_parse(NULL, texts, "a/sentencepiece.bpe.model", &vocab, &error),
              OTX_ERROR_FORMAT);
    CHECK_CONTAINS(error.message, "a/config.json:1:2: ");
}

static void added_to_pieces(void)
{
    put_pieces();
    give_model();
    give(OTX_VOCAB_ADDED_TOKENS, "{\"<b>\":9,\"<a>\":8,\"z\":7}");
    expect("SentencePiece", PIECES "+ 8:t:<a>+ 9:t:<b>+", "1 2 -1 0");
    CHECK_STRING(messages, "");
    /* One that is declared at the place of another takes it. */
    give(OTX_VOCAB_TOKENIZER_CONFIG, "{\"added_tokens_decoder\":{\"6\":{\"content\":\"<e>\","
                                     "\"special\":true},\"40\":{\"content\":\"f\"}}}");
    expect("SentencePiece", "0:c:<unk>+ 1:c:<s>+ 2:c:</s>+ 3:t: a 4:t:x y 5:t:  + 6:c:<e>+ "
                            "7:u:z 8:t:f+", "1 2 -1 0");
    CHECK_CONTAINS(messages, "tokenizer_config.json: 1 tokens have another id at run time than "
                             "the file says, such as \"f\": 8 instead of 40");
}

/* A piece whose id gets another name hands its own on: two may swap; one of no such id keeps it. */
static void names_handed_on(void)
{
#define GIVES(entries) "{\"added_tokens_decoder\":{" entries "}}"
#define AS(id, content, special) \
    "\"" id "\":{\"content\":\"" content "\",\"special\":" special "}"
    put_pieces();
    give_model();
    give(OTX_VOCAB_TOKENIZER_CONFIG,
         GIVES(AS("3", "x" MARK "y", "false") "," AS("4", MARK "a", "true")));
    expect("SentencePiece", "0:c:<unk>+ 1:c:<s>+ 2:c:</s>+ 3:t:x" MARK "y+ 4:c:" MARK "a+ 5:t:  + "
                            "6:u:<unused7> 7:u:z", "1 2 -1 0");
    CHECK_STRING(messages, "");
    give(OTX_VOCAB_TOKENIZER_CONFIG,
         GIVES(AS("3", "x" MARK "y", "false") "," AS("4", "z", "false") ","
               AS("7", "n", "false")));
    expect("SentencePiece", "0:c:<unk>+ 1:c:<s>+ 2:c:</s>+ 3:t:x" MARK "y+ 4:t:z+ 5:t:  + "
                            "6:u:<unused7> 7:t:n+", "1 2 -1 0");
    CHECK_STRING(messages, "");
    give(OTX_VOCAB_TOKENIZER_CONFIG,
         GIVES(AS("3", "x" MARK "y", "false") "," AS("4", "z", "false")));
    expect("SentencePiece", "0:c:<unk>+ 1:c:<s>+ 2:c:</s>+ 3:t: a 4:t:x y+ 5:t:  + "
                            "6:u:<unused7> 7:u:z+", "1 2 -1 0");
    CHECK_CONTAINS(messages, "2 tokens have another id at run time than the file says");
    give(OTX_VOCAB_TOKENIZER_CONFIG, /* one name for two ids: the first has it */
         GIVES(AS("3", "z", "false") "," AS("4", "z", "false") "," AS("7", "n", "false")));
    expect("SentencePiece", "0:c:<unk>+ 1:c:<s>+ 2:c:</s>+ 3:t:z+ 4:t:x y 5:t:  + "
                            "6:u:<unused7> 7:t:n+", "1 2 -1 0");
}

/* What is named as special and is no token is added last, in transformers' order. */
static void special_tokens_that_are_none(void)
{
    put_pieces();
    give_model();
    give(OTX_VOCAB_TOKENIZER_CONFIG,
         "{\"additional_special_tokens\":[\"[l]\",\"\",\"</s>\"],\"extra_special_tokens\":{"
         "\"b\":\"[b]\",\"a\":\"[a]\"},\"cls_token\":\"[c]\",\"mask_token\":\"[m]\","
         "\"pad_token\":{\"content\":\"[p]\"},\"sep_token\":\"[s]\",\"unk_token\":\"[u]\","
         "\"eos_token\":\"[e]\",\"bos_token\":\"<s>\",\"added_tokens_decoder\":{"
         "\"40\":{\"content\":\"f\"}}}");
    expect("SentencePiece", PIECES " 8:t:f+ 9:c:[e]+ 10:c:[u]+ 11:c:[s]+ 12:c:[p]+ 13:c:[c]+ "
                            "14:c:[m]+ 15:c:[b]+ 16:c:[a]+ 17:c:[l]+", "1 9 12 10");
    CHECK_CONTAINS(messages, "tokenizer_config.json: 9 special tokens are no tokens of the "
                             "tokenizer and are added after its own, such as \"[e]\" with the "
                             "id 9");
    /* Of two lists the newer is read. A role goes by special_tokens_map.json where
       that is read. */
    give(OTX_VOCAB_TOKENIZER_CONFIG, "{\"additional_special_tokens\":[\"[l]\"],"
                                     "\"extra_special_tokens\":[\"[x]\"],\"pad_token\":\"[p]\"}");
    give(OTX_VOCAB_SPECIAL_TOKENS, "{\"pad_token\":\"[q]\"}");
    expect("SentencePiece", PIECES " 8:c:[q]+ 9:c:[x]+", "1 2 8 0");
    give(OTX_VOCAB_TOKENIZER_CONFIG, "{\"additional_special_tokens\":[\"[l]\"],"
                                     "\"extra_special_tokens\":[],\"pad_token\":\"[p]\"}");
    expect("SentencePiece", PIECES " 8:c:[q]+ 9:c:[l]+", "1 2 8 0");
}

/* ---- tekken.json ---- */

static void tekken(void)
{
    give(OTX_VOCAB_TEKKEN,
         TEKKEN(SIZES(5, 3), THREE, ",\"special_tokens\":[" NAMED(0, "<s>") "," NAMED(1, "</s>")
                "]"));
    expect("tekken.json", "0:c:<s>+ 1:c:</s>+ 2:u:<SPECIAL_2>+ 3:t:\\x00 4:t:\\x01",
           "0 1 -1 -1");
    give(OTX_VOCAB_TEKKEN, TEKKEN(SIZES(23, 21) V3, THREE, ""));
    {
        otx_vocab vocab;
        CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_OK);
        CHECK_INT(vocab.count, 23);
        CHECK_INT(vocab.roles[OTX_ROLE_UNK], 0);
        CHECK_INT(vocab.roles[OTX_ROLE_PAD], 11);
        CHECK_CONTAINS(dump(&vocab), "19:c:[TOOL_CONTENT]+ 20:u:<SPECIAL_20>+ 21:t:\\x00");
        otx_vocab_close(NULL, &vocab);
    }
    give(OTX_VOCAB_TEKKEN, TEKKEN(SIZES(4, 1), THREE, ",\"special_tokens\":["
                                  NAMED(0, "<s>") "]"));
    give(OTX_VOCAB_ADDED_TOKENS, "{\"<x>\":4}");
    expect("tekken.json", "0:c:<s>+ 1:t:\\x00 2:t:\\x01 3:t:\\x02 4:t:<x>+", "0 -1 -1 -1");
}

static void broken_tekken(void)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"[]", "T: expected a JSON object"},
        {"{}", "T: config.default_vocab_size is not a whole number"},
        {TEKKEN("\"default_vocab_size\":3", THREE, ""), "default_num_special_tokens is not"},
        {TEKKEN("\"default_vocab_size\":-3", THREE, ""), "default_vocab_size is not"},
        {"{\"config\":{" SIZES(3, 0) "}}", "T: there is no array \"vocab\""},
        {TEKKEN(SIZES(3, 0), THREE, ""), "there is no array \"special_tokens\""},
        {TEKKEN(SIZES(23, 20) ",\"version\":\"v11\"", THREE, ""), "only the versions up to v7"},
        {TEKKEN(SIZES(23, 20) ",\"version\":\"3\"", THREE, ""), "only the versions up to v7"},
        {TEKKEN(SIZES(3, 0) V3, THREE, ",\"special_tokens\":{}"), "there is no array \"spec"},
        {TEKKEN(SIZES(4, 0) V3, THREE, ",\"special_tokens\":[]"),
         "a vocabulary of 4 with 0 special tokens does not go with lists of 3 and 0"},
        {TEKKEN(SIZES(3, 4) V3, THREE, ",\"special_tokens\":[]"), "a vocabulary of 3 with 4"},
        {TEKKEN(SIZES(22, 19) V3, THREE, ""), "lists of 3 and 20"},
        {TEKKEN(SIZES(999999999, 999999998), THREE, ",\"special_tokens\":[]"), "999999998"},
        {TEKKEN(SIZES(0, 0), "", ",\"special_tokens\":[]"), "T: holds no token"},
        {TEKKEN(SIZES(1, 0), ENTRY(1, "AA=="), ",\"special_tokens\":[]"),
         "T: entry 0 of vocab has not the rank 0"},
        {TEKKEN(SIZES(1, 0), "7", ",\"special_tokens\":[]"), "entry 0 of vocab has not"},
        {TEKKEN(SIZES(1, 0), ENTRY(0, "AQ=="), ",\"special_tokens\":[]"),
         "T: the token_bytes of entry 0 of vocab are not base64 of that byte"},
        {TEKKEN(SIZES(1, 0), ENTRY(0, "AA="), ",\"special_tokens\":[]"), "not base64"},
        {TEKKEN(SIZES(1, 0), ENTRY(0, "AB=="), ",\"special_tokens\":[]"), "not base64"},
        {TEKKEN(SIZES(1, 0), "{\"rank\":0}", ",\"special_tokens\":[]"), "not base64"},
        {TEKKEN(SIZES(2, 1), THREE, ",\"special_tokens\":[" NAMED(1, "<s>") "]"),
         "entry 0 of special_tokens has not the rank 0"},
        {TEKKEN(SIZES(2, 1), THREE, ",\"special_tokens\":[{\"rank\":0}]"),
         "entry 0 of special_tokens has no token_str"},
        {TEKKEN(SIZES(3, 2), THREE,
                ",\"special_tokens\":[" NAMED(0, "x") "," NAMED(1, "x") "]"),
         "token \"x\" is given twice, as ids 0 and 1"},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse_text(OTX_VOCAB_TEKKEN, cases[i].text, OTX_ERROR_FORMAT, cases[i].part);
}

/* ---- tiktoken ---- */

static void tiktoken(void)
{
    give(OTX_VOCAB_TIKTOKEN, "YQ== 0\nYWI= 1\n/w== 5\n");
    expect("tiktoken", "0:t:a 1:t:ab 5:t:\\xff", "-1 -1 -1 -1");
    CHECK_STRING(messages, "W T: holds no special tokens, and neither tokenizer_config.json nor "
                           "added_tokens.json lists those of its loader\n");
    give(OTX_VOCAB_TIKTOKEN, "\r\nYQ== 1\r\n\nYg== 0");
    expect("tiktoken", "0:t:b 1:t:a", "-1 -1 -1 -1");
    /* Added tokens have the ids that are declared. */
    give(OTX_VOCAB_TOKENIZER_CONFIG, "{\"eos_token\":\"<e>\",\"added_tokens_decoder\":{\"9\":{"
                                     "\"content\":\"<e>\",\"special\":true}}}");
    expect("tiktoken", "0:t:b 1:t:a 9:c:<e>+", "-1 9 -1 -1");
    CHECK_STRING(messages, "");
    give(OTX_VOCAB_TOKENIZER_CONFIG,
         "{\"added_tokens_decoder\":{\"1\":{\"content\":\"<e>\"}}}");
    refuse(OTX_ERROR_FORMAT, "T: tokens \"a\" and \"<e>\" both have the id 1");
    give(OTX_VOCAB_TOKENIZER_CONFIG,
         "{\"added_tokens_decoder\":{\"99999999\":{\"content\":\"<e>\"}}}");
    refuse(OTX_ERROR_LIMIT, "T: an added token has the id 99999999, and a vocabulary of 3");
    /* By this name either may go. */
    give(OTX_VOCAB_SENTENCEPIECE, "YQ== 0\n");
    expect("tiktoken", "0:t:a", "-1 -1 -1 -1");
}

static void broken_tiktoken(void)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"", "T: holds no token"},
        {"\n\n", "T: holds no token"},
        {"YQ==", "T:1: expected a token in base64, a space and a rank"},
        {"YQ== 0\nYg==1\n", "T:2: expected"},
        {"YQ==  0", "T:1: expected"},
        {"YQ== ", "T:1: expected"},
        {" 0", "T:1: expected"},
        {"YQ== -1", "T:1: expected"},
        {"YQ== 1 ", "T:1: expected"},
        {"YQ== 1x", "T:1: expected"},
        {"YQ= 1", "T:1: expected"},
        {"YQ== 4294967296", "T:1: expected"},
        {"YQ== 99999999999999999999", "T:1: expected"},
        {"YQ== 0\nYQ== 1", "T: token \"a\" is given twice, as ids 0 and 1"},
        {"YQ== 0\nYg== 0", "T: tokens \"a\" and \"b\" both have the id 0"},
    };
    size_t i;
    for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse_text(OTX_VOCAB_TIKTOKEN, cases[i].text, OTX_ERROR_FORMAT, cases[i].part);
    refuse_text(OTX_VOCAB_TIKTOKEN, "YQ== 4294967295", OTX_ERROR_LIMIT,
                "T: token \"a\" has the id 4294967295, and a vocabulary of 1 tokens may have "
                "ids below 65552");
}

/* ---- vocab.json and merges.txt ---- */

static void give_merges(const char *vocab, const char *merges)
{
    give(OTX_VOCAB_JSON, vocab);
    give(OTX_VOCAB_MERGES, merges);
}

static void vocab_json(void)
{
    give_merges("{\"\\u0120a\":0,\"<|endoftext|>\":3,\"\\u00e9\":1}",
                "#version: 0.2\na b\r\n\n");
    expect("vocab.json", "0:t: a 1:t:\\xe9 3:c:<|endoftext|>", "3 3 -1 3");
    give_merges("{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3,\"<|endoftext|>\":4}", "");
    expect("vocab.json", "0:c:<s> 1:c:<pad> 2:c:</s> 3:c:<unk> 4:t:<|endoftext|>", "0 2 1 3");
    give_merges("{\"" MARK "a\":0}", "");
    expect("vocab.json", "0:t: a", "-1 -1 -1 -1");
    give_merges("{\"a</w>\":0,\"b\":1}", "");
    expect("vocab.json", "0:t:a  1:t:b", "-1 -1 -1 -1");
    give_merges("{\"a\":0,\"\\u00e9\":1}", "");
    expect("vocab.json", "0:t:a 1:t:\xc3\xa9", "-1 -1 -1 -1");
    give(OTX_VOCAB_ADDED_TOKENS, "{\"<b>\":3,\"<a>\":2}");
    give(OTX_VOCAB_SPECIAL_TOKENS, "{\"pad_token\":\"<a>\"}");
    expect("vocab.json", "0:t:a 1:t:\xc3\xa9 2:c:<a>+ 3:t:<b>+", "-1 -1 2 -1");
}

static void broken_vocab_json(void)
{
    refuse_text(OTX_VOCAB_JSON, "{\"a\":0}", OTX_ERROR_NOT_FOUND, "there is no merges.txt");
    give_merges("[]", "");
    refuse(OTX_ERROR_FORMAT, "T: expected a JSON object");
    give_merges("{}", "");
    refuse(OTX_ERROR_FORMAT, "T: holds no token");
    give_merges("{\"a\":-1}", "");
    refuse(OTX_ERROR_FORMAT, "T: token \"a\" has the id -1");
    give_merges("{\"a\":0,\"b\":0}", "");
    refuse(OTX_ERROR_FORMAT, "both have the id 0");
    give_merges("{\"a\":0}", "a b\nab");
    refuse(OTX_ERROR_FORMAT, "T: line 2 of merges.txt is not \"a b\"");
    give_merges("{\"a\":0}", "a  b");
    refuse(OTX_ERROR_FORMAT, "T: line 1 of merges.txt");
}

/* ---- vocab.txt ---- */

static void vocab_txt(void)
{
    give(OTX_VOCAB_TXT, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n[unused1]\na\n##b\n##\n#\n");
    expect("vocab.txt", "0:c:[PAD] 1:c:[UNK] 2:c:[CLS] 3:c:[SEP] 4:c:[MASK] 5:u:[unused1] "
           "6:t: a 7:t:b 8:t: 9:t: #", "-1 -1 0 1");
    /* White space ends no token; of two lines that are alike the last counts. */
    give(OTX_VOCAB_TXT, "a \r\nb\xe3\x80\x80\xc2\xa0\nd\re\na\n\nlast");
    expect("vocab.txt", "1:t: b 2:t: d\\x0de 3:t: a 4:t:  5:t: last", "-1 -1 -1 -1");
    refuse_text(OTX_VOCAB_TXT, "", OTX_ERROR_FORMAT, "T: holds no token");
    refuse_text(OTX_VOCAB_TXT, "a\nb\xff\n", OTX_ERROR_FORMAT, "T:2: is not UTF-8");
}

/* Added tokens come in the order of the ids that they are said to have, and those of one id as the
   file has them. */
static void added_beside(void)
{
    give(OTX_VOCAB_TXT, "[UNK]\na\n");
    give(OTX_VOCAB_ADDED_TOKENS, "{\"x\": 4, \"y\": 4, \"z\": 3}");
    expect("vocab.txt", "0:c:[UNK] 1:t: a 2:t:z+ 3:t:x+ 4:t:y+", "-1 -1 -1 0");
}

/* ---- hostile input ---- */

#if SIZE_MAX > UINT32_MAX
/* Refused by its size, before a byte is looked at. */
static void a_size_beyond_the_limit(void)
{
    give_bytes(OTX_VOCAB_TOKENIZER_JSON, "{}", (size_t)UINT32_MAX + 1);
    refuse(OTX_ERROR_LIMIT, "T: has 4294967296 bytes, and at most 4294967294 are supported");
}
#endif

/* A small file of each kind. */
static void give_example(otx_vocab_file file)
{
    static const char config[] =
        "{\"eos_token\":\"</s>\",\"additional_special_tokens\":[\"<x>\"],"
        "\"added_tokens_decoder\":{\"20\":{\"content\":\"<x>\",\"special\":true}}}";
    put_pieces();
    put_trainer(1, 0);
    switch (file) {
    case OTX_VOCAB_TEKKEN:
        give(file, TEKKEN(SIZES(6, 3), THREE, ",\"special_tokens\":[" NAMED(0, "<s>") "]"));
        break;
    case OTX_VOCAB_SENTENCEPIECE: give_model(); break;
    case OTX_VOCAB_TIKTOKEN: give(file, "YQ== 0\nYg== 2\n"); break;
    case OTX_VOCAB_JSON: give_merges("{\"\\u0120a\":0,\"b\":1}", "a b\n"); break;
    default: give(OTX_VOCAB_TXT, "[UNK]\na\n##b\n"); break;
    }
    give(OTX_VOCAB_TOKENIZER_CONFIG, config);
}

/* Whatever becomes of a file with one byte cut off or replaced: it ends, and what was
   read stands for itself. */
static void check_changed(otx_vocab_file file, const char *bytes, size_t size)
{
    otx_vocab vocab;
    size_t i, tokens = 0;
    char *exact = (char *)malloc(size ? size : 1); /* so that reading on is caught */
    if (!exact) return;
    memcpy(exact, bytes, size);
    texts[file].bytes = exact;
    texts[file].size = size;
    error.message[0] = 0;
    if (otx_vocab_parse(NULL, texts, "T", &vocab, &error)) {
        CHECK(error.message[0] && !vocab.memory);
    } else {
        for (i = 0; i < vocab.count; i++) tokens += vocab.tokens[i].kind != OTX_TOKEN_NONE;
        CHECK_INT(tokens, vocab.token_count);
    }
    otx_vocab_close(NULL, &vocab);
    free(exact);
}

static void every_cut_and_changed_byte(void)
{
    static const unsigned char others[] = {0, 1, 0x0a, 0x12, ' ', '"', '{', '0', 0x7f, 0x80,
                                           0xff};
    otx_vocab_file file;
    for (file = OTX_VOCAB_TEKKEN; file < OTX_VOCAB_SOURCES;
         file = (otx_vocab_file)(file + 1)) {
        static char copy[16384];
        size_t size, at, other;
        give_example(file);
        size = texts[file].size;
        memcpy(copy, texts[file].bytes, size);
        for (at = 0; at < size; at++) {
            const char old = copy[at];
            check_changed(file, copy, at);
            for (other = 0; other < sizeof others; other++) {
                copy[at] = (char)others[other];
                check_changed(file, copy, size);
            }
            copy[at] = old;
        }
    }
}

static void every_allocation_can_fail(void)
{
    otx_vocab_file file;
    for (file = OTX_VOCAB_TEKKEN; file < OTX_VOCAB_SOURCES;
         file = (otx_vocab_file)(file + 1)) {
        otx_result result = OTX_ERROR_MEMORY;
        failing state;
        otx_context ctx;
        long fail_at;
        memset(&ctx, 0, sizeof ctx);
        ctx.allocator.resize = failing_resize;
        ctx.allocator.context = &state;
        give_example(file);
        if (file == OTX_VOCAB_SENTENCEPIECE)
            give(OTX_VOCAB_TOKENIZER_CONFIG,
                 "{\"added_tokens_decoder\":{\"5\":{\"content\":\"x\"}}}");
        for (fail_at = 1; result && fail_at < 1000; fail_at++) {
            otx_vocab vocab;
            memset(&state, 0, sizeof state);
            state.fail_at = fail_at;
            result = otx_vocab_parse(&ctx, texts, "T", &vocab, &error);
            otx_vocab_close(&ctx, &vocab);
            CHECK_INT(state.live, 0);
            CHECK_INT(state.bytes, 0);
            CHECK_INT(state.wrong_size, 0);
            CHECK(result == OTX_OK || result == OTX_ERROR_MEMORY);
        }
        CHECK_INT(result, OTX_OK);
        CHECK(fail_at > 4);
    }
}

/* Enough for anything quadratic to be noticed. */
static void many_tokens(void)
{
    enum { TOKENS = 100000 };
    const size_t capacity = (size_t)TOKENS * 16;
    char *text = (char *)malloc(capacity);
    otx_vocab vocab;
    size_t used = 0, i;
    if (!text) return;
    for (i = 0; i < TOKENS; i++)
        used += (size_t)snprintf(text + used, capacity - used, "%07lu\n", (unsigned long)i);
    give_bytes(OTX_VOCAB_TXT, text, used);
    CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_OK);
    CHECK_INT(vocab.token_count, TOKENS);
    otx_vocab_close(NULL, &vocab);
    memset(text, '\n', capacity);
    give_bytes(OTX_VOCAB_TXT, text, capacity);
    CHECK_INT(otx_vocab_parse(NULL, texts, "T", &vocab, &error), OTX_OK);
    CHECK_INT(vocab.token_count, 1);
    otx_vocab_close(NULL, &vocab);
    free(text);
}

static void nothing_given(void)
{
    memset(texts, 0, sizeof texts);
    texts[OTX_VOCAB_MERGES].bytes = "";
    refuse(OTX_ERROR_ARGUMENT, "T: no file with tokens is given");
}

int main(void)
{
    RUN(sentencepiece);
    RUN(unknown_fields);
    RUN(byte_pieces);
    RUN(broken_models);
    RUN(repeated_pieces);
    RUN(roles_of_pieces);
    RUN(layouts);
    RUN(layout_of_a_name);
    RUN(added_to_pieces);
    RUN(names_handed_on);
    RUN(special_tokens_that_are_none);
    RUN(tekken);
    RUN(broken_tekken);
    RUN(tiktoken);
    RUN(broken_tiktoken);
    RUN(vocab_json);
    RUN(broken_vocab_json);
    RUN(vocab_txt);
    RUN(added_beside);
#if SIZE_MAX > UINT32_MAX
    RUN(a_size_beyond_the_limit);
#endif
    RUN(every_cut_and_changed_byte);
    RUN(every_allocation_can_fail);
    RUN(many_tokens);
    RUN(nothing_given);
    return test_end();
}
