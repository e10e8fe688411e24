#include "cut_disk.h"

#include "clock_ns.h"

#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#define WAIT_NS (10 * NS_PER_S)

static int block_log_start(struct cut_disk *disk, const char *tools, const char *folder)
{
    struct cut_path program, image, log, file;
    const char *arguments[] = {cut_path(&program, tools, "block_log"),
                               cut_path(&image, folder, "live.img"), cut_path(&log, folder, "log"),
                               disk->log_disk.text, NULL};
    cut_path(&file, folder, "log-disk/disk");
    pid_t process = cut_start(arguments, NULL);
    if (process < 0)
        return process;
    disk->process = process;
    int64_t end_ns = clock_monotonic_ns() + WAIT_NS;
    while (access(file.text, R_OK) != 0) {
        if (clock_monotonic_ns() > end_ns)
            return -ETIMEDOUT;
        clock_sleep_ns(NS_PER_MS);
    }
    return 0;
}

int cut_disk_begin(struct cut_disk *disk, const char *tools, const char *folder,
                   const char *file_system)
{
    struct cut_path file;
    *disk = (struct cut_disk){0};
    cut_path(&disk->log_disk, folder, "log-disk");
    int result = block_log_start(disk, tools, folder);
    if (result == 0)
        result = cut_mount(&disk->mounted, cut_path(&file, folder, "log-disk/disk"), file_system,
                           cut_path(&disk->live, folder, "live"));
    disk->is_mounted = result == 0;
    return result;
}

void cut_disk_end(struct cut_disk *disk)
{
    if (disk->is_mounted)
        cut_unmount(&disk->mounted);
    if (disk->process == 0)
        return;
    umount2(disk->log_disk.text, 0);
    cut_wait(disk->process, WAIT_NS);
    umount2(disk->log_disk.text, MNT_DETACH);
}
