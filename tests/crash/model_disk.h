/* model_disk.h - a machine in memory: a disk, the page cache above it, and what a power cut, a
 * killed process and a failing call make of them.
 *
 * tests/crash links model_calls.c in the place of store/file_system.c: the store under test runs on
 * the world that model_current points to. A world has the files as programs see them (the page
 * cache) and as the disk has them:
 *
 * - what is written or stored through a mapping reaches the disk at a sync, or before it, any part
 *   of it in any order, whole sectors of 512 bytes each;
 * - a new size, entry or removal likewise: fs_sync_data() is sure of a file's data and size,
 *   fs_sync_folder() of a folder's entries, and of nothing else;
 * - a sync that fails leaves the disk as it was, wholly or in part, and the cache clean: the next
 *   one succeeds and writes nothing. Until it is dropped from the cache, the new content is read.
 *
 * Files are at most MODEL_FILE_BYTES long and begin as zeros. One thread. */
#ifndef INGEST_MODEL_DISK_H
#define INGEST_MODEL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_WORLDS       6
#define MODEL_INODES       96
#define MODEL_ENTRIES      128
#define MODEL_CHANGES      96
#define MODEL_DESCRIPTORS  64
#define MODEL_NAME_BYTES   24
#define MODEL_PAGE_BYTES   4096
#define MODEL_SECTOR_BYTES 512
#define MODEL_FILE_PAGES   256
#define MODEL_FILE_BYTES   ((uint64_t)MODEL_FILE_PAGES * MODEL_PAGE_BYTES)
#define MODEL_PAGE_WORDS   (MODEL_FILE_PAGES / 64)

enum model_kind { MODEL_FREE, MODEL_FILE, MODEL_FOLDER };

/* A bit for each page of a file. */
struct model_pages {
    uint64_t words[MODEL_PAGE_WORDS];
};

struct model_inode {
    enum model_kind kind;
    uint16_t opens;
    uint16_t maps;
    uint16_t writable_maps;
    int16_t lock_fd; /* the descriptor that holds the lock, or -1 */
    uint64_t size;
    uint64_t disk_size;
    struct model_pages blocks; /* have disk blocks */
    struct model_pages used;   /* others are zeros in the cache */
    struct model_pages disk_used;
    struct model_pages dirty; /* of a file that is mapped writable all used pages may be */
    struct model_pages lied;  /* clean, says the kernel, and the disk does not have them */
};

struct model_entry {
    uint16_t folder;
    uint16_t inode;
    uint32_t hash; /* of the name */
    char name[MODEL_NAME_BYTES];
};

struct model_table {
    struct model_entry entries[MODEL_ENTRIES];
    size_t count;
};

/* A change of entries that is not on disk for sure: `from` goes, `to` comes, together. */
struct model_change {
    bool has_from;
    bool has_to;
    struct model_entry from;
    struct model_entry to;
};

enum model_fault_kind {
    MODEL_FAULT_NONE,
    MODEL_FAULT_IO,    /* EIO */
    MODEL_FAULT_SPACE, /* ENOSPC of whatever takes space; EFAULT of a page that has none */
    MODEL_FAULT_SHORT  /* half of a write, then as MODEL_FAULT_SPACE */
};

struct model_fault {
    enum model_fault_kind kind;
    bool for_ever;     /* from there on, every call that the kind concerns */
    uint64_t in_calls; /* fails the one after so many that the kind concerns */
};

struct model_world {
    unsigned number;
    unsigned boot;
    unsigned device; /* of the file system: a copy has another */
    bool is_ordered; /* as a journaling file system: changes of entries reach the disk in order, and
                        every sync that succeeds takes those before it along */
    bool has_disk;   /* else what the disk has is not known: such a world can only be looked at */
    struct model_inode inodes[MODEL_INODES]; /* 0 is the root */
    struct model_table live;
    struct model_table disk;
    struct model_change changes[MODEL_CHANGES];
    size_t change_count;
    int16_t descriptors[MODEL_DESCRIPTORS]; /* inode, or -1 */
    struct model_fault fault;
    bool has_failed; /* the fault came to pass */
    uint64_t random;
};

extern struct model_world *model_current;

/* Called before every call that changes something, with the name of the call. NULL: nobody. */
extern void (*model_step)(const char *call);

/* Reports what no program may do (touching a page that is not there...) and must not return. */
extern void (*model_violation)(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* World `number`, with nothing on its disk. */
struct model_world *model_world_new(unsigned number, uint64_t seed);

/* What is left when power is lost: `to` is the machine after its next boot. */
void model_cut(struct model_world *to, const struct model_world *from, bool has_disk,
               uint64_t *random);

/* The process ends, the machine goes on; `may_evict`: for so long that what the kernel takes for
 * clean may have left the cache, to come back from the disk. */
void model_kill(struct model_world *to, const struct model_world *from, bool has_disk,
                bool may_evict, uint64_t *random);

/* Some of what is not synced reaches the disk now. */
void model_write_back(struct model_world *world, uint64_t *random);

/* No descriptor and no mapping is left. */
bool model_is_at_rest(const struct model_world *world);

/* Whether a page was stored to that nobody had made sure of: a full disk would have been SIGBUS. */
void model_check_holes(const struct model_world *world);

/* True when the address lies in some file. */
static inline bool model_owns(const void *address);

/* ---- for model_calls.c ---- */

enum model_layer { MODEL_CACHE, MODEL_DISK, MODEL_LIE, MODEL_LAYERS };
#define MODEL_ARENA_BYTES ((uint64_t)MODEL_WORLDS * MODEL_INODES * MODEL_LAYERS * MODEL_FILE_BYTES)
extern char *model_arena;

static inline bool model_owns(const void *address)
{
    return (uint64_t)((uintptr_t)address - (uintptr_t)model_arena) < MODEL_ARENA_BYTES;
}

static inline char *model_bytes(const struct model_world *world, size_t inode,
                                enum model_layer layer)
{
    return model_arena + ((world->number * (uint64_t)MODEL_INODES + inode) * MODEL_LAYERS + layer) *
                             MODEL_FILE_BYTES;
}

static inline bool model_page_has(const struct model_pages *pages, size_t page)
{
    return (pages->words[page / 64] >> page % 64 & 1) != 0;
}

static inline void model_page_add(struct model_pages *pages, size_t page)
{
    pages->words[page / 64] |= UINT64_C(1) << page % 64;
}

static inline void model_page_take(struct model_pages *pages, size_t page)
{
    pages->words[page / 64] &= ~(UINT64_C(1) << page % 64);
}

uint32_t model_name_hash(const char *name, size_t name_bytes);
/* The entry of a name, or NULL. */
struct model_entry *model_find(struct model_table *table, uint16_t folder, const char *name,
                               size_t name_bytes);
/* Changes the entries as programs see them, and notes that the disk lacks it. */
void model_change(struct model_world *world, const struct model_change *change);
/* A free inode; -1: there is none. */
int model_inode_take(struct model_world *world, enum model_kind kind);

/* The three syncs; `fails`: the kernel says EIO. */
void model_sync_file(struct model_world *world, size_t inode, bool fails);
void model_sync_folder(struct model_world *world, size_t folder);
void model_sync_all(struct model_world *world, bool fails);

#endif
