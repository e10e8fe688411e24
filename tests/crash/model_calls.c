/* store/file_system.h over a world of model_disk.h, and the clock and the random bytes that the
 * store asks for: everything that a run depends on comes from its seed. */
#include "model_disk.h"
#include "planted.h"

#include "clock_ns.h"
#include "file_system.h"
#include "model_clock.h"
#include "random_bits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#define BOOT_ID_FILE   "/proc/sys/kernel/random/boot_id"
#define MAP_LIMIT_FILE "/proc/sys/vm/max_map_count"
#define FREE_BYTES     (UINT64_C(1) << 30)

int64_t model_now_ns;

enum planted_bug planted_bug;

int64_t clock_realtime_ns(void)
{
    return ++model_now_ns;
}

int64_t clock_monotonic_ns(void)
{
    return ++model_now_ns;
}

void clock_sleep_ns(int64_t duration_ns)
{
    model_now_ns += duration_ns;
}

unsigned long __wrap_getauxval(unsigned long type);
unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type)
{
    static const char bytes[17] = "sixteen bytes of.";
    return type == AT_RANDOM ? (unsigned long)(uintptr_t)bytes : __real_getauxval(type);
}

/* ---- faults ---- */

/* What a call needs: that the disk works; space on it; or that the cache takes a change, which a
 * disk that has failed for good does not hinder. */
enum need { NEED_DISK = 1, NEED_SPACE = 2, NEED_CACHE = 4 };

/* 0, or how the call fails. */
static int fault(unsigned needs)
{
    struct model_fault *plan = &model_current->fault;
    unsigned concerned = 0;
    if (plan->kind == MODEL_FAULT_IO)
        concerned = plan->for_ever ? NEED_DISK : NEED_DISK | NEED_CACHE;
    else if (plan->kind != MODEL_FAULT_NONE)
        concerned = NEED_SPACE;
    if ((needs & concerned) == 0 || plan->in_calls-- > 0)
        return 0;
    int result = plan->kind == MODEL_FAULT_IO ? -EIO : -ENOSPC;
    if (plan->for_ever)
        plan->in_calls = 0;
    else
        plan->kind = MODEL_FAULT_NONE;
    model_current->has_failed = true;
    return result;
}

/* Before a call that changes something. */
static int begin(const char *call, unsigned needs)
{
    model_current->calls++;
    if (model_step != NULL)
        model_step(call);
    return fault(needs);
}

/* ---- descriptors and paths ---- */

static struct model_inode *inode_of(int fd, size_t *ret_inode)
{
    if (fd < 0 || fd >= MODEL_DESCRIPTORS || model_current->descriptors[fd] < 0)
        model_violation("descriptor %d is not open", fd);
    size_t inode = (size_t)model_current->descriptors[fd];
    if (ret_inode != NULL)
        *ret_inode = inode;
    return &model_current->inodes[inode];
}

static int open_inode(size_t inode)
{
    for (int fd = 0; fd < MODEL_DESCRIPTORS; fd++) {
        if (model_current->descriptors[fd] >= 0)
            continue;
        model_current->descriptors[fd] = (int16_t)inode;
        model_current->inodes[inode].opens++;
        return fd;
    }
    return -EMFILE;
}

/* Where a path leads to. */
struct place {
    uint16_t folder;
    const char *name;
    size_t name_bytes;
    int inode; /* -1: there is no such entry in the folder */
};

/* -ENOENT, -ENOTDIR: the way there does not exist. */
static int find_place(int folder, const char *path, struct place *ret_place)
{
    struct place place = {.inode = 0};
    if (*path != '/' && folder != FS_HERE) {
        size_t inode;
        inode_of(folder, &inode);
        place.inode = (int)inode;
    }
    for (;;) {
        path += strspn(path, "/");
        if (*path == '\0')
            break;
        size_t length = strcspn(path, "/");
        if (place.inode < 0)
            return -ENOENT;
        if (model_current->inodes[place.inode].kind != MODEL_FOLDER)
            return -ENOTDIR;
        if (length != 1 || *path != '.') {
            place.folder = (uint16_t)place.inode;
            place.name = path;
            place.name_bytes = length;
            const struct model_entry *entry =
                model_find(&model_current->live, place.folder, path, length);
            place.inode = entry != NULL ? entry->inode : -1;
        }
        path += length;
    }
    *ret_place = place;
    return 0;
}

static struct model_entry make_entry(const struct place *place, size_t inode)
{
    struct model_entry entry = {.folder = place->folder, .inode = (uint16_t)inode};
    if (place->name_bytes >= MODEL_NAME_BYTES)
        model_violation("the model has no names as long as %s", place->name);
    memcpy(entry.name, place->name, place->name_bytes);
    entry.hash = model_name_hash(place->name, place->name_bytes);
    return entry;
}

static int make_inode(const struct place *place, enum model_kind kind)
{
    int inode = model_inode_take(model_current, kind);
    if (inode < 0)
        model_violation("the model has no room for another file");
    struct model_change change = {.has_to = true, .to = make_entry(place, (size_t)inode)};
    model_change(model_current, &change);
    return inode;
}

static int open_file(int folder, const char *path)
{
    struct place place;
    int result = find_place(folder, path, &place);
    if (result < 0)
        return result;
    if (place.inode < 0)
        return -ENOENT;
    result = fault(NEED_DISK);
    return result < 0 ? result : open_inode((size_t)place.inode);
}

int fs_open_read_at(int folder, const char *path)
{
    return open_file(folder, path);
}

int fs_open_write_at(int folder, const char *path)
{
    return open_file(folder, path);
}

static int create(int folder, const char *path, bool may_be_there)
{
    struct place place;
    int result = begin("create", NEED_SPACE | NEED_CACHE);
    if (result == 0)
        result = find_place(folder, path, &place);
    if (result < 0)
        return result;
    if (place.inode >= 0)
        return may_be_there ? open_inode((size_t)place.inode) : -EEXIST;
    return open_inode((size_t)make_inode(&place, MODEL_FILE));
}

int fs_open_or_create_at(int folder, const char *path)
{
    return create(folder, path, true);
}

int fs_create_at(int folder, const char *path)
{
    return create(folder, path, false);
}

int fs_open_folder_at(int folder, const char *path)
{
    int fd = open_file(folder, path);
    if (fd < 0 || inode_of(fd, NULL)->kind == MODEL_FOLDER)
        return fd;
    fs_close(fd);
    return -ENOTDIR;
}

void fs_close(int fd)
{
    if (fd < 0)
        return;
    struct model_inode *node = inode_of(fd, NULL);
    node->opens--;
    if (node->lock_fd == fd)
        node->lock_fd = -1;
    model_current->descriptors[fd] = -1;
}

static void status_of(size_t inode, struct fs_status *ret_status)
{
    const struct model_inode *node = &model_current->inodes[inode];
    uint64_t blocks = 0;
    uint64_t links = 0;
    for (size_t i = 0; i < MODEL_PAGE_WORDS; i++)
        blocks += (uint64_t)__builtin_popcountll(node->blocks.words[i]);
    for (size_t i = 0; i < model_current->live.count; i++)
        links += model_current->live.entries[i].inode == inode;
    *ret_status = (struct fs_status){
        .size_bytes = node->size,
        .allocated_bytes = blocks * MODEL_PAGE_BYTES,
        .inode = inode + 2,
        .device = 7,
        .links = links,
        .is_file = node->kind == MODEL_FILE,
        .is_folder = node->kind == MODEL_FOLDER,
    };
}

int fs_stat(int fd, struct fs_status *ret_status)
{
    size_t inode;
    inode_of(fd, &inode);
    int result = fault(NEED_DISK);
    if (result == 0)
        status_of(inode, ret_status);
    return result;
}

int fs_stat_at(int folder, const char *path, struct fs_status *ret_status)
{
    struct place place;
    int result = find_place(folder, path, &place);
    if (result == 0 && place.inode < 0)
        result = -ENOENT;
    if (result == 0)
        result = fault(NEED_DISK);
    if (result == 0)
        status_of((size_t)place.inode, ret_status);
    return result;
}

/* ---- reading and writing ---- */

int fs_read_at(int fd, void *buffer, size_t length_bytes, uint64_t offset, size_t *ret_read_bytes)
{
    size_t inode;
    const struct model_inode *node = inode_of(fd, &inode);
    int result = fault(NEED_DISK);
    if (result < 0)
        return result;
    uint64_t left = offset < node->size ? node->size - offset : 0;
    size_t read_bytes = left < length_bytes ? (size_t)left : length_bytes;
    memcpy(buffer, model_bytes(model_current, inode, MODEL_CACHE) + offset, read_bytes);
    *ret_read_bytes = read_bytes;
    return 0;
}

/* Pages of [offset, offset + length) that exist for the disk, or are in the cache. */
static void mark(struct model_pages *pages, uint64_t offset, uint64_t length_bytes)
{
    for (uint64_t page = offset / MODEL_PAGE_BYTES; page * MODEL_PAGE_BYTES < offset + length_bytes;
         page++)
        model_page_add(pages, (size_t)page);
}

static void store_bytes(size_t inode, const char *bytes, uint64_t length_bytes, uint64_t offset)
{
    struct model_inode *node = &model_current->inodes[inode];
    if (offset + length_bytes > MODEL_FILE_BYTES)
        model_violation("the model has no files of %llu bytes",
                        (unsigned long long)(offset + length_bytes));
    char *to = model_bytes(model_current, inode, MODEL_CACHE) + offset;
    if (bytes != NULL)
        memcpy(to, bytes, length_bytes);
    mark(&node->blocks, offset, length_bytes);
    /* Zeros over zeros change nothing. */
    for (uint64_t page = offset / MODEL_PAGE_BYTES; page * MODEL_PAGE_BYTES < offset + length_bytes;
         page++) {
        if (bytes == NULL && !model_page_has(&node->used, page))
            continue;
        model_page_add(&node->used, page);
        model_page_add(&node->dirty, page);
    }
    if (bytes == NULL) {
        for (uint64_t at = offset; at < offset + length_bytes;) {
            uint64_t end = (at / MODEL_PAGE_BYTES + 1) * MODEL_PAGE_BYTES;
            end = end < offset + length_bytes ? end : offset + length_bytes;
            if (model_page_has(&node->used, at / MODEL_PAGE_BYTES))
                memset(to + (at - offset), 0, end - at);
            at = end;
        }
    }
    if (node->size < offset + length_bytes)
        node->size = offset + length_bytes;
}

static bool is_zeros(const char *bytes, uint64_t length_bytes)
{
    return length_bytes == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length_bytes - 1) == 0);
}

int fs_write_at(int fd, const void *bytes, size_t length_bytes, uint64_t offset)
{
    size_t inode;
    inode_of(fd, &inode);
    bool is_short = model_current->fault.kind == MODEL_FAULT_SHORT;
    int result = begin("write", NEED_SPACE | NEED_CACHE);
    if (result < 0 && is_short)
        length_bytes /= 2;
    else if (result < 0)
        length_bytes = 0;
    store_bytes(inode, is_zeros(bytes, length_bytes) ? NULL : bytes, length_bytes, offset);
    return result;
}

int fs_write_padded_at(int fd, const void *bytes, size_t length_bytes, size_t zeros_bytes,
                       uint64_t offset)
{
    size_t inode;
    int result = fs_write_at(fd, bytes, length_bytes, offset);
    if (result < 0)
        return result;
    /* As many of them as the kernel likes. */
    struct model_inode *node = inode_of(fd, &inode);
    uint64_t taken = random_bits(&model_current->random) % (zeros_bytes + 1);
    store_bytes(inode, NULL, taken, offset + length_bytes);
    mark(&node->used, offset, length_bytes + taken);
    mark(&node->dirty, offset, length_bytes + taken);
    return 0;
}

int fs_write_zeros_at(int fd, uint64_t length_bytes, uint64_t offset)
{
    size_t inode;
    inode_of(fd, &inode);
    int result = begin("write zeros", NEED_SPACE | NEED_CACHE);
    if (result == 0)
        store_bytes(inode, NULL, length_bytes, offset);
    return result;
}

int fs_read_text_at(int folder, const char *path, char *buffer, size_t buffer_bytes)
{
    if (strcmp(path, BOOT_ID_FILE) == 0)
        return snprintf(buffer, buffer_bytes, "00000000-0000-0000-0000-%012u\n",
                        model_current->boot) < (int)buffer_bytes
                   ? 0
                   : -EFBIG;
    if (strcmp(path, MAP_LIMIT_FILE) == 0)
        return snprintf(buffer, buffer_bytes, "65530\n") > 0 ? 0 : -EFBIG;
    int fd = fs_open_read_at(folder, path);
    if (fd < 0)
        return fd;
    size_t read_bytes = 0;
    int result = fs_read_at(fd, buffer, buffer_bytes, 0, &read_bytes);
    fs_close(fd);
    if (result < 0)
        return result;
    if (read_bytes == buffer_bytes)
        return -EFBIG;
    buffer[read_bytes] = '\0';
    return 0;
}

/* ---- mappings ---- */

int fs_map(int fd, size_t length_bytes, enum fs_access access, void **ret_address)
{
    size_t inode;
    struct model_inode *node = inode_of(fd, &inode);
    int result = fault(NEED_DISK);
    if (result < 0)
        return result == -EIO ? -ENOMEM : result;
    if (length_bytes == 0 ||
        (length_bytes - 1) / MODEL_PAGE_BYTES > (node->size - 1) / MODEL_PAGE_BYTES)
        model_violation("%zu bytes are mapped of a file of %llu", length_bytes,
                        (unsigned long long)node->size);
    node->maps++;
    /* Which mapping it ends, fs_unmap() is not told: the last one to go takes all along. */
    if (access == FS_WRITE)
        node->writable_maps++;
    *ret_address = model_bytes(model_current, inode, MODEL_CACHE);
    return 0;
}

static struct model_inode *inode_at(const void *address, uint64_t *ret_offset)
{
    uint64_t at = (uint64_t)((const char *)address - model_arena);
    uint64_t file = at / MODEL_FILE_BYTES;
    if (!model_owns(address) || file % MODEL_LAYERS != MODEL_CACHE ||
        file / MODEL_LAYERS / MODEL_INODES != model_current->number)
        model_violation("an address that is in no mapping");
    *ret_offset = at % MODEL_FILE_BYTES;
    return &model_current->inodes[file / MODEL_LAYERS % MODEL_INODES];
}

void fs_unmap(void *address, size_t length_bytes)
{
    uint64_t offset;
    if (address == NULL)
        return;
    struct model_inode *node = inode_at(address, &offset);
    if (node->maps == 0 || length_bytes == 0)
        model_violation("unmapped twice");
    if (--node->maps == 0) {
        node->writable_maps = 0;
        for (size_t i = 0; i < MODEL_PAGE_WORDS; i++)
            node->dirty.words[i] |= node->used.words[i];
    }
}

int fs_map_zeros_over(void *page, size_t length_bytes)
{
    (void)length_bytes;
    model_violation("a fault at %p", page);
    return -EFAULT;
}

/* -EFAULT: it reaches behind the end of the file. */
static int check_range(const struct model_inode *node, uint64_t offset, size_t length_bytes)
{
    uint64_t pages = (node->size + MODEL_PAGE_BYTES - 1) / MODEL_PAGE_BYTES;
    return offset + length_bytes > pages * MODEL_PAGE_BYTES ? -EFAULT : 0;
}

int fs_populate_write(void *address, size_t length_bytes)
{
    uint64_t offset;
    struct model_inode *node = inode_at(address, &offset);
    if (begin("populate", NEED_DISK | NEED_SPACE) < 0 ||
        check_range(node, offset, length_bytes) < 0)
        return -EFAULT;
    mark(&node->used, offset, length_bytes);
    mark(&node->dirty, offset, length_bytes);
    mark(&node->blocks, offset, length_bytes);
    return 0;
}

int fs_populate_read(const void *address, size_t length_bytes)
{
    uint64_t offset;
    const struct model_inode *node = inode_at(address, &offset);
    return fault(NEED_DISK) < 0 ? -EFAULT : check_range(node, offset, length_bytes);
}

size_t fs_page_bytes(void)
{
    return MODEL_PAGE_BYTES;
}

/* ---- sizes, syncs ---- */

int fs_allocate(int fd, uint64_t offset, uint64_t length_bytes)
{
    struct model_inode *node = inode_of(fd, NULL);
    int result = begin("allocate", NEED_SPACE | NEED_CACHE);
    if (result < 0)
        return result;
    if (offset + length_bytes > MODEL_FILE_BYTES)
        model_violation("the model has no files of so many bytes");
    mark(&node->blocks, offset, length_bytes);
    if (node->size < offset + length_bytes)
        node->size = offset + length_bytes;
    return 0;
}

int fs_extend(int fd, uint64_t size_bytes)
{
    struct model_inode *node = inode_of(fd, NULL);
    if (node->size >= size_bytes)
        return fault(NEED_DISK);
    int result = begin("extend", NEED_CACHE);
    if (result < 0)
        return result;
    if (size_bytes > MODEL_FILE_BYTES)
        model_violation("the model has no files of so many bytes");
    node->size = size_bytes;
    return 0;
}

int fs_sync_data(int fd)
{
    size_t inode;
    inode_of(fd, &inode);
    int result = begin("sync data", NEED_DISK);
    model_sync_file(model_current, inode, result < 0);
    return result;
}

int fs_sync_folder(int fd)
{
    size_t inode;
    inode_of(fd, &inode);
    int result = begin("sync folder", NEED_DISK);
    if (result == 0)
        model_sync_folder(model_current, inode);
    return result;
}

int fs_sync_file_system(int fd)
{
    inode_of(fd, NULL);
    int result = begin("sync all", NEED_DISK);
    model_sync_all(model_current, result < 0);
    return result;
}

/* ---- entries ---- */

int fs_make_folder_at(int folder, const char *path)
{
    struct place place;
    int result = find_place(folder, path, &place);
    if (result < 0)
        return result;
    if (place.inode >= 0)
        return -EEXIST;
    result = begin("make folder", NEED_SPACE | NEED_CACHE);
    if (result == 0)
        make_inode(&place, MODEL_FOLDER);
    return result;
}

int fs_make_folders(int folder, const char *path)
{
    char part[256];
    size_t length = strlen(path);
    if (length >= sizeof part)
        return -ENAMETOOLONG;
    memcpy(part, path, length + 1);
    for (char *end = part + 1;; end++) {
        if (*end != '/' && *end != '\0')
            continue;
        bool is_last = *end == '\0';
        *end = '\0';
        struct place place;
        int result = fs_make_folder_at(folder, part);
        if (result == -EEXIST) {
            result = find_place(folder, part, &place);
            if (result == 0 && model_current->inodes[place.inode].kind != MODEL_FOLDER)
                result = -ENOTDIR;
        }
        if (result < 0 || is_last)
            return result;
        *end = '/';
    }
}

static int remove_entry(int folder, const char *path, enum model_kind kind)
{
    struct place place;
    int result = find_place(folder, path, &place);
    if (result < 0)
        return result;
    if (place.inode < 0)
        return -ENOENT;
    if (model_current->inodes[place.inode].kind != kind)
        return kind == MODEL_FOLDER ? -ENOTDIR : -EISDIR;
    for (size_t i = 0; kind == MODEL_FOLDER && i < model_current->live.count; i++)
        if (model_current->live.entries[i].folder == place.inode)
            return -ENOTEMPTY;
    result = begin(kind == MODEL_FOLDER ? "remove folder" : "remove", NEED_CACHE);
    if (result < 0)
        return result;
    struct model_change change = {.has_from = true,
                                  .from = make_entry(&place, (size_t)place.inode)};
    model_change(model_current, &change);
    return 0;
}

int fs_remove_at(int folder, const char *path)
{
    return remove_entry(folder, path, MODEL_FILE);
}

int fs_remove_folder_at(int folder, const char *path)
{
    return remove_entry(folder, path, MODEL_FOLDER);
}

static int give_name(int folder, const char *from, const char *to, bool keeps_old)
{
    struct place old;
    struct place new;
    int result = begin(keeps_old ? "link" : "rename", NEED_SPACE | NEED_CACHE);
    if (result == 0)
        result = find_place(folder, from, &old);
    if (result == 0)
        result = find_place(folder, to, &new);
    if (result < 0)
        return result;
    if (old.inode < 0)
        return -ENOENT;
    if (keeps_old && new.inode >= 0)
        return -EEXIST;
    struct model_change change = {.has_from = !keeps_old,
                                  .has_to = true,
                                  .from = make_entry(&old, (size_t)old.inode),
                                  .to = make_entry(&new, (size_t)old.inode)};
    model_change(model_current, &change);
    return 0;
}

int fs_rename_at(int folder, const char *from, const char *to)
{
    return give_name(folder, from, to, false);
}

int fs_link_at(int folder, const char *from, const char *to)
{
    return give_name(folder, from, to, true);
}

int fs_for_each_entry(int folder, const char *path,
                      int (*visit)(const char *entry, bool is_folder, void *context), void *context)
{
    static struct model_entry found[8][MODEL_ENTRIES];
    static unsigned depth;
    int fd = fs_open_folder_at(folder, path);
    if (fd < 0)
        return fd;
    size_t inode;
    size_t count = 0;
    inode_of(fd, &inode);
    struct model_entry *entries = found[depth++];
    for (size_t i = 0; i < model_current->live.count; i++)
        if (model_current->live.entries[i].folder == inode)
            entries[count++] = model_current->live.entries[i];
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = visit(entries[i].name,
                       model_current->inodes[entries[i].inode].kind == MODEL_FOLDER, context);
    depth--;
    fs_close(fd);
    return result;
}

/* ---- the rest ---- */

int fs_space(int fd, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes)
{
    inode_of(fd, NULL);
    *ret_free_bytes = FREE_BYTES;
    *ret_total_bytes = 2 * FREE_BYTES;
    return fault(NEED_DISK);
}

uint64_t fs_open_files_max(void)
{
    return MODEL_DESCRIPTORS;
}

int fs_lock_try(int fd)
{
    struct model_inode *node = inode_of(fd, NULL);
    if (node->lock_fd >= 0 && node->lock_fd != fd)
        return -EWOULDBLOCK;
    node->lock_fd = (int16_t)fd;
    return 0;
}

int fs_lock_probe(int fd, bool *ret_is_locked)
{
    const struct model_inode *node = inode_of(fd, NULL);
    *ret_is_locked = node->lock_fd >= 0 && node->lock_fd != fd;
    return 0;
}
