/* ---- alignment ------------------------------------------------------------------ */

/* Where the row of a donor token comes from. */
typedef enum otx_action {
    OTX_ACTION_PADDING,     /* no token has this id */
    OTX_ACTION_COPY,        /* the base's row of the same (kind, bytes) */
    OTX_ACTION_ROLE,        /* the base's row of the control token in the same role */
    OTX_ACTION_MAP,         /* the base's row named by the caller; where the base has none
                               with that id, what a padding row gets */
    OTX_ACTION_APPROXIMATE, /* solved for */
    OTX_ACTION_UNUSED,      /* a reserved token, or one without a row in the donor's
                               matrices: gets what a padding row gets */
    OTX_ACTION_MATCH,       /* the base's row of another token, as otx_job_options.prefix_match
                               and byte_match want it: no action of otx_align */
    OTX_ACTION_COUNT
} otx_action;

/* "padding", "copy", "role", "map", "approximate", "unused", "match"; or
   NULL. */
OTX_API const char *otx_action_name(otx_action action);

typedef struct otx_alignment_row {
    int64_t base;      /* the base id that is copied, or -1 */
    otx_action action;
    bool anchor;       /* copied and an atom of the dictionary */
} otx_alignment_row;

/* A caller's own pairing of a donor id with a base id. */
typedef struct otx_map_entry {
    uint64_t donor, base;
} otx_map_entry;

typedef struct otx_alignment_options {
    uint64_t donor_rows; /* of the donor's matrices; 0: donor->count */
    uint64_t base_rows;  /* of the base's matrices; 0: base->count */
    uint64_t base_ids;   /* the map may name base ids below this, also those without a row;
                            0: base_rows */
    uint64_t rows;       /* wanted; 0: donor_rows. Ids from here on get no row */
    bool bytes_apart;    /* a BYTE token is not the TEXT token of its byte */
    const otx_map_entry *map;
    size_t map_count;
} otx_alignment_options;

/* The plan for every row of the new matrices. Close with otx_alignment_close. */
typedef struct otx_alignment {
    otx_alignment_row *rows; /* by donor id */
    size_t count;            /* rows of the new matrices */
    size_t counts[OTX_ACTION_COUNT];
    size_t anchor_count;
} otx_alignment;

/* Pairs every donor id with a base id, or says that its row must be solved for.
   In this order: the caller's map; tokens of the same (kind, bytes), the lowest
   base id among equals; a BYTE token with the TEXT token of that one byte, either
   way; control tokens with the same content, also where one of the two, or both, are
   plain added tokens (<think> in some models), or where one is and the other a word, of
   two WordPiece tokenizers; control tokens in the same role (eos, bos, pad, unk, sep, cls,
   mask). Only pairs of TEXT and BYTE tokens of the same bytes become anchors: the lowest
   donor id of each pair, each base id once, both ids within their matrices. Base ids at or
   beyond base_rows are never copied from. A token that would be solved for but has no row
   in the donor's matrices is unused. */
OTX_API otx_result otx_align(const otx_context *ctx, const otx_vocab *donor,
                             const otx_vocab *base, const otx_alignment_options *options,
                             otx_alignment *out, otx_error *error);
OTX_API void otx_alignment_close(const otx_context *ctx, otx_alignment *alignment);
