/* ---- windows_paths: paths as Windows takes them ---------------------------- */

#ifdef _WIN32

#include <wchar.h>
#include <wctype.h>

#define OTX__SEPARATOR(c) ((c) == '/' || (c) == '\\')

/* Room for a path in UTF-16 units, its terminator included; and from how many on it
   is given to the system as \\?\PATH: 260 are too many for any call, and some want
   room for a name of the old kind. */
#define OTX__WIDE 4096
#define OTX__WIDE_LONG 240

/* As windows.h declares it, without windows.h. */
#ifdef __cplusplus
extern "C"
#endif
__declspec(dllimport) unsigned long __stdcall GetFullPathNameW(const wchar_t *path,
                                                               unsigned long size, wchar_t *to,
                                                               wchar_t **name);

/* Bytes of a name, and of the separator behind it. */
OTX__PRIVATE size_t otx__sys_root_name(const char *path)
{
    size_t size = 0;
    while (path[size] && !OTX__SEPARATOR(path[size])) size++;
    return size + (path[size] != 0);
}

/* Bytes at the start of a path that name the root it counts from: "\", "C:" (from the
   drive's current directory), "C:\", "\\server\share\", and behind "\\?\" and "\\.\" a
   share, which begins there with "UNC\", or the first name: "C:\", "Volume{...}\". */
OTX__PRIVATE size_t otx__sys_root(const char *path)
{
    bool share = OTX__SEPARATOR(path[0]) && OTX__SEPARATOR(path[1]);
    size_t size = share ? 2 : 0;
    if (share && (path[2] == '?' || path[2] == '.') && OTX__SEPARATOR(path[3])) {
        share = (path[4] == 'U' || path[4] == 'u') && (path[5] == 'N' || path[5] == 'n') &&
                (path[6] == 'C' || path[6] == 'c') && OTX__SEPARATOR(path[7]);
        size = share ? 8 : 4;
    }
    if (size > 0) {
        size += otx__sys_root_name(path + size);
        return share ? size + otx__sys_root_name(path + size) : size;
    }
    if (path[0] && path[1] == ':') size = 2;
    return size + (OTX__SEPARATOR(path[size]) ? 1 : 0);
}

/* Whether a name is none: "." and "..", and others of dots and spaces alone, which the
   system takes away. */
OTX__PRIVATE bool otx__sys_is_no_name(const char *name)
{
    return name[strspn(name, ". ")] == 0;
}

/* UTF-8 to UTF-16, with Windows' own separators. */
OTX__PRIVATE bool otx__sys_utf16(wchar_t to[OTX__WIDE], const char *path)
{
    const unsigned char *bytes = (const unsigned char *)path;
    size_t size = strlen(path), i = 0, count = 0;
    while (i < size) {
        size_t length = otx__utf8_length(bytes + i, size - i);
        uint32_t code;
        if (length == 0 || count + 3 > OTX__WIDE) {
            errno = length == 0 ? EILSEQ : ENAMETOOLONG;
            return false;
        }
        code = otx__utf8_code(bytes + i, length);
        if (code >= 0x10000) {
            to[count++] = (wchar_t)(0xd7c0 + (code >> 10));
            to[count++] = (wchar_t)(0xdc00 + (code & 0x3ff));
        } else {
            to[count++] = (wchar_t)(code == '/' ? '\\' : code);
        }
        i += length;
    }
    to[count] = 0;
    return true;
}

/* Whether "UNC\" begins here, which behind \\?\ and \\.\ is a share. */
OTX__PRIVATE bool otx__sys_is_share(const wchar_t *name)
{
    return towlower(name[0]) == L'u' && towlower(name[1]) == L'n' &&
           towlower(name[2]) == L'c' && name[3] == L'\\';
}

/* A path without its \\.\ where a drive's root or a share follows, which makes no other
   difference than that behind it ".." takes away the root, too. In \\.\UNC\server the C is
   written over. */
OTX__PRIVATE wchar_t *otx__sys_plain(wchar_t *path)
{
    if (wcsncmp(path, L"\\\\.\\", 4) != 0) return path;
    if (path[4] && path[5] == L':' && path[6] == L'\\') return path + 4;
    if (!otx__sys_is_share(path + 4)) return path;
    path[6] = L'\\';
    return path + 6;
}

/* Units in UTF-16 of the first bytes of a path. */
OTX__PRIVATE size_t otx__sys_units(const char *path, size_t size)
{
    size_t units = 0, i;
    for (i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)path[i];
        units += (byte & 0xc0) != 0x80 ? (byte >= 0xf0 ? 2 : 1) : 0;
    }
    return units;
}

/* Resolves "." and ".." behind the root of \\?\PATH, as far up as to the root, and takes
   separators without a name between or behind them away: the system does so for all paths
   but these. Names stay as they are, also with dots and spaces at their ends, which is what
   the mark is for. */
OTX__PRIVATE void otx__sys_resolve(wchar_t *path, size_t root)
{
    size_t from = root, size = root;
    while (path[from]) {
        const wchar_t *name = path + from;
        const size_t length = wcscspn(name, L"\\");
        const bool more = name[length] != 0;
        if (length == 2 && name[0] == L'.' && name[1] == L'.') {
            while (size > root && path[--size] != L'\\') continue;
        } else if (length > 0 && !(length == 1 && name[0] == L'.')) {
            if (size > root) path[size++] = L'\\';
            memmove(path + size, name, length * sizeof *path);
            size += length;
        }
        from += length + more;
    }
    path[size] = 0;
}

/* A path as the system takes it: whole, in UTF-16, without separators at its end, which
   some calls refuse, and where it is long as \\?\C:\... or \\?\UNC\server\..., which
   alone may have more than 260 units. One that is given so stays so. */
OTX__PRIVATE bool otx__sys_wide(wchar_t to[OTX__WIDE], const char *path)
{
    static const wchar_t local[] = L"\\\\?\\", remote[] = L"\\\\?\\UNC";
    const unsigned long room = OTX__WIDE - 8;
    wchar_t given[OTX__WIDE], *full = to + 8;
    unsigned long count;
    size_t prefix = 0;
    if (!otx__sys_utf16(given, path)) return false;
    if (wcsncmp(given, local, 4) == 0) {
        otx__sys_resolve(given, otx__sys_units(path, otx__sys_root(path)));
        wcscpy(to, given);
        return true;
    }
    count = given[0] ? GetFullPathNameW(otx__sys_plain(given), room, full, NULL) : 0;
    if (count == 0 || count >= room) {
        errno = count ? ENAMETOOLONG : ENOENT;
        return false;
    }
    while (count > 1 && full[count - 1] == L'\\' && full[count - 2] != L':') count--;
    full[count] = 0;
    if (count >= OTX__WIDE_LONG && full[1] == L':') {
        prefix = 4;
        memcpy(to, local, prefix * sizeof *to);
    } else if (count >= OTX__WIDE_LONG && full[2] != L'?' && full[2] != L'.') {
        prefix = 7;
        memcpy(to, remote, prefix * sizeof *to);
        full++, count--; /* one of the two separators */
    }
    memmove(to + prefix, full, (count + 1) * sizeof *to);
    return true;
}

/* Whether a path as the system takes it is a device's, "\\.\NAME". */
OTX__PRIVATE bool otx__sys_is_device(const wchar_t *wide)
{
    return wcsncmp(wide, L"\\\\.\\", 4) == 0 && !wcschr(wide + 4, L'\\');
}

/* For a file system without numbers for its files: the path's own, without regard to case,
   and the same in each of its forms (FNV-1a). */
OTX__PRIVATE uint64_t otx__sys_path_number(const wchar_t *wide)
{
    uint64_t hash = 14695981039346656037u;
    if (wcsncmp(wide, L"\\\\?\\", 4) == 0) wide += otx__sys_is_share(wide + 4) ? 7 : 4;
    else if (wide[0] == L'\\' && wide[1] == L'\\') wide++;
    for (; *wide; wide++) hash = (hash ^ (uint64_t)towlower(*wide)) * 1099511628211u;
    return hash;
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
        to += otx__utf8_put(to, code);
    }
    *to = 0;
}

#endif /* _WIN32 */
