/* What the disk of a world has, and what comes of it. */
#include "model_disk.h"

#include "random_bits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

char *model_arena;
struct model_world *model_current;
void (*model_step)(const char *call);
void (*model_violation)(const char *format, ...);

static struct model_world worlds[MODEL_WORLDS];

// NOLINTBEGIN(bugprone-macro-parentheses): names of variables
#define FOR_EACH_PAGE(page, word, set)                                                             \
    for (size_t word##_at = 0; word##_at < MODEL_PAGE_WORDS; word##_at++)                          \
        for (uint64_t word = (set).words[word##_at], page;                                         \
             word != 0 && (page = word##_at * 64 + (size_t)__builtin_ctzll(word), true);           \
             word &= word - 1)
// NOLINTEND(bugprone-macro-parentheses)

static struct model_pages pages_or(const struct model_pages *a, const struct model_pages *b)
{
    struct model_pages all;
    for (size_t i = 0; i < MODEL_PAGE_WORDS; i++)
        all.words[i] = a->words[i] | b->words[i];
    return all;
}

static char *page_of(const struct model_world *world, size_t inode, enum model_layer layer,
                     uint64_t page)
{
    return model_bytes(world, inode, layer) + page * MODEL_PAGE_BYTES;
}

/* ---- inodes ---- */

static void clear_layer(struct model_world *world, size_t inode, enum model_layer layer,
                        struct model_pages *pages)
{
    FOR_EACH_PAGE(page, word, *pages)
    memset(page_of(world, inode, layer, page), 0, MODEL_PAGE_BYTES);
    *pages = (struct model_pages){0};
}

static void release(struct model_world *world, size_t inode)
{
    struct model_inode *node = &world->inodes[inode];
    clear_layer(world, inode, MODEL_CACHE, &node->used);
    clear_layer(world, inode, MODEL_DISK, &node->disk_used);
    *node = (struct model_inode){.lock_fd = -1};
}

struct model_world *model_world_new(unsigned number, uint64_t seed)
{
    if (model_arena == NULL) {
        model_arena = mmap(NULL, MODEL_ARENA_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (model_arena == MAP_FAILED)
            abort();
        for (unsigned w = 0; w < MODEL_WORLDS; w++)
            worlds[w].number = w;
    }
    struct model_world *world = &worlds[number];
    for (size_t inode = 0; inode < MODEL_INODES; inode++)
        release(world, inode);
    world->inodes[0].kind = MODEL_FOLDER;
    world->boot = 1;
    world->device = 7;
    world->is_ordered = false;
    world->has_disk = true;
    world->live.count = world->disk.count = world->change_count = 0;
    memset(world->descriptors, -1, sizeof world->descriptors);
    world->fault = (struct model_fault){0};
    world->has_failed = false;
    world->random = seed;
    return world;
}

/* Frees inodes that no name, no change, no descriptor and no mapping leads to. */
static void collect(struct model_world *world)
{
    bool is_named[MODEL_INODES] = {true};
    for (size_t i = 0; i < world->live.count; i++)
        is_named[world->live.entries[i].inode] = true;
    for (size_t i = 0; i < world->disk.count; i++)
        is_named[world->disk.entries[i].inode] = true;
    for (size_t i = 0; i < world->change_count; i++) {
        is_named[world->changes[i].from.inode] = true;
        is_named[world->changes[i].to.inode] = true;
    }
    for (size_t inode = 1; inode < MODEL_INODES; inode++) {
        const struct model_inode *node = &world->inodes[inode];
        if (node->kind != MODEL_FREE && !is_named[inode] && node->opens == 0 && node->maps == 0)
            release(world, inode);
    }
}

int model_inode_take(struct model_world *world, enum model_kind kind)
{
    for (unsigned tries = 0; tries < 2; tries++) {
        for (int inode = 1; inode < MODEL_INODES; inode++) {
            if (world->inodes[inode].kind != MODEL_FREE)
                continue;
            world->inodes[inode].kind = kind;
            world->inodes[inode].lock_fd = -1;
            return inode;
        }
        collect(world);
    }
    return -1;
}

/* ---- entries ---- */

uint32_t model_name_hash(const char *name, size_t name_bytes)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name_bytes; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash;
}

static struct model_entry *find_hashed(struct model_table *table, uint16_t folder, const char *name,
                                       size_t name_bytes, uint32_t hash)
{
    for (size_t i = 0; i < table->count; i++) {
        struct model_entry *entry = &table->entries[i];
        if (entry->hash == hash && entry->folder == folder &&
            memcmp(entry->name, name, name_bytes) == 0 && entry->name[name_bytes] == '\0')
            return entry;
    }
    return NULL;
}

struct model_entry *model_find(struct model_table *table, uint16_t folder, const char *name,
                               size_t name_bytes)
{
    return find_hashed(table, folder, name, name_bytes, model_name_hash(name, name_bytes));
}

static struct model_entry *find_like(struct model_table *table, const struct model_entry *like)
{
    return find_hashed(table, like->folder, like->name, strlen(like->name), like->hash);
}

static void apply(struct model_table *table, const struct model_change *change)
{
    if (change->has_from) {
        struct model_entry *entry = find_like(table, &change->from);
        if (entry != NULL)
            *entry = table->entries[--table->count];
    }
    if (change->has_to) {
        struct model_entry *entry = find_like(table, &change->to);
        if (entry == NULL) {
            if (table->count == MODEL_ENTRIES)
                model_violation("the model has no room for another entry");
            entry = &table->entries[table->count++];
        }
        *entry = change->to;
    }
}

void model_change(struct model_world *world, const struct model_change *change)
{
    apply(&world->live, change);
    if (!world->has_disk)
        return;
    if (world->change_count == MODEL_CHANGES) {
        apply(&world->disk, &world->changes[0]);
        memmove(&world->changes[0], &world->changes[1],
                --world->change_count * sizeof world->changes[0]);
    }
    world->changes[world->change_count++] = *change;
}

/* Takes the first `count` changes to the disk; of others those that concern `folder`. */
static void settle(struct model_world *world, size_t count, int folder)
{
    size_t left = 0;
    for (size_t i = 0; i < world->change_count; i++) {
        const struct model_change *change = &world->changes[i];
        bool concerns = (change->has_from && change->from.folder == folder) ||
                        (change->has_to && change->to.folder == folder);
        if (i < count || concerns)
            apply(&world->disk, change);
        else
            world->changes[left++] = *change;
    }
    world->change_count = left;
}

/* ---- syncs ---- */

/* Pages that the kernel takes for dirty. */
static struct model_pages dirty_pages(const struct model_inode *node)
{
    return node->writable_maps > 0 ? pages_or(&node->dirty, &node->used) : node->dirty;
}

static bool is_lie(const struct model_world *world, size_t inode, uint64_t page)
{
    return model_page_has(&world->inodes[inode].lied, page) &&
           memcmp(page_of(world, inode, MODEL_CACHE, page), page_of(world, inode, MODEL_LIE, page),
                  MODEL_PAGE_BYTES) == 0;
}

static void write_page(struct model_world *world, size_t inode, uint64_t page)
{
    struct model_inode *node = &world->inodes[inode];
    if (is_lie(world, inode, page))
        return;
    memcpy(page_of(world, inode, MODEL_DISK, page), page_of(world, inode, MODEL_CACHE, page),
           MODEL_PAGE_BYTES);
    model_page_add(&node->disk_used, page);
    model_page_take(&node->lied, page);
}

void model_sync_file(struct model_world *world, size_t inode, bool fails)
{
    struct model_inode *node = &world->inodes[inode];
    if (!world->has_disk)
        return;
    struct model_pages dirty = dirty_pages(node);
    FOR_EACH_PAGE(page, word, dirty)
    {
        if (!fails || random_bits(&world->random) % 2 == 0) {
            write_page(world, inode, page);
        } else if (!is_lie(world, inode, page)) {
            memcpy(page_of(world, inode, MODEL_LIE, page), page_of(world, inode, MODEL_CACHE, page),
                   MODEL_PAGE_BYTES);
            model_page_add(&node->lied, page);
        }
    }
    node->dirty = (struct model_pages){0};
    if (!fails)
        node->disk_size = node->size;
    if (!fails && world->is_ordered)
        settle(world, world->change_count, -1);
}

void model_sync_folder(struct model_world *world, size_t folder)
{
    if (world->has_disk)
        settle(world, world->is_ordered ? world->change_count : 0, (int)folder);
}

void model_sync_all(struct model_world *world, bool fails)
{
    for (size_t inode = 0; inode < MODEL_INODES; inode++)
        if (world->inodes[inode].kind == MODEL_FILE)
            model_sync_file(world, inode, fails);
    if (world->has_disk && !fails)
        settle(world, world->change_count, -1);
}

/* ---- what the kernel does of its own accord ---- */

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
        struct model_pages dirty = dirty_pages(node);
        enum share share = random_bits(random) % 2 == 0 ? SHARE_ALL : SHARE_SOME;
        FOR_EACH_PAGE(page, word, dirty)
        {
            if (random_bits(random) % 2 == 0 || is_lie(world, inode, page))
                continue;
            char *disk = page_of(world, inode, MODEL_DISK, page);
            mix_page(disk, page_of(world, inode, MODEL_CACHE, page), disk, share, random);
            model_page_add(&node->disk_used, page);
        }
        if (random_bits(random) % 2 == 0)
            node->disk_size = node->size;
    }
    if (world->change_count > 0 && random_bits(random) % 2 == 0)
        settle(world, random_bits(random) % (world->change_count + 1), -1);
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
            apply(table, &from->changes[i]);
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
    clear_layer(to, inode, MODEL_CACHE, &node->used);
    clear_layer(to, inode, MODEL_DISK, &node->disk_used);
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
    struct model_pages pages = pages_or(&old->used, &old->disk_used);
    struct model_pages dirty = dirty_pages(old);
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
    FOR_EACH_PAGE(page, word, pages)
    {
        char *cache = page_of(to, inode, MODEL_CACHE, page);
        const char *disk = page_of(from, inode, MODEL_DISK, page);
        if (model_page_has(&dirty, page) && !is_lie(from, inode, page))
            mix_page(cache, page_of(from, inode, MODEL_CACHE, page), disk, share, random);
        else
            memcpy(cache, disk, MODEL_PAGE_BYTES);
        drop_behind(cache, page, node->size);
        if (to->has_disk)
            memcpy(page_of(to, inode, MODEL_DISK, page), cache, MODEL_PAGE_BYTES);
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
            release(to, inode);
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
    struct model_pages pages = pages_or(&old->used, &old->disk_used);
    clear_rest(to, inode, &pages);
    *node = *old;
    node->opens = node->maps = node->writable_maps = 0;
    node->lock_fd = -1;
    node->used = pages;
    node->disk_used = pages;
    node->dirty = dirty_pages(old);
    FOR_EACH_PAGE(page, word, pages)
    {
        const char *disk = page_of(from, inode, MODEL_DISK, page);
        bool is_evicted = may_evict && is_lie(from, inode, page) && random_bits(random) % 2 == 0;
        memcpy(page_of(to, inode, MODEL_CACHE, page),
               is_evicted ? disk : page_of(from, inode, MODEL_CACHE, page), MODEL_PAGE_BYTES);
        if (is_evicted)
            model_page_take(&node->lied, page);
        if (to->has_disk)
            memcpy(page_of(to, inode, MODEL_DISK, page), disk, MODEL_PAGE_BYTES);
        if (to->has_disk && model_page_has(&node->lied, page))
            memcpy(page_of(to, inode, MODEL_LIE, page), page_of(from, inode, MODEL_LIE, page),
                   MODEL_PAGE_BYTES);
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
            release(to, inode);
        if (kind == MODEL_FOLDER)
            to->inodes[inode].kind = kind;
        if (kind == MODEL_FILE)
            kill_file(to, from, inode, may_evict, random);
    }
}

/* ---- checks ---- */

bool model_is_at_rest(const struct model_world *world)
{
    for (size_t inode = 0; inode < MODEL_INODES; inode++)
        if (world->inodes[inode].opens > 0 || world->inodes[inode].maps > 0)
            return false;
    return true;
}

void model_check_holes(const struct model_world *world)
{
    static const char zeros[MODEL_PAGE_BYTES];
    for (size_t inode = 0; inode < MODEL_INODES; inode++) {
        const struct model_inode *node = &world->inodes[inode];
        for (size_t page = 0; page * MODEL_PAGE_BYTES < node->size; page++)
            if (!model_page_has(&node->used, page) &&
                memcmp(page_of(world, inode, MODEL_CACHE, page), zeros, MODEL_PAGE_BYTES) != 0)
                model_violation("page %zu of inode %zu was stored to and not made ready", page,
                                inode);
    }
}
