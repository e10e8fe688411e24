/* cut_disk.h - a mounted file system whose disk records what is written to it and when it is
 * flushed: block_log on the image "<folder>/live.img". */
#ifndef INGEST_CUT_DISK_H
#define INGEST_CUT_DISK_H

#include "cut_machine.h"
#include "cut_path.h"

struct cut_disk {
    pid_t process; /* block_log; 0: none */
    bool is_mounted;
    struct cut_mount mounted;
    struct cut_path live;
    struct cut_path log_disk;
};

/* Makes the image with an empty file system, and the folders, where there are none. For tests that
 * try one thing; the image is cut_run()'s affair otherwise. 0 or -errno. */
int cut_disk_make(const char *folder, const char *file_system);

/* Mounts it on "<folder>/live". Its files are in "<folder>/log-disk", the log is "<folder>/log".
 * `tools`: where block_log is. 0 or -errno; cut_disk_end() in either case. */
int cut_disk_begin(struct cut_disk *disk, const char *tools, const char *folder,
                   const char *file_system);
/* Unmounts and lets block_log end: the log is whole then. */
void cut_disk_end(struct cut_disk *disk);

#endif
