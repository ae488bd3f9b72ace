/* ---- known classes: what transformers makes of a tokenizer beside a type of model ---- */

/* How the class that AutoTokenizer takes goes by "model_type" of config.json. */
typedef enum otx__class_rule {
    OTX__CLASS_FORCED, /* this class, whatever tokenizer_config.json says */
    OTX__CLASS_AS_IS,  /* tokenizer.json as it stands, whatever it says */
    OTX__CLASS_DEFAULT /* this class where it says nothing */
} otx__class_rule;

typedef struct otx__class_types {
    const char *name; /* of the class, without "Fast" */
    otx__class_rule rule;
    const char *types; /* with blanks between them */
} otx__class_types;

/* Read from transformers 5.24.0: tests/tokenizer_classes.py prints them, and checks the rule
   of classes.h against AutoTokenizer. */
static const otx__class_types otx__tokenizer_classes[] = {
    {"GPT2Tokenizer", OTX__CLASS_FORCED,
     "hyperclovax_vision_v2"},
    {"Qwen2Tokenizer", OTX__CLASS_FORCED,
     "qwen2"},
    {"Qwen3_5Tokenizer", OTX__CLASS_FORCED,
     "qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen4_exp"},
    {"Siglip2Tokenizer", OTX__CLASS_FORCED,
     "siglip2"},
    {"TokenizersBackend", OTX__CLASS_AS_IS,
     "EvollaModel arctic aria beam bigbird_pegasus camembertv2-base canary chatlm"
     " cohere_asr ernie4_5 ernie4_5_moe fastspeech2_conformer flex_olmo fuyu glm glm4"
     " glm4_moe glm4_moe_lite glm4v glm4v_moe glm_image glmasr got_ocr2 gpt_bigcode"
     " gradium_phonon_tts granite granitemoe granitemoehybrid granitemoeshared h2ovl_chat"
     " hyperclovax hyperclovax_vlm internlm2 internlm3 iquestcoder jamba kimi_k25"
     " kimi_linear kosmos-2 llava llava_next mimo_v2_flash minicpm3 minicpm_ocr minicpmv"
     " minicpmv4_6 minicpmv4_7 minimax_m2 ministral ministral3 mistral mistral3"
     " mistral_large4 mixtral modernbert modernbert-decoder molmo molmo2 nemo_speechlm"
     " nemotron nvfp4 nystromformer olmo2 olmo3 olmo_hybrid omniasr opencua openvla"
     " paddleocr_vl pegasus_x persimmon phi3 phi3_v phimoe pix2struct pixtral pocket_tts"
     " smolvlm stablelm step3_vl umt5 vipllava voxtral voxtral_realtime xlm-roberta-xl"},
    {"AlbertTokenizer", OTX__CLASS_DEFAULT,
     "albert yoso"},
    {"BertGenerationTokenizer", OTX__CLASS_DEFAULT,
     "bert-generation"},
    {"BertTokenizer", OTX__CLASS_DEFAULT,
     "align bark bert blip bros chinese_clip convbert distilbert electra ernie flava git"
     " grounding-dino layoutlm lxmert megatron-bert mm-grounding-dino mobilebert"
     " nomic_bert squeezebert tvp vilt visual_bert"},
    {"BigBirdTokenizer", OTX__CLASS_DEFAULT,
     "big_bird"},
    {"BioGptTokenizer", OTX__CLASS_DEFAULT,
     "biogpt"},
    {"BlenderbotSmallTokenizer", OTX__CLASS_DEFAULT,
     "blenderbot-small"},
    {"BlenderbotTokenizer", OTX__CLASS_DEFAULT,
     "blenderbot"},
    {"CLIPTokenizer", OTX__CLASS_DEFAULT,
     "aimv2 clip clipseg groupvit omdet-turbo oneformer owlv2 owlvit sam3 sam3_video xclip"},
    {"CTRLTokenizer", OTX__CLASS_DEFAULT,
     "ctrl"},
    {"CamembertTokenizer", OTX__CLASS_DEFAULT,
     "camembert"},
    {"CanineTokenizer", OTX__CLASS_DEFAULT,
     "canine"},
    {"ClvpTokenizer", OTX__CLASS_DEFAULT,
     "clvp"},
    {"CohereTokenizer", OTX__CLASS_DEFAULT,
     "aya_vision cohere cohere2"},
    {"CpmAntTokenizer", OTX__CLASS_DEFAULT,
     "cpmant"},
    {"DPRQuestionEncoderTokenizer", OTX__CLASS_DEFAULT,
     "dpr"},
    {"DebertaTokenizer", OTX__CLASS_DEFAULT,
     "deberta"},
    {"DebertaV2Tokenizer", OTX__CLASS_DEFAULT,
     "deberta-v2"},
    {"DiaTokenizer", OTX__CLASS_DEFAULT,
     "dia"},
    {"EsmTokenizer", OTX__CLASS_DEFAULT,
     "esm"},
    {"EsmcTokenizer", OTX__CLASS_DEFAULT,
     "esmc esmfold2"},
    {"FNetTokenizer", OTX__CLASS_DEFAULT,
     "fnet"},
    {"FSMTTokenizer", OTX__CLASS_DEFAULT,
     "fsmt"},
    {"FlaubertTokenizer", OTX__CLASS_DEFAULT,
     "flaubert"},
    {"FunnelTokenizer", OTX__CLASS_DEFAULT,
     "funnel"},
    {"GPT2Tokenizer", OTX__CLASS_DEFAULT,
     "blip-2 codegen dbrx emu3 gpt-sw3 gpt2 gpt_neo gptj instructblip instructblipvideo"
     " jais2 opt phi starcoder2"},
    {"GPTNeoXJapaneseTokenizer", OTX__CLASS_DEFAULT,
     "gpt_neox_japanese"},
    {"GPTNeoXTokenizer", OTX__CLASS_DEFAULT,
     "falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm"},
    {"GemmaTokenizer", OTX__CLASS_DEFAULT,
     "diffusion_gemma gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma"
     " shieldgemma2 t5gemma zaya"},
    {"LasrTokenizer", OTX__CLASS_DEFAULT,
     "lasr_ctc lasr_encoder"},
    {"LayoutLMv2Tokenizer", OTX__CLASS_DEFAULT,
     "layoutlmv2"},
    {"LayoutLMv3Tokenizer", OTX__CLASS_DEFAULT,
     "layoutlmv3"},
    {"LayoutXLMTokenizer", OTX__CLASS_DEFAULT,
     "layoutxlm"},
    {"LlamaTokenizer", OTX__CLASS_DEFAULT,
     "idefics idefics2"},
    {"LukeTokenizer", OTX__CLASS_DEFAULT,
     "luke"},
    {"M2M100Tokenizer", OTX__CLASS_DEFAULT,
     "m2m_100"},
    {"MBartTokenizer", OTX__CLASS_DEFAULT,
     "mbart"},
    {"MPNetTokenizer", OTX__CLASS_DEFAULT,
     "mpnet"},
    {"MarianTokenizer", OTX__CLASS_DEFAULT,
     "marian"},
    {"MarkupLMTokenizer", OTX__CLASS_DEFAULT,
     "markuplm"},
    {"MgpstrTokenizer", OTX__CLASS_DEFAULT,
     "mgp-str"},
    {"NllbTokenizer", OTX__CLASS_DEFAULT,
     "nllb-moe"},
    {"NougatTokenizer", OTX__CLASS_DEFAULT,
     "pp_formulanet"},
    {"OpenAIGPTTokenizer", OTX__CLASS_DEFAULT,
     "openai-gpt"},
    {"PLBartTokenizer", OTX__CLASS_DEFAULT,
     "plbart"},
    {"ParakeetTokenizer", OTX__CLASS_DEFAULT,
     "granite_speech5_ctc nemotron3_5_asr nemotron_asr_streaming omniasr_ctc parakeet_ctc"
     " parakeet_rnnt parakeet_tdt"},
    {"PegasusTokenizer", OTX__CLASS_DEFAULT,
     "pegasus"},
    {"PerceiverTokenizer", OTX__CLASS_DEFAULT,
     "perceiver"},
    {"ProphetNetTokenizer", OTX__CLASS_DEFAULT,
     "prophetnet"},
    {"Qwen2Tokenizer", OTX__CLASS_DEFAULT,
     "audioflamingo3 colqwen2 cosmos3_omni dots3_note fun_asr_nano hunyuan_vl internvl"
     " lighton_ocr moss_transcribe_diarize ovis2 qianfan_ocr qwen2_5_omni qwen2_5_vl"
     " qwen2_audio qwen2_moe qwen2_vl qwen3 qwen3_asr qwen3_moe qwen3_next qwen3_omni_moe"
     " qwen3_vl qwen3_vl_moe vibevoice"},
    {"Qwen3_5Tokenizer", OTX__CLASS_DEFAULT,
     "qwen3_5_text"},
    {"RagTokenizer", OTX__CLASS_DEFAULT,
     "rag"},
    {"ReformerTokenizer", OTX__CLASS_DEFAULT,
     "reformer"},
    {"RemBertTokenizer", OTX__CLASS_DEFAULT,
     "rembert"},
    {"RoCBertTokenizer", OTX__CLASS_DEFAULT,
     "roc_bert"},
    {"RoFormerTokenizer", OTX__CLASS_DEFAULT,
     "roformer"},
    {"RobertaTokenizer", OTX__CLASS_DEFAULT,
     "bart bridgetower clap data2vec-text florence2 ibert led lilt longformer mra mvp"
     " roberta roberta-prelayernorm"},
    {"SeamlessM4TTokenizer", OTX__CLASS_DEFAULT,
     "seamless_m4t seamless_m4t_v2"},
    {"SiglipTokenizer", OTX__CLASS_DEFAULT,
     "siglip"},
    {"Speech2TextTokenizer", OTX__CLASS_DEFAULT,
     "speech_to_text"},
    {"SpeechT5Tokenizer", OTX__CLASS_DEFAULT,
     "speecht5"},
    {"SplinterTokenizer", OTX__CLASS_DEFAULT,
     "splinter"},
    {"T5Tokenizer", OTX__CLASS_DEFAULT,
     "mt5 musicgen musicgen_melody switch_transformers t5"},
    {"TapasTokenizer", OTX__CLASS_DEFAULT,
     "tapas"},
    {"Tipsv2Tokenizer", OTX__CLASS_DEFAULT,
     "tipsv2"},
    {"UdopTokenizer", OTX__CLASS_DEFAULT,
     "udop"},
    {"VideoPrismTokenizer", OTX__CLASS_DEFAULT,
     "videoprism"},
    {"VitsTokenizer", OTX__CLASS_DEFAULT,
     "vits"},
    {"Wav2Vec2CTCTokenizer", OTX__CLASS_DEFAULT,
     "data2vec-audio hubert unispeech unispeech-sat wav2vec2 wav2vec2-bert"
     " wav2vec2-conformer"},
    {"WhisperTokenizer", OTX__CLASS_DEFAULT,
     "whisper"},
    {"XGLMTokenizer", OTX__CLASS_DEFAULT,
     "xglm"},
    {"XLMRobertaTokenizer", OTX__CLASS_DEFAULT,
     "gte jina_embeddings_v3 metaclip_2 trocr xlm-roberta xmod"},
    {"XLMTokenizer", OTX__CLASS_DEFAULT,
     "xlm"},
    {"XLNetTokenizer", OTX__CLASS_DEFAULT,
     "xlnet"},
};

/* Classes that are no type's default, and those that are other classes by another name. */
static const char *const otx__other_classes[] = {
    "BarthezTokenizer", "BartphoTokenizer", "BertJapaneseTokenizer", "BertweetTokenizer",
    "ByT5Tokenizer", "CodeLlamaTokenizer", "CpmTokenizer", "HerbertTokenizer",
    "MBart50Tokenizer", "MLukeTokenizer", "MyT5Tokenizer", "PhobertTokenizer",
    "Wav2Vec2PhonemeCTCTokenizer", "BartTokenizer", "CodeGenTokenizer", "ConvBertTokenizer",
    "DistilBertTokenizer", "GPTSw3Tokenizer", "LEDTokenizer", "LxmertTokenizer",
    "MobileBertTokenizer", "MvpTokenizer", "Pop2PianoTokenizer", "SqueezeBertTokenizer",
    "LlamaTokenizer",
};

/* Types whose configuration does not tie the head to the embedding where config.json says
   nothing, with blanks between them. Read from the same. */
static const char otx__untied_types[] =
    "EvollaModel afmoe apertus apertus1p5 apertus1p5_text arcee aria aria_text axk1 axk2"
    " bailing_hybrid bamba beam bitnet blt blt_local_decoder blt_local_encoder blt_patcher"
    " bridgetower chameleon codegen cohere_asr cohere_compass cosmos3_edge cosmos3_edge_text"
    " cosmos3_omni cwm dbrx deepseek_ocr2 deepseek_ocr2_encoder deepseek_ocr2_text deepseek_v2"
    " deepseek_v3 deepseek_v32 deepseek_v4 diffllama doge dory dots1 dots3_note"
    " dots3_note_text emu3 emu3_text_model esmc eurobert evolla exaone exaone4 exaone4_5"
    " exaone_moe falcon_h1 fast_vlm flex_olmo flint fsmt fuyu git glm glm4 glm46v glm4_moe"
    " glm4_moe_lite glm4v glm4v_moe glm4v_moe_text glm5_next glm5_next_text glm_image"
    " glm_moe_dsa glm_ocr glmga gpt_neox gpt_oss gptj granite granite4_vision"
    " granite4_vision_text granitemoe granitemoe_swa granitemoehybrid granitemoeshared helium"
    " higgs_audio_v2 hrm_text hunyuan_v1_dense hunyuan_v1_moe hy_v3 hy_v4 hy_v4_vl"
    " hy_v4_vl_text hyperclovax idefics idefics2 idefics3 imagegpt internlm3 iquestcoder jais2"
    " jamba kimi_linear kolibri1 kyutai_speech_to_text laguna llama llama4 llama4_text llava"
    " llava_next llava_next_video llava_onevision longcat_flash mamba2 mellum mimo_v2_flash"
    " minicpmv4_6 minicpmv4_7 minimax minimax_m2 minimax_m3_vl minimax_m3_vl_text ministral"
    " ministral3 mistral mistral4 mistral_large4 mistral_large4_text mixtral mllama_text_model"
    " modernvbert molmo2 molmo2_text moonshine_streaming moshi moshi_depth muse_glimmer_text"
    " muse_spark_text musicgen_decoder musicgen_melody_decoder nanochat nemotron nemotron_h"
    " olmo olmo2 olmo3 olmo_hybrid olmoe openai_privacy_filter perception_lm persimmon phi"
    " phi3 phi4_multimodal phimoe pix2struct pix2struct_text_model pp_formulanet_text"
    " qianfan_ocr qwen2 qwen2_5_omni_talker qwen2_5_omni_thinker qwen2_5_vl qwen2_moe qwen2_vl"
    " qwen3 qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen3_moe qwen3_next"
    " qwen3_omni_moe_talker_code_predictor qwen3_omni_moe_talker_text qwen3_omni_moe_thinker"
    " qwen3_vl qwen3_vl_moe qwen4_exp qwen4_exp_text reformer rembert rwkv sarvam_mla"
    " sarvam_moe seed_oss smolvlm solar_open stablelm step3p5 ultrabert ultravbert"
    " unlimited_ocr unlimited_ocr_text vibevoice video_llama_3 video_llava vipllava xlstm";
