/* ---- JSON ------------------------------------------------------------------ */

/* The reader is iterative, checks UTF-8 and RFC 8259 in full (numbers too), and
   keeps spans of the text instead of copies: the text must outlive the document
   and stay unchanged. */

typedef enum otx_json_type {
    OTX_JSON_NULL, OTX_JSON_FALSE, OTX_JSON_TRUE, OTX_JSON_NUMBER, OTX_JSON_STRING,
    OTX_JSON_ARRAY, OTX_JSON_OBJECT
} otx_json_type;

/* One value. Nodes stand in document order: an array's items, or an object's
   key, value, key, value, ... (a key is a STRING node), follow it; `next` is the
   node after the value and all it contains. */
typedef struct otx_json_node {
    uint32_t start, end; /* span in the text; for a string without its quotes */
    uint32_t next;
    uint32_t count; /* items of an array, members of an object */
    uint8_t type;   /* an otx_json_type */
    bool escaped;   /* a string with escapes in it */
} otx_json_node;

/* A parsed document; node 0 is its root. Close with otx_json_close. */
typedef struct otx_json {
    const char *text;
    size_t size;
    otx_json_node *nodes;
    size_t count, capacity;
} otx_json;

/* No node. Every function below takes it, as it takes a node of a type it does not
   expect, and finds nothing there: look-ups chain. */
#define OTX_JSON_NONE UINT32_MAX

typedef struct otx_json_options {
    unsigned max_depth;   /* 0: 127, as serde_json */
    size_t max_nodes;     /* 0: 2^28 */
    bool allow_nonfinite; /* NaN, Infinity and -Infinity, as Python writes them, and
                             numbers beyond the range of a double */
} otx_json_options;

/* Parses the whole text (below 4 GiB). `name` stands in errors, which give line
   and column. options NULL: defaults. */
OTX_API otx_result otx_json_parse(const otx_context *ctx, const char *text, size_t size,
                                  const char *name, const otx_json_options *options,
                                  otx_json *out, otx_error *error);
OTX_API void otx_json_close(const otx_context *ctx, otx_json *json);

/* The type of a node; OTX_JSON_NULL for OTX_JSON_NONE. */
OTX_API otx_json_type otx_json_type_of(const otx_json *json, uint32_t node);

/* The value of the last member of `object` with that key (escapes decoded), as
   Python and JavaScript resolve duplicates; OTX_JSON_NONE if there is none or
   `object` is no object. */
OTX_API uint32_t otx_json_find(const otx_json *json, uint32_t object, const char *key);

/* Steps through the items of an array or the members of an object, in the order of the
   text:
       otx_json_iter at = otx_json_iter_of(&json, node);
       while (otx_json_iter_next(&at)) ... at.key, at.value, at.index ...
   Nothing else has anything to step through. At the end key and value are NONE. */
typedef struct otx_json_iter {
    const otx_json *json;
    uint32_t key;       /* of a member: a STRING node; of an item: OTX_JSON_NONE */
    uint32_t value;
    uint32_t index;     /* 0 for the first */
    uint32_t next, end; /* private: nodes not yet stepped over */
    bool keyed;         /* private: an object's */
} otx_json_iter;

OTX_API otx_json_iter otx_json_iter_of(const otx_json *json, uint32_t node);
OTX_API bool otx_json_iter_next(otx_json_iter *iter);

/* How many items an array or members an object has; 0 for anything else. */
OTX_API uint32_t otx_json_count(const otx_json *json, uint32_t node);

/* The item of an array at that index, or OTX_JSON_NONE. Takes time in proportion to the
   index. */
OTX_API uint32_t otx_json_item(const otx_json *json, uint32_t array, uint32_t index);

/* The node after a value and all it contains, so that the value and what is in it, keys
   too, are the nodes from `node` to before that one; NONE for NONE. */
OTX_API uint32_t otx_json_after(const otx_json *json, uint32_t node);

/* A number node as a non-negative integer written with digits only; false if it
   is anything else or above 2^64 - 1. */
OTX_API bool otx_json_uint(const otx_json *json, uint32_t node, uint64_t *value);

/* Whether a string node equals the C string. */
OTX_API bool otx_json_equals(const otx_json *json, uint32_t node, const char *text);

/* Decodes a string node to UTF-8 into `to`, which must hold end - start bytes;
   returns the length, which is never more, and is 0 if the node is no string. No
   terminator is written. */
OTX_API size_t otx_json_string(const otx_json *json, uint32_t node, char *to);

/* Edits of a document as replaced spans of its text: what is not touched keeps
   every byte (order, spelling of numbers, white space). */
typedef struct otx_json_edit otx_json_edit;

OTX_API otx_result otx_json_edit_open(const otx_context *ctx, const otx_json *json,
                                      otx_json_edit **out, otx_error *error);
OTX_API void otx_json_edit_close(const otx_context *ctx, otx_json_edit *edit);

/* Replaces the value `node` by the JSON text `value`, which must be one value (NaN
   and the infinities are allowed); a key is no value. */
OTX_API otx_result otx_json_edit_replace(const otx_context *ctx, otx_json_edit *edit,
                                         uint32_t node, const char *value, otx_error *error);

/* Sets object[key]: replaces the value, or adds the member at the end in the
   object's own layout. Added keys of one object keep the order of the calls. Takes
   time in proportion to the object's members. After OTX_ERROR_MEMORY an edit can
   only be closed. */
OTX_API otx_result otx_json_edit_set(const otx_context *ctx, otx_json_edit *edit, uint32_t object,
                                     const char *key, const char *value, otx_error *error);

/* Writes the edited text. An edit inside a value that is itself replaced is
   OTX_ERROR_ARGUMENT, before any byte is written. */
OTX_API otx_result otx_json_edit_write(otx_json_edit *edit, const otx_sink *sink,
                                       otx_error *error);
