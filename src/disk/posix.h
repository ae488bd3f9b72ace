/* ---- posix: the system as POSIX gives it ----------------------------------- */

#ifndef _WIN32

#include <dirent.h>
#include <unistd.h>

#define OTX__SEPARATOR(c) ((c) == '/')

/* Bytes at the start of a path that name the root it counts from. */
OTX__PRIVATE size_t otx__sys_root(const char *path) { return path[0] == '/' ? 1 : 0; }

OTX__PRIVATE bool otx__sys_is_no_name(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* What some systems or some feature-test macros do not offer. */
#ifdef O_CLOEXEC
#define OTX__O_CLOEXEC O_CLOEXEC
#else
#define OTX__O_CLOEXEC 0
#endif

/* glibc hides pread and readlink under strict -std=c99, and other system headers may
   have settled that before this file is reached; so they are declared under names of
   our own. The 64-bit form exists whatever the size of off_t. */
#ifdef __GLIBC__
#ifdef __cplusplus
extern "C" {
#endif
ssize_t otx__sys_pread(int file, void *to, size_t size, int64_t offset) __asm__("pread64");
ssize_t otx__sys_readlink(const char *path, char *to, size_t size) __asm__("readlink");
#ifdef __cplusplus
}
#endif
#else
#define otx__sys_pread(file, to, size, offset) pread(file, to, size, (off_t)(offset))
#define otx__sys_readlink(path, to, size) readlink(path, to, size)
#endif

/* The nanoseconds of a file's time: a macro st_mtime leads into a struct that has
   them too; without one they stand beside it, or nowhere. */
#if defined(__APPLE__) && defined(st_mtime)
#define OTX__NANOSECONDS(status) ((status)->st_mtimespec.tv_nsec)
#elif defined(st_mtime)
#define OTX__NANOSECONDS(status) ((status)->st_mtim.tv_nsec)
#elif defined(__GLIBC__) || defined(__APPLE__)
#define OTX__NANOSECONDS(status) ((status)->st_mtimensec)
#else
#define OTX__NANOSECONDS(status) 0
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

/* The system call by a name of our own: strict C modes hide its declaration. */
#if defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__)
#define OTX__PUSH_BY_RANGE
extern int otx__sys_sync_range(int file, int64_t offset, int64_t bytes,
                               unsigned flags) __asm__("sync_file_range");
#endif

/* The same. glibc has it from 2.27 on; older kernels and some file systems refuse, and then
   bytes are read and written. File systems that can (btrfs, XFS, NFS) move none at all. */
#if defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__)
#if __GLIBC_PREREQ(2, 27)
#define OTX__COPY_BY_SYSTEM
extern ssize_t otx__sys_copy_range(int from, int64_t *offset, int to, int64_t *at, size_t size,
                                   unsigned flags) __asm__("copy_file_range");

OTX__PRIVATE ptrdiff_t otx__sys_copy(int from, uint64_t offset, int to, size_t size)
{
    int64_t at = (int64_t)offset;
    ptrdiff_t done;
    do done = (ptrdiff_t)otx__sys_copy_range(from, &at, to, NULL, size, 0);
    while (done < 0 && errno == EINTR);
    return done;
}
#endif
#endif

/* EINVAL and ENOTSUP: a file system that cannot, such as some FUSE ones. */
OTX__PRIVATE bool otx__sys_sync(int file)
{
    int result;
    do result = fsync(file);
    while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOTSUP;
}

/* Starts writing the bytes from `first` to `end` of a file to the disk, and waits for
   those before, so that the disk is never far behind. EINVAL and the like: a file
   system that cannot. Without the system call it waits for all. */
OTX__PRIVATE bool otx__sys_push(int file, uint64_t first, uint64_t end)
{
#ifdef OTX__PUSH_BY_RANGE
    const unsigned start = 2, finish = 7; /* SYNC_FILE_RANGE_... */
    int result = otx__sys_sync_range(file, (int64_t)first, (int64_t)(end - first), start);
    if (result == 0 && first > 0) result = otx__sys_sync_range(file, 0, (int64_t)first, finish);
    return result == 0 || errno == EINVAL || errno == ENOTSUP || errno == ENOSYS ||
           errno == ESPIPE;
#else
    (void)first;
    (void)end;
    return otx__sys_sync(file);
#endif
}

OTX__PRIVATE bool otx__sys_sync_directory(const char *path)
{
    int file = otx__sys_open(path), number = 0;
    if (file < 0) return false;
    if (!otx__sys_sync(file)) number = errno;
    (void)otx__sys_close(file);
    errno = number;
    return number == 0;
}

OTX__PRIVATE void otx__sys_status_of(otx__status *to, const struct stat *from)
{
    to->present = true;
    to->regular = S_ISREG(from->st_mode);
    to->directory = S_ISDIR(from->st_mode);
    to->size = from->st_size > 0 ? (uint64_t)from->st_size : 0;
    to->modified = (uint64_t)from->st_mtime * 1000000000u + (uint64_t)OTX__NANOSECONDS(from);
    to->volume = (uint64_t)from->st_dev;
    to->number = (uint64_t)from->st_ino;
}

/* Where the link leads to does not matter. Some systems refuse to give a part of it. */
OTX__PRIVATE bool otx__sys_is_link(const char *path)
{
    char target[256];
    return otx__sys_readlink(path, target, sizeof target) >= 0 || errno == ERANGE
#ifdef ENOBUFS
           || errno == ENOBUFS
#endif
        ;
}

OTX__PRIVATE bool otx__sys_status(const char *path, otx__status *status)
{
    struct stat raw;
    int number;
    memset(status, 0, sizeof *status);
    if (stat(path, &raw) == 0) {
        otx__sys_status_of(status, &raw);
        return true;
    }
    number = errno;
    if (number != ENOENT && number != ENOTDIR) return false;
    if (!otx__sys_is_link(path)) return true;
    errno = ENOENT;
    return false;
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

/* rename() itself replaces an empty directory and no other. */
OTX__PRIVATE bool otx__sys_replace_empty(const char *from, const char *to)
{
#ifndef __wasi__
    struct stat raw;
    if (stat(to, &raw) == 0 && S_ISDIR(raw.st_mode)) (void)chmod(from, raw.st_mode & 07777);
#endif
    return rename(from, to) == 0;
}

/* remove() follows no link, and unlike lstat() no header hides it. */
OTX__PRIVATE bool otx__sys_remove(const char *path)
{
    if (remove(path) == 0) return true;
    if (errno == EEXIST) errno = ENOTEMPTY;
    return false;
}

/* A file needs no leave of its own to be removed. WASI knows no modes. */
OTX__PRIVATE bool otx__sys_unlock(const char *path)
{
#ifdef __wasi__
    (void)path;
    return false;
#else
    struct stat raw;
    if (otx__sys_is_link(path) || stat(path, &raw) != 0 || !S_ISDIR(raw.st_mode)) return false;
    return (raw.st_mode & 0700) != 0700 && chmod(path, 0700) == 0;
#endif
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

#endif /* !_WIN32 */
