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
   drive's current directory), "C:\", "\\server\share\", and those behind "\\?\". */
OTX__PRIVATE size_t otx__sys_root(const char *path)
{
    const bool twice = OTX__SEPARATOR(path[0]) && OTX__SEPARATOR(path[1]);
    bool share = twice;
    size_t size = 0;
    if (twice && (path[2] == '?' || path[2] == '.') && OTX__SEPARATOR(path[3])) {
        size = 4;
        share = (path[4] == 'U' || path[4] == 'u') && (path[5] == 'N' || path[5] == 'n') &&
                (path[6] == 'C' || path[6] == 'c') && OTX__SEPARATOR(path[7]);
        if (share) size = 8;
    } else if (share) {
        size = 2;
    }
    if (share) {
        size += otx__sys_root_name(path + size);
        return size + otx__sys_root_name(path + size);
    }
    if (path[size] && path[size + 1] == ':') size += 2;
    return size + (OTX__SEPARATOR(path[size]) ? 1 : 0);
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

/* A path without its \\?\ where a drive's root or a share follows: behind that the system
   lets ".." take away the root, too, and \\?\C:\.. is \\?\, which is no directory. In
   \\?\UNC\server the C is written over. */
OTX__PRIVATE wchar_t *otx__sys_plain(wchar_t *path)
{
    static const wchar_t marked[] = L"\\\\?\\";
    if (wcsncmp(path, marked, 4) != 0) return path;
    if (path[4] && path[5] == L':' && path[6] == L'\\') return path + 4;
    if (towlower(path[4]) != L'u' || towlower(path[5]) != L'n' || towlower(path[6]) != L'c' ||
        path[7] != L'\\')
        return path;
    path[6] = L'\\';
    return path + 6;
}

/* A path as the system takes it: whole, in UTF-16, without separators at its end, which
   some calls refuse, and where it is long as \\?\C:\... or \\?\UNC\server\..., which
   alone may have more than 260 units. */
OTX__PRIVATE bool otx__sys_wide(wchar_t to[OTX__WIDE], const char *path)
{
    static const wchar_t local[] = L"\\\\?\\", remote[] = L"\\\\?\\UNC";
    const unsigned long room = OTX__WIDE - 8;
    wchar_t given[OTX__WIDE], *full = to + 8;
    unsigned long count;
    size_t prefix = 0;
    if (!otx__sys_utf16(given, path)) return false;
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
