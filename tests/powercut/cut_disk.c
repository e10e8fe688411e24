#include "cut_disk.h"

#include "clock_ns.h"
#include "cut_image.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_NS (10 * NS_PER_S)

int cut_disk_make(const char *folder, const char *file_system)
{
    static const char *const folders[] = {"live", "log-disk"};
    struct cut_path path;
    struct cut_image image;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (mkdir(cut_path(&path, folder, folders[i]), 0700) != 0 && errno != EEXIST)
            return -errno;
    unlink(cut_path(&path, folder, "live.img"));
    int result = cut_image_open(&image, path.text,
                                strcmp(file_system, "ext4") == 0 ? CUT_EXT4_BYTES : CUT_XFS_BYTES);
    if (result < 0)
        return result;
    cut_image_close(&image);
    return cut_machine_make_file_system(file_system, path.text);
}

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
