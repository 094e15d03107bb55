/* What operating systems call by different names: aligned memory, the clock, and letting other threads run. */
#ifndef WAVENETLITE_SYSTEM_H
#define WAVENETLITE_SYSTEM_H

#include <stdint.h>
#include <stdlib.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <malloc.h>
#include <windows.h>

static inline void *take_aligned(size_t bytes) { return _aligned_malloc(bytes, 64); }
static inline void *take_large(size_t bytes) { return take_aligned(bytes); }
static inline void give_aligned(void *memory) { _aligned_free(memory); }
static inline int64_t clock_ns(void) {
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    int64_t whole = ticks.QuadPart / per_second.QuadPart, rest = ticks.QuadPart % per_second.QuadPart;
    return whole * 1000000000 + rest * 1000000000 / per_second.QuadPart;
}
static inline void let_others_run(void) { SwitchToThread(); }
static inline void sleep_ns(int64_t ns) { Sleep((DWORD)(ns / 1000000)); } /* 0: lets others run */
static inline int process_number(void) { return 0; } /* for telling a fork, which Windows does not have */
static inline double physical_memory(void) {
    MEMORYSTATUSEX memory = {.dwLength = sizeof memory};
    return GlobalMemoryStatusEx(&memory) ? (double)memory.ullTotalPhys : 0.0;
}

#else
#include <sched.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif
#include <time.h>
#include <unistd.h>

/* Memory on a 64-byte boundary, or NULL; macOS before 10.15 has no aligned_alloc. */
static inline void *take_aligned(size_t bytes) {
    void *memory;
    return posix_memalign(&memory, 64, bytes) ? NULL : memory;
}
/* The same in pages of 2 MB, if it fills some and the system has them: a wish, whatever comes of it. */
static inline void *take_large(size_t bytes) {
#ifdef MADV_HUGEPAGE
    const size_t page = (size_t)2 << 20;
    void *memory;
    if (bytes >= 2 * page) {
        if (posix_memalign(&memory, page, (bytes + page - 1) / page * page)) return NULL;
        madvise(memory, bytes, MADV_HUGEPAGE);
        return memory;
    }
#endif
    return take_aligned(bytes);
}
/* Windows has other memory for this than free() knows. */
static inline void give_aligned(void *memory) { free(memory); }
static inline int64_t clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
static inline void let_others_run(void) { sched_yield(); }
static inline void sleep_ns(int64_t ns) {
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    nanosleep(&t, NULL);
}
static inline int process_number(void) { return getpid(); }
/* The memory of this machine; 0: not known. */
static inline double physical_memory(void) {
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
}
#endif

#endif
