/* ---- draft_map: which tokens the rows of a draft's head are of ---------------- */

/* The head is most of what a draft model reads for a token (FR-Spec, arXiv 2502.14856): one
   with rows for the tokens that are likely reads less, and a tensor "d2t" says for each row
   which token it is of. What is in it differs, as the sources had it in November 2026:

   In safetensors it is the id less the row's number, I64, and "draft_vocab_size" of
   config.json is how many there are. SafeAILab/EAGLE, eagle/model/cnets.py, topK_genrate:
   topk_index + self.d2t[topk_index]. vllm/model_executor/models/llama_eagle3.py,
   Eagle3LlamaForCausalLM.compute_logits: arange(draft_vocab_size) + draft_id_to_target_id,
   which load_weights makes of "d2t"; "t2d" is passed over. sglang/srt/models/llama_eagle3.py,
   LlamaForCausalLMEagle3.load_weights: loaded_weight + torch.arange(loaded_weight.shape[0]);
   "t2d" is passed over, and a config that says "tie_word_embeddings" has the embedding for a
   head. "t2d", BOOL, has an element for each token of the target: whether it has a row.

   In GGUF it is the id itself. llama.cpp, conversion/llama.py, LlamaModel.prepare_tensors: it
   adds the row's number, and refuses ids beyond the target's vocabulary and ids that come
   twice. src/models/eagle3.cpp and dflash.cpp: load_arch_tensors takes the rows of
   output.weight from the elements of "d2t", and the graph asserts that it is I64 and scatters
   the logits by ggml_set_rows. There is no "t2d". Its other architectures have a row for each
   token; for the drafts within qwen35 there are patches. */
/* Most tensors that a draft has besides: a head of its own, and these two. */
#define OTX__DRAFT_EXTRAS 3

/* A head with rows for a part of the tokens. */
typedef struct otx__draft_head {
    uint32_t *ids; /* of the tokens that have one, ascending; NULL: all have one */
    size_t count;
    otx_tensor extras[OTX__DRAFT_EXTRAS]; /* tensors that the base does not have */
    uint64_t shapes[OTX__DRAFT_EXTRAS][2];
    size_t extra_count;
    size_t home; /* the base's file that they go to */
    size_t own;  /* the place of the embedding whose rows a head of its own has */
} otx__draft_head;

OTX__PRIVATE void otx__draft_close(const otx_context *ctx, otx__draft_head *draft)
{
    if (draft->ids) otx__free(ctx, draft->ids, draft->count, sizeof *draft->ids);
    draft->ids = NULL;
}

/* The element of d2t for a row. */
OTX__PRIVATE int64_t otx__draft_element(bool gguf, uint64_t row, uint64_t id)
{
    return (int64_t)id - (gguf ? 0 : (int64_t)row);
}

/* The id that an element stands for; false if it is none below `rows`. */
OTX__PRIVATE bool otx__draft_id(bool gguf, uint64_t row, int64_t element, uint64_t rows,
                                uint64_t *id)
{
    const int64_t first = gguf ? 0 : (int64_t)row;
    if (element < -first || element > INT64_MAX - first) return false;
    *id = (uint64_t)(element + first);
    return *id < rows;
}
