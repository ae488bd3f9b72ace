/* ---- sources and sinks: bytes in and out --------------------------------- */

/* Random access to bytes. read fills `buffer` with `size` bytes from `offset`
   or returns false; the library never reads beyond `size`, the total. */
typedef struct otx_source {
    bool (*read)(void *context, uint64_t offset, void *buffer, size_t size);
    void *context;
    uint64_t size;
} otx_source;

/* Bytes in order. write returns false when it fails. */
typedef struct otx_sink {
    bool (*write)(void *context, const void *bytes, size_t size);
    void *context;
} otx_sink;

/* A block of memory as a source; the block must outlive it. */
OTX_API otx_source otx_source_memory(const void *bytes, size_t size);
