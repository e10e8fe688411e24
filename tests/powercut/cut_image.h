/* cut_image.h - images of a disk, and the states that a power cut may leave one in. */
#ifndef INGEST_CUT_IMAGE_H
#define INGEST_CUT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sparse file, mapped. */
struct cut_image {
    int fd;
    uint8_t *bytes;
    uint64_t size_bytes;
};

/* Opens, or makes (all a hole), an image of that size. 0 or -errno. */
int cut_image_open(struct cut_image *image, const char *path, uint64_t size_bytes);
void cut_image_close(struct cut_image *image);

/* Makes `to` the same as `from` (of the same size): only blocks that differ are written, and what
 * is a hole in both costs nothing. 0 or -errno. */
int cut_image_copy(struct cut_image *to, const struct cut_image *from);

/* What block_log recorded. */
struct cut_entry {
    uint32_t kind; /* enum block_log_kind */
    uint32_t length;
    uint64_t offset;
    const uint8_t *bytes;
};

struct cut_log {
    struct cut_entry *entries;
    size_t count;
    uint8_t *file; /* the mapped log */
    size_t file_bytes;
};

int cut_log_open(struct cut_log *log, const char *path);
void cut_log_close(struct cut_log *log);

/* The last entry of that kind below `position`; log->count when there is none. */
size_t cut_log_last(const struct cut_log *log, size_t position, uint32_t kind);

struct cut_counts {
    uint64_t kept;
    uint64_t dropped;
    uint64_t torn;
};

/* Brings `base`, which holds what was on the disk for good at `*at`, to `position`: the writes up
 * to the last flush below it. `*at` never goes back. */
void cut_base_advance(struct cut_image *base, const struct cut_log *log, size_t *at,
                      size_t position);

/* Makes `image` the disk after a power cut at `position`: `base` (advanced to there) and of the
 * writes after the last flush some, others not, and others in part (sectors of 512 bytes). The
 * state depends on `seed` alone. 0 or -errno; `counts` are added to. */
int cut_image_make(struct cut_image *image, const struct cut_image *base, const struct cut_log *log,
                   size_t from, size_t position, uint64_t seed, struct cut_counts *counts);

#endif
