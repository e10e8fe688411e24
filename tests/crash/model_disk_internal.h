/* model_disk_internal.h - what model_disk.c and model_loss.c share. */
#ifndef INGEST_MODEL_DISK_INTERNAL_H
#define INGEST_MODEL_DISK_INTERNAL_H

#include "model_disk.h"

// NOLINTBEGIN(bugprone-macro-parentheses): names of variables
#define MODEL_FOR_EACH_PAGE(page, word, set)                                                       \
    for (size_t word##_at = 0; word##_at < MODEL_PAGE_WORDS; word##_at++)                          \
        for (uint64_t word = (set).words[word##_at], page;                                         \
             word != 0 && (page = word##_at * 64 + (size_t)__builtin_ctzll(word), true);           \
             word &= word - 1)
// NOLINTEND(bugprone-macro-parentheses)

struct model_pages model_pages_or(const struct model_pages *a, const struct model_pages *b);

char *model_page_of(const struct model_world *world, size_t inode, enum model_layer layer,
                    uint64_t page);

/* Zeros in those pages of the layer; none is left in `pages`. */
void model_layer_clear(struct model_world *world, size_t inode, enum model_layer layer,
                       struct model_pages *pages);

/* The inode is free, and its file zeros. */
void model_inode_release(struct model_world *world, size_t inode);

void model_apply(struct model_table *table, const struct model_change *change);

/* Takes the first `count` changes to the disk; of others those that concern `folder`. */
void model_settle(struct model_world *world, size_t count, int folder);

/* Pages that the kernel takes for dirty. */
struct model_pages model_dirty_pages(const struct model_inode *node);

/* The kernel takes the page for written, since a sync failed, and the disk does not have it. */
bool model_is_lie(const struct model_world *world, size_t inode, uint64_t page);

#endif
