/* ---- windows: the system as Windows gives it ------------------------------- */

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

OTX__PRIVATE bool otx__sys_push(int file, uint64_t first, uint64_t end)
{
    (void)first;
    (void)end;
    return otx__sys_sync(file);
}

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
    if (strerror_s(to, capacity, number) != 0) otx__format(to, capacity, "error %d", number);
}
#endif /* _WIN32 */
