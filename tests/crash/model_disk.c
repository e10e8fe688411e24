/* A world's inodes, entries and syncs. */
#include "model_disk_internal.h"

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

struct model_pages model_pages_or(const struct model_pages *a, const struct model_pages *b)
{
    struct model_pages all;
    for (size_t i = 0; i < MODEL_PAGE_WORDS; i++)
        all.words[i] = a->words[i] | b->words[i];
    return all;
}

char *model_page_of(const struct model_world *world, size_t inode, enum model_layer layer,
                    uint64_t page)
{
    return model_bytes(world, inode, layer) + page * MODEL_PAGE_BYTES;
}

/* ---- inodes ---- */

void model_layer_clear(struct model_world *world, size_t inode, enum model_layer layer,
                       struct model_pages *pages)
{
    MODEL_FOR_EACH_PAGE(page, word, *pages)
    memset(model_page_of(world, inode, layer, page), 0, MODEL_PAGE_BYTES);
    *pages = (struct model_pages){0};
}

void model_inode_release(struct model_world *world, size_t inode)
{
    struct model_inode *node = &world->inodes[inode];
    model_layer_clear(world, inode, MODEL_CACHE, &node->used);
    model_layer_clear(world, inode, MODEL_DISK, &node->disk_used);
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
        model_inode_release(world, inode);
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
            model_inode_release(world, inode);
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

void model_apply(struct model_table *table, const struct model_change *change)
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
    model_apply(&world->live, change);
    if (!world->has_disk)
        return;
    if (world->change_count == MODEL_CHANGES) {
        model_apply(&world->disk, &world->changes[0]);
        memmove(&world->changes[0], &world->changes[1],
                --world->change_count * sizeof world->changes[0]);
    }
    world->changes[world->change_count++] = *change;
}

void model_settle(struct model_world *world, size_t count, int folder)
{
    size_t left = 0;
    for (size_t i = 0; i < world->change_count; i++) {
        const struct model_change *change = &world->changes[i];
        bool concerns = (change->has_from && change->from.folder == folder) ||
                        (change->has_to && change->to.folder == folder);
        if (i < count || concerns)
            model_apply(&world->disk, change);
        else
            world->changes[left++] = *change;
    }
    world->change_count = left;
}

/* ---- syncs ---- */

struct model_pages model_dirty_pages(const struct model_inode *node)
{
    return node->writable_maps > 0 ? model_pages_or(&node->dirty, &node->used) : node->dirty;
}

bool model_is_lie(const struct model_world *world, size_t inode, uint64_t page)
{
    return model_page_has(&world->inodes[inode].lied, page) &&
           memcmp(model_page_of(world, inode, MODEL_CACHE, page),
                  model_page_of(world, inode, MODEL_LIE, page), MODEL_PAGE_BYTES) == 0;
}

static void write_page(struct model_world *world, size_t inode, uint64_t page)
{
    struct model_inode *node = &world->inodes[inode];
    if (model_is_lie(world, inode, page))
        return;
    memcpy(model_page_of(world, inode, MODEL_DISK, page),
           model_page_of(world, inode, MODEL_CACHE, page), MODEL_PAGE_BYTES);
    model_page_add(&node->disk_used, page);
    model_page_take(&node->lied, page);
}

void model_sync_file(struct model_world *world, size_t inode, bool fails)
{
    struct model_inode *node = &world->inodes[inode];
    if (!world->has_disk)
        return;
    struct model_pages dirty = model_dirty_pages(node);
    MODEL_FOR_EACH_PAGE(page, word, dirty)
    {
        if (!fails || random_bits(&world->random) % 2 == 0) {
            write_page(world, inode, page);
        } else if (!model_is_lie(world, inode, page)) {
            memcpy(model_page_of(world, inode, MODEL_LIE, page),
                   model_page_of(world, inode, MODEL_CACHE, page), MODEL_PAGE_BYTES);
            model_page_add(&node->lied, page);
        }
    }
    node->dirty = (struct model_pages){0};
    if (!fails)
        node->disk_size = node->size;
    if (!fails && world->is_ordered)
        model_settle(world, world->change_count, -1);
}

void model_sync_folder(struct model_world *world, size_t folder)
{
    if (world->has_disk)
        model_settle(world, world->is_ordered ? world->change_count : 0, (int)folder);
}

void model_sync_all(struct model_world *world, bool fails)
{
    for (size_t inode = 0; inode < MODEL_INODES; inode++)
        if (world->inodes[inode].kind == MODEL_FILE)
            model_sync_file(world, inode, fails);
    if (world->has_disk && !fails)
        model_settle(world, world->change_count, -1);
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
                memcmp(model_page_of(world, inode, MODEL_CACHE, page), zeros, MODEL_PAGE_BYTES) !=
                    0)
                model_violation("page %zu of inode %zu was stored to and not made ready", page,
                                inode);
    }
}
