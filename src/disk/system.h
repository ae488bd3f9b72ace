/* ---- system: what POSIX and Windows are asked for --------------------------- */

/* Paths are UTF-8 on every platform. These functions, otx__sys_*, are all that differs
   between platforms in this wing (windows.h, posix.h), and nothing else in it asks the
   system. They set errno when they fail. Symbolic links are followed when reading and
   never when removing.

     root                    bytes at the start of a path that name its root or drive
     is_no_name              whether a path's last name is none of its own: ".", ".."
     open, create, close     a file to read; a new one to write; -1 or false on failure
     read, write             the bytes moved; 0 or less where there are none
     copy                    the same, from one file to the end of another, where
                             OTX__COPY_BY_SYSTEM: within the system, or the disk, alone
     sync, push              waits until all is on the disk; starts on a part of it
     sync_directory          makes the names in a directory durable
     status, status_open     what stands at a path; what was opened
     is_link                 whether the path itself is a link
     make_directory, rename
     replace_empty           renames a directory onto an empty one, whose mode it takes; fails
                             if that holds anything by then
     remove                  a file, a link or an empty directory; else ENOTEMPTY
     unlock                  makes what is read-only writable; false where it was
     directory_open, _next, _close    the names in a directory, one after another */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Most bytes one system call is asked to move: some systems refuse 2 GiB. */
#define OTX__CHUNK ((size_t)64 << 20)

/* What stands at a path, links followed. There is nothing only where the system says
   so of the path itself: what cannot be looked at, and a link that leads nowhere, is
   otx__sys_status's failure (ENOENT is such a link's). */
typedef struct otx__status {
    bool present;
    bool regular, directory; /* neither: a device or a pipe */
    uint64_t size;
    uint64_t modified;       /* when, in a unit of the system's own */
    uint64_t volume, number; /* together the same for all names of one file alone */
} otx__status;
