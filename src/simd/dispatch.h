/* ---- dispatch: which kernels this machine can run, and which a call takes -------- */

/* Sets of instruction sets, as here, are bits numbered by otx_isa. */
#define OTX__ISA_BIT(isa) (1u << (isa))

#ifdef OTX__SSE2

#ifdef OTX__MSVC
#include <intrin.h>
#else
#include <cpuid.h>
#endif

/* What the processor says of itself. A virtual machine may take many microseconds to answer.
   Tests put their own in its place. */
#ifndef OTX__CPUID
#define OTX__CPUID(leaf, part, registers) otx__cpuid(leaf, part, registers)
#define OTX__XGETBV() otx__xgetbv()
#endif

/* eax, ebx, ecx and edx. */
OTX__PRIVATE void otx__cpuid(unsigned leaf, unsigned part, unsigned registers[4])
{
#ifdef OTX__MSVC
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
#ifdef OTX__MSVC
    return _xgetbv(0);
#else
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
#endif
}

OTX__PRIVATE bool otx__all_bits(uint64_t value, uint64_t bits)
{
    return (value & bits) == bits;
}

/* Each set needs its own bits, a state that is saved, and the set before it. */
OTX__PRIVATE unsigned otx__isas_x86(void)
{
    const unsigned sse2 = 1u << 26;                                    /* leaf 1, edx */
    const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28; /* leaf 1, ecx */
    const unsigned avx2 = 1u << 5;                                     /* leaf 7, ebx */
    const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F, DQ, BW, VL */
    const unsigned avx512_vnni = 1u << 11;                             /* leaf 7, ecx */
    const unsigned amx = 1u << 22 | 1u << 24 | 1u << 25; /* leaf 7, edx: bf16, tiles, int8 */
    const unsigned avx_vnni = 1u << 4, avx512_bf16 = 1u << 5;          /* leaf 7.1, eax */
    const uint64_t avx_state = 0x06, avx512_state = 0xe6, amx_state = 0x60000;
    unsigned leaf0[4], leaf1[4], leaf7[4], more[4] = {0}, found = 0;
    uint64_t state;
    OTX__CPUID(0, 0, leaf0);
    OTX__CPUID(1, 0, leaf1);
    if (leaf1[3] & sse2) found |= OTX__ISA_BIT(OTX_ISA_SSE2);
    if (leaf0[0] < 7 || !otx__all_bits(leaf1[2], fma | osxsave | avx)) return found;
    OTX__CPUID(7, 0, leaf7);
    if (leaf7[0] >= 1) OTX__CPUID(7, 1, more);
    state = OTX__XGETBV();
    if (!(leaf7[1] & avx2) || !otx__all_bits(state, avx_state)) return found;
    found |= OTX__ISA_BIT(OTX_ISA_AVX2);
    if (more[0] & avx_vnni) found |= OTX__ISA_BIT(OTX_ISA_AVX_VNNI);
    if (!otx__all_bits(leaf7[1], avx512) || !(leaf7[2] & avx512_vnni) ||
        !otx__all_bits(state, avx512_state))
        return found;
    found |= OTX__ISA_BIT(OTX_ISA_AVX512);
    if (more[0] & avx512_bf16) found |= OTX__ISA_BIT(OTX_ISA_AVX512_BF16);
    if (otx__all_bits(leaf7[3], amx) && otx__all_bits(state, amx_state))
        found |= OTX__ISA_BIT(OTX_ISA_AMX);
    return found;
}

/* AVX512-BF16 does two multiply-adds where FMA does one. AMD runs both at the same
   rate; Intel runs it at half that of FMA, and has AMX for bf16. */
OTX__PRIVATE bool otx__avx512_bf16_pays(void)
{
    unsigned leaf0[4];
    char vendor[13] = {0};
    OTX__CPUID(0, 0, leaf0);
    memcpy(vendor, &leaf0[1], 4);
    memcpy(vendor + 4, &leaf0[3], 4);
    memcpy(vendor + 8, &leaf0[2], 4);
    return strcmp(vendor, "AuthenticAMD") == 0 || strcmp(vendor, "HygonGenuine") == 0;
}

#endif /* OTX__SSE2 */

/* What processor and operating system can run, whatever this was built with. Asks for
   nothing that the process does not have. */
OTX__PRIVATE unsigned otx__isas_here(void)
{
    unsigned found = OTX__ISA_BIT(OTX_ISA_SCALAR);
#ifdef OTX__SSE2
    found |= otx__isas_x86();
#elif defined(OTX__128_ISA)
    found |= OTX__ISA_BIT(OTX__128_ISA);
#endif
#ifdef OTX__AMX
    if (found & OTX__ISA_BIT(OTX_ISA_AMX) && !otx__amx_lent()) found &= ~OTX__ISA_BIT(OTX_ISA_AMX);
#endif
#ifdef OTX__NEON_BF16
    if (otx__neon_bf16_here()) found |= OTX__ISA_BIT(OTX_ISA_NEON_BF16);
#endif
    return found;
}

/* The kernels built for one of `sets`: for AUTO the fastest, or NULL. */
OTX__PRIVATE const otx__kernels *otx__kernels_among(unsigned sets, otx_isa isa)
{
    /* The fastest first. */
    static const otx__kernels *const built[] = {
#ifdef OTX__AMX
        &otx__kernels_amx,
#endif
#ifdef OTX__AVX512_BF16
        &otx__kernels_avx512_bf16,
#endif
#ifdef OTX__AVX512
        &otx__kernels_avx512,
#endif
#ifdef OTX__AVX_VNNI
        &otx__kernels_avx_vnni,
#endif
#ifdef OTX__AVX2
        &otx__kernels_256,
#endif
#ifdef OTX__NEON_BF16
        &otx__kernels_neon_bf16,
#endif
#ifdef OTX__128_ISA
        &otx__kernels_128,
#endif
        &otx__kernels_scalar};
    size_t i;
#ifdef OTX__SSE2
    if (isa == OTX_ISA_AUTO && sets & OTX__ISA_BIT(OTX_ISA_AVX512_BF16) && !otx__avx512_bf16_pays())
        sets &= ~OTX__ISA_BIT(OTX_ISA_AVX512_BF16);
#endif
    for (i = 0; i < OTX__COUNT(built); i++)
        if ((isa == OTX_ISA_AUTO || isa == built[i]->isa) &&
            (sets & OTX__ISA_BIT(built[i]->isa)))
            return built[i];
    return NULL;
}

/* The kernels for an instruction set, or NULL where they cannot run. Before their dense
   products are called they are to be taken. */
OTX__PRIVATE const otx__kernels *otx__kernels_for(otx_isa isa)
{
    return otx__kernels_among(otx__isas_here(), isa);
}

/* The same, with all that they need: where the system refuses that, NULL, or for AUTO the
   fastest of the others. */
OTX__PRIVATE const otx__kernels *otx__kernels_take(otx_isa isa)
{
    unsigned sets = otx__isas_here();
    const otx__kernels *kernels = otx__kernels_among(sets, isa);
#ifdef OTX__AMX
    if (kernels == &otx__kernels_amx && !otx__amx_take())
        kernels = otx__kernels_among(sets & ~OTX__ISA_BIT(OTX_ISA_AMX), isa);
#endif
    return kernels;
}

/* What the compiler's own library found when the process began, where there is one. */
#if defined(OTX__SSE2) && !defined(_MSC_VER) && (!defined(__clang__) || __clang_major__ >= 12)
#define OTX__KNOWN(feature) __builtin_cpu_supports(feature)
#else
#define OTX__KNOWN(feature) 0
#endif

/* Kernels for one short call. To ask the processor would take longer, so that these are the
   best of what is known without: all give the same bits where it matters. */
OTX__PRIVATE const otx__kernels *otx__kernels_at_hand(void)
{
#ifdef OTX__AVX512
    if (OTX__KNOWN("avx512f") && OTX__KNOWN("avx512bw") && OTX__KNOWN("avx512dq") &&
        OTX__KNOWN("avx512vl") && OTX__KNOWN("avx512vnni"))
        return &otx__kernels_avx512;
#endif
#ifdef OTX__AVX2
    if (OTX__KNOWN("avx2") && OTX__KNOWN("fma")) return &otx__kernels_256;
#endif
#if defined(OTX__MSVC) && defined(__AVX2__)
    return &otx__kernels_256;
#elif defined(OTX__128_ISA) && (!defined(OTX__X86) || defined(OTX__X86_64) || \
                                defined(__SSE2__) ||                          \
                                (defined(_M_IX86_FP) && _M_IX86_FP >= 2))
    return &otx__kernels_128;
#else
    return &otx__kernels_scalar;
#endif
}

OTX_API otx_isa otx_isa_best(void) { return otx__kernels_for(OTX_ISA_AUTO)->isa; }

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
