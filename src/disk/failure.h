/* ---- failure: why the system refused ----------------------------------------- */

/* strerror may use one buffer for all threads, strerror_r has two shapes, and both may
   be hidden: so this file says itself what the values that files can meet mean. */
typedef struct otx__reason {
    int number;
    const char *text;
} otx__reason;

static const otx__reason otx__reasons[] = {
    {EACCES, "Permission denied"},
    {EAGAIN, "Resource temporarily unavailable"},
    {EBADF, "Bad file descriptor"},
    {EBUSY, "Device or resource busy"},
    {EEXIST, "File exists"},
    {EFBIG, "File too large"},
    {EILSEQ, "Invalid or incomplete multibyte or wide character"},
    {EINTR, "Interrupted system call"},
    {EINVAL, "Invalid argument"},
    {EIO, "Input/output error"},
    {EISDIR, "Is a directory"},
    {EMFILE, "Too many open files"},
    {EMLINK, "Too many links"},
    {ENAMETOOLONG, "File name too long"},
    {ENFILE, "Too many open files in system"},
    {ENODEV, "No such device"},
    {ENOENT, "No such file or directory"},
    {ENOMEM, "Cannot allocate memory"},
    {ENOSPC, "No space left on device"},
    {ENOSYS, "Function not implemented"},
    {ENOTDIR, "Not a directory"},
    {ENOTEMPTY, "Directory not empty"},
    {ENXIO, "No such device or address"},
    {EPERM, "Operation not permitted"},
    {EPIPE, "Broken pipe"},
    {EROFS, "Read-only file system"},
    {EXDEV, "Invalid cross-device link"},
/* Not everywhere. */
#ifdef EDQUOT
    {EDQUOT, "Disk quota exceeded"},
#endif
#ifdef EHOSTDOWN
    {EHOSTDOWN, "Host is down"},
#endif
#ifdef ELOOP
    {ELOOP, "Too many levels of symbolic links"},
#endif
#ifdef ENOTCAPABLE
    {ENOTCAPABLE, "Capabilities insufficient"}, /* WASI: outside of what was opened to it */
#endif
#ifdef ENOTCONN
    {ENOTCONN, "Transport endpoint is not connected"}, /* a FUSE whose server has died */
#endif
#ifdef ENOTSUP
    {ENOTSUP, "Operation not supported"},
#endif
#ifdef EOVERFLOW
    {EOVERFLOW, "Value too large for defined data type"},
#endif
#ifdef EREMOTEIO
    {EREMOTEIO, "Remote I/O error"},
#endif
#ifdef ESTALE
    {ESTALE, "Stale file handle"}, /* NFS */
#endif
#ifdef ETIMEDOUT
    {ETIMEDOUT, "Connection timed out"},
#endif
#ifdef ETXTBSY
    {ETXTBSY, "Text file busy"},
#endif
};

/* Room for a reason: `char text[OTX__REASON_TEXT];`. */
#define OTX__REASON_TEXT 64

/* What a value of errno says. */
OTX__PRIVATE const char *otx__reason_text(char to[OTX__REASON_TEXT], int number)
{
    size_t i;
    for (i = 0; i < OTX__COUNT(otx__reasons); i++)
        if (otx__reasons[i].number == number) return otx__reasons[i].text;
    otx__format(to, OTX__REASON_TEXT, "error %d of the system", number);
    return to;
}

/* Whether the system would not let one, as a sandbox does above its top. */
OTX__PRIVATE bool otx__is_refusal(int number)
{
#ifdef ENOTCAPABLE
    if (number == ENOTCAPABLE) return true;
#endif
    return number == EACCES || number == EPERM;
}

/* Reports a failed system call: "PATH: WHAT: why". `number` is errno's value. */
OTX__PRIVATE otx_result otx__fail_system(otx_error *error, const char *path, const char *what,
                                         int number)
{
    char name[OTX__PATH_TEXT], why[OTX__REASON_TEXT];
    otx_result code = number == ENOENT || number == ENOTDIR ? OTX_ERROR_NOT_FOUND
                      : number == EEXIST || number == ENOTEMPTY ? OTX_ERROR_EXISTS
                      : number == ENOMEM ? OTX_ERROR_MEMORY
                                         : OTX_ERROR_IO;
    otx__path_text(name, path);
    if (number == EOVERFLOW || number == EFBIG)
        return otx__fail(error, OTX_ERROR_LIMIT, "%s: %s: too large for this build or file "
                         "system (files of 2 GiB and more need 64-bit offsets: compile with "
                         "-D_FILE_OFFSET_BITS=64)", name, what);
    return otx__fail(error, code, "%s: %s: %s%s", name, what, otx__reason_text(why, number),
                     number == EMFILE ? " (see ulimit -n)" : "");
}
#ifdef __clang_analyzer__ /* which does not look as deep as this is called */
#define otx__fail_system(error, path, what, number)                                              \
    ((void)otx__fail_system(error, path, what, number), OTX_ERROR_IO)
#endif
