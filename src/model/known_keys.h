/* ---- known_keys: ids and sizes in config.json and generation_config.json ---------- */

/* What a member of a config is by its key. */
typedef enum otx__member_kind {
    OTX__MEMBER_NONE,       /* neither id nor size, or of another vocabulary: left as it is */
    OTX__MEMBER_SPECIAL,    /* an id that a role has: see otx__specials */
    OTX__MEMBER_ID,         /* another id of the text, or a list of them: goes by content */
    OTX__MEMBER_LIST,       /* [id, ...] that steer generation */
    OTX__MEMBER_LISTS,      /* [[id, ...], ...] */
    OTX__MEMBER_PAIRS,      /* [[position, id], ...] */
    OTX__MEMBER_OTHER_FORM, /* ids in a form of its own, which is not carried over */
    OTX__MEMBER_MAP,        /* {text: id, ...} */
    OTX__MEMBER_MAP_BACK,   /* {id: text, ...} */
    OTX__MEMBER_FIRST,      /* where a range of ids begins; the next such key, or the end of the
                               vocabulary, ends it */
    OTX__MEMBER_SIZE,       /* how many tokens there are */
    OTX__MEMBER_SIZE_IF,    /* the same, where it says as much as there are */
    OTX__MEMBER_ROUNDING,   /* the size is rounded up to a multiple of this */
    OTX__MEMBER_REFUSED     /* something that cannot be carried over, unless 0, false or null */
} otx__member_kind;

typedef struct otx__member_rule {
    const char *pattern; /* of the key; * stands for any bytes */
    otx__member_kind kind;
    const char *where; /* only in objects under one of these names or with one of these types
                          ("model_type"); NULL: in all */
    const char *why;   /* of what is refused */
} otx__member_rule;

#define OTX__KEY_TEXT_SIZE "text_vocab_size"

/* The first that fits a key is taken. Keys were collected from all configuration classes of
   transformers 5.24 (tests/config_keys.py) and from models that bring their own. */
static const otx__member_rule otx__member_rules[] = {
    /* Models and parts of them that speak in codes: their ids and sizes. */
    {"*_token_id", OTX__MEMBER_NONE,
     "dia musicgen musicgen_melody parler_tts depth_decoder_config moshi_depth "
     "csm_depth_decoder_model tts_config", NULL}, /* the last: MiniCPM-o */
    {"audio_bos_token_id", OTX__MEMBER_NONE, "kyutai_speech_to_text", NULL},
    {"audio_pad_token_id", OTX__MEMBER_NONE, "kyutai_speech_to_text", NULL},
    {"image_start_token_id", OTX__MEMBER_NONE, "glm_image", NULL},
    {"image_end_token_id", OTX__MEMBER_NONE, "glm_image", NULL},
    {"eos_token_id", OTX__MEMBER_NONE, "glm_image_text", NULL},
    {"codec_*", OTX__MEMBER_NONE, NULL, NULL},        /* Qwen 3 Omni */
    {"tts_codec_*", OTX__MEMBER_NONE, NULL, NULL},    /* Qwen 2.5 Omni */
    {"codebook_*", OTX__MEMBER_NONE, NULL, NULL},     /* Csm */
    {"audio_stream_*", OTX__MEMBER_NONE, NULL, NULL}, /* Higgs Audio */
    {"t2u_*", OTX__MEMBER_NONE, NULL, NULL},          /* SeamlessM4T: units of speech */
    {"unit_*", OTX__MEMBER_NONE, NULL, NULL},
    {"vocoder_*", OTX__MEMBER_NONE, NULL, NULL},
    {"blank_token_id", OTX__MEMBER_NONE, NULL, NULL}, /* CTC: a class beside the tokens */
    {"input_vocab_size", OTX__MEMBER_REFUSED, "bark semantic",
     "is of a text whose ids are shifted by the codes before it"},
    /* Dictionaries. */
    {"vocabulary_map", OTX__MEMBER_MAP, NULL, NULL}, /* Chameleon, Emu 3: all codes of images */
    {"lang_to_id", OTX__MEMBER_MAP, NULL, NULL},     /* Whisper */
    {"task_to_id", OTX__MEMBER_MAP, NULL, NULL},     /* Whisper */
    {"text_decoder_lang_to_code_id", OTX__MEMBER_MAP, NULL, NULL}, /* SeamlessM4T */
    {"id_to_text", OTX__MEMBER_MAP_BACK, NULL, NULL}, /* SeamlessM4T */
    {"vocab_list", OTX__MEMBER_REFUSED, NULL, /* ESM */
     "lists the tokens of the base in order"},
    /* Ranges. */
    {"vocab_offset", OTX__MEMBER_FIRST, NULL, NULL},       /* Gemma 3n */
    {"image_token_offset", OTX__MEMBER_FIRST, NULL, NULL}, /* Apertus 1.5 */
    {"audio_token_offset", OTX__MEMBER_FIRST, NULL, NULL},
    {"video_token_offset", OTX__MEMBER_FIRST, NULL, NULL},
    /* Ids under names of their own. */
    {"im_start_id", OTX__MEMBER_ID, NULL, NULL}, /* HunYuan */
    {"im_end_id", OTX__MEMBER_ID, NULL, NULL},
    {"im_newline_id", OTX__MEMBER_ID, NULL, NULL},
    {"text_start_id", OTX__MEMBER_ID, NULL, NULL},
    {"text_end_id", OTX__MEMBER_ID, NULL, NULL},
    {"video_start_id", OTX__MEMBER_ID, NULL, NULL},
    {"video_end_id", OTX__MEMBER_ID, NULL, NULL},
    {"image_start_id", OTX__MEMBER_ID, NULL, NULL}, /* MiniCPM-V */
    {"image_end_id", OTX__MEMBER_ID, NULL, NULL},
    {"slice_start_id", OTX__MEMBER_ID, NULL, NULL},
    {"slice_end_id", OTX__MEMBER_ID, NULL, NULL},
    {"newline_id", OTX__MEMBER_ID, NULL, NULL},
    {"image_patch_id", OTX__MEMBER_ID, NULL, NULL}, /* Molmo 2 */
    {"*_token_id", OTX__MEMBER_ID, NULL, NULL},     /* most models that see or hear */
    {"*_token_ids", OTX__MEMBER_ID, NULL, NULL},    /* the same, lists */
    {"*_token_index", OTX__MEMBER_ID, NULL, NULL},  /* LLaVA */
    /* Ids that steer generation. */
    {"suppress_tokens", OTX__MEMBER_LIST, NULL, NULL},       /* Whisper */
    {"begin_suppress_tokens", OTX__MEMBER_LIST, NULL, NULL}, /* Whisper */
    {"bad_words_ids", OTX__MEMBER_LISTS, NULL, NULL},        /* generation in general */
    {"force_words_ids", OTX__MEMBER_LISTS, NULL, NULL},
    {"forced_decoder_ids", OTX__MEMBER_PAIRS, NULL, NULL}, /* Whisper */
    {"sequence_bias", OTX__MEMBER_OTHER_FORM, NULL, NULL}, /* generation in general */
    /* Sizes. */
    {OTX__KEY_VOCAB_SIZE, OTX__MEMBER_SIZE, NULL, NULL},   /* all */
    {OTX__KEY_TEXT_SIZE, OTX__MEMBER_SIZE, NULL, NULL},    /* Csm, beside its codebook's */
    {"padded_vocab_size", OTX__MEMBER_SIZE, NULL, NULL},   /* ChatGLM */
    {"unpadded_vocab_size", OTX__MEMBER_SIZE, NULL, NULL}, /* Inkling: logits beyond are cut */
    {"n_words", OTX__MEMBER_SIZE, NULL, NULL},             /* XLM, FlauBERT */
    {"n_token", OTX__MEMBER_SIZE, NULL, NULL},             /* XLNet, Transformer-XL */
    {"org_vocab_size", OTX__MEMBER_SIZE, NULL, NULL},      /* HunYuan */
    {"pad_vocab_size_multiple", OTX__MEMBER_ROUNDING, NULL, NULL}, /* Mamba's own */
    {"make_vocab_size_divisible_by", OTX__MEMBER_ROUNDING, NULL, NULL}, /* StripedHyena */
    {"additional_vocab_size", OTX__MEMBER_REFUSED, NULL, /* Idefics */
     "counts rows of a second matrix, whose ids follow those of the vocabulary"},
    {"encoder_hash_byte_group_vocab", OTX__MEMBER_REFUSED, NULL, /* BLT */
     "is of tables that are looked up by hashes of bytes"},
    {"*ngram_vocab_size*", OTX__MEMBER_NONE, NULL, NULL}, /* Qwen 3.8: its tables are refused */
    {"use_ordered_embeddings", OTX__MEMBER_REFUSED, NULL,
     "orders tokens by a table of their ids"}, /* the assistant of Gemma 4 */
    {"*vocab_size*", OTX__MEMBER_SIZE_IF, NULL, NULL}, /* decoder_vocab_size and the like */
};

/* An id is the text's whatever its object is about if its key has one of these words: they
   stand in what speaks (Qwen Omni's talkers) or sees too. */
static const char *const otx__text_words[] = {
    "image", "video", "vision", "audio",      "text",
    "tts_",  "im_",   "user_",  "assistant_", "system_",
};

/* Under these an object says how large its vocabulary is. */
static const char *const otx__size_keys[] = {
    OTX__KEY_TEXT_SIZE, OTX__KEY_VOCAB_SIZE, "padded_vocab_size",
    "n_words",          "n_token",           "org_vocab_size",
};

/* Objects that are about no vocabulary, or another than the one around them, and say no
   size. */
static const char otx__foreign_objects[] =
    "vision_config audio_config qformer_config dit_config patcher_config vq_config "
    "codec_config audio_encoder audio_encoder_config semantic_model_config "
    "acoustic_model_config code_predictor_config code2wav_config token2wav_config "
    "reading_order_config";

/* ---- ids that roles have ---- */

typedef struct otx__special {
    const char *key;
    int role;     /* an otx_role, or -1 */
    int stand_in; /* the role that serves where a number is there and has no counterpart:
                     some classes take no null; or -1 */
    bool add;     /* written even if the base lacks the key: the classes of the common
                     architectures have defaults for it, now stale */
    bool if_set;  /* left alone where the base says null: it asks for behaviour */
} otx__special;

#define OTX__KEY_PAD "pad_token_id" /* no id of a token in some models: see known.h */

static const otx__special otx__specials[] = {
    {"bos_token_id", OTX_ROLE_BOS, -1, true, false},           /* all */
    {"eos_token_id", OTX_ROLE_EOS, -1, true, false},           /* all; may be a list */
    {OTX__KEY_PAD, OTX_ROLE_PAD, -1, true, false},             /* all */
    {"unk_token_id", OTX_ROLE_UNK, -1, false, false},          /* T5, mBART */
    {"sep_token_id", OTX_ROLE_SEP, OTX_ROLE_EOS, false, false}, /* BERT, FSMT */
    {"cls_token_id", OTX_ROLE_CLS, OTX_ROLE_BOS, false, false}, /* BERT */
    {"mask_token_id", OTX_ROLE_MASK, -1, false, false},        /* BERT, diffusion models */
    {"decoder_start_token_id", -1, OTX_ROLE_BOS, false, true}, /* T5, BART, Whisper */
    {"forced_bos_token_id", -1, -1, false, true},              /* mBART, M2M-100 */
    {"forced_eos_token_id", -1, -1, false, true},              /* BART */
};

/* What the same are called elsewhere. transformers reads these as those. */
static const struct {
    const char *key, *special;
} otx__special_names[] = {
    {"bos_index", "bos_token_id"}, /* XLM, FlauBERT */
    {"eos_index", "eos_token_id"},
    {"pad_index", OTX__KEY_PAD},
    {"unk_index", "unk_token_id"},
    {"mask_index", "mask_token_id"},
    {"pad_id", OTX__KEY_PAD},   /* HunYuan */
    {"bos_id", "bos_token_id"}, /* models with code of their own */
    {"eos_id", "eos_token_id"},
    {"unk_id", "unk_token_id"},
};
