/* ---- dispatch: which kernels this machine can run ------------------------- */

#if defined(OTX__AVX2)

#ifdef _MSC_VER
#include <intrin.h>
#else
#include <cpuid.h>
#endif

OTX__PRIVATE void otx__cpuid(unsigned leaf, unsigned part, unsigned registers[4])
{
#ifdef _MSC_VER
    int values[4], i;
    __cpuidex(values, (int)leaf, (int)part);
    for (i = 0; i < 4; i++) registers[i] = (unsigned)values[i];
#else
    __cpuid_count(leaf, part, registers[0], registers[1], registers[2], registers[3]);
#endif
}

/* The register states that the operating system saves. */
OTX__PRIVATE uint64_t otx__xgetbv(void)
{
#ifdef _MSC_VER
    return _xgetbv(0);
#else
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
#endif
}

OTX__PRIVATE bool otx__x86_has(otx_isa isa)
{
    unsigned leaf1[4], leaf7[4];
    const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28;     /* leaf 1, ecx */
    const unsigned avx2 = 1u << 5;                                          /* leaf 7, ebx */
    const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    const unsigned vnni = 1u << 11;                                    /* leaf 7, ecx */
    const unsigned bf16 = 1u << 5;                                     /* leaf 7.1, eax */
    const uint64_t avx_state = 0x06, avx512_state = 0xe6;
    otx__cpuid(0, 0, leaf1);
    if (leaf1[0] < 7) return false;
    otx__cpuid(1, 0, leaf1);
    otx__cpuid(7, 0, leaf7);
    if ((leaf1[2] & (fma | osxsave | avx)) != (fma | osxsave | avx)) return false;
    if (!(leaf7[1] & avx2) || (otx__xgetbv() & avx_state) != avx_state) return false;
    if (isa == OTX_ISA_AVX2) return true;
    if ((leaf7[1] & avx512) != avx512 || !(leaf7[2] & vnni) ||
        (otx__xgetbv() & avx512_state) != avx512_state)
        return false;
    if (isa == OTX_ISA_AVX512) return true;
    otx__cpuid(7, 1, leaf7);
    return (leaf7[0] & bf16) != 0;
}

#endif /* OTX__AVX2 */

/* The kernels for an instruction set, or NULL where they cannot run. */
OTX__PRIVATE const otx__kernels *otx__kernels_for(otx_isa isa)
{
    if (isa == OTX_ISA_AUTO) isa = otx_isa_best();
    if (isa == OTX_ISA_SCALAR) return &otx__kernels_scalar;
#ifdef OTX__AVX2
    if (isa == OTX_ISA_AVX2 && otx__x86_has(isa)) return &otx__kernels_avx2;
#endif
#ifdef OTX__AVX512
    if (isa == OTX_ISA_AVX512 && otx__x86_has(isa)) return &otx__kernels_avx512;
    if (isa == OTX_ISA_AVX512_BF16 && otx__x86_has(isa)) return &otx__kernels_avx512_bf16;
#endif
#ifdef OTX__NEON
    if (isa == OTX_ISA_NEON) return &otx__kernels_neon;
#endif
    return NULL;
}

OTX_API otx_isa otx_isa_best(void)
{
    static const otx_isa order[] = {OTX_ISA_AVX512_BF16, OTX_ISA_AVX512, OTX_ISA_AVX2,
                                    OTX_ISA_NEON};
    size_t i;
    for (i = 0; i < OTX__COUNT(order); i++)
        if (otx__kernels_for(order[i])) return order[i];
    return OTX_ISA_SCALAR;
}

OTX_API bool otx_isa_available(otx_isa isa) { return otx__kernels_for(isa) != NULL; }

OTX_API const char *otx_isa_name(otx_isa isa)
{
    static const char *const names[OTX_ISA_COUNT] = {
        "auto", "scalar", "sse2", "avx2", "avx-vnni", "avx512", "avx512-bf16", "amx", "neon",
        "neon-bf16", "wasm"};
    return (unsigned)isa < OTX_ISA_COUNT ? names[isa] : NULL;
}

OTX_API otx_isa otx_isa_from_name(const char *name)
{
    int isa;
    for (isa = 0; isa < OTX_ISA_COUNT; isa++)
        if (strcmp(name, otx_isa_name((otx_isa)isa)) == 0) return (otx_isa)isa;
    return OTX_ISA_COUNT;
}
