/* ---- file: reading, writing and moving files, POSIX and Windows ------------- */

/* Everything that touches a file system is here. Paths are UTF-8 on every
   platform. The functions otx__sys_* are all that differs between platforms;
   they set errno when they fail, and nothing else does. Symbolic links are
   followed when reading and never when removing. */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Most bytes one system call is asked to move: some systems refuse 2 GiB. */
#define OTX__CHUNK ((size_t)64 << 20)

/* Directories within directories that a copy or a removal goes down to: a
   bound against links that lead in circles. */
#define OTX__TREE_DEPTH 32

/* What stands at a path. Neither regular nor directory: a device or a pipe. */
typedef struct otx__status {
    bool regular, directory;
    uint64_t size;
} otx__status;

#ifdef _WIN32

#include <direct.h>
#include <io.h>
#include <share.h>
#include <wchar.h>

#define OTX__SEPARATOR(c) ((c) == '/' || (c) == '\\')

/* Room for a path in UTF-16 units, its terminator included. */
#define OTX__WIDE 4096

/* As windows.h declares it, without windows.h. */
struct _OVERLAPPED;
#ifdef __cplusplus
extern "C"
#endif
__declspec(dllimport) int __stdcall ReadFile(void *file, void *buffer, unsigned long size,
                                             unsigned long *got, struct _OVERLAPPED *at);

/* The layout of an OVERLAPPED. */
typedef struct otx__overlapped {
    uintptr_t internal, internal_high;
    unsigned long offset, offset_high;
    void *event;
} otx__overlapped;

/* UTF-8 to UTF-16, without separators at the end, which some calls refuse. */
OTX__PRIVATE bool otx__sys_wide(wchar_t to[OTX__WIDE], const char *path)
{
    const unsigned char *bytes = (const unsigned char *)path;
    size_t size = strlen(path), i = 0, count = 0;
    while (i < size) {
        size_t length = otx__utf8_length(bytes + i, size - i), j;
        uint32_t code = length == 1 ? bytes[i] : bytes[i] & (0x7fu >> length);
        if (length == 0 || count + 3 > OTX__WIDE) {
            errno = length == 0 ? EILSEQ : ENAMETOOLONG;
            return false;
        }
        for (j = 1; j < length; j++) code = code << 6 | (bytes[i + j] & 0x3fu);
        if (code >= 0x10000) {
            to[count++] = (wchar_t)(0xd7c0 + (code >> 10));
            to[count++] = (wchar_t)(0xdc00 + (code & 0x3ff));
        } else {
            to[count++] = (wchar_t)code;
        }
        i += length;
    }
    while (count > 1 && OTX__SEPARATOR(to[count - 1]) && to[count - 2] != L':') count--;
    to[count] = 0;
    return true;
}

/* UTF-16 to UTF-8. `to` must hold three bytes for each unit and a terminator. A
   surrogate without its partner becomes U+FFFD. */
OTX__PRIVATE void otx__sys_narrow(char *to, const wchar_t *name)
{
    while (*name) {
        uint32_t code = (uint32_t)*name++;
        if (code >= 0xd800 && code < 0xdc00 && *name >= 0xdc00 && *name < 0xe000)
            code = ((code - 0xd7c0) << 10) + ((uint32_t)*name++ & 0x3ff);
        else if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
        if (code < 0x80) {
            *to++ = (char)code;
            continue;
        }
        if (code < 0x800) {
            *to++ = (char)(0xc0 | code >> 6);
        } else {
            if (code < 0x10000) {
                *to++ = (char)(0xe0 | code >> 12);
            } else {
                *to++ = (char)(0xf0 | code >> 18);
                *to++ = (char)(0x80 | (code >> 12 & 0x3f));
            }
            *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        }
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    *to = 0;
}

OTX__PRIVATE int otx__sys_open(const char *path)
{
    wchar_t wide[OTX__WIDE];
    int file;
    if (!otx__sys_wide(wide, path)) return -1;
    return _wsopen_s(&file, wide, _O_RDONLY | _O_BINARY | _O_NOINHERIT, _SH_DENYNO, 0) ? -1
                                                                                     : file;
}

OTX__PRIVATE int otx__sys_create(const char *path)
{
    wchar_t wide[OTX__WIDE];
    int file, flags = _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT;
    if (!otx__sys_wide(wide, path)) return -1;
    return _wsopen_s(&file, wide, flags, _SH_DENYNO, _S_IREAD | _S_IWRITE) ? -1 : file;
}

OTX__PRIVATE bool otx__sys_close(int file) { return _close(file) == 0; }

/* Bytes read; 0 or less where there are none. Thread-safe: the offset goes with
   the call. */
OTX__PRIVATE ptrdiff_t otx__sys_read(int file, uint64_t offset, void *to, size_t size)
{
    otx__overlapped at;
    unsigned long got = 0;
    memset(&at, 0, sizeof at);
    at.offset = (unsigned long)(offset & 0xffffffffu);
    at.offset_high = (unsigned long)(offset >> 32);
    if (ReadFile((void *)_get_osfhandle(file), to, (unsigned long)size, &got,
                 (struct _OVERLAPPED *)&at))
        return (ptrdiff_t)got;
    errno = EIO;
    return -1;
}

OTX__PRIVATE ptrdiff_t otx__sys_write(int file, const void *bytes, size_t size)
{
    return _write(file, bytes, (unsigned)size);
}

OTX__PRIVATE bool otx__sys_sync(int file) { return _commit(file) == 0; }

/* Windows has no such call and needs none. */
OTX__PRIVATE void otx__sys_sync_directory(const char *path) { (void)path; }

OTX__PRIVATE void otx__sys_status_of(otx__status *to, const struct _stat64 *from)
{
    to->regular = (from->st_mode & _S_IFMT) == _S_IFREG;
    to->directory = (from->st_mode & _S_IFMT) == _S_IFDIR;
    to->size = from->st_size > 0 ? (uint64_t)from->st_size : 0;
}

OTX__PRIVATE bool otx__sys_status(const char *path, otx__status *status)
{
    wchar_t wide[OTX__WIDE];
    struct _stat64 raw;
    memset(status, 0, sizeof *status);
    if (!otx__sys_wide(wide, path) || _wstat64(wide, &raw) != 0) return false;
    otx__sys_status_of(status, &raw);
    return true;
}

OTX__PRIVATE bool otx__sys_status_open(int file, otx__status *status)
{
    struct _stat64 raw;
    memset(status, 0, sizeof *status);
    if (_fstat64(file, &raw) != 0) return false;
    otx__sys_status_of(status, &raw);
    return true;
}

OTX__PRIVATE bool otx__sys_make_directory(const char *path)
{
    wchar_t wide[OTX__WIDE];
    return otx__sys_wide(wide, path) && _wmkdir(wide) == 0;
}

OTX__PRIVATE bool otx__sys_rename(const char *from, const char *to)
{
    wchar_t wide_from[OTX__WIDE], wide_to[OTX__WIDE];
    return otx__sys_wide(wide_from, from) && otx__sys_wide(wide_to, to) &&
           _wrename(wide_from, wide_to) == 0;
}

/* Removes a file, a link or an empty directory; ENOTEMPTY if it is not empty. */
OTX__PRIVATE bool otx__sys_remove(const char *path)
{
    wchar_t wide[OTX__WIDE];
    return otx__sys_wide(wide, path) && (_wunlink(wide) == 0 || _wrmdir(wide) == 0);
}

/* By full path, without regard to case; links are not resolved. */
OTX__PRIVATE bool otx__sys_same(const char *a, const char *b)
{
    wchar_t wide[OTX__WIDE], full_a[OTX__WIDE], full_b[OTX__WIDE];
    return otx__sys_wide(wide, a) && _wfullpath(full_a, wide, OTX__WIDE) &&
           otx__sys_wide(wide, b) && _wfullpath(full_b, wide, OTX__WIDE) &&
           _wcsicmp(full_a, full_b) == 0;
}

typedef struct otx__sys_directory {
    intptr_t handle;
    struct _wfinddata64_t found;
    bool pending; /* `found` has not been handed out yet */
    char name[3 * 260 + 1];
} otx__sys_directory;

OTX__PRIVATE bool otx__sys_directory_open(otx__sys_directory *directory, const char *path)
{
    wchar_t wide[OTX__WIDE];
    otx__status status;
    size_t length;
    if (!otx__sys_status(path, &status) || !otx__sys_wide(wide, path)) return false;
    if (!status.directory) {
        errno = ENOTDIR;
        return false;
    }
    length = wcslen(wide);
    if (length + 3 > OTX__WIDE) {
        errno = ENAMETOOLONG;
        return false;
    }
    wide[length] = L'/';
    wide[length + 1] = L'*';
    wide[length + 2] = 0;
    directory->handle = _wfindfirst64(wide, &directory->found);
    directory->pending = true;
    return directory->handle != -1;
}

/* The next name, NULL at the end or, with errno set, on failure. */
OTX__PRIVATE const char *otx__sys_directory_next(otx__sys_directory *directory)
{
    if (!directory->pending && _wfindnext64(directory->handle, &directory->found) != 0) {
        if (errno == ENOENT) errno = 0;
        return NULL;
    }
    directory->pending = false;
    otx__sys_narrow(directory->name, directory->found.name);
    return directory->name;
}

OTX__PRIVATE void otx__sys_directory_close(otx__sys_directory *directory)
{
    (void)_findclose(directory->handle);
}

OTX__PRIVATE void otx__sys_error_text(char *to, size_t capacity, int number)
{
    if (strerror_s(to, capacity, number) != 0) (void)snprintf(to, capacity, "error %d", number);
}

#else /* POSIX */

#include <dirent.h>
#include <unistd.h>

#define OTX__SEPARATOR(c) ((c) == '/')

/* What some systems or some feature-test macros do not offer. */
#ifdef O_CLOEXEC
#define OTX__O_CLOEXEC O_CLOEXEC
#else
#define OTX__O_CLOEXEC 0
#endif

/* glibc hides pread under strict -std=c99, and other system headers may have
   settled that before this file is reached; so it is declared under a name of
   our own. The 64-bit form exists whatever the size of off_t. */
#ifdef __GLIBC__
#ifdef __cplusplus
extern "C"
#endif
ssize_t otx__sys_pread(int file, void *to, size_t size, int64_t offset) __asm__("pread64");
#else
#define otx__sys_pread(file, to, size, offset) pread(file, to, size, (off_t)(offset))
#endif

/* O_NONBLOCK, so that a pipe put in the file's place cannot hang the caller;
   regular files are indifferent to it. */
OTX__PRIVATE int otx__sys_open(const char *path)
{
    int file;
    do file = open(path, O_RDONLY | O_NONBLOCK | OTX__O_CLOEXEC);
    while (file < 0 && errno == EINTR);
    return file;
}

OTX__PRIVATE int otx__sys_create(const char *path)
{
    int file;
    do file = open(path, O_WRONLY | O_CREAT | O_EXCL | OTX__O_CLOEXEC, 0666);
    while (file < 0 && errno == EINTR);
    return file;
}

/* After EINTR the descriptor is gone on Linux and in an unknown state elsewhere:
   trying again could close a descriptor of another thread. */
OTX__PRIVATE bool otx__sys_close(int file) { return close(file) == 0 || errno == EINTR; }

/* Bytes read; 0 at the end of the file, -1 on failure. Thread-safe: the offset
   goes with the call. */
OTX__PRIVATE ptrdiff_t otx__sys_read(int file, uint64_t offset, void *to, size_t size)
{
    ptrdiff_t got;
    if (sizeof(off_t) < 8 && offset > INT32_MAX) {
        errno = EOVERFLOW;
        return -1;
    }
    do got = (ptrdiff_t)otx__sys_pread(file, to, size, (int64_t)offset);
    while (got < 0 && errno == EINTR);
    return got;
}

OTX__PRIVATE ptrdiff_t otx__sys_write(int file, const void *bytes, size_t size)
{
    ptrdiff_t done;
    do done = (ptrdiff_t)write(file, bytes, size);
    while (done < 0 && errno == EINTR);
    return done;
}

/* EINVAL and ENOTSUP: a file system that cannot, such as some FUSE ones. */
OTX__PRIVATE bool otx__sys_sync(int file)
{
    int result;
    do result = fsync(file);
    while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOTSUP;
}

/* Makes names within a directory durable, as far as the system lets us. */
OTX__PRIVATE void otx__sys_sync_directory(const char *path)
{
    int file = otx__sys_open(path);
    if (file < 0) return;
    (void)otx__sys_sync(file);
    (void)otx__sys_close(file);
}

OTX__PRIVATE void otx__sys_status_of(otx__status *to, const struct stat *from)
{
    to->regular = S_ISREG(from->st_mode);
    to->directory = S_ISDIR(from->st_mode);
    to->size = from->st_size > 0 ? (uint64_t)from->st_size : 0;
}

OTX__PRIVATE bool otx__sys_status(const char *path, otx__status *status)
{
    struct stat raw;
    memset(status, 0, sizeof *status);
    if (stat(path, &raw) != 0) return false;
    otx__sys_status_of(status, &raw);
    return true;
}

OTX__PRIVATE bool otx__sys_status_open(int file, otx__status *status)
{
    struct stat raw;
    memset(status, 0, sizeof *status);
    if (fstat(file, &raw) != 0) return false;
    otx__sys_status_of(status, &raw);
    return true;
}

OTX__PRIVATE bool otx__sys_make_directory(const char *path) { return mkdir(path, 0777) == 0; }

OTX__PRIVATE bool otx__sys_rename(const char *from, const char *to)
{
    return rename(from, to) == 0;
}

/* Removes a file, a link or an empty directory; ENOTEMPTY if it is not empty.
   remove() follows no link, and unlike lstat() no header hides it. */
OTX__PRIVATE bool otx__sys_remove(const char *path)
{
    if (remove(path) == 0) return true;
    if (errno == EEXIST) errno = ENOTEMPTY;
    return false;
}

OTX__PRIVATE bool otx__sys_same(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

typedef struct otx__sys_directory {
    DIR *stream;
} otx__sys_directory;

OTX__PRIVATE bool otx__sys_directory_open(otx__sys_directory *directory, const char *path)
{
    directory->stream = opendir(path);
    return directory->stream != NULL;
}

/* The next name, NULL at the end or, with errno set, on failure. */
OTX__PRIVATE const char *otx__sys_directory_next(otx__sys_directory *directory)
{
    const struct dirent *entry;
    errno = 0;
    entry = readdir(directory->stream);
    return entry ? entry->d_name : NULL;
}

OTX__PRIVATE void otx__sys_directory_close(otx__sys_directory *directory)
{
    (void)closedir(directory->stream);
}

OTX__PRIVATE void otx__sys_error_text(char *to, size_t capacity, int number)
{
    (void)snprintf(to, capacity, "%s", strerror(number));
}

#endif

/* ---- paths and failures ---- */

/* Room for a path in a message: `char text[OTX__PATH_TEXT];`. */
#define OTX__PATH_TEXT 300

/* Makes a path fit for a message. Of a long one the end is kept, because that
   names the file. */
OTX__PRIVATE const char *otx__path_text(char to[OTX__PATH_TEXT], const char *path)
{
    const size_t most = OTX__PATH_TEXT - 16;
    size_t size = strlen(path), begin = size > most ? size - most : 0, i;
    char tail[OTX__PATH_TEXT];
    while (begin > 0 && ((unsigned char)path[begin] & 0xc0) == 0x80) begin++;
    for (i = begin; i < size; i++) tail[i - begin] = OTX__SEPARATOR(path[i]) ? '/' : path[i];
    if (begin > 0) memcpy(to, "...", 3);
    (void)otx__quote(to + (begin > 0 ? 3 : 0), OTX__PATH_TEXT - 3, tail, size - begin);
    return to;
}

/* Reports a failed system call: "PATH: WHAT: why". `number` is errno's value. */
OTX__PRIVATE otx_result otx__fail_system(otx_error *error, const char *path, const char *what,
                                         int number)
{
    char name[OTX__PATH_TEXT], text[128], why[OTX__QUOTED];
    otx_result code = number == ENOENT || number == ENOTDIR ? OTX_ERROR_NOT_FOUND
                      : number == EEXIST || number == ENOTEMPTY ? OTX_ERROR_EXISTS
                      : number == ENOMEM ? OTX_ERROR_MEMORY
                                         : OTX_ERROR_IO;
    if (number == EOVERFLOW || number == EFBIG)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: %s: too large for this build or file "
                         "system (files of 2 GiB and more need 64-bit offsets: compile with "
                         "-D_FILE_OFFSET_BITS=64)", otx__path_text(name, path), what);
    otx__sys_error_text(text, sizeof text, number);
    otx__quote(why, sizeof why, text, strlen(text)); /* it may not be UTF-8 */
    return otx__fail(error, code, "%s: %s: %s%s", otx__path_text(name, path), what, why,
                     number == EMFILE ? " (see ulimit -n)" : "");
}

/* directory/name in a block of its own; free with otx__path_free. NULL when out
   of memory. An empty directory gives the name alone. */
OTX__PRIVATE char *otx__path_join(const otx_context *ctx, const char *directory,
                                  const char *name)
{
    size_t length = strlen(directory), size = strlen(name);
    bool separate = length > 0 && !OTX__SEPARATOR(directory[length - 1]);
    char *path = (char *)otx__alloc(ctx, length + (separate ? 1 : 0) + size + 1, 1);
    if (!path) return NULL;
    memcpy(path, directory, length);
    if (separate) path[length++] = '/';
    memcpy(path + length, name, size + 1);
    return path;
}

/* Frees a block that holds a string and its terminator and no more. */
OTX__PRIVATE void otx__path_free(const otx_context *ctx, char *path)
{
    if (path) otx__free(ctx, path, strlen(path) + 1, 1);
}

/* A copy of a string's first `size` bytes, for otx__path_free. */
OTX__PRIVATE char *otx__path_copy(const otx_context *ctx, const char *path, size_t size)
{
    char *copy = (char *)otx__alloc(ctx, size + 1, 1);
    if (!copy) return NULL;
    memcpy(copy, path, size);
    copy[size] = 0;
    return copy;
}

/* Where the last name of a path starts. */
OTX__PRIVATE size_t otx__path_name(const char *path)
{
    size_t at = strlen(path);
    while (at > 0 && !OTX__SEPARATOR(path[at - 1])) at--;
    return at;
}

/* The directory a path lies in, for otx__path_free: "." for a bare name. */
OTX__PRIVATE char *otx__path_parent(const otx_context *ctx, const char *path)
{
    size_t size = otx__path_name(path);
    if (size == 0) return otx__path_copy(ctx, ".", 1);
    while (size > 1 && OTX__SEPARATOR(path[size - 1])) size--;
    return otx__path_copy(ctx, path, size);
}

OTX__PRIVATE bool otx__file_exists(const char *path)
{
    otx__status status;
    return otx__sys_status(path, &status);
}

OTX__PRIVATE bool otx__is_directory(const char *path)
{
    otx__status status;
    return otx__sys_status(path, &status) && status.directory;
}

/* Whether both paths lead to one file or directory. */
OTX__PRIVATE bool otx__same_file(const char *a, const char *b) { return otx__sys_same(a, b); }

/* The nearest directory above a path that exists, or the path itself. Takes
   over `path`; NULL when out of memory. */
OTX__PRIVATE char *otx__path_existing(const otx_context *ctx, char *path)
{
    while (path && !otx__is_directory(path)) {
        bool bare = otx__path_name(path) == 0;
        char *parent = otx__path_parent(ctx, path);
        otx__path_free(ctx, path);
        path = parent;
        if (bare) break;
    }
    return path;
}

/* Whether `path` is `directory` or lies anywhere within it, or would if it
   existed. Goes up from `path` as the system does, so that links make no
   difference. */
OTX__PRIVATE otx_result otx__is_within(const otx_context *ctx, const char *path,
                                       const char *directory, bool *within, otx_error *error)
{
    char *here = otx__path_copy(ctx, path, strlen(path)), *above;
    otx_result result = OTX_OK;
    bool found = false;
    *within = false;
    here = otx__path_existing(ctx, here);
    if (!here) return otx__fail_memory(error, strlen(path) + 1);
    for (;;) {
        if (!otx__file_exists(here)) {
            result = otx__fail_system(error, path, "cannot go up from here", errno);
            break;
        }
        found = otx__same_file(here, directory);
        if (found) break;
        above = otx__path_join(ctx, here, "..");
        if (!above) {
            result = otx__fail_memory(error, strlen(here) + 4);
            break;
        }
        if (otx__same_file(here, above)) { /* the root is its own parent */
            otx__path_free(ctx, above);
            break;
        }
        otx__path_free(ctx, here);
        here = above;
    }
    otx__path_free(ctx, here);
    *within = found;
    return result;
}

/* ---- listings ---- */

/* The names in a directory, sorted by their bytes, without "." and "..". */
typedef struct otx__listing {
    const otx_context *ctx;
    char **names;
    size_t count, capacity;
} otx__listing;

OTX__PRIVATE void otx__listing_close(otx__listing *listing)
{
    size_t i;
    for (i = 0; i < listing->count; i++) otx__path_free(listing->ctx, listing->names[i]);
    if (listing->capacity)
        otx__free(listing->ctx, listing->names, listing->capacity, sizeof *listing->names);
    memset(listing, 0, sizeof *listing);
}

OTX__PRIVATE int otx__compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

OTX__PRIVATE bool otx__listing_add(otx__listing *listing, const char *name)
{
    void *names = listing->names;
    char *copy;
    if (!otx__grow(listing->ctx, &names, &listing->capacity, listing->count + 1,
                   sizeof *listing->names))
        return false;
    listing->names = (char **)names;
    copy = otx__path_copy(listing->ctx, name, strlen(name));
    if (!copy) return false;
    listing->names[listing->count++] = copy;
    return true;
}

OTX__PRIVATE otx_result otx__listing_open(const otx_context *ctx, const char *path,
                                          otx__listing *out, otx_error *error)
{
    otx__sys_directory directory;
    otx_result result = OTX_OK;
    const char *name;
    memset(out, 0, sizeof *out);
    out->ctx = ctx;
    if (!otx__sys_directory_open(&directory, path))
        return otx__fail_system(error, path, "cannot list the directory", errno);
    while (!result && (name = otx__sys_directory_next(&directory)) != NULL) {
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if (!otx__listing_add(out, name)) result = otx__fail_memory(error, strlen(name) + 1);
    }
    if (!result && errno != 0)
        result = otx__fail_system(error, path, "cannot list the directory", errno);
    otx__sys_directory_close(&directory);
    if (result) otx__listing_close(out);
    else otx__sort(out->names, out->count, sizeof *out->names, otx__compare_names);
    return result;
}

OTX__PRIVATE bool otx__listing_has(const otx__listing *listing, const char *name)
{
    return listing->count > 0 && bsearch(&name, listing->names, listing->count,
                                         sizeof *listing->names, otx__compare_names) != NULL;
}

/* ---- sources ---- */

/* What an open source keeps. */
typedef struct otx__source_file {
    int file;
} otx__source_file;

OTX__PRIVATE bool otx__source_read(void *context, uint64_t offset, void *buffer, size_t size)
{
    const otx__source_file *source = (const otx__source_file *)context;
    char *to = (char *)buffer;
    while (size > 0) {
        ptrdiff_t got = otx__sys_read(source->file, offset, to, otx__min(size, OTX__CHUNK));
        if (got <= 0) return false;
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

/* Reports a read that failed, and why if that can still be seen. */
OTX__PRIVATE otx_result otx__fail_read(otx_error *error, const char *path,
                                       const otx_source *source, uint64_t offset, size_t size)
{
    char name[OTX__PATH_TEXT];
    otx__status status;
    otx__path_text(name, path);
    if (otx__sys_status(path, &status) && status.size < source->size)
        return otx__fail(error, OTX_ERROR_IO, "%s: has shrunk from %" PRIu64 " to %" PRIu64
                         " bytes while it was being read", name, source->size, status.size);
    return otx__fail(error, OTX_ERROR_IO, "%s: cannot read %" PRIu64 " bytes at offset %" PRIu64
                     " of %" PRIu64, name, (uint64_t)size, offset, source->size);
}

/* The status of a path that must be a regular file. */
OTX__PRIVATE otx_result otx__require_regular(const char *path, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__status status;
    if (!otx__sys_status(path, &status))
        return otx__fail_system(error, path, "cannot be opened", errno);
    if (status.regular) return OTX_OK;
    return otx__fail(error, OTX_ERROR_IO, "%s: is %s, not a regular file",
                     otx__path_text(name, path),
                     status.directory ? "a directory" : "a device or a pipe");
}

OTX_API otx_result otx_source_open(const otx_context *ctx, const char *path, otx_source *out,
                                   otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__source_file *source;
    otx__status status;
    otx_result result;
    memset(out, 0, sizeof *out);
    result = otx__require_regular(path, error);
    if (result) return result;
    source = (otx__source_file *)otx__alloc(ctx, 1, sizeof *source);
    if (!source) return otx__fail_memory(error, sizeof *source);
    memset(&status, 0, sizeof status);
    source->file = otx__sys_open(path);
    if (source->file < 0)
        result = otx__fail_system(error, path, "cannot be opened", errno);
    else if (!otx__sys_status_open(source->file, &status) || !status.regular)
        result = otx__fail(error, OTX_ERROR_IO, "%s: changed while it was being opened",
                           otx__path_text(name, path));
    if (result) {
        if (source->file >= 0) (void)otx__sys_close(source->file);
        otx__free(ctx, source, 1, sizeof *source);
        return result;
    }
    out->read = otx__source_read;
    out->context = source;
    out->size = status.size;
    return OTX_OK;
}

OTX_API void otx_source_close(const otx_context *ctx, otx_source *source)
{
    otx__source_file *file = (otx__source_file *)source->context;
    if (file) {
        (void)otx__sys_close(file->file);
        otx__free(ctx, file, 1, sizeof *file);
    }
    memset(source, 0, sizeof *source);
}

/* Reads a whole file of at most `limit` bytes. The text is NUL-terminated behind
   its `size` bytes; free it with otx__file_free. A file that does not exist is
   OTX_ERROR_NOT_FOUND. */
OTX__PRIVATE otx_result otx__file_read_all(const otx_context *ctx, const char *path,
                                           size_t limit, char **text, size_t *size,
                                           otx_error *error)
{
    char name[OTX__PATH_TEXT], *bytes = NULL;
    otx_source source;
    otx_result result = otx_source_open(ctx, path, &source, error);
    *text = NULL;
    *size = 0;
    if (result) return result;
    if (source.size > limit || source.size >= SIZE_MAX) {
        result = otx__fail(error, OTX_ERROR_LIMIT, "%s: has %" PRIu64 " bytes, more than the "
                           "limit of %" PRIu64, otx__path_text(name, path), source.size,
                           (uint64_t)limit);
        goto done;
    }
    bytes = (char *)otx__alloc(ctx, (size_t)source.size + 1, 1);
    if (!bytes) {
        result = otx__fail_memory(error, source.size + 1);
        goto done;
    }
    if (!source.read(source.context, 0, bytes, (size_t)source.size)) {
        result = otx__fail_read(error, path, &source, 0, (size_t)source.size);
        otx__free(ctx, bytes, (size_t)source.size + 1, 1);
        goto done;
    }
    bytes[source.size] = 0;
    *text = bytes;
    *size = (size_t)source.size;
done:
    otx_source_close(ctx, &source);
    return result;
}

/* Frees what otx__file_read_all gave; NULL is fine. */
OTX__PRIVATE void otx__file_free(const otx_context *ctx, char *text, size_t size)
{
    otx__free(ctx, text, size + 1, 1);
}

/* ---- sinks ---- */

/* Bytes gathered before they are written. */
#define OTX__FILE_BUFFER ((size_t)256 << 10)

/* A new file that is being written. `sink` points back at the struct, which must
   stay where it is. */
typedef struct otx__file {
    const otx_context *ctx;
    char *path;
    unsigned char *buffer;
    size_t used;
    int file;
    int failure; /* errno of the first write that failed, or 0 */
    otx_sink sink;
} otx__file;

OTX__PRIVATE void otx__file_put(otx__file *file, const unsigned char *bytes, size_t size)
{
    while (size > 0 && !file->failure) {
        ptrdiff_t done = otx__sys_write(file->file, bytes, otx__min(size, OTX__CHUNK));
        if (done <= 0) {
            file->failure = done < 0 && errno ? errno : EIO;
            return;
        }
        bytes += done;
        size -= (size_t)done;
    }
}

OTX__PRIVATE bool otx__file_write(void *context, const void *bytes, size_t size)
{
    otx__file *file = (otx__file *)context;
    if (size > OTX__FILE_BUFFER - file->used) {
        otx__file_put(file, file->buffer, file->used);
        file->used = 0;
        if (size >= OTX__FILE_BUFFER) {
            otx__file_put(file, (const unsigned char *)bytes, size);
            return !file->failure;
        }
    }
    if (size > 0) memcpy(file->buffer + file->used, bytes, size);
    file->used += size;
    return !file->failure;
}

OTX__PRIVATE void otx__file_free_parts(otx__file *file)
{
    otx__path_free(file->ctx, file->path);
    otx__free(file->ctx, file->buffer, OTX__FILE_BUFFER, 1);
    memset(file, 0, sizeof *file);
}

/* Creates a file that must not exist yet, with the usual permissions (0666 less
   the umask, whatever the file copied from had). Must be followed by
   otx__file_finish. */
OTX__PRIVATE otx_result otx__file_create(const otx_context *ctx, const char *path,
                                         otx__file *out, otx_error *error)
{
    memset(out, 0, sizeof *out);
    out->ctx = ctx;
    out->path = otx__path_copy(ctx, path, strlen(path));
    out->buffer = (unsigned char *)otx__alloc(ctx, OTX__FILE_BUFFER, 1);
    if (!out->path || !out->buffer) {
        otx__file_free_parts(out);
        return otx__fail_memory(error, OTX__FILE_BUFFER);
    }
    out->file = otx__sys_create(path);
    if (out->file < 0) {
        int number = errno;
        otx__file_free_parts(out);
        return otx__fail_system(error, path, "cannot be created", number);
    }
    out->sink.write = otx__file_write;
    out->sink.context = out;
    return OTX_OK;
}

/* Ends a file: writes what is buffered, waits until it is on the disk, closes.
   `result` is that of whatever wrote into the sink; if it is a failure, or
   writing fails here, the file is removed. A failure of the file itself takes the
   place of `result` and of its message, because it is the cause. */
OTX__PRIVATE otx_result otx__file_finish(otx__file *file, otx_result result, otx_error *error)
{
    if (!result) otx__file_put(file, file->buffer, file->used);
    if (!result && !file->failure && !otx__sys_sync(file->file)) file->failure = errno;
    if (!otx__sys_close(file->file) && !result && !file->failure) file->failure = errno;
    if (file->failure)
        result = otx__fail_system(error, file->path, "cannot be written", file->failure);
    if (result) (void)otx__sys_remove(file->path);
    otx__file_free_parts(file);
    return result;
}

/* ---- copies ---- */

/* How far a long run of copies has come; NULL where nobody asks. */
typedef struct otx__meter {
    otx_stage stage;
    const char *subject;
    uint64_t done, total;
} otx__meter;

OTX__PRIVATE otx_result otx__meter_add(const otx_context *ctx, otx__meter *meter,
                                       uint64_t bytes, otx_error *error)
{
    if (!meter) return OTX_OK;
    meter->done += bytes;
    return otx__progress(ctx, meter->stage, meter->subject, meter->done, meter->total, error);
}

/* Bytes moved at a time: few calls, and progress often enough. */
#define OTX__STREAM_BLOCK ((size_t)4 << 20)

/* Copies a range of a source into a sink. `path` names the source in errors. */
OTX__PRIVATE otx_result otx__stream(const otx_context *ctx, const otx_source *source,
                                    const char *path, uint64_t offset, uint64_t size,
                                    const otx_sink *sink, otx__meter *meter, otx_error *error)
{
    const size_t capacity = size < OTX__STREAM_BLOCK ? (size_t)size : OTX__STREAM_BLOCK;
    char name[OTX__PATH_TEXT], *block = (char *)otx__alloc(ctx, capacity, 1);
    otx_result result = OTX_OK;
    if (!block) return otx__fail_memory(error, capacity);
    while (size > 0 && !result) {
        size_t step = size < capacity ? (size_t)size : capacity;
        if (!source->read(source->context, offset, block, step))
            result = otx__fail_read(error, path, source, offset, step);
        else if (!sink->write(sink->context, block, step))
            result = otx__fail(error, OTX_ERROR_IO, "%s: its copy cannot be written",
                               otx__path_text(name, path));
        else result = otx__meter_add(ctx, meter, step, error);
        offset += step;
        size -= step;
    }
    otx__free(ctx, block, capacity, 1);
    return result;
}

/* Copies a file to a new one. */
OTX__PRIVATE otx_result otx__file_copy(const otx_context *ctx, const char *from, const char *to,
                                       otx__meter *meter, otx_error *error)
{
    otx_source source;
    otx__file file;
    otx_result result = otx_source_open(ctx, from, &source, error);
    if (result) return result;
    result = otx__file_create(ctx, to, &file, error);
    if (!result) {
        result = otx__stream(ctx, &source, from, 0, source.size, &file.sink, meter, error);
        result = otx__file_finish(&file, result, error);
    }
    otx_source_close(ctx, &source);
    return result;
}

/* Copies a directory and all it holds to a new one; files that links lead to
   become files. Call with OTX__TREE_DEPTH. */
OTX__PRIVATE otx_result otx__tree_copy(const otx_context *ctx, const char *from, const char *to,
                                       unsigned depth, otx__meter *meter, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__listing listing;
    otx_result result;
    size_t i;
    if (depth == 0)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: more than %d directories deep; does a "
                         "link lead in a circle?", otx__path_text(name, from), OTX__TREE_DEPTH);
    result = otx__listing_open(ctx, from, &listing, error);
    if (result) return result;
    if (!otx__sys_make_directory(to))
        result = otx__fail_system(error, to, "cannot be created", errno);
    for (i = 0; i < listing.count && !result; i++) {
        char *source = otx__path_join(ctx, from, listing.names[i]);
        char *target = otx__path_join(ctx, to, listing.names[i]);
        if (!source || !target) result = otx__fail_memory(error, strlen(from) + strlen(to));
        else if (otx__is_directory(source))
            result = otx__tree_copy(ctx, source, target, depth - 1, meter, error);
        else result = otx__file_copy(ctx, source, target, meter, error);
        otx__path_free(ctx, source);
        otx__path_free(ctx, target);
    }
    if (!result) otx__sys_sync_directory(to);
    otx__listing_close(&listing);
    return result;
}

/* Removes what stands at a path and all it holds; links are removed, not
   followed. Call with OTX__TREE_DEPTH. False if anything remains. */
OTX__PRIVATE bool otx__tree_remove(const otx_context *ctx, const char *path, unsigned depth)
{
    otx__listing listing;
    bool gone = true;
    size_t i;
    if (otx__sys_remove(path)) return true;
    if (errno != ENOTEMPTY || depth == 0) return false;
    if (otx__listing_open(ctx, path, &listing, NULL)) return false;
    for (i = 0; i < listing.count; i++) {
        char *child = otx__path_join(ctx, path, listing.names[i]);
        if (!child || !otx__tree_remove(ctx, child, depth - 1)) gone = false;
        otx__path_free(ctx, child);
    }
    otx__listing_close(&listing);
    return gone && otx__sys_remove(path);
}

/* ---- the output directory ---- */

#define OTX__PARTIAL ".otx-partial-"
#define OTX__OLD ".otx-old-"

/* Most leftovers beside one output before it is refused. */
#define OTX__LEFTOVERS 1000

/* A directory that is filled under a temporary name beside its final one. */
typedef struct otx__output {
    const otx_context *ctx;
    char *path;    /* the final name */
    char *partial; /* the directory to fill; NULL once it has its final name */
    bool overwrite;
} otx__output;

/* "PATH.otx-partial-7", for otx__path_free. */
OTX__PRIVATE char *otx__output_sibling(const otx__output *output, const char *suffix,
                                       unsigned number)
{
    size_t size = strlen(output->path) + strlen(suffix) + 12;
    char *path = (char *)otx__alloc(output->ctx, size, 1), *exact;
    if (!path) return NULL;
    (void)snprintf(path, size, "%s%s%u", output->path, suffix, number);
    exact = otx__path_copy(output->ctx, path, strlen(path));
    otx__free(output->ctx, path, size, 1);
    return exact;
}

/* Takes the name without separators at its end. */
OTX__PRIVATE otx_result otx__output_name(otx__output *output, const char *path,
                                         otx_error *error)
{
    char name[OTX__PATH_TEXT];
    size_t size = strlen(path), begin;
    while (size > 0 && OTX__SEPARATOR(path[size - 1])) size--;
    output->path = otx__path_copy(output->ctx, path, size);
    if (!output->path) return otx__fail_memory(error, size + 1);
    begin = otx__path_name(output->path);
    if (begin < size && strcmp(output->path + begin, ".") != 0 &&
        strcmp(output->path + begin, "..") != 0)
        return OTX_OK;
    return otx__fail(error, OTX_ERROR_ARGUMENT, "\"%s\": an output directory needs a name of "
                     "its own", otx__path_text(name, path));
}

/* Whether the final name is free, or may be replaced. A directory is replaced
   only if it looks like a model's, so that a typing error costs no one a home. */
OTX__PRIVATE otx_result otx__output_check(const otx__output *output, bool *exists,
                                          otx_error *error)
{
    char name[OTX__PATH_TEXT];
    otx__listing listing;
    otx__status status;
    otx_result result;
    bool model;
    otx__path_text(name, output->path);
    *exists = otx__sys_status(output->path, &status);
    if (!*exists && errno == ENOENT) return OTX_OK;
    if (!*exists) return otx__fail_system(error, output->path, "cannot be looked at", errno);
    if (!output->overwrite)
        return otx__fail(error, OTX_ERROR_EXISTS, "%s: exists already; pass --overwrite to "
                         "replace it", name);
    if (!status.directory)
        return otx__fail(error, OTX_ERROR_EXISTS, "%s: is not a directory and is not replaced",
                         name);
    result = otx__listing_open(output->ctx, output->path, &listing, error);
    if (result) return result;
    model = listing.count == 0 || (otx__listing_has(&listing, "config.json") &&
                                   (otx__listing_has(&listing, "model.safetensors") ||
                                    otx__listing_has(&listing, "model.safetensors.index.json")));
    otx__listing_close(&listing);
    if (model) return OTX_OK;
    return otx__fail(error, OTX_ERROR_EXISTS, "%s: does not look like a model (it has no "
                     "config.json with model.safetensors or its index) and is not replaced", name);
}

/* Warns if a name beside the final one, `base`, was left by an earlier run. */
OTX__PRIVATE void otx__output_leftover(const otx__output *output, const char *base,
                                       const char *sibling)
{
    size_t size = strlen(base);
    char name[OTX__PATH_TEXT];
    if (strncmp(sibling, base, size) != 0) return;
    (void)otx__quote(name, sizeof name, sibling, strlen(sibling));
    if (strncmp(sibling + size, OTX__PARTIAL, sizeof OTX__PARTIAL - 1) == 0)
        otx__log(output->ctx, OTX_WARNING, "beside the output stands \"%s\", left by an "
                 "interrupted run or in use by another: remove it once none is running", name);
    else if (strncmp(sibling + size, OTX__OLD, sizeof OTX__OLD - 1) == 0)
        otx__log(output->ctx, OTX_WARNING, "beside the output stands \"%s\", a former output "
                 "left by a run interrupted while replacing it: rename it back or remove it",
                 name);
}

/* Looks at what stands beside the final name: tells of leftovers, and refuses a
   dangling link, which could not be replaced in the end. */
OTX__PRIVATE otx_result otx__output_siblings(const otx__output *output, bool exists,
                                             otx_error *error)
{
    const char *base = output->path + otx__path_name(output->path);
    char name[OTX__PATH_TEXT], *parent = otx__path_parent(output->ctx, output->path);
    otx__listing listing;
    otx_result result;
    size_t i;
    if (!parent) return otx__fail_memory(error, strlen(output->path) + 1);
    result = otx__listing_open(output->ctx, parent, &listing, error);
    otx__path_free(output->ctx, parent);
    if (result) return result;
    if (!exists && otx__listing_has(&listing, base))
        result = otx__fail(error, OTX_ERROR_EXISTS, "%s: is a link that leads nowhere",
                           otx__path_text(name, output->path));
    for (i = 0; i < listing.count && !result; i++)
        otx__output_leftover(output, base, listing.names[i]);
    otx__listing_close(&listing);
    return result;
}

OTX__PRIVATE otx_result otx__fail_leftovers(const otx__output *output, otx_error *error)
{
    char name[OTX__PATH_TEXT];
    return otx__fail(error, OTX_ERROR_EXISTS, "%s: more than %d leftovers of interrupted runs "
                     "stand beside it", otx__path_text(name, output->path), OTX__LEFTOVERS);
}

OTX__PRIVATE otx_result otx__output_make(otx__output *output, otx_error *error)
{
    unsigned number;
    for (number = 1; number <= OTX__LEFTOVERS; number++) {
        char *path = otx__output_sibling(output, OTX__PARTIAL, number);
        int failure;
        if (!path) return otx__fail_memory(error, strlen(output->path) + 32);
        if (otx__sys_make_directory(path)) {
            output->partial = path;
            return OTX_OK;
        }
        failure = errno;
        if (failure != EEXIST) {
            otx_result result = otx__fail_system(error, path, "cannot be created", failure);
            otx__path_free(output->ctx, path);
            return result;
        }
        otx__path_free(output->ctx, path);
    }
    return otx__fail_leftovers(output, error);
}

/* Ends an output. What has not been committed is removed. */
OTX__PRIVATE void otx__output_abandon(otx__output *output)
{
    char name[OTX__PATH_TEXT];
    if (output->partial && !otx__tree_remove(output->ctx, output->partial, OTX__TREE_DEPTH))
        otx__log(output->ctx, OTX_WARNING, "%s: could not be removed",
                 otx__path_text(name, output->partial));
    otx__path_free(output->ctx, output->partial);
    otx__path_free(output->ctx, output->path);
    memset(output, 0, sizeof *output);
}

/* Makes a temporary directory, output->partial, beside `path`, after checking
   that `path` will be free (or, with overwrite, replaceable) in the end. Must be
   followed by otx__output_abandon, after otx__output_commit if all went well. */
OTX__PRIVATE otx_result otx__output_begin(const otx_context *ctx, const char *path,
                                          bool overwrite, otx__output *output, otx_error *error)
{
    bool exists = false;
    otx_result result;
    memset(output, 0, sizeof *output);
    output->ctx = ctx;
    output->overwrite = overwrite;
    result = otx__output_name(output, path, error);
    if (!result) result = otx__output_check(output, &exists, error);
    if (!result) result = otx__output_siblings(output, exists, error);
    if (!result) result = otx__output_make(output, error);
    if (result) otx__output_abandon(output);
    return result;
}

/* Renames what stands under the final name; `*old` is its new name. */
OTX__PRIVATE otx_result otx__output_set_aside(const otx__output *output, char **old,
                                              otx_error *error)
{
    otx_result result;
    unsigned number;
    for (number = 1; number <= OTX__LEFTOVERS; number++) {
        char *path = otx__output_sibling(output, OTX__OLD, number);
        if (!path) return otx__fail_memory(error, strlen(output->path) + 32);
        if (!otx__file_exists(path)) {
            if (otx__sys_rename(output->path, path)) {
                *old = path;
                return OTX_OK;
            }
            result = otx__fail_system(error, output->path, "cannot be renamed to make room",
                                      errno);
            otx__path_free(output->ctx, path);
            return result;
        }
        otx__path_free(output->ctx, path);
    }
    return otx__fail_leftovers(output, error);
}

/* Gives the directory its final name. What stood there is renamed first and
   removed last, so that at every moment one of the two is whole. The files
   within must have been finished. */
OTX__PRIVATE otx_result otx__output_commit(otx__output *output, otx_error *error)
{
    char name[OTX__PATH_TEXT], *old = NULL, *parent;
    bool exists;
    otx_result result = otx__output_check(output, &exists, error);
    if (result) return result;
    parent = otx__path_parent(output->ctx, output->path);
    if (!parent) return otx__fail_memory(error, strlen(output->path) + 1);
    otx__sys_sync_directory(output->partial);
    if (exists) result = otx__output_set_aside(output, &old, error);
    if (!result && !otx__sys_rename(output->partial, output->path)) {
        result = otx__fail_system(error, output->path, "cannot be given its final name", errno);
        if (old && !otx__sys_rename(old, output->path))
            otx__log(output->ctx, OTX_WARNING, "%s: the former output is here now",
                     otx__path_text(name, old));
    } else if (!result) {
        otx__path_free(output->ctx, output->partial);
        output->partial = NULL;
        otx__sys_sync_directory(parent);
        if (old && !otx__tree_remove(output->ctx, old, OTX__TREE_DEPTH))
            otx__log(output->ctx, OTX_WARNING, "%s: the former output could not be removed",
                     otx__path_text(name, old));
    }
    otx__path_free(output->ctx, old);
    otx__path_free(output->ctx, parent);
    return result;
}
