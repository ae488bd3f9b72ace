/* ---- clock: wall time for statistics ---------------------------------------- */

#ifndef OTX_NO_STDIO
#include <time.h>
#ifdef _WIN32
/* As windows.h declares it, without windows.h. */
union _LARGE_INTEGER;
#ifdef __cplusplus
extern "C"
#endif
__declspec(dllimport) int __stdcall QueryPerformanceCounter(union _LARGE_INTEGER *count);
#ifdef __cplusplus
extern "C"
#endif
__declspec(dllimport) int __stdcall QueryPerformanceFrequency(union _LARGE_INTEGER *hertz);
#elif defined(__unix__) || defined(__APPLE__)
#include <sys/time.h>
#endif
#endif

/* Seconds from an arbitrary start, for differences. The clock is monotonic where
   the headers in force declare one (strict -std=c99 hides clock_gettime); else it
   follows the system's time and may jump with it. 0 under OTX_NO_STDIO. */
OTX__PRIVATE double otx__now(void)
{
#ifdef OTX_NO_STDIO
    return 0;
#elif defined(_WIN32)
    int64_t count = 0, hertz = 1;
    (void)QueryPerformanceCounter((union _LARGE_INTEGER *)&count);
    (void)QueryPerformanceFrequency((union _LARGE_INTEGER *)&hertz);
    return (double)count / (double)hertz;
#elif defined(CLOCK_MONOTONIC) && !(defined(__wasi__) && defined(__STRICT_ANSI__))
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
#elif defined(__unix__) || defined(__APPLE__)
    struct timeval now;
    if (gettimeofday(&now, NULL) != 0) return 0;
    return (double)now.tv_sec + 1e-6 * (double)now.tv_usec;
#else
    return (double)time(NULL);
#endif
}
