/* ---- windows: the system as Windows gives it ------------------------------- */

#ifdef _WIN32

#include <direct.h>
#include <io.h>
#include <share.h>

/* As windows.h declares them, without windows.h. */
struct _OVERLAPPED;
struct _SECURITY_ATTRIBUTES;
struct _BY_HANDLE_FILE_INFORMATION;
struct _WIN32_FIND_DATAW;
#ifdef __cplusplus
extern "C" {
#endif
__declspec(dllimport) int __stdcall ReadFile(void *file, void *buffer, unsigned long size,
                                             unsigned long *got, struct _OVERLAPPED *at);
__declspec(dllimport) void *__stdcall CreateFileW(const wchar_t *path, unsigned long access,
                                                  unsigned long share,
                                                  struct _SECURITY_ATTRIBUTES *security,
                                                  unsigned long creation, unsigned long flags,
                                                  void *pattern);
__declspec(dllimport) int __stdcall CloseHandle(void *file);
__declspec(dllimport) unsigned long __stdcall GetFileType(void *file);
__declspec(dllimport) unsigned long __stdcall GetFileAttributesW(const wchar_t *path);
__declspec(dllimport) int __stdcall GetFileInformationByHandle(
    void *file, struct _BY_HANDLE_FILE_INFORMATION *to);
__declspec(dllimport) void *__stdcall FindFirstFileW(const wchar_t *path,
                                                     struct _WIN32_FIND_DATAW *to);
__declspec(dllimport) int __stdcall FindNextFileW(void *search, struct _WIN32_FIND_DATAW *to);
__declspec(dllimport) int __stdcall FindClose(void *search);
__declspec(dllimport) unsigned long __stdcall GetLastError(void);
#ifdef __cplusplus
}
#endif

/* The layouts of an OVERLAPPED, a BY_HANDLE_FILE_INFORMATION and a WIN32_FIND_DATAW. */
typedef struct otx__overlapped {
    uintptr_t internal, internal_high;
    unsigned long offset, offset_high;
    void *event;
} otx__overlapped;

typedef struct otx__file_information {
    unsigned long attributes, created[2], accessed[2], modified_low, modified_high, volume,
        size_high, size_low, links, number_high, number_low;
} otx__file_information;

typedef struct otx__file_found {
    unsigned long attributes, times[6], size_high, size_low, tag, reserved;
    wchar_t name[260], short_name[14];
} otx__file_found;

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
OTX__PRIVATE bool otx__sys_sync_directory(const char *path)
{
    (void)path;
    return true;
}

/* ---- what stands at a path ---- */

/* A failure of CreateFileW as a value of errno. What cannot be a name names nothing. */
OTX__PRIVATE int otx__sys_number(unsigned long failure)
{
    static const struct { unsigned long failure; int number; } table[] = {
        {2, ENOENT},  /* ERROR_FILE_NOT_FOUND */
        {3, ENOENT},  /* ERROR_PATH_NOT_FOUND */
        {4, EMFILE},  /* ERROR_TOO_MANY_OPEN_FILES */
        {5, EACCES},  /* ERROR_ACCESS_DENIED */
        {8, ENOMEM},  /* ERROR_NOT_ENOUGH_MEMORY */
        {32, EACCES}, /* ERROR_SHARING_VIOLATION */
        {123, ENOENT}, /* ERROR_INVALID_NAME */
        {161, ENOENT}, /* ERROR_BAD_PATHNAME */
        {206, ENAMETOOLONG}, /* ERROR_FILENAME_EXCED_RANGE */
        {267, ENOENT},  /* ERROR_DIRECTORY: a file stands where a directory should */
        {1921, ELOOP},  /* ERROR_CANT_RESOLVE_FILENAME: links in a circle */
    };
    size_t i;
    for (i = 0; i < OTX__COUNT(table); i++)
        if (table[i].failure == failure) return table[i].number;
    return EIO;
}

OTX__PRIVATE bool otx__sys_status_of(otx__status *to, void *file)
{
    const unsigned long disk = 1, directory = 0x10; /* FILE_TYPE_, FILE_ATTRIBUTE_... */
    otx__file_information raw;
    memset(&raw, 0, sizeof raw);
    to->present = true;
    if (GetFileType(file) != disk) return true;
    if (!GetFileInformationByHandle(file, (struct _BY_HANDLE_FILE_INFORMATION *)&raw)) {
        errno = otx__sys_number(GetLastError());
        return false;
    }
    to->directory = (raw.attributes & directory) != 0;
    to->regular = !to->directory;
    to->size = to->regular ? (uint64_t)raw.size_high << 32 | raw.size_low : 0;
    to->modified = (uint64_t)raw.modified_high << 32 | raw.modified_low;
    to->volume = raw.volume;
    to->number = (uint64_t)raw.number_high << 32 | raw.number_low;
    return true;
}

/* A device is one also where none of the name is there. */
OTX__PRIVATE bool otx__sys_status(const char *path, otx__status *status)
{
    /* FILE_READ_ATTRIBUTES, FILE_SHARE_..., OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS */
    const unsigned long look = 0x80, all = 7, existing = 3, directories_too = 0x02000000;
    wchar_t wide[OTX__WIDE];
    void *file;
    bool seen;
    memset(status, 0, sizeof *status);
    if (!otx__sys_wide(wide, path)) return errno == ENOENT;
    file = CreateFileW(wide, look, all, NULL, existing, directories_too, NULL);
    if ((intptr_t)file == -1) {
        status->present = otx__sys_is_device(wide);
        if (status->present) return true;
        errno = otx__sys_number(GetLastError());
        return errno == ENOENT && GetFileAttributesW(wide) == 0xffffffffu;
    }
    seen = otx__sys_status_of(status, file);
    if (seen && status->number == 0) status->number = otx__sys_path_number(wide);
    (void)CloseHandle(file);
    return seen;
}

OTX__PRIVATE bool otx__sys_status_open(int file, otx__status *status)
{
    memset(status, 0, sizeof *status);
    return otx__sys_status_of(status, (void *)_get_osfhandle(file));
}

/* Symbolic links and junctions. Other reparse points are files kept in a cloud and the
   like, which are read as any. */
OTX__PRIVATE bool otx__sys_is_link(const char *path)
{
    const unsigned long reparse_point = 0x400; /* FILE_ATTRIBUTE_... */
    const unsigned long link = 0xa000000cu, junction = 0xa0000003u; /* IO_REPARSE_TAG_... */
    otx__file_found found;
    wchar_t wide[OTX__WIDE];
    void *search;
    if (!otx__sys_wide(wide, path)) return false;
    search = FindFirstFileW(wide, (struct _WIN32_FIND_DATAW *)&found);
    if ((intptr_t)search == -1) return false;
    (void)FindClose(search);
    return (found.attributes & reparse_point) && (found.tag == link || found.tag == junction);
}

/* ---- names ---- */

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

/* Removing a directory fails if it is not empty, and renaming onto anything does. */
OTX__PRIVATE bool otx__sys_replace_empty(const char *from, const char *to)
{
    wchar_t wide[OTX__WIDE];
    int number;
    if (!otx__sys_wide(wide, to) || _wrmdir(wide) != 0) return false;
    if (otx__sys_rename(from, to)) return true;
    number = errno;
    (void)_wmkdir(wide);
    errno = number;
    return false;
}

OTX__PRIVATE bool otx__sys_remove(const char *path)
{
    wchar_t wide[OTX__WIDE];
    return otx__sys_wide(wide, path) && (_wunlink(wide) == 0 || _wrmdir(wide) == 0);
}

/* What is marked as read-only cannot be removed. */
OTX__PRIVATE bool otx__sys_unlock(const char *path)
{
    const unsigned long read_only = 1; /* FILE_ATTRIBUTE_... */
    wchar_t wide[OTX__WIDE];
    unsigned long attributes;
    if (!otx__sys_wide(wide, path)) return false;
    attributes = GetFileAttributesW(wide);
    if (attributes == 0xffffffffu || !(attributes & read_only)) return false;
    return _wchmod(wide, _S_IREAD | _S_IWRITE) == 0;
}

typedef struct otx__sys_directory {
    void *search; /* NULL: nothing was found */
    otx__file_found found;
    bool pending; /* `found` has not been handed out yet */
    char name[3 * 260 + 1];
} otx__sys_directory;

/* In the root of an empty drive not even "." is found. */
OTX__PRIVATE bool otx__sys_directory_open(otx__sys_directory *directory, const char *path)
{
    wchar_t wide[OTX__WIDE];
    otx__status status;
    size_t length;
    memset(directory, 0, sizeof *directory);
    if (!otx__sys_status(path, &status) || !otx__sys_wide(wide, path)) return false;
    if (!status.directory) {
        errno = status.present ? ENOTDIR : ENOENT;
        return false;
    }
    length = wcslen(wide);
    if (length + 3 > OTX__WIDE) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (wide[length - 1] != L'\\') wide[length++] = L'\\';
    wide[length] = L'*';
    wide[length + 1] = 0;
    directory->search = FindFirstFileW(wide, (struct _WIN32_FIND_DATAW *)&directory->found);
    directory->pending = (intptr_t)directory->search != -1;
    if (directory->pending) return true;
    directory->search = NULL;
    errno = otx__sys_number(GetLastError());
    return errno == ENOENT;
}

/* The next name, NULL at the end or, with errno set, on failure. */
OTX__PRIVATE const char *otx__sys_directory_next(otx__sys_directory *directory)
{
    const unsigned long no_more_files = 18; /* ERROR_... */
    struct _WIN32_FIND_DATAW *found = (struct _WIN32_FIND_DATAW *)&directory->found;
    errno = 0;
    if (!directory->search) return NULL;
    if (!directory->pending && !FindNextFileW(directory->search, found)) {
        const unsigned long failure = GetLastError();
        if (failure != no_more_files) errno = otx__sys_number(failure);
        return NULL;
    }
    directory->pending = false;
    otx__sys_narrow(directory->name, directory->found.name);
    return directory->name;
}

OTX__PRIVATE void otx__sys_directory_close(otx__sys_directory *directory)
{
    if (directory->search) (void)FindClose(directory->search);
}

#endif /* _WIN32 */
