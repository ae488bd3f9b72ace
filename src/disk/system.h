/* ---- system: what POSIX and Windows are asked for --------------------------- */

/* Paths are UTF-8 on every platform. The functions otx__sys_* are all that differs
   between platforms (windows.h, posix.h), and nothing else asks the system. They set
   errno when they fail. Symbolic links are followed when reading and never when
   removing.

     open, create, close         a file to read; a new one to write; -1 or false if not
     read, write                 the bytes moved; 0 or less where there are none
     sync, push                  waits until all is on the disk; starts on part of it
     sync_directory              makes the names in a directory durable
     status, status_open         what stands at a path; what was opened
     same                        whether two paths lead to one file or directory
     make_directory, rename, remove
     directory_open, _next, _close   the names in a directory, one after another
     error_text                  what a value of errno says */

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
