/* ---- maps: tokens of one vocabulary as weighted tokens of another --------------------------- */

/* What the row of a token was made of. */
typedef enum otx_counterpart {
    OTX_COUNTERPART_SAME,     /* the token of the same bytes, or the special one of the same
                                 content: as otx_align copies */
    OTX_COUNTERPART_ROLE,     /* the control token in the same role */
    OTX_COUNTERPART_SPLIT,    /* the tokens that the other tokenizer cuts its bytes into */
    OTX_COUNTERPART_COMBINED, /* the shared tokens that a method combines: otx_token_map_fit */
    /* Empty rows: */
    OTX_COUNTERPART_UNUSED,   /* a reserved token, or one that was never trained */
    OTX_COUNTERPART_NONE,     /* no tokens stand for it: a control token that the other lacks, or
                                 a text with a part that is unknown there */
    OTX_COUNTERPART_ABSENT,   /* no token has this id */
    OTX_COUNTERPART_COUNT
} otx_counterpart;

/* "same", "role", "split", "combined", "unused", "none", "absent"; or NULL. */
OTX_API const char *otx_counterpart_name(otx_counterpart counterpart);

/* A matrix of weights, sparse by rows (CSR): that of token i has the entries from indptr[i] to
   indptr[i + 1] - 1. Probabilities p over the one vocabulary become p * map over the other: what
   p has on tokens with an empty row is lost, and on all others kept if rows sum to 1. To be
   closed. */
typedef struct otx_token_map {
    size_t rows, columns; /* ids of the two vocabularies, holes with them. The matrices of their
                             models may have more or fewer rows */
    size_t entries;
    int64_t *indptr;   /* [rows + 1] */
    int64_t *indices;  /* [entries] ids of the other vocabulary: ascending in a row, each once */
    float *weights;    /* [entries] none of them 0 */
    size_t piece_count;
    int64_t *piece_indptr; /* [rows + 1] and */
    int64_t *pieces;   /* [piece_count]: the same in the order of the text, as often as they
                          occur, whatever they weigh. Of combined tokens there are none */
    uint8_t *kinds;    /* [rows] otx_counterpart */
    uint64_t counts[OTX_COUNTERPART_COUNT]; /* rows of each kind */
    double least_sum, most_sum; /* of the weights of a row, of those that are not empty */
    uint64_t negative; /* weights below 0 */
    size_t entry_room, piece_room; /* private: of indices and weights, and of pieces */
} otx_token_map;

/* All zero is the default. */
typedef struct otx_token_map_options {
    otx_subword subword; /* how pieces are weighed, as their rows are. The sum is the mean: a row
                            sums to 1 */
    bool input;          /* weights for what a model reads, which are before the stroke at
                            otx_subword; else for what it writes */
} otx_token_map_options;

/* Maps every token of `from` to those of `to` that stand for it: one of the same bytes or role,
   with weight 1; else the pieces that `to` cuts its bytes into, by the weights of the options,
   which sum to 1 (rounded to float). A piece that weighs nothing has no entry, and one that
   occurs twice has one, of the sum. Tokens whose bytes the pieces do not make up get an empty
   row, where `to` cuts at spaces but for these.

   `to` must have its rules (otx_vocab_parse_rules). options may be NULL. Errors are an unknown
   subword, lack of memory, and those of otx_align and otx_vocab_split; then *out is zeros.
   Takes 14 bytes a row, 20 an entry and what otx_align takes. Progress is OTX_STAGE_SOLVE in
   tokens. Thread-safe if the hooks of ctx are. */
OTX_API otx_result otx_token_map_open(const otx_context *ctx, const otx_vocab *from,
                                      const otx_vocab *to,
                                      const otx_token_map_options *options, otx_token_map *out,
                                      otx_error *error);
OTX_API void otx_token_map_close(const otx_context *ctx, otx_token_map *map);

/* Two vocabularies and the maps between them, for a file. Nothing in it is owned. */
typedef struct otx_token_maps {
    const otx_vocab *a, *b;
    const otx_token_map *a_to_b, *b_to_a;
    const char *a_name, *b_name; /* paths, say; */
    const char *method;          /* "subword mean", say */
} otx_token_maps;

/* Writes a safetensors file. For each way, a_to_b and b_to_a: .indptr, .indices (I64) and
   .weights (F32), .shape (I64, 2), .piece_indptr, .pieces (I64) and .kinds (U8). In PyTorch
       m = safetensors.torch.load_file(FILE)
       forth = torch.sparse_csr_tensor(m["a_to_b.indptr"], m["a_to_b.indices"],
                                       m["a_to_b.weights"], tuple(m["a_to_b.shape"].tolist()))
   The vocabularies are not looked at. */
OTX_API otx_result otx_token_maps_write(const otx_context *ctx, const otx_token_maps *maps,
                                        const otx_sink *sink, otx_error *error);

/* Writes one JSON object for people, a token a line: its id, what it stands for with \xNN for
   what is no text and \\ for a backslash, its kind, and the tokens it is mapped to with their
   weights; and the pieces, where there is more than one, in the order of the text. */
OTX_API otx_result otx_token_maps_write_json(const otx_context *ctx, const otx_token_maps *maps,
                                             const otx_sink *sink, otx_error *error);
