#include "cut_image.h"

#include "block_log_format.h"
#include "random_bits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES   4096u
#define SECTOR_BYTES 512u
/* Where the second sector of the superblock of ext4 is. */
#define SUPERBLOCK_SECOND UINT64_C(1536)

int cut_image_open(struct cut_image *image, const char *path, uint64_t size_bytes)
{
    image->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (image->fd < 0)
        return -errno;
    void *bytes = MAP_FAILED;
    if (ftruncate(image->fd, (off_t)size_bytes) == 0)
        bytes = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, image->fd, 0);
    if (bytes == MAP_FAILED) {
        int result = -errno;
        close(image->fd);
        return result;
    }
    image->bytes = bytes;
    image->size_bytes = size_bytes;
    return 0;
}

void cut_image_close(struct cut_image *image)
{
    munmap(image->bytes, image->size_bytes);
    close(image->fd);
}

/* The next byte at or after `offset` that is data, or that is a hole; the size when none is. */
static uint64_t seek(const struct cut_image *image, uint64_t offset, int whence)
{
    off_t found = lseek(image->fd, (off_t)offset, whence);
    return found < 0 ? image->size_bytes : (uint64_t)found;
}

static void copy_pages(struct cut_image *to, const struct cut_image *from, uint64_t begin,
                       uint64_t end)
{
    for (uint64_t at = begin; at < end; at += PAGE_BYTES)
        if (memcmp(to->bytes + at, from->bytes + at, PAGE_BYTES) != 0)
            memcpy(to->bytes + at, from->bytes + at, PAGE_BYTES);
}

/* Holes of `from` are holes of `to`. */
static int punch(struct cut_image *to, uint64_t begin, uint64_t end)
{
    for (uint64_t at = seek(to, begin, SEEK_DATA); at < end; at = seek(to, at, SEEK_DATA)) {
        uint64_t hole = seek(to, at, SEEK_HOLE);
        if (hole > end)
            hole = end;
        if (fallocate(to->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
                      (off_t)(hole - at)) != 0)
            return -errno;
        at = hole;
    }
    return 0;
}

int cut_image_copy(struct cut_image *to, const struct cut_image *from)
{
    int result = 0;
    uint64_t end = 0; /* of the data last copied */
    while (end < from->size_bytes && result == 0) {
        uint64_t begin = seek(from, end, SEEK_DATA);
        result = punch(to, end, begin);
        end = begin < from->size_bytes ? seek(from, begin, SEEK_HOLE) : begin;
        copy_pages(to, from, begin, end);
    }
    return result;
}

int cut_log_open(struct cut_log *log, const char *path)
{
    memset(log, 0, sizeof *log);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        return -errno;
    log->file_bytes = (size_t)status.st_size;
    void *file =
        log->file_bytes == 0 ? NULL : mmap(NULL, log->file_bytes, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (file == MAP_FAILED)
        return -ENOMEM;
    log->file = file;
    size_t room = 0;
    for (size_t at = 0; at < log->file_bytes;) {
        struct block_log_entry entry;
        memcpy(&entry, log->file + at, sizeof entry);
        at += sizeof entry;
        if (log->count == room) {
            room = room * 2 + 1024;
            struct cut_entry *more = realloc(log->entries, room * sizeof *more);
            if (more == NULL)
                return -ENOMEM;
            log->entries = more;
        }
        log->entries[log->count++] =
            (struct cut_entry){entry.kind, entry.length, entry.offset, log->file + at};
        at += block_log_padded(entry.length);
    }
    return 0;
}

void cut_log_close(struct cut_log *log)
{
    free(log->entries);
    if (log->file != NULL)
        munmap(log->file, log->file_bytes);
    memset(log, 0, sizeof *log);
}

size_t cut_log_last(const struct cut_log *log, size_t position, uint32_t kind)
{
    for (size_t i = position; i-- > 0;)
        if (log->entries[i].kind == kind)
            return i;
    return log->count;
}

static void write_sectors(struct cut_image *image, const struct cut_entry *entry, size_t begin,
                          size_t end)
{
    memcpy(image->bytes + entry->offset + begin, entry->bytes + begin, end - begin);
}

void cut_base_advance(struct cut_image *base, const struct cut_log *log, size_t *at,
                      size_t position)
{
    size_t flush = cut_log_last(log, position, BLOCK_LOG_FLUSH);
    if (flush == log->count)
        return;
    for (; *at < flush; ++*at)
        if (log->entries[*at].kind == BLOCK_LOG_WRITE)
            write_sectors(base, &log->entries[*at], 0, log->entries[*at].length);
}

/* A write of which some sectors arrived: the first ones, or any. The superblock of ext4 (1,024
 * bytes at 1,024) is written in place and has no second copy that the kernel would look at: it is
 * spared, as by a disk whose sectors are larger. */
static void tear(struct cut_image *image, const struct cut_entry *entry, uint64_t *random)
{
    size_t sectors = entry->length / SECTOR_BYTES;
    size_t first = random_bits(random) % (sectors + 1);
    bool any = random_bits(random) % 2 == 0;
    bool arrives = false;
    for (size_t i = 0; i < sectors; i++) {
        bool goes_with_last = entry->offset + i * SECTOR_BYTES == SUPERBLOCK_SECOND && i > 0;
        if (!goes_with_last)
            arrives = any ? random_bits(random) % 2 == 0 : i < first;
        if (arrives)
            write_sectors(image, entry, i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES);
    }
}

int cut_image_make(struct cut_image *image, const struct cut_image *base, const struct cut_log *log,
                   size_t from, size_t position, uint64_t seed, struct cut_counts *counts)
{
    /* Percent dropped and percent kept whole. Some bugs show only when all but little arrived, or
     * nearly nothing. */
    static const struct {
        unsigned drop;
        unsigned keep;
    } weathers[] = {{40, 30}, {40, 30}, {40, 30}, {90, 5}, {5, 90}, {50, 50}, {100, 0}, {0, 100}};
    int result = cut_image_copy(image, base);
    if (result < 0)
        return result;
    uint64_t random = seed;
    size_t weather = random_bits(&random) % (sizeof weathers / sizeof weathers[0]);
    for (size_t i = from; i < position; i++) {
        const struct cut_entry *entry = &log->entries[i];
        if (entry->kind != BLOCK_LOG_WRITE)
            continue;
        unsigned dice = (unsigned)(random_bits(&random) % 100);
        if (dice < weathers[weather].drop) {
            counts->dropped++;
        } else if (dice < weathers[weather].drop + weathers[weather].keep) {
            counts->kept++;
            write_sectors(image, entry, 0, entry->length);
        } else {
            counts->torn++;
            tear(image, entry, &random);
        }
    }
    return 0;
}
