/* ---- memory as a source ---- */

OTX__PRIVATE bool otx__memory_read(void *context, uint64_t offset, void *buffer, size_t size)
{
    if (size > 0) memcpy(buffer, (const char *)context + offset, size);
    return true;
}

OTX_API otx_source otx_source_memory(const void *bytes, size_t size)
{
    otx_source source;
    source.read = otx__memory_read;
    source.context = (void *)(uintptr_t)bytes; /* only ever read from */
    source.size = size;
    return source;
}
