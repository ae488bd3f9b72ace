/* A library that is loaded before a program (LD_PRELOAD) and makes the system fail:
       OTX_SHIM="CALL FIRST COUNT ACTION"
   lets FIRST calls of a kind go well, then does ACTION to COUNT of them (-1: to all). CALL is
   one of the names below, or "any". ACTION is a number of errno; "short", which moves half of
   the bytes, at least one; "end", which finds the end of the file; "kill", which ends the
   process on the spot; or "cut", which halves the file before it is read. Or the call goes well,
   and before it the file that OTX_SHIM_FILE names is halved ("halve"), grows by a byte ("grow"),
   has the bytes of the file OTX_SHIM_OTHER written over its own ("rewrite"), has that file
   renamed over it ("replace") or is removed ("vanish"). With "write" FIRST may
   be "@N": calls fail with ACTION once N bytes have been written, as on a full disk.
   The names are those that a 64-bit glibc gives the calls of a program for large files.
   OTX_SHIM_COUNTS names a file for "CALL NUMBER" lines of what was called.
       cc -O1 -shared -fPIC shim.c -o shim.so -ldl */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ, WRITE, OPEN, CLOSE, SYNC, STAT, RENAME, MKDIR, LIST, REMOVE, LINK, MALLOC, COPY,
       CALLS };
static const char *const names[CALLS] = {"read",   "write", "open",   "close",  "sync", "stat",
                                         "rename", "mkdir", "list",   "remove", "link", "malloc",
                                         "copy"};

static struct {
    int call;       /* -1: any */
    long first, count;
    long long budget; /* bytes that may be written; -1: any number */
    char action[16];
} plan = {-2, 0, 0, -1, ""};
static long called[CALLS];
static long long written;
static int ready;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("OTX_SHIM");
    char call[16], first[32];
    int i;
    if (text && sscanf(text, "%15s %31s %ld %15s", call, first, &plan.count, plan.action) == 4) {
        plan.call = strcmp(call, "any") == 0 ? -1 : -2;
        for (i = 0; i < CALLS; i++)
            if (strcmp(call, names[i]) == 0) plan.call = i;
        if (*first == '@') plan.budget = atoll(first + 1);
        else plan.first = atol(first);
    }
    ready = 1;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("OTX_SHIM_COUNTS");
    FILE *file;
    int i;
    ready = 0;
    file = path ? fopen(path, "w") : NULL;
    for (i = 0; file && i < CALLS; i++) fprintf(file, "%s %ld\n", names[i], called[i]);
    if (file) fclose(file);
}

/* Writes the bytes of the other file over those of a file. */
static void rewrite(const char *path, const char *other)
{
    char bytes[4096];
    size_t size;
    FILE *from = fopen(other, "rb"), *to = fopen(path, "r+b");
    if (!from || !to) abort();
    while ((size = fread(bytes, 1, sizeof bytes, from)) > 0)
        if (fwrite(bytes, 1, size, to) != size) abort();
    if (fclose(from) || fclose(to)) abort();
}

/* Changes the file that is to change. Whether the action is one of those that do. */
static int changes(const char *action)
{
    const char *path = getenv("OTX_SHIM_FILE"), *other = getenv("OTX_SHIM_OTHER");
    const int number = errno;
    struct stat status;
    FILE *file;
    if (!path || !other) return 0;
    ready = 0; /* what this calls is none of the program's */
    if (strcmp(action, "halve") == 0) {
        if (stat(path, &status) || truncate(path, status.st_size / 2)) abort();
    } else if (strcmp(action, "grow") == 0) {
        file = fopen(path, "ab");
        if (!file || fputc(' ', file) == EOF || fclose(file)) abort();
    } else if (strcmp(action, "rewrite") == 0) {
        rewrite(path, other);
    } else if (strcmp(action, "replace") == 0) {
        if (rename(other, path)) abort();
    } else if (strcmp(action, "vanish") == 0) {
        if (unlink(path)) abort();
    } else {
        path = NULL;
    }
    ready = 1;
    errno = number;
    return path != NULL;
}

/* For a program that has done its work; covered.c calls it. */
void otx_shim_leave_off(void) { ready = 0; }

/* What is to be done to this call: NULL for nothing. */
static const char *due(int call)
{
    if (!ready) return NULL;
    called[call]++;
    if (plan.call != call && plan.call != -1) return NULL;
    if (plan.budget >= 0) return NULL; /* by bytes: see write */
    if (plan.first > 0) {
        plan.first--;
        return NULL;
    }
    if (plan.count == 0) return NULL;
    if (plan.count > 0) plan.count--;
    if (strcmp(plan.action, "kill") == 0) raise(SIGKILL);
    if (changes(plan.action)) return NULL;
    return plan.action;
}

/* Whether the call fails: then errno is set. */
static int fails(int call)
{
    const char *action = due(call);
    int number = action ? atoi(action) : 0;
    if (number == 0) return 0;
    errno = number;
    return 1;
}

/* How many bytes are to be moved: all, half, none, or -1 with errno set. */
static ssize_t moved(int call, int file, size_t size)
{
    const char *action = due(call);
    struct stat64 status;
    if (!action) return (ssize_t)size;
    if (strcmp(action, "short") == 0) return (ssize_t)(size > 1 ? size / 2 : size);
    if (strcmp(action, "end") == 0) return 0;
    if (strcmp(action, "cut") == 0) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        if (REAL(fstat64)(file, &status) == 0 && truncate(path, status.st_size / 2) != 0) abort();
        return (ssize_t)size;
    }
    errno = atoi(action);
    return -1;
}

ssize_t pread64(int file, void *to, size_t size, off64_t offset)
{
    const ssize_t part = moved(READ, file, size);
    return part > 0 || size == 0 ? REAL(pread64)(file, to, (size_t)part, offset) : part;
}

ssize_t write(int file, const void *bytes, size_t size)
{
    ssize_t part = moved(WRITE, file, size);
    if (file > 2 && plan.budget >= 0 && written + (long long)size > plan.budget) {
        part = (ssize_t)(plan.budget - written);
        if (part == 0) {
            errno = atoi(plan.action);
            return -1;
        }
    }
    if (part <= 0 && size > 0) return part;
    part = REAL(write)(file, bytes, (size_t)part);
    if (file > 2 && part > 0) written += part;
    return part;
}

ssize_t copy_file_range(int from, off64_t *offset, int to, off64_t *at, size_t size,
                        unsigned flags)
{
    ssize_t part = moved(COPY, from, size);
    if (part > 0 && plan.budget >= 0 && written + part > plan.budget) {
        part = (ssize_t)(plan.budget - written);
        if (part == 0) {
            errno = atoi(plan.action);
            return -1;
        }
    }
    if (part <= 0 && size > 0) return part;
    part = REAL(copy_file_range)(from, offset, to, at, (size_t)part, flags);
    if (part > 0) written += part;
    return part;
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    int mode;
    va_start(more, flags);
    mode = flags & O_CREAT ? va_arg(more, int) : 0;
    va_end(more);
    return fails(OPEN) ? -1 : REAL(open64)(path, flags, mode);
}

/* What close() says, it has closed the file. */
int close(int file)
{
    const int failed = fails(CLOSE), number = errno;
    const int result = REAL(close)(file);
    if (failed) errno = number;
    return failed ? -1 : result;
}

int fsync(int file) { return fails(SYNC) ? -1 : REAL(fsync)(file); }

int stat64(const char *path, struct stat64 *to)
{
    return fails(STAT) ? -1 : REAL(stat64)(path, to);
}

int fstat64(int file, struct stat64 *to) { return fails(STAT) ? -1 : REAL(fstat64)(file, to); }

int rename(const char *from, const char *to)
{
    return fails(RENAME) ? -1 : REAL(rename)(from, to);
}

int mkdir(const char *path, mode_t mode) { return fails(MKDIR) ? -1 : REAL(mkdir)(path, mode); }

DIR *opendir(const char *path) { return fails(LIST) ? NULL : REAL(opendir)(path); }

struct dirent64 *readdir64(DIR *stream) { return fails(LIST) ? NULL : REAL(readdir64)(stream); }

FILE *fopen64(const char *path, const char *mode)
{
    return fails(OPEN) ? NULL : REAL(fopen64)(path, mode);
}

int remove(const char *path) { return fails(REMOVE) ? -1 : REAL(remove)(path); }

ssize_t readlink(const char *path, char *to, size_t size)
{
    return fails(LINK) ? -1 : REAL(readlink)(path, to, size);
}

/* ---- memory: glibc's own names, since dlsym asks for some ---- */

#ifndef SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

void *malloc(size_t size) { return fails(MALLOC) ? NULL : __libc_malloc(size); }

void *calloc(size_t count, size_t size)
{
    return fails(MALLOC) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return size > 0 && fails(MALLOC) ? NULL : __libc_realloc(block, size);
}
#endif
