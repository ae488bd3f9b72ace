/* ---- version ---------------------------------------------------------- */

#define OTX_VERSION_MAJOR 0
#define OTX_VERSION_MINOR 2
#define OTX_VERSION_PATCH 0
#define OTX_VERSION_STRING "0.2.0"

/* Linkage of the public functions. Define OTX_STATIC before every include to make them
   static to the file that holds the implementation, or OTX_API to what your compiler wants
   before a function that a shared library exports, such as __declspec(dllexport) or
   __attribute__((visibility("default"))). */
#if defined(__GNUC__) || defined(__clang__)
#define OTX__PRIVATE static __attribute__((unused))
#define OTX__PRINTF(string, first) __attribute__((format(printf, string, first)))
#else
#define OTX__PRIVATE static
#define OTX__PRINTF(string, first)
#endif
#ifndef OTX_API
#ifdef OTX_STATIC
#define OTX_API OTX__PRIVATE
#else
#define OTX_API extern
#endif
#endif

/* The version the implementation was built from, "major.minor.patch". */
OTX_API const char *otx_version(void);
