/* ---- instruction sets --------------------------------------------------- */

/* "auto", "scalar", "avx2", ...; NULL for a number that is none. */
OTX_API const char *otx_isa_name(otx_isa isa);

/* The instruction set with that name, or OTX_ISA_COUNT. */
OTX_API otx_isa otx_isa_from_name(const char *name);

/* Whether this build and this machine (processor and operating system) can run
   it. AUTO and SCALAR always can. Linux lends the registers of AMX to a process as a
   whole: only a solve asks for them, and where it is refused, AUTO takes the next. */
OTX_API bool otx_isa_available(otx_isa isa);

/* What AUTO resolves to here. */
OTX_API otx_isa otx_isa_best(void);
