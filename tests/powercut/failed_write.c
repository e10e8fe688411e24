/* failed_write: rows whose way to the disk failed once, and which recovery wrote again in the same
 * boot, are on the disk: they are read after another mount, on ext4 and XFS.
 *
 * The rows are in the journal, so nothing is lost yet when their page fails; the next sync of the
 * arrays says so, and the daemon would end there. Exit codes: 0, 1 rows are false, 77 this machine
 * cannot tell. */
#include "cut_disk.h"
#include "reader.h"
#include "store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <string.h>
#include <unistd.h>

#define T0_NS    INT64_C(1700000000000000000)
#define ROWS     100
#define CAPACITY 10000

static const char name_of_series[] = "failing/ring";

static const struct store_limits limits = {.series_max = 10, .journal_bytes = 256 << 10};

static struct error_text error;

static int control(const char *folder, const char *text)
{
    struct cut_path path;
    int fd = open(cut_path(&path, folder, "log-disk/control"), O_WRONLY | O_CLOEXEC);
    ssize_t written = fd < 0 ? -1 : write(fd, text, strlen(text));
    int result = written < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return result;
}

static int append_rows(struct store *store)
{
    struct series *series;
    struct series_append_result appended;
    double values[ROWS];
    int64_t times_ns[ROWS];
    struct series_rule rule = series_rule_default;
    struct series_type type = {.dtype = DTYPE_F8, .clock = SERIES_EXPLICIT};
    struct series_block block = {
        .values = values, .times_ns = times_ns, .count = ROWS, .clock = BLOCK_EXPLICIT};
    rule.capacity_unit = SERIES_CAPACITY_SAMPLES;
    rule.capacity = CAPACITY;
    for (int i = 0; i < ROWS; i++) {
        values[i] = i + 1;
        times_ns[i] = T0_NS + i;
    }
    int result = store_create(store, name_of_series, strlen(name_of_series), &type, &rule, 0,
                              &series, &error);
    if (result == 0)
        result = store_flush_now(store, FLUSH_SYNC, NULL, 0, &error);
    if (result == 0)
        result = series_append(series, &block, 0, 0, T0_NS, &appended);
    return result == 0 ? store_flush_now(store, FLUSH_RECORD, NULL, 0, &error) : result;
}

/* The rows become durable in the journal; then the page of their values fails, once. */
static int fail_once(const char *folder, const char *path)
{
    struct store *store;
    int result = store_open(path, &limits, &store, &error);
    if (result < 0)
        return result;
    result = append_rows(store);
    if (result == 0)
        result = control(folder, "eio 1");
    if (result == 0 && store_flush_now(store, FLUSH_SYNC, NULL, 0, &error) != -EIO) {
        printf("the write that failed was not told\n");
        result = -EPROTO;
    }
    control(folder, "eio 0");
    store_close(store);
    return result;
}

/* Recovers in the same boot, and closes the store cleanly. */
static int recover(const char *path)
{
    struct store *store;
    int result = store_open(path, &limits, &store, &error);
    if (result < 0)
        return result;
    result = store_finish(store, NULL, 0, &error);
    store_close(store);
    return result;
}

static int judge(const char *path, const char *file_system)
{
    struct reader *reader;
    struct reader_snapshot snapshot;
    double values[ROWS];
    int64_t times_ns[ROWS];
    uint64_t valid = 0;
    size_t false_rows = 0;
    int result = reader_open(path, name_of_series, &reader, &error);
    if (result < 0)
        return result;
    result = reader_snapshot(reader, &snapshot);
    if (result == 0 && (snapshot.first != 0 || snapshot.count != ROWS))
        result = -EPROTO;
    if (result == 0)
        result = reader_copy(reader, 0, ROWS, values, times_ns, &valid);
    for (int i = 0; i < ROWS && result == 0; i++)
        false_rows += values[i] != i + 1 || times_ns[i] != T0_NS + i;
    reader_close(reader);
    printf("%s: %zu of %d rows are false after another mount\n", file_system, false_rows, ROWS);
    return result == 0 && false_rows > 0 ? -EPROTO : result;
}

static int try_one(const char *tools, const char *folder, const char *file_system)
{
    struct cut_path path;
    struct cut_disk disk;
    cut_path(&path, folder, "live/store");
    int result = cut_disk_make(folder, file_system);
    if (result < 0)
        return result;
    result = cut_disk_begin(&disk, tools, folder, file_system);
    if (result == 0)
        result = fail_once(folder, path.text);
    if (result == 0)
        result = recover(path.text);
    cut_disk_end(&disk);
    if (result < 0) {
        printf("%s: %s\n", file_system, error.text);
        return result;
    }
    /* Another mount: nothing of the first one is in the cache. */
    result = cut_disk_begin(&disk, tools, folder, file_system);
    if (result == 0)
        result = judge(path.text, file_system);
    cut_disk_end(&disk);
    return result;
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
