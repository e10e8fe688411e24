/* sync_on_disk: whether what fs_sync_file_system() returns from is on the disk, and not in its
 * write cache: on XFS and ext4, with the writes and flushes of the disk recorded.
 *
 * A number in a mapped page goes up by one, is synced, and is then told to the log: a flush must
 * lie between its way to the disk and that. Exit codes: 0, 1 it is not so, 77 this machine cannot
 * tell. */
#include "block_log_format.h"
#include "cut_disk.h"
#include "cut_image.h"
#include "file_system.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROUNDS     200
#define PAGE_BYTES 4096u

static const char tag[8] = "counted:";

/* What is stored in the page, and told to the log. */
struct number {
    char tag[8];
    uint64_t value;
};

/* Counts up in a mapped page of a file, whose file system is synced by another file's descriptor,
 * as the store does it. */
static int count_up(const char *folder)
{
    struct cut_path path;
    static const char zeros[PAGE_BYTES];
    int marks = open(cut_path(&path, folder, "log-disk/mark"), O_WRONLY | O_CLOEXEC);
    int lock = fs_open_or_create_at(FS_HERE, cut_path(&path, folder, "live/LOCK"));
    int file = fs_open_or_create_at(FS_HERE, cut_path(&path, folder, "live/file"));
    void *page = NULL;
    int result = marks < 0 ? -errno : lock < 0 ? lock : file < 0 ? file : 0;
    if (result == 0)
        result = fs_write_at(lock, zeros, sizeof zeros, 0);
    if (result == 0)
        result = fs_write_at(file, zeros, sizeof zeros, 0);
    if (result == 0)
        result = fs_sync_file_system(lock);
    if (result == 0)
        result = fs_map(file, PAGE_BYTES, FS_WRITE, &page);
    for (uint64_t i = 1; i <= ROUNDS && result == 0; i++) {
        struct number number = {.value = i};
        memcpy(number.tag, tag, sizeof tag);
        memcpy(page, &number, sizeof number);
        result = fs_sync_file_system(lock);
        if (result == 0 && write(marks, &number, sizeof number) != sizeof number)
            result = -EIO;
    }
    fs_unmap(page, PAGE_BYTES);
    fs_close(file);
    fs_close(lock);
    fs_close(marks);
    return result;
}

/* Of the numbers that were told, how many were not on the disk by then. */
static int judge(const char *folder, const char *file_system)
{
    struct cut_path path;
    struct cut_log log;
    uint64_t told = 0;
    uint64_t late = 0;
    uint64_t in_cache = 0;
    uint64_t on_disk = 0;
    int result = cut_log_open(&log, cut_path(&path, folder, "log"));
    if (result < 0)
        return result;
    for (size_t i = 0; i < log.count; i++) {
        const struct cut_entry *entry = &log.entries[i];
        struct number number = {.value = 0};
        if (entry->length >= sizeof number)
            memcpy(&number, entry->bytes, sizeof number);
        bool is_number = memcmp(number.tag, tag, sizeof tag) == 0;
        if (entry->kind == BLOCK_LOG_FLUSH) {
            on_disk = in_cache;
        } else if (entry->kind == BLOCK_LOG_WRITE && is_number) {
            in_cache = number.value;
        } else if (entry->kind == BLOCK_LOG_MARK && is_number) {
            told++;
            late += on_disk < number.value;
        }
    }
    cut_log_close(&log);
    printf("%s: %" PRIu64 " of %" PRIu64 " were not on the disk when their sync returned\n",
           file_system, late, told);
    return told == ROUNDS && late == 0 ? 0 : -EIO;
}

static int try_one(const char *tools, const char *folder, const char *file_system)
{
    struct cut_disk disk;
    int result = cut_disk_make(folder, file_system);
    if (result < 0)
        return result;
    result = cut_disk_begin(&disk, tools, folder, file_system);
    if (result == 0)
        result = count_up(folder);
    cut_disk_end(&disk);
    return result == 0 ? judge(folder, file_system) : result;
}

static int try_all(const char *tools, const char *folder)
{
    int ext4 = try_one(tools, folder, "ext4");
    int xfs = try_one(tools, folder, "xfs");
    return ext4 < 0 ? ext4 : xfs;
}

int main(int argc, char **argv)
{
    (void)argc;
    return cut_machine_try(dirname(argv[0]), try_all);
}
