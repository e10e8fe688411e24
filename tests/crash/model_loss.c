/* What becomes of things that are not synced: the kernel writes some of them of its own accord,
 * power is lost, or the process is killed. */
#include "model_disk_internal.h"

#include "random_bits.h"

#include <string.h>

/* ---- what the kernel writes of its own accord ---- */

/* How much of what is not synced is on the disk: none of it, all, or each sector by a coin. */
enum share { SHARE_NONE, SHARE_ALL, SHARE_SOME, SHARE_BY_FILE };

static enum share share_of_file(enum share share, uint64_t *random)
{
    return share == SHARE_BY_FILE ? (enum share)(random_bits(random) % SHARE_BY_FILE) : share;
}

/* The page as the disk may have it. */
static void mix_page(char *to, const char *cache, const char *disk, enum share share,
                     uint64_t *random)
{
    if (share == SHARE_ALL || memcmp(cache, disk, MODEL_PAGE_BYTES) == 0) {
        if (to != cache)
            memcpy(to, cache, MODEL_PAGE_BYTES);
        return;
    }
    if (to != disk)
        memcpy(to, disk, MODEL_PAGE_BYTES);
    if (share == SHARE_NONE)
        return;
    uint64_t bits = random_bits(random);
    for (size_t at = 0; at < MODEL_PAGE_BYTES; at += MODEL_SECTOR_BYTES, bits >>= 1)
        if ((bits & 1) != 0)
            memcpy(to + at, cache + at, MODEL_SECTOR_BYTES);
}

void model_write_back(struct model_world *world, uint64_t *random)
{
    for (size_t inode = 1; inode < MODEL_INODES; inode++) {
        struct model_inode *node = &world->inodes[inode];
        if (node->kind != MODEL_FILE || random_bits(random) % 4 != 0)
            continue;
        struct model_pages dirty = model_dirty_pages(node);
        enum share share = random_bits(random) % 2 == 0 ? SHARE_ALL : SHARE_SOME;
        MODEL_FOR_EACH_PAGE(page, word, dirty)
        {
            if (random_bits(random) % 2 == 0 || model_is_lie(world, inode, page))
                continue;
            char *disk = model_page_of(world, inode, MODEL_DISK, page);
            mix_page(disk, model_page_of(world, inode, MODEL_CACHE, page), disk, share, random);
            model_page_add(&node->disk_used, page);
        }
        if (random_bits(random) % 2 == 0)
            node->disk_size = node->size;
    }
    if (world->change_count > 0 && random_bits(random) % 2 == 0)
        model_settle(world, random_bits(random) % (world->change_count + 1), -1);
}

/* ---- a power cut ---- */

static void choose_entries(struct model_table *table, const struct model_world *from,
                           uint64_t *random)
{
    memcpy(table->entries, from->disk.entries, from->disk.count * sizeof table->entries[0]);
    table->count = from->disk.count;
    uint64_t way = random_bits(random) % 4;
    size_t prefix = way == 0 ? 0 : from->change_count;
    if (way == 1)
        prefix = random_bits(random) % (from->change_count + 1);
    for (size_t i = 0; i < prefix; i++)
        if (from->is_ordered || way != 2 || random_bits(random) % 2 == 0)
            model_apply(table, &from->changes[i]);
}

/* Drops entries of folders that cannot be come to, and says which inodes can. */
static void find_reachable(struct model_table *table, bool is_reachable[MODEL_INODES])
{
    memset(is_reachable, 0, MODEL_INODES);
    is_reachable[0] = true;
    for (bool has_changed = true; has_changed;) {
        has_changed = false;
        for (size_t i = 0; i < table->count; i++) {
            const struct model_entry *entry = &table->entries[i];
            if (is_reachable[entry->folder] && !is_reachable[entry->inode])
                has_changed = is_reachable[entry->inode] = true;
        }
    }
    for (size_t i = 0; i < table->count;) {
        if (is_reachable[table->entries[i].folder])
            i++;
        else
            table->entries[i] = table->entries[--table->count];
    }
}

/* Zeros in `to` where it had something and the new content has nothing. */
static void clear_rest(struct model_world *to, size_t inode, const struct model_pages *kept)
{
    struct model_inode *node = &to->inodes[inode];
    for (size_t i = 0; i < MODEL_PAGE_WORDS; i++) {
        node->used.words[i] &= ~kept->words[i];
        node->disk_used.words[i] &= ~kept->words[i];
    }
    model_layer_clear(to, inode, MODEL_CACHE, &node->used);
    model_layer_clear(to, inode, MODEL_DISK, &node->disk_used);
}

static void drop_behind(char *page_bytes, uint64_t page, uint64_t size)
{
    uint64_t begin = page * MODEL_PAGE_BYTES;
    if (begin + MODEL_PAGE_BYTES > size) {
        uint64_t kept = size > begin ? size - begin : 0;
        memset(page_bytes + kept, 0, MODEL_PAGE_BYTES - kept);
    }
}

static void cut_file(struct model_world *to, const struct model_world *from, size_t inode,
                     enum share share, uint64_t *random)
{
    const struct model_inode *old = &from->inodes[inode];
    struct model_inode *node = &to->inodes[inode];
    struct model_pages pages = model_pages_or(&old->used, &old->disk_used);
    struct model_pages dirty = model_dirty_pages(old);
    share = share_of_file(share, random);
    clear_rest(to, inode, &pages);
    bool is_new_size = old->disk_size == old->size || share == SHARE_ALL ||
                       (share == SHARE_SOME && random_bits(random) % 2 == 0);
    *node = (struct model_inode){
        .kind = MODEL_FILE,
        .lock_fd = -1,
        .size = is_new_size ? old->size : old->disk_size,
        .blocks = old->blocks,
        .used = pages,
        .disk_used = pages,
    };
    node->disk_size = node->size;
    MODEL_FOR_EACH_PAGE(page, word, pages)
    {
        char *cache = model_page_of(to, inode, MODEL_CACHE, page);
        const char *disk = model_page_of(from, inode, MODEL_DISK, page);
        if (model_page_has(&dirty, page) && !model_is_lie(from, inode, page))
            mix_page(cache, model_page_of(from, inode, MODEL_CACHE, page), disk, share, random);
        else
            memcpy(cache, disk, MODEL_PAGE_BYTES);
        drop_behind(cache, page, node->size);
        if (to->has_disk)
            memcpy(model_page_of(to, inode, MODEL_DISK, page), cache, MODEL_PAGE_BYTES);
    }
}

static void begin_world(struct model_world *to, const struct model_world *from, bool has_disk,
                        uint64_t *random)
{
    to->boot = from->boot;
    to->device = from->device;
    to->is_ordered = from->is_ordered;
    to->has_disk = has_disk;
    to->disk.count = 0;
    to->change_count = 0;
    to->fault = (struct model_fault){0};
    to->has_failed = false;
    to->random = random_bits(random);
    memset(to->descriptors, -1, sizeof to->descriptors);
}

void model_cut(struct model_world *to, const struct model_world *from, bool has_disk,
               uint64_t *random)
{
    bool is_reachable[MODEL_INODES];
    begin_world(to, from, has_disk, random);
    to->boot++;
    choose_entries(&to->live, from, random);
    find_reachable(&to->live, is_reachable);
    memcpy(to->disk.entries, to->live.entries, to->live.count * sizeof to->live.entries[0]);
    to->disk.count = to->live.count;
    enum share share = (enum share)(random_bits(random) % (SHARE_BY_FILE + 1));
    for (size_t inode = 0; inode < MODEL_INODES; inode++) {
        enum model_kind kind = from->inodes[inode].kind;
        if (!is_reachable[inode] || kind != MODEL_FILE)
            model_inode_release(to, inode);
        if (is_reachable[inode] && kind == MODEL_FOLDER)
            to->inodes[inode].kind = kind;
        if (is_reachable[inode] && kind == MODEL_FILE)
            cut_file(to, from, inode, share, random);
    }
}

/* ---- a kill ---- */

static void kill_file(struct model_world *to, const struct model_world *from, size_t inode,
                      bool may_evict, uint64_t *random)
{
    const struct model_inode *old = &from->inodes[inode];
    struct model_inode *node = &to->inodes[inode];
    struct model_pages pages = model_pages_or(&old->used, &old->disk_used);
    clear_rest(to, inode, &pages);
    *node = *old;
    node->opens = node->maps = node->writable_maps = 0;
    node->lock_fd = -1;
    node->used = pages;
    node->disk_used = pages;
    node->dirty = model_dirty_pages(old);
    MODEL_FOR_EACH_PAGE(page, word, pages)
    {
        const char *disk = model_page_of(from, inode, MODEL_DISK, page);
        bool is_evicted =
            may_evict && model_is_lie(from, inode, page) && random_bits(random) % 2 == 0;
        memcpy(model_page_of(to, inode, MODEL_CACHE, page),
               is_evicted ? disk : model_page_of(from, inode, MODEL_CACHE, page), MODEL_PAGE_BYTES);
        if (is_evicted)
            model_page_take(&node->lied, page);
        if (to->has_disk)
            memcpy(model_page_of(to, inode, MODEL_DISK, page), disk, MODEL_PAGE_BYTES);
        if (to->has_disk && model_page_has(&node->lied, page))
            memcpy(model_page_of(to, inode, MODEL_LIE, page),
                   model_page_of(from, inode, MODEL_LIE, page), MODEL_PAGE_BYTES);
    }
    if (!to->has_disk)
        node->lied = (struct model_pages){0};
}

void model_kill(struct model_world *to, const struct model_world *from, bool has_disk,
                bool may_evict, uint64_t *random)
{
    begin_world(to, from, has_disk, random);
    memcpy(to->live.entries, from->live.entries, from->live.count * sizeof to->live.entries[0]);
    to->live.count = from->live.count;
    if (has_disk) {
        memcpy(to->disk.entries, from->disk.entries, from->disk.count * sizeof to->disk.entries[0]);
        to->disk.count = from->disk.count;
        memcpy(to->changes, from->changes, from->change_count * sizeof to->changes[0]);
        to->change_count = from->change_count;
    }
    for (size_t inode = 0; inode < MODEL_INODES; inode++) {
        enum model_kind kind = from->inodes[inode].kind;
        if (kind != MODEL_FILE)
            model_inode_release(to, inode);
        if (kind == MODEL_FOLDER)
            to->inodes[inode].kind = kind;
        if (kind == MODEL_FILE)
            kill_file(to, from, inode, may_evict, random);
    }
}
